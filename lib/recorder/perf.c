/* perf - to be written. */
#include "recorder/recorder.h"

static enum goleak_status write_perf(const struct goleak_recorder_target *target, struct goleak_buf *out,
                                   struct goleak_error *error)
{
    (void)error;
    goleak_buf_printf(out, "# perf go=%s arch=%s probes=%s\n", target->version, target->arch_name, target->probe_names);
    return GOLEAK_OK;
}

const struct goleak_recorder goleak_recorder_perf = { "perf", write_perf };
