/*
 * A game of Paperclips, as arithmetic.
 *
 * A second goes by in this order: machines work, one after the other as the world lists them, so
 * that what one makes the next can use; clips are sold; what was begun goes on; what is possible
 * now is offered; and now and then a card is drawn. A machine works as much as what it uses allows,
 * and no more than there is room for. Of what holds it up it remembers the stock, which is what a
 * player wants to know.
 *
 * Long times that nobody was there for are gone through in steps of up to a minute, 480 at most, by
 * the same arithmetic: a machine takes what is there at the beginning of a step, or is made within
 * it by those before it.
 *
 * All numbers are doubles that stay between nothing and MOST, whatever a player does. There are no
 * functions of libm here, so a game is the same on every machine.
 */
#include "clips-game.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MOST   1e15
#define NEARLY 0.999999 /* of what is to be paid: sums of tenths are not exact */

/* ---- words ----------------------------------------------------------------------------------- */

const char *clips_number(double n, char to[static 24])
{
        static const struct {
                double from;
                const char *unit;
        } units[] = {{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e4, "k"}};

        for (unsigned i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
                double least = units[i].from, unit = least < 1e6 ? 1e3 : least;

                if (n < least)
                        continue;
                (void)snprintf(to, 24, "%.*f %s", n / unit < 10 ? 2 : 1, n / unit, units[i].unit);
                return to;
        }
        if (n >= 1000)
                (void)snprintf(to, 24, "%d,%03d", (int)n / 1000, (int)n % 1000);
        else
                (void)snprintf(to, 24, n < 10 && n > (int)n ? "%.1f" : "%.0f", n);
        return to;
}

const char *clips_amount_text(const struct clips_world *w, struct clips_amount a,
                              char to[static 64])
{
        char n[24];

        if (w->stocks[a.of].unit == WORLD_STOCK_UNIT_MONEY && a.n < 1000)
                (void)snprintf(n, sizeof(n), "%.2f", a.n);
        else
                (void)clips_number(a.n, n);
        (void)snprintf(to, 64, "%s %s", n, w->stocks[a.of].key);
        return to;
}

const char *clips_amounts_text(const struct clips_world *w, const struct clips_amounts *a,
                               char to[static CLIPS_TEXT_BYTES])
{
        char one[64];
        size_t len = 0;

        to[0] = '\0';
        for (unsigned i = 0; i < a->n && len < CLIPS_TEXT_BYTES; i++)
                len += (size_t)snprintf(to + len, CLIPS_TEXT_BYTES - len, "%s%s", i ? ", " : "",
                                        clips_amount_text(w, a->v[i], one));
        return to;
}

void clips_game_note(struct clips_game *g, bool good, const char *text)
{
        struct clips_line *l = &g->log[g->lines % CLIPS_LOG];

        l->sequence = ++g->lines;
        l->tick = g->tick;
        l->good = good;
        (void)snprintf(l->text, sizeof(l->text), "%s", text);
}

/* ---- stocks ---------------------------------------------------------------------------------- */

static double room(const struct clips_game *g, unsigned stock)
{
        double most = g->cap[stock] > 0 ? g->cap[stock] : MOST;

        return g->stock[stock] < most ? most - g->stock[stock] : 0;
}

/* As much of it as there is room for. */
static void put(struct clips_game *g, unsigned stock, double n)
{
        double left = room(g, stock);

        n = n < left ? n : left;
        g->stock[stock] += n;
        g->made[stock] = g->made[stock] + n < MOST ? g->made[stock] + n : MOST;
}

static void take(struct clips_game *g, unsigned stock, double n)
{
        g->stock[stock] = g->stock[stock] > n ? g->stock[stock] - n : 0;
}

bool clips_game_can_pay(const struct clips_game *g, const struct clips_amounts *price,
                        uint8_t *ret_short)
{
        for (unsigned i = 0; i < price->n; i++) {
                if (g->stock[price->v[i].of] >= price->v[i].n * NEARLY)
                        continue;
                *ret_short = price->v[i].of;
                return false;
        }
        return true;
}

static void pay(struct clips_game *g, const struct clips_amounts *price)
{
        for (unsigned i = 0; i < price->n; i++)
                take(g, price->v[i].of, price->v[i].n);
}

static double power(double base, uint32_t n)
{
        double r = 1;

        for (; n && r < MOST; n >>= 1) {
                r = n & 1 ? r * base : r;
                base *= base;
        }
        return r < MOST ? r : MOST;
}

