/* SPDX-License-Identifier: BSD-2-Clause
 * The kernel's calls, through the headers that its build installed. Nothing here decides anything. */
#include "sel4/sys.h"

/* One thread to an address space: no thread-local storage, whatever the kernel was configured with. */
#include <sel4/config.h>
#undef CONFIG_LIB_SEL4_USE_THREAD_LOCALS

#include <sel4/sel4.h>

#include <sel4/arch/mapping.h>
#include <sel4/arch/vmenter.h>

#ifndef CONFIG_KERNEL_MCS
#error "this kernel is not MCS: build it with KernelIsMCS=ON"
#endif
#ifndef CONFIG_VTX
#error "this kernel has no VT-x: build it with KernelVTX=ON"
#endif
#ifndef CONFIG_X86_64_VTX_64BIT_GUESTS
#error "this kernel has no 64-bit guests: build it with KernelX86_64VTX64BitGuests=ON"
#endif

/* libsel4's headers expect it by this name. */
seL4_IPCBuffer *__sel4_ipc_buffer;

/* The headers of a debug kernel check their arguments and expect this. */
void __assert_fail(const char *text, const char *file, int line, const char *function);
void __assert_fail(const char *text, const char *file, int line, const char *function)
{
    (void)text;
    (void)file;
    (void)line;
    (void)function;
    __builtin_trap();
}

/* --- Boot information -------------------------------------------------------------------------- */

/* What follows the page: chunks, each with a header of id and length. */
static void read_extra(const seL4_BootInfo *info, struct sys_boot *out)
{
    const uint8_t *at = (const uint8_t *)info + SYS_PAGE;
    uint64_t left = info->extraLen;
    while (left >= sizeof(seL4_BootInfoHeader)) { /* bound: extraLen / sizeof a header */
        const seL4_BootInfoHeader *h = (const seL4_BootInfoHeader *)(const void *)at;
        if (h->len < sizeof(*h) || h->len > left) {
            return;
        }
        const uint8_t *body = at + sizeof(*h);
        if (h->id == SEL4_BOOTINFO_HEADER_X86_TSC_FREQ && h->len >= sizeof(*h) + 4u) {
            __builtin_memcpy(&out->tsc_mhz, body, sizeof(out->tsc_mhz));
        } else if (h->id == SEL4_BOOTINFO_HEADER_X86_ACPI_RSDP && h->len >= sizeof(*h) + 20u) {
            uint32_t rsdt;
            __builtin_memcpy(&rsdt, body + 16, sizeof(rsdt));
            out->rsdp = rsdt;
        }
        at += h->len;
        left -= h->len;
    }
}

void sys_boot_read(const void *boot_info, struct sys_boot *out)
{
    const seL4_BootInfo *info = boot_info;
    out->free_slot = info->empty.start;
    out->end_slot = info->empty.end;
    out->image_frame = info->userImageFrames.start;
    out->image_frames = info->userImageFrames.end - info->userImageFrames.start;
    out->first_untyped = info->untyped.start;
    out->end_untyped = info->untyped.end;
    out->ipc_buffer = (uint64_t)info->ipcBuffer;
    out->untypeds = 0;
    uint64_t n = info->untyped.end - info->untyped.start;
    for (uint32_t i = 0; i < n && i < SYS_UNTYPED_MAX; i++) {
        out->untyped[i] = (struct sys_untyped){.base = info->untypedList[i].paddr,
                                               .bits = info->untypedList[i].sizeBits,
                                               .device = info->untypedList[i].isDevice != 0};
        out->untypeds++;
    }
    read_extra(info, out);
}

_Static_assert(seL4_CapInitThreadTCB == SYS_ROOT_TCB && seL4_CapInitThreadCNode == SYS_ROOT_CNODE &&
                   seL4_CapInitThreadVSpace == SYS_ROOT_SPACE &&
                   seL4_CapIRQControl == SYS_IRQ_CONTROL &&
                   seL4_CapASIDControl == SYS_ASID_CONTROL &&
                   seL4_CapInitThreadASIDPool == SYS_ASID_POOL &&
                   seL4_CapIOPortControl == SYS_PORT_CONTROL &&
                   seL4_CapBootInfoFrame == SYS_BOOT_INFO && seL4_CapDomain == SYS_DOMAIN,
               "what the first thread holds");

