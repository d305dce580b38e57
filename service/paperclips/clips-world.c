/*
 * A world is loaded once, at the start: each list is copied into a table of bounded length, and
 * each key becomes the place of what it names. Whatever is wrong is said by the first thing that
 * is: a key that names nothing, a list that is too long, a number that makes no sense. So a game
 * that runs never has to ask.
 *
 * Names are resolved in the second of two rounds, since things name each other in any order.
 */
#include "clips-world.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { TITLED_BYTES = 60 };

/* ---- faults ---------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void fault(struct clips_world *w, const char *fmt, ...)
{
        va_list ap;

        if (w->fault[0])
                return;
        va_start(ap, fmt);
        (void)vsnprintf(w->fault, sizeof(w->fault), fmt, ap);
        va_end(ap);
}

/* The length of a list, or as much of it as there may be. */
static uint8_t bounded(struct clips_world *w, const char *what, uint32_t n, uint32_t most)
{
        if (n > most)
                fault(w, "%s: %u, and there may be %u", what, n, most);
        return (uint8_t)(n < most ? n : most);
}

static const char *key_take(struct clips_world *w, const char *what, capnp_text key)
{
        size_t good = strspn(key.p, "abcdefghijklmnopqrstuvwxyz-");

        if (!key.len || key.len >= CLIPS_KEY_BYTES || good != key.len)
                fault(w, "%s: a key is 1 to %d of a-z and dash: \"%s\"", what, CLIPS_KEY_BYTES - 1,
                      key.p);
        return key.p;
}

static const char *text_take(struct clips_world *w, const char *key, capnp_text text)
{
        if (text.len >= CLIPS_TEXT_BYTES)
                fault(w, "%s: a text has less than %d bytes", key, CLIPS_TEXT_BYTES);
        return text.p;
}

/* A title stands with its key on a line of a pane. */
static const char *title_take(struct clips_world *w, const char *key, capnp_text title)
{
        if (!title.len || strlen(key) + title.len > TITLED_BYTES)
                fault(w, "%s: its title has more than %zu bytes", key, TITLED_BYTES - strlen(key));
        return title.p;
}

static double number(struct clips_world *w, const char *key, double n, double least, double most)
{
        if (!(n >= least && n <= most))
                fault(w, "%s: %g is not from %g to %g", key, n, least, most);
        return n;
}

/* ---- keys ------------------------------------------------------------------------------------ */

/* keys: of the first of n structs of a size that each begin with one. */
static int find(const void *first, unsigned n, size_t size, const char *key)
{
        for (unsigned i = 0; i < n; i++) {
                const char *own;

                memcpy(&own, (const char *)first + i * size, sizeof(own));
                if (!strcmp(own, key))
                        return (int)i;
        }
        return -1;
}

int clips_stock_find(const struct clips_world *w, const char *key)
{
        return find(w->stocks, w->nstocks, sizeof(w->stocks[0]), key);
}

int clips_machine_find(const struct clips_world *w, const char *key)
{
        return find(w->machines, w->nmachines, sizeof(w->machines[0]), key);
}

int clips_project_find(const struct clips_world *w, const char *key)
{
        return find(w->projects, w->nprojects, sizeof(w->projects[0]), key);
}

int clips_phase_find(const struct clips_world *w, const char *key)
{
        return find(w->phases, w->nphases, sizeof(w->phases[0]), key);
}

int clips_card_find(const struct clips_world *w, const char *key)
{
        return find(w->cards, w->ncards, sizeof(w->cards[0]), key);
}

typedef int find_fn(const struct clips_world *w, const char *key);

static uint8_t resolve(struct clips_world *w, const char *where, find_fn *in, capnp_text key)
{
        int at = in(w, key.p);

        if (at < 0)
                fault(w, "%s: nothing is called \"%s\"", where, key.p);
        return (uint8_t)(at < 0 ? 0 : at);
}

