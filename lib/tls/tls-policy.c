/*
 * Rules over a chain.
 *
 * A rule is met by a certificate that its authority has issued and, where the rule says so, that
 * has one of the pinned keys and one of the names. A rule without an authority has pins: then the
 * key is known, and the certificate around it must only be in date and for clients.
 *
 * Whether an authority has issued the chain is asked once, however many rules name it. An authority
 * with lists of revocations needs one that is in date for whoever has issued the client's
 * certificate; for those further up a list is obeyed if there is one.
 *
 * Of several rules that are not met, the one that came closest gives the reason.
 */
#include "tls-policy.h"

#include "tls-fingerprint.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

enum {
        NOT_ASKED = -1,
        DEPTH = 8,
        SECURITY_LEVEL = 2, /* 112 bits: RSA of 2,048 bits, SHA-256 */
        MARGIN = 16,        /* in TLS_SUBJECT_TEXT, for the kind of a name */
};

struct authority {
        STACK_OF(X509) * certs;
        STACK_OF(X509_CRL) * crls;
        int verdict; /* NOT_ASKED; 0; a reason */
        int64_t until;
};

/* A rule while its records are read. */
struct rule {
        struct authority *by; /* NULL: none */
        bool wants_pin, has_pin, wants_name, has_name;
        char name[TLS_SUBJECT_TEXT];
};

struct policy {
        const struct tls_shown *shown;
        GENERAL_NAMES *names; /* of the leaf; NULL: it has none */
        struct authority authorities[TLS_RULES_AUTHORITIES];
        unsigned nauthorities, nrules;
        struct rule rule; /* the last of nrules */
        int reason;       /* the highest so far */
        bool met;
        struct tls_client client;
};

/* ---- authorities ---------------------------------------------------------------------------- */

static int no_passphrase(char *p, int room, int writing, void *arg)
{
        (void)p;
        (void)room;
        (void)writing;
        (void)arg;
        return -1;
}

/* Whether all of the PEM was read. */
static bool pem_is_over(void)
{
        bool over = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;

        ERR_clear_error();
        return over;
}

static int authority_add_certs(struct authority *a, BIO *b)
{
        X509 *x;

        while ((x = PEM_read_bio_X509(b, NULL, no_passphrase, NULL))) {
                if (sk_X509_push(a->certs, x) <= 0) {
                        X509_free(x);
                        return -ENOMEM;
                }
        }
        return pem_is_over() && sk_X509_num(a->certs) ? 0 : TLS_RECHECK_E_RULES;
}

static int authority_add_crls(struct authority *a, BIO *b)
{
        X509_CRL *c;

        while ((c = PEM_read_bio_X509_CRL(b, NULL, no_passphrase, NULL))) {
                if (sk_X509_CRL_push(a->crls, c) <= 0) {
                        X509_CRL_free(c);
                        return -ENOMEM;
                }
        }
        return pem_is_over() && sk_X509_CRL_num(a->crls) ? 0 : TLS_RECHECK_E_RULES;
}

static void authority_deinit(struct authority *a)
{
        sk_X509_pop_free(a->certs, X509_free);
        sk_X509_CRL_pop_free(a->crls, X509_CRL_free);
}

static X509_STORE *authority_store(const struct authority *a)
{
        X509_STORE *s = X509_STORE_new();
        bool done = s != NULL;

        for (int i = 0; done && i < sk_X509_num(a->certs); i++)
                done = X509_STORE_add_cert(s, sk_X509_value(a->certs, i)) == 1;
        for (int i = 0; done && i < sk_X509_CRL_num(a->crls); i++)
                done = X509_STORE_add_crl(s, sk_X509_CRL_value(a->crls, i)) == 1;
        if (done)
                return s;

        X509_STORE_free(s);
        return NULL;
}

