/*
 * Our client and our server through TLS: each kind of key, with HelloRetryRequest, with a client's
 * certificate; cut into single bytes; how many writes and records a turn makes; how it ends.
 */
#include "test-tls-peers.h"
#include "tls-recheck.h"

#include <sys/syscall.h>

enum { IN_FLIGHT = 64 };

/* ---- what goes out -------------------------------------------------------------------------- */

/* Every write of this program goes through here. */
static struct {
        unsigned writes, records, alerts;
        size_t bytes;
} sent;

/* A write that was not cut has whole records. */
static void count_records(const struct msghdr *m)
{
        static uint8_t all[1 << 18];
        size_t len = 0;

        for (size_t i = 0; i < m->msg_iovlen; i++) {
                CHECK(len + m->msg_iov[i].iov_len <= sizeof(all));
                memcpy(all + len, m->msg_iov[i].iov_base, m->msg_iov[i].iov_len);
                len += m->msg_iov[i].iov_len;
        }
        for (size_t at = 0; at + 5 <= len; at += 5 + (size_t)(all[at + 3] << 8 | all[at + 4])) {
                sent.records++;
                sent.alerts += all[at] == 21;
        }
        sent.bytes += len;
}

ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
        sent.writes++;
        count_records(m);
        return syscall(SYS_sendmsg, fd, m, flags);
}

/* ---- the handshake -------------------------------------------------------------------------- */

static void check_same_channel(struct peers *w)
{
        uint8_t a[32], b[32], hash[32];

        CHECK_OK(capos_i_tls_exporter(w->server.tls, a));
        CHECK_OK(capos_i_tls_exporter(w->client.tls, b));
        CHECK_MEM(a, b, 32);
        CHECK_OK(capos_i_tls_key_hash(w->cert.x, hash));
        CHECK_OK(capos_i_tls_peer_key(w->client.tls, b));
        CHECK_MEM(b, hash, 32);
        if (w->client.checked)
                CHECK_MEM(w->client.key, hash, 32);
        CHECK_EQ(w->server.secured, 1);
        CHECK_EQ(w->client.secured, 1);
        CHECK_EQ(w->signer.signs, 1);
}

static void check_handshake(const struct peers_plan *p, const char *client_groups)
{
        static uint8_t large[300000];
        uint8_t key[32];
        struct peers w;

        for (unsigned i = 0; i < sizeof(large); i++)
                large[i] = (uint8_t)(i * 11 + i / 253);
        peers_init(&w, p);
        if (client_groups)
                CHECK_EQ(SSL_CTX_set1_groups_list(w.cx->ssl, client_groups), 1);
        {
                int ends[2];

                socket_pair(ends);
                peers_serve(&w, ends[1], NULL);
                peers_connect(&w, ends[0], NULL);
        }
        CHECK_EQ(capos_i_tls_exporter(w.client.tls, key), -ENOTCONN);
        peers_echo(&w, "hello", 5, 0);
        peers_echo(&w, large, sizeof(large), 0);
        check_same_channel(&w);
        CHECK_EQ(w.client.checked, 1);
        if (!p->shows) {
                CHECK_EQ(capos_i_tls_peer_key(w.server.tls, key), -ENOENT);
                CHECK_EQ(capos_i_tls_transcript_peek(w.server.tls).len, 0);
        }
        peers_close(&w);
}

TEST(p256)
{
        check_handshake(&(struct peers_plan){0}, NULL);
}

TEST(ed25519)
{
        check_handshake(&(struct peers_plan){.type = "ED25519"}, NULL);
}

TEST(hello_retry)
{
        check_handshake(&(struct peers_plan){0}, "X448:X25519");
        check_handshake(&(struct peers_plan){.type = "ED25519"}, "X448:P-256");
        check_handshake(&(struct peers_plan){.asks = true, .shows = true}, "X448:P-384");
}

/* What libssl has looked up for one handshake must not mislead the next. */
TEST(one_context_many_connections)
{
        static const char *const groups[] = {"X448:P-256", "P-256", "X25519", "X448:P-384"};
        struct peers w;

        peers_init(&w, &(struct peers_plan){0});
        for (unsigned i = 0; i < 12; i++) {
                int ends[2];

                CHECK_EQ(SSL_CTX_set1_groups_list(w.cx->ssl, groups[i % 4]), 1);
                socket_pair(ends);
                peers_serve(&w, ends[1], NULL);
                peers_connect(&w, ends[0], NULL);
                peers_echo(&w, &i, sizeof(i), 0);
                CHECK_EQ(w.signer.signs, i + 1);
                w.root = capnp_cap_unref(w.root);
                w.client.conn = capnp_conn_unref(w.client.conn);
                w.server.conn = capnp_conn_unref(w.server.conn);
        }
        peers_close(&w);
}