static struct clips_amount amount_load(struct clips_world *w, const char *where, find_fn *in,
                                       world_amount_reader r)
{
        return (struct clips_amount){.of = resolve(w, where, in, world_amount_of(r)),
                                     .n = number(w, where, world_amount_n(r), 1e-6, 1e12)};
}

static void amounts_load(struct clips_world *w, const char *where, world_amount_list l,
                         struct clips_amounts *ret)
{
        ret->n = bounded(w, where, world_amount_list_len(l), CLIPS_FEW);
        for (uint32_t i = 0; i < ret->n; i++)
                ret->v[i] = amount_load(w, where, clips_stock_find, world_amount_list_get(l, i));
}

/* ---- needs and effects ----------------------------------------------------------------------- */

static struct clips_need need_load(struct clips_world *w, const char *where, world_need_reader r)
{
        struct clips_need n = {.which = world_need_which(r)};

        switch (n.which) {
        case WORLD_NEED_HAVE:
                n.amount = amount_load(w, where, clips_stock_find, world_need_have(r));
                return n;
        case WORLD_NEED_MADE:
                n.amount = amount_load(w, where, clips_stock_find, world_need_made(r));
                return n;
        case WORLD_NEED_OWNED:
                n.amount = amount_load(w, where, clips_machine_find, world_need_owned(r));
                return n;
        case WORLD_NEED_DONE:
                n.amount.of = resolve(w, where, clips_project_find, world_need_done(r));
                return n;
        case WORLD_NEED_PHASE:
                n.amount.of = resolve(w, where, clips_phase_find, world_need_phase(r));
                return n;
        }
        fault(w, "%s: a need that is not known", where);
        return n;
}

static struct clips_effect effect_load(struct clips_world *w, const char *where,
                                       world_effect_reader r)
{
        struct clips_effect e = {.which = world_effect_which(r)};
        double by = 1;

        switch (e.which) {
        case WORLD_EFFECT_ADD:
                e.amount = amount_load(w, where, clips_stock_find, world_effect_add(r));
                return e;
        case WORLD_EFFECT_CAP:
                e.amount = amount_load(w, where, clips_stock_find, world_effect_cap(r));
                return e;
        case WORLD_EFFECT_OPEN:
                e.amount.of = resolve(w, where, clips_machine_find, world_effect_open(r));
                return e;
        case WORLD_EFFECT_FASTER:
                e.amount.of = resolve(w, where, clips_machine_find,
                                      world_factor_of(world_effect_faster(r)));
                by = world_factor_by(world_effect_faster(r));
                break;
        case WORLD_EFFECT_HANDS:
                by = world_effect_hands(r);
                break;
        case WORLD_EFFECT_DEMAND:
                by = world_effect_demand(r);
                break;
        case WORLD_EFFECT_WORTH:
                by = world_effect_worth(r);
                break;
        case WORLD_EFFECT_PHASE:
                e.amount.of = resolve(w, where, clips_phase_find, world_effect_phase(r));
                return e;
        case WORLD_EFFECT_OFFER:
                e.amount.of = resolve(w, where, clips_project_find, world_effect_offer(r));
                if (!w->projects[e.amount.of].stands)
                        fault(w, "%s: offers what is no order", where);
                return e;
        default:
                fault(w, "%s: an effect that is not known", where);
                return e;
        }
        e.amount.n = number(w, where, by, 0.1, 10);
        return e;
}

static uint8_t effects_load(struct clips_world *w, const char *where, world_effect_list l,
                            struct clips_effect ret[CLIPS_FEW])
{
        uint8_t n = bounded(w, where, world_effect_list_len(l), CLIPS_FEW);

        for (uint32_t i = 0; i < n; i++)
                ret[i] = effect_load(w, where, world_effect_list_get(l, i));
        return n;
}

/* ---- tables ---------------------------------------------------------------------------------- */

