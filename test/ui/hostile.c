/*
 * The service of hostile.capnp, started by an instance as any other, and told by a test what to try
 * (test/e2e/hostile-panes.py has the acts of hostile.md). It keeps all that it was ever lent.
 */
#include <capos/capnp-dynamic.h>
#include <capos/kit-ui.h>
#include <capos/kit.h>

#include "hostile.capnp-c.h"
#include "remote_ui.capnp-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PANES = 64, ID_BYTES = 17, FLOOD_AT_ONCE = 64 };

struct pane {
        char id[ID_BYTES];
        capnp_cap *surface;
};

struct hostile {
        capnp_vat *vat;
        capnp_schema *schema;
        capnp_cap *host; /* lent last */
        struct pane panes[PANES];
        unsigned npanes, ran, callers;
        capnp_cap *flooded; /* NULL: no flood */
        uint64_t sent, taken;
};

/* Something that it says. */
struct saying {
        struct hostile *h;
        capnp_answer *a;
        struct capnp_method_info m;
        uint32_t left, done;
        char name[ID_BYTES]; /* of the pane that it opens */
};

/* ---- composing ------------------------------------------------------------------------------ */

static void compose_canceled(capnp_answer *a, void *arg)
{
        (void)arg;
        (void)capnp_answer_fail(a, CAPNP_FAILED, "canceled");
}

static int serve_compose(void *self, capnp_answer *a)
{
        struct hostile *h = self;

        capnp_cap_unref(h->host);
        h->host = capnp_cap_ref(ui_composer_compose_param_host(a).c);
        return capnp_answer_keep(a, compose_canceled, h);
}

static struct pane *pane_find(struct hostile *h, const char *id)
{
        for (unsigned i = h->npanes; i-- > 0;)
                if (!strcmp(h->panes[i].id, id))
                        return &h->panes[i];
        return NULL;
}

static void pane_keep(struct hostile *h, const char *id, capnp_cap *surface)
{
        struct pane *p = pane_find(h, id);

        if (!p && h->npanes < PANES)
                p = &h->panes[h->npanes++];
        if (!p)
                return;
        (void)snprintf(p->id, sizeof(p->id), "%s", id);
        capnp_cap_unref(p->surface);
        p->surface = capnp_cap_ref(surface);
}

static capnp_cap *target_of(struct hostile *h, const char *to)
{
        struct pane *p = pane_find(h, to);

        return !strcmp(to, "host") ? h->host : p ? p->surface : NULL;
}

/* ---- saying --------------------------------------------------------------------------------- */

static void say_next(struct saying *s);

static void say_end(struct saying *s, const char *answer)
{
        hostile_say_results_set_answer(s->a, answer);
        hostile_say_results_set_done(s->a, s->done);
        (void)capnp_answer_return(s->a);
        free(s);
}

static bool is_open(const struct saying *s)
{
        return s->m.interface == REMOTE_UI_HOST_ID && s->m.ordinal == 0;
}

/* The name that it is opened with, as far as that is a word. */
static void say_name(struct saying *s, capnp_question *q)
{
        remote_ui_host_open_in_reader in = {
                capnp_any_struct(capnp_abuilder_any(capnp_question_params_any(q)), NULL)};
        capnp_data id = ui_surface_spec_surface_id(remote_ui_host_open_in_spec(in));

        (void)snprintf(s->name, sizeof(s->name), "%.*s", (int)id.len, (const char *)id.p);
}

static void say_done(capnp_question *q, int r, void *arg)
{
        struct saying *s = arg;

        if (r) {
                say_end(s, capnp_question_exception(q).reason);
        } else {
                s->done++;
                if (is_open(s))
                        pane_keep(s->h, s->name, remote_ui_host_open_surface(q).c);
                if (--s->left)
                        say_next(s);
                else
                        say_end(s, "");
        }
        capnp_question_free(q);
}

static void say_next(struct saying *s)
{
        capnp_cap *to = target_of(s->h, hostile_say_param_to(s->a).p);
        capnp_question *q = capnp_question_new_any(s->h->vat, to, s->m.interface, s->m.ordinal);
        struct capnp_fault f = {0};

        if (capnp_text_parse(s->h->schema, s->m.params, hostile_say_param_params(s->a), NULL,
                             capnp_question_params_any(q), &f)) {
                char why[600];

                (void)snprintf(why, sizeof(why), "not said: %s: %s", f.path, f.what);
                capnp_question_free(q);
                say_end(s, why);
                return;
        }
        if (is_open(s))
                say_name(s, q);
        capnp_question_send(q, say_done, s);
}

static bool method_find(struct hostile *h, uint64_t interface, const char *name,
                        struct capnp_method_info *ret_m)
{
        for (uint32_t i = 0; !capnp_schema_method(h->schema, interface, i, ret_m); i++)
                if (!strcmp(ret_m->name, name))
                        return true;
        return false;
}