uint64_t sys_sched_control(const void *info)
{
    return ((const seL4_BootInfo *)info)->schedcontrol.start;
}

void sys_set_ipc_buffer(uint64_t address)
{
    seL4_SetIPCBuffer((seL4_IPCBuffer *)address);
}

/* --- Objects ----------------------------------------------------------------------------------- */

struct kind {
    uint32_t type;
    uint32_t bits; /* 0: the caller's */
};

static const struct kind kinds[SYS_OBJECTS] = {
    [SYS_OBJECT_UNTYPED] = {seL4_UntypedObject, 0},
    [SYS_OBJECT_TCB] = {seL4_TCBObject, seL4_TCBBits},
    [SYS_OBJECT_ENDPOINT] = {seL4_EndpointObject, seL4_EndpointBits},
    [SYS_OBJECT_NOTIFICATION] = {seL4_NotificationObject, seL4_NotificationBits},
    [SYS_OBJECT_CNODE] = {seL4_CapTableObject, 0},
    [SYS_OBJECT_SCHED] = {seL4_SchedContextObject, 0},
    [SYS_OBJECT_REPLY] = {seL4_ReplyObject, seL4_ReplyBits},
    [SYS_OBJECT_FRAME] = {seL4_X86_4K, seL4_PageBits},
    [SYS_OBJECT_LARGE_FRAME] = {seL4_X86_LargePageObject, seL4_LargePageBits},
    [SYS_OBJECT_PT] = {seL4_X86_PageTableObject, seL4_PageTableBits},
    [SYS_OBJECT_PD] = {seL4_X86_PageDirectoryObject, seL4_PageDirBits},
    [SYS_OBJECT_PDPT] = {seL4_X86_PDPTObject, seL4_PDPTBits},
    [SYS_OBJECT_SPACE] = {seL4_X64_PML4Object, seL4_PML4Bits},
    [SYS_OBJECT_VCPU] = {seL4_X86_VCPUObject, seL4_X86_VCPUBits},
    [SYS_OBJECT_EPT_PT] = {seL4_X86_EPTPTObject, seL4_X86_EPTPTBits},
    [SYS_OBJECT_EPT_PD] = {seL4_X86_EPTPDObject, seL4_X86_EPTPDBits},
    [SYS_OBJECT_EPT_PDPT] = {seL4_X86_EPTPDPTObject, seL4_X86_EPTPDPTBits},
    [SYS_OBJECT_EPT] = {seL4_X86_EPTPML4Object, seL4_X86_EPTPML4Bits},
};

uint32_t sys_object_bits(enum sys_object type, uint32_t bits)
{
    if (kinds[type].bits != 0) {
        return kinds[type].bits;
    }
    return type == SYS_OBJECT_CNODE ? bits + seL4_SlotBits : bits;
}

int sys_retype(uint64_t untyped, enum sys_object type, uint32_t bits, uint64_t slot)
{
    seL4_Word size = kinds[type].bits != 0 ? 0 : bits;
    return (int)seL4_Untyped_Retype(untyped, kinds[type].type, size, SYS_ROOT_CNODE, 0, 0, slot, 1);
}

/* --- Capabilities ------------------------------------------------------------------------------ */

static seL4_CapRights_t rights_of(uint32_t rights)
{
    return seL4_CapRights_new((rights & SYS_GRANT) != 0, (rights & SYS_GRANT) != 0,
                              (rights & SYS_READ) != 0, (rights & SYS_WRITE) != 0);
}

int sys_copy(uint64_t from, uint64_t cnode, uint64_t to, uint32_t depth, uint32_t rights,
             uint64_t badge)
{
    if (badge == 0) {
        return (int)seL4_CNode_Copy(cnode, to, (seL4_Uint8)depth, SYS_ROOT_CNODE, from,
                                    seL4_WordBits, rights_of(rights));
    }
    return (int)seL4_CNode_Mint(cnode, to, (seL4_Uint8)depth, SYS_ROOT_CNODE, from, seL4_WordBits,
                                rights_of(rights), badge);
}

