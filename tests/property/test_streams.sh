#!/bin/sh
# Plain = zstd = gzip = standard input = a pipe, through the tool itself and for every
# report; and what happens when the other end fails: a full disk, a reader that goes.
# Recordings are those in testdata/dtrace; $GOLEAK_REPORT is the tool.
set -u
. tests/support/tap.sh

tool=${GOLEAK_REPORT:?}
data=testdata/dtrace
here=$PWD
# What leaks at an exit golden.sh tells; to look for it is half of a short run.
ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
export ASAN_OPTIONS
cd "$TEST_TMP" || exit 1

# report FORMAT FILE - without what tells the ways apart: names, sizes
report() {
    "$tool" --format="$1" "$2" 2>err |
        sed -e 's/"bytes":[0-9]*/"bytes":0/g' -e 's/"path":"[^"]*"/"path":"*"/g' -e 's/"input":"[^"]*"/"input":"*"/g'
}

same() {
    report "$1" "$2" >got
    cmp want got
}

same_piped() {
    cat "$2" | report "$1" - >got
    cmp want got
}

same_slowly() {
    {
        head -c 100 "$2"
        sleep 0.05
        tail -c +101 "$2"
    } | report "$1" - >got
    cmp want got
}

for name in article-full-leaky.txt article-full-not-leaky.txt own_leaky.noquiet.txt own_leaky.ustack.txt \
    own_not_leaky.events.txt own_names.ustack.txt drops_bufsize4k.txt profile_1s.txt own_leaky.flow.txt; do
    cp "$here/$data/$name" plain
    for format in json ndjson; do
        report "$format" plain >want
        check "$name, $format: a pipe" same_piped "$format" plain
        check "$name, $format: a slow pipe" same_slowly "$format" plain
        for packer in zstd gzip; do
            if ! command -v "$packer" >/dev/null; then
                skip "$name, $format: $packer" "$packer is not here"
            elif [ "$packer" = gzip ] && case " ${GOLEAK_FEATURES:-} " in *" zlib "*) false ;; esac; then
                skip "$name, $format: gzip" 'built without zlib'
            else
                "$packer" -c <plain >packed
                check "$name, $format: $packer" same "$format" packed
                check "$name, $format: $packer, a pipe" same_piped "$format" packed
            fi
        done
    done
done

# ---- the other end fails --------------------------------------------------------------

says() {
    [ "$(cat status)" = "$1" ] && grep -q "$2" err
}

cp "$here/$data/article-full-leaky.txt" plain
for format in text json ndjson; do
    if [ -c /dev/full ]; then
        "$tool" --format="$format" plain >/dev/full 2>err
        echo $? >status
        check "$format: a full disk" says 2 'standard output cannot be written: '
        "$tool" --format="$format" -o /dev/full plain 2>err
        echo $? >status
        check "$format: -o to a full disk" says 2 '/dev/full: error: cannot be written: '
    else
        skip "$format: a full disk" '/dev/full is not here'
    fi
done

# More than a pipe holds, so that the tool notices.
awk 'BEGIN { for (i = 1; i <= 50000; i++)
    printf "newproc1: goroutine=%x parent=1374389543360 count=%d blocked_count=0\n", 1048576 + i * 448, i }' >many
{
    "$tool" --format=ndjson many 2>err
    echo $? >status
} | head -n 1 >line
quiet() {
    [ "$(cat status)" = 0 ] && [ ! -s err ] && [ "$(wc -l <line)" -eq 1 ]
}
check 'ndjson: a reader that goes early' quiet
{
    "$tool" --format=ndjson --fail-on=suspect plain many 2>err
    echo $? >status
} | true
leaky() {
    [ "$(cat status)" = 1 ] && [ ! -s err ]
}
check 'ndjson: a reader that was never there' leaky

# ---- how far it is --------------------------------------------------------------------

tells() {
    tr '\r' '\n' <err | grep -q "$1"
}
size=$(wc -c <many | awk '{ printf "%d.%02d MB", $1 / 1000000, $1 % 1000000 / 10000 }')
"$tool" --progress=always many >/dev/null 2>err
check 'progress: of a file' tells " of $size "
"$tool" --progress=always plain >/dev/null 2>err
check 'progress: of a small file' tells ' of [0-9]*[.][0-9][0-9] kB '
"$tool" --progress=always - <many >/dev/null 2>err
check 'progress: of a file as standard input' tells " of $size "
"$tool" convert --progress=always -o - - <many 2>err >many.glk
check 'progress: of a file as standard input of convert' tells " of $size "

done_testing
