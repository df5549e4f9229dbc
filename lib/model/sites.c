/* sites - see sites.h. */
#include "model/sites.h"

#include "base/hash.h"
#include "base/number.h"
#include "model/goroutine.h"

#include <string.h>

/* By start function: Go's rule (prefix "runtime." but for main, the entry of coroutines, and
 * that of C threads, behind which the program's own functions run), and the runtime's helpers
 * that live in packages beside it. */
uint8_t goleak_proof_by_start(const char *function)
{
    if (goleak_text_begins(function, "0x") || goleak_name_is_lost(function))
        return 0; /* an address proves nothing, nor does a name that was lost */
    if (strcmp(function, "runtime.main") == 0)
        return GOLEAK_REC_USER | GOLEAK_REC_MAIN;
    if (goleak_text_begins(function, "runtime.") && strcmp(function, "runtime.corostart") != 0 &&
        !goleak_text_begins(function, "runtime.cgocallback"))
        return GOLEAK_REC_SYSTEM | GOLEAK_REC_NOT_MAIN;
    if (goleak_text_begins(function, "runtime/trace.") || goleak_text_begins(function, "runtime/pprof.") ||
        strcmp(function, "os/signal.loop") == 0)
        return GOLEAK_REC_SYSTEM | GOLEAK_REC_NOT_MAIN;
    return GOLEAK_REC_USER | GOLEAK_REC_NOT_MAIN;
}

/* By the function that spawned it: what the runtime spawns is the runtime's, but
 * for main (runtime.rt0_go) and coroutines (runtime.newcoro). */
static uint8_t proof_by_spawner(const char *function)
{
    if (goleak_name_is_lost(function))
        return 0;
    if (goleak_text_begins(function, "runtime.rt0_go"))
        return GOLEAK_REC_USER | GOLEAK_REC_MAIN;
    if (goleak_text_begins(function, "runtime.newcoro"))
        return GOLEAK_REC_USER | GOLEAK_REC_NOT_MAIN;
    if (goleak_text_begins(function, "runtime.") || goleak_text_begins(function, "runtime/trace.") ||
        goleak_text_begins(function, "runtime/pprof.") || goleak_text_begins(function, "os/signal.watchSignalLoop"))
        return GOLEAK_REC_SYSTEM | GOLEAK_REC_NOT_MAIN;
    if (goleak_text_begins(function, "os/signal."))
        return GOLEAK_REC_NOT_MAIN; /* its loop is the runtime's, what waits for a context is not */
    return GOLEAK_REC_USER | GOLEAK_REC_NOT_MAIN;
}

bool goleak_sites_init(struct goleak_sites *sites, struct goleak_symbols *symbols, struct goleak_alloc *alloc)
{
    *sites = (struct goleak_sites){ .symbols = symbols };
    goleak_intern_init(&sites->index, alloc);
    goleak_intern_init(&sites->pcs, alloc);
    goleak_idmap_init(&sites->firsts, alloc);
    if (!goleak_grow(alloc, &sites->sites, &sites->capacity, 64, sizeof *sites->sites))
        return false;
    sites->sites[0] = (struct goleak_site) { .unnamed = true };
    return true;
}

void goleak_sites_release(struct goleak_sites *sites)
{
    goleak_free(sites->index.alloc, sites->sites, sites->capacity * sizeof *sites->sites);
    goleak_free(sites->index.alloc, sites->pc_places, sites->pc_capacity * sizeof *sites->pc_places);
    goleak_intern_release(&sites->index);
    goleak_intern_release(&sites->pcs);
    goleak_idmap_release(&sites->firsts);
    *sites = (struct goleak_sites){ 0 };
}

static uint8_t prove_site(const struct goleak_sites *sites, const struct goleak_site *site)
{
    const char *spawner = goleak_symbols_frame_function(sites->symbols, site->created_at);
    uint8_t by_spawner = spawner[0] != '\0' ? proof_by_spawner(spawner) : 0;
    uint8_t by_start = site->start != 0 ? goleak_proof_by_start(goleak_symbols_text(sites->symbols, site->start)) : 0;
    /* A start function with a user's name that the runtime spawned is the runtime's. */
    if (by_start == 0 || (by_spawner & GOLEAK_REC_SYSTEM))
        return by_spawner;
    return by_start;
}

static bool is_of_coroutines(const struct goleak_sites *sites, const struct goleak_site *site)
{
    return strcmp(goleak_symbols_text(sites->symbols, site->start), "runtime.corostart") == 0 ||
           goleak_text_begins(goleak_symbols_frame_function(sites->symbols, site->created_at), "runtime.newcoro");
}

/* What its names tell, by now. */
static void prove(const struct goleak_sites *sites, struct goleak_site *site)
{
    site->proof |= prove_site(sites, site);
    site->coroutines = is_of_coroutines(sites, site);
}

static bool is_wrapped(const struct goleak_sites *sites, const struct goleak_site *site)
{
    return goleak_symbols_is_wrapper(goleak_symbols_text(sites->symbols, site->start));
}

