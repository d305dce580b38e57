/*
 * Enrolments: a client's own key, which proves that whoever comes back is the one whose line has
 * dropped (doc/protocol/admission.md, A line that drops).
 *
 * They are in this memory and nowhere else: with the process they are gone. One is made by a live
 * session, holds what that session was, and follows its lease. It is over with its session, unless
 * that ends because its connection does: then it waits for its client until the lease would have
 * ended. So what has to be bounded are those that wait. Of an account the oldest gives way, of all
 * the oldest of all; whoever loses one that way logs in as he did before.
 *
 * Nothing here decides who may come back; reconnect.c does.
 */
#include "enrolment.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "daemon-text.h"
#include "sessiond.h"

/* What such a key begins with; 32 bytes follow. */
static const uint8_t head[] = {0,   0,   0,   11,  's', 's', 'h', '-', 'e', 'd',
                               '2', '5', '5', '1', '9', 0,   0,   0,   32};

/* A point of small order would let anybody sign. */
bool enrolment_key_ok(capnp_data key)
{
        return key.len == ENROLMENT_KEY_BYTES && !memcmp(key.p, head, sizeof(head)) &&
               crypto_core_ed25519_is_valid_point(key.p + sizeof(head)) == 1;
}

int enrolment_new(struct sessiond *s, const struct enrolment *n, capnp_data key,
                  struct enrolment **ret)
{
        struct enrolment *made = malloc(sizeof(*made));
        uint8_t hash[crypto_hash_sha256_BYTES];

        if (!made)
                return -ENOMEM;

        *made = *n;
        made->s = s;
        made->number = ++s->last_enrolment;
        memcpy(made->key, key.p, sizeof(made->key));
        crypto_hash_sha256(hash, key.p, key.len);
        capos_i_sshkey_fingerprint(hash, made->fingerprint);
        capnp_i_list_init(&made->link);
        capnp_i_list_append(&s->enrolments, &made->link);
        *ret = made;
        return 0;
}

struct enrolment *enrolment_end(struct enrolment *n)
{
        if (!n)
                return NULL;

        capnp_i_list_remove(&n->link);
        sodium_memzero(n, sizeof(*n));
        free(n);
        return NULL;
}

bool enrolment_is_away(const struct enrolment *n, const char *name)
{
        for (unsigned i = 0; i < n->naway; i++)
                if (!strcmp(n->away[i], name))
                        return true;

        return false;
}

struct enrolment *enrolment_keep_away(struct enrolment *n, const char *name)
{
        if (enrolment_is_away(n, name))
                return n;
        if (n->naway == ENROLMENT_AWAY)
                return enrolment_end(n);

        (void)snprintf(n->away[n->naway++], sizeof(n->away[0]), "%s", name);
        return n;
}

uint64_t enrolment_left_ms(const struct enrolment *n)
{
        uint64_t now_ms = clock_boot_ms();

        return n->deadline_ms > now_ms ? n->deadline_ms - now_ms : 0;
}

void enrolment_cut(struct enrolment *n)
{
        uint64_t left = enrolment_left_ms(n), now_ms = clock_wall_ms(), ms;

        ms = dates_bound(&n->dates, now_ms, left);
        n->deadline_ms -= left - ms;
        n->expires_ms = now_ms + ms;
}

/* Its end is on record: nobody hears of it, and nobody comes back. */
static struct capos_audit_record enrolment_record(const struct enrolment *n, const char *what,
                                                  const char *detail)
{
        return (struct capos_audit_record){.what = what,
                                           .outcome = "ok",
                                           .source = "local",
                                           .account = n->account,
                                           .profile = n->profile->name,
                                           .session = n->last,
                                           .detail = detail};
}

/* ---- those that wait ------------------------------------------------------------------------ */

static void enrolment_give_way(struct enrolment *n)
{
        audit_add(&n->s->audit,
                  enrolment_record(n, "displacement", "too many whose line had dropped"));
        (void)enrolment_end(n);
}

/* The next one that waits, from l on; those whose time is over are let go on the way. NULL: there
 * is no more. Not one that is live, which its session ends. */
static struct enrolment *waiting_from(struct sessiond *s, struct capnp_i_list *l)
{
        while (l != &s->enrolments) {
                struct enrolment *n = CAPNP_I_OF(l, struct enrolment, link);

                l = l->next;
                if (n->session)
                        continue;
                if (enrolment_left_ms(n))
                        return n;
                (void)enrolment_end(n);
        }
        return NULL;
}

