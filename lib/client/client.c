/*
 * A connection and its session, and the engine under every operation.
 *
 * An operation is a list of questions that are sent together. Because a promised capability can be
 * called at once, logging in, asking what the session is and listing its bundle are one round trip
 * where the method of authentication allows it. When all questions have returned the operation's
 * step looks at them in order: the first one that failed is what went wrong, the others failed as
 * its consequence.
 *
 * Answers are kept as they came. The accessors read from them, and what they return is borrowed
 * until the same thing is asked again.
 */
#include "client.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* How long a try to come back may take, where nothing is said of operations. */
enum { BACK_MS = 20 * 1000, SCHEMA_BYTES = 4 * 1024 * 1024 };

/* ---- the operation ------------------------------------------------------------------------ */

static void op_drop_questions(struct client_op *op)
{
        for (unsigned i = 0; i < op->n; i++)
                capnp_question_free(op->q[i]);
        op->n = 0;
        op->open = 0;
}

static void op_let_go(struct client_op *op)
{
        void (*fn)(void *arg) = op->let_go;

        op->let_go = NULL;
        if (fn)
                fn(op->let_go_arg);
}

void client_on_let_go(capos_client *c, void (*fn)(void *arg), void *arg)
{
        c->op.let_go = fn;
        c->op.let_go_arg = arg;
}

void client_let_go(capos_client *c)
{
        op_let_go(&c->op);
}

static void op_clear(struct client_op *op)
{
        op_let_go(op);
        op_drop_questions(op);
        op->asks = false;
        free(op->schema);
        op->schema = NULL;
        op->flow = capnp_cap_unref(op->flow);
        op->soon = capnp_timer_free(op->soon);
        op->deadline = capnp_timer_free(op->deadline);
}

/* Nobody waits any longer: what was asked is canceled, and that is how the operation ends. */
static void op_on_deadline(void *arg)
{
        capos_client *c = arg;

        c->op.deadline = NULL;
        (void)client_fail(&c->error, -ETIMEDOUT, "no answer within %u seconds",
                          ((c->timeout_ms ? c->timeout_ms : BACK_MS) + 999) / 1000);
        client_end(c);
}

int client_restart_deadline(capos_client *c)
{
        c->op.deadline = capnp_timer_free(c->op.deadline);
        if (!c->timeout_ms && !c->back.running)
                return 0;
        return capnp_timer_new(c->vat, c->timeout_ms ? c->timeout_ms : BACK_MS, op_on_deadline, c,
                               &c->op.deadline);
}

void client_stop_deadline(capos_client *c)
{
        c->op.deadline = capnp_timer_free(c->op.deadline);
}

void client_drop_questions(capos_client *c)
{
        op_drop_questions(&c->op);
}

int client_begin(capos_client *c, capos_done *done, void *arg)
{
        if (c->op.running || (c->back.running && !c->back.begins))
                return -EBUSY;

        c->op = (struct client_op){.running = true, .done = done, .arg = arg};
        memset(&c->error, 0, sizeof(c->error));
        c->op.running = !client_restart_deadline(c);
        return c->op.running ? 0 : -ENOMEM;
}

void client_cancel(capos_client *c)
{
        op_clear(&c->op);
        c->op.running = false;
}

int client_begin_bound(capos_client *c, capos_done *done, void *arg)
{
        return c->session ? client_begin(c, done, arg) : -ENOTCONN;
}

void client_end(capos_client *c)
{
        struct client_op op = c->op;

        op_clear(&c->op);
        c->op.running = false;
        c->as = NULL;
        if (op.done)
                op.done(c, c->error.code, op.arg);
}

void client_end_with(capos_client *c, int r)
{
        (void)capos_error_of(r, (capnp_exception){CAPNP_FAILED, ""}, &c->error);
        client_end(c);
}

static void op_on_done(capnp_question *q, int r, void *arg)
{
        capos_client *c = arg;

        (void)q;
        (void)r;
        if (--c->op.open == 0)
                c->op.step(c);
}

void client_ask(capos_client *c, capnp_question *q)
{
        c->op.q[c->op.n++] = q;
}

int client_go(capos_client *c, void (*step)(capos_client *c))
{
        struct client_op *op = &c->op;

        for (unsigned i = 0; i < op->n; i++) {
                if (!op->q[i]) {
                        client_cancel(c);
                        return -ENOMEM;
                }
        }
        op->step = step;
        op->open = op->n;
        for (unsigned i = 0; i < op->n; i++)
                capnp_question_send(op->q[i], op_on_done, c);
        return 0;
}

