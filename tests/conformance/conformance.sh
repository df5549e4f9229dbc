#!/bin/sh
# conformance.sh - what Go's own tests of its trace reader read, and whether we come to
# the same verdicts; for `make conformance GOROOT=DIR`.
#
# DIR is a Go source tree: /usr/lib/go-1.26 with Debian's golang-1.26-src, for one. The
# files are the Go project's and are not part of this one. Each tree has its own: 1.22
# and later the text traces and the fuzz inputs, all the v1 traces (of their age).
#
#   text traces     SUCCESS: read without a complaint, also under --strict. FAILURE: a
#                   complaint about the order of events, and a report all the same
#   fuzz inputs     whatever is in there: an exit status of 0, 1 or 2, and no sanitizer's
#                   word. `make conformance SAN=address,undefined` asks for that
#   v1 traces       *_good of Go 1.11 and later: read without a complaint. Older ones are
#                   refused, with the versions that are known
#
# The last line is "N passed, N failed, N skipped".
set -u
LC_ALL=C
export LC_ALL

root=${1:-}
if [ -z "$root" ] || [ ! -d "$root/src/internal/trace" ]; then
    echo "conformance: GOROOT must name a Go source tree, such as GOROOT=/usr/lib/go-1.26 (Debian: golang-1.26-src)" >&2
    [ -z "$root" ] || echo "conformance: there is no $root/src/internal/trace" >&2
    exit 2
fi
if [ ! -x "${GOLEAK_REPORT:-}" ] || [ ! -x "${BUILD_DIR:-}/tests/conformance/gotext" ]; then
    echo "conformance.sh: GOLEAK_REPORT and BUILD_DIR name no programs; say make conformance" >&2
    exit 2
fi
gotext=$BUILD_DIR/tests/conformance/gotext
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 2' HUP INT TERM
passed=0 failed=0 skipped=0

pass() {
    passed=$((passed + 1))
}

fail() {
    failed=$((failed + 1))
    echo "FAILED $name: $1"
    head -n 5 "$work/stderr" | sed 's/^/    /'
}

# report OPTION... - on the trace; its exit status is in `status`.
report() {
    timeout -k 5 60 "$GOLEAK_REPORT" "$@" "$work/trace" >"$work/stdout" 2>"$work/stderr" </dev/null
    status=$?
}

sane() {
    [ "$status" -le 2 ] && ! grep -q 'Sanitizer\|runtime error:' "$work/stderr"
}

# How often a complaint was made, in the JSON that was printed.
health() {
    sed -n "s/.*\"$1\": *\([0-9][0-9]*\).*/\1/p" "$work/stdout" | head -n 1
}

expect_success() {
    report --strict --include-system
    if sane && [ "$status" -le 1 ]; then
        pass
    else
        fail "exit status $status, Go reads it"
    fi
}

# What Go says of both: "expected a proc but didn't have one".
expect_failure() {
    report --include-system --json
    if ! sane || [ "$status" = 2 ]; then
        fail "exit status $status, expected a report with a complaint"
    elif [ "$(health broken_order)" = 0 ] && [ "$(health impossible_transitions)" = 0 ]; then
        fail "no complaint, Go says: $1"
    elif report --include-system --strict && sane && [ "$status" != 2 ]; then
        fail "exit status $status under --strict, expected 2"
    else
        pass
    fi
}

expect_survival() {
    for options in '' '--strict --json' '--jobs 1 --include-system -f ndjson'; do
        # shellcheck disable=SC2086
        report $options
        if ! sane; then
            fail "exit status $status ($options)"
            return
        fi
    done
    pass
}

expect_old() {
    report
    if sane && [ "$status" = 2 ] && grep -q 'known' "$work/stderr"; then
        pass
    else
        fail "exit status $status, expected to be told which are known"
    fi
}

run_text() {
    if ! verdict=$("$gotext" test "$file" "$work/trace" 2>"$work/stderr"); then
        fail 'cannot be compiled'
        return
    fi
    case $verdict in
    SUCCESS*) expect_success ;;
    FAILURE*) expect_failure "${verdict#FAILURE }" ;;
    *) fail "no verdict: $verdict" ;;
    esac
}

run_fuzz() {
    if "$gotext" fuzz "$file" "$work/trace" 2>"$work/stderr"; then
        expect_survival
    else
        fail 'cannot be read'
    fi
}

run_v1() {
    cp "$file" "$work/trace" && chmod u+w "$work/trace" || exit 2
    minor=$(head -c 8 "$file" | sed 's/^go 1\.\([0-9]*\).*/\1/')
    if [ "$minor" -lt 11 ]; then
        expect_old
    else
        expect_success
    fi
}

find -L "$root/src/internal/trace" "$root/src/cmd/trace" -type f \( -path '*/testdata/*.test' -o \
    -path '*/fuzz/FuzzReader/*' -o -path '*/testdata/*_good' -o -path '*/testdata/*_unordered' \) 2>/dev/null |
    sort >"$work/files"
if [ ! -s "$work/files" ]; then
    echo "conformance: no test files below $root/src/internal/trace" >&2
    exit 2
fi
while IFS= read -r file <&3; do
    name=${file#"$root"/}
    : >"$work/stderr"
    case $file in
    *.test) run_text ;;
    */FuzzReader/*) run_fuzz ;;
    *) run_v1 ;;
    esac
done 3<"$work/files"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
