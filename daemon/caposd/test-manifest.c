/*
 * Manifests: the built-in one, and one wrong thing at a time, which must be named with its place.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "chat.capnp-c.h"
#include "harness.h"
#include "manifest-load.h"
#include "providers.h"
#include "system_info.capnp-c.h"

/* Loads a text; what it says on standard error is put into said. */
static int text_load(const char *text, char *said, size_t size)
{
        struct daemon_manifest m = {0};
        char path[] = "/tmp/capos-manifest-XXXXXX";
        int fd = mkstemp(path), log, old, r;
        ssize_t n;

        CHECK(fd >= 0);
        CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
        close(fd);
        log = memfd_create("log", MFD_CLOEXEC);
        old = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
        CHECK(log >= 0 && old >= 0);
        CHECK(dup2(log, STDERR_FILENO) == STDERR_FILENO);
        r = manifest_load(&m, path);
        CHECK(dup2(old, STDERR_FILENO) == STDERR_FILENO);
        n = pread(log, said, size - 1, 0);
        CHECK(n >= 0);
        said[n] = '\0';
        close(log);
        close(old);
        unlink(path);
        daemon_manifest_deinit(&m);
        return r;
}

TEST(the_built_in_manifest_is_what_it_should_be)
{
        struct daemon_manifest m = {0};
        manifest_reader root;
        service_list services;
        authentication_reader a;

        CHECK_OK(manifest_load(&m, NULL));
        root = manifest_root(m.msg);
        services = manifest_services(root);
        CHECK_EQ(service_list_len(services), 2);
        CHECK_STR(service_name(service_list_get(services, 0)).p, "system_info");
        CHECK_EQ(service_interface_id(service_list_get(services, 0)), SYSTEM_INFO_ID);
        CHECK_STR(service_name(service_list_get(services, 1)).p, "chat");
        CHECK_EQ(service_interface_id(service_list_get(services, 1)), CHAT_ID);

        a = manifest_authentication(root);
        CHECK(authentication_password(a) && authentication_public_key(a));
        CHECK(!entry_enabled(authentication_guest(a)));
        CHECK(entry_enabled(authentication_anonymous(a)));
        CHECK_EQ(profile_list_len(manifest_profiles(root)), 2);
        CHECK_STR(profile_lease(profile_list_get(manifest_profiles(root), 0)).p, "5m");
        CHECK(!profile_accounts(profile_list_get(manifest_profiles(root), 0)));
        daemon_manifest_deinit(&m);
}

#define SERVICE(more_) "(name = \"a\", program = \"p\", interfaceId = 0x8000000000000001" more_ ")"

#define GRANTS(service_, profile_, grant_)                                        \
        "(services = [" SERVICE(service_) "], profiles = [(name = \"p\"" profile_ \
                                          ", bundle = [(" grant_ ")])])"
#define VISITOR(profile_)                                             \
        "(profiles = [(name = \"p\", " profile_ "), (name = \"q\")]," \
        " authentication = (guest = (enabled = true, profile = \"p\")))"

#define CERTIFICATES(authorities_, rules_)                                                      \
        "(authentication = (certificates = (authorities = [" authorities_ "], rules = [" rules_ \
        "])))"
#define OURS "(name = \"ours\", file = \"/ca.pem\")"

#define PASSKEYS(party_, more_) \
        "(authentication = (passkeys = (relyingParty = \"" party_ "\"" more_ ")))"
#define ORIGIN(party_, origin_) PASSKEYS(party_, ", origins = [\"" origin_ "\"]")

#define OIDC(name_, issuer_, more_)                                                               \
        "(profiles = [(name = \"p\"), (name = \"s\", service = true)], authentication = (oidc = " \
        "[(name = \"" name_ "\", issuer = \"" issuer_ "\", clientId = \"i\"" more_ ")]))"
