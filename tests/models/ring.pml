/* SPDX-License-Identifier: BSD-2-Clause
 * The sleep protocol of src/net/ring.h: one writer, one reader, SLOTS places, FRAMES frames. Indices
 * run modulo WRAP, a multiple of SLOTS, and wrap on the way.
 *
 * Memory is that of x86: a store goes into a buffer and reaches memory some time later, in order; a
 * load may overtake it. A fence waits until the buffer is empty; an exchange does so and acts on
 * memory. Each end reads only words of the other in the shared part, never back its own, so that what
 * its own buffer holds need not be forwarded to it.
 *
 * Verified: every state that ends is the one where all frames came (a lost wake-up would be a deadlock),
 * and each frame was there, whole and in its turn, when it was read (no stale index, no slot reused too
 * early).
 *
 * Broken twins, each of which must fail:
 *   NO_FENCE          the waker does not wait for its index before it looks at the word
 *   NO_SLEEPER_FENCE  the sleeper does not wait for its word before it looks at the index
 *   LOOK_FIRST        the sleeper looks, and then says that it sleeps
 *   CHECK_FIRST       the waker looks at the word, and then publishes
 *   PUBLISH_EARLY     the index is published before the frame is written
 *   STALE_ROOM        the writer trusts its old view of head for a frame more than there was room for */

#define SLOTS  2
#define WRAP   4
#define FRAMES 5

/* Addresses of words in shared memory. */
#define TAIL          0
#define HEAD          1
#define READER_SLEEPS 2
#define WRITER_SLEEPS 3
#define DATA          4 /* SLOTS of them */

byte mem[6];
chan wbuf = [3] of { byte, byte }; /* the writer's store buffer */
chan rbuf = [3] of { byte, byte }; /* the reader's              */
bool reader_event, writer_event;   /* eventfds                  */

/* Stores reach memory whenever they like. */
active proctype memory()
{
    byte a, v;
end:
    do
    :: atomic { wbuf?a,v -> mem[a] = v }
    :: atomic { rbuf?a,v -> mem[a] = v }
    od
}

#define FENCE(buf) (empty(buf))

/* index + 1 modulo WRAP; used = tail - head modulo WRAP */
#define NEXT(i)       ((i + 1) % WRAP)
#define USED(t, h)    ((t + WRAP - h) % WRAP)

/* Published: look whether the reader sleeps, and take its word away if so. */
inline writer_wake()
{
#ifndef NO_FENCE
    FENCE(wbuf);
#endif
    if
    :: mem[READER_SLEEPS] == 0
    :: else ->
        atomic {
            FENCE(wbuf);
            if
            :: mem[READER_SLEEPS] != 0 -> mem[READER_SLEEPS] = 0; reader_event = true
            :: else
            fi
        }
    fi
}

inline reader_wake()
{
#ifndef NO_FENCE
    FENCE(rbuf);
#endif
    if
    :: mem[WRITER_SLEEPS] == 0
    :: else ->
        atomic {
            FENCE(rbuf);
            if
            :: mem[WRITER_SLEEPS] != 0 -> mem[WRITER_SLEEPS] = 0; writer_event = true
            :: else
            fi
        }
    fi
}

/* Commits some frames, publishes them together, and sleeps when there is no room. */
active proctype writer()
{
    byte tail, head, shown, n;
    do
    :: n < FRAMES ->
        if
        :: USED(tail, head) < SLOTS -> skip
        :: else -> head = mem[HEAD]
        fi;
        assert(USED(tail, head) <= SLOTS);
        if
#ifdef STALE_ROOM
        :: USED(tail, head) < SLOTS + 1 ->
#else
        :: USED(tail, head) < SLOTS ->
#endif
            n++;
#ifdef PUBLISH_EARLY
            wbuf!TAIL,NEXT(tail);
#endif
            wbuf!(DATA + tail % SLOTS),n;
            tail = NEXT(tail)
        :: else ->
            if
            :: shown != tail -> goto publish
            :: else
            fi;
#ifdef LOOK_FIRST
            head = mem[HEAD];
            if
            :: USED(tail, head) < SLOTS
            :: else ->
                wbuf!WRITER_SLEEPS,1;
                FENCE(wbuf);
                atomic { writer_event -> writer_event = false }
            fi
#else
            wbuf!WRITER_SLEEPS,1;
#ifndef NO_SLEEPER_FENCE
            FENCE(wbuf);
#endif
            head = mem[HEAD];
            if
            :: USED(tail, head) < SLOTS -> wbuf!WRITER_SLEEPS,0
            :: else -> atomic { writer_event -> writer_event = false }
            fi
#endif
        fi
    :: shown != tail ->
publish:
#ifdef CHECK_FIRST
        writer_wake();
        wbuf!TAIL,tail;
        shown = tail
#else
        wbuf!TAIL,tail;
        shown = tail;
        writer_wake()
#endif
    :: n == FRAMES && shown == tail -> break
    od
}

/* Reads what there is, gives back some of it or all, and sleeps when there is nothing. */
active proctype reader()
{
    byte tail, head, shown, n;
    do
    :: n < FRAMES ->
        if
        :: tail == head -> tail = mem[TAIL]
        :: else
        fi;
        assert(USED(tail, head) <= SLOTS);
        if
        :: tail != head ->
            n++;
            assert(mem[DATA + head % SLOTS] == n);
            head = NEXT(head)
        :: else ->
            if
            :: shown != head -> goto release
            :: else
            fi;
#ifdef LOOK_FIRST
            if
            :: mem[TAIL] != head
            :: else ->
                rbuf!READER_SLEEPS,1;
                FENCE(rbuf);
                atomic { reader_event -> reader_event = false }
            fi
#else
            rbuf!READER_SLEEPS,1;
#ifndef NO_SLEEPER_FENCE
            FENCE(rbuf);
#endif
            if
            :: mem[TAIL] != head -> rbuf!READER_SLEEPS,0
            :: else -> atomic { reader_event -> reader_event = false }
            fi
#endif
        fi
    :: shown != head ->
release:
#ifdef CHECK_FIRST
        reader_wake();
        rbuf!HEAD,head;
        shown = head
#else
        rbuf!HEAD,head;
        shown = head;
        reader_wake()
#endif
    :: n == FRAMES && shown == head -> break
    od
}
