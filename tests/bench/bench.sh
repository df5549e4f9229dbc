#!/bin/sh
# bench.sh - speed and memory of the whole default report, as ratios to zstd -dc of
# the same recording (wall clock, medians of interleaved rounds); for `make bench`.
#
# BENCH_MB (300) is a text's size, BENCH_ROUNDS (7) how often each is measured,
# BENCH_LIVE ("100000 1500000") the live goroutines of each recording, BENCH_OF
# ("dtrace perf bpftrace") whose recordings. The inputs are made once and stay in the
# build folder. Where $GOLEAK_CAPTURES has large recordings by perf and bpftrace, they
# are measured, too.
set -eu
megabytes=${BENCH_MB:-300} rounds=${BENCH_ROUNDS:-7}
folder=$BUILD_DIR/bench
mkdir -p "$folder"

# compare TITLE TEXT: TEXT.zst stands beside it.
compare() {
    cat "$2" "$2.zst" >/dev/null
    echo "$1:"
    "$BUILD_DIR/tests/bench/timing" "$rounds" \
        'zstd -dc' "zstd -dc '$2.zst'" \
        'text, one thread' "'$GOLEAK_REPORT' --jobs 1 '$2'" \
        'text' "'$GOLEAK_REPORT' '$2'" \
        '.zst, one thread' "'$GOLEAK_REPORT' --jobs 1 '$2.zst'" \
        '.zst, decode thread' "'$GOLEAK_REPORT' '$2.zst'" \
        '.zst, json' "'$GOLEAK_REPORT' --json '$2.zst'"
}

for what in ${BENCH_OF:-dtrace perf bpftrace}; do
    for live in ${BENCH_LIVE:-100000 1500000}; do
        text=$folder/$what-$megabytes-$live.txt
        if [ ! -f "$text.zst" ]; then
            "$BUILD_DIR/tests/bench/gen_$what" "$megabytes" "$live" >"$text"
            zstd -q -3 -f "$text"
        fi
        case $what in
        dtrace) title='D script text' ;;
        perf) title='perf script text, callchains' ;;
        bpftrace) title='bpftrace text, stacks' ;;
        esac
        compare "$title, $megabytes MB, up to $live live goroutines" "$text"
    done
    for packed in "${GOLEAK_CAPTURES:-/nowhere}/big/$what"-*.txt.zst; do
        [ -f "$packed" ] || continue
        text=$folder/$(basename "$packed" .zst)
        if [ ! -f "$text.zst" ]; then
            zstd -dcq "$packed" >"$text"
            zstd -q -3 -f "$text"
        fi
        compare "$(basename "$text"), a recording" "$text"
    done
done
