/* pack - see pack.h. Of each event 8 bytes, in which the lengths of its words are, and the words. */
#include "replay/pack.h"

#include "base/bits.h"

#include <stddef.h>
#include <string.h>

#define LAST (GOLEAK_PACK_WORDS - 1)
#define LAST_AT offsetof(struct goleak_event, pid)

_Static_assert(GOLEAK_PACK_WORDS <= 16, "a length has four bits of 64");
_Static_assert(sizeof(struct goleak_event) % 8 == 0 && LAST_AT == LAST * 8 &&
                   offsetof(struct goleak_event, depth) < sizeof(struct goleak_event),
               "the last word is made of pid, status and depth");

static inline void put(unsigned char *out, uint64_t word)
{
    for (unsigned i = 0; i < 8; i++)
        out[i] = (unsigned char)(word >> 8 * i);
}

static inline uint64_t get(const unsigned char *in)
{
    uint64_t word = 0;
    for (unsigned i = 0; i < 8; i++)
        word |= (uint64_t)in[i] << 8 * i;
    return word;
}

/* But for the bytes behind the last member, which may be anything. */
static inline void to_words(const struct goleak_event *event, uint64_t words[GOLEAK_PACK_WORDS])
{
    memcpy(words, event, LAST_AT);
    words[LAST] = event->pid | (uint64_t)event->status << 32 | (uint64_t)event->depth << 40;
}

size_t goleak_pack(const struct goleak_event *events, size_t count, unsigned char *out)
{
    uint64_t before[GOLEAK_PACK_WORDS] = { 0 }, words[GOLEAK_PACK_WORDS];
    unsigned char *at = out;
    for (size_t e = 0; e < count; e++) {
        unsigned char *head = at;
        uint64_t lengths = 0;
        at += 8;
        to_words(&events[e], words);
        for (unsigned i = 0; i < GOLEAK_PACK_WORDS; i++) {
            uint64_t differs = words[i] ^ before[i], length = (goleak_bits(differs) + 7) / 8;
            put(at, differs);
            at += length;
            lengths |= length << 4 * i;
            before[i] = words[i];
        }
        put(head, lengths);
    }
    return (size_t)(at - out);
}

void goleak_unpack(const unsigned char *packed, size_t count, struct goleak_event *events)
{
    static const uint64_t masks[9] = { 0,          0xff,         0xffff,         0xffffff,
                                       0xffffffff, 0xffffffffff, 0xffffffffffff, 0xffffffffffffff,
                                       UINT64_MAX };
    uint64_t words[GOLEAK_PACK_WORDS] = { 0 };
    for (size_t e = 0; e < count; e++) {
        struct goleak_event *event = &events[e];
        uint64_t lengths = get(packed);
        packed += 8;
        for (unsigned i = 0; i < GOLEAK_PACK_WORDS; i++) {
            unsigned length = lengths >> 4 * i & 15;
            words[i] ^= get(packed) & masks[length];
            packed += length;
        }
        memcpy(event, words, LAST_AT);
        event->pid = (uint32_t)words[LAST];
        event->status = (uint8_t)(words[LAST] >> 32);
        event->depth = (uint8_t)(words[LAST] >> 40);
    }
}
