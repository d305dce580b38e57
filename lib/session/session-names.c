/*
 * Names as tables: what a number is called is written down once, and read in both directions.
 *
 * A text that comes over a wire may have passed other vats, and some implementations put
 * "remote exception: " before what they relay, each hop once. It is skipped here, so that a code
 * means the same however far it has come.
 */
#include "session-names.h"

#include <stdio.h>
#include <string.h>

static const char *const denials[] = {
        [CAPOS_DENIED_NONE] = "none",
        [CAPOS_DENIED_UNKNOWN_NAME] = "denied.unknown-name",
        [CAPOS_DENIED_WRONG_INTERFACE] = "denied.wrong-interface",
        [CAPOS_DENIED_PROFILE] = "denied.profile",
        [CAPOS_DENIED_STALE_SESSION] = "denied.stale-session",
        [CAPOS_DENIED_REVOKED_LEASE] = "denied.revoked-lease",
        [CAPOS_DENIED_METHOD_DISABLED] = "denied.method-disabled",
        [CAPOS_DENIED_CREDENTIALS] = "denied.credentials",
        [CAPOS_DENIED_ALREADY_BOUND] = "denied.already-bound",
        [CAPOS_DENIED_TRANSFER] = "denied.transfer",
        [CAPOS_DENIED_FLOW] = "denied.flow",
        [CAPOS_DENIED_BACKOFF] = "denied.backoff",
        [CAPOS_DENIED_WEAK_PROOF] = "denied.weak-proof",
        [CAPOS_DENIED_METHOD] = "denied.method",
        [CAPOS_DENIED_UI] = "denied.ui",
        [CAPOS_DENIED_WITHDRAWN] = "denied.withdrawn",
};

enum { MARKED_BYTES = 512 }; /* as in struct capnp_membrane_ops */

static const char *const quotas[CAPOS_I_QUOTAS] = {
        [CAPOS_I_QUOTA_FLOWS] = "over-quota.flows",
        [CAPOS_I_QUOTA_SESSIONS] = "over-quota.sessions",
        [CAPOS_I_QUOTA_PROOFS] = "over-quota.proofs",
        [CAPOS_I_QUOTA_CALLS] = "over-quota.calls",
        [CAPOS_I_QUOTA_REFERENCES] = "over-quota.references",
        [CAPOS_I_QUOTA_BYTES] = "over-quota.bytes",
        [CAPOS_I_QUOTA_MEMORY] = "over-quota.memory",
        [CAPOS_I_QUOTA_SOCKETS] = "over-quota.sockets",
        [CAPOS_I_QUOTA_DISK] = "over-quota.disk",
        [CAPOS_I_QUOTA_REPORTS] = "over-quota.reports",
        [CAPOS_I_QUOTA_UI_OFFERS] = "over-quota.ui-offers",
        [CAPOS_I_QUOTA_UI_PATCHES] = "over-quota.ui-patches",
        [CAPOS_I_QUOTA_UI_PATCH] = "over-quota.ui-patch",
        [CAPOS_I_QUOTA_UI_TRAFFIC] = "over-quota.ui-traffic",
        [CAPOS_I_QUOTA_UI_REFERENCES] = "over-quota.ui-references",
        [CAPOS_I_QUOTA_UI_POLLS] = "over-quota.ui-polls",
};

static const struct {
        const char *name, *label;
} kinds[CAPOS_AUTH_KINDS] = {
        [CAPOS_AUTH_PASSWORD] = {"password", "Password"},
        [CAPOS_AUTH_PUBLIC_KEY] = {"publicKey", "Public key"},
        [CAPOS_AUTH_OIDC_DEVICE_CODE] = {"oidcDeviceCode", "OpenID Connect, device code"},
        [CAPOS_AUTH_OIDC_PKCE] = {"oidcAuthorizationCodePkce", "OpenID Connect, browser"},
        [CAPOS_AUTH_PASSKEY] = {"passkey", "Passkey"},
        [CAPOS_AUTH_MTLS] = {"mtlsClientCert", "Client certificate"},
        [CAPOS_AUTH_GUEST] = {"guest", "Guest"},
        [CAPOS_AUTH_ANONYMOUS] = {"anonymous", "Anonymous"},
        [CAPOS_AUTH_SERVICE] = {"serviceCredential", "Service credential"},
};

