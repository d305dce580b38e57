/*
 * A file of a game: a head with its length and a sum of what follows, then a message with a
 * SavedGame. The sum is no protection from somebody who means harm, for nobody else can write
 * there; it tells a file that was cut short or overwritten from a whole one. A file whose sum is
 * right may still come from another version of the world, so numbers are brought within bounds, and
 * keys that are not known are passed over.
 */
#include "clips-save.h"

#include "save.capnp-c.h"
#include <capos/capnp-msg.h>

#include <endian.h>
#include <errno.h>
#include <string.h>

enum { HEAD_BYTES = 24, VERSION = 1 };

#define MAGIC UINT64_C(0x7370696c63706163) /* `capclips`, with the least byte first */
#define MOST  1e15

/* FNV-1a, eight bytes at a time: a message is whole words. */
static uint64_t sum(const uint8_t *p, size_t len)
{
        uint64_t h = UINT64_C(14695981039346656037), word;

        for (size_t i = 0; i + 8 <= len; i += 8) {
                memcpy(&word, p + i, sizeof(word));
                h = (h ^ le64toh(word)) * UINT64_C(1099511628211);
                h ^= h >> 29;
        }
        return h;
}

static void word_write(uint8_t *to, uint64_t v)
{
        v = htole64(v);
        memcpy(to, &v, sizeof(v));
}

static uint64_t word_read(const uint8_t *from)
{
        uint64_t v;

        memcpy(&v, from, sizeof(v));
        return le64toh(v);
}

/* ---- writing --------------------------------------------------------------------------------- */

static void amount_set(saved_amount_list_builder l, uint32_t i, const char *key, double n)
{
        saved_amount_builder b = saved_amount_list_builder_get(l, i);

        saved_amount_set_of(b, key);
        saved_amount_set_n(b, n);
}

static void stocks_write(saved_game_builder b, const struct clips_game *g)
{
        const struct clips_world *w = g->w;
        saved_amount_list_builder stocks = saved_game_init_stocks(b, w->nstocks);
        saved_amount_list_builder made = saved_game_init_made(b, w->nstocks);
        saved_amount_list_builder caps = saved_game_init_caps(b, w->nstocks);

        for (uint32_t i = 0; i < w->nstocks; i++) {
                amount_set(stocks, i, w->stocks[i].key, g->stock[i]);
                amount_set(made, i, w->stocks[i].key, g->made[i]);
                amount_set(caps, i, w->stocks[i].key, g->cap[i]);
        }
}

static void machines_write(saved_game_builder b, const struct clips_game *g)
{
        const struct clips_world *w = g->w;
        saved_amount_list_builder owned = saved_game_init_owned(b, w->nmachines);
        saved_amount_list_builder factors = saved_game_init_factors(b, w->nmachines);
        capnp_lbuilder open;
        uint32_t n = 0;

        for (uint32_t i = 0; i < w->nmachines; i++) {
                amount_set(owned, i, w->machines[i].key, g->owned[i]);
                amount_set(factors, i, w->machines[i].key, g->factor[i]);
                n += g->open[i];
        }
        open = saved_game_init_open(b, n);
        n = 0;
        for (uint32_t i = 0; i < w->nmachines; i++)
                if (g->open[i])
                        saved_game_set_open_at(open, n++, w->machines[i].key);
}

static bool is_order(const struct clips_game *g, uint32_t i)
{
        return g->w->projects[i].stands > 0;
}

static uint32_t count(const struct clips_game *g, enum clips_state state, bool order)
{
        uint32_t n = 0;

        for (uint32_t i = 0; i < g->w->nprojects; i++)
                n += g->project[i].state == state && is_order(g, i) == order;
        return n;
}

