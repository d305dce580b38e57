/*
 * The client library against a gateway in the same vat: every way to log in that there is, in both
 * styles; what is granted; denials; renewal; the end.
 */
#include "gateway-play.h"
#include "harness.h"
#include "session-proof.h"

#include "chat.capnp-c.h"
#include "system_info.capnp-c.h"

#include <capos/capos-client.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

struct rig {
        capnp_vat *vat;
        struct play play;
        capos_client *c;
        char address[64];
        bool ended;
};

static void rig_on_end(capos_client *c, const struct capos_error *why, void *arg)
{
        struct rig *g = arg;

        (void)c;
        CHECK_EQ(why->code, CAPNP_E_DISCONNECTED);
        CHECK(why->text[0]);
        g->ended = true;
}

static void rig_init(struct rig *g)
{
        memset(g, 0, sizeof(*g));
        CHECK_OK(capnp_vat_new(&g->vat));
        CHECK_OK(play_init(&g->play, g->vat, "127.0.0.1:0"));
        snprintf(g->address, sizeof(g->address), "plain:%s",
                 capnp_listener_address(g->play.listener));
        CHECK_OK(capos_client_new(g->vat, g->address, NULL, &g->c));
        capos_client_on_end(g->c, rig_on_end, g);
}

static void rig_deinit(struct rig *g)
{
        capos_client_free(g->c);
        play_deinit(&g->play);
        capnp_vat_free(g->vat);
}

static int rig_login(struct rig *g, enum capos_auth kind, const char *account, const char *password)
{
        struct capos_login l = {.kind = kind, .account = account};

        if (password)
                l.password = (capnp_data){(const uint8_t *)password, (uint32_t)strlen(password)};
        return capos_client_wait(g->c, capos_client_login(g->c, &l, NULL, NULL));
}

static enum capos_denial rig_denial(const struct rig *g)
{
        return capos_client_error_peek(g->c)->denial;
}

/* Calls motd on a reference; what it ended with. */
static int call_motd(capnp_cap *cap, struct capos_error *ret_e)
{
        CAPNP_AUTO(capnp_question_freep)
        capnp_question *q = system_info_motd((system_info_client){cap});

        (void)!capnp_question_wait(q);
        return capos_error_of_question(q, ret_e);
}

static void rig_run_until(struct rig *g, const bool *flag)
{
        while (!*flag) {
                CHECK_OK(capnp_vat_process(g->vat));
                usleep(1000);
        }
}

TEST(methods_are_listed)
{
        struct capos_method m;
        struct rig g;

        rig_init(&g);
        CHECK(!capos_client_method(g.c, 0, &m));
        CHECK_OK(capos_client_wait(g.c, capos_client_fetch_methods(g.c, NULL, NULL)));
        CHECK(capos_client_method(g.c, CAPOS_AUTH_PASSKEY, &m));
        CHECK_EQ(m.kind, CAPOS_AUTH_PASSKEY);
        CHECK(!m.enabled);
        CHECK_STR(m.reason, "not here");
        CHECK(capos_client_method(g.c, CAPOS_AUTH_ANONYMOUS, &m) && m.enabled);
        CHECK(!capos_client_method(g.c, CAPOS_AUTH_KINDS, &m));
        rig_deinit(&g);
}

/* A listener that nobody accepts from: the kernel connects, and then nothing comes. */
TEST(silence_ends_an_operation_and_not_the_client)
{
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t len = sizeof(in);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        char address[64];
        struct rig g = {0};

        CHECK_OK(bind(fd, (struct sockaddr *)&in, len));
        CHECK_OK(listen(fd, 1));
        CHECK_OK(getsockname(fd, (struct sockaddr *)&in, &len));
        snprintf(address, sizeof(address), "plain:127.0.0.1:%u", ntohs(in.sin_port));
        CHECK_OK(capnp_vat_new(&g.vat));
        CHECK_OK(capos_client_new(g.vat, address, NULL, &g.c));
        capos_client_set_timeout(g.c, 50);
        for (int i = 0; i < 2; i++) {
                CHECK_EQ(capos_client_wait(g.c, capos_client_fetch_methods(g.c, NULL, NULL)),
                         -ETIMEDOUT);
                CHECK_EQ(capos_client_error_peek(g.c)->code, -ETIMEDOUT);
                CHECK_STR(capos_client_error_peek(g.c)->text, "no answer within 1 seconds");
        }
        CHECK_EQ(rig_login(&g, CAPOS_AUTH_ANONYMOUS, NULL, NULL), -ETIMEDOUT);
        CHECK_EQ(rig_login(&g, CAPOS_AUTH_PASSWORD, "alice", "x"), -ETIMEDOUT);
        capos_client_free(g.c);
        capnp_vat_free(g.vat);
        close(fd);
}

