/*
 * Options in front of a key, as sshd has them in authorized_keys (sshd(8)): names with commas
 * between, values in double quotes, up to the first blank that is in no quotes. Of them there are
 * `from` and `expiry-time`. Any other is refused by its name, also one that only takes something
 * away that is not here: who has written it is told, and decides.
 */
#include "key-options.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "daemon-network.h"
#include "when.h"

enum { VALUE_BYTES = KEY_FROM_BYTES + 1, SHOWN = 60 };

static int shown(size_t len)
{
        return len < SHOWN ? (int)len : SHOWN;
}

const char *key_limits_from(struct key_limits *k, const char *list, size_t len,
                            char fault[static KEY_FAULT_BYTES])
{
        capnp_text entry = {list, len > UINT32_MAX ? UINT32_MAX : (uint32_t)len};
        const char *why = daemon_networks_check(entry, &entry);

        if (why) {
                (void)snprintf(fault, KEY_FAULT_BYTES, "from: %.*s: %s", shown(entry.len), entry.p,
                               why);
                return fault;
        }
        if (k->from[0])
                return "from is given twice";

        (void)snprintf(k->from, sizeof(k->from), "%.*s", (int)len, list);
        return NULL;
}

/* A value in quotes, off the front of *p; a quote in it has a backslash before it. */
static bool value_take(const char **p, char to[VALUE_BYTES])
{
        size_t n = 0;
        const char *s = *p;

        if (*s++ != '"')
                return false;
        for (; *s && *s != '"'; s++) {
                if (s[0] == '\\' && s[1] == '"')
                        s++;
                if (n == VALUE_BYTES - 1)
                        return false;
                to[n++] = *s;
        }
        to[n] = 0;
        *p = s + (*s == '"');
        return *s == '"';
}

static const char *expiry_take(struct key_limits *k, const char *value,
                               char fault[static KEY_FAULT_BYTES])
{
        uint64_t ms;

        if (!when_date(value, &ms)) {
                (void)snprintf(fault, KEY_FAULT_BYTES,
                               "expiry-time: %.60s: this is no date (20270131, 202701311800)",
                               value);
                return fault;
        }
        if (k->expires_ms)
                return "expiry-time is given twice";

        k->expires_ms = ms;
        return NULL;
}

/* One option off the front of *p. */
static const char *option_take(struct key_limits *k, const char **p,
                               char fault[static KEY_FAULT_BYTES])
{
        const char *name = *p;
        size_t len = strcspn(name, "=, \t");
        bool from = len == 4 && !strncasecmp(name, "from", len);
        bool expiry = len == 11 && !strncasecmp(name, "expiry-time", len);
        char value[VALUE_BYTES];

        if (!from && !expiry) {
                (void)snprintf(fault, KEY_FAULT_BYTES,
                               "the option %.*s is not supported (there are from and expiry-time)",
                               shown(len), name);
                return fault;
        }
        *p += len + 1;
        if (name[len] != '=' || !value_take(p, value)) {
                (void)snprintf(fault, KEY_FAULT_BYTES, "%.*s wants its value in double quotes",
                               shown(len), name);
                return fault;
        }
        return from ? key_limits_from(k, value, strlen(value), fault)
                    : expiry_take(k, value, fault);
}

const char *key_limits_line(struct key_limits *k, const char **line,
                            char fault[static KEY_FAULT_BYTES])
{
        const char *p = *line, *why;

        do {
                why = option_take(k, &p, fault);
                if (why)
                        return why;
        } while (*p == ',' && p++);
        if (*p != ' ' && *p != '\t')
                return "there is no key behind its options";

        *line = p + strspn(p, " \t");
        return NULL;
}
