/*
 * The prover as caposd starts it, sandbox and all, with client certificates to judge. The test is
 * caposd and session manager in one: it has a zygote make a copy, and gives that a proof.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon-link.h"
#include "daemon-spawn.h"
#include "test-tls-handshake.h"

/* ---- the zygote ----------------------------------------------------------------------------- */

struct zygote {
        pid_t pid;
        int pidfd, link;
};

static void await(int fd, void *p, size_t size)
{
        int r;

        do {
                struct pollfd w = {.fd = fd, .events = POLLIN};

                CHECK_EQ(poll(&w, 1, 60000), 1);
                r = capos_io_packet_recv(fd, p, size, NULL, 0);
        } while (r == CAPOS_IO_E_AGAIN);
        CHECK_OK(r);
}

static struct zygote zygote_start(void)
{
        const char *argv[] = {"capos-prover", NULL};
        char path[4096];
        struct daemon_spawn s = {.path = path, .argv = argv, .nfds = 1};
        struct packet ready;
        struct zygote z;
        int pair[2];

        CHECK_OK(capos_io_packet_pair(pair));
        snprintf(path, sizeof(path), "%s/bin/capos-prover", getenv("CAPOS_BUILDDIR"));
        s.fds[0].fd = pair[1];
        s.fds[0].at = LINK_FD;
        CHECK_OK(daemon_spawn(&s, &z.pid, &z.pidfd));
        close(pair[1]);
        z.link = pair[0];
        await(z.link, &ready, sizeof(ready));
        CHECK_EQ(ready.type, PACKET_READY);
        return z;
}

static void reap(pid_t pid)
{
        int status = 0;

        CHECK_EQ(waitpid(pid, &status, 0), pid);
        CHECK(WIFEXITED(status)); /* no signal: it did nothing that its list does not have */
        CHECK_EQ(WEXITSTATUS(status), 0);
}

/* How it ends is caposd's affair; a sanitizer that looks for leaks then may not do so in there. */
static void zygote_end(struct zygote *z)
{
        close(z->link);
        close(z->pidfd);
        CHECK_EQ(waitpid(z->pid, NULL, 0), z->pid);
}

/* One proof, by a copy of its own. */
static struct proof_verdict zygote_prove(struct zygote *z, const struct proof_request *q)
{
        struct packet p = {.type = PACKET_FORK, .worker = 1};
        struct proof_verdict v;
        int pair[2];

        CHECK_OK(capos_io_packet_pair(pair));
        CHECK_OK(capos_io_packet_send(z->link, &p, sizeof(p), &pair[1], 1));
        close(pair[1]);
        await(z->link, &p, sizeof(p));
        CHECK_EQ(p.type, PACKET_FORKED);
        CHECK_OK(capos_io_packet_send(pair[0], q, sizeof(*q), NULL, 0));
        await(pair[0], &v, sizeof(v));
        close(pair[0]);
        reap(p.pid);
        return v;
}

/* ---- proofs --------------------------------------------------------------------------------- */

static void request_add(struct proof_request *q, unsigned part, const void *p, size_t len)
{
        size_t at = 0;

        for (unsigned i = 0; i < part; i++)
                at += q->len[i];
        CHECK(len <= PROOF_BYTES - at);
        q->len[part] = (uint32_t)len;
        memcpy(q->bytes + at, p, len);
}

static const struct proof_request *request(const struct handshake *h, const struct rules *r)
{
        static struct proof_request q;
        struct proof_connection c = {.now_s = CERT_NOW};

        memcpy(c.record, h->record, sizeof(c.record));
        memcpy(c.server_key, h->server_key, sizeof(c.server_key));
        memcpy(c.nonce, h->nonce, sizeof(c.nonce));
        q = (struct proof_request){.kind = PROOF_CERTIFICATE};
        request_add(&q, 0, h->bytes, h->len);
        request_add(&q, 1, &c, sizeof(c));
        request_add(&q, 2, r->bytes, r->len);
        return &q;
}

