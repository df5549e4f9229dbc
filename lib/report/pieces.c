/* pieces - parts of JSON that more than one report writes. See report.h. */
#include "report/report.h"

void goleak_write_evidence(struct goleak_json *json, const struct goleak_evidence *evidence, size_t count)
{
    goleak_json_open(json, "evidence", '[');
    for (size_t i = 0; i < count; i++) {
        goleak_json_open(json, NULL, '{');
        goleak_json_text(json, "rule", evidence[i].rule);
        goleak_json_text(json, "text", evidence[i].text);
        goleak_json_open(json, "values", '{');
        for (size_t v = 0; v < evidence[i].value_count; v++) {
            const struct goleak_value *value = &evidence[i].values[v];
            if (value->text != NULL)
                goleak_json_text(json, value->name, value->text);
            else
                goleak_json_i64(json, value->name, value->number);
        }
        goleak_json_close(json, '}');
        goleak_json_bool(json, "against", evidence[i].against);
        goleak_json_close(json, '}');
    }
    goleak_json_close(json, ']');
}
