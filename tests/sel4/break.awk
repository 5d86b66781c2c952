# SPDX-License-Identifier: BSD-2-Clause
# From SEL4_BREAK, a word a record, to the list that break.c includes. Status 1: a word that it does not know.
BEGIN {
    role["vmm"] = "PART_VMM"
    role["io"] = "PART_IO"
    role["switch"] = "PART_SWITCH"
    role["native"] = "PART_NATIVE"
}
$0 == "" { next }
{ words = words (words == "" ? "" : " ") $0 }
$0 == "cr2" || $0 == "keeps" { next }
/^[a-z]+\.[a-z0-9-]+@[0-9]+(:trap)?$/ && (substr($0, 1, index($0, ".") - 1) in role) {
    trap = sub(/:trap$/, "") ? "true" : "false"
    split($0, part, /[.@]/)
    printf "{%s, \"%s\", %d, %s},\n", role[part[1]], part[2], part[3], trap
    next
}
{
    print "SEL4_BREAK: \"" $0 "\" is neither cr2 nor keeps nor like vmm.NAME@MS, io.NAME@MS:trap, switch..., native..." \
        > "/dev/stderr"
    failed = 1
}
END {
    print "{0, NULL, 0, false},"
    print "#define BREAK_TEXT \"" words "\""
    exit failed
}
