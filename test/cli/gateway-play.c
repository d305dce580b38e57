/*
 * The gateway to test clients against. One struct per connection holds everything about it; objects
 * given out hold it.
 */
#include "gateway-play.h"

#include "admin.capnp-c.h"
#include "chat.capnp-c.h"
#include "remote_session.capnp-c.h"
#include "system_info.capnp-c.h"

#include <capos/capos-names.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct conn {
        struct play *p;
        unsigned refs;
        unsigned generation; /* of the RemoteSession that counts; 0: not bound */
        const char *ended;   /* why it is over */
        char account[32], kind[32];
        uint64_t started_ms, expires_ms;
        uint8_t challenge[32];
};

/* An object of a connection's: a flow, a session, a membership. */
struct part {
        struct conn *k;
        unsigned number; /* a session's generation; a flow's kind; a membership's place */
        unsigned steps;  /* that a flow has shown */
        bool renews;     /* a flow of a session's */
        bool over;
        char account[32];
        uint8_t nonce[32];
};

static uint64_t now_ms(void)
{
        struct timespec t;

        (void)clock_gettime(CLOCK_REALTIME, &t);
        return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void conn_unref(struct conn *k)
{
        if (--k->refs)
                return;
        k->p->connections--;
        free(k);
}

static void conn_gone(void *self)
{
        conn_unref(self);
}

static void part_gone(void *self)
{
        struct part *x = self;

        conn_unref(x->k);
        free(x);
}

static struct part *part_new(struct conn *k)
{
        struct part *x = calloc(1, sizeof(*x));

        if (x) {
                x->k = k;
                k->refs++;
        }
        return x;
}

static int deny(capnp_answer *a, const char *text)
{
        return capnp_answer_fail(a, CAPNP_FAILED, "denied.%s", text);
}

static bool conn_is_stale(struct conn *k, capnp_answer *a)
{
        if (!k->ended && k->expires_ms <= now_ms())
                k->ended = "stale-session: expired";
        if (!k->ended)
                return false;
        (void)deny(a, k->ended);
        return true;
}

/* ---- what is in the bundle ---------------------------------------------------------------- */

static void info_fill(struct conn *k, session_info_builder b)
{
        session_info_set_id(b, "play-1");
        session_info_set_account(b, k->account);
        session_info_set_profile(b, *k->account ? "operator" : "anonymous");
        session_info_set_kind(b, k->kind);
        session_info_set_started_at_ms(b, k->started_ms);
        session_info_set_expires_at_ms(b, k->expires_ms);
        session_info_set_transport(b, "plain");
        session_info_set_source(b, "127.0.0.1:1 \x1b[31m");
        memset(k->challenge, (int)k->generation, sizeof(k->challenge));
        if (*k->account)
                session_info_set_renew_challenge(b,
                                                 (capnp_data){k->challenge, sizeof(k->challenge)});
}

static int user_info(void *self, capnp_answer *a)
{
        if (conn_is_stale(self, a))
                return 0;
        info_fill(self, user_session_info_results_init_info(a));
        return capnp_answer_return(a);
}

static const struct user_session_ops user_ops = {.gone = conn_gone, .info = user_info};

static void system_gone(void *self)
{
        struct conn *k = self;

        k->p->references--;
        conn_unref(k);
}

static int system_motd(void *self, capnp_answer *a)
{
        struct conn *k = self;

        if (conn_is_stale(k, a))
                return 0;
        system_info_motd_results_set_text(a, k->p->motd);
        return capnp_answer_return(a);
}

static int system_uptime(void *self, capnp_answer *a)
{
        struct conn *k = self;

        if (conn_is_stale(k, a))
                return 0;
        if (k->p->malformed) {
                memcpy(capnp_answer_results_any(a).p, &k->p->malformed, sizeof(k->p->malformed));
                return capnp_answer_return(a);
        }
        system_info_uptime_results_set_seconds(a, 1234567890123);
        return capnp_answer_return(a);
}

static int system_version(void *self, capnp_answer *a)
{
        (void)self;
        return capnp_answer_fail(a, CAPNP_OVERLOADED, "over-quota.calls: 0");
}

static const struct system_info_ops system_ops = {.gone = system_gone,
                                                  .motd = system_motd,
                                                  .uptime = system_uptime,
                                                  .version = system_version};

static void chat_tell(struct play *p, unsigned from, const char *said)
{
        p->sequence++;
        for (unsigned i = 0; i < PLAY_MEMBERS; i++) {
                capnp_question *q;
                chat_event_builder e;
                char label[] = "member-a";

                if (!p->listeners[i])
                        continue;
                q = chat_listener_event((chat_listener_client){p->listeners[i]});
                e = chat_listener_event_init_event(q);
                label[7] = (char)('a' + from);
                chat_event_set_channel(e, "#lobby");
                chat_event_set_sequence(e, p->sequence);
                chat_event_set_at_ms(e, now_ms());
                chat_event_set_label(e, label);
                chat_event_set_said(e, said);
                capnp_question_detach(q);
        }
}

static void member_gone(void *self)
{
        struct part *x = self;
        struct play *p = x->k->p;

        p->listeners[x->number] = capnp_cap_unref(p->listeners[x->number]);
        part_gone(self);
}

static int member_send(void *self, capnp_answer *a)
{
        struct part *x = self;

        if (conn_is_stale(x->k, a))
                return 0;
        chat_tell(x->k->p, x->number, chat_membership_send_param_text(a).p);
        return capnp_answer_return(a);
}

static int member_leave(void *self, capnp_answer *a)
{
        (void)self;
        return capnp_answer_return(a);
}

static const struct chat_membership_ops member_ops = {
        .gone = member_gone, .send = member_send, .leave = member_leave};

static int chat_join_serve(void *self, capnp_answer *a)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *cap = NULL;
        struct conn *k = self;
        struct part *x;
        unsigned i = 0;

        if (conn_is_stale(k, a))
                return 0;
        if (chat_join_param_channel(a).p[0] != '#')
                return capnp_answer_fail(a, CAPNP_FAILED, "service: bad name");
        while (i < PLAY_MEMBERS && k->p->listeners[i])
                i++;
        x = i < PLAY_MEMBERS ? part_new(k) : NULL;
        if (!x || chat_membership_serve(k->p->vat, &member_ops, x, &cap))
                return capnp_answer_fail(a, CAPNP_OVERLOADED, "full");

        x->number = i;
        k->p->listeners[i] = capnp_cap_ref(chat_join_param_listener(a).c);
        chat_join_results_set_membership(a, (chat_membership_client){cap});
        chat_join_results_set_label(a, "member");
        return capnp_answer_return(a);
}

