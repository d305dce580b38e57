/*
 * The shield speaks TLS with browsers on other machines, so that what the front and a browser's
 * process see is what they see of one on this machine: a socket that can be handed on. (TLS in
 * libmicrohttpd would stay between the WebSocket and whoever it was handed to.)
 *
 * It is a process of its own: it has the private key, and reads no HTTP; the front reads HTTP, and
 * has no key. A connection that is secured gets a pair of sockets, one end of which goes to the
 * front; from then on bytes are carried both ways, 16 KiB at a time, and no more is read than the
 * other side has taken. Whoever does not finish his handshake in ten seconds is closed; how long he
 * may be silent afterwards is for the front and his process to say, who close their end.
 *
 * What is spoken is what an instance speaks (tls-context.h), TLS 1.3 alone, by a key that an
 * instance would take, too (tls-identity.h): each browser of today can, and nothing else could be
 * got wrong.
 */
#include "shield.h"

#include "confine.h"
#include "io-loop.h"
#include "io-packet.h"
#include "protect.h"
#include "tls-context.h"
#include "tls-identity.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
        LINES = 192,
        LISTENERS = 4,
        PER_SOURCE = 16, /* of those that are not secured; of others the front counts */
        CHUNK = 16 * 1024,
        HANDSHAKE_MS = 10 * 1000,
        TURNS = 16,          /* chunks of one line, before others have theirs */
        LAST_MS = 10 * 1000, /* for what is left to go out, when one side has ended */
};

/* Bytes on their way. */
struct chunk {
        size_t at, len;
        char bytes[CHUNK];
};

/* A browser's connection. */
struct line {
        int fd; /* to the browser; -1: this place is free */
        int inner;
        SSL *ssl;
        bool secured, ending; /* ending: what is inside has ended; the rest goes out */
        short wants;          /* what TLS waits for, of the browser's socket */
        uint64_t until_ms;    /* of a handshake, or of an end; 0: no such time */
        struct shield_arrival from;
        struct chunk in, out;
};

struct shield {
        SSL_CTX *context;
        int front;
        int listeners[LISTENERS];
        unsigned nlisteners;
        struct line lines[LINES];
};

/* ---- a line --------------------------------------------------------------------------------- */

static void line_close(struct line *l)
{
        if (l->fd < 0)
                return;
        if (l->secured)
                (void)SSL_shutdown(l->ssl);
        SSL_free(l->ssl);
        (void)close(l->fd);
        if (l->inner >= 0)
                (void)close(l->inner);
        ERR_clear_error();
        explicit_bzero(l, sizeof(*l));
        l->fd = l->inner = -1;
}

/* What libssl waits for, after a call of it. false: it is over. */
static bool line_waits(struct line *l, int r)
{
        switch (SSL_get_error(l->ssl, r)) {
        case SSL_ERROR_WANT_READ:
                l->wants |= POLLIN;
                return true;
        case SSL_ERROR_WANT_WRITE:
                l->wants |= POLLOUT;
                return true;
        default:
                ERR_clear_error();
                return false;
        }
}

/* The handshake is done: what is inside goes to the front. */
static bool line_secured(struct shield *s, struct line *l)
{
        int fds[2], r;

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds))
                return false;
        r = capos_io_packet_send(s->front, &l->from, sizeof(l->from), &fds[1], 1);
        (void)close(fds[1]);
        l->inner = fds[0];
        l->secured = true;
        l->until_ms = 0;
        return !r;
}

/* From the browser inwards. What libssl has decrypted is taken whole: nothing else would wake us
 * for it. */
static bool line_in(struct line *l)
{
        ssize_t n;
        int r;

        for (unsigned turn = 0; !l->ending && turn < TURNS; turn++) {
                if (l->in.at == l->in.len) {
                        r = SSL_read(l->ssl, l->in.bytes, CHUNK);
                        if (r <= 0)
                                return line_waits(l, r);
                        l->in.at = 0;
                        l->in.len = (size_t)r;
                }
                n = send(l->inner, l->in.bytes + l->in.at, l->in.len - l->in.at, MSG_NOSIGNAL);
                if (n < 0)
                        return errno == EAGAIN;
                l->in.at += (size_t)n;
        }
        if (l->in.at == l->in.len)
                l->wants |= POLLIN;
        return true;
}