/* A bound that is not reached is of no effect, and ends with its operation. */
TEST(answers_in_time_are_answers)
{
        struct rig g;

        rig_init(&g);
        capos_client_set_timeout(g.c, 60000);
        CHECK_OK(capos_client_wait(g.c, capos_client_fetch_methods(g.c, NULL, NULL)));
        CHECK_OK(rig_login(&g, CAPOS_AUTH_ANONYMOUS, NULL, NULL));
        CHECK_EQ(capos_client_fetch_schema(g.c, SYSTEM_INFO_ID, NULL, NULL), 0);
        CHECK_EQ(capos_client_fetch(g.c, NULL, NULL), -EBUSY);
        rig_deinit(&g);
}

TEST(anonymous_logs_in_and_calls)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *cap = NULL;
        struct capos_session_info i;
        struct capos_cap_entry e;
        struct rig g;

        rig_init(&g);
        CHECK(!capos_client_info(g.c, &i));
        CHECK_EQ(capos_client_fetch(g.c, NULL, NULL), -ENOTCONN);
        CHECK_OK(rig_login(&g, CAPOS_AUTH_ANONYMOUS, NULL, NULL));
        CHECK(capos_client_info(g.c, &i));
        CHECK_STR(i.kind, "anonymous");
        CHECK_EQ(i.renew_challenge.len, 0);
        CHECK(capos_client_find(g.c, "system_info", &e));
        CHECK_EQ(e.interface, SYSTEM_INFO_ID);
        CHECK(!capos_client_find(g.c, "nothing", &e));

        cap = capos_client_get(g.c, "system_info", SYSTEM_INFO_ID);
        CHECK_OK(call_motd(cap, NULL));
        CHECK_EQ(g.play.references, 1);
        cap = capnp_cap_unref(cap);
        while (g.play.references) {
                CHECK_OK(capnp_vat_process(g.vat));
                usleep(1000);
        }
        rig_deinit(&g);
}

TEST(denials_of_a_bundle)
{
        static const struct {
                const char *name;
                uint64_t interface;
                enum capos_denial denial;
        } rows[] = {
                {"nothing", SYSTEM_INFO_ID, CAPOS_DENIED_UNKNOWN_NAME},
                {"system_info", CHAT_ID, CAPOS_DENIED_WRONG_INTERFACE},
                {"revoked", SYSTEM_INFO_ID, CAPOS_DENIED_REVOKED_LEASE},
        };
        struct capos_error e;
        struct rig g;

        rig_init(&g);
        CHECK_OK(rig_login(&g, CAPOS_AUTH_ANONYMOUS, NULL, NULL));
        for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                capnp_cap *cap = capos_client_get(g.c, rows[i].name, rows[i].interface);

                CHECK_EQ(call_motd(cap, &e), CAPOS_E_DENIED);
                CHECK_EQ(e.denial, rows[i].denial);
                capnp_cap_unref(cap);
        }
        rig_deinit(&g);
}

TEST(passwords_right_and_wrong)
{
        struct capos_session_info i;
        struct rig g;

        rig_init(&g);
        CHECK_EQ(rig_login(&g, CAPOS_AUTH_PASSWORD, "alice", "wrong"), CAPOS_E_DENIED);
        CHECK_EQ(rig_denial(&g), CAPOS_DENIED_CREDENTIALS);
        CHECK_EQ(rig_login(&g, CAPOS_AUTH_PASSWORD, "mallory", PLAY_PASSWORD), CAPOS_E_DENIED);
        CHECK_EQ(rig_denial(&g), CAPOS_DENIED_CREDENTIALS);
        CHECK_EQ(rig_login(&g, CAPOS_AUTH_PASSWORD, "slow", PLAY_PASSWORD), CAPOS_E_DENIED);
        CHECK_EQ(rig_denial(&g), CAPOS_DENIED_BACKOFF);
        CHECK(!capos_client_session_peek(g.c));
        CHECK_OK(rig_login(&g, CAPOS_AUTH_PASSWORD, "alice", PLAY_PASSWORD));
        CHECK(capos_client_info(g.c, &i));
        CHECK_STR(i.account, "alice");
        CHECK_EQ(i.renew_challenge.len, 32);

        CHECK_EQ(rig_login(&g, CAPOS_AUTH_PASSWORD, "alice", PLAY_PASSWORD), CAPOS_E_DENIED);
        CHECK_EQ(rig_denial(&g), CAPOS_DENIED_ALREADY_BOUND);
        CHECK_EQ(rig_login(&g, CAPOS_AUTH_ANONYMOUS, NULL, NULL), CAPOS_E_DENIED);
        CHECK_EQ(rig_denial(&g), CAPOS_DENIED_ALREADY_BOUND);
        rig_deinit(&g);
}