static const struct chat_ops chat_ops = {.gone = conn_gone, .join = chat_join_serve};

/* ---- the bundle --------------------------------------------------------------------------- */

static const struct {
        const char *name, *title;
        uint64_t id;
} bundle[] = {{"session", "Session", USER_SESSION_ID},
              {"system_info", "System", SYSTEM_INFO_ID},
              {"chat", "Chat \x1b]0;evil\a", CHAT_ID},
              {"revoked", "Gone", SYSTEM_INFO_ID},
              {"admin", "Administration", ADMIN_ID}};
enum { BUNDLE = sizeof(bundle) / sizeof(bundle[0]) - 1 };

/* Without `admin`, where there is none. */
static unsigned bundle_n(const struct play *p)
{
        return BUNDLE + (p->admin != NULL);
}

static int set_list(void *self, capnp_answer *a)
{
        struct conn *k = self;
        remote_cap_entry_list_builder l;

        if (conn_is_stale(k, a))
                return 0;
        l = remote_cap_set_list_results_init_entries(a, bundle_n(k->p));
        for (unsigned i = 0; i < bundle_n(k->p); i++) {
                remote_cap_entry_builder e = remote_cap_entry_list_builder_get(l, i);

                remote_cap_entry_set_name(e, bundle[i].name);
                remote_cap_entry_set_interface_id(e, bundle[i].id);
                remote_cap_entry_set_transfer_policy(e, "session");
                remote_cap_entry_set_lease_expires_at_ms(e, k->expires_ms);
                remote_cap_entry_set_title(e, bundle[i].title);
                remote_cap_entry_set_summary(e, "What it is for.");
        }
        return capnp_answer_return(a);
}

