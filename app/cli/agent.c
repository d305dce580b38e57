/*
 * The agent: a process that `capos login` leaves behind, which holds the connection and hands the
 * session to the user's later commands over a Unix socket, as RPC. It is a fork of the login, so
 * nothing about the session ever passes an argument, an environment, a file or an exec.
 *
 * Each caller has a connection of its own; what it held there is dropped when it ends. Callers get
 * the session itself: their calls are relayed like any others between two connections.
 *
 * The agent ends with the session. That a session has expired or was revoked only shows in a call,
 * so the agent asks for its info now and then, when the lease ends, and when a caller has left. The
 * first refusal is the end.
 *
 * A line that drops is no end where the session can be come back to (capos_client_reconnect()).
 * Callers whose calls were under way see them fail, and those that come meanwhile are told; nothing
 * is done again for them.
 */
#include "agent.h"

#include "agent.capnp-c.h"
#include "client.h"
#include "runtime.h"
#include "session-proof.h"
#include "witness.h"

#include <capos/capos-browser.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LOOK_MS = 5000, LEASE_SLACK_MS = 100, WATCHERS = 64 };

struct agent {
        const struct agent_seed *seed;
        capnp_cap *root;
        capnp_watch *watch, *signal;
        int signal_fd;
        capnp_timer *timer;
        capnp_answer *renewal; /* the call that waits for the renewal */
        capnp_answer *logout;  /* the call that waits for the logout */
        struct capos_login proof;
        uint64_t duration_ms;   /* of a renewal */
        bool waits;             /* it begins when the look at the session that runs is over */
        capnp_cap *holder;      /* who proves it, or shows a page, while a renewal runs */
        capnp_question *asked;  /* … and what he is asked */
        capos_browser *browser; /* where his browser comes back to; NULL: there is none */
        char named[256];        /* the relying party or issuer that he has named; "": none */
        char profile[256];      /* what the session is to be raised to; "": nothing */
        uint8_t *proof_bytes;
        uint32_t proof_len;
        char why[RUNTIME_WHY]; /* the session has ended; "": the user has ended it */
        uint64_t dropped_ms;   /* when the line did; 0: it is there */
        uint64_t back_ms;      /* when it last came back */
        uint32_t reconnects;
        capnp_answer *watchers[WATCHERS]; /* who waits for one of these to change */
        unsigned nwatchers;
        bool wipe;      /* a proof has been in this memory */
        bool withdrawn; /* the name is free, and may be another agent's by now */
};

/* ---- looking after the session ------------------------------------------------------------ */

static void agent_look(struct agent *g, uint32_t after_ms);
static bool agent_renew_waiting(struct agent *g, int r);
static void agent_tell(struct agent *g);

/* Ends, and leaves word of why: the user's next command can say it. A look at the session may see
 * that the connection is lost before we are told. */
static void agent_end(struct agent *g, const struct capos_error *why)
{
        const char *detail = capos_denial_detail_peek(why->text);

        if (!g->why[0] && why->code == CAPOS_E_DENIED)
                (void)snprintf(g->why, sizeof(g->why), "%s", *detail ? detail : why->text);
        else if (!g->why[0])
                (void)snprintf(g->why, sizeof(g->why),
                               "the connection to the instance is lost: %.400s", why->text);
        capnp_vat_stop(g->seed->vat);
}

/* ---- a line that drops -------------------------------------------------------------------- */

static void agent_on_back(capos_client *c, int r, void *arg)
{
        struct agent *g = arg;
        const struct capos_error *e = capos_client_error_peek(c);

        if (r) {
                (void)snprintf(g->why, sizeof(g->why),
                               "the line dropped, and could not be made again: %.400s", e->text);
                agent_end(g, e);
                return;
        }
        g->dropped_ms = 0;
        g->back_ms = cli_now_ms();
        g->reconnects++;
        agent_tell(g);
        agent_look(g, LOOK_MS);
}

/* Whoever was asked for a renewal's proof need not answer: there is nobody to tell it to. */
static void agent_ask_no_more(struct agent *g)
{
        g->asked = capnp_question_free(g->asked);
        (void)!capos_client_give_up(g->seed->client, "the connection has ended");
}

