#!/bin/sh
# check-32bit.sh - all of it compiles for a machine of 32 bits, as this compiler's -m32:
# sizes that are asserted hold there, and no conversion loses what a size_t of 64 bits
# would have kept. Nothing is linked, so this machine's headers do.
set -u
cd "$(dirname "$0")/.." || exit 2
cc=${CC:-cc}
[ -n "${TEST_TMP:-}" ] || { TEST_TMP=$(mktemp -d) && trap 'rm -rf "$TEST_TMP"' EXIT; } || exit 2

# glibc wants to know what is missing of its 32-bit library: nothing that matters here.
mkdir -p "$TEST_TMP/gnu" && : >"$TEST_TMP/gnu/stubs-32.h" || exit 2
flags="-m32 -fsyntax-only -std=c11 -D_POSIX_C_SOURCE=200809L -D_FILE_OFFSET_BITS=64
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -Iinclude -Ilib -Icli -Itests
    -idirafter /usr/include/cjson -idirafter $TEST_TMP
    -idirafter /usr/include/$($cc -print-multiarch 2>/dev/null || :)"
case " ${GOLEAK_FEATURES:-} " in *' zlib '*) flags="$flags -DGOLEAK_HAVE_ZLIB" ;; esac

# compiles WHAT FILE... - where a file that includes the headers in $headers does
compiles() {
    what=$1 number=$((number + 1))
    shift
    for header in $headers; do echo "#include <$header>"; done >"$TEST_TMP/probe.c"
    # shellcheck disable=SC2086 # words
    if ! $cc $flags "$TEST_TMP/probe.c" >/dev/null 2>&1; then
        echo "SKIP $cc has no -m32, or not all of $headers for it"
        echo "ok $number - 32 bits: $what # SKIP"
    elif $cc $flags "$@" >&2; then
        echo "ok $number - 32 bits: $what"
    else
        echo "not ok $number - 32 bits: $what"
        status=1
    fi
}

number=0 status=0
echo 1..2
headers='errno.h stdio.h sys/ioctl.h zstd.h'
compiles 'the library and the tool' lib/*.c lib/*/*.c cli/*.c
headers="$headers setjmp.h stdarg.h stddef.h stdint.h cmocka.h cJSON.h"
compiles tests tests/*/*.c
exit $status
