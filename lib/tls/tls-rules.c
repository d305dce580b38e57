/*
 * Rules for client certificates, and what their patterns match.
 *
 * Names in certificates are foreign. A name is compared only when it has the form of its kind, of a
 * small alphabet each: so a NUL, a blank or a star in a certificate can meet nothing. A star is a
 * pattern's alone, and stands for one label of a host, for the whole local part of an address, or
 * for all that is below a SPIFFE id.
 */
#include "tls-rules.h"

#include <capos/capnp-base.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>

enum { HEADER = 5, NUMBER_BYTES = 4, HASH_BYTES = 32, LABEL_BYTES = 63 };

static const char SCHEME[] = "spiffe://";

/* ---- records -------------------------------------------------------------------------------- */

int capos_i_tls_rules_next(struct tls_rules_at *at, enum tls_rules_kind *ret_kind, capnp_data *ret)
{
        const uint8_t *p = at->left.p;
        uint32_t len;

        if (!at->left.len)
                return CAPNP_E_SHORT;
        if (at->left.len < HEADER || p[0] < TLS_RULES_AUTHORITY || p[0] > TLS_RULES_PIN)
                return CAPNP_E_PROTOCOL;

        len = (uint32_t)p[1] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 8 | p[4];
        if (len > at->left.len - HEADER || (p[0] == TLS_RULES_PIN && len != HASH_BYTES) ||
            (p[0] == TLS_RULES_RULE && len && len != NUMBER_BYTES))
                return CAPNP_E_PROTOCOL;

        *ret_kind = (enum tls_rules_kind)p[0];
        *ret = (capnp_data){p + HEADER, len};
        at->left = (capnp_data){p + HEADER + len, at->left.len - HEADER - len};
        return 0;
}

int capos_i_tls_rules_add(uint8_t *out, size_t room, size_t *len, enum tls_rules_kind kind,
                          capnp_data bytes)
{
        uint8_t *p = out + *len;

        if (room - *len < HEADER || bytes.len > room - *len - HEADER)
                return CAPNP_E_LIMIT;

        p[0] = (uint8_t)kind;
        for (unsigned i = 0; i < NUMBER_BYTES; i++)
                p[1 + i] = (uint8_t)(bytes.len >> (24 - 8 * i));
        if (bytes.len)
                memcpy(p + HEADER, bytes.p, bytes.len);
        *len += HEADER + bytes.len;
        return 0;
}

/* ---- forms of names ------------------------------------------------------------------------- */

static bool all_of(const char *p, size_t len, bool (*good)(unsigned char c))
{
        for (size_t i = 0; i < len; i++)
                if (!good((unsigned char)p[i]))
                        return false;
        return len > 0;
}

static bool host_letter(unsigned char c)
{
        return c < 0x80 && (isalnum(c) || c == '-' || c == '_');
}

/* Labels with dots between them. */
static bool host_good(const char *p, size_t len)
{
        while (len) {
                const char *dot = memchr(p, '.', len);
                size_t label = dot ? (size_t)(dot - p) : len;

                if (label > LABEL_BYTES || !all_of(p, label, host_letter))
                        return false;
                if (!dot)
                        return true;
                p += label + 1;
                len -= label + 1;
        }
        return false;
}

static bool domain_letter(unsigned char c)
{
        return islower(c) || isdigit(c) || c == '.' || c == '-' || c == '_';
}

static bool segment_letter(unsigned char c)
{
        return c < 0x80 && (isalnum(c) || c == '.' || c == '-' || c == '_');
}

static bool segment_good(const char *p, size_t len)
{
        return all_of(p, len, segment_letter) && !(len == 1 && p[0] == '.') &&
               !(len == 2 && p[0] == '.' && p[1] == '.');
}

/* spiffe://domain and segments, each with a slash before it. */
static bool spiffe_good(const char *p, size_t len)
{
        const size_t scheme = sizeof(SCHEME) - 1;
        const char *slash;

        if (len < scheme || memcmp(p, SCHEME, scheme) != 0)
                return false;

        p += scheme;
        len -= scheme;
        slash = memchr(p, '/', len);
        if (!all_of(p, slash ? (size_t)(slash - p) : len, domain_letter))
                return false;
        while (slash) {
                len -= (size_t)(slash + 1 - p);
                p = slash + 1;
                slash = memchr(p, '/', len);
                if (!segment_good(p, slash ? (size_t)(slash - p) : len))
                        return false;
        }
        return true;
}

