/* SPDX-License-Identifier: BSD-2-Clause
 * The simulated machine's network, outside and inside: only for a system with an uplink.
 *
 * QEMU's own user networking carries it, so nobody needs a privilege. Uplinks in the machine find the
 * world behind it. The machine has no loopback interface: what an uplink sends to 127.0.0.1, which is
 * how it means its host, goes the way of everything else, and QEMU opens it on the real host. A
 * forward takes two steps, of QEMU to the machine and of the uplink to the guest, with one port number. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "machine_int.h"

/* QEMU's user networking, as its documentation has it. */
#define NET_INTERFACE "eth0"
#define NET_ADDRESS   0x0A00020Fu /* 10.0.2.15 */
#define NET_MASK      0xFFFFFF00u
#define NET_ROUTER    0x0A000202u /* 10.0.2.2 */
#define NET_RESOLVER  "nameserver 10.0.2.3\n"

bool machine_net_wanted(const struct system_image *image)
{
    for (uint32_t i = 0; i < image->switches; i++) { /* bound: SYSTEM_SWITCHES_MAX */
        if (image->switch_[i].uplink != SYSTEM_UPLINK_NONE) {
            return true;
        }
    }
    return false;
}

/* --- Outside ----------------------------------------------------------------------------------- */

static struct sockaddr_in net_address(uint32_t host_order, uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(host_order),
    };
}

/* QEMU would not start at all if it could not have a port: so a look before. errno says why not. */
static bool net_port_is_free(const struct system_forward *f)
{
    const int on = 1;
    const struct sockaddr_in at = net_address(f->host_address, f->host_port);
    int fd = socket(AF_INET, (f->udp != 0 ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return false;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    bool good = bind(fd, (const struct sockaddr *)&at, sizeof(at)) == 0 &&
                (f->udp != 0 || listen(fd, 1) == 0);
    int saved = errno;
    (void)close(fd);
    errno = saved;
    return good;
}

static void net_add_forward(const struct system_forward *f, char *out, size_t size)
{
    char address[INET_ADDRSTRLEN] = "";
    size_t used = strlen(out);
    const struct in_addr in = {.s_addr = htonl(f->host_address)};
    if (f->host_address != 0) {
        (void)inet_ntop(AF_INET, &in, address, sizeof(address));
    }
    if (!net_port_is_free(f)) {
        (void)fprintf(stderr,
                      "bulkhead: warning: port %u of %s cannot be forwarded: %s; give it another "
                      "port in the system file, or end the program that has it\n",
                      f->host_port, address[0] != '\0' ? address : "this host", strerror(errno));
        return;
    }
    (void)snprintf(out + used, size - used, ",hostfwd=%s:%s:%u-:%u", f->udp != 0 ? "udp" : "tcp",
                   address, f->host_port, f->host_port);
}

void machine_net_plan(const struct system_image *image, char out[MACHINE_NETDEV_MAX])
{
    (void)snprintf(out, MACHINE_NETDEV_MAX, "user,id=net,ipv6=off");
    for (uint32_t i = 0; i < image->switches; i++) { /* bound: SYSTEM_SWITCHES_MAX */
        const struct system_switch *s = &image->switch_[i];
        for (uint32_t k = 0; k < s->forwards; k++) { /* bound: SYSTEM_FORWARDS_MAX */
            net_add_forward(&s->forward[k], out, MACHINE_NETDEV_MAX);
        }
    }
}

void machine_net_rewrite(struct system_image *image)
{
    for (uint32_t i = 0; i < image->switches; i++) { /* bound: SYSTEM_SWITCHES_MAX */
        struct system_switch *s = &image->switch_[i];
        for (uint32_t k = 0; k < s->forwards; k++) { /* bound: SYSTEM_FORWARDS_MAX */
            s->forward[k].host_address = 0; /* QEMU's side of the forward obeys the address */
        }
    }
}

/* --- Inside ------------------------------------------------------------------------------------ */

static void net_put(const struct sockaddr_in *in, struct sockaddr *out)
{
    memcpy(out, in, sizeof(*in));
}

static bool net_set_addresses(int fd)
{
    const struct sockaddr_in address = net_address(NET_ADDRESS, 0);
    const struct sockaddr_in mask = net_address(NET_MASK, 0);
    struct ifreq r = {.ifr_name = NET_INTERFACE};
    net_put(&address, &r.ifr_addr);
    if (ioctl(fd, SIOCSIFADDR, &r) != 0) {
        return false;
    }
    net_put(&mask, &r.ifr_netmask);
    if (ioctl(fd, SIOCSIFNETMASK, &r) != 0 || ioctl(fd, SIOCGIFFLAGS, &r) != 0) {
        return false;
    }
    r.ifr_flags = (short)(r.ifr_flags | IFF_UP);
    return ioctl(fd, SIOCSIFFLAGS, &r) == 0;
}

static bool net_set_route(int fd)
{
    const struct sockaddr_in router = net_address(NET_ROUTER, 0);
    const struct sockaddr_in any = net_address(0, 0);
    struct rtentry r = {.rt_flags = RTF_UP | RTF_GATEWAY};
    net_put(&router, &r.rt_gateway);
    net_put(&any, &r.rt_dst);
    net_put(&any, &r.rt_genmask);
    return ioctl(fd, SIOCADDRT, &r) == 0;
}

static bool net_write(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0) {
        (void)close(fd);
    }
    return good;
}

bool machine_net_up(void)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool good = fd >= 0 && net_set_addresses(fd) && net_set_route(fd) &&
                net_write("/proc/sys/net/ipv4/conf/" NET_INTERFACE "/route_localnet", "1") &&
                net_write("/etc/resolv.conf", NET_RESOLVER);
    int saved = errno;
    if (fd >= 0) {
        (void)close(fd);
    }
    errno = saved;
    return good;
}
