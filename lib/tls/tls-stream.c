/*
 * TLS between the socket and the core of a connection: a filter (capnp_conn_set_filter()) around
 * libssl, which never sees a socket. It reads and writes by a BIO over the buffers that the vat
 * hands in, so that a connection that is idle has none, and a turn is one write.
 *
 * What is to go out is gathered into records of up to 16 KiB: a record costs more than the message
 * in it. libssl is only given a record for which there is room, and the BIO takes no byte beyond
 * the room, so what a peer makes libssl answer cannot grow: libssl stops reading first.
 *
 * The end of a stream is never shown to libssl. Half of the world ends without a close_notify, and
 * whether a message was cut is told by its own length; it is noted in the trace. A close_notify
 * that comes ends one direction: what is queued is still sent, then our own, once, and never after
 * an error.
 *
 * A peer that speaks no TLS at all is told apart by its first four bytes: those of a plain frame
 * end in three zeros, and nothing of TLS does. A client is told so in the clear, by an abort; to be
 * the only thing that is ever sent in the clear, it is sent only when nothing else is queued.
 */
#include "tls-callback.h"
#include "tls-context.h"
#include "tls-fingerprint.h"
#include "tls-transcript.h"

#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

enum {
        GREETING = 4,
        RECORD_BYTES = 16 * 1024,
        RECORD_ROOM = RECORD_BYTES + 512, /* with what a key update puts before it */
        ALERT_ROOM = 256,
        VECTORS = 64,
        HANDSHAKE_BYTES = 64 * 1024,
        EXTRAS = 16, /* messages of the handshake layer for each EXTRAS_BYTES of data */
        EXTRAS_BYTES = 1 << 20,
        REASON = 256,
};

enum tls_state {
        TLS_HANDSHAKE,
        TLS_OPEN,
        TLS_CLEAR, /* the peer speaks no TLS; it is told so */
        TLS_ENDED, /* nothing but what libssl has said goes out */
};

struct capos_i_tls {
        struct capos_i_tls_context *context;
        capnp_vat *vat;
        capnp_rpc *rpc; /* once it has started */
        SSL *ssl;
        BIO_METHOD *method;
        capnp_timer *deadline;
        struct capnp_filter_io *io; /* during a call of the vat */
        enum tls_state state;
        uint8_t greeting[GREETING];
        unsigned greeted, handed; /* bytes of it that have come, and those that libssl has */
        bool started, shut, peer_shut, flooded;
        uint32_t records;
        uint64_t handshake_bytes, data_bytes, extras;
        struct tls_transcript transcript;
        struct capos_i_tls_plan plan;
        uint8_t nonce[CAPOS_I_TLS_HASH];
};

static void tls_set_state(struct capos_i_tls *t, enum tls_state to)
{
        static const uint8_t may[] = {
                [TLS_HANDSHAKE] = 1 << TLS_OPEN | 1 << TLS_CLEAR | 1 << TLS_ENDED,
                [TLS_OPEN] = 1 << TLS_ENDED,
                [TLS_CLEAR] = 0,
                [TLS_ENDED] = 0,
        };

        assert(may[t->state] & 1 << to);
        t->state = to;
}

/* ---- libssl's end of the buffers ------------------------------------------------------------ */

/* Bytes libssl may have: first the greeting that was looked at, then what the vat has read. */
static size_t bio_take(struct capos_i_tls *t, uint8_t *b, size_t room)
{
        struct capnp_filter_io *x = t->io;
        size_t n = t->greeted - t->handed;

        if (n) {
                n = n < room ? n : room;
                memcpy(b, t->greeting + t->handed, n);
                t->handed += (unsigned)n;
                return n;
        }
        n = x->in_len < room ? x->in_len : room;
        if (n) {
                memcpy(b, x->in, n);
                x->in += n;
                x->in_len -= n;
        }
        return n;
}

