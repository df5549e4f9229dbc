/* story - see story.h. */
#include "model/story.h"

#include <inttypes.h>
#include <stdio.h>

#define KEPT (GOLEAK_STORY_FIRST + GOLEAK_STORY_LAST)

bool goleak_story_init(struct goleak_story *story, struct goleak_alloc *alloc, uint64_t goid, uint64_t g, uint32_t pid)
{
    *story = (struct goleak_story) { .goid = goid, .asked_g = g, .pid = pid };
    if (goid == 0 && g == 0)
        return true;
    story->chapters = goleak_alloc_array(alloc, KEPT, sizeof *story->chapters);
    return story->chapters != NULL;
}

void goleak_story_release(struct goleak_story *story, struct goleak_alloc *alloc)
{
    if (story->chapters != NULL)
        goleak_free(alloc, story->chapters, KEPT * sizeof *story->chapters);
    *story = (struct goleak_story){ .goid = 0 };
}

const char *goleak_story_asked(const struct goleak_story *story, char out[GOLEAK_STORY_ASKED_TEXT])
{
    if (story->goid != 0)
        snprintf(out, GOLEAK_STORY_ASKED_TEXT, "%" PRIu64, story->goid);
    else
        snprintf(out, GOLEAK_STORY_ASKED_TEXT, "0x%" PRIx64, story->asked_g);
    return out;
}

/* It is the one whom another's event names. */
static bool is_other(const struct goleak_story *story, const struct goleak_event *event)
{
    if ((event->has & GOLEAK_HAS_OTHER) && story->namesake_g != 0 && event->other_g == story->namesake_g)
        return false;
    if ((event->has & GOLEAK_HAS_OTHER_GOID) && story->goid != 0)
        return event->other_goid == story->goid;
    const uint64_t g = story->goid != 0 ? story->g : goleak_g_told(story->asked_g);
    return (event->has & GOLEAK_HAS_OTHER) && g != 0 && event->other_g == g;
}

static bool is_of_its_process(const struct goleak_story *story, const struct goleak_record *record, uint32_t pid)
{
    return story->met ? record->process == story->process : story->pid == 0 || story->pid == pid;
}

void goleak_story_note(struct goleak_story *story, const struct goleak_event *event,
                       const struct goleak_record *record, uint32_t pid, int64_t moment)
{
    bool own = goleak_story_is_of(story, record);
    if (!own && !is_other(story, event))
        return;
    if (!is_of_its_process(story, record, pid)) {
        story->other_pid = own ? pid : story->other_pid;
        return;
    }
    if (own && story->goid != 0 && goleak_g_told(story->g) != 0 && goleak_g_told(record->g) != 0 &&
        record->g != story->g)
        story->namesake_g = record->g;
    if (own && goleak_story_is_namesake(story, record))
        return;
    story->met = true;
    story->process = record->process;
    story->pid = pid;
    if (own)
        story->g = record->state != GOLEAK_STATE_ENDED ? record->g : 0;
    size_t at = story->count < GOLEAK_STORY_FIRST
                    ? (size_t)story->count
                    : GOLEAK_STORY_FIRST + (size_t)((story->count - GOLEAK_STORY_FIRST) % GOLEAK_STORY_LAST);
    story->count++;
    story->chapters[at] = (struct goleak_chapter){
        .event = *event,
        .moment = moment,
        .goid = record->goid,
        .g = record->g,
        .reason = record->reason,
        .of_other = !own,
    };
}

const struct goleak_chapter *goleak_story_at(const struct goleak_story *story, size_t index, uint64_t *left_out)
{
    uint64_t kept = story->count < KEPT ? story->count : KEPT;
    *left_out = 0;
    if (index >= kept)
        return NULL;
    if (index < GOLEAK_STORY_FIRST)
        return &story->chapters[index];
    if (index == GOLEAK_STORY_FIRST)
        *left_out = story->count - kept;
    uint64_t number = story->count - kept + index; /* of all events */
    return &story->chapters[GOLEAK_STORY_FIRST + (size_t)((number - GOLEAK_STORY_FIRST) % GOLEAK_STORY_LAST)];
}