#define ISSUER(issuer_) OIDC("op", issuer_, "")
#define RULE(rule_)     OIDC("op", "https://op.example", ", rules = [(" rule_ ")]")
#define ADMINS          "claims = [(name = \"groups\", value = \"admins\")]"

static const struct {
        const char *text, *said;
} FAULTS[] = {
        /* identity providers */
        {OIDC("Op", "https://op.example", ""), "oidc[0].name: has 1 to 16 of"},
        {ISSUER("http://op.example"), "oidc[0].issuer: must be https://HOST"},
        {ISSUER("http://127.0.0.1:8080"), "oidc[0].issuer: must be https://HOST"},
        {ISSUER("https://op.example/?a=b"), "oidc[0].issuer: an issuer has no query"},
        {"(authentication = (oidc = [(name = \"op\", issuer = \"https://op.example\")]))",
         "oidc[0].clientId: is missing"},
        {OIDC("op", "https://op.example", ", audience = \"i\""), "oidc[0].audience: must not be"},
        {OIDC("op", "https://op.example", ", scopes = \"email\""), "oidc[0].scopes: must begin"},
        {OIDC("op", "https://op.example", ", scopes = \"openidfoo\""),
         "oidc[0].scopes: must begin"},
        {OIDC("op", "https://op.example", ", scopes = \"email openid\""),
         "oidc[0].scopes: must begin"},
        {OIDC("op", "https://op.example", ", keysFile = \"k\""),
         "oidc[0].keysFile: must be an abs"},
        {OIDC("op", "https://op.example", ", clientSecretFile = \"k\""),
         "clientSecretFile: must be"},
        {RULE("account = \"a\""), "oidc[0].rules[0].claims: anybody there would meet it"},
        {RULE(ADMINS), "oidc[0].rules[0].account: either this or `create`"},
        {RULE(ADMINS ", account = \"a\", create = true, profile = \"p\""),
         "rules[0].account: either"},
        {RULE(ADMINS ", create = true"), "rules[0].profile: is missing"},
        {RULE(ADMINS ", create = true, profile = \"s\""),
         "rules[0].profile: people's accounts have"},
        {RULE(ADMINS ", account = \"a\", profile = \"x\""), "rules[0].profile: people's accounts"},
        /* passkeys */
        {PASSKEYS("a.example", ""), "passkeys.origins: must be 1 to 16"},
        {PASSKEYS("", ", origins = [\"https://a.example\"]"), "relyingParty: must be a domain"},
        {PASSKEYS("", ", attestation = self"), "relyingParty: must be a domain"},
        {ORIGIN("A.example", "https://a.example"), "relyingParty: must be a domain"},
        {ORIGIN("127.0.0.1", "https://127.0.0.1"), "relyingParty: must be a domain"},
        {ORIGIN("com", "https://com"), "relyingParty: must be a domain"},
        {ORIGIN("a..example", "https://a.example"), "relyingParty: must be a domain"},
        {ORIGIN("a.example", "a.example"), "origins[0]: must be https://HOST"},
        {ORIGIN("a.example", "wss://a.example"), "origins[0]: must be https://HOST"},
        {ORIGIN("a.example", "https://a.example/"), "origins[0]: must be as a browser"},
        {ORIGIN("a.example", "https://A.example"), "origins[0]: must be as a browser"},
        {ORIGIN("a.example", "https://a.example:443"), "origins[0]: must be as a browser"},
        {ORIGIN("a.example", "https://a.example:65536"), "origins[0]: must be as a browser"},
        {ORIGIN("a.example", "https://a.example:08"), "origins[0]: must be as a browser"},
        {ORIGIN("a.example", "https://u@a.example"), "origins[0]: must be as a browser"},
        {ORIGIN("a.example", "https://b.example"), "origins[0]: must be of the relying party"},
        {ORIGIN("a.example", "https://ba.example"), "origins[0]: must be of the relying party"},
        {ORIGIN("a.example", "https://a.example.b.example"), "origins[0]: must be of the relying"},
        {ORIGIN("a.example", "http://a.example"), "origins[0]: must be https: only"},
        {ORIGIN("localhost", "http://b.localhost"), "origins[0]: must be https: only"},
        {PASSKEYS("a.example", ", origins = [\"https://a.example\"], attestation = self,"
                               " aaguids = [\"1\"]"),
         "aaguids[0]: must be 32 of"},
        {PASSKEYS("a.example", ", origins = [\"https://a.example\"],"
                               " aaguids = [\"ee882879-721c-4913-9775-3dfcce97072a\"]"),
         "passkeys.aaguids: let nobody in while"},
        /* client certificates */
        {CERTIFICATES("(name = \"ours\")", ""), "certificates.authorities[0].file: either"},
        {CERTIFICATES("(name = \"ours\", file = \"ca.pem\")", ""), "authorities[0].file: must be"},
        {CERTIFICATES("(name = \"a\", file = \"/a\", revocations = \"b\")", ""),
         "authorities[0].revocations: must be"},
        {CERTIFICATES("(file = \"/ca.pem\")", ""), "authorities[0].name: is missing"},
        {CERTIFICATES(OURS ", " OURS, ""), "authorities[1].name: another"},
        {CERTIFICATES(OURS, "(account = \"ada\")"), "certificates.rules[0]: anybody"},
        {CERTIFICATES(OURS, "(authority = \"theirs\", account = \"ada\")"),
         "rules[0].authority: there is no"},
        {CERTIFICATES(OURS, "(authority = \"ours\")"), "rules[0].account: either"},
        {CERTIFICATES(OURS, "(authority = \"ours\", account = \"a\", accountFromName = true)"),
         "rules[0].account: either"},
        {CERTIFICATES(OURS, "(authority = \"ours\", accountFromName = true)"),
         "rules[0].accountFromName: it wants no name"},
        {CERTIFICATES(OURS, "(authority = \"ours\", account = \"a\", dns = [\"*.*.org\"])"),
         "rules[0].dns: is no pattern"},
        {CERTIFICATES(OURS, "(authority = \"ours\", account = \"a\", spiffe = [\"http://a\"])"),
         "rules[0].spiffe: is no pattern"},
        {CERTIFICATES(OURS, "(authority = \"ours\", account = \"a\", email = [\"a\"])"),
         "rules[0].email: is no pattern"},
        {CERTIFICATES("", "(keys = [\"sha256:x\"], account = \"a\")"), "rules[0].keys: must each"},
        {CERTIFICATES(OURS, "(authority = \"ours\", account = \"a\", profile = \"p\")"),
         "rules[0].profile: accounts have no"},

        /* what the schema does not know, with line and path */
        {"(\n  motto = \"x\"\n)", ":2:"},
        {"(\n  motto = \"x\"\n)", "motto"},
        {"(services = [" SERVICE("") ", (name = \"b\", colour = 3)])", "services[1]"},
        {"(motd = 3)", "motd"},
        {"(confinement = loose)", "confinement"},
        {"(limits = (connections = -1))", "limits.connections"},
        {"(limits = (connections = 5000000000))", "limits.connections"},
        {"(motd = \"x\"", ":1:"},
        {"", ":1:"},
        /* what it knows, and makes no sense */
        {"(services = [" SERVICE("") ", " SERVICE("") "])", "services[1].name: another service"},
        {"(services = [(name = \"A b\", program = \"p\", interfaceId = 0x8000000000000001)])",
         "services[0].name: a name has"},
        {"(services = [(name = \"session\", program = \"p\", interfaceId = 0x8000000000000001)])",
         "services[0].name: `session`"},
        {"(services = [(name = \"a\", program = \"../p\", interfaceId = 0x8000000000000001)])",
         "services[0].program"},
        {"(services = [(name = \"a\", interfaceId = 0x8000000000000001)])", "services[0].program"},
        {"(services = [(name = \"a\", program = \"p\", interfaceId = 7)])",
         "services[0].interfaceId"},
        {"(profiles = [(name = \"p\"), (name = \"p\")])", "profiles[1].name: another profile"},
        {"(profiles = [(name = \"\")])", "profiles[0].name: a name has"},
        {"(profiles = [(name = \"p\", bundle = [(name = \"session\"), (name = \"chat\")])])",
         "profiles[0].bundle[1].name: there is no service"},
        {"(profiles = [(name = \"p\", bundle = [(name = \"session\"), (name = \"session\")])])",
         "profiles[0].bundle[1].name: granted twice"},
        {"(profiles = [(name = \"p\", lease = \"0s\")])", "profiles[0].lease: must not be 0"},
        {"(profiles = [(name = \"p\", lease = \"8\")])", "profiles[0].lease: no duration"},
        {"(profiles = [(name = \"p\", lease = 8)])", "lease"},
        {"(profiles = [(name = \"p\", maxLease = \"50d\")])",
         "profiles[0].maxLease: must not be more than 49 days"},
        {"(profiles = [(name = \"p\", quota = (queued = \"8MB\"))])",
         "profiles[0].quota.queued: no size"},
        {"(profiles = [(name = \"p\", quota = (message = \"0B\"))])",
         "profiles[0].quota.message: must not be 0"},
        {"(limits = (admission = \"soon\"))", "limits.admission: no duration"},
        {"(profiles = [(name = \"p\", lease = \"10s\", maxLease = \"9s\")])",
         "profiles[0].maxLease"},
        {"(profiles = [(name = \"p\", quota = (calls = 0))])", "profiles[0].quota.calls"},
        {GRANTS("", "", "name = \"a\""), "profiles[0].bundle[0].name: the service is not `remote`"},
        {GRANTS(", remote = ()", "", "name = \"a\", transfer = services"),
         "profiles[0].bundle[0].transfer: the service does not allow it"},
        {GRANTS(", remote = (), powers = [spawn, audit]", "", "name = \"a\""),
         "profiles[0].bundle[0].name: the service hands out powers (`spawn`), and"},
        {GRANTS(", remote = (lease = \"1m\")", "", "name = \"a\", lease = \"2m\""),
         "profiles[0].bundle[0].lease: is longer than the service allows"},
        {GRANTS(", remote = (lease = \"0s\")", "", "name = \"a\""),
         "services[0].remote.lease: no duration"},
        {GRANTS(", remote = ()", "", "name = \"a\", lease = \"5\""),
         "profiles[0].bundle[0].lease: no duration"},
        {GRANTS(", powers = [keys]", ", local = true", "name = \"a\""),
         "profiles[0].bundle[0].name: the service hands out powers (`keys`), and"},
        {GRANTS(", remote = (), powers = [fly]", ", elevated = true", "name = \"a\""), "fly"},
        {GRANTS(", remote = ()", "",
                "name = \"a\")]), (name = \"l\", local = true, bundle = [(name = \"a\""),
         "profiles[0].bundle: must be less than what a profile that is `local` has"},
        {"(profiles = [(name = \"p\", local = true, accounts = false)])",
         "profiles[0].local: is for accounts that come from here"},
        {VISITOR("lease = \"61m\""), "authentication.guest.profile: its `lease` is longer than an"},
        {VISITOR("elevated = true"), "authentication.guest.profile: it is `elevated`"},
        {VISITOR("local = true"), "authentication.guest.profile: it is `local`"},
        {VISITOR("bundle = [(name = \"session\")]"),
         "authentication.guest.profile: it has more than `q`, which is for accounts"},
        {"(profiles = [(name = \"p\", service = true, accounts = false)])",
         "profiles[0].service: is for accounts"},
        {"(profiles = [(name = \"p\", service = true)],"
         " authentication = (guest = (profile = \"p\")))",
         "authentication.guest.profile: is for service accounts only"},
        {"(authentication = (guest = (enabled = true, profile = \"g\")))",
         "authentication.guest.profile: there is no profile"},
        {"(authentication = (anonymous = (enabled = true)))", "authentication.anonymous.profile"},
        {"(authentication = (guest = (profile = \"g\")))", "authentication.guest.profile"},
        {"(exposed = everybody)", "exposed"},
        {"(firstUser = 10)", "firstUser: must be"},
        {"(firstUser = 4294967295)", "firstUser: must be"},
        {"(limits = (idleWorkers = 0))", "limits.idleWorkers"},
        {"(limits = (connections = 2, unauthenticated = 3))", "limits.unauthenticated"},
};

