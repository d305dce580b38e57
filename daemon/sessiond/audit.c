/*
 * The audit log: records are written at once, and synced before anybody is told.
 *
 * Whoever is told of a grant or a denial is told after the record of it is on disk. The answers of
 * one turn wait for one fdatasync() together: a timer of no delay fires in the next turn, syncs,
 * and ends them in their order. Records that no answer waits for, as of ends, are synced within a
 * second, together; so a login costs one sync, and its end none of its own.
 *
 * What anybody can cause as often as he likes is counted (audit-count.c). When the disk is full,
 * nothing begins any more; what has begun goes on, and its end is recorded from the reserve
 * (audit-log.c). What has begun nevertheless and cannot be recorded ends the process, and with it
 * every session: that is what "fail closed" means here.
 */
#include "audit.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "daemon-log.h"
#include "store.h"

enum { TICK_MS = 1000 };

struct held {
        struct capnp_i_list link;
        capnp_answer *answer;
        bool fails;
        enum capnp_kind kind;
        char reason[256];
};

/* ---- the disk ------------------------------------------------------------------------------- */

static void audit_on_tick(void *arg);

/* Without a timer it is done on the spot. */
static void audit_tick_later(struct audit *a)
{
        if (!a->tick && capnp_timer_new(a->vat, TICK_MS, audit_on_tick, a, &a->tick)) {
                audit_log_sync(&a->log);
                audit_log_mark(&a->log);
        }
}

static void audit_write(struct audit *a, struct capos_audit_record r)
{
        r.time_ms = clock_wall_ms();
        if (a->actor) {
                r.actor = a->actor->account;
                r.actor_session = a->actor->session;
                if (r.source && !strcmp(r.source, "local"))
                        r.source = a->actor->source;
        }
        audit_log_write(&a->log, &r);
        if (a->wrote)
                a->wrote(a->wrote_arg, &r, a->log.chain.records);
        audit_tick_later(a);
}

static void audit_is_full(struct audit *a)
{
        a->full = true;
        a->refused = 0;
        daemon_log(LOG_ERR, "the audit log: the disk is full: nobody can log in until there is "
                            "room; sessions go on");
        audit_write(a, (struct capos_audit_record){.what = "full", .outcome = "begun"});
}

static void audit_is_not_full(struct audit *a)
{
        char detail[64];

        a->full = false;
        snprintf(detail, sizeof(detail), "%llu requests were refused",
                 (unsigned long long)a->refused);
        daemon_log(LOG_NOTICE, "the audit log: there is room again; %s", detail);
        audit_write(a, (struct capos_audit_record){
                               .what = "full", .outcome = "over", .detail = detail});
}

static void audit_look(struct audit *a)
{
        bool room = audit_log_has_room(&a->log);

        if (!room && !a->full)
                audit_is_full(a);
        else if (room && a->full)
                audit_is_not_full(a);
        if (a->full)
                audit_tick_later(a);
}

bool audit_has_room(struct audit *a)
{
        audit_look(a);
        a->refused += a->full;
        return !a->full;
}

/* ---- records -------------------------------------------------------------------------------- */

static void audit_counted(struct audit *a, bool all)
{
        struct capos_audit_record r;

        while (audit_counts_take(&a->counts, all, clock_boot_ms(), &r))
                audit_write(a, r);
}

static void audit_on_tick(void *arg)
{
        struct audit *a = arg;

        a->tick = NULL;
        audit_look(a);
        if (!a->full)
                audit_counted(a, false);
        audit_log_sync(&a->log);
        audit_log_mark(&a->log);
        if (a->counts.used)
                audit_tick_later(a);
}

void audit_add(struct audit *a, struct capos_audit_record r)
{
        audit_write(a, r);
}

void audit_add_counted(struct audit *a, struct capos_audit_record r)
{
        if (audit_counts_first(&a->counts, &r, a->full, clock_boot_ms()))
                audit_write(a, r);
        else
                audit_tick_later(a);
}

/* ---- answers -------------------------------------------------------------------------------- */

static int held_now(const struct held *h)
{
        if (h->fails)
                return capnp_answer_fail(h->answer, h->kind, "%s", h->reason);

        return capnp_answer_return(h->answer);
}

static void audit_flush(struct audit *a)
{
        struct capnp_i_list *l;

        audit_log_sync(&a->log);
        while ((l = capnp_i_list_pop(&a->held))) {
                struct held *h = CAPNP_I_OF(l, struct held, link);

                (void)held_now(h);
                free(h);
        }
}

static void audit_on_flush(void *arg)
{
        struct audit *a = arg;

        a->flush = NULL;
        audit_flush(a);
}

/* Without a timer or memory to wait with, it is done on the spot. */
static int audit_hold(struct audit *a, const struct held *like)
{
        struct held *h = NULL;

        if (a->flush || !capnp_timer_new(a->vat, 0, audit_on_flush, a, &a->flush))
                h = malloc(sizeof(*h));
        if (!h) {
                audit_log_sync(&a->log);
                return held_now(like);
        }

        *h = *like;
        capnp_i_list_init(&h->link);
        capnp_i_list_append(&a->held, &h->link);
        return capnp_answer_keep(h->answer, NULL, NULL);
}

int audit_return(struct audit *a, capnp_answer *answer)
{
        if (!a->log.unsynced)
                return capnp_answer_return(answer);

        return audit_hold(a, &(struct held){.answer = answer});
}

int audit_fail(struct audit *a, capnp_answer *answer, enum capnp_kind k, const char *fmt, ...)
{
        struct held h = {.answer = answer, .fails = true, .kind = k};
        va_list args;

        va_start(args, fmt);
        vsnprintf(h.reason, sizeof(h.reason), fmt, args);
        va_end(args);
        if (!a->log.unsynced)
                return capnp_answer_fail(answer, k, "%s", h.reason);

        return audit_hold(a, &h);
}

/* ---- life ----------------------------------------------------------------------------------- */

int audit_init(struct audit *a, capnp_vat *vat, int dir, struct store *s)
{
        struct audit_found found;
        int r;

        *a = (struct audit){.vat = vat};
        capnp_i_list_init(&a->held);
        audit_counts_init(&a->counts);
        r = audit_log_open(&a->log, dir, s, &found);
        if (r)
                return r;

        if (found.outcome)
                audit_add(a, (struct capos_audit_record){.what = "recovered",
                                                         .outcome = found.outcome,
                                                         .detail = found.detail});
        return 0;
}

void audit_deinit(struct audit *a)
{
        if (a->log.fd < 0 || !a->vat)
                return;

        audit_counted(a, true);
        audit_flush(a);
        a->flush = capnp_timer_free(a->flush);
        a->tick = capnp_timer_free(a->tick);
        audit_log_close(&a->log);
}
