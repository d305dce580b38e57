/*
 * lender: lends hosts to services that compose, by <capos/ui.h>, as a front end does that draws
 * nothing. For tests of the whole (test/e2e/offer.py, test/attack/hostile-composer.py), which talk
 * to it by its standard input and output.
 *
 *     lender ADDRESS NAME PASSWORD end withdraw|free|logout|finish|wait
 *     lender ADDRESS NAME PASSWORD hold SERVICE...
 *
 * end: lends `panel` a host, says `lent` when it has a pane that was patched, ends that, or waits
 * until somebody else has, and says what is left of it at once, and why it has ended.
 *
 * hold: lends each a host, and does what it is told by a line each, until there is none:
 * `run COMMAND PATH` is a person's act, who has typed `hello`, `close`, `pin` and
 * `withdraw` another's, each with the last pane;
 * `frame` says all that is the host's own, and what is drawn of services whose title is another
 * than `hostile`; `panes` whose panes there are; `no` answers the open question. Each answer ends
 * with how many questions there were, and a line `.`.
 */
#include <capos/capos-client.h>
#include <capos/ui.h>

#include "panel.capnp-c.h"
#include "remote_ui.capnp-c.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define HOSTILE "hostile"

enum { COLUMNS = 80, ROWS = 24, LINE_BYTES = 128, TURN_MS = 20, TEXT_BYTES = 64 * 1024 };

struct lender {
        capnp_vat *vat;
        capos_client *client;
        capos_ui *ui;
        capnp_timer *wake, *turn;
        unsigned changed, ran, prompts, themes, saves, ended;
        uint64_t prompt; /* the open one; 0: none */
        char why[512];
        enum capos_ui_close_reason how;
};

/* ---- what lib/ui tells ---------------------------------------------------------------------- */

