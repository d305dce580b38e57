/* What is new in a text, line by line; and how much may be printed. */
#ifndef CAPOS_CLI_UI_DIFF_H
#define CAPOS_CLI_UI_DIFF_H

#include <capos/capnp-base.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef void ui_diff_fn(void *arg, bool is_gone, const char *line, size_t len);

/* Calls fn for each line of before that after has no more, and then for each of after that before
 * had not, both as often as they are there. 0; -ENOMEM: then it was not called. */
int ui_diff(const char *before, const char *after, ui_diff_fn *fn, void *arg) CAPNP_MUST_USE;

/* What may be printed without anybody having asked for it: so much at once, so much a second. */
struct ui_pace {
        int64_t bytes; /* may be printed now; below 0: more was */
        uint64_t at_ms;
        uint32_t at_once, a_second;
};

/* Time has passed. */
void ui_pace_pass(struct ui_pace *p, uint64_t now_ms);
/* When there is something to be had again, a quarter of what may come at once: 0: now. */
uint32_t ui_pace_wait_ms(const struct ui_pace *p);

#endif
