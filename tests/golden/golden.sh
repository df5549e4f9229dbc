#!/bin/sh
# golden.sh - runs the cases under testdata/ through the command line tool.
#
#   golden.sh [--update] [CASE or FOLDER]...      (nothing named: testdata)
#
# The tool is $GOLEAK_REPORT. --update rewrites the `stdout` and `stderr` sections
# of cases with what the tool prints now: read the difference before you believe it.
#
# A case is one text file, NAME.case. It starts with a comment that says why it
# exists; then come sections, each a line "== WORD ..." and the lines below it, and
# they are obeyed from top to bottom:
#
#   # The article's leaky program: three senders that nobody receives from.
#   == file trace.txt
#   newproc1: goroutine=140000036c0 parent=1374389543360 count=1 blocked_count=0
#   gopark: goroutine=140000036c0 blocked=1 reason=6 blocked_count=1
#   == args --json trace.txt
#   == status 1
#   == stdout-has
#   "leaks": 1
#   == args - < trace.txt
#   == status 1
#   == stdout
#   (everything that the text report says)
#
# Making inputs. They live in an empty folder, where the tool runs; a name that
# exists is appended to, so that a file can be made of pieces.
#
#   file NAME            the lines below, as they are
#   printf NAME          the lines below, with printf's escapes and \xHH; a line that
#                        ends in a single \ goes on in the next without a newline
#   hex NAME             hexadecimal digits; blanks and # comments between them
#   trace NAME           the lines below are a Go execution trace as text, of which NAME gets
#                        the bytes: see tests/support/trace_text.h
#   trace-of PATH NAME   the same of a file, by its path from the case's folder
#   repeat COUNT NAME    like printf, COUNT times over
#   copy PATH [NAME]     a file, by its path from the case's folder
#   join NAME PART...    appends files to NAME
#   pack zstd NAME [OPTION...]   NAME's bytes become their zstd frame (or gzip); the
#                        name stays. The case is skipped where the program is missing
#   cut COUNT NAME       keeps the first COUNT bytes, or drops the last -COUNT
#   poke OFFSET HEX NAME overwrites bytes; a negative offset counts from the end
#   needs WORD...        skips the case unless each holds: zlib (the tool reads gzip),
#                        nosan (no sanitizer), nonroot, or the name of a program
#
# A run, of which a case may have several on the same inputs:
#
#   args ARGUMENT...     goleak-report with these, as the shell reads them (quotes, <,
#                        |), with as many threads as it likes, one, or three (see
#                        choose_jobs). Without a < its standard input is the file
#                        `stdin`, if one was made, else empty
#   sh COMMAND           any shell line; goleak-report is on its path, and `lives FILE`,
#                        which prints each goroutine of its ndjson on a short line, and
#                        `verdicts FILE`, which prints of each that is parked the verdict,
#                        the rules, and the first sentence
#
# What is expected of the last run:
#
#   status N             its exit status; 0 where nothing is said
#   stdout, stderr       all of it. "\ no newline at end" ends what has none
#   stdout-has, stderr-has       each line below is a part of some line of it
#   stdout-lacks, stderr-lacks   no line below is a part of any line of it
#   stderr-any           standard error is not looked at; without any section about
#                        it, it must be empty
#
# In a body, a line that starts with "\==" stands for one that starts with "==".
# Each run is one test. With a sanitizer, of the cases in testdata/verdict each third is run, unless it is named.
set -u
LC_ALL=C TZ=UTC
export LC_ALL TZ
unset NO_COLOR CLICOLOR CLICOLOR_FORCE COLUMNS 2>/dev/null

update=
if [ "${1:-}" = --update ]; then
    update=1
    shift
