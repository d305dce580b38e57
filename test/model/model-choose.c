/*
 * Which act comes next.
 *
 * Every decision is drawn from one source: a generator started by a seed, or the bytes of a fuzzer.
 * What is held is kept between bounds: when there is much of it, acts that let go are chosen.
 */
#include "model.h"

enum { MOST_REFS = 24, MOST_QUESTIONS = 24, MOST_PROMISES = 8, MOST_KEPT = 12, MOST_MEMBRANES = 3 };

uint32_t source_pick(struct source *s, uint32_t n)
{
        uint64_t x;

        if (s->bytes) {
                x = 0;
                for (uint32_t most = n; most > 1 && s->left; most >>= 8, s->left--)
                        x = x << 8 | *s->b++;
                return n ? (uint32_t)(x % n) : 0;
        }

        /* xorshift64*, by Vigna. */
        s->state ^= s->state >> 12;
        s->state ^= s->state << 25;
        s->state ^= s->state >> 27;
        x = (s->state * 0x2545f4914f6cdd1d) >> 32;
        return n ? (uint32_t)(x % n) : 0;
}

static uint32_t choose_of(const struct list *l, uint32_t vat, struct source *s)
{
        uint32_t *thing;
        size_t n;

        list_of_vat(l, vat, 0, &n);
        if (!n)
                return 0;

        thing = list_of_vat(l, vat, source_pick(s, (uint32_t)n), NULL);
        return thing ? *thing : 0;
}

static size_t count_of(const struct list *l, uint32_t vat)
{
        size_t n;

        list_of_vat(l, vat, 0, &n);
        return n;
}

static uint32_t choose_arg(struct world *w, uint32_t vat, struct source *s)
{
        return source_pick(s, 8) ? choose_of(&w->refs, vat, s) : WITH_NULL;
}

/* As it stands in model_act.how. */
static uint32_t choose_shape(struct source *s)
{
        static const uint8_t SHAPES[] = {SHAPE_USUAL, SHAPE_USUAL, SHAPE_USUAL, SHAPE_USUAL,
                                         SHAPE_FLAT,  SHAPE_FLAT,  SHAPE_NONE,  SHAPE_LONG};

        return (uint32_t)SHAPES[source_pick(s, sizeof(SHAPES))] << 12;
}

/* What a handler does, with the references of its vat and the arguments of its call. */
static void choose_verdict(struct world *w, struct source *s, struct model_act *act)
{
        static const uint8_t VERDICTS[] = {
                VERDICT_RETURN, VERDICT_RETURN, VERDICT_RETURN, VERDICT_RETURN, VERDICT_FAIL,
                VERDICT_KEEP,   VERDICT_KEEP,   VERDICT_TAIL,   VERDICT_TAIL,   VERDICT_PROMISE,
        };
        uint32_t verdict = VERDICTS[source_pick(s, sizeof(VERDICTS))];
        uint32_t n = source_pick(s, 4);

        if (verdict == VERDICT_KEEP && count_of(&w->kept, act->vat) >= MOST_KEPT)
                verdict = VERDICT_RETURN;
        if (verdict == VERDICT_PROMISE && count_of(&w->promises, act->vat) >= MOST_PROMISES)
                verdict = VERDICT_RETURN;
        act->how = verdict | source_pick(s, 4) << 4;
        if (w->streams && source_pick(s, 12) == 0)
                act->how |= HOW_STREAM;
        if (count_of(&w->refs, act->vat) < MOST_REFS)
                act->how |= source_pick(s, 8) << 8;
        act->how |= choose_shape(s);
        for (uint32_t i = 0; i < n && i < 3; i++)
                act->with[i] = source_pick(s, 3) ? choose_arg(w, act->vat, s)
                                                 : WITH_ARG + source_pick(s, MODEL_SLOTS);
}

static void choose_call(struct world *w, struct source *s, struct model_act *act)
{
        uint32_t n = source_pick(s, 4), style = source_pick(s, 16);

        act->kind = ACT_CALL;
        act->who = source_pick(s, 40) ? choose_of(&w->refs, act->vat, s) : WITH_NULL;
        if (style == 0)
                act->how = CALL_UNSENT;
        if (style == 1)
                act->how = CALL_DETACH;
        if (style == 2)
                act->how = CALL_STREAM;
        if (w->writers && style > 1 && style < 6)
                act->how = CALL_STREAM | CALL_READY;
        if (style == 6)
                act->how = CALL_PIPE | source_pick(s, 4) << 6;
        if (style > 9)
                act->how = CALL_FREE;
        act->how |= source_pick(s, w->membraned ? 16 : METHOD_REFUSED) << 8 | choose_shape(s);
        for (uint32_t i = 0; i < n && i < 3; i++)
                act->with[i] = choose_arg(w, act->vat, s);
}

static void choose_writer(struct world *w, struct source *s, struct model_act *act)
{
        act->kind = source_pick(s, 4) ? ACT_FLUSH : ACT_FORGET;
        act->who = choose_of(&w->refs, act->vat, s);
}

