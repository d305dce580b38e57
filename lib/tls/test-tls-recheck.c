/*
 * Client certificates, checked again: real handshakes are believed, and every way of telling
 * another story about them is refused, with its reason.
 */
#include "tls-recheck.h"

#include <errno.h>

#include "test-tls-handshake.h"

static int judge(const struct handshake *h, const struct rules *rules, struct tls_client *who)
{
        struct tls_recheck q = handshake_question(h, rules_data(rules));

        return capos_i_tls_recheck(&q, who);
}

/* Refused for this reason, and nothing is said about who it is. */
static void refused(const struct handshake *h, const struct rules *rules, int reason)
{
        struct tls_client who = {.rule = 77};

        CHECK_EQ(judge(h, rules, &who), reason);
        CHECK_EQ(who.rule, 77);
        CHECK(strlen(capos_i_tls_recheck_strerror(reason)) > 10);
}

/* ---- those that are what they say ----------------------------------------------------------- */

TEST_T(what_a_client_has_signed_is_believed, 60)
{
        static const char *const types[] = {"P-256", "ED25519", "RSA", "P-384", "P-521"};
        struct cert ca = cert_authority("ca", NULL);
        struct rules rules = rules_of(&ca);

        for (unsigned i = 0; i < 10; i++) {
                struct cert c = cert_make(&(struct cert_plan){.type = types[i / 2],
                                                              .name = "alice",
                                                              .by = &ca,
                                                              .purposes = "clientAuth"});
                struct tls_client who = {.rule = 77};
                struct handshake h;
                uint8_t hash[32];

                handshake_make(&h, &(struct handshake_plan){
                                           .client = &c, .retry = i % 2, .nonce = (uint8_t)i});
                CHECK_EQ(h.n, i % 2 ? 11 : 9);
                CHECK_OK(judge(&h, &rules, &who));
                CHECK_EQ(who.rule, 0);
                CHECK_EQ(who.until, CERT_NOW + CERT_DAY);
                CHECK_OK(capos_i_tls_key_hash(c.x, hash));
                CHECK_MEM(who.key_hash, hash, 32);
                CHECK_STR(who.subject, "CN = alice");
                CHECK_EQ((int64_t)strtoll(who.serial, NULL, 16),
                         ASN1_INTEGER_get(X509_get0_serialNumber(c.x)));
                CHECK_STR(who.name, "");
                cert_deinit(&c);
        }
        cert_deinit(&ca);
}

TEST(a_server_key_of_ed25519_does_it_too)
{
        struct cert ca = cert_authority("ca", NULL), c = cert_make(&(struct cert_plan){.by = &ca});
        struct cert server = cert_make(&(struct cert_plan){.type = "ED25519"});
        struct rules rules = rules_of(&ca);
        struct tls_client who;
        struct handshake h;

        handshake_make(&h, &(struct handshake_plan){.client = &c, .server = &server});
        CHECK_OK(judge(&h, &rules, &who));
        cert_deinit(&server);
        cert_deinit(&c);
        cert_deinit(&ca);
}

/* ---- changed bytes -------------------------------------------------------------------------- */

struct rig {
        struct cert ca, server, alice, mallory;
        struct rules rules;
        struct handshake h; /* alice's */
};

static void rig_init(struct rig *r, const char *type, bool retry)
{
        r->ca = cert_authority("ca", NULL);
        r->server = cert_make(&(struct cert_plan){.name = "server"});
        r->alice = cert_make(&(struct cert_plan){.type = type, .name = "alice", .by = &r->ca});
        r->mallory = cert_make(&(struct cert_plan){.type = type, .name = "mallory", .by = &r->ca});
        r->rules = rules_of(&r->ca);
        handshake_make(&r->h, &(struct handshake_plan){.server = &r->server,
                                                       .client = &r->alice,
                                                       .retry = retry,
                                                       .nonce = 1});
}

static void rig_deinit(struct rig *r)
{
        cert_deinit(&r->ca);
        cert_deinit(&r->server);
        cert_deinit(&r->alice);
        cert_deinit(&r->mallory);
}