struct clips_amounts clips_game_cost(const struct clips_game *g, unsigned machine)
{
        const struct clips_machine *m = &g->w->machines[machine];
        struct clips_amounts cost = m->cost;
        double by = m->growth > 1 ? power(m->growth, g->owned[machine] - m->own) : 1;

        for (unsigned i = 0; i < cost.n; i++)
                cost.v[i].n *= by;
        return cost;
}

bool clips_game_shows(const struct clips_game *g, unsigned stock)
{
        return g->w->stocks[stock].phase <= g->phase;
}

/* ---- effects --------------------------------------------------------------------------------- */

static void phase_reach(struct clips_game *g, uint8_t phase)
{
        if (phase <= g->phase)
                return;
        g->phase = phase;
        clips_game_note(g, true, g->w->phases[phase].text);
}

static void effect_do(struct clips_game *g, const struct clips_effect *e)
{
        struct clips_project_now *p;

        switch (e->which) {
        case WORLD_EFFECT_ADD:
                put(g, e->amount.of, e->amount.n);
                return;
        case WORLD_EFFECT_CAP:
                g->cap[e->amount.of] += e->amount.n;
                return;
        case WORLD_EFFECT_OPEN:
                g->open[e->amount.of] = true;
                return;
        case WORLD_EFFECT_FASTER:
                g->factor[e->amount.of] *= e->amount.n;
                return;
        case WORLD_EFFECT_HANDS:
                g->hands *= e->amount.n;
                return;
        case WORLD_EFFECT_DEMAND:
                g->demand *= e->amount.n;
                return;
        case WORLD_EFFECT_WORTH:
                g->worth *= e->amount.n;
                return;
        case WORLD_EFFECT_PHASE:
                phase_reach(g, e->amount.of);
                return;
        case WORLD_EFFECT_OFFER:
                p = &g->project[e->amount.of];
                p->state = CLIPS_OFFERED;
                p->left = g->w->projects[e->amount.of].stands;
                return;
        }
}

static void project_finish(struct clips_game *g, unsigned i)
{
        const struct clips_project *p = &g->w->projects[i];

        g->project[i].state = p->stands ? CLIPS_HIDDEN : CLIPS_DONE;
        g->project[i].left = 0;
        clips_game_note(g, true, p->said);
        for (unsigned k = 0; k < p->neffects; k++)
                effect_do(g, &p->effects[k]);
}

/* ---- a second -------------------------------------------------------------------------------- */

/* The share of its work that a machine can do. */
static double machine_share(struct clips_game *g, unsigned i, double work)
{
        const struct clips_machine *m = &g->w->machines[i];
        double share = 1, most;

        g->waits[i] = 0;
        for (unsigned k = 0; k < m->uses.n; k++) {
                most = m->uses.v[k].n * work;
                if (g->stock[m->uses.v[k].of] >= most * share)
                        continue;
                share = g->stock[m->uses.v[k].of] / most;
                g->waits[i] = (uint8_t)(m->uses.v[k].of + 1);
        }
        /* Nothing is used for what there is no room for. */
        for (unsigned k = 0; m->uses.n && k < m->gives.n; k++) {
                most = m->gives.v[k].n * work;
                if (room(g, m->gives.v[k].of) < most * share)
                        share = room(g, m->gives.v[k].of) / most;
        }
        return share;
}

static void machine_work(struct clips_game *g, unsigned i, double seconds)
{
        const struct clips_machine *m = &g->w->machines[i];
        double work = g->owned[i] * g->factor[i] * seconds;

        if (!g->owned[i] || (!m->uses.n && !m->gives.n))
                return;
        work *= machine_share(g, i, work);
        for (unsigned k = 0; k < m->uses.n; k++)
                take(g, m->uses.v[k].of, m->uses.v[k].n * work);
        for (unsigned k = 0; k < m->gives.n; k++)
                put(g, m->gives.v[k].of, m->gives.v[k].n * work);
}

double clips_game_tide(const struct clips_game *g, bool *ret_rising)
{
        uint32_t period = g->w->tide_seconds, at = (uint32_t)(g->tick % period), half = period / 2;
        double x = at < half ? (double)at / half : (double)(period - at) / (period - half);

        *ret_rising = at < half;
        return 1 - g->w->tide_share + 2 * g->w->tide_share * x;
}

