/* How often the same has happened: for records that anybody can cause, as often as he likes. */
#ifndef SESSIOND_AUDIT_COUNT_H
#define SESSIOND_AUDIT_COUNT_H

#include "session-audit.h"

enum {
        AUDIT_COUNT_MS = 60 * 1000, /* for so long, what is the same is counted */
        AUDIT_COUNT_ROWS = 256,     /* of all sources */
        AUDIT_COUNT_OF_SOURCE = 16, /* of one, before what it does is told apart by kind alone */
        AUDIT_COUNT_OTHERS = 32,    /* of those that have found no room, by kind alone */
};

struct audit_count {
        uint64_t key; /* 0: free */
        uint64_t source_key, begun_ms, times;
        char what[16], outcome[64], source[64], account[40], profile[40], kind[24];
        char capability[64], reporter[8], detail[CAPOS_AUDIT_TEXT_BYTES];
};

struct audit_counts {
        uint8_t secret[16];
        struct audit_count rows[AUDIT_COUNT_ROWS + AUDIT_COUNT_OTHERS];
        unsigned used;
};

void audit_counts_init(struct audit_counts *c);
/*
 * Something has happened: whether it is to be recorded by itself, as the first of its kind from its
 * source. Else it is counted. deferred: it cannot be recorded now, so it is counted in any case.
 */
bool audit_counts_first(struct audit_counts *c, const struct capos_audit_record *r, bool deferred,
                        uint64_t now_ms);
/*
 * Takes out a count that is over: *ret is what there was more of, and points into the table until
 * the next call. all: also those that are not over. False: there is none.
 */
bool audit_counts_take(struct audit_counts *c, bool all, uint64_t now_ms,
                       struct capos_audit_record *ret);

#endif
