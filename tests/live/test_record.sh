#!/bin/sh
# test_record.sh - the scripts of `goleak-report recorder` record what is true.
#
# Builds leaky.go and healthy.go with Go, records both with the script for each tool that
# is here, reports on the recordings, and compares goroutine by goroutine with what the
# program wrote of itself before it ended. Both with symbols and without. Attaches to
# server.go as well, which lives on: no end of what was seen created may be missing. And
# records every call of a lock of locks.go, built so that none is inlined; and the timers that
# goroutines of timers.go wait for.
#
#   GOLEAK_GO      the go commands to build with (go, or where Debian keeps it)
#   GOLEAK_TOOLS   bpftrace perf
#
# A row of the table that it prints: Go, form, tool, program, created, ended, leaks, lost.
set -u
LC_ALL=C
export LC_ALL GOTOOLCHAIN=local GO111MODULE=off
. tests/support/tap.sh
GOCACHE=$TEST_TMP/cache GOFLAGS=
export GOCACHE GOFLAGS

# skip_all REASON
skip_all() {
    skip 'live recordings' "$1"
    done_testing
}
[ "$(uname -s)" = Linux ] || skip_all 'this is not Linux'
[ "$(id -u)" = 0 ] || skip_all 'not root: tracing needs it'
[ -e /sys/kernel/tracing/uprobe_events ] || [ -e /sys/kernel/debug/tracing/uprobe_events ] ||
    mount -t tracefs nodev /sys/kernel/tracing 2>/dev/null || skip_all 'tracefs with uprobe_events is not here'
go=${GOLEAK_GO:-$(command -v go || ls /usr/lib/go-*/bin/go 2>/dev/null | tail -n 1)}
[ -n "$go" ] || skip_all 'Go is not here (Debian: golang-go)'

# ---- recording ---------------------------------------------------------------

# with_bpftrace PROGRAM NAME - by the command that stands in the script's head
with_bpftrace() {
    "$GOLEAK_REPORT" recorder bpftrace --exe="$1" -o "$2.bt" || return 1
    command=$(sed -n "s|^// *\\(bpftrace .* -c .*\\)# to its end|\\1|p" "$2.bt" |
        sed "s|trace\\.txt|$2.txt|; s|\\./app ARGUMENT|$1 $2.dump|; s|THIS\\.bt|$2.bt|; s|trace\\.err|$2.err|")
    [ -n "$command" ] && sh -c "$(exports "$2.bt") $command" >"$2.out"
}

# exports SCRIPT - the line of its head that sets bpftrace's environment
exports() {
    sed -n 's|^// *\(export BPFTRACE_PERF_RB_PAGES.*\)|\1;|p' "$1"
}

# with_perf PROGRAM NAME
with_perf() {
    "$GOLEAK_REPORT" recorder perf --exe="$1" -o "$2.sh" &&
        sh "$2.sh" -o "$2.txt" -- "$1" "$2.dump" >"$2.out" 2>"$2.err"
}

# attach_bpftrace PROGRAM NAME PID - for two seconds, until SIGINT, as from the keyboard
attach_bpftrace() {
    "$GOLEAK_REPORT" recorder bpftrace --exe="$1" -o "$2.bt" || return 1
    command=$(sed -n "s|^// *\\(bpftrace .* -p PID .*\\)|\\1|p" "$2.bt" |
        sed "s|trace\\.txt|$2.txt|; s|PID|$3|; s|THIS\\.bt|$2.bt|; s|trace\\.err|$2.err|")
    [ -n "$command" ] || return 1
    sh -c "$(exports "$2.bt") exec $command" >"$2.out" &
    recorder=$!
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        sleep 1
        [ ! -s "$2.txt" ] || break
    done
    sleep 2
    kill -INT $recorder && wait $recorder
}

# attach_perf PROGRAM NAME PID
attach_perf() {
    "$GOLEAK_REPORT" recorder perf --exe="$1" -o "$2.sh" &&
        sh "$2.sh" -o "$2.txt" -p "$3" -t 2 >"$2.out" 2>"$2.err"
}

# ---- comparing ----------------------------------------------------------------

# goids of the dump's goroutines whose header matches
dumped() {
    sed -n "s/^goroutine \\([0-9]*\\) .*$1.*/\\1/p" "$2" | sort | tr '\n' ' '
}

# goids of the report's lines that match
reported() {
    grep -E "$1" "$2" | sed 's/.*"goid":\([0-9]*\),.*/\1/' | sort | tr '\n' ' '
}

# same NAME WHAT EXPECTED FOUND
same() {
    if [ "$3" = "$4" ]; then
        pass "$1: $2"
    else
        fail "$1: $2" "expected '$3', found '$4'"
    fi
}

