/*
 * What a manifest may say of passkeys.
 *
 * A browser makes a passkey for a relying party only on pages of that domain or below it, and says
 * where it was in one form: scheme and host in small letters, a port unless it is the usual one,
 * and no slash behind. Origins are compared with that as they stand, so one in another form would
 * let nobody in, and one of another host would let in whoever has that host.
 */
#include "manifest-passkeys.h"

#include <stdio.h>
#include <string.h>

#include "daemon-text.h"
#include "manifest-fault.h"

enum { DOMAIN_BYTES = 253, ORIGINS_MAX = 16, MAKES_MAX = 16, AAGUID_TEXT = 36, PORT_DIGITS = 5 };

#define WHERE "authentication.passkeys."

static const char LOCALHOST[] = "localhost", HTTPS[] = "https://", HTTP[] = "http://";

static void check_fault_at(struct check *c, const char *list, uint32_t i, const char *what)
{
        char path[64];

        (void)snprintf(path, sizeof(path), "%s[%u]", list, i);
        fault(c, path, what);
}

/* ---- domains -------------------------------------------------------------------------------- */

/* Labels of small letters, digits and dashes, with dots between; the last one has a letter, which
 * an address has not. */
static bool domain_is_good(const char *p, size_t len)
{
        bool letter = false, begins = true;

        if (!len || len > DOMAIN_BYTES)
                return false;

        for (size_t i = 0; i < len; i++) {
                bool dash = p[i] == '-', dot = p[i] == '.', digit = p[i] >= '0' && p[i] <= '9';

                if (!dash && !dot && !digit && !(p[i] >= 'a' && p[i] <= 'z'))
                        return false;
                if (begins && (dash || dot))
                        return false;
                letter = (letter && !dot) || (p[i] >= 'a' && p[i] <= 'z');
                begins = dot;
        }
        return letter && p[len - 1] != '-';
}

static bool is_localhost(capnp_text party)
{
        return text_is(party, LOCALHOST);
}

/* The host is the relying party, or below it. */
static bool host_is_of(const char *host, size_t len, capnp_text party)
{
        return len >= party.len && !memcmp(host + len - party.len, party.p, party.len) &&
               (len == party.len || host[len - party.len - 1] == '.');
}

/* ":8443", or nothing; one that is the usual one is not said. */
static bool port_is_good(const char *p, const char *usual)
{
        size_t digits = *p ? strspn(p + 1, "0123456789") : 0;
        unsigned port = 0;

        if (!*p)
                return true;
        if (*p != ':' || !digits || digits > PORT_DIGITS || p[1] == '0' || p[1 + digits] ||
            !strcmp(p, usual))
                return false;
        for (p++; *p; p++)
                port = port * 10 + (unsigned)(*p - '0');
        return port <= UINT16_MAX;
}

/* What is wrong with an origin; NULL: nothing. */
static const char *origin_fault(capnp_text t, capnp_text party)
{
        bool https = !strncmp(t.p, HTTPS, strlen(HTTPS));
        const char *host = t.p + (https ? strlen(HTTPS) : strlen(HTTP));
        size_t len;

        if (!text_is_plain(t) || (!https && strncmp(t.p, HTTP, strlen(HTTP)) != 0))
                return "must be https://HOST or https://HOST:PORT; for localhost also http:";
        len = strcspn(host, ":/");
        if (!domain_is_good(host, len) || !port_is_good(host + len, https ? ":443" : ":80"))
                return "must be as a browser says it: small letters, a port only where it is not "
                       "the usual one, nothing behind";
        if (!host_is_of(host, len, party))
                return "must be of the relying party's host, or below it";
        if (!https && (len != strlen(LOCALHOST) || !is_localhost(party)))
                return "must be https: only http://localhost is as good";

        return NULL;
}

/* ---- makes ---------------------------------------------------------------------------------- */

static bool aaguid_is_good(capnp_text t)
{
        if (t.len != AAGUID_TEXT)
                return false;

        for (unsigned i = 0; i < AAGUID_TEXT; i++) {
                bool dash = i == 8 || i == 13 || i == 18 || i == 23;

                if (dash ? t.p[i] != '-' : !t.p[i] || !strchr("0123456789abcdef", t.p[i]))
                        return false;
        }
        return true;
}

static void check_makes(struct check *c, passkeys_reader p)
{
        capnp_list makes = passkeys_aaguids(p);

        if (makes.len > MAKES_MAX)
                fault(c, WHERE "aaguids", "too many: at most 16");
        if (makes.len && passkeys_attestation(p) == ATTESTATION_NONE)
                fault(c, WHERE "aaguids",
                      "let nobody in while `attestation` is none: browsers leave the make "
                      "out");
        for (uint32_t i = 0; i < makes.len && i < MAKES_MAX; i++)
                if (!aaguid_is_good(passkeys_aaguids_at(makes, i)))
                        check_fault_at(c, WHERE "aaguids", i,
                                       "must be 32 of 0-9 and a-f, as 8-4-4-4-12 with dashes");
}

unsigned manifest_passkeys_check(manifest_reader m,
                                 void (*complain)(void *arg, const char *path, const char *what),
                                 void *arg)
{
        struct check c = {.complain = complain, .arg = arg};
        passkeys_reader p = authentication_passkeys(manifest_authentication(m));
        capnp_text party = passkeys_relying_party(p);
        capnp_list origins = passkeys_origins(p), makes = passkeys_aaguids(p);

        if (!party.len && !origins.len && !makes.len && passkeys_attestation(p) == ATTESTATION_NONE)
                return 0;
        if (!text_is_plain(party) || !domain_is_good(party.p, party.len) ||
            (!strchr(party.p, '.') && !is_localhost(party)))
                fault(&c, WHERE "relyingParty", "must be a domain, or localhost");
        if (!origins.len || origins.len > ORIGINS_MAX)
                fault(&c, WHERE "origins", "must be 1 to 16");
        for (uint32_t i = 0; i < origins.len && i < ORIGINS_MAX; i++) {
                const char *fault = origin_fault(passkeys_origins_at(origins, i), party);

                if (fault)
                        check_fault_at(&c, WHERE "origins", i, fault);
        }
        if (!attestation_name(passkeys_attestation(p)))
                fault(&c, WHERE "attestation", "unknown");
        check_makes(&c, p);
        return c.faults;
}
