#!/bin/sh
# bench.sh - speed and memory of the whole default report, as ratios to zstd -dc of
# the same recording (wall clock, medians of interleaved rounds); for `make bench`.
#
# BENCH_MB (300) is a text's size, BENCH_ROUNDS (7) how often each is measured,
# BENCH_LIVE ("100000 1500000") the live goroutines of each recording, BENCH_OF
# ("dtrace perf bpftrace go1.26 go1.21 peers scale verdicts") whose recordings. The inputs are made
# once and stay in the build folder. The D scripts' ("dtrace") are converted to .glk, too:
# not packed (.0.glk), packed as convert does, and the first packed by zstd as a whole.
# Where $GOLEAK_CAPTURES has large recordings by perf and bpftrace, and Go's execution
# traces, they are measured, too. BENCH_GO is a go command whose `go tool trace` is measured
# beside: it takes gigabytes and minutes. "peers" are grep, and leak scripts in awk and
# python; "scale" is how the cost grows with events and with live goroutines; "verdicts" is
# what these cost, against a tool that keeps nothing for them ($GOLEAK_UNJUDGED).
set -eu
megabytes=${BENCH_MB:-300} rounds=${BENCH_ROUNDS:-7}
folder=$BUILD_DIR/bench
mkdir -p "$folder"

# generate WHAT TEXT ARGUMENT...: TEXT and TEXT.zst, unless they are younger than their generator.
generate() {
    generator=$BUILD_DIR/tests/bench/gen_$1 to=$2
    [ -f "$to.zst" ] && [ -z "$(find "$generator" -newer "$to.zst")" ] && return
    shift 2
    "$generator" "$@" >"$to"
    zstd -q -3 -f "$to"
}

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

# compare_glk TITLE TEXT: of the text, its .glk.
compare_glk() {
    glk=${2%.txt}.glk plain=${2%.txt}.0.glk
    if [ ! -f "$plain.zst" ] || [ -n "$(find "$2" -newer "$plain.zst")" ]; then
        "$GOLEAK_REPORT" convert --quiet --force "$2" -o "$glk"
        "$GOLEAK_REPORT" convert --quiet --force --level=0 "$2" -o "$plain"
        zstd -q -3 -f "$plain"
    fi
    events=$("$GOLEAK_REPORT" --json --fail-on=never "$glk" 2>/dev/null |
        sed 's/.*"bytes":[0-9]*,"events":\([0-9]*\),.*/\1/;q')
    echo "$1 as .glk, $events events:"
    for file in "$2.zst" "$plain" "$glk"; do
        wc -c <"$file" | awk -v events="$events" -v name="${file##*/}" \
            '{ printf "%-44s %7.2f B an event\n", name, $1 / events }'
    done
    "$BUILD_DIR/tests/bench/timing" "$rounds" \
        'zstd -dc of the text' "zstd -dc '$2.zst'" \
        '.glk, not packed, one thread' "'$GOLEAK_REPORT' --jobs 1 '$plain'" \
        '.glk, one thread' "'$GOLEAK_REPORT' --jobs 1 '$glk'" \
        '.glk, not packed, .zst, one thread' "'$GOLEAK_REPORT' --jobs 1 '$plain.zst'" \
        '.glk, not packed, .zst, decode thread' "'$GOLEAK_REPORT' '$plain.zst'" \
        'convert the text' "'$GOLEAK_REPORT' convert --quiet '$2' -o - | cat" |
        awk -v events="$events" '{ print }
            match($0, /[0-9.]+ s cpu/) && !/zstd -dc/ { printf "%-44s %7.2f ns an event\n", "", substr($0, RSTART) * 1e9 / events }'
}

# unpack PACKED PLAIN: PLAIN and PLAIN.zst, at the level that all ratios are to.
unpack() {
    [ ! -f "$2.zst" ] || return 0
    zstd -dcq "$1" >"$2"
    zstd -q -3 -f "$2"
}

# compare_trace TITLE TRACE: the memory in the last rows is that of a trace that comes
# through a pipe, so nothing of it is a file.
compare_trace() {
    cat "$2" "$2.zst" >/dev/null
    echo "$1 ($("$BUILD_DIR/tests/conformance/gotext" generations "$2")):"
    trace=$2
    set -- 'zstd -dc' "zstd -dc '$trace.zst'" \
        'trace, one thread' "'$GOLEAK_REPORT' --jobs 1 '$trace'" \
        'trace' "'$GOLEAK_REPORT' '$trace'" \
        '.zst, one thread' "'$GOLEAK_REPORT' --jobs 1 '$trace.zst'" \
        '.zst, decode thread' "'$GOLEAK_REPORT' '$trace.zst'" \
        '.zst, json' "'$GOLEAK_REPORT' --json '$trace.zst'" \
        'trace, through a pipe' "cat '$trace' | '$GOLEAK_REPORT' --jobs 1 -" \
        '.zst, through a pipe' "cat '$trace.zst' | '$GOLEAK_REPORT' -"
    [ -z "${BENCH_GO:-}" ] || set -- "$@" 'go tool trace -pprof=sync' "'$BENCH_GO' tool trace -pprof=sync '$trace'"
    "$BUILD_DIR/tests/bench/timing" "$rounds" "$@"
}

# text_of MEGABYTES LIVE: makes a D script's output, and says where.
text_of() {
    text=$folder/dtrace-$1-$2.txt
    generate dtrace "$text" "$1" "$2"
    echo "$text"
}

