/*
 * Client certificates: who may have issued them, and whose they are.
 *
 * Nobody but this process knows paths. What is in the files goes, with the rules, as records to the
 * session manager, which has a prover judge by them, and to the zygote of the workers, which tells
 * clients whose certificates are wanted. The manifest stays as it is, so that the lists of
 * revocations can be read again while everything else does not change.
 */
#include "certificates.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon-packets.h"
#include "daemon-text.h"
#include "tls-file.h"
#include "tls-fingerprint.h"
#include "tls-policy.h"

enum { PLACE_BYTES = 128 };

/* What is at work: a look at the manifest, or the making of records. */
struct certificates {
        certificates_reader r;
        manifest_reader m;
        certificates_complain *complain;
        void *arg;
        unsigned faults;
        uint8_t *records;
        size_t len;
};

static void fault(struct certificates *c, const char *list, uint32_t at, const char *field,
                  const char *what)
{
        char path[PLACE_BYTES];

        c->faults++;
        snprintf(path, sizeof(path), "authentication.certificates.%s[%u]%s%s", list, at,
                 *field ? "." : "", field);
        c->complain(c->arg, path, what);
}

static bool text_equal(capnp_text a, capnp_text b)
{
        return a.len == b.len && !memcmp(a.p, b.p, a.len);
}

static certificates_reader manifest_certificates(manifest_reader m)
{
        return authentication_certificates(manifest_authentication(m));
}

bool certificates_wanted(manifest_reader m)
{
        return certificate_rule_list_len(certificates_rules(manifest_certificates(m))) > 0;
}

/* The number of the authority of this name; how many there are when none has it. */
static uint32_t authority_find(const struct certificates *c, capnp_text name)
{
        certificate_authority_list l = certificates_authorities(c->r);
        uint32_t i = 0;

        while (i < certificate_authority_list_len(l) &&
               !text_equal(certificate_authority_name(certificate_authority_list_get(l, i)), name))
                i++;
        return i;
}

/* ---- the manifest --------------------------------------------------------------------------- */

static bool path_is_good(capnp_text t)
{
        return !t.len || (t.p[0] == '/' && text_is_plain(t));
}

static void authority_check(struct certificates *c, uint32_t i)
{
        static const char list[] = "authorities", absolute[] = "must be an absolute path";
        certificate_authority_reader a =
                certificate_authority_list_get(certificates_authorities(c->r), i);
        capnp_text name = certificate_authority_name(a);

        if (!name.len)
                fault(c, list, i, "name", "is missing: rules call it by that");
        else if (authority_find(c, name) != i)
                fault(c, list, i, "name", "another authority has this name");
        if (!certificate_authority_certificates(a).len == !certificate_authority_file(a).len)
                fault(c, list, i, "file",
                      "either this or `certificates` says what its certificates are");
        if (!path_is_good(certificate_authority_file(a)))
                fault(c, list, i, "file", absolute);
        if (!path_is_good(certificate_authority_revocations(a)))
                fault(c, list, i, "revocations", absolute);
}

struct names {
        const char *field;
        enum tls_rules_kind kind;
        capnp_list list;
        capnp_text (*at)(capnp_list list, uint32_t i);
};

enum { NAMES = 3 };

static void rule_names(certificate_rule_reader r, struct names ret[NAMES])
{
        ret[0] = (struct names){"spiffe", TLS_RULES_SPIFFE, certificate_rule_spiffe(r),
                                certificate_rule_spiffe_at};
        ret[1] = (struct names){"dns", TLS_RULES_DNS, certificate_rule_dns(r),
                                certificate_rule_dns_at};
        ret[2] = (struct names){"email", TLS_RULES_EMAIL, certificate_rule_email(r),
                                certificate_rule_email_at};
}

static bool pin_read(capnp_text t, uint8_t ret[TLS_KEY_HASH_BYTES])
{
        return text_is_plain(t) && !capos_i_tls_fingerprint_read(t.p, ret);
}

