/*
 * A composing service for tests (stage.capnp): whatever it is called with, it does with the host
 * that it was lent last. Its panes are the kit's, which polls for their events; they are kept until
 * somebody asks for them.
 */
#include <capos/kit-ui.h>
#include <capos/kit.h>

#include "remote_ui.capnp-c.h"
#include "stage.capnp-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PANES = 32, EVENTS = 64 };

struct stage {
        capnp_vat *vat;
        struct kit_composition *c; /* NULL: none is open */
        struct kit_pane *panes[PANES];
        uint8_t ids[PANES][16];
        uint32_t lens[PANES], npanes, nevents, worked;
        capnp_msg *events[EVENTS];
        char last[256];
        bool finishes;
};

static void pane_on_event(void *self, struct kit_pane *p, capnp_reader event)
{
        struct stage *st = self;
        capnp_msg *m;

        (void)p;
        if (st->nevents == EVENTS || capnp_msg_new(&m))
                return;
        capnp_abuilder_set_struct(capnp_msg_build(m), event);
        st->events[st->nevents++] = m;
}

static void pane_on_gone(void *self, struct kit_pane *p, const char *reason)
{
        struct stage *st = self;

        (void)reason;
        for (uint32_t i = 0; i < st->npanes; i++)
                if (st->panes[i] == p)
                        st->panes[i] = NULL;
}

static const struct kit_pane_ops pane_ops = {.event = pane_on_event, .gone = pane_on_gone};

static struct kit_pane *pane_find(const struct stage *st, capnp_data id)
{
        for (uint32_t i = 0; i < st->npanes; i++)
                if (st->panes[i] && st->lens[i] == id.len && !memcmp(st->ids[i], id.p, id.len))
                        return st->panes[i];
        return NULL;
}

static void compose_over(void *self)
{
        struct stage *st = self;

        st->c = NULL;
        st->npanes = 0;
}

/* With `prepare`: the composition ends when its only pane is there. */
static void short_done(capnp_question *q, int r, void *arg)
{
        struct stage *st = arg;

        (void)r;
        capnp_question_free(q);
        if (st->c)
                kit_compose_finish(st->c);
        st->c = NULL;
}

static void short_show(struct stage *st)
{
        static const capnp_data id = {(const uint8_t *)"short", 5};
        remote_ui_host_client host = {kit_composition_lent_peek(st->c)};
        capnp_question *q = remote_ui_host_open(host);
        ui_surface_spec_builder s = remote_ui_host_open_init_spec(q);

        ui_surface_spec_set_surface_id(s, id);
        ui_surface_spec_set_title(s, "Short");
        ui_surface_spec_set_summary(s, "It was there.");
        ui_surface_spec_set_kind(s, UI_SURFACE_KIND_TEXT);
        ui_surface_spec_set_safety_class(s, UI_SAFETY_CLASS_ORDINARY);
        ui_surface_spec_set_model_schema(s, UI_TEXT_ID);
        capnp_question_send(q, short_done, st);
}

static int serve_compose(void *self, capnp_answer *a)
{
        struct stage *st = self;

        st->npanes = 0;
        if (kit_compose(st->vat, a, compose_over, st, &st->c))
                return 0;
        if (st->finishes)
                short_show(st);
        return 0;
}

/* ---- what it is told ------------------------------------------------------------------------- */

/* A call that is made for somebody who waits for its outcome. */
struct forward {
        struct stage *st;
        capnp_answer *a;
        capnp_msg *patch; /* of apply */
        uint32_t left, done;
};

static void forward_end(struct forward *f, const char *outcome)
{
        uint16_t method = capnp_answer_method(f->a);

        if (method == 0)
                stage_open_results_set_outcome(f->a, outcome);
        else if (method == 1)
                stage_apply_results_set_outcome(f->a, outcome);
        else if (method == 2)
                stage_theme_results_set_outcome(f->a, outcome);
        else
                stage_persist_results_set_outcome(f->a, outcome);
        if (method == 1)
                stage_apply_results_set_done(f->a, f->done);
        (void)capnp_answer_return(f->a);
        capnp_msg_free(f->patch);
        free(f);
}

static void apply_next(struct forward *f);

static void forward_done(capnp_question *q, int r, void *arg)
{
        struct forward *f = arg;

        f->done += !r;
        if (r)
                forward_end(f, capnp_question_exception(q).reason);
        else if (f->left-- > 1)
                apply_next(f);
        else
                forward_end(f, "");
        capnp_question_free(q);
}

