#!/bin/sh
# selftest.sh - proves that run.sh counts right and takes nothing on trust.
set -u
. tests/support/tap.sh

# says NAME TALLY SCRIPT... - runs SCRIPTs as tests; the last line must be TALLY,
# and the exit status must be a failure unless it says "0 failed".
says() {
    name=$1 tally=$2
    shift 2
    rm -rf "$TEST_TMP/tests" && mkdir "$TEST_TMP/tests"
    number=0
    for script; do
        number=$((number + 1))
        printf '%s\n' "$script" >"$TEST_TMP/tests/$number.sh"
    done
    output=$(TEST_TIMEOUT=2 sh tests/run.sh -j 2 -o "$TEST_TMP/out" "$TEST_TMP"/tests/*.sh 2>&1)
    status=$?
    case $tally in
    *' 0 failed'*) [ $status = 0 ] ;;
    *) [ $status != 0 ] ;;
    esac && [ "$(printf '%s\n' "$output" | tail -n 1)" = "$tally" ] && pass "$name" ||
        fail "$name" "exit status $status, expected: $tally
$output"
}

says 'sums' '3 passed, 0 failed, 1 skipped' 'echo 1..2; echo ok 1 - a; echo ok 2 - b' \
    'echo 1..2; echo ok 1 - c; echo SKIP no tool; echo "not ok 2 # SKIP d"'
case $output in
*'SKIP d: no tool'*) pass 'a reason is shown' ;;
*) fail 'a reason is shown' "$output" ;;
esac
says 'several plans' '3 passed, 0 failed, 0 skipped' 'echo 1..1; echo ok 1 - a; echo 1..2; echo ok 1 - b; echo ok 2 - c'
says 'a plain program' '1 passed, 0 failed, 1 skipped' 'echo hello' 'echo SKIP not today; exit 77'
says 'a failed test' '1 passed, 1 failed, 0 skipped' 'echo 1..2; echo ok 1 - a; echo not ok 2 - b; exit 1'
says 'a failed plain program' '0 passed, 1 failed, 0 skipped' 'exit 3'
says 'a crash at the start' '1 passed, 1 failed, 0 skipped' 'kill -SEGV $$' 'echo 1..1; echo ok 1 - a'
says 'a crash between tests' '1 passed, 2 failed, 0 skipped' 'echo 1..3; echo ok 1 - a; kill -SEGV $$'
says 'a crash at the end' '1 passed, 1 failed, 0 skipped' 'echo 1..1; echo ok 1 - a; kill -SEGV $$'
says 'an early success' '1 passed, 1 failed, 0 skipped' 'echo 1..2; echo ok 1 - a; exit 0'
says 'a test that is not there' '0 passed, 1 failed, 0 skipped' 'exec ./no-such-program'
if command -v timeout >/dev/null 2>&1; then
    says 'a test without end' '0 passed, 1 failed, 0 skipped' 'exec sleep 30'
fi
refuse 'no tests at all' sh tests/run.sh -o "$TEST_TMP/out"
done_testing