static int bundle_make(struct conn *k, uint64_t id, capnp_cap **ret_c)
{
        if (id == ADMIN_ID) {
                *ret_c = capnp_cap_ref(k->p->admin);
                return 0;
        }
        k->refs++;
        if (id == USER_SESSION_ID)
                return user_session_serve(k->p->vat, &user_ops, k, ret_c);
        if (id == CHAT_ID)
                return chat_serve(k->p->vat, &chat_ops, k, ret_c);
        k->p->references++;
        return system_info_serve(k->p->vat, &system_ops, k, ret_c);
}

static int set_get(void *self, capnp_answer *a)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *cap = NULL;
        const char *name = remote_cap_set_get_param_name(a).p;
        struct conn *k = self;
        unsigned i = 0;

        if (conn_is_stale(k, a))
                return 0;
        while (i < bundle_n(k->p) && strcmp(bundle[i].name, name) != 0)
                i++;
        if (i == bundle_n(k->p))
                return deny(a, "unknown-name");
        if (bundle[i].id != remote_cap_set_get_param_expected_interface_id(a))
                return deny(a, "wrong-interface");
        if (!strcmp(name, "revoked"))
                return deny(a, "revoked-lease");
        if (bundle_make(k, bundle[i].id, &cap))
                return capnp_answer_fail(a, CAPNP_OVERLOADED, "no memory");
        remote_cap_set_get_results_set_cap(a, cap);
        return capnp_answer_return(a);
}

enum { PART_BYTES = 1000 }; /* of a schema, to whoever asks for parts */

static int set_schema(void *self, capnp_answer *a)
{
        uint32_t at = remote_cap_set_schema_param_at(a), most = remote_cap_set_schema_param_most(a);
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {0};
        struct conn *k = self;

        if (conn_is_stale(k, a))
                return 0;
        capnp_buf_init(&b, 1 << 20);
        if (capnp_schema_dump(k->p->schema, remote_cap_set_schema_param_interface_id(a), &b))
                return deny(a, "unknown-name");
        remote_cap_set_schema_results_set_length(a, (uint32_t)b.len);
        most = most && most < PART_BYTES ? most : most ? PART_BYTES : (uint32_t)b.len;
        at = at < b.len ? at : (uint32_t)b.len;
        remote_cap_set_schema_results_set_schema(
                a, (capnp_data){(const uint8_t *)b.p + at,
                                b.len - at < most ? (uint32_t)b.len - at : most});
        return capnp_answer_return(a);
}

static const struct remote_cap_set_ops set_ops = {
        .gone = conn_gone, .list = set_list, .get = set_get, .schema = set_schema};

/* ---- the session -------------------------------------------------------------------------- */

static int session_give(struct conn *k, capnp_cap **ret_c);

static bool session_is_stale(struct part *x, capnp_answer *a)
{
        if (conn_is_stale(x->k, a))
                return true;
        if (x->number == x->k->generation)
                return false;
        (void)deny(a, "stale-session: renewed");
        return true;
}

static int session_info_serve(void *self, capnp_answer *a)
{
        struct part *x = self;

        if (session_is_stale(x, a))
                return 0;
        info_fill(x->k, remote_session_info_results_init_info(a));
        return capnp_answer_return(a);
}

static int session_caps(void *self, capnp_answer *a)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *cap = NULL;
        struct part *x = self;

        if (session_is_stale(x, a))
                return 0;
        x->k->refs++;
        if (remote_cap_set_serve(x->k->p->vat, &set_ops, x->k, &cap))
                return capnp_answer_fail(a, CAPNP_OVERLOADED, "no memory");
        remote_session_cap_set_results_set_caps(a, (remote_cap_set_client){cap});
        return capnp_answer_return(a);
}

