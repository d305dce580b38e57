/*
 * Client certificates, and what a worker that was taken over makes of them: it says what it likes
 * about the handshake, and has the signer sign what it likes. Handshakes are libssl's, the session
 * manager and the provers are the real ones, and who else there is, is the test.
 */
#include "test-rig.h"

#include <poll.h>
#include <sodium.h>
#include <time.h>
#include <unistd.h>

#include "io-packet.h"
#include "test-tls-handshake.h"

enum { SOON_S = 10 }; /* how long a certificate is good whose end is waited for */

/* All that a test has. */
struct stage {
        struct rig g;
        struct cert ca, other, server, alice;
        struct rules rules;
        unsigned sources;
};

static struct cert issue(const struct cert *ca, int64_t from_s, int64_t until_s)
{
        int64_t now = time(NULL);

        return cert_make(&(struct cert_plan){
                .name = "alice", .by = ca, .from = now + from_s, .until = now + until_s});
}

static void stage_start_as(struct stage *t, const struct rig_options *o)
{
        CHECK(sodium_init() >= 0);
        t->sources = 0;
        t->ca = cert_authority("ca", NULL);
        t->other = cert_authority("other", NULL);
        t->server = cert_make(&(struct cert_plan){.name = "server"});
        t->alice = issue(&t->ca, -60, CERT_DAY);
        t->rules = rules_of(&t->ca);
        rig_start(&t->g, o);
        rig_start_signer(&t->g);
        rig_rules(&t->g, rules_data(&t->rules));
        rig_account(&t->g, "alice", "");
        rig_account(&t->g, "bob", "");
}

static void stage_start(struct stage *t)
{
        stage_start_as(t, &(struct rig_options){.certificates = true});
}

static void stage_end(struct stage *t)
{
        rig_stop(&t->g, false);
        rig_remove(t->g.dir);
        cert_deinit(&t->alice);
        cert_deinit(&t->server);
        cert_deinit(&t->other);
        cert_deinit(&t->ca);
}

/* A connection; each has a source of its own, whose failures are nobody else's. */
static void stage_connect(struct stage *t, struct rig_worker *w)
{
        char address[32];

        snprintf(address, sizeof(address), "192.0.2.%u:1", ++t->sources);
        rig_worker(&t->g, address, w);
}

/* The handshake of the last connection, with this certificate. */
static void shake(struct stage *t, const struct cert *client, struct handshake *h)
{
        handshake_make(h, &(struct handshake_plan){
                                  .server = &t->server, .client = client, .nonce_32 = t->g.nonce});
}

static capnp_question *secured(struct rig_worker *w, const uint8_t *handshake, size_t len)
{
        const uint8_t exporter[32] = {1};
        capnp_question *q = admission_secured(w->ask);

        admission_secured_set_exporter(q, (capnp_data){exporter, sizeof(exporter)});
        admission_secured_set_handshake(q, (capnp_data){handshake, (uint32_t)len});
        return q;
}

/* The signer signs what a handshake has for its record, and the worker hands the handshake over. */
static void hand_over(struct stage *t, struct rig_worker *w, const struct handshake *h)
{
        rig_signed(&t->g, w->event, h->record, h->server_key);
        capnp_question_free(rig_good(secured(w, h->bytes, h->len)));
}

/* Returns the last question, not waited for. */
static capnp_question *log_in(struct rig_worker *w, const char *account, const char *profile)
{
        capnp_question *q = admission_start(w->ask);
        remote_auth_start_builder b = admission_start_init_request(q);
        uint32_t flow;

        remote_auth_start_set_kind(b, REMOTE_AUTH_KIND_MTLS_CLIENT_CERT);
        login_selector_set_account(remote_auth_start_init_selector(b), account);
        remote_auth_start_set_requested_profile(b, profile);
        flow = admission_start_flow(rig_good(q));
        capnp_question_free(q);
        q = admission_next(w->ask);
        admission_next_set_flow(q, flow);
        return q;
}

/* A session by a certificate that is good. */
static void be_alice(struct stage *t, struct rig_worker *w)
{
        static struct handshake h;
        capnp_question *q;

        stage_connect(t, w);
        shake(t, &t->alice, &h);
        hand_over(t, w, &h);
        q = rig_good(log_in(w, "", ""));
        CHECK(admission_next_done(q));
        CHECK_STR(session_info_account(bound_info(admission_next_bound(q))).p, "alice");
        capnp_question_free(q);
}