TEST(what_is_wrong_is_named_with_its_place)
{
        char said[4096];

        for (unsigned i = 0; i < sizeof(FAULTS) / sizeof(*FAULTS); i++) {
                CHECK_EQ(text_load(FAULTS[i].text, said, sizeof(said)), -EINVAL);
                CHECK(strstr(said, "/tmp/capos-manifest-") != NULL);
                if (!strstr(said, FAULTS[i].said))
                        test_fail(__FILE__, __LINE__, "%s: expected %s, said %s", FAULTS[i].text,
                                  FAULTS[i].said, said);
        }
}

/* Rules of an issuer, of so many bytes as records; each has up to 16 claims. */
static char *rules_text(size_t bytes)
{
        enum { RECORD = 5, CLAIM = RECORD + 1 + 1 + 250, CLAIMS = 16 };
        char value[256], *text = NULL;
        size_t len, one;
        FILE *f = open_memstream(&text, &len);

        CHECK(f != NULL);
        memset(value, 'x', sizeof(value));
        fprintf(f, "(authentication = (oidc = [(name = \"op\", issuer = \"https://op.example\","
                   " clientId = \"i\", rules = [");
        for (unsigned i = 0; bytes; i++) {
                if (i % CLAIMS == 0) {
                        fprintf(f, "%s(account = \"a\", claims = [", i ? "]), " : "");
                        bytes -= RECORD;
                }
                one = bytes < CLAIM ? bytes : CLAIM;
                CHECK(one > RECORD + 2);
                fprintf(f, "%s(name = \"n\", value = \"%.*s\")", i % CLAIMS ? ", " : "",
                        (int)(one - RECORD - 2), value);
                bytes -= one;
        }
        fprintf(f, "])])]))");
        fclose(f);
        return text;
}

