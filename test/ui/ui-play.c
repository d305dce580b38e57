/* The session, the service and the front end of a play, and how its bytes move. */
#include "ui-play.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

static void note(char *to, size_t bytes, const char *text)
{
        (void)snprintf(to, bytes, "%s", text);
}

/* ---- the session ----------------------------------------------------------------------------- */

static int serve_withdraw(void *self, capnp_answer *a)
{
        struct play *p = self;

        p->withdrawn++;
        return capnp_answer_return(a);
}

static void ended_canceled(capnp_answer *a, void *arg)
{
        struct play *p = arg;

        p->ended = NULL;
        (void)capnp_answer_fail(a, CAPNP_FAILED, "canceled");
}

static int serve_ended(void *self, capnp_answer *a)
{
        struct play *p = self;

        p->ended = a;
        return capnp_answer_keep(a, ended_canceled, p);
}

static void note_report(struct play *p, const char *by, ui_report_reader r)
{
        static const char *const whats[] = {"command", "prompt",  "persist", "theme", "reset",
                                            "panes",   "consent", "pin",     "move",  "closed"};
        size_t at = strlen(p->reported);

        CHECK(ui_report_what(r) < sizeof(whats) / sizeof(whats[0]));
        CHECK(!ui_report_allowed(r) || !ui_report_unanswered(r));
        p->reports++;
        (void)snprintf(p->reported + at, sizeof(p->reported) - at, "%s%s %s %s; ", by,
                       whats[ui_report_what(r)],
                       ui_report_allowed(r)      ? "allowed"
                       : ui_report_unanswered(r) ? "unanswered"
                                                 : "refused",
                       ui_report_command(r).p);
}

static int serve_report(void *self, capnp_answer *a)
{
        note_report(self, "", remote_ui_offer_report_param_report(a));
        return capnp_answer_return(a);
}

static int serve_report_ui(void *self, capnp_answer *a)
{
        note_report(self, "!", remote_session_report_ui_param_report(a));
        return capnp_answer_return(a);
}

static void offer_gone(void *self)
{
        struct play *p = self;

        p->offers_gone++;
}

static const struct remote_ui_offer_ops offer_ops = {
        .gone = offer_gone,
        .withdraw = serve_withdraw,
        .ended = serve_ended,
        .report = serve_report,
};

static int offer_give(struct play *p, capnp_answer *a)
{
        capnp_cap *offer;
        int r = remote_ui_offer_serve(p->far, &offer_ops, p, &offer);

        if (r)
                return capnp_answer_fail(a, CAPNP_OVERLOADED, "no memory");
        remote_session_offer_ui_results_set_offer(a, (remote_ui_offer_client){offer});
        capnp_cap_unref(offer);
        return capnp_answer_return(a);
}

static int serve_offer_ui(void *self, capnp_answer *a)
{
        struct play *p = self;

        if (p->refuses)
                return capnp_answer_fail(a, CAPNP_FAILED, "%s", p->refuses);
        capnp_cap_unref(p->host);
        p->host = capnp_cap_ref(remote_session_offer_ui_param_host(a).c);
        return offer_give(p, a);
}

static int serve_offer_surface(void *self, capnp_answer *a)
{
        struct play *p = self;

        capnp_cap_unref(p->lent);
        p->lent = capnp_cap_ref(remote_session_offer_surface_param_surface(a).c);
        return offer_give(p, a);
}

static const struct remote_session_ops session_ops = {
        .offer_ui = serve_offer_ui,
        .offer_surface = serve_offer_surface,
        .report_ui = serve_report_ui,
};

/* ---- the desk -------------------------------------------------------------------------------- */

static int serve_desk(void *self, capnp_answer *a)
{
        struct play *p = self;
        uint16_t m = capnp_answer_method(a);
        capnp_text t = capnp_reader_text(capnp_answer_params(a), 0);

        p->calls[m & 7]++;
        note(p->last, sizeof(p->last), t.p ? t.p : "");
        if (m == 6)
                return capnp_answer_fail(a, CAPNP_FAILED, "the desk\033[2J is locked");
        if (p->holds_calls) {
                p->held = a;
                return capnp_answer_keep(a, NULL, NULL);
        }
        return capnp_answer_return(a);
}

