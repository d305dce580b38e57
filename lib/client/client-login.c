/*
 * Logging in and renewing.
 *
 * A password travels as it is; what keeps it from others is the transport. A key signs the proof
 * transcript of lib/session, which names the transport, the instance's nonce, a nonce of ours, the
 * account and the profile: the signature is of no use anywhere else, and not a second time.
 *
 * Every proof is made in a flow: a first response, and for as long as the instance asks for a
 * further step, one more. Who answers a step is the login's owner (capos_login.step), except for
 * keys, which sign by themselves. He may take his time, so nothing is waited for meanwhile.
 *
 * Once the credentials are out of hand, everything else is asked in the same breath: the session,
 * what it is, and its bundle; and a key is handed over that was made for it, by which
 * client-reconnect.c comes back.
 */
#include "client-key.h"
#include "client-page.h"
#include "client.h"
#include "session-proof.h"

#include <errno.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

enum { PROOF_ROOM = 16 * 1024 };

/* ---- the end of every login --------------------------------------------------------------- */

/* Questions of a login's last step: [0] has the session, then its bundle, info and list. All that
 * matters; one that hands over a key may follow. */
enum { LOGIN_SESSION, LOGIN_CAPS, LOGIN_INFO, LOGIN_LIST, LOGIN_ALL, LOGIN_ENROL = LOGIN_ALL };

static void login_ask_all(capos_client *c, capnp_cap *session)
{
        capnp_question *caps = remote_session_cap_set((remote_session_client){session});

        client_ask(c, caps);
        client_ask(c, remote_session_info((remote_session_client){session}));
        client_ask(c, remote_cap_set_list(remote_session_cap_set_caps(caps)));
}

/* ---- a key to come back by ---------------------------------------------------------------- */

/* Whether a login of this kind leaves something to come back by. */
static bool back_is_for(const capos_client *c, const struct capos_login *l)
{
        switch (l->kind) {
        case CAPOS_AUTH_ANONYMOUS:
        case CAPOS_AUTH_GUEST:
        case CAPOS_AUTH_SERVICE:
        case CAPOS_AUTH_KINDS:
                return false;
        case CAPOS_AUTH_PASSWORD:
        case CAPOS_AUTH_PUBLIC_KEY:
        case CAPOS_AUTH_OIDC_DEVICE_CODE:
        case CAPOS_AUTH_OIDC_PKCE:
        case CAPOS_AUTH_PASSKEY:
        case CAPOS_AUTH_MTLS:
                break;
        }
        return c->reachable;
}

/* A login begins: not one that comes back, which has its key. What has no key does without. */
static void back_prepare(capos_client *c, const struct capos_login *l)
{
        if (c->back.running)
                return;

        client_back_forget(c);
        if (back_is_for(c, l) && l->kind != CAPOS_AUTH_MTLS)
                (void)!key_make(&c->back.key);
}

/* Hands the key over, of the session that a login may end in. */
static void back_ask(capos_client *c, capnp_cap *session)
{
        capnp_question *q;

        if (c->back.running || !c->back.key || c->op.renews)
                return;

        q = remote_session_enrol((remote_session_client){session});
        remote_session_enrol_set_key(q, capos_key_public_peek(c->back.key));
        client_ask(c, q);
}

/* A login has ended well; an instance that takes no key says so. */
static void back_bind(capos_client *c)
{
        struct client_back *b = &c->back;
        struct capos_session_info i;

        if (b->running || !capos_client_info(c, &i))
                return;
        b->kind = c->as->kind == CAPOS_AUTH_MTLS ? CAPOS_AUTH_MTLS : CAPOS_AUTH_PUBLIC_KEY;
        b->is_ready = b->kind == CAPOS_AUTH_MTLS
                              ? back_is_for(c, c->as)
                              : b->key && !capos_error_of_question(c->op.q[LOGIN_ENROL], NULL);
        if (!b->is_ready || strlen(i.account) >= sizeof(b->account) ||
            strlen(i.profile) >= sizeof(b->profile)) {
                client_back_forget(c);
                return;
        }

        b->begun_ms = client_back_now_ms();
        b->begun_at_ms = i.started_at_ms;
        (void)snprintf(b->account, sizeof(b->account), "%s", i.account);
        (void)snprintf(b->profile, sizeof(b->profile), "%s", i.profile);
        (void)snprintf(b->client, sizeof(b->client), "%s", c->as->client ? c->as->client : "");
}