fi
[ $# -gt 0 ] || set -- testdata
if [ ! -x "${GOLEAK_REPORT:-}" ]; then
    echo "golden.sh: GOLEAK_REPORT does not name a program: '${GOLEAK_REPORT:-}'" >&2
    exit 2
fi

case ${BUILD_DIR:-} in
/*) gotext=$BUILD_DIR/tests/conformance/gotext ;;
*) gotext=$PWD/${BUILD_DIR:-build/default}/tests/conformance/gotext ;;
esac
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 2' HUP INT TERM
mkdir "$work/bin" && ln -s "$GOLEAK_REPORT" "$work/bin/goleak-report" || exit 2
cat >"$work/bin/lives" <<'END' && chmod +x "$work/bin/lives" || exit 2
#!/bin/sh
lines=$(goleak-report -f ndjson --include-system "$@")
status=$?
printf '%s\n' "$lines" | awk '
function value(name,    text) {
    if (!match($0, "\"" name "\":(\"[^\"]*\"|[^,}]*)")) return "null"
    text = substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 3)
    return text
}
function told(name, label) { return value(name) == "null" ? "" : " " label "=" value(name) }
$0 != "" {
    print value("goid") (value("preexisting") == "true" ? " old " : " new ") value("state") \
        told("reason", "reason") told("parent_goid", "parent") told("created_ns", "created") \
        told("started_ns", "started") told("blocked_since_ns", "since") told("ended_ns", "ended") \
        told("created_at", "created_at") told("start_function", "start") told("blocked_at", "at")
}'
exit $status
END
cat >"$work/bin/verdicts" <<'END' && chmod +x "$work/bin/verdicts" || exit 2
#!/bin/sh
lines=$(goleak-report -f ndjson "$@")
status=$?
printf '%s\n' "$lines" | awk '
function part(from, text,    rest) {
    rest = text
    if (!match(rest, from)) return ""
    return substr(rest, RSTART + RLENGTH)
}
$0 != "" {
    goid = part("\"goid\":", $0); sub(/[,}].*/, "", goid)
    verdict = part("\"verdict\":\"", $0); sub(/".*/, "", verdict)
    if (verdict == "ended" || verdict == "running") next
    evidence = part("\"evidence\":\\[", $0); sub(/\],"created_at".*/, "", evidence)
    rules = ""
    first = part("\"text\":\"", evidence); sub(/","values".*/, "", first)
    while (match(evidence, /"rule":"[^"]*"/)) {
        rules = rules " " substr(evidence, RSTART + 8, RLENGTH - 9)
        evidence = substr(evidence, RSTART + RLENGTH)
    }
    print goid, verdict rules ": " first
}' | sort -n
exit $status
END

count=0
failures=0

# Takes a case apart: NNN.head ("LINE WORD..."), NNN.raw and NNN.body, its body
# as written and as meant; `top`, what stands before the first section.
split_case() {
    awk -v dir="$work/case" '
    BEGIN { raw = dir "/top"; printf "" >raw }
    /^== / {
        close(raw); close(body)
        part = sprintf("%s/%03d", dir, ++n)
        raw = part ".raw"; body = part ".body"
        print FNR, substr($0, 4) >(part ".head")
        close(part ".head")
        printf "" >raw; printf "" >body
        next
    }
    { print >raw }
    n { sub(/^\\==/, "=="); print >body }
    ' "$1"
}

# Lines with escapes become one shell printf format a line.
to_formats='
{
    out = ""; joined = 0
    for (i = 1; i <= length($0); i++) {
        c = substr($0, i, 1); d = substr($0, i + 1, 1)
        if (c == "%") out = out "%%"
        else if (c == "-" && out == "") out = "\\055"
        else if (c != "\\") out = out c
        else if (d == "") joined = 1
        else if (d == "x") { out = out sprintf("\\%03o", hex(substr($0, i + 2, 2))); i += 3 }
        else { out = out c d; i++ }
    }
    print out (joined ? "" : "\\n")
}'
hex_to_formats='
{
    sub(/#.*/, ""); gsub(/[ \t]/, ""); out = ""
    for (i = 1; i <= length($0); i += 2) out = out sprintf("\\%03o", hex(substr($0, i, 2)))
    print out
}'
hex_digits='
function digit(c,    at) {
    at = index("0123456789abcdef", tolower(c))
    if (c == "" || !at) { print "no hexadecimal digit: \"" c "\" in: " $0 >"/dev/stderr"; exit 1 }
    return at - 1
}
function hex(pair) { return digit(substr(pair, 1, 1)) * 16 + digit(substr(pair, 2, 1)) }
'

# decode PROGRAM BODY - prints the bytes.
decode() {
    awk "$hex_digits$1" "$2" >"$work/formats" || return 1
    while IFS= read -r format; do
        # shellcheck disable=SC2059
        printf "$format"
    done <"$work/formats"
}

# repeat COUNT NAME, of $work/piece: by doubling, so that large files are quick.
repeat() {
    left=$1
    while [ "$left" -gt 0 ]; do
        [ $((left % 2)) = 0 ] || cat "$work/piece" >>"$2"
        left=$((left / 2))
        [ "$left" = 0 ] || { cat "$work/piece" "$work/piece" >"$work/twice" && mv "$work/twice" "$work/piece"; }
    done
}

size_of() {
    wc -c <"$1" | tr -d ' '
}

pack() {
    tool=$1 name=$2
    shift 2
    if ! command -v "$tool" >/dev/null 2>&1; then
        skip="$tool is not here"
        return 0
    fi
    case $tool in
    zstd) zstd -q -c "$@" "$name" >"$work/packed" ;;
    gzip) gzip -n -c "$@" "$name" >"$work/packed" ;;
    *) return 1 ;;
    esac && mv "$work/packed" "$name"
}