TEST(ways_that_are_closed)
{
        struct capos_login l = {.kind = CAPOS_AUTH_ANONYMOUS, .profile = "operator"};
        struct rig g;

        rig_init(&g);
        CHECK_EQ(rig_login(&g, CAPOS_AUTH_GUEST, NULL, NULL), CAPOS_E_DENIED);
        CHECK_EQ(rig_denial(&g), CAPOS_DENIED_METHOD_DISABLED);
        CHECK_EQ(rig_login(&g, CAPOS_AUTH_PASSKEY, "alice", NULL), CAPOS_E_METHOD);
        CHECK_EQ(rig_login(&g, CAPOS_AUTH_MTLS, "alice", NULL), CAPOS_E_DENIED);
        CHECK_EQ(capos_client_wait(g.c, capos_client_login(g.c, &l, NULL, NULL)), CAPOS_E_DENIED);
        CHECK_EQ(rig_denial(&g), CAPOS_DENIED_PROFILE);
        rig_deinit(&g);
}

static void run(const char *command)
{
        int status;
        pid_t pid = fork();

        if (!pid) {
                execl("/bin/sh", "sh", "-c", command, (char *)NULL);
                _exit(127);
        }
        CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
        CHECK_EQ(status, 0);
}

/* ssh-keygen believes the last proof to be over this transcript. */
static void check_proof(struct rig *g, const struct capos_proof *p)
{
        uint8_t transcript[CAPOS_PROOF_BYTES];
        size_t len;
        FILE *f;

        CHECK_OK(capos_proof_write(p, transcript, sizeof(transcript), &len));
        f = fopen("what", "w");
        CHECK(f && fwrite(transcript, 1, len, f) == len);
        CHECK_OK(fclose(f));
        f = fopen("blob", "w");
        CHECK(f && fwrite(g->play.proof, 1, g->play.proof_len, f) == g->play.proof_len);
        CHECK_OK(fclose(f));
        run("{ echo '-----BEGIN SSH SIGNATURE-----'; base64 -w70 blob;"
            "  echo '-----END SSH SIGNATURE-----'; } >sig;"
            "{ printf 'me '; cut -d' ' -f1,2 k.pub; } >allowed;"
            "ssh-keygen -q -Y verify -f allowed -I me -n login@capos -s sig <what");
}

/* ---- several steps -------------------------------------------------------------------------- */

/* Who answers steps: what was asked, and what is said. */
struct answers {
        unsigned asked;
        const char *first, *second; /* NULL: it gives up */
        bool later;                 /* nothing is said at once */
        uint8_t hash[CAPOS_TRANSCRIPT_HASH];
};

static capnp_data data_of(const char *s)
{
        return (capnp_data){(const uint8_t *)s, (uint32_t)strlen(s)};
}

static void answers_on_step(capos_client *c, const struct capos_step *s, void *arg)
{
        struct answers *n = arg;
        const char *answer = n->asked++ ? n->second : n->first;

        if (n->asked == 1) {
                CHECK_STR(s->url, "https://id.example/device");
                CHECK_STR(s->user_code, "ABCD-EFGH");
                CHECK_EQ(s->challenge.len, 32);
                CHECK_EQ(s->expires_at_ms, 12345);
                memcpy(n->hash, s->transcript_hash, sizeof(n->hash));
        } else {
                CHECK_STR(s->prompt, "Once more");
                CHECK(s->secret && !*s->url && !*s->user_code && !s->challenge.len);
        }
        if (!answer)
                CHECK_OK(capos_client_give_up(c, "nobody is there"));
        else if (!n->later)
                CHECK_OK(capos_client_answer(c, data_of(answer)));
}

static int rig_answers(struct rig *g, struct answers *n)
{
        struct capos_login l = {
                .kind = CAPOS_AUTH_OIDC_DEVICE_CODE, .step = answers_on_step, .step_arg = n};

        return capos_client_wait(g->c, capos_client_login(g->c, &l, NULL, NULL));
}

TEST(a_login_of_several_steps)
{
        struct answers n = {.first = "", .second = "that"};
        struct capos_proof p = {.transport = "plain", .account = {"", 0}, .profile = {"", 0}};
        uint8_t nonce[32], transcript[CAPOS_PROOF_BYTES], hash[32];
        struct capos_session_info i;
        struct rig g;
        size_t len;

        rig_init(&g);
        CHECK_OK(rig_answers(&g, &n));
        CHECK_EQ(n.asked, 2);
        CHECK(capos_client_info(g.c, &i));
        CHECK_STR(i.kind, "oidcDeviceCode");

        memset(nonce, 0x42, sizeof(nonce));
        p.nonce = (capnp_data){nonce, sizeof(nonce)};
        p.client_nonce = (capnp_data){g.play.client_nonce, g.play.client_nonce_len};
        CHECK_EQ(p.client_nonce.len, 32);
        CHECK_OK(capos_proof_write(&p, transcript, sizeof(transcript), &len));
        (void)SHA256(transcript, len, hash);
        CHECK_MEM(n.hash, hash, sizeof(hash));
        rig_deinit(&g);
}

