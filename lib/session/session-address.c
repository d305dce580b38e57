/*
 * Addresses of instances.
 *
 * The transport is a word in front, so that moving a listener from one host to another cannot
 * change what is spoken on it, and so that a client never finds out by trying: a TLS port and a
 * plain one are different places. Both sides read addresses here, and there is one constant for
 * what no word means.
 *
 * The long form, capos://, is for copying. It is always TLS, and says what the connection is judged
 * by: a fingerprint, or certificates. Not both: whatever one of them refuses, the other could be
 * made to accept.
 *
 * Fingerprints are compared as text. So the same 32 bytes must have one text only: the last of the
 * 43 characters stands for four bits, and its two lowest bits must be zero.
 */
#include "session-address.h"

#include <stdio.h>
#include <string.h>

static const char GRAMMAR[] =
        "an address is HOST:PORT, tls:HOST:PORT, plain:HOST:PORT, unix:PATH or capos://HOST:PORT/";
static const char GRAMMAR_LISTEN[] =
        "this must be ADDRESS:PORT or unix:PATH, with tls: or plain: in front of the first";

const char *capos_transport_name(enum capos_transport t)
{
        static const char *const names[] = {"plain", "tls", "unix"};

        return names[t];
}

/* ---- fingerprints ------------------------------------------------------------------------- */

static int base64_value(char c)
{
        static const char digits[] =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        const char *at = c ? strchr(digits, c) : NULL;

        return at ? (int)(at - digits) : -1;
}

bool capos_fingerprint_check(const char *text, size_t len)
{
        static const char kind[] = "sha256:";
        size_t n = sizeof(kind) - 1;

        if (len != CAPOS_FINGERPRINT - 1 || strncmp(text, kind, n) != 0)
                return false;

        for (size_t i = n; i < len; i++)
                if (base64_value(text[i]) < 0)
                        return false;
        return !(base64_value(text[len - 1]) & 3);
}

/* ---- places ------------------------------------------------------------------------------- */

/* A number; a larger one than any port is that. */
static bool port_read(const char *text, const char *end, unsigned *ret_port)
{
        unsigned port = 0;

        for (const char *p = text; p < end; p++) {
                if (*p < '0' || *p > '9')
                        return false;
                if (port <= UINT16_MAX)
                        port = port * 10 + (unsigned)(*p - '0');
        }
        *ret_port = port;
        return text < end;
}

/* A bare IPv6 address: nobody can tell its port from its end. */
static bool is_bare_ipv6(const char *text, size_t len)
{
        unsigned colons = 0;

        for (size_t i = 0; i < len; i++) {
                if (!strchr("0123456789abcdefABCDEF.:", text[i]))
                        return false;
                colons += text[i] == ':';
        }
        return colons > 1;
}

/* Where the host ends: at the colon of the port, or at the end. NULL: there is no host. */
static const char *host_read(const char *text, size_t len, enum capos_address_use use)
{
        bool brackets = len && *text == '[';
        const char *begin = text + brackets, *end = memchr(text, brackets ? ']' : ':', len);

        if (!end && brackets)
                return NULL;
        if (!end)
                end = text + len;
        for (const char *p = begin; p < end; p++)
                if (*p <= ' ' || *p == 0x7f || strchr("/@[]", *p) ||
                    (*p == '*' && use != CAPOS_ADDRESS_LISTEN))
                        return NULL;
        return end > begin ? end + brackets : NULL;
}

/* HOST:PORT or [IPv6]:PORT, len bytes of text; a person may leave the port out. What is
 * wrong, or NULL. */
static const char *place_read(const char *text, size_t len, enum capos_address_use use,
                              struct capos_address *ret)
{
        const char *why = use == CAPOS_ADDRESS_LISTEN ? GRAMMAR_LISTEN : GRAMMAR, *host_end;
        unsigned port = CAPOS_PORT_DEFAULT;