/* ---- cheating ------------------------------------------------------------------------------- */

enum cheat {
        HONEST,
        REPLAY,  /* a handshake of before, as it is */
        ANEW,    /* … whose hash the signer has signed for this connection, too */
        SPLICED, /* … of which the client's part is put behind the server's of this connection */
        ELSEWHERE, /* one that carries the nonce of another connection */
        NO_NONCE,  /* one that carries none */
        TAMPERED,  /* a byte of the signature is another */
        BORROWED,  /* somebody else's certificate, without his key */
        OTHER_KEY, /* a handshake with a server that has another key */
        CUT,       /* its end is missing */
        NOTHING,   /* no handshake */
        LATE,      /* the certificate has expired */
        EARLY,     /* it is not valid yet */
        FOREIGN,   /* it is another authority's */
        OTHER_ACCOUNT,
        OTHER_PROFILE,
        CHEATS
};

/* What the client is told, and what the audit log has. */
static const struct {
        const char *code, *why;
} VERDICTS[CHEATS] = {
        [REPLAY] = {"denied.credentials", "not the handshake that was signed for this connection"},
        [ANEW] = {"denied.credentials", "a handshake of another connection"},
        [SPLICED] = {"denied.credentials", "the signature is not by the certificate's key"},
        [ELSEWHERE] = {"denied.credentials", "a handshake of another connection"},
        [NO_NONCE] = {"denied.credentials", "a handshake of another connection"},
        [TAMPERED] = {"denied.credentials", "the signature is not by the certificate's key"},
        [BORROWED] = {"denied.credentials", "the signature is not by the certificate's key"},
        [OTHER_KEY] = {"denied.credentials", "a handshake with another server"},
        [CUT] = {"denied.credentials", "these are not the messages of a handshake"},
        [NOTHING] = {"denied.credentials", "the client has shown no certificate"},
        [LATE] = {"denied.credentials", "the certificate has expired"},
        [EARLY] = {"denied.credentials", "the certificate is not valid yet"},
        [FOREIGN] = {"denied.credentials", "not issued by an authority of any rule"},
        [OTHER_ACCOUNT] = {"denied.credentials", "rule 0: it is alice's"},
        [OTHER_PROFILE] = {"denied.profile", NULL},
};

/* Puts a message of one handshake into another. */
static void splice(struct handshake *h, const struct handshake *from, uint8_t type, unsigned after)
{
        unsigned to = handshake_find(h, type, after), of = handshake_find(from, type, after);

        handshake_replace(h, to, from->bytes + from->at[of], from->at[of + 1] - from->at[of]);
}

/* What the client's messages come behind. */
static unsigned client_part(const struct handshake *h)
{
        return handshake_find(h, MESSAGE_VERIFY, 0) + 1;
}

/* With a certificate that is not what it should be. */
static void shake_badly(struct stage *t, enum cheat how, struct handshake *h)
{
        struct cert c = how == LATE    ? issue(&t->ca, -7200, -3600)
                        : how == EARLY ? issue(&t->ca, 3600, 7200)
                                       : issue(&t->other, -60, CERT_DAY);

        shake(t, &c, h);
        cert_deinit(&c);
}

/* old: a handshake of alice's that a worker has kept. */
static void cheat(struct stage *t, enum cheat how, const struct handshake *old, struct handshake *h)
{
        const struct cert *server = how == OTHER_KEY ? NULL : &t->server;
        struct cert mallory = issue(&t->ca, -60, CERT_DAY);
        const uint8_t elsewhere[32] = {7};

        if (how == LATE || how == EARLY || how == FOREIGN) {
                shake_badly(t, how, h);
        } else {
                handshake_make(h, &(struct handshake_plan){
                                          .server = server,
                                          .client = how == BORROWED ? &mallory : &t->alice,
                                          .nonce_32 = how == ELSEWHERE ? elsewhere : t->g.nonce,
                                          .without_nonce = how == NO_NONCE});
        }
        if (how == REPLAY || how == ANEW) {
                memcpy(h->bytes, old->bytes, old->len);
                h->len = old->len;
        }
        if (how == ANEW)
                memcpy(h->record, old->record, sizeof(h->record));
        if (how == SPLICED || how == BORROWED)
                splice(h, old, MESSAGE_CERTIFICATE, client_part(h));
        if (how == SPLICED)
                splice(h, old, MESSAGE_VERIFY, client_part(h));
        if (how == TAMPERED)
                h->bytes[h->len - 1] ^= 1;
        if (how == OTHER_KEY) /* that of the instance is the one that signs */
                CHECK_OK(capos_i_tls_key_hash(t->server.x, h->server_key));
        h->len = how == NOTHING ? 0 : how == CUT ? h->len - 1 : h->len;
        cert_deinit(&mallory);
}