/* ---- the front end --------------------------------------------------------------------------- */

static uint64_t on_now(void *arg)
{
        return ((struct play *)arg)->now_ms;
}

static capnp_cap *on_capability(void *arg, const char *name, uint64_t interface)
{
        struct play *p = arg;
        capnp_cap *c = NULL;

        (void)interface;
        if (!p->holds_desk || strcmp(name, "desk") != 0 ||
            capnp_cap_new_dispatch(p->near, serve_desk, NULL, p, &c))
                return NULL;
        return c;
}

static enum capos_ui_effect on_effect(void *arg, const char *service, const char *capability,
                                      const struct capnp_method_info *m)
{
        (void)service;
        (void)capability;
        (void)m;
        return ((struct play *)arg)->policy;
}

static bool on_may_target(void *arg, const char *service, const char *capability)
{
        return ((struct play *)arg)->may_target && !strcmp(service, "desk") &&
               !strcmp(capability, "other");
}

static void on_wake(void *arg, uint64_t at_ms)
{
        ((struct play *)arg)->wake_ms = at_ms;
}

static void on_opened(void *arg, capos_ui_surface *s)
{
        (void)s;
        ((struct play *)arg)->opened++;
}

static void on_changed(void *arg, capos_ui_surface *s, const struct capos_ui_change *c)
{
        struct play *p = arg;

        (void)s;
        p->changed++;
        p->change = *c;
        p->change.replaced = p->change.removed = NULL;
}

static void on_closed(void *arg, capos_ui_surface *s, enum capos_ui_close_reason why)
{
        struct play *p = arg;

        (void)s;
        p->closed++;
        p->why_closed = why;
}

static void on_layout(void *arg, const struct capos_ui_layout *l)
{
        (void)l;
        ((struct play *)arg)->layouts++;
}

static void on_theme(void *arg, capos_ui_offer *o, const struct capos_ui_theme *t)
{
        struct play *p = arg;

        p->themes++;
        p->restyled += !o;
        p->theme = *t;
}

static void on_prompt(void *arg, const struct capos_ui_prompt *q)
{
        struct play *p = arg;

        CHECK_EQ(p->prompts, p->prompts_gone); /* one at a time */
        p->prompts++;
        p->prompt_id = q->id;
        p->prompt_kind = q->kind;
        note(p->prompt, sizeof(p->prompt), q->text);
}

static void on_prompt_gone(void *arg, uint64_t id)
{
        struct play *p = arg;

        CHECK_EQ(id, p->prompt_id);
        p->prompts_gone++;
}

static void on_ran(void *arg, const struct capos_ui_ran *r)
{
        struct play *p = arg;

        p->ran++;
        p->ran_r = r->r;
        p->ran_number = r->number;
        note(p->ran_why, sizeof(p->ran_why), r->why);
}

static void on_ended(void *arg, capos_ui_offer *o, enum capos_ui_close_reason how, const char *why)
{
        struct play *p = arg;

        CHECK(capos_ui_offer_name(o)[0] != 0);
        p->over++;
        p->how_over = how;
        note(p->why_over, sizeof(p->why_over), why);
}

static void on_saved(void *arg)
{
        ((struct play *)arg)->saved++;
}

static const struct capos_ui_front_ops front_ops = {
        .now_ms = on_now,
        .capability = on_capability,
        .effect = on_effect,
        .may_target = on_may_target,
        .wake = on_wake,
        .opened = on_opened,
        .changed = on_changed,
        .closed = on_closed,
        .layout = on_layout,
        .theme = on_theme,
        .prompt = on_prompt,
        .prompt_gone = on_prompt_gone,
        .ran = on_ran,
        .ended = on_ended,
        .saved = on_saved,
};

/* ---- life ------------------------------------------------------------------------------------ */

static bool move(capnp_rpc *from, capnp_rpc *to)
{
        struct iovec v[4];
        int n = capnp_rpc_out_peek(from, v, 4, NULL, NULL);
        size_t sum = 0;

        for (int i = 0; i < n; i++) {
                (void)!capnp_rpc_feed(to, v[i].iov_base, v[i].iov_len, NULL, 0);
                sum += v[i].iov_len;
        }
        if (sum)
                capnp_rpc_out_sent(from, sum);
        return sum > 0;
}