cut_file() {
    keep=$1
    [ "$keep" -ge 0 ] || keep=$(($(size_of "$2") + keep))
    head -c "$keep" "$2" >"$work/cut" && mv "$work/cut" "$2"
}

poke() {
    offset=$1
    [ "$offset" -ge 0 ] || offset=$(($(size_of "$3") + offset))
    echo "$2" >"$work/piece"
    decode "$hex_to_formats" "$work/piece" | dd of="$3" bs=1 seek="$offset" conv=notrunc 2>/dev/null
}

needs() {
    for need in "$@"; do
        case $need in
        zlib) case " ${GOLEAK_FEATURES:-} " in *" zlib "*) ;; *) skip='built without zlib' ;; esac ;;
        nosan) case " ${GOLEAK_FEATURES:-} " in *" san "*) skip='built with a sanitizer' ;; esac ;;
        nonroot) [ "$(id -u)" != 0 ] || skip='root may do everything' ;;
        *) command -v "$need" >/dev/null 2>&1 || skip="$need is not here" ;;
        esac
    done
}

# Everything that makes inputs; runs in their folder.
make_input() {
    word=$1 body=$2
    shift 2
    case $word:$# in
    file:1) cat "$body" >>"$1" ;;
    printf:1) decode "$to_formats" "$body" >>"$1" ;;
    trace:1) "$gotext" compile <"$body" >>"$1" ;;
    trace-of:2) "$gotext" compile <"$folder/$1" >>"$2" ;;
    hex:1) decode "$hex_to_formats" "$body" >>"$1" ;;
    repeat:2) decode "$to_formats" "$body" >"$work/piece" && repeat "$1" "$2" ;;
    copy:1) cat "$folder/$1" >>"$(basename "$1")" ;;
    copy:2) cat "$folder/$1" >>"$2" ;;
    join:*) target=$1 && shift && cat "$@" >>"$target" ;;
    pack:*) pack "$@" ;;
    cut:2) cut_file "$1" "$2" ;;
    poke:3) poke "$1" "$2" "$3" ;;
    needs:*) needs "$@" ;;
    *) return 1 ;;
    esac
}

complain() {
    printf '%s\n' "$1" >>"$work/why"
}

# What is said does not depend on how many threads there are. With how many a run is made goes by the length of what is
# asked: the same each time, and all of them among the cases.
choose_jobs() {
    jobs=
    [ -z "$update" ] || return 0
    case "$1 " in
    *' recorder '* | *' --jobs'* | *' -j'*) ;;
    *) case $((${#1} % 3)) in
        1) jobs=' --jobs=1' ;;
        2) jobs=' --jobs=3' ;;
        esac ;;
    esac
}

run() {
    title="$path: $1"
    status_wanted=0 stderr_told='' ran=1
    : >"$work/why"
    input=/dev/null
    [ ! -f "$work/in/stdin" ] || input=$work/in/stdin
    # With a sanitizer half of a short run is its search for leaks: each fourth has one.
    leaks=$((count % 4 == 0))
    (cd "$work/in" && PATH=$work/bin:$PATH && ASAN_OPTIONS=detect_leaks=$leaks:${ASAN_OPTIONS:-} &&
        export PATH ASAN_OPTIONS && exec sh -c "$2") \
        <"$input" >"$work/stdout" 2>"$work/stderr"
    status=$?
}

# Adds a line to a stream whose last one has no end.
tell_no_newline() {
    if [ -s "$work/$1" ] && [ -n "$(tail -c 1 "$work/$1")" ]; then
        printf '\n\\ no newline at end\n' >>"$work/$1"
    fi
}

# All of a stream, against a section; or, to update, the section from the stream.
compare() {
    cmp -s "$work/case/$part.body" "$work/$1" && return
    tell_no_newline "$1"
    cmp -s "$work/case/$part.body" "$work/$1" && return
    if [ -n "$update" ]; then
        sed 's/^==/\\==/' "$work/$1" >"$work/case/$part.raw"
        changed=1
    else
        cp "$work/case/$part.body" "$work/$1.expected"
        complain "line $line: $1 is not as expected"
        (cd "$work" && diff -u "$1.expected" "$1") >>"$work/why"
    fi
}

# Lines of a -has (wanted=1) or -lacks (wanted=0) section against a stream.
search() {
    awk -v wanted="$2" -v stream="$1" -v body="$work/case/$part.body" -v first="$line" '
    BEGIN {
        while ((getline text <body) > 0) { at++; if (text != "") { what[at] = text; some = 1 } }
        if (!some) print "line " first ": this section is empty"
    }
    { for (i in what) if (!(i in seen) && index($0, what[i])) seen[i] = $0 }
    END {
        for (i = 1; i <= at; i++) if (i in what) {
            if (wanted && !(i in seen)) print "line " first + i ": " stream " lacks: " what[i]
            if (!wanted && (i in seen)) print "line " first + i ": " stream " has: " seen[i]
        }
    }' "$work/$1" >"$work/found"
    [ ! -s "$work/found" ] && return
    cat "$work/found" >>"$work/why"
    if [ -z "$shown" ]; then
        complain "$1 is:"
        head -n 60 "$work/$1" >>"$work/why"
    fi
    shown=1
}