/* A new site may be another name of one at the same place. The function that is wrapped says more. */
static bool unite(struct goleak_sites *sites, uint16_t process, uint32_t caller, uint32_t site)
{
    struct goleak_site *it = &sites->sites[site];
    const uint64_t place = (uint64_t)process << 56 | (uint64_t)caller << 28 | it->created_at;
    if (!sites->joined || it->created_at == 0 || it->start == 0 || it->unnamed || (caller | it->created_at) >> 28 != 0)
        return true;
    uint32_t first = goleak_idmap_get(&sites->firsts, place);
    if (first == 0)
        return goleak_idmap_put(&sites->firsts, place, site);
    bool wrapped = is_wrapped(sites, it);
    if (wrapped == is_wrapped(sites, &sites->sites[first]))
        return true;
    it->is = first;
    if (!wrapped)
        sites->sites[first].start = it->start;
    return true;
}

/* The id of these bytes, if they are the last of their place. */
static inline uint32_t find_last(const struct goleak_intern *intern, uint32_t last, const void *key, size_t size)
{
    return last != 0 && memcmp(goleak_intern_get(intern, last, NULL), key, size) == 0 ? last : 0;
}

bool goleak_sites_add(struct goleak_sites *sites, uint16_t process, uint32_t created_at, uint32_t caller,
                      uint32_t start, uint32_t *site)
{
    uint32_t whole = 0, place = 0;
    *site = 0;
    if (created_at == 0 && start == 0)
        return true;
    if (process >= GOLEAK_SITES_PROCESSES)
        process = GOLEAK_SITES_PROCESSES - 1;
    const uint32_t key[4] = { created_at, start, process, caller };
    uint32_t *last = &sites->last[(created_at * 31 + start + process * 7u + caller * 3) % GOLEAK_SITES_LAST];
    if ((*site = find_last(&sites->index, *last, key, sizeof key)) != 0) {
        *site = sites->sites[*site].is;
        return true;
    }
    if (caller != 0 && !goleak_sites_add(sites, process, created_at, 0, start, &whole))
        return false;
    if (caller == 0 && process != 0 && !goleak_sites_add(sites, 0, created_at, 0, start, &place))
        return false;
    sites->parted |= (whole | place) != 0;
    size_t before = sites->index.count;
    if (!goleak_grow(sites->index.alloc, &sites->sites, &sites->capacity, before + 2, sizeof *sites->sites))
        return false;
    *last = *site = goleak_intern_add(&sites->index, key, sizeof key);
    if (*site > before) {
        uint64_t address;
        sites->sites[*site] = (struct goleak_site) {
            .created_at = created_at,
            .start = start,
            .unnamed = goleak_symbols_is_address(sites->symbols, start, &address),
            .is = *site,
            .whole = whole != 0 ? whole : *site,
            .place = whole != 0   ? sites->sites[whole].place
                     : place != 0 ? place
                                  : *site,
        };
        prove(sites, &sites->sites[*site]);
        if (!unite(sites, process, caller, *site))
            return false;
    }
    *site = sites->sites[*site].is;
    return *site != 0;
}

/* A place of which only the address was known: by now a stack may have named it. */
static uint32_t place_again(const struct goleak_sites *sites, uint32_t frame)
{
    const char *text = goleak_symbols_frame_text(sites->symbols, frame);
    uint64_t address;
    if (frame == 0 || goleak_symbols_frame_function(sites->symbols, frame)[0] != '\0' ||
        goleak_parse_hex(text, text + strlen(text), &address) == NULL)
        return frame;
    uint32_t id = goleak_intern_find(&sites->pcs, &address, sizeof address);
    uint32_t named = id != 0 ? sites->pc_places[id - 1].named : 0;
    if (named == 0) /* the executable may tell by now */
        named = goleak_symbols_address(sites->symbols, address, true);
    return named != 0 ? named : frame;
}

bool goleak_sites_rename(struct goleak_sites *sites, uint32_t site)
{
    struct goleak_site *it = &sites->sites[site];
    uint32_t start = goleak_symbols_start_again(sites->symbols, it->start);
    uint32_t created_at = place_again(sites, it->created_at);
    if (start == it->start && created_at == it->created_at)
        return false;
    it->start = start;
    it->created_at = created_at;
    prove(sites, it);
    return true;
}

uint32_t goleak_sites_place(struct goleak_sites *sites, uint64_t gopc, uint32_t named)
{
    uint32_t *last = &sites->last_pcs[goleak_hash_u64(gopc) >> 56],
             id = find_last(&sites->pcs, *last, &gopc, sizeof gopc);
    if (id == 0) {
        size_t before = sites->pcs.count;
        if (!goleak_grow(sites->pcs.alloc, &sites->pc_places, &sites->pc_capacity, before + 1,
                         sizeof *sites->pc_places))
            return 0;
        id = *last = goleak_intern_add(&sites->pcs, &gopc, sizeof gopc);
        if (id == 0)
            return 0;
        if (id > before)
            sites->pc_places[id - 1] = (struct goleak_pc_place) { 0, 0 };
    }
    struct goleak_pc_place *place = &sites->pc_places[id - 1];
    if (named != 0 && place->named == 0)
        place->named = named;
    else if (named == 0 && place->named == 0 && place->address == 0)
        place->address = goleak_symbols_address(sites->symbols, gopc, true);
    if (place->address != 0)
        return place->address;
    return named != 0 ? named : place->named;
}

size_t goleak_sites_count(const struct goleak_sites *sites)
{
    return sites->index.count + 1;
}
