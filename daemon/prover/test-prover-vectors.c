/*
 * The proofs in doc/protocol/admission.md: each is let in, and in no other place: with another
 * message, by another account, from elsewhere, later.
 */
#include "harness.h"

#include "key.h"
#include "session-proof.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static void hex_append(struct vector *v, enum field f, const char *s)
{
        unsigned byte;

        for (; sscanf(s, "%2x", &byte) == 1; s += 2) {
                CHECK(v->len[f] < sizeof(v->data[f]));
                v->data[f][v->len[f]++] = (uint8_t)byte;
        }
}

static void vector_line(struct vector *v, const char *line)
{
        static const char *const names[] = {
                [AUTHORITY] = "authority: ",
                [KEY] = "key: ",
                [TRANSCRIPT] = "transcript: ",
                [SIGNATURE] = "signature: ",
        };

        for (unsigned i = 0; i < FIELDS; i++)
                if (!strncmp(line, names[i], strlen(names[i])))
                        hex_append(v, i, line + strlen(names[i]));
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

static void vector_check(struct vector *v)
{
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
        char path[4096], line[2048];
        const char *root = getenv("CAPOS_SRCDIR");
        struct vector v;
        bool inside = false;
        unsigned n = 0;
        FILE *f;

        snprintf(path, sizeof(path), "%s/doc/protocol/admission.md", root ? root : ".");
        f = fopen(path, "re");
        CHECK(f);
        while (fgets(line, sizeof(line), f)) {
                line[strcspn(line, "\n")] = 0;
                if (inside && !strcmp(line, "```")) {
                        vector_check(&v);
                        n++;
                        inside = false;
                }
                if (inside)
                        vector_line(&v, line);
                if (!strcmp(line, "```vector-signature")) {
                        inside = true;
                        v = (struct vector){0};
                }
        }
        fclose(f);
        CHECK_EQ(n, 4);
}