/* Every bit of some, one of each byte of the others; and every length but the whole. */
static void nothing_may_change(const char *type, bool retry)
{
        struct tls_client who;
        struct handshake cut;
        struct rig r;

        rig_init(&r, type, retry);
        CHECK_OK(judge(&r.h, &r.rules, &who));
        for (size_t i = 0; i < r.h.len; i++) {
                for (unsigned bit = 0; bit < 8; bit += i % 16 ? 8 : 1) {
                        uint8_t mask = (uint8_t)(1u << ((bit + i) & 7));

                        r.h.bytes[i] ^= mask;
                        if (!judge(&r.h, &r.rules, &who))
                                test_fail(__FILE__, __LINE__, "bit %02x of byte %zu", mask, i);
                        r.h.bytes[i] ^= mask;
                }
        }
        cut = r.h;
        for (cut.len = 0; cut.len < r.h.len; cut.len++)
                if (!judge(&cut, &r.rules, &who))
                        test_fail(__FILE__, __LINE__, "%zu bytes of %zu", cut.len, r.h.len);
        cut.len = r.h.len + 1; /* one too many */
        refused(&cut, &r.rules, TLS_RECHECK_E_FORM);
        CHECK_OK(judge(&r.h, &r.rules, &who));
        rig_deinit(&r);
}

TEST_T(no_bit_and_no_length_may_change, 120)
{
        nothing_may_change("P-256", false);
        nothing_may_change("ED25519", false);
        nothing_may_change("RSA", false);
        nothing_may_change("P-256", true);
}

/* The client's Finished is no part of it. */
TEST(what_follows_the_signature_is_refused)
{
        static const uint8_t finished[36] = {20, 0, 0, 32};
        struct rig r;

        rig_init(&r, NULL, false);
        memcpy(r.h.bytes + r.h.len, finished, sizeof(finished));
        r.h.len += sizeof(finished);
        refused(&r.h, &r.rules, TLS_RECHECK_E_FORM);
        rig_deinit(&r);
}

TEST(messages_have_their_order)
{
        struct handshake swapped;
        struct rig r;

        rig_init(&r, NULL, false);
        for (unsigned i = 0; i + 1 < r.h.n; i++) {
                const uint8_t *a = r.h.bytes + r.h.at[i], *b = r.h.bytes + r.h.at[i + 1];
                size_t la = r.h.at[i + 1] - r.h.at[i], lb = r.h.at[i + 2] - r.h.at[i + 1];

                swapped = r.h;
                memcpy(swapped.bytes + r.h.at[i], b, lb);
                memcpy(swapped.bytes + r.h.at[i] + lb, a, la);
                refused(&swapped, &r.rules, TLS_RECHECK_E_FORM);
                swapped = r.h;
                handshake_replace(&swapped, i, b, 0);
                refused(&swapped, &r.rules, TLS_RECHECK_E_FORM);
        }
        rig_deinit(&r);
}

TEST(too_much_is_refused)
{
        static uint8_t big[TLS_HANDSHAKE_BYTES];
        struct rig r;

        rig_init(&r, NULL, false);
        big[0] = 8;
        big[2] = (uint8_t)((sizeof(big) - 4) >> 8);
        big[3] = (uint8_t)(sizeof(big) - 4);
        handshake_replace(&r.h, 2, big, sizeof(big));
        refused(&r.h, &r.rules, TLS_RECHECK_E_FORM);
        rig_deinit(&r);
}

/* ---- another story -------------------------------------------------------------------------- */

/* What somebody who has the whole of an old handshake can do: have the signer sign its hash again,
 * for a connection of his own. The record agrees then; the nonce does not. */
TEST(an_old_handshake_signed_anew_is_refused)
{
        struct rig r;

        rig_init(&r, NULL, false);
        memset(r.h.nonce, 2, sizeof(r.h.nonce));
        refused(&r.h, &r.rules, TLS_RECHECK_E_NONCE);
        rig_deinit(&r);
}

