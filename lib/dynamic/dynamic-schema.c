/*
 * The registry: declarations by id.
 *
 * What is added is gathered and checked first, then merged into the table at once, so a refused
 * addition leaves no trace. Declarations never change and never move; the first one of an id stays,
 * so that a peer cannot redefine what the program was built with.
 *
 * A request from a peer is copied, object by object, into a message of ours before anything in it
 * is believed: bounds, pointers and budget are dealt with there, and the copy may be read for ever.
 * The budget of that copy is twice its size, because honest requests do not point to a thing twice.
 */
#include "dynamic-schema.h"

#include <errno.h>
#include <stdlib.h>

enum { SCHEMA_REQUEST_MAX = 16 << 20, SCHEMA_FILES_MAX = 4096 };

/* ---- gathering ---------------------------------------------------------------------------- */

/* Declarations on their way into a registry. */
struct batch {
        capnp_decl **decls;
        uint32_t n, room;
};

static void batch_deinit(struct batch *b)
{
        for (uint32_t i = 0; i < b->n; i++)
                dynamic_decl_free(b->decls[i]);
        free(b->decls);
}

static int batch_add(struct batch *b, node_reader node)
{
        capnp_decl *d = NULL;
        int r;

        if (b->n == b->room) {
                uint32_t room = b->room ? b->room * 2 : 64;
                capnp_decl **p = realloc(b->decls, room * sizeof(capnp_decl *));

                if (!p)
                        return -ENOMEM;
                b->decls = p;
                b->room = room;
        }

        r = dynamic_decl_new(node, &d);
        if (r)
                return r;

        b->decls[b->n++] = d;
        dynamic_annotations_touch(d);
        return 0;
}

static int compare_decls(const void *a, const void *b)
{
        const capnp_decl *x = *(capnp_decl *const *)a, *y = *(capnp_decl *const *)b;

        return (x->id > y->id) - (x->id < y->id);
}

static int batch_sort(struct batch *b)
{
        if (b->n)
                qsort(b->decls, b->n, sizeof(*b->decls), compare_decls);
        for (uint32_t i = 1; i < b->n; i++)
                if (b->decls[i - 1]->id == b->decls[i]->id)
                        return CAPNP_E_POISON;

        return 0;
}

/* One of a sorted batch; NULL. */
static capnp_decl *batch_find(const struct batch *b, uint64_t id)
{
        capnp_decl key = {.id = id}, *at = &key, **found;

        found = b->n ? bsearch(&at, b->decls, b->n, sizeof(*b->decls), compare_decls) : NULL;
        return found ? *found : NULL;
}

/* Moves into the table what is not there yet; the rest stays in the batch, which is sorted. */
static int schema_merge(capnp_schema *s, struct batch *b)
{
        uint32_t i = 0, k = 0, n = 0, left = 0;
        capnp_decl **all;

        all = malloc(((size_t)s->n + b->n + 1) * sizeof(capnp_decl *));
        if (!all)
                return -ENOMEM;

        while (i < s->n || k < b->n) {
                bool known = i < s->n && (k == b->n || s->decls[i]->id <= b->decls[k]->id);

                if (known && k < b->n && s->decls[i]->id == b->decls[k]->id)
                        b->decls[left++] = b->decls[k++];
                all[n++] = known ? s->decls[i++] : b->decls[k++];
        }

        b->n = left;
        free(s->decls);
        s->decls = all;
        s->n = n;
        return 0;
}

/* ---- from generated code ------------------------------------------------------------------ */

/* Files to be added: each once, in the order they were met. */
struct files {
        const struct capnp_schema_file **p;
        uint32_t n, room;
};

static void files_deinit(struct files *l)
{
        free(l->p);
}

static int files_add(struct files *l, const struct capnp_schema_file *f)
{
        for (uint32_t i = 0; i < l->n; i++)
                if (l->p[i]->id == f->id)
                        return 0;

        if (l->n >= SCHEMA_FILES_MAX)
                return CAPNP_E_POISON;

        if (l->n == l->room) {
                uint32_t room = l->room ? l->room * 2 : 16;
                const struct capnp_schema_file **p = realloc(l->p, room * sizeof(*p));

                if (!p)
                        return -ENOMEM;
                l->p = p;
                l->room = room;
        }

        l->p[l->n++] = f;
        return 0;
}

