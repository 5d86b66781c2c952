/* SPDX-License-Identifier: BSD-2-Clause
 * What may stand in a system file. */
#include "schema.h"

#include "system/image.h"
#include "vm/time.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* --- Words ------------------------------------------------------------------------------------ */

static const struct word timers[] = {
    {"lapic", SYSTEM_DEV_LAPIC, "the local APIC with its timer"},
    {"pit", SYSTEM_DEV_PIT, "8254 interval timer and port 0x61"},
    {"hpet", SYSTEM_DEV_HPET, "high-precision event timer"},
    {"pm", SYSTEM_DEV_PM_TIMER, "ACPI power-management timer"},
};
const struct word_list schema_timers = {"timer", timers, COUNT(timers)};

static const struct word devices[] = {
    {"pic", SYSTEM_DEV_PIC, "pair of 8259 interrupt controllers"},
    {"ioapic", SYSTEM_DEV_IOAPIC, "I/O APIC; needs the timer \"lapic\""},
    {"rtc", SYSTEM_DEV_RTC, "MC146818 clock and CMOS memory"},
    {"pci", SYSTEM_DEV_PCI, "PCI host bridge at ports 0xcf8-0xcff"},
    {"acpi", SYSTEM_DEV_ACPI, "ACPI tables that describe the devices named here"},
    {"power", SYSTEM_DEV_POWER, "power-off and reset: PM1 registers, ports 0xcf9, 0x64, 0x92"},
    {"debug-exit", SYSTEM_DEV_DEBUG_EXIT, "port 0xf4: a write ends the VM (for tests)"},
};
const struct word_list schema_devices = {"device", devices, COUNT(devices)};

static const struct word protocols[] = {
    {"linux", SYSTEM_BOOT_LINUX, "a Linux bzImage (vmlinuz)"},
    {"multiboot", SYSTEM_BOOT_MULTIBOOT, "a Multiboot 1 kernel: ELF, or flat with address fields"},
};
const struct word_list schema_protocols = {"boot protocol", protocols, COUNT(protocols)};

static const struct word tick_policies[] = {
    {"catch-up", TICK_CATCH_UP, "late ticks are kept and delivered one by one: none is lost"},
    {"coalesce", TICK_COALESCE, "late ticks merge into one, as on bare hardware"},
};
const struct word_list schema_tick_policies = {"tick policy", tick_policies, COUNT(tick_policies)};

static const struct word on_failures[] = {
    {"stop", SYSTEM_FAIL_STOP, "this VM stays down, the others go on"},
    {"restart", SYSTEM_FAIL_RESTART, "this VM starts again, the others go on"},
    {"stop-all", SYSTEM_FAIL_STOP_ALL, "the whole system stops"},
};
const struct word_list schema_on_failures = {"failure policy", on_failures, COUNT(on_failures)};

static const struct word cpu_models[] = {
    {"host", SYSTEM_CPU_HOST, "what the policy lets through of the host's processor"},
    {"qemu64-like", SYSTEM_CPU_QEMU64, "the same on every host: about x86-64-v1"},
    {"baseline-v2", SYSTEM_CPU_BASELINE2, "the same on every host: x86-64-v2 (SSE4.2)"},
    {"baseline-v3", SYSTEM_CPU_BASELINE3, "the same on every host: x86-64-v3 (AVX2)"},
};
const struct word_list schema_cpu_models = {"processor model", cpu_models, COUNT(cpu_models)};

static const struct word shells[] = {
    {"pci-legacy", SYSTEM_SHELL_PCI_LEGACY, "PCI, legacy registers in I/O space"},
    {"pci-legacy-memory", SYSTEM_SHELL_PCI_LEGACY_MEM, "PCI, legacy registers behind a memory BAR"},
    {"pci", SYSTEM_SHELL_PCI_MODERN, "PCI, virtio 1 with MSI-X"},
    {"mmio-legacy", SYSTEM_SHELL_MMIO_LEGACY, "virtio-mmio, version 1"},
    {"mmio", SYSTEM_SHELL_MMIO, "virtio-mmio, version 2"},
    {"block", SYSTEM_SHELL_BLOCK,
     "the legacy PCI register block at a fixed address, as Deos's driver"},
};
const struct word_list schema_shells = {"shell", shells, COUNT(shells)};