static int bio_read(BIO *b, char *out, int room)
{
        struct capos_i_tls *t = BIO_get_data(b);
        size_t n = 0;

        BIO_clear_retry_flags(b);
        if (t->io && room > 0 && !t->flooded)
                n = bio_take(t, (uint8_t *)out, (size_t)room);
        if (!n) {
                BIO_set_retry_read(b);
                return -1;
        }
        if (t->state == TLS_HANDSHAKE) {
                t->handshake_bytes += n;
                t->flooded = t->handshake_bytes > HANDSHAKE_BYTES;
        }
        return (int)n;
}

static int bio_write(BIO *b, const char *in, int len)
{
        struct capos_i_tls *t = BIO_get_data(b);
        struct capnp_filter_io *x = t->io;
        size_t n = x ? x->out_room - x->out_len : 0;

        BIO_clear_retry_flags(b);
        if (len <= 0)
                return 0;
        if (!n) {
                BIO_set_retry_write(b);
                return -1;
        }
        n = n < (size_t)len ? n : (size_t)len;
        memcpy(x->out + x->out_len, in, n);
        x->out_len += n;
        return (int)n;
}

static long bio_ctrl(BIO *b, int what, long n, void *arg)
{
        (void)b;
        (void)n;
        (void)arg;
        return what == BIO_CTRL_FLUSH;
}

static BIO_METHOD *bio_method_new(void)
{
        BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "capos");

        if (!m)
                return NULL;

        BIO_meth_set_read(m, bio_read);
        BIO_meth_set_write(m, bio_write);
        BIO_meth_set_ctrl(m, bio_ctrl);
        return m;
}

/* ---- the end -------------------------------------------------------------------------------- */

static void tls_end(struct capos_i_tls *t, capnp_rpc *r, const char *why)
{
        char reason[REASON];

        snprintf(reason, sizeof(reason), "TLS: %s", why);
        t->deadline = capnp_timer_free(t->deadline);
        capos_i_tls_transcript_drop(&t->transcript);
        tls_set_state(t, TLS_ENDED);
        capnp_rpc_close(r, (capnp_exception){CAPNP_DISCONNECTED, reason});
        ERR_clear_error();
}

/* What libssl says, in words. Its alert, if there is one, is among the output. */
static void tls_fail(struct capos_i_tls *t)
{
        enum { ALERTS = 1000 }; /* reasons from here on are alerts of the peer */
        unsigned long e = ERR_peek_error();
        long verified = SSL_get_verify_result(t->ssl);
        int reason = ERR_GET_REASON(e);
        char text[REASON];

        if (t->flooded && t->state == TLS_HANDSHAKE)
                snprintf(text, sizeof(text), "the handshake is too long");
        else if (t->flooded)
                snprintf(text, sizeof(text),
                         "the peer floods with messages of the handshake layer");
        else if (t->context->verifies && verified != X509_V_OK && t->state == TLS_HANDSHAKE)
                snprintf(text, sizeof(text), "the server's certificate is refused: %s",
                         X509_verify_cert_error_string(verified));
        else if (ERR_GET_LIB(e) == ERR_LIB_SSL && reason >= ALERTS)
                snprintf(text, sizeof(text), "the peer says: %s",
                         SSL_alert_desc_string_long(reason - ALERTS));
        else
                snprintf(text, sizeof(text), "%s",
                         e && ERR_reason_error_string(e) ? ERR_reason_error_string(e)
                                                         : "internal error");
        tls_end(t, t->io->rpc, text);
}

static void tls_on_deadline(void *arg)
{
        struct capos_i_tls *t = arg;

        t->deadline = NULL; /* it frees itself */
        tls_end(t, t->rpc, "the handshake took longer than 10 seconds");
}

/* ---- the handshake -------------------------------------------------------------------------- */

static TLS_ON_MESSAGE(tls_on_message)
{
        struct capos_i_tls *t = arg;

        (void)version;
        (void)s;
        if (type != SSL3_RT_HANDSHAKE)
                return;

        if (t->state == TLS_HANDSHAKE)
                capos_i_tls_transcript_add(&t->transcript, !ours, b, len);
        else if (!ours && ++t->extras > EXTRAS * (1 + t->data_bytes / EXTRAS_BYTES))
                t->flooded = true;
}