# peers: what there is for the article's output, on a tenth of the others' size.
peers() {
    text=$(text_of $((megabytes / 10)) 100000)
    cat "$text" "$text.zst" >/dev/null
    echo "D script text, $((megabytes / 10)) MB, up to 100000 live goroutines:"
    set -- 'zstd -dc' "zstd -dc '$text.zst'" \
        'goleak-report, one thread' "'$GOLEAK_REPORT' --jobs 1 '$text'" \
        'grep -c' "grep -c gopark '$text' | cat" \
        'awk script' "awk -f '$here/leaks.awk' '$text'"
    ! command -v python3 >/dev/null || set -- "$@" 'python script' "python3 '$here/leaks.py' '$text'"
    "$BUILD_DIR/tests/bench/timing" "$rounds" "$@"
}

# scale: how the cost grows with events and live goroutines: exponent e means "ten times the
# events cost 10^e". The large one is a .glk: 3 GB of text.
scale() {
    small=$(text_of 300 1000) many=$(text_of 300 2000000) large=$folder/dtrace-3000-1000.0.glk
    [ -f "${small%.txt}.0.glk" ] ||
        "$GOLEAK_REPORT" convert --quiet --force --level=0 "$small" -o "${small%.txt}.0.glk"
    [ -f "$large" ] || "$BUILD_DIR/tests/bench/gen_dtrace" 3000 1000 |
        "$GOLEAK_REPORT" convert --quiet --force --level=0 - -o "$large"
    echo "D script text, one thread, as it grows:"
    "$BUILD_DIR/tests/bench/timing" "$rounds" \
        '30 MB, 1000 live' "'$GOLEAK_REPORT' --jobs 1 '$(text_of 30 1000)'" \
        '300 MB, 1000 live' "'$GOLEAK_REPORT' --jobs 1 '$small'" \
        '300 MB, 2 million live' "'$GOLEAK_REPORT' --jobs 1 '$many'" \
        '300 MB as .glk, 1000 live' "'$GOLEAK_REPORT' --jobs 1 '${small%.txt}.0.glk'" \
        '3 GB as .glk, 1000 live' "'$GOLEAK_REPORT' --jobs 1 '$large'" |
        awk -v a="$(wc -l <"$small")" -v b="$(wc -l <"$many")" '{ print }
            match($0, /[0-9.]+ s cpu/) { cpu[++n] = substr($0, RSTART) + 0 }
            END {
                printf "%-44s %7.3f\n", "exponent, 30 to 300 MB", log(cpu[2] / cpu[1]) / log(10)
                printf "%-44s %7.3f\n", "exponent, .glk of 300 MB to 3 GB", log(cpu[5] / cpu[4]) / log(10)
                printf "%-44s %7.2f x an event\n", "2 million live, to 1000", cpu[3] / b / (cpu[2] / a)
            }'
}

# judge FILE: what do verdicts cost? Little: more rounds tell it from the machine's noise.
judge() {
    cat "$1" >/dev/null
    echo "$(basename "$1"), one thread:"
    "$BUILD_DIR/tests/bench/timing" "$((rounds * 3))" \
        'without verdicts' "'$GOLEAK_UNJUDGED' --jobs 1 '$1'" \
        'goleak-report' "'$GOLEAK_REPORT' --jobs 1 '$1'"
}

# verdicts: of recordings that tell more than the article's script does.
verdicts() {
    for what in perf bpftrace; do
        for live in ${BENCH_LIVE:-100000 1500000}; do
            text=$folder/$what-$megabytes-$live.txt
            generate "$what" "$text" "$megabytes" "$live"
            judge "$text"
        done
    done
    for packed in "${GOLEAK_CAPTURES:-/nowhere}"/big/perf-*.zst "${GOLEAK_CAPTURES:-/nowhere}"/big/bpftrace-*.zst \
        "${GOLEAK_CAPTURES:-/nowhere}"/big/go*.trace.zst; do
        [ -f "$packed" ] || continue
        unpack "$packed" "$folder/$(basename "$packed" .zst)"
        judge "$folder/$(basename "$packed" .zst)"
    done
}

here=$(dirname "$0")
for what in ${BENCH_OF:-dtrace perf bpftrace go1.26 go1.21 peers scale verdicts}; do
    case $what in
    peers | scale | verdicts)
        $what
        continue
        ;;
    go*)
        for packed in "${GOLEAK_CAPTURES:-/nowhere}/big/$what"-*.trace.zst; do
            [ -f "$packed" ] || continue
            trace=$folder/$(basename "$packed" .zst)
            unpack "$packed" "$trace"
            compare_trace "$(basename "$trace"), a recording" "$trace"
        done
        continue
        ;;
    esac
    for live in ${BENCH_LIVE:-100000 1500000}; do
        text=$folder/$what-$megabytes-$live.txt
        generate "$what" "$text" "$megabytes" "$live"
        case $what in
        dtrace) title='D script text' ;;
        perf) title='perf script text, callchains' ;;
        bpftrace) title='bpftrace text, stacks' ;;
        esac
        compare "$title, $megabytes MB, up to $live live goroutines" "$text"
        [ "$what" = dtrace ] || continue
        compare_glk "$title, $megabytes MB, up to $live live goroutines" "$text"
        text=$folder/$what-$megabytes-$live.time.txt
        generate "$what" "$text" "$megabytes" "$live" time
        compare_glk "$title with ts=, $megabytes MB, up to $live live goroutines" "$text"
    done
    for packed in "${GOLEAK_CAPTURES:-/nowhere}/big/$what"-*.txt.zst; do
        [ -f "$packed" ] || continue
        text=$folder/$(basename "$packed" .zst)
        unpack "$packed" "$text"
        compare "$(basename "$text"), a recording" "$text"
    done
done
