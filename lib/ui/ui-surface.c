/*
 * A pane: served to its service as a RemoteUiSurface, and what a person does to it. It is closed by
 * one function, whoever wants that; the object that a service still holds answers `refused.closed`
 * from then on, and what is left of it goes when the service lets go, however late that is.
 */
#include "ui-workspace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct ui_judge ui_surface_judge(const capos_ui_surface *s)
{
        return (struct ui_judge){
                .schema = s->offer->ui->schema,
                .service = s->offer->name,
                .interface = s->offer->interface,
                .ops = s->offer->ui->ops,
                .arg = s->offer->ui->arg,
        };
}

void ui_info_write(const capos_ui *ui, const capos_ui_offer *o, ui_host_info_builder to)
{
        enum { KINDS = UI_SURFACE_KIND_TRANSCRIPT + 1 };
        const struct ui_limits *l = &o->ledger.limits;
        ui_surface_kind_list_builder kinds = ui_host_info_init_kinds(to, KINDS);
        ui_limits_builder limits = ui_host_info_init_limits(to);

        for (unsigned i = 0; i < KINDS; i++)
                ui_surface_kind_list_builder_set(kinds, i, (enum ui_surface_kind)i);
        ui_limits_set_surfaces(limits, (uint16_t)l->surfaces);
        ui_limits_set_patches_per_second(limits, (uint16_t)l->patches_per_second);
        ui_limits_set_patch_bytes(limits, l->patch_bytes);
        ui_limits_set_model_bytes(limits, l->surface_bytes);
        ui_limits_set_commands(limits, (uint16_t)l->commands);
        ui_limits_set_events(limits, (uint16_t)l->events);
        ui_host_info_set_scheme(to, (enum ui_theme_hint_scheme)ui->look.scheme);
        ui_host_info_set_density(to, (enum ui_theme_hint_density)ui->look.density);
        ui_host_info_set_columns(to, ui->columns);
        if (ui->rows > CAPOS_UI_FRAME_TOP + CAPOS_UI_FRAME_BOTTOM)
                ui_host_info_set_rows(
                        to, (uint16_t)(ui->rows - CAPOS_UI_FRAME_TOP - CAPOS_UI_FRAME_BOTTOM));
}

void ui_surface_close(capos_ui_surface *s, enum capos_ui_close_reason why)
{
        capos_ui *ui = s->offer->ui;

        if (!s->pane)
                return;

        ui_unask(ui, s->offer, s);
        ui_poll_close(s, why);
        capnp_i_list_remove(&s->link);
        UI_TELL(ui, closed, s, why);
        s->pane = ui_pane_free(s->pane);
        if (s->offer->lent == s)
                s->offer->lent = NULL;
        ui_relayout(ui);
        ui_restyle(ui);
        ui_surface_unref(s);
}

/* ---- what its service calls ------------------------------------------------------------------ */

static int serve_closed(capnp_answer *a)
{
        return capnp_answer_fail(a, CAPNP_FAILED, "refused.closed: the pane is closed");
}

static int command_judge(void *arg, const struct ui_pane *p, command_reader c,
                         struct ui_refused *ret_why)
{
        struct ui_judge j = ui_surface_judge(arg);

        return ui_command_check(&j, p->safety_class, c, ret_why);
}

static void change_tell(capos_ui_surface *s, const struct ui_change *c)
{
        const struct capos_ui_change change = {
                .what = c->what & ~(unsigned)UI_CHANGED_CLOSED,
                .revision = s->pane->revision,
                .head = c->head,
                .dropped = c->dropped,
                .appended = c->appended,
                .replaced = c->replaced,
                .nreplaced = c->nreplaced,
                .removed = c->removed,
                .nremoved = c->nremoved,
        };

        if (change.what)
                UI_TELL(s->offer->ui, changed, s, &change);
}

/* Whether a service may have a pane shown that it wishes to be shown again: once, for what a person
 * has done in its panes. */
static bool is_shown_again(capos_ui_surface *s, const struct ui_change *c)
{
        capos_ui *ui = s->offer->ui;

        if (!(c->what & UI_CHANGED_SPEC) || ui->acted != s->offer->number)
                return false;
        ui->acted = 0;
        s->front = ++ui->fronts;
        return true;
}

