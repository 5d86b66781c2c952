/* SPDX-License-Identifier: BSD-2-Clause
 * A system on its way from text to image: the image as far as it is known, and the line that each
 * part of it came from. */
#ifndef CLI_DRAFT_H
#define CLI_DRAFT_H

#include <stdbool.h>

#include <libconfig.h>

#include "draft_sel4.h"
#include "say.h"
#include "system/check.h"
#include "system/image.h"

#define DRAFT_FIELDS ((unsigned)SYSTEM_FIELD_SWITCH + 1u)

struct draft_vm {
    unsigned line;
    unsigned field[DRAFT_FIELDS]; /* by enum system_field; 0: not in the file */
    unsigned range[SYSTEM_RANGES_MAX];
    unsigned serial[SYSTEM_SERIALS_MAX];
    unsigned module[SYSTEM_MODULES_MAX];
    unsigned nic[SYSTEM_NICS_MAX];
    uint32_t bad; /* bits by enum system_field: refused already, so their faults are only echoes */
};

struct draft_switch {
    unsigned line;
    unsigned forward[SYSTEM_FORWARDS_MAX];
    bool bad; /* refused already */
};

struct draft_lines {
    struct draft_vm vm[SYSTEM_VMS_MAX];
    struct draft_switch switch_[SYSTEM_SWITCHES_MAX];
    struct draft_sel4 sel4;
};

struct draft {
    struct system_image *image;
    struct say *say;
    const char *dir; /* where the system file lies; guests' files are relative to it */
    struct draft_lines lines;
};

/* Fills the draft from a file whose form schema_check() has seen. Says what is wrong with the
 * guests' files and with what stands together. @pre draft->image is all zero. */
void draft_parse(struct draft *draft, const config_setting_t *root);

/* Finds the file that `written` names, and fills path and bytes. `what` is "kernel", "initrd" ...
 * False, and an error about the line, if it cannot be used. */
bool draft_file(struct draft *draft, unsigned line, const char *what, const char *written,
                struct system_file *out);

/* The parts of a file that are about networks: switches first, then each VM's cards, then what the
 * cards say of each other (draft_net.c). */
void draft_switches(struct draft *draft, const config_setting_t *root);
void draft_nics(struct draft *draft, uint32_t vm, const config_setting_t *group);
void draft_peers(struct draft *draft, const config_setting_t *vms);
bool draft_address(const char *text, uint32_t *address); /* "192.168.19.2"      */
bool draft_mac(const char *text, uint8_t mac[6]);        /* "52:42:48:00:00:01" */

/* The processor: its model and features (draft_cpu.c). After the devices. */
void draft_cpu(struct draft *draft, uint32_t vm, const config_setting_t *group);

static inline bool draft_is_bad(const struct draft_vm *vm, enum system_field field)
{
    return (vm->bad & (1u << (unsigned)field)) != 0;
}

#endif