TEST(without_a_nonce_or_with_two_it_is_refused)
{
        struct handshake h;
        uint8_t message[4096];
        struct rig r;
        unsigned request;
        size_t len;

        rig_init(&r, NULL, false);
        handshake_make(&h, &(struct handshake_plan){.server = &r.server,
                                                    .client = &r.alice,
                                                    .without_nonce = true,
                                                    .nonce = 1});
        refused(&h, &r.rules, TLS_RECHECK_E_NONCE);

        /* The extension once more, at the end of CertificateRequest. */
        request = handshake_find(&r.h, 13, 0);
        len = r.h.at[request + 1] - r.h.at[request];
        memcpy(message, r.h.bytes + r.h.at[request], len);
        memcpy(message + len, (const uint8_t[]){0xff, 0x43, 0, 32}, 4);
        memcpy(message + len + 4, r.h.nonce, 32);
        message[2] = (uint8_t)((len + 36 - 4) >> 8);
        message[3] = (uint8_t)(len + 36 - 4);
        message[5] = (uint8_t)((len + 36 - 7) >> 8);
        message[6] = (uint8_t)(len + 36 - 7);
        handshake_replace(&r.h, request, message, len + 36);
        handshake_record(&r.h);
        refused(&r.h, &r.rules, TLS_RECHECK_E_FORM);
        rig_deinit(&r);
}

TEST(another_record_is_refused)
{
        struct rig r;

        rig_init(&r, NULL, false);
        r.h.record[31] ^= 1;
        refused(&r.h, &r.rules, TLS_RECHECK_E_RECORD);
        rig_deinit(&r);
}

/* A hijacked worker that is asked for nothing can have the hash of a handshake signed that a victim
 * holds with a server of the worker's friends: nonce and record agree, the server is another one.
 */
TEST(a_handshake_with_another_server_is_refused)
{
        struct cert other = cert_make(&(struct cert_plan){.name = "server"});
        struct handshake h;
        struct rig r;

        rig_init(&r, NULL, false);
        handshake_make(&h,
                       &(struct handshake_plan){.server = &other, .client = &r.alice, .nonce = 1});
        memcpy(h.server_key, r.h.server_key, sizeof(h.server_key));
        refused(&h, &r.rules, TLS_RECHECK_E_SERVER);
        cert_deinit(&other);
        rig_deinit(&r);
}

/* Takes one message out of another handshake: the client's number `which` from its end. */
static void splice(struct handshake *to, const struct handshake *from, unsigned which)
{
        handshake_replace(to, to->n - which, from->bytes + from->at[from->n - which],
                          from->at[from->n - which + 1] - from->at[from->n - which]);
}

TEST(somebody_elses_certificate_is_refused)
{
        struct handshake own, h;
        struct rig r;

        /* mallory's own handshake, for his own connection; alice's is an old one. */
        rig_init(&r, NULL, false);
        handshake_make(&own, &(struct handshake_plan){
                                     .server = &r.server, .client = &r.mallory, .nonce = 3});
        h = own;
        splice(&h, &r.h, 2); /* her certificate, his signature */
        refused(&h, &r.rules, TLS_RECHECK_E_SIGNATURE);
        splice(&h, &r.h, 1); /* … and hers */
        refused(&h, &r.rules, TLS_RECHECK_E_SIGNATURE);
        h = own;
        splice(&h, &r.h, 1); /* his certificate, her signature */
        refused(&h, &r.rules, TLS_RECHECK_E_SIGNATURE);
        rig_deinit(&r);
}

/* Her handshake with all that is secret of his: server's Finished, signature. */
TEST(a_spliced_handshake_is_refused)
{
        struct handshake own, h;
        struct rig r;

        rig_init(&r, NULL, false);
        handshake_make(&own, &(struct handshake_plan){
                                     .server = &r.server, .client = &r.alice, .nonce = 1});
        for (unsigned i = 0; i < own.n; i++) {
                h = r.h;
                handshake_replace(&h, i, own.bytes + own.at[i], own.at[i + 1] - own.at[i]);
                if (h.len == r.h.len && !memcmp(h.bytes, r.h.bytes, h.len))
                        continue; /* the same in both: EncryptedExtensions, Certificate */
                handshake_record(&h);
                refused(&h, &r.rules, TLS_RECHECK_E_SIGNATURE);
        }
        rig_deinit(&r);
}