static const struct word offers[] = {
    {"csum", SYSTEM_NIC_CSUM, "checksums may be left to the card, both ways"},
    {"tso", SYSTEM_NIC_TSO, "TCP segmentation too, both ways; needs \"csum\""},
    {"mergeable", SYSTEM_NIC_MERGEABLE, "a frame may fill several buffers"},
    {"indirect", SYSTEM_NIC_INDIRECT, "indirect descriptors"},
    {"event-idx", SYSTEM_NIC_EVENT_IDX, "fewer kicks and interrupts"},
};
const struct word_list schema_offers = {"feature", offers, COUNT(offers)};

static const struct word uplinks[] = {
    {"none", SYSTEM_UPLINK_NONE, "nothing leaves the switch but to the VMs on it"},
    {"user", SYSTEM_UPLINK_USER, "through the sockets of the user who runs it: NAT, DHCP, DNS"},
};
const struct word_list schema_uplinks = {"uplink", uplinks, COUNT(uplinks)};

static const struct word transports[] = {
    {"tcp", 0, "TCP"},
    {"udp", 1, "UDP"},
};
const struct word_list schema_transports = {"transport", transports, COUNT(transports)};

static const struct word programs[] = {
    {"udp-echo", SYSTEM_PROGRAM_UDP_ECHO, "answers UDP datagrams, ARP and ping"},
};
const struct word_list schema_programs = {"program", programs, COUNT(programs)};

/* --- Keys ------------------------------------------------------------------------------------- */

static const struct key module_keys[] = {
    {"file", KEY_TEXT, true, SYSTEM_PATH_MAX - 1, NULL, NULL, NULL,
     "the module, relative to the system file"},
    {"args", KEY_TEXT, false, SYSTEM_ARGS_MAX - 1, NULL, NULL, "empty",
     "the module's string; ${tsc_khz}, ${apic_khz}, ${restarts} expand"},
    {"load_at", KEY_NUMBER, false, UINT64_MAX - 1, NULL, NULL, "the loader chooses",
     "guest-physical address"},
};
static const struct key_list module_list = {"a module", module_keys, COUNT(module_keys)};

static const struct key boot_keys[] = {
    {"protocol", KEY_WORD, true, 0, &schema_protocols, NULL, NULL, "how the kernel is started"},
    {"kernel", KEY_TEXT, true, SYSTEM_PATH_MAX - 1, NULL, NULL, NULL,
     "the kernel, relative to the system file"},
    {"load_at", KEY_NUMBER, false, UINT64_MAX - 1, NULL, NULL, "what the kernel's header says",
     "guest-physical address of the kernel, if its format allows a choice"},
    {"cmdline", KEY_TEXT, false, SYSTEM_CMDLINE_MAX - 1, NULL, NULL, "empty",
     "the kernel's command line; ${tsc_khz}, ${apic_khz}, ${restarts} expand"},
    {"initrd", KEY_TEXT, false, SYSTEM_PATH_MAX - 1, NULL, NULL, "none",
     "Linux only: the initial RAM disk"},
    {"initrd_load_at", KEY_NUMBER, false, UINT64_MAX - 1, NULL, NULL, "the loader chooses",
     "Linux only: guest-physical address of the initial RAM disk"},
    {"modules", KEY_GROUPS, false, SYSTEM_MODULES_MAX, NULL, &module_list, "none",
     "Multiboot only: files loaded beside the kernel, in this order"},
};
static const struct key_list boot_list = {"the boot group", boot_keys, COUNT(boot_keys)};

static const struct key backing_keys[] = {
    {"at", KEY_SIZE, true, UINT64_MAX, NULL, NULL, NULL,
     "seL4: physical address; at or above 16M, as far from a multiple of 2M as \"base\""},
};
static const struct key_list backing_list = {"a backing", backing_keys, COUNT(backing_keys)};