TEST(a_certificate_may_be_asked_for_in_vain)
{
        check_handshake(&(struct peers_plan){.asks = true}, NULL);
        check_handshake(&(struct peers_plan){.shows = true}, NULL);
}

/* Whoever checks the certificate again, by what the signer and the session manager know, finds it
 * good; and for another connection not. */
static void check_believed(struct peers *w)
{
        uint8_t bytes[64], server[32], shown[32],
                nonce[32] = {NONCE_BYTE, NONCE_BYTE + 1, NONCE_BYTE + 2};
        struct tls_recheck q = {.handshake = capos_i_tls_transcript_peek(w->server.tls),
                                .record = w->signer.hash,
                                .server_key = server,
                                .nonce = nonce,
                                .now = time(NULL)};
        struct tls_client who;
        size_t len = 0;

        CHECK_OK(capos_i_tls_key_hash(w->cert.x, server));
        CHECK_OK(capos_i_tls_key_hash(w->shown.x, shown));
        CHECK_OK(
                capos_i_tls_rules_add(bytes, sizeof(bytes), &len, TLS_RULES_RULE, (capnp_data){0}));
        CHECK_OK(capos_i_tls_rules_add(bytes, sizeof(bytes), &len, TLS_RULES_PIN,
                                       (capnp_data){shown, sizeof(shown)}));
        q.rules = (capnp_data){bytes, (uint32_t)len};
        CHECK_OK(capos_i_tls_recheck(&q, &who));
        CHECK_MEM(who.key_hash, shown, 32);
        nonce[31] ^= 1;
        CHECK_EQ(capos_i_tls_recheck(&q, &who), TLS_RECHECK_E_NONCE);
}

/* The nonce, exactly once; the first message a ClientHello, the last a CertificateVerify. */
static void check_transcript(capnp_data t, unsigned hellos)
{
        static const uint8_t nonce[] = {0xff, 0x43, 0, 32, NONCE_BYTE, NONCE_BYTE + 1};
        unsigned nonces = 0, seen = 0;
        uint8_t last = 0;

        CHECK(t.len > 500 && t.len < 4000);
        CHECK_EQ(t.p[0], 1);
        for (size_t i = 0; i + sizeof(nonce) <= t.len; i++)
                nonces += !memcmp(t.p + i, nonce, sizeof(nonce));
        CHECK_EQ(nonces, 1);
        for (size_t at = 0; at < t.len; seen += last == 1) {
                CHECK(at + 4 <= t.len);
                last = t.p[at];
                at += 4 + (size_t)(t.p[at + 1] << 16 | t.p[at + 2] << 8 | t.p[at + 3]);
                CHECK(at <= t.len);
        }
        CHECK_EQ(last, 15);
        CHECK_EQ(seen, hellos);
}

TEST(the_handshake_is_kept_for_a_certificate)
{
        for (unsigned retry = 0; retry < 2; retry++) {
                struct peers_plan p = {.asks = true, .shows = true};
                uint8_t key[32], hash[32];
                struct peers w;
                int ends[2];

                peers_init(&w, &p);
                if (retry)
                        CHECK_EQ(SSL_CTX_set1_groups_list(w.cx->ssl, "X448:X25519"), 1);
                socket_pair(ends);
                peers_serve(&w, ends[1], NULL);
                peers_connect(&w, ends[0], NULL);
                peers_echo(&w, "x", 1, 0);
                check_transcript(capos_i_tls_transcript_peek(w.server.tls), 1 + retry);
                CHECK_OK(capos_i_tls_peer_key(w.server.tls, key));
                check_believed(&w);
                CHECK_OK(capos_i_tls_key_hash(w.shown.x, hash));
                CHECK_MEM(key, hash, 32);
                capos_i_tls_transcript_clear(w.server.tls);
                CHECK_EQ(capos_i_tls_transcript_peek(w.server.tls).len, 0);
                peers_close(&w);
        }
}