/* It may have been raised: who comes back asks for what it is then, and never for less. */
static void back_renewed(capos_client *c)
{
        struct capos_session_info i;

        if (!capos_client_info(c, &i) || strlen(i.profile) >= sizeof(c->back.profile))
                return;
        (void)snprintf(c->back.profile, sizeof(c->back.profile), "%s", i.profile);
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
        if (c->op.renews)
                back_renewed(c);
        else
                back_bind(c);
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

/* ---- proofs ------------------------------------------------------------------------------- */

static capnp_text text_of(const char *s)
{
        return (capnp_text){s, (uint32_t)strlen(s)};
}

/* What the running login signs, or is otherwise bound to. nonce: the instance's. */
static void proof_fill(const capos_client *c, capnp_data nonce, struct capos_proof *p)
{
        struct capos_session_info i;

        *p = (struct capos_proof){
                .transport = c->op.renews && capos_client_info(c, &i) ? i.transport : c->transport,
                .nonce = nonce,
                .client_nonce = {c->nonce, sizeof(c->nonce)},
                .account = text_of(c->as->account ? c->as->account : ""),
                .profile = text_of(c->as->profile ? c->as->profile : ""),
        };
        (void)client_binding_peek(c, &p->channel_binding, &p->server_key_hash);
}

int client_transcript(const capos_client *c, capnp_data challenge, uint8_t to[CAPOS_PROOF_BYTES],
                      size_t *ret_len)
{
        struct capos_proof p;

        if (!c->as)
                return -EINVAL;
        proof_fill(c, challenge, &p);
        return capos_proof_write(&p, to, CAPOS_PROOF_BYTES, ret_len) ? -EINVAL : 0;
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

/* ---- flows -------------------------------------------------------------------------------- */

static void flow_step(capos_client *c);

/* One response of a flow, and all that follows from it, should it be the last one. */
static void flow_ask(capos_client *c, capnp_data response)
{
        capnp_question *next = remote_auth_flow_next((remote_auth_flow_client){c->op.flow});

        remote_auth_flow_next_set_response(next, response);
        client_ask(c, next);
        login_ask_all(c, remote_auth_flow_next_session(next).c);
        back_ask(c, remote_auth_flow_next_session(next).c);
}

/* A key signs at once: the response is a signature over the transcript. */
static void key_on_step(capos_client *c, const struct capos_step *s, void *arg)
{
        CAPNP_AUTO(client_buf_deinit) struct capnp_buf blob = {0};
        struct capos_proof p;

        (void)arg;
        proof_fill(c, s->challenge, &p);
        capnp_buf_init(&blob, PROOF_ROOM);
        if (proof_sign(&p, c->as->key, &blob, &c->error)) {
                client_end(c);
                return;
        }
        (void)!capos_client_answer(c, (capnp_data){(const uint8_t *)blob.p, (uint32_t)blob.len});
}

/* Whose key has signed what: all but the transcript. */
static struct capos_assertion assertion_of(const struct capos_login *l, const char *account,
                                           const char *audience)
{
        return (struct capos_assertion){.account = account,
                                        .key_id = l->key_id,
                                        .algorithm = l->algorithm,
                                        .audience = audience};
}

/* So does a service account's: the response is an assertion. */
static void service_on_step(capos_client *c, const struct capos_step *s, void *arg)
{
        CAPNP_AUTO(client_buf_deinit) struct capnp_buf token = {0};
        struct capos_assertion a = assertion_of(c->as, c->as->account, capos_client_key_peek(c));

        (void)arg;
        memcpy(a.transcript_hash, s->transcript_hash, sizeof(a.transcript_hash));
        capnp_buf_init(&token, PROOF_ROOM);
        if (capos_assertion_make(c->as->key, &a, &token, &c->error)) {
                client_end(c);
                return;
        }
        (void)!capos_client_answer(c, (capnp_data){(const uint8_t *)token.p, (uint32_t)token.len});
}

/* Who answers steps; NULL: nobody. */
static capos_on_step *login_step(const struct capos_login *l)
{
        if (l->kind == CAPOS_AUTH_PUBLIC_KEY && l->key)
                return key_on_step;

        return l->kind == CAPOS_AUTH_SERVICE && l->key ? service_on_step : l->step;
}

/* What a step that was answered by `next` says; borrowed from the question. */
static void step_read(const capos_client *c, capnp_question *next, struct capos_step *ret)
{
        remote_auth_step_reader b = remote_auth_flow_next_step(next);
        uint8_t transcript[CAPOS_PROOF_BYTES];
        struct capos_proof p;
        size_t len;

        *ret = (struct capos_step){
                .prompt = remote_auth_step_prompt(b).p,
                .secret = remote_auth_step_redaction(b),
                .url = remote_auth_step_url(b).p,
                .user_code = remote_auth_step_user_code(b).p,
                .challenge = remote_auth_step_challenge(b),
                .relying_party = remote_auth_step_relying_party(b).p,
                .expires_at_ms = remote_auth_step_expires_at_ms(b),
        };
        proof_fill(c, ret->challenge, &p);
        if (!capos_proof_write(&p, transcript, sizeof(transcript), &len))
                (void)SHA256(transcript, len, ret->transcript_hash);
}

/* Whether passkeys of this domain may be asked for; c->error says else. */
static bool party_is_good(capos_client *c, const char *party)
{
        char host[CAPOS_ADDRESS_WHERE];

        client_host(c, host);
        if (c->as->relying_party ? !strcmp(c->as->relying_party, party)
                                 : client_party_is_of(host, party))
                return true;

        (void)client_fail(
                &c->error, CAPOS_E_METHOD,
                "the instance asks for passkeys of %.253s, and %s%s: if that is right, say "
                "so by --relying-party",
                party,
                c->as->relying_party ? "was to ask for those of "
                : *host              ? "was dialled as "
                                     : "was not dialled by a name",
                c->as->relying_party ? c->as->relying_party : host);
        return false;
}

/* The instance wants more. Who is to answer may do so at once, or later. */
static void flow_on_step(capos_client *c)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *next = c->op.q[0];
        capos_on_step *step = login_step(c->as);
        struct capos_step s;

        c->op.q[0] = NULL;
        client_drop_questions(c);
        if (!step) {
                (void)client_fail(&c->error, CAPOS_E_METHOD, "%s",
                                  "the instance asks for a further step");
                client_end(c);
                return;
        }

        step_read(c, next, &s);
        if (!client_page_is_good(s.url)) {
                (void)client_fail(&c->error, CAPOS_E_METHOD, "%s",
                                  "the instance leads to a page that is not opened");
                client_end(c);
                return;
        }
        if (c->as->kind == CAPOS_AUTH_PASSKEY && !party_is_good(c, s.relying_party)) {
                client_end(c);
                return;
        }
        client_stop_deadline(c);
        c->op.asks = true;
        step(c, &s, c->as->step_arg);
}

static void flow_step(capos_client *c)
{
        int r = client_outcome(c, 1);

        if (!r && !remote_auth_flow_next_done(c->op.q[0])) {
                flow_on_step(c);
                return;
        }
        if (!r)
                r = client_outcome(c, LOGIN_ALL);
        if (!r)
                login_bind(c, remote_auth_flow_next_session(c->op.q[0]).c);
        client_end(c);
}

int capos_client_answer(capos_client *c, capnp_data response)
{
        if (!c->op.running || !c->op.asks)
                return -EINVAL;

        c->op.asks = false;
        client_let_go(c);
        if (client_restart_deadline(c)) {
                client_end_with(c, -ENOMEM);
                return 0;
        }
        flow_ask(c, response);
        client_go_on(c, flow_step);
        return 0;
}

int capos_client_give_up(capos_client *c, const char *why)
{
        if (!c->op.running || !c->op.flow)
                return -EINVAL;

        (void)client_fail(&c->error, -ECANCELED, "%s", why);
        client_end(c);
        return 0;
}

static void start_fill(const capos_client *c, const struct capos_login *l,
                       remote_auth_start_builder b)
{
        login_selector_builder selector;

        remote_auth_start_set_kind(b, (enum remote_auth_kind)l->kind);
        selector = remote_auth_start_init_selector(b);
        login_selector_set_account(selector, l->account ? l->account : "");
        login_selector_set_issuer(selector, l->issuer ? l->issuer : "");
        remote_auth_start_set_requested_profile(b, l->profile ? l->profile : "");
        remote_auth_start_set_client_nonce(b, (capnp_data){c->nonce, sizeof(c->nonce)});
        remote_auth_start_set_end_others(b, l->end_others);
        login_claim(remote_auth_start_init_source(b), l);
}

/* Begins a flow; the question has to live until it is sent. */
static capnp_question *flow_start(capos_client *c, const struct capos_login *l)
{
        capnp_question *q;

        if (c->op.renews) {
                q = remote_session_reauthenticate((remote_session_client){c->session});
                start_fill(c, l, remote_session_reauthenticate_init_request(q));
                c->op.flow = capnp_cap_ref(remote_session_reauthenticate_flow(q).c);
        } else {
                q = remote_session_gateway_start((remote_session_gateway_client){c->gateway});
                start_fill(c, l, remote_session_gateway_start_init_request(q));
                c->op.flow = capnp_cap_ref(remote_session_gateway_start_flow(q).c);
        }
        return q;
}

/* Starts a flow and answers its first question in the same breath. */
static int login_flow(capos_client *c, const struct capos_login *l, capnp_data first)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;

        if (getrandom(c->nonce, sizeof(c->nonce), 0) != (ssize_t)sizeof(c->nonce)) {
                client_cancel(c);
                return -errno;
        }
        /* What fails in start fails in next, which hangs on it, so nobody needs to look at it. */
        q = flow_start(c, l);
        flow_ask(c, first);
        return client_go(c, flow_step);
}

