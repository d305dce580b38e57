/*
 * Logging in and renewing.
 *
 * A password travels as it is; what keeps it from others is the transport. A key signs the proof
 * transcript of lib/session, which names the transport, the instance's nonce, a nonce of ours, the
 * account and the profile: the signature is of no use anywhere else, and not a second time.
 *
 * Once the credentials are out of hand, everything else is asked in the same breath: the session,
 * what it is, and its bundle.
 */
#include "client-key.h"
#include "client.h"
#include "session-proof.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

enum { PROOF_ROOM = 16 * 1024 };

/* ---- the end of every login --------------------------------------------------------------- */

/* Questions of a login's last step: [0] has the session, then its bundle, info and list. */
enum { LOGIN_SESSION, LOGIN_CAPS, LOGIN_INFO, LOGIN_LIST, LOGIN_ALL };

static void login_ask_all(capos_client *c, capnp_cap *session)
{
        capnp_question *caps = remote_session_cap_set((remote_session_client){session});

        client_ask(c, caps);
        client_ask(c, remote_session_info((remote_session_client){session}));
        client_ask(c, remote_cap_set_list(remote_session_cap_set_caps(caps)));
}

static void login_bind(capos_client *c, capnp_cap *session)
{
        capnp_cap *caps = remote_session_cap_set_caps(c->op.q[LOGIN_CAPS]).c;

        capnp_cap_unref(c->session);
        c->session = capnp_cap_ref(session);
        capnp_cap_unref(c->caps);
        c->caps = capnp_cap_ref(caps);
        client_keep(c, LOGIN_INFO, &c->info);
        client_keep(c, LOGIN_LIST, &c->list);
}

/* ---- anonymous and guest ------------------------------------------------------------------ */

static void anonymous_step(capos_client *c)
{
        if (!client_outcome(c, LOGIN_ALL))
                login_bind(c, remote_session_gateway_anonymous_session(c->op.q[0]).c);
        client_end(c);
}

static void guest_step(capos_client *c)
{
        if (!client_outcome(c, LOGIN_ALL))
                login_bind(c, remote_session_gateway_guest_session(c->op.q[0]).c);
        client_end(c);
}

static void login_claim(login_source_metadata_builder s, const struct capos_login *l)
{
        login_source_metadata_set_client(s, l->client ? l->client : "libcapos");
        if (l->host)
                login_source_metadata_set_host(s, l->host);
        if (l->note)
                login_source_metadata_set_note(s, l->note);
}

static int login_anonymous(capos_client *c, const struct capos_login *l)
{
        capnp_question *q =
                remote_session_gateway_anonymous((remote_session_gateway_client){c->gateway});

        remote_session_gateway_anonymous_set_requested_profile(q, l->profile ? l->profile : "");
        login_claim(remote_session_gateway_anonymous_init_source(q), l);
        client_ask(c, q);
        login_ask_all(c, remote_session_gateway_anonymous_session(q).c);
        return client_go(c, anonymous_step);
}

static int login_guest(capos_client *c, const struct capos_login *l)
{
        capnp_question *q =
                remote_session_gateway_guest((remote_session_gateway_client){c->gateway});

        remote_session_gateway_guest_set_requested_profile(q, l->profile ? l->profile : "");
        login_claim(remote_session_gateway_guest_init_source(q), l);
        client_ask(c, q);
        login_ask_all(c, remote_session_gateway_guest_session(q).c);
        return client_go(c, guest_step);
}

/* ---- flows -------------------------------------------------------------------------------- */

static capnp_question *login_start(capos_client *c, const struct capos_login *l)
{
        capnp_question *q =
                remote_session_gateway_start((remote_session_gateway_client){c->gateway});
        remote_auth_start_builder b = remote_session_gateway_start_init_request(q);

        remote_auth_start_set_kind(b, (enum remote_auth_kind)l->kind);
        login_selector_set_account(remote_auth_start_init_selector(b),
                                   l->account ? l->account : "");
        remote_auth_start_set_requested_profile(b, l->profile ? l->profile : "");
        if (l->kind == CAPOS_AUTH_PUBLIC_KEY)
                remote_auth_start_set_client_nonce(b, (capnp_data){c->nonce, sizeof(c->nonce)});
        remote_auth_start_set_end_others(b, l->end_others);
        login_claim(remote_auth_start_init_source(b), l);
        return q;
}

static void flow_step(capos_client *c)
{
        int r = client_outcome(c, 1);

        if (!r && !remote_auth_flow_next_done(c->op.q[0]))
                r = client_fail(&c->error, CAPOS_E_METHOD, "%s",
                                "the instance asks for a further step");
        if (!r)
                r = client_outcome(c, LOGIN_ALL);
        if (!r)
                login_bind(c, remote_auth_flow_next_session(c->op.q[0]).c);
        client_end(c);
}

/* The last response of a flow, and all that follows from it. */
static void flow_ask(capos_client *c, remote_auth_flow_client flow, capnp_data response)
{
        capnp_question *next = remote_auth_flow_next(flow);

        remote_auth_flow_next_set_response(next, response);
        client_ask(c, next);
        login_ask_all(c, remote_auth_flow_next_session(next).c);
}

/* The first response is the proof: a password, or nothing, for the certificate was shown already.
 */
static int login_at_once(capos_client *c, const struct capos_login *l, capnp_data response)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *start = login_start(c, l);

        /* What fails in start fails in next, which hangs on it, so nobody needs to look at it. */
        flow_ask(c, remote_session_gateway_start_flow(start), response);
        return client_go(c, flow_step);
}

/* ---- proofs ------------------------------------------------------------------------------- */

static capnp_text text_of(const char *s)
{
        return (capnp_text){s, (uint32_t)strlen(s)};
}

