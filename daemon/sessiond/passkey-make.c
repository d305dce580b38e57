/*
 * What comes back from an authenticator is foreign bytes, whoever has asked for it, and is read by
 * a prover like every other proof.
 */
#include "passkey-make.h"

#include "clock.h"
#include "sessiond.h"

int passkey_judge(struct sessiond *s, const uint8_t challenge[PASSKEY_CHALLENGE_BYTES],
                  capnp_text response, struct prove_what *w, struct prove_job **ret_job)
{
        const struct passkeys *p = &s->policy.passkeys;
        struct proof_passkey_new wanted = p->wanted;

        memcpy(wanted.challenge, challenge, sizeof(wanted.challenge));
        w->kind = PROOF_PASSKEY_NEW;
        w->parts[0] = (capnp_data){(const uint8_t *)&wanted, sizeof(wanted)};
        w->parts[1] = (capnp_data){(const uint8_t *)response.p, response.len};
        w->parts[2] = (capnp_data){p->party, p->party_len};
        return prover_start(&s->prover, w, ret_job); /* which copies them */
}

int passkey_keep(struct sessiond *s, struct store_passkey *k, int64_t serial,
                 const struct store_options *may, const struct proof_verdict *v)
{
        k->key = v->passkey;
        k->count = v->count;
        k->made_ms = clock_wall_ms();
        passkeys_fingerprint(k->key.id, k->key.id_len, k->fingerprint);
        return store_add_passkey(&s->store, k, serial, may);
}

struct known {
        capnp_lbuilder to;
        uint32_t n, at; /* at: while it is filled */
};

static void known_count(void *arg, const struct store_passkey *k)
{
        struct known *l = arg;

        (void)k;
        l->n++;
}

static void known_add(void *arg, const struct store_passkey *k)
{
        struct known *l = arg;

        if (l->at < l->n)
                capnp_abuilder_set_data(capnp_lbuilder_any(l->to, l->at++),
                                        (capnp_data){k->key.id, k->key.id_len});
}

int passkey_known(struct store *s, const char *account,
                  capnp_lbuilder (*init)(void *arg, uint32_t n), void *arg)
{
        struct known l = {.n = 0};
        int r = store_each_passkey(s, account, known_count, &l);

        if (r)
                return r;

        l.to = init(arg, l.n);
        return store_each_passkey(s, account, known_add, &l);
}

void label_copy(char *to, capnp_text t, size_t room)
{
        size_t n = 0;

        for (; n < t.len && n < room - 1; n++)
                to[n] = t.p[n] >= ' ' && t.p[n] < 0x7f ? t.p[n] : '?';
        to[n] = 0;
}