TEST(a_step_that_is_answered_wrongly_or_not_at_all)
{
        struct answers wrong = {.first = "", .second = "this"}, gone = {.first = NULL};
        struct capos_login none = {.kind = CAPOS_AUTH_OIDC_DEVICE_CODE};
        struct rig g;

        rig_init(&g);
        CHECK_EQ(rig_answers(&g, &wrong), CAPOS_E_DENIED);
        CHECK_EQ(rig_denial(&g), CAPOS_DENIED_CREDENTIALS);
        CHECK_EQ(rig_answers(&g, &gone), -ECANCELED);
        CHECK_STR(capos_client_error_peek(g.c)->text, "nobody is there");
        CHECK_EQ(capos_client_login(g.c, &none, NULL, NULL), CAPOS_E_METHOD);
        CHECK_EQ(capos_client_answer(g.c, data_of("")), -EINVAL);
        CHECK_EQ(capos_client_give_up(g.c, ""), -EINVAL);
        rig_deinit(&g);
}

static void on_login(capos_client *c, int r, void *arg)
{
        (void)c;
        CHECK_OK(r);
        *(bool *)arg = true;
}

static void on_given_up(capos_client *c, int r, void *arg)
{
        (void)c;
        CHECK_EQ(r, -ECANCELED);
        *(bool *)arg = true;
}

static void rig_run_until_asked(struct rig *g, const struct answers *n, unsigned times)
{
        while (n->asked < times) {
                CHECK_OK(capnp_vat_process(g->vat));
                usleep(1000);
        }
        CHECK_EQ(n->asked, times);
}

/* Whoever types a code elsewhere takes his time: no bound of the client's runs meanwhile. */
TEST(a_step_may_be_answered_later)
{
        struct answers n = {.first = "", .second = "that", .later = true};
        struct capos_login l = {
                .kind = CAPOS_AUTH_OIDC_DEVICE_CODE, .step = answers_on_step, .step_arg = &n};
        bool done = false;
        struct rig g;

        rig_init(&g);
        capos_client_set_timeout(g.c, 60000);
        CHECK_OK(capos_client_login(g.c, &l, on_login, &done));
        rig_run_until_asked(&g, &n, 1);
        CHECK_EQ(capnp_vat_timeout_ms(g.vat), -1);
        CHECK_OK(capos_client_answer(g.c, data_of("")));
        CHECK_EQ(capos_client_answer(g.c, data_of("")), -EINVAL);
        rig_run_until_asked(&g, &n, 2);
        CHECK_OK(capos_client_answer(g.c, data_of("that")));
        rig_run_until(&g, &done);

        /* Nor need he wait for what comes of it. */
        done = false;
        n = (struct answers){.first = "", .later = true};
        CHECK_OK(capos_client_login(g.c, &l, on_given_up, &done));
        rig_run_until_asked(&g, &n, 1);
        CHECK_OK(capos_client_answer(g.c, data_of("")));
        CHECK_OK(capos_client_give_up(g.c, "enough"));
        CHECK(done);
        CHECK_EQ(capos_client_give_up(g.c, "enough"), -EINVAL);

        /* The client may go while a step waits. */
        g.c = capos_client_free(g.c);
        CHECK_OK(capos_client_new(g.vat, g.address, NULL, &g.c));
        n = (struct answers){.first = "", .later = true};
        CHECK_OK(capos_client_login(g.c, &l, NULL, NULL));
        rig_run_until_asked(&g, &n, 1);
        rig_deinit(&g);
}

TEST(keys_sign_the_transcript)
{
        char dir[] = "/tmp/capos-test-client-XXXXXX", remove[64];
        CAPNP_AUTO(capos_key_freep) capos_key *key = NULL;
        struct capos_login l = {.kind = CAPOS_AUTH_PUBLIC_KEY, .account = "alice"};
        uint8_t nonce[32], challenge[32];
        struct capos_proof p = {.transport = "plain", .account = {"alice", 5}, .profile = {"", 0}};
        struct rig g;

        CHECK(mkdtemp(dir));
        CHECK_OK(chdir(dir));
        run("ssh-keygen -q -t ed25519 -N '' -f k");
        CHECK_OK(capos_key_load("k", &key, NULL));
        l.key = key;
        rig_init(&g);
        CHECK_OK(capos_client_wait(g.c, capos_client_login(g.c, &l, NULL, NULL)));
        memset(nonce, 0x42, sizeof(nonce));
        p.nonce = (capnp_data){nonce, sizeof(nonce)};
        p.client_nonce = (capnp_data){g.play.client_nonce, g.play.client_nonce_len};
        CHECK_EQ(g.play.client_nonce_len, 32);
        check_proof(&g, &p);

        /* For a renewal: the session's challenge, no nonce of ours, the session's profile. */
        CHECK_OK(capos_client_wait(g.c, capos_client_renew(g.c, &l, 90000, NULL, NULL)));
        memset(challenge, 1, sizeof(challenge));
        p.nonce = (capnp_data){challenge, sizeof(challenge)};
        p.client_nonce = (capnp_data){0};
        p.profile = (capnp_text){"operator", 8};
        check_proof(&g, &p);
        rig_deinit(&g);
        CHECK_OK(chdir("/"));
        snprintf(remove, sizeof(remove), "rm -rf %s", dir);
        run(remove);
}

