/*
 * Commands, from a person's act to the end of a call. The order is the order of what may go wrong:
 * is there such a command, may it be run like this, are the arguments what the method takes; then
 * what it costs, now and not when it was described; then a person's yes, where one is due; then the
 * call, with the session's own reference, which the session's policy judges as any other.
 *
 * What comes back goes to who ran it. The service is told that it has ended, and how; what came
 * back it knows.
 */
#include "ui-workspace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES = 64, METHOD_BYTES = 200 };

struct run {
        struct capnp_i_list link; /* capos_ui.runs, from when it is called */
        capos_ui *ui;
        capos_ui_surface *surface; /* counted */
        char command[33], capability[NAME_BYTES + 1];
        uint64_t number;
        uint64_t interface; /* of the reference */
        struct ui_target target;
        enum capos_ui_effect effect;
        struct ui_words json;
        capnp_question *question;
};

static void run_free(struct run *r)
{
        capnp_i_list_remove(&r->link);
        capnp_question_free(r->question);
        ui_words_deinit(&r->json);
        ui_surface_unref(r->surface);
        free(r);
}

/* Tells everybody how it has ended, and ends it. */
static void run_end(struct run *run, enum ui_outcome_which how, int r, const char *why)
{
        capos_ui_surface *s = run->surface->pane ? run->surface : NULL;
        char plain[CAPOS_UI_WORDS];
        const struct capos_ui_ran ran = {
                .surface = s,
                .command = run->command,
                .number = run->number,
                .method = &run->target.method,
                .question = run->question,
                .r = r,
                .why = plain,
        };

        capnp_i_list_remove(&run->link);
        ui_words_plain(why, plain, sizeof(plain));
        if (s)
                ui_surface_tell(s, ui_event_new_outcome(run->command, how, plain));
        UI_TELL(run->ui, ran, &ran);
        run_free(run);
}

/* Whether an exception is the instance's word and not the service's. */
static bool is_refusal(const char *why)
{
        return !strncmp(why, "denied.", 7) || !strncmp(why, "over-quota.", 11);
}

static void run_done(capnp_question *q, int r, void *arg)
{
        capnp_exception why = capnp_question_exception(q);

        if (!r)
                run_end(arg, UI_OUTCOME_DONE, 0, "");
        else if (why.reason[0])
                run_end(arg, is_refusal(why.reason) ? UI_OUTCOME_REFUSED : UI_OUTCOME_FAILED, r,
                        why.reason);
        else
                run_end(arg, UI_OUTCOME_FAILED, r, capnp_strerror(r));
}

static void run_call(struct run *run)
{
        capos_ui *ui = run->ui;
        struct capnp_dynamic_method m = {.vat = ui->vat, .info = run->target.method};
        struct capnp_fault fault;
        int r;

        m.target = ui->ops->capability(ui->arg, run->capability, run->interface);
        if (!m.target) {
                run_end(run, UI_OUTCOME_REFUSED, CAPNP_E_EXCEPTION,
                        "refused.target: the session does not hold it");
                return;
        }
        r = capnp_dynamic_call(ui->schema, &m, capnp_text_of(run->json.p), NULL, &run->question,
                               &fault);
        capnp_cap_unref(m.target);
        if (r) {
                run_end(run, UI_OUTCOME_FAILED, r, capnp_strerror(r));
                return;
        }
        capnp_i_list_append(&ui->runs, &run->link);
        capnp_question_send(run->question, run_done, run);
}

static void run_answered(void *arg, bool yes, bool is_over)
{
        struct run *run = arg;
        const struct ui_said said = {
                .what = UI_REPORT_WHAT_PROMPT,
                .allowed = yes,
                .unanswered = is_over,
                .command = run->command,
                .target = &run->target,
                .effect = run->effect,
        };

        ui_report(run->ui, run->surface->offer->name, &said);
        if (yes) {
                run_call(run);
                return;
        }
        run_end(run, UI_OUTCOME_REFUSED, CAPNP_E_EXCEPTION,
                is_over ? "refused.person: nobody answered" : "refused.person: a person said no");
}

