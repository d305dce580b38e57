/*
 * The front: it reads HTTP, knows which browsers are in, and hands each WebSocket on to the process
 * of its browser. It holds no capability, cannot connect to anything, and starts nothing itself.
 *
 * A browser is let in by a code that only who started the bridge sees: 128 bits, good once, for a
 * minute. What it gets for that is a cookie; what it has to have beside is the key that it showed
 * then, which its process asks for at each WebSocket.
 */
#include "front.h"

#include "confine.h"
#include "http.h"
#include "io-packet.h"
#include "link.h"
#include "packets.h"
#include "session-url.h"
#include "shield.h"

#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

enum { GUESTS = 16, STATE_BYTES = 256, ROW = CHECK_ORIGIN + 64, PORTS = 32 };

/* A browser that is in. */
struct guest {
        struct front *f;
        bool is_in;
        uint8_t cookie[TOKEN_HASH], ticket[TOKEN_HASH];
        bool has_ticket, has_tabs;
        uint64_t number; /* of those that have entered */
        char csrf[TOKEN_TEXT];
        char state[STATE_BYTES]; /* whose GET /back is its; "": none */
        int sockets, words;      /* to its process */
        struct capos_io_watch watch;
};

struct front {
        const struct web_options *o;
        struct capos_io_loop loop;
        struct http http;
        int starter, signals;
        struct front_shield shield;
        struct capos_io_watch signal_watch, key_watch, starter_watch, shield_watch;
        bool ending;
        int result;
        bool has_code;
        uint8_t code[TOKEN_HASH];
        uint64_t code_ms, entered;
        struct guest guests[GUESTS];
};

/* ---- browsers that are in ------------------------------------------------------------------- */

static void guest_end(struct guest *g)
{
        if (!g->is_in)
                return;
        capos_io_watch_deinit(&g->watch);
        (void)close(g->sockets);
        (void)close(g->words);
        explicit_bzero(g, sizeof(*g));
}

static struct guest *guest_find(struct front *f, const char *cookie)
{
        uint8_t hash[TOKEN_HASH];

        token_hash(cookie, TOKEN_TEXT - 1, hash);
        for (unsigned i = 0; i < GUESTS; i++)
                if (f->guests[i].is_in && !sodium_memcmp(f->guests[i].cookie, hash, TOKEN_HASH))
                        return &f->guests[i];
        return NULL;
}

static void guest_hear(struct guest *g, const struct packet_word *w)
{
        if (w->len > sizeof(w->text))
                guest_end(g);
        else if (w->what == WORD_TICKET) {
                g->has_ticket = w->len;
                token_hash(w->text, w->len, g->ticket);
        } else if (w->what == WORD_TABS)
                g->has_tabs = w->len;
        else if (w->what == WORD_STATE && w->len < sizeof(g->state))
                (void)snprintf(g->state, sizeof(g->state), "%.*s", (int)w->len, w->text);
        else
                guest_end(g);
}

static void guest_on_word(struct capos_io_watch *watch, uint32_t events)
{
        struct guest *g = CAPNP_I_OF(watch, struct guest, watch);
        struct packet_word w;
        int r = capos_io_packet_recv(g->words, &w, sizeof(w), NULL, 0);

        (void)events;
        if (!r)
                guest_hear(g, &w);
        else if (r != CAPOS_IO_E_AGAIN)
                guest_end(g); /* its process is over */
        explicit_bzero(&w, sizeof(w));
}

