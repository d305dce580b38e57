/*
 * Keys as ssh-keygen writes them, and a real ssh-agent; ssh-keygen itself judges the signatures.
 *
 * Everything happens in a folder of the test's own.
 */
#include "harness.h"

#include "client-key.h"

#include <capos/capos-client.h>

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct place {
        char dir[64];
        pid_t agent;
};

static void run(const char *fmt, ...) CAPNP_PRINTF(1, 2);

/* A shell command in the folder; it must succeed. */
static void run(const char *fmt, ...)
{
        char command[1024];
        int status;
        va_list ap;
        pid_t pid;

        va_start(ap, fmt);
        (void)vsnprintf(command, sizeof(command), fmt, ap);
        va_end(ap);
        pid = fork();
        if (!pid) {
                execl("/bin/sh", "sh", "-c", command, (char *)NULL);
                _exit(127);
        }
        CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
        if (status)
                printf("%s: %d\n", command, status);
        CHECK_EQ(status, 0);
}

static void place_init(struct place *p)
{
        memset(p, 0, sizeof(*p));
        snprintf(p->dir, sizeof(p->dir), "/tmp/capos-test-key-XXXXXX");
        CHECK(mkdtemp(p->dir));
        CHECK_OK(chdir(p->dir));
}

static void place_deinit(struct place *p)
{
        int status;

        if (p->agent) {
                CHECK_OK(kill(p->agent, SIGTERM));
                CHECK_EQ(waitpid(p->agent, &status, 0), p->agent);
        }
        CHECK_OK(chdir("/"));
        run("rm -rf %s", p->dir);
}

static void place_start_agent(struct place *p)
{
        p->agent = fork();
        if (!p->agent) {
                execlp("ssh-agent", "ssh-agent", "-D", "-a", "agent", (char *)NULL);
                _exit(127);
        }
        CHECK(p->agent > 0);
        CHECK_OK(setenv("SSH_AUTH_SOCK", "agent", 1));
        /* Its socket is there before it listens: ssh-add ends with 2 while nobody answers. */
        run("for i in $(seq 500); do ssh-add -l >/dev/null 2>&1; [ $? = 2 ] || exit 0; sleep 0.01; "
            "done; exit 1");
}

/* ssh-keygen believes the signature to be the key's over "what", for the purpose. */
static void check_signature(const capos_key *k, const char *public_file)
{
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf sig;
        struct capos_error e;
        FILE *f;
        int r;

        capnp_buf_init(&sig, 16384);
        r = capos_key_sign(k, "login@capos", (capnp_data){(const uint8_t *)"what", 4}, &sig, &e);
        if (r)
                printf("%s\n", e.text);
        CHECK_OK(r);
        f = fopen("blob", "w");
        CHECK(f && fwrite(sig.p, 1, sig.len, f) == sig.len);
        CHECK_OK(fclose(f));
        run("{ echo '-----BEGIN SSH SIGNATURE-----'; base64 -w70 blob;"
            "  echo '-----END SSH SIGNATURE-----'; } >sig;"
            "{ printf 'me '; cut -d' ' -f1,2 %s; } >allowed;"
            "printf what | ssh-keygen -q -Y verify -f allowed -I me -n login@capos -s sig >out 2>&1"
            " || { cat out; exit 1; };"
            "! printf whatever | ssh-keygen -q -Y verify -f allowed -I me -n login@capos -s sig"
            "  >out 2>&1",
            public_file);
}

static void check_fingerprint(const capos_key *k, const char *public_file)
{
        run("ssh-keygen -lf %s | cut -d' ' -f2 >print; echo '%s' | cmp - print", public_file,
            capos_key_fingerprint_peek(k));
}

/* The public half is what stands in the .pub file. */
static void check_public(const capos_key *k, const char *public_file)
{
        capnp_data public = capos_key_public_peek(k);
        FILE *f = fopen("public", "w");

        CHECK(f && fwrite(public.p, 1, public.len, f) == public.len);
        CHECK_OK(fclose(f));
        run("cut -d' ' -f2 %s | base64 -d | cmp - public", public_file);
}

static const char *const kinds[] = {"-t ed25519",      "-t ecdsa -b 256", "-t ecdsa -b 384",
                                    "-t ecdsa -b 521", "-t rsa -b 2048",  "-t rsa -b 3072"};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

TEST_T(key_files_of_every_kind, 120)
{
        struct place p;
        capos_key *k;

        place_init(&p);
        for (unsigned i = 0; i < KINDS; i++) {
                run("rm -f k k.pub; ssh-keygen -q %s -N '' -C 'a comment' -f k", kinds[i]);
                CHECK_OK(capos_key_load("k", &k, NULL));
                check_fingerprint(k, "k.pub");
                check_public(k, "k.pub");
                check_signature(k, "k.pub");
                capos_key_free(k);
        }
        place_deinit(&p);
}

