#!/bin/sh
# convert, killed at any moment: under the output's name stands the old file or a whole new
# one, and handled signals leave no litter beside it. $GOLEAK_REPORT is the tool.
set -u
. tests/support/tap.sh

tool=${GOLEAK_REPORT:?}
here=$PWD
cd "$TEST_TMP" || exit 1

# A recording that takes a while: one run of the article's program after the other.
zstd -dcq "$here/testdata/dtrace/own_http_leak.txt.zst" >one.txt 2>/dev/null || cp "$here/testdata/dtrace/own_leaky.events.txt" one.txt
i=0
: >many.txt
while [ $i -lt 12 ]; do
    cat one.txt one.txt one.txt one.txt >>many.txt
    i=$((i + 1))
done
echo 'the old file' >old
"$tool" convert many.txt -o whole.glk || exit 1

# stop SIGNAL DELAY - a conversion over the old file, ended after DELAY seconds
stop() {
    cp old out.glk
    "$tool" convert --force many.txt -o out.glk 2>/dev/null &
    pid=$!
    sleep "$2"
    kill -"$1" $pid 2>/dev/null
    wait $pid 2>/dev/null
}

is_old_or_whole() {
    cmp -s old out.glk || cmp -s whole.glk out.glk
}

no_litter() {
    test -z "$(find . -name '.goleak-report-*')"
}

for signal in TERM INT HUP KILL; do
    for delay in 0 0.01 0.03 0.06 0.1 0.2 0.5; do
        stop $signal $delay
        check "$signal after $delay s: the old file, or the whole new one" is_old_or_whole
        [ $signal = KILL ] || check "$signal after $delay s: no litter" no_litter
        rm -f .goleak-report-*
    done
done

# Whoever waits for it learns what ended it. It is ended while what it writes stands under another name: more has come
# through a pipe than is held back to be put in order, and the rest does not come.
mkfifo slow
awk 'BEGIN {
    for (i = 0; i < 300000; i++) {
        printf "newproc1: goroutine=c%09x ts=%d\n", i * 896, 2 * i
        printf "gdestroy: goroutine=c%09x ts=%d\n", i * 896, 2 * i + 1
    }
}' >brief.txt
# begin_slowly ARGUMENT... - the tool in the background
begin_slowly() {
    "$tool" "$@" &
    pid=$!
    exec 3>slow
    cat brief.txt >&3
    tries=0
    until [ -n "$(find . -name '.goleak-report-*')" ] || [ $tries = 100 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    begun=$((tries < 100))
}
# end_with SIGNAL
end_with() {
    kill -"$1" $pid
    sleep 0.1
    exec 3>&-
    wait $pid 2>/dev/null
    status=$?
}
for signal in TERM:143 HUP:129; do
    begin_slowly convert slow -o slow.glk
    end_with ${signal%:*}
    check "${signal%:*} is what ended convert" test $begun:$status = 1:${signal#*:}
    check '... without litter' no_litter
    rm -f .goleak-report-*
    begin_slowly -f ndjson -o slow.ndjson slow
    end_with ${signal%:*}
    check "${signal%:*} is what ended a report" test $begun:$status = 1:${signal#*:}
    check '... without litter' no_litter
    rm -f .goleak-report-*
done
check 'neither has left anything under its name' test ! -e slow.glk -a ! -e slow.ndjson

# But not whoever was told to ignore it, as nohup does.
trap '' HUP
begin_slowly convert slow -o kept.glk
trap - HUP
end_with HUP
check 'what is ignored ends nothing' test $begun:$status = 1:0
check '... and all is written' test -s kept.glk

# A pipe that feeds it breaks off: what came is a recording, called incomplete or not by its own marks.
head -c 100000 many.txt | "$tool" convert - -o cut.glk
check 'what came through a pipe that ended is whole' "$tool" --json --fail-on=never cut.glk

# Whatever thread it is read on: two recordings in one file, plain and packed, by name and
# through a pipe.
"$tool" convert "$here/testdata/bpftrace/own_leaky.txt" "$here/testdata/perf/own_leaky.txt.zst" -o two.glk
zstd -q two.glk -o two.glk.zst
same_on_threads() {
    "$tool" --json --jobs 1 two.glk 2>/dev/null | sed 's/"bytes":[0-9]*//; s/two[.]glk/-/g' >want
    for jobs in 1 2 3 4; do
        "$tool" --json --jobs $jobs two.glk 2>/dev/null | sed 's/"bytes":[0-9]*//; s/two[.]glk/-/g' | cmp want - || return 1
        "$tool" --json --jobs $jobs - <two.glk.zst 2>/dev/null | sed 's/"bytes":[0-9]*//' | cmp want - || return 1
        cat two.glk | "$tool" --json --jobs $jobs - 2>/dev/null | sed 's/"bytes":[0-9]*//' | cmp want - || return 1
    done
    grep -q '"seen_twice":359' want
}
check 'with any number of threads it says the same' same_on_threads

# Nor does it write anything else, or need more memory than it may have: these events' numbers are many bytes in a block.
awk 'BEGIN {
    srand(1)
    for (i = 1; i <= 170000; i++)
        printf "gopark: goroutine=c%09x reason=7 chan=c%09x elem=c%09x ts=%d\n", i % 100 * 896, rand() * 2 ^ 34, rand() * 2 ^ 34, i
}' >wide.txt
same_by_threads() {
    "$tool" convert --jobs 1 wide.txt -o want.glk || return 1
    for jobs in 2 3 4 8; do
        "$tool" convert --jobs $jobs --force wide.txt -o wide.glk && cmp want.glk wide.glk || return 1
    done
    "$tool" convert --jobs 8 --max-memory 20M --force wide.txt -o wide.glk && cmp want.glk wide.glk
}
check 'with any number of threads it writes the same, within a limit, too' same_by_threads

# The other way round: whoever reads the output goes away.
"$tool" convert many.txt -o - | head -c 10 >/dev/null
check 'a reader that goes away is no failure' sh -c "'$tool' convert many.txt -o - | head -c 10 >/dev/null"

# Somebody else's file of that name, which came while it ran, stays.
rm -f late.glk
mkfifo feed
"$tool" convert feed -o late.glk 2>err &
pid=$!
{
    cat one.txt
    cp old late.glk
} >feed
wait $pid
check 'without --force a file that came meanwhile stays' cmp old late.glk
check '... and that is told' grep -q 'late.glk: error: cannot be put in place' err
check '... without litter' no_litter

# Into a pipe, which somebody may read later.
mkfifo out
"$tool" convert one.txt -o out 2>waits &
pid=$!
tries=0
until test -s waits || test $tries = 100; do
    sleep 0.1
    tries=$((tries + 1))
done
cat out >read.glk
wait $pid
"$tool" convert one.txt -o direct.glk
check 'that a pipe has no reader yet is told' grep -q 'out: note: is a pipe that nobody reads yet' waits
check '... and who comes gets all of it' cmp read.glk direct.glk
cat out >read.glk &
pid=$!
sleep 0.5
"$tool" convert one.txt -o out 2>err
wait $pid
check 'a pipe that is read is written' cmp read.glk direct.glk
check '... without a word' test ! -s err
done_testing