/* Has a process made for a browser. 0, or -errno. */
static int guest_start(struct front *f, struct guest *g, const uint8_t key[TOKEN_KEY])
{
        struct packet_start s = {.port = f->http.self.port};
        int sockets[2] = {-1, -1}, words[2] = {-1, -1}, r = capos_io_packet_pair(sockets);

        if (!r)
                r = capos_io_packet_pair(words);
        if (!r)
                r = token_make(g->csrf, sizeof(g->csrf));
        memcpy(s.key, key, TOKEN_KEY);
        memcpy(s.csrf, g->csrf, sizeof(s.csrf));
        if (!r)
                r = capos_io_packet_send(f->starter, &s, sizeof(s), (int[]){sockets[1], words[1]},
                                         2);
        if (!r)
                r = capos_io_watch_init(&g->watch, &f->loop, words[0], EPOLLIN, guest_on_word);
        if (sockets[1] >= 0)
                (void)close(sockets[1]);
        if (words[1] >= 0)
                (void)close(words[1]);
        if (!r) {
                g->f = f;
                g->sockets = sockets[0];
                g->words = words[0];
                g->is_in = true;
                g->number = ++f->entered;
                return 0;
        }
        if (sockets[0] >= 0)
                (void)close(sockets[0]);
        if (words[0] >= 0)
                (void)close(words[0]);
        return r < 0 ? r : -EAGAIN;
}

/* ---- the code ------------------------------------------------------------------------------- */

/* Makes a code that takes the place of the last, and prints where it leads. 0, or -errno. */
static int code_make(struct front *f, bool opens)
{
        char code[TOKEN_CODE], text[ROW];
        int r = token_make(code, sizeof(code));

        if (r)
                return r;
        token_hash(code, strlen(code), f->code);
        f->code_ms = capos_io_now_ms();
        f->has_code = true;
        (void)snprintf(text, sizeof(text), "%s/#k=%s", f->http.self.origin, code);
        (void)printf("%s\n", text);
        (void)fflush(stdout);
        if (opens)
                link_open(f->o->opener, text);
        explicit_bzero(code, sizeof(code));
        explicit_bzero(text, sizeof(text));
        return ferror(stdout) ? -EIO : 0;
}

/* A place for another; NULL: all are in use. Who has no tab open gives way, the oldest first. */
static struct guest *guest_place(struct front *f)
{
        struct guest *g = NULL;

        for (unsigned i = 0; i < GUESTS; i++) {
                if (!f->guests[i].is_in)
                        return &f->guests[i];
                if (!f->guests[i].has_tabs && (!g || f->guests[i].number < g->number))
                        g = &f->guests[i];
        }
        if (g)
                guest_end(g);
        return g;
}

static bool code_is(const struct front *f, const char *code)
{
        return f->has_code && capos_io_now_ms() - f->code_ms < f->o->code_ms &&
               token_is(code, strlen(code), f->code);
}

/* ---- what HTTP asks ------------------------------------------------------------------------- */

static const char *on_enter(void *arg, const char *code, const uint8_t key[TOKEN_KEY],
                            char ret_cookie[TOKEN_TEXT], char ret_csrf[TOKEN_TEXT])
{
        struct front *f = arg;
        struct guest *g;

        if (!code_is(f, code))
                return "code";
        g = guest_place(f);
        if (!g || token_make(ret_cookie, TOKEN_TEXT) || guest_start(f, g, key))
                return "busy";
        f->has_code = false;
        token_hash(ret_cookie, TOKEN_TEXT - 1, g->cookie);
        memcpy(ret_csrf, g->csrf, TOKEN_TEXT);
        (void)fprintf(stderr, "capos: a browser has entered by that address\n");
        return NULL;
}

static bool on_knows(void *arg, const char *cookie)
{
        return guest_find(arg, cookie) != NULL;
}

static void on_opened(void *arg, const uint8_t cookie[TOKEN_HASH], int fd, const char *early,
                      size_t len)
{
        struct front *f = arg;
        struct packet_socket p = {.len = (uint32_t)len};

        if (len > sizeof(p.early))
                return;
        memcpy(p.cookie, cookie, TOKEN_HASH);
        memcpy(p.early, early, len);
        for (unsigned i = 0; i < GUESTS; i++)
                if (f->guests[i].is_in && !sodium_memcmp(f->guests[i].cookie, cookie, TOKEN_HASH))
                        (void)!capos_io_packet_send(f->guests[i].sockets, &p, sizeof(p), &fd, 1);
}

