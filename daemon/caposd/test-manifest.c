/*
 * Manifests: the built-in one, where in a text something is, and the files that are named. What is
 * wrong with a manifest is shown from outside, test/e2e/faults.py.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "chat.capnp-c.h"
#include "daemon-packets.h"
#include "harness.h"
#include "manifest-compare.h"
#include "manifest-load.h"
#include "manifest-place.h"
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
        CHECK_EQ(service_list_len(services), 3);
        CHECK_STR(service_name(service_list_get(services, 0)).p, "system_info");
        CHECK_EQ(service_interface_id(service_list_get(services, 0)), SYSTEM_INFO_ID);
        CHECK_STR(service_name(service_list_get(services, 1)).p, "chat");
        CHECK_EQ(service_interface_id(service_list_get(services, 1)), CHAT_ID);
        CHECK_STR(service_name(service_list_get(services, 2)).p, "settings");

        a = manifest_authentication(root);
        CHECK(authentication_password(a) && authentication_public_key(a));
        CHECK(!entry_enabled(authentication_guest(a)));
        CHECK(entry_enabled(authentication_anonymous(a)));
        CHECK_EQ(profile_list_len(manifest_profiles(root)), 3);
        CHECK(profile_agent(profile_list_get(manifest_profiles(root), 2)));
        CHECK_STR(profile_lease(profile_list_get(manifest_profiles(root), 0)).p, "5m");
        CHECK(!profile_accounts(profile_list_get(manifest_profiles(root), 0)));
        daemon_manifest_deinit(&m);
}

#define PASSKEYS(party_, more_) \
        "(authentication = (passkeys = (relyingParty = \"" party_ "\"" more_ ")))"
#define ORIGIN(party_, origin_) PASSKEYS(party_, ", origins = [\"" origin_ "\"]")

#define OIDC(name_, issuer_, more_)                                                               \
        "(profiles = [(name = \"p\"), (name = \"s\", service = true)], authentication = (oidc = " \
        "[(name = \"" name_ "\", issuer = \"" issuer_ "\", clientId = \"i\"" more_ ")]))"

/* ---- places --------------------------------------------------------------------------------- */

/* What is wrong with a manifest is in test/e2e/faults.txt. */
TEST(a_path_has_a_place_in_the_text)
{
        static const char text[] = "# (motd = 1)\n"
                                   "( motd = \"ä \\\" (\" # motd = 2\n"
                                   "  \"b\", limits=(connections=3,idleWorkers=4),\n"
                                   "  data = 0x\"00 28\", profiles = [\n"
                                   "    (name = \"p\", bundle = []), # ), (\n"
                                   "    (bundle = [(name = \"x\"), (facet = (7))],\n"
                                   "     name=\"q\",),\n"
                                   "  ], services = [[1, 2], [3]], last = yes)\n";
        static const struct {
                const char *path;
                unsigned line, column;
        } places[] = {
                {"", 2, 1},
                {"motd", 2, 10},
                {"limits", 3, 15},
                {"limits.connections", 3, 28},
                {"limits.idleWorkers", 3, 42},
                {"limits.admission", 3, 15},
                {"data", 4, 10},
                {"profiles", 4, 32},
                {"profiles[0]", 5, 5},
                {"profiles[0].bundle", 5, 27},
                {"profiles[0].bundle[0]", 5, 27},
                {"profiles[0].bundle[0].name", 5, 27},
                {"profiles[1]", 6, 5},
                {"profiles[1].name", 7, 11},
                {"profiles[1].bundle[0].name", 6, 24},
                {"profiles[1].bundle[1].facet", 6, 39},
                {"profiles[1].bundle[1].name", 6, 30},
                {"profiles[2]", 4, 32},
                {"profiles[99999999999999999999].name", 4, 32},
                {"services[1][0]", 8, 27},
                {"last", 8, 39},
                {"last.of.all", 8, 39},
                {"las", 2, 1},
                {"nothing[0]", 2, 1},
        };

        for (unsigned i = 0; i < sizeof(places) / sizeof(*places); i++) {
                struct manifest_place at =
                        manifest_place((capnp_text){text, sizeof(text) - 1}, places[i].path);

                if (at.line != places[i].line || at.column != places[i].column)
                        test_fail(__FILE__, __LINE__, "%s: %u:%u", places[i].path, at.line,
                                  at.column);
        }
}