static void stocks_load(struct clips_world *w, world_stock_list l)
{
        w->nstocks = bounded(w, "stocks", world_stock_list_len(l), CLIPS_STOCKS);
        for (uint32_t i = 0; i < w->nstocks; i++) {
                world_stock_reader r = world_stock_list_get(l, i);
                const char *key = key_take(w, "stocks", world_stock_key(r));

                w->stocks[i] =
                        (struct clips_stock){.key = key,
                                             .title = title_take(w, key, world_stock_title(r)),
                                             .unit = world_stock_unit(r),
                                             .start = number(w, key, world_stock_start(r), 0, 1e9),
                                             .cap = number(w, key, world_stock_cap(r), 0, 1e9),
                                             .phase = world_stock_phase(r)};
        }
}

/* Everything but what names other things. */
static void machines_begin(struct clips_world *w, world_machine_list l)
{
        w->nmachines = bounded(w, "machines", world_machine_list_len(l), CLIPS_MACHINES);
        for (uint32_t i = 0; i < w->nmachines; i++) {
                world_machine_reader r = world_machine_list_get(l, i);
                const char *key = key_take(w, "machines", world_machine_key(r));

                w->machines[i] = (struct clips_machine){
                        .key = key,
                        .title = title_take(w, key, world_machine_title(r)),
                        .text = text_take(w, key, world_machine_text(r)),
                        .growth = number(w, key, world_machine_growth(r), 1, 2),
                        .demand = number(w, key, world_machine_demand(r), 0, 1e6),
                        .limit = world_machine_limit(r),
                        .own = world_machine_own(r),
                        .open = world_machine_open(r),
                        .pace = world_machine_pace(r)};
                if (w->machines[i].pace)
                        w->machines[i].own = 1;
        }
}

static void machines_load(struct clips_world *w, world_machine_list l)
{
        for (uint32_t i = 0; i < w->nmachines; i++) {
                world_machine_reader r = world_machine_list_get(l, i);
                struct clips_machine *m = &w->machines[i];

                amounts_load(w, m->key, world_machine_cost(r), &m->cost);
                amounts_load(w, m->key, world_machine_uses(r), &m->uses);
                amounts_load(w, m->key, world_machine_gives(r), &m->gives);
                amounts_load(w, m->key, world_machine_adds(r), &m->adds);
                if (!m->pace && !m->cost.n)
                        fault(w, "%s: costs nothing", m->key);
        }
}

static void projects_begin(struct clips_world *w, world_project_list l)
{
        w->nprojects = bounded(w, "projects", world_project_list_len(l), CLIPS_PROJECTS);
        for (uint32_t i = 0; i < w->nprojects; i++) {
                world_project_reader r = world_project_list_get(l, i);
                const char *key = key_take(w, "projects", world_project_key(r));

                w->projects[i] =
                        (struct clips_project){.key = key,
                                               .title = title_take(w, key, world_project_title(r)),
                                               .text = text_take(w, key, world_project_text(r)),
                                               .said = text_take(w, key, world_project_said(r)),
                                               .seconds = world_project_seconds(r),
                                               .stands = world_project_stands(r)};
        }
}

static void projects_load(struct clips_world *w, world_project_list l)
{
        for (uint32_t i = 0; i < w->nprojects; i++) {
                world_project_reader r = world_project_list_get(l, i);
                world_need_list needs = world_project_needs(r);
                struct clips_project *p = &w->projects[i];

                amounts_load(w, p->key, world_project_price(r), &p->price);
                p->nneeds = bounded(w, p->key, world_need_list_len(needs), CLIPS_FEW);
                for (uint32_t k = 0; k < p->nneeds; k++)
                        p->needs[k] = need_load(w, p->key, world_need_list_get(needs, k));
                p->neffects = effects_load(w, p->key, world_project_effects(r), p->effects);
                if (!p->price.n)
                        fault(w, "%s: costs nothing", p->key);
                if (p->stands && p->nneeds)
                        fault(w, "%s: an order waits for its card alone", p->key);
        }
}

