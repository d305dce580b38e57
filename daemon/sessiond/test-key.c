/*
 * Keys of a test's people: made, registered, and signed by in libsodium, so that nothing of what is
 * tested says how a proof looks.
 */
#include "test-key.h"

#include <stdio.h>
#include <string.h>

enum { HEAD = 19 };

static const uint8_t head[HEAD] = {0,   0,   0,   11,  's', 's', 'h', '-', 'e', 'd',
                                   '2', '5', '5', '1', '9', 0,   0,   0,   32};

void key_make(struct key *k)
{
        memcpy(k->blob, head, HEAD);
        crypto_sign_keypair(k->blob + HEAD, k->secret);
}

/* Its line, as in a file. */
static void key_line(const struct key *k, char to[160])
{
        static const char type[] = "ssh-ed25519 ";

        memcpy(to, type, sizeof(type));
        sodium_bin2base64(to + sizeof(type) - 1, 160 - sizeof(type), k->blob, KEY_BLOB,
                          sodium_base64_VARIANT_ORIGINAL);
}

void key_register(struct rig *g, const char *account, const struct key *k)
{
        capnp_question *q = admin_key_add(rig_admin(g));
        char line[160];

        key_line(k, line);
        admin_key_add_set_name(q, account);
        admin_key_add_set_key(q, line);
        capnp_question_free(rig_good(q));
}

void key_remove(struct rig *g, const char *account, const struct key *k)
{
        capnp_question *q = admin_key_remove(rig_admin(g));
        uint8_t hash[crypto_hash_sha256_BYTES];
        char fingerprint[64] = "SHA256:";

        crypto_hash_sha256(hash, k->blob, KEY_BLOB);
        sodium_bin2base64(fingerprint + 7, sizeof(fingerprint) - 7, hash, sizeof(hash),
                          sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
        admin_key_remove_set_name(q, account);
        admin_key_remove_set_fingerprint(q, fingerprint);
        capnp_question_free(rig_good(q));
}

/* ---- signatures ----------------------------------------------------------------------------- */

static void out_string(struct out *o, const void *p, size_t len)
{
        const uint8_t be[] = {0, 0, (uint8_t)(len >> 8), (uint8_t)len};

        memcpy(o->p + o->n, be, 4);
        memcpy(o->p + o->n + 4, p, len);
        o->n += 4 + len;
}

static void out_text(struct out *o, const char *s)
{
        out_string(o, s, strlen(s));
}

/* As `ssh-keygen -Y sign` does it. */
void key_sign(const struct key *k, const struct capos_proof *p, struct out *ret)
{
        uint8_t transcript[CAPOS_PROOF_BYTES], hash[crypto_hash_sha512_BYTES];
        struct out what = {.n = 6}, sig = {.n = 0};
        uint8_t bytes[crypto_sign_BYTES];
        size_t len;

        CHECK_OK(capos_proof_write(p, transcript, sizeof(transcript), &len));
        crypto_hash_sha512(hash, transcript, len);
        memcpy(what.p, "SSHSIG", 6);
        out_text(&what, CAPOS_PROOF_NAMESPACE);
        out_text(&what, "");
        out_text(&what, "sha512");
        out_string(&what, hash, sizeof(hash));
        crypto_sign_detached(bytes, NULL, what.p, what.n, k->secret);
        out_text(&sig, "ssh-ed25519");
        out_string(&sig, bytes, sizeof(bytes));

        *ret = (struct out){.n = 10};
        memcpy(ret->p, "SSHSIG\0\0\0\1", 10);
        out_string(ret, k->blob, KEY_BLOB);
        out_text(ret, CAPOS_PROOF_NAMESPACE);
        out_text(ret, "");
        out_text(ret, "sha512");
        out_string(ret, sig.p, sig.n);
}

/* ---- what clients do ------------------------------------------------------------------------ */

capnp_question *key_enrol(struct rig_worker *w, const uint8_t *blob, uint32_t len)
{
        capnp_question *q = admission_enrol(w->ask);

        admission_enrol_set_key(q, (capnp_data){blob, len});
        return q;
}

/* Logs in by password and enrols; the session's id. */
void key_begin(struct rig *g, struct rig_worker *w, const char *account, const struct key *k,
               char id[33])
{
        capnp_question *q;

        rig_worker(g, RIG_HOME, w);
        q = rig_good(rig_password(w, account, "", KEY_PASSWORD));
        snprintf(id, 33, "%s", session_info_id(bound_info(admission_next_bound(q))).p);
        capnp_question_free(q);
        q = rig_good(key_enrol(w, k->blob, KEY_BLOB));
        CHECK(admission_enrol_until_ms(q) > 0);
        capnp_question_free(q);
}

/* Its line drops, and the session manager has seen it. */
void key_drop(struct rig *g, struct rig_worker *w)
{
        unsigned sessions, descriptors, before;

        rig_status(g, &before, &descriptors);
        rig_worker_end(w);
        for (sessions = before; sessions == before;)
                rig_status(g, &sessions, &descriptors);
}

capnp_question *key_next(struct rig_worker *w, uint32_t flow, const void *p, size_t len)
{
        capnp_question *q = admission_next(w->ask);

        admission_next_set_flow(q, flow);
        admission_next_set_response(q, (capnp_data){p, (uint32_t)len});
        return q;
}

/* On a connection of its own: a flow that waits for its proof, and its nonce. */
uint32_t key_ask(struct rig *g, struct rig_worker *w, const struct back *b, uint8_t nonce[32])
{
        remote_auth_start_builder s;
        capnp_question *q;
        uint32_t flow;

        rig_worker(g, b->from ? b->from : RIG_HOME, w);
        q = admission_start(w->ask);
        s = admission_start_init_request(q);
        remote_auth_start_set_kind(s, REMOTE_AUTH_KIND_PUBLIC_KEY);
        login_selector_set_account(remote_auth_start_init_selector(s), b->account);
        remote_auth_start_set_requested_profile(s, b->profile);
        remote_auth_start_set_end_others(s, b->end_others);
        flow = admission_start_flow(rig_good(q));
        capnp_question_free(q);
        q = rig_good(key_next(w, flow, NULL, 0));
        memcpy(nonce, remote_auth_step_challenge(admission_next_step(q)).p, 32);
        capnp_question_free(q);
        return flow;
}

/* … and proves; not waited for. */
capnp_question *key_come_back(struct rig *g, struct rig_worker *w, const struct key *k,
                              struct back *b)
{
        uint8_t nonce[32];
        uint32_t flow = key_ask(g, w, b, nonce);
        struct capos_proof p = {.transport = "plain",
                                .nonce = {nonce, sizeof(nonce)},
                                .account = {b->account, (uint32_t)strlen(b->account)},
                                .profile = {b->profile, (uint32_t)strlen(b->profile)}};

        key_sign(k, &p, &b->sig);
        return key_next(w, flow, b->sig.p, b->sig.n);
}

struct back key_alice(void)
{
        return (struct back){.account = "alice", .profile = "operator"};
}
