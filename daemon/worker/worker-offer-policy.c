/*
 * What passes between a service and what a host has lent it.
 *
 * The host's end judges every patch by what it says (lib/ui); this end knows which method is
 * called, how long the call is, how many references are held and whether somebody asks for events
 * already. It bounds all of that, because either end may be the one that was taken over. Nothing
 * but RemoteUiHost and RemoteUiSurface passes, whatever else the object can do.
 *
 * The bounds are the profile's as it is now (Quota.ui), so a narrower one counts at once.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "remote_ui.capnp-c.h"
#include "session-names.h"
#include "worker-grant.h"
#include "worker-offer-policy.h"

enum {
        PATCH_ENVELOPE = 1024, /* what is around a patch in a message */
        BURST = 2,             /* so many seconds' worth at once */
        WAIT_MS = 60 * 1000,   /* of a poll, by its contract */
        SHORT_MS = 50,         /* of one that keeps a host as busy as a patch does */
        MINUTE_MS = 60 * 1000,
        DETAIL_BYTES = 128, /* of a record */
        HOST_OPEN = 0,      /* methods of RemoteUiHost … */
        HOST_THEME = 1,
        SURFACE_POLL = 1, /* … and of RemoteUiSurface */
        SURFACE_CLOSE = 2,
        SURFACE_PERSIST = 3,
};

/* ---- so much in a second -------------------------------------------------------------------- */

bool offer_rate_take(struct offer_rate *r, struct offer_pace pace, uint64_t n, uint64_t now_ms)
{
        uint64_t past_ms = now_ms - r->at_ms;
        uint64_t spent = (past_ms < INT32_MAX ? past_ms : INT32_MAX) * pace.per_second;

        if (r->at_ms)
                r->used_m = r->used_m > spent ? r->used_m - spent : 0;
        r->at_ms = now_ms;
        if (r->used_m + n * 1000 > (uint64_t)pace.at_once * 1000)
                return false;

        r->used_m += n * 1000;
        return true;
}