/* Only whoever has issued the client's own certificate needs a list of revocations. */
static int on_verify(int good, X509_STORE_CTX *c)
{
        if (!good && X509_STORE_CTX_get_error(c) == X509_V_ERR_UNABLE_TO_GET_CRL &&
            X509_STORE_CTX_get_error_depth(c) > 0)
                return 1;

        return good;
}

static int verify_reason(int error)
{
        switch (error) {
        case X509_V_ERR_OUT_OF_MEM:
                return -ENOMEM;
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        case X509_V_ERR_CERT_SIGNATURE_FAILURE:
        case X509_V_ERR_CERT_CHAIN_TOO_LONG:
        case X509_V_ERR_CERT_UNTRUSTED:
                return TLS_RECHECK_E_ISSUER;
        case X509_V_ERR_CERT_NOT_YET_VALID:
                return TLS_RECHECK_E_NOT_YET;
        case X509_V_ERR_CERT_HAS_EXPIRED:
                return TLS_RECHECK_E_EXPIRED;
        case X509_V_ERR_CERT_REVOKED:
                return TLS_RECHECK_E_REVOKED;
        case X509_V_ERR_UNABLE_TO_GET_CRL:
        case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
        case X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE:
        case X509_V_ERR_CRL_SIGNATURE_FAILURE:
        case X509_V_ERR_CRL_NOT_YET_VALID:
        case X509_V_ERR_CRL_HAS_EXPIRED:
        case X509_V_ERR_CRL_PATH_VALIDATION_ERROR:
        case X509_V_ERR_KEYUSAGE_NO_CRL_SIGN:
        case X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION:
        case X509_V_ERR_DIFFERENT_CRL_SCOPE:
        case X509_V_ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD:
        case X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD:
                return TLS_RECHECK_E_CRL;
        default:
                return TLS_RECHECK_E_PURPOSE;
        }
}

/* When the first of a chain expires. */
static int chain_until(STACK_OF(X509) * chain, int64_t *ret)
{
        int64_t until = INT64_MAX, one;

        for (int i = 0; i < sk_X509_num(chain); i++) {
                if (capos_i_tls_time_read(X509_get0_notAfter(sk_X509_value(chain, i)), &one))
                        return TLS_RECHECK_E_CERTIFICATE;
                if (one < until)
                        until = one;
        }
        *ret = until;
        return 0;
}