void client_go_on(capos_client *c, void (*step)(capos_client *c))
{
        int r = client_go(c, step);

        if (r) {
                c->op.running = true;
                client_end_with(c, r);
        }
}

/* Whether the connection is over because of what the peer sent: no Cap'n Proto RPC. */
static bool client_was_misled(const capos_client *c)
{
        capnp_rpc *rpc = c->conn ? capnp_conn_rpc(c->conn) : NULL;

        /* A core that is closed says how, and takes nothing any more. */
        return rpc && capnp_rpc_is_closed(rpc, NULL) &&
               capnp_rpc_feed(rpc, NULL, 0, NULL, 0) == CAPNP_E_PROTOCOL;
}

struct client_identity *client_identity_free(struct client_identity *i)
{
        free(i);
        return NULL;
}

bool client_identity_refused(const capos_client *c, struct capos_error *e)
{
        static const char by_ca[] = "TLS: the server's certificate is refused";

        if (c->identity && c->identity->refused.code)
                *e = c->identity->refused;
        else if (c->identity && strstr(e->text, by_ca))
                e->code = CAPOS_E_WRONG_KEY;
        else
                return false;
        return true;
}

int client_outcome(capos_client *c, unsigned n)
{
        int r = 0;

        for (unsigned i = 0; i < n && !r; i++) {
                /* All of it is looked at: what is bad is told now, and not read as defaults later.
                 */
                (void)capnp_any_words(capnp_question_response_any(c->op.q[i]), NULL);
                r = capos_error_of_question(c->op.q[i], &c->error);
        }
        if (r == CAPNP_E_DISCONNECTED && client_was_misled(c))
                r = c->error.code = CAPNP_E_PROTOCOL;
        if (r == CAPNP_E_DISCONNECTED && client_identity_refused(c, &c->error))
                r = c->error.code;
        return r;
}

void client_keep(capos_client *c, unsigned i, capnp_question **slot)
{
        capnp_question_free(*slot);
        *slot = c->op.q[i];
        c->op.q[i] = NULL;
}

int capos_client_wait(capos_client *c, int begun)
{
        struct pollfd p = {.fd = capnp_vat_fd(c->vat), .events = POLLIN};
        int r;

        if (begun && c->error.code != begun)
                (void)capos_error_of(begun, (capnp_exception){CAPNP_FAILED, ""}, &c->error);
        if (begun)
                return begun;

        while (c->op.running || c->back.running) {
                if (poll(&p, 1, capnp_vat_timeout_ms(c->vat)) < 0 && errno != EINTR)
                        return -errno;
                r = capnp_vat_process(c->vat);
                if (r)
                        return r;
        }
        return c->error.code;
}

/* ---- life --------------------------------------------------------------------------------- */

static void client_on_close(capnp_conn *conn, void *arg)
{
        capnp_exception why = {CAPNP_DISCONNECTED, ""};
        struct capos_error e;
        capos_client *c = arg;

        (void)capnp_rpc_is_closed(capnp_conn_rpc(conn), &why);
        (void)capos_error_of(CAPNP_E_DISCONNECTED, why, &e);
        (void)client_identity_refused(c, &e);
        if (c->ended)
                c->ended(c, &e, c->ended_arg);
}

int client_make(capnp_vat *v, capos_client **ret_c)
{
        capos_client *c = calloc(1, sizeof(*c));
        int r;

        if (!c)
                return -ENOMEM;

        c->vat = v;
        r = capnp_schema_new(&c->schema);
        if (r) {
                free(c);
                return r;
        }
        *ret_c = c;
        return 0;
}

int client_take_session(capos_client *c, capnp_cap *session)
{
        CAPNP_AUTO(capnp_question_freep)
        capnp_question *q = remote_session_cap_set((remote_session_client){session});
        capnp_cap *caps = capnp_cap_ref(remote_session_cap_set_caps(q).c);

        capnp_question_send(q, NULL, NULL);
        if (!caps)
                return -ENOMEM;

        capnp_cap_unref(c->caps);
        capnp_cap_unref(c->session);
        c->caps = caps;
        c->session = capnp_cap_ref(session);
        return 0;
}

