/* SPDX-License-Identifier: BSD-2-Clause
 * libslirp, loaded when an uplink starts. */
#include "kvm/slirp_lib.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

/* dlsym() gives an object pointer; the copy makes it one to a function, as POSIX has it. */
static bool find(void *library, const char *name, void *function, size_t bytes)
{
    void *at = dlsym(library, name);
    memcpy(function, &at, bytes);
    return at != NULL;
}

_Static_assert(sizeof(void *) == sizeof(void (*)(void)), "POSIX: dlsym()");

bool slirp_lib_load(struct slirp_lib *lib, char *why, size_t why_size)
{
    void *library = dlopen(SLIRP_LIB_FILE, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        (void)snprintf(why, why_size, "%s; install Debian's libslirp0", dlerror());
        return false;
    }
    if (!find(library, "slirp_new", &lib->new, sizeof(lib->new)) ||
        !find(library, "slirp_pollfds_fill", &lib->fill, sizeof(lib->fill)) ||
        !find(library, "slirp_pollfds_poll", &lib->poll, sizeof(lib->poll)) ||
        !find(library, "slirp_input", &lib->input, sizeof(lib->input)) ||
        !find(library, "slirp_add_hostfwd", &lib->forward, sizeof(lib->forward))) {
        (void)snprintf(why, why_size, SLIRP_LIB_FILE " lacks a function: 4.0 or later is needed");
        return false;
    }
    return true;
}