TEST_T(a_certificate_is_judged_in_the_sandbox, 240)
{
        static const char *const types[] = {"P-256", "ED25519", "RSA", "P-521"};
        struct cert ca = cert_authority("ca", NULL);
        struct zygote z = zygote_start();
        struct rules rules = rules_of(&ca);

        rules_begin(&rules, 0);
        rules_add_text(&rules, TLS_RULES_SPIFFE, "spiffe://a/*");
        for (unsigned i = 0; i < 4; i++) {
                struct cert c = cert_make(&(struct cert_plan){
                        .type = types[i], .name = "alice", .by = &ca, .names = "URI:spiffe://a/b"});
                struct proof_verdict v;
                struct handshake h;
                uint8_t hash[32];

                handshake_make(&h, &(struct handshake_plan){.client = &c, .retry = i % 2});
                v = zygote_prove(&z, request(&h, &rules));
                CHECK_EQ(v.good, 1);
                CHECK_EQ(v.reason, 0);
                CHECK_EQ(v.rule, 0);
                CHECK_EQ(v.until_s, CERT_NOW + CERT_DAY);
                CHECK_STR(v.subject, "CN = alice");
                CHECK_OK(capos_i_tls_key_hash(c.x, hash));
                CHECK_MEM(v.key_hash, hash, 32);

                h.nonce[0] ^= 1;
                v = zygote_prove(&z, request(&h, &rules));
                CHECK_EQ(v.good, 0);
                CHECK_EQ(v.reason, TLS_RECHECK_E_NONCE);
                CHECK_STR(v.subject, capos_i_tls_recheck_strerror(TLS_RECHECK_E_NONCE));
                cert_deinit(&c);
        }
        zygote_end(&z);
        cert_deinit(&ca);
}

TEST_T(a_refusal_has_its_reason, 240)
{
        struct cert ca = cert_authority("ca", NULL), other = cert_authority("ca", NULL);
        struct cert c = cert_make(&(struct cert_plan){.by = &ca, .names = "DNS:a"});
        struct zygote z = zygote_start();
        struct rules rules = rules_of(&ca);
        struct proof_request q;
        struct proof_verdict v;
        struct handshake h;

        handshake_make(&h, &(struct handshake_plan){.client = &c});
        rules_add_text(&rules, TLS_RULES_DNS, "b");
        v = zygote_prove(&z, request(&h, &rules));
        CHECK_EQ(v.reason, TLS_RECHECK_E_NAME);
        rules = rules_of(&other);
        v = zygote_prove(&z, request(&h, &rules));
        CHECK_EQ(v.reason, TLS_RECHECK_E_ISSUER);
        rules.len--;
        v = zygote_prove(&z, request(&h, &rules));
        CHECK_EQ(v.reason, TLS_RECHECK_E_RULES);
        q = *request(&h, &rules);
        q.len[1]--; /* what is known of the connection is too short */
        v = zygote_prove(&z, &q);
        CHECK_EQ(v.good, 0);
        CHECK_EQ(v.reason, TLS_RECHECK_E_FORM);
        q.len[0] = PROOF_BYTES; /* more than there is room for */
        v = zygote_prove(&z, &q);
        CHECK_EQ(v.good, 0);
        zygote_end(&z);
        cert_deinit(&c);
        cert_deinit(&other);
        cert_deinit(&ca);
}

/* As large as a request can be: it goes through the socket in one piece. */
TEST_T(many_rules_fit, 240)
{
        struct cert ca = cert_authority("ca", NULL), c = cert_make(&(struct cert_plan){.by = &ca});
        struct zygote z = zygote_start();
        static struct proof_request q;
        struct rules rules = rules_of(&ca);
        struct proof_verdict v;
        struct handshake h;

        rules.len -= 9; /* the rule; more authorities first */
        for (unsigned i = 1; i < TLS_RULES_AUTHORITIES; i++)
                rules_add_authority(&rules, &ca);
        for (unsigned i = 0; i < TLS_RULES_RULES; i++) {
                rules_begin(&rules, (int)(i % TLS_RULES_AUTHORITIES));
                rules_add_text(&rules, TLS_RULES_DNS, "*.example.org");
        }
        handshake_make(&h, &(struct handshake_plan){.client = &c});
        q = *request(&h, &rules);
        v = zygote_prove(&z, &q);
        CHECK_EQ(v.good, 0);
        CHECK_EQ(v.reason, TLS_RECHECK_E_NAME);
        zygote_end(&z);
        cert_deinit(&c);
        cert_deinit(&ca);
}