TEST(renewal_replaces_the_session)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *old = NULL;
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *cap = NULL;
        struct capos_login l = {.kind = CAPOS_AUTH_PASSWORD,
                                .password = {(const uint8_t *)"wrong", 5}};
        struct capos_session_info i;
        uint64_t expires_ms;
        capos_client *c;
        struct rig g;

        rig_init(&g);
        CHECK_OK(rig_login(&g, CAPOS_AUTH_PASSWORD, "alice", PLAY_PASSWORD));
        CHECK(capos_client_info(g.c, &i));
        expires_ms = i.expires_at_ms;
        old = capnp_cap_ref(capos_client_session_peek(g.c));
        cap = capos_client_get(g.c, "system_info", SYSTEM_INFO_ID);
        CHECK_EQ(capos_client_wait(g.c, capos_client_renew(g.c, &l, 0, NULL, NULL)),
                 CAPOS_E_DENIED);
        CHECK_EQ(rig_denial(&g), CAPOS_DENIED_CREDENTIALS);
        CHECK_OK(capos_client_wait(g.c, capos_client_fetch(g.c, NULL, NULL)));

        l.password = (capnp_data){(const uint8_t *)PLAY_PASSWORD, strlen(PLAY_PASSWORD)};
        CHECK_OK(capos_client_wait(g.c, capos_client_renew(g.c, &l, 3600 * 1000, NULL, NULL)));
        CHECK(capos_client_info(g.c, &i));
        CHECK(i.expires_at_ms > expires_ms + 3000 * 1000);
        CHECK_OK(call_motd(cap, NULL));
        CHECK_OK(capos_client_wait(g.c, capos_client_fetch(g.c, NULL, NULL)));

        /* The old reference is over; who holds it is told so. */
        CHECK_OK(capos_client_new_of_session(g.vat, old, &c));
        CHECK_EQ(capos_client_wait(c, capos_client_fetch(c, NULL, NULL)), CAPOS_E_DENIED);
        CHECK_EQ(capos_client_error_peek(c)->denial, CAPOS_DENIED_STALE_SESSION);
        capos_client_free(c);
        rig_deinit(&g);
}

TEST(renewal_by_steps_replaces_the_session)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *old = NULL;
        struct answers n = {.first = "", .second = "not that"};
        struct capos_login l = {
                .kind = CAPOS_AUTH_OIDC_DEVICE_CODE, .step = answers_on_step, .step_arg = &n};
        struct capos_proof p = {.transport = "plain"};
        uint8_t nonce[32], transcript[CAPOS_PROOF_BYTES], hash[32];
        struct capos_session_info i;
        uint64_t expires_ms;
        capos_client *c;
        struct rig g;
        size_t len;

        rig_init(&g);
        CHECK_OK(rig_login(&g, CAPOS_AUTH_PASSWORD, "alice", PLAY_PASSWORD));
        CHECK(capos_client_info(g.c, &i));
        expires_ms = i.expires_at_ms;
        old = capnp_cap_ref(capos_client_session_peek(g.c));
        CHECK_EQ(capos_client_wait(g.c, capos_client_renew(g.c, &l, 0, NULL, NULL)),
                 CAPOS_E_DENIED);
        CHECK_EQ(rig_denial(&g), CAPOS_DENIED_CREDENTIALS);

        n = (struct answers){.first = "", .second = "that"};
        CHECK_OK(capos_client_wait(g.c, capos_client_renew(g.c, &l, 0, NULL, NULL)));
        CHECK_EQ(n.asked, 2);
        CHECK(capos_client_info(g.c, &i));
        CHECK(i.expires_at_ms > expires_ms);

        /* What was signed names the session's account. */
        memset(nonce, 0x42, sizeof(nonce));
        p.account = (capnp_text){"alice", 5};
        p.profile = (capnp_text){"", 0};
        p.nonce = (capnp_data){nonce, sizeof(nonce)};
        p.client_nonce = (capnp_data){g.play.client_nonce, g.play.client_nonce_len};
        CHECK_OK(capos_proof_write(&p, transcript, sizeof(transcript), &len));
        (void)SHA256(transcript, len, hash);
        CHECK_MEM(n.hash, hash, sizeof(hash));

        CHECK_OK(capos_client_new_of_session(g.vat, old, &c));
        CHECK_EQ(capos_client_wait(c, capos_client_fetch(c, NULL, NULL)), CAPOS_E_DENIED);
        CHECK_EQ(capos_client_error_peek(c)->denial, CAPOS_DENIED_STALE_SESSION);
        capos_client_free(c);
        rig_deinit(&g);
}

