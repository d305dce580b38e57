/*
 * Identity providers in the manifest.
 *
 * Nobody but this process knows paths. What is in the files goes to the session manager, in a file
 * in memory: the secret that this instance has at the provider, the provider's keys where they are
 * pinned, who vouches for its hosts. They are read at the start.
 */
#include "providers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon-fetch.h"
#include "daemon-text.h"
#include "daemon-token.h"
#include "session-url.h"
#include "tls-file.h"

enum {
        PLACE_BYTES = 128,
        ISSUERS_MAX = 16,
        RULES_MAX = 64,
        CLAIMS_MAX = 16,
        NAME_BYTES = 16, /* so that the name of an account that is made has room for its rest */
        RULE_TEXT_BYTES = 256,
};

/* What is at work: a look at the manifest, or the making of the file. */
struct providers {
        oidc_issuer_list list;
        manifest_reader m;
        providers_complain *complain;
        void *arg;
        unsigned faults;
        int fd;
};

static void fault(struct providers *p, uint32_t at, const char *field, const char *what)
{
        char path[PLACE_BYTES];

        p->faults++;
        snprintf(path, sizeof(path), "authentication.oidc[%u].%s", at, field);
        p->complain(p->arg, path, what);
}

static void rule_fault(struct providers *p, uint32_t at, uint32_t rule, const char *field,
                       const char *what)
{
        char path[PLACE_BYTES / 2];

        snprintf(path, sizeof(path), "rules[%u].%s", rule, field);
        fault(p, at, path, what);
}

static struct providers providers_of(manifest_reader m, providers_complain *complain, void *arg)
{
        return (struct providers){.list = authentication_oidc(manifest_authentication(m)),
                                  .m = m,
                                  .complain = complain,
                                  .arg = arg,
                                  .fd = -1};
}

bool providers_wanted(manifest_reader m)
{
        return oidc_issuer_list_len(authentication_oidc(manifest_authentication(m))) > 0;
}

/* ---- the manifest --------------------------------------------------------------------------- */

static bool text_equal(capnp_text a, capnp_text b)
{
        return a.len == b.len && !memcmp(a.p, b.p, a.len);
}

/* Of printable ASCII, of which an account's name and an HTTP request can be made. */
static bool text_is_printable(capnp_text t, size_t room)
{
        for (uint32_t i = 0; i < t.len; i++)
                if (t.p[i] < ' ' || t.p[i] > '~')
                        return false;
        return t.len < room;
}

static bool name_is_good(capnp_text t)
{
        static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";

        return t.len && t.len <= NAME_BYTES && text_is_plain(t) && strspn(t.p, letters) == t.len;
}

static const char *path_wrong(capnp_text t)
{
        return t.len && (t.p[0] != '/' || !text_is_plain(t)) ? "must be an absolute path" : NULL;
}

static void issuer_check_names(struct providers *p, uint32_t i, oidc_issuer_reader r)
{
        capnp_text issuer = oidc_issuer_issuer(r);

        if (!name_is_good(oidc_issuer_name(r)))
                fault(p, i, "name", "has 1 to 16 of a-z, 0-9, _ and -");
        for (uint32_t k = 0; k < i; k++) {
                if (text_equal(oidc_issuer_name(oidc_issuer_list_get(p->list, k)),
                               oidc_issuer_name(r)))
                        fault(p, i, "name", "another provider has this name");
                if (text_equal(oidc_issuer_issuer(oidc_issuer_list_get(p->list, k)), issuer))
                        fault(p, i, "issuer", "another provider has this issuer");
        }
        if (!text_is_plain(issuer) || !capos_i_url_is_good(issuer.p, oidc_issuer_loopback(r)))
                fault(p, i, "issuer",
                      "must be https://HOST…; http:// at 127.0.0.1 or [::1] takes `loopback`");
        else if (strchr(issuer.p, '?'))
                fault(p, i, "issuer", "an issuer has no query");
}

/* Words with a space between them. */
static bool scopes_are_good(capnp_text t)
{
        static const char first[] = "openid";

        return strcspn(t.p, " ") == strlen(first) && !strncmp(t.p, first, strlen(first));
}

static void issuer_check_texts(struct providers *p, uint32_t i, oidc_issuer_reader r)
{
        static const char printable[] = "must be printable ASCII of less than 256 bytes";
        capnp_text id = oidc_issuer_client_id(r);

        if (!id.len)
                fault(p, i, "clientId", "is missing: who this instance is there");
        if (!text_is_printable(id, FETCH_ID_BYTES))
                fault(p, i, "clientId", printable);
        if (!text_is_printable(oidc_issuer_audience(r), FETCH_ID_BYTES))
                fault(p, i, "audience", printable);
        if (id.len && text_equal(oidc_issuer_audience(r), id))
                fault(p, i, "audience",
                      "must not be `clientId`: tokens for a person's login would be good for a "
                      "program's");
        if (!text_is_printable(oidc_issuer_scopes(r), FETCH_ID_BYTES))
                fault(p, i, "scopes", printable);
        else if (!scopes_are_good(oidc_issuer_scopes(r)))
                fault(p, i, "scopes", "must begin with the word `openid`");
        if (path_wrong(oidc_issuer_client_secret_file(r)))
                fault(p, i, "clientSecretFile", path_wrong(oidc_issuer_client_secret_file(r)));
        if (path_wrong(oidc_issuer_keys_file(r)))
                fault(p, i, "keysFile", path_wrong(oidc_issuer_keys_file(r)));
        if (path_wrong(oidc_issuer_ca_file(r)))
                fault(p, i, "caFile", path_wrong(oidc_issuer_ca_file(r)));
}