TEST_T(key_files_of_older_versions, 120)
{
        struct place p;
        capos_key *k;

        place_init(&p);
        for (unsigned i = 1; i < 5; i++) {
                run("rm -f k k.pub; ssh-keygen -q -m PEM %s -N '' -f k", kinds[i]);
                CHECK_OK(capos_key_load("k", &k, NULL));
                check_signature(k, "k.pub");
                capos_key_free(k);
        }
        place_deinit(&p);
}

TEST(files_that_are_no_keys_say_what_to_do)
{
        static const struct {
                const char *make;
                int r;
                const char *says;
        } rows[] = {
                {"ssh-keygen -q -t ed25519 -N secret -f k", CAPOS_E_KEY_LOCKED, "ssh-add"},
                {"ssh-keygen -q -m PEM -t rsa -b 2048 -N secret -f k", CAPOS_E_KEY_LOCKED,
                 "ssh-keygen -p"},
                {"ssh-keygen -q -t ed25519 -N '' -f x; mv x.pub k", CAPOS_E_KEY, "private key"},
                {"ssh-keygen -q -t ed25519 -N '' -f k; sed -i 3d k", CAPOS_E_KEY, "private key"},
                {"ssh-keygen -q -t ecdsa -N '' -f k; sed -i 's/A/B/3' k", CAPOS_E_KEY, "private"},
                {"head -c 40000 /dev/zero >k", CAPOS_E_KEY, "private key"},
                {"ssh-keygen -q -t ed25519 -N '' -f k; chmod 640 k", CAPOS_E_KEY, "chmod 600 k"},
                {"ssh-keygen -q -t ed25519 -N x1 -f k; chmod 604 k", CAPOS_E_KEY, "mode 0604"},
                {"ssh-keygen -q -Z chacha20-poly1305@openssh.com -t ed25519 -N x1 -f k",
                 CAPOS_E_KEY, "encrypted in a way"},
                {": >k", CAPOS_E_KEY, "private key"},
                {"true", -ENOENT, "No such file"},
        };
        struct capos_error e;
        struct place p;
        capos_key *k = NULL;

        place_init(&p);
        for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                run("rm -f k k.pub x x.pub; %s", rows[i].make);
                printf("%s\n", rows[i].make);
                CHECK_EQ(capos_key_load("k", &k, &e), rows[i].r);
                CHECK(!k);
                printf("  %s\n", e.text);
                CHECK(strstr(e.text, rows[i].says));
                CHECK_EQ(e.code, rows[i].r);
        }
        place_deinit(&p);
}

/* Every way that ssh-keygen encrypts a file, and files that need more than one block of key. */
TEST_T(locked_files_are_opened_by_their_passphrase, 240)
{
        static const char *const ways[] = {
                "-t ed25519",
                "-t rsa -b 2048 -a 3",
                "-t ecdsa -Z aes128-cbc -a 1",
                "-t ed25519 -Z aes192-ctr -a 1",
                "-t ed25519 -Z aes256-cbc -a 1",
                "-t ed25519 -Z aes256-gcm@openssh.com -a 2",
                "-t ecdsa -Z aes128-gcm@openssh.com -a 1",
                "-t ed25519 -Z 3des-cbc -a 1",
                "-t rsa -b 2048 -m PEM",
                "-t ecdsa -m PKCS8",
        };
        static const uint8_t right[] = "Gr\xc3\xbc\xc3\x9f' dich", wrong[] = "guess";
        struct capos_error e;
        struct place p;
        capos_key *k = NULL;

        place_init(&p);
        for (unsigned i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
                printf("%s\n", ways[i]);
                run("rm -f k k.pub; ssh-keygen -q %s -N \"%s\" -f k", ways[i], (const char *)right);
                CHECK_EQ(capos_key_unlock("k", (capnp_data){wrong, 5}, &k, &e), CAPOS_E_KEY_LOCKED);
                CHECK(strstr(e.text, "passphrase is not right"));
                CHECK_OK(capos_key_unlock("k", (capnp_data){right, sizeof(right) - 1}, &k, NULL));
                check_fingerprint(k, "k.pub");
                check_signature(k, "k.pub");
                k = capos_key_free(k);
        }
        place_deinit(&p);
}

/* Reads the body of key file k, with so many bytes more behind the options of its KDF. */
static int read_with_more_options(capnp_data passphrase, uint32_t more)
{
        static const char begin[] = "-----BEGIN OPENSSH PRIVATE KEY-----\n";
        char text[4096], *end;
        uint8_t body[4096] = {0};
        struct client_out o = {.p = body, .room = sizeof(body) - more};
        struct client_in i = {.p = body};
        const char *why = NULL;
        EVP_PKEY *k = NULL;
        uint8_t *at;
        capnp_data options;
        size_t len;
        int r;

        CHECK_OK(key_read_file("k", text, sizeof(text) - 1, &len));
        text[len] = '\0';
        end = strstr(text, "\n-----END");
        CHECK(end && !strncmp(text, begin, sizeof(begin) - 1));
        len = (size_t)(end - text) - (sizeof(begin) - 1);
        CHECK_OK(client_base64(text + sizeof(begin) - 1, len, &o));
        i.p += sizeof("openssh-key-v1");
        i.len = o.len - sizeof("openssh-key-v1");
        (void)client_in_string(&i);
        (void)client_in_string(&i);
        at = body + (i.p - body);
        options = client_in_string(&i);
        CHECK(!i.bad);
        at[3] = (uint8_t)(options.len + more);
        memmove(body + (i.p - body) + more, i.p, i.len);
        memset(body + (i.p - body), 0, more);
        r = key_of_openssh((capnp_data){body, (uint32_t)(o.len + more)}, passphrase, &k, &why);
        CHECK(!r == !!k);
        CHECK(!r || strstr(why, "lengths do not fit"));
        EVP_PKEY_free(k);
        return r;
}