/* What would not fit into a request to a prover, is said before the start. */
TEST(rules_of_an_issuer_have_a_size)
{
        char said[4096], *fits = rules_text(12288), *more = rules_text(12289);

        CHECK_EQ(text_load(fits, said, sizeof(said)), 0);
        CHECK_EQ(text_load(more, said, sizeof(said)), -EINVAL);
        CHECK(strstr(said, "oidc[0].rules: too long") != NULL);
        free(fits);
        free(more);
}

/* ---- files of identity providers ------------------------------------------------------------- */

struct told {
        unsigned n;
        char what[256];
};

static void tell(void *arg, const char *path, const char *what)
{
        struct told *t = arg;

        t->n++;
        (void)snprintf(t->what, sizeof(t->what), "%s %s", path, what);
}

/* Has providers_make() read a file of these bytes. Closed to others; 0, or what it returns. */
static int file_try(const char *field, const char *bytes, size_t len, struct told *told)
{
        char path[] = "/tmp/capos-provider-XXXXXX", manifest[] = "/tmp/capos-manifest-XXXXXX";
        struct daemon_manifest m = {0};
        int fd = mkstemp(path), text = mkstemp(manifest), made = -1, r;

        CHECK(fd >= 0 && text >= 0);
        CHECK_EQ(write(fd, bytes, len), (ssize_t)len);
        CHECK(dprintf(text, OIDC("op", "https://op.example", ", %s = \"%s\""), field, path) > 0);
        close(fd);
        close(text);
        CHECK_OK(manifest_load(&m, manifest));
        *told = (struct told){0};
        r = providers_make(manifest_root(m.msg), tell, told, &made);
        if (!r)
                close(made);
        daemon_manifest_deinit(&m);
        unlink(path);
        unlink(manifest);
        return r;
}