/* A peer that speaks plain Cap'n Proto. */
static void tls_on_plain(struct capos_i_tls *t)
{
        struct capnp_rpc_counts n;

        capnp_rpc_count(t->io->rpc, &n);
        if (!t->context->serves || n.out_bytes) {
                tls_end(t, t->io->rpc, "the other side does not speak TLS");
                return;
        }
        t->deadline = capnp_timer_free(t->deadline);
        tls_set_state(t, TLS_CLEAR);
        capnp_rpc_close(t->io->rpc,
                        (capnp_exception){CAPNP_FAILED,
                                          "this port speaks TLS, and not plain Cap'n Proto RPC"});
}

/* Looks at the first bytes. false: there are not enough of them yet, or they are not TLS. */
static bool tls_greet(struct capos_i_tls *t)
{
        static const uint8_t zeros[GREETING - 1];
        struct capnp_filter_io *x = t->io;

        if (t->greeted == GREETING)
                return true;

        for (; t->greeted < GREETING && x->in_len; x->in++, x->in_len--)
                t->greeting[t->greeted++] = *x->in;
        if (t->greeted < GREETING)
                return false;
        if (memcmp(t->greeting + 1, zeros, sizeof(zeros)) != 0)
                return true;

        tls_on_plain(t);
        return false;
}

/* The handshake is done. sent: output that there was before its last step. */
static void tls_secure(struct capos_i_tls *t, size_t sent)
{
        uint8_t key[CAPOS_I_TLS_HASH];
        const char *why = NULL;

        t->deadline = capnp_timer_free(t->deadline);
        if (!t->transcript.whole)
                capos_i_tls_transcript_drop(&t->transcript);
        tls_set_state(t, TLS_OPEN);
        t->io->note = "TLS 1.3";
        if (t->plan.check)
                why = capos_i_tls_peer_key(t, key) ? "the server shows no key"
                                                   : t->plan.check(t->plan.arg, key);
        if (why) {
                /* Not even who we are: our certificate is in there. */
                t->io->out_len = sent;
                tls_end(t, t->io->rpc, why);
                return;
        }
        if (t->plan.secured)
                t->plan.secured(t->plan.arg, t);
}

static void tls_shake(struct capos_i_tls *t)
{
        size_t sent = t->io->out_len;
        int r, e;

        ERR_clear_error();
        r = SSL_do_handshake(t->ssl);
        e = SSL_get_error(t->ssl, r);
        if (r == 1 && !t->flooded)
                tls_secure(t, sent);
        else if (t->flooded || (e != SSL_ERROR_WANT_READ && e != SSL_ERROR_WANT_WRITE))
                tls_fail(t);
}

/* ---- reading -------------------------------------------------------------------------------- */

/* 0: go on; else the core has ended. */
static int tls_feed(struct capos_i_tls *t, const uint8_t *b, size_t len)
{
        struct capnp_filter_io *x = t->io;
        int r;

        t->data_bytes += len;
        r = capnp_rpc_feed(x->rpc, b, len, NULL, 0);
        if (b == x->scratch)
                OPENSSL_cleanse(x->scratch, len);
        if (r < 0)
                capnp_rpc_close(x->rpc, (capnp_exception){CAPNP_FAILED, capnp_strerror(r)});
        return r;
}

/* The peer says nothing more; the core decides what that means. */
static void tls_feed_end(struct capos_i_tls *t)
{
        int r = capnp_rpc_feed(t->io->rpc, NULL, 0, NULL, 0);

        if (r < 0)
                capnp_rpc_close(t->io->rpc, (capnp_exception){CAPNP_FAILED, capnp_strerror(r)});
}

/* Why SSL_read() gave nothing. */
static void tls_on_no_data(struct capos_i_tls *t, int r)
{
        switch (SSL_get_error(t->ssl, r)) {
        case SSL_ERROR_WANT_READ:
        case SSL_ERROR_WANT_WRITE:
                if (t->flooded)
                        tls_fail(t);
                return;
        case SSL_ERROR_ZERO_RETURN:
                t->peer_shut = true;
                tls_feed_end(t);
                return;
        default:
                tls_fail(t);
        }
}

