/*
 * Proofs: passwords and backing off, signatures by real ssh-keygen keys of every type, renewal, and
 * that no secret is left in any file.
 */
#include "test-rig.h"

#include "clock.h"
#include "session-proof.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECRET  "correct horse battery"
#define PLANTED "plant3d-s3cret-in-a-wrong-password"
#define LONG    "more-than-the-sixty-four-bytes-that-the-name-of-a-profile-could-ever-have"

static capnp_question *login(struct rig *g, struct rig_worker *w, const char *address,
                             const char *account, const char *password)
{
        rig_worker(g, address, w);
        return rig_password(w, account, "", password);
}

TEST_T(passwords_open_and_one_answer_refuses, 90)
{
        static const char *const bad[][2] = {{"alice", PLANTED},
                                             {"nobody", SECRET},
                                             {"keyless", SECRET},
                                             {"NOT A NAME", SECRET}};
        struct rig_worker w;
        struct rig g;
        capnp_question *q;
        session_info_reader i;
        char *log;

        CHECK(sodium_init() >= 0);
        rig_start(&g, NULL);
        rig_account(&g, "alice", SECRET);
        rig_account(&g, "keyless", "");
        q = login(&g, &w, RIG_HOME, "alice", SECRET);
        i = bound_info(admission_next_bound(rig_good(q)));
        CHECK(admission_next_done(q));
        CHECK_STR(session_info_account(i).p, "alice");
        CHECK_STR(session_info_profile(i).p, "operator");
        CHECK_STR(session_info_kind(i).p, "password");
        CHECK_EQ(session_info_renew_challenge(i).len, 32);
        capnp_question_free(q);
        rig_worker_end(&w);

        for (unsigned k = 0; k < 4; k++) {
                q = login(&g, &w, RIG_HOME, bad[k][0], bad[k][1]);
                rig_refused(q, "denied.credentials");
                rig_worker_end(&w);
        }
        rig_worker(&g, RIG_HOME, &w);
        q = rig_password(&w, "alice", "visitor", SECRET);
        rig_refused(q, "denied.profile");
        q = rig_password(&w, "alice", "second", SECRET);
        i = bound_info(admission_next_bound(rig_good(q)));
        CHECK_STR(session_info_profile(i).p, "second");
        capnp_question_free(q);
        rig_worker_end(&w);

        CHECK_EQ(rig_audited(&g, "\"outcome\":\"denied.credentials\""), 4);
        CHECK_EQ(rig_audited(&g, SECRET) + rig_audited(&g, PLANTED), 0);
        log = rig_file(&g, "log", NULL);
        CHECK(!strstr(log, SECRET) && !strstr(log, PLANTED));
        free(log);
        rig_stop(&g, false);
        rig_remove(g.dir);
}

TEST_T(an_empty_answer_asks_for_the_prompt, 60)
{
        struct rig_worker w;
        struct rig g;
        capnp_question *q, *n;
        remote_auth_step_reader s;
        uint32_t flow;

        rig_start(&g, NULL);
        rig_account(&g, "alice", SECRET);
        rig_worker(&g, RIG_HOME, &w);
        q = admission_start(w.ask);
        login_selector_set_account(remote_auth_start_init_selector(admission_start_init_request(q)),
                                   "alice");
        flow = admission_start_flow(rig_good(q));
        capnp_question_free(q);
        n = admission_next(w.ask);
        admission_next_set_flow(n, flow);
        s = admission_next_step(rig_good(n));
        CHECK(!admission_next_done(n) && remote_auth_step_redaction(s));
        CHECK(remote_auth_step_prompt(s).len && remote_auth_step_expires_at_ms(s));
        capnp_question_free(n);
        n = admission_next(w.ask);
        admission_next_set_flow(n, flow);
        admission_next_set_response(n, (capnp_data){(const uint8_t *)SECRET, sizeof(SECRET) - 1});
        CHECK(admission_next_done(rig_good(n)));
        capnp_question_free(n);
        n = admission_next(w.ask);
        admission_next_set_flow(n, flow);
        rig_refused(n, "denied.flow");
        rig_worker_end(&w);
        rig_stop(&g, false);
        rig_remove(g.dir);
}

/* ---- waiting after failures ----------------------------------------------------------------- */

/* What somebody is told, on a connection of his own, who shows this; "": he is let in. */
static const char *told(struct rig *g, const char *address, const char *password)
{
        static char reason[256];
        struct rig_worker w;
        capnp_question *q = login(g, &w, address, "alice", password);
        int r = capnp_question_wait(q);

        (void)snprintf(reason, sizeof(reason), "%s", r ? capnp_question_exception(q).reason : "");
        capnp_question_free(q);
        rig_worker_end(&w);
        return reason;
}