/* The last record of the last connection says this; NULL: nothing is expected. */
static void recorded(struct stage *t, const char *why)
{
        char source[40], *log = rig_file(&t->g, "audit.log", NULL), *at, *line = NULL;

        snprintf(source, sizeof(source), "\"192.0.2.%u:1\"", t->sources);
        for (at = strstr(log, source); at; at = strstr(at + 1, source))
                line = at;
        CHECK(line != NULL);
        line[strcspn(line, "\n")] = 0;
        if (why && !strstr(line, why))
                CHECK_STR(line, why);
        free(log);
}

TEST_T(a_worker_gains_nothing_by_lies, 240)
{
        static struct handshake old, h;
        struct rig_worker w;
        struct stage t;

        stage_start(&t);
        stage_connect(&t, &w);
        shake(&t, &t.alice, &old);
        rig_worker_end(&w);
        for (unsigned how = HONEST; how < CHEATS; how++) {
                capnp_question *q;

                stage_connect(&t, &w);
                cheat(&t, (enum cheat)how, &old, &h);
                hand_over(&t, &w, &h);
                q = log_in(&w, how == OTHER_ACCOUNT ? "bob" : "",
                           how == OTHER_PROFILE ? "visitor" : "");
                if (how == HONEST)
                        capnp_question_free(rig_good(q));
                else
                        rig_refused(q, VERDICTS[how].code);
                recorded(&t, VERDICTS[how].why);
                rig_worker_end(&w);
        }
        stage_end(&t);
}

/* ---- rules that change ---------------------------------------------------------------------- */

TEST_T(other_rules_end_what_they_do_not_let_in, 240)
{
        struct rig_worker first, second, guest;
        struct rules same, others;
        struct stage t;

        stage_start(&t);
        be_alice(&t, &first);
        be_alice(&t, &second);
        stage_connect(&t, &guest);
        {
                static struct handshake h;

                shake(&t, NULL, &h);
                h.len = 0;
                hand_over(&t, &guest, &h);
        }
        capnp_question_free(rig_enter(&guest));
        rig_until_left(&t.g, 3, 0);

        /* Of more authorities, ours among them: nothing changes. */
        same = rules_of(&t.other);
        same.len = 0;
        rules_add_authority(&same, &t.other);
        rules_add_authority(&same, &t.ca);
        rules_begin(&same, 1);
        rig_rules(&t.g, rules_data(&same));
        rig_pause(&t.g, 500);
        rig_until_left(&t.g, 3, 0);

        others = rules_of(&t.other);
        rig_rules(&t.g, rules_data(&others));
        rig_until_left(&t.g, 1, 0);
        CHECK_EQ(rig_audited(&t.g, "the certificate is not accepted any more"), 2);
        rig_worker_end(&guest);
        rig_worker_end(&second);
        rig_worker_end(&first);
        stage_end(&t);
}

/* Logs in, and has the rules change twice while that is being judged. */
static capnp_question *log_in_meanwhile(struct stage *t, struct rig_worker *w,
                                        const struct rules *now)
{
        capnp_question *q;

        t->g.hold_provers = true;
        q = log_in(w, "", "");
        capnp_question_send(q, NULL, NULL);
        rig_until_count(&t->g, &t->g.nheld, 1);
        rig_rules(&t->g, rules_data(&t->rules)); /* on the same socket as what is held */
        rig_rules(&t->g, rules_data(now));
        rig_release_provers(&t->g);
        return q;
}

TEST_T(a_proof_by_rules_of_before_is_judged_again, 240)
{
        static struct handshake h;
        struct rig_worker w;
        struct rules others;
        struct stage t;

        stage_start(&t);
        stage_connect(&t, &w);
        shake(&t, &t.alice, &h);
        hand_over(&t, &w, &h);
        capnp_question_free(rig_good(log_in_meanwhile(&t, &w, &t.rules)));
        rig_worker_end(&w);

        stage_connect(&t, &w);
        shake(&t, &t.alice, &h);
        hand_over(&t, &w, &h);
        others = rules_of(&t.other);
        rig_refused(log_in_meanwhile(&t, &w, &others), "denied.credentials");
        rig_worker_end(&w);
        stage_end(&t);
}

