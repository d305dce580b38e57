/*
 * A passkey as it is made (WebAuthn level 2: 6.5, 7.1).
 *
 * An attestation object is a map of three: the format, the statement, the authenticator's data.
 * libfido2 takes none in one piece, so it is split here; the data it reads itself. What a format
 * proves is asked for only where the manifest says so (passkey-attest.c). Which make an
 * authenticator is of it only says.
 */
#include "passkey-new.h"

#include <errno.h>
#include <fido.h>
#include <sodium.h>
#include <string.h>

#include "passkey-attest.h"
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

/* Whether all that the data says that it has is there, and nothing else: 0, *ret_key is the COSE
 * key; PASSKEY_E_FORM; PASSKEY_E_EXTENSIONS. */
static int data_split(capnp_data data, capnp_data *ret_key)
{
        capnp_data rest;
        size_t len;

        if (data.len < ID_AT || !(data.p[PASSKEY_FLAGS_AT] & PASSKEY_HAS_CREDENTIAL))
                return PASSKEY_E_FORM;

        len = (size_t)data.p[ID_LEN_AT] << 8 | data.p[ID_LEN_AT + 1];
        if (!len || len > PASSKEY_ID_BYTES || len > data.len - ID_AT)
                return PASSKEY_E_FORM;

        rest = (capnp_data){data.p + ID_AT + len, (uint32_t)(data.len - ID_AT - len)};
        return passkey_cbor_take(&rest, ret_key) ? passkey_data_end(data, rest) : PASSKEY_E_FORM;
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

/* libfido2 reads what ends with the key; of what follows it would refuse what it does not know. */
static int cred_fill(fido_cred_t *c, int32_t algorithm, capnp_data data, capnp_data key)
{
        size_t len = (size_t)(key.p - data.p) + key.len;
        uint8_t front[PASSKEY_RESPONSE_BYTES];

        if (len > sizeof(front))
                return PASSKEY_E_FORM;

        memcpy(front, data.p, len);
        front[PASSKEY_FLAGS_AT] &= (uint8_t)~PASSKEY_HAS_EXTENSIONS;
        return fido_cred_set_type(c, algorithm) == FIDO_OK &&
                               fido_cred_set_authdata_raw(c, front, len) == FIDO_OK
                       ? 0
                       : PASSKEY_E_KEY;
}

static bool make_is_good(const struct proof_passkey_new *w, const uint8_t *aaguid)
{
        for (uint32_t i = 0; i < w->naaguids && i < PASSKEY_AAGUIDS; i++)
                if (!memcmp(w->aaguids[i], aaguid, PASSKEY_AAGUID_BYTES))
                        return true;
        return !w->naaguids;
}

static int cred_judge(fido_cred_t *c, const struct object *o, const struct passkey_response *r,
                      const struct proof_passkey_new *w, struct passkey *ret)
{
        capnp_data key = {0};
        int32_t algorithm;
        int e = data_split(o->data, &key);

        if (!e)
                e = key_algorithm(key, &algorithm);
        if (!e)
                e = cred_fill(c, algorithm, o->data, key);
        if (!e)
                e = passkey_fill(c, ret);
        if (!e && (ret->id_len != r->id.len || memcmp(ret->id, r->id.p, r->id.len) != 0))
                e = PASSKEY_E_CREDENTIAL;
        if (!e && w->attestation != PASSKEY_ATTESTATION_NONE)
                e = strcmp(o->format, "packed") != 0
                            ? PASSKEY_E_ATTESTATION
                            : passkey_attested(ret, (enum passkey_attestation)w->attestation,
                                               o->statement, o->data, r->client);
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

        e = cred_judge(c, &o, r, w, ret);
        fido_cred_free(&c);
        *ret_data = o.data;
        return e;
}