static bool begins(const char *text, const char *with)
{
        return !strncmp(text, with, strlen(with));
}

/* Fails until that makes wait, after some failures of before. Each from the third on makes wait for
 * twice as long as the one before, from a second on: whoever comes before that is refused, and on
 * a machine however slow one does at last. */
static void fail_until_wait(struct rig *g, unsigned failures, const char *password,
                            const char *refusal)
{
        uint64_t last_ms = 0, this_ms = clock_boot_ms();
        const char *said;

        while (begins(said = told(g, RIG_AWAY, password), refusal)) {
                if (failures >= 3)
                        CHECK(clock_boot_ms() - last_ms >= UINT64_C(1000) << (failures - 3));
                failures++;
                last_ms = this_ms;
                this_ms = clock_boot_ms();
        }
        CHECK(failures >= 3);
        if (!begins(said, "denied.backoff: try again in "))
                test_fail(__FILE__, __LINE__, "no backoff: %s", said);
}

/* It is let in at once, or after so many seconds as this says. */
static void let_in(struct rig *g, const char *address, const char *wait)
{
        const char *said;

        while (*(said = told(g, address, SECRET))) {
                if (!begins(said, wait))
                        test_fail(__FILE__, __LINE__, "%s, not %s", said, wait);
                rig_pause(g, 100);
        }
}

TEST_T(failures_make_wait_but_not_others, 90)
{
        struct rig g;

        rig_start(&g, NULL);
        rig_account(&g, "alice", SECRET);
        fail_until_wait(&g, 0, PLANTED, "denied.credentials");
        /* Her own machine waits for a second at most. */
        let_in(&g, RIG_HOME, "denied.backoff: try again in 1 seconds");
        rig_stop(&g, false);
        rig_remove(g.dir);
}

/* It neither counts, nor makes forget what was counted. */
TEST_T(a_good_proof_that_is_refused_is_no_success, 90)
{
        static const char *const tried[] = {PLANTED, PLANTED, SECRET};
        struct rig_worker w;
        struct rig g;

        rig_start(&g, NULL);
        rig_account(&g, "alice", SECRET);
        for (unsigned i = 0; i < 3; i++) {
                rig_worker(&g, RIG_AWAY, &w);
                rig_refused(rig_password(&w, "alice", "visitor", tried[i]),
                            i == 2 ? "denied.profile" : "denied.credentials");
                rig_worker_end(&w);
        }
        fail_until_wait(&g, 2, PLANTED, "denied.credentials");

        /* A success does: one more failure costs no more than the account's second. */
        let_in(&g, RIG_AWAY, "denied.backoff");
        CHECK(begins(told(&g, RIG_AWAY, PLANTED), "denied.credentials"));
        let_in(&g, RIG_AWAY, "denied.backoff: try again in 1 seconds");
        rig_stop(&g, false);
        rig_remove(g.dir);
}

TEST_T(flows_are_few_and_can_be_canceled, 60)
{
        struct rig_worker w;
        struct rig g;
        capnp_question *q;
        uint32_t flow = 0;

        rig_start(&g, NULL);
        rig_worker(&g, RIG_HOME, &w);
        for (unsigned i = 0; i < 4; i++) {
                q = admission_start(w.ask);
                flow = admission_start_flow(rig_good(q));
                capnp_question_free(q);
        }
        rig_refused(admission_start(w.ask), "over-quota.flows");
        q = admission_cancel(w.ask);
        admission_cancel_set_flow(q, flow);
        capnp_question_free(rig_good(q));
        q = admission_next(w.ask);
        admission_next_set_flow(q, flow);
        rig_refused(q, "denied.flow");
        capnp_question_free(rig_good(admission_start(w.ask)));
        rig_worker_end(&w);
        rig_stop(&g, false);
        rig_remove(g.dir);
}

enum { CROWD = 40 };

/* Asks for a proof of nobody's from each of a crowd of connections; whether there was room. */
static unsigned crowd(struct rig *g, struct rig_worker *w, capnp_question **q, bool away)
{
        unsigned busy = 0;

        for (unsigned i = 0; i < CROWD; i++) {
                char account[16], address[32];

                snprintf(account, sizeof(account), "user%u", i);
                snprintf(address, sizeof(address), "127.0.%u.1:1", away ? i + 1 : 0);
                q[i] = login(g, &w[i], address, account, PLANTED);
                capnp_question_send(q[i], NULL, NULL);
        }
        /* What is answered behind it tells that it has been heard; and a second time, that what
         * became of it by the last of them has been read. */
        for (unsigned i = 0; i < 2 * CROWD; i++)
                capnp_question_free(rig_good(admission_methods(w[i % CROWD].ask)));
        rig_until_count(g, &g->nheld, 2);
        for (unsigned i = 0; i < CROWD; i++) {
                if (!capnp_question_is_done(q[i]))
                        continue;
                rig_refused(q[i], "over-quota.proofs");
                q[i] = NULL;
                busy++;
        }
        return busy;
}

