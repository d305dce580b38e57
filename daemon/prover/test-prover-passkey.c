/*
 * Passkeys that Chromium's authenticator made (the fuzzer's corpus, by test/passkey/record.py), for
 * http://localhost:8480 and the challenge 0 to 31: what they are good for, what each refusal says,
 * and that no byte of what was signed can change.
 */
#include "passkey-cbor.h"
#include "passkey-fido.h"
#include "passkey.h"
#include "test-corpus.h"
#include "vectors.h"

#include <jansson.h>
#include <openssl/ec.h>
#include <openssl/x509v3.h>
#include <sodium.h>
#include <string.h>

static const char party_text[] = "localhost\0https://localhost\0http://localhost:8480";

#define PARTY ((capnp_data){(const uint8_t *)party_text, sizeof(party_text)})

static void challenge_fill(uint8_t *c)
{
        for (unsigned i = 0; i < PASSKEY_CHALLENGE_BYTES; i++)
                c[i] = (uint8_t)i;
}

/* ---- asking --------------------------------------------------------------------------------- */

static bool ask_new(const struct proof_passkey_new *w, const char *response,
                    struct proof_verdict *v)
{
        *v = (struct proof_verdict){0};
        return passkey_prove_new(
                (capnp_data){(const uint8_t *)w, sizeof(*w)},
                (capnp_data){(const uint8_t *)response, (uint32_t)strlen(response)}, PARTY, v);
}

static bool ask(const struct proof_passkey *w, const char *response, struct proof_verdict *v)
{
        *v = (struct proof_verdict){0};
        return passkey_prove((capnp_data){(const uint8_t *)w, sizeof(*w)},
                             (capnp_data){(const uint8_t *)response, (uint32_t)strlen(response)},
                             PARTY, v);
}

/* A recorded response, as a text. */
static const char *recorded(const char *name, char *to, size_t room)
{
        capnp_data d = corpus_read("fuzz-passkey", name, (uint8_t *)to, room - 1);

        to[d.len] = 0;
        return to;
}

/* What a login by a recorded passkey wants. */
static struct proof_passkey wanted_of(const char *name)
{
        struct proof_passkey_new n = {.attestation = PASSKEY_ATTESTATION_NONE};
        struct proof_passkey w = {0};
        struct proof_verdict v;
        char text[4096];

        challenge_fill(n.challenge);
        CHECK(ask_new(&n, recorded(name, text, sizeof(text)), &v));
        challenge_fill(w.challenge);
        for (unsigned i = 0; i < sizeof(w.user); i++)
                w.user[i] = (uint8_t)(100 + i);
        w.known = v.passkey;
        return w;
}

/* ---- responses that are bent ---------------------------------------------------------------- */

struct bent {
        char text[16384];
};

/* A field that is base64url, decoded. */
static size_t field_get(json_t *object, const char *name, uint8_t *to, size_t room)
{
        const char *text = json_string_value(json_object_get(object, name));
        size_t n = 0;

        CHECK(text && !sodium_base642bin(to, room, text, strlen(text), NULL, &n, NULL,
                                         sodium_base64_VARIANT_URLSAFE_NO_PADDING));
        return n;
}

static void field_set(json_t *object, const char *name, const uint8_t *p, size_t n)
{
        char text[8192];

        sodium_bin2base64(text, sizeof(text), p, n, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
        json_object_set_new(object, name, json_string(text));
}

static json_t *bend_begin(const char *response)
{
        json_t *j = json_loads(response, 0, NULL);

        CHECK(j != NULL);
        return j;
}

static const char *bend_end(struct bent *b, json_t *j)
{
        char *text = json_dumps(j, JSON_COMPACT);

        snprintf(b->text, sizeof(b->text), "%s", text);
        free(text);
        json_decref(j);
        return b->text;
}

/* Client data in which one text stands for another. */
static const char *bend_client(struct bent *b, const char *response, const char *old,
                               const char *other)
{
        json_t *j = bend_begin(response), *inner = json_object_get(j, "response");
        char text[2048] = "", to[2048];
        char *at;

        field_get(inner, "clientDataJSON", (uint8_t *)text, sizeof(text) - 1);
        at = strstr(text, old);
        CHECK(at != NULL);
        *at = 0;
        snprintf(to, sizeof(to), "%s%s%s", text, other, at + strlen(old));
        field_set(inner, "clientDataJSON", (const uint8_t *)to, strlen(to));
        return bend_end(b, j);
}

/* One bit of a field, or its end. */
static const char *bend_byte(struct bent *b, const char *response, const char *name, size_t at,
                             uint8_t bits)
{
        json_t *j = bend_begin(response), *inner = json_object_get(j, "response");
        uint8_t bytes[2048];
        size_t n = field_get(inner, name, bytes, sizeof(bytes));

        CHECK(at < n);
        bytes[at] ^= bits;
        field_set(inner, name, bytes, bits ? n : at);
        return bend_end(b, j);
}

static size_t field_len(const char *response, const char *name)
{
        json_t *j = bend_begin(response);
        uint8_t bytes[2048];
        size_t n = field_get(json_object_get(j, "response"), name, bytes, sizeof(bytes));

        json_decref(j);
        return n;
}

/* ---- what is good --------------------------------------------------------------------------- */

static const struct {
        const char *made, *got;
        int32_t algorithm;
        uint32_t key_len;
} rows[] = {
        {"es256-new", "es256-get", -7, 64},
        {"eddsa-new", "eddsa-get", -8, 32},
        {"rs256-new", "rs256-get", -257, 259},
        {"attested-new", "attested-get", -7, 64},
};

TEST(a_browsers_passkey_is_made_and_logs_in)
{
        CHECK(passkey_warm_up());
        for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct proof_passkey w = wanted_of(rows[i].made);
                struct proof_verdict v;
                char text[4096];

                CHECK_EQ(w.known.algorithm, rows[i].algorithm);
                CHECK_EQ(w.known.key_len, rows[i].key_len);
                CHECK_EQ(w.known.id_len, 32);
                CHECK_MEM(w.known.aaguid, "\1\2\3\4\5\6\7\10\1\2\3\4\5\6\7\10", 16);
                CHECK(ask(&w, recorded(rows[i].got, text, sizeof(text)), &v));
                CHECK_STR(v.subject, "counter 2");
                CHECK_EQ(v.count, 2);
        }
}