static int batch_add_file(struct batch *b, const struct capnp_schema_file *f)
{
        int r = 0;

        for (uint32_t i = 0; !r && i < f->nnodes; i++) {
                capnp_any a = {NULL, f->nodes[i].words, 0, DYNAMIC_DEPTH};

                r = batch_add(b, node_of_any(a));
        }

        return r;
}

/* The comments, when all nodes are there. */
static int batch_add_docs(struct batch *b, const struct capnp_schema_file *f)
{
        int r = 0;

        for (uint32_t i = 0; !r && i < f->ndocs; i++) {
                capnp_decl *d = batch_find(b, f->docs[i].id);

                r = d ? dynamic_doc_take(d, &f->docs[i]) : CAPNP_E_POISON;
        }

        return r;
}

int capnp_schema_add_file(capnp_schema *s, const struct capnp_schema_file *f)
{
        CAPNP_AUTO(files_deinit) struct files files = {0};
        CAPNP_AUTO(batch_deinit) struct batch b = {0};
        int r = files_add(&files, f);

        for (uint32_t i = 0; !r && i < files.n; i++) {
                const struct capnp_schema_file *at = files.p[i];

                r = batch_add_file(&b, at);
                for (uint32_t k = 0; !r && k < at->nimports; k++)
                        r = files_add(&files, at->imports[k]);
        }

        if (!r)
                r = batch_sort(&b);
        for (uint32_t i = 0; !r && i < files.n; i++)
                r = batch_add_docs(&b, files.p[i]);
        return r ? r : schema_merge(s, &b);
}

/* ---- from a peer -------------------------------------------------------------------------- */

/* A deep copy of a request that may be hostile. */
static int request_copy(const void *b, size_t len, const struct capnp_limits *l, capnp_msg **ret_m)
{
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *in = NULL;
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        struct capnp_limits limits = l ? *l : (struct capnp_limits){0};
        int r;

        if (!limits.message_bytes)
                limits.message_bytes = SCHEMA_REQUEST_MAX;
        if (!limits.traversal)
                limits.traversal = len / 4 + 64;

        r = capnp_msg_parse(b, len, &limits, &in);
        if (r)
                return r;

        r = capnp_msg_new(&m);
        if (r)
                return r;

        capnp_abuilder_set(capnp_msg_build(m), capnp_msg_root(in));
        r = capnp_msg_check(in);
        if (!r)
                r = capnp_msg_check(m);
        if (r)
                return r;

        *ret_m = m;
        m = NULL;
        return 0;
}

/* All that a request declares, sorted. Comments on what it does not declare mean nothing. */
static int batch_add_request(struct batch *b, code_generator_request_reader r)
{
        node_list nodes = code_generator_request_nodes(r);
        node_source_info_list infos = code_generator_request_source_info(r);
        int error = 0;

        for (uint32_t i = 0; !error && i < node_list_len(nodes); i++)
                error = batch_add(b, node_list_get(nodes, i));
        if (!error)
                error = batch_sort(b);
        for (uint32_t i = 0; !error && i < node_source_info_list_len(infos); i++) {
                node_source_info_reader info = node_source_info_list_get(infos, i);
                capnp_decl *d = batch_find(b, node_source_info_id(info));

                if (d)
                        error = dynamic_doc_read(d, info);
        }

        return error;
}

int capnp_schema_add_request(capnp_schema *s, const void *bytes, size_t len,
                             const struct capnp_limits *l)
{
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        CAPNP_AUTO(batch_deinit) struct batch b = {0};
        capnp_msg **copies;
        int r = request_copy(bytes, len, l, &m);

        if (r)
                return r;

        r = batch_add_request(&b, code_generator_request_root(m));
        /* Reading the copy finds what is no bad pointer but of the wrong kind. */
        if (!r)
                r = capnp_msg_check(m);
        if (r)
                return r;

        copies = realloc(s->copies, (s->ncopies + 1) * sizeof(capnp_msg *));
        if (!copies)
                return -ENOMEM;

        s->copies = copies;
        r = schema_merge(s, &b);
        if (r)
                return r;

        s->copies[s->ncopies++] = m;
        m = NULL;
        return 0;
}