/* What stands behind salt and rounds, or at all where nothing is encrypted, no program wrote. */
TEST(options_of_the_kdf_end_where_they_must)
{
        static const capnp_data secret = {(const uint8_t *)"secret", 6}, none;
        struct place p;

        place_init(&p);
        run("ssh-keygen -q -t ed25519 -N '' -f k");
        CHECK_OK(read_with_more_options(none, 0));
        CHECK_EQ(read_with_more_options(none, 4), CAPOS_E_KEY);
        CHECK_EQ(read_with_more_options(none, 1), CAPOS_E_KEY);
        run("rm k; ssh-keygen -q -t ed25519 -a 1 -N secret -f k");
        CHECK_OK(read_with_more_options(secret, 0));
        CHECK_EQ(read_with_more_options(secret, 1), CAPOS_E_KEY);
        CHECK_EQ(read_with_more_options(secret, 8), CAPOS_E_KEY);
        place_deinit(&p);
}

TEST_T(agent_signs_with_every_kind, 120)
{
        struct place p;
        capos_key *k;

        place_init(&p);
        place_start_agent(&p);
        for (unsigned i = 0; i < KINDS; i++) {
                run("rm -f k k.pub; ssh-keygen -q %s -N '' -f k; ssh-add -q k; rm k", kinds[i]);
                CHECK_OK(capos_key_of_agent_file(NULL, "k.pub", &k, NULL));
                check_fingerprint(k, "k.pub");
                check_signature(k, "k.pub");
                capos_key_free(k);
                CHECK_OK(capos_key_of_agent(NULL, i, &k, NULL));
                check_signature(k, "k.pub");
                capos_key_free(k);
        }
        CHECK_EQ(capos_key_of_agent(NULL, KINDS, &k, NULL), CAPNP_E_UNKNOWN);
        place_deinit(&p);
}

TEST(agent_that_does_not_help)
{
        struct capos_error e;
        struct place p;
        capos_key *k = NULL;
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf sig;

        place_init(&p);
        capnp_buf_init(&sig, 16384);
        CHECK_OK(unsetenv("SSH_AUTH_SOCK"));
        CHECK_EQ(capos_key_of_agent(NULL, 0, &k, &e), CAPOS_E_AGENT);
        CHECK(strstr(e.text, "SSH_AUTH_SOCK"));
        CHECK_EQ(capos_key_of_agent("nowhere", 0, &k, &e), CAPOS_E_AGENT);
        CHECK(strstr(e.text, "nowhere"));

        place_start_agent(&p);
        CHECK_EQ(capos_key_of_agent(NULL, 0, &k, &e), CAPNP_E_UNKNOWN);
        run("ssh-keygen -q -t ed25519 -N '' -f k; ssh-keygen -q -t rsa -N '' -f other;"
            "ssh-add -q k");
        CHECK_EQ(capos_key_of_agent_file(NULL, "other.pub", &k, &e), CAPNP_E_UNKNOWN);
        CHECK_EQ(capos_key_of_agent_file(NULL, "k", &k, &e), CAPOS_E_KEY);
        CHECK_EQ(capos_key_of_agent_file(NULL, "none", &k, &e), -ENOENT);

        /* It had the key, and has it no more. */
        CHECK_OK(capos_key_of_agent(NULL, 0, &k, &e));
        run("ssh-add -q -d k.pub");
        CHECK_EQ(capos_key_sign(k, "x", (capnp_data){0}, &sig, &e), CAPOS_E_AGENT);
        CHECK(strstr(e.text, "refused"));
        capos_key_free(k);
        place_deinit(&p);
}

TEST(ssh_bytes_stay_in_bounds)
{
        static const uint8_t bytes[] = {0, 0, 0, 2, 'a', 'b', 0, 0, 0, 9, 'c'};
        struct client_in i = {.p = bytes, .len = sizeof(bytes)};
        uint8_t place[8];
        struct client_out o = {.p = place, .room = sizeof(place)};

        CHECK(client_data_is(client_in_string(&i), "ab"));
        CHECK(!i.bad);
        CHECK_EQ(client_in_string(&i).len, 0);
        CHECK(i.bad);
        CHECK_EQ(client_in_u32(&i), 0);

        client_out_mpint(&o, (const uint8_t *)"\0\0\x80", 3);
        CHECK_EQ(o.len, 6);
        CHECK_MEM(place, "\0\0\0\2\0\x80", 6);
        client_out_u32(&o, 1);
        CHECK(o.full);
        CHECK_EQ(o.len, 6);
}