/* The connection has ended, or answers no more. Both a call and the end of it may say so. */
static void agent_lost(struct agent *g, const struct capos_error *why)
{
        int r;

        if (g->dropped_ms || g->why[0])
                return;
        r = capos_client_reconnect(g->seed->client, 0, agent_on_back, g);
        if (r == -EBUSY) { /* what runs will fail, and come here; whoever is asked may take long */
                if (g->asked)
                        agent_ask_no_more(g);
                return;
        }
        if (r) {
                agent_end(g, why);
                return;
        }
        g->dropped_ms = cli_now_ms();
        g->timer = capnp_timer_free(g->timer);
        agent_tell(g);
}

static void agent_on_fetched(capos_client *c, int r, void *arg)
{
        struct agent *g = arg;
        struct capos_session_info i;
        uint64_t now_ms = cli_now_ms();
        uint32_t next_ms = LOOK_MS;

        if (agent_renew_waiting(g, r))
                return;
        if (r == CAPNP_E_DISCONNECTED || r == -ETIMEDOUT) {
                agent_lost(g, capos_client_error_peek(c));
                return;
        }
        if (r && r != CAPOS_E_QUOTA) {
                agent_end(g, capos_client_error_peek(c));
                return;
        }
        if (capos_client_info(c, &i) && i.expires_at_ms > now_ms &&
            i.expires_at_ms - now_ms < LOOK_MS)
                next_ms = (uint32_t)(i.expires_at_ms - now_ms) + LEASE_SLACK_MS;
        agent_look(g, next_ms);
}

static void agent_on_timer(void *arg)
{
        struct agent *g = arg;
        int r;

        g->timer = NULL;
        if (g->wipe)
                cli_wipe_left();
        g->wipe = false;
        r = capos_client_fetch(g->seed->client, agent_on_fetched, g);
        if (r == -EBUSY)
                agent_look(g, LOOK_MS);
        else if (r)
                capnp_vat_stop(g->seed->vat);
}

static void agent_look(struct agent *g, uint32_t after_ms)
{
        g->timer = capnp_timer_free(g->timer);
        if (g->dropped_ms)
                return;
        if (capnp_timer_new(g->seed->vat, after_ms, agent_on_timer, g, &g->timer))
                capnp_vat_stop(g->seed->vat);
}

static void agent_on_end(capos_client *c, const struct capos_error *why, void *arg)
{
        (void)c;
        agent_lost(arg, why);
}

/* ---- what callers may ask ----------------------------------------------------------------- */

/* Says that there is no session just now. */
static int agent_refuse_dropped(const struct agent *g, capnp_answer *a)
{
        const char *why = capos_client_reconnect_why_peek(g->seed->client);

        return capnp_answer_fail(a, CAPNP_DISCONNECTED,
                                 "the line to the instance has dropped %u s ago and is being made "
                                 "again: try again in a moment%s%s",
                                 (unsigned)((cli_now_ms() - g->dropped_ms) / 1000),
                                 *why ? ". The last try: " : "", why);
}

static void agent_info_fill(const struct agent *g, agent_info_builder b)
{
        struct capos_session_info i = {.account = "", .profile = "", .kind = ""};
        capnp_data channel, key;

        (void)capos_client_info(g->seed->client, &i);
        agent_info_set_alias(b, g->seed->alias);
        agent_info_set_address(b, g->seed->address);
        agent_info_set_account(b, i.account);
        agent_info_set_profile(b, i.profile);
        agent_info_set_kind(b, i.kind);
        agent_info_set_expires_at_ms(b, i.expires_at_ms);
        agent_info_set_pid(b, (uint32_t)getpid());
        agent_info_set_dropped_at_ms(b, g->dropped_ms);
        agent_info_set_dropped_why(b, capos_client_reconnect_why_peek(g->seed->client));
        agent_info_set_reconnects(b, g->reconnects);
        agent_info_set_reconnected_at_ms(b, g->back_ms);
        agent_info_set_key(b, g->seed->key);
        agent_info_set_identity(b, g->seed->identity);
        if (client_binding_peek(g->seed->client, &channel, &key)) {
                agent_info_set_channel_binding(b, channel);
                agent_info_set_server_key_hash(b, key);
        }
}

static int agent_info(void *self, capnp_answer *a)
{
        agent_info_fill(self, session_agent_info_results_init_info(a));
        return capnp_answer_return(a);
}

/* Tells all who wait whether there is a line. */
static void agent_tell(struct agent *g)
{
        while (g->nwatchers > 0) {
                capnp_answer *a = g->watchers[--g->nwatchers];

                agent_info_fill(g, session_agent_watch_results_init_info(a));
                (void)capnp_answer_return(a);
        }
}

