/*
 * versions - what differs between Go versions, as far as recorders read it.
 *
 * Offsets come from the debug information of programs built with each version
 * (runtime.g, runtime.m, runtime.sudog, runtime.hchan, runtime.timer); Go 1.20's from its
 * source, where these structs are those of 1.19. They are the same on amd64 and arm64.
 *
 *      g.goid   152, but 160 in 1.23 and 1.24 (g.syscallbp came, gobuf.ret went)
 *      m.curg   192, and 184 from 1.25 on
 */
#include "recorder/recorder.h"

#include <string.h>

#define GOEXIT0 "runtime.goexit0", "goexit0", true
#define GDESTROY "runtime.gdestroy", "gdestroy", false

/* clang-format off */
static const struct goleak_go_layout layouts[] = {
    /*           g:                                            m:   sudog:        hchan:   timer: gopark:
     * minor run m  status goid parent gopc startpc waiting curg elem next chan lock timer when skip */
    { 19, true,  48, 144, 152,   0, 296, 312, 328, 192, 24, 64, 80,  88,  0,  0, 24, GOEXIT0 },
    { 20, false, 48, 144, 152,   0, 296, 312, 328, 192, 24, 64, 80,  88,  0,  0,  0, GOEXIT0 },
    { 21, true,  48, 144, 152, 272, 280, 296, 312, 192, 24, 64, 80,  88,  0,  0, 14, GOEXIT0 },
    { 22, true,  48, 144, 152, 272, 280, 296, 312, 192, 24, 64, 80,  88,  0,  0, 14, GDESTROY },
    { 23, true,  48, 152, 160, 280, 288, 304, 320, 192, 24, 64, 80,  96, 32, 16, 14, GDESTROY },
    { 24, true,  48, 152, 160, 280, 288, 304, 320, 192, 24, 64, 80,  96, 32, 16, 14, GDESTROY },
    { 25, true,  48, 144, 152, 272, 280, 296, 312, 184, 24, 64, 80, 104, 32, 24, 14, GDESTROY },
    { 26, true,  48, 144, 152, 280, 288, 304, 320, 184, 24, 72, 88, 104, 32, 24, 14, GDESTROY },
    { 27, true,  48, 144, 152, 280, 288, 304, 320, 184, 24, 72, 88, 104, 32, 24, 14, GDESTROY },
};
/* clang-format on */

const struct goleak_go_layout *goleak_go_layout(unsigned minor)
{
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++)
        if (layouts[i].minor == minor)
            return &layouts[i];
    return NULL;
}

bool goleak_go_minor(const char *text, unsigned *minor)
{
    if (strncmp(text, "devel ", 6) == 0)
        text += 6;
    if (strncmp(text, "go", 2) == 0)
        text += 2;
    if (strncmp(text, "1.", 2) != 0)
        return false;
    unsigned value = 0;
    const char *digit = text + 2;
    for (; *digit >= '0' && *digit <= '9' && value < 1000; digit++)
        value = value * 10 + (unsigned)(*digit - '0');
    /* A patch level, a pre-release, a vendor's suffix or an experiment may follow. */
    if (digit == text + 2 || (*digit != '\0' && strchr(".rb- ", *digit) == NULL))
        return false;
    *minor = value;
    return true;
}
