/*
 * A change of an account, over the admin socket, from its call to its answer.
 *
 * Passwords and keys that come in there are still given to a prover, which is the only place where
 * either is looked into; a change that has none of them is made at once, by the same way. Whoever
 * has made one gives it up by starting it, making it now or failing it: each answers the call.
 */
#include "admin-change.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "admit.h"
#include "credential.h"
#include "origin.h"
#include "sessiond.h"

void admin_audit(struct sessiond *s, const char *what, const char *account, const char *detail)
{
        audit_add(&s->audit, (struct capos_audit_record){.what = what,
                                                         .outcome = "ok",
                                                         .source = "local",
                                                         .account = account,
                                                         .detail = detail});
}

void change_free(struct change *c)
{
        c->by = asker_unref(c->by);
        free(c->key.blob);
        sodium_memzero(c, sizeof(*c));
        free(c);
}

const char *admin_words(int r)
{
        switch (r) {
        case STORE_E_EXISTS:
                return "it exists already: `capos account list` and `capos service-account list` "
                       "have what there is";
        case STORE_E_NONE:
                return "there is none such: `capos account list` and `capos service-account list` "
                       "have what there is";
        case STORE_E_FULL:
                return "there are too many: remove one that is not needed any more";
        case ADMIN_E_SERVICE:
                return "it is a service account: `capos service-account key add` gives it a key";
        default:
                return NULL;
        }
}

int admin_fail(capnp_answer *a, int r)
{
        const char *words = admin_words(r);

        if (words)
                return capnp_answer_fail(a, CAPNP_FAILED, "%s", words);
        switch (r) {
        case CAPNP_E_LIMIT:
                return capos_i_over_quota(a, CAPOS_I_QUOTA_PROOFS, "try again");
        default:
                return capnp_answer_fail(a, CAPNP_FAILED, "it failed: %s", capnp_strerror(r));
        }
}

/* It can be made. */
static void change_make(struct change *c, const struct proof_verdict *v)
{
        struct sessiond *s = c->s;
        struct asker *before = asker_begin(s, c->by);
        int r = c->apply(c, v);

        if (r)
                (void)admin_fail(c->a, r);
        else
                (void)admissions_return(s, c->a);
        (void)asker_begin(s, before);
}

void change_on_verdict(void *arg, enum prove_end end, const struct proof_verdict *v)
{
        struct change *c = arg;

        if (end != PROVE_VERDICT) {
                (void)capos_i_over_quota(c->a, CAPOS_I_QUOTA_PROOFS,
                                         "the prover failed: try again");
                change_free(c);
                return;
        }

        /* Proving takes its time. */
        if (asker_is_there(c->by))
                change_make(c, v);
        else
                (void)asker_refuse(c->a);
        change_free(c);
}

/* Has something proved; whose turn it is and whom it is for is filled in here. Takes c and its
 * answer. */
int change_start(struct change *c, const struct prove_what *what)
{
        struct prove_what w = *what;
        capnp_answer *a = c->a;
        int r;

        /* Each by itself: whoever administers has many at once, and is no stranger. */
        snprintf(w.path.key[0], TURNS_KEY, "%s", asker_party(c->by));
        snprintf(w.path.key[1], TURNS_KEY, "%s", c->name);
        w.done = w.done ? w.done : change_on_verdict;
        w.arg = c;
        r = prover_start(&c->s->prover, &w, NULL);

        if (!r)
                return capnp_answer_keep(a, NULL, NULL);

        change_free(c);
        return admin_fail(a, r);
}

/* Reads the account's name. NULL: it is none, or there is no memory; then a is taken. */
struct change *change_new(struct sessiond *s, capnp_answer *a, capnp_text name)
{
        struct change *c;

        if (capnp_answer_check(a) || !store_name_ok(name.p, name.len)) {
                (void)capnp_answer_fail(a, CAPNP_FAILED, "a name is 1 to %d of a-z 0-9 . - _",
                                        STORE_NAME_BYTES);
                return NULL;
        }

        c = calloc(1, sizeof(*c));
        if (!c) {
                (void)capos_i_refuse_no_memory(a);
                return NULL;
        }

        c->s = s;
        c->a = a;
        c->by = asker_ref(s->asker);
        snprintf(c->name, sizeof(c->name), "%s", name.p);
        if (store_serial(&s->store, c->name, &c->serial))
                c->serial = 0;
        return c;
}

int change_is_for_it(const struct change *c)
{
        int64_t serial;
        int r = store_serial(&c->s->store, c->name, &serial);

        return !r && serial != c->serial ? STORE_E_NONE : r;
}

bool change_options(struct change *c, key_options_reader from)
{
        char text[160];
        const char *why = credential_read(c->s, c->name, from, &c->may, text);

        if (why)
                (void)change_fail(c, why);
        return !why;
}

/* Ends a change that needs no prover. */
int change_now(struct change *c)
{
        const struct proof_verdict none = {0};

        change_on_verdict(c, PROVE_VERDICT, &none);
        return 0;
}

int change_fail(struct change *c, const char *why)
{
        capnp_answer *a = c->a;

        change_free(c);
        return capnp_answer_fail(a, CAPNP_FAILED, "%s", why);
}