static void agent_on_unwatched(capnp_answer *a, void *arg)
{
        struct agent *g = arg;

        for (unsigned i = 0; i < g->nwatchers; i++)
                if (g->watchers[i] == a)
                        g->watchers[i--] = g->watchers[--g->nwatchers];
        (void)capnp_answer_fail(a, CAPNP_FAILED, "nobody waits any more");
}

static int agent_watch(void *self, capnp_answer *a)
{
        struct agent *g = self;

        if (session_agent_watch_param_dropped_at_ms(a) != g->dropped_ms ||
            session_agent_watch_param_reconnects(a) != g->reconnects) {
                agent_info_fill(g, session_agent_watch_results_init_info(a));
                return capnp_answer_return(a);
        }
        if (g->nwatchers == WATCHERS)
                return capnp_answer_fail(a, CAPNP_OVERLOADED, "too many wait");
        g->watchers[g->nwatchers++] = a;
        return capnp_answer_keep(a, agent_on_unwatched, g);
}

static int agent_session(void *self, capnp_answer *a)
{
        struct agent *g = self;

        if (g->dropped_ms)
                return agent_refuse_dropped(g, a);

        session_agent_session_results_set_session(
                a, (remote_session_client){capos_client_session_peek(g->seed->client)});
        return capnp_answer_return(a);
}

static enum capnp_kind error_kind(const struct capos_error *e)
{
        return e->code < 0 ? CAPNP_FAILED : e->kind;
}

static void agent_drop_proof(struct agent *g)
{
        if (g->proof_bytes)
                explicit_bzero(g->proof_bytes, g->proof_len);
        free(g->proof_bytes);
        g->proof_bytes = NULL;
}

/* Lets go of what a renewal held; its answer is the caller's. */
static capnp_answer *agent_end_renewal(struct agent *g)
{
        capnp_answer *a = g->renewal;

        g->renewal = NULL;
        g->waits = false;
        g->holder = capnp_cap_unref(g->holder);
        g->asked = capnp_question_free(g->asked);
        g->browser = capos_browser_free(g->browser);
        agent_drop_proof(g);
        return a;
}

static void agent_on_renewed(capos_client *c, int r, void *arg)
{
        struct agent *g = arg;
        capnp_answer *a = agent_end_renewal(g);
        const struct capos_error *e = capos_client_error_peek(c);

        g->wipe = true;
        capos_client_set_timeout(c, g->seed->timeout_ms);
        if (r)
                (void)capnp_answer_fail(a, error_kind(e), "%s", e->text);
        else
                (void)capnp_answer_return(a);
        agent_look(g, 0);
}

/* 0: it has begun, or will. */
static int agent_begin_renewal(struct agent *g)
{
        capos_client *c = g->seed->client;
        int r;

        capos_client_set_timeout(c, g->proof.step ? CLI_PERSON_MS : g->seed->timeout_ms);
        r = capos_client_renew(c, &g->proof, g->duration_ms, agent_on_renewed, g);
        if (r)
                capos_client_set_timeout(c, g->seed->timeout_ms);
        g->waits = r == -EBUSY;
        return g->waits ? 0 : r;
}

/* A look at the session is over, and so ended. Whether a renewal has begun that waited for that. */
static bool agent_renew_waiting(struct agent *g, int r)
{
        if (!g->waits)
                return false;
        if (!r)
                r = agent_begin_renewal(g);
        if (r)
                (void)capnp_answer_fail(agent_end_renewal(g), CAPNP_FAILED, "%s",
                                        capos_strerror(r));
        return !r;
}

/* Takes a, whose renewal is g->proof. */
static int agent_renew_by_proof(struct agent *g, capnp_answer *a)
{
        int r;

        g->renewal = a;
        r = agent_begin_renewal(g);
        if (r)
                return capnp_answer_fail(agent_end_renewal(g), CAPNP_OVERLOADED, "%s",
                                         capos_strerror(r));
        return capnp_answer_keep(a, NULL, NULL);
}

/* Whether no renewal can begin now; a was answered then. */
static bool agent_renews_not(const struct agent *g, capnp_answer *a, bool is_bad)
{
        if (is_bad)
                (void)capnp_answer_fail(a, CAPNP_FAILED, "bad parameters");
        else if (g->dropped_ms)
                (void)agent_refuse_dropped(g, a);
        else if (g->renewal)
                (void)capnp_answer_fail(a, CAPNP_OVERLOADED, "a renewal is under way");
        else
                return false;
        return true;
}

