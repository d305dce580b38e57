/*
 * Lists of accounts and sessions over the admin socket, a page at a time.
 *
 * A page has few entries and few bytes: making it holds nobody up, and it is a message that any
 * session may have. Whoever asks says after which entry it begins, so nothing is kept here in
 * between; what is gone by then leaves no gap, for the place of an entry is its name, or when the
 * session began and its id.
 */
#include "admin-list.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin-change.h"
#include "admin.capnp-c.h"
#include "enrolment.h"
#include "origin.h"
#include "session.h"
#include "sessiond.h"

enum {
        PAGE_ENTRIES = 64,
        PAGE_BYTES = 32 * 1024,
        ENTRY_BYTES = 192, /* of one without its texts */
        TEXT_BYTES = 16,   /* of a text without its letters */
        PLACE_BYTES = 96,
};

/* What of a page is there already. */
struct page {
        uint32_t most, n;
        size_t bytes;
        bool more; /* it is full, and something is behind it */
};

/* Whether one more is on it. The first always is. */
static bool page_takes(struct page *p, size_t bytes)
{
        p->more = p->n == p->most || (p->n && p->bytes + bytes > PAGE_BYTES);
        p->n += !p->more;
        p->bytes += bytes;
        return !p->more;
}

static struct page page_begin(uint32_t most)
{
        return (struct page){.most = most && most < PAGE_ENTRIES ? most : PAGE_ENTRIES};
}

static size_t text_bytes(const char *text)
{
        return TEXT_BYTES + strlen(text);
}

/* ---- accounts ------------------------------------------------------------------------------- */

struct accounts {
        struct page page;
        account_list_builder to;
        uint32_t at;
        char last[STORE_NAME_BYTES + 1];
};

static size_t account_bytes(const struct store_account *acc)
{
        size_t n = ENTRY_BYTES + text_bytes(acc->name) + text_bytes(acc->reason) +
                   text_bytes(acc->last.kind) + text_bytes(acc->last.from);

        for (unsigned i = 0; i < acc->nservice_keys; i++)
                n += text_bytes(acc->service_keys[i].id);
        for (unsigned i = 0; i < acc->nprofiles; i++)
                n += text_bytes(acc->profiles[i]);
        for (unsigned i = 0; i < acc->nkeys; i++)
                n += text_bytes(acc->keys[i].fingerprint) + text_bytes(acc->keys[i].comment);
        return n;
}

static bool account_measure(void *arg, const struct store_account *acc)
{
        struct accounts *l = arg;

        return page_takes(&l->page, account_bytes(acc));
}

static void account_fill(account_builder b, const struct store_account *acc)
{
        capnp_lbuilder list;
        char text[256];

        account_set_name(b, acc->name);
        account_set_has_password(b, acc->verifier[0] != 0);
        account_set_service(b, acc->service);
        account_set_locked(b, acc->locked);
        account_set_lock_reason(b, acc->reason);
        account_set_expires_at_ms(b, acc->expires_ms);
        account_set_last_login_at_ms(b, acc->last.at_ms);
        account_set_last_login_kind(b, acc->last.kind);
        account_set_last_login_from(b, acc->last.from);
        list = account_init_service_keys(b, acc->nservice_keys);
        for (unsigned i = 0; i < acc->nservice_keys; i++)
                account_set_service_keys_at(list, i, acc->service_keys[i].id);
        list = account_init_profiles(b, acc->nprofiles);
        for (unsigned i = 0; i < acc->nprofiles; i++)
                account_set_profiles_at(list, i, acc->profiles[i]);
        list = account_init_keys(b, acc->nkeys);
        for (unsigned i = 0; i < acc->nkeys; i++) {
                snprintf(text, sizeof(text), "%s%s%s", acc->keys[i].fingerprint,
                         acc->keys[i].comment[0] ? " " : "", acc->keys[i].comment);
                account_set_keys_at(list, i, text);
        }
}

static bool account_add(void *arg, const struct store_account *acc)
{
        struct accounts *l = arg;

        account_fill(account_list_builder_get(l->to, l->at++), acc);
        (void)snprintf(l->last, sizeof(l->last), "%s", acc->name);
        return l->at < l->page.n;
}

int admin_on_account_list(void *self, capnp_answer *a)
{
        struct sessiond *s = self;
        capnp_text after = admin_account_list_param_after(a);
        struct accounts l = {.page = page_begin(admin_account_list_param_most(a))};
        int r;

        if (capnp_answer_check(a))
                return capnp_answer_fail(a, CAPNP_FAILED, "the request cannot be read");

        r = store_each(&s->store, after.p, account_measure, &l);
        l.to = admin_account_list_results_init_accounts(a, l.page.n);
        if (!r && l.page.n)
                r = store_each(&s->store, after.p, account_add, &l);
        if (r)
                return admin_fail(a, r);
        if (l.page.more)
                admin_account_list_results_set_next(a, l.last);
        return capnp_answer_return(a);
}

/* ---- sessions ------------------------------------------------------------------------------- */

/* One that lives, or one whose client may come back. */
struct listed {
        const struct session *e;
        const struct enrolment *n;
        uint64_t started_ms;
        const char *id;
};

/* By when it began, and then by its id: what a page begins after says both. */
static int listed_compare(const void *a, const void *b)
{
        const struct listed *one = a, *other = b;

        if (one->started_ms != other->started_ms)
                return one->started_ms < other->started_ms ? -1 : 1;

        return strcmp(one->id, other->id);
}

