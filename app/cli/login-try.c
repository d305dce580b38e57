/*
 * One attempt to log in, whatever it is proved by: the connection that it is made on, the patience
 * that the instance asks for, and what is said meanwhile.
 */
#include "login.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* How long an attempt, and all of them, wait when the instance asks for it. */
enum { WAIT_SECONDS = 20, WAIT_ALL_SECONDS = 60 };

/* From when on a wait is shown. */
enum { SHOWN_SECONDS = 3 };

/* ---- what is said --------------------------------------------------------------------------- */

static void line_print(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));

static void line_print(const char *fmt, va_list ap)
{
        char text[1024], safe[1600];

        (void)vsnprintf(text, sizeof(text), fmt, ap);
        cli_escape(text, safe, sizeof(safe));
        (void)fprintf(stderr, "capos: %s\n", safe);
}

void login_say(const struct login *l, const char *fmt, ...)
{
        va_list ap;

        (void)l;
        va_start(ap, fmt);
        line_print(fmt, ap);
        va_end(ap);
}

void login_tell(const struct login *l, const char *fmt, ...)
{
        va_list ap;

        if (!l->c->verbose)
                return;

        va_start(ap, fmt);
        line_print(fmt, ap);
        va_end(ap);
}

bool login_has_person(const struct login *l)
{
        return cli_has_terminal(l->c);
}

/* ---- what is offered ------------------------------------------------------------------------ */

static void offer_profiles(const struct login *l, uint32_t i, char *to, size_t room)
{
        const char *name;
        size_t len = 0;

        *to = 0;
        for (uint32_t j = 0; (name = capos_client_method_profile(l->c->client, i, j)); j++) {
                if (len + strlen(name) + 3 > room)
                        return;
                len += (size_t)snprintf(to + len, room - len, "%s%s", j ? ", " : "", name);
        }
}

void login_note_offers(struct login *l)
{
        struct capos_method m;

        l->greeted = true;
        for (uint32_t i = 0; capos_client_method(l->c->client, i, &m); i++) {
                struct login_offer *o = &l->offers[m.kind < CAPOS_AUTH_KINDS ? m.kind : 0];

                if (m.kind >= CAPOS_AUTH_KINDS)
                        continue;
                o->enabled = m.enabled;
                (void)snprintf(o->reason, sizeof(o->reason), "%s", m.reason);
                offer_profiles(l, i, o->profiles, sizeof(o->profiles));
        }
}

/* ---- what takes long ------------------------------------------------------------------------ */

/* A line on the terminal that counts, and goes when the wait is over. */
struct progress {
        struct login *l;
        capnp_timer *timer;
        unsigned seconds;
        bool shown;
};

static void progress_begin(struct progress *p);

static void progress_on_second(void *arg)
{
        struct progress *p = arg;
        char safe[256];

        p->timer = NULL;
        if (++p->seconds >= SHOWN_SECONDS) {
                cli_escape(p->l->awaited ? p->l->awaited : "the instance", safe, sizeof(safe));
                (void)fprintf(stderr, "\rcapos: waiting for %s, %u s ", safe, p->seconds);
                p->shown = true;
        }
        progress_begin(p);
}

/* Without memory there is no such line. */
static void progress_begin(struct progress *p)
{
        if (login_has_person(p->l) && isatty(STDERR_FILENO))
                (void)!capnp_timer_new(p->l->c->vat, 1000, progress_on_second, p, &p->timer);
}

static void progress_end(struct progress *p)
{
        capnp_timer_free(p->timer);
        if (p->shown)
                (void)fprintf(stderr, "\r\033[K");
}

/* ---- attempts ------------------------------------------------------------------------------- */

/* "denied.backoff: try again in 2 seconds" */
static unsigned backoff_seconds(const struct capos_error *e)
{
        unsigned s = 0;

        if (e->denial != CAPOS_DENIED_BACKOFF ||
            sscanf(capos_denial_detail_peek(e->text), "try again in %u seconds", &s) != 1)
                return 0;
        return s;
}

void login_reconnect(struct login *l)
{
        l->greeted = false;
        l->c->client = capos_client_free(l->c->client);
}

/* Whether the connection may be used for one more attempt: of ssh's that is asked more of, for a
 * new one may ask the user something. */
static bool login_is_connected(const struct login *l)
{
        return l->c->client && (l->greeted || (l->c->via && l->error.code != CAPNP_E_DISCONNECTED));
}

/* A connection of its own for each: a failed one may be closed by the instance. */
static int login_try_once(struct login *l)
{
        struct progress p = {.l = l};
        struct cli *c = l->c;
        int r = 0;

        if (!login_is_connected(l))
                r = greet_connect(c, &l->place);
        l->greeted = false;
        if (r)
                return capos_error_of(r, (capnp_exception){CAPNP_FAILED, ""}, &l->error);

        capos_client_set_timeout(c->client,
                                 cli_timeout(c, l->patience_ms ? l->patience_ms : CLI_LOGIN_MS));
        progress_begin(&p);
        r = capos_client_wait(c->client, capos_client_login(c->client, &l->how, NULL, NULL));
        progress_end(&p);
        l->error = *capos_client_error_peek(c->client);
        return r;
}

int login_try(struct login *l)
{
        unsigned s;
        int r = login_try_once(l);

        for (l->attempts++; r; r = login_try_once(l)) {
                login_tell(l, "attempt %u: %s", l->attempts, l->error.text);
                s = backoff_seconds(&l->error);
                if (!s || s > WAIT_SECONDS || l->waited + s > WAIT_ALL_SECONDS)
                        break;
                if (s > 2)
                        login_say(l, "the instance asks for %u seconds between attempts", s);
                (void)sleep(s);
                l->waited += s;
        }
        return r;
}