int capos_client_login(capos_client *c, const struct capos_login *l, capos_done *done, void *arg)
{
        int r = client_begin(c, done, arg);

        if (r)
                return r;

        c->as = l;
        back_prepare(c, l);
        switch (l->kind) {
        case CAPOS_AUTH_ANONYMOUS:
                return login_anonymous(c, l);
        case CAPOS_AUTH_GUEST:
                return login_guest(c, l);
        case CAPOS_AUTH_PASSWORD:
                if (l->account)
                        return login_flow(c, l, l->password);
                break;
        case CAPOS_AUTH_PUBLIC_KEY:
                if (l->account && l->key)
                        return login_flow(c, l, (capnp_data){0});
                break;
        case CAPOS_AUTH_MTLS: /* the certificate was shown already */
                return login_flow(c, l, (capnp_data){0});
        case CAPOS_AUTH_SERVICE:
                if (l->account && (l->key || l->step))
                        return login_flow(c, l, l->key ? (capnp_data){0} : l->first);
                break;
        case CAPOS_AUTH_OIDC_DEVICE_CODE:
        case CAPOS_AUTH_OIDC_PKCE:
        case CAPOS_AUTH_PASSKEY:
                if (l->step)
                        return login_flow(c, l, l->first);
                break;
        case CAPOS_AUTH_KINDS:
                break;
        }
        client_cancel(c);
        return CAPOS_E_METHOD;
}

