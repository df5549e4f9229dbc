#!/bin/sh
# fuzz.sh - runs fuzz targets, each for some seconds, on testdata/ and what earlier
# runs found; for `make fuzz`.
#
#   fuzz.sh BUILD_FOLDER libfuzzer|driver SECONDS TARGET...
#
# Go's execution traces are text in testdata/: fuzz_trace gets their bytes, which $GOLEAK_GOTEXT makes.
# fuzz_glk gets what $GOLEAK_REPORT, the tool, converts the recordings there to.
#
# The log, the inputs found and a crashing input stay in BUILD_FOLDER/fuzz/TARGET.
set -u
build=$1 engine=$2 seconds=$3
shift 3
ASAN_OPTIONS=${ASAN_OPTIONS:-abort_on_error=1}
UBSAN_OPTIONS=${UBSAN_OPTIONS:-abort_on_error=1:print_stacktrace=1}
export ASAN_OPTIONS UBSAN_OPTIONS

# make_seeds FOLDER - a trace of each text: the `trace` sections of golden cases, *.text
make_seeds() {
    rm -rf "$1" && mkdir -p "$1" || return 1
    awk -v folder="$1" '
    FNR == 1 { on = FILENAME ~ /[.]text$/; if (on) out = folder "/" ++n ".txt" }
    /^== / { on = $2 == "trace"; out = folder "/" ++n ".txt"; next }
    on { print >out }' testdata/gotrace*/*.case testdata/gotrace*/*.text
    for text in "$1"/*.txt; do
        "$GOLEAK_GOTEXT" compile <"$text" >"${text%.txt}.trace" || return 1
        rm -f "$text"
    done
}

# make_glk_seeds FOLDER - not packed, so that a changed byte changes what it means
make_glk_seeds() {
    rm -rf "$1" && mkdir -p "$1" || return 1
    count=0
    for recording in testdata/*/*.txt testdata/*/*.zst testdata/*/*.json "$folder"/traces/*.trace; do
        count=$((count + 1))
        "$GOLEAK_REPORT" convert --level=0 "$recording" -o "$1/$count.glk" 2>/dev/null || rm -f "$1/$count.glk"
    done
}

failed=0
for target; do
    program=$build/tests/fuzz/fuzz_$target
    folder=$build/fuzz/$target
    mkdir -p "$folder/found" || exit 2
    seeds=''
    if [ "$target" = trace ]; then
        seeds=$folder/seeds
        make_seeds "$seeds" || exit 2
    fi
    if [ "$target" = glk ]; then
        seeds=$folder/seeds
        make_seeds "$folder/traces" && make_glk_seeds "$seeds" || exit 2
    fi
    rm -f "$folder"/crash-* "$folder"/leak-* "$folder"/timeout-* "$folder"/oom-*
    if [ "$engine" = libfuzzer ]; then
        cat tests/fuzz/*.dict >"$folder/dict" || exit 2
        set -- "$program" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -malloc_limit_mb=256 \
            -max_len=16384 -dict="$folder/dict" -artifact_prefix="$folder/" -print_final_stats=1 \
            "$folder/found" testdata ${seeds:+"$seeds"}
    else
        set -- "$program" -t "$seconds" -o "$folder/crash-input" testdata ${seeds:+"$seeds"}
    fi
    if "$@" >"$folder/log" 2>&1 </dev/null; then
        case $engine in
        libfuzzer) runs="$(sed -n "s,^stat::number_of_executed_units: *,,p" "$folder/log") runs" ;;
        *) runs=$(sed -n 's/^ok 1 - //p' "$folder/log") ;;
        esac
        echo "fuzz $target ($engine): $runs in $seconds s, nothing found"
    else
        failed=1
        echo "fuzz $target ($engine): FAILED; from $folder/log:"
        awk '/ERROR: |runtime error: |SUMMARY: |driver: /{ show = 50 } show-- > 0' "$folder/log"
        ls "$folder"/crash-* "$folder"/leak-* "$folder"/timeout-* "$folder"/oom-* 2>/dev/null |
            sed 's/^/the input: /'
    fi
done
exit $failed