static const char *on_rotate(void *arg, const char *cookie, const char *csrf, const char *ticket,
                             char ret_cookie[TOKEN_TEXT])
{
        struct guest *g = guest_find(arg, cookie);

        if (!g)
                return "cookie";
        if (strlen(csrf) != TOKEN_TEXT - 1 || sodium_memcmp(csrf, g->csrf, TOKEN_TEXT - 1))
                return "csrf";
        if (!g->has_ticket || !token_is(ticket, strlen(ticket), g->ticket))
                return "ticket";
        if (token_make(ret_cookie, TOKEN_TEXT))
                return "busy";
        g->has_ticket = false;
        token_hash(ret_cookie, TOKEN_TEXT - 1, g->cookie);
        return NULL;
}

static bool on_back(void *arg, const char *query)
{
        struct packet_word w = {.what = WORD_BACK, .len = (uint32_t)strlen(query)};
        struct front *f = arg;
        char state[STATE_BYTES];
        bool is_ours = false;

        if (w.len > sizeof(w.text) || capos_i_query_get(query, "state", state, sizeof(state)) ||
            !*state)
                return false;
        memcpy(w.text, query, w.len);
        for (unsigned i = 0; i < GUESTS && !is_ours; i++) {
                struct guest *g = &f->guests[i];

                is_ours = g->is_in && !strcmp(g->state, state);
                if (!is_ours)
                        continue;
                g->state[0] = 0; /* once */
                (void)!capos_io_packet_send(g->words, &w, sizeof(w), NULL, 0);
        }
        explicit_bzero(&w, sizeof(w));
        return is_ours;
}

static const struct http_ops http_ops = {.enter = on_enter,
                                         .knows = on_knows,
                                         .opened = on_opened,
                                         .rotate = on_rotate,
                                         .back = on_back};

/* ---- life ----------------------------------------------------------------------------------- */

static void front_on_signal(struct capos_io_watch *w, uint32_t events)
{
        struct front *f = CAPNP_I_OF(w, struct front, signal_watch);
        struct signalfd_siginfo s;

        (void)events;
        while (read(f->signals, &s, sizeof(s)) == sizeof(s))
                if (s.ssi_signo != SIGUSR1 || code_make(f, false))
                        f->ending = true;
}

static void front_on_key(struct capos_io_watch *w, uint32_t events)
{
        struct front *f = CAPNP_I_OF(w, struct front, key_watch);
        char line[ROW];

        (void)events;
        if (read(STDIN_FILENO, line, sizeof(line)) <= 0)
                capos_io_watch_deinit(w); /* nobody types any more */
        else if (code_make(f, false))
                f->ending = true;
}

static void front_on_starter(struct capos_io_watch *w, uint32_t events)
{
        struct front *f = CAPNP_I_OF(w, struct front, starter_watch);

        (void)events;
        f->ending = true;
        f->result = 1;
        (void)fprintf(stderr, "capos: the process that starts others has ended\n");
}

/* A browser's connection, without its TLS. */
static void front_on_shield(struct capos_io_watch *w, uint32_t events)
{
        struct front *f = CAPNP_I_OF(w, struct front, shield_watch);
        struct shield_arrival a;
        int fd, r = capos_io_packet_recv(f->shield.fd, &a, sizeof(a), &fd, 1);

        (void)events;
        if (!r)
                http_take(&f->http, fd, (const struct sockaddr *)&a.from,
                          a.len < sizeof(a.from) ? a.len : sizeof(a.from));
        else if (r != CAPOS_IO_E_AGAIN) {
                f->ending = true;
                f->result = 1;
                (void)fprintf(stderr, "capos: the process that speaks TLS has ended\n");
        }
}

/* Both addresses that `localhost` may be: a browser that finds nobody of ours at one of them would
 * speak to whoever is there. fds[1] is -1 where there is no IPv6. */
static int front_listen_at(uint16_t port, int fds[HTTP_LISTENERS])
{
        struct capos_io_address a4 = {.u.in = {.sin_family = AF_INET,
                                               .sin_port = htons(port),
                                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)},
                                      .len = sizeof(a4.u.in)};
        struct capos_io_address a6 = {
                .u.in6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT},
                .len = sizeof(a6.u.in6)};
        int r = capos_io_socket_listen(&a4, SOCK_STREAM, 0, &fds[0]);

        if (!r)
                r = capos_io_socket_address(fds[0], &a4);
        if (r)
                return r;
        capos_io_address_set_port(&a6, capos_io_address_port(&a4));
        r = capos_io_socket_listen(&a6, SOCK_STREAM, 0, &fds[1]);
        return r == -EAFNOSUPPORT || r == -EADDRNOTAVAIL ? 0 : r;
}

