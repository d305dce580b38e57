/*
 * A session's workspace: lib/ui decides everything, the page draws, and this passes on.
 *
 * One workspace is all tabs'; what they are told of its panes is feed.c's. What has been decided by
 * a person's hand, or not, is the browser's word (Event.isTrusted): more there is not, and what
 * lasts is asked about in the frame.
 *
 * What is kept of an account is loaded from its `settings` before anything is offered, and saved
 * there. A line that drops ends the workspace; the one that comes when it is there again begins
 * with what was arranged, also of personal panes, and lends hosts to whom had one.
 */
#include "panes.h"

#include "calls.h"
#include "feed.h"
#include "pane-frames.h"
#include "records.h"
#include "settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
        VALUES = 64,
        NAME = 96,
        COLUMNS = 160,
        ROWS = 48,
        OFFERS = 8,
        CODE = 64,
};

/* A service that is lent a host, or was. */
struct lent {
        struct panes *p;
        capos_ui_offer *offer; /* NULL: it has ended … */
        char code[CODE];       /* … so */
        char why[CAPOS_UI_WORDS];
        bool lost;          /* … by nobody's will: with its service, or with the line */
        capnp_timer *again; /* it is lent one anew; NULL: not */
        char name[NAME];    /* "": this place is free */
};

/* What outlasts a line that drops. */
struct panes_kept {
        capos_ui_arranged *arranged; /* NULL: nothing, or it is a workspace's again */
        char open[OFFERS][NAME];     /* who was lent a host; "": nobody */
};

struct panes {
        struct bridge *b;
        capos_ui *ui;
        struct lent lent[OFFERS];
        struct feed *feed;
        capnp_timer *wake;
        uint64_t prompt; /* that is open; 0: none */
        struct capos_ui_prompt shown;
        struct settings settings;
        capnp_question *asked; /* for what is kept; what is offered waits for it */
        bool ending;
};

static struct bridge *bridge_of(void *arg)
{
        return ((struct panes *)arg)->b;
}

/* ---- what lib/ui tells ---------------------------------------------------------------------- */

static uint64_t on_now(void *arg)
{
        (void)arg;
        return bridge_time_ms();
}

static capnp_cap *on_capability(void *arg, const char *name, uint64_t interface)
{
        return capos_client_get(bridge_of(arg)->client, name, interface);
}

static void on_due(void *arg)
{
        struct panes *p = arg;

        p->wake = NULL;
        capos_ui_tick(p->ui);
}

static void on_wake(void *arg, uint64_t at_ms)
{
        uint64_t now = bridge_time_ms(), ms = at_ms > now ? at_ms - now : 0;
        struct panes *p = arg;

        p->wake = capnp_timer_free(p->wake);
        (void)!capnp_timer_new(p->b->vat, ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms, on_due, p,
                               &p->wake);
}

static void on_changed(void *arg, capos_ui_surface *s, const struct capos_ui_change *c)
{
        feed_changed(((struct panes *)arg)->feed, s, c);
}

/* What a pane's end, or an offer's, is called. */
static const char *const ends[] = {
        [CAPOS_UI_CLOSED_BY_PERSON] = "refused.person",
        [CAPOS_UI_CLOSED_BY_HOST] = "withdrawn",
        [CAPOS_UI_CLOSED_SESSION] = "session-ended",
        [CAPOS_UI_CLOSED_RESET] = "reset",
        [CAPOS_UI_CLOSED_BY_SERVICE] = "finished",
        [CAPOS_UI_CLOSED_BY_INSTANCE] = "revoked",
        [CAPOS_UI_CLOSED_LOST] = "failed",
        [CAPOS_UI_CLOSED_DROPPED] = "dropped",
};

static void offers_tell(struct panes *p, const struct bridge_tab *t);

