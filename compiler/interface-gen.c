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

/* The struct with an id, when the request describes it. */
static struct node *struct_of(struct gen *g, uint64_t id)
{
        struct node *n = request_find(g->q, id);

        return n && n->name && node_which(n->r) == NODE_STRUCT ? n : NULL;
}

static struct method method_of(struct gen *g, struct node *n, uint32_t i)
{
        struct method m = {.iface = n, .ordinal = i};

        m.r = method_list_get(node_interface_methods(node_interface(n->r)), i);
        m.name = name_join(g->mem, n->name, name_method(g->mem, n->members[i].name));
        m.stream = method_result_struct_type(m.r) == STREAM_RESULT_ID;
        m.params = struct_of(g, method_param_struct_type(m.r));
        if (!m.stream)
                m.results = struct_of(g, method_result_struct_type(m.r));
        return m;
}

static struct node *super_of(struct gen *g, struct node *n, uint32_t i)
{
        uint64_t id = superclass_id(
                superclass_list_get(node_interface_superclasses(node_interface(n->r)), i));
        struct node *super = request_find(g->q, id);

        return super && super->name && node_which(super->r) == NODE_INTERFACE ? super : NULL;
}

static uint32_t super_count(struct node *n)
{
        return superclass_list_len(node_interface_superclasses(node_interface(n->r)));
}

/* The table of an interface: the same name in every file. */
static const char *table_name(struct gen *g, const struct node *n)
{
        return mem_fmt(g->mem, "capnp_interface_%016" PRIx64, n->id);
}

/* The C type of a view of parameters or results; the library's own where the header sees none. */
static const char *view_type(struct gen *g, const struct node *n, const char *what)
{
        const char *type = node_type(g->q, n, what);

        return type ? type : mem_fmt(g->mem, "capnp_%s", what);
}

static const char *view_of(struct gen *g, const struct node *n, const char *what, const char *expr)
{
        const char *type = node_type(g->q, n, what);

        return type ? mem_fmt(g->mem, "CAPNP_NEW(%s, %s)", type, expr) : expr;
}

/* ---- types ----------------------------------------------------------------------------------- */

void interface_gen_types(struct gen *g, struct node *n)
{
        const char *client = mem_fmt(g->mem, "%s_client", n->name),
                   *ops = mem_fmt(g->mem, "%s_ops", n->name);

        gen_at(g, n);
        gen_claim_type(g, client);
        gen_claim_tag(g, ops);
        gen_claim(g, mem_fmt(g->mem, "%s_ID", n->upper));
        out_f(&g->h, "\n");
        out_doc(&g->h, "", node_doc(n));
        out_f(&g->h, "typedef struct { capnp_cap *c; } %s, %s;\n", client,
              node_alias(g->q, n, "client"));
        out_f(&g->h, "#define %s_ID UINT64_C(0x%016" PRIx64 ")\n", n->upper, n->id);
}

/* ---- the operations struct ------------------------------------------------------------------- */

/* The names of its members, methods first, then what the interface extends. They depend on the
 * interface alone, so that another file can say them. */
static const char **op_names(struct gen *g, struct node *n)
{
        uint32_t count = n->nmembers + super_count(n);
        const char **v = mem_alloc(g->mem, (count + 1) * sizeof(*v));
        struct taken done = {0};

        for (uint32_t i = 0; i < count; i++) {
                struct node *super = i < n->nmembers ? NULL : super_of(g, n, i - n->nmembers);
                const char *name = i < n->nmembers ? n->members[i].plain
                                   : super         ? super->plain
                                                   : "";
                struct unit unit = {.n = n};

                v[i] = name_bare(g->mem, name);
                for (unsigned k = 1; taken_claim(&done, g->mem, v[i], unit); k++)
                        v[i] = k > 1 ? mem_fmt(g->mem, "%s_%u", name, k)
                                     : mem_fmt(g->mem, "%s_", name);
        }

        taken_deinit(&done);
        return v;
}

