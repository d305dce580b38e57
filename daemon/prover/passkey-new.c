/*
 * A passkey as it is made (WebAuthn level 2: 6.5, 7.1).
 *
 * An attestation object is a map of three: the format, the statement, the authenticator's data.
 * libfido2 takes none in one piece, so it is split here; the data it reads itself. What a format
 * proves is asked for only where the manifest says so: `self` demands that the new key has signed
 * its own making (format `packed`, no certificates). Which make an authenticator is of it only
 * says; nobody vouches for that here.
 */
#include "passkey-new.h"

#include <errno.h>
#include <fido.h>
#include <sodium.h>
#include <string.h>

#include "passkey-cbor.h"
#include "passkey-fido.h"

enum { AAGUID_AT = PASSKEY_DATA_LEAST, ID_LEN_AT = 53, ID_AT = 55, COSE_ALGORITHM = 3 };

enum { OBJECT_MEMBERS = 3, FORMAT_BYTES = 32 };

struct object {
        char format[FORMAT_BYTES + 1];
        capnp_data statement; /* as CBOR */
        capnp_data data;
};

/* ---- the object ----------------------------------------------------------------------------- */

static bool text_take(capnp_data *in, char *to, size_t room)
{
        capnp_data item;

        return passkey_cbor_take(in, &item) && passkey_cbor_text(item, to, room);
}

static bool bytes_take(capnp_data *in, capnp_data *ret)
{
        capnp_data item;

        return passkey_cbor_take(in, &item) && passkey_cbor_bytes(item, ret);
}

static bool object_member(struct object *o, capnp_data *in)
{
        char name[16];

        if (!text_take(in, name, sizeof(name)))
                return false;
        if (!strcmp(name, "fmt"))
                return !o->format[0] && text_take(in, o->format, sizeof(o->format));
        if (!strcmp(name, "attStmt"))
                return !o->statement.len && passkey_cbor_take(in, &o->statement);

        return !strcmp(name, "authData") && !o->data.len && bytes_take(in, &o->data);
}

static bool object_read(capnp_data all, struct object *o)
{
        static const uint8_t map_of_three = 0xa0 | OBJECT_MEMBERS;
        capnp_data rest = all, item;

        *o = (struct object){0};
        if (!passkey_cbor_take(&rest, &item) || rest.len || item.p[0] != map_of_three)
                return false;

        rest = (capnp_data){all.p + 1, all.len - 1};
        for (unsigned i = 0; i < OBJECT_MEMBERS; i++)
                if (!object_member(o, &rest))
                        return false;
        return !rest.len && o->format[0] && o->statement.len && o->data.len;
}

/* ---- the data ------------------------------------------------------------------------------- */

/* Whether all that the data says that it has is there, and nothing else; *ret_key: the COSE key. */
static bool data_split(capnp_data data, capnp_data *ret_key)
{
        capnp_data rest, more;
        size_t len;

        if (data.len < ID_AT || !(data.p[PASSKEY_FLAGS_AT] & PASSKEY_HAS_CREDENTIAL))
                return false;

        len = (size_t)data.p[ID_LEN_AT] << 8 | data.p[ID_LEN_AT + 1];
        if (!len || len > PASSKEY_ID_BYTES || len > data.len - ID_AT)
                return false;

        rest = (capnp_data){data.p + ID_AT + len, (uint32_t)(data.len - ID_AT - len)};
        if (!passkey_cbor_take(&rest, ret_key))
                return false;
        if (data.p[PASSKEY_FLAGS_AT] & PASSKEY_HAS_EXTENSIONS && !passkey_cbor_take(&rest, &more))
                return false;
        return !rest.len;
}

static int key_algorithm(capnp_data key, int32_t *ret)
{
        if (!passkey_cbor_numbered(key, COSE_ALGORITHM, ret))
                return PASSKEY_E_KEY;
        return *ret == COSE_ES256 || *ret == COSE_EDDSA || *ret == COSE_RS256 ? 0
                                                                              : PASSKEY_E_ALGORITHM;
}