static void on_closed(void *arg, capos_ui_surface *s, enum capos_ui_close_reason why)
{
        struct down d = down_new(0);
        struct capos_ui_pane p;

        feed_closed(((struct panes *)arg)->feed, s);
        capos_ui_surface_info(s, &p);
        if (d.m) {
                web_down_gone_builder g = web_down_init_gone(d.d);

                web_down_gone_set_surface(g, p.number);
                web_down_gone_set_reason(g, ends[why]);
        }
        down_tell(bridge_of(arg), NULL, &d);
        if (why == CAPOS_UI_CLOSED_BY_PERSON)
                offers_tell(arg, NULL);
}

/* Each tab has room of its own, and so a layout. */
static void layout_tell(struct bridge *b, const struct bridge_tab *t)
{
        struct down d = down_new(0);
        struct capos_ui_layout l;

        capos_ui_layout_for(b->panes->ui, t->columns ? t->columns : COLUMNS,
                            t->rows ? t->rows : ROWS, &l);
        if (d.m)
                pane_layout_write(&l, web_down_init_layout(d.d));
        down_tell(b, t, &d);
}

static void on_layout(void *arg, const struct capos_ui_layout *l)
{
        struct bridge *b = bridge_of(arg);
        unsigned tabs = bridge_tabs(b);

        (void)l;
        for (unsigned i = 0; b->panes && i < BRIDGE_TABS; i++)
                if (tabs & 1U << i)
                        layout_tell(b, &b->tabs[i]);
}

/* A theme of one service's is said of each of its panes; 0: of the whole workspace. t NULL: to all
 * tabs. */
static void theme_tell(struct bridge *b, const struct bridge_tab *t, uint32_t surface,
                       const struct capos_ui_theme *theme)
{
        struct down d = down_new(0);

        if (d.m) {
                web_down_pane_theme_builder w = web_down_init_theme(d.d);

                web_down_pane_theme_set_surface(w, surface);
                pane_theme_write(theme, web_down_pane_theme_init_hint(w));
        }
        down_tell(b, t, &d);
}

static void on_theme(void *arg, capos_ui_offer *o, const struct capos_ui_theme *t)
{
        struct panes *p = arg;
        struct capos_ui_pane i;
        capos_ui_surface *s;

        if (!o)
                theme_tell(p->b, NULL, 0, t);
        for (uint32_t at = 0; o && (s = capos_ui_surface_at(p->ui, at)); at++) {
                capos_ui_surface_info(s, &i);
                if (i.offer == o)
                        theme_tell(p->b, NULL, i.number, t);
        }
}

/* How all of it looks, to a tab that is new. */
static void themes_tell(struct panes *p, const struct bridge_tab *t)
{
        struct capos_ui_pane i;
        capos_ui_surface *s;

        theme_tell(p->b, t, 0, capos_ui_look_peek(p->ui, NULL));
        for (uint32_t at = 0; (s = capos_ui_surface_at(p->ui, at)); at++) {
                capos_ui_surface_info(s, &i);
                theme_tell(p->b, t, i.number, capos_ui_look_peek(p->ui, i.offer));
        }
}

static void on_opened(void *arg, capos_ui_surface *s)
{
        struct panes *p = arg;
        struct capos_ui_pane i;

        capos_ui_surface_info(s, &i);
        p->b->numbered = i.number;
        feed_opened(p->feed, s);
        theme_tell(p->b, NULL, i.number, capos_ui_look_peek(p->ui, i.offer));
}

static void prompt_tell(struct panes *p, const struct bridge_tab *t)
{
        struct down d = down_new(0);

        if (d.m)
                pane_prompt_write(&p->shown, web_down_init_prompt(d.d));
        down_tell(p->b, t, &d);
}

static void on_prompt(void *arg, const struct capos_ui_prompt *q)
{
        struct panes *p = arg;

        p->prompt = q->id;
        p->shown = *q; /* borrowed until it is gone */
        prompt_tell(p, NULL);
}

static void on_prompt_gone(void *arg, uint64_t id)
{
        struct down d = down_new(0);
        struct panes *p = arg;

        if (p->prompt == id)
                p->prompt = 0;
        if (d.m)
                web_down_set_prompt_gone(d.d, id);
        down_tell(p->b, NULL, &d);
}

