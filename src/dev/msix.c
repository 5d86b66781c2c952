/* SPDX-License-Identifier: BSD-2-Clause
 * MSI-X. Contract and references: dev/msix.h. */
#include "dev/msix.h"

#include "base/assert.h"
#include "base/bits.h"
#include "base/string.h"
#include "dev/msix_state.h"

#define ENTRY_BYTES  16u
#define ENTRY_MASKED 1u

/* Of an address and of its data. [SDM] vol. 3A, 11.11.1 and 11.11.2 */
#define ADDRESS_APIC     0xFEE00000u
#define ADDRESS_APIC_OF  0xFFF00000u
#define ADDRESS_LOGICAL  0x4u
#define DATA_LEVEL       0x8000u
#define DATA_ASSERT      0x4000u
#define DATA_DELIVERY(d) (((d) >> 8) & 7u)

void msix_init(struct msix *m, uint32_t vectors, const struct msg_line *out)
{
    BH_ASSERT(vectors - 1u < MSIX_VECTORS_MAX);
    memset(m, 0, sizeof(*m));
    m->wiring.out = *out;
    m->wiring.vectors = vectors;
}

void msix_reset(struct msix *m)
{
    memset(&m->regs, 0, sizeof(m->regs));
    for (uint32_t i = 0; i < MSIX_VECTORS_MAX; i++) {
        m->regs.entry[i].control = ENTRY_MASKED;
    }
}

bool msix_enabled(const struct msix *m)
{
    return (m->regs.control & MSIX_CAP_ENABLE) != 0;
}

bool msix_has(const struct msix *m, uint32_t vector)
{
    return vector < m->wiring.vectors;
}

static bool msix_masked(const struct msix *m, uint32_t vector)
{
    return (m->regs.control & MSIX_CAP_MASK) != 0 ||
           (m->regs.entry[vector].control & ENTRY_MASKED) != 0;
}

/* A message is a memory write. Only the local APICs' range is modelled as a target; a level interrupt
 * that is not asserted says nothing. */
static void msix_send(struct msix *m, uint32_t vector)
{
    const struct msix_entry *e = &m->regs.entry[vector];
    bool level = (e->data & DATA_LEVEL) != 0;
    bool apic = e->address_hi == 0 && (e->address_lo & ADDRESS_APIC_OF) == ADDRESS_APIC;
    if (!apic || (level && (e->data & DATA_ASSERT) == 0)) {
        m->regs.counts.astray++;
        return;
    }
    const struct irq_msg msg = {
        .vector = (uint8_t)e->data,
        .dest = (uint8_t)(e->address_lo >> 12),
        .delivery = (uint8_t)DATA_DELIVERY(e->data),
        .shorthand = IRQ_DEST,
        .logical = (e->address_lo & ADDRESS_LOGICAL) != 0,
        .level = level,
        .assert_ = true,
    };
    m->regs.counts.sent++;
    msg_line_send(&m->wiring.out, &msg);
}

/* Sends what is pending and can go. */
static void msix_flush(struct msix *m)
{
    for (uint32_t i = 0; i < m->wiring.vectors; i++) { /* bound: MSIX_VECTORS_MAX */
        if ((m->regs.pending & BIT32(i)) != 0 && !msix_masked(m, i)) {
            m->regs.pending &= ~BIT32(i);
            msix_send(m, i);
        }
    }
}

void msix_set_control(struct msix *m, uint32_t head)
{
    m->regs.control = head & MSIX_CAP_RW;
    if (!msix_enabled(m)) {
        m->regs.pending = 0; /* what it was about is the pin's business now */
    }
    msix_flush(m);
}

void msix_raise(struct msix *m, uint32_t vector)
{
    if (!msix_enabled(m) || !msix_has(m, vector)) {
        return;
    }
    if (msix_masked(m, vector)) {
        m->regs.pending |= BIT32(vector);
        m->regs.counts.pended++;
    } else {
        msix_send(m, vector);
    }
}

/* The dword of the table at `off`, or NULL: beyond the last vector. */
static const uint32_t *entry_dword(const struct msix *m, uint32_t off)
{
    if (!msix_has(m, off / ENTRY_BYTES)) {
        return NULL;
    }
    const struct msix_entry *e = &m->regs.entry[off / ENTRY_BYTES];
    const uint32_t *const dwords[4] = {&e->address_lo, &e->address_hi, &e->data, &e->control};
    return dwords[off % ENTRY_BYTES / 4u];
}

uint32_t msix_read(const struct msix *m, uint32_t off)
{
    if (off == MSIX_PBA) {
        return m->regs.pending;
    }
    const uint32_t *dword = entry_dword(m, off);
    return dword != NULL ? *dword : 0;
}

void msix_write(struct msix *m, uint32_t off, uint32_t val)
{
    if (!msix_has(m, off / ENTRY_BYTES)) {
        return; /* the pending bits, too: read-only */
    }
    struct msix_entry *e = &m->regs.entry[off / ENTRY_BYTES];
    uint32_t which = off % ENTRY_BYTES / 4u;
    if (which == 0) {
        e->address_lo = val & ~3u;
    } else if (which == 1) {
        e->address_hi = val;
    } else if (which == 2) {
        e->data = val;
    } else {
        e->control = val & ENTRY_MASKED;
        msix_flush(m);
    }
}

const struct msix_counts *msix_counts(const struct msix *m)
{
    return &m->regs.counts;
}

bool msix_valid(const struct msix *m)
{
    uint32_t known = BIT32(m->wiring.vectors) - 1u;
    bool waits = m->regs.pending == 0 || msix_enabled(m);
    for (uint32_t i = 0; i < m->wiring.vectors && i < MSIX_VECTORS_MAX; i++) {
        bool pending = (m->regs.pending & BIT32(i)) != 0;
        waits = waits && (!pending || msix_masked(m, i));
    }
    return m->wiring.vectors - 1u < MSIX_VECTORS_MAX && (m->regs.control & ~MSIX_CAP_RW) == 0 &&
           (m->regs.pending & ~known) == 0 && waits;
}