/* service: also those for service accounts. */
static bool profile_is_for_accounts(manifest_reader m, capnp_text name, bool service)
{
        profile_list l = manifest_profiles(m);

        for (uint32_t i = 0; i < profile_list_len(l); i++)
                if (text_equal(profile_name(profile_list_get(l, i)), name))
                        return profile_accounts(profile_list_get(l, i)) &&
                               (service || !profile_service(profile_list_get(l, i)));
        return false;
}

static bool claim_is_good(oidc_claim_reader c)
{
        capnp_text name = oidc_claim_name(c), value = oidc_claim_value(c);

        return name.len && name.len < RULE_TEXT_BYTES && text_is_plain(name) && value.len &&
               value.len < RULE_TEXT_BYTES && text_is_plain(value);
}

static void rule_check(struct providers *p, uint32_t at, oidc_rule_list list, uint32_t i)
{
        oidc_rule_reader r = oidc_rule_list_get(list, i);
        oidc_claim_list claims = oidc_rule_claims(r);
        capnp_text account = oidc_rule_account(r), profile = oidc_rule_profile(r);

        if (!oidc_claim_list_len(claims))
                rule_fault(p, at, i, "claims", "anybody there would meet it: it wants a claim");
        if (oidc_claim_list_len(claims) > CLAIMS_MAX)
                rule_fault(p, at, i, "claims", "too many: at most 16");
        for (uint32_t k = 0; k < oidc_claim_list_len(claims) && k < CLAIMS_MAX; k++)
                if (!claim_is_good(oidc_claim_list_get(claims, k)))
                        rule_fault(p, at, i, "claims",
                                   "each has a name and a value, of less than 256 bytes");
        if (!account.len == !oidc_rule_create(r))
                rule_fault(p, at, i, "account",
                           "either this or `create` says which account it is for");
        if (oidc_rule_create(r) && !profile.len)
                rule_fault(p, at, i, "profile", "is missing: what accounts are made with");
        if (profile.len && !profile_is_for_accounts(p->m, profile, !oidc_rule_create(r)))
                rule_fault(p, at, i, "profile", "people's accounts have no profile of this name");
}

/* A prover is told all of an issuer's rules, with each token. */
static void rules_check_size(struct providers *p, uint32_t at, oidc_rule_list list)
{
        size_t len = 0;

        for (uint32_t i = 0; i < oidc_rule_list_len(list); i++) {
                oidc_claim_list claims = oidc_rule_claims(oidc_rule_list_get(list, i));

                len += TOKEN_HEADER_BYTES;
                for (uint32_t k = 0; k < oidc_claim_list_len(claims); k++) {
                        oidc_claim_reader c = oidc_claim_list_get(claims, k);

                        len += TOKEN_HEADER_BYTES + (size_t)oidc_claim_name(c).len + 1 +
                               oidc_claim_value(c).len;
                }
        }
        if (len > TOKEN_RULES_BYTES)
                fault(p, at, "rules",
                      "too long: names and values of all claims have 12 KiB at most, with 6 bytes "
                      "for each");
}

unsigned providers_check(manifest_reader m, providers_complain *complain, void *arg)
{
        struct providers p = providers_of(m, complain, arg);
        uint32_t n = oidc_issuer_list_len(p.list);

        if (n > ISSUERS_MAX) {
                fault(&p, ISSUERS_MAX, "name", "too many: at most 16 providers");
                return p.faults;
        }
        for (uint32_t i = 0; i < n; i++) {
                oidc_issuer_reader r = oidc_issuer_list_get(p.list, i);
                oidc_rule_list rules = oidc_issuer_rules(r);

                issuer_check_names(&p, i, r);
                issuer_check_texts(&p, i, r);
                if (oidc_rule_list_len(rules) > RULES_MAX)
                        fault(&p, i, "rules", "too many: at most 64");
                for (uint32_t k = 0; k < oidc_rule_list_len(rules) && k < RULES_MAX; k++)
                        rule_check(&p, i, rules, k);
                rules_check_size(&p, i, rules);
        }
        return p.faults;
}

/* ---- the files ------------------------------------------------------------------------------ */

static const char *load_strerror(int r)
{
        switch (r) {
        case TLS_FILE_E_SIZE:
                return "is larger than is taken: a secret has 255 bytes, the others 48 KiB";
        case -EINVAL:
                return "is no file, or empty";
        case -EPERM:
                return "others may read it: chmod 600";
        default:
                return strerror(-r);
        }
}

