/* perf_probe - see perf_probe.h. */
#include "format/perf_probe.h"

#include "base/number.h"
#include "format/perf_columns.h"
#include "format/textual.h"

static bool cut_front(const char **at, const char *end, const char *word)
{
    if (!goleak_begins(*at, end, word) || *at + strlen(word) == end)
        return false;
    *at += strlen(word);
    return true;
}

static bool cut_back(const char *at, const char **end, const char *word)
{
    size_t size = strlen(word);
    if ((size_t)(*end - at) <= size || memcmp(*end - size, word, size) != 0)
        return false;
    *end -= size;
    return true;
}

/* "_0x86ae0" of names that the kernel makes up, "_1" of a second probe on a function. */
static bool cut_number(const char *at, const char **end)
{
    const char *from = *end;
    uint64_t number;
    while (from > at && from[-1] != '_')
        from--;
    if (from - at < 2 || goleak_parse_any(from, *end, &number) != *end)
        return false;
    *end = from - 1;
    return true;
}

enum goleak_event_kind goleak_perf_kind_of(const char *at, const char *end, bool *returns, bool *needs_goroutine,
                                           bool *named)
{
    static const char *const fronts[] = { "p_", "r_", "uprobe_", "uretprobe_", "probe_", "go_", "runtime_", "_" };
    static const char *const leaves[] = { "_return", "_ret", "_exit" };
    static const char *const backs[] = { "_entry", "_enter", "_" };
    const char *colon = memchr(at, ':', (size_t)(end - at));
    at = colon != NULL ? colon + 1 : at;
    colon = memchr(at, ':', (size_t)(end - at)); /* a modifier: ":u" */
    end = colon != NULL ? colon : end;
    *returns = false;
    for (bool again = true; again;) {
        enum goleak_event_kind kind = goleak_keyed_kind(at, (size_t)(end - at), needs_goroutine, named);
        if (kind != GOLEAK_EVENT_OTHER)
            return kind;
        again = cut_number(at, &end);
        for (size_t i = 0; i < sizeof leaves / sizeof *leaves && !again; i++)
            if ((again = cut_back(at, &end, leaves[i])))
                *returns = true;
        for (size_t i = 0; i < sizeof backs / sizeof *backs && !again; i++)
            again = cut_back(at, &end, backs[i]);
        for (size_t i = 0; i < sizeof fronts / sizeof *fronts && !again; i++)
            again = cut_front(&at, end, fronts[i]);
    }
    *needs_goroutine = true;
    *named = true;
    return end - at == 9 && memcmp(at, "main_main", 9) == 0 ? GOLEAK_EVENT_MAIN : GOLEAK_EVENT_OTHER;
}

struct goleak_perf_probe *goleak_perf_probe_find(struct goleak_perf_probe *probes, struct goleak_symbols *symbols,
                                                 const char *at, const char *end)
{
    char padded[8 + sizeof probes[0].name] = { 0 };
    size_t size = (size_t)(end - at);
    if (size > sizeof probes[0].name)
        size = sizeof probes[0].name;
    memcpy(padded + 8, at, size);
    struct goleak_perf_probe *probe = &probes[goleak_perf_probe_slot(padded + 8 + size)];
    if (probe->size == size && memcmp(probe->name, at, size) == 0)
        return probe;
    bool needs_goroutine, named;
    *probe = (struct goleak_perf_probe) { .size = (uint8_t)size };
    memcpy(probe->name, at, size);
    enum goleak_event_kind kind = goleak_perf_kind_of(at, at + size, &probe->returns_by_name, &needs_goroutine, &named);
    probe->kind = (uint8_t)kind;
    probe->known = kind != GOLEAK_EVENT_OTHER;
    if (named) {
        const char *colon = memchr(at, ':', size);
        const char *from = colon != NULL ? colon + 1 : at;
        probe->event_name = goleak_symbols_string(symbols, from, (size_t)(at + size - from));
        if (probe->event_name == 0) {
            probe->size = 0;
            return NULL;
        }
    }
    return probe;
}

enum goleak_event_kind goleak_perf_kind_here(const struct goleak_perf_probe *probe, bool returns)
{
    if (probe->kind == GOLEAK_EVENT_CREATE)
        return returns ? GOLEAK_EVENT_CREATE : GOLEAK_EVENT_SPAWN;
    if (probe->kind == GOLEAK_EVENT_OBJECT || probe->kind == GOLEAK_EVENT_GC || probe->kind == GOLEAK_EVENT_ALLOC)
        return (enum goleak_event_kind)probe->kind;
    return returns ? GOLEAK_EVENT_OTHER : (enum goleak_event_kind)probe->kind; /* awake again, and no more */
}

enum goleak_event_kind goleak_perf_event(const char *at, const char *end)
{
    struct goleak_perf_head head;
    bool returns, unused;
    uint64_t probe;
    if (at == end || *at == '#' || !goleak_perf_head_find(at, end, &head) || head.has == 0)
        return GOLEAK_EVENT_OTHER;
    enum goleak_event_kind kind = goleak_perf_kind_of(head.event, head.event_end, &returns, &unused, &unused);
    if (goleak_perf_addresses(goleak_skip_blanks(head.trace, end), end, &returns, &probe) == NULL)
        return GOLEAK_EVENT_OTHER;
    return kind == GOLEAK_EVENT_CREATE && !returns ? GOLEAK_EVENT_SPAWN : kind;
}