static int serve_say(void *self, capnp_answer *a)
{
        bool host = !strcmp(hostile_say_param_to(a).p, "host");
        struct saying *s = calloc(1, sizeof(*s));
        struct hostile *h = self;

        if (!s || !target_of(h, hostile_say_param_to(a).p) ||
            !method_find(h, host ? REMOTE_UI_HOST_ID : REMOTE_UI_SURFACE_ID,
                         hostile_say_param_method(a).p, &s->m)) {
                free(s);
                return capnp_answer_fail(a, CAPNP_FAILED, "it has no such thing");
        }

        s->h = h;
        s->a = a;
        s->left = hostile_say_param_count(a);
        say_next(s);
        return capnp_answer_keep(a, NULL, NULL);
}

/* ---- a flood -------------------------------------------------------------------------------- */

static void flood_next(struct hostile *h);

static void flood_done(capnp_question *q, int r, void *arg)
{
        struct hostile *h = arg;

        h->taken += !r;
        capnp_question_free(q);
        flood_next(h);
}

static void flood_next(struct hostile *h)
{
        capnp_question *q;
        ui_patch_builder b;

        if (!h->flooded)
                return;

        q = remote_ui_surface_apply((remote_ui_surface_client){h->flooded});
        b = remote_ui_surface_apply_init_patch(q);
        ui_patch_set_kind(b, UI_PATCH_KIND_SET_LAYOUT_HINT);
        (void)ui_patch_payload_init_layout(ui_patch_init_payload(b));
        h->sent++;
        capnp_question_send(q, flood_done, h);
}

static int serve_flood(void *self, capnp_answer *a)
{
        struct hostile *h = self;
        struct pane *p = pane_find(h, hostile_flood_param_to(a).p);

        if (!p || h->flooded)
                return capnp_answer_fail(a, CAPNP_FAILED, "it has no such pane, or floods already");

        h->flooded = capnp_cap_ref(p->surface);
        h->sent = h->taken = 0;
        for (unsigned i = 0; i < FLOOD_AT_ONCE; i++)
                flood_next(h);
        return capnp_answer_return(a);
}

static int serve_stop(void *self, capnp_answer *a)
{
        struct hostile *h = self;

        h->flooded = capnp_cap_unref(h->flooded);
        return capnp_answer_return(a);
}

static int serve_counted(void *self, capnp_answer *a)
{
        struct hostile *h = self;

        hostile_counted_results_set_sent(a, h->sent);
        hostile_counted_results_set_taken(a, h->taken);
        hostile_counted_results_set_ran(a, h->ran);
        return capnp_answer_return(a);
}

static int serve_ran(void *self, capnp_answer *a)
{
        ((struct hostile *)self)->ran++;
        return capnp_answer_return(a);
}

static const struct hostile_ops hostile_ops = {
        .ui_composer = {.compose = serve_compose},
        .say = serve_say,
        .flood = serve_flood,
        .counted = serve_counted,
        .stop = serve_stop,
        .look = serve_ran,
        .share = serve_ran,
        .last = serve_ran,
};

/* ---- the service ---------------------------------------------------------------------------- */

static int service_start(const struct kit_start *s, void **ret_self)
{
        static struct hostile hostile;
        int r = capnp_schema_new(&hostile.schema);

        hostile.vat = s->vat;
        *ret_self = &hostile;
        return r ? r : capnp_schema_add_file(hostile.schema, &hostile_capnp_schema);
}

static int service_open(void *self, struct kit_caller *caller, const char *facet,
                        capnp_cap **ret_bootstrap)
{
        struct hostile *h = self;

        (void)caller, (void)facet;
        h->callers++;
        return hostile_serve(h->vat, &hostile_ops, h, ret_bootstrap);
}

/* The kit looks whether anything is left of who has gone. */
static void service_closed(void *self, struct kit_caller *caller)
{
        struct hostile *h = self;

        (void)caller;
        if (--h->callers)
                return;

        h->flooded = capnp_cap_unref(h->flooded);
        h->host = capnp_cap_unref(h->host);
        while (h->npanes) {
                struct pane *p = &h->panes[--h->npanes];

                p->surface = capnp_cap_unref(p->surface);
        }
}

static void service_stop(void *self)
{
        struct hostile *h = self;

        h->schema = capnp_schema_free(h->schema);
}

int main(int argc, char **argv)
{
        static const struct kit_service service = {
                .name = "hostile",
                .schema = &hostile_capnp_schema,
                .start = service_start,
                .open = service_open,
                .closed = service_closed,
                .stop = service_stop,
        };

        return kit_run(&service, argc, argv);
}