int sys_delete(uint64_t slot)
{
    return (int)seL4_CNode_Delete(SYS_ROOT_CNODE, slot, seL4_WordBits);
}

/* --- Address spaces ---------------------------------------------------------------------------- */

int sys_assign_asid(uint64_t space)
{
    return (int)seL4_X86_ASIDPool_Assign(SYS_ASID_POOL, space);
}

int sys_map(uint64_t frame, uint64_t space, uint64_t address, uint32_t rights, bool device)
{
    return (int)seL4_X86_Page_Map(frame, space, address, rights_of(rights & (SYS_READ | SYS_WRITE)),
                                  device ? seL4_X86_Uncacheable : seL4_X86_Default_VMAttributes);
}

int sys_map_ept(uint64_t frame, uint64_t ept, uint64_t gpa)
{
    return (int)seL4_X86_Page_MapEPT(frame, ept, gpa, seL4_ReadWrite,
                                     seL4_X86_EPT_Default_VMAttributes);
}

int sys_unmap(uint64_t frame)
{
    return (int)seL4_X86_Page_Unmap(frame);
}

bool sys_missing(bool ept, enum sys_object *type)
{
    switch (seL4_MappingFailedLookupLevel()) {
    case SEL4_MAPPING_LOOKUP_NO_PT:
        *type = ept ? SYS_OBJECT_EPT_PT : SYS_OBJECT_PT;
        return true;
    case SEL4_MAPPING_LOOKUP_NO_PD:
        *type = ept ? SYS_OBJECT_EPT_PD : SYS_OBJECT_PD;
        return true;
    case SEL4_MAPPING_LOOKUP_NO_PDPT:
        *type = ept ? SYS_OBJECT_EPT_PDPT : SYS_OBJECT_PDPT;
        return true;
    default:
        return false;
    }
}
_Static_assert(SEL4_MAPPING_LOOKUP_NO_PT == SEL4_MAPPING_LOOKUP_NO_EPTPT &&
                   SEL4_MAPPING_LOOKUP_NO_PD == SEL4_MAPPING_LOOKUP_NO_EPTPD &&
                   SEL4_MAPPING_LOOKUP_NO_PDPT == SEL4_MAPPING_LOOKUP_NO_EPTPDPT,
               "levels are told by the same numbers");

int sys_map_table(enum sys_object type, uint64_t table, uint64_t space, uint64_t address)
{
    switch (type) {
    case SYS_OBJECT_PT:
        return (int)seL4_X86_PageTable_Map(table, space, address, seL4_X86_Default_VMAttributes);
    case SYS_OBJECT_PD:
        return (int)seL4_X86_PageDirectory_Map(table, space, address,
                                               seL4_X86_Default_VMAttributes);
    case SYS_OBJECT_PDPT:
        return (int)seL4_X86_PDPT_Map(table, space, address, seL4_X86_Default_VMAttributes);
    case SYS_OBJECT_EPT_PT:
        return (int)seL4_X86_EPTPT_Map(table, space, address, seL4_X86_EPT_Default_VMAttributes);
    case SYS_OBJECT_EPT_PD:
        return (int)seL4_X86_EPTPD_Map(table, space, address, seL4_X86_EPT_Default_VMAttributes);
    case SYS_OBJECT_EPT_PDPT:
        return (int)seL4_X86_EPTPDPT_Map(table, space, address, seL4_X86_EPT_Default_VMAttributes);
    default:
        return seL4_InvalidArgument;
    }
}

/* --- Threads ----------------------------------------------------------------------------------- */

int sys_thread_configure(const struct sys_thread *t)
{
    seL4_Word guard = seL4_CNode_CapData_new(0, seL4_WordBits - t->cnode_bits).words[0];
    int error =
        (int)seL4_TCB_Configure(t->tcb, t->cnode, guard, t->space, 0, t->ipc_address, t->ipc_frame);
    if (error == 0) {
        error = (int)seL4_TCB_SetSchedParams(t->tcb, SYS_ROOT_TCB, t->priority, t->priority,
                                             t->sched, t->fault_endpoint);
    }
    return error;
}