static void choose_membrane(struct world *w, struct source *s, unsigned mode, struct model_act *act)
{
        uint32_t what = source_pick(s, 12);

        act->who = choose_of(&w->membranes, act->vat, s);
        act->with[0] = choose_of(&w->refs, act->vat, s);
        act->how = source_pick(s, 4);
        act->kind = ACT_WRAP;
        if (what == 0 && count_of(&w->membranes, act->vat) < MOST_MEMBRANES)
                act->kind = ACT_MEMBRANE;
        if (what == 1)
                act->kind = ACT_UNREF;
        if (what == 2 && mode & MODE_REVOKE && source_pick(s, 4) == 0)
                act->kind = ACT_REVOKE;
}

static void choose_promise(struct world *w, struct source *s, struct model_act *act)
{
        uint32_t what = source_pick(s, 8);

        act->who = choose_of(&w->promises, act->vat, s);
        if (!act->who || (what < 3 && count_of(&w->promises, act->vat) < MOST_PROMISES)) {
                act->kind = ACT_PROMISE;
                return;
        }

        act->kind = what == 7 ? ACT_BREAK : ACT_RESOLVE;
        act->how = source_pick(s, 4);
        act->with[0] = source_pick(s, 16) ? choose_of(&w->refs, act->vat, s) : WITH_NULL;
}

static void choose_cut(struct world *w, struct source *s, struct model_act *act)
{
        act->kind = source_pick(s, 3) ? ACT_CONNECT : ACT_CLOSE;
        act->who = (act->vat + 1 + source_pick(s, w->nvats - 1)) % w->nvats;
        act->how = source_pick(s, 4);
}

/* Letting go, of what there is too much of or of anything. */
static void choose_less(struct world *w, struct source *s, struct model_act *act)
{
        uint32_t what = source_pick(s, 8);

        if (what < 4) {
                act->kind = ACT_DROP;
                act->who = choose_of(&w->refs, act->vat, s);
                return;
        }
        if (what < 6) {
                act->kind = ACT_FREE;
                act->who = choose_of(&w->questions, act->vat, s);
                return;
        }

        act->kind = ACT_END;
        act->who = choose_of(&w->kept, act->vat, s);
        choose_verdict(w, s, act);
}

static void choose_more(struct world *w, struct source *s, struct model_act *act)
{
        uint32_t what = source_pick(s, 16);

        if (what < 3) {
                act->kind = ACT_OBJECT;
                act->how = source_pick(s, 2);
        } else if (what == 3) {
                act->kind = ACT_BROKEN;
                act->how = source_pick(s, 4);
        } else if (what < 7) {
                act->kind = ACT_BOOTSTRAP;
                act->who = (act->vat + 1 + source_pick(s, w->nvats - 1)) % w->nvats;
        } else if (what == 7) {
                act->kind = ACT_COPY;
                act->who = choose_of(&w->refs, act->vat, s);
        } else if (what == 8) {
                act->kind = ACT_SEND;
                act->who = choose_of(&w->questions, act->vat, s);
        } else {
                act->kind = ACT_PEEK;
                act->who = choose_of(&w->questions, act->vat, s);
                act->how = source_pick(s, MODEL_SLOTS);
        }
}

static void choose_move(struct world *w, struct source *s, struct model_act *act)
{
        uint32_t how = source_pick(s, 6);

        if (source_pick(s, 2)) {
                act->kind = ACT_STEP;
                choose_verdict(w, s, act);
                return;
        }

        act->kind = ACT_DELIVER;
        act->who = (act->vat + 1 + source_pick(s, w->nvats - 1)) % w->nvats;
        act->how = how < 2 ? 0 : how < 5 ? 1 : 2 + source_pick(s, 256);
}

void model_choose(struct world *w, struct source *s, unsigned mode, struct model_act *ret_act)
{
        struct model_act act = {.n = w->acts + 1, .vat = source_pick(s, w->nvats)};
        uint32_t what = source_pick(s, 64);
        size_t refs = count_of(&w->refs, act.vat);

        if (mode & MODE_CLOSE && source_pick(s, 250) == 0)
                choose_cut(w, s, &act);
        else if (mode & MODE_STARVE && source_pick(s, 60) == 0)
                act = (struct model_act){act.n, ACT_STARVE, act.vat, 0, 1 + source_pick(s, 40),
                                         {0}};
        else if (mode & MODE_WRITERS && source_pick(s, 30) == 0)
                choose_writer(w, s, &act);
        else if (mode & MODE_MEMBRANES && source_pick(s, 10) == 0 && refs < MOST_REFS)
                choose_membrane(w, s, mode, &act);
        else if (what < w->pace)
                choose_move(w, s, &act);
        else if (what % 8 == 0)
                choose_promise(w, s, &act);
        else if (what % 8 < 3 || refs >= MOST_REFS)
                choose_less(w, s, &act);
        else if (what % 8 < 5 || count_of(&w->questions, act.vat) >= MOST_QUESTIONS)
                choose_more(w, s, &act);
        else
                choose_call(w, s, &act);
        *ret_act = act;
}
