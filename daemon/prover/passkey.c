/*
 * The verdict on a passkey.
 *
 * A login is judged in the order of the standard (WebAuthn level 2, 7.2): by whom, what the browser
 * says, what the authenticator says, and last the signature. For a passkey that nobody has the same
 * is done by a key of nobody's, and refused, so that it costs the same. What the count of
 * signatures means is not known here: who asks has the last one.
 */
#include "passkey.h"

#include <fido.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "passkey-client.h"
#include "passkey-fido.h"
#include "passkey-new.h"

_Static_assert((int)PASSKEY_CHALLENGE_BYTES == (int)crypto_hash_sha256_BYTES, "it is a hash");

/* P-256's generator: a key that is one, and nobody's. */
static const struct passkey nobody = {
        .algorithm = COSE_ES256,
        .key_len = 64,
        .key = {0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63,
                0xa4, 0x40, 0xf2, 0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1,
                0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96, 0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f,
                0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33, 0x57,
                0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5},
};

/* Says why. true: it is good. */
static bool verdict_say(struct proof_verdict *v, int r)
{
        v->reason = r < 0 ? PROOF_REASON_MEMORY : (uint32_t)r;
        if (r)
                (void)snprintf(v->subject, sizeof(v->subject), "%s", passkey_strerror(r));
        return !r;
}

/* What else an authenticator has said, for the audit log. */
static void verdict_describe(struct proof_verdict *v, capnp_data id, capnp_data data)
{
        v->count = passkey_data_count(data);
        crypto_hash_sha256(v->key_hash, id.p, id.len);
        (void)snprintf(v->subject, sizeof(v->subject), "counter %u%s", v->count,
                       data.p[PASSKEY_FLAGS_AT] & PASSKEY_IS_COPIED ? ", synced" : "");
}

/* ---- a login -------------------------------------------------------------------------------- */

/* All that follows the front: extensions, when it says so. */
static int login_data_check(capnp_data data, const struct passkey_party *p)
{
        int r = passkey_data_check(data, p);

        if (r)
                return r;
        if (data.p[PASSKEY_FLAGS_AT] & PASSKEY_HAS_CREDENTIAL)
                return PASSKEY_E_FORM;

        return passkey_data_end(
                data, (capnp_data){data.p + PASSKEY_DATA_LEAST, data.len - PASSKEY_DATA_LEAST});
}

static bool user_is_good(const struct proof_passkey *w, capnp_data user)
{
        if (!user.len)
                return !w->user_wanted;

        return user.len == sizeof(w->user) && !sodium_memcmp(user.p, w->user, sizeof(w->user));
}

static int login_judge(const struct proof_passkey *w, const struct passkey_response *r,
                       const struct passkey_party *p)
{
        const struct passkey *k = w->known.algorithm ? &w->known : &nobody;
        bool known = k != &nobody && k->id_len == r->id.len && !memcmp(k->id, r->id.p, r->id.len);
        int e = passkey_client_check(r->client, "webauthn.get", w->challenge, p);

        if (!e)
                e = login_data_check(r->data, p);
        if (e)
                return e;

        e = passkey_verify(k, r->data, r->client, r->signature);
        if (!known)
                return PASSKEY_E_CREDENTIAL;
        return !e && !user_is_good(w, r->user) ? PASSKEY_E_USER : e;
}

bool passkey_prove(capnp_data wanted, capnp_data response, capnp_data party,
                   struct proof_verdict *v)
{
        struct proof_passkey w;
        struct passkey_response r;
        struct passkey_party p;
        int e;

        if (wanted.len != sizeof(w))
                return verdict_say(v, PASSKEY_E_FORM);

        memcpy(&w, wanted.p, sizeof(w));
        if (w.known.id_len > PASSKEY_ID_BYTES)
                return verdict_say(v, PASSKEY_E_FORM);
        e = passkey_party_read(party, &p);
        if (!e)
                e = passkey_response_read(response, false, &r);
        if (!e)
                e = login_judge(&w, &r, &p);
        if (!verdict_say(v, e))
                return false;

        verdict_describe(v, r.id, r.data);
        return true;
}

/* ---- a new one ------------------------------------------------------------------------------ */

bool passkey_prove_new(capnp_data wanted, capnp_data response, capnp_data party,
                       struct proof_verdict *v)
{
        struct proof_passkey_new w;
        struct passkey_response r;
        struct passkey_party p;
        struct passkey made = {0};
        capnp_data data = {0};
        int e;

        if (wanted.len != sizeof(w))
                return verdict_say(v, PASSKEY_E_FORM);

        memcpy(&w, wanted.p, sizeof(w));
        e = passkey_party_read(party, &p);
        if (!e)
                e = passkey_response_read(response, true, &r);
        if (!e)
                e = passkey_client_check(r.client, "webauthn.create", w.challenge, &p);
        if (!e)
                e = passkey_new_read(&r, &p, &w, &made, &data);
        if (!verdict_say(v, e))
                return false;

        verdict_describe(v, r.id, data);
        v->passkey = made;
        return true;
}

/* ---- before the door shuts ------------------------------------------------------------------ */

/* Somebody was there, and has signed nothing. */
bool passkey_warm_up(void)
{
        uint8_t data[PASSKEY_DATA_LEAST] = {[PASSKEY_FLAGS_AT] =
                                                    PASSKEY_PRESENT | PASSKEY_VERIFIED};
        const capnp_data all = {data, sizeof(data)};

        fido_init(0);
        return !passkey_key_check(&nobody) &&
               passkey_verify(&nobody, all, all, all) == PASSKEY_E_SIGNATURE;
}
