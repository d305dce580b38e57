/*
 * By an identity provider: in a browser of this machine, or by a code that somebody types into one
 * elsewhere. What is opened is what libcapos has found to be of this login (capos-browser.h).
 */
#include "login-ways.h"

#include "page.h"

#include <capos/capos-browser.h>

#include <stdio.h>
#include <string.h>

/* A person, or whoever has asked for just this, and shows what is printed to one. */
static bool oidc_is_asked(const struct login *l, const struct way *w)
{
        return l->c->method && !strcmp(l->c->method, w->name);
}

static bool browser_ready(const struct login *l, char *why)
{
        const char *opener = page_opener();

        (void)snprintf(why, LOGIN_WHY, "%s",
                       opener ? opener : "there is no browser here: neither $BROWSER nor a screen");
        if (oidc_is_asked(l, &way_oidc)) {
                (void)snprintf(why, LOGIN_WHY, "a page for a browser on this machine");
                return true;
        }
        if (opener && !login_has_person(l))
                (void)snprintf(why, LOGIN_WHY, "nobody is here to be asked: --method oidc");
        return opener && login_has_person(l);
}

static bool device_ready(const struct login *l, char *why)
{
        bool ready = login_has_person(l) || oidc_is_asked(l, &way_oidc_device);

        (void)snprintf(why, LOGIN_WHY, "%s",
                       ready ? "a code for a browser elsewhere"
                             : "nobody is here to be asked: --method oidc-device");
        return ready;
}

/* ---- a browser here ------------------------------------------------------------------------- */

static int browser_open(const struct capos_step *s, void *arg)
{
        const struct login *l = arg;

        page_open(l->c, s->url);
        return 0;
}

/* Makes an attempt whose steps are somebody else's to answer. */
static enum way_end oidc_try(struct login *l, enum capos_auth kind, capos_on_step *step, void *arg)
{
        bool browser = kind == CAPOS_AUTH_OIDC_PKCE;
        int r;

        l->how.kind = kind;
        l->how.issuer = l->c->issuer;
        l->how.step = step;
        l->how.step_arg = arg;
        l->patience_ms = CLI_PERSON_MS;
        l->awaited = browser ? "the browser" : "somebody to enter the code";
        r = login_try(l);
        l->patience_ms = 0;
        l->awaited = NULL;
        l->how.first = (capnp_data){0};
        l->how.step = NULL;
        l->how.step_arg = NULL;
        return r ? WAY_REFUSED : WAY_IN;
}

static enum way_end browser_run(struct login *l)
{
        CAPNP_AUTO(capos_browser_freep) capos_browser *b = NULL;
        int r = capos_browser_new(l->c->vat, browser_open, l, &b);

        if (r) {
                (void)snprintf(l->why, sizeof(l->why), "no port for a browser: %s",
                               capos_strerror(r));
                return WAY_EMPTY;
        }

        l->how.first = capos_browser_first_peek(b);
        return oidc_try(l, CAPOS_AUTH_OIDC_PKCE, capos_browser_step, b);
}

/* ---- a browser elsewhere -------------------------------------------------------------------- */

static void device_on_step(capos_client *client, const struct capos_step *s, void *arg)
{
        (void)arg;
        page_say_code(s->url, s->user_code);
        (void)!capos_client_answer(client, (capnp_data){0});
}

static enum way_end device_run(struct login *l)
{
        return oidc_try(l, CAPOS_AUTH_OIDC_DEVICE_CODE, device_on_step, l);
}

const struct way way_oidc = {.name = "oidc",
                             .kind = CAPOS_AUTH_OIDC_PKCE,
                             .asks_no_name = true,
                             .ready = browser_ready,
                             .run = browser_run};
const struct way way_oidc_device = {.name = "oidc-device",
                                    .kind = CAPOS_AUTH_OIDC_DEVICE_CODE,
                                    .asks_no_name = true,
                                    .ready = device_ready,
                                    .run = device_run};
