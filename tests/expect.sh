# SPDX-License-Identifier: BSD-2-Clause
# What the cases of tests/system and tests/sel4 both call; sourced by their runners, which say what a console is.

# fail TEXT: this case has failed. It goes on.
fail() {
    echo "$*" >>"$out/failures"
}

# expect_lines NAME PATTERN OPERATOR N: how many lines of a console match an extended regular expression.
expect_lines() {
    found=$(console "$1" | grep -E -c -e "$2")
    if ! test "$found" "$3" "$4"; then
        fail "$1: $found lines match '$2', not $3 $4"
    fi
}

# expect_no_line NAME PATTERN: shows the line that should not be there.
expect_no_line() {
    found=$(console "$1" | grep -E -e "$2" | head -n 1)
    if [ -n "$found" ]; then
        fail "$1: $found"
    fi
}