/* However much of a text there is, and whatever the path. */
TEST(no_text_is_read_beyond_its_end)
{
        static const char text[] = "(a = [(b = \"\\\"\", c = 0x\"00\"), # x\n (b = -1)], d = (7))";

        for (size_t n = 0; n < sizeof(text); n++) {
                char *copy = malloc(n + 1); /* of this size, for what looks at accesses */

                CHECK(copy != NULL);
                memcpy(copy, text, n);
                for (unsigned k = 0; k < 4; k++) {
                        static const char *const paths[] = {"a[1].b", "a[0].c", "d[x..]y", "[["};
                        struct manifest_place at =
                                manifest_place((capnp_text){copy, (uint32_t)n}, paths[k]);

                        CHECK(at.line == 1 || at.line == 2);
                }
                free(copy);
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

/* A profile for agents has little, for a short time, and is recorded. */
TEST(a_profile_of_agents_is_bounded)
{
#define RECORDED "auditCalls = true"
#define SLOW     ", quota = (callsPerSecond = 20)"
        static const struct {
                const char *fields, *said; /* NULL: it is right */
        } rows[] = {
                {RECORDED SLOW, NULL},
                {"auditCalls = false" SLOW, "profiles[0].auditCalls: must be true"},
                {RECORDED SLOW ", elevated = true", "profiles[0].elevated: must be false"},
                {RECORDED SLOW ", local = true", "profiles[0].local: must be false"},
                {RECORDED SLOW ", maxLease = \"25h\"",
                 "profiles[0].maxLease: must be a day at most"},
                {RECORDED, "profiles[0].quota.callsPerSecond: must be set"},
                {RECORDED SLOW ", bundle = [(name = \"session\", ui = true)]",
                 "profiles[0].bundle[0].ui: must be false"},
        };
        char text[512], said[4096];

        for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                (void)snprintf(text, sizeof(text),
                               "(profiles = [(name = \"a\", agent = true, %s)])", rows[i].fields);
                CHECK_EQ(text_load(text, said, sizeof(said)), rows[i].said ? -EINVAL : 0);
                CHECK(!rows[i].said || strstr(said, rows[i].said));
        }
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

/* ---- two of them ---------------------------------------------------------------------------- */

/* A manifest with so much in it; to be deinited. */
static struct daemon_manifest manifest_of(const char *text)
{
        struct daemon_manifest m = {0};
        char path[] = "/tmp/capos-manifest-XXXXXX";
        int fd = mkstemp(path);

        CHECK(fd >= 0);
        CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
        close(fd);
        CHECK_OK(manifest_load(&m, path));
        unlink(path);
        return m;
}

static void paths_note(void *arg, const char *path, const char *what)
{
        char *paths = arg;

        CHECK(strstr(what, "cannot change"));
        snprintf(paths + strlen(paths), 256 - strlen(paths), "%s ", path);
}

TEST(what_cannot_change_is_named)
{
        static const struct {
                const char *text, *paths;
        } rows[] = {
                {"()", ""},
                {"(motd = \"x\")", "motd "},
                {"(exposed = acceptBasic, confinement = full)", "confinement exposed "},
                {"(firstUser = 4000)", "firstUser "},
                {"(limits = (connections = 999))", "limits.connections "},
                {"(limits = (unauthenticated = 99, idleWorkers = 3))",
                 "limits.unauthenticated limits.idleWorkers "},
                {"(limits = (admission = \"29s\", unauthenticatedPerSource = 4))",
                 "limits.unauthenticatedPerSource limits.admission "},
                {"(limits = (memory = \"4GiB\", person = \"1m\"))", "limits.person limits.memory "},
                {"(profiles = [(name = \"p\")], authentication = (password = false))", ""},
        };

        for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
                struct daemon_manifest a = manifest_of("()"), b = manifest_of(rows[i].text);
                char paths[256] = "";

                manifest_fixed(manifest_root(a.msg), manifest_root(b.msg), paths_note, paths);
                CHECK_STR(paths, rows[i].paths);
                daemon_manifest_deinit(&a);
                daemon_manifest_deinit(&b);
        }
}

TEST(parts_that_are_the_same)
{
        enum { ALL = NEXT_SAME_ISSUERS | NEXT_SAME_AUTHORITIES | NEXT_SAME_PASSKEYS };
        static const struct {
                const char *a, *b;
                uint32_t same;
        } rows[] = {
                {"()", "()", ALL},
                {"(authentication = (oidc = [(name = \"work\", issuer = \"https://login.example\","
                 " clientId = \"c\")]))",
                 "(authentication = (password = false, oidc = [(name = \"work\", issuer = "
                 "\"https://login.example\", clientId = \"c\")]))",
                 ALL},
                {"(authentication = (oidc = [(name = \"work\", issuer = \"https://login.example\","
                 " clientId = \"c\")]))",
                 "()", ALL & ~(unsigned)NEXT_SAME_ISSUERS},
                {"(authentication = (oidc = [(name = \"work\", issuer = \"https://login.example\","
                 " clientId = \"c\")]))",
                 "(authentication = (oidc = [(name = \"work\", issuer = \"https://login.example\","
                 " clientId = \"c\", audience = \"x\")]))",
                 ALL & ~(unsigned)NEXT_SAME_ISSUERS},
                {"()",
                 "(authentication = (passkeys = (relyingParty = \"example.org\", origins = "
                 "[\"https://example.org\"])))",
                 ALL & ~(unsigned)NEXT_SAME_PASSKEYS},
        };

        for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
                struct daemon_manifest a = manifest_of(rows[i].a), b = manifest_of(rows[i].b);

                CHECK_EQ(manifest_same(manifest_root(a.msg), manifest_root(b.msg)), rows[i].same);
                daemon_manifest_deinit(&a);
                daemon_manifest_deinit(&b);
        }
}