/*
 * SSL_read(), which wipes what it has handed out, so that no password stays. A buffer that libssl
 * lets go of it would wipe as a whole, 16 KiB each turn: so it keeps the buffer while there is more
 * to come, and lets go when there is nothing, by which time all clear text in it has been wiped.
 */
static int tls_take(struct capos_i_tls *t, uint8_t *b, size_t room)
{
        bool more = t->io->in_len || t->greeted != t->handed || SSL_has_pending(t->ssl);
        int n;

        ERR_clear_error();
        if (more)
                SSL_clear_mode(t->ssl, SSL_MODE_RELEASE_BUFFERS);
        else
                SSL_clear_options(t->ssl, SSL_OP_CLEANSE_PLAINTEXT);
        n = SSL_read(t->ssl, b, (int)room);
        SSL_set_mode(t->ssl, SSL_MODE_RELEASE_BUFFERS);
        SSL_set_options(t->ssl, SSL_OP_CLEANSE_PLAINTEXT);
        return n;
}

static void tls_pull(struct capos_i_tls *t)
{
        struct capnp_filter_io *x = t->io;
        int n = 1;

        while (n > 0 && capnp_rpc_wants_input(x->rpc)) {
                size_t room;
                uint8_t *b = capnp_rpc_feed_place(x->rpc, &room);

                if (!b)
                        b = x->scratch;
                if (b == x->scratch || room > RECORD_BYTES)
                        room = RECORD_BYTES;
                n = tls_take(t, b, room);
                if (n <= 0)
                        tls_on_no_data(t, n);
                else if (tls_feed(t, b, (size_t)n))
                        return;
        }
}

static void tls_on_end(struct capos_i_tls *t)
{
        switch (t->state) {
        case TLS_HANDSHAKE:
                tls_end(t, t->io->rpc, "the peer ended the connection during the handshake");
                return;
        case TLS_OPEN:
                if (!t->peer_shut)
                        t->io->note = "TLS: truncated, the peer ended without close_notify";
                tls_feed_end(t);
                return;
        case TLS_CLEAR:
        case TLS_ENDED:
                return;
        }
}

static void tls_read(void *self, struct capnp_filter_io *x)
{
        struct capos_i_tls *t = self;

        t->io = x;
        /* Whoever would be asked about the key may be gone by now. */
        if (t->state == TLS_HANDSHAKE && capnp_rpc_is_closed(x->rpc, NULL))
                tls_end(t, x->rpc, "closed during the handshake");
        if (t->state == TLS_HANDSHAKE && tls_greet(t))
                tls_shake(t);
        if (t->state == TLS_OPEN)
                tls_pull(t);
        if (t->state == TLS_CLEAR || t->state == TLS_ENDED)
                x->in_len = 0;
        if (x->ended)
                tls_on_end(t);
        t->io = NULL;
}

static bool tls_pending(const void *self)
{
        const struct capos_i_tls *t = self;

        return t->state == TLS_OPEN && SSL_pending(t->ssl) > 0;
}

/* ---- writing -------------------------------------------------------------------------------- */

/* What is queued, up to a record, in one piece: where it lies or in the scratch buffer. */
static size_t tls_gather(struct capnp_filter_io *x, const uint8_t **ret)
{
        struct iovec v[VECTORS];
        int n = capnp_rpc_out_peek(x->rpc, v, VECTORS, NULL, NULL);
        size_t len = 0;

        if (n <= 0)
                return 0;

        *ret = v[0].iov_base;
        if (n == 1 || v[0].iov_len >= RECORD_BYTES)
                return v[0].iov_len < RECORD_BYTES ? v[0].iov_len : RECORD_BYTES;

        *ret = x->scratch;
        for (int i = 0; i < n && len < RECORD_BYTES; i++) {
                size_t room = RECORD_BYTES - len, some = v[i].iov_len < room ? v[i].iov_len : room;

                memcpy(x->scratch + len, v[i].iov_base, some);
                len += some;
        }
        return len;
}