void ui_runs_end(capos_ui *ui)
{
        while (!capnp_i_list_empty(&ui->runs))
                run_free(CAPNP_I_OF(ui->runs.next, struct run, link));
}

/* ---- commands that call ---------------------------------------------------------------------- */

/* `Chat.join` for a person. */
static void method_name(const struct ui_judge *j, const struct capnp_method_info *m, char *ret,
                        size_t bytes)
{
        const capnp_decl *d = capnp_schema_find(j->schema, m->interface);

        (void)snprintf(ret, bytes, "%s.%s", d ? capnp_decl_short_name(d) : "?", m->name);
}

static int run_ask(struct run *run, command_reader c, const struct ui_args *args,
                   struct ui_refused *why)
{
        capos_ui_surface *s = run->surface;
        struct ui_judge j = ui_surface_judge(s);
        char method[METHOD_BYTES];
        const struct ui_prompt_draft d = {
                .kind = CAPOS_UI_PROMPT_COMMAND,
                .service = s->offer->name,
                .title = s->offer->title,
                .account = s->offer->ui->account,
                .what = command_title(c).p,
                .capability = run->capability,
                .method = method,
                .effect = run->effect,
                .args = args,
                .about = s,
        };

        method_name(&j, &run->target.method, method, sizeof(method));
        return ui_ask(s->offer->ui, s->offer, &d, run_answered, run, why);
}

static int run_new(capos_ui_surface *s, command_reader c, const struct ui_target *t,
                   struct run **ret_r)
{
        struct run *r = calloc(1, sizeof(*r));

        if (!r)
                return -ENOMEM;

        capnp_i_list_init(&r->link);
        r->ui = s->offer->ui;
        r->surface = s;
        s->refs++;
        (void)snprintf(r->command, sizeof(r->command), "%s", command_id(c).p);
        (void)snprintf(r->capability, sizeof(r->capability), "%s", t->capability.p);
        r->target = *t;
        r->target.capability = capnp_text_of(r->capability);
        r->interface = t->is_other ? t->method.interface : s->offer->interface;
        *ret_r = r;
        return 0;
}

/* What a run may fail at before anything is done. */
static int run_prepare(struct run *run, command_reader c, struct ui_args *args,
                       struct capos_ui_why *why)
{
        capos_ui_surface *s = run->surface;
        struct ui_judge j = ui_surface_judge(s);

        run->effect = ui_command_effect(&j, c, &run->target);
        if (s->pane->safety_class != UI_SAFETY_CLASS_CONSEQUENTIAL &&
            (run->target.is_other || run->effect == CAPOS_UI_LASTING))
                return ui_why(why, (capnp_text){"", 0},
                              "refused.safety: a pane of this class may not have that done");
        if (!ui_args_fix(args, command_call_constants(command_run_call(command_run(c)))))
                return ui_why(why, (capnp_text){"", 0}, "refused.command: too many arguments");
        ui_args_put(args, &run->json);
        return run->json.r ? run->json.r : ui_command_try(&j, &run->target, run->json.p, why);
}

static void run_unasked(struct run *run)
{
        const struct ui_said said = {
                .what = UI_REPORT_WHAT_COMMAND,
                .allowed = true,
                .command = run->command,
                .target = &run->target,
                .effect = run->effect,
        };

        ui_report(run->ui, run->surface->offer->name, &said);
        run_call(run);
}

static int activate_call(capos_ui_surface *s, command_reader c, uint64_t number,
                         struct ui_args *args, struct capos_ui_why *why)
{
        struct ui_judge j = ui_surface_judge(s);
        struct ui_refused refused;
        struct ui_target t;
        struct run *run;
        int r = ui_command_target(&j, c, &t, &refused);

        if (r)
                return ui_why(why, (capnp_text){"", 0}, "%s", refused.text);
        r = run_new(s, c, &t, &run);
        if (r)
                return r;
        run->number = number;
        r = run_prepare(run, c, args, why);
        if (!r && !ui_command_asks(run->effect, t.is_other, ui_args_typed(args))) {
                run_unasked(run);
                return 0;
        }
        if (!r) {
                r = run_ask(run, c, args, &refused);
                if (!r)
                        return 0;
                if (r == CAPNP_E_EXCEPTION)
                        r = ui_why(why, (capnp_text){"", 0}, "%s", refused.text);
        }
        run_free(run);
        return r;
}