TEST(an_account_is_named_or_is_not)
{
        struct proof_passkey w = wanted_of("es256-new");
        struct proof_verdict v;
        struct bent b;
        char text[4096];
        json_t *j;

        recorded("es256-get", text, sizeof(text));
        w.user_wanted = 1;
        CHECK(ask(&w, text, &v));

        j = bend_begin(text);
        json_object_set_new(json_object_get(j, "response"), "userHandle", json_null());
        bend_end(&b, j);
        CHECK(!ask(&w, b.text, &v));
        CHECK_EQ(v.reason, PASSKEY_E_USER);
        w.user_wanted = 0;
        CHECK(ask(&w, b.text, &v));

        w.user[31] ^= 1;
        CHECK(ask(&w, b.text, &v));
        CHECK(!ask(&w, text, &v));
        CHECK_EQ(v.reason, PASSKEY_E_USER);

        w.user[31] ^= 1;
        j = bend_begin(text);
        field_set(json_object_get(j, "response"), "userHandle", w.user, sizeof(w.user) - 1);
        CHECK(!ask(&w, bend_end(&b, j), &v));
        CHECK_EQ(v.reason, PASSKEY_E_USER);
}

/* ---- what is not ---------------------------------------------------------------------------- */

static const struct {
        const char *old, *other;
        enum passkey_err why;
} lies[] = {
        {"webauthn.get", "webauthn.create", PASSKEY_E_TYPE},
        {"webauthn.get", "webauthn.get ", PASSKEY_E_TYPE},
        {"AAECAw", "AAECBw", PASSKEY_E_CHALLENGE},
        {"http://localhost:8480", "http://localhost:8481", PASSKEY_E_ORIGIN},
        {"http://localhost:8480", "http://localhost:8480/", PASSKEY_E_ORIGIN},
        {"http://localhost:8480", "HTTP://localhost:8480", PASSKEY_E_ORIGIN},
        {"http://localhost:8480", "", PASSKEY_E_ORIGIN},
        {"http://localhost:8480", "localhost", PASSKEY_E_ORIGIN},
        {"\"crossOrigin\":false", "\"crossOrigin\":true", PASSKEY_E_CROSS},
        {"\"crossOrigin\":false", "\"crossOrigin\":null", PASSKEY_E_CROSS},
        {"\"crossOrigin\":false", "\"topOrigin\":\"https://a.example\"", PASSKEY_E_CROSS},
        {"\"crossOrigin\":false", "\"type\":\"webauthn.get\"", PASSKEY_E_FORM},
        {"\"crossOrigin\":false", "\"\\u0074ype\":\"webauthn.get\"", PASSKEY_E_FORM},
        {"\"crossOrigin\":false", "\"challenge\":\"AAAA\"", PASSKEY_E_FORM},
        {"\"crossOrigin\":false", "\"origin\":\"https://a.example\"", PASSKEY_E_FORM},
        {"\"type\"", "\"Type\"", PASSKEY_E_FORM},
        {"{\"type\"", " {\"type\"", PASSKEY_E_SIGNATURE},
        {"{\"type\"", "\"type\"", PASSKEY_E_FORM},
        {"{\"type\"", "[{\"type\"", PASSKEY_E_FORM},
        {"\"crossOrigin\":false", "\"other\":[]", PASSKEY_E_SIGNATURE},
        {"\"crossOrigin\":false", "\"topOrigin\":null", PASSKEY_E_CROSS},
        {"\"crossOrigin\":false", "\"crossOrigin\":false,\"topOrigin\":\"\"", PASSKEY_E_CROSS},
        {"\"crossOrigin\":false", "\"tokenBinding\":{\"status\":\"present\",\"id\":\"AA\"}",
         PASSKEY_E_TOKEN},
        {"\"crossOrigin\":false", "\"tokenBinding\":{\"status\":\"present\"}", PASSKEY_E_TOKEN},
        {"\"crossOrigin\":false", "\"tokenBinding\":{\"id\":\"AA\"}", PASSKEY_E_FORM},
        {"\"crossOrigin\":false", "\"tokenBinding\":null", PASSKEY_E_FORM},
        {"\"crossOrigin\":false", "\"tokenBinding\":\"present\"", PASSKEY_E_FORM},
        {"\"crossOrigin\":false", "\"tokenBinding\":{\"status\":\"supported\"}",
         PASSKEY_E_SIGNATURE},
        {"\"crossOrigin\":false", "\"tokenBinding\":{\"status\":\"another\"}", PASSKEY_E_SIGNATURE},
};

