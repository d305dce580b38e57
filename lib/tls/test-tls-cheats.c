/*
 * Peers that do not keep to it: what is no TLS, what is not ours of it, floods, keys and
 * certificates of somebody else, and memory that is not there.
 */
#include "test-tls-peers.h"

/* ---- no TLS --------------------------------------------------------------------------------- */

/* What the server answers to these bytes, until it has ended. Bytes of the answer. */
static size_t answer_to(struct peers *w, const void *b, size_t len, uint8_t *ret, size_t room)
{
        size_t got = 0;
        int ends[2];
        ssize_t n;

        socket_pair(ends);
        peers_serve(w, ends[1], NULL);
        CHECK_EQ(send(ends[0], b, len, MSG_NOSIGNAL), (ssize_t)len);
        for (unsigned i = 0; i < 200 && !w->server.closed; i++) {
                run_for_ms(w->s.vat, 5);
                n = recv(ends[0], ret + got, room - got, MSG_DONTWAIT);
                if (n == 0)
                        shutdown(ends[0], SHUT_WR);
                got += n > 0 ? (size_t)n : 0;
        }
        if (!w->server.closed)
                test_fail(__FILE__, __LINE__, "%zu bytes from 0x%02x are no end", len,
                          *(uint8_t *)b);
        CHECK_EQ(w->server.secured, 0);
        CHECK_EQ(w->signer.signs, 0);
        close(ends[0]);
        return got;
}

/* A Bootstrap message, as a plain client begins. */
static const uint8_t plain[] = {0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0,
                                8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0,
                                0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};

TEST(a_plain_client_is_told_so)
{
        uint8_t got[512];
        struct peers w;
        size_t n;

        peers_init(&w, &(struct peers_plan){0});
        n = answer_to(&w, plain, sizeof(plain), got, sizeof(got));
        CHECK(n > 24 && n < 200);
        CHECK_EQ(got[0] + got[1] + got[2] + got[3], 0);
        CHECK_EQ(got[16], 1); /* Message.abort */
        CHECK(memmem(got, n, "this port speaks TLS", 20) != NULL);
        peers_close(&w);
}

/* The same by the library: the reason is what a person reads. */
TEST(our_plain_client_says_it)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        struct peers w;
        int ends[2];

        peers_init(&w, &(struct peers_plan){0});
        socket_pair(ends);
        peers_serve(&w, ends[1], NULL);
        CHECK_OK(capnp_conn_new(w.s.vat, ends[0], NULL, NULL, &w.client.conn));
        CHECK_OK(capnp_rpc_bootstrap(capnp_conn_rpc(w.client.conn), &w.root));
        q = ask(w.s.vat, w.root, ECHO, "x", 1);
        CHECK(capnp_question_wait(q) != 0);
        CHECK(strstr(capnp_question_exception(q).reason, "this port speaks TLS") != NULL);
        peers_close(&w);
}

TEST(a_plain_server_is_recognized)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        struct peers w;
        int ends[2];

        peers_init(&w, &(struct peers_plan){0});
        socket_pair(ends);
        CHECK_OK(capnp_conn_new(w.s.vat, ends[1], NULL, w.s.root, &w.server.conn));
        capnp_conn_on_close(w.server.conn, side_closed, &w.server);
        peers_connect(&w, ends[0], NULL);
        q = ask(w.s.vat, w.root, ECHO, "x", 1);
        CHECK(capnp_question_wait(q) != 0);
        CHECK_STR(capnp_question_exception(q).reason, "TLS: the other side does not speak TLS");
        run_until(w.s.vat, &w.server.closed);
        CHECK(strstr(w.server.why, "speaks plain Cap'n Proto RPC") != NULL);
        CHECK_EQ(w.client.checked, 0);
        peers_close(&w);
}