/* Whom it wants; true: it wants a name. */
static bool rule_check_conditions(struct certificates *c, uint32_t i, certificate_rule_reader r)
{
        static const char list[] = "rules";
        capnp_list keys = certificate_rule_keys(r);
        uint8_t hash[TLS_KEY_HASH_BYTES];
        struct names names[NAMES];
        bool named = false;

        if (certificate_rule_authority(r).len &&
            authority_find(c, certificate_rule_authority(r)) ==
                    certificate_authority_list_len(certificates_authorities(c->r)))
                fault(c, list, i, "authority", "there is no authority of this name");
        if (!certificate_rule_authority(r).len && !keys.len)
                fault(c, list, i, "", "anybody would meet it: it wants an authority, or keys");
        for (uint32_t k = 0; k < keys.len; k++)
                if (!pin_read(certificate_rule_keys_at(keys, k), hash))
                        fault(c, list, i, "keys", "must each be `sha256:` and 43 letters");

        rule_names(r, names);
        for (unsigned k = 0; k < NAMES; k++) {
                named = named || names[k].list.len;
                for (uint32_t n = 0; n < names[k].list.len; n++)
                        if (!capos_i_tls_pattern_good(names[k].kind, names[k].at(names[k].list, n)))
                                fault(c, list, i, names[k].field, "is no pattern of its kind");
        }
        return named;
}

static bool profile_is_for_accounts(manifest_reader m, capnp_text name)
{
        profile_list l = manifest_profiles(m);

        for (uint32_t i = 0; i < profile_list_len(l); i++)
                if (text_equal(profile_name(profile_list_get(l, i)), name))
                        return profile_accounts(profile_list_get(l, i));
        return false;
}

static void rule_check(struct certificates *c, uint32_t i)
{
        static const char list[] = "rules";
        certificate_rule_reader r = certificate_rule_list_get(certificates_rules(c->r), i);
        bool named = rule_check_conditions(c, i, r);
        bool from_name = certificate_rule_account_from_name(r);

        if (!certificate_rule_account(r).len == !from_name)
                fault(c, list, i, "account",
                      "either this or `accountFromName` says which account it is for");
        if (from_name && !named)
                fault(c, list, i, "accountFromName", "it wants no name");
        if (certificate_rule_profile(r).len &&
            !profile_is_for_accounts(c->m, certificate_rule_profile(r)))
                fault(c, list, i, "profile", "accounts have no profile of this name");
}

unsigned certificates_check(manifest_reader m, certificates_complain *complain, void *arg)
{
        struct certificates c = {
                .r = manifest_certificates(m), .m = m, .complain = complain, .arg = arg};
        uint32_t authorities = certificate_authority_list_len(certificates_authorities(c.r));
        uint32_t rules = certificate_rule_list_len(certificates_rules(c.r));

        if (authorities > TLS_RULES_AUTHORITIES) {
                fault(&c, "authorities", TLS_RULES_AUTHORITIES, "", "too many: at most 32");
                return c.faults;
        }
        if (rules > TLS_RULES_RULES) {
                fault(&c, "rules", TLS_RULES_RULES, "", "too many: at most 256");
                return c.faults;
        }
        for (uint32_t i = 0; i < authorities; i++)
                authority_check(&c, i);
        for (uint32_t i = 0; i < rules; i++)
                rule_check(&c, i);
        return c.faults;
}

/* ---- the files ------------------------------------------------------------------------------ */

static int record(struct certificates *c, enum tls_rules_kind kind, const void *p, size_t len)
{
        return capos_i_tls_rules_add(c->records, PROOF_RULES_BYTES, &c->len, kind,
                                     (capnp_data){p, (uint32_t)len});
}

static const char *load_strerror(int r)
{
        switch (r) {
        case TLS_FILE_E_SIZE:
                return "is larger than 64 KiB";
        case TLS_RECHECK_E_RULES:
                return "is no PEM of what it should have";
        case CAPNP_E_LIMIT:
                return "is too much: all of them and the rules have 56 KiB";
        case -EINVAL:
                return "is no file";
        case -EKEYREJECTED:
                return "has a private key in it: workers are given what is in it";
        default:
                return strerror(-r);
        }
}

/* Nobody needs an authority's key here, and workers and provers would have it. */
static int authority_record(struct certificates *c, enum tls_rules_kind kind, capnp_data pem)
{
        return capos_i_tls_pem_has_key(pem) ? -EKEYREJECTED : record(c, kind, pem.p, pem.len);
}

