#!/bin/sh
# check-32bit.sh - the library and the tool compile for a machine of 32 bits, as this
# compiler's -m32: sizes that are asserted hold there, and no conversion loses what a
# size_t of 64 bits would have kept. Nothing is linked, so this machine's headers do.
set -u
cd "$(dirname "$0")/.." || exit 2
cc=${CC:-cc}
[ -n "${TEST_TMP:-}" ] || { TEST_TMP=$(mktemp -d) && trap 'rm -rf "$TEST_TMP"' EXIT; } || exit 2

# glibc wants to know what is missing of its 32-bit library: nothing that matters here.
mkdir -p "$TEST_TMP/gnu" && : >"$TEST_TMP/gnu/stubs-32.h" || exit 2
flags="-m32 -fsyntax-only -std=c11 -D_POSIX_C_SOURCE=200809L -D_FILE_OFFSET_BITS=64
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -Iinclude -Ilib -idirafter $TEST_TMP
    -idirafter /usr/include/$($cc -print-multiarch 2>/dev/null || :)"
case " ${GOLEAK_FEATURES:-} " in *' zlib '*) flags="$flags -DGOLEAK_HAVE_ZLIB" ;; esac

echo 1..1
printf '#include <errno.h>\n#include <stdio.h>\n#include <sys/ioctl.h>\n#include <zstd.h>\n' >"$TEST_TMP/probe.c"
# shellcheck disable=SC2086 # words
if ! $cc $flags "$TEST_TMP/probe.c" >/dev/null 2>&1; then
    echo "SKIP $cc has no -m32, or no headers for it"
    echo 'ok 1 - compiles for 32 bits # SKIP'
elif $cc $flags lib/*.c lib/*/*.c cli/*.c >&2; then
    echo 'ok 1 - compiles for 32 bits'
else
    echo 'not ok 1 - compiles for 32 bits'
    exit 1
fi
