/*
 * story - what happened to one goroutine that somebody asked about, event by event.
 *
 * The first events and the last ones are kept; of what lies between only the number.
 */
#ifndef GOLEAK_MODEL_STORY_H
#define GOLEAK_MODEL_STORY_H

#include "model/goroutine.h"

#define GOLEAK_STORY_FIRST 64
#define GOLEAK_STORY_LAST 192

struct goleak_chapter {
    struct goleak_event event;
    int64_t moment;
    uint64_t goid, g;  /* of the event's own goroutine */
    uint8_t reason;    /* enum goleak_reason, of a park */
    bool of_other;     /* it did this to another one: started it, or woke it */
};

struct goleak_story {
    uint64_t goid;      /* who was asked for; 0: nobody, or: */
    uint64_t asked_g;   /* the one at this address, in all its lives; 0: nobody */
    uint32_t pid;       /* of this process; 0: of the first that has it */
    bool met;           /* … whose index is: */
    uint16_t process;
    uint32_t other_pid; /* another process has a goroutine of this number, too; 0: none has */
    uint64_t g;    /* its address, while it lives */
    /* A goid is unique within a process; two that have one and live at once are of two processes that the recording
     * does not tell apart. The first that is met is the story's, and the other one this, by its address; 0: none is. */
    uint64_t namesake_g;
    uint64_t count;
    struct goleak_chapter *chapters; /* FIRST + LAST of them */
};

/* False: memory. Neither a goid nor a g (0, 0) is no question. */
bool goleak_story_init(struct goleak_story *story, struct goleak_alloc *alloc, uint64_t goid, uint64_t g, uint32_t pid);

static inline bool goleak_story_is_asked(const struct goleak_story *story)
{
    return story->chapters != NULL;
}

/* Is it the one that was asked for, in any process? */
static inline bool goleak_story_is_of(const struct goleak_story *story, const struct goleak_record *record)
{
    return story->goid != 0 ? record->goid == story->goid
                            : record->g == story->asked_g && goleak_g_told(record->g) != 0;
}

/* This record is the other one's, of two that live at once. */
static inline bool goleak_story_is_namesake(const struct goleak_story *story, const struct goleak_record *record)
{
    return story->namesake_g != 0 && record->g == story->namesake_g;
}

/* "22", "0xc000106000": as --explain takes it. Returns out. */
#define GOLEAK_STORY_ASKED_TEXT 24
const char *goleak_story_asked(const struct goleak_story *story, char out[GOLEAK_STORY_ASKED_TEXT]);

void goleak_story_release(struct goleak_story *story, struct goleak_alloc *alloc);

/* An event of this goroutine, in the process with this pid, has been taken. */
void goleak_story_note(struct goleak_story *story, const struct goleak_event *event,
                       const struct goleak_record *record, uint32_t pid, int64_t moment);

/* Chapter `index` of those that are kept; NULL past the last. *left_out: how many are missing before it. */
const struct goleak_chapter *goleak_story_at(const struct goleak_story *story, size_t index, uint64_t *left_out);

#endif