/* Without the end of its line. */
static uint32_t secret_len(capnp_data d)
{
        uint32_t n = d.len;

        while (n && (d.p[n - 1] == '\n' || d.p[n - 1] == '\r'))
                n--;
        return n;
}

/* An empty one would make this instance a client without a secret, and nobody would know. */
static bool is_secret(capnp_data d)
{
        uint32_t n = secret_len(d);

        for (uint32_t i = 0; i < n; i++)
                if (d.p[i] < ' ' || d.p[i] == 0x7f)
                        return false;
        return n > 0;
}

/* Whether it is meant to be that: who uses it looks closer. */
static bool is_keys(capnp_data d)
{
        return memmem(d.p, d.len, "\"keys\"", strlen("\"keys\"")) != NULL;
}

static bool is_certificates(capnp_data d)
{
        return memmem(d.p, d.len, "CERTIFICATE-----", strlen("CERTIFICATE-----")) != NULL;
}

enum { FILE_SECRET, FILE_KEYS, FILE_CA, FILES };

static const struct file {
        const char *field;
        size_t most;
        bool closed; /* to others */
        bool (*is)(capnp_data d);
        const char *wrong; /* what is said if it is not */
} FILES_OF[FILES] = {
        [FILE_SECRET] = {"clientSecretFile", FETCH_ID_BYTES - 1, true, is_secret,
                         "has no secret: one line, not empty"},
        [FILE_KEYS] = {"keysFile", FETCH_KEYS_BYTES, false, is_keys,
                       "has no JSON Web Key Set: an object with `keys`"},
        [FILE_CA] = {"caFile", FETCH_CA_BYTES, false, is_certificates,
                     "has no certificate: PEM, `BEGIN CERTIFICATE`"},
};

static bool file_is_closed(int fd)
{
        struct stat st;

        return !fstat(fd, &st) && !(st.st_mode & (S_IRWXG | S_IRWXO));
}

/* Reads a file; "": there is none. 0; TLS_FILE_E_SIZE; -errno. */
static int file_read(capnp_text path, const struct file *f, capnp_data *ret)
{
        int fd, r;

        if (!path.len)
                return 0;

        fd = open(path.p, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0)
                return -errno;

        r = f->closed && !file_is_closed(fd) ? -EPERM : capos_i_tls_file_read(fd, ret);
        (void)close(fd);
        if (!r && (!ret->len || ret->len > f->most)) {
                r = ret->len ? TLS_FILE_E_SIZE : -EINVAL;
                capos_i_tls_bytes_free(ret);
        }
        return r;
}

static int bytes_put(struct providers *p, const void *bytes, size_t len)
{
        return !len || write(p->fd, bytes, len) == (ssize_t)len ? 0 : -EIO;
}

static int files_put(struct providers *p, const capnp_data d[FILES])
{
        struct fetch_files f = {.secret = secret_len(d[FILE_SECRET]),
                                .keys = d[FILE_KEYS].len,
                                .ca = d[FILE_CA].len};
        int r;

        r = bytes_put(p, &f, sizeof(f));
        if (!r)
                r = bytes_put(p, d[FILE_SECRET].p, f.secret);
        if (!r)
                r = bytes_put(p, d[FILE_KEYS].p, f.keys);
        return r ? r : bytes_put(p, d[FILE_CA].p, f.ca);
}

static int issuer_make(struct providers *p, uint32_t i)
{
        oidc_issuer_reader r = oidc_issuer_list_get(p->list, i);
        const capnp_text paths[FILES] = {[FILE_SECRET] = oidc_issuer_client_secret_file(r),
                                         [FILE_KEYS] = oidc_issuer_keys_file(r),
                                         [FILE_CA] = oidc_issuer_ca_file(r)};
        capnp_data d[FILES] = {0};
        const char *wrong = NULL;
        unsigned k;

        for (k = 0; !wrong && k < FILES; k++) {
                int e = file_read(paths[k], &FILES_OF[k], &d[k]);

                wrong = e ? load_strerror(e) : NULL;
                if (!wrong && d[k].len && !FILES_OF[k].is(d[k]))
                        wrong = FILES_OF[k].wrong;
                if (wrong)
                        fault(p, i, FILES_OF[k].field, wrong);
        }
        if (!wrong && files_put(p, d)) {
                wrong = strerror(EIO);
                fault(p, i, "name", wrong);
        }
        for (k = 0; k < FILES; k++)
                capos_i_tls_bytes_free(&d[k]);
        return wrong ? -EINVAL : 0;
}

int providers_make(manifest_reader m, providers_complain *complain, void *arg, int *ret_fd)
{
        enum { SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL };
        struct providers p = providers_of(m, complain, arg);
        int r = 0;

        p.fd = memfd_create("providers", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (p.fd < 0)
                return -errno;

        for (uint32_t i = 0; i < oidc_issuer_list_len(p.list); i++)
                r = issuer_make(&p, i) ? -EINVAL : r;
        if (!r && fcntl(p.fd, F_ADD_SEALS, SEALS))
                r = -errno;
        if (r)
                (void)close(p.fd);
        else
                *ret_fd = p.fd;
        return r;
}