static void projects_write(saved_game_builder b, const struct clips_game *g)
{
        capnp_lbuilder offered = saved_game_init_offered(b, count(g, CLIPS_OFFERED, false));
        capnp_lbuilder done = saved_game_init_done(b, count(g, CLIPS_DONE, false));
        saved_amount_list_builder running = saved_game_init_running(
                b, count(g, CLIPS_RUNNING, false) + count(g, CLIPS_RUNNING, true));
        saved_amount_list_builder standing =
                saved_game_init_standing(b, count(g, CLIPS_OFFERED, true));
        uint32_t noffered = 0, ndone = 0, nrunning = 0, nstanding = 0;

        for (uint32_t i = 0; i < g->w->nprojects; i++) {
                const char *key = g->w->projects[i].key;

                switch (g->project[i].state) {
                case CLIPS_HIDDEN:
                        continue;
                case CLIPS_OFFERED:
                        if (is_order(g, i))
                                amount_set(standing, nstanding++, key, g->project[i].left);
                        else
                                saved_game_set_offered_at(offered, noffered++, key);
                        continue;
                case CLIPS_RUNNING:
                        amount_set(running, nrunning++, key, g->project[i].left);
                        continue;
                case CLIPS_DONE:
                        saved_game_set_done_at(done, ndone++, key);
                        continue;
                }
        }
}

static void cards_write(saved_game_builder b, const struct clips_game *g)
{
        capnp_lbuilder drawn = saved_game_init_drawn(b, (uint32_t)__builtin_popcount(g->drawn));
        uint32_t n = 0;

        for (uint32_t i = 0; i < g->w->ncards; i++)
                if (g->drawn & UINT32_C(1) << i)
                        saved_game_set_drawn_at(drawn, n++, g->w->cards[i].key);
        saved_game_set_random(b, g->random);
        saved_game_set_next_card(b, g->deal);
        saved_game_set_weather(b, g->weather);
        saved_game_set_weather_seconds(b, g->weather_seconds);
}

int clips_save_write(const struct clips_game *g, uint64_t at_ms, uint8_t to[CLIPS_SAVE_BYTES],
                     size_t *ret_len)
{
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        saved_game_builder b;
        size_t len;
        int r = capnp_msg_new(&m);

        if (r)
                return r;
        b = saved_game_build(m);
        saved_game_set_ticks(b, g->tick);
        saved_game_set_at_ms(b, at_ms);
        saved_game_set_acts(b, g->acts);
        saved_game_set_phase(b, g->w->phases[g->phase].key);
        saved_game_set_price_cents(b, g->price_cents);
        saved_game_set_hands(b, g->hands);
        saved_game_set_demand(b, g->demand);
        saved_game_set_worth(b, g->worth);
        saved_game_set_sold(b, g->sold);
        stocks_write(b, g);
        machines_write(b, g);
        projects_write(b, g);
        cards_write(b, g);
        r = capnp_msg_check(m);
        len = capnp_msg_size(m);
        if (r || len > CLIPS_SAVE_BYTES - HEAD_BYTES)
                return r ? r : CAPNP_E_LIMIT;
        r = capnp_msg_write(m, to + HEAD_BYTES, len);
        if (r)
                return r;
        word_write(to, MAGIC);
        word_write(to + 8, (uint64_t)VERSION << 32 | len);
        word_write(to + 16, sum(to + HEAD_BYTES, len));
        *ret_len = HEAD_BYTES + len;
        return 0;
}

/* ---- reading --------------------------------------------------------------------------------- */

static double bounded(double n, double least, double most)
{
        return n >= least ? (n <= most ? n : most) : least; /* also what is no number */
}

typedef int find_fn(const struct clips_world *w, const char *key);

static void doubles_read(const struct clips_world *w, saved_amount_list l, find_fn *find,
                         double *to, double least)
{
        for (uint32_t i = 0; i < saved_amount_list_len(l); i++) {
                saved_amount_reader r = saved_amount_list_get(l, i);
                int at = find(w, saved_amount_of(r).p);

                if (at >= 0)
                        to[at] = bounded(saved_amount_n(r), least, MOST);
        }
}

static void machines_read(struct clips_game *g, saved_game_reader r)
{
        double owned[CLIPS_MACHINES];

        for (uint32_t i = 0; i < g->w->nmachines; i++)
                owned[i] = g->owned[i];
        doubles_read(g->w, saved_game_owned(r), clips_machine_find, owned, 0);
        doubles_read(g->w, saved_game_factors(r), clips_machine_find, g->factor, 0.01);
        for (uint32_t i = 0; i < g->w->nmachines; i++) {
                const struct clips_machine *m = &g->w->machines[i];

                g->owned[i] = m->pace ? m->own : (uint32_t)bounded(owned[i], m->own, m->limit);
        }
        for (uint32_t i = 0; i < saved_game_open(r).len; i++) {
                int at = clips_machine_find(g->w, saved_game_open_at(saved_game_open(r), i).p);

                if (at >= 0)
                        g->open[at] = true;
        }
}