static void on_ran(void *arg, const struct capos_ui_ran *r)
{
        struct asker a = {(uint32_t)(r->number >> 32), (uint32_t)r->number};
        struct bridge *b = bridge_of(arg);
        struct down d = down_new(a.id);
        struct capos_ui_pane p = {.number = 0};
        struct capos_error e = {0};

        if (r->surface)
                capos_ui_surface_info(r->surface, &p);
        if (r->r)
                (void)capos_error_of_question(r->question, &e);
        if (r->r && !e.code)
                e = (struct capos_error){.code = CAPNP_E_EXCEPTION};
        if (r->r)
                (void)snprintf(e.text, sizeof(e.text), "%s", r->why);
        if (d.m) {
                web_down_ran_builder w = web_down_init_ran(d.d);

                web_down_ran_set_surface(w, p.number);
                web_down_ran_set_command(w, r->command);
                if (r->r)
                        failure_write(web_down_ran_init_failure(w), &e);
        }
        record_error(b, "command", r->method ? r->method->name : "", &e);
        down_answer(b, a, &d);
}

/* ---- offers --------------------------------------------------------------------------------- */

static struct lent *lent_find(struct panes *p, const char *name)
{
        for (unsigned i = 0; i < OFFERS; i++)
                if (!strcmp(p->lent[i].name, name))
                        return &p->lent[i];
        return NULL;
}

/* A place for one more: its own, a free one, or that of one whose end is all that is known. */
static struct lent *lent_place(struct panes *p, const char *name)
{
        struct lent *l = lent_find(p, name);

        for (unsigned i = 0; i < OFFERS && !l; i++)
                if (!p->lent[i].name[0])
                        l = &p->lent[i];
        for (unsigned i = 0; i < OFFERS && !l; i++)
                if (!p->lent[i].offer && !p->lent[i].again)
                        l = &p->lent[i];
        return l;
}

/* Whether it may compose, as the instance says. */
static bool entry_composes(const struct capos_cap_entry *e)
{
        return e->ui;
}

static void offer_write(struct panes *p, const struct capos_cap_entry *e, web_down_offer_builder o)
{
        const struct lent *l = lent_find(p, e->name);

        web_down_offer_set_service(o, e->name);
        web_down_offer_set_title(o, e->title);
        web_down_offer_set_consent(o, (enum ui_consent)capos_ui_consent_of(p->ui, e->name));
        web_down_offer_set_closed(o, capos_ui_closed(p->ui, e->name));
        if (!l)
                return;
        web_down_offer_set_running(o, l->offer != NULL);
        web_down_offer_set_why(o, l->why);
        web_down_offer_set_code(o, l->code);
        web_down_offer_set_again(o, l->again != NULL);
}

static void offers_tell(struct panes *p, const struct bridge_tab *t)
{
        struct down d = down_new(0);
        web_down_offer_list_builder l;
        struct capos_cap_entry e;
        uint32_t n = 0;

        for (uint32_t i = 0; capos_client_entry(p->b->client, i, &e); i++)
                n += entry_composes(&e);
        if (d.m) {
                l = web_down_init_offers(d.d, n);
                n = 0;
                for (uint32_t i = 0; capos_client_entry(p->b->client, i, &e); i++)
                        if (entry_composes(&e))
                                offer_write(p, &e, web_down_offer_list_builder_get(l, n++));
        }
        down_tell(p->b, t, &d);
}