static uint32_t narrow(uint64_t n)
{
        return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

/* ---- what is recorded ----------------------------------------------------------------------- */

/* The first of its kind, and one more for each minute. */
static bool told_take(struct offer_told *t, unsigned at_once, uint64_t now_ms)
{
        uint64_t back = t->n ? (now_ms - t->at_ms) / MINUTE_MS : 0;

        if (!t->n)
                t->at_ms = now_ms;
        t->at_ms += back * MINUTE_MS;
        t->n = t->n > back ? t->n - (unsigned)back : 0;
        if (t->n >= at_once)
                return false;

        t->n++;
        return true;
}

static void policy_tell(struct offer_policy *p, enum offer_event e, const char *more)
{
        static const struct {
                const char *name;
                unsigned at_once;
        } rows[OFFER_EVENTS] = {
                [OFFER_OPENS] = {"ui.open", 16}, [OFFER_CLOSES] = {"ui.close", 16},
                [OFFER_THEME] = {"ui.theme", 1}, [OFFER_PERSISTS] = {"ui.persist", 2},
                [OFFER_QUOTA] = {"ui.quota", 1},
        };

        if (told_take(&p->told[e], rows[e].at_once, p->w->clock_ms()))
                worker_report(p->w, (struct worker_event){.name = rows[e].name,
                                                          .capability = p->service,
                                                          .detail = more});
}

/* Of what kind and class it is to be, by our own words for them. */
static void policy_tell_open(struct offer_policy *p, ui_surface_spec_reader spec)
{
        static const char *const kinds[] = {"text",     "log",      "list",      "table",
                                            "tree",     "counters", "chart",     "form",
                                            "progress", "map",      "transcript"};
        static const char *const classes[] = {"ambient", "ordinary", "personal", "consequential"};
        unsigned kind = ui_surface_spec_kind(spec), class = ui_surface_spec_safety_class(spec);
        char more[DETAIL_BYTES / 2];

        (void)snprintf(more, sizeof(more), "%s %s",
                       kind < sizeof(kinds) / sizeof(*kinds) ? kinds[kind] : "unknown",
                       class < sizeof(classes) / sizeof(*classes) ? classes[class] : "unknown");
        policy_tell(p, OFFER_OPENS, more);
}

/* Of what a service asks for, what is recorded. */
static void policy_tell_call(struct offer_policy *p, const struct capnp_membrane_call *c)
{
        bool host = c->iface == REMOTE_UI_HOST_ID;
        remote_ui_host_open_in_reader open = {c->params};
        remote_ui_host_theme_in_reader theme = {c->params};
        remote_ui_surface_persist_in_reader persist = {c->params};

        if (host && c->method == HOST_OPEN)
                policy_tell_open(p, remote_ui_host_open_in_spec(open));
        else if (host && c->method == HOST_THEME) {
                if (remote_ui_host_theme_in_scope(theme) == UI_THEME_SCOPE_WORKSPACE)
                        policy_tell(p, OFFER_THEME, "workspace");
        } else if (!host && c->method == SURFACE_CLOSE)
                policy_tell(p, OFFER_CLOSES, "");
        else if (!host && c->method == SURFACE_PERSIST)
                policy_tell(p, OFFER_PERSISTS,
                            remote_ui_surface_persist_in_what(persist) ? "theme" : "layout");
}

/* ---- the policy ----------------------------------------------------------------------------- */

void offer_policy_init(struct offer_policy *p, struct worker *w, const char *service, bool surface)
{
        *p = (struct offer_policy){.w = w, .service = service, .surface = surface};
}

static int policy_refuse(struct offer_policy *p, enum capos_i_quota q, const char *detail,
                         capnp_exception *why)
{
        policy_tell(p, OFFER_QUOTA, capos_i_quota_code(q));
        *why = (capnp_exception){CAPNP_OVERLOADED,
                                 capos_i_refusal(p->w->refusal, capos_i_quota_code(q), detail)};
        return -EDQUOT;
}

/* One call more that counts as a patch. */
static int policy_pace(struct offer_policy *p, capnp_exception *why)
{
        session_ui_quota_reader q = worker_ui_quota(p->w);
        struct offer_pace patches = {
                .per_second = narrow(session_ui_quota_patches_per_second(q)),
                .at_once = (uint64_t)session_ui_quota_patches_per_second(q) * BURST,
        };

        if (offer_rate_take(&p->patches, patches, 1, p->w->clock_ms()))
                return 0;
        return policy_refuse(p, CAPOS_I_QUOTA_UI_PATCHES, "too many patches in a second", why);
}

/* What takes no time of a person's: asking for events (see offer_policy_look()), and going. */
static bool method_is_cheap(uint64_t iface, uint16_t method)
{
        return iface == REMOTE_UI_SURFACE_ID && (method == SURFACE_POLL || method == SURFACE_CLOSE);
}

int offer_policy_pass(void *self, bool inward, uint64_t iface, uint16_t method, uint64_t bytes,
                      capnp_exception *why)
{
        struct offer_policy *p = self;
        session_ui_quota_reader q = worker_ui_quota(p->w);
        uint64_t now_ms = p->w->clock_ms(), longest = session_ui_quota_patch_bytes(q);
        struct offer_pace traffic = {.per_second = narrow(session_ui_quota_bytes_per_second(q))};
        char detail[DETAIL_BYTES / 2];

        (void)inward; /* the client has nothing of the service's to call */
        longest = narrow(longest) + (uint64_t)PATCH_ENVELOPE;
        traffic.at_once = (uint64_t)traffic.per_second * BURST;
        if (traffic.at_once < longest)
                traffic.at_once = longest;
        if (iface != REMOTE_UI_SURFACE_ID && (iface != REMOTE_UI_HOST_ID || p->surface)) {
                *why = (capnp_exception){CAPNP_UNIMPLEMENTED, "a host has lent no such thing"};
                return -EPERM;
        }
        (void)snprintf(detail, sizeof(detail), "a patch has %u bytes at most",
                       narrow(longest - PATCH_ENVELOPE));
        if (bytes > longest)
                return policy_refuse(p, CAPOS_I_QUOTA_UI_PATCH, detail, why);
        if (!offer_rate_take(&p->bytes, traffic, bytes, now_ms))
                return policy_refuse(p, CAPOS_I_QUOTA_UI_TRAFFIC, "too many bytes in a second",
                                     why);
        return method_is_cheap(iface, method) ? 0 : policy_pace(p, why);
}

int offer_policy_look(void *self, const struct capnp_membrane_call *c, capnp_exception *why)
{
        uint32_t wait_ms =
                remote_ui_surface_poll_in_wait_ms((remote_ui_surface_poll_in_reader){c->params});
        struct offer_policy *p = self;

        if (c->iface == REMOTE_UI_SURFACE_ID && c->method == SURFACE_POLL) {
                if (c->open)
                        return policy_refuse(p, CAPOS_I_QUOTA_UI_POLLS, "one waits already", why);
                if (wait_ms > WAIT_MS)
                        return policy_refuse(p, CAPOS_I_QUOTA_UI_POLLS, "longer than 60000 ms",
                                             why);
                if (wait_ms < SHORT_MS && policy_pace(p, why))
                        return -EDQUOT;
        }
        policy_tell_call(p, c);
        return 0;
}

/* The client's own objects may go to the service, as everywhere, so many; it has nothing to give
 * for them. */
int offer_policy_transfer(void *self, bool inward, capnp_cap *c, capnp_exception *why)
{
        struct offer_policy *p = self;
        const char *code = capos_denial_code(CAPOS_DENIED_TRANSFER);

        if (inward || !grant_may_pass(p->w, c)) {
                *why = (capnp_exception){
                        CAPNP_FAILED,
                        capos_i_refusal(p->w->refusal, code, "this may not be lent to a service")};
                return -EPERM;
        }
        if (p->membrane && capnp_membrane_held(p->membrane, c) >=
                                   session_ui_quota_references(worker_ui_quota(p->w)))
                return policy_refuse(p, CAPOS_I_QUOTA_UI_REFERENCES, "close or drop one first",
                                     why);
        return 0;
}

/* A host cannot forge a denial either: its words come behind what it is. */
void offer_policy_reason(void *self, capnp_exception why, char *out)
{
        (void)self;
        capos_i_mark(out, CAPOS_I_HOST, why.reason);
}