static void phases_load(struct clips_world *w, world_phase_list l)
{
        w->nphases = bounded(w, "phases", world_phase_list_len(l), CLIPS_PHASES);
        for (uint32_t i = 0; i < w->nphases; i++) {
                world_phase_reader r = world_phase_list_get(l, i);
                const char *key = key_take(w, "phases", world_phase_key(r));

                w->phases[i] =
                        (struct clips_phase){.key = key,
                                             .title = title_take(w, key, world_phase_title(r)),
                                             .text = text_take(w, key, world_phase_text(r)),
                                             .next = text_take(w, key, world_phase_next(r))};
        }
}

static void cards_load(struct clips_world *w, world_card_list l)
{
        w->ncards = bounded(w, "cards", world_card_list_len(l), CLIPS_CARDS);
        for (uint32_t i = 0; i < w->ncards; i++) {
                world_card_reader r = world_card_list_get(l, i);
                const char *key = key_take(w, "cards", world_card_key(r));

                w->cards[i] =
                        (struct clips_card){.key = key,
                                            .text = text_take(w, key, world_card_text(r)),
                                            .from = world_card_from(r),
                                            .to = world_card_to(r),
                                            .demand = number(w, key, world_card_demand(r), 0.1, 10),
                                            .seconds = world_card_seconds(r)};
                w->cards[i].neffects =
                        effects_load(w, key, world_card_effects(r), w->cards[i].effects);
        }
}

/* No two of one kind share a key. */
static void keys_check(struct clips_world *w)
{
        for (unsigned i = 0; i < w->nstocks; i++)
                if (clips_stock_find(w, w->stocks[i].key) != (int)i)
                        fault(w, "stocks: %s twice", w->stocks[i].key);
        for (unsigned i = 0; i < w->nmachines; i++)
                if (clips_machine_find(w, w->machines[i].key) != (int)i)
                        fault(w, "machines: %s twice", w->machines[i].key);
        for (unsigned i = 0; i < w->nprojects; i++)
                if (clips_project_find(w, w->projects[i].key) != (int)i)
                        fault(w, "projects: %s twice", w->projects[i].key);
        for (unsigned i = 0; i < w->nphases; i++)
                if (clips_phase_find(w, w->phases[i].key) != (int)i)
                        fault(w, "phases: %s twice", w->phases[i].key);
        for (unsigned i = 0; i < w->ncards; i++)
                if (clips_card_find(w, w->cards[i].key) != (int)i)
                        fault(w, "cards: %s twice", w->cards[i].key);
}

bool clips_world_load(world_reader r, struct clips_world *w)
{
        *w = (struct clips_world){.craft_each = world_craft_each(r),
                                  .fair_cents = world_fair_cents(r),
                                  .tide_seconds = world_tide_seconds(r),
                                  .deal_seconds = world_deal_seconds(r)};
        w->demand = number(w, "demand", world_demand(r), 0.01, 1e6);
        w->tide_share = number(w, "tideShare", world_tide_share(r), 0, 0.9);
        (void)number(w, "fairCents", w->fair_cents, 1, 1e6);
        (void)number(w, "tideSeconds", w->tide_seconds, 4, 1e6);
        (void)number(w, "dealSeconds", w->deal_seconds, 1, 1e6);
        stocks_load(w, world_stocks(r));
        machines_begin(w, world_machines(r));
        projects_begin(w, world_projects(r));
        phases_load(w, world_phases(r));
        keys_check(w);
        machines_load(w, world_machines(r));
        projects_load(w, world_projects(r));
        cards_load(w, world_cards(r));
        w->strength = resolve(w, "strength", clips_stock_find, world_strength(r));
        w->wire = resolve(w, "wire", clips_stock_find, world_wire(r));
        w->clips = resolve(w, "clips", clips_stock_find, world_clips(r));
        w->coins = resolve(w, "coins", clips_stock_find, world_coins(r));
        w->craft = resolve(w, "craft", clips_stock_find, world_craft(r));
        if (!w->nphases || !w->nstocks || !w->nmachines)
                fault(w, "there is nothing in it");
        keys_check(w);
        return !w->fault[0];
}
