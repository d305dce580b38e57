/*
 * What the model knows, and the questions it can answer about it.
 *
 * Nodes and calls are kept until the world ends: a call that was given up may still arrive, and
 * must be recognized. Only what somebody holds (references, questions, promises, answers) leaves
 * its list.
 */
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "model.h"

void (*model_on_fail)(struct world *w, int line);

void model_fail_at(struct world *w, int line, const char *fmt, ...)
{
        va_list ap;

        fprintf(stderr, "model: act %u", w->act ? w->act->n : 0);
        if (w->act) {
                fputc(' ', stderr);
                model_print_act(w->act, stderr);
        }
        fputs(": ", stderr);
        va_start(ap, fmt);
        vfprintf(stderr, fmt, ap);
        va_end(ap);
        fputc('\n', stderr);
        if (model_on_fail)
                model_on_fail(w, line);
        abort();
}

/* ---- memory and descriptors ------------------------------------------------------------------ */

/* Of test/harness, where that is linked; the fuzzer does without. */
__attribute__((weak)) void test_fail_alloc_at(uint64_t n);

void world_starve(struct world *w, uint64_t n)
{
        if (!test_fail_alloc_at)
                return;

        w->starved |= n > 0;
        w->loose |= n > 0;
        test_fail_alloc_at(n);
}

bool model_starved(const struct world *w, int r)
{
        return r == -ENOMEM && w->starved;
}

/* Only one allocation fails at a time: the one made again does not. */
void *model_calloc(size_t size)
{
        void *p = calloc(1, size);

        p = p ? p : calloc(1, size);
        if (!p)
                abort();
        return p;
}

void *model_realloc(void *p, size_t size)
{
        void *q = realloc(p, size);

        q = q ? q : realloc(p, size);
        if (!q)
                abort();
        return q;
}

static unsigned count_fds(void)
{
        DIR *d = opendir("/proc/self/fd");
        unsigned n = 0;

        if (!d)
                abort();
        while (readdir(d))
                n++;
        closedir(d);
        return n;
}

static uint64_t fd_ino(int fd)
{
        struct stat st;

        return fstat(fd, &st) ? 0 : st.st_ino;
}

void object_give_fd(struct object *o, capnp_cap *c)
{
        int fd = memfd_create("model", MFD_CLOEXEC);

        if (fd < 0)
                abort();
        o->ino = fd_ino(fd);
        capnp_cap_set_fd(c, fd);
}

void world_check_fd(struct world *w, const capnp_cap *c, struct node *n, bool need)
{
        int fd = capnp_cap_fd_peek(c);
        struct node *end = node_end(n);
        uint64_t ino = end->kind == NODE_OBJECT ? end->obj->ino : 0;

        if (fd >= 0 && fd_ino(fd) != ino)
                model_fail(w, "a reference to object %d has a descriptor that is not its own",
                           end->kind == NODE_OBJECT ? (int)end->obj->id : -1);
        if (need && ino && fd < 0)
                model_fail(w, "a reference to object %u came without its descriptor", end->obj->id);
}

/* ---- lists ---------------------------------------------------------------------------------- */

void list_add(struct list *l, void *p)
{
        if (l->n == l->room) {
                l->room = l->room ? 2 * l->room : 16;
                l->v = model_realloc(l->v, l->room * sizeof(*l->v));
        }
        l->v[l->n++] = p;
}

void list_drop(struct list *l, void *p)
{
        for (size_t i = 0; i < l->n; i++) {
                if (l->v[i] != p)
                        continue;
                l->v[i] = l->v[--l->n];
                return;
        }
}

/* All things in lists begin like this. */
struct thing {
        uint32_t id, vat;
};

void *list_find(const struct list *l, uint32_t id)
{
        for (size_t i = 0; i < l->n; i++)
                if (((struct thing *)l->v[i])->id == id)
                        return l->v[i];

        return NULL;
}

void *list_of_vat(const struct list *l, uint32_t vat, size_t i, size_t *ret_n)
{
        void *found = NULL;
        size_t n = 0;

        for (size_t k = 0; k < l->n; k++) {
                struct thing *t = l->v[k];

                if (t->vat != vat)
                        continue;
                if (n++ == i)
                        found = t;
        }
        if (ret_n)
                *ret_n = n;

        return found;
}

void *model_alloc(struct world *w, size_t size)
{
        void *p = model_calloc(size);

        list_add(&w->blocks, p);
        return p;
}

uint32_t model_id(struct world *w)
{
        uint32_t n = w->act ? w->act->n : 0;

        model_check(w, w->given < MODEL_STEP);
        return MODEL_FIRST_ID + n * MODEL_STEP + w->given++;
}

/* ---- nodes ---------------------------------------------------------------------------------- */

struct node *node_new(struct world *w, enum node_kind k)
{
        struct node *n = model_alloc(w, sizeof(*n));

        n->kind = k;
        return n;
}

struct chain *chain_new(struct world *w)
{
        return model_alloc(w, sizeof(struct chain));
}

struct node *node_end(struct node *n)
{
        while (n->kind == NODE_FORWARD) {
                /* Halve the way, so that long forwarding does not cost twice. */
                if (n->to->kind == NODE_FORWARD)
                        n->to = n->to->to;
                n = n->to;
        }

        return n;
}

bool node_waits(struct node *n, struct node *for_node)
{
        struct node *end = node_end(n), *wanted = node_end(for_node);

        for (;;) {
                struct call *c = end->call;

                if (end->kind != NODE_PENDING)
                        return false;
                if (end == wanted || (c && c == wanted->call))
                        return true;
                /* A promise, or a call whose handler is free to end it, waits for nobody. */
                if (!c || c->arrived || !c->target)
                        return false;
                /* What it is behind may be waiting for anything. */
                if (call_stream_goes_on(c->behind))
                        return true;
                end = node_end(c->target);
        }
}

