/* The transcript: what was done and what came of it, redacted by construction. */
#ifndef CAPOS_WEB_RECORDS_H
#define CAPOS_WEB_RECORDS_H

#include "bridge.h"

#include "remote_ui.capnp-c.h"

/* What a record may hold: words of ours, names that the instance gives, codes and sizes. There is
 * no member for a secret, parameters, results, or what somebody has typed. */
struct record {
        uint64_t at_ms;
        const char *what; /* ours: "login", "call" */
        char name[96];    /* "chat.join" */
        char outcome[64]; /* "done", "denied.unknown-name" */
        char detail[96];  /* sizes, times: "12 bytes in 0.3 ms" */
        enum ui_tone tone;
};

int records_new(struct bridge *b) CAPNP_MUST_USE;
void records_free(struct bridge *b);
/* Notes one, and says it to all tabs. outcome NULL: done. */
void record_add(struct bridge *b, const char *what, const char *name, const char *outcome,
                const char *detail);
/* Likewise with what the library says: its code, never its words. */
void record_error(struct bridge *b, const char *what, const char *name,
                  const struct capos_error *e);
/* All of them, to a tab that is new. */
void records_tell(struct bridge *b, const struct bridge_tab *t);
/* As a file. */
void records_export(struct bridge *b, struct asker a);

#endif
