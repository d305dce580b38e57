/*
 * What vouches for a new passkey, in the format `packed` (WebAuthn level 2: 8.2): its own key, or a
 * certificate that it shows.
 *
 * Who has issued that certificate is not judged, for nobody here has a list of makers. So it shows
 * no more than the key itself could; but an authenticator that has such a certificate signs by
 * nothing else, and without a signature browsers leave its make out. What the certificate has to be
 * (8.2.1) is looked at, and that it is for that make, if it says so.
 */
#include "passkey-attest.h"

#include <openssl/x509v3.h>
#include <string.h>

#include "passkey-cbor.h"
#include "passkey-fido.h"

enum { NAME_BYTES = 8, ARRAY_ONE = 0x81, ARRAY_MOST = 0x97, MAP = 0xa0, VERSION_3 = 2 };

struct statement {
        capnp_data signature;
        capnp_data certificate; /* the first; empty: there is none */
        int32_t algorithm;
};

/* ---- the statement -------------------------------------------------------------------------- */

/* The certificates are an array; of those behind the first one nothing is wanted. */
static bool certificate_take(capnp_data *in, capnp_data *ret)
{
        capnp_data all, item;

        if (!passkey_cbor_take(in, &all) || all.p[0] < ARRAY_ONE || all.p[0] > ARRAY_MOST)
                return false;

        all = (capnp_data){all.p + 1, all.len - 1};
        return passkey_cbor_take(&all, &item) && passkey_cbor_bytes(item, ret);
}

static bool statement_member(struct statement *s, capnp_data *in)
{
        char name[NAME_BYTES];
        capnp_data item;

        if (!passkey_cbor_take(in, &item) || !passkey_cbor_text(item, name, sizeof(name)))
                return false;
        if (!strcmp(name, "x5c"))
                return !s->certificate.len && certificate_take(in, &s->certificate);
        if (!passkey_cbor_take(in, &item))
                return false;
        if (!strcmp(name, "sig"))
                return !s->signature.len && passkey_cbor_bytes(item, &s->signature);

        return !strcmp(name, "alg");
}

/* A map of two or three. */
static bool statement_read(capnp_data all, struct statement *s)
{
        capnp_data rest = {all.p + 1, all.len - 1};
        uint8_t n = all.p[0] - MAP;

        *s = (struct statement){0};
        if ((n != 2 && n != 3) || !passkey_cbor_named(all, "alg", &s->algorithm))
                return false;
        for (uint8_t i = 0; i < n; i++)
                if (!statement_member(s, &rest))
                        return false;
        return s->signature.len && (n == 3) == (s->certificate.len > 0);
}

/* ---- the certificate ------------------------------------------------------------------------ */

static bool unit_is_good(const X509_NAME *name)
{
        static const char unit[] = "Authenticator Attestation";
        int at = X509_NAME_get_index_by_NID(name, NID_organizationalUnitName, -1);
        const ASN1_STRING *s =
                at < 0 ? NULL : X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));

        return s && ASN1_STRING_length(s) == (int)strlen(unit) &&
               !memcmp(ASN1_STRING_get0_data(s), unit, strlen(unit));
}

/* For which make it is: the extension has it as bytes inside of bytes. */
static bool make_is_good(const X509 *x, const uint8_t aaguid[PASSKEY_AAGUID_BYTES])
{
        static const uint8_t head[] = {0x04, PASSKEY_AAGUID_BYTES};
        ASN1_OBJECT *id = OBJ_txt2obj("1.3.6.1.4.1.45724.1.1.4", 1);
        int at = id ? X509_get_ext_by_OBJ(x, id, -1) : -1;
        const ASN1_OCTET_STRING *s = at < 0 ? NULL : X509_EXTENSION_get_data(X509_get_ext(x, at));
        bool good = id && at < 0;

        if (s)
                good = ASN1_STRING_length(s) == (int)sizeof(head) + PASSKEY_AAGUID_BYTES &&
                       !memcmp(ASN1_STRING_get0_data(s), head, sizeof(head)) &&
                       !memcmp(ASN1_STRING_get0_data(s) + sizeof(head), aaguid,
                               PASSKEY_AAGUID_BYTES);
        ASN1_OBJECT_free(id);
        return good;
}

/* NULL: it is none, or not one for this. */
static X509 *certificate_read(capnp_data d, const uint8_t aaguid[PASSKEY_AAGUID_BYTES])
{
        const uint8_t *p = d.p;
        X509 *x = d2i_X509(NULL, &p, (long)d.len);

        if (x && p == d.p + d.len && X509_get_version(x) == VERSION_3 && !X509_check_ca(x) &&
            unit_is_good(X509_get_subject_name(x)) && make_is_good(x, aaguid))
                return x;

        X509_free(x);
        return NULL;
}

static int certified(const struct passkey *k, const struct statement *s, capnp_data data,
                     capnp_data client)
{
        X509 *x = certificate_read(s->certificate, k->aaguid);
        EVP_PKEY *key = x ? X509_get0_pubkey(x) : NULL;
        int r = key ? passkey_verify_by(key, s->algorithm, data, client, s->signature)
                    : PASSKEY_E_ATTESTATION;

        X509_free(x);
        return r;
}

int passkey_attested(const struct passkey *k, enum passkey_attestation wanted, capnp_data statement,
                     capnp_data data, capnp_data client)
{
        struct statement s;
        int r;

        if (!statement_read(statement, &s))
                return PASSKEY_E_ATTESTATION;

        if (!s.certificate.len && s.algorithm == k->algorithm)
                r = passkey_verify(k, data, client, s.signature);
        else if (s.certificate.len && wanted == PASSKEY_ATTESTATION_PACKED)
                r = certified(k, &s, data, client);
        else
                r = PASSKEY_E_ATTESTATION;
        return r == PASSKEY_E_SIGNATURE || r == PASSKEY_E_KEY ? PASSKEY_E_ATTESTATION : r;
}