#define SERVICE(more) "(services = [(name = \"x\", program = \"capos-chat\"" more ")])"

TEST(what_makes_a_service_another_process)
{
        static const struct {
                const char *text;
                bool same;
        } rows[] = {
                {SERVICE(", interfaceId = 0xf000000000000007"), true},
                {SERVICE(", interfaceId = 0xf000000000000007, title = \"X\", remote = (),"
                         " disclosure = [account]"),
                 true},
                {SERVICE(", interfaceId = 0xf000000000000007, grants = [(name = \"y\")]),"
                         " (name = \"y\", program = \"capos-chat\","
                         " interfaceId = 0xf000000000000001"),
                 true},
                {SERVICE(", interfaceId = 0xf000000000000008"), false},
                {SERVICE(", interfaceId = 0xf000000000000007, arguments = [\"a\"]"), false},
                {SERVICE(", interfaceId = 0xf000000000000007, state = true"), false},
                {SERVICE(", interfaceId = 0xf000000000000007, connect = \"stdio\","
                         " schema = \"/x\""),
                 false},
        };

        for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
                struct daemon_manifest a = manifest_of(rows[0].text);
                struct daemon_manifest b = manifest_of(rows[i].text);

                CHECK_EQ(manifest_same_process(
                                 service_list_get(manifest_services(manifest_root(a.msg)), 0),
                                 service_list_get(manifest_services(manifest_root(b.msg)), 0)),
                         rows[i].same);
                daemon_manifest_deinit(&a);
                daemon_manifest_deinit(&b);
        }
}
