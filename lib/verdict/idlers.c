/* idlers - what is known of the standard library: which functions are of it, and which wait for as
 * long as their owner keeps them. */
#include "verdict/cohort.h"

#include <string.h>

#define HTTP2_ANSWER "waits for the network: a server answers an HTTP/2 request, or does not"
#define COMMAND "waits for a command that was started, or for its context's end"
#define HTTP2_SERVER "serves an HTTP/2 connection"

const struct goleak_idler goleak_idlers[GOLEAK_IDLERS] = {
    { "", GOLEAK_REASON_NONE, "", false }, /* none */
    { "net/http.(*persistConn).writeLoop", GOLEAK_REASON_SELECT, "keeps an HTTP connection for the next request",
      false },
    { "net/http.(*persistConn).roundTrip", GOLEAK_REASON_SELECT,
      "waits for the network: a server answers an HTTP request, or does not", true },
    /* Bundled with net/http up to Go 1.26, and the module; RoundTrip before Go 1.21. What the stream's own goroutine
     * waits for (writeRequest) is the body's end, too, which its reader has to come to. */
    { "net/http.(*http2ClientConn).RoundTrip", GOLEAK_REASON_SELECT, HTTP2_ANSWER, true },
    { "net/http.(*http2ClientConn).roundTrip", GOLEAK_REASON_SELECT, HTTP2_ANSWER, true },
    { "net/http/internal/http2.(*ClientConn).roundTrip", GOLEAK_REASON_SELECT, HTTP2_ANSWER, true },
    { "golang.org/x/net/http2.(*ClientConn).roundTrip", GOLEAK_REASON_SELECT, HTTP2_ANSWER, true },
    { "net/http.(*http2serverConn).serve", GOLEAK_REASON_SELECT, HTTP2_SERVER, false },
    { "net/http/internal/http2.(*serverConn).serve", GOLEAK_REASON_SELECT, HTTP2_SERVER, false },
    { "golang.org/x/net/http2.(*serverConn).serve", GOLEAK_REASON_SELECT, HTTP2_SERVER, false },
    { "net.(*Resolver).lookupIPAddr", GOLEAK_REASON_SELECT, "waits for the network: name servers answer, or time out",
      true },
    /* Of exec.CommandContext's command, until it is waited for or its context is done; Go 1.15, 1.19, 1.21 and newer. */
    { "os/exec.(*Cmd).Start.func2", GOLEAK_REASON_SELECT, COMMAND, true },
    { "os/exec.(*Cmd).watchCtx.func1", GOLEAK_REASON_SELECT, COMMAND, true },
    { "os/exec.(*Cmd).watchCtx", GOLEAK_REASON_SELECT, COMMAND, true },
    { "os/signal.loop", GOLEAK_REASON_SELECT, "waits for signals", false },
    { "os/signal.NotifyContext.func1", GOLEAK_REASON_SELECT, "waits for a signal", false },
    { "database/sql.(*DB).connectionOpener", GOLEAK_REASON_SELECT, "keeps a database open", false },
    { "database/sql.(*DB).connectionCleaner", GOLEAK_REASON_SELECT, "closes a database's old connections", false },
};

uint8_t goleak_idler_of(const struct goleak_symbols *symbols, uint32_t stack, uint8_t reason)
{
    const uint32_t *frames;
    size_t count = goleak_symbols_stack_frames(symbols, stack, &frames);
    for (size_t i = 0; i < count; i++) {
        const char *function = goleak_symbols_frame_function(symbols, frames[i]);
        for (size_t k = 1; k < GOLEAK_IDLERS; k++)
            if (reason == goleak_idlers[k].reason && strcmp(function, goleak_idlers[k].function) == 0)
                return (uint8_t)k;
    }
    return 0;
}

/* The first elements of its import paths; a module's has a dot, or is none of these. */
static const char *const standard[] = {
    "archive", "bufio",    "bytes",   "cmp",    "compress", "container", "context", "crypto",  "database", "debug",
    "embed",   "encoding", "errors",  "expvar", "flag",     "fmt",       "go",      "hash",    "html",     "image",
    "index",   "internal", "io",      "iter",   "log",      "maps",      "math",    "mime",    "net",      "os",
    "path",    "plugin",   "reflect", "regexp", "runtime",  "slices",    "sort",    "strconv", "strings",  "structs",
    "sync",    "syscall",  "testing", "text",   "time",     "unicode",   "unique",  "vendor",  "weak",
};

bool goleak_is_standard(const char *function)
{
    size_t package = strcspn(function, "(["), size = strcspn(function, "/");
    if (size >= package) /* a path of one element: the function's name follows */
        size = strcspn(function, ".");
    for (size_t i = 0; i < sizeof standard / sizeof *standard; i++)
        if (strncmp(standard[i], function, size) == 0 && standard[i][size] == '\0')
            return function[size] != '\0';
    return false;
}