static void state_read(struct clips_game *g, const char *key, enum clips_state state, double left)
{
        int at = clips_project_find(g->w, key);

        if (at < 0)
                return;
        g->project[at].state = state;
        g->project[at].left = (uint32_t)bounded(left, 0, 1e6);
}

static void states_read(struct clips_game *g, saved_amount_list l, enum clips_state state)
{
        for (uint32_t i = 0; i < saved_amount_list_len(l); i++) {
                saved_amount_reader r = saved_amount_list_get(l, i);

                /* At least a second: with none left nothing would ever come of it. */
                state_read(g, saved_amount_of(r).p, state, bounded(saved_amount_n(r), 1, 1e6));
        }
}

static void projects_read(struct clips_game *g, saved_game_reader r)
{
        for (uint32_t i = 0; i < saved_game_offered(r).len; i++)
                state_read(g, saved_game_offered_at(saved_game_offered(r), i).p, CLIPS_OFFERED, 0);
        for (uint32_t i = 0; i < saved_game_done(r).len; i++)
                state_read(g, saved_game_done_at(saved_game_done(r), i).p, CLIPS_DONE, 0);
        states_read(g, saved_game_running(r), CLIPS_RUNNING);
        states_read(g, saved_game_standing(r), CLIPS_OFFERED);
}

static void cards_read(struct clips_game *g, saved_game_reader r)
{
        for (uint32_t i = 0; i < saved_game_drawn(r).len; i++) {
                int at = clips_card_find(g->w, saved_game_drawn_at(saved_game_drawn(r), i).p);

                if (at >= 0)
                        g->drawn |= UINT32_C(1) << at;
        }
        g->random = saved_game_random(r) ? saved_game_random(r) : 1;
        g->deal = (uint32_t)bounded(saved_game_next_card(r), 1, g->w->deal_seconds);
        g->weather = bounded(saved_game_weather(r), 0.1, 10);
        g->weather_seconds = saved_game_weather_seconds(r);
}

static void game_read(struct clips_game *g, saved_game_reader r)
{
        int phase = clips_phase_find(g->w, saved_game_phase(r).p);

        g->tick = saved_game_ticks(r);
        g->acts = saved_game_acts(r);
        g->phase = (uint8_t)(phase < 0 ? 0 : phase);
        g->price_cents = (uint32_t)bounded(saved_game_price_cents(r), 1, CLIPS_CENTS_MOST);
        g->hands = bounded(saved_game_hands(r), 0.01, 1e6);
        g->demand = bounded(saved_game_demand(r), 0.01, 1e6);
        g->worth = bounded(saved_game_worth(r), 0.01, 1e6);
        g->sold = bounded(saved_game_sold(r), 0, MOST);
        doubles_read(g->w, saved_game_stocks(r), clips_stock_find, g->stock, 0);
        doubles_read(g->w, saved_game_made(r), clips_stock_find, g->made, 0);
        doubles_read(g->w, saved_game_caps(r), clips_stock_find, g->cap, 0);
        machines_read(g, r);
        projects_read(g, r);
        cards_read(g, r);
        g->lines = 0;
        memset(g->log, 0, sizeof(g->log));
        clips_game_note(g, false, g->w->phases[g->phase].text);
}

int clips_save_read(struct clips_game *g, const uint8_t *from, size_t len, uint64_t *ret_at_ms)
{
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        struct clips_game read = *g;
        uint64_t lengths;
        int r;

        if (len < HEAD_BYTES || len > CLIPS_SAVE_BYTES || word_read(from) != MAGIC)
                return -EILSEQ;
        lengths = word_read(from + 8);
        if (lengths != ((uint64_t)VERSION << 32 | (len - HEAD_BYTES)) ||
            word_read(from + 16) != sum(from + HEAD_BYTES, len - HEAD_BYTES))
                return -EILSEQ;

        r = capnp_msg_parse(from + HEAD_BYTES, len - HEAD_BYTES, NULL, &m);
        if (r)
                return r == -ENOMEM ? r : -EILSEQ;
        game_read(&read, saved_game_root(m));
        if (capnp_msg_check(m))
                return -EILSEQ;
        *ret_at_ms = saved_game_at_ms(saved_game_root(m));
        *g = read;
        return 0;
}