static bool local_letter(unsigned char c)
{
        return c > ' ' && c < 0x7f && !strchr("@*\"\\<>(),;:", c);
}

/* The @ of an address; NULL: it is none. star: its local part may be one. */
static const char *email_at(const char *p, size_t len, bool star)
{
        const char *at = memchr(p, '@', len);
        size_t local = at ? (size_t)(at - p) : 0;

        if (!at || !host_good(at + 1, len - local - 1))
                return NULL;

        return all_of(p, local, local_letter) || (star && local == 1 && p[0] == '*') ? at : NULL;
}

/* ---- patterns ------------------------------------------------------------------------------- */

static bool ends_below(capnp_text t)
{
        return t.len > 2 && t.p[t.len - 1] == '*' && t.p[t.len - 2] == '/';
}

static bool begins_any(capnp_text t)
{
        return t.len > 2 && t.p[0] == '*' && t.p[1] == '.';
}

bool capos_i_tls_pattern_good(enum tls_rules_kind kind, capnp_text t)
{
        if (!t.len || t.len > TLS_RULES_BYTES)
                return false;

        switch (kind) {
        case TLS_RULES_SPIFFE:
                return spiffe_good(t.p, ends_below(t) ? t.len - 2 : t.len);
        case TLS_RULES_DNS:
                return begins_any(t) ? host_good(t.p + 2, t.len - 2) : host_good(t.p, t.len);
        case TLS_RULES_EMAIL:
                return email_at(t.p, t.len, true) != NULL;
        case TLS_RULES_AUTHORITY:
        case TLS_RULES_CRL:
        case TLS_RULES_RULE:
        case TLS_RULES_PIN:
                break;
        }
        return false;
}

static bool spiffe_matches(capnp_text t, capnp_text name)
{
        size_t front = t.len - 1; /* with the slash */

        if (!spiffe_good(name.p, name.len))
                return false;
        if (ends_below(t))
                return name.len > front && !memcmp(t.p, name.p, front);

        return t.len == name.len && !memcmp(t.p, name.p, t.len);
}

static bool dns_matches(capnp_text t, capnp_text name)
{
        const char *dot = memchr(name.p, '.', name.len);
        size_t label = dot ? (size_t)(dot - name.p) : name.len;

        if (!host_good(name.p, name.len))
                return false;
        if (begins_any(t))
                return name.len - label == t.len - 1 &&
                       !strncasecmp(name.p + label, t.p + 1, t.len - 1);

        return t.len == name.len && !strncasecmp(t.p, name.p, t.len);
}

static bool email_matches(capnp_text t, capnp_text name)
{
        const char *mine = email_at(t.p, t.len, true), *its = email_at(name.p, name.len, false);
        size_t my_local, its_local;

        if (!mine || !its)
                return false;

        my_local = (size_t)(mine - t.p);
        its_local = (size_t)(its - name.p);
        if (t.p[0] != '*' && (my_local != its_local || memcmp(t.p, name.p, my_local) != 0))
                return false;
        return t.len - my_local == name.len - its_local &&
               !strncasecmp(mine, its, t.len - my_local);
}

bool capos_i_tls_pattern_matches(enum tls_rules_kind kind, capnp_text t, capnp_text name)
{
        if (!capos_i_tls_pattern_good(kind, t) || !name.len)
                return false;

        switch (kind) {
        case TLS_RULES_SPIFFE:
                return spiffe_matches(t, name);
        case TLS_RULES_DNS:
                return dns_matches(t, name);
        case TLS_RULES_EMAIL:
                return email_matches(t, name);
        case TLS_RULES_AUTHORITY:
        case TLS_RULES_CRL:
        case TLS_RULES_RULE:
        case TLS_RULES_PIN:
                break;
        }
        return false;
}