static int authority_verify(struct authority *a, X509_STORE_CTX *c, X509_STORE *s,
                            const struct tls_shown *shown)
{
        X509_VERIFY_PARAM *p;
        int r;

        if (!c || !s || X509_STORE_CTX_init(c, s, shown->leaf, shown->rest) != 1 ||
            X509_STORE_CTX_set_default(c, "ssl_client") != 1)
                return -ENOMEM;

        p = X509_STORE_CTX_get0_param(c);
        X509_VERIFY_PARAM_set_time(p, (time_t)shown->now);
        X509_VERIFY_PARAM_set_auth_level(p, SECURITY_LEVEL);
        X509_VERIFY_PARAM_set_depth(p, DEPTH);
        if (sk_X509_CRL_num(a->crls))
                X509_VERIFY_PARAM_set_flags(p, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
        X509_STORE_CTX_set_verify_cb(c, on_verify);
        r = X509_verify_cert(c);
        if (r < 0)
                return -ENOMEM;

        return r ? chain_until(X509_STORE_CTX_get0_chain(c), &a->until)
                 : verify_reason(X509_STORE_CTX_get_error(c));
}

/* Whether it has issued what was shown. Asked once. */
static int authority_judge(struct authority *a, const struct tls_shown *shown)
{
        X509_STORE_CTX *c;
        X509_STORE *s;

        if (a->verdict != NOT_ASKED)
                return a->verdict;

        c = X509_STORE_CTX_new();
        s = authority_store(a);
        a->verdict = authority_verify(a, c, s, shown);
        X509_STORE_CTX_free(c);
        X509_STORE_free(s);
        ERR_clear_error();
        return a->verdict;
}

/* ---- without an authority ------------------------------------------------------------------- */

static int alone_judge(const struct tls_shown *shown, int64_t *ret_until)
{
        X509 *x = shown->leaf;
        int64_t from, until;

        if (X509_get_extension_flags(x) & (EXFLAG_INVALID | EXFLAG_CRITICAL) ||
            X509_check_purpose(x, X509_PURPOSE_SSL_CLIENT, 0) != 1)
                return TLS_RECHECK_E_PURPOSE;
        if (capos_i_tls_time_read(X509_get0_notBefore(x), &from) ||
            capos_i_tls_time_read(X509_get0_notAfter(x), &until))
                return TLS_RECHECK_E_CERTIFICATE;
        if (shown->now < from)
                return TLS_RECHECK_E_NOT_YET;
        if (shown->now > until)
                return TLS_RECHECK_E_EXPIRED;

        *ret_until = until;
        return 0;
}

/* ---- what it is for ------------------------------------------------------------------------- */

/* Also what OpenSSL lets pass for a client: a key that only agrees on keys, and an authority below
 * the one of the rule, which is nobody who logs in. Whoever makes a certificate for his own key, to
 * have that pinned, may well have made it an authority's. */
static bool leaf_is_fit(X509 *x, bool issued)
{
        uint32_t flags = X509_get_extension_flags(x), usage = X509_get_key_usage(x);

        if (!(usage & KU_DIGITAL_SIGNATURE))
                return false;
        if (!issued)
                return true;

        return !(flags & EXFLAG_CA) &&
               !(flags & EXFLAG_KUSAGE && usage & (KU_KEY_CERT_SIGN | KU_CRL_SIGN));
}

/* ---- names ---------------------------------------------------------------------------------- */

static int kind_type(enum tls_rules_kind kind)
{
        return kind == TLS_RULES_SPIFFE ? GEN_URI : kind == TLS_RULES_DNS ? GEN_DNS : GEN_EMAIL;
}

static unsigned policy_count(const struct policy *p, int type)
{
        unsigned n = 0;

        for (int i = 0; i < sk_GENERAL_NAME_num(p->names); i++)
                n += sk_GENERAL_NAME_value(p->names, i)->type == type;
        return n;
}

/* Whether one of the certificate's names meets a pattern; the first that does goes into the rule.
 */
static bool rule_find_name(struct rule *rule, const struct policy *p, enum tls_rules_kind kind,
                           capnp_data pattern)
{
        const char *prefix = kind == TLS_RULES_DNS     ? "DNS:"
                             : kind == TLS_RULES_EMAIL ? "email:"
                                                       : "";
        const capnp_text text = {(const char *)pattern.p, pattern.len};
        int type = kind_type(kind);

        /* A certificate with two URIs names nobody by SPIFFE. */
        if (type == GEN_URI && policy_count(p, type) != 1)
                return false;

        for (int i = 0; i < sk_GENERAL_NAME_num(p->names); i++) {
                const GENERAL_NAME *n = sk_GENERAL_NAME_value(p->names, i);
                capnp_text name;

                if (n->type != type)
                        continue;
                name = (capnp_text){(const char *)ASN1_STRING_get0_data(n->d.ia5),
                                    (uint32_t)ASN1_STRING_length(n->d.ia5)};
                if (name.len > TLS_SUBJECT_TEXT - MARGIN ||
                    !capos_i_tls_pattern_matches(kind, text, name))
                        continue;
                snprintf(rule->name, sizeof(rule->name), "%s%.*s", prefix, (int)name.len, name.p);
                return true;
        }
        return false;
}

/* ---- rules ---------------------------------------------------------------------------------- */

static void policy_met(struct policy *p, int64_t until)
{
        p->met = true;
        p->client.rule = p->nrules - 1;
        p->client.until = until;
        memcpy(p->client.name, p->rule.name, sizeof(p->client.name));
}

/* The records of a rule are complete. 0, or what ends it all. */
static int policy_conclude(struct policy *p)
{
        struct authority *by = p->rule.by;
        int64_t until = 0;
        int r;

        if (!p->nrules)
                return 0;
        if (!by && !p->rule.wants_pin)
                return TLS_RECHECK_E_RULES; /* anybody would meet it */
        if (p->met)
                return 0;

        if (by)
                r = authority_judge(by, p->shown);
        else
                r = p->rule.has_pin ? alone_judge(p->shown, &until) : TLS_RECHECK_E_PIN;
        if (r < 0)
                return r;
        if (!r && !leaf_is_fit(p->shown->leaf, by != NULL))
                r = TLS_RECHECK_E_PURPOSE;
        if (!r && p->rule.wants_pin && !p->rule.has_pin)
                r = TLS_RECHECK_E_PIN;
        if (!r && p->rule.wants_name && !p->rule.has_name)
                r = TLS_RECHECK_E_NAME;
        if (!r)
                policy_met(p, by ? by->until : until);
        else if (r > p->reason)
                p->reason = r;
        return 0;
}

static int policy_begin_rule(struct policy *p, capnp_data number)
{
        uint32_t n = 0;
        int r = policy_conclude(p);

        if (r)
                return r;
        if (p->nrules++ == TLS_RULES_RULES)
                return TLS_RECHECK_E_RULES;

        p->rule = (struct rule){.by = NULL};
        for (unsigned i = 0; i < number.len; i++)
                n = n << 8 | number.p[i];
        if (number.len && n >= p->nauthorities)
                return TLS_RECHECK_E_RULES;
        if (number.len)
                p->rule.by = &p->authorities[n];
        return 0;
}

/* An authority's PEM: a new one's certificates, or the last one's lists. */
static int policy_add_authority(struct policy *p, enum tls_rules_kind kind, capnp_data pem)
{
        struct authority *a;
        BIO *b;
        int r;

        if (p->nrules || pem.len > INT32_MAX || (kind == TLS_RULES_CRL && !p->nauthorities) ||
            (kind == TLS_RULES_AUTHORITY && p->nauthorities == TLS_RULES_AUTHORITIES))
                return TLS_RECHECK_E_RULES;

        if (kind == TLS_RULES_AUTHORITY) {
                a = &p->authorities[p->nauthorities++];
                *a = (struct authority){sk_X509_new_null(), sk_X509_CRL_new_null(), NOT_ASKED, 0};
        }
        a = &p->authorities[p->nauthorities - 1];
        b = BIO_new_mem_buf(pem.len ? (const void *)pem.p : "", (int)pem.len);
        if (!b || !a->certs || !a->crls)
                r = -ENOMEM;
        else
                r = kind == TLS_RULES_CRL ? authority_add_crls(a, b) : authority_add_certs(a, b);
        BIO_free(b);
        return r;
}

/* Whether names can make a difference. To compare them all takes long, and who shows a certificate
 * that no authority has issued is a stranger. */
static bool rule_wants_names(const struct policy *p)
{
        return !p->met && (!p->rule.by || !authority_judge(p->rule.by, p->shown));
}

static int policy_add_condition(struct policy *p, enum tls_rules_kind kind, capnp_data d)
{
        const capnp_text pattern = {(const char *)d.p, d.len};
        struct rule *rule = &p->rule;

        if (!p->nrules || (kind != TLS_RULES_PIN && !capos_i_tls_pattern_good(kind, pattern)))
                return TLS_RECHECK_E_RULES;

        if (kind == TLS_RULES_PIN) {
                rule->wants_pin = true;
                rule->has_pin =
                        rule->has_pin || !memcmp(d.p, p->shown->key_hash, TLS_KEY_HASH_BYTES);
                return 0;
        }
        rule->wants_name = true;
        if (!rule->has_name && rule_wants_names(p))
                rule->has_name = rule_find_name(rule, p, kind, d);
        return 0;
}

/* All records, also behind the rule that is met: what cannot be read is no policy. */
static int policy_read(struct policy *p, capnp_data rules)
{
        struct tls_rules_at at = {rules};
        enum tls_rules_kind kind;
        capnp_data d;
        int r;

        while (!(r = capos_i_tls_rules_next(&at, &kind, &d))) {
                switch (kind) {
                case TLS_RULES_AUTHORITY:
                case TLS_RULES_CRL:
                        r = policy_add_authority(p, kind, d);
                        break;
                case TLS_RULES_RULE:
                        r = policy_begin_rule(p, d);
                        break;
                case TLS_RULES_SPIFFE:
                case TLS_RULES_DNS:
                case TLS_RULES_EMAIL:
                case TLS_RULES_PIN:
                        r = policy_add_condition(p, kind, d);
                        break;
                }
                if (r)
                        return r;
        }
        return r == CAPNP_E_SHORT ? policy_conclude(p) : TLS_RECHECK_E_RULES;
}

/* ---- judging -------------------------------------------------------------------------------- */

/* The leaf's other names. 0; TLS_RECHECK_E_CERTIFICATE: there are some that cannot be read. */
static int policy_find_names(struct policy *p)
{
        int critical = -1;

        p->names = X509_get_ext_d2i(p->shown->leaf, NID_subject_alt_name, &critical, NULL);
        ERR_clear_error();
        return p->names || critical == -1 ? 0 : TLS_RECHECK_E_CERTIFICATE;
}

int capos_i_tls_policy_judge(capnp_data rules, const struct tls_shown *shown,
                             struct tls_client *ret)
{
        struct policy p = {.shown = shown, .reason = TLS_RECHECK_E_NO_RULE};
        int r = policy_find_names(&p);

        if (!r)
                r = policy_read(&p, rules);
        for (unsigned i = 0; i < p.nauthorities; i++)
                authority_deinit(&p.authorities[i]);
        GENERAL_NAMES_free(p.names);
        if (r)
                return r;
        if (!p.met)
                return p.reason;

        ret->rule = p.client.rule;
        ret->until = p.client.until;
        memcpy(ret->name, p.client.name, sizeof(ret->name));
        return 0;
}

static void policy_free_authorities(struct policy *p)
{
        for (unsigned i = 0; i < p->nauthorities; i++)
                authority_deinit(&p->authorities[i]);
        ERR_clear_error();
}

int capos_i_tls_policy_check(capnp_data rules)
{
        static const struct tls_shown nobody;
        struct policy p = {.shown = &nobody, .met = true}; /* so that no chain is asked for */
        int r = policy_read(&p, rules);

        policy_free_authorities(&p);
        return r;
}

static void until_first(int64_t *first, const ASN1_TIME *t)
{
        int64_t until;

        if (t && !capos_i_tls_time_read(t, &until) && (!*first || until < *first))
                *first = until;
}

int64_t capos_i_tls_policy_lists_until(capnp_data rules)
{
        static const struct tls_shown nobody;
        struct policy p = {.shown = &nobody, .met = true};
        int64_t first = 0;

        (void)!policy_read(&p, rules);
        for (unsigned i = 0; i < p.nauthorities; i++)
                for (int n = 0; n < sk_X509_CRL_num(p.authorities[i].crls); n++)
                        until_first(&first, X509_CRL_get0_nextUpdate(
                                                    sk_X509_CRL_value(p.authorities[i].crls, n)));
        policy_free_authorities(&p);
        return first;
}

int64_t capos_i_tls_policy_authorities_until(capnp_data rules)
{
        static const struct tls_shown nobody;
        struct policy p = {.shown = &nobody, .met = true};
        int64_t first = 0;

        (void)!policy_read(&p, rules);
        for (unsigned i = 0; i < p.nauthorities; i++)
                for (int n = 0; n < sk_X509_num(p.authorities[i].certs); n++)
                        until_first(&first,
                                    X509_get0_notAfter(sk_X509_value(p.authorities[i].certs, n)));
        policy_free_authorities(&p);
        return first;
}
