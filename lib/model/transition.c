/* transition - see transition.h. */
#include "model/transition.h"

#include <string.h>

void goleak_transitions_sort(struct goleak_transitions *batch)
{
    memset(batch->count_of, 0, sizeof batch->count_of);
    for (size_t i = 0; i < batch->count; i++) {
        unsigned kind = batch->all[i].kind;
        batch->of[kind][batch->count_of[kind]++] = (uint8_t)i;
    }
}
