# tap.sh - for test scripts: . tests/support/tap.sh
#
#   check NAME COMMAND...   passes if the command succeeds; shows its output if not
#   refuse NAME COMMAND...  passes if the command fails
#   pass NAME, fail NAME [WHY], skip NAME REASON
#   done_testing            ends the script: prints the plan, exits
#
# TEST_TMP is a scratch folder of the script's own.
tap_count=0
tap_failed=0
if [ -z "${TEST_TMP:-}" ]; then
    TEST_TMP=$(mktemp -d) || exit 1
    trap 'rm -rf "$TEST_TMP"' EXIT
fi

pass() {
    tap_count=$((tap_count + 1))
    echo "ok $tap_count - $1"
}

fail() {
    tap_count=$((tap_count + 1))
    tap_failed=$((tap_failed + 1))
    echo "not ok $tap_count - $1"
    [ -z "${2:-}" ] || printf '%s\n' "$2" | sed 's/^/# /'
}

skip() {
    tap_count=$((tap_count + 1))
    echo "ok $tap_count # SKIP $1: $2"
}

check() {
    tap_name=$1
    shift
    if tap_output=$("$@" 2>&1); then
        pass "$tap_name"
    else
        fail "$tap_name" "$tap_output"
    fi
}

refuse() {
    tap_name=$1
    shift
    if tap_output=$("$@" 2>&1); then
        fail "$tap_name" "succeeded: $* $tap_output"
    else
        pass "$tap_name"
    fi
}

done_testing() {
    echo "1..$tap_count"
    [ "$tap_failed" = 0 ]
    exit
}
