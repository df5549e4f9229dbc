#!/bin/sh
# selftest.sh - proves that golden.sh passes what it should and fails what it
# should, with a stand-in for the tool that prints, complains and exits as told.
set -u
. tests/support/tap.sh

GOLEAK_REPORT=$TEST_TMP/tool
export GOLEAK_REPORT
cat >"$GOLEAK_REPORT" <<'TOOL'
#!/bin/sh
# tool [STATUS [FILE...]] - prints the files ("-": standard input) in hexadecimal or,
# under their names' end .txt, as they are; one word of complaint for a status above 1.
# How many threads it is to have makes no difference.
case ${1:-} in --jobs=[13]) shift ;; esac
status=${1:-0}
[ $# = 0 ] || shift
[ "$status" -lt 2 ] || echo "tool: $status" >&2
for file; do
    case $file in
    *.txt) cat "$file" ;;
    -) cat ;;
    *) od -An -v -tx1 "$file" | tr -d ' \n'; echo ;;
    esac
done
exit "$status"
TOOL
chmod +x "$GOLEAK_REPORT"

cases=$TEST_TMP/cases
# golden NAME, with the case on standard input
golden() {
    rm -rf "$cases" && mkdir "$cases"
    cat >"$cases/x.case"
    output=$(sh tests/golden/golden.sh "$cases" 2>&1)
    status=$?
}
# passes NAME [PATTERN], fails NAME PATTERN: what golden said of it
passes() {
    if [ $status = 0 ] && printf '%s\n' "$output" | grep -q -e "${2:-^ok 1 - }"; then
        pass "$1"
    else
        fail "$1" "$output"
    fi
}
fails() {
    if [ $status != 0 ] && printf '%s\n' "$output" | grep -q -e "$2"; then
        pass "$1"
    else
        fail "$1" "expected a failure with: $2
$output"
    fi
}

golden <<'CASE'
# all kinds of inputs and expectations
== file a.txt
one
\== two
== args 0 a.txt
== stdout
one
\== two
== stdout-has
on
\== two
== stdout-lacks
three
== printf b
\x41%\000\\\
-\377
-\n
== args 1 b
== status 1
== stdout
4125005c2dff0a2d0a0a
== hex c
00 01 ff # three
Fe
== repeat 5 c
ab\
== args 0 c
== stdout
0001fffe61626162616261626162
== cut 6 c
== cut -1 c
== poke 1 AAbb c
== poke -1 0d c
== join d c c
== args 0 c d
== stdout
00aabbfe0d
00aabbfe0d00aabbfe0d
== file stdin
from stdin
== args 0 -
== stdout
from stdin
== args 0 - < a.txt
== stdout-has
one
== sh printf 'a "quoted" one' | goleak-report 0 -
== stdout
a "quoted" one
\ no newline at end
== args 2
== status 2
== stderr
tool: 2
== args 3
== status 3
== stderr-has
tool
== stderr-lacks
trace
== args 3
== status 3
== stderr-any
CASE
passes 'every section' '^1\.\.10$'

golden <<'CASE'
# a packed file
== file a
aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
== pack gzip a -9
== args 0 a
== stdout-has
1f8b
CASE
passes 'pack'
golden <<'CASE'
# needs what nobody has
== needs no-such-program
== args 0 a
CASE
passes 'a skip tells its reason' '^ok 1 # SKIP .*no-such-program is not here'

golden <<'CASE'
# wrong status
== args 1
CASE
fails 'a wrong status' 'exit status 1, expected 0'
fails 'how many threads it had is told' '^not ok 1 .*: args 1 (with --jobs=3)$'
golden <<'CASE'
# one line differs
== file a.txt
one
two
== args 0 a.txt
== stdout
one
three
CASE
fails 'a wrong line' '^# -three'
golden <<'CASE'
# the end differs
== printf a.txt
one\
== args 0 a.txt
== stdout
one
CASE
fails 'a missing newline' 'no newline at end'
golden <<'CASE'
# nothing but expected something
== args 0
== stdout
one
CASE
fails 'a missing output' '^# -one'
golden <<'CASE'
# something but expected nothing
== file a.txt
one
== args 0 a.txt
== stdout
CASE
fails 'an unexpected output' '^# +one'
golden <<'CASE'
# a part that is not there
== file a.txt
one
== args 0 a.txt
== stdout-has
on
two
CASE
fails 'a missing part' 'line 7: stdout lacks: two'
golden <<'CASE'
# a part that must not be there
== file a.txt
one
== args 0 a.txt
== stdout-lacks
n
CASE
fails 'a forbidden part' 'line 6: stdout has: one'
golden <<'CASE'
# an empty list of parts
== args 0
== stdout-has
CASE
fails 'an empty list' 'section is empty'
golden <<'CASE'
# noise on standard error
== args 2
== status 2
CASE
fails 'unexpected complaints' 'standard error is not empty'
golden <<'CASE'
# other complaints
== args 2
== status 2
== stderr
tool: 3
CASE
fails 'wrong complaints' '^# -tool: 3'
golden <<'CASE'
# the second of three runs fails
== args 0
== args 1
== args 0
CASE
fails 'one run of several' '^not ok 2 - .*args 1'
golden <<'CASE'
# nothing is run
== file a
CASE
fails 'no run' 'without a run'
golden <<'CASE'
== args 0
CASE
fails 'no reason' 'why this case exists'
golden <<'CASE'
# a typing error
== args 0
== stduot
CASE
fails 'an unknown section' 'cannot do: stduot'
golden <<'CASE'
# a typing error
== args 0
== stdout-hsa
x
CASE
fails 'an unknown expectation' 'unknown section: stdout-hsa'
golden <<'CASE'
# bad hex
== hex a
0g
== args 0
CASE
fails 'bad hexadecimal digits' 'no hexadecimal digit'
golden <<'CASE'
# an expectation too early
== stdout
== args 0
CASE
fails 'an expectation before the run' 'before a run'
golden <<'CASE'
# no such file
== copy nowhere.txt
== args 0
CASE
fails 'a missing file to copy' 'cannot do: copy'
rm -f "$cases/x.case"
output=$(sh tests/golden/golden.sh "$cases" 2>&1)
status=$?
fails 'no cases' 'no cases in'

# Update: only the whole-text sections change, and then it passes.
golden <<'CASE'
# for update
# two lines of comment
== file a.txt
\== is escaped
two
== args 0 a.txt
== stdout
== args 2
== status 2
== stdout
old
== stderr
old
== stdout-lacks
old
CASE
fails 'before the update' '^# +two'
sh tests/golden/golden.sh --update "$cases" >/dev/null 2>&1
cat >"$TEST_TMP/wanted" <<'CASE'
# for update
# two lines of comment
== file a.txt
\== is escaped
two
== args 0 a.txt
== stdout
\== is escaped
two
== args 2
== status 2
== stdout
== stderr
tool: 2
== stdout-lacks
old
CASE
check 'the update' diff -u "$TEST_TMP/wanted" "$cases/x.case"
check 'after the update' sh tests/golden/golden.sh "$cases/x.case"
done_testing
