/*
 * Certificates that ssh-keygen made (the fuzzers' corpus), for accounts ada and grace, from 2020 to
 * 2099: who is let in by one, and that no byte of one can change.
 */
#include "key.h"
#include "test-corpus.h"

#include <string.h>

enum { NOW = 1800000000, EARLY = 1 << 30 };

static const char message_text[] = "a message";
static const capnp_data message = {(const uint8_t *)message_text, sizeof(message_text) - 1};

/* ---- who is believed ------------------------------------------------------------------------ */

struct wanted {
        uint8_t p[sizeof(struct proof_ssh) + 2048];
        uint32_t len;
};

static void put_u32(struct wanted *w, uint32_t v)
{
        const uint8_t b[] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};

        memcpy(w->p + w->len, b, 4);
        w->len += 4;
}

static void put(struct wanted *w, const void *p, size_t len)
{
        put_u32(w, (uint32_t)len);
        memcpy(w->p + w->len, p, len);
        w->len += (uint32_t)len;
}

static void put_authority(struct wanted *w, const char *name, uint32_t serial, const char *id)
{
        uint8_t key[512];
        capnp_data k = corpus_read("fuzz-sshkey", name, key, sizeof(key));
        const uint32_t ids = id ? (uint32_t)strlen(id) + 4 : 0, serials = serial ? 8 : 0;

        put_u32(w, 4 + k.len + 4 + serials + 4 + ids);
        put(w, k.p, k.len);
        put_u32(w, serials);
        if (serial) {
                put_u32(w, 0);
                put_u32(w, serial);
        }
        put_u32(w, ids);
        if (id)
                put(w, id, strlen(id));
}

/* What is asked of a prover. */
struct row {
        const char *sig, *account;
        const char *why; /* NULL: it is let in */
        const char *authority, *address;
        int64_t now; /* 0: NOW */
        uint32_t serial;
        const char *id;
};

static void wanted_init(struct wanted *w, const struct row *q)
{
        struct proof_ssh about = {.now_s = q->now ? q->now : NOW};

        snprintf(about.account, sizeof(about.account), "%s", q->account);
        snprintf(about.address, sizeof(about.address), "%s", q->address ? q->address : "");
        memcpy(w->p, &about, sizeof(about));
        w->len = sizeof(about);
        put_authority(w, q->authority ? q->authority : "authority-ed25519", q->serial, q->id);
}

static bool ask(const struct wanted *w, capnp_data sig, struct proof_verdict *ret)
{
        *ret = (struct proof_verdict){0};
        return key_prove_certificate((capnp_data){w->p, w->len}, sig, message, ret);
}

static const struct row rows[] = {
        {"cert-ed25519", "ada", .why = NULL},
        {"cert-ed25519", "grace", .why = NULL},
        {"cert-rsa2048", "ada", .why = NULL, .authority = "authority-p256"},
        {"cert-p384", "ada", .why = NULL},
        {"cert-sk-ed25519", "ada", .why = NULL},
        {"cert-ed25519", "", .why = "for other accounts"},
        {"cert-ed25519", "bob", .why = "for other accounts"},
        {"cert-ed25519", "ad", .why = "for other accounts"},
        {"cert-anyone", "ada", .why = "for other accounts"},
        {"cert-host", "ada", .why = "not a user's"},
        {"cert-ed25519", "ada", .why = "not valid yet", .now = EARLY},
        {"cert-ed25519", "ada", .why = "expired", .now = INT64_C(1) << 33},
        {"cert-ed25519", "ada", .why = "by an authority that nobody has named",
         .authority = "authority-p256"},
        {"cert-ed25519", "ada", .why = "revoked", .serial = 7},
        {"cert-ed25519", "ada", .why = NULL, .serial = 8},
        {"cert-ed25519", "ada", .why = "revoked", .id = "ada at work"},
        {"cert-ed25519", "ada", .why = NULL, .id = "ada at wor"},
        {"cert-command", "ada", .why = "with an option that is not known here: force-command"},
        {"cert-verify", "ada", .why = "its security key has not verified who it is"},
        {"cert-source", "ada", .why = "for other addresses: source-address"},
        {"cert-source", "ada", .why = "for other addresses: source-address",
         .address = "192.0.3.1"},
        {"cert-source", "ada", .why = "for other addresses: source-address",
         .address = "2001:db9::1"},
        {"cert-source", "ada", .why = NULL, .address = "192.0.2.255"},
        {"cert-source", "ada", .why = NULL, .address = "::ffff:192.0.2.1"},
        {"cert-source", "ada", .why = NULL, .address = "2001:db8:1::1"},
        {"cert-source", "ada", .why = NULL, .address = "127.0.0.1"},
        {"cert-source", "ada", .why = "for other addresses: source-address",
         .address = "127.0.0.2"},
        {"ed25519-sha512", "ada", .why = "damaged, or of a kind that is not accepted"},
};

TEST(each_is_let_in_where_it_is_good_for)
{
        uint8_t sig[4096];
        struct proof_verdict v;
        struct wanted w;

        for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                wanted_init(&w, &rows[i]);
                CHECK_EQ(ask(&w, corpus_read("fuzz-sshsig", rows[i].sig, sig, sizeof(sig)), &v),
                         !rows[i].why);
                if (rows[i].why)
                        CHECK_STR(v.subject, rows[i].why);
        }
}

TEST(what_is_in_one_is_told)
{
        uint8_t sig[4096];
        struct proof_verdict v;
        struct wanted w;

        wanted_init(&w, &(struct row){.account = "ada"});
        CHECK(ask(&w, corpus_read("fuzz-sshsig", "cert-sk-ed25519", sig, sizeof(sig)), &v));
        CHECK_STR(v.name, "ada sk");
        CHECK_STR(v.serial, "7");
        CHECK(v.until_s > NOW);
        CHECK(!strncmp(v.subject, "security key, counter ", 22));
}

TEST_T(no_byte_of_one_can_change, 120)
{
        static const char *const names[] = {"cert-ed25519", "cert-p384", "cert-sk-ed25519"};
        uint8_t p[4096];
        struct proof_verdict v;
        struct wanted w;

        wanted_init(&w, &(struct row){.account = "ada"});
        for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                capnp_data sig = corpus_read("fuzz-sshsig", names[i], p, sizeof(p));

                for (uint32_t at = 0; at < sig.len; at++) {
                        p[at] ^= 1;
                        CHECK(!ask(&w, sig, &v));
                        p[at] ^= 1;
                        CHECK(!ask(&w, (capnp_data){p, at}, &v));
                }
                CHECK(ask(&w, sig, &v));
        }
}
