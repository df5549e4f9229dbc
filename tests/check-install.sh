#!/bin/sh
# check-install.sh - an installation is complete: every file is there, and a small
# program finds the library by pkg-config, links with either form of it and prints
# the number of leaks in a bundled recording.
#
#   check-install.sh STAGE PREFIX     after make install DESTDIR=STAGE PREFIX=PREFIX
#
# Not part of `make check`: it looks at an installation, not at the build.
set -u
. tests/support/tap.sh
stage=$1 prefix=$2
root=$stage$prefix

case $(uname -s) in
Darwin) libraries='libgoleak.dylib libgoleak.0.dylib' ;;
*) libraries='libgoleak.so libgoleak.so.0' ;;
esac
check 'bin/goleak-report' "$root/bin/goleak-report" --version
for file in include/goleak.h lib/libgoleak.a lib/pkgconfig/goleak.pc share/man/man1/goleak-report.1; do
    check "$file" test -f "$root/$file"
done
for library in $libraries; do
    check "lib/$library" test -f "$root/lib/$library"
    check "lib/$library is a link" test -L "$root/lib/$library"
done

recording=testdata/dtrace/article-full-leaky.txt
expected=3
if [ ! -f "$recording" ]; then
    recording=$(find testdata/dtrace -name '*.txt' 2>/dev/null | sort | head -n 1)
    expected='[0-9]*'
fi
cat >"$TEST_TMP/consumer.c" <<'PROGRAM'
#include <goleak.h>
#include <inttypes.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    struct goleak_trace *trace;
    struct goleak_error error;
    if (argc != 2 || goleak_trace_load(&trace, argv[1], NULL, &error) < 0) {
        fprintf(stderr, "%s\n", argc == 2 ? error.message : "expected a FILE");
        return 1;
    }
    struct goleak_summary summary;
    goleak_trace_summary(trace, &summary);
    printf("%" PRIu64 "\n", summary.leaks);
    goleak_trace_free(trace);
    return 0;
}
PROGRAM

# pc ARGUMENT... - what goleak.pc says, its prefix being where the stage has it
pc() {
    PKG_CONFIG_PATH=$root/lib/pkgconfig ${PKG_CONFIG:-pkg-config} --define-variable=prefix="$root" "$@" goleak
}

# consumer KIND FLAG... - compile, run, compare
consumer() {
    kind=$1
    shift
    # Flags are words, and have no blanks in them.
    if ! output=$(${CC:-cc} -o "$TEST_TMP/consumer" "$TEST_TMP/consumer.c" "$@" 2>&1); then
        fail "$kind: compile and link" "$output"
        return
    fi
    pass "$kind: compile and link"
    output=$(LD_LIBRARY_PATH=$root/lib DYLD_LIBRARY_PATH=$root/lib "$TEST_TMP/consumer" "$recording" 2>&1)
    # shellcheck disable=SC2254
    case $output in
    $expected) pass "$kind: $output leaks in $recording" ;;
    *) fail "$kind: expected $expected leaks in $recording" "$output" ;;
    esac
}

check 'pkg-config knows goleak' pc --exists
version=$(sed -n 's/^#define GOLEAK_VERSION "\(.*\)"/\1/p' include/goleak.h)
check "its version is $version" test "$(pc --modversion)" = "$version"
# What tests need besides is nobody else's.
check 'it asks for what the library uses alone' sh -c '! grep -qi cjson "$1"' sh "$root/lib/pkgconfig/goleak.pc"
# shellcheck disable=SC2046
consumer 'shared library' $(pc --cflags --libs)
# shellcheck disable=SC2046
consumer 'static library' $(pc --cflags) "$root/lib/libgoleak.a" $(pc --static --libs | sed 's/-lgoleak//g')
done_testing
