/*
 * Keys of service accounts, over the admin socket. A prover writes each anew from its numbers; the
 * account's sessions belong to the key, not to the id by which it is called.
 */
#include "admin-service.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "admin-change.h"
#include "admin.capnp-c.h"
#include "daemon-text.h"
#include "flow.h"
#include "session.h"
#include "sessiond.h"

enum { SERVICE_KEY_TEXT = 16 * 1024 };

static capnp_data data_of(capnp_text t)
{
        return (capnp_data){(const uint8_t *)t.p, t.len};
}

/* By the key itself, whatever its id is. */
static void service_fingerprint(const uint8_t hash[crypto_hash_sha256_BYTES],
                                char to[STORE_FINGERPRINT_BYTES])
{
        static const char kind[] = "jwk:";

        memcpy(to, kind, strlen(kind));
        sodium_bin2base64(to + strlen(kind), STORE_FINGERPRINT_BYTES - strlen(kind), hash,
                          crypto_hash_sha256_BYTES, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

static int apply_service_key(struct change *c, const struct proof_verdict *v)
{
        struct store_service_key k = {0};
        char jwk[VERIFIER_BYTES];
        int r;

        if (v->good != 1)
                return STORE_E_NONE;

        memcpy(jwk, v->verifier, sizeof(jwk));
        k.jwk = jwk;
        snprintf(k.id, sizeof(k.id), "%.*s", STORE_SERVICE_KEY_ID, v->name);
        service_fingerprint(v->key_hash, k.fingerprint);
        r = change_is_for_it(c);
        if (!r)
                r = store_add_service_key(&c->s->store, c->name, &k, &c->may);
        if (r)
                return r;

        admin_audit(c->s, "key-add", c->name, k.fingerprint);
        admin_service_key_add_results_set_id(c->a, k.id);
        return 0;
}

/* What a prover says of a key that is none is for whoever has brought it. */
static void service_key_on_verdict(void *arg, enum prove_end end, const struct proof_verdict *v)
{
        struct change *c = arg;

        if (end == PROVE_VERDICT && v->good != 1)
                (void)change_fail(c, v->subject[0] ? v->subject : "it is no public key");
        else
                change_on_verdict(c, end, v);
}

int admin_on_service_key_add(void *self, capnp_answer *a)
{
        capnp_text key = admin_service_key_add_param_key(a), id = admin_service_key_add_param_id(a);
        struct change *c = change_new(self, a, admin_service_key_add_param_name(a));

        if (!c)
                return 0;
        if (key.len > SERVICE_KEY_TEXT)
                return change_fail(c, "a key has at most 16 KiB");
        if (!change_options(c, admin_service_key_add_param_options(a)))
                return 0;

        c->apply = apply_service_key;
        return change_start(c, &(struct prove_what){.kind = PROOF_TOKEN_KEY,
                                                    .parts = {data_of(key), data_of(id)},
                                                    .done = service_key_on_verdict});
}

static int apply_service_key_remove(struct change *c, const struct proof_verdict *v)
{
        char fingerprint[STORE_FINGERPRINT_BYTES];
        int r = store_remove_service_key(&c->s->store, c->name, c->id, fingerprint);

        (void)v;
        if (r)
                return r;

        admin_audit(c->s, "key-remove", c->name, fingerprint);
        flows_spoil(c->s, c->name);
        sessions_end(c->s, c->name, fingerprint, REVOKED_CREDENTIAL);
        return 0;
}

int admin_on_service_key_remove(void *self, capnp_answer *a)
{
        capnp_text id = admin_service_key_remove_param_id(a);
        struct change *c = change_new(self, a, admin_service_key_remove_param_name(a));

        if (!c)
                return 0;
        if (!text_is_plain(id) || id.len >= sizeof(c->id)) {
                change_free(c);
                return admin_fail(a, STORE_E_NONE);
        }

        snprintf(c->id, sizeof(c->id), "%s", id.p);
        c->apply = apply_service_key_remove;
        return change_now(c);
}