TEST(what_the_browser_says_is_weighed)
{
        struct proof_passkey w = wanted_of("es256-new");
        struct proof_verdict v;
        struct bent b;
        char text[4096];

        recorded("es256-get", text, sizeof(text));
        for (unsigned i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
                CHECK(!ask(&w, bend_client(&b, text, lies[i].old, lies[i].other), &v));
                CHECK_EQ(v.reason, lies[i].why);
                CHECK_STR(v.subject, passkey_strerror(lies[i].why));
        }
}

TEST(what_the_authenticator_says_is_weighed)
{
        static const struct {
                size_t at;
                uint8_t bits;
                enum passkey_err why;
        } bends[] = {
                {0, 1, PASSKEY_E_PARTY},
                {PASSKEY_FLAGS_AT, PASSKEY_PRESENT, PASSKEY_E_ABSENT},
                {PASSKEY_FLAGS_AT, PASSKEY_VERIFIED, PASSKEY_E_UNVERIFIED},
                {PASSKEY_FLAGS_AT, PASSKEY_IS_COPIED, PASSKEY_E_BACKUP},
                {PASSKEY_FLAGS_AT, PASSKEY_IS_COPIED | PASSKEY_MAY_BE_COPIED, PASSKEY_E_SIGNATURE},
                {PASSKEY_FLAGS_AT, PASSKEY_HAS_CREDENTIAL, PASSKEY_E_FORM},
                {PASSKEY_FLAGS_AT, PASSKEY_HAS_EXTENSIONS, PASSKEY_E_EXTENSIONS},
                {36, 1, PASSKEY_E_SIGNATURE},
                {36, 0, PASSKEY_E_FORM},
        };
        struct proof_passkey w = wanted_of("es256-new");
        struct proof_verdict v;
        struct bent b;
        char text[4096];

        recorded("es256-get", text, sizeof(text));
        for (unsigned i = 0; i < sizeof(bends) / sizeof(bends[0]); i++) {
                bend_byte(&b, text, "authenticatorData", bends[i].at, bends[i].bits);
                CHECK(!ask(&w, b.text, &v));
                CHECK_EQ(v.reason, bends[i].why);
        }
}

TEST(by_another_passkey_or_algorithm_is_refused)
{
        struct proof_passkey w = wanted_of("es256-new"), other = wanted_of("eddsa-new");
        struct proof_verdict v;
        char text[4096];

        recorded("es256-get", text, sizeof(text));
        CHECK(!ask(&other, text, &v));
        CHECK_EQ(v.reason, PASSKEY_E_CREDENTIAL);

        memcpy(other.known.id, w.known.id, sizeof(w.known.id));
        CHECK(!ask(&other, text, &v));
        CHECK_EQ(v.reason, PASSKEY_E_SIGNATURE);

        other.known = (struct passkey){0};
        CHECK(!ask(&other, text, &v));
        CHECK_EQ(v.reason, PASSKEY_E_CREDENTIAL);

        w.known.algorithm = -257;
        CHECK(!ask(&w, text, &v));
        CHECK_EQ(v.reason, PASSKEY_E_KEY);
}

TEST_T(no_byte_that_is_signed_can_change, 120)
{
        static const char *const fields[] = {"clientDataJSON", "authenticatorData", "signature"};

        for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]) - 1; i++) {
                struct proof_passkey w = wanted_of(rows[i].made);
                struct proof_verdict v;
                struct bent b;
                char text[4096];

                recorded(rows[i].got, text, sizeof(text));
                for (unsigned f = 0; f < 3; f++)
                        for (size_t at = 0; at < field_len(text, fields[f]); at++) {
                                CHECK(!ask(&w, bend_byte(&b, text, fields[f], at, 1), &v));
                                CHECK(!ask(&w, bend_byte(&b, text, fields[f], at, 0), &v));
                        }
                CHECK(ask(&w, text, &v));
        }
}

/* ---- the JSON around it --------------------------------------------------------------------- */

TEST(the_response_has_one_form)
{
        static const struct {
                const char *old, *other;
        } bends[] = {
                {"\"type\":\"public-key\"", "\"type\":\"password\""},
                {"\"type\":\"public-key\"", "\"typ\":\"public-key\""},
                {"\"rawId\":\"", "\"rawId\":\"A"},
                {"\"rawId\"", "\"rawid\""},
                {"\"response\":{", "\"response\":{\"signature\":\"AA\","},
                {"\"response\":{", "\"id\":\"AA\",\"response\":{"},
                {"\"response\":{", "\"response\":[],\"other\":{"},
                {"\"signature\":\"", "\"signature\":\"="},
                {"\"signature\"", "\"sig\""},
                {"\"authenticatorData\"", "\"data\""},
                {"\"userHandle\":\"", "\"userHandle\":\"\",\"x\":\""},
                {"\"userHandle\":\"", "\"userHandle\":7,\"x\":\""},
        };
        struct proof_passkey w = wanted_of("es256-new");
        struct proof_verdict v;
        char text[4096], to[8192];

        recorded("es256-get", text, sizeof(text));
        for (unsigned i = 0; i < sizeof(bends) / sizeof(bends[0]); i++) {
                char *at = strstr(text, bends[i].old);

                CHECK(at != NULL);
                snprintf(to, sizeof(to), "%.*s%s%s", (int)(at - text), text, bends[i].other,
                         at + strlen(bends[i].old));
                CHECK(!ask(&w, to, &v));
                CHECK_EQ(v.reason, PASSKEY_E_FORM);
        }
        for (size_t n = 0; n < strlen(text); n++) {
                snprintf(to, sizeof(to), "%.*s", (int)n, text);
                CHECK(!ask(&w, to, &v));
                CHECK_EQ(v.reason, PASSKEY_E_FORM);
        }
}