static void crowd_goes(struct rig_worker *w, capnp_question **q)
{
        for (unsigned i = 0; i < CROWD; i++) {
                capnp_question_free(q[i]);
                rig_worker_end(&w[i]);
        }
}

TEST_T(a_source_has_a_share_of_the_queue, 60)
{
        struct rig_worker w[CROWD];
        struct rig g;
        capnp_question *q[CROWD];

        rig_start(&g, NULL);
        g.hold_provers = true;
        CHECK_EQ(crowd(&g, w, q, false), CROWD - 16 - 2);
        CHECK_EQ(g.nheld, 2);
        crowd_goes(w, q);
        rig_stop(&g, false);
        rig_remove(g.dir);
}

/* Many proofs of a stranger wait: one of a good client is next. */
TEST_T(a_flood_waits_for_itself, 90)
{
        struct rig_worker w[CROWD], good;
        struct rig g;
        capnp_question *q[CROWD], *mine;
        unsigned answered;

        rig_start(&g, NULL);
        rig_account(&g, "alice", SECRET);
        answered = g.nprovers;
        g.hold_provers = true;
        (void)crowd(&g, w, q, false);
        CHECK_EQ(g.nheld, 2);
        mine = login(&g, &good, RIG_AWAY, "alice", SECRET);
        capnp_question_send(mine, NULL, NULL);
        capnp_question_free(rig_good(admission_methods(good.ask))); /* it has been heard */
        rig_release_provers(&g);
        capnp_question_free(rig_good(mine));
        CHECK(g.nprovers < answered + 15); /* of 19 */
        rig_worker_end(&good);
        crowd_goes(w, q);
        rig_stop(&g, false);
        rig_remove(g.dir);
}

/* Who can make provers crash does not try for nothing; nobody else pays for it. */
TEST_T(an_attempt_that_kills_its_prover_counts, 60)
{
        struct rig g;

        rig_start(&g, NULL);
        rig_account(&g, "alice", SECRET);
        g.kill_provers = true;
        fail_until_wait(&g, 0, SECRET, "over-quota.proofs");
        g.kill_provers = false;
        CHECK_STR(told(&g, RIG_HOME, SECRET), "");
        rig_stop(&g, false);
        rig_remove(g.dir);
}

/* Who hangs up keeps his place, is not tried, and holds nobody up. */
TEST_T(what_was_given_up_is_not_tried, 60)
{
        struct rig_worker w[CROWD], good;
        struct rig g;
        capnp_question *q[CROWD];
        unsigned before;

        rig_start(&g, NULL);
        rig_account(&g, "alice", SECRET);
        before = g.nprovers;
        g.hold_provers = true;
        (void)crowd(&g, w, q, true);
        crowd_goes(w, q);
        rig_until_seen(&g);
        rig_release_provers(&g);
        capnp_question_free(rig_good(login(&g, &good, RIG_AWAY, "alice", SECRET)));
        CHECK_EQ(g.nprovers, before + 3);
        rig_worker_end(&good);
        rig_stop(&g, false);
        rig_remove(g.dir);
}

/* A connection that only ever asks for what it cannot have does not do so for ever. */
TEST_T(refused_attempts_are_few, 60)
{
        struct rig_worker w;
        struct rig g;

        rig_start(&g, NULL);
        rig_worker(&g, RIG_HOME, &w);
        for (unsigned i = 0; i < 100; i++) {
                capnp_question *q = admission_start(w.ask);

                remote_auth_start_set_requested_profile(admission_start_init_request(q), LONG);
                if (i < 99)
                        rig_refused(q, "denied.profile");
                else
                        capnp_question_detach(q);
        }
        rig_until_count(&g, &g.nkilled, 1);
        rig_until(&g, &w.closed);
        rig_worker_end(&w);
        rig_stop(&g, false);
        rig_remove(g.dir);
}

static capnp_question *login_alone(struct rig *g, struct rig_worker *w, const char *password)
{
        capnp_question *q, *n;
        remote_auth_start_builder b;

        rig_worker(g, RIG_HOME, w);
        q = admission_start(w->ask);
        b = admission_start_init_request(q);
        login_selector_set_account(remote_auth_start_init_selector(b), "alice");
        remote_auth_start_set_end_others(b, true);
        n = admission_next(w->ask);
        admission_next_set_flow(n, admission_start_flow(rig_good(q)));
        capnp_question_free(q);
        admission_next_set_response(
                n, (capnp_data){(const uint8_t *)password, (uint32_t)strlen(password)});
        return n;
}

