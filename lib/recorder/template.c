/* template - templates of scripts: text with <names> in it. See recorder.h. */
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
