/*
 * Calls by schema. What the browser names is a capability of the bundle, a method and JSON; what it
 * gets is JSON, and numbers for the references in it. The numbers mean something in this process
 * alone, and nothing after it.
 *
 * A listener is an object of ours that is served by its schema: what a service calls on it goes to
 * all tabs as it is, and is answered at once: done, or while some tab does not keep up overloaded.
 *
 * What is held, what was called and what was heard lately is told to each tab that comes: the page
 * keeps nothing, and is loaded anew.
 *
 * After a logout the references stay where they are: that the instance takes none of them any more
 * can then be seen.
 */
#include "calls.h"

#include "kept.h"
#include "records.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
        HELD = 128,
        HANDLES = 256,
        CALLS = 64,
        NAME = 96,
        PARAMS = 64 * 1024,
        PARAMS_KEPT = 4 * 1024, /* of a call that has ended */
        RESULTS = 1 << 20,
        TYPE_INTERFACE = 17,
        LISTENERS = 4, /* of one call */
        GIVEN = 64,    /* handles that events have brought; then the oldest goes */
};

struct held {
        char name[NAME];
        capnp_cap *cap;
};

struct handle {
        struct bridge *b;
        uint32_t number; /* 0: this place is free */
        capnp_cap *cap;
        uint64_t interface;
        bool is_given; /* it came with an event: nobody has asked for it */
        char path[NAME * 2], from[NAME], root[NAME]; /* as Held has them; "": it was not told yet */
};

struct call {
        struct bridge *b;
        struct asker a;
        capnp_question *q; /* NULL: this place is free */
        struct capnp_method_info m;
        char name[NAME];
        char on[NAME]; /* the capability; "": a handle */
        char root[NAME];
        uint32_t handle; /* that it was called on; 0: none */
        char method[NAME];
        char *params; /* to be kept; NULL: they are too long */
        uint64_t began_us, at_ms;
        uint32_t listeners[LISTENERS];
        char listener_paths[LISTENERS][NAME];
        unsigned nlisteners;
        uint32_t since; /* numbers beyond this are what it has returned */
};

struct calls {
        struct held held[HELD];
        unsigned nheld;
        struct handle handles[HANDLES];
        struct call calls[CALLS];
        uint32_t last;
        struct kept past, heard;
};