TEST(a_response_that_is_too_long_is_none)
{
        static char to[PASSKEY_RESPONSE_BYTES + 2];
        struct proof_passkey w = wanted_of("es256-new");
        struct proof_verdict v;
        size_t n;

        memset(to, ' ', sizeof(to) - 1);
        n = strlen(recorded("es256-get", to, sizeof(to)));
        memset(to + n, ' ', sizeof(to) - n - 2);
        to[sizeof(to) - 2] = 0;
        CHECK(ask(&w, to, &v));
        to[sizeof(to) - 2] = ' ';
        CHECK(!ask(&w, to, &v));
        CHECK_EQ(v.reason, PASSKEY_E_FORM);
}

/* ---- new ones ------------------------------------------------------------------------------- */

TEST(a_new_passkey_is_as_the_manifest_demands)
{
        struct proof_passkey_new w = {.naaguids = 1};
        struct proof_verdict v;
        char text[4096];

        challenge_fill(w.challenge);
        recorded("es256-new", text, sizeof(text));
        CHECK(!ask_new(&w, text, &v));
        CHECK_EQ(v.reason, PASSKEY_E_MAKE);
        w.naaguids = 2;
        memcpy(w.aaguids[1], "\1\2\3\4\5\6\7\10\1\2\3\4\5\6\7\10", 16);
        CHECK(ask_new(&w, text, &v));

        w.attestation = PASSKEY_ATTESTATION_SELF;
        CHECK(!ask_new(&w, text, &v));
        CHECK_EQ(v.reason, PASSKEY_E_ATTESTATION);
        CHECK(!ask_new(&w, recorded("attested-new", text, sizeof(text)), &v));
        CHECK_EQ(v.reason, PASSKEY_E_ATTESTATION);
        w.naaguids = 0;
        CHECK(ask_new(&w, recorded("self-new", text, sizeof(text)), &v));
}

/* An attestation `self` is signed: all of it. */
TEST(a_passkey_that_attests_itself_cannot_be_changed)
{
        struct proof_passkey_new w = {.attestation = PASSKEY_ATTESTATION_SELF};
        struct proof_verdict v;
        struct bent b;
        char text[4096];

        challenge_fill(w.challenge);
        recorded("self-new", text, sizeof(text));
        CHECK(ask_new(&w, text, &v));
        for (size_t at = 0; at < field_len(text, "attestationObject"); at++) {
                CHECK(!ask_new(&w, bend_byte(&b, text, "attestationObject", at, 1), &v));
                CHECK(!ask_new(&w, bend_byte(&b, text, "attestationObject", at, 0), &v));
        }
}

TEST(a_registration_is_no_login_nor_the_reverse)
{
        struct proof_passkey w = wanted_of("es256-new");
        struct proof_passkey_new n = {0};
        struct proof_verdict v;
        struct bent b;
        char text[4096];

        challenge_fill(n.challenge);
        CHECK(!ask_new(&n, recorded("es256-get", text, sizeof(text)), &v));
        CHECK(!ask(&w, recorded("es256-new", text, sizeof(text)), &v));
        CHECK(!ask_new(&n, bend_client(&b, text, "webauthn.create", "webauthn.get"), &v));
        CHECK_EQ(v.reason, PASSKEY_E_TYPE);
        n.challenge[31] ^= 1;
        CHECK(!ask_new(&n, text, &v));
        CHECK_EQ(v.reason, PASSKEY_E_CHALLENGE);
}

/* Keys that are none: P-256 off its curve, a point of small order, RSA with an even exponent. */
TEST(a_key_is_one)
{
        struct passkey k = wanted_of("es256-new").known;

        CHECK_OK(passkey_key_check(&k));
        k.key[63] ^= 1;
        CHECK_EQ(passkey_key_check(&k), PASSKEY_E_KEY);
        k.key_len = 63;
        CHECK_EQ(passkey_key_check(&k), PASSKEY_E_KEY);

        k = wanted_of("eddsa-new").known;
        CHECK_OK(passkey_key_check(&k));
        memset(k.key, 0, sizeof(k.key));
        CHECK_EQ(passkey_key_check(&k), PASSKEY_E_KEY);

        k = wanted_of("rs256-new").known;
        CHECK_OK(passkey_key_check(&k));
        k.key[258] ^= 1;
        CHECK_EQ(passkey_key_check(&k), PASSKEY_E_KEY);
        k.key[258] ^= 1;
        k.key[0] = 0x7f;
        CHECK_EQ(passkey_key_check(&k), PASSKEY_E_KEY);
        k.algorithm = -37;
        CHECK_EQ(passkey_key_check(&k), PASSKEY_E_ALGORITHM);
}