static bool data_is(capnp_data d, const char *text)
{
        return d.len == strlen(text) && !memcmp(d.p, text, d.len);
}

static bool proof_is_good(struct play *p, capnp_data d)
{
        if (data_is(d, PLAY_PASSWORD))
                return true;
        if (d.len < 100 || d.len > sizeof(p->proof) || memcmp(d.p, "SSHSIG", 6) != 0 || p->forgets)
                return false;
        memcpy(p->proof, d.p, d.len);
        p->proof_len = d.len;
        return true;
}

static int session_renew(void *self, capnp_answer *a)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *cap = NULL;
        struct part *x = self;
        uint64_t duration_ms;

        if (session_is_stale(x, a))
                return 0;
        if (!proof_is_good(x->k->p, remote_session_renew_param_proof(a)))
                return deny(a, "credentials");
        duration_ms = remote_session_renew_param_requested_duration_ms(a);
        x->k->expires_ms = now_ms() + (duration_ms ? duration_ms : x->k->p->lease_ms);
        if (session_give(x->k, &cap))
                return capnp_answer_fail(a, CAPNP_OVERLOADED, "no memory");
        remote_session_renew_results_set_session(a, (remote_session_client){cap});
        return capnp_answer_return(a);
}

static int session_logout(void *self, capnp_answer *a)
{
        struct part *x = self;

        if (session_is_stale(x, a))
                return 0;
        x->k->ended = "stale-session: logout";
        return capnp_answer_return(a);
}

/* An instance of before there was such a thing, unless it is one of now. */
static int session_enrol(void *self, capnp_answer *a)
{
        struct part *x = self;
        struct play *p = x->k->p;
        capnp_data key = remote_session_enrol_param_key(a);

        if (!p->enrols)
                return capnp_answer_fail(a, CAPNP_UNIMPLEMENTED, "no such method");
        if (session_is_stale(x, a))
                return 0;
        if (key.len > sizeof(p->enrolled))
                return deny(a, "credentials");
        memcpy(p->enrolled, key.p, key.len);
        p->enrolled_len = key.len;
        remote_session_enrol_results_set_until_ms(a, x->k->expires_ms);
        return capnp_answer_return(a);
}

static int flow_give(struct conn *k, remote_auth_start_reader q, bool renews, capnp_cap **ret_c);

static int session_reauthenticate(void *self, capnp_answer *a)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *cap = NULL;
        struct part *x = self;

        if (session_is_stale(x, a))
                return 0;
        if (flow_give(x->k, remote_session_reauthenticate_param_request(a), true, &cap))
                return capnp_answer_fail(a, CAPNP_OVERLOADED, "no memory");
        remote_session_reauthenticate_results_set_flow(a, (remote_auth_flow_client){cap});
        return capnp_answer_return(a);
}

static const struct remote_session_ops session_ops = {.gone = part_gone,
                                                      .info = session_info_serve,
                                                      .cap_set = session_caps,
                                                      .renew = session_renew,
                                                      .reauthenticate = session_reauthenticate,
                                                      .logout = session_logout,
                                                      .enrol = session_enrol};

static int session_give(struct conn *k, capnp_cap **ret_c)
{
        struct part *x = part_new(k);

        if (!x)
                return -1;
        x->number = ++k->generation;
        return remote_session_serve(k->p->vat, &session_ops, x, ret_c);
}

static int session_bind(struct conn *k, const char *account, const char *kind, capnp_cap **ret_c)
{
        strncpy(k->account, account, sizeof(k->account) - 1);
        strncpy(k->kind, kind, sizeof(k->kind) - 1);
        k->started_ms = now_ms();
        k->expires_ms = k->started_ms + k->p->lease_ms;
        return session_give(k, ret_c);
}

/* ---- admission ---------------------------------------------------------------------------- */

