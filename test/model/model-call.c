/*
 * The calls of the model: how they are made, and what may become of them.
 *
 * A call that nobody cut and nobody gave up has exactly the outcome its handler chose, or the last
 * of the handlers that passed it on by tail calls. It fails without having arrived only when what
 * it was made on turned out to be null or broken.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

enum { MODEL_MAGIC = 0x13579bdf, LONG_SLOT = MODEL_SLOTS };

static const uint16_t PATH[MODEL_SLOTS][2] = {{0, 0}, {1, 0}, {2, 0}};
static const unsigned PATH_LEN[MODEL_SLOTS] = {1, 1, 2};

/* ---- payloads ------------------------------------------------------------------------------- */

enum model_shape payload_shape(const struct model_act *act)
{
        return (enum model_shape)(act->how >> 12 & 3);
}

/* The pattern differs from call to call, and from word to word. */
static uint8_t payload_pattern(uint32_t serial, uint32_t i)
{
        return (uint8_t)(serial + i / 8 + i);
}

/* As much as is read in several pieces. */
static uint32_t payload_bytes(uint32_t serial)
{
        return LONG_BYTES + serial * 37 % LONG_MORE;
}

static void payload_fill(capnp_builder b, uint32_t serial)
{
        uint32_t n = payload_bytes(serial);
        uint8_t *p = capnp_abuilder_init_data(capnp_builder_any(b, LONG_SLOT), n);

        for (uint32_t i = 0; p && i < n; i++)
                p[i] = payload_pattern(serial, i);
}

capnp_builder payload_init(capnp_abuilder a, uint32_t serial, enum model_shape shape)
{
        capnp_builder b =
                capnp_abuilder_init_struct(a, 2, payload_has_slots(shape) ? MODEL_SLOTS + 1 : 0);

        capnp_builder_set_u32(b, 0, serial, 0);
        capnp_builder_set_u32(b, 4, shape, 0);
        capnp_builder_set_u32(b, 8, MODEL_MAGIC, 0);
        if (shape == SHAPE_LONG)
                payload_fill(b, serial);
        return b;
}

void payload_put(capnp_builder b, unsigned slot, capnp_cap *c)
{
        capnp_abuilder a = capnp_builder_any(b, PATH[slot][0]);

        if (PATH_LEN[slot] == 2)
                a = capnp_builder_any(capnp_abuilder_init_struct(a, 0, 1), PATH[slot][1]);
        capnp_abuilder_set_cap(a, c);
}

capnp_cap *payload_peek(capnp_reader r, unsigned slot)
{
        capnp_any a = capnp_reader_any(r, PATH[slot][0]);

        if (PATH_LEN[slot] == 2)
                a = capnp_reader_any(capnp_any_struct(a, NULL), PATH[slot][1]);

        return capnp_any_cap_peek(a);
}

uint32_t payload_serial(struct world *w, capnp_reader r)
{
        uint32_t serial = capnp_reader_u32(r, 0, 0);
        bool is_long = capnp_reader_u32(r, 4, 0) == SHAPE_LONG;
        capnp_data d = capnp_any_data(capnp_reader_any(r, LONG_SLOT), (capnp_data){0});

        if (capnp_reader_u32(r, 8, 0) != MODEL_MAGIC ||
            d.len != (is_long ? payload_bytes(serial) : 0))
                model_fail(w, "a payload was damaged");
        for (uint32_t i = 0; i < d.len; i++)
                if (d.p[i] != payload_pattern(serial, i))
                        model_fail(w, "the payload of call %u was damaged at byte %u", serial, i);

        return serial;
}

/* ---- what may become of a call -------------------------------------------------------------- */

bool call_unwanted(const struct call *c)
{
        while (c->tail_of)
                c = c->tail_of;

        return c->freed && !c->done;
}

bool call_stream_failed(const struct call *c)
{
        for (const struct call *s = c->behind; s; s = s->behind) {
                const struct call *last = s;

                while (last->tail)
                        last = last->tail;
                if (last->end == END_FAIL || (last->end != END_RETURN && call_may_fail(last)))
                        return true;
        }

        return false;
}

bool call_may_fail(const struct call *c)
{
        struct node *end = node_end(c->target);

        if (call_stream_failed(c))
                return true;

        if (c->w->loose || (c->w->membraned && c->method == METHOD_REFUSED))
                return true;

        switch (end->kind) {
        case NODE_NULL:
        case NODE_BROKEN:
                return true;
        case NODE_PENDING:
                return end->call && !end->call->arrived && call_may_fail(end->call);
        case NODE_OBJECT:
                return end->obj->shut;
        case NODE_FORWARD:
                break;
        }

        return false;
}

