/* SPDX-License-Identifier: BSD-2-Clause
 * Channel between the halves of a device. Contract: virtio/channel.h. */
#include "virtio/channel.h"

#include "base/shared.h"

#define CHANNEL_REQUEST_RUN 1u

_Static_assert(CHANNEL_RUN == CHANNEL_REQUEST_RUN && CHANNEL_STOP == 0, "one bit says which");

void channel_ask(struct channel *ch, enum channel_state state, const struct channel_setup *setup)
{
    const uint32_t number = (shared_load(&ch->request) >> 1) + 1u;
    if (state == CHANNEL_RUN) {
        ch->setup = *setup;
    }
    shared_store(&ch->request, number << 1 | (uint32_t)state);
}

/* Acquires: what the io wrote to guest memory before it obeyed is there. */
bool channel_settled(const struct channel *ch)
{
    return shared_load(&ch->obeyed) == shared_load(&ch->request);
}

uint16_t channel_stopped_at(const struct channel *ch, uint32_t n)
{
    return (uint16_t)shared_load(&ch->stopped_at[n]);
}

/* Acquires: the used entries that an interrupt is about are there for the guest. */
uint32_t channel_take_irqs(struct channel *ch)
{
    return shared_exchange(&ch->irqs, 0);
}

bool channel_asked(const struct channel *ch, uint32_t *request, enum channel_state *state,
                   struct channel_setup *setup)
{
    *request = shared_load(&ch->request);
    if (*request == shared_load(&ch->obeyed)) {
        return false;
    }
    *state = (*request & CHANNEL_REQUEST_RUN) != 0 ? CHANNEL_RUN : CHANNEL_STOP;
    if (*state == CHANNEL_RUN) {
        shared_copy(setup, &ch->setup, sizeof(*setup));
    }
    return true;
}

void channel_stop_at(struct channel *ch, uint32_t n, uint16_t next)
{
    shared_store(&ch->stopped_at[n], next);
}

/* Releases: all that was written to guest memory, and where the queues stopped, comes before it. */
void channel_obey(struct channel *ch, uint32_t request)
{
    shared_store(&ch->obeyed, request);
}

/* Releases: used entries come before it. If a bit is still there, the notification that came with it
 * is on its way, and the vmm takes all bits when it arrives. */
bool channel_raise(struct channel *ch, uint32_t irqs)
{
    return irqs != 0 && shared_or(&ch->irqs, irqs) == 0;
}

void channel_show_counts(struct channel *ch, const struct channel_counts *counts)
{
    shared_copy(&ch->counts, counts, sizeof(*counts));
}