# Ends the last run: its test is passed or failed now.
conclude() {
    [ -n "$ran" ] || return 0
    ran=
    if [ "$status" != "$status_wanted" ]; then
        complain "exit status $status, expected $status_wanted; standard error is:"
        head -n 20 "$work/stderr" >>"$work/why"
    elif [ -z "$stderr_told" ] && [ -s "$work/stderr" ]; then
        complain 'standard error is not empty, and no section is about it:'
        head -n 20 "$work/stderr" >>"$work/why"
    fi
    count=$((count + 1))
    if [ -s "$work/why" ]; then
        failures=$((failures + 1))
        echo "not ok $count - $title${jobs:+ (with$jobs)}"
        sed 's/^/# /' "$work/why"
    else
        echo "ok $count - $title"
    fi
}

# The case itself is wrong: one failed test, and no more of it.
wrong() {
    conclude
    count=$((count + 1))
    failures=$((failures + 1))
    echo "not ok $count - $path:$line: $1"
    [ ! -s "$work/trouble" ] || sed 's/^/# /' "$work/trouble"
}

run_case() {
    path=$1 line=1
    folder=$(cd "$(dirname "$path")" && pwd)
    rm -rf "$work/case" "$work/in"
    mkdir "$work/case" "$work/in"
    split_case "$path"
    skip='' ran='' any='' changed='' shown=''
    : >"$work/trouble"
    first=''
    read -r first <"$path"
    case $first in
    '# '*) ;;
    *) wrong 'expected a comment that says why this case exists' && return ;;
    esac
    for head in "$work"/case/*.head; do
        [ -f "$head" ] || break
        part=${head##*/} part=${part%.head}
        read -r line words <"$head"
        rest=${words#"${words%% *}"}
        set -f
        # shellcheck disable=SC2086
        set -- $words
        set +f
        word=$1
        shift
        case $word in
        args) conclude && any=1 shown='' && choose_jobs "$rest" && run "$words" "goleak-report$jobs$rest" ;;
        sh) conclude && any=1 shown='' jobs='' && run "$words" "$rest" ;;
        status | stdout | stderr | stdout-* | stderr-*)
            if [ -z "$ran" ]; then
                wrong "$word before a run (args, sh)"
                return
            fi
            case $word in stderr*) stderr_told=1 ;; esac
            case $word in
            status) status_wanted=${1:-} ;;
            stdout | stderr) compare "$word" ;;
            *-has) search "${word%-has}" 1 ;;
            *-lacks) search "${word%-lacks}" 0 ;;
            stderr-any) ;;
            *) wrong "unknown section: $word" && return ;;
            esac
            ;;
        *)
            conclude
            if ! (cd "$work/in" && make_input "$word" "$work/case/$part.body" "$@" && echo "$skip" >"$work/skip") \
                2>"$work/trouble"; then
                wrong "cannot do: $words"
                return
            fi
            read -r skip <"$work/skip"
            if [ -n "$skip" ]; then
                count=$((count + 1))
                echo "ok $count # SKIP $path: $skip"
                return
            fi
            ;;
        esac
    done
    conclude
    if [ -z "$any" ]; then
        wrong 'a case without a run (args, sh)'
    elif [ -n "$changed" ]; then
        {
            cat "$work/case/top"
            for head in "$work"/case/*.head; do
                read -r line words <"$head"
                printf '== %s\n' "$words"
                cat "${head%.head}.raw"
            done
        } >"$work/new"
        cat "$work/new" >"$path"
        echo "# updated $path"
    fi
}

find "$@" -name '*.case' | sort >"$work/cases"
if [ ! -s "$work/cases" ]; then
    count=1 failures=1
    echo "not ok 1 - no cases in: $*"
fi
# What verdicts do with memory the cases of all formats run through, too.
case "${GOLEAK_FEATURES:-} $*" in
*' san testdata' | 'san testdata')
    awk '!/\/verdict\// || ++n % 3 == 0' "$work/cases" >"$work/some" && mv "$work/some" "$work/cases"
    echo '# each third of testdata/verdict: sanitizers take ten times as long'
    ;;
esac
while IFS= read -r path <&3; do
    run_case "$path"
done 3<"$work/cases"
echo "1..$count"
[ "$failures" = 0 ]