/* Three steps: a code that is typed elsewhere, a question, and whatever the answer is. */
static int flow_next_of_many(struct part *x, capnp_answer *a)
{
        remote_auth_step_builder b = remote_auth_flow_next_results_init_step(a);

        if (x->steps++) {
                remote_auth_step_set_prompt(b, "Once more");
                remote_auth_step_set_redaction(b, true);
                return capnp_answer_return(a);
        }
        remote_auth_step_set_url(b, "https://id.example/device");
        remote_auth_step_set_user_code(b, "ABCD-EFGH");
        remote_auth_step_set_challenge(b, (capnp_data){x->nonce, sizeof(x->nonce)});
        remote_auth_step_set_expires_at_ms(b, 12345);
        return capnp_answer_return(a);
}

static bool flow_is_proved(struct part *x, capnp_data response)
{
        if (x->number == REMOTE_AUTH_KIND_OIDC_DEVICE_CODE)
                return data_is(response, "that");
        return !strcmp(x->account, PLAY_ACCOUNT) && proof_is_good(x->k->p, response) &&
               (response.p[0] == 'S') == (x->number == REMOTE_AUTH_KIND_PUBLIC_KEY);
}

static int flow_next(void *self, capnp_answer *a)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *cap = NULL;
        capnp_data response = remote_auth_flow_next_param_response(a);
        struct part *x = self;
        bool key = x->number == REMOTE_AUTH_KIND_PUBLIC_KEY;

        if (x->over)
                return deny(a, "flow");
        if (!response.len && key) {
                remote_auth_step_set_challenge(remote_auth_flow_next_results_init_step(a),
                                               (capnp_data){x->nonce, sizeof(x->nonce)});
                return capnp_answer_return(a);
        }
        if (x->number == REMOTE_AUTH_KIND_OIDC_DEVICE_CODE && x->steps < 2)
                return flow_next_of_many(x, a);
        x->over = true;
        if (x->k->generation && !x->renews)
                return deny(a, "already-bound");
        if (!strcmp(x->account, "slow"))
                return deny(a, "backoff: try again in 900 seconds");
        if (!flow_is_proved(x, response))
                return deny(a, "credentials");
        if (x->renews)
                x->k->expires_ms = now_ms() + 2 * x->k->p->lease_ms;
        if (x->renews ? session_give(x->k, &cap)
                      : session_bind(x->k, x->account, capos_auth_name(x->number), &cap))
                return capnp_answer_fail(a, CAPNP_OVERLOADED, "no memory");
        remote_auth_flow_next_results_set_done(a, true);
        remote_auth_flow_next_results_set_session(a, (remote_session_client){cap});
        return capnp_answer_return(a);
}

static const struct remote_auth_flow_ops flow_ops = {.gone = part_gone, .next = flow_next};

static int flow_give(struct conn *k, remote_auth_start_reader q, bool renews, capnp_cap **ret_c)
{
        capnp_data nonce = remote_auth_start_client_nonce(q);
        struct part *x = part_new(k);

        if (!x || remote_auth_flow_serve(k->p->vat, &flow_ops, x, ret_c))
                return -1;

        x->renews = renews;
        x->number = remote_auth_start_kind(q);
        strncpy(x->account, login_selector_account(remote_auth_start_selector(q)).p,
                sizeof(x->account) - 1);
        memset(x->nonce, 0x42, sizeof(x->nonce));
        k->p->client_nonce_len = nonce.len <= 64 ? nonce.len : 0;
        if (k->p->client_nonce_len)
                memcpy(k->p->client_nonce, nonce.p, k->p->client_nonce_len);
        return 0;
}

static int gateway_start(void *self, capnp_answer *a)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *cap = NULL;
        remote_auth_start_reader q = remote_session_gateway_start_param_request(a);

        if (remote_auth_start_kind(q) > REMOTE_AUTH_KIND_OIDC_DEVICE_CODE)
                return deny(a, "method-disabled");
        if (flow_give(self, q, false, &cap))
                return capnp_answer_fail(a, CAPNP_OVERLOADED, "no memory");
        remote_session_gateway_start_results_set_flow(a, (remote_auth_flow_client){cap});
        return capnp_answer_return(a);
}