static void outcome_returned(struct call *c, const struct call *last)
{
        struct world *w = c->w;

        if (last->end != END_RETURN)
                model_fail(w, "call %u returned, and nobody returned it", c->serial);
        if (last->empty)
                model_check(w,
                            capnp_any_what(capnp_question_response_any(c->q)) == CAPNP_WHAT_NULL);
        else if (payload_serial(w, capnp_question_response(c->q)) != last->serial)
                model_fail(w, "call %u has the results of another call", c->serial);
        for (unsigned i = 0; i < MODEL_SLOTS; i++) {
                capnp_cap *cap = capnp_question_cap_peek(c->q, PATH[i], PATH_LEN[i]);

                if (cap && last->nulls & 1u << i)
                        model_fail(w, "call %u: result %u was null", c->serial, i);
                if (!cap && node_end(last->slots[i])->kind != NODE_NULL && !w->starved)
                        model_fail(w, "call %u: result %u was not null", c->serial, i);
        }
}

static void outcome_failed(struct call *c, const struct call *last, int r)
{
        struct world *w = c->w;
        capnp_exception e = capnp_question_exception(c->q);

        if (model_starved(w, r))
                return;

        if (r != (e.kind == CAPNP_DISCONNECTED ? CAPNP_E_DISCONNECTED : CAPNP_E_EXCEPTION))
                model_fail(w, "call %u: %d, but kind %d, %s", c->serial, r, e.kind, e.reason);
        if (w->loose)
                return;

        switch (last->end) {
        case END_RETURN:
                model_fail(w, "call %u failed and was returned: %s", c->serial, e.reason);
        case END_FAIL:
                if (e.kind != last->kind)
                        model_fail(w, "call %u: kind %d, not %d: %s", c->serial, e.kind, last->kind,
                                   e.reason);
                return;
        case END_NOT_YET:
        case END_TAIL:
                if (last->arrived || !call_may_fail(last))
                        model_fail(w, "call %u failed, for no reason: %s", c->serial, e.reason);
                return;
        }
}

static void call_done(capnp_question *q, int r, void *arg)
{
        struct call *c = arg;
        const struct call *last = c;

        if (c->freed)
                model_fail(c->w, "call %u is done after it was freed", c->serial);
        if (c->done)
                model_fail(c->w, "call %u is done twice", c->serial);
        model_check(c->w, q == c->q);
        model_check(c->w, capnp_question_is_done(q) && capnp_question_result(q) == r);
        c->done = true;

        while (last->tail)
                last = last->tail;
        if (r == 0)
                outcome_returned(c, last);
        else
                outcome_failed(c, last, r);
        /* Nobody else decides the results of what never arrived; over a cut it may yet arrive. */
        for (unsigned i = 0; r && !c->arrived && !c->w->loose && i < MODEL_SLOTS; i++)
                c->slots[i]->kind = NODE_BROKEN;
        if (c->free_in_done)
                call_free(c);
}

/* ---- acts ----------------------------------------------------------------------------------- */

struct call *call_last_stream(struct world *w, uint32_t vat, const void *cap)
{
        if (!cap || !model_has_streamed(cap))
                return NULL;

        for (size_t i = w->calls.n; i-- > 0;) {
                struct call *s = w->calls.v[i];

                if (s->stream && s->vat == vat && s->cap == cap)
                        return s;
        }

        return NULL;
}

void call_look_behind(struct call *c)
{
        for (; c && !c->sent; c = c->unsent)
                c->behind = call_last_stream(c->w, c->vat, c->cap);
}

void call_was_sent(struct call *c)
{
        struct world *w = c->w;

        if (c->sent)
                return;

        if (c->unsent)
                call_was_sent(c->unsent);
        c->sent = true;
        c->seq = ++c->chain->sent;
        for (size_t i = 0; i < w->refs.n; i++) {
                struct ref *r = w->refs.v[i];

                if (r->unsent == c)
                        r->unsent = NULL;
        }
}

void call_mark_sent(struct call *c)
{
        call_look_behind(c);
        call_was_sent(c);
}

void call_free(struct call *c)
{
        list_drop(&c->w->questions, c);
        c->freed = true;
        c->q = capnp_question_free(c->q);
}