static const struct key range_keys[] = {
    {"base", KEY_NUMBER, true, UINT64_MAX, NULL, NULL, NULL,
     "guest-physical address, a multiple of 4K"},
    {"size", KEY_SIZE, true, UINT64_MAX, NULL, NULL, NULL, "a multiple of 4K"},
    {"backing", KEY_GROUP, false, 0, NULL, &backing_list, "anywhere",
     "seL4: where this RAM lies in the machine"},
};
static const struct key_list range_list = {"a memory range", range_keys, COUNT(range_keys)};

static const struct key serial_keys[] = {
    {"port", KEY_SIZE, true, 0xFFFF, NULL, NULL, NULL,
     "first of eight I/O ports; COM1 is 0x3f8, COM2 0x2f8"},
    {"irq", KEY_NUMBER, true, UINT8_MAX, NULL, NULL, NULL,
     "ISA interrupt, 0 to 15; COM1 has 4, COM2 3"},
};
static const struct key_list serial_list = {"a serial port", serial_keys, COUNT(serial_keys)};

static const struct key nic_keys[] = {
    {"switch", KEY_TEXT, true, SYSTEM_NAME_MAX - 1, NULL, NULL, NULL,
     "the switch it is plugged into: one of switches = ( ... )"},
    {"shell", KEY_WORD, true, 0, &schema_shells, NULL, NULL, "how the guest sees it"},
    {"mac", KEY_TEXT, false, 17, NULL, NULL, "52:42:48:00:VM:CARD",
     "its address, as \"52:42:48:00:00:01\""},
    {"at", KEY_NUMBER, false, UINT64_MAX - 1, NULL, NULL,
     "0xfeb00000 (mmio), 0xfe000000 (block), a page further for a second one",
     "guest-physical address of its registers; not for PCI"},
    {"slot", KEY_SIZE, false, 31, NULL, NULL, "3 for the first card, 4 for the second",
     "PCI only: device number on bus 0"},
    {"irq", KEY_NUMBER, false, 23, NULL, NULL,
     "16 and 17 (PCI), 20 and 21; without I/O APIC: none, the guest polls",
     "I/O APIC input, level-triggered"},
    {"offers", KEY_WORDS, false, 0, &schema_offers, NULL, "all of them",
     "features that the guest's driver may take"},
    {"queue_size", KEY_SIZE, false, UINT32_MAX, NULL, NULL, "256",
     "entries of each queue, a power of two from 8 to 256"},
    {"mtu", KEY_SIZE, false, UINT32_MAX, NULL, NULL, "1500", "what the card says its MTU is"},
    {"pinned", KEY_BOOL, false, 0, NULL, NULL, "true",
     "frames from another address than \"mac\" are dropped; false for a bridge in the guest"},
    {"peers", KEY_TEXTS, false, SYSTEM_NAME_MAX - 1, NULL, NULL, "everybody on the switch",
     "VMs that it may send to, and \"uplink\""},
    {"follow_uplink", KEY_BOOL, false, 0, NULL, NULL, "true if it may send to the uplink only",
     "the guest sees its cable out while the uplink is down"},
    {"frames_per_s", KEY_SIZE, false, UINT32_MAX, NULL, NULL, "no limit",
     "more than that from this card is dropped"},
    {"bytes_per_s", KEY_SIZE, false, UINT32_MAX, NULL, NULL, "no limit", "the same in bytes"},
    {"broadcasts_per_s", KEY_SIZE, false, UINT32_MAX, NULL, NULL, "no limit",
     "the same for broadcasts, multicasts and frames to unknown addresses"},
};
static const struct key_list nic_list = {"a network card", nic_keys, COUNT(nic_keys)};