/* The code that a refusal's words begin with; none: "". */
static void code_of(const char *why, char *ret, size_t bytes)
{
        static const char *const kinds[] = {"denied.", "over-quota.", "refused."};

        *ret = 0;
        for (unsigned i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
                if (!strncmp(why, kinds[i], strlen(kinds[i])))
                        (void)snprintf(ret, bytes, "%.*s", (int)strcspn(why, ":"), why);
}

/* CAPNP_E_EXCEPTION: refused. */
static int offer_begin(struct panes *p, const struct capos_cap_entry *e, bool asked_for,
                       struct capos_ui_why *why)
{
        struct capos_ui_offering what = {.name = e->name,
                                         .title = e->title,
                                         .interface = e->interface,
                                         .asked_for = asked_for};
        struct lent *l = lent_place(p, e->name);
        capos_ui_offer *o;
        int result;

        if (!l || strlen(e->name) >= NAME)
                return CAPNP_E_LIMIT;
        result = capos_ui_offer_host(p->ui, &what, &o, why);
        if (result)
                return result;
        capnp_timer_free(l->again);
        *l = (struct lent){.p = p, .offer = o};
        (void)snprintf(l->name, sizeof(l->name), "%s", e->name);
        record_add(p->b, "offer", e->name, NULL, "");
        return 0;
}

static void lent_on_again(void *arg)
{
        struct lent *l = arg;
        struct panes *p = l->p;
        struct capos_cap_entry e;
        struct capos_ui_why why = {.text = ""};

        l->again = NULL;
        /* While the line is down nothing is known of a service, and when it is back all begins
         * anew. */
        if (!capnp_cap_is_broken(capos_client_session_peek(p->b->client), NULL) &&
            capos_client_find(p->b->client, l->name, &e) &&
            offer_begin(p, &e, false, &why) == CAPNP_E_EXCEPTION) {
                code_of(why.text, l->code, sizeof(l->code));
                (void)snprintf(l->why, sizeof(l->why), "%s", why.text);
        }
        offers_tell(p, NULL);
}

/* A service that has died is started again by the instance, and knows of no host. */
static void lent_again(struct lent *l)
{
        uint32_t ms = capos_ui_again_ms(l->p->ui, l->name);

        if (ms && capnp_timer_new(l->p->b->vat, ms, lent_on_again, l, &l->again))
                l->again = NULL;
}

static void on_ended(void *arg, capos_ui_offer *o, enum capos_ui_close_reason how, const char *why)
{
        struct panes *p = arg;

        for (unsigned i = 0; i < OFFERS; i++) {
                struct lent *l = &p->lent[i];

                if (l->offer != o)
                        continue;
                l->offer = NULL;
                code_of(why, l->code, sizeof(l->code));
                if (!l->code[0])
                        (void)snprintf(l->code, sizeof(l->code), "%s", ends[how]);
                (void)snprintf(l->why, sizeof(l->why), "%s", why);
                l->lost = how == CAPOS_UI_CLOSED_LOST;
                if (l->lost && !p->ending)
                        lent_again(l);
                record_add(p->b, "offer", l->name, ends[how], "");
                offers_tell(p, NULL);
                return;
        }
}

/* ---- what is kept of an account ------------------------------------------------------------- */

static void on_saved(void *arg)
{
        struct panes *p = arg;

        settings_changed(&p->settings);
}

static const struct capos_ui_front_ops front_ops = {
        .now_ms = on_now,
        .capability = on_capability,
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

static void kept_free(struct bridge *b)
{
        if (b->panes_kept)
                capos_ui_arranged_free(b->panes_kept->arranged);
        free(b->panes_kept);
        b->panes_kept = NULL;
}

/* Whether its panes were there when the line dropped. */
static bool was_open(const struct panes *p, const char *name)
{
        const struct panes_kept *k = p->b->panes_kept;

        for (unsigned i = 0; k && i < OFFERS; i++)
                if (!strcmp(k->open[i], name))
                        return true;
        return false;
}

/* What a person has said may compose always does so, and what did before the line dropped goes on,
 * unless he has said since that it never may. */
static void panes_offer_kept(struct panes *p)
{
        struct capos_ui_why why;
        struct capos_cap_entry e;

        for (uint32_t i = 0; capos_client_entry(p->b->client, i, &e); i++) {
                enum capos_ui_consent c = capos_ui_consent_of(p->ui, e.name);
                bool goes_on = c != CAPOS_UI_NEVER && was_open(p, e.name);

                if (entry_composes(&e) && (c == CAPOS_UI_ALWAYS || goes_on))
                        (void)offer_begin(p, &e, goes_on, &why);
        }
        kept_free(p->b);
        offers_tell(p, NULL);
}

static void settings_on_loaded(capnp_question *q, int r, void *arg)
{
        struct panes *p = arg;

        p->asked = NULL;
        settings_take(&p->settings, q, r);
        capnp_question_free(q);
        panes_offer_kept(p);
}

/* ---- life ----------------------------------------------------------------------------------- */

void panes_begin(struct bridge *b)
{
        struct panes *p = calloc(1, sizeof(*p));
        struct capos_session_info info = {.account = ""};
        struct capos_ui_config config = {.vat = b->vat,
                                         .session = capos_client_session_peek(b->client),
                                         .schema = capos_client_schema_peek(b->client),
                                         .columns = COLUMNS,
                                         .rows = ROWS,
                                         .panes = b->numbered,
                                         .user = b->system,
                                         .ops = &front_ops,
                                         .arg = p};

        panes_drop(b);
        if (b->panes_kept)
                config.arranged = b->panes_kept->arranged;
        (void)capos_client_info(b->client, &info);
        config.account = info.account;
        if (p)
                p->feed = feed_new(b);
        if (!p || !p->feed || capos_ui_new(&config, &p->ui)) {
                if (p)
                        feed_free(p->feed);
                free(p);
                return;
        }
        feed_begin(p->feed, p->ui);
        p->b = b;
        b->panes = p;
        if (b->panes_kept) {
                b->panes_kept->arranged = NULL;
                p->settings.unsaved = true; /* on its way there when the line dropped, maybe */
        }
        p->settings.ui = p->ui;
        p->asked = settings_load(&p->settings, b->client);
        if (p->asked)
                capnp_question_send(p->asked, settings_on_loaded, p);
        else
                panes_offer_kept(p);
}

/* For the workspace that comes next. Without memory that begins as if nothing had been. */
static void panes_keep(struct panes *p)
{
        struct panes_kept *k = p->b->panes_kept;
        bool begins = !k; /* else it has dropped again before anybody was lent anything */

        if (begins)
                k = p->b->panes_kept = calloc(1, sizeof(*k));
        for (unsigned i = 0; begins && k && i < OFFERS; i++)
                if (p->lent[i].offer || p->lent[i].lost)
                        (void)snprintf(k->open[i], NAME, "%s", p->lent[i].name);
        p->ending = true;
        if (k)
                k->arranged = capos_ui_end(p->ui);
        else
                capos_ui_free(p->ui);
        p->ui = NULL;
}

void panes_drop(struct bridge *b)
{
        struct panes *p = b->panes;

        if (!p)
                return;
        panes_keep(p);
        for (unsigned i = 0; i < OFFERS; i++)
                capnp_timer_free(p->lent[i].again);
        b->panes = NULL;
        p->asked = capnp_question_free(p->asked);
        settings_close(&p->settings);
        p->wake = capnp_timer_free(p->wake);
        p->feed = feed_free(p->feed);
        free(p);
}

void panes_end(struct bridge *b)
{
        panes_drop(b);
        kept_free(b);
}

void panes_tell(struct bridge *b, const struct bridge_tab *t)
{
        if (!b->panes)
                return;
        offers_tell(b->panes, t);
        feed_tab(b->panes->feed, t);
        themes_tell(b->panes, t);
        layout_tell(b, t);
        if (b->panes->prompt)
                prompt_tell(b->panes, t);
}

/* ---- what a person does --------------------------------------------------------------------- */

static void fail_why(struct bridge *b, struct asker a, int r, const struct capos_ui_why *why)
{
        size_t n = strcspn(why->text, ":");
        struct down d;

        if (r != CAPNP_E_EXCEPTION) {
                bridge_fail_code(b, a, r);
                return;
        }
        d = down_new(a.id);
        if (d.m) {
                web_down_failure_builder f = web_down_init_failed(d.d);

                web_down_failure_set_code_n(f, (capnp_text){why->text, (uint32_t)n});
                web_down_failure_set_text(f, why->text);
                web_down_failure_set_path(f, why->path);
        }
        down_answer(b, a, &d);
}

static bool panes_are_there(struct bridge *b, struct asker a)
{
        if (b->panes)
                return true;
        bridge_fail(b, a, "bridge.no-session", "there is no session");
        return false;
}

void panes_offer(struct bridge *b, struct asker a, capnp_text service)
{
        struct capos_ui_why why = {.text = ""};
        struct capos_cap_entry e;
        char name[NAME];
        struct lent *l;
        int r;

        text_copy(service, name, sizeof(name));
        if (!panes_are_there(b, a))
                return;
        if (!capos_client_find(b->client, name, &e)) {
                bridge_fail(b, a, "bridge.no-target", "there is no such capability");
                return;
        }
        l = lent_find(b->panes, name);
        if (l && l->offer && capos_ui_closed(b->panes->ui, name))
                capos_ui_withdraw(l->offer); /* a service does not try again by itself */
        capos_ui_allow(b->panes->ui, name, (capnp_data){0});
        r = offer_begin(b->panes, &e, true, &why);
        if (r)
                fail_why(b, a, r, &why);
        else
                bridge_done(b, a);
        offers_tell(b->panes, NULL);
}

void panes_withdraw(struct bridge *b, struct asker a, capnp_text service)
{
        struct lent *l;
        char name[NAME];

        text_copy(service, name, sizeof(name));
        if (!panes_are_there(b, a))
                return;
        l = lent_find(b->panes, name);
        if (!l || (!l->offer && !l->again)) {
                bridge_fail(b, a, "bridge.no-target", "it composes nothing");
                return;
        }
        l->again = capnp_timer_free(l->again);
        if (l->offer)
                capos_ui_withdraw(l->offer);
        else
                offers_tell(b->panes, NULL);
        bridge_done(b, a);
}

static capos_ui_surface *surface_find(struct bridge *b, struct asker a, uint32_t number)
{
        struct capos_ui_pane p;
        capos_ui_surface *s;

        if (!panes_are_there(b, a))
                return NULL;
        for (uint32_t i = 0; (s = capos_ui_surface_at(b->panes->ui, i)); i++) {
                capos_ui_surface_info(s, &p);
                if (p.number == number)
                        return s;
        }
        bridge_fail(b, a, "bridge.no-pane", "there is no such pane");
        return NULL;
}

/* How many there were; more than VALUES are left out. */
static uint32_t values_read(web_up_value_list l, struct capos_ui_value to[VALUES])
{
        uint32_t n = web_up_value_list_len(l);

        n = n < VALUES ? n : VALUES;
        for (uint32_t i = 0; i < n; i++) {
                web_up_value_reader v = web_up_value_list_get(l, i);

                to[i] = (struct capos_ui_value){.path = web_up_value_path(v).p,
                                                .text = web_up_value_text(v),
                                                .typed = web_up_value_typed(v)};
        }
        return n;
}

static uint32_t keys_read(capnp_list l, const char *to[VALUES])
{
        uint32_t n = l.len < VALUES ? l.len : VALUES;

        for (uint32_t i = 0; i < n; i++)
                to[i] = capnp_any_text(capnp_list_any(l, i), (capnp_text){"", 0}).p;
        return n;
}

static void act_move(capos_ui_surface *s, ui_layout_hint_reader h)
{
        struct capos_ui_move m = {.place = (enum capos_ui_place)ui_layout_hint_place(h),
                                  .weight = ui_layout_hint_weight(h),
                                  .order = ui_layout_hint_order(h),
                                  .collapsed = ui_layout_hint_collapsed(h)};

        if (m.place > CAPOS_UI_BOTTOM)
                m.place = CAPOS_UI_ANY;
        if (m.weight > 12)
                m.weight = 12;
        capos_ui_move(s, &m);
}

void panes_act(struct bridge *b, struct asker a, web_up_act_reader r)
{
        capos_ui_surface *s = surface_find(b, a, web_up_act_surface(r));
        struct capos_ui_value values[VALUES];
        struct capos_ui_why why = {.text = ""};
        const char *keys[VALUES];
        int result = 0;

        if (!s)
                return;
        switch (web_up_act_which(r)) {
        case WEB_UP_ACT_CLOSE:
                capos_ui_close(s);
                break;
        case WEB_UP_ACT_PIN:
                capos_ui_pin(s, web_up_act_pin(r));
                break;
        case WEB_UP_ACT_MOVE:
                act_move(s, web_up_act_move(r));
                break;
        case WEB_UP_ACT_SHOW:
                capos_ui_show(s);
                break;
        case WEB_UP_ACT_SELECT:
                result = capos_ui_select(s, keys, keys_read(web_up_act_select(r), keys));
                break;
        case WEB_UP_ACT_EDIT:
                result = capos_ui_edit(s, values, values_read(web_up_act_edit(r), values), &why);
                break;
        }
        if (result)
                fail_why(b, a, result, &why);
        else
                bridge_done(b, a);
}

void panes_run(struct bridge *b, struct asker a, web_up_run_reader r)
{
        capos_ui_surface *s = surface_find(b, a, web_up_run_surface(r));
        struct capos_ui_value values[VALUES];
        const char *keys[VALUES];
        struct capos_ui_act act = {.command = web_up_run_command(r).p,
                                   .values = values,
                                   .selection = keys,
                                   .trusted = web_up_run_trusted(r),
                                   .number = (uint64_t)a.tab << 32 | a.id};
        struct capos_ui_why why = {.text = ""};
        int result;

        if (!s)
                return;
        act.nvalues = values_read(web_up_run_values(r), values);
        act.nselection = keys_read(web_up_run_selection(r), keys);
        result = capos_ui_activate(s, &act, &why);
        if (result)
                fail_why(b, a, result, &why);
        else
                bridge_done(b, a);
}

void panes_confirm(struct bridge *b, struct asker a, web_up_confirm_reader r)
{
        if (!panes_are_there(b, a))
                return;
        if (capos_ui_answer(b->panes->ui, web_up_confirm_prompt(r), web_up_confirm_yes(r))) {
                record_add(b, "prompt", web_up_confirm_yes(r) ? "yes" : "no", NULL, "");
                bridge_done(b, a);
        } else
                bridge_fail(b, a, "bridge.too-early", "it was too early, or nothing is asked");
}

void panes_reset(struct bridge *b, struct asker a)
{
        if (!panes_are_there(b, a))
                return;
        capos_ui_reset(b->panes->ui);
        offers_tell(b->panes, NULL);
        bridge_done(b, a);
}

void panes_size(struct bridge *b, struct asker a, web_up_size_reader r)
{
        struct bridge_tab *t = bridge_tab_of(b, a);

        if (t) {
                t->columns = web_up_size_columns(r);
                t->rows = web_up_size_rows(r);
        }
        if (t && b->panes)
                layout_tell(b, t);
        if (b->panes)
                capos_ui_resize(b->panes->ui, web_up_size_columns(r), web_up_size_rows(r));
        bridge_done(b, a);
}

void panes_seen(struct bridge *b, struct asker a, web_up_theme_reader r)
{
        b->system = (struct capos_ui_theme){.density = (uint8_t)web_up_theme_density(r),
                                            .contrast = (uint8_t)web_up_theme_contrast(r),
                                            .motion = (uint8_t)web_up_theme_motion(r)};
        if (b->panes)
                capos_ui_user(b->panes->ui, &b->system);
        bridge_done(b, a);
}

void panes_consent(struct bridge *b, struct asker a, web_up_consent_reader r)
{
        int result;

        if (!panes_are_there(b, a))
                return;
        if (web_up_consent_consent(r) > UI_CONSENT_NEVER) {
                bridge_fail(b, a, "bridge.failed", "no such consent");
                return;
        }
        result = capos_ui_set_consent(b->panes->ui, web_up_consent_service(r).p,
                                      (enum capos_ui_consent)web_up_consent_consent(r));
        if (result)
                bridge_fail_code(b, a, result);
        else
                bridge_done(b, a);
        offers_tell(b->panes, NULL);
}