double clips_game_demand(const struct clips_game *g)
{
        double d = g->w->demand, ratio = g->w->fair_cents * g->worth / g->price_cents;
        bool rising;

        for (unsigned i = 0; i < g->w->nmachines; i++)
                d += g->w->machines[i].demand * g->owned[i] * g->factor[i];
        d *= g->demand * g->weather * clips_game_tide(g, &rising) * ratio * ratio;
        return d < MOST ? d : MOST;
}

static void sell(struct clips_game *g, double seconds)
{
        double n = clips_game_demand(g) * seconds, have = g->stock[g->w->clips];

        n = n < have ? n : have;
        take(g, g->w->clips, n);
        put(g, g->w->coins, n * g->price_cents / 100);
        g->sold = g->sold + n < MOST ? g->sold + n : MOST;
        g->selling += (n / seconds - g->selling) / 5;
}

static void projects_go_on(struct clips_game *g, uint32_t seconds, bool away)
{
        for (unsigned i = 0; i < g->w->nprojects; i++) {
                struct clips_project_now *p = &g->project[i];
                bool runs = p->state == CLIPS_RUNNING;

                if (!p->left || (!runs && p->state != CLIPS_OFFERED) || (!runs && away))
                        continue;
                p->left = p->left > seconds ? p->left - seconds : 0;
                if (p->left)
                        continue;
                if (runs) {
                        project_finish(g, i);
                        continue;
                }
                p->state = CLIPS_HIDDEN;
                clips_game_note(g, false, "Nobody waits for ever: an order has gone elsewhere.");
        }
}

static bool need_is_met(const struct clips_game *g, const struct clips_need *n)
{
        switch (n->which) {
        case WORLD_NEED_HAVE:
                return g->stock[n->amount.of] >= n->amount.n;
        case WORLD_NEED_MADE:
                return g->made[n->amount.of] >= n->amount.n;
        case WORLD_NEED_OWNED:
                return g->owned[n->amount.of] >= n->amount.n;
        case WORLD_NEED_DONE:
                return g->project[n->amount.of].state == CLIPS_DONE;
        case WORLD_NEED_PHASE:
                return g->phase >= n->amount.of;
        }
        return false;
}

static void projects_offer(struct clips_game *g)
{
        for (unsigned i = 0; i < g->w->nprojects; i++) {
                const struct clips_project *p = &g->w->projects[i];
                bool met = g->project[i].state == CLIPS_HIDDEN && !p->stands;

                for (unsigned k = 0; met && k < p->nneeds; k++)
                        met = need_is_met(g, &p->needs[k]);
                if (met)
                        g->project[i].state = CLIPS_OFFERED;
        }
}

/* ---- cards ----------------------------------------------------------------------------------- */

static uint64_t game_random(struct clips_game *g)
{
        g->random ^= g->random >> 12;
        g->random ^= g->random << 25;
        g->random ^= g->random >> 27;
        return (g->random * UINT64_C(2685821657736338717)) >> 32;
}

/* The cards that may come now, a bit each. */
static uint32_t cards_possible(const struct clips_game *g)
{
        uint32_t bits = 0;

        for (unsigned i = 0; i < g->w->ncards; i++)
                if (g->phase >= g->w->cards[i].from && g->phase <= g->w->cards[i].to)
                        bits |= UINT32_C(1) << i;
        return bits;
}

static void card_draw(struct clips_game *g)
{
        uint32_t may = cards_possible(g), left = may & ~g->drawn;
        const struct clips_card *c;
        unsigned i = 0, n;

        if (!left) {
                g->drawn &= ~may;
                left = may;
        }
        if (!left)
                return;

        n = (unsigned)(game_random(g) % (unsigned)__builtin_popcount(left));
        for (; n; n--)
                left &= left - 1;
        i = (unsigned)__builtin_ctz(left);
        g->drawn |= UINT32_C(1) << i;
        c = &g->w->cards[i];
        clips_game_note(g, false, c->text);
        if (c->seconds) {
                g->weather = c->demand;
                g->weather_seconds = c->seconds;
        }
        for (unsigned k = 0; k < c->neffects; k++)
                effect_do(g, &c->effects[k]);
}

static void weather_go_on(struct clips_game *g, uint32_t seconds)
{
        g->weather_seconds = g->weather_seconds > seconds ? g->weather_seconds - seconds : 0;
        if (!g->weather_seconds)
                g->weather = 1;
}

