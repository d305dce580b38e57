/*
 * Streams as a writer sees them: stream calls, who is told when to go on, and when all is over.
 *
 * Whoever is told to wait is called back exactly once, whatever happens, unless it takes that back.
 */
#include "model.h"

/* Somebody who waits for the end of all stream calls on a reference. */
struct flush {
        struct world *w;
        const struct call *last; /* of those that were made before */
        bool waits;
};

static void stream_ready(void *arg)
{
        struct call *c = arg;

        if (!c->waits)
                model_fail(c->w, "the writer of call %u is called back unasked", c->serial);
        c->waits = false;
}

/* A stream call that is refused at once was not sent, nor is the question that its target hangs on.
 */
void act_stream(struct call *c, bool tell)
{
        int r;

        call_look_behind(c);
        r = capnp_question_stream(c->q, tell ? stream_ready : NULL, c);
        c->q = NULL;
        if (r == CAPNP_E_EXCEPTION) { /* an earlier one has failed */
                model_check(c->w, c->w->loose || !c->cap || call_stream_failed(c));
        } else if (!model_starved(c->w, r)) {
                model_check(c->w, r == 0 || r == CAPNP_E_LIMIT);
                c->waits = tell && r == CAPNP_E_LIMIT;
                call_was_sent(c);
                c->stream = true;
        }
}

static struct ref *stream_ref(struct world *w, const struct model_act *act)
{
        struct ref *r = list_find(&w->refs, act->who);

        return r && r->vat == act->vat ? r : NULL;
}

void act_forget(struct world *w, const struct model_act *act)
{
        struct ref *r = stream_ref(w, act);

        for (size_t i = 0; r && i < w->calls.n; i++) {
                struct call *c = w->calls.v[i];

                if (!c->waits || c->vat != r->vat || c->cap != r->cap)
                        continue;
                capnp_cap_stream_forget(r->cap, stream_ready, c);
                c->waits = false;
        }
}

void stream_over(struct world *w, const struct call *s)
{
        for (; s; s = s->behind) {
                const struct call *last = s;

                while (last->tail)
                        last = last->tail;
                if (last->end == END_NOT_YET && !call_may_fail(last))
                        model_fail(w, "stream call %u is said to be over", s->serial);
        }
}

static void stream_flushed(void *arg)
{
        struct flush *f = arg;

        model_check(f->w, f->waits);
        f->waits = false;
        f->w->flushes--;
        stream_over(f->w, f->last);
}

void act_flush(struct world *w, const struct model_act *act)
{
        struct ref *r = stream_ref(w, act);
        struct flush *f;
        int k;

        if (!r)
                return;

        f = model_alloc(w, sizeof(*f));
        f->w = w;
        f->last = call_last_stream(w, r->vat, r->cap);
        k = capnp_cap_stream_finish(r->cap, stream_flushed, f);
        if (k == CAPNP_E_LIMIT) {
                f->waits = true;
                w->flushes++;
        } else if (!model_starved(w, k)) {
                stream_over(w, f->last);
                model_check(w, k == capnp_cap_stream_check(r->cap, NULL));
        }
}
