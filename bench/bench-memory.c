/*
 * bench-memory: what passes through and what stays, counted: bytes that a relay copies, heap that
 * is left of references that were dropped, heap that a connection holds.
 *
 * Copies are those of the relay's process between its system calls: memcpy() and memmove() of a
 * page and more, and realloc() where it has moved a block that was not mapped by itself. What the
 * kernel copies is not in it. Heap is what mallinfo2() says is in use; beside it stands what the
 * library counts itself.
 *
 * Usage: bench-memory      prints a line of JSON for each figure
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench-stage.h"
#include "raw.h"

/* ---- copies --------------------------------------------------------------------------------- */

enum { COPY_LEAST = 4096 };

static uint64_t copied;
static bool counting; /* the relay has its turn */

/* What the linker puts in the place of each (--wrap), and what stood there. */
void *__real_memcpy(void *to, const void *from, size_t n);
void *__real_memmove(void *to, const void *from, size_t n);
void *__real_realloc(void *p, size_t n);
void *__wrap_memcpy(void *to, const void *from, size_t n);
void *__wrap_memmove(void *to, const void *from, size_t n);
void *__wrap___memcpy_chk(void *to, const void *from, size_t n, size_t room);
void *__wrap___memmove_chk(void *to, const void *from, size_t n, size_t room);
void *__wrap_realloc(void *p, size_t n);

static void copies_add(size_t n)
{
        if (counting && n >= COPY_LEAST)
                copied += n;
}

void *__wrap_memcpy(void *to, const void *from, size_t n)
{
        copies_add(n);
        return __real_memcpy(to, from, n);
}

void *__wrap_memmove(void *to, const void *from, size_t n)
{
        copies_add(n);
        return __real_memmove(to, from, n);
}

void *__wrap___memcpy_chk(void *to, const void *from, size_t n, size_t room)
{
        raw_must(n <= room, "room for a copy");
        return __wrap_memcpy(to, from, n);
}

void *__wrap___memmove_chk(void *to, const void *from, size_t n, size_t room)
{
        raw_must(n <= room, "room for a copy");
        return __wrap_memmove(to, from, n);
}

void *__wrap_realloc(void *p, size_t n)
{
        size_t old = p ? malloc_usable_size(p) : 0;
        uintptr_t was = (uintptr_t)p;
        /* glibc's flag in front of a block: it was mapped by itself, and is moved without a copy.
         */
        bool mapped = p && (((const size_t *)p)[-1] & 2);
        void *q = __real_realloc(p, n);

        if (q && was && (uintptr_t)q != was && !mapped)
                copies_add(old < n ? old : n);
        return q;
}

static void relay_turn(struct stage *s)
{
        stage_must(capnp_vat_process(s->vats[CLIENT]), "a turn");
        counting = true;
        stage_must(stage_turn_relay(s), "a turn");
        counting = false;
        stage_must(stage_turn_server(s), "a turn");
}

static int on_push(void *self, capnp_answer *a)
{
        (void)self;
        return capnp_answer_return(a);
}

static void on_done(capnp_question *q, int r, void *arg)
{
        capnp_question_free(q);
        stage_must(r, "a call");
        *(bool *)arg = true;
}

/* Bytes copied for one that goes through a membrane in a call's parameters. */
static void relay_row(uint32_t bytes)
{
        static const struct echo_ops ops = {.null = on_push, .push = on_push};
        enum { CALLS = 20 };
        struct stage s;

        stage_init(&s, &ops, NULL, true);
        copied = 0;
        for (int i = 0; i < CALLS; i++) {
                capnp_question *q = echo_push((echo_client){s.target});
                bool done = false;

                memset(echo_push_init_x(q, bytes), i, bytes);
                capnp_question_send(q, on_done, &done);
                while (!done)
                        relay_turn(&s);
        }
        printf("{\"bench\":\"memory\",\"what\":\"relay\",\"bytes\":%u,\"copies\":%.2f}\n", bytes,
               (double)copied / CALLS / bytes);
        stage_deinit(&s);
}

/* ---- references ----------------------------------------------------------------------------- */

static size_t heap(void)
{
        return mallinfo2().uordblks + mallinfo2().hblkhd;
}