/* Keeps a copy of what is proved by. 0; -ENOMEM: a was answered. */
static int agent_take_proof(struct agent *g, capnp_answer *a, capnp_data proof)
{
        g->proof_bytes = malloc(proof.len + 1);
        if (!g->proof_bytes) {
                (void)capnp_answer_fail(a, CAPNP_OVERLOADED, "no memory");
                return -ENOMEM;
        }
        if (proof.len)
                memcpy(g->proof_bytes, proof.p, proof.len);
        g->proof_len = proof.len;
        return 0;
}

static int agent_renew(void *self, capnp_answer *a)
{
        struct agent *g = self;
        capnp_data proof = session_agent_renew_param_proof(a);

        if (agent_renews_not(g, a, capnp_answer_check(a)) || agent_take_proof(g, a, proof))
                return 0;
        /* Of this kind the library sends the bytes as they are. */
        g->proof = (struct capos_login){.kind = CAPOS_AUTH_PASSWORD,
                                        .password = {g->proof_bytes, proof.len}};
        g->duration_ms = session_agent_renew_param_requested_duration_ms(a);
        return agent_renew_by_proof(g, a);
}

/* What the session is to be raised to. false: it is too long. */
static bool agent_take_profile(struct agent *g, capnp_text profile)
{
        if (profile.len >= sizeof(g->profile))
                return false;

        (void)snprintf(g->profile, sizeof(g->profile), "%s", profile.p);
        return true;
}

static void agent_on_signed(capnp_question *q, int r, void *arg)
{
        struct agent *g = arg;

        g->asked = NULL;
        if (r)
                (void)!capos_client_give_up(g->seed->client, capnp_question_exception(q).reason);
        else
                (void)!capos_client_answer(g->seed->client, key_holder_sign_signature(q));
        capnp_question_free(q);
}

static void agent_on_key_step(capos_client *c, const struct capos_step *s, void *arg)
{
        uint8_t transcript[CAPOS_PROOF_BYTES];
        capnp_question *q = NULL;
        struct agent *g = arg;
        size_t len;

        if (!client_transcript(c, s->challenge, transcript, &len))
                q = key_holder_sign((key_holder_client){g->holder});
        if (!q) {
                (void)!capos_client_give_up(c, "no memory");
                return;
        }
        key_holder_sign_set_transcript(q, (capnp_data){transcript, (uint32_t)len});
        g->asked = q;
        capnp_question_send(q, agent_on_signed, g);
}

static int agent_raise(void *self, capnp_answer *a)
{
        struct agent *g = self;
        capnp_text profile = session_agent_raise_param_profile(a);
        capnp_cap *holder = session_agent_raise_param_holder(a).c;
        capnp_data password = session_agent_raise_param_password(a);

        if (agent_renews_not(g, a,
                             capnp_answer_check(a) || !profile.len ||
                                     !agent_take_profile(g, profile)) ||
            (!holder && agent_take_proof(g, a, password)))
                return 0;

        if (holder)
                g->proof = (struct capos_login){
                        .kind = CAPOS_AUTH_PUBLIC_KEY, .step = agent_on_key_step, .step_arg = g};
        else
                g->proof = (struct capos_login){.kind = CAPOS_AUTH_PASSWORD,
                                                .password = {g->proof_bytes, password.len}};
        g->proof.profile = g->profile;
        g->duration_ms = 0;
        g->holder = capnp_cap_ref(holder);
        return agent_renew_by_proof(g, a);
}

static void agent_on_answer(capnp_question *q, int r, void *arg)
{
        struct agent *g = arg;

        g->asked = NULL;
        if (r)
                (void)!capos_client_give_up(g->seed->client, capnp_question_exception(q).reason);
        else
                (void)!capos_client_answer(g->seed->client, passkey_holder_prove_response(q));
        capnp_question_free(q);
}

static void agent_on_step(capos_client *c, const struct capos_step *s, void *arg)
{
        struct agent *g = arg;
        capnp_question *q = passkey_holder_prove((passkey_holder_client){g->holder});

        if (!q) {
                (void)!capos_client_give_up(c, "no memory");
                return;
        }
        passkey_holder_prove_set_relying_party(q, s->relying_party);
        passkey_holder_prove_set_challenge(
                q, (capnp_data){s->transcript_hash, sizeof(s->transcript_hash)});
        passkey_holder_prove_set_expires_at_ms(q, s->expires_at_ms);
        g->asked = q;
        capnp_question_send(q, agent_on_answer, g);
}

