# SPDX-License-Identifier: BSD-2-Clause
# Sourced by shell scripts: a small HTTP server of this host, for guests to fetch a page from. It is the busybox
# of the Linux guest, on a free port of 127.0.0.1.

page_busybox=build/guests/linux/busybox
page_pid=

# page_start DIR: serves DIR. Sets page_port and page_pid; false: no port could be had. Who else may have
# the port is told by our server, which ends if it cannot have it.
page_start() {
    page_port=$((20000 + $$ % 20000))
    page_last=$((page_port + 50))
    while [ "$page_port" -lt "$page_last" ]; do
        "$page_busybox" httpd -f -p "127.0.0.1:$page_port" -h "$1" 2>/dev/null </dev/null &
        page_pid=$!
        page_tries=100
        while [ "$page_tries" -gt 0 ] && kill -0 "$page_pid" 2>/dev/null; do
            if "$page_busybox" wget -q -O /dev/null "http://127.0.0.1:$page_port/" 2>/dev/null &&
                kill -0 "$page_pid" 2>/dev/null; then
                return 0
            fi
            sleep 0.1
            page_tries=$((page_tries - 1))
        done
        page_end
        page_port=$((page_port + 1))
    done
    return 1
}

# page_end: ends the server, if there is one.
page_end() {
    if [ -n "$page_pid" ]; then
        kill "$page_pid" 2>/dev/null
        wait "$page_pid" 2>/dev/null
        page_pid=
    fi
    return 0
}