static uint64_t now_us(void)
{
        struct timespec t;

        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static const capnp_schema *schema_of(const struct bridge *b)
{
        return capos_client_schema_peek(b->client);
}

/* ---- references ----------------------------------------------------------------------------- */

static struct held *held_find(struct calls *s, const char *name)
{
        for (unsigned i = 0; i < s->nheld; i++)
                if (!strcmp(s->held[i].name, name))
                        return &s->held[i];
        return NULL;
}

/* Of the bundle; borrowed. NULL: there is none of this name. */
static capnp_cap *calls_held(struct bridge *b, const char *name, uint64_t *ret_interface)
{
        struct calls *s = b->calls;
        struct capos_cap_entry e;
        struct held *h;

        if (!b->client || !capos_client_find(b->client, name, &e) || strlen(name) >= NAME)
                return NULL;
        *ret_interface = e.interface;
        h = held_find(s, name);
        if (!h && s->nheld < HELD) {
                h = &s->held[s->nheld++];
                (void)snprintf(h->name, NAME, "%s", name);
        }
        if (h && !h->cap && b->is_in)
                h->cap = capos_client_get(b->client, name, e.interface);
        return h ? h->cap : NULL;
}

/* Its service has gone, and perhaps is there again: the next call takes another one. */
static void held_drop(struct calls *s, const char *name)
{
        struct held *h = held_find(s, name);

        if (h)
                h->cap = capnp_cap_unref(h->cap);
}

static struct handle *handle_find(struct bridge *b, uint32_t n)
{
        for (unsigned i = 0; n && i < HANDLES; i++)
                if (b->calls->handles[i].number == n)
                        return &b->calls->handles[i];
        return NULL;
}

/* A number for a reference, which is taken another time. NULL: there are too many. */
static struct handle *handle_new(struct bridge *b, capnp_cap *c, uint64_t interface)
{
        for (unsigned i = 0; i < HANDLES; i++) {
                struct handle *h = &b->calls->handles[i];

                if (h->number)
                        continue;
                *h = (struct handle){.b = b,
                                     .number = ++b->calls->last,
                                     .cap = capnp_cap_ref(c),
                                     .interface = interface};
                return h;
        }
        return NULL;
}

static void handle_drop(struct handle *h)
{
        h->number = 0;
        h->cap = capnp_cap_unref(h->cap);
}

static int on_number(void *arg, capnp_cap *c, uint64_t interface, uint32_t *ret_n)
{
        struct handle *h = handle_new(arg, c, interface);

        if (!h)
                return CAPNP_E_LIMIT;
        *ret_n = h->number;
        return 0;
}

/* … which an event has brought. As many may come as a service likes, so they give way. */
static int on_given(void *arg, capnp_cap *c, uint64_t interface, uint32_t *ret_n)
{
        struct bridge *b = arg;
        struct handle *oldest = NULL, *h;
        unsigned n = 0;

        for (unsigned i = 0; i < HANDLES; i++) {
                h = &b->calls->handles[i];
                if (!h->number || !h->is_given)
                        continue;
                n++;
                if (!oldest || h->number < oldest->number)
                        oldest = h;
        }
        if (n >= GIVEN)
                handle_drop(oldest);
        h = handle_new(b, c, interface);
        if (!h)
                return CAPNP_E_LIMIT;
        h->is_given = true;
        *ret_n = h->number;
        return 0;
}

/* Lets go of what was numbered since, and never told. */
static void handles_drop_since(struct bridge *b, uint32_t last)
{
        for (unsigned i = 0; i < HANDLES; i++)
                if (b->calls->handles[i].number > last)
                        handle_drop(&b->calls->handles[i]);
}

static capnp_cap *on_find(void *arg, uint32_t n)
{
        struct handle *h = handle_find(arg, n);

        return h ? h->cap : NULL;
}

static struct capnp_dynamic_opts opts_of(struct bridge *b)
{
        return (struct capnp_dynamic_opts){.number = on_number,
                                           .find = on_find,
                                           .arg = b,
                                           .reject_unknown = true,
                                           .text_bytes = PARAMS};
}

static const char *interface_name(const struct bridge *b, uint64_t interface)
{
        const capnp_decl *d = capnp_schema_find(schema_of(b), interface);

        return d ? capnp_decl_short_name(d) : "";
}

/* ---- listeners ------------------------------------------------------------------------------ */

static void event_tell(struct handle *h, const struct capnp_method_info *m, const char *json)
{
        struct down d = down_new(0);

        if (d.m) {
                web_down_event_builder e = web_down_init_event(d.d);

                web_down_event_set_listener(e, h->number);
                web_down_event_set_interface(e, interface_name(h->b, m->interface));
                web_down_event_set_method(e, m->name);
                web_down_event_set_json(e, json);
                web_down_event_set_at_ms(e, bridge_time_ms());
        }
        kept_add(&h->b->calls->heard, h->b, &d);
        down_tell(h->b, NULL, &d);
}

/* It may live longer than its handle: a service holds it. */
struct listener {
        struct bridge *b;
        uint32_t number;
};

static int listener_on_call(void *self, const struct capnp_method_info *m, capnp_answer *a)
{
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf text = {.max = RESULTS};
        struct listener *l = self;
        struct handle *h = l->b->calls ? handle_find(l->b, l->number) : NULL;
        struct capnp_dynamic_opts o = opts_of(l->b);
        uint32_t last = l->b->calls ? l->b->calls->last : 0;
        int r;

        o.number = on_given;

        if (!h || !h->b->client)
                return capnp_answer_fail(a, CAPNP_FAILED, "nobody listens any more");
        if (bridge_is_behind(l->b))
                return capnp_answer_fail(a, CAPNP_OVERLOADED, "who listens does not keep up");
        r = capnp_dynamic_params(schema_of(h->b), m, a, &o, &text);
        if (!r)
                r = capnp_dynamic_answer(schema_of(h->b), m, a, (capnp_text){0}, NULL, NULL);
        if (r) {
                handles_drop_since(l->b, last);
                return capnp_answer_fail(a, CAPNP_FAILED, "what was said cannot be shown");
        }
        event_tell(h, m, text.p);
        return capnp_answer_return(a);
}

static void listener_on_gone(void *self)
{
        free(self);
}

static const struct capnp_dynamic_ops listener_ops = {.call = listener_on_call,
                                                      .gone = listener_on_gone};

/* One more of a call's, for a parameter. Its number; 0: it cannot be. */
static uint32_t listener_new(struct call *c, const char *field, uint64_t interface)
{
        struct handle *h = c->nlisteners < LISTENERS ? handle_new(c->b, NULL, interface) : NULL;
        struct listener *l = h ? malloc(sizeof(*l)) : NULL;

        if (!h)
                return 0;
        if (l)
                *l = (struct listener){c->b, h->number};
        if (!l ||
            capnp_dynamic_serve(c->b->vat, schema_of(c->b), interface, &listener_ops, l, &h->cap)) {
                free(l);
                handle_drop(h);
                return 0;
        }
        c->listeners[c->nlisteners] = h->number;
        (void)snprintf(c->listener_paths[c->nlisteners++], NAME, "params.%s", field);
        return h->number;
}

/* A parameter's interface; 0: it is no reference. */
static uint64_t param_interface(const struct call *c, const char *name)
{
        const capnp_decl *d = capnp_schema_find(schema_of(c->b), c->m.params);
        struct capnp_field_info f;

        for (uint32_t i = 0; d && !capnp_decl_field(d, i, &f); i++)
                if (!strcmp(f.name, name) && f.base_type == TYPE_INTERFACE && !f.lists)
                        return f.type;
        return 0;
}

/* Puts a listener where one is asked for. The text to be parsed, to be freed; NULL: it is wrong. */
static char *params_listen(struct call *c, capnp_text params)
{
        json_t *o = json_loadb(params.p, params.len, JSON_REJECT_DUPLICATES, NULL), *v;
        const char *name;
        char *text = NULL;
        bool good = json_is_object(o);
        uint32_t n;

        if (!good) {
                json_decref(o);
                return NULL;
        }
        json_object_foreach(o, name, v)
        {
                if (!json_is_true(json_object_get(v, "$listen")))
                        continue;
                n = listener_new(c, name, param_interface(c, name));
                good = n && !json_object_del(v, "$listen") &&
                       !json_object_set_new(v, "$cap", json_integer(n));
                if (!good)
                        break;
        }
        if (good)
                text = json_dumps(o, JSON_COMPACT);
        json_decref(o);
        return text;
}

/* ---- what a call returns -------------------------------------------------------------------- */

/* Where in the results the numbers are. Only those that they have brought: a service may call a
 * field of its own as our numbers are called, and name what another has returned. */
struct paths {
        const struct call *c;
        web_down_handle_list_builder to;
        uint32_t n;
};

static void handle_write(const struct handle *h, web_down_handle_builder to)
{
        web_down_handle_set_handle(to, h->number);
        web_down_handle_set_path(to, h->path);
        web_down_handle_set_interface(to, interface_name(h->b, h->interface));
        web_down_handle_set_interface_id(to, h->interface);
}

/* A reference that a call has brought. */
static void paths_add(struct paths *p, struct handle *h, const char *path)
{
        (void)snprintf(h->path, sizeof(h->path), "%s", path);
        (void)snprintf(h->from, sizeof(h->from), "%s", p->c->name);
        (void)snprintf(h->root, sizeof(h->root), "%s", p->c->root);
        handle_write(h, web_down_handle_list_builder_get(p->to, p->n++));
}

static void paths_walk(struct paths *p, json_t *v, const char *path)
{
        char below[NAME * 2];
        const char *name;
        struct handle *h;
        json_t *w;
        size_t i;

        h = handle_find(p->c->b, (uint32_t)json_integer_value(json_object_get(v, "$cap")));
        if (h && h->number > p->c->since && p->n < p->to.l.len) {
                paths_add(p, h, path);
                return;
        }
        json_object_foreach(v, name, w)
        {
                (void)snprintf(below, sizeof(below), "%s%s%s", path, *path ? "." : "", name);
                paths_walk(p, w, below);
        }
        json_array_foreach(v, i, w)
        {
                (void)snprintf(below, sizeof(below), "%s[%zu]", path, i);
                paths_walk(p, w, below);
        }
}

static void handles_write(struct call *c, const struct capnp_buf *text, web_down_returned_builder r)
{
        json_t *v = json_loadb(text->p, text->len, 0, NULL);
        struct paths p = {.c = c};
        uint32_t n = c->nlisteners;

        for (unsigned i = 0; i < HANDLES; i++)
                n += c->b->calls->handles[i].number > c->since;
        p.to = web_down_returned_init_handles(r, n);
        paths_walk(&p, v, "");
        for (unsigned i = 0; i < c->nlisteners; i++) {
                struct handle *h = handle_find(c->b, c->listeners[i]);

                if (h)
                        paths_add(&p, h, c->listener_paths[i]);
        }
        json_decref(v);
}

/* ---- what other tabs are told of it ---------------------------------------------------------- */

/* The tabs that are in, but for one. */
static unsigned tabs_beside(struct bridge *b, struct asker a)
{
        const struct bridge_tab *t = bridge_tab_of(b, a);

        return bridge_tabs(b) & ~(t ? 1U << (t - b->tabs) : 0);
}

/* References with a number beyond `last`; those that events bring stand in the events. */
static void held_tell(struct bridge *b, unsigned tabs, uint32_t last)
{
        struct handle *all[HANDLES];
        struct down d = down_new(0);
        uint32_t n = 0;

        for (unsigned i = 0; i < HANDLES; i++) {
                struct handle *h = &b->calls->handles[i];

                if (h->number > last && *h->from)
                        all[n++] = h;
        }
        if (d.m && n) {
                web_down_held_list_builder l = web_down_init_held(d.d, n);

                for (uint32_t i = 0; i < n; i++) {
                        web_down_held_builder to = web_down_held_list_builder_get(l, i);

                        handle_write(all[i], web_down_held_init_handle(to));
                        web_down_held_set_from(to, all[i]->from);
                        web_down_held_set_root_(to, all[i]->root);
                }
        }
        down_send(b, n ? tabs : 0, &d);
}

/* A call has ended; e: as a failure, or NULL. */
static void past_tell(const struct call *c, uint64_t took_us, size_t bytes,
                      const struct capos_error *e)
{
        struct down d;

        if (!*c->on && !c->handle)
                return; /* on what another was to return: nobody could call it again */
        d = down_new(0);
        if (d.m) {
                web_down_past_builder p = web_down_init_past(d.d);

                web_down_past_set_target(p, c->on);
                web_down_past_set_handle(p, c->handle);
                web_down_past_set_method(p, c->method);
                web_down_past_set_params(p, c->params ? c->params : "");
                web_down_past_set_at_ms(p, c->at_ms);
                web_down_past_set_took_us(p, took_us);
                web_down_past_set_bytes(p, bytes);
                if (e)
                        failure_write(web_down_past_init_failure(p), e);
        }
        kept_add(&c->b->calls->past, c->b, &d);
        down_send(c->b, tabs_beside(c->b, c->a), &d);
}

void calls_tell(struct bridge *b, const struct bridge_tab *t)
{
        held_tell(b, 1U << (t - b->tabs), 0);
        kept_tell(&b->calls->past, t);
        kept_tell(&b->calls->heard, t);
}

/* ---- what has ended -------------------------------------------------------------------------- */

static void call_returned(struct call *c, const struct capnp_buf *text, uint64_t took_us)
{
        struct down d = down_new(c->a.id);
        char detail[NAME];

        if (d.m) {
                web_down_returned_builder r = web_down_init_returned(d.d);

                web_down_returned_set_json(r, text->p);
                web_down_returned_set_took_us(r, took_us);
                web_down_returned_set_bytes(r, text->len);
                handles_write(c, text, r);
        }
        (void)snprintf(detail, sizeof(detail), "%zu bytes in %" PRIu64 ".%" PRIu64 " ms", text->len,
                       took_us / 1000, took_us / 100 % 10);
        record_add(c->b, "call", c->name, NULL, detail);
        down_answer(c->b, c->a, &d);
        held_tell(c->b, tabs_beside(c->b, c->a), c->nlisteners ? c->listeners[0] - 1 : c->since);
        past_tell(c, took_us, text->len, NULL);
}

/* What it had, whose call has failed: nobody was told of them. */
static void listeners_drop(struct call *c)
{
        for (unsigned i = 0; i < c->nlisteners; i++) {
                struct handle *h = handle_find(c->b, c->listeners[i]);

                if (h)
                        handle_drop(h);
        }
}

static void call_end(struct call *c)
{
        c->q = capnp_question_free(c->q);
        free(c->params);
        *c = (struct call){0};
}

static void call_on_done(capnp_question *q, int r, void *arg)
{
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf text = {.max = RESULTS};
        struct call *c = arg;
        struct bridge *b = c->b;
        struct capnp_dynamic_opts o = opts_of(b);
        uint64_t took_us = now_us() - c->began_us;
        struct capos_error e;

        (void)r;
        if (capos_error_of_question(q, &e)) {
                if (e.kind == CAPNP_DISCONNECTED)
                        held_drop(b->calls, c->on);
                record_error(b, "call", c->name, &e);
                bridge_fail_error(b, c->a, &e);
                past_tell(c, took_us, 0, &e);
                listeners_drop(c);
        } else {
                c->since = b->calls->last;
                r = capnp_dynamic_results(schema_of(b), &c->m, q, &o, &text);
                if (!r) {
                        call_returned(c, &text, took_us);
                } else {
                        handles_drop_since(b, c->since);
                        listeners_drop(c);
                        bridge_fail_code(b, c->a, r);
                }
        }
        call_end(c);
}

/* ---- what is called ------------------------------------------------------------------------- */

struct target {
        capnp_cap *cap;
        uint64_t interface;
        char name[NAME], root[NAME];
        uint32_t handle;
};

static struct call *call_find(struct bridge *b, uint32_t tab, uint32_t id)
{
        for (unsigned i = 0; id && i < CALLS; i++) {
                struct call *c = &b->calls->calls[i];

                if (c->q && c->a.id == id && c->a.tab == tab)
                        return c;
        }
        return NULL;
}

static bool target_find(struct bridge *b, struct asker a, web_up_call_reader r, struct target *t)
{
        struct handle *h = handle_find(b, web_up_call_handle(r));
        struct call *c = call_find(b, a.tab, web_up_call_pending(r));

        text_copy(web_up_call_target(r), t->name, sizeof(t->name));
        if (*t->name) {
                (void)snprintf(t->root, sizeof(t->root), "%s", t->name);
                t->cap = calls_held(b, t->name, &t->interface);
        } else if (h) {
                (void)snprintf(t->name, sizeof(t->name), "#%u", h->number);
                (void)snprintf(t->root, sizeof(t->root), "%s", h->root);
                t->handle = h->number;
                t->cap = h->cap;
                t->interface = h->interface;
        } else if (c) {
                (void)snprintf(t->name, sizeof(t->name), "%.48s.%.46s", c->name,
                               web_up_call_path(r).p);
                (void)snprintf(t->root, sizeof(t->root), "%s", c->root);
                if (capnp_dynamic_cap_peek(schema_of(b), &c->m, c->q, web_up_call_path(r).p,
                                           &t->cap, &t->interface))
                        t->cap = NULL;
        }
        return t->cap != NULL;
}

/* `motd`, or `Chat.join`. */
static bool method_find(const struct bridge *b, uint64_t interface, const char *name,
                        struct capnp_method_info *ret)
{
        const char *dot = strchr(name, '.');
        size_t n = dot ? (size_t)(dot - name) : 0;

        if (!dot)
                return !capnp_schema_find_method(schema_of(b), interface, name, ret);
        for (uint32_t i = 0; !capnp_schema_method(schema_of(b), interface, i, ret); i++) {
                const char *of = interface_name(b, ret->interface);

                if (strlen(of) == n && !strncmp(of, name, n) && !strcmp(ret->name, dot + 1))
                        return true;
        }
        return false;
}

static void call_fail_fault(struct bridge *b, struct asker a, int r, const struct capnp_fault *f)
{
        struct down d;

        if (r < 0 || !*f->what) {
                bridge_fail_code(b, a, r);
                return;
        }
        d = down_new(a.id);
        if (d.m) {
                web_down_failure_builder w = web_down_init_failed(d.d);

                web_down_failure_set_code(w, "bridge.params");
                web_down_failure_set_text(w, f->what);
                web_down_failure_set_path(w, f->path);
        }
        down_answer(b, a, &d);
}

static void call_send(struct call *c, const struct target *t, capnp_text params)
{
        struct capnp_dynamic_opts o = opts_of(c->b);
        struct capnp_dynamic_method m = {.vat = c->b->vat, .target = t->cap, .info = c->m};
        struct capnp_fault f = {.what = ""};
        struct bridge *b = c->b;
        struct asker a = c->a;
        char *listens = NULL;
        int r;

        if (params.len && memmem(params.p, params.len, "$listen", strlen("$listen"))) {
                listens = params_listen(c, params);
                if (!listens) {
                        bridge_fail(b, a, "bridge.params", "no listener can be made of that");
                        call_end(c);
                        return;
                }
                params = capnp_text_of(listens);
        }
        r = capnp_dynamic_call(schema_of(b), &m, params, &o, &c->q, &f);
        free(listens);
        if (r) {
                call_fail_fault(b, a, r, &f);
                call_end(c);
                return;
        }
        c->began_us = now_us();
        capnp_question_send(c->q, call_on_done, c);
}

/* What is told of it when it has ended. */
static void call_note(struct call *c, const struct target *t, web_up_call_reader r,
                      const char *method)
{
        capnp_text params = web_up_call_params(r);

        (void)snprintf(c->name, sizeof(c->name), "%.48s.%.46s", t->name, method);
        (void)snprintf(c->method, sizeof(c->method), "%s", method);
        (void)snprintf(c->root, sizeof(c->root), "%s", t->root);
        text_copy(web_up_call_target(r), c->on, sizeof(c->on));
        c->handle = t->handle;
        c->at_ms = bridge_time_ms();
        c->params = params.len <= PARAMS_KEPT ? strndup(params.p, params.len) : NULL;
}

void calls_call(struct bridge *b, struct asker a, web_up_call_reader r)
{
        struct call *c = NULL;
        struct target t = {0};
        char method[NAME];

        for (unsigned i = 0; i < CALLS && !c; i++)
                if (!b->calls->calls[i].q)
                        c = &b->calls->calls[i];
        text_copy(web_up_call_method(r), method, sizeof(method));
        if (!b->client)
                bridge_fail(b, a, "bridge.no-session", "there is no session");
        else if (!c)
                bridge_fail(b, a, "bridge.full", "too many calls are under way");
        else if (web_up_call_params(r).len > PARAMS)
                bridge_fail(b, a, "bridge.params", "more than 64 KiB");
        else if (!target_find(b, a, r, &t))
                bridge_fail(b, a, "bridge.no-target", "there is no such capability or handle");
        else {
                *c = (struct call){.b = b, .a = a};
                if (!method_find(b, t.interface, method, &c->m)) {
                        bridge_fail(b, a, "bridge.no-method", "it has no such method");
                        return;
                }
                call_note(c, &t, r, method);
                call_send(c, &t, web_up_call_params(r));
        }
}

void calls_cancel(struct bridge *b, struct asker a, uint32_t id)
{
        struct call *c = call_find(b, a.tab, id);

        if (!c) {
                bridge_fail(b, a, "bridge.no-call", "no such call is under way");
                return;
        }
        record_add(b, "call", c->name, "canceled", "");
        bridge_fail(b, c->a, "bridge.canceled", "canceled");
        call_end(c);
        bridge_done(b, a);
}

/* That a handle is no more, to tabs which were told of it. */
static void forgotten_tell(struct bridge *b, unsigned tabs, uint32_t handle)
{
        struct down d = down_new(0);

        if (d.m)
                web_down_set_forgotten(d.d, handle);
        down_send(b, tabs, &d);
}

void calls_forget(struct bridge *b, struct asker a, uint32_t handle)
{
        struct handle *h = handle_find(b, handle);

        if (!h) {
                bridge_fail(b, a, "bridge.no-target", "there is no such handle");
                return;
        }
        handle_drop(h);
        bridge_done(b, a);
        forgotten_tell(b, tabs_beside(b, a), handle);
}

/* ---- life ----------------------------------------------------------------------------------- */

int calls_new(struct bridge *b)
{
        b->calls = calloc(1, sizeof(*b->calls));
        return b->calls ? 0 : -ENOMEM;
}

void calls_begin(struct bridge *b)
{
        uint64_t interface;

        (void)calls_held(b, "session", &interface);
}

void calls_clear(struct bridge *b)
{
        struct calls *s = b->calls;

        for (unsigned i = 0; i < CALLS; i++)
                if (s->calls[i].q) {
                        bridge_fail(b, s->calls[i].a, "bridge.canceled", "the session is over");
                        call_end(&s->calls[i]);
                }
        for (unsigned i = 0; i < HANDLES; i++) {
                struct handle *h = &s->handles[i];

                if (h->number && *h->from)
                        forgotten_tell(b, bridge_tabs(b), h->number);
                if (h->number)
                        handle_drop(h);
        }
        for (unsigned i = 0; i < s->nheld; i++)
                s->held[i].cap = capnp_cap_unref(s->held[i].cap);
        s->nheld = 0;
        kept_clear(&s->past);
        kept_clear(&s->heard);
}

void calls_free(struct bridge *b)
{
        if (!b->calls)
                return;
        calls_clear(b);
        free(b->calls);
        b->calls = NULL;
}
