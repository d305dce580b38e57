/*
 * Interfaces: clients that ask, operations that answer, and the tables between.
 *
 * Client side: a method is a function from a client to a question; what it sends is set on the
 * question, what it returns is read from it. A capability in the results is a promise before the
 * return and the object after, so its getter goes through the question and not through the result
 * struct.
 *
 * Server side: all operations have one signature, so an operations struct is a list of function
 * pointers behind `gone`. What an interface extends is a struct inside it. The table of parts says
 * where in the struct the handlers of each interface begin; where an interface is reached by more
 * than one way, the first counts.
 */
#include "gen.h"

#include <inttypes.h>

/* A method with all that its functions need. */
struct method {
        struct node *iface;
        method_reader r;
        const char *name;     /* system_info_motd */
        struct node *params;  /* may be NULL when the request is broken */
        struct node *results; /* NULL for `-> stream` */
        uint32_t ordinal;
        bool stream;
};

static struct method method_of(struct gen *g, struct node *n, uint32_t i)
{
        struct method m = {.iface = n, .ordinal = i};

        m.r = method_list_get(node_interface_methods(node_interface(n->r)), i);
        m.name = name_join(g->mem, n->name, name_method(g->mem, n->members[i]));
        m.stream = method_result_struct_type(m.r) == STREAM_RESULT_ID;
        m.params = request_find(g->q, method_param_struct_type(m.r));
        if (!m.stream)
                m.results = request_find(g->q, method_result_struct_type(m.r));
        return m;
}

static struct node *super_of(struct gen *g, struct node *n, uint32_t i)
{
        return request_find(g->q, superclass_id(superclass_list_get(
                                          node_interface_superclasses(node_interface(n->r)), i)));
}

static uint32_t super_count(struct node *n)
{
        return superclass_list_len(node_interface_superclasses(node_interface(n->r)));
}

/* ---- types ----------------------------------------------------------------------------------- */

void interface_gen_types(struct gen *g, struct node *n)
{
        const char *client = mem_fmt(g->mem, "%s_client", n->name),
                   *ops = mem_fmt(g->mem, "%s_ops", n->name);

        gen_claim_type(g, client);
        gen_claim_tag(g, ops);
        gen_claim(g, mem_fmt(g->mem, "%s_ID", n->upper));
        out_f(&g->h, "\n");
        out_doc(&g->h, "", node_doc(n));
        out_f(&g->h, "typedef struct { capnp_cap *c; } %s;\n", client);
        out_f(&g->h, "#define %s_ID UINT64_C(0x%016" PRIx64 ")\n", n->upper, n->id);
}

/* ---- the operations struct ------------------------------------------------------------------- */

/* The name of a member of the operations struct: of a method, or of what the interface extends. */
static const char *op_name(struct gen *g, const char *name)
{
        return name_bare(g->mem, name);
}

static void ops_struct(struct gen *g, struct node *n)
{
        const char *key = mem_fmt(g->mem, "ops of %s", n->name);

        /* An interface of this file that another one extends is written before it. */
        if (names_has(&g->names, key))
                return;

        names_claim(&g->names, g->mem, key, n->path);
        for (uint32_t i = 0; i < super_count(n); i++) {
                struct node *super = super_of(g, n, i);

                if (super && super->file == g->file)
                        ops_struct(g, super);
        }

        g->decl = n->path;
        out_f(&g->h,
              "\n/** Serves %s: see capnp_cap_new(). A NULL handler answers `unimplemented`. */\n",
              n->path);
        out_f(&g->h, "struct %s_ops {\n        void (*gone)(void *self);\n", n->name);
        for (uint32_t i = 0; i < n->nmembers; i++) {
                const char *op = op_name(g, n->members[i]);

                gen_claim(g, mem_fmt(g->mem, "%s_ops.%s", n->name, op));
                out_doc(&g->h, "        ", node_member_doc(n, i));
                out_f(&g->h, "        capnp_handler *%s;\n", op);
        }
        for (uint32_t i = 0; i < super_count(n); i++) {
                struct node *super = super_of(g, n, i);

                if (!super || !super->name)
                        continue;

                gen_claim(g, mem_fmt(g->mem, "%s_ops.%s", n->name, op_name(g, super->name)));
                out_f(&g->h, "        struct %s_ops %s; /* its `gone` is not called */\n",
                      super->name, op_name(g, super->name));
        }
        out_f(&g->h, "};\n");
}