/* One record. false: there is nothing to send, or no room, or it failed. */
static bool tls_push_record(struct capos_i_tls *t)
{
        struct capnp_filter_io *x = t->io;
        const uint8_t *b = NULL;
        size_t len;
        int n, e;

        if (x->out_room - x->out_len < RECORD_ROOM)
                return false;

        len = tls_gather(x, &b);
        if (!len)
                return false;

        ERR_clear_error();
        if (++t->records % t->context->rekey_records == 0)
                (void)SSL_key_update(t->ssl, SSL_KEY_UPDATE_NOT_REQUESTED);
        n = SSL_write(t->ssl, b, (int)len);
        e = SSL_get_error(t->ssl, n);
        if (b == x->scratch)
                OPENSSL_cleanse(x->scratch, len);
        if (n > 0)
                capnp_rpc_out_sent(x->rpc, (size_t)n);
        else if (e != SSL_ERROR_WANT_WRITE && e != SSL_ERROR_WANT_READ)
                tls_fail(t);
        return n > 0;
}

/* Takes what will never be sent off the queue. */
static void tls_discard(capnp_rpc *r)
{
        struct iovec v;

        while (capnp_rpc_out_peek(r, &v, 1, NULL, NULL) > 0)
                capnp_rpc_out_sent(r, v.iov_len);
}

static void tls_write_clear(struct capnp_filter_io *x)
{
        struct iovec v;

        while (x->out_len < x->out_room && capnp_rpc_out_peek(x->rpc, &v, 1, NULL, NULL) > 0) {
                size_t room = x->out_room - x->out_len, n = v.iov_len < room ? v.iov_len : room;

                memcpy(x->out + x->out_len, v.iov_base, n);
                x->out_len += n;
                capnp_rpc_out_sent(x->rpc, n);
        }
}

static void tls_write_open(struct capos_i_tls *t)
{
        struct capnp_filter_io *x = t->io;
        struct iovec v;

        while (tls_push_record(t))
                ;
        if (t->state != TLS_OPEN || t->shut || !capnp_rpc_is_closed(x->rpc, NULL) ||
            capnp_rpc_out_peek(x->rpc, &v, 1, NULL, NULL) > 0 ||
            x->out_room - x->out_len < ALERT_ROOM)
                return;

        t->shut = true;
        ERR_clear_error();
        (void)SSL_shutdown(t->ssl);
        ERR_clear_error();
}

/* The connection is open: a client speaks first, and time runs. */
static void tls_start(struct capos_i_tls *t)
{
        t->started = true;
        t->rpc = t->io->rpc;
        if (capnp_timer_new(t->vat, CAPOS_I_TLS_DEADLINE_MS, tls_on_deadline, t, &t->deadline)) {
                tls_end(t, t->io->rpc, "out of memory");
                return;
        }
        if (!t->context->serves)
                tls_shake(t);
}

static void tls_write(void *self, struct capnp_filter_io *x)
{
        struct capos_i_tls *t = self;

        t->io = x;
        if (t->state == TLS_HANDSHAKE && capnp_rpc_is_closed(x->rpc, NULL))
                tls_end(t, x->rpc, "closed during the handshake");
        if (t->state == TLS_HANDSHAKE && !t->started)
                tls_start(t);
        if (t->state == TLS_OPEN)
                tls_write_open(t);
        if (t->state == TLS_CLEAR)
                tls_write_clear(x);
        if (t->state == TLS_ENDED)
                tls_discard(x->rpc);
        t->io = NULL;
}

/* ---- life ----------------------------------------------------------------------------------- */

static void tls_free(void *self)
{
        struct capos_i_tls *t = self;

        capnp_timer_free(t->deadline);
        SSL_free(t->ssl);
        BIO_meth_free(t->method);
        capos_i_tls_transcript_drop(&t->transcript);
        capos_i_tls_context_unref(t->context);
        free(t);
}

static const struct capnp_filter_ops tls_ops = {
        .read = tls_read,
        .write = tls_write,
        .pending = tls_pending,
        .free = tls_free,
};

/* Gives libssl our end of the buffers. */
static int tls_set_bio(struct capos_i_tls *t)
{
        BIO *b;

        t->method = bio_method_new();
        b = t->method ? BIO_new(t->method) : NULL;
        if (!b)
                return -ENOMEM;

        BIO_set_data(b, t);
        BIO_set_init(b, 1);
        SSL_set_bio(t->ssl, b, b);
        return 0;
}

