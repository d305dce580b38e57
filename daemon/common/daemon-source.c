/*
 * Sources: who pays for what.
 *
 * Whatever strangers can take (places, proofs, failures) is counted by source, so that a flood is
 * its source's own trouble. Elsewhere that is an address; an IPv6 one counts by its first 64 bits,
 * for whoever has one of them has them all.
 *
 * On this machine an address says nothing: every user, and every tunnel that ends here, comes from
 * 127.0.0.1. There the user id is the source. The loopback network has sixteen million addresses,
 * and programs that share a user id may take one each, so a source on it is the user and the
 * address; but one user's addresses are one party (source_same_party()), or it could be everybody.
 * Its ordinary addresses and the Unix socket are one place.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "daemon-source.h"

enum { V4_AT = 12, V6_PREFIX = 8 };

static bool address_is_mapped(const struct capos_io_address *a)
{
        return a->u.any.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&a->u.in6.sin6_addr);
}

/* Its bytes as an IPv6 address. Whether it has any. */
static bool address_bytes(const struct capos_io_address *a, uint8_t b[16])
{
        memset(b, 0, 16);
        if (a->u.any.sa_family == AF_INET6) {
                memcpy(b, &a->u.in6.sin6_addr, 16);
                return true;
        }
        if (a->u.any.sa_family != AF_INET)
                return false;

        b[10] = b[11] = 0xff;
        memcpy(b + V4_AT, &a->u.in.sin_addr, 4);
        return true;
}

void source_print_address(const struct capos_io_address *a, char text[static CAPOS_IO_ADDRESS_TEXT])
{
        struct capos_io_address four = {.len = sizeof(four.u.in), .u.in.sin_family = AF_INET};

        if (!address_is_mapped(a)) {
                capos_io_address_format(a, text);
                return;
        }

        four.u.in.sin_port = a->u.in6.sin6_port;
        memcpy(&four.u.in.sin_addr, a->u.in6.sin6_addr.s6_addr + V4_AT, 4);
        capos_io_address_format(&four, text);
}

bool source_is_loopback(const struct capos_io_address *a)
{
        uint8_t b[16];

        if (!address_bytes(a, b))
                return false;
        if (a->u.any.sa_family == AF_INET || address_is_mapped(a))
                return b[V4_AT] == 127;

        return IN6_IS_ADDR_LOOPBACK(&a->u.in6.sin6_addr);
}

bool source_is_any(const struct capos_io_address *a)
{
        static const uint8_t none[16];
        uint8_t b[16];

        return address_bytes(a, b) && !memcmp(b + (a->u.any.sa_family == AF_INET ? V4_AT : 0), none,
                                              a->u.any.sa_family == AF_INET ? 4 : 16);
}

struct source source_of_address(const struct capos_io_address *a)
{
        struct source s = {.kind = SOURCE_ADDRESS};

        if (!address_bytes(a, s.prefix))
                return (struct source){0};
        if (a->u.any.sa_family == AF_INET6 && !address_is_mapped(a) && !source_is_loopback(a))
                memset(s.prefix + V6_PREFIX, 0, 16 - V6_PREFIX);
        return s;
}

struct source source_of_uid(uid_t uid, const struct capos_io_address *a)
{
        static const uint8_t ordinary[4] = {127, 0, 0, 1};
        struct source s = {.kind = SOURCE_UID, .uid = uid};
        bool six = a && a->u.any.sa_family == AF_INET6 && !address_is_mapped(a);

        if (a && !six && address_bytes(a, s.prefix) && !memcmp(s.prefix + V4_AT, ordinary, 4))
                memset(s.prefix, 0, sizeof(s.prefix));
        return s;
}

bool source_equal(const struct source *a, const struct source *b)
{
        return !memcmp(a, b, sizeof(*a));
}

bool source_same_party(const struct source *a, const struct source *b)
{
        if (a->kind == SOURCE_UID && b->kind == SOURCE_UID)
                return a->uid == b->uid;

        return source_equal(a, b);
}

/* The address of a source as text. */
static void prefix_print(const uint8_t b[16], char text[static SOURCE_TEXT])
{
        static const uint8_t mapped[V4_AT] = {[10] = 0xff, [11] = 0xff};
        static const uint8_t rest[V6_PREFIX];
        bool four = !memcmp(b, mapped, V4_AT), part = !memcmp(b + V6_PREFIX, rest, sizeof(rest));
        char host[INET6_ADDRSTRLEN] = "";

        (void)inet_ntop(four ? AF_INET : AF_INET6, four ? b + V4_AT : b, host, sizeof(host));
        snprintf(text, SOURCE_TEXT, "%s%s", host, part ? "/64" : "");
}

void source_print(const struct source *s, char text[static SOURCE_TEXT])
{
        static const uint8_t nowhere[16];
        char address[SOURCE_TEXT];

        prefix_print(s->prefix, address);
        if (s->kind == SOURCE_ADDRESS)
                snprintf(text, SOURCE_TEXT, "%s", address);
        else if (s->kind != SOURCE_UID)
                snprintf(text, SOURCE_TEXT, "unknown");
        else if (!memcmp(s->prefix, nowhere, sizeof(nowhere)))
                snprintf(text, SOURCE_TEXT, "uid:%u", s->uid);
        else
                snprintf(text, SOURCE_TEXT, "uid:%u@%.50s", s->uid, address);
}