# compare NAME FILES LEAKS FORM TOOL PROGRAM
compare() {
    # A recording of a stripped program has addresses only; the program names them.
    exe=
    [ "$4" != stripped ] || exe=--exe=$6
    "$GOLEAK_REPORT" --strict --format=ndjson $exe "$2.txt" "$2.err" >"$2.ndjson" 2>"$2.said"
    status=$?
    [ "$3" = 0 ] && expected=0 || expected=1
    [ $status = $expected ] || sed 's/^/# /' "$2.said"
    same "$1" 'exit status, nothing lost or damaged' $expected $status
    leaks=$(reported '"verdict":"(certain|likely)"' "$2.ndjson")
    same "$1" 'the goroutines that leak' "$(dumped 'chan send' "$2.dump")" "$leaks"
    same "$1" 'their number' "$3" "$(echo "$leaks" | wc -w | tr -d ' ')"
    same "$1" 'the goroutines alive at the end' "$(dumped '' "$2.dump")" "$(reported '"ended_ns":null' "$2.ndjson")"
    echo "# $go_version $4 $5 $(basename "$2"): created $(grep -c '"created_ns":[0-9]' "$2.ndjson")," \
        "ended $(grep -c '"ended_ns":[0-9]' "$2.ndjson"), leaks $(echo "$leaks" | wc -w | tr -d ' ')," \
        "$(sed -n 's/.*goleak-recorder-end: //p' "$2.txt")"
}

# Each leak: created and blocked where the source says, by main.
check_places() {
    leaks=$(grep -E '"verdict":"(certain|likely)"' "$2.ndjson")
    same "$1" 'creation sites' 3 "$(echo "$leaks" | grep -c '"created_at":"main\.Gather[+ ]')"
    same "$1" 'block sites' 3 "$(echo "$leaks" | grep -c '"blocked_at":"main\.Gather\.func1[+ ]')"
    same "$1" 'block stacks' 3 \
        "$(echo "$leaks" | grep -c '"stack":\["runtime\.gopark[^]]*"runtime\.chansend1[^]]*"main\.Gather\.func1')"
    same "$1" 'parents' 3 "$(echo "$leaks" | grep -c '"parent_goid":1,')"
}

# record NAME-OF-PROGRAM FORM TOOL LEAKS
record() {
    name="$go_version $2, $3, $1"
    files=$TEST_TMP/$1-$2-$3
    if ! "with_$3" "$TEST_TMP/$1-$2" "$files" >"$files.log" 2>&1 || [ ! -s "$files.dump" ]; then
        fail "$name: recorded" "$(cat "$files.log" "$files.err" 2>/dev/null)"
        return
    fi
    compare "$name" "$files" "$4" "$2" "$3" "$TEST_TMP/$1-$2"
    [ "$4" = 0 ] || check_places "$name" "$files"
}

# The end that perf's script tells, to its last event.
end_of() {
    awk 'match($0, /\] +[0-9]+\.[0-9]+:/) { last = substr($0, RSTART + 1, RLENGTH - 2) + 0 }
        sub(/^# goleak-recorder-end: .*ts=/, "") { end = $0 / 1e9 }
        END { print (end - last < 0.3 && end >= last ? "together" : (end - last) " s behind") }' "$1"
}

# attach TOOL
attach() {
    name="$go_version server, $1, attached"
    files=$TEST_TMP/server-$1
    "$TEST_TMP/server" &
    server=$!
    sleep 1
    "attach_$1" "$TEST_TMP/server" "$files" $server >"$files.log" 2>&1
    status=$?
    kill $server
    wait $server 2>/dev/null
    if [ $status != 0 ] || [ ! -s "$files.txt" ]; then
        fail "$name: recorded" "$(cat "$files.log" "$files.err" 2>/dev/null)"
        return
    fi
    "$GOLEAK_REPORT" --json --fail-on=never "$files.txt" "$files.err" >"$files.json" 2>"$files.said"
    status=$?
    [ $status = 0 ] || sed 's/^/# /' "$files.said"
    same "$name" 'exit status' 0 $status
    same "$name" 'ends that were not seen' 0 "$(sed -n 's/.*"implicit_ends":\([0-9]*\).*/\1/p' "$files.json")"
    [ "$1" != perf ] || same "$name" 'its last event and its end' together "$(end_of "$files.txt")"
    # perf stops in the middle of a request, and so does bpftrace 0.17 where it drops what it
    # read last. Else whatever was created has ended before the last probe went.
    [ "$1" = bpftrace ] && grep -q '"lost_events":0,' "$files.json" &&
        same "$name" 'leaks' 0 "$(sed -n 's/.*"leaks":\([0-9]*\),"system.*/\1/p' "$files.json")"
    echo "# $go_version attached $1: $(grep -o '"created":[0-9]*,"ended":[0-9]*' "$files.json" | head -n 1)," \
        "$(grep -o '"lost_events":[0-9]*' "$files.json")"
}

# What starts while perf attaches is recorded, and another process of the same program is not.
threads() {
    name="$go_version threads, perf, attached"
    files=$TEST_TMP/threads-perf
    "$TEST_TMP/threads" &
    other=$!
    "$TEST_TMP/threads" &
    program=$!
    sleep 0.3
    attach_perf "$TEST_TMP/threads" "$files" $program
    same "$name" 'exit status' 0 $?
    kill $program $other
    wait $program $other 2>/dev/null
    recorded=$(grep -o " $program/[0-9]* " "$files.txt" | sort -u | wc -l | tr -d ' ')
    echo "# $name: $recorded threads recorded"
    check "$name: all 200 threads" [ "$recorded" -ge 200 ]
    same "$name" 'lines of another process' 0 "$(grep -c " $other/[0-9]* " "$files.txt")"
}

# locks TOOL CASE VERDICT COUNT
locks() {
    name="$go_version locks $2, $1"
    files=$TEST_TMP/locks-$2-$1
    "$GOLEAK_REPORT" recorder "$1" --locks --exe="$TEST_TMP/locks" -o "$files.script"
    if [ "$1" = perf ]; then
        sh "$files.script" -o "$files.txt" -- "$TEST_TMP/locks" "$2" >"$files.out" 2>"$files.err"
    else
        sh -c "$(exports "$files.script") bpftrace --unsafe -o $files.txt -c '$TEST_TMP/locks $2' $files.script" \
            >"$files.out" 2>"$files.err"
    fi
    "$GOLEAK_REPORT" --strict --json --fail-on=never "$files.txt" "$files.err" >"$files.json" 2>"$files.said"
    status=$?
    [ $status = 0 ] || sed 's/^/# /' "$files.said"
    same "$name" 'exit status, nothing lost or damaged' 0 $status
    same "$name" "those that are $3" "$4" "$(sed -n "s/.*\"summary\":.*\"$3\":\([0-9]*\),.*/\1/p" "$files.json")"
}

