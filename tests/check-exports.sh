#!/bin/sh
# check-exports.sh - the shared library ($GOLEAK_SO) shows exactly what goleak.h
# marks GOLEAK_API.
set -u
LC_ALL=C
export LC_ALL
. tests/support/tap.sh

if ! command -v nm >/dev/null 2>&1; then
    skip 'exports' 'nm is not here'
    done_testing
fi
case $(uname -s) in
Darwin) nm -gU "$GOLEAK_SO" | awk '{ sub(/^_/, "", $NF); print $NF }' ;;
*) nm -D --defined-only "$GOLEAK_SO" | awk '{ sub(/@.*/, "", $NF); print $NF }' ;;
esac | sort -u >"$TEST_TMP/shown"
awk '/^GOLEAK_API/ && match($0, /goleak_[a-z0-9_]+\(/) { print substr($0, RSTART, RLENGTH - 1) }' include/goleak.h |
    sort -u >"$TEST_TMP/promised"

# only NAME FILE - passes if the file is empty, else shows it
only() {
    if [ -s "$2" ]; then fail "$1" "$(cat "$2")"; else pass "$1"; fi
}
check 'goleak.h promises something' test -s "$TEST_TMP/promised"
grep -v '^goleak_' "$TEST_TMP/shown" >"$TEST_TMP/foreign"
only 'every exported symbol begins with goleak_' "$TEST_TMP/foreign"
comm -23 "$TEST_TMP/shown" "$TEST_TMP/promised" >"$TEST_TMP/private"
only 'nothing is exported that goleak.h does not declare' "$TEST_TMP/private"
comm -13 "$TEST_TMP/shown" "$TEST_TMP/promised" >"$TEST_TMP/missing"
only 'everything that goleak.h declares is exported' "$TEST_TMP/missing"
done_testing