enum { DENIALS = sizeof(denials) / sizeof(denials[0]) };

const char *capos_denial_code(enum capos_denial d)
{
        return (unsigned)d < DENIALS ? denials[d] : denials[CAPOS_DENIED_NONE];
}

static const char *text_skip_hops(const char *text)
{
        static const char hop[] = "remote exception: ";

        while (!strncmp(text, hop, sizeof(hop) - 1))
                text += sizeof(hop) - 1;

        return text;
}

/* The first word: letters, digits, dots and dashes. */
static size_t text_code_len(const char *text)
{
        return strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789.-");
}

enum capos_denial capos_denial_of_text(const char *text)
{
        size_t len;

        text = text_skip_hops(text);
        len = text_code_len(text);
        for (unsigned i = 1; i < DENIALS; i++)
                if (strlen(denials[i]) == len && !memcmp(denials[i], text, len))
                        return (enum capos_denial)i;

        return CAPOS_DENIED_NONE;
}

const char *capos_denial_detail_peek(const char *text)
{
        text = text_skip_hops(text);
        text += text_code_len(text);
        return text + strspn(text, ": ");
}

const char *capos_quota_of_text_peek(const char *text, size_t *ret_len)
{
        static const char prefix[] = "over-quota.";

        text = text_skip_hops(text);
        if (strncmp(text, prefix, sizeof(prefix) - 1) != 0)
                return NULL;

        text += sizeof(prefix) - 1;
        *ret_len = text_code_len(text);
        return text;
}

const char *capos_i_refusal(char out[CAPOS_REFUSAL_BYTES], const char *code, const char *detail)
{
        bool more = detail && *detail;

        snprintf(out, CAPOS_REFUSAL_BYTES, "%s%s%s", code, more ? ": " : "", more ? detail : "");
        return out;
}

bool capos_i_refusal_has(const char *text, const char *code)
{
        size_t n = strlen(code);

        return !strncmp(text, code, n) && (!text[n] || !strncmp(text + n, ": ", 2));
}

void capos_i_mark(char *out, const char *code, const char *words)
{
        size_t n = 0;

        if (!capos_i_refusal_has(words, code))
                n = (size_t)snprintf(out, MARKED_BYTES, "%s: ", code);
        for (; *words && n < MARKED_BYTES - 1; words++) {
                unsigned char ch = (unsigned char)*words;

                out[n++] = ch < 0x20 || ch == 0x7f ? '?' : (char)ch;
        }
        out[n] = '\0';
}

const char *capos_i_quota_code(enum capos_i_quota q)
{
        return quotas[q];
}

int capos_i_deny(capnp_answer *a, enum capos_denial d, const char *detail)
{
        char text[CAPOS_REFUSAL_BYTES];

        return capnp_answer_fail(a, CAPNP_FAILED, "%s",
                                 capos_i_refusal(text, capos_denial_code(d), detail));
}

int capos_i_over_quota(capnp_answer *a, enum capos_i_quota q, const char *detail)
{
        char text[CAPOS_REFUSAL_BYTES];

        return capnp_answer_fail(a, CAPNP_OVERLOADED, "%s",
                                 capos_i_refusal(text, capos_i_quota_code(q), detail));
}

int capos_i_refuse_no_memory(capnp_answer *a)
{
        return capos_i_over_quota(a, CAPOS_I_QUOTA_MEMORY, "try again later");
}

const char *capos_auth_name(unsigned kind)
{
        return kind < CAPOS_AUTH_KINDS ? kinds[kind].name : "unknown";
}

const char *capos_auth_label(unsigned kind)
{
        return kind < CAPOS_AUTH_KINDS ? kinds[kind].label : "Unknown";
}

int capos_auth_of_name(const char *name, enum capos_auth *ret_kind)
{
        for (unsigned i = 0; i < CAPOS_AUTH_KINDS; i++) {
                if (!strcmp(kinds[i].name, name)) {
                        *ret_kind = (enum capos_auth)i;
                        return 0;
                }
        }

        return CAPNP_E_UNKNOWN;
}