/* What libfido2 has read. */
static int passkey_fill(const fido_cred_t *c, struct passkey *ret)
{
        size_t id_len = fido_cred_id_len(c), key_len = fido_cred_pubkey_len(c);

        if (!id_len || id_len > PASSKEY_ID_BYTES || !key_len || key_len > sizeof(ret->key) ||
            fido_cred_aaguid_len(c) != sizeof(ret->aaguid))
                return PASSKEY_E_KEY;

        *ret = (struct passkey){.algorithm = fido_cred_type(c),
                                .id_len = (uint32_t)id_len,
                                .key_len = (uint32_t)key_len};
        memcpy(ret->id, fido_cred_id_ptr(c), id_len);
        memcpy(ret->key, fido_cred_pubkey_ptr(c), key_len);
        memcpy(ret->aaguid, fido_cred_aaguid_ptr(c), sizeof(ret->aaguid));
        return passkey_key_check(ret);
}

static int cred_fill(fido_cred_t *c, int32_t algorithm, capnp_data data)
{
        int e = fido_cred_set_type(c, algorithm);

        if (e == FIDO_OK)
                e = fido_cred_set_authdata_raw(c, data.p, data.len);
        return e == FIDO_OK ? 0 : PASSKEY_E_KEY;
}

/* Whether the new key has signed that it was made. */
static int cred_verify_self(fido_cred_t *c, const struct object *o,
                            const struct passkey_response *r, const struct passkey_party *p)
{
        uint8_t hash[crypto_hash_sha256_BYTES];
        int32_t algorithm;

        if (strcmp(o->format, "packed") != 0 ||
            !passkey_cbor_named(o->statement, "alg", &algorithm) || algorithm != fido_cred_type(c))
                return PASSKEY_E_ATTESTATION;

        crypto_hash_sha256(hash, r->client.p, r->client.len);
        if (fido_cred_set_fmt(c, o->format) != FIDO_OK ||
            fido_cred_set_rp(c, p->id, NULL) != FIDO_OK ||
            fido_cred_set_clientdata_hash(c, hash, sizeof(hash)) != FIDO_OK ||
            fido_cred_set_uv(c, FIDO_OPT_TRUE) != FIDO_OK ||
            fido_cred_set_attstmt(c, o->statement.p, o->statement.len) != FIDO_OK ||
            fido_cred_verify_self(c) != FIDO_OK)
                return PASSKEY_E_ATTESTATION;
        return 0;
}

static bool make_is_good(const struct proof_passkey_new *w, const uint8_t *aaguid)
{
        for (uint32_t i = 0; i < w->naaguids && i < PASSKEY_AAGUIDS; i++)
                if (!memcmp(w->aaguids[i], aaguid, PASSKEY_AAGUID_BYTES))
                        return true;
        return !w->naaguids;
}

static int cred_judge(fido_cred_t *c, const struct object *o, const struct passkey_response *r,
                      const struct passkey_party *p, const struct proof_passkey_new *w,
                      struct passkey *ret)
{
        capnp_data key = {0};
        int32_t algorithm;
        int e = data_split(o->data, &key) ? key_algorithm(key, &algorithm) : PASSKEY_E_FORM;

        if (!e)
                e = cred_fill(c, algorithm, o->data);
        if (!e)
                e = passkey_fill(c, ret);
        if (!e && (ret->id_len != r->id.len || memcmp(ret->id, r->id.p, r->id.len) != 0))
                e = PASSKEY_E_CREDENTIAL;
        if (!e && w->attestation != PASSKEY_ATTESTATION_NONE)
                e = cred_verify_self(c, o, r, p);
        if (!e && !make_is_good(w, ret->aaguid))
                e = PASSKEY_E_MAKE;
        return e;
}

int passkey_new_read(const struct passkey_response *r, const struct passkey_party *p,
                     const struct proof_passkey_new *w, struct passkey *ret, capnp_data *ret_data)
{
        fido_cred_t *c;
        struct object o;
        int e;

        if (!object_read(r->data, &o))
                return PASSKEY_E_FORM;
        e = passkey_data_check(o.data, p);
        if (e)
                return e;

        c = fido_cred_new();
        if (!c)
                return -ENOMEM;

        e = cred_judge(c, &o, r, p, w, ret);
        fido_cred_free(&c);
        *ret_data = o.data;
        return e;
}
