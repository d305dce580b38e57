/*
 * The proofs in doc/protocol/admission.md: each is let in, and in no other place: with another
 * message, by another account, from elsewhere, later.
 */
#include "harness.h"

#include "key.h"
#include "session-proof.h"
#include "vectors.h"

enum field { AUTHORITY, KEY, TRANSCRIPT, SIGNATURE, FIELDS };

struct vector {
        uint8_t data[FIELDS][1024];
        size_t len[FIELDS];
        char account[64], address[62];
        int64_t now;
};

static capnp_data vector_data(const struct vector *v, enum field f)
{
        return (capnp_data){v->data[f], (uint32_t)v->len[f]};
}

static void vector_line(void *arg, const char *line)
{
        static const char *const names[] = {
                [AUTHORITY] = "authority: ",
                [KEY] = "key: ",
                [TRANSCRIPT] = "transcript: ",
                [SIGNATURE] = "signature: ",
        };
        struct vector *v = arg;

        for (unsigned i = 0; i < FIELDS; i++)
                vectors_hex(line, names[i], v->data[i], sizeof(v->data[i]), &v->len[i]);
        (void)sscanf(line, "account: %63s", v->account);
        (void)sscanf(line, "address: %61s", v->address);
        (void)sscanf(line, "now: %ld", &v->now);
}

/* ---- what a prover says --------------------------------------------------------------------- */

/* Whom it is to believe: one authority that has revoked nothing. */
static capnp_data wanted(const struct vector *v, uint8_t *to)
{
        struct proof_ssh about = {.now_s = v->now};
        const uint32_t len = (uint32_t)v->len[AUTHORITY];
        const uint8_t head[] = {0, 0, 0, (uint8_t)(len + 12), 0, 0, 0, (uint8_t)len};

        snprintf(about.account, sizeof(about.account), "%s", v->account);
        snprintf(about.address, sizeof(about.address), "%s", v->address);
        memcpy(to, &about, sizeof(about));
        to += sizeof(about);
        memcpy(to, head, sizeof(head));
        memcpy(to + sizeof(head), v->data[AUTHORITY], len);
        memset(to + sizeof(head) + len, 0, 8);
        return (capnp_data){to - sizeof(about), (uint32_t)(sizeof(about) + sizeof(head) + len + 8)};
}

static bool is_good(const struct vector *v)
{
        uint8_t to[sizeof(struct proof_ssh) + 256];
        struct proof_verdict verdict = {0};
        capnp_data sig = vector_data(v, SIGNATURE), text = vector_data(v, TRANSCRIPT);

        if (v->len[AUTHORITY])
                return key_prove_certificate(wanted(v, to), sig, text, &verdict);

        return key_prove(vector_data(v, KEY), sig, text, &verdict);
}

static void vector_check(void *arg)
{
        struct vector *v = arg;

        CHECK(is_good(v));
        v->data[TRANSCRIPT][9] ^= 1;
        CHECK(!is_good(v));
        v->data[TRANSCRIPT][9] ^= 1;
        if (!v->len[AUTHORITY])
                return;

        v->account[0]++;
        CHECK(!is_good(v));
        v->account[0]--;
        v->now += INT64_C(1) << 32;
        CHECK(!is_good(v));
        v->now -= INT64_C(1) << 32;
        v->address[0] = 0;
        CHECK(!is_good(v));
}

TEST(proofs_are_those_of_the_document)
{
        struct vector v;

        CHECK_EQ(vectors_each(&(struct vectors){"vector-signature", &v, sizeof(v), vector_line,
                                                vector_check}),
                 6);
}