/* From what is inside to the browser. */
static bool line_out(struct line *l, uint64_t now)
{
        ssize_t n;
        int r;

        for (unsigned turn = 0; turn < 2 * TURNS; turn++) {
                if (l->out.at == l->out.len) {
                        if (l->ending)
                                return false; /* all has gone out */
                        n = recv(l->inner, l->out.bytes, CHUNK, 0);
                        if (n < 0)
                                return errno == EAGAIN;
                        l->ending = !n;
                        if (l->ending)
                                l->until_ms = now + LAST_MS;
                        l->out.at = 0;
                        l->out.len = (size_t)n;
                        continue;
                }
                r = SSL_write(l->ssl, l->out.bytes + l->out.at, (int)(l->out.len - l->out.at));
                if (r <= 0)
                        return line_waits(l, r);
                l->out.at += (size_t)r;
        }
        if (l->out.at < l->out.len)
                l->wants |= POLLOUT;
        return true;
}

static void line_turn(struct shield *s, struct line *l, uint64_t now)
{
        bool good = true;
        int r;

        l->wants = 0;
        if (!l->secured) {
                r = SSL_accept(l->ssl);
                good = r == 1 ? line_secured(s, l) : line_waits(l, r);
        }
        if (good && l->secured)
                good = line_in(l) && line_out(l, now);
        if (!good || (l->until_ms && now > l->until_ms))
                line_close(l);
}

/* ---- all of them ---------------------------------------------------------------------------- */

static bool same_source(const struct shield_arrival *a, const struct shield_arrival *b)
{
        const struct sockaddr_in *a4 = (const void *)&a->from, *b4 = (const void *)&b->from;
        const struct sockaddr_in6 *a6 = (const void *)&a->from, *b6 = (const void *)&b->from;

        if (a->from.ss_family != b->from.ss_family)
                return false;
        if (a->from.ss_family == AF_INET)
                return a4->sin_addr.s_addr == b4->sin_addr.s_addr;
        return !memcmp(&a6->sin6_addr, &b6->sin6_addr, sizeof(a6->sin6_addr));
}

static struct line *line_place(struct shield *s, const struct shield_arrival *from)
{
        struct line *l = NULL;
        unsigned n = 0;

        for (unsigned i = 0; i < LINES; i++) {
                if (s->lines[i].fd < 0)
                        l = &s->lines[i];
                else if (!s->lines[i].secured)
                        n += same_source(&s->lines[i].from, from);
        }
        return n < PER_SOURCE ? l : NULL;
}

static void shield_accept(struct shield *s, int listener, uint64_t now)
{
        struct shield_arrival from = {.len = sizeof(from.from)};
        socklen_t len = sizeof(from.from);
        struct line *l;
        int fd;

        for (;;) {
                fd = accept4(listener, (struct sockaddr *)&from.from, &len,
                             SOCK_NONBLOCK | SOCK_CLOEXEC);
                if (fd < 0)
                        return;
                from.len = len;
                l = line_place(s, &from);
                if (!l) {
                        (void)close(fd);
                        continue;
                }
                l->ssl = SSL_new(s->context);
                if (!l->ssl || SSL_set_fd(l->ssl, fd) != 1) {
                        SSL_free(l->ssl);
                        l->ssl = NULL;
                        (void)close(fd);
                        continue;
                }
                l->fd = fd;
                l->from = from;
                l->until_ms = now + HANDSHAKE_MS;
                line_turn(s, l, now);
        }
}

/* What is waited for: listeners, the front, then two of each line. */
static unsigned shield_poll(const struct shield *s, struct pollfd *p)
{
        unsigned n = 0;

        for (unsigned i = 0; i < s->nlisteners; i++)
                p[n++] = (struct pollfd){.fd = s->listeners[i], .events = POLLIN};
        p[n++] = (struct pollfd){.fd = s->front};
        for (unsigned i = 0; i < LINES; i++) {
                const struct line *l = &s->lines[i];
                bool full = l->in.at < l->in.len, sending = l->out.at < l->out.len;

                short inside = (short)((full ? POLLOUT : 0) | (sending ? 0 : POLLIN));

                /* who is not waited for is not listened to: his end would be told all the time */
                p[n++] = (struct pollfd){.fd = l->wants ? l->fd : -1, .events = l->wants};
                p[n++] = (struct pollfd){.fd = inside && !l->ending ? l->inner : -1,
                                         .events = inside};
        }
        return n;
}

