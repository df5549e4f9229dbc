# What cases say with: `== copy events.awk`, and awk -f events.awk -f the case's own. Each line is 10 us
# behind the last one, or at `t`. FRAMES are separated by blanks, the innermost first.
function say(line) { printf "%s ts=%.0f\n", line, t += 10000 }
function g(goid) { return sprintf("goroutine=c%09x goid=%d", goid * 896, goid) }
function stack(frames,    all, count, i) {
    count = split(frames, all, " ")
    for (i = 1; i <= count; i++) print "\t" all[i]
}
function born(goid, by, start, frames) {
    say(sprintf("newproc1: %s parent=c%09x parentgoid=%d fn=%s", g(goid), by * 896, by, start))
    stack(frames)
}
function park(goid, why, frames) {
    say("gopark: " g(goid) " " reasons[why])
    stack("runtime.gopark+14 " frames)
}
function runs(goid) { say("execute: " g(goid)) }
function ends(goid) { say("gdestroy: " g(goid)) }
function wake(goid, by) { say("ready: " g(goid) (by ? sprintf(" by=c%09x bygoid=%d", by * 896, by) : "")); runs(goid) }
function naps(goid, times, frames) { while (times-- > 0) { park(goid, "sleep", frames); wake(goid) } }
BEGIN {
    reasons["net"] = "reason=2 wait=2"; reasons["select"] = "reason=3 wait=18"; reasons["cond"] = "reason=4 wait=21"
    reasons["lock"] = "reason=5 wait=22"; reasons["group"] = "reason=5 wait=25"; reasons["send"] = "reason=6 wait=20"
    reasons["recv"] = "reason=7 wait=19"; reasons["sleep"] = "reason=14 wait=14"
    say("newproc1: " g(1) " parent=ad2a40 parentgoid=0 fn=runtime.main")
    runs(1)
}
