#!/bin/sh
# check-layers.sh - who includes whom, against lib/layers.txt.
#
#   check-layers.sh ROOT    prints "file:line: layer X may not include Y" for each
#                           breach in that source tree, and fails if there is one
#   check-layers.sh         as a test: this tree keeps its layers, and breaches
#                           planted in a copy of it are found
#
# A file's layer is its folder in lib/. An include counts by the file that it
# reaches: beside the including file, below lib/, below include/. System headers
# are not looked at.
set -u
LC_ALL=C
export LC_ALL

check_tree() {
    cd "$1" || return 2
    files=$(find lib cli -name '*.[ch]' -o -name '*.def' | sort)
    # The names have no blanks, by the house rules.
    # shellcheck disable=SC2086
    awk '
    function breach(text) { printf "%s:%d: %s\n", FILENAME, FNR, text; bad = 1 }
    function exists(path,    line, found) {
        if (!(path in known)) {
            found = (getline line < path)
            known[path] = found >= 0
            if (found >= 0) close(path)
        }
        return known[path]
    }
    # a/./b and a/x/../b are a/b.
    function plain(path) {
        while (sub(/\/\.\//, "/", path)) ;
        while (sub(/[^\/]+\/\.\.\//, "", path)) ;
        return path
    }
    function layer_of(path,    part, n) {
        n = split(path, part, "/")
        if (part[1] == "lib") return n > 2 ? part[2] : "lib"
        return part[1]
    }
    function folder(path) { sub(/[^\/]*$/, "", path); return path }
    # The file of ours that this include reaches, or "".
    function reach(name, quoted,    path, part) {
        if (quoted && exists(path = plain(folder(FILENAME) name))) return path
        if (exists(path = plain("lib/" name))) return path
        if (exists(path = plain("include/" name))) return path
        # A header that is not written yet still has a layer.
        path = name ~ /^\.\.\// ? plain(folder(FILENAME) name) : "lib/" name
        return split(path, part, "/") > 2 && (part[2] in may) ? path : ""
    }

    FILENAME == "lib/layers.txt" {
        sub(/#.*/, "")
        if ($0 ~ /^[ \t]*$/) next
        if ($0 !~ /^[a-z_]+:/) { breach("expected \"layer: layers\", found \"" $0 "\""); next }
        name = $1; sub(/:.*/, "", name)
        may[name] = 1
        for (i = 2; i <= NF; i++) allow[name, $i] = line_of[$i] = FNR
        next
    }
    !table_checked {
        table_checked = 1
        for (i in line_of)
            if (i != "*" && !(i in may)) { printf "lib/layers.txt:%d: unknown layer %s\n", line_of[i], i; bad = 1 }
    }
    FNR == 1 {
        from = layer_of(FILENAME)
        if (!(from in may)) breach("layer " from " is not in lib/layers.txt")
    }
    !(from in may) { next }
    /^[ \t]*#[ \t]*include/ {
        name = $0
        sub(/^[ \t]*#[ \t]*include[ \t]*/, "", name)
        quoted = name ~ /^"/
        if (name !~ /^[<"]/) { breach("an include that is no plain file name: " name); next }
        sub(/^[<"]/, "", name); sub(/[>"].*/, "", name)
        if (name == "goleak.h") next
        path = reach(name, quoted)
        if (path == "" || path == "include/goleak.h") next
        to = layer_of(path)
        if (to == from || (from, to) in allow) next
        if ((from, "*") in allow && (to in may) && to != "cli") next
        breach("layer " from " may not include " (to in may && to != "lib" && to != "cli" ? to : path))
    }
    END { exit bad }
    ' lib/layers.txt $files
}

if [ $# -gt 0 ]; then
    check_tree "$1"
    exit
fi

. tests/support/tap.sh

# plant FILE LINE... - in a fresh copy: append the lines to the file, check.
plant() {
    tree=$TEST_TMP/tree
    rm -rf "$tree" && mkdir -p "$tree" && cp -R lib cli include "$tree" || return
    touch "$tree/lib/planted_top.h" "$tree/cli/planted_cli.h"
    file=$tree/$1
    shift
    mkdir -p "$(dirname "$file")" && printf '%s\n' "$@" >>"$file" || return
    (check_tree "$tree")
}

# caught NAME COMPLAINT FILE LINE... - planted, it must be complained of just so.
caught() {
    name=$1 complaint=$2
    shift 2
    if output=$(plant "$@" 2>&1); then
        fail "$name" 'not noticed'
    elif printf '%s\n' "$output" | grep -qF "$complaint"; then
        pass "$name"
    else
        fail "$name" "$output"
    fi
}

check 'this tree keeps its layers' sh tests/check-layers.sh .
check 'an allowed include' plant lib/replay/planted.c '#include "base/alloc.h"' '#include <goleak.h>' '#include <zstd.h>'
check 'a neighbour' plant lib/format/planted.c '#include "planted.h"' '#include "format/planted.h"'
check 'lib/ sees every layer' plant lib/planted.c '#include "report/x.h"' '#include "base/x.h"' '#include "planted_top.h"'
caught 'upwards' 'lib/base/planted.c:2: layer base may not include model' \
    lib/base/planted.c '' '#include "model/event.h"'
caught 'sideways' 'lib/verdict/planted.h:1: layer verdict may not include analysis' \
    lib/verdict/planted.h '  #  include "analysis/tree.h"'
caught 'by a path with dots' 'lib/base/planted.c:1: layer base may not include report' \
    lib/base/planted.c '#include "../report/planted.h"'
caught 'in angle brackets' 'layer replay may not include lib/planted_top.h' \
    lib/replay/planted.c '#include <planted_top.h>'
caught 'the wiring from below' 'layer model may not include lib/planted_top.h' \
    lib/model/planted.c '#include "planted_top.h"'
caught 'the tool from the library' 'layer lib may not include cli/planted_cli.h' \
    lib/planted.c '#include "../cli/planted_cli.h"'
caught 'the inside from the tool' 'cli/planted.c:1: layer cli may not include base' \
    cli/planted.c '#include "base/alloc.h"'
caught 'a folder without a line' 'lib/stray/x.c:1: layer stray is not in lib/layers.txt' \
    lib/stray/x.c '#include <stdio.h>'
caught 'a macro for a name' 'planted.c:1: an include that is no plain file name' lib/base/planted.c '#include HEADER'
caught 'an unknown name in the table' 'unknown layer bsae' lib/layers.txt 'extra: bsae'
done_testing