        if (is_bare_ipv6(text, len))
                return "an IPv6 address stands in brackets: [::1]:2327";
        host_end = host_read(text, len, use);
        if (!host_end || (host_end == text + len ? use != CAPOS_ADDRESS_TYPED : *host_end != ':'))
                return why;
        if (host_end < text + len && !port_read(host_end + 1, text + len, &port))
                return why;
        if (port > UINT16_MAX)
                return "a port is at most 65535";
        if (!port && use != CAPOS_ADDRESS_LISTEN)
                return "port 0 is no place to connect to";
        if (len >= CAPOS_ADDRESS_WHERE - 8)
                return "the address is too long";

        (void)snprintf(ret->where, sizeof(ret->where), "%.*s:%u", (int)(host_end - text), text,
                       port);
        return NULL;
}

/* What stands behind capos://HOST:PORT. */
static const char *identity_read(const char *text, struct capos_address *ret)
{
        static const char ca[] = "ca=";

        if (*text == '/')
                text++;
        if (!*text)
                return NULL;
        if (strchr(text, '#') && *text == '?')
                return "either a fingerprint or a CA decides, not both";
        if (*text == '#') {
                text++;
                if (!capos_fingerprint_check(text, strlen(text)))
                        return "behind the # stands a fingerprint: sha256: and 43 characters";
                (void)snprintf(ret->pin, sizeof(ret->pin), "%s", text);
                return NULL;
        }
        if (*text != '?' || strncmp(text + 1, ca, sizeof(ca) - 1) != 0 || !text[sizeof(ca)])
                return "behind capos://HOST:PORT/ stands #sha256:…, ?ca=FILE or ?ca=system";

        text += sizeof(ca);
        if (strlen(text) >= sizeof(ret->ca))
                return "the path of the CA is too long";
        (void)snprintf(ret->ca, sizeof(ret->ca), "%s", text);
        return NULL;
}

static const char *url_read(const char *text, enum capos_address_use use, struct capos_address *ret)
{
        size_t len = strcspn(text, "/?#");
        const char *why;

        if (use == CAPOS_ADDRESS_LISTEN)
                return GRAMMAR_LISTEN;

        ret->transport = CAPOS_TRANSPORT_TLS;
        why = place_read(text, len, use, ret);
        return why ? why : identity_read(text + len, ret);
}

static const char *unix_read(const char *text, const char *path, struct capos_address *ret)
{
        ret->transport = CAPOS_TRANSPORT_UNIX;
        if (!*path)
                return "behind unix: stands the path of a socket";
        if (strlen(text) >= sizeof(ret->where))
                return "the path is too long for a socket";

        (void)snprintf(ret->where, sizeof(ret->where), "%s", text);
        return NULL;
}

/* The part of a text behind a prefix, or NULL. */
static const char *behind(const char *text, const char *prefix)
{
        size_t len = strlen(prefix);

        return strncmp(text, prefix, len) ? NULL : text + len;
}

static const char *address_read(const char *text, enum capos_address_use use,
                                struct capos_address *ret)
{
        const char *rest;

        ret->named = true;
        rest = behind(text, "capos://");
        if (rest)
                return url_read(rest, use, ret);
        rest = behind(text, "unix:");
        if (!rest && use != CAPOS_ADDRESS_LISTEN)
                rest = behind(text, "unix-abstract:");
        if (rest)
                return unix_read(text, rest, ret);
        rest = behind(text, "tls:");
        if (rest) {
                ret->transport = CAPOS_TRANSPORT_TLS;
                return place_read(rest, strlen(rest), use, ret);
        }
        rest = behind(text, "plain:");
        if (rest) {
                ret->transport = CAPOS_TRANSPORT_PLAIN;
                return place_read(rest, strlen(rest), use, ret);
        }
        ret->named = false;
        ret->transport = (enum capos_transport)CAPOS_TRANSPORT_DEFAULT;
        return place_read(text, strlen(text), use, ret);
}

int capos_address_parse(const char *text, enum capos_address_use use, struct capos_address *ret,
                        const char **ret_why)
{
        struct capos_address a = {0};
        const char *why = address_read(text, use, &a);

        if (why) {
                *ret_why = why;
                return CAPNP_E_ADDRESS;
        }
        *ret = a;
        return 0;
}
