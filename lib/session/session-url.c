/*
 * Addresses of identity providers.
 *
 * They come from a manifest, from a provider's description of itself, from an instance: each time
 * from somebody else than who is to send something there. No library's parser is asked, whose idea
 * of a host may differ from the next one's: what is not plainly a URL is refused.
 */
#include "session-url.h"

#include <stdio.h>
#include <string.h>

enum { OCTETS = 4, OCTET_MOST = 255, PORT_MOST = 65535 };

/* What a URL consists of; of these, user names and fragments are looked for apart. */
static bool letter_is_good(char c)
{
        return c > ' ' && c < 0x7f && !strchr("\"'<>\\^`{|}#", c);
}

static bool text_is_good(const char *url)
{
        size_t n = 0;

        while (url[n] && letter_is_good(url[n]))
                n++;
        return !url[n] && n < CAPOS_URL_BYTES;
}

/* A decimal number without zeros before it. Where it ends; NULL: it is none. */
static const char *number_end(const char *p, unsigned most)
{
        unsigned v = 0, n = 0;

        while (p[n] >= '0' && p[n] <= '9' && v <= most)
                v = v * 10 + (unsigned)(p[n++] - '0');
        return n && v <= most && (n == 1 || *p != '0') ? p + n : NULL;
}

/* Behind a host: where a port, if there is one, has ended. NULL: it is none. */
static const char *port_end(const char *p)
{
        if (*p == ':')
                p = number_end(p + 1, PORT_MOST);
        return p && (!*p || *p == '/' || *p == '?') ? p : NULL;
}

/* Behind a literal address of this machine; NULL: there is another host. */
static const char *loopback_end(const char *host)
{
        static const char six[] = "[::1]", four[] = "127.";
        const char *p = host;

        if (!strncmp(host, six, strlen(six)))
                return host + strlen(six);
        if (strncmp(host, four, strlen(four)) != 0)
                return NULL;

        for (unsigned i = 0; i < OCTETS && p; i++) {
                p = number_end(p, OCTET_MOST);
                if (p && i < OCTETS - 1)
                        p = *p == '.' ? p + 1 : NULL;
        }
        return p;
}

/* Behind a host; NULL: there is none. */
static const char *host_end(const char *host)
{
        static const char letters[] =
                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";
        size_t n = strspn(host, letters);

        if (*host == '[') {
                n = strspn(host + 1, "0123456789abcdefABCDEF:.");
                return n && host[n + 1] == ']' ? host + n + 2 : NULL;
        }
        return n ? host + n : NULL;
}

/* What is behind a scheme; NULL: it has another one. */
static const char *scheme_end(const char *url, const char *scheme)
{
        return strncmp(url, scheme, strlen(scheme)) ? NULL : url + strlen(scheme);
}

bool capos_i_url_is_loopback(const char *url)
{
        const char *p = scheme_end(url, "http://");

        p = p ? loopback_end(p) : NULL;
        return p && text_is_good(url) && port_end(p);
}

bool capos_i_url_is_good(const char *url, bool loopback)
{
        const char *p = scheme_end(url, "https://");

        if (!p)
                return loopback && capos_i_url_is_loopback(url);

        p = host_end(p);
        return p && text_is_good(url) && port_end(p);
}

/* ---- queries -------------------------------------------------------------------------------- */

int capos_i_query_add(char *query, size_t room, const char *name, const char *value)
{
        static const char plain[] =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
        size_t at = strlen(query);
        int n = snprintf(query + at, room - at, "%s%s=", at ? "&" : "", name);

        for (at += (size_t)n; *value && at < room; value++, at += (size_t)n)
                n = snprintf(query + at, room - at, strchr(plain, *value) ? "%c" : "%%%02X",
                             (unsigned char)*value);
        return at < room ? 0 : CAPNP_E_LIMIT;
}

/* The value of a hexadecimal digit; -1: it is none. */
static int digit_value(char c)
{
        static const char digits[] = "0123456789abcdef";
        const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c) : NULL;

        return at ? (int)(at - digits) : -1;
}

/* One letter of a value, from *p on. -1: it is wrongly escaped, or stands for NUL. */
static int letter_take(const char **p)
{
        int high, low;

        if (**p == '+') {
                (*p)++;
                return ' ';
        }
        if (**p != '%')
                return (unsigned char)*(*p)++;

        high = digit_value((*p)[1]);
        low = high < 0 ? -1 : digit_value((*p)[2]);
        *p += 3;
        return low < 0 || (!high && !low) ? -1 : high << 4 | low;
}

static int value_take(const char *p, size_t len, char *ret, size_t room)
{
        const char *end = p + len;
        size_t n = 0;

        while (p < end) {
                int c = letter_take(&p);

                if (c < 0 || p > end || n + 1 >= room)
                        return CAPNP_E_SYNTAX;
                ret[n++] = (char)c;
        }
        ret[n] = 0;
        return 0;
}

int capos_i_query_get(const char *query, const char *name, char *ret, size_t room)
{
        const char *value = NULL;
        size_t len = 0, part;

        for (const char *p = query; *p; p += part + (p[part] == '&')) {
                part = strcspn(p, "&");
                if (part <= strlen(name) || strncmp(p, name, strlen(name)) != 0 ||
                    p[strlen(name)] != '=')
                        continue;
                if (value)
                        return CAPNP_E_SYNTAX;
                value = p + strlen(name) + 1;
                len = part - strlen(name) - 1;
        }
        return value ? value_take(value, len, ret, room) : CAPNP_E_UNKNOWN;
}