static int proof_sign(const struct capos_proof *p, const capos_key *k, struct capnp_buf *to,
                      struct capos_error *ret_e)
{
        uint8_t transcript[CAPOS_PROOF_BYTES];
        size_t len;
        int r = capos_proof_write(p, transcript, sizeof(transcript), &len);

        if (r)
                return client_fail(ret_e, r, "proof: %s", capos_strerror(r));

        return capos_key_sign(k, CAPOS_PROOF_NAMESPACE, (capnp_data){transcript, (uint32_t)len}, to,
                              ret_e);
}

/* The challenge is there: sign, and go on in the same flow. */
static void key_step(capos_client *c)
{
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf blob = {0};
        CAPNP_AUTO(capnp_question_freep) capnp_question *start = c->op.q[0], *first = c->op.q[1];
        struct capos_proof p = {.transport = c->transport};

        if (client_outcome(c, 2)) {
                c->op.n = 0;
                client_end(c);
                return;
        }

        c->op.n = 0;
        p.nonce = remote_auth_step_challenge(remote_auth_flow_next_step(first));
        p.client_nonce = (capnp_data){c->nonce, sizeof(c->nonce)};
        p.account = text_of(c->as->account);
        p.profile = text_of(c->as->profile ? c->as->profile : "");
        (void)client_binding_peek(c, &p.channel_binding, &p.server_key_hash);
        capnp_buf_init(&blob, PROOF_ROOM);
        if (proof_sign(&p, c->as->key, &blob, &c->error)) {
                client_end(c);
                return;
        }
        /* An ssh-agent may have asked its user. */
        if (client_restart_deadline(c)) {
                client_end_with(c, -ENOMEM);
                return;
        }
        flow_ask(c, remote_session_gateway_start_flow(start),
                 (capnp_data){(const uint8_t *)blob.p, (uint32_t)blob.len});
        client_go_on(c, flow_step);
}

static int login_key(capos_client *c, const struct capos_login *l)
{
        capnp_question *start;

        if (getrandom(c->nonce, sizeof(c->nonce), 0) != (ssize_t)sizeof(c->nonce)) {
                client_cancel(c);
                return -errno;
        }
        start = login_start(c, l);
        client_ask(c, start);
        client_ask(c, remote_auth_flow_next(remote_session_gateway_start_flow(start)));
        return client_go(c, key_step);
}

int capos_client_login(capos_client *c, const struct capos_login *l, capos_done *done, void *arg)
{
        int r = client_begin(c, done, arg);

        if (r)
                return r;

        c->as = l;
        if (l->kind == CAPOS_AUTH_ANONYMOUS)
                return login_anonymous(c, l);
        if (l->kind == CAPOS_AUTH_GUEST)
                return login_guest(c, l);
        if (l->kind == CAPOS_AUTH_PASSWORD && l->account)
                return login_at_once(c, l, l->password);
        if (l->kind == CAPOS_AUTH_MTLS)
                return login_at_once(c, l, (capnp_data){0});
        if (l->kind == CAPOS_AUTH_PUBLIC_KEY && l->account && l->key)
                return login_key(c, l);
        client_cancel(c);
        return CAPOS_E_METHOD;
}

/* ---- renewal ------------------------------------------------------------------------------ */

int capos_client_renewal_proof(const capos_client *c, const struct capos_login *l,
                               struct capnp_buf *to, struct capos_error *ret_e)
{
        struct capos_session_info i;
        struct capos_proof p;
        int r;

        if (!capos_client_info(c, &i) || !i.renew_challenge.len)
                return client_fail(ret_e, CAPOS_E_METHOD,
                                   "this session cannot be renewed: log in again");
        if (l->kind == CAPOS_AUTH_PASSWORD) {
                r = client_buf_append(to, l->password.p, l->password.len);
                return r ? client_fail(ret_e, r, "%s", capos_strerror(r)) : 0;
        }
        if (l->kind == CAPOS_AUTH_MTLS)
                return 0;
        if (l->kind != CAPOS_AUTH_PUBLIC_KEY || !l->key)
                return client_fail(ret_e, CAPOS_E_METHOD,
                                   "a session is renewed by a password, a key or a certificate");

        p = (struct capos_proof){
                .transport = i.transport,
                .nonce = i.renew_challenge,
                .account = text_of(i.account),
                .profile = text_of(i.profile),
        };
        (void)client_binding_peek(c, &p.channel_binding, &p.server_key_hash);
        return proof_sign(&p, l->key, to, ret_e);
}

static void renew_step(capos_client *c)
{
        if (!client_outcome(c, 2)) {
                capnp_cap_unref(c->session);
                c->session = capnp_cap_ref(remote_session_renew_session(c->op.q[0]).c);
                client_keep(c, 1, &c->info);
        }
        client_end(c);
}

int capos_client_renew(capos_client *c, const struct capos_login *l, uint64_t duration_ms,
                       capos_done *done, void *arg)
{
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf proof = {0};
        capnp_question *q;
        int r = client_begin_bound(c, done, arg);

        if (r)
                return r;

        capnp_buf_init(&proof, PROOF_ROOM);
        r = capos_client_renewal_proof(c, l, &proof, &c->error);
        if (r) {
                client_cancel(c);
                return r;
        }
        q = remote_session_renew((remote_session_client){c->session});
        remote_session_renew_set_proof(q,
                                       (capnp_data){(const uint8_t *)proof.p, (uint32_t)proof.len});
        remote_session_renew_set_requested_duration_ms(q, duration_ms);
        client_buf_wipe(&proof);
        client_ask(c, q);
        client_ask(c, remote_session_info(remote_session_renew_session(q)));
        return client_go(c, renew_step);
}