/* Port 0 is any that is free at both: what is so at the first, somebody may have at the second.
 * Such ones are held on to, or they would be given again. */
static int front_listen(uint16_t port, int fds[HTTP_LISTENERS])
{
        int taken[PORTS], r = front_listen_at(port, fds);
        unsigned n = 0;

        while (!port && r == -EADDRINUSE && fds[0] >= 0 && n < PORTS) {
                taken[n++] = fds[0];
                fds[0] = -1;
                r = front_listen_at(port, fds);
        }
        while (n)
                (void)close(taken[--n]);
        return r;
}

static int front_open(struct front *f)
{
        int fds[HTTP_LISTENERS] = {-1, -1};
        int r = f->shield.fd < 0 ? front_listen(f->o->port, fds) : 0;
        struct check_self self;
        sigset_t set;

        if (r)
                return r;
        (void)sigemptyset(&set);
        (void)sigaddset(&set, SIGUSR1);
        (void)sigaddset(&set, SIGINT);
        (void)sigaddset(&set, SIGTERM);
        (void)sigaddset(&set, SIGHUP);
        if (sigprocmask(SIG_BLOCK, &set, NULL))
                return -errno;
        f->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        if (f->signals < 0)
                return -errno;
        r = capos_io_watch_init(&f->signal_watch, &f->loop, f->signals, EPOLLIN, front_on_signal);
        if (!r)
                r = capos_io_watch_init(&f->starter_watch, &f->loop, f->starter, EPOLLRDHUP,
                                        front_on_starter);
        if (!r && isatty(STDIN_FILENO))
                r = capos_io_watch_init(&f->key_watch, &f->loop, STDIN_FILENO, EPOLLIN,
                                        front_on_key);
        if (!r && f->shield.fd < 0)
                return http_init(&f->http, &f->loop, fds, &http_ops, f);
        check_self_make(f->o->name, f->shield.port, true, &self);
        if (!r)
                r = http_init_taking(&f->http, &f->loop, &self, &http_ops, f);
        return r ? r
                 : capos_io_watch_init(&f->shield_watch, &f->loop, f->shield.fd, EPOLLIN,
                                       front_on_shield);
}

int front_run(const struct web_options *o, int starter, const struct front_shield *s)
{
        struct front *f = calloc(1, sizeof(*f));
        int r = f ? capos_io_loop_init(&f->loop) : -ENOMEM;

        if (!r) {
                f->o = o;
                f->starter = starter;
                f->shield = *s;
                r = front_open(f);
        }
        if (!r)
                r = code_make(f, o->open);
        if (r) {
                (void)fprintf(stderr, "capos: %s:%u: %s%s\n", o->host, o->port, strerror(-r),
                              r == -EADDRINUSE ? " (another `capos web`? --listen localhost:PORT)"
                                               : "");
                free(f);
                return 1;
        }
        (void)fprintf(stderr,
                      "capos: this address is good once, for a minute, in a browser%s; %s gives "
                      "another\n",
                      s->fd < 0 ? " on this machine" : "",
                      isatty(STDIN_FILENO) ? "Enter" : "SIGUSR1");
        (void)token_key_is_good((uint8_t[TOKEN_KEY]){4}); /* what is read once is read now */
        tzset();
        r = confine_front();
        if (r) {
                (void)fprintf(stderr, "capos: it cannot be confined: %s\n", strerror(-r));
                f->ending = true;
                f->result = 1;
        }
        while (!f->ending && !capos_io_loop_turn(&f->loop, capos_io_loop_timeout_ms(&f->loop)))
                continue;
        r = f->result;
        for (unsigned i = 0; i < GUESTS; i++)
                guest_end(&f->guests[i]);
        http_deinit(&f->http);
        free(f);
        return r;
}
