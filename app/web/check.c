/*
 * Whether a request may be ours: its Host, its Origin, its cookie.
 *
 * A browser sends what any page tells it to, to any port of this machine. Host is compared whole,
 * so that a name which somebody else has pointed at 127.0.0.1 is no way in; Origin likewise, and a
 * request that changes something without one is nobody's. Cookies are not told apart by ports: that
 * ours is there proves little, and what does is signed later (token.h).
 */
#include "check.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

void check_self_make(const char *name, uint16_t port, bool tls, struct check_self *ret)
{
        *ret = (struct check_self){.port = port, .tls = tls};
        if (port == (tls ? 443 : 80)) /* as browsers write it */
                (void)snprintf(ret->host, sizeof(ret->host), "%.253s", name);
        else
                (void)snprintf(ret->host, sizeof(ret->host), "%.253s:%u", name, port);
        (void)snprintf(ret->origin, sizeof(ret->origin), "%s://%.259s", tls ? "https" : "http",
                       ret->host);
        (void)snprintf(ret->cookie, sizeof(ret->cookie), "__Host-capos-%u", port);
}

enum check_host check_host(const struct check_self *s, const char *host)
{
        static const char *const addresses[] = {"127.0.0.1", "[::1]"};
        const char *port = strchr(s->host, ':');

        if (!host)
                return HOST_OTHER;
        if (!strcmp(host, s->host))
                return HOST_OURS;
        for (unsigned i = 0; !s->tls && i < sizeof(addresses) / sizeof(*addresses); i++) {
                size_t n = strlen(addresses[i]);

                if (!strncmp(host, addresses[i], n) && !strcmp(host + n, port ? port : ""))
                        return HOST_ADDRESS;
        }
        return HOST_OTHER;
}

bool check_origin(const struct check_self *s, const char *origin, const char *fetch_site)
{
        return origin && !strcmp(origin, s->origin) &&
               (!fetch_site || !strcmp(fetch_site, "same-origin"));
}

const char *check_cookie(const struct check_self *s, const char *header)
{
        size_t n = strlen(s->cookie);
        const char *found = NULL;

        while (header && *header) {
                header += strspn(header, " \t");
                if (!strncmp(header, s->cookie, n) && header[n] == '=') {
                        if (found)
                                return NULL;
                        found = header + n + 1;
                }
                header = strchr(header, ';');
                if (header)
                        header++;
        }
        return found && strcspn(found, "; \t") == TOKEN_TEXT - 1 ? found : NULL;
}

bool check_has_word(const char *list, const char *word)
{
        size_t n = strlen(word);

        while (list && *list) {
                list += strspn(list, " \t,");
                if (!strncasecmp(list, word, n) && (!list[n] || strchr(" \t,", list[n])))
                        return true;
                list += strcspn(list, ",");
        }
        return false;
}

bool check_ws_key(const char *key)
{
        static const char base64[] =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

        return key && strspn(key, base64) == 22 && !strcmp(key + 22, "==");
}