int sys_thread_bind(uint64_t tcb, uint64_t notification)
{
    return (int)seL4_TCB_BindNotification(tcb, notification);
}

int sys_thread_start(uint64_t tcb, uint64_t entry, uint64_t stack, uint64_t argument)
{
    seL4_UserContext c = {.rip = entry, .rsp = stack, .rdi = argument, .rflags = 2u};
    return (int)seL4_TCB_WriteRegisters(tcb, 1, 0, sizeof(c) / sizeof(seL4_Word), &c);
}

int sys_thread_suspend(uint64_t tcb)
{
    return (int)seL4_TCB_Suspend(tcb);
}

void sys_sched_bind(uint64_t sched, uint64_t tcb)
{
    (void)seL4_SchedContext_Bind(sched, tcb);
}

void sys_sched_unbind(uint64_t sched)
{
    (void)seL4_SchedContext_Unbind(sched);
}

int sys_sched_configure(uint64_t control, uint64_t sched, uint64_t budget_us, uint64_t period_us)
{
    return (int)seL4_SchedControl_ConfigureFlags(control, sched, budget_us, period_us, 0, 0, 0);
}

/* --- Messages ---------------------------------------------------------------------------------- */

_Static_assert(seL4_Fault_CapFault == SYS_FAULT_CAP &&
                   seL4_Fault_UnknownSyscall == SYS_FAULT_SYSCALL &&
                   seL4_Fault_UserException == SYS_FAULT_EXCEPTION &&
                   seL4_Fault_Timeout == SYS_FAULT_TIMEOUT &&
                   seL4_Fault_VMFault == SYS_FAULT_MEMORY,
               "fault labels");

void sys_receive(uint64_t endpoint, uint64_t reply, struct sys_message *m)
{
    seL4_MessageInfo_t info = seL4_Recv(endpoint, &m->badge, reply);
    m->label = seL4_MessageInfo_get_label(info);
    m->words = seL4_MessageInfo_get_length(info);
    for (int i = 0; i < (int)SYS_MESSAGE_WORDS; i++) {
        m->word[i] = (uint64_t)i < m->words ? seL4_GetMR(i) : 0;
    }
}

void sys_send(uint64_t endpoint, const struct sys_message *m)
{
    for (int i = 0; i < (int)SYS_MESSAGE_WORDS; i++) {
        seL4_SetMR(i, m->word[i]);
    }
    seL4_Send(endpoint, seL4_MessageInfo_new(m->label, 0, 0, SYS_MESSAGE_WORDS));
}

void sys_signal(uint64_t notification)
{
    seL4_Signal(notification);
}

uint64_t sys_wait(uint64_t notification)
{
    seL4_Word badge = 0;
    (void)seL4_Wait(notification, &badge);
    return badge;
}

uint64_t sys_poll(uint64_t notification)
{
    seL4_Word badge = 0;
    (void)seL4_Poll(notification, &badge);
    return badge;
}

/* --- Ports and interrupts ---------------------------------------------------------------------- */

int sys_issue_ports(uint64_t first, uint64_t last, uint64_t slot)
{
    return (int)seL4_X86_IOPortControl_Issue(SYS_PORT_CONTROL, first, last, SYS_ROOT_CNODE, slot,
                                             seL4_WordBits);
}

void sys_out8(uint64_t ports, uint16_t port, uint8_t value)
{
    (void)seL4_X86_IOPort_Out8(ports, port, value);
}

uint8_t sys_in8(uint64_t ports, uint16_t port)
{
    return seL4_X86_IOPort_In8(ports, port).result;
}

int sys_issue_irq(uint64_t slot, uint32_t ioapic, uint32_t pin, bool level, bool low,
                  uint32_t number)
{
    return (int)seL4_IRQControl_GetIOAPIC(SYS_IRQ_CONTROL, SYS_ROOT_CNODE, slot, seL4_WordBits,
                                          ioapic, pin, level ? 1 : 0, low ? 1 : 0, number);
}