/* Whether all that an interface extends is in this file. */
static bool extends_here(struct gen *g, struct node *n)
{
        for (uint32_t i = 0; i < super_count(n); i++) {
                struct node *super = super_of(g, n, i);

                if (super && (super->file != g->file || !extends_here(g, super)))
                        return false;
        }

        return true;
}

void interface_gen_ops(struct gen *g, struct node *n)
{
        if (extends_here(g, n))
                ops_struct(g, n);
}

/* ---- client functions ------------------------------------------------------------------------ */

static const char *part(struct gen *g, const struct method *m, const char *rest)
{
        return mem_fmt(g->mem, "%s_%s", m->name, rest);
}

static void param_changes(struct gen *g, const struct method *m)
{
        for (uint32_t i = 0; m->params && i < m->params->nmembers; i++) {
                struct field f = field_of(g, m->params, i);
                struct change v[FIELD_CHANGES];
                unsigned n = field_changes(g, &f, v);

                out_doc(&g->h, "", f.doc);
                for (unsigned k = 0; k < n; k++)
                        gen_fn(g, v[k].ret, part(g, m, v[k].verb),
                               change_params(g, "capnp_question *q", &v[k]), "%s%s_%s(%s);",
                               strcmp(v[k].ret, "void") ? "return " : "", m->params->name,
                               v[k].verb,
                               change_args(g, mem_fmt(g->mem, "%s_params(q)", m->name), &v[k]));
        }
}

/* A capability behind pointers of the results: a promise before the return, the object after. */
static void cap_getter(struct gen *g, const char *name, const struct ctype *t, const uint32_t *path,
                       uint32_t n)
{
        const char *p = "", *v;

        for (uint32_t i = 0; i < n; i++)
                p = mem_fmt(g->mem, "%s%s%" PRIu32, p, i ? ", " : "", path[i]);
        v = mem_fmt(g->mem, "capnp_question_cap_peek(q, path, %" PRIu32 ")", n);
        if (t->which == TYPE_INTERFACE)
                v = mem_fmt(g->mem, "(%s){ %s }", t->read, v);
        gen_fn(g, t->which == TYPE_INTERFACE ? t->read : "capnp_cap *", name, "capnp_question *q",
               "const uint16_t path[] = { %s }; return %s;", p, v);
}

static bool is_cap(const struct ctype *t)
{
        return t->which == TYPE_INTERFACE || (t->which == TYPE_ANY_POINTER &&
                                              t->any == TYPE_ANY_POINTER_UNCONSTRAINED_CAPABILITY);
}

static void result_getters(struct gen *g, const struct method *m)
{
        for (uint32_t i = 0; m->results && i < m->results->nmembers; i++) {
                struct field f = field_of(g, m->results, i);
                const char *name = part(g, m, name_result(g->mem, m->results->members[i]));

                out_doc(&g->h, "", f.doc);
                if (!f.group && is_cap(&f.t))
                        cap_getter(g, name, &f.t, &f.offset, 1);
                else if (field_type(g, &f))
                        gen_fn(g, field_type(g, &f), name, "capnp_question *q",
                               "return %s(%s_results(q));", f.getter, m->name);
                if (!f.group && f.t.pointer)
                        gen_fn(g, "bool",
                               mem_fmt(g->mem, "%s_has_%s", m->name, m->results->members[i]),
                               "capnp_question *q", "return %s_has_%s(%s_results(q));",
                               m->results->name, f.own, m->name);
        }
}

static void client_functions(struct gen *g, const struct method *m)
{
        const char *client = mem_fmt(g->mem, "%s_client c", m->iface->name);

        out_doc(&g->h, "", node_member_doc(m->iface, m->ordinal));
        gen_fn(g, "capnp_question *", m->name, client,
               "return capnp_question_new(c.c, &%s_interface, %" PRIu32 ");", m->iface->name,
               m->ordinal);
        if (m->params)
                gen_fn(g, mem_fmt(g->mem, "%s_builder", m->params->name), part(g, m, "params"),
                       "capnp_question *q", "return (%s_builder){ capnp_question_params(q) };",
                       m->params->name);
        param_changes(g, m);
        if (m->results)
                gen_fn(g, mem_fmt(g->mem, "%s_reader", m->results->name), part(g, m, "results"),
                       "capnp_question *q", "return (%s_reader){ capnp_question_response(q) };",
                       m->results->name);
        result_getters(g, m);
}

