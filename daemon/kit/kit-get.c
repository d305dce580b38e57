/*
 * What this service holds of others: the manifest's `grants`, by ServiceHost.get.
 *
 * What is asked for is a promise at once, so whoever asks need not know whether the session manager
 * is there yet, or the other service: calls wait in it, and it is asked again and again, for ten
 * seconds. When there is a socket, the promise is what the other service has at its end of it. One
 * socket of each name: who asks again gets another reference to the same object.
 *
 * It lasts as long as both services, the session manager, and the policy that grants it; then its
 * references break as disconnected, and whoever asks again asks anew. A membrane sees to that: a
 * reference that is kept for longer holds nothing. A refusal is final for those who have asked
 * before it.
 */
#include "kit-internal.h"

#include "io-loop.h"
#include "service_control.capnp-c.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HELD = 64, AGAIN_MS = 100, PATIENCE_MS = 10 * 1000 };

static const capnp_exception over = {CAPNP_DISCONNECTED, "what was held of a service is over"};

struct kit_held {
        struct capnp_i_list link; /* kit.held */
        struct kit *k;
        char *name;
        uint64_t interface_id;
        capnp_cap *object;      /* what whoever asks gets */
        capnp_promise *promise; /* … until it is decided; NULL: it is */
        uint64_t patience_ms;   /* until then it is asked again */
        capnp_question *asking;
        capnp_timer *again;
        capnp_membrane *membrane; /* around what comes by … */
        capnp_conn *conn;
};

static const struct capnp_membrane_ops membrane_ops = {0};

/* There is none any more. Its references break, if they have not. */
static void held_end(struct kit_held *h, capnp_exception why)
{
        capnp_i_list_remove(&h->link);
        h->k->nheld--;
        h->asking = capnp_question_free(h->asking);
        h->again = capnp_timer_free(h->again);
        if (h->promise)
                capnp_promise_break(h->promise, why);
        if (h->membrane)
                capnp_membrane_revoke(h->membrane, why);
        if (h->conn) {
                capnp_conn_on_close(h->conn, NULL, NULL);
                capnp_conn_close(h->conn, why);
        }
        capnp_membrane_unref(h->membrane);
        capnp_conn_unref(h->conn);
        capnp_cap_unref(h->object);
        free(h->name);
        free(h);
}

static void held_on_close(capnp_conn *c, void *arg)
{
        (void)c;
        held_end(arg, over);
}

/* ---- asking --------------------------------------------------------------------------------- */

static void held_ask(struct kit_held *h);

static void held_on_again(void *arg)
{
        struct kit_held *h = arg;

        h->again = NULL;
        held_ask(h);
}

/* Not now. why: what it ends with when there was no time left, or there is no memory to wait with.
 */
static void held_wait(struct kit_held *h, capnp_exception why)
{
        if (capos_io_now_ms() >= h->patience_ms ||
            capnp_timer_new(h->k->vat, AGAIN_MS, held_on_again, h, &h->again))
                held_end(h, why);
}

/* There is a socket, which is taken. */
static void held_begin(struct kit_held *h, int fd)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *root = NULL;
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *object = NULL;
        int r = capnp_conn_new(h->k->vat, fd, &h->k->limits, NULL, &h->conn);

        if (!r)
                r = capnp_rpc_bootstrap(capnp_conn_rpc(h->conn), &root);
        if (!r)
                r = capnp_membrane_new(h->k->vat, &membrane_ops, NULL, &h->membrane);
        if (!r)
                object = capnp_membrane_wrap(h->membrane, root);
        if (!r && !object)
                r = -ENOMEM;
        if (r) {
                held_end(h, (capnp_exception){CAPNP_OVERLOADED, capnp_strerror(r)});
                return;
        }

        capnp_conn_on_close(h->conn, held_on_close, h);
        capnp_promise_resolve(h->promise, object);
        h->promise = NULL;
}

static void held_on_told(capnp_question *q, int r, void *arg)
{
        capnp_exception why = {CAPNP_FAILED, "no stream socket is attached"};
        struct kit_held *h = arg;
        int fd = -1;

        h->asking = NULL;
        if (r)
                why = capnp_question_exception(q);
        else
                r = kit_socket_dup(service_host_get_end(q).c, &fd);
        if (!r)
                held_begin(h, fd);
        else if (why.kind == CAPNP_DISCONNECTED || why.kind == CAPNP_OVERLOADED)
                held_wait(h, why);
        else
                held_end(h, why);
        capnp_question_free(q);
}

static void held_ask(struct kit_held *h)
{
        capnp_cap *host = kit_host(h->k);

        h->asking = host ? service_host_get((service_host_client){host}) : NULL;
        if (!h->asking) {
                held_wait(h, (capnp_exception){CAPNP_DISCONNECTED, "there is no session manager"});
                return;
        }

        service_host_get_set_name(h->asking, h->name);
        service_host_get_set_interface_id(h->asking, h->interface_id);
        capnp_question_send(h->asking, held_on_told, h);
}

/* ---- for others ----------------------------------------------------------------------------- */

void kit_held_void(struct kit *k)
{
        struct capnp_i_list *l, *next;

        for (l = k->held.next; l != &k->held; l = next) {
                struct kit_held *h = CAPNP_I_OF(l, struct kit_held, link);

                next = l->next;
                if (h->conn) {
                        held_end(h, over);
                } else if (h->asking) {
                        h->asking = capnp_question_free(h->asking);
                        held_wait(h, over);
                }
        }
}

void kit_held_end(struct kit *k)
{
        while (!capnp_i_list_empty(&k->held))
                held_end(CAPNP_I_OF(k->held.next, struct kit_held, link), over);
}

static struct kit_held *held_find(const struct kit *k, const char *name, uint64_t interface_id)
{
        for (struct capnp_i_list *l = k->held.next; l != &k->held; l = l->next) {
                struct kit_held *h = CAPNP_I_OF(l, struct kit_held, link);

                if (!strcmp(h->name, name) && h->interface_id == interface_id)
                        return h;
        }
        return NULL;
}

static int held_new(struct kit *k, const char *name, uint64_t interface_id, struct kit_held **ret)
{
        struct kit_held *h = calloc(1, sizeof(*h));
        int r = -ENOMEM;

        if (!h)
                return r;

        h->k = k;
        h->interface_id = interface_id;
        h->patience_ms = capos_io_now_ms() + PATIENCE_MS;
        h->name = strdup(name);
        if (h->name)
                r = capnp_promise_new(k->vat, &h->promise, &h->object);
        if (r) {
                free(h->name);
                free(h);
                return r;
        }

        capnp_i_list_init(&h->link);
        capnp_i_list_append(&k->held, &h->link);
        k->nheld++;
        *ret = h;
        return 0;
}

int kit_get(struct kit *k, const char *name, uint64_t interface_id, capnp_cap **ret_object)
{
        struct kit_held *h = held_find(k, name, interface_id);
        int r;

        /* The other service could not give its object, for want of memory say. */
        if (h && capnp_cap_is_broken(h->object, NULL)) {
                held_end(h, over);
                h = NULL;
        }
        if (h) {
                *ret_object = capnp_cap_ref(h->object);
                return 0;
        }
        if (k->nheld >= HELD)
                return CAPNP_E_LIMIT;

        r = held_new(k, name, interface_id, &h);
        if (r)
                return r;

        *ret_object = capnp_cap_ref(h->object);
        held_ask(h);
        return 0;
}
