#!/bin/sh
# bench.sh - speed and memory of the whole default report, as ratios to zstd -dc of
# the same recording (wall clock, medians of interleaved rounds); for `make bench`.
#
# BENCH_MB (300) is the text's size, BENCH_ROUNDS (7) how often each is measured,
# BENCH_LIVE ("100000 1500000") the live goroutines of each recording. The inputs are
# made once and stay in the build folder.
set -eu
megabytes=${BENCH_MB:-300} rounds=${BENCH_ROUNDS:-7}
folder=$BUILD_DIR/bench
mkdir -p "$folder"
for live in ${BENCH_LIVE:-100000 1500000}; do
    text=$folder/dtrace-$megabytes-$live.txt
    if [ ! -f "$text.zst" ]; then
        "$BUILD_DIR/tests/bench/gen_dtrace" "$megabytes" "$live" >"$text"
        zstd -q -3 -f "$text"
    fi
    cat "$text" "$text.zst" >/dev/null
    echo "D script text, $megabytes MB, up to $live live goroutines:"
    "$BUILD_DIR/tests/bench/timing" "$rounds" \
        'zstd -dc' "zstd -dc '$text.zst'" \
        'text, one thread' "'$GOLEAK_REPORT' --jobs 1 '$text'" \
        'text' "'$GOLEAK_REPORT' '$text'" \
        '.zst, one thread' "'$GOLEAK_REPORT' --jobs 1 '$text.zst'" \
        '.zst, decode thread' "'$GOLEAK_REPORT' '$text.zst'" \
        '.zst, json' "'$GOLEAK_REPORT' --json '$text.zst'"
done