/* An owner whose sessions are as many as they may be can end them, and nobody else can. */
TEST_T(an_owner_is_not_locked_out_by_his_own, 90)
{
        struct rig_worker w[3], other, last;
        struct rig g;
        unsigned sessions, descriptors;

        rig_start(&g, NULL);
        rig_account(&g, "alice", SECRET);
        rig_account(&g, "bob", SECRET);
        for (unsigned i = 0; i < 3; i++)
                capnp_question_free(rig_good(login(&g, &w[i], RIG_HOME, "alice", SECRET)));
        capnp_question_free(rig_good(login(&g, &other, RIG_HOME, "bob", SECRET)));
        rig_refused(login(&g, &last, RIG_HOME, "alice", SECRET), "over-quota.sessions");
        rig_worker_end(&last);
        rig_refused(login_alone(&g, &last, PLANTED), "denied.credentials");
        rig_worker_end(&last);
        rig_status(&g, &sessions, &descriptors);
        CHECK_EQ(sessions, 4);
        for (unsigned i = 0; i < 3; i++)
                rig_attend(&w[i]);
        capnp_question_free(rig_good(login_alone(&g, &last, SECRET)));
        rig_status(&g, &sessions, &descriptors);
        CHECK_EQ(sessions, 2);
        rig_until(&g, &w[0].told);
        CHECK_STR(w[0].ended, "ended by a newer login of the account");
        for (unsigned i = 0; i < 3; i++)
                rig_worker_end(&w[i]);
        rig_worker_end(&other);
        rig_worker_end(&last);
        rig_stop(&g, false);
        rig_remove(g.dir);
}

/* ---- keys ----------------------------------------------------------------------------------- */