static void cards_go_on(struct clips_game *g)
{
        if (--g->deal)
                return;
        g->deal = g->w->deal_seconds;
        card_draw(g);
}

/* ---- time ------------------------------------------------------------------------------------ */

static void point_add(struct clips_game *g)
{
        unsigned at = (unsigned)(g->points++ % CLIPS_POINTS);

        g->clips_a_second[at] = (float)(g->rate[g->w->clips] + g->selling);
        g->coins_a_second[at] = (float)(g->selling * g->price_cents / 100);
}

static void step(struct clips_game *g, uint32_t seconds, bool away)
{
        double before[CLIPS_STOCKS];

        memcpy(before, g->stock, sizeof(before));
        for (unsigned i = 0; i < g->w->nmachines; i++)
                machine_work(g, i, seconds);
        sell(g, seconds);
        for (unsigned i = 0; i < g->w->nstocks; i++)
                g->rate[i] += ((g->stock[i] - before[i]) / seconds - g->rate[i]) / 5;
        g->tick += seconds;
        projects_go_on(g, seconds, away);
        weather_go_on(g, seconds);
}

void clips_game_tick(struct clips_game *g)
{
        step(g, 1, false);
        projects_offer(g);
        cards_go_on(g);
        if (g->tick % CLIPS_POINT_SECONDS == 0)
                point_add(g);
}

void clips_game_away(struct clips_game *g, uint64_t seconds)
{
        double made = g->made[g->w->clips], coins = g->stock[g->w->coins];
        uint32_t left = seconds < CLIPS_AWAY_MOST ? (uint32_t)seconds : CLIPS_AWAY_MOST;
        uint32_t one = (left + CLIPS_AWAY_STEPS - 1) / CLIPS_AWAY_STEPS;
        char text[CLIPS_TEXT_BYTES], n[24], more[24];
        uint32_t minutes = left / 60;

        for (; left && minutes * 60 < CLIPS_AWAY_LIVE; left--)
                clips_game_tick(g);
        while (left) {
                uint32_t now = left < one ? left : one;

                step(g, now, true);
                left -= now;
        }
        projects_offer(g);
        if (!minutes)
                return;
        coins = g->stock[g->w->coins] - coins;
        (void)snprintf(text, sizeof(text),
                       "You were away for %u h %02u min. Meanwhile: %s clips made, %s coins %s.",
                       minutes / 60, minutes % 60, clips_number(g->made[g->w->clips] - made, n),
                       clips_number(coins < 0 ? -coins : coins, more),
                       coins < 0 ? "spent" : "earned");
        clips_game_note(g, false, text);
}

void clips_game_init(struct clips_game *g, const struct clips_world *w, uint64_t seed)
{
        *g = (struct clips_game){.w = w,
                                 .hands = 1,
                                 .demand = 1,
                                 .worth = 1,
                                 .weather = 1,
                                 .price_cents = w->fair_cents,
                                 .random = seed ? seed : 1,
                                 .deal = w->deal_seconds};
        for (unsigned i = 0; i < w->nstocks; i++) {
                g->stock[i] = w->stocks[i].start;
                g->cap[i] = w->stocks[i].cap;
        }
        for (unsigned i = 0; i < w->nmachines; i++) {
                g->owned[i] = w->machines[i].own;
                g->open[i] = w->machines[i].open;
                g->factor[i] = 1;
        }
        clips_game_note(g, false, w->phases[0].text);
}

/* ---- acts ------------------------------------------------------------------------------------ */

__attribute__((format(printf, 3, 4))) static void say(struct clips_outcome *o,
                                                      enum clips_result result, const char *fmt,
                                                      ...)
{
        va_list ap;

        o->result = result;
        va_start(ap, fmt);
        (void)vsnprintf(o->said, sizeof(o->said), fmt, ap);
        va_end(ap);
}

static void say_short(const struct clips_game *g, uint8_t stock, struct clips_outcome *o)
{
        char n[64];

        o->stock = stock;
        say(o, CLIPS_SHORT, "Not enough: there is %s.",
            clips_amount_text(g->w, (struct clips_amount){stock, g->stock[stock]}, n));
}

