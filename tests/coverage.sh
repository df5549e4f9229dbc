#!/bin/sh
# coverage.sh - line coverage by file, from what `make cov` left.
#
#   coverage.sh BUILD_FOLDER CC
set -u
LC_ALL=C
export LC_ALL
build=$1 cc=$2
if "$cc" --version 2>/dev/null | grep -q clang; then
    gcov="${GCOV:-llvm-cov gcov}"
else
    gcov="${GCOV:-gcov}"
fi
find "$build/lib" "$build/cli" -name '*.gcno' | sort | while IFS= read -r data; do
    $gcov -n "$data" 2>/dev/null
done | awk '
    /^File / { file = $0; gsub(/^File .|.$/, "", file); next }
    /^Lines executed:/ && file ~ /^(lib|cli)\// {
        split($0, part, /[:% ]+/)
        lines[file] += $NF; run[file] += part[3] * $NF / 100
        file = ""
    }
    END {
        for (file in lines) {
            printf "%6.1f %%  %5d lines  %s\n", 100 * run[file] / lines[file], lines[file], file | "sort -k4"
            all += lines[file]; done += run[file]
        }
        close("sort -k4")
        if (!all) { print "no coverage data"; exit 1 }
        printf "%6.1f %%  %5d lines  in all\n", 100 * done / all, all
    }'
