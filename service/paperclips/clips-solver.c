/*
 * A player that knows the rules and no more: it takes what is offered, keeps the price where what
 * is made is what is wanted, and buys what is in the way of the rest. It knows no key of the world,
 * so it judges any.
 */
#include "clips-solver.h"

#include <math.h>

enum { SAVE_SECONDS = 25, PRICE_SECONDS = 4 };

/* How much of it one makes in a second for a coin; 0: it makes none, or cannot be bought. */
static double yield(const struct clips_game *g, unsigned i, unsigned stock)
{
        const struct clips_machine *m = &g->w->machines[i];
        struct clips_amounts cost = clips_game_cost(g, i);

        if (!g->open[i] || m->pace || g->owned[i] >= m->limit || cost.v[0].of != g->w->coins)
                return 0;
        for (unsigned k = 0; k < m->gives.n; k++)
                if (m->gives.v[k].of == stock)
                        return m->gives.v[k].n * g->factor[i] / cost.v[0].n;
        return 0;
}

static int best_of(const struct clips_game *g, unsigned stock)
{
        double best = 0;
        int at = -1;

        for (unsigned i = 0; i < g->w->nmachines; i++) {
                double y = yield(g, i, stock);

                if (y > best) {
                        best = y;
                        at = (int)i;
                }
        }
        return at;
}

static int best_of_demand(const struct clips_game *g)
{
        double best = 0;
        int at = -1;

        for (unsigned i = 0; i < g->w->nmachines; i++) {
                double y = g->open[i] ? g->w->machines[i].demand / clips_game_cost(g, i).v[0].n : 0;

                if (y > best) {
                        best = y;
                        at = (int)i;
                }
        }
        return at;
}

/* Goods that have most of a stock, of those that can be paid. */
static int goods_of(const struct clips_game *g, unsigned stock)
{
        double most = 0;
        uint8_t none;
        int at = -1;

        for (unsigned i = 0; i < g->w->nmachines; i++) {
                const struct clips_machine *m = &g->w->machines[i];

                if (g->open[i] && m->adds.n && m->adds.v[0].of == stock && m->adds.v[0].n > most &&
                    clips_game_can_pay(g, &m->cost, &none)) {
                        most = m->adds.v[0].n;
                        at = (int)i;
                }
        }
        return at;
}

static bool buy(struct clips_game *g, int i, uint32_t count)
{
        struct clips_outcome o;

        if (i < 0)
                return false;
        clips_game_buy(g, g->w->machines[i].key, count, &o);
        return o.result == CLIPS_OK;
}

/* As much wire as that, if it can be paid. */
static bool buy_wire(struct clips_game *g, double n)
{
        int i = goods_of(g, g->w->wire);
        double count = i < 0 ? 0 : n / g->w->machines[i].adds.v[0].n;

        return buy(g, i, count < 1 ? 1 : count > CLIPS_BUY_MOST ? CLIPS_BUY_MOST : (uint32_t)count);
}

/* What is made in a second. */
static double output(const struct clips_game *g)
{
        double n = g->rate[g->w->clips] + g->selling;

        return n > 0.5 ? n : 0.5;
}

static bool price(struct clips_game *g)
{
        double wanted = clips_game_demand(g), make = output(g) + g->stock[g->w->clips] / 30;
        double cents = g->price_cents * sqrt(wanted / make);
        struct clips_outcome o;

        cents = cents < 1 ? 1 : cents > CLIPS_CENTS_MOST ? CLIPS_CENTS_MOST : cents;
        if (g->tick % PRICE_SECONDS || fabs(cents - g->price_cents) < 0.06 * g->price_cents)
                return false;
        clips_game_price(g, (uint32_t)(cents + 0.5), &o);
        return o.result == CLIPS_OK;
}

/* Begins what can be paid. *saving: something can soon, if nothing is bought before. *thinking:
 * some craft is missing. */
static bool begin(struct clips_game *g, bool *saving, bool *thinking)
{
        double income = g->selling * g->price_cents / 100;
        struct clips_outcome o;

        for (unsigned i = 0; i < g->w->nprojects; i++) {
                const struct clips_project *p = &g->w->projects[i];

                if (g->project[i].state != CLIPS_OFFERED)
                        continue;
                clips_game_begin(g, p->key, &o);
                if (o.result == CLIPS_OK)
                        return true;
                for (unsigned k = 0; k < p->price.n; k++) {
                        struct clips_amount a = p->price.v[k];

                        if (a.of == g->w->coins)
                                *saving |= g->stock[a.of] < a.n &&
                                           a.n - g->stock[a.of] < income * SAVE_SECONDS;
                        *thinking |= a.of == g->w->craft && g->stock[a.of] < a.n;
                }
        }
        return false;
}

static bool by_hand(struct clips_game *g)
{
        double n = g->stock[g->w->strength] * g->hands;
        struct clips_outcome o;

        if (n < 10 || n < output(g) * 2 || g->stock[g->w->wire] < 1)
                return false;
        clips_game_make(g, (uint32_t)(n < CLIPS_MAKE_MOST ? n : CLIPS_MAKE_MOST), &o);
        return o.result == CLIPS_OK;
}

/* The machine to buy next; -1: none. */
static int wanted(const struct clips_game *g, bool thinking)
{
        double fair = g->w->fair_cents * g->worth;
        int i, at = -1;

        if (thinking && g->rate[g->w->craft] * 40 < g->stock[g->w->craft] + 20) {
                i = best_of(g, g->w->craft);
                if (i >= 0 && clips_game_cost(g, (unsigned)i).v[0].n < g->stock[g->w->coins] / 2)
                        return i;
        }
        for (unsigned m = g->w->nmachines; m--;) {
                if (!g->waits[m])
                        continue;
                i = best_of(g, g->waits[m] - 1U);
                if (i >= 0 && (at < 0 || g->waits[i] == 0))
                        at = i;
        }
        if (at >= 0)
                return at;
        if (g->price_cents < fair * 0.8)
                return best_of_demand(g);
        /* What nothing uses yet is what all of it is for. */
        for (unsigned s = g->w->nstocks; s-- > 0;)
                if (s != g->w->clips && clips_game_shows(g, s) && g->w->stocks[s].phase == 3 &&
                    g->price_cents < fair * 1.3 && best_of(g, s) >= 0)
                        return best_of(g, s);
        i = best_of(g, g->w->clips);
        return i >= 0 ? i : best_of_demand(g);
}

void clips_solver_play(struct clips_game *g)
{
        bool saving = false, thinking = false;
        double use = output(g);

        if (begin(g, &saving, &thinking) || price(g))
                goto out;
        if (g->stock[g->w->wire] < (use < 10 ? 30 : use * 5) && buy_wire(g, use * 20))
                goto out;
        if (!saving && buy(g, wanted(g, thinking), 1))
                goto out;
        (void)by_hand(g);
out:
        clips_game_tick(g);
}