static int agent_renew_by_passkey(void *self, capnp_answer *a)
{
        struct agent *g = self;
        capnp_cap *holder = session_agent_renew_by_passkey_param_holder(a).c;
        const char *party = session_agent_renew_by_passkey_param_relying_party(a).p;

        if (agent_renews_not(g, a,
                             capnp_answer_check(a) || !holder ||
                                     strlen(party) >= sizeof(g->named) ||
                                     !agent_take_profile(
                                             g, session_agent_renew_by_passkey_param_profile(a))))
                return 0;

        (void)snprintf(g->named, sizeof(g->named), "%s", party);
        g->proof = (struct capos_login){.kind = CAPOS_AUTH_PASSKEY,
                                        .profile = *g->profile ? g->profile : NULL,
                                        .relying_party = *party ? g->named : g->seed->relying_party,
                                        .step = agent_on_step,
                                        .step_arg = g};
        g->duration_ms = 0;
        g->holder = capnp_cap_ref(holder);
        return agent_renew_by_proof(g, a);
}

/* Whoever was to open the page has gone, and nobody waits for it. */
static void agent_on_page_gone(capnp_question *q, int r, void *arg)
{
        struct agent *g = arg;

        (void)r;
        g->asked = NULL;
        (void)!capos_client_give_up(g->seed->client, "nobody is there to open the page");
        capnp_question_free(q);
}

static int agent_show(const struct capos_step *s, void *arg)
{
        struct agent *g = arg;
        capnp_question *q = page_holder_show((page_holder_client){g->holder});

        if (!q)
                return -ENOMEM;
        page_holder_show_set_url(q, s->url);
        page_holder_show_set_user_code(q, s->user_code);
        capnp_question_free(g->asked);
        g->asked = q;
        capnp_question_send(q, agent_on_page_gone, g);
        return 0;
}

static void agent_on_code(capos_client *c, const struct capos_step *s, void *arg)
{
        int r = agent_show(s, arg);

        if (r)
                (void)!capos_client_give_up(c, capos_strerror(r));
        else
                (void)!capos_client_answer(c, (capnp_data){0});
}

/* What a browser comes back to is here: so is the connection that its login is bound to. */
static int agent_prepare_page(struct agent *g, bool device)
{
        int r;

        if (device) {
                g->proof = (struct capos_login){
                        .kind = CAPOS_AUTH_OIDC_DEVICE_CODE, .step = agent_on_code, .step_arg = g};
                return 0;
        }
        r = capos_browser_new(g->seed->vat, agent_show, g, &g->browser);
        if (r)
                return r;

        g->proof = (struct capos_login){.kind = CAPOS_AUTH_OIDC_PKCE,
                                        .first = capos_browser_first_peek(g->browser),
                                        .step = capos_browser_step,
                                        .step_arg = g->browser};
        return 0;
}

static int agent_renew_by_page(void *self, capnp_answer *a)
{
        struct agent *g = self;
        capnp_cap *holder = session_agent_renew_by_page_param_holder(a).c;
        const char *issuer = session_agent_renew_by_page_param_issuer(a).p;
        int r;

        if (agent_renews_not(
                    g, a,
                    capnp_answer_check(a) || !holder || strlen(issuer) >= sizeof(g->named) ||
                            !agent_take_profile(g, session_agent_renew_by_page_param_profile(a))))
                return 0;
        r = agent_prepare_page(g, session_agent_renew_by_page_param_device(a));
        if (r)
                return capnp_answer_fail(a, CAPNP_OVERLOADED, "no port for a browser: %s",
                                         capos_strerror(r));

        (void)snprintf(g->named, sizeof(g->named), "%s", issuer);
        g->proof.issuer = *issuer ? g->named : g->seed->issuer;
        g->proof.profile = *g->profile ? g->profile : NULL;
        g->duration_ms = 0;
        g->holder = capnp_cap_ref(holder);
        return agent_renew_by_proof(g, a);
}

static void agent_on_token_step(capos_client *c, const struct capos_step *s, void *arg)
{
        const struct agent *g = arg;

        (void)s;
        (void)!capos_client_answer(c, (capnp_data){g->proof_bytes, g->proof_len});
}

