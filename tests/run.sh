#!/bin/sh
# run.sh - runs tests and adds up what they say.
#
#   run.sh [-j JOBS] [-o FOLDER] TEST...
#
# A TEST is a program or a *.sh script. It speaks TAP on standard output, as
# cmocka does when asked: a plan "1..N", then "ok 1 - name", "not ok 2 - name",
# "ok 3 # SKIP reason"; "SKIP reason" on a line of its own says why the test that
# follows is skipped. One that says nothing of this counts as one test, by its
# exit status (0 passed, 77 skipped).
#
# Nothing is taken on trust: tests that were announced and not reported, a crash,
# a non-zero exit without a failed test, and a test that outlives TEST_TIMEOUT
# seconds (600) are failures.
#
# Each runs with its own empty folder, TEST_TMP, and without standard input; what
# it printed stays in FOLDER. The last line is "N passed, N failed, N skipped".
set -u
LC_ALL=C
export LC_ALL
# Memory from malloc is not zero (glibc): what nobody has written would be read again as it was, now and then.
MALLOC_PERTURB_=${MALLOC_PERTURB_:-165}
export MALLOC_PERTURB_

# Reads a test's standard output; prints "passed failed skipped", then the
# failures and the reasons for skips.
judge='
/^1\.\.[0-9]+/ { planned += substr($0, 4); said = 1; next }
/^(# )?SKIP / { sub(/^(# )?SKIP /, ""); reason = $0; next }
/^(not )?ok [0-9]+.*# SKIP/ {
    said = 1; skipped++
    what = $0; sub(/^.*# SKIP[ \t]*/, "", what)
    notes = notes "  SKIP " what (reason != "" ? ": " reason : "") "\n"; reason = ""; next
}
/^not ok [0-9]+/ { said = 1; failed++; notes = notes "  " $0 "\n"; next }
/^ok [0-9]+/ { said = 1; passed++; next }
END {
    if (status == 124 && limited)
        { failed++; notes = notes "  took longer than TEST_TIMEOUT\n" }
    else if (!said && status == 77)
        { skipped++; notes = notes "  SKIP " (reason != "" ? reason : "no reason given") "\n" }
    else if (!said && status == 0)
        passed++
    else if (passed + failed + skipped < planned) {
        notes = notes "  ended with status " status " before all tests were run\n"
        failed += planned - passed - failed - skipped
    } else if (status != 0 && !failed)
        { failed++; notes = notes "  exit status " status "\n" }
    print passed + 0, failed + 0, skipped + 0
    printf "%s", notes
}'

# run_one FOLDER NUMBER - of the list in FOLDER
run_one() {
    folder=$1
    test=$(sed -n "$2p" "$folder/list")
    name=$(printf '%s\n' "$test" | sed "s|^${BUILD_DIR:-build}/||")
    log=$folder/$(printf '%s\n' "$name" | tr / _)
    TEST_TMP=$log.tmp
    export TEST_TMP
    rm -rf "$TEST_TMP" && mkdir -p "$TEST_TMP" || exit 1
    case $TEST_TMP in /*) ;; *) TEST_TMP=$PWD/$TEST_TMP ;; esac
    case $test in
    *.sh) set -- sh "$test" ;;
    # A program opens thousands of recordings, and there are machines where each fresh page of memory takes
    # longer than what is done with it: glibc keeps for the next one what the last one had, on huge pages.
    *) set -- env MALLOC_TRIM_THRESHOLD_=268435456 MALLOC_MMAP_THRESHOLD_=8388608 \
        GLIBC_TUNABLES=glibc.malloc.hugetlb=1 "$test" ;;
    esac
    limited=0
    if command -v timeout >/dev/null 2>&1; then
        limited=1
        set -- timeout -k 5 "${TEST_TIMEOUT:-600}" "$@"
    fi
    begun=$(date +%s)
    CMOCKA_MESSAGE_OUTPUT=TAP "$@" </dev/null >"$log.out" 2>"$log.err"
    awk -v status=$? -v limited=$limited "$judge" "$log.out" >"$log.sum"
    took=$(($(date +%s) - begun))
    rm -rf "$TEST_TMP"
    read -r passed failed skipped <"$log.sum"
    {
        line="$passed passed"
        [ "$failed" = 0 ] || line="$line, $failed failed"
        [ "$skipped" = 0 ] || line="$line, $skipped skipped"
        [ "$took" -lt 10 ] || line="$line ($took s)"
        [ "$failed" = 0 ] && mark=ok || mark=FAILED
        printf '%-7s %-40s %s\n' "$mark" "$name" "$line"
        sed 1d "$log.sum"
        if [ "$failed" != 0 ]; then
            # The plain successes aside, what it said.
            grep -Ev '^(ok [0-9]|1\.\.)' "$log.out" | tail -n 200 | sed 's/^/    | /'
            tail -n 100 "$log.err" | sed 's/^/    | /'
        fi
    } >"$log.show"
    cat "$log.show"
    exit 0
}

[ "${1:-}" != --one ] || run_one "$2" "$3"

jobs=1 folder=build/check
while getopts j:o: option; do
    case $option in
    j) jobs=$OPTARG ;;
    o) folder=$OPTARG ;;
    *) exit 2 ;;
    esac
done
shift $((OPTIND - 1))
if [ $# = 0 ]; then
    echo "run.sh: no tests" >&2
    exit 2
fi
rm -rf "$folder" && mkdir -p "$folder" || exit 2

printf '%s\n' "$@" >"$folder/list"
awk '{ print NR }' "$folder/list" | xargs -P "$jobs" -n 1 sh "$0" --one "$folder"

# A test whose sum is missing was not run: that is a failure, too.
for test in "$folder"/*.sum; do
    [ ! -f "$test" ] || sed -n 1p "$test"
done | awk -v tests=$# '
    { passed += $1; failed += $2; skipped += $3 }
    END {
        failed += tests - NR
        printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
        exit failed != 0
    }'
