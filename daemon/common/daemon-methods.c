/*
 * Sets of methods, for whoever asks with each call: sorted once, looked up in few steps.
 */
#include "daemon-methods.h"

#include <errno.h>
#include <stdlib.h>

static int compare(const void *x, const void *y)
{
        const struct daemon_method *a = x, *b = y;

        if (a->interface_id != b->interface_id)
                return a->interface_id < b->interface_id ? -1 : 1;
        return (a->method > b->method) - (a->method < b->method);
}

void daemon_methods_sort(struct daemon_methods *m)
{
        unsigned n = 0;

        if (!m->n)
                return;

        qsort(m->v, m->n, sizeof(*m->v), compare);
        for (unsigned i = 0; i < m->n; i++)
                if (!n || compare(&m->v[n - 1], &m->v[i]))
                        m->v[n++] = m->v[i];
        m->n = n;
}

bool daemon_methods_have(const struct daemon_methods *m, uint64_t interface_id, uint16_t method)
{
        const struct daemon_method wanted = {interface_id, method};
        unsigned from = 0, to = m->n;

        while (from < to) {
                unsigned at = from + (to - from) / 2;
                int c = compare(&wanted, &m->v[at]);

                if (!c)
                        return true;
                if (c < 0)
                        to = at;
                else
                        from = at + 1;
        }
        return false;
}

bool daemon_methods_equal(const struct daemon_methods *a, const struct daemon_methods *b)
{
        bool equal = a->n == b->n;

        for (unsigned i = 0; equal && i < a->n; i++)
                equal = !compare(&a->v[i], &b->v[i]);
        return equal;
}

void daemon_methods_deinit(struct daemon_methods *m)
{
        free(m->v);
        *m = (struct daemon_methods){0};
}

int daemon_methods_read(method_id_list l, struct daemon_methods *ret_m)
{
        struct daemon_methods m = {.n = method_id_list_len(l)};

        if (m.n > DAEMON_METHODS)
                return CAPNP_E_LIMIT;

        m.v = calloc(m.n + 1, sizeof(*m.v));
        if (!m.v)
                return -ENOMEM;

        for (unsigned i = 0; i < m.n; i++) {
                method_id_reader r = method_id_list_get(l, i);

                m.v[i] = (struct daemon_method){method_id_interface_id(r), method_id_method(r)};
        }
        daemon_methods_sort(&m);
        *ret_m = m;
        return 0;
}

void daemon_methods_write(const struct daemon_methods *m, method_id_list_builder l)
{
        for (unsigned i = 0; i < m->n; i++) {
                method_id_builder b = method_id_list_builder_get(l, i);

                method_id_set_interface_id(b, m->v[i].interface_id);
                method_id_set_method(b, m->v[i].method);
        }
}
