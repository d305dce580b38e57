/*
 * Places for sessions, and whose session gives way.
 *
 * This is the second of two pools; the gateway has that of connections without a session. A session
 * takes a place until it ends, whatever its connection does then: of its account's, its profile's,
 * the instance's memory and the instance's sessions. All of it is reserved before anything else is
 * done, and is in the session from then on.
 *
 * Sessions without an account are for anybody, so they are bounded thrice: of one source, of one
 * way in, and by the room there is in all. At the first bound the source is refused, for only it is
 * to blame. At the others one that has more gives up its oldest session to one that has less;
 * equals do not, or they would push each other out for ever. When there is no room at all,
 * anonymous sessions go first, then guests'. A session of an account never gives way; when all are
 * of accounts, there is no room, and a log in is refused. Because of that, what accounts have is
 * shared (daemon-share.h): an instance's places among sources, a profile's and the memory among
 * accounts, so that nobody finds all of it taken by one who came before.
 */
#include "places.h"

#include <capos/capnp.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "origin.h"
#include "session.h"
#include "sessiond.h"

/* Sessions of one class: how many of a source and its party. */
struct tally {
        uint32_t of_source, of_party;
};

static struct tally places_count(struct sessiond *s, enum conn_class conn_class,
                                 const struct source *source)
{
        struct tally n = {0};

        for (struct capnp_i_list *l = s->sessions.next; l != &s->sessions; l = l->next) {
                const struct session *e = CAPNP_I_OF(l, struct session, link);

                if (session_class(e->account, e->kind) != conn_class)
                        continue;
                n.of_source += source_equal(&e->origin->from, source);
                n.of_party += source_same_party(&e->origin->from, source);
        }
        return n;
}

/* Whether a goes before b: of the busier party, then of the busier source. */
static bool tally_is_before(const struct tally *a, const struct tally *b)
{
        if (a->of_party != b->of_party)
                return a->of_party > b->of_party;

        return a->of_source > b->of_source;
}

struct candidate {
        struct session *session;
        uint32_t age; /* 0: the oldest */
};

static const struct source *candidate_source(const struct candidate *c)
{
        return &c->session->origin->from;
}

/* Sources of one party next to each other, and within a source the oldest first. */
static int candidate_compare(const void *a, const void *b)
{
        const struct candidate *x = a, *y = b;
        int r = memcmp(candidate_source(x), candidate_source(y), sizeof(struct source));

        return r ? r : (x->age > y->age) - (x->age < y->age);
}

/* How many from here on are of the same source, or party. */
static uint32_t candidates_run(const struct candidate *c, uint32_t n,
                               bool (*same)(const struct source *a, const struct source *b))
{
        uint32_t run = 1;

        while (run < n && same(candidate_source(&c[run]), candidate_source(c)))
                run++;
        return run;
}

/* Whose session goes, if that has more than those have that want a place. NULL: nobody's. */
static struct session *candidates_choose(const struct candidate *c, uint32_t n,
                                         const struct tally *wanting)
{
        const struct candidate *victim = NULL;
        struct tally most = *wanting, t = {0};

        for (uint32_t i = 0, party_end = 0; i < n; i += t.of_source) {
                if (i == party_end) {
                        t.of_party = candidates_run(c + i, n - i, source_same_party);
                        party_end = i + t.of_party;
                }
                t.of_source = candidates_run(c + i, n - i, source_equal);
                if (tally_is_before(&most, &t) || (!victim && !tally_is_before(&t, &most)))
                        continue;
                if (victim && !tally_is_before(&t, &most) && c[i].age > victim->age)
                        continue;
                most = t;
                victim = &c[i];
        }
        return victim ? victim->session : NULL;
}

/* Ends the oldest session of a class of whoever has most of them, if that is more than those have
 * that want a place. Whether it did. */