/* ---- renewal ------------------------------------------------------------------------------ */

/* The transcript of a renewal is not one that an instance has asked for in a step. */
static int proof_assert(const struct capos_proof *p, const struct capos_login *l,
                        const char *account, struct capnp_buf *to, struct capos_error *ret_e)
{
        char audience[CAPOS_PROOF_AUDIENCE];
        uint8_t transcript[CAPOS_PROOF_BYTES];
        struct capos_assertion a = assertion_of(l, account, audience);
        size_t len;
        int r = capos_proof_write(p, transcript, sizeof(transcript), &len);

        if (r)
                return client_fail(ret_e, r, "proof: %s", capos_strerror(r));

        capos_proof_audience(p->server_key_hash, audience);
        (void)SHA256(transcript, len, a.transcript_hash);
        return capos_assertion_make(l->key, &a, to, ret_e);
}

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
        if ((l->kind != CAPOS_AUTH_PUBLIC_KEY && l->kind != CAPOS_AUTH_SERVICE) || !l->key)
                return client_fail(ret_e, CAPOS_E_METHOD,
                                   "a session is renewed by a password, a key or a certificate");

        p = (struct capos_proof){
                .transport = i.transport,
                .nonce = i.renew_challenge,
                .account = text_of(i.account),
                .profile = text_of(i.profile),
        };
        (void)client_binding_peek(c, &p.channel_binding, &p.server_key_hash);
        return l->kind == CAPOS_AUTH_SERVICE ? proof_assert(&p, l, i.account, to, ret_e)
                                             : proof_sign(&p, l->key, to, ret_e);
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

/* By a method of several steps: a flow of the session's, for its own account. */
static int renew_by_steps(capos_client *c, const struct capos_login *l)
{
        struct capos_session_info i;

        if (!capos_client_info(c, &i)) {
                client_cancel(c);
                return CAPOS_E_METHOD;
        }
        c->again = *l;
        c->again.account = i.account;
        if (l->profile && !strcmp(l->profile, i.profile))
                c->again.profile = NULL;
        c->again.end_others = false;
        c->as = &c->again;
        c->op.renews = true;
        return login_flow(c, &c->again, l->kind == CAPOS_AUTH_PASSWORD ? l->password : l->first);
}

/* Whether another profile is asked for than the session has. */
static bool renew_raises(const capos_client *c, const struct capos_login *l)
{
        struct capos_session_info i;

        return l->profile && capos_client_info(c, &i) && strcmp(l->profile, i.profile) != 0;
}

int capos_client_renew(capos_client *c, const struct capos_login *l, uint64_t duration_ms,
                       capos_done *done, void *arg)
{
        CAPNP_AUTO(client_buf_deinit) struct capnp_buf proof = {0};
        capnp_question *q;
        int r = client_begin_bound(c, done, arg);

        if (r)
                return r;
        if ((l->step && !l->key) || renew_raises(c, l))
                return renew_by_steps(c, l);

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
        client_ask(c, q);
        client_ask(c, remote_session_info(remote_session_renew_session(q)));
        return client_go(c, renew_step);
}