/* ---- provers -------------------------------------------------------------------------------- */

/* Answers a proof that is held, in the place of a prover. v: NULL: a prover that says nothing. */
static void verdict_of(struct stage *t, unsigned held, const struct proof_verdict *v)
{
        const struct packet p = {.type = PACKET_PROVER, .index = t->g.held[held].index};
        static struct proof_request q;
        struct pollfd wait = {.events = POLLIN};
        int ends[2];

        CHECK_OK(capos_io_packet_pair(ends));
        CHECK_OK(capos_io_packet_send(t->g.up, &p, sizeof(p), ends, 1));
        wait.fd = ends[1];
        CHECK_EQ(poll(&wait, 1, 60000), 1);
        CHECK_OK(capos_io_packet_recv(ends[1], &q, sizeof(q), NULL, 0));
        CHECK_EQ(q.kind, PROOF_CERTIFICATE);
        if (v)
                CHECK_OK(capos_io_packet_send(ends[1], v, sizeof(*v), NULL, 0));
        close(ends[0]);
        close(ends[1]);
}

/* Texts of a verdict end where they must, whatever a prover that was taken over makes of them. */
TEST_T(a_name_ends_with_its_room, 120)
{
        struct proof_verdict v = {.good = 1, .until_s = INT32_MAX, .serial = "alice"};
        static struct handshake h;
        struct rig_worker w;
        struct stage t;
        capnp_question *q;

        memset(v.subject, 'x', sizeof(v.subject));
        memset(v.name, 'x', sizeof(v.name));
        v.name[sizeof(v.name) - 1] = '/';
        stage_start_as(&t, &(struct rig_options){.certificates = true, .by_name = true});
        stage_connect(&t, &w);
        shake(&t, &t.alice, &h);
        hand_over(&t, &w, &h);
        t.g.hold_provers = true;
        q = log_in(&w, "", "");
        capnp_question_send(q, NULL, NULL);
        rig_until_count(&t.g, &t.g.nheld, 1);
        verdict_of(&t, 0, &v);
        rig_refused(q, "denied.credentials");
        rig_worker_end(&w);
        stage_end(&t);
}

/* Two sessions of alice's, and the first of them is about to be judged by new rules. */
static void judge_two(struct stage *t, struct rig_worker *first, struct rig_worker *second)
{
        stage_start(t);
        be_alice(t, first);
        be_alice(t, second);
        rig_attend(first);
        rig_attend(second);
        rig_until_left(&t->g, 2, 0);
        t->g.hold_provers = true;
        rig_rules(&t->g, rules_data(&t->rules));
        rig_until_count(&t->g, &t->g.nheld, 1);
}

/* A handshake that gives no verdict keeps nobody else from being judged; and it does not keep its
 * own session for ever. */
TEST_T(a_handshake_without_a_verdict_blocks_nobody, 240)
{
        const struct proof_verdict bad = {.good = 0};
        struct rig_worker first, second;
        struct stage t;

        judge_two(&t, &first, &second);
        verdict_of(&t, 0, NULL);
        rig_until_count(&t.g, &t.g.nheld, 2);
        verdict_of(&t, 1, &bad);
        rig_until_left(&t.g, 1, 0);
        rig_refused(admission_renew(second.ask), "denied.stale-session");
        for (unsigned i = 2; i < 6; i++) {
                rig_until_count(&t.g, &t.g.nheld, i + 1);
                rig_until_left(&t.g, 1, 0);
                verdict_of(&t, i, NULL);
        }
        rig_until_left(&t.g, 0, 0);
        CHECK_EQ(rig_audited(&t.g, "the certificate cannot be judged any more"), 1);
        rig_worker_end(&second);
        rig_worker_end(&first);
        stage_end(&t);
}

