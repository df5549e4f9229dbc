#!/bin/sh
# Results do not depend on --jobs, to the byte: json and ndjson reports on every recording
# in testdata/, and below $GOLEAK_CAPTURES, each alone and all of a folder in one report,
# say the same with any number of threads. (The golden cases are run with one thread and
# with three, too: see golden.sh.)
# $GOLEAK_REPORT is the tool.
set -u
. tests/support/tap.sh

tool=${GOLEAK_REPORT:?}

# Sanitizers take ten times as long: with them fewer recordings, no large ones, and less of
# those that are read as twenty frames, with fewer numbers of threads. Without them, all.
case " ${GOLEAK_FEATURES:-} " in
*' san '*) part=10 every=40 largest=1000 sides='3 8' ;;
*) part=1 every=1 largest=999999999 sides='2 3 4 6 8' ;;
esac
# What leaks at an exit golden.sh tells; to look for it is half of a short run.
ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
export ASAN_OPTIONS

# ---- recordings ----------------------------------------------------------------------

report() { # JOBS FORMAT FILE...: what it says, and its exit status
    jobs=$1 format=$2
    shift 2
    "$tool" --color=never --jobs="$jobs" --format="$format" "$@" 2>&1
    echo "status $?"
}

together() { # FILE...
    report 1 json "$@" >"$TEST_TMP/want"
    for jobs in 2 3 8; do
        report "$jobs" json "$@" >"$TEST_TMP/got"
        cmp "$TEST_TMP/want" "$TEST_TMP/got" || return 1
    done
}

same() { # FILE...: each in one of two ways, in turn; says which differ
    differ= way='4 json' next='2 ndjson'
    for file; do
        report 1 "${way#* }" "$file" >"$TEST_TMP/want"
        report "${way% *}" "${way#* }" "$file" >"$TEST_TMP/got"
        cmp "$TEST_TMP/want" "$TEST_TMP/got" || differ="$differ $file"
        last=$way way=$next next=$last
    done
    [ -z "$differ" ]
}

# shellcheck disable=SC2046 # no name here has a blank
set -- $(find testdata -type f ! -name '*.case' ! -name '*.md' | sort)
check 'the recordings in testdata/' same "$@"
check 'the recordings in testdata/, together' together "$@"

# ---- frames side by side: a recording as twenty of them -----------------------------------

twenty() { # BYTES: of the standard input, packed; broken: a byte of the twelfth is another one
    rm -f "$TEST_TMP"/piece.* "$TEST_TMP/frames" "$TEST_TMP/broken"
    head -c "$1" >"$TEST_TMP/plain"
    split -b $(($1 / 20 + 1)) "$TEST_TMP/plain" "$TEST_TMP/piece."
    for piece in "$TEST_TMP"/piece.*; do
        zstd -qc "$piece"
    done >"$TEST_TMP/frames"
    cp "$TEST_TMP/frames" "$TEST_TMP/broken"
    printf '~' | dd of="$TEST_TMP/broken" bs=1 seek=$(($(wc -c <"$TEST_TMP/frames") * 23 / 40)) conv=notrunc 2>"$TEST_TMP/dd"
}

frames() { # FILE BYTES: so many of its bytes
    zstd -dcq "$1" 2>"$TEST_TMP/dd" | twenty "$2" || return 1
    for file in frames broken; do
        [ -s "$TEST_TMP/$file" ] || return 1
        report 1 json "$TEST_TMP/$file" >"$TEST_TMP/want"
        for jobs in $sides; do
            report "$jobs" json "$TEST_TMP/$file" >"$TEST_TMP/got"
            cmp "$TEST_TMP/want" "$TEST_TMP/got" || return 1
        done
    done
    grep -q 'damaged.frames' "$TEST_TMP/want" || return 1
    report 1 json - <"$TEST_TMP/frames" >"$TEST_TMP/want"
    report 6 json - <"$TEST_TMP/frames" >"$TEST_TMP/got"
    cmp "$TEST_TMP/want" "$TEST_TMP/got"
}

if ! command -v zstd >/dev/null; then
    skip 'a recording as twenty frames' 'there is no zstd'
else
    cp testdata/dtrace/own_http_leak.txt.zst "$TEST_TMP/many"
    for i in 1 2 3 4 5 6 7 8; do
        cat "$TEST_TMP/many" "$TEST_TMP/many" >"$TEST_TMP/more"
        mv "$TEST_TMP/more" "$TEST_TMP/many"
    done
    check 'a recording as twenty frames' frames "$TEST_TMP/many" $((12000000 / part))
    for name in bpftrace-150MB.txt perf-160MB.txt go1.26-50MB.trace; do
        [ -f "${GOLEAK_CAPTURES:-/nowhere}/big/$name.zst" ] || continue
        check "$name as twenty frames" frames "$GOLEAK_CAPTURES/big/$name.zst" $((40000000 / part))
    done
fi

if [ -z "${GOLEAK_CAPTURES:-}" ]; then
    skip 'the recordings in $GOLEAK_CAPTURES' 'it is not set'
else
    [ $every = 1 ] || echo "# one of $every recordings, and none over $largest blocks"
    for folder in "$GOLEAK_CAPTURES"/*/; do
        # shellcheck disable=SC2046
        set -- $(find "$folder" -type f ! -name '*.json' ! -name '*.md' -size -$((largest + 1)) | sort | awk -v every=$every 'NR % every == 0')
        [ $# != 0 ] || continue
        check "the recordings in $(basename "$folder")" same "$@"
        check "the recordings in $(basename "$folder"), together" together "$@"
    done
fi
done_testing
