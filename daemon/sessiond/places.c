/*
 * Places for sessions, and whose session gives way.
 *
 * This is the second of two pools; the gateway has that of connections without a session. A session
 * takes a place until it ends, whatever its connection does then.
 *
 * Sessions without an account are for anybody, so they are bounded thrice: of one source, of one
 * way in, and by the room there is in all. At the first bound the source is refused, for only it is
 * to blame. At the others one that has more gives up its oldest session to one that has less;
 * equals do not, or they would push each other out for ever. When there is no room at all,
 * anonymous sessions go first, then guests'. A session of an account never gives way; when all are
 * of accounts, there is no room, and a log in is refused.
 */
#include "places.h"

#include <capos/capnp.h>

#include <stdlib.h>
#include <string.h>

#include "origin.h"
#include "session.h"
#include "sessiond.h"

/* Sessions of one class: how many, and how many of a source and its party. */
struct tally {
        uint32_t all, of_source, of_party;
};

static struct tally places_count(struct sessiond *s, enum conn_class conn_class,
                                 const struct source *source)
{
        struct tally n = {0};

        for (struct capnp_i_list *l = s->sessions.next; l != &s->sessions; l = l->next) {
                const struct session *e = CAPNP_I_OF(l, struct session, link);

                if (session_class(e->account, e->kind) != conn_class)
                        continue;
                n.all++;
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

/* A session without an account: within its own bounds? */
static bool places_take_entry(struct sessiond *s, const struct policy_entry *p,
                              enum conn_class conn_class, const struct tally *n)
{
        if (n->of_source >= p->max_sessions_of_one)
                return false;

        return n->all < p->max_sessions || places_displace(s, conn_class, n);
}

static const struct policy_entry *places_entry(const struct policy *p, enum conn_class conn_class)
{
        return conn_class == CLASS_GUEST ? &p->guest : &p->anonymous;
}

const char *places_why(const struct origin *o, const struct session_who *who)
{
        enum conn_class conn_class = session_class(who->account, who->kind);
        struct tally n = places_count(o->s, conn_class, &o->from);

        if (conn_class != CLASS_ACCOUNT &&
            n.of_source >= places_entry(&o->s->policy, conn_class)->max_sessions_of_one)
                return "your source has as many as one may have; try again later";
        return "try again later";
}

/* Sessions of an account: all, and those that end when the new one is there. */
struct own {
        uint32_t all, replaced;
};

static struct own places_own(struct sessiond *s, const struct session_who *who)
{
        struct own n = {0};

        for (struct capnp_i_list *l = s->sessions.next; l != &s->sessions; l = l->next) {
                const struct session *e = CAPNP_I_OF(l, struct session, link);

                if (strcmp(e->account, who->account) != 0)
                        continue;
                n.all++;
                n.replaced += who->alone || (who->enrolment && who->enrolment->session == e);
        }
        return n;
}

int places_take(const struct origin *o, const struct session_who *who)
{
        enum conn_class conn_class = session_class(who->account, who->kind);
        static const struct tally none = {0};
        const struct policy *p = &o->s->policy;
        struct tally n = places_count(o->s, conn_class, &o->from);
        struct own own = {0};

        if (conn_class == CLASS_ACCOUNT)
                own = places_own(o->s, who);
        if (conn_class == CLASS_ACCOUNT
                    ? own.all - own.replaced >= who->profile->quota.sessions_per_account
                    : !places_take_entry(o->s, places_entry(p, conn_class), conn_class, &n))
                return CAPNP_E_LIMIT;
        if (o->s->nsessions - own.replaced < p->max_sessions)
                return 0;

        /* In the order of enum conn_class: those below give way to anybody; equals only to one who
         * has less. */
        for (enum conn_class below = CLASS_ANONYMOUS; below < conn_class; below++)
                if (places_displace(o->s, below, &none))
                        return 0;
        return conn_class < CLASS_ACCOUNT && places_displace(o->s, conn_class, &n) ? 0
                                                                                   : CAPNP_E_LIMIT;
}

int places_keep(const struct session *e, const struct policy_profile *to)
{
        const struct session_who who = {.account = e->account};

        return places_own(e->s, &who).all > to->quota.sessions_per_account ? CAPNP_E_LIMIT : 0;
}