/* ---- server functions ------------------------------------------------------------------------ */

static void param_getters(struct gen *g, const struct method *m)
{
        for (uint32_t i = 0; m->params && i < m->params->nmembers; i++) {
                struct field f = field_of(g, m->params, i);
                const char *own = m->params->members[i];

                if (field_type(g, &f))
                        gen_fn(g, field_type(g, &f), mem_fmt(g->mem, "%s_param_%s", m->name, own),
                               "capnp_answer *a", "return %s(%s_get_params(a));", f.getter,
                               m->name);
                if (!f.group && f.t.pointer)
                        gen_fn(g, "bool", mem_fmt(g->mem, "%s_param_has_%s", m->name, own),
                               "capnp_answer *a", "return %s_has_%s(%s_get_params(a));",
                               m->params->name, f.own, m->name);
        }
}

/*
 * A result struct with a name of its own is often called SaveResults, after its method: then the
 * struct's own setters have the names that the shortcuts would have, and keep them.
 */
static bool gives_way(struct gen *g, const struct method *m, const char *name)
{
        return !m->results->implicit && names_has(&g->names, name);
}

static void result_changes(struct gen *g, const struct method *m)
{
        for (uint32_t i = 0; m->results && i < m->results->nmembers; i++) {
                struct field f = field_of(g, m->results, i);
                struct change v[FIELD_CHANGES];
                unsigned n = field_changes(g, &f, v);

                for (unsigned k = 0; k < n; k++) {
                        const char *name = mem_fmt(g->mem, "%s_results_%s", m->name, v[k].verb);

                        if (!gives_way(g, m, name))
                                gen_fn(g, v[k].ret, name,
                                       change_params(g, "capnp_answer *a", &v[k]), "%s%s_%s(%s);",
                                       strcmp(v[k].ret, "void") ? "return " : "", m->results->name,
                                       v[k].verb,
                                       change_args(g, mem_fmt(g->mem, "%s_get_results(a)", m->name),
                                                   &v[k]));
                }
        }
}

static void server_functions(struct gen *g, const struct method *m)
{
        if (m->params)
                gen_fn(g, mem_fmt(g->mem, "%s_reader", m->params->name), part(g, m, "get_params"),
                       "capnp_answer *a", "return (%s_reader){ capnp_answer_params(a) };",
                       m->params->name);
        param_getters(g, m);
        if (m->results)
                gen_fn(g, mem_fmt(g->mem, "%s_builder", m->results->name),
                       part(g, m, "get_results"), "capnp_answer *a",
                       "return (%s_builder){ capnp_answer_results(a) };", m->results->name);
        result_changes(g, m);
}

/* ---- tables ---------------------------------------------------------------------------------- */

static void methods_table(struct gen *g, struct node *n)
{
        if (!n->nmembers)
                return;

        out_f(&g->c, "\nstatic const struct capnp_method capnp_i_%s_methods[] = {\n", n->name);
        for (uint32_t i = 0; i < n->nmembers; i++) {
                struct method m = method_of(g, n, i);

                out_f(&g->c, "        { \"%s\", %u, %u, %u, %u, %s },\n", method_name(m.r).p,
                      node_words(m.params), node_ptrs(m.params), node_words(m.results),
                      node_ptrs(m.results), m.stream ? "true" : "false");
        }
        out_f(&g->c, "};\n");
}

/* One row for an interface and each that it extends, the way to it being `via`. Rows written so far
 * are in `done`. */
static uint32_t parts_rows(struct gen *g, struct node *n, struct node *top, const char *via,
                           struct names *done)
{
        const char *first = n->nmembers ? op_name(g, n->members[0]) : "gone";
        uint32_t rows = 1;

        if (names_claim(done, g->mem, n->name, ""))
                return 0;

        out_f(&g->c, "        { &%s_interface, offsetof(struct %s_ops, %s%s) },\n", n->name,
              top->name, via, first);
        for (uint32_t i = 0; i < super_count(n); i++) {
                struct node *super = super_of(g, n, i);

                if (super && super->name)
                        rows += parts_rows(g, super, top,
                                           mem_fmt(g->mem, "%s%s.", via, op_name(g, super->name)),
                                           done);
        }

        return rows;
}