/* ---- cut anywhere --------------------------------------------------------------------------- */

TEST_T(one_byte_at_a_time, 120)
{
        static const char *const types[] = {NULL, "ED25519"};

        for (unsigned i = 0; i < 2; i++) {
                struct peers_plan p = {
                        .type = types[i], .pumped = true, .asks = true, .shows = true};
                uint8_t b[3000] = {7};
                struct peers w;

                peers_open(&w, &p);
                peers_echo(&w, "hello", 5, 1);
                peers_echo(&w, b, sizeof(b), 1);
                check_same_channel(&w);
                peers_close(&w);
        }
}

TEST_T(pieces_of_any_length, 120)
{
        static uint8_t b[100000];

        for (size_t step = 3; step < 40000; step = step * 5 / 2 + 1) {
                struct peers_plan p = {.pumped = true};
                struct peers w;

                peers_open(&w, &p);
                peers_echo(&w, b, step < 100 ? 2000 : sizeof(b), step);
                check_same_channel(&w);
                peers_close(&w);
        }
}

/* ---- how much a turn costs ------------------------------------------------------------------ */

TEST(a_turn_is_one_write)
{
        capnp_question *q[IN_FLIGHT];
        struct peers_plan p = {0};
        struct peers w;

        peers_open(&w, &p);
        peers_echo(&w, "x", 1, 0);
        memset(&sent, 0, sizeof(sent));
        peers_echo(&w, "x", 1, 0);
        CHECK_EQ(sent.writes, 2); /* call, return; finish leaves with the next turn */
        CHECK_EQ(sent.records, 2);
        peers_echo(&w, "x", 1, 0);
        for (unsigned i = 0; i < 10; i++)
                peers_turn(&w);
        memset(&sent, 0, sizeof(sent));
        for (unsigned i = 0; i < IN_FLIGHT; i++) {
                q[i] = ask(w.s.vat, w.root, ECHO, "hello", 5);
                capnp_question_send(q[i], NULL, NULL);
        }
        for (unsigned i = 0; i < IN_FLIGHT; i++) {
                peers_run(&w, q[i], 0);
                CHECK_OK(capnp_question_result(q[i]));
        }
        /* All calls are one record, and so are all returns. */
        CHECK_EQ(sent.writes, 2);
        CHECK_EQ(sent.records, 2);
        for (unsigned i = 0; i < IN_FLIGHT; i++)
                capnp_question_free(q[i]);
        peers_close(&w);
}

/* Two writes of the client and one of the server until the first call is on its way. */
TEST(a_handshake_is_three_writes)
{
        struct peers_plan p = {0};
        struct peers w;

        memset(&sent, 0, sizeof(sent));
        peers_open(&w, &p);
        for (unsigned i = 0; i < 100 && !w.server.secured; i++)
                peers_turn(&w);
        CHECK_EQ(w.server.secured, 1);
        CHECK(sent.writes <= 4); /* the last turn may have answered already */
        peers_close(&w);
}

TEST(keys_are_made_anew)
{
        struct peers_plan p = {0};
        struct peers w;
        uint32_t i;

        peers_init(&w, &p);
        w.sx->rekey_records = 5;
        w.cx->rekey_records = 400; /* the server's allowance for such messages is for 2^22 */
        {
                int ends[2];

                socket_pair(ends);
                peers_serve(&w, ends[1], NULL);
                peers_connect(&w, ends[0], NULL);
        }
        memset(&sent, 0, sizeof(sent));
        for (i = 0; i < 60; i++)
                peers_echo(&w, &i, sizeof(i), 0);
        CHECK(sent.records > sent.writes + 5); /* key updates ride with data */
        peers_close(&w);
}

/* ---- it goes on after a pause --------------------------------------------------------------- */

TEST_T(nothing_is_forgotten_in_a_pause, 60)
{
        static const struct capnp_limits few = {.held_bytes = 200000};
        struct peers_plan p = {.limits = &few};
        static uint8_t b[50000];
        capnp_question *q[40];
        struct peers w;

        peers_open(&w, &p);
        for (unsigned i = 0; i < 40; i++) {
                q[i] = ask(w.s.vat, w.root, ECHO, b, sizeof(b));
                capnp_question_send(q[i], NULL, NULL);
        }
        for (unsigned i = 0; i < 40; i++) {
                peers_run(&w, q[i], 0);
                CHECK_OK(capnp_question_result(q[i]));
                capnp_question_free(q[i]);
        }
        peers_close(&w);
}

