/*
 * What passes between a service and what a host has lent it.
 *
 * The host's end judges every patch by what it says (lib/ui); this end knows only which method is
 * called and how long the call is, and bounds both, because either end may be the one that was
 * taken over. Nothing but RemoteUiHost and RemoteUiSurface passes, whatever else the object can do.
 */
#include <errno.h>
#include <stdio.h>

#include "remote_ui.capnp-c.h"
#include "session-names.h"
#include "worker-grant.h"
#include "worker-offer-policy.h"

enum {
        PATCHES = 20, /* a second … */
        PATCHES_AT_ONCE = 40,
        PATCH_BYTES = 64 * 1024,
        PATCH_ENVELOPE = 1024, /* what is around a patch in a message */
        BYTES = 256 * 1024,    /* a second, of all calls */
        MINUTE_MS = 60 * 1000,
        DETAIL_BYTES = 128, /* of a record */
};

bool offer_rate_take(struct offer_rate *r, uint64_t n, uint64_t now_ms)
{
        uint64_t spent = r->at_ms ? (now_ms - r->at_ms) * r->per_second : 0;

        r->used_m = r->used_m > spent ? r->used_m - spent : 0;
        r->at_ms = now_ms;
        if (r->used_m + n * 1000 > r->at_once * 1000)
                return false;

        r->used_m += n * 1000;
        return true;
}

void offer_policy_init(struct offer_policy *p, struct worker *w, const char *service, bool surface)
{
        *p = (struct offer_policy){
                .w = w,
                .service = service,
                .surface = surface,
                .patches = {.per_second = PATCHES, .at_once = PATCHES_AT_ONCE},
                .bytes = {.per_second = BYTES, .at_once = 2 * BYTES},
        };
}

static void policy_tell(struct offer_policy *p, enum offer_event e, const char *more)
{
        static const char *const names[OFFER_EVENTS] = {
                [OFFER_OPENS] = "ui.open",  [OFFER_CLOSES] = "ui.close",
                [OFFER_THEME] = "ui.theme", [OFFER_PERSISTS] = "ui.persist",
                [OFFER_QUOTA] = "ui.quota",
        };
        uint64_t now_ms = p->w->clock_ms();
        char detail[DETAIL_BYTES];

        if (p->told_ms[e] && now_ms - p->told_ms[e] < MINUTE_MS)
                return;

        p->told_ms[e] = now_ms;
        (void)snprintf(detail, sizeof(detail), "%s%s%s", p->service, *more ? ": " : "", more);
        worker_report(p->w, names[e], detail);
}

/* Of what a service asks for, what is recorded. */
static void policy_tell_call(struct offer_policy *p, uint64_t iface, uint16_t method)
{
        static const struct {
                uint64_t iface;
                uint16_t method;
                enum offer_event event;
        } rows[] = {
                {REMOTE_UI_HOST_ID, 0, OFFER_OPENS},
                {REMOTE_UI_HOST_ID, 1, OFFER_THEME},
                {REMOTE_UI_SURFACE_ID, 2, OFFER_CLOSES},
                {REMOTE_UI_SURFACE_ID, 3, OFFER_PERSISTS},
        };

        for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                if (rows[i].iface == iface && rows[i].method == method)
                        policy_tell(p, rows[i].event, "");
}

static int policy_refuse(struct offer_policy *p, enum capos_i_quota q, const char *detail,
                         capnp_exception *why)
{
        policy_tell(p, OFFER_QUOTA, capos_i_quota_code(q));
        *why = (capnp_exception){CAPNP_OVERLOADED,
                                 capos_i_refusal(p->w->refusal, capos_i_quota_code(q), detail)};
        return -EDQUOT;
}

/* What takes no time of a person's: asking for events, and going. */
static bool method_is_cheap(uint64_t iface, uint16_t method)
{
        return iface == REMOTE_UI_SURFACE_ID && (method == 1 || method == 2);
}

int offer_policy_pass(void *self, bool inward, uint64_t iface, uint16_t method, uint64_t bytes,
                      capnp_exception *why)
{
        struct offer_policy *p = self;
        uint64_t now_ms = p->w->clock_ms();

        (void)inward; /* the client has nothing of the service's to call */
        if (iface != REMOTE_UI_SURFACE_ID && (iface != REMOTE_UI_HOST_ID || p->surface)) {
                *why = (capnp_exception){CAPNP_UNIMPLEMENTED, "a host has lent no such thing"};
                return -EPERM;
        }
        if (bytes > PATCH_BYTES + PATCH_ENVELOPE)
                return policy_refuse(p, CAPOS_I_QUOTA_UI_PATCH, "a patch has 64 KiB at most", why);
        if (!offer_rate_take(&p->bytes, bytes, now_ms))
                return policy_refuse(p, CAPOS_I_QUOTA_UI_TRAFFIC, "too many bytes in a second",
                                     why);
        if (!method_is_cheap(iface, method) && !offer_rate_take(&p->patches, 1, now_ms))
                return policy_refuse(p, CAPOS_I_QUOTA_UI_PATCHES, "too many patches in a second",
                                     why);
        policy_tell_call(p, iface, method);
        return 0;
}

/* The client's own objects may go to the service, as everywhere; it has nothing to give for them.
 */
int offer_policy_transfer(void *self, bool inward, capnp_cap *c, capnp_exception *why)
{
        struct offer_policy *p = self;

        if (!inward && grant_may_pass(p->w, c))
                return 0;

        *why = (capnp_exception){CAPNP_FAILED,
                                 capos_i_refusal(p->w->refusal,
                                                 capos_denial_code(CAPOS_DENIED_TRANSFER),
                                                 "this may not be lent to a service")};
        return -EPERM;
}