int capos_client_new_of_session(capnp_vat *v, capnp_cap *session, capos_client **ret_c)
{
        CAPNP_AUTO(capos_client_freep) capos_client *c = NULL;
        int r;

        r = client_make(v, &c);
        if (r)
                return r;

        r = client_take_session(c, session);
        if (r)
                return r;

        *ret_c = c;
        c = NULL;
        return 0;
}

void client_hang_up(capos_client *c)
{
        c->caps = capnp_cap_unref(c->caps);
        c->session = capnp_cap_unref(c->session);
        c->gateway = capnp_cap_unref(c->gateway);
        if (!c->conn)
                return;

        capnp_conn_on_close(c->conn, NULL, NULL);
        capnp_conn_close(c->conn, (capnp_exception){CAPNP_DISCONNECTED, "done"});
        c->conn = capnp_conn_unref(c->conn);
}

uint64_t client_back_now_ms(void)
{
        struct timespec t;

        (void)clock_gettime(CLOCK_BOOTTIME, &t);
        return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void client_back_forget(capos_client *c)
{
        c->back.key = capos_key_free(c->back.key);
        c->back.is_ready = false;
}

capos_client *capos_client_free(capos_client *c)
{
        if (!c)
                return NULL;

        op_clear(&c->op);
        client_back_forget(c);
        c->back.timer = capnp_timer_free(c->back.timer);
        capnp_question_free(c->methods);
        capnp_question_free(c->info);
        capnp_question_free(c->list);
        client_hang_up(c);
        capos_i_tls_context_unref(c->tls);
        capnp_schema_free(c->schema);
        client_identity_free(c->identity);
        free(c);
        return NULL;
}

void client_hear_end(capos_client *c)
{
        if (c->conn)
                capnp_conn_on_close(c->conn, c->ended ? client_on_close : NULL, c);
}

void capos_client_on_end(capos_client *c,
                         void (*ended)(capos_client *c, const struct capos_error *why, void *arg),
                         void *arg)
{
        c->ended = ended;
        c->ended_arg = arg;
        client_hear_end(c);
}

void capos_client_set_trace(capos_client *c, void (*fn)(void *arg, bool in, capnp_msg *m),
                            void *arg)
{
        c->trace = fn;
        c->trace_arg = arg;
        if (c->conn)
                capnp_rpc_set_trace(capnp_conn_rpc(c->conn), fn, arg);
}

void capos_client_set_timeout(capos_client *c, uint32_t timeout_ms)
{
        c->timeout_ms = timeout_ms;
}

const struct capos_error *capos_client_error_peek(const capos_client *c)
{
        return &c->error;
}

/* ---- ways to log in ----------------------------------------------------------------------- */

static void methods_step(capos_client *c)
{
        if (!client_outcome(c, 1))
                client_keep(c, 0, &c->methods);
        client_end(c);
}

int capos_client_fetch_methods(capos_client *c, capos_done *done, void *arg)
{
        int r = client_begin(c, done, arg);

        if (r)
                return r;

        client_ask(c, remote_session_gateway_auth_methods(
                              (remote_session_gateway_client){c->gateway}));
        return client_go(c, methods_step);
}

static bool method_read(const capos_client *c, uint32_t i, remote_auth_method_reader *ret)
{
        remote_auth_method_list l;

        if (!c->methods)
                return false;

        l = remote_session_gateway_auth_methods_methods(c->methods);
        if (i >= remote_auth_method_list_len(l))
                return false;

        *ret = remote_auth_method_list_get(l, i);
        return true;
}

bool capos_client_method(const capos_client *c, uint32_t i, struct capos_method *ret_m)
{
        remote_auth_method_reader m;

        if (!method_read(c, i, &m))
                return false;

        *ret_m = (struct capos_method){
                .kind = (enum capos_auth)remote_auth_method_kind(m),
                .enabled = remote_auth_method_state(m) == REMOTE_AUTH_STATE_ENABLED,
                .interactive = remote_auth_method_interactive(m),
                .label = remote_auth_method_label(m).p,
                .reason = remote_auth_method_reason(m).p,
                .nprofiles = remote_auth_method_profile_hints(m).len,
        };
        return true;
}

const char *capos_client_method_profile(const capos_client *c, uint32_t i, uint32_t j)
{
        remote_auth_method_reader m;
        capnp_list l;

        if (!method_read(c, i, &m))
                return NULL;

        l = remote_auth_method_profile_hints(m);
        return j < l.len ? remote_auth_method_profile_hints_at(l, j).p : NULL;
}

/* ---- the session -------------------------------------------------------------------------- */

static void fetch_step(capos_client *c)
{
        if (!client_outcome(c, 2)) {
                client_keep(c, 0, &c->info);
                client_keep(c, 1, &c->list);
        }
        client_end(c);
}

int capos_client_fetch(capos_client *c, capos_done *done, void *arg)
{
        int r = client_begin_bound(c, done, arg);

        if (r)
                return r;

        client_ask(c, remote_session_info((remote_session_client){c->session}));
        client_ask(c, remote_cap_set_list((remote_cap_set_client){c->caps}));
        return client_go(c, fetch_step);
}

bool capos_client_info(const capos_client *c, struct capos_session_info *ret_i)
{
        session_info_reader i;
        session_quota_reader q;

        if (!c->info)
                return false;

        i = remote_session_info_info(c->info);
        q = session_info_quota(i);
        *ret_i = (struct capos_session_info){
                .id = session_info_id(i).p,
                .account = session_info_account(i).p,
                .profile = session_info_profile(i).p,
                .kind = session_info_kind(i).p,
                .transport = session_info_transport(i).p,
                .source = session_info_source(i).p,
                .started_at_ms = session_info_started_at_ms(i),
                .expires_at_ms = session_info_expires_at_ms(i),
                .renew_challenge = session_info_renew_challenge(i),
                .references = session_quota_references(q),
                .calls = session_quota_calls(q),
                .queued_bytes = session_quota_queued_bytes(q),
                .message_bytes = session_quota_message_bytes(q),
                .calls_per_second = session_quota_calls_per_second(q),
                .witness_records = log_witness_records(session_info_witness(i)),
                .witness_hash = log_witness_hash(session_info_witness(i)),
                .last_login_at_ms = session_info_last_login_at_ms(i),
                .last_login_kind = session_info_last_login_kind(i).p,
                .last_login_from = session_info_last_login_from(i).p,
                .agent = session_info_agent(i),
        };
        return true;
}

bool capos_client_use(const capos_client *c, uint32_t i, struct capos_quota_use *ret_u)
{
        quota_use_list l;
        quota_use_reader u;

        if (!c->info)
                return false;

        l = session_info_use(remote_session_info_info(c->info));
        if (i >= quota_use_list_len(l))
                return false;

        u = quota_use_list_get(l, i);
        *ret_u = (struct capos_quota_use){
                .name = quota_use_name(u).p,
                .limit = quota_use_limit(u),
                .used = quota_use_used(u),
                .most = quota_use_most(u),
        };
        return true;
}

bool capos_client_entry(const capos_client *c, uint32_t i, struct capos_cap_entry *ret_e)
{
        remote_cap_entry_list l;
        remote_cap_entry_reader e;

        if (!c->list)
                return false;

        l = remote_cap_set_list_entries(c->list);
        if (i >= remote_cap_entry_list_len(l))
                return false;

        e = remote_cap_entry_list_get(l, i);
        *ret_e = (struct capos_cap_entry){
                .name = remote_cap_entry_name(e).p,
                .interface = remote_cap_entry_interface_id(e),
                .transfer = remote_cap_entry_transfer_policy(e).p,
                .lease_expires_ms = remote_cap_entry_lease_expires_at_ms(e),
                .title = remote_cap_entry_title(e).p,
                .summary = remote_cap_entry_summary(e).p,
                .nmethods = remote_method_list_len(remote_cap_entry_methods(e)),
                .ui = remote_cap_entry_ui(e),
        };
        return true;
}

bool capos_client_find(const capos_client *c, const char *name, struct capos_cap_entry *ret_e)
{
        for (uint32_t i = 0; capos_client_entry(c, i, ret_e); i++)
                if (!strcmp(ret_e->name, name))
                        return true;

        return false;
}

/* Those that it is said to have; none: all. */
static remote_method_list client_methods(const capos_client *c, const char *name)
{
        struct capos_cap_entry e;

        for (uint32_t i = 0; capos_client_entry(c, i, &e); i++)
                if (!strcmp(e.name, name))
                        return remote_cap_entry_methods(
                                remote_cap_entry_list_get(remote_cap_set_list_entries(c->list), i));
        return (remote_method_list){0};
}

bool capos_client_entry_method(const capos_client *c, const char *name, uint32_t i,
                               struct capos_cap_method *ret_m)
{
        remote_method_list l = client_methods(c, name);
        remote_method_reader m;

        if (i >= remote_method_list_len(l))
                return false;

        m = remote_method_list_get(l, i);
        *ret_m = (struct capos_cap_method){
                .name = remote_method_name(m).p,
                .interface = remote_method_interface_id(m),
                .ordinal = remote_method_ordinal(m),
        };
        return true;
}

bool capos_client_entry_has(const capos_client *c, const char *name, uint64_t interface,
                            uint16_t ordinal)
{
        struct capos_cap_entry e;
        struct capos_cap_method m;

        if (!capos_client_find(c, name, &e))
                return false;

        for (uint32_t i = 0; capos_client_entry_method(c, name, i, &m); i++)
                if (m.interface == interface && m.ordinal == ordinal)
                        return true;
        return !e.nmethods;
}

capnp_cap *capos_client_get(capos_client *c, const char *name, uint64_t interface)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        capnp_cap *cap;

        q = remote_cap_set_get((remote_cap_set_client){c->caps});
        remote_cap_set_get_set_name(q, name);
        remote_cap_set_get_set_expected_interface_id(q, interface);
        cap = capnp_cap_ref(remote_cap_set_get_cap(q));
        capnp_question_send(q, NULL, NULL);
        return cap;
}