static int gateway_methods(void *self, capnp_answer *a)
{
        remote_auth_method_list_builder l =
                remote_session_gateway_auth_methods_results_init_methods(a, 9);

        (void)self;
        for (unsigned i = 0; i < 9; i++) {
                remote_auth_method_builder m = remote_auth_method_list_builder_get(l, i);
                bool on = i <= REMOTE_AUTH_KIND_PUBLIC_KEY || i == REMOTE_AUTH_KIND_ANONYMOUS;

                remote_auth_method_set_kind(m, (enum remote_auth_kind)i);
                remote_auth_method_set_label(m, "A way");
                remote_auth_method_set_state(m, on ? REMOTE_AUTH_STATE_ENABLED
                                                   : REMOTE_AUTH_STATE_DISABLED);
                remote_auth_method_set_reason(m, on ? "" : "not here");
        }
        return capnp_answer_return(a);
}

static int gateway_guest(void *self, capnp_answer *a)
{
        (void)self;
        return deny(a, "method-disabled: guests are off");
}

static int gateway_anonymous(void *self, capnp_answer *a)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *cap = NULL;
        struct conn *k = self;

        if (k->generation)
                return deny(a, "already-bound");
        if (!strcmp(remote_session_gateway_anonymous_param_requested_profile(a).p, "operator"))
                return deny(a, "profile");
        if (session_bind(k, "", "anonymous", &cap))
                return capnp_answer_fail(a, CAPNP_OVERLOADED, "no memory");
        remote_session_gateway_anonymous_results_set_session(a, (remote_session_client){cap});
        return capnp_answer_return(a);
}

static const struct remote_session_gateway_ops gateway_ops = {.gone = conn_gone,
                                                              .auth_methods = gateway_methods,
                                                              .start = gateway_start,
                                                              .guest = gateway_guest,
                                                              .anonymous = gateway_anonymous};

static void play_accept(void *self, int fd)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *cap = NULL;
        struct play *p = self;
        struct conn *k = calloc(1, sizeof(*k));
        capnp_conn *conn;

        if (!k) {
                (void)close(fd);
                return;
        }
        *k = (struct conn){.p = p, .refs = 1};
        p->connections++;
        p->last_fd = fd;
        if (remote_session_gateway_serve(p->vat, &gateway_ops, k, &cap)) {
                (void)close(fd);
                conn_unref(k);
                return;
        }
        if (capnp_conn_new(p->vat, fd, NULL, cap, &conn))
                return;
        if (p->tls && capos_i_tls_accept(p->vat, conn, p->tls, &(struct capos_i_tls_plan){0}, NULL))
                capnp_conn_close(conn, (capnp_exception){CAPNP_FAILED, "no TLS"});
        capnp_conn_unref(conn);
}

int play_init(struct play *p, capnp_vat *v, const char *addr)
{
        static const struct capnp_listener_ops ops = {.accept = play_accept};
        int r;

        *p = (struct play){.vat = v, .lease_ms = 60 * 1000, .motd = "welcome"};
        r = capnp_schema_new(&p->schema);
        if (!r)
                r = capnp_schema_add_file(p->schema, &system_info_capnp_schema);
        if (!r)
                r = capnp_schema_add_file(p->schema, &chat_capnp_schema);
        if (!r)
                r = capnp_schema_add_file(p->schema, &user_session_capnp_schema);
        return r ? r : capnp_listener_new(v, addr, &ops, p, &p->listener);
}

void play_deinit(struct play *p)
{
        p->listener = capnp_listener_free(p->listener);
        for (unsigned i = 0; i < PLAY_MEMBERS; i++)
                p->listeners[i] = capnp_cap_unref(p->listeners[i]);
        p->schema = capnp_schema_free(p->schema);
}
