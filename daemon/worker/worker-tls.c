/*
 * TLS with the key elsewhere.
 *
 * The zygote reads the certificate and makes all settings; a copy of it has everything but the
 * private key, and a socket over which the signer gives one signature. Waiting for that stops this
 * process, which has nothing else to do before the handshake is done.
 *
 * The session manager learns what binds a proof to this channel in the first call of all, which is
 * sent before the client's first message is read: so it comes before whatever the client causes.
 */
#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "daemon-packets.h"
#include "io-packet.h"
#include "tls-identity.h"
#include "tls-rules.h"
#include "worker-tls.h"

enum { SIGN_MS = 2000 };

/* ---- the signer ----------------------------------------------------------------------------- */

static int signer_await(int fd)
{
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int n;

        do
                n = poll(&p, 1, SIGN_MS);
        while (n < 0 && errno == EINTR);
        return n > 0 ? 0 : -ETIMEDOUT;
}

/* capos_i_tls_server_settings.sign */
static int worker_sign(void *arg, const uint8_t hash[CAPOS_I_TLS_HASH], uint8_t *sig, size_t *len)
{
        struct worker_tls *t = arg;
        struct sign_request q;
        struct sign_reply reply;
        int r;

        memcpy(q.key_hash, t->key_hash, sizeof(q.key_hash));
        memcpy(q.hash, hash, sizeof(q.hash));
        r = capos_io_packet_send(t->signer, &q, sizeof(q), NULL, 0);
        if (!r)
                r = signer_await(t->signer);
        if (!r)
                r = capos_io_packet_recv(t->signer, &reply, sizeof(reply), NULL, 0);
        (void)close(t->signer);
        t->signer = -1;
        if (r || reply.len > sizeof(reply.signature) || reply.len > *len)
                return -EIO;

        memcpy(sig, reply.signature, reply.len);
        *len = reply.len;
        return 0;
}

/* ---- the zygote ----------------------------------------------------------------------------- */

/*
 * Leaves the certificates of all authorities, one behind the other in place of the rules, each with
 * an end of line, for which the record had more than room. None, when a rule does without an
 * authority: clients would not show what nobody has issued that they were told of.
 */
static int rules_keep_issuers(capnp_data rules, capnp_data *ret)
{
        uint8_t *out = (uint8_t *)(uintptr_t)rules.p;
        struct tls_rules_at at = {rules};
        enum tls_rules_kind kind;
        bool told = true;
        uint32_t len = 0;
        capnp_data d;
        int r;

        while (!(r = capos_i_tls_rules_next(&at, &kind, &d))) {
                if (kind == TLS_RULES_RULE && !d.len)
                        told = false;
                if (kind != TLS_RULES_AUTHORITY)
                        continue;
                memmove(out + len, d.p, d.len);
                len += d.len;
                out[len++] = '\n';
        }
        *ret = (capnp_data){out, told ? len : 0};
        return r == CAPNP_E_SHORT ? 0 : -EINVAL;
}

static int worker_tls_new(struct worker_tls *t, struct capos_i_tls_server_settings *s, int rules_fd)
{
        capnp_data rules = {0};
        int r = 0;

        if (rules_fd >= 0) {
                s->asks_certificate = true;
                r = capos_i_tls_file_read(rules_fd, &rules);
                if (!r)
                        r = rules_keep_issuers(rules, &s->issuers);
        }
        if (!r)
                r = capos_i_tls_server_new(s, &t->context) ? -ENOMEM : 0;
        capos_i_tls_bytes_free(&rules);
        return r;
}

int worker_tls_init(struct worker_tls *t, int certificate_fd, int rules_fd)
{
        struct capos_i_tls_server_settings s = {.sign = worker_sign, .arg = t};
        struct tls_identity id = {0};
        int r;

        t->signer = -1;
        r = capos_i_tls_file_read(certificate_fd, &s.certificates);
        if (!r)
                r = capos_i_tls_identity_read(s.certificates, (capnp_data){0}, &id);
        if (!r) {
                memcpy(t->key_hash, id.key_hash, sizeof(t->key_hash));
                r = worker_tls_new(t, &s, rules_fd);
        }
        (void)close(certificate_fd);
        if (rules_fd >= 0)
                (void)close(rules_fd);
        capos_i_tls_identity_deinit(&id);
        capos_i_tls_bytes_free(&s.certificates);
        return r;
}

void worker_tls_deinit(struct worker_tls *t)
{
        t->context = capos_i_tls_context_unref(t->context);
}

/* ---- a connection --------------------------------------------------------------------------- */

static void worker_secured(void *arg, struct capos_i_tls *t)
{
        struct worker *w = arg;
        uint8_t exporter[CAPOS_I_TLS_HASH];
        capnp_question *q;

        if (w->state == WORKER_ENDED)
                return;
        if (capos_i_tls_exporter(t, exporter)) {
                capnp_conn_close(w->client, (capnp_exception){CAPNP_FAILED, "out of memory"});
                return;
        }

        q = admission_secured(worker_ask(w));
        admission_secured_set_exporter(q, (capnp_data){exporter, sizeof(exporter)});
        admission_secured_set_handshake(q, capos_i_tls_transcript_peek(t));
        capnp_question_detach(q);
        capos_i_tls_transcript_clear(t);
        (void)malloc_trim(0); /* a handshake needs much that a session does not */
}

int worker_tls_accept(struct worker_tls *t, struct worker *w, const uint8_t nonce[CAPOS_I_TLS_HASH])
{
        const struct capos_i_tls_plan plan = {.secured = worker_secured, .arg = w, .nonce = nonce};

        if (!t->context)
                return -EPROTONOSUPPORT;

        return capos_i_tls_accept(w->vat, w->client, t->context, &plan, NULL);
}