static void call_send(struct call *c)
{
        call_mark_sent(c);
        c->awaited = true;
        capnp_question_send(c->q, call_done, c);
}

static void call_args(struct world *w, struct call *c, const struct model_act *act)
{
        enum model_shape shape = payload_shape(act);
        capnp_builder b = payload_init(capnp_question_params_any(c->q), c->serial, shape);

        for (unsigned i = 0; payload_has_slots(shape) && i < MODEL_SLOTS; i++) {
                struct ref *r = act->with[i] ? list_find(&w->refs, act->with[i]) : NULL;

                if (!r || r->vat != c->vat || r->unsent)
                        continue;
                payload_put(b, i, r->cap);
                c->args[i] = r->node;
        }
}

/* One of which nothing is wanted but a result to call; without one, it is not sent. */
static void call_pipe(struct call *c, unsigned slot)
{
        capnp_cap *cap = slot < MODEL_SLOTS
                                 ? capnp_question_cap_peek(c->q, PATH[slot], PATH_LEN[slot])
                                 : NULL;

        if (cap) {
                call_mark_sent(c);
                ref_new(c->w, c->vat, capnp_cap_ref(cap), c->slots[slot], c->slots[slot]->first);
        }
        c->freed = c->piped = true;
        capnp_question_pipeline(c->q);
        c->q = NULL;
}

bool call_stream_goes_on(const struct call *s)
{
        for (; s; s = s->behind) {
                const struct call *last = s;

                while (last->tail)
                        last = last->tail;
                if (last->end == END_NOT_YET)
                        return true;
        }

        return false;
}

void act_call(struct world *w, const struct model_act *act)
{
        struct ref *target = act->who ? list_find(&w->refs, act->who) : NULL;
        struct call *c;

        if (act->who && (!target || target->vat != act->vat))
                return;

        c = call_new(w, act->vat, target ? target->node : node_new(w, NODE_NULL),
                     target ? target->chain : chain_new(w));
        c->unsent = target ? target->unsent : NULL;
        c->method = act->how >> 8 & 15;
        c->cap = target ? target->cap : NULL;
        c->q = capnp_question_new_any(w->vat[act->vat].v, target ? target->cap : NULL,
                                      MODEL_INTERFACE, c->method);
        model_check(w, c->q || w->starved);
        if (!c->q)
                return;

        call_args(w, c, act);
        c->free_in_done = act->how & CALL_FREE;
        if (act->how & CALL_STREAM) {
                act_stream(c, act->how & CALL_READY);
                return;
        }
        if (act->how & CALL_DETACH) {
                call_mark_sent(c);
                c->detached = true;
                capnp_question_detach(c->q);
                c->q = NULL;
                return;
        }
        if (act->how & CALL_PIPE) {
                call_pipe(c, act->how >> 6 & 3);
                return;
        }
        list_add(&w->questions, c);
        if (!(act->how & CALL_UNSENT))
                call_send(c);
}

static struct call *call_find(struct world *w, const struct model_act *act)
{
        struct call *c = list_find(&w->questions, act->who);

        return c && c->vat == act->vat ? c : NULL;
}

void act_send(struct world *w, const struct model_act *act)
{
        struct call *c = call_find(w, act);

        if (c && !c->awaited)
                call_send(c);
}

void act_peek(struct world *w, const struct model_act *act)
{
        struct call *c = call_find(w, act);
        unsigned slot = act->how % MODEL_SLOTS;
        struct ref *r;
        capnp_cap *cap;

        if (!c)
                return;

        cap = capnp_question_cap_peek(c->q, PATH[slot], PATH_LEN[slot]);
        if (!cap)
                return;

        r = ref_new(w, c->vat, capnp_cap_ref(cap), c->slots[slot], c->slots[slot]->first);
        if (!c->sent)
                r->unsent = c;
}

/* Whether something was built on a question that has not been sent. */
static bool call_is_needed_unsent(struct world *w, const struct call *c)
{
        if (c->sent)
                return false;

        for (size_t i = 0; i < w->refs.n; i++)
                if (((struct ref *)w->refs.v[i])->unsent == c)
                        return true;
        for (size_t i = 0; i < w->questions.n; i++)
                if (((struct call *)w->questions.v[i])->unsent == c)
                        return true;

        return false;
}

void act_free(struct world *w, const struct model_act *act)
{
        struct call *c = call_find(w, act);

        if (c && !call_is_needed_unsent(w, c))
                call_free(c);
}
