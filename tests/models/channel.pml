/* SPDX-License-Identifier: BSD-2-Clause
 * The protocol of src/virtio/channel.h: the vmm (with its guest, which runs only when the vmm lets it)
 * asks the io to run and to stop; the guest gives buffers and kicks; the io serves them, raises bits
 * and notifies. ROUNDS times: run, up to BUFFERS buffers, stop at any time, with or without waiting
 * for what is in flight.
 *
 * Memory is that of x86, as in ring.pml: stores wait in a buffer, exchanges act on memory. A kick and a
 * notification are system calls or exits and wait until the buffer is empty; they set an event, may be
 * spurious, and are never counted.
 *
 * Verified: no buffer is touched and no bit raised but between the request to run and the obeyed stop;
 * the io runs with the setup that belongs to the request; an interrupt finds the buffer used; nobody
 * waits for ever (a lost kick, notification or interrupt would be a deadlock).
 *
 * Broken twins, each of which must fail:
 *   SETUP_LATE    the request is written before its setup
 *   UNSETTLED     the vmm goes on after asking to stop, before the io has obeyed
 *   OBEY_EARLY    the io obeys with a chain still in hand
 *   CLEAR_LATE    the io looks for work, and then clears the event that told it to
 *   TAKE_TWICE    the vmm reads the bits, and then clears them
 *   RAISE_EARLY   the io raises the bit before it shows the used buffer
 *   OBEY_SILENT   the io does not notify that it has obeyed */

#define ROUNDS  2
#define BUFFERS 2

/* Addresses of words in shared memory. */
#define SETUP_A 0 /* a setup is more than one word */
#define SETUP_B 1
#define REQUEST 2 /* number * 2 + run */
#define OBEYED  3
#define IRQS    4
#define AVAIL   5 /* in guest RAM */
#define USED    6

byte mem[7];
chan vbuf = [4] of { byte, byte }; /* store buffers: of the vmm and its guest, */
chan ibuf = [4] of { byte, byte }; /* of the io                                */
bool io_event, vmm_event;
bool allowed; /* the guest's buffers are the io's to touch */

active proctype memory()
{
    byte a, v;
end:
    do
    :: atomic { vbuf?a,v -> mem[a] = v }
    :: atomic { ibuf?a,v -> mem[a] = v }
    od
}

/* Events that mean nothing, now and then. */
active proctype noise()
{
    if
    :: io_event = true
    :: skip
    fi;
    if
    :: vmm_event = true
    :: skip
    fi
}

#define FENCE(buf) (empty(buf))

inline kick()   { atomic { FENCE(vbuf); io_event = true } }
inline notify() { atomic { FENCE(ibuf); vmm_event = true } }

/* Asks for a state, and waits until the io has obeyed. */
inline ask(wanted)
{
    number++;
#ifdef SETUP_LATE
    vbuf!REQUEST,(number * 2 + wanted);
    vbuf!SETUP_A,number;
    vbuf!SETUP_B,number;
#else
    vbuf!SETUP_A,number;
    vbuf!SETUP_B,number;
    vbuf!REQUEST,(number * 2 + wanted);
#endif
    kick()
}

inline settle()
{
    do
    :: mem[OBEYED] == number * 2 + mode -> break
    :: else -> atomic { vmm_event -> vmm_event = false }
    od
}

/* All bits at once. */
inline take(bits)
{
#ifdef TAKE_TWICE
    FENCE(vbuf);
    bits = mem[IRQS];
    vbuf!IRQS,0;
    FENCE(vbuf)
#else
    atomic { FENCE(vbuf); bits = mem[IRQS]; mem[IRQS] = 0 }
#endif
}

active proctype vmm()
{
    byte number, given, seen, bits, round;
    bit mode;
    do
    :: round == ROUNDS -> break
    :: else ->
        round++;
        /* The device is stopped: its rings are the guest's to write, and no bit comes. */
        assert(mem[IRQS] == 0);
        given = 0;
        seen = 0;
        vbuf!AVAIL,0;
        vbuf!USED,0;
        FENCE(vbuf);
        allowed = true;
        mode = 1;
        ask(1);
        settle();
        /* The guest runs. */
        do
        :: given < BUFFERS ->
            given++;
            vbuf!AVAIL,given;
            kick()
        :: given != 0 ->
            /* It waits for all of its buffers, and looks for them when it is interrupted: for each
             * of them, or once for several. */
            do
            :: seen == given -> break
            :: else ->
                take(bits);
                if
                :: bits != 0 -> seen = mem[USED]
                :: else -> atomic { vmm_event -> vmm_event = false }
                fi
            od;
            if
            :: given == BUFFERS -> break
            :: else
            fi
        :: break /* it resets the device in mid-flight */
        od;
        mode = 0;
        ask(0);
#ifndef UNSETTLED
        settle();
#endif
        allowed = false;
        take(bits)
    od
}

active proctype io()
{
    byte request, obeyed, a, b, next;
    bit mode;
end:
    do
    :: atomic { io_event -> skip };
#ifndef CLEAR_LATE
        io_event = false;
#endif
look:
        request = mem[REQUEST];
        if
        :: request != obeyed ->
            a = mem[SETUP_A];
            b = mem[SETUP_B];
            assert(a == request / 2 && b == a);
            mode = request % 2;
            next = 0;
            obeyed = request;
            ibuf!OBEYED,obeyed;
#ifndef OBEY_SILENT
            notify()
#endif
        :: else
        fi;
        if
        :: mode == 1 && mem[AVAIL] > next ->
            assert(allowed); /* reads the chain */
#ifdef OBEY_EARLY
            request = mem[REQUEST];
            if
            :: request != obeyed ->
                mode = request % 2;
                obeyed = request;
                ibuf!OBEYED,obeyed;
                notify()
            :: else
            fi;
#endif
            assert(allowed); /* and writes it */
            next++;
#ifdef RAISE_EARLY
            atomic { FENCE(ibuf); a = mem[IRQS]; mem[IRQS] = 1 };
            if
            :: a == 0 -> notify()
            :: else
            fi;
            ibuf!USED,next;
#else
            ibuf!USED,next;
            atomic { FENCE(ibuf); assert(allowed); a = mem[IRQS]; mem[IRQS] = 1 };
            if
            :: a == 0 -> notify()
            :: else
            fi;
#endif
            goto look
        :: else
        fi
#ifdef CLEAR_LATE
        ; io_event = false
#endif
    od
}