static uint64_t on_now(void *arg)
{
        struct timespec t;

        (void)arg;
        (void)clock_gettime(CLOCK_REALTIME, &t);
        return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static capnp_cap *on_capability(void *arg, const char *name, uint64_t interface)
{
        return capos_client_get(((struct lender *)arg)->client, name, interface);
}

static void wake_is_due(void *arg)
{
        struct lender *l = arg;

        l->wake = capnp_timer_free(l->wake);
        capos_ui_tick(l->ui);
}

static void on_wake(void *arg, uint64_t at_ms)
{
        struct lender *l = arg;
        uint64_t now = on_now(arg), ms = at_ms > now ? at_ms - now : 0;

        l->wake = capnp_timer_free(l->wake);
        (void)!capnp_timer_new(l->vat, ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms, wake_is_due, l,
                               &l->wake);
}

static void on_changed(void *arg, capos_ui_surface *s, const struct capos_ui_change *c)
{
        struct lender *l = arg;

        (void)s, (void)c;
        l->changed++;
        capnp_vat_stop(l->vat);
}

static void on_theme(void *arg, capos_ui_offer *o, const struct capos_ui_theme *t)
{
        (void)t;
        ((struct lender *)arg)->themes += !o;
}

static void on_prompt(void *arg, const struct capos_ui_prompt *p)
{
        struct lender *l = arg;

        l->prompts++;
        l->prompt = p->id;
}

static void on_prompt_gone(void *arg, uint64_t id)
{
        struct lender *l = arg;

        if (l->prompt == id)
                l->prompt = 0;
}

static void on_ran(void *arg, const struct capos_ui_ran *r)
{
        struct lender *l = arg;

        l->ran++;
        (void)snprintf(l->why, sizeof(l->why), "%s", r->why);
}

static void on_ended(void *arg, capos_ui_offer *o, enum capos_ui_close_reason how, const char *why)
{
        struct lender *l = arg;

        (void)o;
        l->how = how;
        (void)snprintf(l->why, sizeof(l->why), "%s", why);
        l->ended++;
        capnp_vat_stop(l->vat);
}

static void on_saved(void *arg)
{
        ((struct lender *)arg)->saves++;
}

static const struct capos_ui_front_ops ops = {
        .now_ms = on_now,
        .capability = on_capability,
        .wake = on_wake,
        .changed = on_changed,
        .theme = on_theme,
        .prompt = on_prompt,
        .prompt_gone = on_prompt_gone,
        .ran = on_ran,
        .ended = on_ended,
        .saved = on_saved,
};

/* ---- the session ---------------------------------------------------------------------------- */

static int fail(const char *what, int r)
{
        printf("not ok %s: %s\n", what, capos_strerror(r));
        return 1;
}

static int lender_open(struct lender *l, char **argv)
{
        struct capos_login login = {.kind = CAPOS_AUTH_PASSWORD, .account = argv[1]};
        struct capos_ui_config config = {
                .account = argv[1], .columns = COLUMNS, .rows = ROWS, .ops = &ops, .arg = l};
        int r = capnp_vat_new(&l->vat);

        login.password = (capnp_data){(const uint8_t *)argv[2], (uint32_t)strlen(argv[2])};
        if (!r)
                r = capos_client_new(l->vat, argv[0], NULL, &l->client);
        if (!r)
                r = capos_client_wait(l->client, capos_client_login(l->client, &login, NULL, NULL));
        if (!r)
                r = capos_client_wait(l->client, capos_client_fetch(l->client, NULL, NULL));
        if (r)
                return r;

        config.vat = l->vat;
        config.session = capos_client_session_peek(l->client);
        config.schema = capos_client_schema_peek(l->client);
        return capos_ui_new(&config, &l->ui);
}

static int lender_offer(struct lender *l, const char *service)
{
        struct capos_ui_why why = {.text = ""};
        struct capos_ui_offering what = {.asked_for = true};
        struct capos_cap_entry e;
        capos_ui_offer *o;
        int r;

        if (!capos_client_find(l->client, service, &e))
                return -ENOENT;

        what.name = e.name;
        what.title = e.title;
        what.interface = e.interface;
        r = capos_client_wait(l->client,
                              capos_client_fetch_schema(l->client, e.interface, NULL, NULL));
        return r ? r : capos_ui_offer_host(l->ui, &what, &o, &why);
}

static void lender_close(struct lender *l)
{
        l->ui = capos_ui_free(l->ui);
        capnp_timer_free(l->wake);
        capnp_timer_free(l->turn);
        capos_client_free(l->client);
        capnp_vat_free(l->vat);
}

static unsigned panes_count(const struct lender *l)
{
        unsigned n = 0;

        while (l->ui && capos_ui_surface_at(l->ui, n))
                n++;
        return n;
}

/* ---- an end --------------------------------------------------------------------------------- */

static void lender_end(struct lender *l, const char *how)
{
        if (!strcmp(how, "withdraw")) {
                struct capos_ui_pane p;

                capos_ui_surface_info(capos_ui_surface_at(l->ui, 0), &p);
                capos_ui_withdraw(p.offer);
        } else if (!strcmp(how, "free")) {
                l->ui = capos_ui_free(l->ui);
        } else if (!strcmp(how, "logout")) {
                (void)!capos_client_logout(l->client, NULL, NULL);
        } else if (!strcmp(how, "finish")) {
                CAPNP_AUTO(capnp_cap_unrefp)
                capnp_cap *c = capos_client_get(l->client, "panel", PANEL_ID);

                capnp_question_detach(panel_finish((panel_client){c}));
        }
}

/* As UiEnd has them, but for a person's no. */
static const char *const hows[] = {
        [CAPOS_UI_CLOSED_BY_PERSON] = "refused",    [CAPOS_UI_CLOSED_BY_HOST] = "withdrawn",
        [CAPOS_UI_CLOSED_SESSION] = "sessionEnded", [CAPOS_UI_CLOSED_BY_SERVICE] = "finished",
        [CAPOS_UI_CLOSED_BY_INSTANCE] = "revoked",  [CAPOS_UI_CLOSED_LOST] = "failed",
};

/* Nothing is left at once: neither the service's answer nor the instance's is waited for. */
static int see_end(struct lender *l, const char *how)
{
        int r = lender_offer(l, "panel");

        if (r)
                return fail("offer", r);
        while (!l->changed && !l->ended)
                if (capnp_vat_run(l->vat))
                        break;
        puts(l->changed ? "lent" : l->why);
        (void)fflush(stdout);
        lender_end(l, how);
        while (!l->ended)
                if (capnp_vat_run(l->vat))
                        break;
        printf("ended with %u panes, %u hosts: %s: %s\n", panes_count(l),
               l->ui && !capos_ui_is_zero(l->ui), hows[l->how], l->why);
        return 0;
}

/* ---- several -------------------------------------------------------------------------------- */

static void on_turn(void *arg)
{
        struct lender *l = arg;

        l->turn = capnp_timer_free(l->turn);
        capnp_vat_stop(l->vat);
}

/* Everything goes on, until somebody says something. 0: nobody will. */
static size_t line_wait(struct lender *l, char line[LINE_BYTES])
{
        struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
        ssize_t n;

        while (poll(&in, 1, 0) <= 0) {
                if (!l->turn && capnp_timer_new(l->vat, TURN_MS, on_turn, l, &l->turn))
                        return 0;
                if (capnp_vat_run(l->vat))
                        return 0;
        }
        n = read(STDIN_FILENO, line, LINE_BYTES - 1);
        line[n > 0 ? n : 0] = 0;
        return n > 0 ? strcspn(line, "\n") : 0;
}

static void draw(capos_ui_surface *s)
{
        struct capos_ui_draw how = {.columns = COLUMNS, .still = true};
        struct capnp_buf text;

        capnp_buf_init(&text, TEXT_BYTES);
        if (!capos_ui_draw_text(s, &how, &text))
                printf("%s", text.p);
        capnp_buf_deinit(&text);
}

/* What nobody but the host has a say in, and all that is behind another title than `hostile`. */
static void say_frame(const struct lender *l)
{
        const struct capos_ui_layout *layout = capos_ui_layout_peek(l->ui);
        struct capos_ui_pane p;
        capos_ui_surface *s;

        for (uint32_t i = 0; i < layout->n; i++) {
                const struct capos_ui_node *n = &layout->nodes[i];

                if (n->columns && n->rows &&
                    (n->row < CAPOS_UI_FRAME_TOP ||
                     n->row + n->rows > ROWS - CAPOS_UI_FRAME_BOTTOM))
                        puts("a pane is in the frame's rows");
        }
        printf("%u columns, %u rows; looks of all: %u; kept: %u\n", layout->columns, layout->rows,
               l->themes, l->saves);
        for (uint32_t i = 0; (s = capos_ui_surface_at(l->ui, i)); i++) {
                capos_ui_surface_info(s, &p);
                if (!strcmp(p.service_title, HOSTILE))
                        continue;
                printf("%s: %s, revision %u\n", p.service_title, p.title.p, (unsigned)p.revision);
                draw(s);
        }
}

static void say_panes(const struct lender *l)
{
        struct capos_ui_pane p;
        capos_ui_surface *s;

        for (uint32_t i = 0; (s = capos_ui_surface_at(l->ui, i)); i++) {
                capos_ui_surface_info(s, &p);
                printf("%s|%s|%s\n", p.service, p.service_title, p.title.p);
        }
}

/* A person runs what the last pane has. */
static void run(struct lender *l, const char *words)
{
        char command[40] = "", path[40] = "";
        bool has = sscanf(words, "%39s %39s", command, path) == 2;
        const struct capos_ui_value v = {.path = path, .text = {"hello", 5}, .typed = true};
        const struct capos_ui_act a = {
                .command = command, .values = &v, .nvalues = has, .trusted = true};
        struct capos_ui_why why = {.text = ""};
        unsigned n = panes_count(l);

        if (n && capos_ui_activate(capos_ui_surface_at(l->ui, n - 1), &a, &why))
                puts(why.text);
}

/* What else a person does with the last pane; what is kept of that is the person's doing. */
static void handle(struct lender *l, const char *what)
{
        struct capos_ui_pane p;
        unsigned n = panes_count(l);
        capos_ui_surface *s = n ? capos_ui_surface_at(l->ui, n - 1) : NULL;

        if (!s)
                return;
        capos_ui_surface_info(s, &p);
        if (!strncmp(what, "close\n", 6))
                capos_ui_close(s);
        else if (!strncmp(what, "pin\n", 4))
                capos_ui_pin(s, true);
        else if (!strncmp(what, "withdraw\n", 9))
                capos_ui_withdraw(p.offer);
        l->saves = 0;
}

static int hold(struct lender *l, char **services, int n)
{
        char line[LINE_BYTES];
        int r;

        for (int i = 0; i < n; i++)
                if ((r = lender_offer(l, services[i])))
                        return fail(services[i], r);
        while (line_wait(l, line)) {
                if (!strncmp(line, "no\n", 3) && l->prompt)
                        (void)!capos_ui_answer(l->ui, l->prompt, false);
                else if (!strncmp(line, "frame\n", 6))
                        say_frame(l);
                else if (!strncmp(line, "run ", 4))
                        run(l, line + 4);
                else if (!strncmp(line, "panes\n", 6))
                        say_panes(l);
                else if (*line != '?')
                        handle(l, line);
                printf("prompts: %u, open: %u, ended: %u, last: %s\n", l->prompts, l->prompt != 0,
                       l->ended, l->why);
                puts(".");
                (void)fflush(stdout);
        }
        return 0;
}

int main(int argc, char **argv)
{
        struct lender l = {.prompt = 0};
        bool end = argc == 6 && !strcmp(argv[4], "end");
        int r;

        if (!end && (argc < 6 || strcmp(argv[4], "hold") != 0)) {
                fprintf(stderr, "usage: %s ADDRESS NAME PASSWORD end HOW | hold SERVICE...\n",
                        argv[0]);
                return 2;
        }

        r = lender_open(&l, argv + 1);
        if (r)
                r = fail("login", r);
        else
                r = end ? see_end(&l, argv[5]) : hold(&l, argv + 5, argc - 5);
        lender_close(&l);
        return r;
}
