# leaks.awk - what people write for the article's output: who is blocked at its end.
function goroutine() { return substr($2, 11) }
$1 == "newproc1:"  { blocked[goroutine()] = 0 }
$1 == "gopark:"    { blocked[goroutine()] = $3 == "blocked=1" ? 1 : 0; why[goroutine()] = $4 }
$1 == "godestroy:" { g = goroutine(); delete blocked[g]; delete why[g] }
END {
    for (g in blocked)
        if (blocked[g])
            count[why[g]]++
    for (reason in count)
        print count[reason], reason
}