TEST(logout_ends_every_reference)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *cap = NULL;
        struct capos_error e;
        struct rig g;

        rig_init(&g);
        CHECK_OK(rig_login(&g, CAPOS_AUTH_ANONYMOUS, NULL, NULL));
        cap = capos_client_get(g.c, "system_info", SYSTEM_INFO_ID);
        CHECK_OK(call_motd(cap, NULL));
        CHECK_OK(capos_client_wait(g.c, capos_client_logout(g.c, NULL, NULL)));
        CHECK_EQ(call_motd(cap, &e), CAPOS_E_DENIED);
        CHECK_EQ(e.denial, CAPOS_DENIED_STALE_SESSION);
        CHECK_EQ(capos_client_wait(g.c, capos_client_fetch(g.c, NULL, NULL)), CAPOS_E_DENIED);
        CHECK_EQ(rig_denial(&g), CAPOS_DENIED_STALE_SESSION);
        rig_deinit(&g);
}

TEST(schemas_make_calls_by_name)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *cap = NULL;
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf out;
        struct capnp_dynamic_method m;
        struct rig g;

        rig_init(&g);
        CHECK_OK(rig_login(&g, CAPOS_AUTH_ANONYMOUS, NULL, NULL));
        for (int i = 0; i < 2; i++)
                CHECK_OK(capos_client_wait(
                        g.c, capos_client_fetch_schema(g.c, SYSTEM_INFO_ID, NULL, NULL)));
        cap = capos_client_get(g.c, "system_info", SYSTEM_INFO_ID);
        m = (struct capnp_dynamic_method){.vat = g.vat, .target = cap};
        CHECK_OK(capnp_schema_find_method(capos_client_schema_peek(g.c), SYSTEM_INFO_ID, "motd",
                                          &m.info));
        CHECK_OK(capnp_dynamic_call(capos_client_schema_peek(g.c), &m, (capnp_text){0}, NULL, &q,
                                    NULL));
        CHECK_OK(capnp_question_wait(q));
        capnp_buf_init(&out, 1000);
        CHECK_OK(capnp_dynamic_results(capos_client_schema_peek(g.c), &m.info, q, NULL, &out));
        CHECK_STR(out.p, "{\"text\":\"welcome\"}");
        rig_deinit(&g);
}

/* ---- coming back -------------------------------------------------------------------------- */

/* The line drops. */
static void rig_cut(struct rig *g)
{
        g->ended = false;
        CHECK_EQ(shutdown(g->play.last_fd, SHUT_RDWR), 0);
        rig_run_until(g, &g->ended);
}

TEST(nothing_to_come_back_by)
{
        struct rig g;

        rig_init(&g);
        CHECK(!capos_client_can_reconnect(g.c));
        CHECK_OK(rig_login(&g, CAPOS_AUTH_PASSWORD, PLAY_ACCOUNT, PLAY_PASSWORD));
        CHECK(!capos_client_can_reconnect(g.c)); /* the instance knows of no such thing */
        CHECK_EQ(capos_client_reconnect(g.c, 0, NULL, NULL), -ENOTCONN);
        capos_client_free(g.c);
        g.play.enrols = true;
        CHECK_OK(capos_client_new(g.vat, g.address, NULL, &g.c));
        CHECK_OK(rig_login(&g, CAPOS_AUTH_ANONYMOUS, NULL, NULL));
        CHECK(!capos_client_can_reconnect(g.c));
        CHECK_EQ(g.play.enrolled_len, 0);
        rig_deinit(&g);
}