static int tls_new(struct capos_i_tls_context *x, const struct capos_i_tls_plan *p,
                   struct capos_i_tls **ret)
{
        struct capos_i_tls *t = calloc(1, sizeof(*t));
        int r;

        if (!t)
                return -ENOMEM;

        t->context = capos_i_tls_context_ref(x);
        t->plan = *p;
        t->plan.host = NULL;
        t->plan.nonce = NULL;
        if (p->nonce)
                memcpy(t->nonce, p->nonce, sizeof(t->nonce));
        t->ssl = capos_i_tls_context_new_ssl(x, p->host);
        r = t->ssl ? tls_set_bio(t) : -ENOMEM;
        if (r) {
                tls_free(t);
                return r;
        }

        SSL_set_app_data(t->ssl, p->nonce ? t->nonce : NULL);
        SSL_set_msg_callback(t->ssl, tls_on_message);
        SSL_set_msg_callback_arg(t->ssl, t);
        if (x->asks)
                capos_i_tls_transcript_start(&t->transcript);
        *ret = t;
        return 0;
}

static int tls_attach(capnp_vat *v, capnp_conn *c, struct capos_i_tls_context *x,
                      const struct capos_i_tls_plan *p, struct capos_i_tls **ret_t)
{
        struct capos_i_tls *t;
        int r;

        r = tls_new(x, p, &t);
        if (r)
                return r;

        t->vat = v;
        r = capnp_conn_set_filter(c, &tls_ops, t);
        if (r) {
                tls_free(t);
                return r;
        }

        if (ret_t)
                *ret_t = t;
        return 0;
}

int capos_i_tls_connect(capnp_vat *v, capnp_conn *c, struct capos_i_tls_context *x,
                        const struct capos_i_tls_plan *p, struct capos_i_tls **ret_t)
{
        /* Nobody is spoken to without knowing whom. */
        if (x->serves || (x->verifies ? !p->host : !p->check))
                return -EINVAL;

        return tls_attach(v, c, x, p, ret_t);
}

int capos_i_tls_accept(capnp_vat *v, capnp_conn *c, struct capos_i_tls_context *x,
                       const struct capos_i_tls_plan *p, struct capos_i_tls **ret_t)
{
        struct capos_i_tls_plan plan = *p;

        if (!x->serves)
                return -EINVAL;

        plan.check = NULL;
        return tls_attach(v, c, x, &plan, ret_t);
}

/* ---- once it is secured --------------------------------------------------------------------- */

bool capos_i_tls_is_secured(const struct capos_i_tls *t)
{
        return t->state == TLS_OPEN;
}

int capos_i_tls_exporter(struct capos_i_tls *t, uint8_t ret[CAPOS_I_TLS_HASH])
{
        static const char label[] = "EXPORTER-Channel-Binding";

        if (t->state != TLS_OPEN)
                return -ENOTCONN;

        ERR_clear_error();
        if (SSL_export_keying_material(t->ssl, ret, CAPOS_I_TLS_HASH, label, sizeof(label) - 1,
                                       NULL, 0, 0) != 1) {
                ERR_clear_error();
                return -ENOMEM;
        }
        return 0;
}

int capos_i_tls_peer_key(const struct capos_i_tls *t, uint8_t ret[CAPOS_I_TLS_HASH])
{
        const X509 *c;

        if (t->state != TLS_OPEN)
                return -ENOTCONN;

        c = SSL_get0_peer_certificate(t->ssl);
        return c ? capos_i_tls_key_hash(c, ret) : -ENOENT;
}

capnp_data capos_i_tls_transcript_peek(const struct capos_i_tls *t)
{
        if (!t->transcript.whole)
                return (capnp_data){0};

        return (capnp_data){t->transcript.b, (uint32_t)t->transcript.len};
}

void capos_i_tls_transcript_clear(struct capos_i_tls *t)
{
        capos_i_tls_transcript_drop(&t->transcript);
}