static int agent_renew_by_token(void *self, capnp_answer *a)
{
        struct agent *g = self;
        capnp_data token = session_agent_renew_by_token_param_token(a);

        if (agent_renews_not(g, a, capnp_answer_check(a) || !token.len) ||
            agent_take_proof(g, a, token))
                return 0;

        g->proof = (struct capos_login){
                .kind = CAPOS_AUTH_SERVICE, .step = agent_on_token_step, .step_arg = g};
        g->duration_ms = 0;
        return agent_renew_by_proof(g, a);
}

/* Nobody can begin anew: the name is taken out of the folder, once, for the next login may use it
 * at once. */
static void agent_withdraw(struct agent *g)
{
        if (g->withdrawn)
                return;
        g->withdrawn = true;
        runtime_note_write(g->seed->path, g->why);
        (void)unlink(g->seed->path);
}

static void agent_on_logged_out(capnp_question *q, int r, void *arg)
{
        struct agent *g = arg;
        capnp_answer *a = g->logout;
        capnp_exception why = capnp_question_exception(q);

        g->logout = NULL;
        if (!r)
                witness_keep(g->seed->witnesses, "logout",
                             log_witness_records(remote_session_logout_witness(q)),
                             log_witness_hash(remote_session_logout_witness(q)));
        /* Before the answer: whoever has it finds this login no more. */
        agent_withdraw(g);
        if (r)
                (void)capnp_answer_fail(a, why.kind, "%s", why.reason);
        else
                (void)capnp_answer_return(a);
        capnp_question_free(q);
        /* What is queued is still sent while the vat is freed. */
        capnp_vat_stop(g->seed->vat);
}

static int agent_logout(void *self, capnp_answer *a)
{
        struct agent *g = self;
        capnp_question *q;

        if (g->logout)
                return capnp_answer_fail(a, CAPNP_OVERLOADED, "a logout is under way");
        if (g->dropped_ms) {
                /* The session has ended with its connection, and the key goes with this process. */
                agent_withdraw(g);
                capnp_vat_stop(g->seed->vat);
                return capnp_answer_return(a);
        }
        q = remote_session_logout(
                (remote_session_client){capos_client_session_peek(g->seed->client)});
        if (!q)
                return capnp_answer_fail(a, CAPNP_OVERLOADED, "no memory");
        g->logout = a;
        capnp_question_send(q, agent_on_logged_out, g);
        return capnp_answer_keep(a, NULL, NULL);
}

static const struct session_agent_ops agent_ops = {
        .info = agent_info,
        .session = agent_session,
        .renew = agent_renew,
        .logout = agent_logout,
        .renew_by_passkey = agent_renew_by_passkey,
        .renew_by_page = agent_renew_by_page,
        .renew_by_token = agent_renew_by_token,
        .raise = agent_raise,
        .watch = agent_watch,
};

/* ---- callers ------------------------------------------------------------------------------ */

static void agent_on_caller_gone(capnp_conn *conn, void *arg)
{
        struct agent *g = arg;

        capnp_conn_unref(conn);
        if (!g->renewal)
                agent_look(g, 0);
}

static void agent_on_caller(void *arg, uint32_t events)
{
        struct agent *g = arg;
        capnp_conn *conn;
        int fd = accept4(g->seed->listener, NULL, NULL, SOCK_CLOEXEC);

        (void)events;
        if (fd < 0)
                return;
        if (!runtime_peer_is_us(fd)) {
                (void)close(fd);
                return;
        }
        if (capnp_conn_new(g->seed->vat, fd, &runtime_limits, g->root, &conn))
                return;
        capnp_conn_on_close(conn, agent_on_caller_gone, g);
}

/* ---- the process -------------------------------------------------------------------------- */

static void agent_on_signal(void *arg, uint32_t events)
{
        struct agent *g = arg;

        (void)events;
        capnp_vat_stop(g->seed->vat);
}

/* SIGTERM ends the agent as everything else does. */
static int agent_watch_signal(struct agent *g)
{
        sigset_t set;

        (void)sigemptyset(&set);
        (void)sigaddset(&set, SIGTERM);
        (void)sigprocmask(SIG_BLOCK, &set, NULL);
        g->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        if (g->signal_fd < 0)
                return -errno;
        return capnp_watch_new(g->seed->vat, g->signal_fd, EPOLLIN, agent_on_signal, g, &g->signal);
}

