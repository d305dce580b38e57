/*
 * Rules over certificates: who meets which, and why not.
 */
#include "tls-policy.h"

#include <errno.h>

#include "test-tls-handshake.h"

/* What a certificate (and what was sent behind it) is by these rules. */
static int judge_at(const struct cert *c, const struct cert *rest, const struct rules *r,
                    int64_t now, struct tls_client *who)
{
        struct tls_shown shown = {.leaf = c->x, .rest = sk_X509_new_null(), .now = now};
        int e;

        CHECK(shown.rest != NULL);
        if (rest)
                CHECK(sk_X509_push(shown.rest, rest->x) > 0);
        CHECK_OK(capos_i_tls_key_hash(c->x, shown.key_hash));
        e = capos_i_tls_policy_judge(rules_data(r), &shown, who);
        sk_X509_free(shown.rest);
        return e;
}

static int judge(const struct cert *c, const struct rules *r, struct tls_client *who)
{
        return judge_at(c, NULL, r, CERT_NOW, who);
}

/* Makes a certificate and expects this of it. */
static void plan_is(const struct cert_plan *p, const struct rules *r, int reason, const char *name)
{
        struct cert c = cert_make(p);
        struct tls_client who = {.name = ""};

        CHECK_EQ(judge(&c, r, &who), reason);
        CHECK_STR(who.name, name);
        cert_deinit(&c);
}

TEST(an_authority_has_issued_it)
{
        struct cert ca = cert_authority("ca", NULL), other = cert_authority("ca", NULL);
        struct rules r = rules_of(&ca);

        plan_is(&(struct cert_plan){.by = &ca}, &r, 0, "");
        plan_is(&(struct cert_plan){.by = &other}, &r, TLS_RECHECK_E_ISSUER, "");
        plan_is(&(struct cert_plan){0}, &r, TLS_RECHECK_E_ISSUER, "");
        plan_is(&(struct cert_plan){.name = "ca"}, &r, TLS_RECHECK_E_ISSUER, "");
        plan_is(&(struct cert_plan){.by = &ca, .purposes = "serverAuth"}, &r, TLS_RECHECK_E_PURPOSE,
                "");
        plan_is(&(struct cert_plan){.by = &ca, .digest = EVP_sha1()}, &r, TLS_RECHECK_E_PURPOSE,
                "");
        plan_is(&(struct cert_plan){.by = &ca, .type = "RSA1024"}, &r, TLS_RECHECK_E_PURPOSE, "");
        plan_is(&(struct cert_plan){.by = &ca, .usage = "critical,keyAgreement,keyCertSign"}, &r,
                TLS_RECHECK_E_PURPOSE, "");
        plan_is(&(struct cert_plan){.by = &ca, .constraints = "critical,CA:TRUE"}, &r,
                TLS_RECHECK_E_PURPOSE, "");
        plan_is(&(struct cert_plan){.by = &ca, .usage = "critical,digitalSignature,keyCertSign"},
                &r, TLS_RECHECK_E_PURPOSE, "");
        plan_is(&(struct cert_plan){.by = &ca, .usage = "critical,digitalSignature,cRLSign"}, &r,
                TLS_RECHECK_E_PURPOSE, "");
        plan_is(&(struct cert_plan){.by = &ca, .usage = "critical,digitalSignature"}, &r, 0, "");
        cert_deinit(&ca);
        cert_deinit(&other);
}

TEST(a_leaf_issues_nothing)
{
        struct cert ca = cert_authority("ca", NULL),
                    leaf = cert_make(&(struct cert_plan){.by = &ca});
        struct cert c = cert_make(&(struct cert_plan){.by = &leaf});
        struct rules r = rules_of(&ca);
        struct tls_client who;

        CHECK(judge_at(&c, &leaf, &r, CERT_NOW, &who) != 0);
        cert_deinit(&c);
        cert_deinit(&leaf);
        cert_deinit(&ca);
}

TEST(what_lies_between_comes_along)
{
        struct cert ca = cert_authority("ca", NULL), mid = cert_authority("mid", &ca);
        struct cert c = cert_make(&(struct cert_plan){.by = &mid});
        struct rules r = rules_of(&ca);
        struct tls_client who;

        CHECK_OK(judge_at(&c, &mid, &r, CERT_NOW, &who));
        CHECK_EQ(judge_at(&c, NULL, &r, CERT_NOW, &who), TLS_RECHECK_E_ISSUER);
        CHECK_EQ(judge_at(&c, &ca, &r, CERT_NOW, &who), TLS_RECHECK_E_ISSUER);
        cert_deinit(&c);
        cert_deinit(&mid);
        cert_deinit(&ca);
}