/* ---- what an authenticator adds ------------------------------------------------------------- */

/* One of our own, which says what it likes. */
struct made {
        uint8_t key[crypto_sign_PUBLICKEYBYTES], secret[crypto_sign_SECRETKEYBYTES];
        uint8_t data[8192];
        size_t len;
        char said[256]; /* the client data */
};

static void made_put(struct made *m, const void *p, size_t len)
{
        CHECK(m->len + len <= sizeof(m->data));
        memcpy(m->data + m->len, p, len);
        m->len += len;
}

/* The data, and what the browser says; is_new: with the credential. */
static void made_begin(struct made *m, bool is_new, uint8_t flags)
{
        static const uint8_t cose[] = {0xa4, 1, 1, 3, 0x27, 0x20, 6, 0x21, 0x58, 0x20};
        uint8_t front[PASSKEY_DATA_LEAST + 16 + 2] = {0}, challenge[PASSKEY_CHALLENGE_BYTES];
        char text[64];

        crypto_hash_sha256(front, (const uint8_t *)party_text, strlen(party_text));
        front[PASSKEY_FLAGS_AT] = PASSKEY_PRESENT | PASSKEY_VERIFIED | flags;
        front[PASSKEY_FLAGS_AT] |= is_new ? PASSKEY_HAS_CREDENTIAL : 0;
        front[sizeof(front) - 1] = sizeof(m->key);
        m->len = 0;
        made_put(m, front, is_new ? sizeof(front) : PASSKEY_DATA_LEAST);
        if (is_new) {
                made_put(m, m->key, sizeof(m->key)); /* its id, too */
                made_put(m, cose, sizeof(cose));
                made_put(m, m->key, sizeof(m->key));
        }
        challenge_fill(challenge);
        sodium_bin2base64(text, sizeof(text), challenge, sizeof(challenge),
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING);
        snprintf(m->said, sizeof(m->said),
                 "{\"type\":\"webauthn.%s\",\"challenge\":\"%s\",\"origin\":\"https://localhost\"}",
                 is_new ? "create" : "get", text);
}

static void made_sign(const struct made *m, uint8_t ret[crypto_sign_BYTES])
{
        uint8_t text[sizeof(m->data) + crypto_hash_sha256_BYTES];

        memcpy(text, m->data, m->len);
        crypto_hash_sha256(text + m->len, (const uint8_t *)m->said, strlen(m->said));
        crypto_sign_detached(ret, NULL, text, m->len + crypto_hash_sha256_BYTES, m->secret);
}

static const char *made_answer(const struct made *m, struct bent *b, const char *name,
                               const uint8_t *p, size_t len, const uint8_t *signature)
{
        json_t *j = json_pack("{s:s,s:{}}", "type", "public-key", "response"), *inner;

        inner = json_object_get(j, "response");
        field_set(j, "id", m->key, sizeof(m->key));
        field_set(j, "rawId", m->key, sizeof(m->key));
        field_set(inner, "clientDataJSON", (const uint8_t *)m->said, strlen(m->said));
        field_set(inner, name, p, len);
        if (signature)
                field_set(inner, "signature", signature, crypto_sign_BYTES);
        return bend_end(b, j);
}

static const char *made_login(const struct made *m, struct bent *b)
{
        uint8_t signature[crypto_sign_BYTES];

        made_sign(m, signature);
        return made_answer(m, b, "authenticatorData", m->data, m->len, signature);
}

/* Who vouches for it. */
struct maker {
        EVP_PKEY *key;
        uint8_t der[1024];
        size_t len;
};

static void extension_add(X509 *x, const char *oid, const uint8_t *value, size_t len)
{
        ASN1_OBJECT *id = OBJ_txt2obj(oid, 1);
        ASN1_OCTET_STRING *s = ASN1_OCTET_STRING_new();
        X509_EXTENSION *e;

        CHECK(ASN1_OCTET_STRING_set(s, value, (int)len));
        e = X509_EXTENSION_create_by_OBJ(NULL, id, 0, s);
        CHECK(e && X509_add_ext(x, e, -1));
        X509_EXTENSION_free(e);
        ASN1_OCTET_STRING_free(s);
        ASN1_OBJECT_free(id);
}

