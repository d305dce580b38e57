/* The proof transcript against the vectors in doc/protocol/admission.md, and in too little room. */
#include "harness.h"

#include "session-proof.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct vector {
        char text[3][128];    /* transport, account, profile */
        uint8_t data[5][512]; /* binding, nonce, client nonce, key hash, transcript */
        size_t len[5];
        bool ends;
};

static size_t hex_read(const char *s, uint8_t *out, size_t room)
{
        size_t n = 0;
        unsigned byte;

        for (; sscanf(s, "%2x", &byte) == 1; s += 2) {
                CHECK(n < room);
                out[n++] = (uint8_t)byte;
        }
        return n;
}

static void vector_line(struct vector *v, const char *line)
{
        static const char *const texts[] = {"transport: ", "account: ", "profile: "};
        static const char *const datas[] = {"channel-binding: ", "nonce: ", "client-nonce: ",
                                            "server-key-hash: ", "transcript: "};

        for (unsigned i = 0; i < 3; i++)
                if (!strncmp(line, texts[i], strlen(texts[i])))
                        snprintf(v->text[i], sizeof(v->text[i]), "%s", line + strlen(texts[i]));
        for (unsigned i = 0; i < 5; i++)
                if (!strncmp(line, datas[i], strlen(datas[i])))
                        v->len[i] += hex_read(line + strlen(datas[i]), v->data[i] + v->len[i],
                                              sizeof(v->data[i]) - v->len[i]);
        v->ends = !strcmp(line, "```");
}

static struct capos_proof vector_proof(const struct vector *v)
{
        return (struct capos_proof){
                .transport = v->text[0],
                .channel_binding = {v->data[0], (uint32_t)v->len[0]},
                .nonce = {v->data[1], (uint32_t)v->len[1]},
                .client_nonce = {v->data[2], (uint32_t)v->len[2]},
                .account = {v->text[1], (uint32_t)strlen(v->text[1])},
                .profile = {v->text[2], (uint32_t)strlen(v->text[2])},
                .server_key_hash = {v->data[3], (uint32_t)v->len[3]},
        };
}

static void vector_check(const struct vector *v)
{
        struct capos_proof p = vector_proof(v);
        uint8_t out[CAPOS_PROOF_BYTES];
        size_t len;

        CHECK_OK(capos_proof_write(&p, out, sizeof(out), &len));
        CHECK_EQ(len, v->len[4]);
        CHECK_MEM(out, v->data[4], len);

        for (size_t room = 0; room < len; room++)
                CHECK_EQ(capos_proof_write(&p, out, room, &len), CAPNP_E_LIMIT);
}

TEST(transcripts_are_those_of_the_document)
{
        char path[4096], line[2048];
        const char *root = getenv("CAPOS_SRCDIR");
        struct vector v = {0};
        bool inside = false;
        unsigned n = 0;
        FILE *f;

        snprintf(path, sizeof(path), "%s/doc/protocol/admission.md", root ? root : ".");
        f = fopen(path, "re");
        CHECK(f);
        while (fgets(line, sizeof(line), f)) {
                line[strcspn(line, "\n")] = 0;
                if (inside)
                        vector_line(&v, line);
                if (inside && v.ends) {
                        vector_check(&v);
                        n++;
                        inside = false;
                }
                if (!strcmp(line, "```vector")) {
                        inside = true;
                        v = (struct vector){0};
                }
        }
        fclose(f);
        CHECK_EQ(n, 5);
}

TEST(fields_cannot_move)
{
        struct capos_proof a = {.transport = "plain", .account = {"ab", 2}, .profile = {"c", 1}};
        struct capos_proof b = {.transport = "plain", .account = {"a", 1}, .profile = {"bc", 2}};
        uint8_t x[CAPOS_PROOF_BYTES], y[CAPOS_PROOF_BYTES];
        size_t nx, ny;

        CHECK_OK(capos_proof_write(&a, x, sizeof(x), &nx));
        CHECK_OK(capos_proof_write(&b, y, sizeof(y), &ny));
        CHECK(nx == ny && memcmp(x, y, nx) != 0);
}
