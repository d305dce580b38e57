/*
 * The port where a browser comes back to: the right visit is heard, whoever else of this machine
 * knocks, and however many do; and what is left of a login that is over.
 */
#include "gateway-play.h"
#include "harness.h"
#include "session-proof.h"

#include <capos/capos-browser.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CROWD = 300, URL = 1024 };

static const char STATE[] = "it-is-me";

struct rig {
        capnp_vat *vat;
        struct play play;
        capos_client *c;
        capos_browser *b;
        struct capos_login l;
        bool opened, done;
        int result;
        int port;
        int crowd[CROWD];
};

static int on_open(const struct capos_step *s, void *arg)
{
        struct rig *g = arg;

        CHECK(strstr(s->url, STATE));
        g->opened = true;
        return 0;
}

/* The gateway leads to a page for codes: here it is one for a browser. */
static void on_step(capos_client *c, const struct capos_step *s, void *arg)
{
        struct rig *g = arg;
        struct capos_step mine = *s;
        char nonce[CAPOS_PROOF_NONCE_TEXT], url[URL];

        if (g->opened) {
                CHECK_OK(capos_client_answer(c, (capnp_data){(const uint8_t *)"that", 4}));
                return;
        }
        capos_proof_nonce(s->transcript_hash, nonce);
        snprintf(url, sizeof(url),
                 "https://op.example/a?response_type=code&client_id=c&scope=openid&state=%s"
                 "&redirect_uri=http%%3A%%2F%%2F127.0.0.1%%3A%d%%2Fcallback&nonce=%s"
                 "&code_challenge=x&code_challenge_method=S256",
                 STATE, g->port, nonce);
        mine.url = url;
        capos_browser_step(c, &mine, g->b);
}

static void on_done(capos_client *c, int r, void *arg)
{
        struct rig *g = arg;

        (void)c;
        g->result = r;
        g->done = true;
}

static void turn(struct rig *g, int times)
{
        for (int i = 0; i < times; i++)
                CHECK_OK(capnp_vat_process(g->vat));
}

static void run_until(struct rig *g, const bool *flag)
{
        while (!*flag) {
                turn(g, 1);
                usleep(1000);
        }
        CHECK(*flag);
}

/* A login that waits for its browser. */
static void rig_init(struct rig *g)
{
        char address[64];
        capnp_data first;

        memset(g, 0, sizeof(*g));
        CHECK_OK(capnp_vat_new(&g->vat));
        CHECK_OK(play_init(&g->play, g->vat, "127.0.0.1:0"));
        snprintf(address, sizeof(address), "plain:%s", capnp_listener_address(g->play.listener));
        CHECK_OK(capos_client_new(g->vat, address, NULL, &g->c));
        CHECK_OK(capos_browser_new(g->vat, on_open, g, &g->b));
        first = capos_browser_first_peek(g->b);
        CHECK_EQ(sscanf((const char *)first.p, "http://127.0.0.1:%d/", &g->port), 1);
        g->l = (struct capos_login){.kind = CAPOS_AUTH_OIDC_DEVICE_CODE,
                                    .first = first,
                                    .step = on_step,
                                    .step_arg = g};
        CHECK_OK(capos_client_login(g->c, &g->l, on_done, g));
        run_until(g, &g->opened);
}

static void rig_deinit(struct rig *g)
{
        for (unsigned i = 0; i < CROWD; i++)
                if (g->crowd[i] > 0)
                        close(g->crowd[i]);
        capos_client_free(g->c);
        capos_browser_free(g->b);
        play_deinit(&g->play);
        capnp_vat_free(g->vat);
}

static int knock(const struct rig *g)
{
        struct sockaddr_in a = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)g->port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        CHECK(fd >= 0);
        CHECK_EQ(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
        return fd;
}

static void says(int fd, const char *words)
{
        CHECK_EQ(send(fd, words, strlen(words), MSG_NOSIGNAL), (ssize_t)strlen(words));
}

/* Very many, who all say this much and no more. */
static void crowd(struct rig *g, const char *words)
{
        struct rlimit l;

        CHECK_OK(getrlimit(RLIMIT_NOFILE, &l));
        l.rlim_cur = l.rlim_max < 2048 ? l.rlim_max : 2048;
        CHECK_OK(setrlimit(RLIMIT_NOFILE, &l));
        for (unsigned i = 0; i < CROWD; i++) {
                g->crowd[i] = knock(g);
                if (*words)
                        says(g->crowd[i], words);
                turn(g, 2);
        }
        turn(g, CROWD);
}

static void request(const struct rig *g, const char *state, char text[URL])
{
        snprintf(text, URL, "GET /callback?code=c&state=%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n",
                 state, g->port);
}

static void answered(struct rig *g, int fd, const char *status)
{
        char text[URL] = "";
        ssize_t n = -1;

        while (n < 0) {
                turn(g, 1);
                n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);
                usleep(1000);
        }
        CHECK(n > 0);
        text[n] = 0;
        text[strcspn(text, "\r")] = 0;
        CHECK_STR(text, status);
        close(fd);
}

/* After half of the right request, when a crowd has come in between, it is heard. */
static void heard_among(const char *words, size_t first_part)
{
        char text[URL], part[URL];
        struct rig g;
        int fd;

        rig_init(&g);
        fd = knock(&g);
        request(&g, STATE, text);
        snprintf(part, sizeof(part), "%.*s", (int)first_part, text);
        if (*part)
                says(fd, part);
        turn(&g, 4);
        crowd(&g, words);
        says(fd, text + strlen(part));
        answered(&g, fd, "HTTP/1.1 200 OK");
        run_until(&g, &g.done);
        CHECK_OK(g.result);
        rig_deinit(&g);
}

TEST(among_those_who_say_nothing)
{
        heard_among("", 0);
        heard_among("", 60);
}

TEST(among_those_who_never_finish)
{
        heard_among("GET /callback?code=x&state=y HTTP/1.1\r\n", 60);
        heard_among("G", 60);
        heard_among("G", 0);
}

TEST(who_is_not_of_this_login)
{
        char text[URL];
        struct rig g;
        int fd;

        rig_init(&g);
        request(&g, "y", text);
        fd = knock(&g);
        says(fd, text);
        answered(&g, fd, "HTTP/1.1 400 Bad Request");
        fd = knock(&g);
        says(fd, "GET / HTTP/1.1\r\n\r\n");
        answered(&g, fd, "HTTP/1.1 404 Not Found");
        CHECK(!g.done);
        rig_deinit(&g);
}

/* The page comes back when nobody waits for it any more. */
static void too_late(struct rig *g)
{
        char text[URL];
        int fd = knock(g);

        request(g, STATE, text);
        says(fd, text);
        answered(g, fd, "HTTP/1.1 400 Bad Request");
}

TEST(a_client_that_is_gone)
{
        struct rig g;

        rig_init(&g);
        g.c = capos_client_free(g.c);
        too_late(&g);
        rig_deinit(&g);
}

TEST(a_login_that_was_given_up)
{
        struct rig g;

        rig_init(&g);
        CHECK_OK(capos_client_give_up(g.c, "enough"));
        CHECK_EQ(g.result, -ECANCELED);
        too_late(&g);
        rig_deinit(&g);
}

/* Somebody else has answered, and asks for the next step: this is no answer to it. */
TEST(a_step_that_is_answered_already)
{
        struct rig g;

        rig_init(&g);
        CHECK_OK(capos_client_answer(g.c, (capnp_data){(const uint8_t *)"", 0}));
        too_late(&g);
        run_until(&g, &g.done);
        CHECK_OK(g.result);
        rig_deinit(&g);
}
