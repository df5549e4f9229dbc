/* template - templates of scripts: text with <names> in it; and what all scripts say alike. See recorder.h. */
#include "recorder/recorder.h"

#include <assert.h>
#include <string.h>

/* The word whose <name> begins at `text`, or NULL. */
static const struct goleak_recorder_word *word_at(const char *text, const struct goleak_recorder_word *words,
                                                  size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t size = strlen(words[i].name);
        if (strncmp(text + 1, words[i].name, size) == 0 && text[1 + size] == '>')
            return &words[i];
    }
    return NULL;
}

void goleak_recorder_fill(struct goleak_buf *out, const char *text, const struct goleak_recorder_word *words,
                          size_t count)
{
    while (*text != '\0') {
        size_t plain = strcspn(text, "<");
        goleak_buf_append(out, text, plain);
        text += plain;
        if (*text == '\0')
            break;
        const struct goleak_recorder_word *word = word_at(text, words, count);
        if (word == NULL) {
            goleak_buf_char(out, *text++);
            continue;
        }
        if (word->text != NULL)
            goleak_buf_text(out, word->text);
        else
            goleak_buf_u64(out, word->number);
        text += strlen(word->name) + 2;
    }
}

void goleak_recorder_words(const struct goleak_recorder_target *target, struct goleak_recorder_word *words)
{
    const struct goleak_go_layout *layout = target->layout;
    const struct goleak_recorder_word all[] = {
        { "g_m", NULL, layout->g_m },
        { "g_status", NULL, layout->g_status },
        { "g_goid", NULL, layout->g_goid },
        { "g_parent_goid", NULL, layout->g_parent_goid },
        { "g_gopc", NULL, layout->g_gopc },
        { "g_startpc", NULL, layout->g_startpc },
        { "g_waiting", NULL, layout->g_waiting },
        { "m_curg", NULL, layout->m_curg },
        { "sudog_elem", NULL, layout->sudog_elem },
        { "sudog_next", NULL, layout->sudog_next },
        { "sudog_chan", NULL, layout->sudog_chan },
        { "hchan_lock", NULL, layout->hchan_lock },
        { "hchan_timer", NULL, layout->hchan_timer },
        { "timer_when", NULL, layout->timer_when },
        { "version", target->version, 0 },
        { "arch", target->arch_name, 0 },
        { "probes", target->probe_names, 0 },
        { "exe", target->exe != NULL ? target->exe : "", 0 },
        { "end", target->probes[GOLEAK_PLACE_END].event, 0 },
    };
    static_assert(sizeof all / sizeof *all == GOLEAK_RECORDER_WORDS, "recorder.h counts the words");
    memcpy(words, all, sizeof all);
}

void goleak_recorder_cost(struct goleak_buf *out, const struct goleak_recorder_target *target, const char *comment)
{
    static const char *const minimal[] = {
        "Cost: a breakpoint whenever a goroutine is created, parks, is made ready, or ends; no stacks.",
        "Given up: where goroutines were created and blocked, on what, when they ran, and wake-ups by",
        "the network poller: one that was woken by it seems to wait until it parks or ends.",
        NULL,
    };
    static const char *const objects[] = {
        "Cost: besides what goroutines do, a breakpoint at every channel operation and select, and at",
        "every lock that is waited for. Not for a program that must be fast meanwhile.",
        NULL,
    };
    static const char *const usual[] = {
        "Cost: a breakpoint whenever a goroutine is created, parks, is made ready, runs, or ends, and",
        "a walk over the stack at the first two. --minimal costs less, --objects tells more.",
        NULL,
    };
    const char *const *lines = target->minimal ? minimal : target->objects ? objects : usual;
    for (; *lines != NULL; lines++)
        goleak_buf_printf(out, "%s%s\n", comment, *lines);
    if (target->locks)
        goleak_buf_printf(out, "%sAnd a breakpoint at every call of Lock, Unlock and so on.\n", comment);
}