static void shield_serve(struct shield *s)
{
        static struct pollfd p[LISTENERS + 1 + 2 * LINES];
        uint64_t now;

        for (;;) {
                if (poll(p, shield_poll(s, p), 1000) < 0 && errno != EINTR)
                        return;
                now = capos_io_now_ms();
                if (p[s->nlisteners].revents)
                        return; /* the front has ended */
                for (unsigned i = 0; i < LINES; i++)
                        if (s->lines[i].fd >= 0)
                                line_turn(s, &s->lines[i], now);
                for (unsigned i = 0; i < s->nlisteners; i++)
                        if (p[i].revents)
                                shield_accept(s, s->listeners[i], now);
        }
}

/* ---- its certificate, and where it listens -------------------------------------------------- */

static int shield_on_alpn(SSL *s, const unsigned char **ret, unsigned char *ret_len,
                          const unsigned char *in, unsigned len, void *arg)
{
        static const unsigned char http[] = "\x08http/1.1";

        (void)s;
        (void)arg;
        if (SSL_select_next_proto((unsigned char **)(uintptr_t)ret, ret_len, http, sizeof(http) - 1,
                                  in, len) != OPENSSL_NPN_NEGOTIATED)
                return SSL_TLSEXT_ERR_ALERT_FATAL;
        return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *context_new(const struct tls_identity *id)
{
        SSL_CTX *c = SSL_CTX_new(TLS_server_method());
        bool good = c && !capos_i_tls_settings(c) && SSL_CTX_use_certificate(c, id->leaf) == 1 &&
                    SSL_CTX_use_PrivateKey(c, id->key) == 1 && SSL_CTX_set_num_tickets(c, 0) == 1;

        for (int i = 0; good && i < sk_X509_num(id->chain); i++)
                good = SSL_CTX_add1_chain_cert(c, sk_X509_value(id->chain, i)) == 1;
        if (!good) {
                SSL_CTX_free(c);
                return NULL;
        }
        SSL_CTX_set_max_early_data(c, 0);
        SSL_CTX_set_alpn_select_cb(c, shield_on_alpn, NULL);
        return c;
}

/* Whole; a private key's must be closed to others. 0; -errno; an enum tls_identity_err. */
static int file_read(const char *path, bool is_private, capnp_data *ret)
{
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), r;
        struct stat st;

        if (fd < 0)
                return -errno;
        r = fstat(fd, &st) ? -errno : 0;
        if (!r && is_private && st.st_mode & 077)
                r = -EPERM;
        if (!r)
                r = capos_i_tls_file_read(fd, ret);
        (void)close(fd);
        return r;
}

/* The words of a bridge, where those of an instance would mislead. */
static const char *why(const struct web_options *o, int r, char *room, size_t len)
{
        const char *text = r == -EPERM ? "others may read it: chmod 600"
                           : r == TLS_IDENTITY_E_ENCRYPTED
                                   ? "it has a passphrase: take it off (openssl pkey -in FILE)"
                                   : capos_i_tls_identity_strerror(r);

        if (r != TLS_IDENTITY_E_MISMATCH)
                return text;
        (void)snprintf(room, len, "it is not the key of %s", o->tls_certificate);
        return room;
}

/* What a browser will say of a certificate that is good otherwise is said here first. */
static void warn(const struct web_options *o, const struct tls_identity *id)
{
        int r = capos_i_tls_identity_validity(id, time(NULL));
        bool is_name = X509_check_host(id->leaf, o->name, 0, 0, NULL) == 1 ||
                       X509_check_ip_asc(id->leaf, o->name, 0) == 1;

        if (r)
                (void)fprintf(stderr, "capos: %s: %s\n", o->tls_certificate,
                              capos_i_tls_identity_strerror(r));
        if (!is_name)
                (void)fprintf(stderr, "capos: %s: it is not made out to %s: browsers warn of it\n",
                              o->tls_certificate, o->name);
        ERR_clear_error();
}