/* A certificate as 8.2.1 wants it, or nearly. make: NULL: it does not say. */
static void maker_make(struct maker *m, const char *unit, const uint8_t *make, bool ca)
{
        static const uint8_t is_ca[] = {0x30, 3, 1, 1, 0xff}, is_none[] = {0x30, 0};
        X509 *x = X509_new();
        X509_NAME *name = X509_get_subject_name(x);
        uint8_t value[18] = {4, 16}, *p = m->der;

        m->key = EVP_EC_gen("P-256");
        CHECK(m->key && X509_set_version(x, 2) && X509_set_pubkey(x, m->key));
        CHECK(X509_NAME_add_entry_by_txt(name, "OU", MBSTRING_ASC, (const uint8_t *)unit, -1, -1,
                                         0));
        CHECK(ASN1_INTEGER_set(X509_get_serialNumber(x), 1));
        CHECK(X509_gmtime_adj(X509_getm_notBefore(x), 0) &&
              X509_gmtime_adj(X509_getm_notAfter(x), 86400));
        extension_add(x, "2.5.29.19", ca ? is_ca : is_none, ca ? sizeof(is_ca) : sizeof(is_none));
        if (make) {
                memcpy(value + 2, make, PASSKEY_AAGUID_BYTES);
                extension_add(x, "1.3.6.1.4.1.45724.1.1.4", value, sizeof(value));
        }
        CHECK(X509_sign(x, m->key, EVP_sha256()));
        CHECK(i2d_X509(x, NULL) <= (int)sizeof(m->der));
        m->len = (size_t)i2d_X509(x, &p);
        X509_free(x);
}

/* A RegistrationResponseJSON that a maker vouches for. */
static const char *made_certified(struct made *m, const struct maker *by, struct bent *b)
{
        static const char front[] = "\xa3\x63"
                                    "fmt\x66"
                                    "packed\x67"
                                    "attStmt\xa3\x63"
                                    "alg\x26\x63"
                                    "sig\x58",
                          between[] = "\x63"
                                      "x5c\x81\x59",
                          behind[] = "\x68"
                                     "authData\x58";
        uint8_t text[512], signature[80];
        size_t len = sizeof(signature);
        const uint8_t cert[] = {(uint8_t)(by->len >> 8), (uint8_t)by->len};
        EVP_MD_CTX *c = EVP_MD_CTX_new();
        struct made o = {.len = 0};
        uint8_t one;

        memcpy(text, m->data, m->len);
        crypto_hash_sha256(text + m->len, (const uint8_t *)m->said, strlen(m->said));
        CHECK(EVP_DigestSignInit(c, NULL, EVP_sha256(), NULL, by->key) == 1 &&
              EVP_DigestSign(c, signature, &len, text, m->len + crypto_hash_sha256_BYTES) == 1);
        EVP_MD_CTX_free(c);
        made_put(&o, front, sizeof(front) - 1);
        one = (uint8_t)len;
        made_put(&o, &one, 1);
        made_put(&o, signature, len);
        made_put(&o, between, sizeof(between) - 1);
        made_put(&o, cert, sizeof(cert));
        made_put(&o, by->der, by->len);
        made_put(&o, behind, sizeof(behind) - 1);
        one = (uint8_t)m->len;
        made_put(&o, &one, 1);
        made_put(&o, m->data, m->len);
        return made_answer(m, b, "attestationObject", o.data, o.len, NULL);
}

/* Attested by itself. */
static const char *made_new(struct made *m, struct bent *b)
{
        static const char front[] = "\xa3\x63"
                                    "fmt\x66"
                                    "packed\x67"
                                    "attStmt\xa2\x63"
                                    "alg\x27\x63"
                                    "sig\x58\x40",
                          behind[] = "\x68"
                                     "authData\x59";
        const uint8_t len[] = {(uint8_t)(m->len >> 8), (uint8_t)m->len};
        uint8_t signature[crypto_sign_BYTES];
        struct made o = {.len = 0};

        made_sign(m, signature);
        made_put(&o, front, sizeof(front) - 1);
        made_put(&o, signature, sizeof(signature));
        made_put(&o, behind, sizeof(behind) - 1);
        made_put(&o, len, sizeof(len));
        made_put(&o, m->data, m->len);
        return made_answer(m, b, "attestationObject", o.data, o.len, NULL);
}

#define PROTECT \
        "\x6b"  \
        "credProtect\x02"
#define SECRET \
        "\x6b" \
        "hmac-secret\xf5"

/* What follows, and what comes of it; with a number, that many zeros more, inside. */
static const struct {
        const char *bytes;
        size_t len, zeros;
        uint8_t flags;
        enum passkey_err why;
} extensions[] = {
        {"", 0, 0, 0, 0},
        {"\xa1" PROTECT, 14, 0, PASSKEY_HAS_EXTENSIONS, 0},
        {"\xa1" SECRET, 14, 0, PASSKEY_HAS_EXTENSIONS, 0},
        {"\xa2" PROTECT SECRET, 27, 0, PASSKEY_HAS_EXTENSIONS, 0},
        {"\xa1\x6b"
         "hmac-secret\x80",
         14, 0, PASSKEY_HAS_EXTENSIONS, 0},
        {"\xa1\x61"
         "x\x59\x08\x00",
         6, 2048, PASSKEY_HAS_EXTENSIONS, 0},
        {"\xa0", 1, 0, PASSKEY_HAS_EXTENSIONS, 0},
        {"", 0, 0, PASSKEY_HAS_EXTENSIONS, PASSKEY_E_EXTENSIONS},
        {"\xa1" PROTECT, 14, 0, 0, PASSKEY_E_FORM},
        {"\xa1" PROTECT, 13, 0, PASSKEY_HAS_EXTENSIONS, PASSKEY_E_EXTENSIONS},
        {"\xa1" PROTECT, 14, 1, PASSKEY_HAS_EXTENSIONS, PASSKEY_E_FORM},
        {"\xa2" PROTECT PROTECT, 27, 0, PASSKEY_HAS_EXTENSIONS, PASSKEY_E_EXTENSIONS},
        {"\xa1\x01\x01", 3, 0, PASSKEY_HAS_EXTENSIONS, PASSKEY_E_EXTENSIONS},
        {"\x80", 1, 0, PASSKEY_HAS_EXTENSIONS, PASSKEY_E_EXTENSIONS},
        {"\x41"
         "x",
         2, 0, PASSKEY_HAS_EXTENSIONS, PASSKEY_E_EXTENSIONS},
        {"\xf6", 1, 0, PASSKEY_HAS_EXTENSIONS, PASSKEY_E_EXTENSIONS},
        {"\xbf\xff", 2, 0, PASSKEY_HAS_EXTENSIONS, PASSKEY_E_EXTENSIONS},
};