TEST(it_ends_with_the_first_of_its_chain)
{
        struct cert ca = cert_authority("ca", NULL), mid, c;
        struct rules r = rules_of(&ca);
        struct tls_client who;

        mid = cert_make(&(struct cert_plan){.name = "mid",
                                            .by = &ca,
                                            .constraints = "critical,CA:TRUE",
                                            .usage = "critical,keyCertSign",
                                            .from = CERT_NOW - 10,
                                            .until = CERT_NOW + 20});
        c = cert_make(
                &(struct cert_plan){.by = &mid, .from = CERT_NOW - 5, .until = CERT_NOW + 50});
        CHECK_OK(judge_at(&c, &mid, &r, CERT_NOW, &who));
        CHECK_EQ(who.until, CERT_NOW + 20);
        CHECK_EQ(judge_at(&c, &mid, &r, CERT_NOW - 6, &who), TLS_RECHECK_E_NOT_YET);
        CHECK_EQ(judge_at(&c, &mid, &r, CERT_NOW + 21, &who), TLS_RECHECK_E_EXPIRED);
        CHECK_EQ(judge_at(&c, &mid, &r, CERT_NOW + 51, &who), TLS_RECHECK_E_EXPIRED);
        cert_deinit(&c);
        cert_deinit(&mid);
        cert_deinit(&ca);
}

/* ---- revocation ----------------------------------------------------------------------------- */

/* A list by an authority, in date for a day around now, with one certificate in it. */
static void rules_add_crl(struct rules *r, const struct cert *by, const struct cert *revoked,
                          int64_t until)
{
        X509_CRL *l = X509_CRL_new();
        ASN1_TIME *t = ASN1_TIME_set(NULL, (time_t)(CERT_NOW - CERT_DAY));
        BIO *b = BIO_new(BIO_s_mem());
        struct cert_text text = {0};

        CHECK(l && t && b);
        CHECK_EQ(X509_CRL_set_version(l, X509_CRL_VERSION_2), 1);
        CHECK_EQ(X509_CRL_set_issuer_name(l, X509_get_subject_name(by->x)), 1);
        CHECK_EQ(X509_CRL_set1_lastUpdate(l, t), 1);
        if (revoked) {
                X509_REVOKED *one = X509_REVOKED_new();

                CHECK_EQ(X509_REVOKED_set_serialNumber(one, X509_get_serialNumber(revoked->x)), 1);
                CHECK_EQ(X509_REVOKED_set_revocationDate(one, t), 1);
                CHECK_EQ(X509_CRL_add0_revoked(l, one), 1);
        }
        CHECK(ASN1_TIME_set(t, (time_t)until));
        CHECK_EQ(X509_CRL_set1_nextUpdate(l, t), 1);
        CHECK(X509_CRL_sign(l, by->key, EVP_sha256()) > 0);
        CHECK_EQ(PEM_write_bio_X509_CRL(b, l), 1);
        cert_text_add(&text, b);
        rules_add(r, TLS_RULES_CRL, text.p, text.len);
        free(text.p);
        X509_CRL_free(l);
        ASN1_TIME_free(t);
}

static struct rules rules_with_crl(const struct cert *ca, const struct cert *by,
                                   const struct cert *revoked, int64_t until)
{
        struct rules r = {.len = 0};

        rules_add_authority(&r, ca);
        rules_add_crl(&r, by, revoked, until);
        rules_begin(&r, 0);
        return r;
}

TEST(what_is_revoked_is_refused)
{
        struct cert ca = cert_authority("ca", NULL), fake = cert_authority("ca", NULL);
        struct cert c = cert_make(&(struct cert_plan){.by = &ca});
        struct cert d = cert_make(&(struct cert_plan){.by = &ca});
        const int64_t later = CERT_NOW + CERT_DAY;
        struct rules r = rules_with_crl(&ca, &ca, &c, later);
        struct tls_client who;

        CHECK_EQ(judge(&c, &r, &who), TLS_RECHECK_E_REVOKED);
        CHECK_OK(judge(&d, &r, &who));
        r = rules_with_crl(&ca, &ca, NULL, later);
        CHECK_OK(judge(&c, &r, &who));
        CHECK_EQ(capos_i_tls_policy_lists_until(rules_data(&r)), later);
        CHECK_EQ(capos_i_tls_policy_authorities_until(rules_data(&r)),
                 CERT_NOW + 1000ll * CERT_DAY);
        r = rules_with_crl(&ca, &ca, NULL, CERT_NOW - 1);
        CHECK_EQ(capos_i_tls_policy_lists_until(rules_data(&r)), CERT_NOW - 1);
        CHECK_EQ(judge(&c, &r, &who), TLS_RECHECK_E_CRL);
        r = rules_with_crl(&ca, &fake, &c, later);
        CHECK_EQ(judge(&c, &r, &who), TLS_RECHECK_E_CRL);
        cert_deinit(&c);
        cert_deinit(&d);
        cert_deinit(&fake);
        cert_deinit(&ca);
}