static bool places_displace(struct sessiond *s, enum conn_class conn_class,
                            const struct tally *wanting)
{
        struct candidate *all = calloc(s->nsessions + 1, sizeof(*all));
        struct session *victim;
        uint32_t n = 0;

        if (!all)
                return false;
        for (struct capnp_i_list *l = s->sessions.next; l != &s->sessions; l = l->next) {
                struct session *e = CAPNP_I_OF(l, struct session, link);

                if (session_class(e->account, e->kind) != conn_class)
                        continue;
                all[n] = (struct candidate){e, n};
                n++;
        }

        qsort(all, n, sizeof(*all), candidate_compare);
        victim = candidates_choose(all, n, wanting);
        free(all);
        if (victim)
                session_end(victim, SESSION_DISPLACEMENT, "displaced: there are too many sessions");
        return victim != NULL;
}

/* ---- what is asked of the ledgers ------------------------------------------------------------ */

/* What is asked for a session, of each ledger. */
struct asks {
        struct ledger_ask of[PLACES];
        char owner[TURNS_KEY + 8]; /* who shares with others: an account, or else a party */
};

static const char *class_name(enum conn_class conn_class)
{
        switch (conn_class) {
        case CLASS_ACCOUNT:
                return "account";
        case CLASS_GUEST:
                return "guest";
        default:
                return "anonymous";
        }
}

static const struct policy_entry *places_entry(const struct policy *p, enum conn_class conn_class)
{
        return conn_class == CLASS_GUEST ? &p->guest : &p->anonymous;
}

/* What a session may make the instance hold: what waits in both directions, and a message. */
static uint64_t quota_bytes(const struct policy_quota *q)
{
        const uint64_t most = UINT64_C(1) << 48;

        if (q->queued_bytes > most || q->message_bytes > most)
                return most;

        return 2 * q->queued_bytes + q->message_bytes;
}

static void asks_make(struct asks *q, const struct origin *o, const struct session_who *who)
{
        enum conn_class conn_class = session_class(who->account, who->kind);
        const struct policy *p = &o->s->policy;
        const struct policy_entry *entry = places_entry(p, conn_class);
        bool account = conn_class == CLASS_ACCOUNT;
        const char *pool = class_name(conn_class);
        uint32_t of_profile = who->profile->max_sessions;

        (void)snprintf(q->owner, sizeof(q->owner), "%s %s", account ? "account" : "party",
                       account ? who->account : o->party);
        q->of[LEDGER_ACCOUNTS] =
                (struct ledger_ask){.pool = who->account,
                                    .owner = o->source,
                                    .n = account,
                                    .all = UINT64_MAX,
                                    .limit = who->profile->quota.sessions_per_account,
                                    .of_one = UINT64_MAX};
        q->of[LEDGER_PROFILES] = (struct ledger_ask){.pool = who->profile->name,
                                                     .owner = q->owner,
                                                     .n = 1,
                                                     .all = UINT64_MAX,
                                                     .limit = of_profile ? of_profile : UINT64_MAX,
                                                     .of_one = LEDGER_SHARES};
        q->of[LEDGER_MEMORY] = (struct ledger_ask){.pool = pool,
                                                   .owner = q->owner,
                                                   .n = quota_bytes(&who->profile->quota),
                                                   .all = p->memory_bytes,
                                                   .limit = p->memory_bytes,
                                                   .of_one = LEDGER_SHARES};
        q->of[LEDGER_SESSIONS] =
                (struct ledger_ask){.pool = pool,
                                    .owner = account ? o->party : o->source,
                                    .n = 1,
                                    .all = p->max_sessions,
                                    .limit = account ? p->max_sessions : entry->max_sessions,
                                    .of_one = account ? LEDGER_SHARES : entry->max_sessions_of_one};
}

/* A session that ends when the new one is there. */
static void asks_replace(struct asks *q, const struct session *e)
{
        for (unsigned i = 0; i < PLACES; i++)
                ledger_replace(&q->of[i], &e->s->ledgers.of[i], &e->place.of[i]);
}

/* Somebody gives way, because a pool is full, or all are. In the order of enum conn_class: those
 * below give way to anybody; equals only to one who has less. Whether anybody did. */
