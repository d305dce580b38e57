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
 * anonymous sessions go first, then guests', in an instance as in a profile. A session of an
 * account never gives way; when all are of accounts, there is no room, and a log in is refused.
 * Because of that, what accounts have is shared (daemon-share.h): an instance's places among
 * sources, a profile's and the memory among accounts, so that nobody finds all of it taken by one
 * who came before.
 *
 * Who gives way is found first, in all ledgers, and ended last, when the new session is there: one
 * that is refused, whatever for, has cost nobody his.
 */
#include "places.h"

#include <capos/capnp.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "origin.h"
#include "session.h"
#include "sessiond.h"

/* Sessions of one class that stay: how many of a source and its party. */
struct tally {
        uint32_t of_source, of_party;
};

static struct tally places_count(struct sessiond *s, enum conn_class conn_class,
                                 const struct source *source)
{
        struct tally n = {0};

        for (struct capnp_i_list *l = s->sessions.next; l != &s->sessions; l = l->next) {
                const struct session *e = CAPNP_I_OF(l, struct session, link);

                if (e->yields || session_class(e->account, e->kind) != conn_class)
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

/* The oldest session of a class of whoever has most of them, if that is more than those have that
 * want a place. of: the ledger in which it has to have some of what is asked for. 0: *ret, NULL:
 * nobody's; -ENOMEM. */
static int places_find(struct sessiond *s, enum conn_class conn_class, const struct tally *wanting,
                       enum ledger_of of, const struct ledger_ask *q, struct session **ret)
{
        struct candidate *all = calloc(s->nsessions + 1, sizeof(*all));
        uint32_t n = 0;

        if (!all)
                return -ENOMEM;
        for (struct capnp_i_list *l = s->sessions.next; l != &s->sessions; l = l->next) {
                struct session *e = CAPNP_I_OF(l, struct session, link);

                if (e->yields || session_class(e->account, e->kind) != conn_class ||
                    !ledger_is_of(&e->place.of[of], q))
                        continue;
                all[n] = (struct candidate){e, n};
                n++;
        }

        qsort(all, n, sizeof(*all), candidate_compare);
        *ret = candidates_choose(all, n, wanting);
        free(all);
        return 0;
}

/* ---- what is asked of the ledgers ------------------------------------------------------------ */

/* What is asked for a session, of each ledger. */
struct asks {
        struct ledger_ask of[PLACES];
        uint64_t replaced[PLACES]; /* of its group: what those have that end for it, or change */
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
        uint64_t of_profile = who->profile->max_sessions;

        if (!of_profile)
                of_profile = UINT64_MAX;
        (void)snprintf(q->owner, sizeof(q->owner), "%s %s", account ? "account" : "party",
                       account ? who->account : o->party);
        q->of[LEDGER_ACCOUNTS] =
                (struct ledger_ask){.group = "",
                                    .pool = who->account,
                                    .owner = o->source,
                                    .n = account,
                                    .all = UINT64_MAX,
                                    .limit = who->profile->quota.sessions_per_account,
                                    .of_one = UINT64_MAX};
        q->of[LEDGER_PROFILES] = (struct ledger_ask){.group = who->profile->name,
                                                     .pool = pool,
                                                     .owner = q->owner,
                                                     .n = 1,
                                                     .all = of_profile,
                                                     .limit = of_profile,
                                                     .of_one = LEDGER_SHARES};
        q->of[LEDGER_MEMORY] = (struct ledger_ask){.group = "",
                                                   .pool = pool,
                                                   .owner = q->owner,
                                                   .n = quota_bytes(&who->profile->quota),
                                                   .all = p->memory_bytes,
                                                   .limit = p->memory_bytes,
                                                   .of_one = LEDGER_SHARES};
        q->of[LEDGER_SESSIONS] =
                (struct ledger_ask){.group = "",
                                    .pool = pool,
                                    .owner = account ? o->party : o->source,
                                    .n = 1,
                                    .all = p->max_sessions,
                                    .limit = account ? p->max_sessions : entry->max_sessions,
                                    .of_one = account ? LEDGER_SHARES : entry->max_sessions_of_one};
}

/* A session that ends when the new one is there: it gives way, or is of the same account. */
static void asks_replace(struct asks *q, const struct session *e)
{
        for (unsigned i = 0; i < PLACES; i++) {
                ledger_replace(&q->of[i], &e->s->ledgers.of[i], &e->place.of[i]);
                if (!e->yields && ledger_is_of(&e->place.of[i], &q->of[i]))
                        q->replaced[i] += e->place.of[i].n;
        }
}

/* Who gives way, because a pool is full, or all are. In the order of enum conn_class: those below
 * give way to anybody; equals only to one who has less. 0: *ret, NULL: nobody; -ENOMEM. */
static int places_yielding(const struct origin *o, enum conn_class conn_class, enum ledger_of of,
                           const struct ledger_ask *q, int full, struct session **ret)
{
        static const struct tally none = {0};
        struct tally n;
        int r = 0;

        *ret = NULL;
        if (full == LEDGER_FULL_OWNER)
                return 0;
        for (enum conn_class below = CLASS_ANONYMOUS;
             full == LEDGER_FULL_ALL && !r && !*ret && below < conn_class; below++)
                r = places_find(o->s, below, &none, of, q, ret);
        if (r || *ret || conn_class == CLASS_ACCOUNT)
                return r;

        n = places_count(o->s, conn_class, &o->from);
        return places_find(o->s, conn_class, &n, of, q, ret);
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
                                            full == LEDGER_FULL_OWNER
                                                    ? "profile: what is left of it is for others"
                                                    : "profile: it has as many as it may have"};
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

/* What was asked for before came to nothing, or has been settled. */
static void places_spare(struct sessiond *s)
{
        for (struct capnp_i_list *l = s->sessions.next; l != &s->sessions; l = l->next)
                CAPNP_I_OF(l, struct session, link)->yields = false;
}

/* Whether there would be room in a group if everybody had gone who may have to give way. Only then
 * is it worth the work to find out who does. replaced: of it, what ends for the new one anyway. */
static bool ask_could_fit(const struct ledger *l, const struct ledger_ask *q, uint64_t replaced,
                          enum conn_class conn_class)
{
        uint64_t stays = 0;

        for (enum conn_class c = CLASS_ANONYMOUS; c <= CLASS_ACCOUNT; c++)
                if (c > conn_class || c == CLASS_ACCOUNT)
                        stays += ledger_used(l, q->group, class_name(c));
        stays = stays > replaced ? stays - replaced : 0;
        return stays <= q->all && q->n <= q->all - stays;
}

/* Finds who has to give way until a ledger has room, and marks them. 0; enum ledger_full;
 * -ENOMEM. */
static int asks_find(struct asks *q, const struct origin *o, enum conn_class conn_class,
                     enum ledger_of of)
{
        const struct ledger *l = &o->s->ledgers.of[of];
        struct session *e;
        int r;

        while ((r = ledger_judge(l, &q->of[of])) &&
               ask_could_fit(l, &q->of[of], q->replaced[of], conn_class)) {
                int failed = places_yielding(o, conn_class, of, &q->of[of], r, &e);

                if (failed || !e)
                        return failed ? failed : r;
                e->yields = true;
                asks_replace(q, e);
        }
        return r;
}

static int asks_take(struct asks *q, const struct origin *o, enum conn_class conn_class,
                     struct place *ret_place, struct places_full *ret_why)
{
        struct place place = {0};
        unsigned i;
        int r = 0;

        places_spare(o->s);
        for (i = 0; i < PLACES && !r; i++)
                r = asks_find(q, o, conn_class, i);
        if (!r)
                for (i = 0; i < PLACES && !r; i++)
                        r = ledger_take(&o->s->ledgers.of[i], &q->of[i], &place.of[i]);
        if (r) {
                *ret_why = places_full(i - 1, r, conn_class == CLASS_ACCOUNT);
                place_give(&place);
                return r < 0 ? r : CAPNP_E_LIMIT;
        }

        *ret_place = place;
        return 0;
}

void places_settle(struct sessiond *s)
{
        struct capnp_i_list *l = s->sessions.next;

        while (l != &s->sessions) {
                struct session *e = CAPNP_I_OF(l, struct session, link);

                l = l->next;
                if (e->yields)
                        session_end(e, SESSION_DISPLACEMENT,
                                    "displaced: there are too many sessions");
        }
}

int places_take(const struct origin *o, const struct session_who *who, struct place *ret_place,
                struct places_full *ret_why)
{
        const struct session *before = who->enrolment ? who->enrolment->session : NULL;
        struct sessiond *s = o->s;
        struct asks q = {.owner = ""};

        asks_make(&q, o, who);
        for (struct capnp_i_list *l = s->sessions.next; l != &s->sessions; l = l->next) {
                const struct session *e = CAPNP_I_OF(l, struct session, link);

                if (e == before || (who->alone && !strcmp(e->account, who->account)))
                        asks_replace(&q, e);
        }
        return asks_take(&q, o, session_class(who->account, who->kind), ret_place, ret_why);
}

int places_change(const struct session *e, const struct policy_profile *to, struct place *ret_place,
                  struct places_full *ret_why)
{
        const struct session_who who = {.account = e->account, .kind = e->kind, .profile = to};
        struct asks q = {.owner = ""};

        asks_make(&q, e->origin, &who);
        asks_replace(&q, e);
        return asks_take(&q, e->origin, session_class(e->account, e->kind), ret_place, ret_why);
}

void places_follow(struct session *e)
{
        ledger_set(&e->place.of[LEDGER_MEMORY], quota_bytes(&e->profile->quota));
}