TEST(a_providers_files_are_what_they_should_be)
{
        static const struct {
                const char *field, *bytes;
                size_t len; /* 0: to the NUL */
                const char *said;
        } files[] = {
                {"clientSecretFile", "secret\n", 0, NULL},
                {"clientSecretFile", "sec ret\r\n", 0, NULL},
                {"clientSecretFile", "", 0, "is no file, or empty"},
                {"clientSecretFile", "\n", 0, "has no secret"},
                {"clientSecretFile", "\r\n\n", 0, "has no secret"},
                {"clientSecretFile", "one\ntwo\n", 0, "has no secret"},
                {"clientSecretFile", "\0secret", 7, "has no secret"},
                {"keysFile", "{\"keys\": []}", 0, NULL},
                {"keysFile", "{}\n", 0, "has no JSON Web Key Set"},
                {"keysFile", "\n", 0, "has no JSON Web Key Set"},
                {"caFile", "-----BEGIN CERTIFICATE-----\n", 0, NULL},
                {"caFile", "-----BEGIN PRIVATE KEY-----\n", 0, "has no certificate"},
                {"caFile", " ", 0, "has no certificate"},
        };

        for (unsigned i = 0; i < sizeof(files) / sizeof(*files); i++) {
                size_t len = files[i].len ? files[i].len : strlen(files[i].bytes);
                struct told told;
                int r = file_try(files[i].field, files[i].bytes, len, &told);

                if (!files[i].said) {
                        CHECK_STR(told.what, "");
                        CHECK_OK(r);
                        continue;
                }
                CHECK_EQ(r, -EINVAL);
                CHECK_EQ(told.n, 1);
                if (!strstr(told.what, files[i].said) || !strstr(told.what, files[i].field))
                        test_fail(__FILE__, __LINE__, "%u: expected %s, said %s", i, files[i].said,
                                  told.what);
        }
}