/* Nothing of the terminal, of the caller's pipes and locks, or of the folder it was started in
 * stays in use. */
static void agent_detach(const struct agent_seed *s)
{
        struct rlimit none = {0};
        int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

        (void)setsid();
        (void)!chdir("/");
        (void)prctl(PR_SET_DUMPABLE, 0);
        (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        (void)setrlimit(RLIMIT_CORE, &none);
        for (int i = 0; fd >= 0 && i < 3; i++)
                (void)dup2(fd, i);
        if (fd > 2)
                (void)close(fd);
        for (unsigned i = 0; i < s->ninherited; i++)
                (void)close(s->inherited[i]);
}

int agent_note_inherited(struct agent_seed *s)
{
        DIR *d = opendir("/proc/self/fd");
        struct dirent *e;
        int *more, fd;

        if (!d)
                return -errno;
        while ((e = readdir(d))) {
                fd = (int)strtol(e->d_name, NULL, 10);
                if (fd <= STDERR_FILENO || fd == dirfd(d))
                        continue;
                more = reallocarray(s->inherited, s->ninherited + 1, sizeof(*more));
                if (!more)
                        break;
                s->inherited = more;
                s->inherited[s->ninherited++] = fd;
        }
        (void)closedir(d);
        return e ? -ENOMEM : 0;
}

/* Lets the login go on: from here on callers are served and signals are obeyed. */
static void agent_tell_ready(int fd)
{
        (void)!write(fd, "", 1);
        (void)close(fd);
}

static int agent_serve(const struct agent_seed *s, int ready_fd)
{
        struct agent g = {.seed = s};
        int r;

        /* Once more, by the process that answers: callers ask the kernel which one that is. */
        r = listen(s->listener, AGENT_QUEUE) < 0 ? -errno : 0;
        if (!r)
                r = session_agent_serve(s->vat, &agent_ops, &g, &g.root);
        if (!r)
                r = capnp_watch_new(s->vat, s->listener, EPOLLIN, agent_on_caller, &g, &g.watch);
        if (!r)
                r = agent_watch_signal(&g);
        if (r)
                return r;

        capos_client_set_timeout(s->client, s->timeout_ms);
        capos_client_on_end(s->client, agent_on_end, &g);
        agent_look(&g, LOOK_MS);
        agent_tell_ready(ready_fd);
        r = capnp_vat_run(s->vat);
        /* First nobody can begin anew; then those who wait are told by the end of their connection.
         */
        agent_withdraw(&g);
        while (g.nwatchers > 0)
                (void)capnp_answer_fail(g.watchers[--g.nwatchers], CAPNP_DISCONNECTED,
                                        "the agent ends");
        capnp_watch_free(g.watch);
        capnp_watch_free(g.signal);
        (void)close(g.signal_fd);
        capnp_timer_free(g.timer);
        capos_client_free(s->client);
        if (g.renewal)
                (void)capnp_answer_fail(agent_end_renewal(&g), CAPNP_DISCONNECTED,
                                        "the agent ends");
        capnp_cap_unref(g.root);
        (void)capnp_vat_free(s->vat);
        return r;
}

/* Waits for the agent's word. 0; -ECHILD: it has ended instead. */
static int agent_await(int fd)
{
        char word;
        ssize_t n;

        do
                n = read(fd, &word, 1);
        while (n < 0 && errno == EINTR);
        (void)close(fd);
        return n == 1 ? 0 : -ECHILD;
}

int agent_start(const struct agent_seed *s, pid_t *ret_pid)
{
        static const int signals[] = {SIGHUP, SIGINT, SIGQUIT};
        struct sigaction ignore = {.sa_handler = SIG_IGN};
        int ready[2];
        pid_t pid;

        /* The terminal may go, and say so, before the child has left it. */
        for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
                (void)sigaction(signals[i], &ignore, NULL);
        (void)fflush(stdout);
        if (pipe2(ready, O_CLOEXEC) < 0)
                return -errno;
        pid = fork();
        if (pid < 0) {
                (void)close(ready[0]);
                (void)close(ready[1]);
                return -errno;
        }
        if (pid) {
                (void)close(ready[1]);
                *ret_pid = pid;
                return agent_await(ready[0]);
        }
        (void)close(ready[0]);
        agent_detach(s);
        _exit(agent_serve(s, ready[1]) ? EXIT_FAILED : EXIT_OK);
}