/* Members of an operations struct, at a depth of `indent` spaces: a bound on circles, too. */
static void op_members(struct gen *g, struct node *n, unsigned indent)
{
        const char **names = op_names(g, n);
        const char *space = mem_fmt(g->mem, "%*s", (int)indent, "");

        out_f(&g->h, "%svoid (*gone)(void *self);\n", space);
        for (uint32_t i = 0; i < n->nmembers; i++) {
                if (n->file == g->file)
                        out_doc(&g->h, space, node_member_doc(n, i));
                out_f(&g->h, "%scapnp_handler *%s;\n", space, names[i]);
        }

        for (uint32_t i = 0; i < super_count(n); i++) {
                struct node *super = super_of(g, n, i);
                const char *type = node_type(g->q, super, "ops"), *name = names[n->nmembers + i];

                if (super && super->file == g->file)
                        out_f(&g->h, "%sstruct %s %s; /* its `gone` is not called */\n", space,
                              type, name);
                else if (type)
                        out_f(&g->h, "%s%s %s; /* its `gone` is not called */\n", space, type,
                              name);
                else if (super && indent < 8 * 32) {
                        out_f(&g->h, "%sstruct {\n", space);
                        op_members(g, super, indent + 8);
                        out_f(&g->h, "%s} %s; /* its `gone` is not called */\n", space, name);
                }
        }
}

static void ops_struct(struct gen *g, struct node *n)
{
        const char *key = mem_fmt(g->mem, "ops of %s", n->name);
        struct unit unit = {.n = n};

        /* An interface of this file that another one extends is written before it. */
        if (taken_claim(&g->taken, g->mem, key, unit))
                return;

        for (uint32_t i = 0; i < super_count(n); i++) {
                struct node *super = super_of(g, n, i);

                if (super && super->file == g->file)
                        ops_struct(g, super);
        }

        gen_at(g, n);
        out_f(&g->h,
              "\n/** Serves %s: see capnp_cap_new(). A NULL handler answers `unimplemented`. */\n",
              n->path);
        out_f(&g->h, "struct %s_ops {\n", n->name);
        op_members(g, n, 8);
        out_f(&g->h, "};\n");
        out_f(&g->h, "typedef struct %s_ops %s;\n", n->name, node_alias(g->q, n, "ops"));
}

/* Whether all that an interface extends is in this file; not so in a circle, which is no schema. */
static bool extends_here(struct gen *g, struct node *n, unsigned depth)
{
        for (uint32_t i = 0; i < super_count(n); i++) {
                struct node *super = super_of(g, n, i);

                if (super &&
                    (!depth || super->file != g->file || !extends_here(g, super, depth - 1)))
                        return false;
        }

        return true;
}

void interface_gen_ops(struct gen *g, struct node *n)
{
        if (extends_here(g, n, 16))
                ops_struct(g, n);
}

/* ---- client functions ------------------------------------------------------------------------ */

static const char *part(struct gen *g, const struct method *m, const char *rest)
{
        return mem_fmt(g->mem, "%s_%s", m->name, rest);
}

/* A change of a field of parameters or results: through the struct's own function when it is of
 * this file, else as that function would do it. */
static void change_short(struct gen *g, const struct shortcut *s, const struct node *of,
                         const struct change *c, const char *view)
{
        if (of->file == g->file)
                gen_short(g, s, "%s%s_%s(%s);", strcmp(c->ret, "void") ? "return " : "", of->name,
                          c->verb, change_args(g, view_of(g, of, "builder", view), c));
        else
                gen_short(g, s, "struct { capnp_builder b; } b = { %s }; %s", view, c->body);
}