TEST(a_client_without_a_certificate_is_nobody)
{
        struct handshake h;
        struct rig r;

        /* The server would have it so; the messages are put together here. */
        rig_init(&r, NULL, false);
        h = r.h;
        handshake_replace(&h, h.n - 2, (const uint8_t[]){11, 0, 0, 4, 0, 0, 0, 0}, 8);
        refused(&h, &r.rules, TLS_RECHECK_E_NONE);
        rig_deinit(&r);
}

/* ---- signatures ----------------------------------------------------------------------------- */

TEST(a_scheme_is_the_keys)
{
        static const struct {
                const char *type;
                uint16_t schemes[8];
        } wrong[] = {
                {"P-256", {0x0503, 0x0603, 0x0804, 0x0807, 0x0401, 0x0203, 0x0201, 0x0000}},
                {"P-384", {0x0403, 0x0603, 0x0804, 0x0807, 0x0401, 0x0203, 0x0501, 0xffff}},
                {"RSA", {0x0401, 0x0501, 0x0601, 0x0201, 0x0809, 0x080a, 0x0403, 0x0807}},
                {"ED25519", {0x0403, 0x0808, 0x0804, 0x0401, 0x0503, 0x0603, 0x0203, 0x0001}},
        };

        for (unsigned i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
                struct rig r;
                uint8_t *scheme;

                rig_init(&r, wrong[i].type, false);
                scheme = r.h.bytes + r.h.at[r.h.n - 1] + 4;
                for (unsigned k = 0; k < 8; k++) {
                        scheme[0] = (uint8_t)(wrong[i].schemes[k] >> 8);
                        scheme[1] = (uint8_t)wrong[i].schemes[k];
                        refused(&r.h, &r.rules, TLS_RECHECK_E_SCHEME);
                }
                rig_deinit(&r);
        }
}

TEST(a_tampered_signature_is_refused)
{
        static const char *const types[] = {"P-256", "ED25519", "RSA"};

        for (unsigned i = 0; i < 3; i++) {
                struct rig r;

                rig_init(&r, types[i], false);
                r.h.bytes[r.h.len - 1] ^= 1;
                refused(&r.h, &r.rules, TLS_RECHECK_E_SIGNATURE);
                r.h.bytes[r.h.len - 1] ^= 1;
                memset(r.h.bytes + r.h.at[r.h.n - 1] + 8, 0, r.h.len - r.h.at[r.h.n - 1] - 8);
                refused(&r.h, &r.rules, TLS_RECHECK_E_SIGNATURE);
                rig_deinit(&r);
        }
}

/* RSA with another digest than the one of the scheme it names. */
TEST(a_digest_is_the_schemes)
{
        struct rig r;

        rig_init(&r, "RSA", false);
        CHECK_EQ(r.h.bytes[r.h.at[r.h.n - 1] + 4], 0x08);
        r.h.bytes[r.h.at[r.h.n - 1] + 5] = r.h.bytes[r.h.at[r.h.n - 1] + 5] == 0x05 ? 0x06 : 0x05;
        refused(&r.h, &r.rules, TLS_RECHECK_E_SIGNATURE);
        rig_deinit(&r);
}

TEST(what_is_no_certificate_is_refused)
{
        struct handshake h;
        struct rig r;
        uint8_t message[8192];
        size_t len;

        /* A byte behind the DER, all lengths set right. */
        rig_init(&r, NULL, false);
        h = r.h;
        len = h.at[h.n - 1] - h.at[h.n - 2];
        memcpy(message, h.bytes + h.at[h.n - 2], len);
        memmove(message + len - 1, message + len - 2, 2);
        message[len - 2] = 0;
        for (unsigned i = 0; i < 3; i++) {
                const unsigned at[] = {2, 6, 9}; /* of the message, the list, the certificate */
                unsigned v = (unsigned)(message[at[i]] << 8 | message[at[i] + 1]) + 1;

                message[at[i]] = (uint8_t)(v >> 8);
                message[at[i] + 1] = (uint8_t)v;
        }
        handshake_replace(&h, h.n - 2, message, len + 1);
        refused(&h, &r.rules, TLS_RECHECK_E_CERTIFICATE);
        rig_deinit(&r);
}
