/*
 * Makes the corpus of fuzz-rpc-feed: a vat talks to the fuzzer's object at random, and what it sent
 * is written to a file.
 *
 *     record-rpc-feed <seed> <calls> <file>
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "feed-target.h"

enum { MOST_REFS = 12, BUFFER = 1 << 16 };

struct talker {
        capnp_vat *v;
        capnp_rpc *r;
        capnp_cap *root, *refs[MOST_REFS];
        capnp_question *questions[MOST_REFS];
        unsigned nrefs;
        uint64_t state;
        FILE *to;
};

static unsigned pick(struct talker *k, unsigned n)
{
        k->state = k->state * 6364136223846793005 + 1442695040888963407;
        return (unsigned)(k->state >> 33) % n;
}

static void keep(struct talker *k, capnp_cap *c)
{
        unsigned i = k->nrefs < MOST_REFS ? k->nrefs++ : pick(k, MOST_REFS);

        capnp_cap_unref(k->refs[i]);
        k->refs[i] = capnp_cap_ref(c);
}

static int serve(void *self, capnp_answer *a)
{
        struct talker *k = self;
        capnp_cap *x = feed_arg_peek(capnp_answer_params_any(a), 0);

        if (x)
                keep(k, x);
        if (pick(k, 5) == 0)
                return capnp_answer_fail(a, CAPNP_FAILED, "no");

        feed_fill(capnp_answer_results_any(a), pick(k, 2) ? x : k->refs[pick(k, k->nrefs)], NULL);
        return capnp_answer_return(a);
}

/* All there is to send, in one piece. */
static size_t take(capnp_rpc *r, uint8_t *b)
{
        struct iovec v;
        size_t len = 0;

        while (capnp_rpc_out_peek(r, &v, 1, NULL, NULL) > 0 && len + v.iov_len <= BUFFER) {
                memcpy(b + len, v.iov_base, v.iov_len);
                len += v.iov_len;
                capnp_rpc_out_sent(r, v.iov_len);
        }

        return len;
}

/* Both ways until nothing moves. The target gets a frame at a time, as in the fuzzer. */
static void exchange(struct talker *k, struct feed_target *t)
{
        static uint8_t b[BUFFER];
        bool moved = true;

        while (moved) {
                struct iovec v;

                moved = capnp_rpc_step(k->v);
                while (capnp_rpc_out_peek(k->r, &v, 1, NULL, NULL) > 0) {
                        size_t len = v.iov_len;

                        memcpy(b, v.iov_base, len);
                        capnp_rpc_out_sent(k->r, len);
                        fwrite(b, 1, len, k->to);
                        if (feed_target_feed(t, b, len, 0))
                                abort();
                        moved = true;
                }
                if (pick(k, 4) && (v.iov_len = take(t->r, b)) > 0) {
                        if (capnp_rpc_feed(k->r, b, v.iov_len, NULL, 0))
                                abort();
                        moved = true;
                }
        }
}

static void call(struct talker *k)
{
        uint16_t path[] = {(uint16_t)pick(k, 2)};
        unsigned i = pick(k, MOST_REFS);
        uint16_t method = (uint16_t)pick(k, FEED_METHODS);
        capnp_question *q;

        q = capnp_question_new_any(k->v, k->refs[pick(k, k->nrefs)], 1, method);
        feed_fill(capnp_question_params_any(q), k->refs[pick(k, k->nrefs)],
                  pick(k, 3) ? k->refs[pick(k, k->nrefs)] : NULL);
        capnp_question_send(q, NULL, NULL);
        keep(k, capnp_question_cap_peek(q, path, 1));
        capnp_question_free(k->questions[i]);
        k->questions[i] = q;
}

static void talk(struct talker *k, struct feed_target *t, unsigned calls)
{
        capnp_cap *c;

        if (capnp_vat_new_bare(&k->v) || capnp_cap_new_dispatch(k->v, serve, NULL, k, &k->root) ||
            capnp_rpc_new(k->v, NULL, k->root, &k->r) || capnp_rpc_bootstrap(k->r, &c))
                abort();

        keep(k, k->root);
        keep(k, c);
        keep(k, c);
        capnp_cap_unref(c);
        while (calls--) {
                call(k);
                if (pick(k, 3) == 0)
                        exchange(k, t);
        }
        exchange(k, t);
        for (unsigned i = 0; i < MOST_REFS; i++) {
                capnp_question_free(k->questions[i]);
                capnp_cap_unref(k->refs[i]);
        }
        exchange(k, t);
        capnp_rpc_free(k->r);
        capnp_cap_unref(k->root);
        capnp_vat_free(k->v);
}

int main(int argc, char **argv)
{
        static const uint8_t options[8];
        struct talker k = {0};
        struct feed_target t;

        if (argc != 4)
                return 2;

        k.state = strtoull(argv[1], NULL, 0);
        k.to = fopen(argv[3], "wb");
        if (!k.to)
                return 1;

        fwrite(options, 1, sizeof(options), k.to);
        feed_target_init(&t, NULL);
        talk(&k, &t, (unsigned)strtoul(argv[2], NULL, 0));
        feed_target_deinit(&t);
        return fclose(k.to) ? 1 : 0;
}