/* Likewise what reads a field. */
static void read_short(struct gen *g, const struct shortcut *s, const struct field *f,
                       const char *function, const char *body, const char *view)
{
        if (f->owner->file == g->file)
                gen_short(g, s, "return %s(%s);", function, view_of(g, f->owner, "reader", view));
        else
                gen_short(g, s, "struct { capnp_reader r; } r = { %s }; %s", view, body);
}

static void param_changes(struct gen *g, const struct method *m)
{
        for (uint32_t i = 0; m->params && i < m->params->nmembers; i++) {
                struct field f = field_of(g, m->params, i);
                struct change v[FIELD_CHANGES];
                unsigned n = field_changes(g, &f, v);

                out_doc(&g->h, "", f.doc);
                if (f.owner->file != g->file)
                        field_default(g, &f);
                for (unsigned k = 0; k < n; k++) {
                        struct shortcut s = {v[k].ret, m->name, v[k].verb,
                                             change_params(g, "capnp_question *q", &v[k])};

                        change_short(g, &s, m->params, &v[k], "capnp_question_params(q)");
                }
        }
}

/* A capability behind pointers of the results: a promise before the return, the object after. */
static void cap_getter(struct gen *g, const char *base, const char *rest, const struct ctype *t,
                       const uint32_t *path, uint32_t n)
{
        struct shortcut s = {"capnp_cap *", base, rest, "capnp_question *q"};
        const char *p = "", *v;

        for (uint32_t i = 0; i < n; i++)
                p = mem_fmt(g->mem, "%s%s%" PRIu32, p, i ? ", " : "", path[i]);
        v = mem_fmt(g->mem, "capnp_question_cap_peek(q, path, %" PRIu32 ")", n);
        if (t->which == TYPE_INTERFACE) {
                s.ret = t->read;
                v = ctype_wrap(g->mem, t, t->read, v);
        }
        gen_short(g, &s, "const uint16_t path[] = { %s }; return %s;", p, v);
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
                const char *own = field_own(g, m->results, i);
                struct shortcut s = {NULL, m->name, name_result(g->mem, own), "capnp_question *q"};
                const char *view = "capnp_question_response(q)";

                out_doc(&g->h, "", f.doc);
                if (f.owner->file != g->file)
                        field_default(g, &f);
                s.ret = field_type(g, &f);
                if (!f.group && is_cap(&f.t))
                        cap_getter(g, s.base, s.rest, &f.t, &f.offset, 1);
                else if (s.ret)
                        read_short(g, &s, &f, f.getter, field_get(g, &f), view);
                if (f.group || !f.t.pointer)
                        continue;

                s.ret = "bool";
                s.rest = mem_fmt(g->mem, "has_%s", own);
                read_short(g, &s, &f, mem_fmt(g->mem, "%s_has_%s", m->results->name, f.own),
                           field_has(g, &f), view);
        }
}

static void client_functions(struct gen *g, const struct method *m)
{
        const char *client = mem_fmt(g->mem, "%s_client c", m->iface->name);

        out_doc(&g->h, "", node_member_doc(m->iface, m->ordinal));
        gen_fn(g, "capnp_question *", m->name, client,
               "return capnp_question_new(c.c, &%s, %" PRIu32 ");", table_name(g, m->iface),
               m->ordinal);
        if (m->params)
                gen_fn(g, view_type(g, m->params, "builder"), part(g, m, "params"),
                       "capnp_question *q", "return %s;",
                       view_of(g, m->params, "builder", "capnp_question_params(q)"));
        param_changes(g, m);
        if (m->results)
                gen_fn(g, view_type(g, m->results, "reader"), part(g, m, "results"),
                       "capnp_question *q", "return %s;",
                       view_of(g, m->results, "reader", "capnp_question_response(q)"));
        result_getters(g, m);
}

/* ---- server functions ------------------------------------------------------------------------ */