TEST(a_line_that_drops)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *old = NULL, *now = NULL;
        struct capos_session_info i;
        struct capos_error e;
        uint8_t first[64];
        struct rig g;

        rig_init(&g);
        g.play.enrols = true;
        CHECK_OK(rig_login(&g, CAPOS_AUTH_PASSWORD, PLAY_ACCOUNT, PLAY_PASSWORD));
        CHECK(capos_client_can_reconnect(g.c));
        CHECK_EQ(g.play.enrolled_len, 51);
        memcpy(first, g.play.enrolled, 51);
        old = capos_client_get(g.c, "system_info", SYSTEM_INFO_ID);
        CHECK_OK(call_motd(old, &e));

        /* Nobody is there for some tries. */
        g.play.listener = capnp_listener_free(g.play.listener);
        rig_cut(&g);
        CHECK_EQ(call_motd(old, &e), CAPNP_E_DISCONNECTED);
        CHECK_EQ(capos_client_wait(g.c, capos_client_reconnect(g.c, 1000, NULL, NULL)),
                 CAPNP_E_DISCONNECTED);
        CHECK(!capos_client_can_reconnect(g.c)); /* which was told to be the end of it */
        old = capnp_cap_unref(old);
        rig_deinit(&g);

        rig_init(&g);
        g.play.enrols = true;
        CHECK_OK(rig_login(&g, CAPOS_AUTH_PASSWORD, PLAY_ACCOUNT, PLAY_PASSWORD));
        CHECK(memcmp(g.play.enrolled, first, 51) != 0);
        memcpy(first, g.play.enrolled, 51);
        old = capos_client_get(g.c, "system_info", SYSTEM_INFO_ID);
        for (unsigned n = 0; n < 3; n++) {
                rig_cut(&g);
                capos_client_reconnect_now(g.c); /* nothing is to be waited for */
                CHECK_OK(capos_client_reconnect(g.c, 0, NULL, NULL));
                CHECK_EQ(capos_client_reconnect(g.c, 0, NULL, NULL), -EBUSY);
                capos_client_reconnect_now(g.c);
                CHECK_EQ(rig_login(&g, CAPOS_AUTH_ANONYMOUS, NULL, NULL), -EBUSY);
                CHECK_OK(capos_client_wait(g.c, 0));
                CHECK(capos_client_info(g.c, &i));
                CHECK_STR(i.kind, "publicKey");
                /* Signed by the same key, which is in the blob. */
                CHECK_MEM(g.play.proof + 14, first, 51);
                CHECK_MEM(g.play.enrolled, first, 51);
        }
        CHECK_EQ(call_motd(old, &e), CAPNP_E_DISCONNECTED);
        now = capos_client_get(g.c, "system_info", SYSTEM_INFO_ID);
        CHECK_OK(call_motd(now, &e));
        now = capnp_cap_unref(now);
        old = capnp_cap_unref(old);

        /* It is refused, and believed. */
        rig_cut(&g);
        g.play.forgets = true;
        CHECK_EQ(capos_client_wait(g.c, capos_client_reconnect(g.c, 0, NULL, NULL)),
                 CAPOS_E_DENIED);
        CHECK_EQ(rig_denial(&g), CAPOS_DENIED_CREDENTIALS);
        CHECK_EQ(capos_client_reconnect(g.c, 0, NULL, NULL), -ENOTCONN);
        rig_deinit(&g);
}

TEST(a_key_that_could_not_be_made_is_no_certificate)
{
        for (unsigned n = 1; n <= 16; n++) {
                struct rig g;
                int r;

                rig_init(&g);
                g.play.enrols = true;
                test_fail_alloc_at(n);
                r = rig_login(&g, CAPOS_AUTH_PASSWORD, PLAY_ACCOUNT, PLAY_PASSWORD);
                test_fail_alloc_at(0);
                CHECK(n > 1 || !r); /* the first is the key's */
                CHECK(n > 1 || !g.play.enrolled_len);
                CHECK(!capos_client_can_reconnect(g.c) || g.play.enrolled_len == 51);
                rig_deinit(&g);
        }
}

TEST(no_way_back_after_a_logout)
{
        struct rig g;

        rig_init(&g);
        g.play.enrols = true;
        CHECK_OK(rig_login(&g, CAPOS_AUTH_PASSWORD, PLAY_ACCOUNT, PLAY_PASSWORD));
        CHECK_OK(capos_client_wait(g.c, capos_client_logout(g.c, NULL, NULL)));
        CHECK(!capos_client_can_reconnect(g.c));
        rig_deinit(&g);
}

TEST(instance_that_is_not_there)
{
        capos_client *c = NULL;
        struct rig g;

        rig_init(&g);
        CHECK_EQ(capos_client_new(g.vat, "nonsense", NULL, &c), CAPNP_E_ADDRESS);
        CHECK_EQ(capos_client_new(g.vat, "capos://127.0.0.1:1/?ca=/nowhere", NULL, &c), CAPOS_E_CA);
        CHECK_EQ(capos_client_new(g.vat, "ftp:127.0.0.1:1", NULL, &c), CAPNP_E_ADDRESS);
        capos_client_free(g.c);
        CHECK_OK(capos_client_new(g.vat, "unix:/nowhere/at/all", NULL, &g.c));
        capos_client_on_end(g.c, rig_on_end, &g);
        CHECK_EQ(rig_login(&g, CAPOS_AUTH_ANONYMOUS, NULL, NULL), CAPNP_E_DISCONNECTED);
        CHECK(strstr(capos_client_error_peek(g.c)->text, "nowhere"));
        rig_run_until(&g, &g.ended);
        rig_deinit(&g);
}