static void place_write(const struct listed *l, char ret[static PLACE_BYTES])
{
        (void)snprintf(ret, PLACE_BYTES, "%" PRIu64 ".%s", l->started_ms, l->id);
}

/* What place_write() has written, or somebody else: then it is some place. */
static struct listed place_read(const char *text)
{
        char *end = NULL;
        uint64_t started_ms = strtoull(text, &end, 10);

        return (struct listed){.started_ms = started_ms, .id = *end == '.' ? end + 1 : end};
}

/* All behind a place, in no order; their number. ret has room for all sessions and for the most
 * that may be dropped. */
static uint32_t listed_find(struct sessiond *s, const struct listed *after, struct listed *ret)
{
        const uint32_t most = s->nsessions + ENROLMENTS_DROPPED;
        uint32_t n = 0;

        for (struct capnp_i_list *l = s->sessions.next; l != &s->sessions && n < most;
             l = l->next) {
                const struct session *e = CAPNP_I_OF(l, struct session, link);

                ret[n] = (struct listed){.e = e, .started_ms = e->started_ms, .id = e->id};
                n += listed_compare(after, &ret[n]) < 0;
        }
        for (struct enrolment *e = enrolments_next(s, NULL); e && n < most;
             e = enrolments_next(s, e)) {
                ret[n] = (struct listed){.n = e, .started_ms = e->started_ms, .id = e->last};
                n += listed_compare(after, &ret[n]) < 0;
        }
        return n;
}

static size_t listed_bytes(const struct listed *l)
{
        const struct policy_profile *p = l->e ? l->e->profile : l->n->profile;
        size_t n = ENTRY_BYTES + 5 * TEXT_BYTES + strlen(l->id) + strlen(p->name) +
                   strlen(l->e ? l->e->account : l->n->account) +
                   strlen(l->e ? l->e->origin->address : l->n->source);

        for (unsigned i = 0; l->e && i < l->e->ngrants; i++)
                n += text_bytes(l->e->grants[i]->name);
        for (unsigned i = 0; l->n && i < p->ngrants; i++)
                n += text_bytes(p->grants[i].name);
        return n;
}

static void live_fill(const struct session *e, live_session_builder b)
{
        capnp_lbuilder list;
        unsigned n = 0, at = 0;

        live_session_set_id(b, e->id);
        live_session_set_account(b, e->account);
        live_session_set_profile(b, e->profile->name);
        live_session_set_kind(b, capos_auth_name(e->kind));
        live_session_set_source(b, e->origin->address);
        live_session_set_started_at_ms(b, e->started_ms);
        live_session_set_expires_at_ms(b, e->expires_ms);
        for (unsigned i = 0; i < e->ngrants; i++)
                n += !e->grants[i]->revoked;
        list = live_session_init_grants(b, n);
        for (unsigned i = 0; i < e->ngrants; i++)
                if (!e->grants[i]->revoked)
                        live_session_set_grants_at(list, at++, e->grants[i]->name);
}

/* One whose client may come back. */
static void dropped_fill(const struct enrolment *n, live_session_builder b)
{
        const struct policy_profile *p = n->profile;
        capnp_lbuilder list;
        unsigned many = 0, at = 0;

        live_session_set_id(b, n->last);
        live_session_set_account(b, n->account);
        live_session_set_profile(b, p->name);
        live_session_set_kind(b, capos_auth_name(n->kind));
        live_session_set_source(b, n->source);
        live_session_set_started_at_ms(b, n->started_ms);
        live_session_set_expires_at_ms(b, n->expires_ms);
        live_session_set_dropped_at_ms(b, n->dropped_ms);
        for (unsigned i = 0; i < p->ngrants; i++)
                many += !enrolment_is_away(n, n->profile->grants[i].name);
        list = live_session_init_grants(b, many);
        for (unsigned i = 0; i < p->ngrants; i++)
                if (!enrolment_is_away(n, n->profile->grants[i].name))
                        live_session_set_grants_at(list, at++, p->grants[i].name);
}

static void listed_fill(const struct listed *l, live_session_builder b)
{
        if (l->e)
                live_fill(l->e, b);
        else
                dropped_fill(l->n, b);
}

int admin_on_session_list(void *self, capnp_answer *a)
{
        struct sessiond *s = self;
        const struct listed after = place_read(admin_session_list_param_after(a).p);
        struct page page = page_begin(admin_session_list_param_most(a));
        struct listed *all = calloc((size_t)s->nsessions + ENROLMENTS_DROPPED, sizeof(*all));
        live_session_list_builder to;
        char place[PLACE_BYTES];
        uint32_t n;

        if (!all)
                return admin_fail(a, -ENOMEM);
        if (capnp_answer_check(a)) {
                free(all);
                return capnp_answer_fail(a, CAPNP_FAILED, "the request cannot be read");
        }

        n = listed_find(s, &after, all);
        qsort(all, n, sizeof(*all), listed_compare);
        for (uint32_t i = 0; i < n && page_takes(&page, listed_bytes(&all[i])); i++)
                ;
        to = admin_session_list_results_init_sessions(a, page.n);
        for (uint32_t i = 0; i < page.n; i++)
                listed_fill(&all[i], live_session_list_builder_get(to, i));
        if (page.more) {
                place_write(&all[page.n - 1], place);
                admin_session_list_results_set_next(a, place);
        }
        free(all);
        return capnp_answer_return(a);
}