int sys_irq_notify(uint64_t irq, uint64_t notification)
{
    return (int)seL4_IRQHandler_SetNotification(irq, notification);
}

void sys_irq_ack(uint64_t irq)
{
    (void)seL4_IRQHandler_Ack(irq);
}

/* --- Virtual processors ------------------------------------------------------------------------ */

int sys_vcpu_bind(uint64_t vcpu, uint64_t tcb)
{
    return (int)seL4_X86_VCPU_SetTCB(vcpu, tcb);
}

int sys_set_ept(uint64_t tcb, uint64_t ept)
{
    return (int)seL4_TCB_SetEPTRoot(tcb, ept);
}

uint64_t sys_vmcs_read(uint64_t vcpu, uint32_t field)
{
    seL4_X86_VCPU_ReadVMCS_t r = seL4_X86_VCPU_ReadVMCS(vcpu, field);
    if (r.error != 0) {
        __builtin_trap();
    }
    return r.value;
}

uint64_t sys_vmcs_write(uint64_t vcpu, uint32_t field, uint64_t value)
{
    seL4_X86_VCPU_WriteVMCS_t r = seL4_X86_VCPU_WriteVMCS(vcpu, field, value);
    if (r.error != 0) {
        __builtin_trap();
    }
    return r.written;
}

void sys_vcpu_set_gprs(uint64_t vcpu, const uint64_t gpr[SYS_VCPU_GPRS])
{
    seL4_VCPUContext c;
    _Static_assert(sizeof(c) == SYS_VCPU_GPRS * sizeof(gpr[0]), "the kernel's order");
    __builtin_memcpy(&c, gpr, sizeof(c));
    if (seL4_X86_VCPU_WriteRegisters(vcpu, &c) != 0) {
        __builtin_trap();
    }
}

uint64_t sys_vcpu_msr_read(uint64_t vcpu, uint32_t index)
{
    seL4_X86_VCPU_ReadMSR_t r = seL4_X86_VCPU_ReadMSR(vcpu, index);
    if (r.error != 0) {
        __builtin_trap();
    }
    return r.value;
}

void sys_vcpu_msr_write(uint64_t vcpu, uint32_t index, uint64_t value)
{
    if (seL4_X86_VCPU_WriteMSR(vcpu, index, value).error != 0) {
        __builtin_trap();
    }
}

bool sys_vm_enter(struct sys_vcpu_exit *x)
{
    seL4_SetMR(SEL4_VMENTER_CALL_EIP_MR, x->rip);
    seL4_SetMR(SEL4_VMENTER_CALL_CONTROL_PPC_MR, x->primary);
    seL4_SetMR(SEL4_VMENTER_CALL_INTERRUPT_INFO_MR, x->event);
    seL4_Word badge = 0;
    bool fault = seL4_VMEnter(&badge) == SEL4_VMENTER_RESULT_FAULT;
    const seL4_Word *mr = seL4_GetIPCBuffer()->msg;
    x->badge = badge;
    x->rip = mr[SEL4_VMENTER_CALL_EIP_MR];
    x->primary = mr[SEL4_VMENTER_CALL_CONTROL_PPC_MR];
    x->event = mr[SEL4_VMENTER_CALL_INTERRUPT_INFO_MR];
    if (!fault) {
        return false;
    }
    x->badge = 0;
    x->reason = mr[SEL4_VMENTER_FAULT_REASON_MR];
    x->qualification = mr[SEL4_VMENTER_FAULT_QUALIFICATION_MR];
    x->insn_len = mr[SEL4_VMENTER_FAULT_INSTRUCTION_LEN_MR];
    x->gpa = mr[SEL4_VMENTER_FAULT_GUEST_PHYSICAL_MR];
    x->rflags = mr[SEL4_VMENTER_FAULT_RFLAGS_MR];
    x->interruptibility = mr[SEL4_VMENTER_FAULT_GUEST_INT_MR];
    x->cr3 = mr[SEL4_VMENTER_FAULT_CR3_MR];
    __builtin_memcpy(x->gpr, &mr[SEL4_VMENTER_FAULT_EAX], sizeof(x->gpr));
    return true;
}