capnp_cap *capos_client_session_peek(const capos_client *c)
{
        return c->session;
}

static void logout_step(capos_client *c)
{
        if (!client_outcome(c, 1))
                client_back_forget(c);
        client_end(c);
}

int capos_client_logout(capos_client *c, capos_done *done, void *arg)
{
        int r = client_begin_bound(c, done, arg);

        if (r)
                return r;

        client_ask(c, remote_session_logout((remote_session_client){c->session}));
        return client_go(c, logout_step);
}

/* ---- schemas ------------------------------------------------------------------------------ */

static void schema_ask(capos_client *c);

/* Keeps a part; room for all is made at the first. 0; CAPNP_E_LIMIT; CAPNP_E_SHORT;
 * CAPNP_E_POISON: it is of another one than the first was; -ENOMEM. */
static int schema_take(struct client_op *op, capnp_data part, uint32_t length)
{
        if (!length) /* an instance that knows no parts */
                length = part.len;
        if (!op->schema) {
                op->schema = length && length <= SCHEMA_BYTES ? malloc(length) : NULL;
                op->schema_length = length;
        }
        if (!op->schema)
                return length > SCHEMA_BYTES ? CAPNP_E_LIMIT : length ? -ENOMEM : CAPNP_E_SHORT;
        if (length != op->schema_length || !part.len || part.len > length - op->schema_len)
                return CAPNP_E_POISON;

        memcpy(op->schema + op->schema_len, part.p, part.len);
        op->schema_len += part.len;
        return 0;
}