bool play_step(struct play *p)
{
        bool more = capnp_rpc_step(p->near);

        more |= capnp_rpc_step(p->far);
        if (p->near_rpc && p->far_rpc) {
                more |= move(p->near_rpc, p->far_rpc);
                more |= move(p->far_rpc, p->near_rpc);
        }
        return more;
}

void play_run(struct play *p)
{
        while (play_step(p))
                ;
}

static int play_join(struct play *p)
{
        capnp_cap *session = NULL;
        int r = capnp_vat_new_bare(&p->near);

        if (!r)
                r = capnp_vat_new_bare(&p->far);
        if (!r)
                r = remote_session_serve(p->far, &session_ops, p, &session);
        if (!r)
                r = capnp_rpc_new(p->near, NULL, NULL, &p->near_rpc);
        if (!r)
                r = capnp_rpc_new(p->far, NULL, session, &p->far_rpc);
        capnp_cap_unref(session);
        return r ? r : capnp_rpc_bootstrap(p->near_rpc, &p->session);
}

int play_open(struct play *p)
{
        int r;

        *p = (struct play){.now_ms = 1000000000000, .holds_desk = true};
        r = play_join(p);
        if (!r)
                r = capnp_schema_new(&p->schema);
        if (!r)
                r = capnp_schema_add_file(p->schema, &desk_capnp_schema);
        if (r)
                return r;

        p->config = (struct capos_ui_config){
                .vat = p->near,
                .session = p->session,
                .schema = p->schema,
                .account = "alice",
                .columns = 100,
                .rows = 30,
                .ops = &front_ops,
                .arg = p,
        };
        return capos_ui_new(&p->config, &p->ui);
}

void play_close(struct play *p)
{
        p->ui = capos_ui_free(p->ui);
        if (p->near && p->far)
                play_run(p); /* what was on its way may still bring something */
        capnp_cap_unref(p->host);
        capnp_cap_unref(p->lent);
        capnp_cap_unref(p->session);
        if (p->near && p->far)
                play_run(p);
        capnp_rpc_free(p->near_rpc);
        capnp_rpc_free(p->far_rpc);
        capnp_vat_free(p->near);
        capnp_vat_free(p->far);
        capnp_schema_free(p->schema);
}

void play_pass(struct play *p, uint64_t ms)
{
        p->now_ms += ms;
        capos_ui_tick(p->ui);
        play_run(p);
}

void play_cut(struct play *p)
{
        capnp_rpc_close(p->near_rpc, (capnp_exception){CAPNP_DISCONNECTED, "the line dropped"});
        capnp_rpc_close(p->far_rpc, (capnp_exception){CAPNP_DISCONNECTED, "the line dropped"});
        play_run(p);
}

capos_ui_offer *play_offer(struct play *p)
{
        const struct capos_ui_offering what = {
                .name = "desk", .title = "The desk", .interface = DESK_ID, .asked_for = true};
        capos_ui_offer *o;

        CHECK_OK(capos_ui_offer_host(p->ui, &what, &o, NULL));
        play_run(p);
        return o;
}

/* ---- the service ----------------------------------------------------------------------------- */

/* The parameter struct of a method. */
static uint64_t params_of(struct play *p, uint64_t interface, uint16_t method)
{
        struct capnp_method_info m;

        for (uint32_t i = 0;; i++) {
                CHECK_OK(capnp_schema_method(p->schema, interface, i, &m));
                if (m.interface == interface && m.ordinal == method)
                        return m.params;
        }
}

capnp_question *play_ask(struct play *p, capnp_cap *c, uint64_t interface, uint16_t method,
                         const char *params)
{
        capnp_question *q = capnp_question_new_any(p->far, c, interface, method);
        struct capnp_fault f = {0};

        if (capnp_text_parse(p->schema, params_of(p, interface, method), capnp_text_of(params),
                             NULL, capnp_question_params_any(q), &f))
                test_fail(__FILE__, __LINE__, "%s: %s: %s", params, f.path, f.what);
        capnp_question_send(q, NULL, NULL);
        play_run(p);
        return q;
}