/* The client does not read for a while, and the server has much to say. */
TEST_T(a_reader_that_rests, 60)
{
        struct peers_plan p = {.pumped = true};
        static uint8_t b[3 << 20];
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        struct peers w;

        peers_open(&w, &p);
        peers_echo(&w, "x", 1, 65536);
        q = ask(w.s.vat, w.root, ECHO, b, sizeof(b));
        capnp_question_send(q, NULL, NULL);
        for (unsigned i = 0; i < 2000; i++) { /* only to the server */
                uint8_t some[65536];
                ssize_t n = recv(w.pump[0], some, sizeof(some), MSG_DONTWAIT);

                for (ssize_t at = 0; at < n;) {
                        ssize_t k = send(w.pump[1], some + at, (size_t)(n - at),
                                         MSG_NOSIGNAL | MSG_DONTWAIT);

                        at += k > 0 ? k : 0;
                        peers_turn(&w);
                }
                peers_turn(&w);
        }
        CHECK(!capnp_question_is_done(q));
        peers_run(&w, q, 4096);
        CHECK_OK(capnp_question_result(q));
        CHECK_EQ(heard(q).len, sizeof(b));
        peers_close(&w);
}

/* ---- how it ends ---------------------------------------------------------------------------- */

TEST(both_sides_say_goodbye)
{
        struct peers_plan p = {0};
        struct peers w;

        peers_open(&w, &p);
        peers_echo(&w, "x", 1, 0);
        for (unsigned i = 0; i < 10; i++)
                peers_turn(&w);
        memset(&sent, 0, sizeof(sent));
        capnp_conn_close(w.client.conn, (capnp_exception){CAPNP_DISCONNECTED, "enough"});
        run_until(w.s.vat, &w.client.closed);
        run_until(w.s.vat, &w.server.closed);
        CHECK_STR(w.client.why, "enough");
        CHECK_EQ(sent.writes, 2);
        CHECK_EQ(sent.records, 2); /* an alert looks like data from outside */
        peers_close(&w);
}

TEST(a_refusal_of_ours_is_heard)
{
        struct peers_plan p = {0};
        struct peers w;

        peers_open(&w, &p);
        peers_echo(&w, "x", 1, 0);
        capnp_conn_close(w.server.conn, (capnp_exception){CAPNP_FAILED, "not like this"});
        run_until(w.s.vat, &w.client.closed);
        run_until(w.s.vat, &w.server.closed);
        CHECK(strstr(w.client.why, "not like this") != NULL);
        peers_close(&w);
}

/* In ordinary use for some libraries: as good an end as any. */
TEST(an_end_without_goodbye)
{
        struct peers_plan p = {.pumped = true};
        struct peers w;

        peers_open(&w, &p);
        peers_echo(&w, "x", 1, 65536);
        CHECK_OK(shutdown(w.pump[1], SHUT_WR));
        run_until(w.s.vat, &w.server.closed);
        CHECK(strstr(w.server.why, "TLS") == NULL);
        CHECK(w.server.why[0] != '\0');
        peers_close(&w);
}

TEST(a_vat_may_go_at_any_time)
{
        struct peers_plan p = {.asks = true, .shows = true};
        struct peers w;

        for (unsigned turns = 0; turns < 8; turns++) {
                peers_open(&w, &p);
                for (unsigned i = 0; i < turns; i++)
                        peers_turn(&w);
                peers_close(&w);
        }
}

TEST(what_is_queued_waits_for_the_handshake)
{
        struct peers_plan p = {.pumped = true};
        struct peers w;
        uint8_t b[4096];
        ssize_t n;

        peers_open(&w, &p);
        run_for_ms(w.s.vat, 5);
        n = recv(w.pump[0], b, sizeof(b), MSG_DONTWAIT);
        CHECK(n > 100);
        CHECK_EQ(b[0], 22); /* one record, a ClientHello, and no more */
        CHECK_EQ(5 + (b[3] << 8 | b[4]), n);
        capnp_conn_close(w.client.conn, (capnp_exception){CAPNP_FAILED, "changed my mind"});
        run_until(w.s.vat, &w.client.closed);
        CHECK_EQ(recv(w.pump[0], b, sizeof(b), MSG_DONTWAIT), 0);
        peers_close(&w);
}