static const struct key forward_keys[] = {
    {"transport", KEY_WORD, false, 0, &schema_transports, NULL, "\"tcp\"", "of the connection"},
    {"host_port", KEY_SIZE, true, UINT16_MAX, NULL, NULL, NULL, "port of this host"},
    {"host_address", KEY_TEXT, false, 15, NULL, NULL, "127.0.0.1", "address of this host"},
    {"guest", KEY_TEXT, true, 15, NULL, NULL, NULL, "IPv4 address of the guest"},
    {"guest_port", KEY_SIZE, true, UINT16_MAX, NULL, NULL, NULL, "port of the guest"},
};
static const struct key_list forward_list = {"a forward", forward_keys, COUNT(forward_keys)};

static const struct key switch_keys[] = {
    {"name", KEY_TEXT, true, SYSTEM_NAME_MAX - 1, NULL, NULL, NULL,
     "letters, digits, '-' and '_'; no other switch has it"},
    {"cpu", KEY_NUMBER, false, SCHEMA_CPU_MAX, NULL, NULL, "any CPU",
     "the logical CPU that it and its uplink run on"},
    {"budget_us", KEY_SIZE, false, UINT32_MAX, NULL, NULL, "as much as there is",
     "seL4: it runs at most so long in each period; 10 to \"period_us\""},
    {"period_us", KEY_SIZE, false, UINT32_MAX, NULL, NULL, "none", "seL4: 100 to 10000000"},
    {"uplink", KEY_WORD, false, 0, &schema_uplinks, NULL, "\"none\"", "the way out"},
    {"network", KEY_TEXT, false, 18, NULL, NULL, "\"192.168.19.0/24\"",
     "with an uplink: the IPv4 network that guests are in, as far as the uplink knows"},
    {"host_address", KEY_TEXT, false, 15, NULL, NULL, "the second address of \"network\"",
     "with an uplink: router, and by what address guests reach this host"},
    {"host_loopback", KEY_BOOL, false, 0, NULL, NULL, "false",
     "with an uplink: guests reach the services of this host's 127.0.0.1 by host_address"},
    {"forwards", KEY_GROUPS, false, SYSTEM_FORWARDS_MAX, NULL, &forward_list, "none",
     "with an uplink: ports of this host that lead to guests"},
};
static const struct key_list switch_list = {"a switch", switch_keys, COUNT(switch_keys)};

static const struct key vm_keys[] = {
    {"name", KEY_TEXT, true, SYSTEM_NAME_MAX - 1, NULL, NULL, NULL,
     "letters, digits, '-' and '_'; no other VM has it"},
    {"cpu", KEY_NUMBER, false, SCHEMA_CPU_MAX, NULL, NULL, "any CPU",
     "the logical CPU it is pinned to"},
    {"priority", KEY_NUMBER, false, SYSTEM_PRIORITY_MAX, NULL, NULL, "0, as any other process",
     "1 to 98: it runs before all that have less, and before everything else"},
    {"cpu_model", KEY_WORD, false, 0, &schema_cpu_models, NULL, "\"host\"",
     "the processor that the guest sees"},
    {"cpu_features", KEY_TEXTS, false, 31, NULL, NULL, "as the model has them",
     "\"+NAME\": demanded, or the VM does not start; \"-NAME\": not offered. See help cpu"},
    {"boot", KEY_GROUP, true, 0, NULL, &boot_list, NULL, "what is started, and how"},
    {"memory", KEY_GROUPS, false, SYSTEM_RANGES_MAX, NULL, &range_list, "laid out by \"ram\"",
     "RAM exactly there and nowhere else; give this or \"ram\""},
    {"ram", KEY_SIZE, false, UINT64_MAX, NULL, NULL, "fixed by \"memory\"",
     "so much RAM, from 0 up, around the PCI hole (3G to 4G)"},
    {"timers", KEY_WORDS, false, 0, &schema_timers, NULL, "none", "the timers that exist"},
    {"devices", KEY_WORDS, false, 0, &schema_devices, NULL, "none", "the devices that exist"},
    {"serial", KEY_GROUPS, false, SYSTEM_SERIALS_MAX, NULL, &serial_list, "none",
     "16550A UARTs; the first one is the VM's console"},
    {"net", KEY_GROUPS, false, SYSTEM_NICS_MAX, NULL, &nic_list, "none", "virtio network cards"},
    {"io_cpu", KEY_NUMBER, false, SCHEMA_CPU_MAX, NULL, NULL, "any CPU",
     "the logical CPU that serves the queues of its cards"},
    {"budget_us", KEY_SIZE, false, UINT32_MAX, NULL, NULL, "as much as there is",
     "seL4: it runs at most so long in each period; 10 to \"period_us\""},
    {"period_us", KEY_SIZE, false, UINT32_MAX, NULL, NULL, "none", "seL4: 100 to 10000000"},
    {"io_budget_us", KEY_SIZE, false, UINT32_MAX, NULL, NULL, "as much as there is",
     "seL4: the same for what serves its cards"},
    {"io_period_us", KEY_SIZE, false, UINT32_MAX, NULL, NULL, "none", "seL4: likewise"},
    {"tick_policy", KEY_WORD, false, 0, &schema_tick_policies, NULL, "\"catch-up\"",
     "what becomes of timer ticks that could not be delivered in time"},
    {"on_failure", KEY_WORD, false, 0, &schema_on_failures, NULL, "\"stop\"",
     "what follows when this VM fails"},
};
static const struct key_list vm_list = {"a VM", vm_keys, COUNT(vm_keys)};