/* What can only be a mistake gets no more than an alert. */
TEST(garbage)
{
        static const struct {
                const char *b;
                size_t len;
        } cases[] = {
                {"GET / HTTP/1.1\r\n\r\n", 18},
                {"SSH-2.0-OpenSSH_9.2\r\n", 21},
                {"\xff\xff\xff\xff\xff\xff\xff\xff", 8},
                {"\x16\x03\x01\xff\xff\x01\x02\x03", 8},          /* longer than any record */
                {"\x16\x03\x01\x00\x05\x02\x00\x00\x01\x00", 10}, /* a ServerHello */
                {"\x17\x03\x03\x00\x01\x00", 6},                  /* data before a handshake */
                {"\x15\x03\x03\x00\x02\x02\x28", 7},              /* an alert: handshake_failure */
        };

        for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                uint8_t got[512];
                struct peers w;

                peers_init(&w, &(struct peers_plan){0});
                CHECK(answer_to(&w, cases[i].b, cases[i].len, got, sizeof(got)) <= 7);
                CHECK(!strncmp(w.server.why, "TLS: ", 5));
                peers_close(&w);
        }
}

TEST(empty_records_without_end)
{
        static const uint8_t empty[] = {0x17, 3, 3, 0, 0};
        uint8_t all[200 * sizeof(empty)], got[512];
        struct peers w;

        for (unsigned i = 0; i < 200; i++)
                memcpy(all + i * sizeof(empty), empty, sizeof(empty));
        all[0] = 0x16;
        peers_init(&w, &(struct peers_plan){0});
        CHECK(answer_to(&w, all, sizeof(all), got, sizeof(got)) <= 7);
        CHECK(!strncmp(w.server.why, "TLS: ", 5));
        peers_close(&w);
}

TEST(fewer_than_four_bytes)
{
        for (size_t len = 1; len < 6; len++) {
                struct peers w;
                int ends[2];

                peers_init(&w, &(struct peers_plan){0});
                socket_pair(ends);
                peers_serve(&w, ends[1], NULL);
                CHECK_EQ(send(ends[0], "\x16\x03\x01\x02\x00\x01", len, 0), (ssize_t)len);
                run_for_ms(w.s.vat, 5);
                CHECK(!w.server.closed);
                close(ends[0]);
                run_until(w.s.vat, &w.server.closed);
                CHECK_STR(w.server.why, "TLS: the peer ended the connection during the handshake");
                peers_close(&w);
        }
}

/* ---- not ours of it ------------------------------------------------------------------------- */

/* Whether the server takes a client with these settings. NULL: as OpenSSL has it. */
struct foreign {
        long max;
        const char *suites, *groups, *alpn;
        bool taken;
        int alert; /* what it says to one that it does not take */
};

static void check_foreign(const struct foreign *f)
{
        struct peers w;
        struct raw r;
        int ends[2];

        peers_init(&w, &(struct peers_plan){0});
        socket_pair(ends);
        peers_serve(&w, ends[1], NULL);
        raw_init(&r, ends[0]);
        if (f->max)
                CHECK_EQ(SSL_CTX_set_max_proto_version(r.ctx, f->max), 1);
        if (f->suites)
                CHECK_EQ(SSL_CTX_set_ciphersuites(r.ctx, f->suites), 1);
        if (f->groups)
                CHECK_EQ(SSL_CTX_set1_groups_list(r.ctx, f->groups), 1);
        if (f->alpn)
                CHECK_OK(SSL_CTX_set_alpn_protos(r.ctx, (const unsigned char *)f->alpn,
                                                 (unsigned)strlen(f->alpn)));
        raw_start(&r);
        CHECK_EQ(raw_handshake(&r, &w), f->taken);
        CHECK_EQ(r.alert, f->alert);
        run_for_ms(w.s.vat, 5);
        CHECK_EQ(w.server.secured, f->taken);
        CHECK_EQ(w.signer.signs, f->taken);
        if (f->taken) {
                CHECK_EQ(SSL_version(r.ssl), TLS1_3_VERSION);
                CHECK_STR(SSL_get_cipher_name(r.ssl),
                          f->suites ? f->suites : "TLS_AES_128_GCM_SHA256");
                (void)raw_fill(&r);
                CHECK(SSL_read(r.ssl, (char[8]){0}, 8) <= 0);
                CHECK(!SSL_SESSION_is_resumable(SSL_get0_session(r.ssl)));
        }
        raw_deinit(&r);
        peers_close(&w);
}

