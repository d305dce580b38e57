/*
 * Addresses as text.
 *
 * One grammar for both sides of a connection, without defaults: an address without a port is an
 * error, because guessing a port is the business of a program, not of a library. A bare IPv6
 * address is refused too: in `::1:80` nobody can tell the port from the address.
 *
 * An abstract socket name is not NUL-terminated for the kernel; its length is. So the names `a` and
 * `a\0` differ, and the length must be exact on both sides.
 */
#include "io-address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

enum { HOST_MAX = 256 };

static int address_parse_unix(const char *path, bool abstract, struct capos_io_addresses *ret)
{
        struct capos_io_address *a = &ret->a[0];
        size_t len = strlen(path);

        /* A path needs its NUL, an abstract name one in front: both use one byte of sun_path. */
        if (len == 0 || len >= sizeof(a->u.un.sun_path))
                return CAPNP_E_ADDRESS;

        a->u.un.sun_family = AF_UNIX;
        memcpy(a->u.un.sun_path + (abstract ? 1 : 0), path, len);
        a->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
        ret->n = 1;
        return 0;
}

static int address_parse_port(const char *text, uint16_t *ret_port)
{
        unsigned port = 0;

        if (!*text)
                return CAPNP_E_ADDRESS;

        for (; *text; text++) {
                if (*text < '0' || *text > '9')
                        return CAPNP_E_ADDRESS;
                port = port * 10 + (unsigned)(*text - '0');
                if (port > UINT16_MAX)
                        return CAPNP_E_ADDRESS;
        }
        *ret_port = (uint16_t)port;
        return 0;
}

/* Every interface: one IPv6 socket takes IPv4 too; on a machine without IPv6 the second is used. */
static void address_set_every(struct capos_io_addresses *ret, uint16_t port)
{
        ret->a[0].u.in6 = (struct sockaddr_in6){
                .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = in6addr_any};
        ret->a[0].len = sizeof(struct sockaddr_in6);
        ret->a[1].u.in = (struct sockaddr_in){
                .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_ANY)}};
        ret->a[1].len = sizeof(struct sockaddr_in);
        ret->n = 2;
        ret->either = true;
}

/* What getaddrinfo() says, as our codes: only "not now" and "no memory" are not about the name. */
static int address_lookup_error(int r)
{
        switch (r) {
        case EAI_MEMORY:
                return -ENOMEM;
        case EAI_AGAIN:
                return -EAGAIN;
        case EAI_SYSTEM:
                return errno ? -errno : -EIO;
        default:
                return CAPNP_E_ADDRESS;
        }
}

static int address_lookup(const char *host, uint16_t port, bool numeric,
                          struct capos_io_addresses *ret)
{
        struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
        int r;

        hints.ai_flags = numeric ? AI_NUMERICHOST : 0;
        hints.ai_family = numeric ? AF_INET6 : AF_UNSPEC;
        r = getaddrinfo(host, NULL, &hints, &list);
        if (r)
                return address_lookup_error(r);

        for (const struct addrinfo *i = list; i && ret->n < CAPOS_IO_ADDRESSES; i = i->ai_next) {
                struct capos_io_address *a = &ret->a[ret->n];

                if (i->ai_family != AF_INET && i->ai_family != AF_INET6)
                        continue;
                memcpy(&a->u, i->ai_addr, i->ai_addrlen);
                a->len = i->ai_addrlen;
                capos_io_address_set_port(a, port);
                ret->n++;
        }
        freeaddrinfo(list);
        return ret->n ? 0 : CAPNP_E_ADDRESS;
}

static int address_parse_host(const char *text, bool listening, struct capos_io_addresses *ret)
{
        bool brackets = text[0] == '[';
        const char *colon = strrchr(text, ':'), *begin = text + brackets, *end;
        char host[HOST_MAX];
        uint16_t port;

        if (!colon || address_parse_port(colon + 1, &port))
                return CAPNP_E_ADDRESS;

        end = brackets ? colon - 1 : colon;
        if (end <= begin || end - begin >= HOST_MAX || (brackets && *end != ']'))
                return CAPNP_E_ADDRESS;
        if (!brackets && memchr(begin, ':', (size_t)(end - begin)))
                return CAPNP_E_ADDRESS;
        if (!listening && port == 0)
                return CAPNP_E_ADDRESS;

        memcpy(host, begin, (size_t)(end - begin));
        host[end - begin] = '\0';
        if (strcmp(host, "*"))
                return address_lookup(host, port, brackets, ret);
        if (!listening || brackets)
                return CAPNP_E_ADDRESS;

        address_set_every(ret, port);
        return 0;
}

int capos_io_address_parse(const char *text, bool listening, struct capos_io_addresses *ret)
{
        static const char path[] = "unix:", name[] = "unix-abstract:";

        memset(ret, 0, sizeof(*ret));
        if (!strncmp(text, path, sizeof(path) - 1))
                return address_parse_unix(text + sizeof(path) - 1, false, ret);
        if (!strncmp(text, name, sizeof(name) - 1))
                return address_parse_unix(text + sizeof(name) - 1, true, ret);

        return address_parse_host(text, listening, ret);
}

static void address_format_unix(const struct capos_io_address *a, char *text)
{
        const char *path = a->u.un.sun_path;
        size_t room = CAPOS_IO_ADDRESS_TEXT, len = a->len;

        len -= len > offsetof(struct sockaddr_un, sun_path) ? offsetof(struct sockaddr_un, sun_path)
                                                            : len;
        if (len == 0)
                snprintf(text, room, "unix:");
        else if (path[0])
                snprintf(text, room, "unix:%.*s", (int)strnlen(path, len), path);
        else
                snprintf(text, room, "unix-abstract:%.*s", (int)len - 1, path + 1);
}

void capos_io_address_format(const struct capos_io_address *a,
                             char text[static CAPOS_IO_ADDRESS_TEXT])
{
        char host[HOST_MAX];

        if (a->u.any.sa_family == AF_UNIX) {
                address_format_unix(a, text);
                return;
        }

        /* With numbers asked for, only an unknown family can fail. */
        if (getnameinfo(&a->u.any, a->len, host, sizeof(host), NULL, 0, NI_NUMERICHOST))
                snprintf(host, sizeof(host), "?");
        snprintf(text, CAPOS_IO_ADDRESS_TEXT,
                 a->u.any.sa_family == AF_INET6 ? "[%.80s]:%u" : "%.80s:%u", host,
                 capos_io_address_port(a));
}

uint16_t capos_io_address_port(const struct capos_io_address *a)
{
        if (a->u.any.sa_family == AF_INET)
                return ntohs(a->u.in.sin_port);
        if (a->u.any.sa_family == AF_INET6)
                return ntohs(a->u.in6.sin6_port);

        return 0;
}

void capos_io_address_set_port(struct capos_io_address *a, uint16_t port)
{
        if (a->u.any.sa_family == AF_INET)
                a->u.in.sin_port = htons(port);
        else if (a->u.any.sa_family == AF_INET6)
                a->u.in6.sin6_port = htons(port);
}