static void param_getters(struct gen *g, const struct method *m)
{
        for (uint32_t i = 0; m->params && i < m->params->nmembers; i++) {
                struct field f = field_of(g, m->params, i);
                const char *own = field_own(g, m->params, i), *view = "capnp_answer_params(a)";
                struct shortcut s = {field_type(g, &f), m->name, mem_fmt(g->mem, "param_%s", own),
                                     "capnp_answer *a"};

                if (s.ret)
                        read_short(g, &s, &f, f.getter, field_get(g, &f), view);
                if (f.group || !f.t.pointer)
                        continue;

                s.ret = "bool";
                s.rest = mem_fmt(g->mem, "param_has_%s", own);
                read_short(g, &s, &f, mem_fmt(g->mem, "%s_has_%s", m->params->name, f.own),
                           field_has(g, &f), view);
        }
}

/*
 * A result struct with a name of its own is often called SaveResults, after its method: then the
 * struct's own setters have the names that the shortcuts would have, and keep them.
 */
static bool gives_way(struct gen *g, const struct method *m, const char *name)
{
        return !m->results->implicit && gen_has(g, name);
}

static void result_changes(struct gen *g, const struct method *m)
{
        for (uint32_t i = 0; m->results && i < m->results->nmembers; i++) {
                struct field f = field_of(g, m->results, i);
                struct change v[FIELD_CHANGES];
                unsigned n = field_changes(g, &f, v);

                for (unsigned k = 0; k < n; k++) {
                        const char *rest = mem_fmt(g->mem, "results_%s", v[k].verb);
                        struct shortcut s = {v[k].ret, m->name, rest,
                                             change_params(g, "capnp_answer *a", &v[k])};

                        if (!gives_way(g, m, part(g, m, rest)))
                                change_short(g, &s, m->results, &v[k], "capnp_answer_results(a)");
                }
        }
}

static void server_functions(struct gen *g, const struct method *m)
{
        if (m->params)
                gen_fn(g, view_type(g, m->params, "reader"), part(g, m, "get_params"),
                       "capnp_answer *a", "return %s;",
                       view_of(g, m->params, "reader", "capnp_answer_params(a)"));
        param_getters(g, m);
        if (m->results)
                gen_fn(g, view_type(g, m->results, "builder"), part(g, m, "get_results"),
                       "capnp_answer *a", "return %s;",
                       view_of(g, m->results, "builder", "capnp_answer_results(a)"));
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
                           struct taken *done)
{
        const char **names = op_names(g, n);
        struct unit unit = {.n = n};
        uint32_t rows = 1;

        if (taken_claim(done, g->mem, table_name(g, n), unit))
                return 0;

        out_f(&g->c, "        { &%s, offsetof(struct %s_ops, %s%s) },\n", table_name(g, n),
              top->name, via, n->nmembers ? names[0] : "gone");
        for (uint32_t i = 0; i < super_count(n); i++) {
                struct node *super = super_of(g, n, i);

                if (super)
                        rows += parts_rows(g, super, top,
                                           mem_fmt(g->mem, "%s%s.", via, names[n->nmembers + i]),
                                           done);
        }

        return rows;
}

/* Tables of interfaces whose header is not included. */
static void unseen_tables(struct gen *g, struct node *n, unsigned depth)
{
        for (uint32_t i = 0; depth && i < super_count(n); i++) {
                struct node *super = super_of(g, n, i);

                if (!super)
                        continue;
                if (!node_type(g->q, super, "client"))
                        out_f(&g->c, "extern const struct capnp_interface %s;\n",
                              table_name(g, super));
                unseen_tables(g, super, depth - 1);
        }
}