/* ---- life --------------------------------------------------------------------------------- */

int capnp_schema_new(capnp_schema **ret_s)
{
        capnp_schema *s = calloc(1, sizeof(*s));

        if (!s)
                return -ENOMEM;

        *ret_s = s;
        return 0;
}

capnp_schema *capnp_schema_free(capnp_schema *s)
{
        if (!s)
                return NULL;

        for (uint32_t i = 0; i < s->n; i++)
                dynamic_decl_free(s->decls[i]);
        for (uint32_t i = 0; i < s->ncopies; i++)
                capnp_msg_free(s->copies[i]);
        free(s->decls);
        free(s->copies);
        free(s);
        return NULL;
}

/* ---- finding ------------------------------------------------------------------------------ */

const capnp_decl *capnp_schema_find(const capnp_schema *s, uint64_t id)
{
        capnp_decl key = {.id = id}, *at = &key, **found;

        found = s->n ? bsearch(&at, s->decls, s->n, sizeof(*s->decls), compare_decls) : NULL;
        return found ? *found : NULL;
}

/* How full a form of a declaration's name this is: 3 the whole, 2 without the file, 1 the last
 * part, 0 none. */
static int decl_name_form(const capnp_decl *d, const char *name)
{
        const char *colon = strrchr(d->name, ':');

        if (!strcmp(d->name, name))
                return 3;

        if (colon && !strcmp(colon + 1, name))
                return 2;

        return !strcmp(d->short_name, name);
}

const capnp_decl *capnp_schema_find_name(const capnp_schema *s, const char *name)
{
        const capnp_decl *found = NULL;
        bool several = false;
        int best = 0;

        for (uint32_t i = 0; i < s->n; i++) {
                int form = decl_name_form(s->decls[i], name);

                if (!form || form < best)
                        continue;
                several = form == best;
                best = form;
                found = s->decls[i];
        }

        return several ? NULL : found;
}

const capnp_decl *capnp_schema_at(const capnp_schema *s, uint32_t i)
{
        return i < s->n ? s->decls[i] : NULL;
}

/* ---- finding what must be of a kind ------------------------------------------------------- */

static const capnp_decl *schema_find_kind(const capnp_schema *s, uint64_t id,
                                          enum capnp_decl_kind kind)
{
        const capnp_decl *d = capnp_schema_find(s, id);

        return d && d->kind == kind ? d : NULL;
}

const capnp_decl *dynamic_struct(const capnp_schema *s, uint64_t id)
{
        const capnp_decl *d = schema_find_kind(s, id, CAPNP_DECL_STRUCT);

        return d && !d->is_group ? d : NULL;
}

const capnp_decl *dynamic_group(const capnp_schema *s, const capnp_decl *d,
                                const struct dynamic_field *f)
{
        const capnp_decl *g = schema_find_kind(s, f->type.id, CAPNP_DECL_STRUCT);

        /* A group lies in its struct, or it could claim to lie in itself. */
        if (!g || !g->is_group || g->scope != d->id || g->words > d->words || g->ptrs > d->ptrs)
                return NULL;

        return g;
}

const capnp_decl *dynamic_enum(const capnp_schema *s, uint64_t id)
{
        return schema_find_kind(s, id, CAPNP_DECL_ENUM);
}

const capnp_decl *dynamic_interface(const capnp_schema *s, uint64_t id)
{
        return schema_find_kind(s, id, CAPNP_DECL_INTERFACE);
}

uint32_t dynamic_supers(const capnp_schema *s, uint64_t id, const capnp_decl **ret_all)
{
        uint32_t n = 0;

        ret_all[0] = dynamic_interface(s, id);
        n = ret_all[0] != NULL;

        /* Whoever is in the list is looked at once, so a circle ends. */
        for (uint32_t i = 0; i < n; i++)
                for (uint32_t k = 0; k < ret_all[i]->nsupers && n < DYNAMIC_SUPERS_MAX; k++) {
                        const capnp_decl *d = dynamic_interface(s, ret_all[i]->supers[k]);
                        uint32_t at = 0;

                        while (d && at < n && ret_all[at] != d)
                                at++;
                        if (d && at == n)
                                ret_all[n++] = d;
                }

        return n;
}
