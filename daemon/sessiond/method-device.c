/*
 * A code for a device (RFC 8628): whoever logs in has no browser here, and types a code into one
 * elsewhere. The provider is asked whether somebody has, as often as it allows.
 *
 * Nothing ties what comes to this connection: whoever sees code and page can have somebody else say
 * yes. So only profiles that allow it take such a proof.
 */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "flow.h"
#include "oidc.h"
#include "sessiond.h"

enum { SLOWER_MS = 5000, INTERVAL_LEAST_MS = 1000, INTERVAL_MOST_MS = 60000 };

static enum method_turn device_turn(const struct claim *c, capnp_data response)
{
        (void)c;
        return response.len ? METHOD_REFUSED : METHOD_WAIT;
}

static void device_step(const struct claim *c, remote_auth_step_builder b)
{
        const struct oidc *o = c->own;
        uint64_t now = clock_boot_ms();

        remote_auth_step_set_prompt(b, "Open the page in a browser and enter the code");
        remote_auth_step_set_url(b, o->url);
        remote_auth_step_set_user_code(b, o->user_code);
        remote_auth_step_set_expires_at_ms(b, clock_wall_ms() +
                                                      (o->until_ms > now ? o->until_ms - now : 0));
}

/* ---- the code ------------------------------------------------------------------------------- */

static void device_on_code(void *arg, const struct fetch_reply *reply)
{
        struct oidc *o = arg;
        uint64_t ms;

        o->job = NULL;
        if (!reply || reply->end != FETCH_GOOD) {
                oidc_refuse(o, reply);
                return;
        }

        memcpy(o->device_code, reply->device.code, sizeof(o->device_code));
        memcpy(o->user_code, reply->device.user_code, sizeof(o->user_code));
        memcpy(o->url, reply->device.url, sizeof(o->url));
        o->interval_ms = (uint64_t)reply->interval_s * 1000;
        if (o->interval_ms < INTERVAL_LEAST_MS)
                o->interval_ms = INTERVAL_LEAST_MS;
        ms = (uint64_t)reply->expires_s * 1000;
        if (ms > o->c->origin->s->policy.person_ms)
                ms = o->c->origin->s->policy.person_ms;
        o->until_ms = clock_boot_ms() + ms;
        flow_go_on(o->f, METHOD_STEP);
}

static void device_ready(struct oidc *o)
{
        static struct fetch_request q;

        if (!o->issuer->places.device[0] || !o->issuer->places.token[0]) {
                oidc_lacks(o, "codes for devices");
                return;
        }

        q = (struct fetch_request){0};
        issuer_fill(o->issuer, FETCH_DEVICE, o->issuer->places.device, &q);
        oidc_fetch(o, &q, device_on_code);
        sodium_memzero(&q, sizeof(q));
}

/* ---- waiting for somebody ------------------------------------------------------------------- */

static void device_ask(void *arg);

static void device_ask_later(struct oidc *o)
{
        if (clock_boot_ms() + o->interval_ms >= o->until_ms) {
                flow_refuse(o->f, CAPOS_DENIED_FLOW, "nobody has entered the code in time", NULL);
                return;
        }
        if (capnp_timer_new(o->c->origin->s->vat, (uint32_t)o->interval_ms, device_ask, o,
                            &o->timer))
                flow_full(o->f);
}

static void device_on_token(void *arg, const struct fetch_reply *reply)
{
        struct oidc *o = arg;

        o->job = NULL;
        if (!reply || reply->end == FETCH_FAILED) {
                /* It may be back before the code is too old. */
                o->interval_ms = o->interval_ms * 2 < INTERVAL_MOST_MS ? o->interval_ms * 2
                                                                       : INTERVAL_MOST_MS;
                device_ask_later(o);
                return;
        }

        if (reply->end == FETCH_SLOW_DOWN)
                o->interval_ms += SLOWER_MS;
        if (reply->end == FETCH_SLOW_DOWN || reply->end == FETCH_PENDING)
                device_ask_later(o);
        else if (reply->end == FETCH_GOOD)
                oidc_take_tokens(o, reply);
        else
                oidc_refuse(o, reply);
}

static void device_ask(void *arg)
{
        static struct fetch_request q;
        struct oidc *o = arg;

        o->timer = capnp_timer_free(o->timer);
        q = (struct fetch_request){0};
        issuer_fill(o->issuer, FETCH_DEVICE_TOKEN, o->issuer->places.token, &q);
        memcpy(q.code, o->device_code, sizeof(q.code));
        oidc_fetch(o, &q, device_on_token);
        sodium_memzero(&q, sizeof(q));
}

static void device_wait(struct claim *c, struct flow *f, capnp_data response)
{
        (void)response;
        if (c->own)
                device_ask_later(c->own);
        else
                oidc_begin(c, f, "", device_ready);
}

static const struct method_ops device_ops = {
        .throttle = THROTTLE_KEY,
        .binding = BINDING_NONE,
        .refused = "this method takes empty responses only",
        .recognizes = oidc_recognizes,
        .turn = device_turn,
        .step = device_step,
        .prove = oidc_prove,
        .accept = oidc_accept,
        .wait = device_wait,
        .again = oidc_again,
        .end = oidc_end,
        .patient = true,
        .elsewhere = true,
        .unbound = true,
        .same = true,
};

const struct method method_device = {.is_on = oidc_is_on, .off = OIDC_OFF, .ops = &device_ops};