TEST(whoever_has_issued_it_needs_a_list)
{
        struct cert ca = cert_authority("ca", NULL), mid = cert_authority("mid", &ca);
        struct cert c = cert_make(&(struct cert_plan){.by = &mid});
        const int64_t later = CERT_NOW + CERT_DAY;
        struct rules r = rules_with_crl(&ca, &ca, NULL, later);
        struct tls_client who;

        CHECK_EQ(judge_at(&c, &mid, &r, CERT_NOW, &who), TLS_RECHECK_E_CRL);
        r = rules_with_crl(&ca, &mid, NULL, later); /* none of the root's */
        CHECK_OK(judge_at(&c, &mid, &r, CERT_NOW, &who));
        r = (struct rules){.len = 0};
        rules_add_authority(&r, &ca);
        rules_add_crl(&r, &mid, NULL, later);
        rules_add_crl(&r, &ca, &mid, later);
        rules_begin(&r, 0);
        CHECK_EQ(judge_at(&c, &mid, &r, CERT_NOW, &who), TLS_RECHECK_E_REVOKED);
        cert_deinit(&c);
        cert_deinit(&mid);
        cert_deinit(&ca);
}

/* ---- names ---------------------------------------------------------------------------------- */

TEST(a_rule_wants_one_of_its_names)
{
        struct cert ca = cert_authority("ca", NULL);
        struct rules r = rules_of(&ca);
        const int no = TLS_RECHECK_E_NAME;

        rules_add_text(&r, TLS_RULES_SPIFFE, "spiffe://a/*");
        rules_add_text(&r, TLS_RULES_DNS, "*.example.org");
        rules_add_text(&r, TLS_RULES_EMAIL, "*@example.org");
        plan_is(&(struct cert_plan){.by = &ca, .names = "URI:spiffe://a/b"}, &r, 0, "spiffe://a/b");
        plan_is(&(struct cert_plan){.by = &ca, .names = "DNS:z,DNS:a.example.org"}, &r, 0,
                "DNS:a.example.org");
        plan_is(&(struct cert_plan){.by = &ca, .names = "email:x@example.org"}, &r, 0,
                "email:x@example.org");
        plan_is(&(struct cert_plan){.by = &ca}, &r, no, "");
        plan_is(&(struct cert_plan){.by = &ca, .name = "a.example.org"}, &r, no, "");
        plan_is(&(struct cert_plan){.by = &ca, .names = "DNS:*.example.org"}, &r, no, "");
        plan_is(&(struct cert_plan){.by = &ca, .names = "URI:a.example.org"}, &r, no, "");
        plan_is(&(struct cert_plan){.by = &ca, .names = "DNS:x@example.org"}, &r, no, "");
        plan_is(&(struct cert_plan){.by = &ca, .names = "URI:spiffe://a/b,URI:spiffe://a/c"}, &r,
                no, "");
        cert_deinit(&ca);
}

/* ---- pins ----------------------------------------------------------------------------------- */

static void rules_add_pin(struct rules *r, const struct cert *c)
{
        uint8_t hash[32];

        CHECK_OK(capos_i_tls_key_hash(c->x, hash));
        rules_add(r, TLS_RULES_PIN, hash, sizeof(hash));
}

TEST(a_pinned_key_needs_no_authority)
{
        struct cert c = cert_make(&(struct cert_plan){0}), d = cert_make(&(struct cert_plan){0});
        struct rules r = {.len = 0};
        struct tls_client who;

        rules_begin(&r, -1);
        rules_add_pin(&r, &c);
        CHECK_OK(judge(&c, &r, &who));
        CHECK_EQ(who.until, CERT_NOW + CERT_DAY);
        CHECK_EQ(judge(&d, &r, &who), TLS_RECHECK_E_PIN);
        CHECK_EQ(judge_at(&d, NULL, &r, CERT_NOW + 2 * CERT_DAY, &who), TLS_RECHECK_E_PIN);
        CHECK_EQ(judge_at(&c, NULL, &r, CERT_NOW + CERT_DAY + 1, &who), TLS_RECHECK_E_EXPIRED);
        CHECK_EQ(judge_at(&c, NULL, &r, CERT_NOW - CERT_DAY - 1, &who), TLS_RECHECK_E_NOT_YET);
        rules_add_pin(&r, &d);
        CHECK_OK(judge(&d, &r, &who));
        rules_add_text(&r, TLS_RULES_DNS, "a.example.org");
        CHECK_EQ(judge(&d, &r, &who), TLS_RECHECK_E_NAME);
        plan_is(&(struct cert_plan){.key = c.key, .purposes = "serverAuth"}, &r,
                TLS_RECHECK_E_PURPOSE, "");
        cert_deinit(&c);
        cert_deinit(&d);
}