static const struct key window_keys[] = {
    {"vm", KEY_TEXT, true, SYSTEM_NAME_MAX - 1, NULL, NULL, NULL, "whose window it is"},
    {"window_us", KEY_SIZE, true, UINT32_MAX, NULL, NULL, NULL, "how long, 100 to 10000000"},
};
static const struct key_list window_list = {"a window", window_keys, COUNT(window_keys)};

static const struct key native_keys[] = {
    {"name", KEY_TEXT, true, SYSTEM_NAME_MAX - 1, NULL, NULL, NULL,
     "letters, digits, '-' and '_'; no VM and no other native has it"},
    {"program", KEY_WORD, true, 0, &schema_programs, NULL, NULL, "what it does"},
    {"switch", KEY_TEXT, true, SYSTEM_NAME_MAX - 1, NULL, NULL, NULL, "where it is plugged in"},
    {"address", KEY_TEXT, true, 15, NULL, NULL, NULL, "its IPv4 address"},
    {"udp_port", KEY_SIZE, false, UINT16_MAX, NULL, NULL, "7", "the port it answers at"},
    {"mac", KEY_TEXT, false, 17, NULL, NULL, "52:42:48:ff:00:NATIVE", "its Ethernet address"},
    {"cpu", KEY_NUMBER, false, SCHEMA_CPU_MAX, NULL, NULL, "the first", "the CPU it runs on"},
    {"budget_us", KEY_SIZE, false, UINT32_MAX, NULL, NULL, "as much as there is",
     "it runs at most so long in each period"},
    {"period_us", KEY_SIZE, false, UINT32_MAX, NULL, NULL, "none", "100 to 10000000"},
};
static const struct key_list native_list = {"a native component", native_keys, COUNT(native_keys)};

static const struct key file_keys[] = {
    {"strict", KEY_BOOL, false, 0, NULL, NULL, "false",
     "true: refuse a CPU or priority that cannot be had, instead of making do"},
    {"switches", KEY_GROUPS, false, SYSTEM_SWITCHES_MAX, NULL, &switch_list, "none",
     "virtual Ethernet switches, to link VMs"},
    {"vms", KEY_GROUPS, true, SYSTEM_VMS_MAX, NULL, &vm_list, NULL, "the virtual machines"},
    {"schedule", KEY_GROUPS, false, SYSTEM_WINDOWS_MAX, NULL, &window_list, "whoever has work",
     "seL4: the time windows of the VMs that share a CPU, over and over"},
    {"natives", KEY_GROUPS, false, SYSTEM_NATIVES_MAX, NULL, &native_list, "none",
     "seL4: components on a switch that are no VM"},
};
const struct key_list schema_file = {"the system file", file_keys, COUNT(file_keys)};