/* What nobody has asked for may be there (WebAuthn 7.1, 7.2), in its form. */
TEST(extensions_are_passed_over_and_have_a_form)
{
        static const uint8_t zeros[2048] = {0};
        struct proof_passkey w = {.known = {.algorithm = -8, .id_len = 32, .key_len = 32}};
        struct proof_passkey_new n = {.attestation = PASSKEY_ATTESTATION_SELF};
        struct proof_verdict v;
        struct made m = {.len = 0};
        struct bent b;

        challenge_fill(w.challenge);
        challenge_fill(n.challenge);
        crypto_sign_keypair(m.key, m.secret);
        memcpy(w.known.id, m.key, sizeof(m.key));
        memcpy(w.known.key, m.key, sizeof(m.key));
        for (unsigned i = 0; i < sizeof(extensions) / sizeof(extensions[0]); i++) {
                made_begin(&m, false, extensions[i].flags);
                made_put(&m, extensions[i].bytes, extensions[i].len);
                made_put(&m, zeros, extensions[i].zeros);
                CHECK_EQ(ask(&w, made_login(&m, &b), &v), !extensions[i].why);
                CHECK_EQ(v.reason, extensions[i].why);

                made_begin(&m, true, extensions[i].flags);
                made_put(&m, extensions[i].bytes, extensions[i].len);
                made_put(&m, zeros, extensions[i].zeros);
                n.attestation = PASSKEY_ATTESTATION_SELF;
                CHECK_EQ(ask_new(&n, made_new(&m, &b), &v), !extensions[i].why);
                CHECK_EQ(v.reason, extensions[i].why);
                n.attestation = PASSKEY_ATTESTATION_NONE;
                CHECK_EQ(ask_new(&n, b.text, &v), !extensions[i].why);
        }
}

/* A maker's certificate has the form of one, and is for this make; whose it is, nobody asks. */
TEST(a_makers_certificate_vouches_for_a_make)
{
        static const uint8_t zeros[PASSKEY_AAGUID_BYTES] = {0};
        static const uint8_t other[PASSKEY_AAGUID_BYTES] = {1};
        static const struct {
                const char *unit;
                const uint8_t *make;
                bool ca, good;
        } makers[] = {
                {"Authenticator Attestation", zeros, false, true},
                {"Authenticator Attestation", NULL, false, true},
                {"Authenticator Attestation", other, false, false},
                {"Authenticator Attestation", zeros, true, false},
                {"Authenticator", zeros, false, false},
        };
        struct proof_passkey_new n = {.attestation = PASSKEY_ATTESTATION_PACKED};
        struct proof_verdict v;
        struct made m = {.len = 0};
        struct bent b, spoilt;

        challenge_fill(n.challenge);
        crypto_sign_keypair(m.key, m.secret);
        made_begin(&m, true, 0);
        for (unsigned i = 0; i < sizeof(makers) / sizeof(makers[0]); i++) {
                struct maker by, else_by;

                maker_make(&by, makers[i].unit, makers[i].make, makers[i].ca);
                maker_make(&else_by, makers[i].unit, makers[i].make, makers[i].ca);
                CHECK_EQ(ask_new(&n, made_certified(&m, &by, &b), &v), makers[i].good);
                CHECK_EQ(v.reason, makers[i].good ? 0 : PASSKEY_E_ATTESTATION);

                memcpy(by.der, else_by.der, sizeof(by.der)); /* another's certificate */
                by.len = else_by.len;
                CHECK(!ask_new(&n, made_certified(&m, &by, &spoilt), &v));
                CHECK_EQ(v.reason, PASSKEY_E_ATTESTATION);
                n.attestation = PASSKEY_ATTESTATION_SELF;
                CHECK(!ask_new(&n, b.text, &v));
                CHECK_EQ(v.reason, PASSKEY_E_ATTESTATION);
                n.attestation = PASSKEY_ATTESTATION_PACKED;
                EVP_PKEY_free(by.key);
                EVP_PKEY_free(else_by.key);
        }
        CHECK(ask_new(&n, made_new(&m, &b), &v));

        for (size_t at = 0; at < field_len(b.text, "attestationObject"); at++)
                CHECK(!ask_new(&n, bend_byte(&spoilt, b.text, "attestationObject", at, 0), &v));
}

/* ---- the document --------------------------------------------------------------------------- */

enum field { KEY, ID, TRANSCRIPT, CLIENT, DATA, SIGNATURE, HANDLE, FIELDS };