/* The bytes of a file, or of the text, as a record that can be read. */
static int authority_add(struct certificates *c, enum tls_rules_kind kind, capnp_text file,
                         capnp_text text)
{
        capnp_data bytes = {0};
        int r = 0, fd;

        if (!file.len) {
                r = authority_record(c, kind, (capnp_data){(const uint8_t *)text.p, text.len});
        } else {
                fd = open(file.p, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
                r = fd < 0 ? -errno : capos_i_tls_file_read(fd, &bytes);
                if (fd >= 0)
                        (void)close(fd);
                if (!r)
                        r = authority_record(c, kind, bytes);
                capos_i_tls_bytes_free(&bytes);
        }
        return r ? r : capos_i_tls_policy_check((capnp_data){c->records, (uint32_t)c->len});
}

static int authority_make(struct certificates *c, uint32_t i)
{
        certificate_authority_reader a =
                certificate_authority_list_get(certificates_authorities(c->r), i);
        capnp_text file = certificate_authority_file(a);
        capnp_text revocations = certificate_authority_revocations(a);
        const char *field = file.len ? "file" : "certificates";
        int r;

        r = authority_add(c, TLS_RULES_AUTHORITY, file, certificate_authority_certificates(a));
        if (!r && revocations.len) {
                field = "revocations";
                r = authority_add(c, TLS_RULES_CRL, revocations, (capnp_text){0});
        }
        if (r)
                fault(c, "authorities", i, field, load_strerror(r));
        return r;
}

/* 0, or CAPNP_E_LIMIT. */
static int rule_make(struct certificates *c, uint32_t i)
{
        certificate_rule_reader rule = certificate_rule_list_get(certificates_rules(c->r), i);
        capnp_list keys = certificate_rule_keys(rule);
        uint8_t number[4] = {0}, hash[TLS_KEY_HASH_BYTES];
        struct names names[NAMES];
        int r;

        number[3] = (uint8_t)authority_find(c, certificate_rule_authority(rule));
        r = record(c, TLS_RULES_RULE, number,
                   certificate_rule_authority(rule).len ? sizeof(number) : 0);
        for (uint32_t k = 0; !r && k < keys.len; k++)
                if (pin_read(certificate_rule_keys_at(keys, k), hash))
                        r = record(c, TLS_RULES_PIN, hash, sizeof(hash));
        rule_names(rule, names);
        for (unsigned k = 0; k < NAMES; k++)
                for (uint32_t n = 0; !r && n < names[k].list.len; n++) {
                        capnp_text t = names[k].at(names[k].list, n);

                        r = record(c, names[k].kind, t.p, t.len);
                }
        if (r)
                fault(c, "rules", i, "", load_strerror(r));
        return r;
}

static int records_give(const struct certificates *c, int *ret_fd)
{
        enum { SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL };
        int fd = memfd_create("rules", MFD_CLOEXEC | MFD_ALLOW_SEALING), r = 0;

        if (fd < 0)
                return -errno;

        if (pwrite(fd, c->records, c->len, 0) != (ssize_t)c->len || fcntl(fd, F_ADD_SEALS, SEALS))
                r = -errno;
        if (r)
                (void)close(fd);
        else
                *ret_fd = fd;
        return r;
}

int certificates_make(manifest_reader m, certificates_complain *complain, void *arg,
                      struct certificates_made *ret)
{
        struct certificates c = {
                .r = manifest_certificates(m), .m = m, .complain = complain, .arg = arg};
        uint32_t authorities = certificate_authority_list_len(certificates_authorities(c.r));
        uint32_t rules = certificate_rule_list_len(certificates_rules(c.r));
        int r = 0;

        c.records = malloc(PROOF_RULES_BYTES);
        if (!c.records)
                return -ENOMEM;

        for (uint32_t i = 0; i < authorities; i++)
                r = authority_make(&c, i) ? -EINVAL : r;
        for (uint32_t i = 0; !r && i < rules; i++)
                r = rule_make(&c, i) ? -EINVAL : 0;
        if (!r)
                r = records_give(&c, &ret->fd);
        if (!r) {
                capnp_data records = {c.records, (uint32_t)c.len};

                ret->until_s = capos_i_tls_policy_lists_until(records);
                ret->authorities_s = capos_i_tls_policy_authorities_until(records);
        }
        free(c.records);
        return r;
}

/* ---- what has changed ----------------------------------------------------------------------- */

static bool authority_next(struct tls_rules_at *at, capnp_data *ret)
{
        enum tls_rules_kind kind;

        while (!capos_i_tls_rules_next(at, &kind, ret))
                if (kind == TLS_RULES_AUTHORITY)
                        return true;
        return false;
}

bool certificates_same_authorities(int one, int other)
{
        struct tls_rules_at at[2] = {{.left = {0}}};
        capnp_data all[2] = {{0}}, d[2];
        bool same = !capos_i_tls_file_read(one, &all[0]) && !capos_i_tls_file_read(other, &all[1]);
        bool more = same;

        at[0].left = all[0];
        at[1].left = all[1];
        while (same && more) {
                more = authority_next(&at[0], &d[0]);
                same = authority_next(&at[1], &d[1]) == more &&
                       (!more || (d[0].len == d[1].len && !memcmp(d[0].p, d[1].p, d[0].len)));
        }
        capos_i_tls_bytes_free(&all[0]);
        capos_i_tls_bytes_free(&all[1]);
        return same;
}