static int on_self(void *self, capnp_answer *a)
{
        static const struct echo_ops ops = {0};
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *c = NULL;
        struct stage *s = self;

        stage_must(echo_serve(s->vats[SERVER], &ops, NULL, &c), "an object");
        echo_self_results_set_cap(a, (echo_client){c});
        return capnp_answer_return(a);
}

static void on_object(capnp_question *q, int r, void *arg)
{
        stage_must(r, "a call");
        *(capnp_cap **)arg = capnp_cap_ref(echo_self_cap(q).c);
        capnp_question_free(q);
}

/* So many objects, each a new one, at the client's; then none. */
static void references_pass(struct stage *s, capnp_cap **held, uint32_t n)
{
        struct capnp_rpc_counts c;
        uint32_t most = 0;

        for (uint32_t i = 0; i < n; i++) {
                held[i] = NULL;
                capnp_question_send(echo_self((echo_client){s->target}), on_object, &held[i]);
                while (!held[i])
                        stage_turn(s);
        }
        capnp_vat_count(s->vats[SERVER], &c);
        most = c.exports;
        for (uint32_t i = 0; i < n; i++)
                held[i] = capnp_cap_unref(held[i]);
        for (int i = 0; i < 100000 && c.exports > 1; i++) {
                stage_turn(s);
                capnp_vat_count(s->vats[SERVER], &c);
        }
        raw_must(most >= n && c.exports <= 1, "references that come and go");
}

static void references_row(uint32_t n)
{
        static const struct echo_ops ops = {.null = on_push, .self = on_self};
        static const struct capnp_limits limits = {.refs = 1 << 20, .held_bytes = 1 << 30};
        capnp_cap **held = calloc(n, sizeof(*held));
        struct capnp_rpc_counts c[2];
        uint64_t charged;
        size_t before;
        struct stage s;

        raw_must(held, "calloc");
        stage_init(&s, &ops, &limits, false);
        references_pass(&s, held, 256); /* what is kept to be used again */
        before = heap();
        charged = capnp_vat_held_bytes(s.vats[SERVER]);
        references_pass(&s, held, n);
        capnp_vat_count(s.vats[SERVER], &c[0]);
        capnp_vat_count(s.vats[CLIENT], &c[1]);
        printf("{\"bench\":\"memory\",\"what\":\"references\",\"count\":%u,\"heap_stays\":%td,"
               "\"charged_stays\":%td,\"exports\":%u,\"imports\":%u,\"questions\":%u}\n",
               n, (ptrdiff_t)(heap() - before),
               (ptrdiff_t)(capnp_vat_held_bytes(s.vats[SERVER]) - charged), c[0].exports,
               c[1].imports, c[1].questions);
        stage_deinit(&s);
        free(held);
}

/* ---- connections ---------------------------------------------------------------------------- */

/* The peers are sockets that have asked for the bootstrap object and say no more. */
static void connections_row(uint32_t n)
{
        static const struct echo_ops ops = {.null = on_push};
        CAPNP_AUTO(capnp_vat_freep) capnp_vat *v = NULL;
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *served = NULL;
        uint64_t words[RAW_BOOTSTRAP_WORDS], answer[64];
        size_t before = 0;
        int *fds = calloc(n, sizeof(*fds));

        raw_must(fds, "calloc");
        stage_must(capnp_vat_new(&v), "a vat");
        stage_must(echo_serve(v, &ops, NULL, &served), "an object");
        for (uint32_t i = 0; i < n; i++) {
                capnp_conn *c = NULL;
                int pair[2];

                raw_must(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), "socketpair");
                stage_must(capnp_conn_new(v, pair[0], NULL, served, &c), "a connection");
                capnp_conn_unref(c);
                fds[i] = pair[1];
                raw_send(fds[i], words, raw_bootstrap(words, 0));
                while (recv(fds[i], answer, sizeof(answer), MSG_DONTWAIT) <= 0)
                        stage_must(capnp_vat_process(v), "a turn");
                if (i == n / 2)
                        before = heap();
        }
        printf("{\"bench\":\"memory\",\"what\":\"connection\",\"count\":%u,\"heap\":%zu}\n",
               n - 1 - n / 2, (heap() - before) / (n - 1 - n / 2));
        for (uint32_t i = 0; i < n; i++)
                close(fds[i]);
        free(fds);
}

int main(void)
{
        relay_row(64 << 10);
        relay_row(1 << 20);
        references_row(100000);
        connections_row(400);
        return 0;
}