static int run(const char *const *argv)
{
        pid_t pid = fork();
        int status;

        if (!pid) {
                int null = open("/dev/null", O_RDWR | O_CLOEXEC);

                if (dup3(null, 0, 0) < 0 || dup3(null, 1, 0) < 0 || dup3(null, 2, 0) < 0)
                        _exit(90);
                execvp(argv[0], (char *const *)argv);
                _exit(91);
        }
        CHECK_EQ(waitpid(pid, &status, 0), pid);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int keygen(struct rig *g, const char *name, const char *type, const char *bits)
{
        char path[128];

        snprintf(path, sizeof(path), "%s/%s", g->dir, name);
        return run((const char *[]){"ssh-keygen", "-q", "-t", type, "-b", bits, "-N", "", "-C",
                                    "a comment", "-f", path, NULL});
}

static capnp_question *key_add(struct rig *g, const char *account, const char *name)
{
        char file[64];
        capnp_question *q = admin_key_add(rig_admin(g));
        char *line;

        snprintf(file, sizeof(file), "%s.pub", name);
        line = rig_file(g, file, NULL);
        admin_key_add_set_name(q, account);
        admin_key_add_set_key(q, line);
        free(line);
        return q;
}

/* ssh-keygen's armour taken off. */
static size_t unarmour(const char *text, uint8_t out[4096])
{
        const char *begin = strstr(text, "-----BEGIN SSH SIGNATURE-----\n");
        const char *end = strstr(text, "-----END");
        size_t len;

        CHECK(begin && end);
        begin += strlen("-----BEGIN SSH SIGNATURE-----\n");
        CHECK(!sodium_base642bin(out, 4096, begin, (size_t)(end - begin), "\n", &len, NULL,
                                 sodium_base64_VARIANT_ORIGINAL));
        return len;
}

static size_t sign(struct rig *g, const char *name, const char *space, const char *hash,
                   const struct capos_proof *p, uint8_t out[4096])
{
        uint8_t transcript[CAPOS_PROOF_BYTES];
        char key[128], file[128], option[32];
        size_t len, n;
        char *text;
        int fd;

        CHECK_OK(capos_proof_write(p, transcript, sizeof(transcript), &len));
        snprintf(key, sizeof(key), "%s/%s", g->dir, name);
        snprintf(file, sizeof(file), "%s/transcript", g->dir);
        snprintf(option, sizeof(option), "hashalg=%s", hash);
        fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        CHECK(fd >= 0 && write(fd, transcript, len) == (ssize_t)len);
        close(fd);
        snprintf(file, sizeof(file), "%s/transcript.sig", g->dir);
        unlink(file);
        snprintf(file, sizeof(file), "%s/transcript", g->dir);
        CHECK_EQ(run((const char *[]){"ssh-keygen", "-Y", "sign", "-f", key, "-n", space, "-O",
                                      option, file, NULL}),
                 0);
        text = rig_file(g, "transcript.sig", NULL);
        n = unarmour(text, out);
        free(text);
        return n;
}

static const uint8_t client_nonce[] = "the client's nonce";

/* Starts a public key flow and gets its challenge. */
static uint32_t challenge(struct rig_worker *w, const char *account, uint8_t nonce[32])
{
        capnp_question *q = admission_start(w->ask);
        remote_auth_start_builder b = admission_start_init_request(q);
        uint32_t flow;
        capnp_data d;

        remote_auth_start_set_kind(b, REMOTE_AUTH_KIND_PUBLIC_KEY);
        login_selector_set_account(remote_auth_start_init_selector(b), account);
        remote_auth_start_set_client_nonce(b, (capnp_data){client_nonce, sizeof(client_nonce) - 1});
        flow = admission_start_flow(rig_good(q));
        capnp_question_free(q);
        q = admission_next(w->ask);
        admission_next_set_flow(q, flow);
        d = remote_auth_step_challenge(admission_next_step(rig_good(q)));
        CHECK_EQ(d.len, 32);
        memcpy(nonce, d.p, 32);
        capnp_question_free(q);
        return flow;
}

static struct capos_proof proof(const char *account, const uint8_t nonce[32])
{
        return (struct capos_proof){
                .transport = "plain",
                .nonce = {nonce, 32},
                .client_nonce = {client_nonce, sizeof(client_nonce) - 1},
                .account = {account, (uint32_t)strlen(account)},
        };
}

static capnp_question *answer(struct rig_worker *w, uint32_t flow, const uint8_t *sig, size_t len)
{
        capnp_question *q = admission_next(w->ask);

        admission_next_set_flow(q, flow);
        admission_next_set_response(q, (capnp_data){sig, (uint32_t)len});
        return q;
}

static void key_logs_in(struct rig *g, const char *name, const char *hash)
{
        struct rig_worker w;
        uint8_t nonce[32], sig[4096];
        struct capos_proof p = proof("bob", nonce);
        uint32_t flow;
        size_t len;
        capnp_question *q;

        rig_worker(g, RIG_HOME, &w);
        flow = challenge(&w, "bob", nonce);
        len = sign(g, name, CAPOS_PROOF_NAMESPACE, hash, &p, sig);
        q = rig_good(answer(&w, flow, sig, len));
        CHECK_STR(session_info_kind(bound_info(admission_next_bound(q))).p, "publicKey");
        capnp_question_free(q);
        rig_worker_end(&w);

        /* The same signature again, on a connection of its own, is nothing. */
        rig_worker(g, RIG_HOME, &w);
        flow = challenge(&w, "bob", nonce);
        rig_refused(answer(&w, flow, sig, len), "denied.credentials");
        rig_worker_end(&w);
}

TEST_T(keys_of_every_type_log_in, 200)
{
        static const struct {
                const char *name, *type, *bits, *hash;
        } keys[] = {
                {"k0", "ed25519", "256", "sha512"}, {"k1", "ecdsa", "256", "sha256"},
                {"k2", "ecdsa", "384", "sha512"},   {"k3", "ecdsa", "521", "sha512"},
                {"k4", "rsa", "2048", "sha256"},    {"k5", "rsa", "3072", "sha512"},
        };
        struct rig g;
        capnp_question *q;

        CHECK(sodium_init() >= 0);
        rig_start(&g, NULL);
        rig_account(&g, "bob", "");
        for (unsigned i = 0; i < 6; i++) {
                CHECK_EQ(keygen(&g, keys[i].name, keys[i].type, keys[i].bits), 0);
                q = rig_good(key_add(&g, "bob", keys[i].name));
                CHECK(!strncmp(admin_key_add_fingerprint(q).p, "SHA256:", 7));
                capnp_question_free(q);
        }
        rig_refused(key_add(&g, "bob", "k0"), "it exists already");
        for (unsigned i = 0; i < 6; i++) {
                key_logs_in(&g, keys[i].name, keys[i].hash);
                rig_pause(&g, 1100); /* for the failures in it */
        }
        q = rig_good(admin_account_list(rig_admin(&g)));
        CHECK_EQ(account_keys(account_list_get(admin_account_list_accounts(q), 0)).len, 6);
        capnp_question_free(q);
        rig_stop(&g, false);
        rig_remove(g.dir);
}

TEST_T(keys_that_are_refused, 90)
{
        struct rig g;

        rig_start(&g, NULL);
        rig_account(&g, "bob", "");
        CHECK_EQ(keygen(&g, "weak", "rsa", "1024"), 0);
        rig_refused(key_add(&g, "bob", "weak"), "it failed");
        CHECK_EQ(keygen(&g, "dsa", "dsa", "1024"), 0);
        rig_refused(key_add(&g, "bob", "dsa"), "it failed");
        CHECK_EQ(keygen(&g, "good", "ed25519", "256"), 0);
        rig_refused(key_add(&g, "carol", "good"), "there is none such");
        rig_refused(key_add(&g, "Carol!", "good"), "a name is");
        rig_stop(&g, false);
        rig_remove(g.dir);
}

/* Every field of the transcript, the namespace and the key itself count. */
TEST_T(signatures_over_anything_else_are_refused, 120)
{
        struct rig_worker w;
        uint8_t nonce[32], sig[4096];
        struct rig g;

        CHECK(sodium_init() >= 0);
        rig_start(&g, NULL);
        rig_account(&g, "bob", "");
        rig_account(&g, "eve", "");
        CHECK_EQ(keygen(&g, "k", "ed25519", "256"), 0);
        CHECK_EQ(keygen(&g, "e", "ed25519", "256"), 0);
        capnp_question_free(rig_good(key_add(&g, "bob", "k")));
        capnp_question_free(rig_good(key_add(&g, "eve", "e")));
        for (unsigned i = 0; i < 8; i++) {
                struct capos_proof p = proof("bob", nonce);
                char address[32];
                uint32_t flow;
                size_t len;

                /* From somewhere else each time, and slowly: nobody backs off here. */
                snprintf(address, sizeof(address), "192.0.2.%u:1", i + 1);
                if (i > 2)
                        rig_pause(&g, 1100);
                rig_worker(&g, address, &w);
                flow = challenge(&w, "bob", nonce);
                p.transport = i == 0 ? "tls" : p.transport;
                p.account = i == 1 ? (capnp_text){"eve", 3} : p.account;
                p.profile = i == 2 ? (capnp_text){"operator", 8} : p.profile;
                p.client_nonce.len -= i == 3;
                p.server_key_hash = i == 4 ? (capnp_data){nonce, 32} : p.server_key_hash;
                p.channel_binding = i == 5 ? (capnp_data){nonce, 32} : p.channel_binding;
                len = sign(&g, i == 6 ? "e" : "k", i == 7 ? "file" : CAPOS_PROOF_NAMESPACE,
                           "sha512", &p, sig);
                rig_refused(answer(&w, flow, sig, len), "denied.credentials");
                rig_worker_end(&w);
        }
        rig_stop(&g, false);
        rig_remove(g.dir);
}

/* ---- over TLS ------------------------------------------------------------------------------- */

enum { BIND_EXPORTER, BIND_OTHER, BIND_PLAIN, BIND_KEY, BIND_KEY_OTHER, BIND_KEY_BOTH, BINDS };

/* What a client puts into its proof; the connection's exporter is 0x11…, its key 0x22…. */
static void bind_fill(struct capos_proof *p, unsigned how)
{
        static uint8_t exporter[32], key[32], other[32];

        memset(exporter, 0x11, sizeof(exporter));
        memset(key, 0x22, sizeof(key));
        memset(other, 0x33, sizeof(other));
        p->transport = how == BIND_PLAIN ? "plain" : how < BIND_KEY ? "tls" : "tls-key";
        if (how == BIND_EXPORTER || how == BIND_KEY_BOTH)
                p->channel_binding = (capnp_data){exporter, 32};
        if (how == BIND_OTHER)
                p->channel_binding = (capnp_data){other, 32};
        if (how != BIND_PLAIN)
                p->server_key_hash = (capnp_data){how == BIND_KEY_OTHER ? other : key, 32};
}

static capnp_question *secured(struct rig_worker *w, uint8_t fill, uint32_t len)
{
        capnp_question *q = admission_secured(w->ask);
        uint8_t exporter[64];

        memset(exporter, fill, sizeof(exporter));
        admission_secured_set_exporter(q, (capnp_data){exporter, len});
        return q;
}

/* A connection whose handshake is done. */
static void tls_worker(struct rig *g, struct rig_worker *w)
{
        uint8_t hash[32] = {1}, key[32];

        memset(key, 0x22, sizeof(key));
        rig_worker(g, RIG_AWAY, w);
        rig_signed(g, w->event, hash, key);
        capnp_question_free(rig_good(secured(w, 0x11, 32)));
}

/* Logs in by key over TLS. Returns the last question, not waited for. */
static capnp_question *bound_login(struct rig *g, struct rig_worker *w, unsigned how)
{
        bool key = how >= BIND_KEY;
        uint8_t nonce[32], sig[4096];
        struct capos_proof p;
        capnp_question *q;
        uint32_t flow;
        size_t len;

        tls_worker(g, w);
        q = admission_start(w->ask);
        remote_auth_start_builder b = admission_start_init_request(q);
        remote_auth_start_set_kind(b, REMOTE_AUTH_KIND_PUBLIC_KEY);
        login_selector_set_account(remote_auth_start_init_selector(b), "bob");
        remote_auth_start_set_client_nonce(b, (capnp_data){client_nonce, sizeof(client_nonce) - 1});
        remote_auth_start_set_binding(b, key ? REMOTE_CHANNEL_BINDING_SERVER_KEY
                                             : REMOTE_CHANNEL_BINDING_EXPORTER);
        flow = admission_start_flow(rig_good(q));
        capnp_question_free(q);
        q = rig_good(answer(w, flow, NULL, 0));
        memcpy(nonce, remote_auth_step_challenge(admission_next_step(q)).p, sizeof(nonce));
        capnp_question_free(q);
        p = proof("bob", nonce);
        bind_fill(&p, how);
        len = sign(g, "k", CAPOS_PROOF_NAMESPACE, "sha512", &p, sig);
        return answer(w, flow, sig, len);
}

TEST_T(a_proof_is_bound_to_its_channel, 120)
{
        struct rig_worker w;
        struct rig g;

        CHECK(sodium_init() >= 0);
        for (unsigned allowed = 0; allowed < 2; allowed++) {
                rig_start(&g, &(struct rig_options){.server_key = allowed});
                rig_start_signer(&g);
                rig_account(&g, "bob", "");
                CHECK_EQ(keygen(&g, "k", "ed25519", "256"), 0);
                capnp_question_free(rig_good(key_add(&g, "bob", "k")));
                for (unsigned how = 0; how < BINDS; how++) {
                        capnp_question *q = bound_login(&g, &w, how);

                        if (how == BIND_EXPORTER || (how == BIND_KEY && allowed))
                                capnp_question_free(rig_good(q));
                        else
                                rig_refused(q, how == BIND_KEY ? "denied.profile: it demands"
                                                               : "denied.credentials");
                        rig_worker_end(&w);
                }
                CHECK(rig_audited(&g, "\"binding\":\"tls-key\"") > 0);
                CHECK(rig_audited(&g, "\"binding\":\"tls-exporter\"") > 0);
                rig_stop(&g, false);
                rig_remove(g.dir);
        }
}

TEST_T(nothing_is_asked_before_the_handshake, 120)
{
        struct rig_worker w;
        uint8_t hash[32] = {1};
        struct rig g;

        rig_start(&g, NULL);
        rig_start_signer(&g);
        rig_worker(&g, RIG_AWAY, &w);
        rig_refused(rig_ask_open(&w), "open is illegal");
        rig_refused(admission_methods(w.ask), "methods is illegal");
        /* The signer has not signed. */
        rig_refused(secured(&w, 0x11, 32), "secured is illegal");
        rig_signed(&g, w.event, hash, hash);
        rig_refused(secured(&w, 0x11, 31), "secured is illegal");
        rig_refused(secured(&w, 0x11, 33), "secured is illegal");
        capnp_question_free(rig_good(secured(&w, 0x11, 32)));
        rig_refused(secured(&w, 0x11, 32), "secured is illegal");
        capnp_question_free(rig_enter(&w));
        rig_refused(secured(&w, 0x11, 32), "secured is illegal");
        rig_worker_end(&w);
        rig_stop(&g, false);
        rig_remove(g.dir);
}

/* ---- renewal -------------------------------------------------------------------------------- */

static capnp_question *renew(struct rig_worker *w, const void *p, size_t len, uint64_t ms)
{
        capnp_question *q = admission_renew(w->ask);

        admission_renew_set_proof(q, (capnp_data){p, (uint32_t)len});
        admission_renew_set_duration_ms(q, ms);
        return q;
}

TEST_T(renewal_needs_fresh_proof_and_is_capped, 120)
{
        struct rig_worker w;
        struct rig g;
        uint8_t first[32], sig[4096];
        struct capos_proof p;
        session_info_reader i;
        uint64_t before, after;
        capnp_question *q;
        size_t len;

        CHECK(sodium_init() >= 0);
        rig_start(&g, &(struct rig_options){.lease_ms = 60000, .max_lease_ms = 120000});
        rig_account(&g, "bob", SECRET);
        CHECK_EQ(keygen(&g, "k", "ed25519", "256"), 0);
        capnp_question_free(rig_good(key_add(&g, "bob", "k")));
        q = login(&g, &w, RIG_HOME, "bob", SECRET);
        i = bound_info(admission_next_bound(rig_good(q)));
        before = session_info_expires_at_ms(i);
        memcpy(first, session_info_renew_challenge(i).p, 32);
        capnp_question_free(q);

        rig_refused(renew(&w, PLANTED, strlen(PLANTED), 0), "denied.credentials");
        q = rig_good(renew(&w, SECRET, strlen(SECRET), 1000000000));
        i = bound_info(admission_renew_bound(q));
        after = session_info_expires_at_ms(i);
        CHECK(after > before + 50000 && after < before + 120000);
        CHECK(memcmp(session_info_renew_challenge(i).p, first, 32) != 0);
        memcpy(first, session_info_renew_challenge(i).p, 32);
        capnp_question_free(q);

        p = proof("bob", first);
        p.client_nonce = (capnp_data){0};
        p.profile = (capnp_text){"operator", 8};
        len = sign(&g, "k", CAPOS_PROOF_NAMESPACE, "sha512", &p, sig);
        q = rig_good(renew(&w, sig, len, 30000));
        CHECK(session_info_expires_at_ms(bound_info(admission_renew_bound(q))) < after);
        capnp_question_free(q);
        rig_refused(renew(&w, sig, len, 30000), "denied.credentials");
        CHECK_EQ(rig_audited(&g, "\"what\":\"renewal\""), 2);
        rig_worker_end(&w);
        rig_stop(&g, false);
        rig_remove(g.dir);
}

/* A session of a key, and its password: neither way of renewing takes that, and says so before it
 * looks at what was told. */
TEST_T(renewal_takes_no_less_than_what_made_the_session, 120)
{
        struct rig_worker w;
        struct rig g;
        uint8_t nonce[32], sig[4096];
        struct capos_proof p = proof("bob", nonce);
        capnp_question *q;
        uint32_t flow;
        size_t len;

        CHECK(sodium_init() >= 0);
        rig_start(&g, NULL);
        rig_account(&g, "bob", SECRET);
        CHECK_EQ(keygen(&g, "k", "ed25519", "256"), 0);
        capnp_question_free(rig_good(key_add(&g, "bob", "k")));
        rig_worker(&g, RIG_HOME, &w);
        flow = challenge(&w, "bob", nonce);
        len = sign(&g, "k", CAPOS_PROOF_NAMESPACE, "sha512", &p, sig);
        q = rig_good(answer(&w, flow, sig, len));
        memcpy(nonce, session_info_renew_challenge(bound_info(admission_next_bound(q))).p, 32);
        capnp_question_free(q);

        rig_refused(renew(&w, SECRET, strlen(SECRET), 0), "denied.weak-proof");
        rig_refused(renew(&w, PLANTED, strlen(PLANTED), 0), "denied.weak-proof");
        q = admission_start(w.ask);
        (void)admission_start_init_request(q);
        admission_start_set_renewal(q, true);
        rig_refused(q, "denied.weak-proof");
        CHECK_EQ(rig_audited(&g, "\"outcome\":\"denied.weak-proof\""), 1); /* others are counted */
        CHECK_EQ(rig_audited(&g, "\"what\":\"renewal\""), 0);

        p.client_nonce = (capnp_data){0};
        p.profile = (capnp_text){"operator", 8};
        len = sign(&g, "k", CAPOS_PROOF_NAMESPACE, "sha512", &p, sig);
        capnp_question_free(rig_good(renew(&w, sig, len, 0)));
        rig_worker_end(&w);
        rig_stop(&g, false);
        rig_remove(g.dir);
}

TEST_T(renewal_by_a_flow_is_for_the_own_account, 90)
{
        struct rig_worker w;
        struct rig g;
        capnp_question *q;
        uint32_t flow;

        rig_start(&g, NULL);
        rig_account(&g, "bob", SECRET);
        rig_account(&g, "eve", SECRET);
        capnp_question_free(rig_good(login(&g, &w, RIG_HOME, "bob", SECRET)));
        q = admission_start(w.ask);
        login_selector_set_account(remote_auth_start_init_selector(admission_start_init_request(q)),
                                   "eve");
        admission_start_set_renewal(q, true);
        rig_refused(q, "denied.credentials");
        q = admission_start(w.ask);
        (void)admission_start_init_request(q);
        admission_start_set_renewal(q, true);
        flow = admission_start_flow(rig_good(q));
        capnp_question_free(q);
        q = rig_good(answer(&w, flow, (const uint8_t *)SECRET, strlen(SECRET)));
        CHECK(admission_next_done(q) && admission_next_has_bound(q));
        capnp_question_free(q);
        rig_worker_end(&w);
        rig_worker(&g, RIG_HOME, &w);
        capnp_question_free(rig_enter(&w));
        rig_refused(renew(&w, SECRET, strlen(SECRET), 0), "denied.method-disabled");
        rig_worker_end(&w);
        rig_stop(&g, false);
        rig_remove(g.dir);
}