/* Listens at a path, which somebody else does: asked, the kernel names who called listen(). */
static int serve_as(uid_t uid, const char *path)
{
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), status;
        pid_t pid;

        CHECK(fd >= 0);
        snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
        CHECK_EQ(bind(fd, (struct sockaddr *)(void *)&a, sizeof(a)), 0);
        pid = fork();
        if (!pid)
                _exit((uid && setuid(uid)) || listen(fd, 1) ? 1 : 0);
        CHECK(waitpid(pid, &status, 0) == pid);
        CHECK_EQ(status, 0);
        return fd;
}

/* What the first operation says of a server at a Unix socket that this user runs. */
static int trusted(uid_t server, uid_t folder, uint32_t timeout_ms, bool *ret_refused)
{
        char dir[] = "/tmp/capos-trust-XXXXXX", path[64], address[80];
        struct rig g;
        int fd, r;

        rig_init(&g);
        capos_client_free(g.c);
        CHECK(mkdtemp(dir) != NULL);
        snprintf(path, sizeof(path), "%s/x", dir);
        snprintf(address, sizeof(address), "unix:%s", path);
        fd = serve_as(server, path);
        CHECK_EQ(chown(dir, folder, (gid_t)-1), 0);
        CHECK_OK(capos_client_new(g.vat, address, NULL, &g.c));
        capos_client_set_timeout(g.c, timeout_ms);
        r = rig_login(&g, CAPOS_AUTH_ANONYMOUS, NULL, NULL);
        *ret_refused = strstr(capos_client_error_peek(g.c)->text, "not permitted");
        close(fd);
        CHECK_EQ(unlink(path), 0);
        CHECK_EQ(rmdir(dir), 0);
        rig_deinit(&g);
        return r;
}

TEST(instance_of_another_user_is_not_spoken_to)
{
        enum { LONG_MS = 60000, SHORT_MS = 300 }; /* for who has to say no; who says nothing */
        bool refused;

        CHECK(trusted(0, geteuid(), SHORT_MS, &refused) != 0);
        CHECK(!refused);
        if (geteuid() != 0)
                test_skip("nobody but root can become somebody else");
        CHECK(trusted(4711, 0, LONG_MS, &refused) != 0);
        CHECK(refused);
        CHECK(trusted(4711, 4712, LONG_MS, &refused) != 0);
        CHECK(refused);
        CHECK(trusted(4711, 4711, SHORT_MS, &refused) != 0);
        CHECK(!refused); /* whose folder one was sent to */
}

/* ---- the other style ---------------------------------------------------------------------- */

struct steps {
        struct rig g;
        unsigned told;
        bool over;
};

static void on_fetched(capos_client *c, int r, void *arg)
{
        struct steps *s = arg;

        CHECK_OK(r);
        CHECK_EQ(capos_client_wait(c, capos_client_fetch(c, NULL, NULL)), -EDEADLK);
        s->told++;
        s->over = true;
        s->g.c = capos_client_free(c);
}

static void on_logged_in(capos_client *c, int r, void *arg)
{
        struct steps *s = arg;

        CHECK_OK(r);
        s->told++;
        CHECK_OK(capos_client_fetch(c, on_fetched, s));
        CHECK_EQ(capos_client_fetch(c, on_fetched, s), -EBUSY);
}

TEST(callbacks_begin_what_comes_next)
{
        static const struct capos_login l = {.kind = CAPOS_AUTH_ANONYMOUS};
        struct steps s = {0};

        rig_init(&s.g);
        CHECK_OK(capos_client_login(s.g.c, &l, on_logged_in, &s));
        CHECK_EQ(s.told, 0);
        rig_run_until(&s.g, &s.over);
        CHECK_EQ(s.told, 2);
        rig_deinit(&s.g);
}

TEST(client_freed_in_the_middle)
{
        static const struct capos_login l = {.kind = CAPOS_AUTH_ANONYMOUS};
        struct steps s = {0};

        rig_init(&s.g);
        CHECK_OK(capos_client_login(s.g.c, &l, on_logged_in, &s));
        s.g.c = capos_client_free(s.g.c);
        for (int i = 0; i < 50 || s.g.play.connections; i++) {
                CHECK_OK(capnp_vat_process(s.g.vat));
                usleep(1000);
        }
        CHECK_EQ(s.told, 0);
        CHECK_EQ(s.g.play.connections, 0);
        rig_deinit(&s.g);
}

TORTURE(login_without_memory)
{
        CAPNP_AUTO(capnp_vat_freep) capnp_vat *v = NULL;
        CAPNP_AUTO(capos_client_freep) capos_client *c = NULL;
        struct capos_login l = {.kind = CAPOS_AUTH_ANONYMOUS};

        TORTURE_OK(capnp_vat_new(&v));
        TORTURE_OK(capos_client_new(v, "unix-abstract:capos-nobody-there", NULL, &c));
        if (capos_client_wait(c, capos_client_login(c, &l, NULL, NULL)) == CAPNP_E_DISCONNECTED)
                return;
        TORTURE_OK(capos_client_error_peek(c)->code);
}