TEST(only_tls_1_3_and_our_settings)
{
        static const struct foreign cases[] = {
                {.taken = true},
                {.suites = "TLS_CHACHA20_POLY1305_SHA256", .taken = true},
                {.groups = "P-256", .taken = true},
                {.groups = "P-384", .taken = true},
                {.alpn = "\x09"
                         "capnp-rpc",
                 .taken = true},
                {.alpn = "\x02h2\x09"
                         "capnp-rpc",
                 .taken = true},
                {.alpn = "\x02h2", .alert = SSL_AD_NO_APPLICATION_PROTOCOL},
                {.max = TLS1_2_VERSION, .alert = SSL_AD_PROTOCOL_VERSION},
                {.suites = "TLS_AES_256_GCM_SHA384", .alert = SSL_AD_HANDSHAKE_FAILURE},
                {.groups = "ffdhe2048", .alert = SSL_AD_HANDSHAKE_FAILURE},
                {.groups = "P-521", .alert = SSL_AD_HANDSHAKE_FAILURE},
        };

        for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++)
                check_foreign(&cases[i]);
}

/* What an openssl.cnf says does not reach us. */
TEST(openssl_cnf_is_not_ours)
{
        char name[] = "/tmp/test-tls-cnf-XXXXXX";
        static const char text[] = "openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n"
                                   "[c]\nMaxProtocol = TLSv1.2\nCiphersuites = \nGroups = P-521\n";
        int fd = mkstemp(name);

        CHECK(fd >= 0);
        CHECK_EQ(write(fd, text, sizeof(text) - 1), (ssize_t)sizeof(text) - 1);
        close(fd);
        CHECK_OK(setenv("OPENSSL_CONF", name, 1));
        {
                struct peers w;

                peers_open(&w, &(struct peers_plan){0});
                peers_echo(&w, "x", 1, 0);
                peers_close(&w);
        }
        CHECK_OK(unlink(name));
}

/* ---- floods --------------------------------------------------------------------------------- */

/* A foreign client that is through, and what it asks for. */
static void raw_open(struct peers *w, struct raw *r)
{
        int ends[2];

        peers_init(w, &(struct peers_plan){0});
        socket_pair(ends);
        peers_serve(w, ends[1], NULL);
        raw_init(r, ends[0]);
        raw_start(r);
        CHECK_EQ(raw_handshake(r, w), 1);
        run_for_ms(w->s.vat, 5);
        CHECK_EQ(w->server.secured, 1);
}

/* Each asks for an answer. A few are fine, on and on is not, and it is not our memory that says so.
 */