/* NULL: it has been said what is wrong. Certificates are looked at alone first: whose fault it is
 * has to be told. */
static SSL_CTX *context_of(const struct web_options *o)
{
        capnp_data certificates = {0}, key = {0};
        struct tls_identity id = {0};
        SSL_CTX *c = NULL;
        const char *at = o->tls_certificate;
        char room[512];
        int r = file_read(at, false, &certificates);

        if (!r)
                r = capos_i_tls_identity_read(certificates, (capnp_data){0}, &id);
        capos_i_tls_identity_deinit(&id);
        if (!r) {
                at = o->tls_key;
                r = file_read(at, true, &key);
        }
        if (!r)
                r = key.len ? capos_i_tls_identity_read(certificates, key, &id)
                            : TLS_IDENTITY_E_KEY;
        if (!r)
                c = context_new(&id);
        if (c)
                warn(o, &id);
        else
                (void)fprintf(stderr, "capos: %s: %s\n", at,
                              why(o, r ? r : -ENOMEM, room, sizeof(room)));
        capos_i_tls_identity_deinit(&id);
        capos_i_tls_bytes_free(&certificates);
        capos_i_tls_bytes_free(&key);
        return c;
}

/* All addresses of the host, at one port. 0, or -errno. */
static int shield_listen(struct shield *s, const struct web_options *o, uint16_t *ret_port)
{
        struct capos_io_addresses all;
        struct capos_io_address at;
        char text[OPTIONS_HOST + 8];
        int r;

        (void)snprintf(text, sizeof(text), "%s:%u", o->host, o->port);
        r = capos_io_address_parse(text, true, &all);
        for (unsigned i = 0; !r && i < all.n && s->nlisteners < LISTENERS; i++) {
                if (s->nlisteners)
                        capos_io_address_set_port(&all.a[i], *ret_port);
                r = capos_io_socket_listen(&all.a[i], SOCK_STREAM, 0, &s->listeners[s->nlisteners]);
                if (r)
                        continue;
                r = capos_io_socket_address(s->listeners[s->nlisteners++], &at);
                *ret_port = capos_io_address_port(&at);
        }
        if (r)
                (void)fprintf(stderr, "capos: %s: %s\n", text,
                              r < 0 ? strerror(-r) : "no address of this machine");
        return r > 0 ? -EINVAL : r;
}

/* ---- life ----------------------------------------------------------------------------------- */

/* In its own process, which alone sees the key. */
static void shield_run(const struct web_options *o, int front, pid_t parent)
{
        struct shield *s = calloc(1, sizeof(*s));
        struct shield_arrival at = {.len = 0};
        uint16_t port = 0;

        if (!s || prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent)
                return;
        protect();
        s->front = front;
        s->context = context_of(o);
        if (!s->context || shield_listen(s, o, &port))
                return;
        ((struct sockaddr_in *)&at.from)->sin_port = htons(port);
        for (unsigned i = 0; i < LINES; i++)
                s->lines[i].fd = s->lines[i].inner = -1;
        if (!confine_front() && !capos_io_packet_send(front, &at, sizeof(at), NULL, 0))
                shield_serve(s);
}

int shield_new(const struct web_options *o, int starter, uint16_t *ret_port, int *ret_fd)
{
        struct shield_arrival at;
        struct pollfd p = {.events = POLLIN};
        pid_t parent = getpid(), pid;
        int fds[2], r = capos_io_packet_pair(fds);

        if (r)
                return r;
        pid = fork();
        if (!pid) {
                (void)close(fds[0]);
                (void)close(starter);
                shield_run(o, fds[1], parent);
                _exit(1);
        }
        (void)close(fds[1]);
        p.fd = fds[0];
        if (pid < 0 || poll(&p, 1, -1) != 1 ||
            capos_io_packet_recv(fds[0], &at, sizeof(at), NULL, 0)) {
                (void)close(fds[0]);
                return -EINVAL;
        }
        *ret_port = ntohs(((struct sockaddr_in *)&at.from)->sin_port);
        *ret_fd = fds[0];
        return 0;
}