static bool places_make_room(struct sessiond *s, enum conn_class conn_class,
                             const struct source *from, int full)
{
        static const struct tally none = {0};
        struct tally n;

        if (full == LEDGER_FULL_OWNER || (full == LEDGER_FULL_POOL && conn_class == CLASS_ACCOUNT))
                return false;
        if (full == LEDGER_FULL_ALL)
                for (enum conn_class below = CLASS_ANONYMOUS; below < conn_class; below++)
                        if (places_displace(s, below, &none))
                                return true;
        if (conn_class == CLASS_ACCOUNT)
                return false;

        n = places_count(s, conn_class, from);
        return places_displace(s, conn_class, &n);
}

/* Why there is no place, for whoever has asked. */
static struct places_full places_full(unsigned ledger, int full, bool account)
{
        if (full < 0)
                return (struct places_full){CAPOS_I_QUOTA_MEMORY, "try again later"};
        if (ledger == LEDGER_ACCOUNTS)
                return (struct places_full){CAPOS_I_QUOTA_SESSIONS,
                                            "account: it has as many as it may have"};
        if (ledger == LEDGER_PROFILES)
                return (struct places_full){CAPOS_I_QUOTA_SESSIONS,
                                            full == LEDGER_FULL_POOL
                                                    ? "profile: it has as many as it may have"
                                                    : "profile: what is left of it is for others"};
        if (ledger == LEDGER_MEMORY)
                return (struct places_full){CAPOS_I_QUOTA_MEMORY,
                                            full != LEDGER_FULL_OWNER ? "total: try again later"
                                            : account ? "account: what is left is for others"
                                                      : "source: what is left is for others"};
        if (full != LEDGER_FULL_OWNER)
                return (struct places_full){CAPOS_I_QUOTA_SESSIONS, "total: try again later"};

        return (struct places_full){
                CAPOS_I_QUOTA_SESSIONS,
                account ? "source: what is left is for others"
                        : "source: your source has as many as one may have; try again later"};
}

/* ---- places --------------------------------------------------------------------------------- */

/* Whether there would be room if everybody had gone who gives way. */
static bool ask_could_fit(const struct ledger *l, const struct ledger_ask *q)
{
        uint64_t stays = ledger_used(l, class_name(CLASS_ACCOUNT));

        return stays <= q->all && q->n <= q->all - stays;
}

static int asks_take(const struct asks *q, const struct origin *o, enum conn_class conn_class,
                     struct place *ret_place, struct places_full *ret_why)
{
        struct place place = {0};
        int r = 0;

        for (unsigned i = 0; i < PLACES && !r; i++) {
                const struct ledger *l = &o->s->ledgers.of[i];

                do
                        r = ledger_take(&o->s->ledgers.of[i], &q->of[i], &place.of[i]);
                while (r > 0 && ask_could_fit(l, &q->of[i]) &&
                       places_make_room(o->s, conn_class, &o->from, r));
                if (r)
                        *ret_why = places_full(i, r, conn_class == CLASS_ACCOUNT);
        }
        if (r) {
                place_give(&place);
                return r < 0 ? r : CAPNP_E_LIMIT;
        }

        *ret_place = place;
        return 0;
}

int places_take(const struct origin *o, const struct session_who *who, struct place *ret_place,
                struct places_full *ret_why)
{
        struct sessiond *s = o->s;
        struct asks q;

        asks_make(&q, o, who);
        if (who->enrolment && who->enrolment->session)
                asks_replace(&q, who->enrolment->session);
        for (struct capnp_i_list *l = s->sessions.next; who->alone && l != &s->sessions;
             l = l->next) {
                const struct session *e = CAPNP_I_OF(l, struct session, link);

                if (!strcmp(e->account, who->account))
                        asks_replace(&q, e);
        }
        return asks_take(&q, o, session_class(who->account, who->kind), ret_place, ret_why);
}

int places_change(const struct session *e, const struct policy_profile *to, struct place *ret_place,
                  struct places_full *ret_why)
{
        const struct session_who who = {.account = e->account, .kind = e->kind, .profile = to};
        struct asks q;

        asks_make(&q, e->origin, &who);
        asks_replace(&q, e);
        return asks_take(&q, e->origin, session_class(e->account, e->kind), ret_place, ret_why);
}

void places_follow(struct session *e)
{
        ledger_set(&e->place.of[LEDGER_MEMORY], quota_bytes(&e->profile->quota));
}