# timers TOOL - of the four functions of timers.go three each wait for a timer that is set, or leak
timers() {
    name="$go_version timers, $1"
    files=$TEST_TMP/timers-$1
    if ! GODEBUG=asynctimerchan=0 "with_$1" "$TEST_TMP/timers" "$files" >"$files.log" 2>&1; then
        fail "$name: recorded" "$(cat "$files.log" "$files.err" 2>/dev/null)"
        return
    fi
    "$GOLEAK_REPORT" --format=ndjson --fail-on=never "$files.txt" "$files.err" >"$files.ndjson" 2>"$files.said"
    for function in onTimer onTicker stopped forgotten; do
        case $function in on*) rule='"waiting","evidence":\[{"rule":"timed"' ;; *) rule='"likely"' ;; esac
        same "$name" "$function" 3 "$(grep "\"blocked_at\":\"main\.$function[+ ]" "$files.ndjson" |
            grep -c "\"verdict\":$rule")"
    done
}

for command in $go; do
    go_version=$("$command" env GOVERSION)
    for program in leaky healthy; do
        check "$go_version builds $program" "$command" build -o "$TEST_TMP/$program-symbols" "tests/live/$program.go"
        check "$go_version builds $program without symbols" \
            "$command" build -ldflags='-s -w' -o "$TEST_TMP/$program-stripped" "tests/live/$program.go"
    done
    said=$("$GOLEAK_REPORT" recorder dtrace --exe="$TEST_TMP/leaky-stripped" 2>&1)
    same "$go_version stripped, dtrace: refused by name" "error" "$TEST_TMP/leaky-stripped: error: the program has no symbols" \
        "${said%%,*}"
    check "$go_version builds locks" "$command" build -gcflags=all=-l -o "$TEST_TMP/locks" tests/live/locks.go
    check "$go_version builds locks with calls inlined" "$command" build -o "$TEST_TMP/locks-inlined" tests/live/locks.go
    said=$("$GOLEAK_REPORT" recorder perf --locks --exe="$TEST_TMP/locks-inlined" 2>&1)
    same "$go_version locks" 'inlined: refused' "$TEST_TMP/locks-inlined: error: the compiler inlined calls of locks" \
        "${said%%,*}"
    for program in server threads timers; do
        check "$go_version builds $program" "$command" build -o "$TEST_TMP/$program" "tests/live/$program.go"
    done
    for tool in ${GOLEAK_TOOLS:-bpftrace perf}; do
        if ! command -v "$tool" >/dev/null; then
            skip "$tool" "$tool is not here"
            continue
        fi
        for form in symbols stripped; do
            record leaky $form "$tool" 3
            record healthy $form "$tool" 0
        done
        locks "$tool" abba certain 2
        locks "$tool" ended likely 2
        locks "$tool" healthy leaks 0
        attach "$tool"
        [ "$tool" != perf ] || threads
        case $go_version in
        go1.19* | go1.2[0-2]*) skip "$go_version timers, $tool" 'a channel knows its timer since Go 1.23' ;;
        *) timers "$tool" ;;
        esac
    done
done
done_testing
