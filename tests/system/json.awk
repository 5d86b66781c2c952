# SPDX-License-Identifier: BSD-2-Clause
# A JSON text as lines PATH=VALUE. List items count from 0, but one with a "name" goes by it:
#   vms.linux.stop.cause=power-off

function token(pattern,    got) {
    sub(/^[ \t\r\n]+/, "", text)
    if (!match(text, "^(" pattern ")")) {
        print "json.awk: unexpected: " substr(text, 1, 40) >"/dev/stderr"
        broken = 1
        exit 1
    }
    got = substr(text, 1, RLENGTH)
    text = substr(text, RLENGTH + 1)
    return got
}

function next_is(c) {
    sub(/^[ \t\r\n]+/, "", text)
    return substr(text, 1, 1) == c
}

function string(    s) {
    s = token("\"([^\"\\\\]|\\\\.)*\"")
    s = substr(s, 2, length(s) - 2)
    gsub(/\\"/, "\"", s)
    gsub(/\\\\/, "\\", s)
    return s
}

function members(path,    key) {
    token("[{]")
    while (!next_is("}")) {
        key = string()
        token(":")
        value(path == "" ? key : path "." key)
        if (next_is(",")) {
            token(",")
        }
    }
    token("[}]")
}

function items(path,    i) {
    token("\\[")
    for (i = 0; !next_is("]"); i++) {
        value(path "." i)
        if (next_is(",")) {
            token(",")
        }
    }
    token("\\]")
}

function value(path,    v) {
    if (next_is("{")) {
        members(path)
    } else if (next_is("[")) {
        items(path)
    } else {
        v = next_is("\"") ? string() : token("[-+.0-9a-zA-Z]+")
        paths[count] = path
        values[count++] = v
        if (path ~ /\.[0-9]+\.name$/) {
            names[substr(path, 1, length(path) - 5)] = v
        }
    }
}

{ text = text $0 "\n" }

END {
    if (broken) {
        exit 1
    }
    count = 0
    value("")
    for (i = 0; i < count; i++) {
        path = paths[i]
        if (match(path, /\.[0-9]+\./) && substr(path, 1, RSTART + RLENGTH - 2) in names) {
            item = substr(path, 1, RSTART + RLENGTH - 2)
            path = substr(path, 1, RSTART) names[item] substr(path, length(item) + 1)
        }
        print path "=" values[i]
    }
}
