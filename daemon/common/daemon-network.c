/*
 * Networks, as people write them.
 *
 * Names are none: who answers for them is not the peer, nor here. A network with bits behind its
 * prefix is refused, because one of the two is wrong, and nobody can tell which. IPv4 addresses are
 * kept as IPv6 has them (mapped), so that a client is the same to a listener of either kind; but
 * `::/0` is IPv6, and has none of them.
 */
#include "daemon-network.h"

#include <arpa/inet.h>
#include <string.h>

enum { BITS = 128, V4_BITS = 96 };

/* What an IPv4 address begins with, as an IPv6 one. */
static const uint8_t mapped[V4_BITS / 8] = {[10] = 0xff, [11] = 0xff};

/* *ret_short: it was written as IPv4, so a prefix counts from behind `mapped`. */
static bool address_read(const char *text, struct network *n, bool *ret_short)
{
        *ret_short = inet_pton(AF_INET, text, n->base + sizeof(mapped)) == 1;
        if (*ret_short)
                memcpy(n->base, mapped, sizeof(mapped));
        else if (inet_pton(AF_INET6, text, n->base) != 1)
                return false;

        n->v4 = !memcmp(n->base, mapped, sizeof(mapped));
        return true;
}

/* One to three digits. */
static bool prefix_read(const char *text, unsigned *ret)
{
        size_t len = strspn(text, "0123456789");

        if (!len || len > 3 || text[len])
                return false;

        *ret = 0;
        for (size_t i = 0; i < len; i++)
                *ret = *ret * 10 + (unsigned)(text[i] - '0');
        return true;
}

static bool has_more_bits(const struct network *n)
{
        for (unsigned i = n->bits; i < BITS; i++)
                if (n->base[i / 8] & (0x80 >> i % 8))
                        return true;
        return false;
}

const char *daemon_network_read(capnp_text t, struct network *ret)
{
        static const char none[] = "it is neither an address nor a network nor `unix`";
        struct network n = {.bits = BITS};
        char text[NETWORK_TEXT], *slash;
        unsigned bits;
        bool is_short;

        if (!t.len || t.len >= sizeof(text) || memchr(t.p, 0, t.len))
                return none;

        memcpy(text, t.p, t.len);
        text[t.len] = 0;
        n.local = !strcmp(text, "unix");
        slash = strchr(text, '/');
        if (slash)
                *slash = 0;
        if (!n.local && !address_read(text, &n, &is_short))
                return none;
        if (!n.local && slash) {
                if (!prefix_read(slash + 1, &bits) || bits > (is_short ? BITS - V4_BITS : BITS))
                        return "there is no such prefix";
                n.bits = bits + (is_short ? V4_BITS : 0);
        }
        if (!n.local && has_more_bits(&n))
                return "it has bits behind its prefix";

        *ret = n;
        return NULL;
}

/* An interface may be named behind a % sign. */
static bool host_read(const char *host, struct network *ret)
{
        char text[NETWORK_TEXT];
        size_t len = strcspn(host, "%");
        bool is_short;

        if (len >= sizeof(text))
                return false;

        memcpy(text, host, len);
        text[len] = 0;
        return address_read(text, ret, &is_short);
}

bool daemon_network_is_host(const char *host)
{
        struct network n;

        return !*host || host_read(host, &n);
}

bool daemon_network_has(const struct network *n, const char *host)
{
        struct network h;

        if (!*host || n->local)
                return !*host && n->local;
        if (!host_read(host, &h) || h.v4 != n->v4)
                return false;

        for (unsigned i = 0; i < n->bits; i++)
                if ((n->base[i / 8] ^ h.base[i / 8]) & (0x80 >> i % 8))
                        return false;
        return true;
}

/* ---- lists ---------------------------------------------------------------------------------- */

/* The next entry, taken off the list; *ret_out: it is kept out. */
static capnp_text entry_take(capnp_text *list, bool *ret_out)
{
        const char *comma = memchr(list->p, ',', list->len);
        capnp_text t = {list->p, comma ? (uint32_t)(comma - list->p) : list->len};
        uint32_t off = t.len + (comma != NULL);

        list->p += off;
        list->len -= off;
        *ret_out = t.len && t.p[0] == '!';
        if (*ret_out) {
                t.p++;
                t.len--;
        }
        return t;
}

const char *daemon_networks_check(capnp_text list, capnp_text *ret_entry)
{
        bool any = false, out;

        *ret_entry = list;
        if (!list.len || list.len > NETWORKS_BYTES)
                return "a list of networks has 1 to 1024 bytes";
        if (list.p[list.len - 1] == ',')
                return "there is nothing behind its last comma";

        while (list.len) {
                capnp_text t = entry_take(&list, &out);
                struct network n;
                const char *why = daemon_network_read(t, &n);

                if (why) {
                        *ret_entry = t;
                        return why;
                }
                any = any || !out;
        }
        return any ? NULL : "it keeps everybody out";
}

bool daemon_networks_have(const char *list, const char *host)
{
        capnp_text rest = {list, (uint32_t)strlen(list)};
        bool found = false, out;

        if (!daemon_network_is_host(host))
                return false;

        while (rest.len) {
                capnp_text t = entry_take(&rest, &out);
                struct network n;

                /* What cannot be read was checked once, and is damaged: it keeps all out. */
                if (daemon_network_read(t, &n))
                        return false;
                if (!daemon_network_has(&n, host))
                        continue;
                if (out)
                        return false;
                found = true;
        }
        return found;
}