TEST(key_updates_without_end)
{
        struct peers w;
        struct raw r;

        raw_open(&w, &r);
        for (unsigned i = 0; i < 16; i++) {
                CHECK_EQ(SSL_key_update(r.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
                CHECK_EQ(SSL_do_handshake(r.ssl), 1);
        }
        raw_flush(&r);
        run_for_ms(w.s.vat, 10);
        CHECK(!w.server.closed);
        for (unsigned i = 0; i < 20000; i++) {
                CHECK_EQ(SSL_key_update(r.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
                CHECK_EQ(SSL_do_handshake(r.ssl), 1);
        }
        for (unsigned i = 0; i < 50 && !w.server.closed; i++) {
                raw_flush(&r);
                run_for_ms(w.s.vat, 2);
        }
        run_until(w.s.vat, &w.server.closed);
        CHECK_STR(w.server.why, "TLS: the peer floods with messages of the handshake layer");
        raw_deinit(&r);
        peers_close(&w);
}

/* A ClientHello that goes on for ever, in pieces that libssl ignores. */
TEST(a_handshake_without_end)
{
        static const uint8_t ccs[] = {0x14, 3, 3, 0, 1, 1};
        struct peers w;
        struct raw r;
        int ends[2];

        peers_init(&w, &(struct peers_plan){0});
        socket_pair(ends);
        peers_serve(&w, ends[1], NULL);
        raw_init(&r, ends[0]);
        raw_start(&r);
        CHECK(SSL_do_handshake(r.ssl) != 1);
        raw_flush(&r);
        for (unsigned i = 0; i < 20000 && !w.server.closed; i++) {
                (void)!send(ends[0], ccs, sizeof(ccs), MSG_NOSIGNAL | MSG_DONTWAIT);
                if (i % 100 == 0)
                        run_for_ms(w.s.vat, 1);
        }
        run_until(w.s.vat, &w.server.closed);
        CHECK(!strncmp(w.server.why, "TLS: ", 5));
        CHECK_EQ(w.server.secured, 0);
        raw_deinit(&r);
        peers_close(&w);
}

TEST_T(a_silent_peer_has_ten_seconds, 60)
{
        struct peers w;
        int ends[2];

        peers_init(&w, &(struct peers_plan){0});
        socket_pair(ends);
        peers_serve(&w, ends[1], NULL);
        run_until(w.s.vat, &w.server.closed);
        CHECK_STR(w.server.why, "TLS: the handshake took longer than 10 seconds");
        close(ends[0]);
        peers_close(&w);
}

/* ---- half of it ----------------------------------------------------------------------------- */

/* A client that has asked and says goodbye still gets its answer, and then our goodbye. */
TEST(a_goodbye_ends_one_direction)
{
        struct peers w;
        struct raw r;
        char b[512];
        int n;

        raw_open(&w, &r);
        CHECK_EQ(SSL_write(r.ssl, plain, sizeof(plain)), (int)sizeof(plain));
        CHECK_EQ(SSL_shutdown(r.ssl), 0);
        raw_flush(&r);
        for (unsigned i = 0; i < 100 && raw_fill(&r); i++)
                run_for_ms(w.s.vat, 2);
        n = SSL_read(r.ssl, b, sizeof(b));
        CHECK(n > 24); /* the Return */
        CHECK_EQ(b[16], 3);
        CHECK(SSL_read(r.ssl, b, sizeof(b)) <= 0);
        CHECK(SSL_get_shutdown(r.ssl) & SSL_RECEIVED_SHUTDOWN);
        close(r.fd);
        r.fd = -1;
        run_until(w.s.vat, &w.server.closed);
        raw_deinit(&r);
        peers_close(&w);
}

/* What CAPNP_TRACE=1 prints while a client that says goodbye or not goes away. */
static void check_trace(bool goodbye)
{
        char name[] = "/tmp/test-tls-trace-XXXXXX", text[8192] = "";
        int fd = mkstemp(name), saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
        struct peers w;
        struct raw r;

        CHECK(fd >= 0 && saved >= 0);
        CHECK_OK(unlink(name));
        CHECK_OK(setenv("CAPNP_TRACE", "1", 1));
        CHECK_EQ(dup2(fd, STDERR_FILENO), STDERR_FILENO);
        raw_open(&w, &r);
        if (goodbye)
                CHECK_EQ(SSL_shutdown(r.ssl), 0);
        raw_flush(&r);
        CHECK_OK(shutdown(r.fd, SHUT_WR));
        run_until(w.s.vat, &w.server.closed);
        raw_deinit(&r);
        peers_close(&w);
        CHECK_EQ(dup2(saved, STDERR_FILENO), STDERR_FILENO);
        close(saved);
        CHECK(pread(fd, text, sizeof(text) - 1, 0) > 0);
        close(fd);
        CHECK(strstr(text, "capnp 1 -- TLS 1.3\n") != NULL);
        CHECK_EQ(strstr(text, "truncated") == NULL, goodbye);
}

TEST(the_trace_tells_a_cut_end)
{
        check_trace(true);
        check_trace(false);
}

/* ---- somebody else's key -------------------------------------------------------------------- */

/* Refused before anything of ours has been sent. */
TEST(another_key_than_the_pinned_one)
{
        struct peers_plan p = {.asks = true, .shows = true};
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        struct peers w;
        int ends[2];

        peers_init(&w, &p);
        w.client.refusal = "its key is not the known one";
        socket_pair(ends);
        peers_serve(&w, ends[1], NULL);
        peers_connect(&w, ends[0], NULL);
        q = ask(w.s.vat, w.root, ECHO, "secret", 6);
        CHECK(capnp_question_wait(q) != 0);
        CHECK_STR(capnp_question_exception(q).reason, "TLS: its key is not the known one");
        run_until(w.s.vat, &w.server.closed);
        CHECK_EQ(w.client.checked, 1);
        CHECK_EQ(w.client.secured + w.server.secured, 0);
        CHECK_EQ(w.s.calls, 0);
        CHECK_EQ(capos_i_tls_transcript_peek(w.server.tls).len, 0);
        peers_close(&w);
}

TEST(a_signer_that_refuses)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        struct peers w;

        peers_open(&w, &(struct peers_plan){0});
        w.signer.refuses = true;
        q = ask(w.s.vat, w.root, ECHO, "x", 1);
        CHECK(capnp_question_wait(q) != 0);
        CHECK_EQ(w.signer.signs, 1);
        CHECK_EQ(w.client.checked, 0);
        peers_close(&w);
}

/* Nothing but a server's CertificateVerify, and that only for a SHA-256 hash. */
TEST(the_key_signs_nothing_else)
{
        static const char label[] = "TLS 1.3, server CertificateVerify";
        struct signer signer = {0};
        struct tls_signer s = {signer_sign, &signer};
        uint8_t text[64 + sizeof(label) + 32], sig[128];
        struct cert c = peers_cert(&(struct peers_plan){0}, true);
        struct tls_remote r;
        EVP_PKEY *k;

        memset(text, ' ', 64);
        memcpy(text + 64, label, sizeof(label));
        memset(text + 64 + sizeof(label), 7, 32);
        signer.key = c.key;
        CHECK_OK(capos_i_tls_remote_init(&r));
        CHECK_OK(capos_i_tls_remote_key(&r, c.x, &s, &k));
        for (size_t i = 0; i < sizeof(text) + 2; i++) {
                bool whole = i == sizeof(text);
                size_t len = sizeof(sig), n = i > sizeof(text) ? sizeof(text) - 1 : sizeof(text);
                EVP_MD_CTX *m = EVP_MD_CTX_new();

                if (i >= sizeof(text) - 32 && i < sizeof(text))
                        whole = true; /* the hash may be any */
                if (i < sizeof(text))
                        text[i] ^= 1;
                signer.signs = 0;
                CHECK_EQ(EVP_DigestSignInit_ex(m, NULL, "SHA256", NULL, NULL, k, NULL), 1);
                CHECK_EQ(EVP_DigestSign(m, sig, &len, text, n) == 1, whole);
                CHECK_EQ(signer.signs, whole);
                if (i < sizeof(text))
                        text[i] ^= 1;
                EVP_MD_CTX_free(m);
        }
        ERR_clear_error();
        EVP_PKEY_free(k);
        capos_i_tls_remote_deinit(&r);
        cert_deinit(&c);
}

TEST(keys_and_certificates_that_are_none)
{
        static const char *const types[] = {"RSA", "P-384"};
        struct capos_i_tls_client_settings client = {.ca_file = "/nonexistent"};
        struct capos_i_tls_server_settings s = {.certificates = {(const uint8_t *)"x", 1},
                                                .sign = signer_sign};
        struct capos_i_tls_context *x;

        CHECK_EQ(capos_i_tls_server_new(&s, &x), CAPOS_I_TLS_E_CERTIFICATE);
        CHECK_EQ(capos_i_tls_client_new(&client, &x), CAPOS_I_TLS_E_CA);
        for (unsigned i = 0; i < 2; i++) {
                struct cert c = peers_cert(&(struct peers_plan){.type = types[i]}, true);
                struct cert other = peers_cert(&(struct peers_plan){0}, true);
                struct cert_text pem = {0}, key = {0}, locked = {0};

                cert_text_add_x509(&pem, c.x);
                cert_text_add_key(&key, other.key, NULL);
                cert_text_add_key(&locked, c.key, EVP_aes_128_cbc());
                s.certificates = cert_text_data(&pem);
                CHECK_EQ(capos_i_tls_server_new(&s, &x), CAPOS_I_TLS_E_CERTIFICATE);
                client = (struct capos_i_tls_client_settings){.certificates = cert_text_data(&pem),
                                                              .key = cert_text_data(&key)};
                CHECK_EQ(capos_i_tls_client_new(&client, &x), CAPOS_I_TLS_E_KEY);
                client.key = cert_text_data(&locked); /* and nobody is asked for a passphrase */
                CHECK_EQ(capos_i_tls_client_new(&client, &x), CAPOS_I_TLS_E_KEY);
                free(pem.p);
                free(key.p);
                free(locked.p);
                cert_deinit(&c);
                cert_deinit(&other);
        }
}

/* ---- certificates that are verified --------------------------------------------------------- */

struct verified {
        const char *names, *host;
        int64_t age_s;
        bool stranger;   /* another authority's */
        const char *why; /* NULL: it is fine */
};

static void check_verified(const struct verified *v)
{
        char name[] = "/tmp/test-tls-ca-XXXXXX";
        struct cert ca = cert_authority("an authority", NULL);
        struct cert other = cert_authority("an authority", NULL);
        struct peers_plan p = {.ca_file = name,
                               .host = v->host,
                               .names = v->names,
                               .age_s = v->age_s,
                               .by = v->stranger ? &other : &ca};
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        struct cert_text pem = {0};
        int fd = mkstemp(name);
        struct peers w;

        CHECK(fd >= 0);
        cert_text_add_x509(&pem, ca.x);
        CHECK_EQ(write(fd, pem.p, pem.len), (ssize_t)pem.len);
        close(fd);
        peers_open(&w, &p);
        q = ask(w.s.vat, w.root, ECHO, "x", 1);
        CHECK_EQ(capnp_question_wait(q) == 0, !v->why);
        if (v->why)
                CHECK(strstr(capnp_question_exception(q).reason, v->why) != NULL);
        CHECK_EQ(w.client.secured, !v->why);
        CHECK_EQ(w.client.checked, 0);
        peers_close(&w);
        free(pem.p);
        cert_deinit(&ca);
        cert_deinit(&other);
        CHECK_OK(unlink(name));
}

TEST(certificates_are_verified)
{
        static const struct verified cases[] = {
                {"DNS:a.example,IP:127.0.0.1", "a.example", 0, false, NULL},
                {"DNS:a.example,IP:127.0.0.1", "127.0.0.1", 0, false, NULL},
                {"IP:::1", "::1", 0, false, NULL},
                {"DNS:*.example.org", "a.example.org", 0, false, NULL},
                {"DNS:a*.example.org", "ab.example.org", 0, false, "hostname mismatch"},
                {"DNS:a.example", "b.example", 0, false, "hostname mismatch"},
                {"DNS:127.0.0.1", "127.0.0.1", 0, false, "IP address mismatch"},
                {"DNS:a.example", "127.0.0.1", 0, false, "IP address mismatch"},
                {"DNS:a.example", "a.example", 60, false, "expired"},
                {"DNS:a.example", "a.example", 0, true, "the server's certificate is refused"},
        };

        for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++)
                check_verified(&cases[i]);
}

/* In pin mode the key is all that counts. */
TEST(dates_do_not_matter_to_who_pins)
{
        struct peers w;

        peers_open(&w, &(struct peers_plan){.age_s = 100000});
        peers_echo(&w, "x", 1, 0);
        peers_close(&w);
}

TEST(nobody_is_spoken_to_without_knowing_whom)
{
        struct capos_i_tls_plan none = {0};
        struct peers w;
        int ends[2];

        peers_init(&w, &(struct peers_plan){0});
        socket_pair(ends);
        CHECK_OK(capnp_conn_new(w.s.vat, ends[0], NULL, NULL, &w.client.conn));
        CHECK_EQ(capos_i_tls_connect(w.s.vat, w.client.conn, w.cx, &none, NULL), -EINVAL);
        CHECK_EQ(capos_i_tls_connect(w.s.vat, w.client.conn, w.sx, &none, NULL), -EINVAL);
        CHECK_EQ(capos_i_tls_accept(w.s.vat, w.client.conn, w.cx, &none, NULL), -EINVAL);
        CHECK_OK(capos_i_tls_accept(w.s.vat, w.client.conn, w.sx, &none, NULL));
        CHECK_EQ(capos_i_tls_accept(w.s.vat, w.client.conn, w.sx, &none, NULL), -EALREADY);
        close(ends[1]);
        peers_close(&w);
}

/* ---- memory --------------------------------------------------------------------------------- */

/* One handshake and one call; -ENOMEM where that is what stopped it. */
static int try_all(capnp_vat *v, struct capos_i_tls_context *sx, struct capos_i_tls_context *cx,
                   struct side *sides)
{
        CAPNP_AUTO(capnp_conn_unrefp) capnp_conn *a = NULL;
        CAPNP_AUTO(capnp_conn_unrefp) capnp_conn *b = NULL;
        struct capos_i_tls_plan p = {.check = side_check, .arg = &sides[0]}, q = {0};
        int ends[2], r;

        socket_pair(ends);
        r = capnp_conn_new(v, ends[0], NULL, NULL, &a);
        if (r) {
                close(ends[1]);
                return r;
        }
        r = capnp_conn_new(v, ends[1], NULL, NULL, &b);
        if (!r)
                r = capos_i_tls_connect(v, a, cx, &p, &sides[0].tls);
        if (!r)
                r = capos_i_tls_accept(v, b, sx, &q, &sides[1].tls);
        if (r)
                return r;

        for (unsigned i = 0; i < 50 && !r && !test_alloc_failed(); i++)
                r = capnp_vat_process(v);
        if (test_alloc_failed())
                return -ENOMEM;
        CHECK(capos_i_tls_is_secured(sides[0].tls) && capos_i_tls_is_secured(sides[1].tls));
        return r;
}

TORTURE_T(without_memory, 60)
{
        CAPNP_AUTO(capnp_vat_freep) capnp_vat *v = NULL;
        struct capos_i_tls_context *sx = NULL, *cx = NULL;
        struct cert c = peers_cert(&(struct peers_plan){0}, true);
        struct signer signer = {.key = c.key};
        struct side sides[2] = {0};
        int r;

        /* Not by cert_text_add(): this must not be what fails. */
        BIO *b = BIO_new(BIO_s_mem());
        char *p;
        long len;

        CHECK_EQ(PEM_write_bio_X509(b, c.x), 1);
        len = BIO_get_mem_data(b, &p);
        r = capnp_vat_new(&v);
        if (!r)
                r = capos_i_tls_server_new(
                        &(struct capos_i_tls_server_settings){
                                .certificates = {(uint8_t *)p, (uint32_t)len},
                                .sign = signer_sign,
                                .arg = &signer,
                                .asks_certificate = true},
                        &sx);
        if (!r)
                r = capos_i_tls_client_new(&(struct capos_i_tls_client_settings){0}, &cx);
        if (!r)
                r = try_all(v, sx, cx, sides);
        v = capnp_vat_free(v);
        capos_i_tls_context_unref(sx);
        capos_i_tls_context_unref(cx);
        BIO_free(b);
        cert_deinit(&c);
        TORTURE_OK(r);
}