static int forward(struct stage *st, capnp_answer *a, capnp_question *q)
{
        struct forward *f = calloc(1, sizeof(*f));

        if (!f)
                abort();
        *f = (struct forward){.st = st, .a = a, .left = 1};
        capnp_question_send(q, forward_done, f);
        return capnp_answer_keep(a, NULL, NULL);
}

static int fail(capnp_answer *a)
{
        return capnp_answer_fail(a, CAPNP_FAILED, "nothing is lent");
}

static int serve_open(void *self, capnp_answer *a)
{
        ui_surface_spec_reader spec = stage_open_param_spec(a);
        capnp_data id = ui_surface_spec_surface_id(spec);
        struct stage *st = self;
        uint32_t n = 0;
        capnp_question *q;

        while (n < st->npanes && st->panes[n])
                n++;
        if (!st->c || n == PANES)
                return fail(a);
        q = remote_ui_host_open((remote_ui_host_client){kit_composition_lent_peek(st->c)});
        remote_ui_host_open_set_spec(q, spec);
        if (id.len <= sizeof(st->ids[n]) &&
            !kit_pane_new(st->c, remote_ui_host_open_surface(q).c, &pane_ops, st, &st->panes[n])) {
                memcpy(st->ids[n], id.p, id.len);
                st->lens[n] = id.len;
                st->npanes += n == st->npanes;
        }
        return forward(st, a, q);
}

static void apply_next(struct forward *f)
{
        ui_patch_reader patch = ui_patch_root(f->patch);
        struct kit_pane *p = pane_find(f->st, ui_patch_surface_id(patch));
        capnp_question *q;

        if (!p) {
                forward_end(f, "no such pane");
                return;
        }
        q = remote_ui_surface_apply((remote_ui_surface_client){kit_pane_surface_peek(p)});
        remote_ui_surface_apply_set_patch(q, patch);
        capnp_question_send(q, forward_done, f);
}

static int serve_apply(void *self, capnp_answer *a)
{
        struct forward *f = calloc(1, sizeof(*f));

        if (!f || capnp_msg_new(&f->patch))
                abort();
        f->st = self;
        f->a = a;
        f->left = stage_apply_param_times(a);
        capnp_abuilder_set_struct(capnp_msg_build(f->patch), stage_apply_param_patch(a).r);
        apply_next(f);
        return capnp_answer_keep(a, NULL, NULL);
}

static int serve_theme(void *self, capnp_answer *a)
{
        struct stage *st = self;
        capnp_question *q;

        if (!st->c)
                return fail(a);
        q = remote_ui_host_theme((remote_ui_host_client){kit_composition_lent_peek(st->c)});
        remote_ui_host_theme_set_scope(q, stage_theme_param_scope(a));
        remote_ui_host_theme_set_hints(q, stage_theme_param_hints(a));
        return forward(st, a, q);
}

static int serve_persist(void *self, capnp_answer *a)
{
        struct stage *st = self;
        struct kit_pane *p = pane_find(st, stage_persist_param_surface_id(a));
        capnp_question *q;

        if (!p)
                return fail(a);
        q = remote_ui_surface_persist((remote_ui_surface_client){kit_pane_surface_peek(p)});
        remote_ui_surface_persist_set_what(q, stage_persist_param_what(a));
        return forward(st, a, q);
}

static int serve_close(void *self, capnp_answer *a)
{
        struct stage *st = self;
        struct kit_pane *p = pane_find(st, stage_close_param_surface_id(a));

        pane_on_gone(st, p, "");
        if (p)
                kit_pane_close(p);
        return capnp_answer_return(a);
}

static int serve_finish(void *self, capnp_answer *a)
{
        struct stage *st = self;

        if (st->c)
                kit_compose_finish(st->c);
        compose_over(st);
        return capnp_answer_return(a);
}

static int serve_heard(void *self, capnp_answer *a)
{
        struct stage *st = self;
        ui_event_list_builder l = stage_heard_results_init_events(a, st->nevents);

        for (uint32_t i = 0; i < st->nevents; i++) {
                capnp_builder_copy(ui_event_list_builder_get(l, i).b,
                                   ui_event_root(st->events[i]).r);
                capnp_msg_free(st->events[i]);
        }
        st->nevents = 0;
        stage_heard_results_set_lent(a, st->c != NULL);
        return capnp_answer_return(a);
}

static int serve_work(void *self, capnp_answer *a)
{
        struct stage *st = self;

        st->worked++;
        (void)snprintf(st->last, sizeof(st->last), "%s", stage_work_param_text(a).p);
        stage_work_results_set_said(a, st->last);
        return capnp_answer_return(a);
}