static int serve_apply(void *self, capnp_answer *a)
{
        capos_ui_surface *s = self;
        remote_ui_surface_apply_in_reader in = {capnp_answer_params(a)};
        ui_patch_reader patch = remote_ui_surface_apply_in_patch(in);
        const struct ui_patch_ops ops = {.command = command_judge, .arg = s};
        struct ui_change change = {.what = 0};
        struct ui_refused why;
        capos_ui *ui;
        int r = 0;

        if (!s->pane)
                return serve_closed(a);

        ui = s->offer->ui;
        if (ui_patch_kind(patch) == UI_PATCH_KIND_SET_THEME_HINT)
                r = ui_wish_may(s->offer, &why);
        if (!r)
                r = ui_patch_apply(s->pane, patch, &ops, ui_now(ui), &change, &why);
        if (r == CAPNP_E_EXCEPTION)
                return ui_answer_refuse(a, &why);
        if (r)
                return capnp_answer_fail(a, CAPNP_OVERLOADED, "no memory");

        remote_ui_surface_apply_out_set_revision(
                (remote_ui_surface_apply_out_builder){capnp_answer_results(a)}, s->pane->revision);
        r = capnp_answer_return(a);
        change_tell(s, &change);
        if (change.what & UI_CHANGED_LAYOUT || is_shown_again(s, &change))
                ui_relayout(ui);
        if (change.what & UI_CHANGED_THEME) {
                s->offer->theme_at_ms = ui_now(ui);
                ui_restyle(ui);
        }
        if (change.what & UI_CHANGED_CLOSED)
                ui_surface_close(s, CAPOS_UI_CLOSED_BY_SERVICE);
        else
                ui_rewake(ui);
        ui_change_deinit(&change);
        return r;
}

static int serve_close(void *self, capnp_answer *a)
{
        capos_ui_surface *s = self;

        if (!s->pane)
                return serve_closed(a);

        ui_surface_close(s, CAPOS_UI_CLOSED_BY_SERVICE);
        return capnp_answer_return(a);
}

static int serve_describe(void *self, capnp_answer *a)
{
        capos_ui_surface *s = self;
        remote_ui_surface_describe_out_builder out;
        ui_surface_spec_builder spec;
        ui_surface_spec_reader now;

        if (!s->pane)
                return serve_closed(a);

        out = (remote_ui_surface_describe_out_builder){capnp_answer_results(a)};
        spec = remote_ui_surface_describe_out_init_spec(out);
        now = ui_pane_spec(s->pane);
        ui_surface_spec_set_surface_id(spec, ui_surface_id(s));
        ui_surface_spec_set_title_n(spec, ui_surface_spec_title(now));
        ui_surface_spec_set_summary_n(spec, ui_surface_spec_summary(now));
        ui_surface_spec_set_kind(spec, s->pane->kind);
        ui_surface_spec_set_safety_class(spec, s->pane->safety_class);
        ui_surface_spec_set_model_schema(spec, ui_kind_schema(ui_kind_of(s->pane->kind)));
        if (s->pane->layout)
                ui_surface_spec_set_layout(spec, ui_pane_layout(s->pane));
        ui_info_write(s->offer->ui, s->offer, remote_ui_surface_describe_out_init_info(out));
        return capnp_answer_return(a);
}

/* ---- persist --------------------------------------------------------------------------------- */

/* A call that waits for a person's answer. */
struct persist {
        capos_ui_surface *s;  /* counted */
        capnp_answer *answer; /* NULL: its caller has given up */
        enum remote_ui_surface_persist what;
        /* What the person sees who is asked: a wish that comes meanwhile is not agreed to. */
        struct ui_hint hint;
        struct capos_ui_theme theme;
};

static int persist_keep(const struct persist *p)
{
        capos_ui *ui = p->s->offer->ui;
        struct ui_saved_service *of;
        struct ui_saved_pane *kept;
        int r;

        if (p->what == REMOTE_UI_SURFACE_PERSIST_THEME) {
                r = ui_saved_get(&ui->saved, p->s->offer->name, &of);
                if (r)
                        return r;
                of->theme = p->theme;
                of->theme_chosen = ++ui->saved.choices;
                return 0;
        }

        r = ui_saved_get_pane(&ui->saved, p->s->offer->name, ui_surface_id(p->s), &kept);
        if (r)
                return r;
        if (!kept->placed && !kept->pinned)
                kept->hint = p->hint;
        kept->placed = true;
        kept->chosen = ++ui->saved.choices;
        return 0;
}

static void persist_answered(void *arg, bool yes, bool is_over)
{
        struct persist *p = arg;
        capos_ui_offer *o = p->s->offer;
        capnp_answer *a = p->answer;
        int r = yes && p->s->pane ? persist_keep(p) : 0;
        const struct ui_said said = {
                .what = UI_REPORT_WHAT_PERSIST,
                .allowed = yes && !r,
                .unanswered = is_over,
                .command = p->what == REMOTE_UI_SURFACE_PERSIST_THEME ? "theme" : "layout",
        };

        if (a && yes && !r)
                (void)capnp_answer_return(a);
        else if (a && r)
                (void)capnp_answer_fail(a, CAPNP_OVERLOADED,
                                        "over-quota.ui-saved: no room is left");
        else if (a)
                (void)capnp_answer_fail(a, CAPNP_FAILED, "refused.person: %s",
                                        is_over ? "nobody answered" : "a person said no");
        ui_report(o->ui, o->name, &said);
        if (yes && !r)
                UI_TELL(o->ui, saved);
        ui_surface_unref(p->s);
        free(p);
}

static void persist_canceled(capnp_answer *a, void *arg)
{
        struct persist *p = arg;

        p->answer = NULL;
        (void)capnp_answer_fail(a, CAPNP_FAILED, "canceled");
        ui_unask(p->s->offer->ui, p->s->offer, NULL);
}