/* ---- what a person does ---------------------------------------------------------------------- */

/* Those of the keys that name an element; a key of 64 bytes at most. */
static uint32_t keys_known(const capos_ui_surface *s, const char *const *keys, uint32_t n,
                           const char **ret)
{
        uint32_t known = 0;

        for (uint32_t i = 0; i < n; i++)
                if (ui_model_find(s->pane->model, capnp_text_of(keys[i])) != UINT32_MAX)
                        ret[known++] = keys[i];
        return known;
}

static int select_tell(capos_ui_surface *s, const char *const *keys, uint32_t n,
                       const char *command, bool trusted)
{
        const char **known = calloc(n ? n : 1, sizeof(*known));
        struct ui_event *e = NULL;

        if (known)
                e = ui_event_new_selection(known, keys_known(s, keys, n, known), command, trusted);
        free(known);
        if (!e)
                return -ENOMEM;
        ui_surface_tell(s, e);
        return 0;
}

/* A selection, values, or nothing but that it was run. */
static int activate_view(capos_ui_surface *s, const struct capos_ui_act *a,
                         const struct ui_args *args)
{
        struct ui_event *e;
        int r = 0;

        if (a->nselection)
                r = select_tell(s, a->selection, a->nselection, a->command, a->trusted);
        if (r || (a->nselection && !args->n))
                return r;

        e = args->n ? ui_event_new_values(args, a->command, a->trusted)
                    : ui_event_new(UI_EVENT_PAYLOAD_NONE, a->command, a->trusted);
        if (!e)
                return -ENOMEM;
        ui_surface_tell(s, e);
        return 0;
}

int capos_ui_activate(capos_ui_surface *s, const struct capos_ui_act *a,
                      struct capos_ui_why *ret_why)
{
        uint32_t i = ui_pane_find_command(s->pane, capnp_text_of(a->command));
        struct ui_args args = {.n = 0};
        command_reader c;
        bool calls;
        int r;

        *ret_why = (struct capos_ui_why){.text = ""};
        if (i == UINT32_MAX)
                return ui_why(ret_why, (capnp_text){"", 0},
                              "refused.command: there is no such command");
        c = ui_pane_command(s->pane, i);
        calls = command_run_which(command_run(c)) == COMMAND_RUN_CALL;
        if (!command_enabled(c))
                return ui_why(ret_why, (capnp_text){"", 0}, "refused.command: not enabled: %s",
                              command_reason(c).p);
        if (calls && !a->trusted)
                return ui_why(ret_why, (capnp_text){"", 0},
                              "refused.person: no person has done this");

        r = ui_args_fill(&args, command_fields(c), a->values, a->nvalues, false, ret_why);
        if (r)
                return r;
        if (a->trusted)
                s->offer->ui->acted = s->offer->number;
        return calls ? activate_call(s, c, a->number, &args, ret_why) : activate_view(s, a, &args);
}

int capos_ui_edit(capos_ui_surface *s, const struct capos_ui_value *values, uint32_t n,
                  struct capos_ui_why *ret_why)
{
        ui_form_reader form = {ui_model_head(s->pane->model)};
        struct ui_args args = {.n = 0};
        struct ui_event *e;
        int r;

        *ret_why = (struct capos_ui_why){.text = ""};
        if (s->pane->kind != UI_SURFACE_KIND_FORM)
                return ui_why(ret_why, (capnp_text){"", 0}, "refused.kind: no form");
        r = ui_args_fill(&args, ui_form_fields(form), values, n, true, ret_why);
        if (r)
                return r;

        e = ui_event_new_values(&args, NULL, true);
        if (!e)
                return -ENOMEM;
        ui_surface_tell(s, e);
        return 0;
}

int capos_ui_select(capos_ui_surface *s, const char *const *keys, uint32_t n)
{
        return select_tell(s, keys, n, NULL, true);
}
