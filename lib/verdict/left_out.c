/* left_out - who is not woken any more, while others like it are. See hope.h. */
#include "verdict/hope.h"

/* ---- rounds ----
 *
 * One who hands something to all of a list goes round: between two wake-ups of one are those of all others, once or so.
 * Of chance's gaps a third would be longer than twice that many in three rounds. Where none is, whoever is passed over
 * for many rounds was taken off the list. */

#define ROUNDS_LEAST 3   /* so often it was its turn; and so many go on */
#define ROUNDS_MOST 1024 /* of longer lists all would be asked for each */

/* One who is asked for. */
struct left_out {
    const struct goleak_hope_input *input;
    const struct goleak_hope *hope;
    const struct goleak_record *record;
    const struct goleak_habit *habit;
    int64_t waited;
};

/* It has woken another one of its kind as well, and that a good while after it. */
static bool serves_others(const struct left_out *one, uint32_t waker)
{
    return goleak_hope_serves_another(one->input, one->hope, waker, one->record,
                                      one->waited / one->input->limits->together);
}

/* Nobody but those whom it has started has woken it: that others' children have woken others says nothing of it. */
static bool has_own_children_only(const struct goleak_habit *habit)
{
    return habit->wakers[0] != 0 && !habit->strangers && habit->nobody == 0;
}

/* No more of its wake-ups count: behind very many a gap would be a leak's that is hardly longer than one before. */
#define GAPS_MOST 16

/* Between two of its own wake-ups were others'. Of those gaps the longest is known: that the next one is r times as long
 * has, by Bayes' rule, a probability of the product of i / (i + r), i from 1 to the number of its wake-ups; where it was
 * always its turn, that is the rule of succession. */
static bool is_passed_over(const struct goleak_hope_input *input, const struct goleak_habit *habit)
{
    if (habit == NULL || habit->ended < input->limits->habit_waits || has_own_children_only(habit))
        return false;
    const uint32_t ended = habit->ended < GAPS_MOST ? habit->ended : GAPS_MOST;
    const double times = (double)goleak_woken_since(input->waits, habit) / habit->gap;
    double chance = 1;
    for (uint32_t i = 1; i <= ended; i++)
        chance *= i / (i + times);
    return chance < input->limits->left_out_chance;
}

static bool has_own_waker(const struct left_out *one, bool is_waker);

/* It waits itself, and is left out there: the next one in a line that nobody asks any more. */
static bool is_left_out_itself(const struct left_out *one, uint32_t waker)
{
    const struct goleak_record *record = goleak_store_at(one->input->store, waker);
    const struct goleak_habit *habit = goleak_is_blocked(record) ? goleak_waits_here(one->input->waits, record) : NULL;
    return is_passed_over(one->input, habit) &&
           !has_own_waker(
               &(struct left_out) { one->input, one->hope, record, habit, goleak_waited(record, one->input->last) },
               true);
}

/* Whoever wakes it lives, is not stuck, and has it alone to wake: that one had nothing for it, whatever others of its
 * kind got from others. Of more than two only two are kept: where it has started these, the others, too. Not who is left
 * out itself; of such a one (is_waker) no more is asked. */
static bool has_own_waker(const struct left_out *one, bool is_waker)
{
    const struct goleak_habit *habit = one->habit;
    if (habit->wakers[0] == 0 || habit->nobody != 0)
        return false;
    for (int i = 0; i < 2 && habit->wakers[i] != 0; i++) {
        uint32_t waker = goleak_hope_waker(one->input->store, habit, i);
        if (waker == 0 || goleak_hope_of(one->hope, waker) == GOLEAK_HOPE_NONE || serves_others(one, waker) ||
            (habit->others &&
             !goleak_has_started(one->input->store, one->record, goleak_store_at(one->input->store, waker))) ||
            (!is_waker && is_left_out_itself(one, waker)))
            return false;
    }
    return true;
}

bool goleak_left_out(const struct goleak_hope_input *input, const struct goleak_hope *hope,
                     const struct goleak_record *record, const struct goleak_habit *habit, int64_t waited)
{
    return is_passed_over(input, habit) &&
           !has_own_waker(&(struct left_out) { input, hope, record, habit, waited }, false);
}

/* So often were others like it woken since it was, if it was often enough. */
static uint32_t turns_missed(const struct goleak_hope_input *input, const struct goleak_record *record,
                             const struct goleak_habit *habit)
{
    if (habit == NULL || habit->ended < ROUNDS_LEAST)
        return 0;
    const struct goleak_wait_site *site = &input->waits->sites[habit->site]; /* of its last wait: mostly this one's */
    const bool alike = site->site == record->site && site->stack == record->block_stack;
    return alike ? goleak_woken_since(input->waits, habit) : 0;
}

/* The waker goes round among those who wait like this one: of most of them it is the turn still. */
static bool goes_round(const struct goleak_hope_input *input, const struct goleak_hope *hope, uint32_t waker,
                       const struct goleak_record *record, uint64_t count)
{
    const struct goleak_run served = goleak_relation_of(&hope->woken, waker);
    uint64_t alike = 0, taken = 0, turns = 0;
    for (size_t i = 0; i < served.count && served.count <= ROUNDS_MOST; i++) {
        const struct goleak_record *other = goleak_store_at(input->store, served.all[i].record);
        const struct goleak_habit *habit = goleak_waits_here(input->waits, other);
        if (other == record || other->site != record->site || other->block_stack != record->block_stack)
            continue;
        alike++;
        if (habit == NULL || habit->ended < ROUNDS_LEAST || turns_missed(input, other, habit) > 2 * count)
            continue;
        if (habit->gap > 2 * count || habit->others || habit->nobody != 0 ||
            !goleak_hope_is_waker(input->store, habit, waker))
            return false;
        taken++;
        turns += habit->ended - 1;
    }
    return taken >= ROUNDS_LEAST && taken > alike / 2 && turns >= input->limits->rounds_turns;
}

/* It stands in a line with others, at one channel or Cond: these are served in turn, and none is passed over. Of a Cond of
 * which no more is told one is not the only one that waits. */
static bool is_in_line(const struct goleak_hope_input *input, const struct goleak_hope *hope,
                       const struct goleak_record *record)
{
    const uint32_t place = goleak_waits_place(input->waits, record);
    return goleak_place_is_object(place) ? goleak_relation_of(&hope->crowds, place).count > 1
                                         : record->reason == GOLEAK_REASON_COND_WAIT;
}

bool goleak_dropped(const struct goleak_hope_input *input, const struct goleak_hope *hope,
                    const struct goleak_record *record, const struct goleak_habit *habit, uint64_t count)
{
    if (count <= ROUNDS_LEAST || turns_missed(input, record, habit) < input->limits->rounds_missed * count ||
        habit->gap > 2 * count || habit->others || habit->wakers[1] != 0 || habit->nobody != 0 ||
        is_in_line(input, hope, record))
        return false;
    const uint32_t waker = goleak_hope_waker(input->store, habit, 0);
    return waker != 0 && goleak_hope_of(hope, waker) != GOLEAK_HOPE_NONE &&
           goes_round(input, hope, waker, record, count);
}

bool goleak_is_served(const struct goleak_hope_input *input, const struct goleak_hope *hope,
                      const struct goleak_record *record, const struct goleak_habit *habit, int64_t waited)
{
    return goleak_is_habit(input->waits, habit, input->limits, record, waited) &&
           goleak_hope_of(hope, record->index) != GOLEAK_HOPE_NONE &&
           !goleak_left_out(input, hope, record, habit, waited);
}