static int serve_persist(void *self, capnp_answer *a)
{
        capos_ui_surface *s = self;
        remote_ui_surface_persist_in_reader in = {capnp_answer_params(a)};
        struct ui_prompt_draft d = {.what = "", .capability = "", .method = ""};
        struct ui_refused why;
        struct persist *p;
        int r;

        if (!s->pane)
                return serve_closed(a);
        if (s->pane->safety_class == UI_SAFETY_CLASS_PERSONAL)
                return capnp_answer_fail(a, CAPNP_FAILED,
                                         "refused.safety: nothing of a personal pane is kept");
        if ((unsigned)remote_ui_surface_persist_in_what(in) > REMOTE_UI_SURFACE_PERSIST_THEME)
                return capnp_answer_fail(a, CAPNP_FAILED, "refused.spec: an unknown thing to keep");

        p = calloc(1, sizeof(*p));
        if (!p)
                return capnp_answer_fail(a, CAPNP_OVERLOADED, "no memory");
        p->s = s;
        p->answer = a;
        p->what = remote_ui_surface_persist_in_what(in);
        p->hint = ui_hint_of(ui_pane_layout(s->pane));
        p->theme = ui_theme_over(s->offer->theme, ui_theme_of(ui_pane_theme(s->pane)));
        d.kind = p->what == REMOTE_UI_SURFACE_PERSIST_THEME ? CAPOS_UI_PROMPT_LOOK
                                                            : CAPOS_UI_PROMPT_LAYOUT;
        d.service = s->offer->name;
        d.title = s->offer->title;
        d.account = s->offer->ui->account;
        d.what = ui_surface_spec_title(ui_pane_spec(s->pane)).p;
        d.about = s;
        s->refs++;
        r = ui_ask(s->offer->ui, s->offer, &d, persist_answered, p, &why);
        if (!r)
                return capnp_answer_keep(a, persist_canceled, p);

        ui_surface_unref(s);
        free(p);
        return r == CAPNP_E_EXCEPTION ? ui_answer_refuse(a, &why)
                                      : capnp_answer_fail(a, CAPNP_OVERLOADED, "no memory");
}

/* The service has let go of it. */
static void surface_gone(void *self)
{
        capos_ui_surface *s = self;

        ui_surface_close(s, CAPOS_UI_CLOSED_DROPPED);
        ui_surface_unref(s);
}

static const struct remote_ui_surface_ops surface_ops = {
        .gone = surface_gone,
        .apply = serve_apply,
        .poll = ui_poll_serve,
        .close = serve_close,
        .persist = serve_persist,
        .describe = serve_describe,
};

/* ---- making one ------------------------------------------------------------------------------ */

static bool is_open(const capos_ui_offer *o, capnp_data id)
{
        for (struct capnp_i_list *l = o->ui->surfaces.next; l != &o->ui->surfaces; l = l->next) {
                const capos_ui_surface *s = CAPNP_I_OF(l, capos_ui_surface, link);

                if (s->offer == o && s->pane->id_len == id.len &&
                    !memcmp(s->pane->id, id.p, id.len))
                        return true;
        }
        return false;
}

/* The rules that hold between a pane and what is there. */
static int surface_may(const capos_ui_offer *o, const struct ui_pane *p, struct ui_refused *why)
{
        capnp_data id = {p->id, p->id_len};
        const struct ui_saved_pane *saved = ui_saved_find_pane(&o->ui->saved, o->name, id);

        if (saved && saved->closed)
                return ui_refuse(why, UI_REFUSAL_CLOSED, "a person has closed it");
        if (is_open(o, id))
                return ui_refuse(why, UI_REFUSAL_SPEC, "surfaceId: one with it is open");
        return 0;
}

int ui_surface_new(capos_ui_offer *o, ui_surface_spec_reader spec, capos_ui_surface **ret_s,
                   capnp_cap **ret_c, struct ui_refused *ret_why)
{
        const struct ui_saved_pane *saved;
        struct ui_pane *pane;
        capos_ui_surface *s;
        int r = ui_pane_new(&o->ledger, spec, ui_now(o->ui), &pane, ret_why);

        if (r)
                return r;
        r = surface_may(o, pane, ret_why);
        s = r ? NULL : calloc(1, sizeof(*s));
        if (s)
                r = remote_ui_surface_serve(o->ui->vat, &surface_ops, s, ret_c);
        if (!s || r) {
                free(s);
                ui_pane_free(pane);
                return r ? r : -ENOMEM;
        }

        s->refs = 2;
        s->offer = o;
        o->refs++;
        s->pane = pane;
        s->number = ++o->ui->panes;
        ui_events_init(&s->events);
        saved = ui_saved_find_pane(&o->ui->saved, o->name, ui_surface_id(s));
        pane->pinned = saved && saved->pinned;
        capnp_i_list_append(&o->ui->surfaces, &s->link);
        *ret_s = s;
        return 0;
}