TEST_T(a_session_is_not_judged_by_rules_of_before, 240)
{
        const struct proof_verdict bad = {.good = 0};
        struct rig_worker first, second;
        struct stage t;

        judge_two(&t, &first, &second);
        rig_rules(&t.g, rules_data(&t.rules)); /* on the same socket as what comes next */
        verdict_of(&t, 0, &bad);
        rig_until_count(&t.g, &t.g.nheld, 2); /* judged again, whichever it was */
        t.g.held[0] = t.g.held[1];
        t.g.nheld = 1;
        rig_release_provers(&t.g);
        capnp_question_free(rig_good(admission_logout(second.ask)));
        capnp_question_free(rig_good(admission_logout(first.ask)));
        CHECK_EQ(rig_audited(&t.g, "the certificate is not accepted any more"), 0);
        rig_worker_end(&second);
        rig_worker_end(&first);
        stage_end(&t);
}

/* ---- how long ------------------------------------------------------------------------------- */

TEST_T(a_session_does_not_outlive_its_certificate, 240)
{
        static struct handshake h;
        struct rig_worker w;
        struct stage t;
        struct cert c;
        uint64_t until_ms;
        capnp_question *q;

        stage_start(&t);
        c = issue(&t.ca, -60, SOON_S);
        until_ms = ((uint64_t)time(NULL) + SOON_S) * 1000;
        stage_connect(&t, &w);
        shake(&t, &c, &h);
        hand_over(&t, &w, &h);
        q = rig_good(log_in(&w, "alice", "operator"));
        CHECK(session_info_expires_at_ms(bound_info(admission_next_bound(q))) <= until_ms + 1000);
        capnp_question_free(q);
        q = admission_renew(w.ask);
        admission_renew_set_duration_ms(q, 3600000);
        q = rig_good(q);
        CHECK(session_info_expires_at_ms(bound_info(admission_renew_bound(q))) <= until_ms + 1000);
        capnp_question_free(q);
        rig_until_left(&t.g, 0, 0);
        CHECK(rig_audited(&t.g, "\"what\":\"expiry\"") > 0);
        rig_worker_end(&w);
        cert_deinit(&c);
        stage_end(&t);
}

/* ---- where it is offered -------------------------------------------------------------------- */

static void offered(struct rig_worker *w, enum remote_auth_state state, const char *reason)
{
        capnp_question *q = rig_good(admission_methods(w->ask));
        remote_auth_method_list l = admission_methods_methods(q);
        remote_auth_method_reader m =
                remote_auth_method_list_get(l, REMOTE_AUTH_KIND_MTLS_CLIENT_CERT);

        CHECK_EQ(remote_auth_method_state(m), state);
        CHECK_STR(remote_auth_method_reason(m).p, reason);
        /* The rule gives this profile; passwords are good for every one that accounts have. */
        if (*reason)
                CHECK_EQ(remote_auth_method_profile_hints(m).len, 0);
        else
                rig_hints(m, "operator");
        rig_hints(remote_auth_method_list_get(l, REMOTE_AUTH_KIND_PASSWORD), "operator second");
        capnp_question_free(q);
}

TEST_T(it_is_offered_where_it_can_be, 120)
{
        static const struct rig_options with = {.certificates = true};

        for (unsigned i = 0; i < 4; i++) {
                bool rules = i & 1, tls = i & 2;
                struct handshake h = {.len = 0};
                struct rig_worker w;
                struct stage t;

                rig_start(&t.g, rules ? &with : NULL);
                if (tls)
                        rig_start_signer(&t.g);
                rig_worker(&t.g, RIG_AWAY, &w);
                if (tls)
                        hand_over(&t, &w, &h);
                offered(&w, rules && tls ? REMOTE_AUTH_STATE_ENABLED : REMOTE_AUTH_STATE_DISABLED,
                        rules && tls ? ""
                        : rules      ? "needs TLS, and this instance has no tls: listener"
                                     : "no rules for certificates in this instance's manifest");
                rig_worker_end(&w);
                rig_stop(&t.g, false);
                rig_remove(t.g.dir);
        }
}

TEST_T(a_handshake_has_a_size, 120)
{
        static const uint8_t big[TLS_HANDSHAKE_BYTES + 1];
        static struct handshake h;
        struct rig_worker w;
        struct stage t;

        stage_start(&t);
        stage_connect(&t, &w);
        shake(&t, &t.alice, &h);
        rig_signed(&t.g, w.event, h.record, h.server_key);
        rig_refused(secured(&w, big, sizeof(big)), "secured is illegal");
        capnp_question_free(rig_good(secured(&w, big, sizeof(big) - 1)));
        rig_refused(log_in(&w, "", ""), "denied.credentials");
        rig_worker_end(&w);
        stage_end(&t);
}