void node_decide(struct node *n, struct node *to)
{
        if (!to) {
                n->kind = NODE_NULL;
                return;
        }

        n->to = node_end(to);
        n->kind = n->to == n ? NODE_BROKEN : NODE_FORWARD;
        n->as = n->to == n ? NULL : to;
}

/* ---- things --------------------------------------------------------------------------------- */

struct object *object_new(struct world *w, uint32_t vat, capnp_cap **ret_c)
{
        struct object *o = model_alloc(w, sizeof(*o));
        int r;

        *o = (struct object){.id = (uint32_t)w->objects.n, .vat = vat, .w = w};
        o->node = node_new(w, NODE_OBJECT);
        o->node->obj = o;
        list_add(&w->objects, o);
        r = capnp_cap_new_dispatch(w->vat[vat].v, serve_dispatch, serve_gone, o, ret_c);
        model_check(w, r == 0 || model_starved(w, r));
        o->gone = r != 0;
        return r ? NULL : o;
}

struct ref *ref_new(struct world *w, uint32_t vat, capnp_cap *c, struct node *n, struct chain *h)
{
        struct ref *r = model_calloc(sizeof(*r));

        *r = (struct ref){.id = model_id(w), .vat = vat, .cap = c, .node = n, .chain = h};
        if (!h)
                r->chain = chain_new(w);
        list_add(&w->refs, r);
        return r;
}

void ref_drop(struct world *w, struct ref *r)
{
        list_drop(&w->refs, r);
        capnp_cap_unref(r->cap);
        free(r);
}

struct promise *promise_new(struct world *w, uint32_t vat, capnp_cap **ret_c)
{
        struct promise *p = model_calloc(sizeof(*p));
        int r;

        *p = (struct promise){.id = model_id(w), .vat = vat};
        p->node = node_new(w, NODE_PENDING);
        r = capnp_promise_new(w->vat[vat].v, &p->p, ret_c);
        model_check(w, r == 0 || model_starved(w, r));
        if (r) {
                free(p);
                return NULL;
        }

        list_add(&w->promises, p);
        return p;
}

struct call *call_new(struct world *w, uint32_t vat, struct node *target, struct chain *chain)
{
        struct call *c = model_alloc(w, sizeof(*c));

        c->id = model_id(w);
        c->vat = vat;
        c->w = w;
        c->serial = (uint32_t)w->calls.n;
        c->target = target;
        c->chain = chain;
        for (unsigned i = 0; i < MODEL_SLOTS; i++) {
                c->slots[i] = node_new(w, NODE_PENDING);
                c->slots[i]->call = c;
                c->slots[i]->first = chain_new(w);
        }
        list_add(&w->calls, c);
        return c;
}

/* ---- the world ------------------------------------------------------------------------------ */

struct world *world_new(uint32_t nvats)
{
        struct world *w = calloc(1, sizeof(*w));

        if (!w)
                abort();
        w->nvats = nvats;
        w->fds = count_fds();
        w->check_each = 1;
        w->spoken = getenv("MODEL_VERBOSE");
        for (uint32_t i = 0; i < nvats; i++) {
                if (capnp_vat_new_bare(&w->vat[i].v))
                        abort();
                w->vat[i].root = object_new(w, i, &w->vat[i].root_cap);
        }
        for (uint32_t i = 0; i < nvats; i++)
                for (uint32_t k = 0; k < i; k++)
                        wire_connect(w, i, k);

        return w;
}

static void world_list_free(struct list *l, bool all)
{
        for (size_t i = 0; all && i < l->n; i++)
                free(l->v[i]);
        free(l->v);
        *l = (struct list){0};
}

struct world *world_free(struct world *w)
{
        unsigned fds;

        world_starve(w, 0);
        for (uint32_t i = 0; i < w->nvats; i++) {
                for (uint32_t k = 0; k < i; k++)
                        wire_disconnect(w, i, k);
                capnp_cap_unref(w->vat[i].root_cap);
        }
        for (uint32_t i = 0; i < w->nvats; i++) {
                w->vat[i].v = capnp_vat_free(w->vat[i].v);
                if (!w->vat[i].root->gone)
                        model_fail(w, "the bootstrap object of vat %u has not gone", i);
        }

        fds = count_fds();
        if (fds != w->fds)
                model_fail(w, "%u descriptors are open, not %u", fds, w->fds);
        world_list_free(&w->refs, true);
        world_list_free(&w->promises, true);
        world_list_free(&w->kept, true);
        world_list_free(&w->questions, false);
        world_list_free(&w->membranes, false);
        world_list_free(&w->objects, false);
        world_list_free(&w->calls, false);
        world_list_free(&w->blocks, true);
        free(w);
        return NULL;
}

void world_check(struct world *w)
{
        for (uint32_t i = 0; i < w->nvats; i++) {
                for (uint32_t k = 0; k < w->nvats; k++) {
                        if (i == k || !w->vat[i].to[k])
                                continue;
                        /* Now and then a call goes the general way (rpc-plain.c). */
                        if ((i + k) % 4 == 3)
                                model_go_general(w->vat[i].to[k]);
                        if (capnp_rpc_check(w->vat[i].to[k]) == 0)
                                continue;
                        capnp_rpc_dump(w->vat[i].to[k], stderr);
                        model_fail(w, "the tables of vat %u toward %u are wrong", i, k);
                }
        }
}