int play_end(struct play *p, capnp_question *q, uint64_t results)
{
        struct capnp_buf b;
        int r = capnp_question_result(q);

        note(p->last, sizeof(p->last), capnp_question_exception(q).reason);
        if (!r && results) {
                capnp_buf_init(&b, 65536);
                CHECK_OK(
                        capnp_text_print(p->schema, results, capnp_question_response(q), NULL, &b));
                note(p->last, sizeof(p->last), b.p);
                capnp_buf_deinit(&b);
        }
        capnp_question_free(q);
        play_run(p);
        return r;
}

int play_call(struct play *p, capnp_cap *c, uint64_t interface, uint16_t method, const char *params)
{
        return play_end(p, play_ask(p, c, interface, method, params), 0);
}

capnp_cap *play_surface(struct play *p, const char *spec)
{
        static const uint16_t path[] = {0};
        char params[1024];
        capnp_question *q;
        capnp_cap *c;

        p->now_ms += 1000;
        (void)snprintf(params, sizeof(params), "(spec = %s)", spec);
        q = play_ask(p, p->host, HOST(HOST_OPEN), params);
        c = capnp_question_result(q) ? NULL : capnp_cap_ref(capnp_question_cap_peek(q, path, 1));
        (void)play_end(p, q, 0);
        return c;
}

static uint64_t schema_of(const char *kind)
{
        static const struct {
                const char *kind;
                uint64_t id;
        } kinds[] = {{"text", UI_TEXT_ID},
                     {"log", UI_LOG_ID},
                     {"list", UI_LIST_ID},
                     {"form", UI_FORM_ID},
                     {"table", UI_TABLE_ID},
                     {"counters", UI_COUNTERS_ID},
                     {"transcript", UI_TRANSCRIPT_ID}};

        for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
                if (!strcmp(kinds[i].kind, kind))
                        return kinds[i].id;
        test_fail(__FILE__, __LINE__, "no kind %s", kind);
}

capnp_cap *play_pane(struct play *p, char id, const char *kind, const char *safety_class)
{
        char spec[256];

        (void)snprintf(spec, sizeof(spec),
                       "(surfaceId = \"%c\", title = \"Pane %c\", kind = %s, safetyClass = %s, "
                       "modelSchema = %" PRIu64 ")",
                       id, id, kind, safety_class, schema_of(kind));
        return play_surface(p, spec);
}

int play_apply(struct play *p, capnp_cap *surface, const char *patch)
{
        char params[4096];

        p->now_ms += 1000;
        (void)snprintf(params, sizeof(params), "(patch = %s)", patch);
        return play_call(p, surface, SURFACE(SURFACE_APPLY), params);
}

unsigned play_poll(struct play *p, capnp_cap *surface)
{
        capnp_question *q = play_ask(p, surface, SURFACE(SURFACE_POLL), "()");
        remote_ui_surface_poll_out_reader out = {capnp_question_response(q)};
        unsigned n = ui_event_list_len(remote_ui_surface_poll_out_events(out));

        CHECK_OK(play_end(p, q, REMOTE_UI_SURFACE_POLL_OUT_ID));
        return n;
}

/* ---- the person ------------------------------------------------------------------------------ */

capos_ui_surface *play_at(struct play *p)
{
        capos_ui_surface *s = NULL, *next;

        for (uint32_t i = 0; (next = capos_ui_surface_at(p->ui, i)); i++)
                s = next;
        CHECK(s != NULL);
        return s;
}

void play_saved(struct play *p, char *ret, size_t bytes)
{
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        struct capnp_buf b;

        capnp_buf_init(&b, 65536);
        CHECK_OK(capnp_msg_new(&m));
        capos_ui_saved_store(p->ui, capnp_msg_build(m));
        CHECK_OK(capnp_text_print(p->schema, UI_SAVED_ID, ui_saved_root(m).r, NULL, &b));
        (void)snprintf(ret, bytes, "%s", b.p);
        capnp_buf_deinit(&b);
}

int play_act(struct play *p, const char *command)
{
        const struct capos_ui_act act = {.command = command, .trusted = true, .number = ++p->acts};
        struct capos_ui_why why;
        int r = capos_ui_activate(play_at(p), &act, &why);

        note(p->last, sizeof(p->last), why.text);
        play_run(p);
        return r;
}
