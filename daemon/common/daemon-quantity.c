/*
 * Durations and sizes as people write them in a manifest.
 *
 * A number without a unit is refused, 0 too: whoever writes one has a unit in mind, and it may not
 * be ours. So is a fraction: `90m` says what `1.5h` would.
 */
#include "daemon-quantity.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct unit {
        const char *name;
        uint64_t worth;
};

/* The larger before the smaller; the last has no name. */
static const struct unit durations[] = {
        {"w", UINT64_C(7) * 24 * 60 * 60 * 1000},
        {"d", UINT64_C(24) * 60 * 60 * 1000},
        {"h", UINT64_C(60) * 60 * 1000},
        {"m", 60 * 1000},
        {"s", 1000},
        {"ms", 1},
        {NULL, 0},
};
static const struct unit sizes[] = {
        {"GiB", UINT64_C(1) << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}, {NULL, 0},
};

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

/* The unit that t begins with, among these and those after; NULL: none. It ends where the next
 * number begins. */
static const struct unit *unit_find(const struct unit *u, capnp_text t)
{
        size_t n = 0;

        while (n < t.len && !is_digit(t.p[n]))
                n++;
        while (u->name && (strlen(u->name) != n || memcmp(u->name, t.p, n) != 0))
                u++;
        return u->name ? u : NULL;
}

/* A number off the front of *t. false: there is none, or it is too large. */
static bool number_take(capnp_text *t, uint64_t *ret)
{
        uint64_t v = 0;
        uint32_t n = 0;

        for (; n < t->len && is_digit(t->p[n]); n++)
                if (__builtin_mul_overflow(v, 10u, &v) ||
                    __builtin_add_overflow(v, (uint64_t)(t->p[n] - '0'), &v))
                        return false;
        t->p += n;
        t->len -= n;
        *ret = v;
        return n > 0;
}

static bool quantity_read(capnp_text t, const struct unit *u, uint64_t *ret)
{
        uint64_t sum = 0, v;

        do {
                if (!number_take(&t, &v))
                        return false;
                u = unit_find(u, t);
                if (!u || __builtin_mul_overflow(v, u->worth, &v) ||
                    __builtin_add_overflow(sum, v, &sum))
                        return false;
                t.p += strlen(u->name);
                t.len -= (uint32_t)strlen(u->name);
                u++;
        } while (t.len);
        *ret = sum;
        return true;
}

bool daemon_duration_read(capnp_text t, uint64_t *ret_ms)
{
        return quantity_read(t, durations, ret_ms);
}

bool daemon_size_read(capnp_text t, uint64_t *ret_bytes)
{
        return quantity_read(t, sizes, ret_bytes);
}

uint64_t daemon_duration(capnp_text t)
{
        uint64_t ms;

        return daemon_duration_read(t, &ms) ? ms : 0;
}

uint64_t daemon_size(capnp_text t)
{
        uint64_t bytes;

        return daemon_size_read(t, &bytes) ? bytes : 0;
}

const char *daemon_duration_say(uint64_t ms, char out[DAEMON_DURATION_TEXT])
{
        static const struct unit said[] = {
                {"d", 86400000}, {"h", 3600000}, {"min", 60000}, {"s", 1000}, {"ms", 1}};
        unsigned parts = 0;
        size_t n = 0;

        out[0] = 0;
        for (unsigned i = 0; i < sizeof(said) / sizeof(*said) && parts < 2; i++) {
                if (ms < said[i].worth)
                        continue;
                n += (size_t)snprintf(out + n, DAEMON_DURATION_TEXT - n, "%s%" PRIu64 " %s",
                                      parts++ ? " " : "", ms / said[i].worth, said[i].name);
                ms %= said[i].worth;
        }
        return out;
}