void clips_game_make(struct clips_game *g, uint32_t count, struct clips_outcome *ret)
{
        const struct clips_world *w = g->w;
        double most = (double)(uint64_t)(g->stock[w->strength] * g->hands + 1e-6);
        double wire = (double)(uint64_t)(g->stock[w->wire] + 1e-6), n = count;
        char made[24], left[24];

        *ret = (struct clips_outcome){.result = CLIPS_RANGE};
        if (!count || count > CLIPS_MAKE_MOST) {
                say(ret, CLIPS_RANGE, "One makes 1 to %d at a time.", CLIPS_MAKE_MOST);
                return;
        }
        if (most < 1 || wire < 1) {
                say_short(g, most < 1 ? w->strength : w->wire, ret);
                return;
        }

        n = n < most ? n : most;
        n = n < wire ? n : wire;
        take(g, w->strength, n / g->hands);
        take(g, w->wire, n);
        put(g, w->clips, n);
        put(g, w->craft, n * w->craft_each);
        g->acts++;
        projects_offer(g);
        say(ret, CLIPS_OK, "%s made by hand. There is wire for %s more.", clips_number(n, made),
            clips_number(g->stock[w->wire], left));
}

void clips_game_buy(struct clips_game *g, const char *machine, uint32_t count,
                    struct clips_outcome *ret)
{
        int i = clips_machine_find(g->w, machine);
        const struct clips_machine *m = i < 0 ? NULL : &g->w->machines[i];
        struct clips_amounts cost;
        uint32_t n = 0;

        *ret = (struct clips_outcome){.result = CLIPS_UNKNOWN};
        if (!m || m->pace || !g->open[i]) {
                say(ret, m && !m->pace ? CLIPS_LOCKED : CLIPS_UNKNOWN, "Nobody sells that here.");
                return;
        }
        if (!count || count > CLIPS_BUY_MOST) {
                say(ret, CLIPS_RANGE, "One buys 1 to %d at a time.", CLIPS_BUY_MOST);
                return;
        }
        if (g->owned[i] >= m->limit) {
                say(ret, CLIPS_LOCKED, "There is no room for more of them.");
                return;
        }

        for (; n < count && g->owned[i] < m->limit; n++) {
                cost = clips_game_cost(g, (unsigned)i);
                if (!clips_game_can_pay(g, &cost, &ret->stock))
                        break;
                pay(g, &cost);
                for (unsigned k = 0; k < m->adds.n; k++)
                        put(g, m->adds.v[k].of, m->adds.v[k].n);
                g->owned[i] += !m->adds.n;
        }
        if (!n) {
                say_short(g, ret->stock, ret);
                return;
        }
        g->acts++;
        projects_offer(g);
        say(ret, CLIPS_OK, "%u x %s.", n, m->title);
}

void clips_game_price(struct clips_game *g, uint32_t cents, struct clips_outcome *ret)
{
        char n[24];

        *ret = (struct clips_outcome){.result = CLIPS_RANGE};
        if (!cents || cents > CLIPS_CENTS_MOST) {
                say(ret, CLIPS_RANGE, "A clip costs 1 to %d cents.", CLIPS_CENTS_MOST);
                return;
        }
        g->price_cents = cents;
        g->acts++;
        say(ret, CLIPS_OK, "A clip costs %u cents now; %s a second are wanted at that.", cents,
            clips_number(clips_game_demand(g), n));
}

void clips_game_begin(struct clips_game *g, const char *project, struct clips_outcome *ret)
{
        int i = clips_project_find(g->w, project);
        const struct clips_project *p = i < 0 ? NULL : &g->w->projects[i];

        *ret = (struct clips_outcome){.result = CLIPS_UNKNOWN};
        if (!p || g->project[i].state == CLIPS_HIDDEN) {
                say(ret, p ? CLIPS_LOCKED : CLIPS_UNKNOWN, "There is no such thing to begin.");
                return;
        }
        if (g->project[i].state != CLIPS_OFFERED) {
                say(ret, CLIPS_LOCKED, "That has been begun already.");
                return;
        }
        if (!clips_game_can_pay(g, &p->price, &ret->stock)) {
                say_short(g, ret->stock, ret);
                return;
        }

        pay(g, &p->price);
        g->acts++;
        if (p->seconds) {
                g->project[i] = (struct clips_project_now){CLIPS_RUNNING, p->seconds};
                say(ret, CLIPS_OK, "%s: it will take %u seconds.", p->title, p->seconds);
                return;
        }
        project_finish(g, (unsigned)i);
        projects_offer(g);
        say(ret, CLIPS_OK, "%s", p->said);
}