TEST(a_pin_narrows_what_an_authority_has_issued)
{
        struct cert ca = cert_authority("ca", NULL), c = cert_make(&(struct cert_plan){.by = &ca});
        struct rules r = rules_of(&ca);
        struct tls_client who;

        rules_add_pin(&r, &ca);
        CHECK_EQ(judge(&c, &r, &who), TLS_RECHECK_E_PIN);
        rules_add_pin(&r, &c);
        CHECK_OK(judge(&c, &r, &who));
        plan_is(&(struct cert_plan){.key = c.key}, &r, TLS_RECHECK_E_ISSUER, "");
        cert_deinit(&c);
        cert_deinit(&ca);
}

/* ---- several rules -------------------------------------------------------------------------- */

TEST(the_first_rule_that_is_met_counts)
{
        struct cert one = cert_authority("one", NULL), two = cert_authority("two", NULL);
        struct cert c = cert_make(&(struct cert_plan){.by = &two, .names = "DNS:c"});
        struct rules r = {.len = 0};
        struct tls_client who;

        rules_add_authority(&r, &one);
        rules_add_authority(&r, &two);
        rules_begin(&r, 0);
        rules_begin(&r, 1);
        rules_add_text(&r, TLS_RULES_DNS, "b");
        rules_begin(&r, 1);
        rules_add_text(&r, TLS_RULES_DNS, "c");
        rules_begin(&r, 1);
        CHECK_OK(judge(&c, &r, &who));
        CHECK_EQ(who.rule, 2);
        CHECK_STR(who.name, "DNS:c");
        cert_deinit(&c);

        /* The nearest miss gives the reason. */
        r.len = 0;
        rules_add_authority(&r, &two);
        rules_add_authority(&r, &one);
        rules_begin(&r, 0);
        rules_add_text(&r, TLS_RULES_DNS, "b");
        rules_begin(&r, 1);
        c = cert_make(&(struct cert_plan){.by = &two, .names = "DNS:c"});
        CHECK_EQ(judge(&c, &r, &who), TLS_RECHECK_E_NAME);
        CHECK_EQ(judge_at(&c, NULL, &r, CERT_NOW + 2 * CERT_DAY, &who), TLS_RECHECK_E_EXPIRED);
        cert_deinit(&c);
        cert_deinit(&one);
        cert_deinit(&two);
}

/* Neither for whoever judges, nor for whoever looks at them beforehand. */
static void rules_are_none(const struct cert *c, const struct rules *r)
{
        struct tls_client who;

        CHECK_EQ(judge(c, r, &who), TLS_RECHECK_E_RULES);
        CHECK_EQ(capos_i_tls_policy_check(rules_data(r)), TLS_RECHECK_E_RULES);
}

TEST(rules_that_cannot_be_read_are_none)
{
        struct cert ca = cert_authority("ca", NULL), c = cert_make(&(struct cert_plan){.by = &ca});
        struct rules r = {.len = 0}, good = rules_of(&ca);
        struct tls_client who;

        CHECK_EQ(judge(&c, &r, &who), TLS_RECHECK_E_NO_RULE);
        rules_add_authority(&r, &ca);
        CHECK_EQ(judge(&c, &r, &who), TLS_RECHECK_E_NO_RULE);
        rules_begin(&r, 1); /* there is no such authority */
        rules_are_none(&c, &r);
        r.len = 0;
        rules_begin(&r, -1); /* anybody at all */
        rules_are_none(&c, &r);
        r.len = 0;
        rules_add_text(&r, TLS_RULES_AUTHORITY, "nothing");
        rules_are_none(&c, &r);
        r = good;
        rules_add_text(&r, TLS_RULES_DNS, "*");
        rules_are_none(&c, &r);
        r = good;
        rules_add_authority(&r, &ca); /* too late */
        rules_are_none(&c, &r);

        /* Cut anywhere, they believe nobody. */
        for (r = good, r.len = 0; r.len < good.len; r.len++)
                CHECK(judge(&c, &r, &who) != 0);
        CHECK_OK(judge(&c, &good, &who));
        CHECK_OK(capos_i_tls_policy_check(rules_data(&good)));
        CHECK_EQ(capos_i_tls_policy_lists_until(rules_data(&good)), 0); /* it has none */
        r = good;
        rules_begin(&r, -1); /* behind one that is met */
        rules_are_none(&c, &r);
        r = good;
        r.len = 0;
        rules_add_authority(&r, &ca);
        rules_add_text(&r, TLS_RULES_CRL, "nothing");
        rules_are_none(&c, &r);
        cert_deinit(&c);
        cert_deinit(&ca);
}
