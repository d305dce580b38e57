/* The proof transcript against the vectors in doc/protocol/admission.md, and in too little room. */
#include "harness.h"

#include "session-proof.h"
#include "vectors.h"

struct vector {
        char text[3][128];    /* transport, account, profile */
        uint8_t data[5][512]; /* binding, nonce, client nonce, key hash, transcript */
        size_t len[5];
};

static void vector_line(void *arg, const char *line)
{
        static const char *const texts[] = {"transport: ", "account: ", "profile: "};
        static const char *const datas[] = {"channel-binding: ", "nonce: ", "client-nonce: ",
                                            "server-key-hash: ", "transcript: "};
        struct vector *v = arg;

        for (unsigned i = 0; i < 3; i++)
                if (!strncmp(line, texts[i], strlen(texts[i])))
                        snprintf(v->text[i], sizeof(v->text[i]), "%s", line + strlen(texts[i]));
        for (unsigned i = 0; i < 5; i++)
                vectors_hex(line, datas[i], v->data[i], sizeof(v->data[i]), &v->len[i]);
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

static void vector_check(void *arg)
{
        const struct vector *v = arg;
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
        struct vector v;

        CHECK_EQ(
                vectors_each(&(struct vectors){"vector", &v, sizeof(v), vector_line, vector_check}),
                5);
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