static int serve_worked(void *self, capnp_answer *a)
{
        struct stage *st = self;

        stage_worked_results_set_times(a, st->worked);
        stage_worked_results_set_last(a, st->last);
        return capnp_answer_return(a);
}

static int serve_say(void *self, capnp_answer *a)
{
        struct stage *st = self;

        st->worked++;
        (void)snprintf(st->last, sizeof(st->last), "%s", stage_say_param_text(a).p);
        return capnp_answer_return(a);
}

static int serve_prepare(void *self, capnp_answer *a)
{
        struct stage *st = self;

        st->finishes = stage_prepare_param_finishes(a);
        return capnp_answer_return(a);
}

/* A flood that is under way. */
struct flood {
        capnp_answer *a;
        capnp_cap *ear;
        char *text;
        uint32_t left, heard;
        bool gives;
};

static void flood_next(struct flood *f);

static void flood_done(capnp_question *q, int r, void *arg)
{
        struct flood *f = arg;

        f->heard += !r;
        if (!r && f->heard < f->left) {
                capnp_question_free(q);
                flood_next(f);
                return;
        }
        stage_flood_results_set_heard(f->a, f->heard);
        if (r)
                stage_flood_results_set_why(f->a, capnp_question_exception(q).reason);
        (void)capnp_answer_return(f->a);
        capnp_question_free(q);
        f->ear = capnp_cap_unref(f->ear);
        free(f->text);
        free(f);
}

static void flood_next(struct flood *f)
{
        capnp_question *q = ear_told((ear_client){f->ear});

        ear_told_set_text(q, f->text);
        if (f->gives)
                ear_told_set_gift(q, (ear_client){f->ear});
        capnp_question_send(q, flood_done, f);
}

static int serve_flood(void *self, capnp_answer *a)
{
        uint32_t bytes = stage_flood_param_bytes(a);
        struct flood *f = calloc(1, sizeof(*f));

        (void)self;
        if (!f || bytes > 1 << 20)
                abort();
        *f = (struct flood){.a = a,
                            .ear = capnp_cap_ref(stage_flood_param_listener(a).c),
                            .text = calloc(bytes + 1, 1),
                            .gives = stage_flood_param_gives(a),
                            .left = stage_flood_param_times(a)};
        if (!f->text)
                abort();
        memset(f->text, 'x', bytes);
        flood_next(f);
        return capnp_answer_keep(a, NULL, NULL);
}

static int serve_many(void *self, capnp_answer *a)
{
        uint32_t n = stage_many_param_count(a);
        capnp_lbuilder l = stage_many_results_init_ears(a, n);

        (void)self;
        for (uint32_t i = 0; i < n; i++)
                capnp_abuilder_set_cap(capnp_lbuilder_any(l, i), stage_many_param_listener(a).c);
        return capnp_answer_return(a);
}

static int serve_lie(void *self, capnp_answer *a)
{
        uint32_t n = stage_lie_param_count(a);
        lie_list_builder l = stage_lie_results_init_lies(a, n);

        (void)self;
        for (uint32_t i = 0; i < n; i++)
                lie_set_number(lie_list_builder_get(l, i), stage_lie_param_number(a));
        return capnp_answer_return(a);
}

static const struct stage_ops stage_ops = {
        .ui_composer = {.compose = serve_compose},
        .open = serve_open,
        .apply = serve_apply,
        .theme = serve_theme,
        .persist = serve_persist,
        .close = serve_close,
        .finish = serve_finish,
        .heard = serve_heard,
        .work = serve_work,
        .worked = serve_worked,
        .say = serve_say,
        .prepare = serve_prepare,
        .flood = serve_flood,
        .many = serve_many,
        .lie = serve_lie,
};

static int service_start(const struct kit_start *s, void **ret_self)
{
        static struct stage stage;

        stage.vat = s->vat;
        *ret_self = &stage;
        return 0;
}

static int service_open(void *self, struct kit_caller *caller, const char *facet,
                        capnp_cap **ret_bootstrap)
{
        struct stage *st = self;

        (void)caller;
        return facet[0] ? CAPNP_E_UNKNOWN : stage_serve(st->vat, &stage_ops, st, ret_bootstrap);
}

int main(int argc, char **argv)
{
        static const struct kit_service service = {.name = "stage",
                                                   .schema = &stage_capnp_schema,
                                                   .start = service_start,
                                                   .open = service_open};

        return kit_run(&service, argc, argv);
}