/* One of doc/protocol/admission.md. */
struct vector {
        char party[2][256]; /* and its origin */
        uint8_t bytes[FIELDS][512];
        size_t len[FIELDS];
        int algorithm;
        unsigned counter;
};

static void vector_line(void *arg, const char *line)
{
        static const char *const names[FIELDS] = {
                [KEY] = "key: ",
                [ID] = "credential-id: ",
                [TRANSCRIPT] = "transcript: ",
                [CLIENT] = "client-data: ",
                [DATA] = "authenticator-data: ",
                [SIGNATURE] = "signature: ",
                [HANDLE] = "user-handle: ",
        };
        struct vector *v = arg;

        for (unsigned i = 0; i < FIELDS; i++)
                vectors_hex(line, names[i], v->bytes[i], sizeof(v->bytes[i]), &v->len[i]);
        (void)sscanf(line, "relying-party: %255s", v->party[0]);
        (void)sscanf(line, "origin: %255s", v->party[1]);
        (void)sscanf(line, "algorithm: %d", &v->algorithm);
        (void)sscanf(line, "counter: %u", &v->counter);
}

static bool vector_ask(const struct vector *v, struct proof_verdict *ret)
{
        static const char *const names[] = {
                [CLIENT] = "clientDataJSON",
                [DATA] = "authenticatorData",
                [SIGNATURE] = "signature",
                [HANDLE] = "userHandle",
        };
        struct proof_passkey w = {.user_wanted = 1};
        json_t *j = json_pack("{s:s,s:{}}", "type", "public-key", "response");
        char party[600];
        struct bent b;
        int n;

        crypto_hash_sha256(w.challenge, v->bytes[TRANSCRIPT], v->len[TRANSCRIPT]);
        memcpy(w.user, v->bytes[HANDLE], sizeof(w.user));
        w.known.algorithm = v->algorithm;
        w.known.id_len = (uint32_t)v->len[ID];
        w.known.key_len = (uint32_t)v->len[KEY];
        memcpy(w.known.id, v->bytes[ID], v->len[ID]);
        memcpy(w.known.key, v->bytes[KEY], sizeof(w.known.key));
        field_set(j, "id", v->bytes[ID], v->len[ID]);
        field_set(j, "rawId", v->bytes[ID], v->len[ID]);
        for (unsigned i = CLIENT; i < FIELDS; i++)
                field_set(json_object_get(j, "response"), names[i], v->bytes[i], v->len[i]);
        bend_end(&b, j);
        n = snprintf(party, sizeof(party), "%s%c%s", v->party[0], 0, v->party[1]);
        *ret = (struct proof_verdict){0};
        return passkey_prove((capnp_data){(const uint8_t *)&w, sizeof(w)},
                             (capnp_data){(const uint8_t *)b.text, (uint32_t)strlen(b.text)},
                             (capnp_data){(const uint8_t *)party, (uint32_t)n + 1}, ret);
}

static void vector_check(void *arg)
{
        struct vector *v = arg;
        struct proof_verdict verdict;

        CHECK(vector_ask(v, &verdict));
        CHECK_EQ(verdict.count, v->counter);
        v->bytes[TRANSCRIPT][9] ^= 1;
        CHECK(!vector_ask(v, &verdict));
        CHECK_EQ(verdict.reason, PASSKEY_E_CHALLENGE);
}

TEST(a_proof_is_that_of_the_document)
{
        struct vector v;

        CHECK_EQ(vectors_each(&(struct vectors){"vector-passkey", &v, sizeof(v), vector_line,
                                                vector_check}),
                 1);
}

/* ---- CBOR ----------------------------------------------------------------------------------- */

TEST(an_item_is_all_there_and_not_deep)
{
        static const struct {
                const char *bytes;
                unsigned len, taken; /* 0: none */
        } items[] = {
                {"\x00", 1, 1},
                {"\x18\x20\xff", 3, 2},
                {"\x18", 1, 0},
                {"\x1c", 1, 0},
                {"\x43"
                 "abcd",
                 5, 4},
                {"\x43"
                 "ab",
                 3, 0},
                {"\x80", 1, 1},
                {"\x82\x01\x02\x03", 4, 3},
                {"\xa1\x01\x80", 3, 3},
                {"\xa1\x01", 2, 0},
                {"\x9f\xff", 2, 0},
                {"\xbb\xff\xff\xff\xff\xff\xff\xff\xff", 9, 0},
                {"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff", 9, 0},
                {"\xba\x80\x00\x00\x01\x00\x00", 7, 0},
                {"\xc0\x00", 2, 0},
                {"\xf5", 1, 1},
                {"\xf7", 1, 0},
                {"\xfa\x00\x00\x00\x00", 5, 0},
                {"\x81\x81\x81\x81\x81\x81\x81\x00", 8, 8},
                {"\x81\x81\x81\x81\x81\x81\x81\x81\x81\x00", 10, 0},
                {"", 0, 0},
        };

        for (unsigned i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
                capnp_data in = {(const uint8_t *)items[i].bytes, items[i].len}, item = {0};
                bool taken = passkey_cbor_take(&in, &item);

                CHECK_EQ(taken, items[i].taken > 0);
                CHECK_EQ(item.len, items[i].taken);
                if (taken)
                        CHECK_EQ(in.len, items[i].len - items[i].taken);
        }
}