static struct enrolment *waiting_after(struct enrolment *n)
{
        return waiting_from(n->s, n->link.next);
}

void enrolment_drop(struct enrolment *n)
{
        struct enrolment *oldest = NULL, *own = NULL;
        struct sessiond *s = n->s;
        uint32_t all = 0, of_account = 0;

        n->session = NULL;
        n->dropped_ms = clock_wall_ms();
        if (!enrolment_left_ms(n)) {
                (void)enrolment_end(n);
                return;
        }

        capnp_i_list_remove(&n->link);
        capnp_i_list_append(&s->enrolments, &n->link);
        for (struct enrolment *w = waiting_from(s, s->enrolments.next); w; w = waiting_after(w)) {
                all++;
                oldest = oldest ? oldest : w;
                if (strcmp(w->account, n->account) != 0)
                        continue;
                of_account++;
                own = own ? own : w;
        }
        if (of_account > ENROLMENTS_OF_ACCOUNT)
                enrolment_give_way(own);
        else if (all > ENROLMENTS_DROPPED)
                enrolment_give_way(oldest);
}

void enrolment_over(struct enrolment *n, const char *reason)
{
        char detail[96];

        (void)snprintf(detail, sizeof(detail), "%s; its line had dropped", reason);
        audit_add(&n->s->audit, enrolment_record(n, "revocation", detail));
        (void)enrolment_end(n);
}

void enrolments_end(struct sessiond *s, const char *account, const char *credential,
                    const char *reason)
{
        struct enrolment *n = waiting_from(s, s->enrolments.next), *next;

        for (; n; n = next) {
                next = waiting_after(n);
                if (strcmp(n->account, account) != 0 ||
                    (credential && strcmp(n->credential, credential) != 0 &&
                     strcmp(n->renewed, credential) != 0 && strcmp(n->raised, credential) != 0))
                        continue;
                enrolment_over(n, reason);
        }
}

struct enrolment *enrolments_next(struct sessiond *s, struct enrolment *after)
{
        return after ? waiting_after(after) : waiting_from(s, s->enrolments.next);
}

struct enrolment *enrolments_of(struct sessiond *s, capnp_text session)
{
        for (struct capnp_i_list *l = s->enrolments.next; l != &s->enrolments; l = l->next) {
                struct enrolment *n = CAPNP_I_OF(l, struct enrolment, link);

                if ((text_is(session, n->first) || text_is(session, n->before) ||
                     text_is(session, n->last)) &&
                    enrolment_left_ms(n))
                        return n;
        }
        return NULL;
}

/* Which of the profile's grants. false: it has none of this name. */
static bool grant_find(const struct enrolment *n, capnp_text name, unsigned *ret)
{
        for (*ret = 0; *ret < n->profile->ngrants; ++*ret)
                if (text_is(name, n->profile->grants[*ret].name))
                        return true;

        return false;
}

int enrolment_revoke(struct enrolment *n, capnp_text name)
{
        struct capos_audit_record r = enrolment_record(n, "revocation", "its line had dropped");
        unsigned i = 0;

        if (name.len && !grant_find(n, name, &i))
                return CAPNP_E_UNKNOWN;

        if (name.len)
                r.capability = n->profile->grants[i].name;
        audit_add(&n->s->audit, r);
        if (name.len)
                (void)enrolment_keep_away(n, n->profile->grants[i].name);
        else
                (void)enrolment_end(n);
        return 0;
}

/* ---- all of them ---------------------------------------------------------------------------- */

struct enrolment *enrolments_find(struct sessiond *s, const char *account, capnp_data key)
{
        for (struct capnp_i_list *l = s->enrolments.next; l != &s->enrolments; l = l->next) {
                struct enrolment *n = CAPNP_I_OF(l, struct enrolment, link);

                if (key.len >= sizeof(n->key) && !memcmp(key.p, n->key, sizeof(n->key)) &&
                    (!account || !strcmp(n->account, account)) && enrolment_left_ms(n))
                        return n;
        }
        return NULL;
}

struct enrolment *enrolments_get(struct sessiond *s, uint64_t number)
{
        for (struct capnp_i_list *l = s->enrolments.next; l != &s->enrolments; l = l->next) {
                struct enrolment *n = CAPNP_I_OF(l, struct enrolment, link);

                if (n->number == number && enrolment_left_ms(n))
                        return n;
        }
        return NULL;
}

void enrolments_deinit(struct sessiond *s)
{
        while (!capnp_i_list_empty(&s->enrolments))
                (void)enrolment_end(CAPNP_I_OF(s->enrolments.next, struct enrolment, link));
}