static void interface_table(struct gen *g, struct node *n)
{
        struct names done = {0};
        uint32_t rows;

        methods_table(g, n);
        out_f(&g->c, "\nstatic const struct capnp_interface_part capnp_i_%s_parts[] = {\n",
              n->name);
        rows = parts_rows(g, n, n, "", &done);
        names_deinit(&done);
        out_f(&g->c, "};\n");

        out_f(&g->c, "\nconst struct capnp_interface %s_interface = {\n", n->name);
        out_f(&g->c, "        %s_ID, \"%s\", %s, capnp_i_%s_parts, %" PRIu32 ", %" PRIu32 ",\n};\n",
              n->upper, n->path,
              n->nmembers ? mem_fmt(g->mem, "capnp_i_%s_methods", n->name) : "NULL", n->name,
              n->nmembers, rows);
}

void interface_gen_functions(struct gen *g, struct node *n)
{
        const char *interface = mem_fmt(g->mem, "%s_interface", n->name);

        out_f(&g->h, "\n/* ---- %s ---- */\n", n->path);
        ops_struct(g, n);
        g->decl = n->path;
        gen_claim(g, interface);
        out_f(&g->h, "\nextern const struct capnp_interface %s;\n", interface);
        gen_fn(g, "CAPNP_MUST_USE int", mem_fmt(g->mem, "%s_serve", n->name),
               mem_fmt(g->mem,
                       "capnp_vat *v, const struct %s_ops *ops, void *self, capnp_cap **ret_c",
                       n->name),
               "return capnp_cap_new(v, &%s, ops, self, ret_c);", interface);

        for (uint32_t i = 0; i < n->nmembers; i++) {
                struct method m = method_of(g, n, i);

                g->decl = mem_fmt(g->mem, "%s.%s", n->path, method_name(m.r).p);
                out_f(&g->h, "\n");
                client_functions(g, &m);
                server_functions(g, &m);
        }

        interface_table(g, n);
}

/* ---- shortcuts ------------------------------------------------------------------------------- */

/* Capabilities inside a struct that a method returns: system_info_open_session_caps(q). */
static void nested_caps(struct gen *g, const struct method *m, const struct field *outer)
{
        struct node *s = outer->t.node;

        for (uint32_t i = 0; s && i < s->nmembers; i++) {
                struct field f = field_of(g, s, i);
                uint32_t path[] = {outer->offset, f.offset};
                const char *name = mem_fmt(g->mem, "%s_%s_%s", m->name, outer->own, s->members[i]);

                if (!f.group && is_cap(&f.t) && !names_has(&g->names, name))
                        cap_getter(g, name, &f.t, path, 2);
        }
}

/* An AnyPointer in the results may be a capability, and be wanted before the return. */
static void any_cap(struct gen *g, const struct method *m, const struct field *f)
{
        const char *name = mem_fmt(g->mem, "%s_%s_cap", m->name, f->own);

        if (!names_has(&g->names, name))
                cap_getter(g, name, &f->t, &f->offset, 1);
}

/* A client is a client of all that its interface extends. */
static void upcasts(struct gen *g, struct node *n, struct node *top, struct names *done)
{
        for (uint32_t i = 0; i < super_count(n); i++) {
                struct node *super = super_of(g, n, i);
                const char *name;

                if (!super || !super->name || names_claim(done, g->mem, super->name, ""))
                        continue;

                name = mem_fmt(g->mem, "%s_as_%s", top->name, super->name);
                if (!names_has(&g->names, name))
                        gen_fn(g, mem_fmt(g->mem, "%s_client", super->name), name,
                               mem_fmt(g->mem, "%s_client c", top->name),
                               "return (%s_client){ c.c };", super->name);
                upcasts(g, super, top, done);
        }
}

void interface_gen_shortcuts(struct gen *g, struct node *n)
{
        struct names done = {0};

        upcasts(g, n, n, &done);
        names_deinit(&done);
        for (uint32_t i = 0; i < n->nmembers; i++) {
                struct method m = method_of(g, n, i);

                for (uint32_t k = 0; m.results && k < m.results->nmembers; k++) {
                        struct field f = field_of(g, m.results, k);

                        if (!f.group && f.t.which == TYPE_STRUCT)
                                nested_caps(g, &m, &f);
                        else if (!f.group && f.t.which == TYPE_ANY_POINTER && !is_cap(&f.t))
                                any_cap(g, &m, &f);
                }
        }
}