static void interface_table(struct gen *g, struct node *n)
{
        struct taken done = {0};
        uint32_t rows;

        methods_table(g, n);
        unseen_tables(g, n, 8);
        out_f(&g->c, "\nstatic const struct capnp_interface_part capnp_i_%s_parts[] = {\n",
              n->name);
        rows = parts_rows(g, n, n, "", &done);
        taken_deinit(&done);
        out_f(&g->c, "};\n");

        out_f(&g->c, "\nCAPNP_SHARED const struct capnp_interface %s = {\n", table_name(g, n));
        out_f(&g->c, "        %s_ID, \"%s\", %s, capnp_i_%s_parts, %" PRIu32 ", %" PRIu32 ",\n};\n",
              n->upper, n->path,
              n->nmembers ? mem_fmt(g->mem, "capnp_i_%s_methods", n->name) : "NULL", n->name,
              n->nmembers, rows);
}

void interface_gen_functions(struct gen *g, struct node *n)
{
        const char *table = table_name(g, n), *interface = mem_fmt(g->mem, "%s_interface", n->name);

        out_f(&g->h, "\n/* ---- %s ---- */\n", n->path);
        ops_struct(g, n);
        gen_at(g, n);
        gen_claim(g, interface);
        out_f(&g->h, "\nextern const struct capnp_interface %s;\n", table);
        out_f(&g->h, "#define %s %s\n", interface, table);
        gen_fn(g, "CAPNP_MUST_USE int", mem_fmt(g->mem, "%s_serve", n->name),
               mem_fmt(g->mem,
                       "capnp_vat *v, const struct %s_ops *ops, void *self, capnp_cap **ret_c",
                       n->name),
               "return capnp_cap_new(v, &%s, ops, self, ret_c);", table);

        for (uint32_t i = 0; i < n->nmembers; i++) {
                struct method m = method_of(g, n, i);

                gen_at_member(g, n, i);
                g->unit.decl = mem_fmt(g->mem, "%s.%s", n->path, method_name(m.r).p);
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
                const char *rest = mem_fmt(g->mem, "%s_%s", outer->own, field_own(g, s, i));

                if (!f.group && is_cap(&f.t) && !gen_has(g, part(g, m, rest)))
                        cap_getter(g, m->name, rest, &f.t, path, 2);
        }
}

/* An AnyPointer in the results may be a capability, and be wanted before the return. */
static void any_cap(struct gen *g, const struct method *m, const struct field *f)
{
        const char *rest = mem_fmt(g->mem, "%s_cap", f->own);

        if (!gen_has(g, part(g, m, rest)))
                cap_getter(g, m->name, rest, &f->t, &f->offset, 1);
}

/* A client is a client of all that its interface extends. */
static void upcasts(struct gen *g, struct node *n, struct node *top, struct taken *done)
{
        for (uint32_t i = 0; i < super_count(n); i++) {
                struct node *super = super_of(g, n, i);
                const char *type = node_type(g->q, super, "client");
                struct unit unit = {.n = n};
                struct shortcut s = {type, top->name, NULL,
                                     mem_fmt(g->mem, "%s_client c", top->name)};

                if (!super || taken_claim(done, g->mem, table_name(g, super), unit))
                        continue;

                s.rest = mem_fmt(g->mem, "as_%s", super->plain);
                if (type && !gen_has(g, name_join(g->mem, s.base, s.rest)))
                        gen_short(g, &s, "return CAPNP_NEW(%s, c.c);", type);
                upcasts(g, super, top, done);
        }
}

void interface_gen_shortcuts(struct gen *g, struct node *n)
{
        struct taken done = {0};

        gen_at(g, n);
        upcasts(g, n, n, &done);
        taken_deinit(&done);
        for (uint32_t i = 0; i < n->nmembers; i++) {
                struct method m = method_of(g, n, i);

                gen_at_member(g, n, i);
                for (uint32_t k = 0; m.results && k < m.results->nmembers; k++) {
                        struct field f = field_of(g, m.results, k);

                        if (!f.group && f.t.which == TYPE_STRUCT)
                                nested_caps(g, &m, &f);
                        else if (!f.group && f.t.which == TYPE_ANY_POINTER && !is_cap(&f.t))
                                any_cap(g, &m, &f);
                }
        }
}