TEST(all_that_is_wrong_is_named)
{
        char said[4096];

        CHECK_EQ(text_load("(services = [(name = \"\"), (name = \"x\")])", said, sizeof(said)),
                 -EINVAL);
        CHECK(strstr(said, "services[0].name") && strstr(said, "services[0].program") &&
              strstr(said, "services[1].interfaceId"));
}

TEST(an_empty_manifest_is_a_manifest)
{
        char said[4096];

        CHECK_OK(text_load("()", said, sizeof(said)));
        CHECK_STR(said, "");
        CHECK_OK(text_load("# nothing\n(\n)\n", said, sizeof(said)));
}

TEST(passkeys_are_of_a_domain_and_below_it)
{
        static const char *const good[] = {
                ORIGIN("a.example", "https://a.example"),
                ORIGIN("a.example", "https://login.a.example:8443"),
                ORIGIN("localhost", "http://localhost"),
                ORIGIN("localhost", "http://localhost:8080"),
                PASSKEYS("x-1.a.example",
                         ", origins = [\"https://x-1.a.example\"], attestation = self,"
                         " aaguids = [\"ee882879-721c-4913-9775-3dfcce97072a\"]"),
        };
        char said[4096];

        for (unsigned i = 0; i < sizeof(good) / sizeof(*good); i++)
                CHECK_EQ(text_load(good[i], said, sizeof(said)), 0);
}

TEST(a_manifest_that_cannot_be_read_is_told)
{
        struct daemon_manifest m = {0};

        CHECK_EQ(manifest_load(&m, "/nowhere/manifest"), -ENOENT);
        CHECK_EQ(manifest_load(&m, "/tmp"), -EISDIR);
}
