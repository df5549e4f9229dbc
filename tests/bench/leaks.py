"""leaks.py - what people write for the article's output: who is blocked at its end."""
import collections
import sys

waits = {}
with open(sys.argv[1]) as lines:
    for line in lines:
        words = line.split()
        goroutine = words[1][10:]
        if words[0] == "newproc1:":
            waits[goroutine] = None
        elif words[0] == "gopark:":
            waits[goroutine] = words[3] if words[2] == "blocked=1" else None
        elif words[0] == "godestroy:":
            waits.pop(goroutine, None)
for reason, count in collections.Counter(why for why in waits.values() if why).items():
    print(count, reason)