static void schema_step(capos_client *c)
{
        struct client_op *op = &c->op;
        int r;

        if (client_outcome(c, 1)) {
                client_end(c);
                return;
        }

        r = schema_take(op, remote_cap_set_schema_schema(op->q[0]),
                        remote_cap_set_schema_length(op->q[0]));
        if (!r && op->schema_len < op->schema_length) {
                client_drop_questions(c);
                schema_ask(c);
                client_go_on(c, schema_step);
                return;
        }
        if (!r)
                r = capnp_schema_add_request(c->schema, op->schema, op->schema_length, NULL);
        client_end_with(c, r);
}

static void schema_ask(capos_client *c)
{
        capnp_question *q = remote_cap_set_schema((remote_cap_set_client){c->caps});

        remote_cap_set_schema_set_interface_id(q, c->op.schema_of);
        remote_cap_set_schema_set_at(q, c->op.schema_len);
        remote_cap_set_schema_set_most(q, UINT32_MAX);
        client_ask(c, q);
}

static void schema_is_there(void *arg)
{
        capos_client *c = arg;

        c->op.soon = NULL;
        client_end(c);
}

int capos_client_fetch_schema(capos_client *c, uint64_t interface, capos_done *done, void *arg)
{
        int r = client_begin_bound(c, done, arg);

        if (r)
                return r;

        if (capnp_schema_find(c->schema, interface)) {
                r = capnp_timer_new(c->vat, 0, schema_is_there, c, &c->op.soon);
                if (r)
                        client_cancel(c);
                return r;
        }
        c->op.schema_of = interface;
        schema_ask(c);
        return client_go(c, schema_step);
}

const capnp_schema *capos_client_schema_peek(const capos_client *c)
{
        return c->schema;
}
