/*
 * What a login would come to, in words and as JSON: first each thing that could be proved, and what
 * the broker says to it; then each profile that comes of it, once, with what is in it and what of
 * the instance is not, and why.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "daemon-quantity.h"
#include "daemon-strength.h"
#include "dates.h"
#include "explain.h"
#include "manifest.capnp-c.h"
#include "origin.h"
#include "user_session.capnp-c.h"

/* ---- what there is to tell ------------------------------------------------------------------ */

/* The n-th profile that is granted, each once; NULL: there are no more. */
static const struct policy_profile *granted(const struct explanation *e, unsigned n)
{
        for (unsigned i = 0; i < e->nways; i++) {
                const struct policy_profile *p = e->ways[i].denial ? NULL : e->ways[i].to;
                bool before = false;

                for (unsigned k = 0; k < i; k++)
                        before |= !e->ways[k].denial && e->ways[k].to == p;
                if (p && !before && !n--)
                        return p;
        }
        return NULL;
}

static bool profile_has(const struct policy_profile *p, const struct policy_service *v)
{
        for (unsigned i = 0; i < p->ngrants; i++)
                if (!strcmp(p->grants[i].name, v->name))
                        return true;
        return false;
}

/* Why a service of the instance is not there. */
static const char *absent(const struct policy_profile *p, const struct policy_service *v)
{
        if (!v->remote && !p->local)
                return "it is not `remote`: only a profile that is `local` may have it";
        if (v->powers && !p->elevated)
                return "it hands out powers, and the profile is not `elevated`";

        return "the profile's bundle does not name it";
}

/* Why one of the bundle is. */
static const char *present(const struct policy_profile *p, const struct policy_grant *g)
{
        if (!g->service)
                return "the bundle names it";
        if (g->service->powers)
                return "the bundle names it, and the profile is `elevated`";
        if (!g->service->remote)
                return p->local ? "the bundle names it, and the profile is `local`" : "";

        return "the bundle names it, and it is `remote`";
}

/* Until when what gives it is good, where that has a date in all cases: the last; 0: for ever. */
static uint64_t key_ms(const struct explanation *e, const struct policy_profile *p)
{
        uint64_t last = 0;

        for (unsigned i = 0; i < e->nways; i++) {
                const struct explain_way *w = &e->ways[i];

                if (w->denial || w->to != p)
                        continue;
                if (!w->who.credential_ms)
                        return 0;
                last = w->who.credential_ms > last ? w->who.credential_ms : last;
        }
        return last;
}

/* What a session has it for, from a login now on; NULL: what a session is for. */
static uint64_t lease_ms(const struct explanation *e, const struct policy_profile *p,
                         const struct policy_grant *g)
{
        struct dates dates = {.made_ms = key_ms(e, p), .account_ms = e->about.expires_ms};
        uint64_t own = p->lease_ms < p->max_lease_ms ? p->lease_ms : p->max_lease_ms;

        own = dates_bound(&dates, clock_wall_ms(), own);

        return g && g->lease_ms && g->lease_ms < own ? g->lease_ms : own;
}

static power_list powers_of(const struct explanation *e, const struct policy_grant *g)
{
        service_list l = manifest_services(manifest_root(e->policy->msg));

        for (uint32_t i = 0; g->service && i < service_list_len(l); i++)
                if (!strcmp(service_name(service_list_get(l, i)).p, g->name))
                        return service_powers(service_list_get(l, i));
        return (power_list){0};
}

static const char *code_of(const struct explain_way *w)
{
        return w->closed ? "closed" : capos_denial_code(w->denial);
}

static const char *binding_of(const struct explain_way *w)
{
        return w->c.proof.unbound || w->c.proof.binding == BINDING_NONE
                       ? "nothing"
                       : binding_name(w->c.proof.binding);
}

/* ---- words ---------------------------------------------------------------------------------- */

static void list_print(const char *before, unsigned n, const char *(*at)(const void *arg, unsigned),
                       const void *arg)
{
        for (unsigned i = 0; i < n; i++)
                printf("%s%s", i ? ", " : before, at(arg, i));
}

static const char *profile_at(const void *arg, unsigned i)
{
        return ((const struct store_account *)arg)->profiles[i];
}

/* UTC, to the minute. */
static const char *time_of(uint64_t ms, char out[32])
{
        time_t at = (time_t)(ms / 1000);
        struct tm tm;

        if (!gmtime_r(&at, &tm) || !strftime(out, 32, "%Y-%m-%d %H:%MZ", &tm))
                (void)snprintf(out, 32, "%" PRIu64, ms);
        return out;
}

static void account_print(const struct explanation *e)
{
        const struct store_account *a = &e->about;
        char text[32];

        if (!e->account)
                return;
        printf("account %s (%s)", e->account, e->facts);
        if (!e->there) {
                puts(": there is none");
                return;
        }
        printf(": %s", a->service ? "a service account" : "a person's");
        list_print(", profiles ", a->nprofiles, profile_at, a);
        if (a->locked)
                printf(", locked%s%s", a->reason[0] ? ": " : "", a->reason);
        if (a->expires_ms)
                printf(", expires %s", time_of(a->expires_ms, text));
        puts("");
}

static void way_print(const struct explain_way *w)
{
        char text[32];

        if (w->by[0])
                printf("  %s: ", w->by);
        else
                printf("  ");
        if (w->denial)
                printf("%s: %s\n", code_of(w), w->why);
        else
                printf("profile %s\n", w->to->name);
        if (!w->by[0])
                return;
        printf("      bound to %s, worth `%s`", binding_of(w), strength_name(w->strength));
        if (w->who.credential_ms)
                printf(", good until %s", time_of(w->who.credential_ms, text));
        puts("");
}

static void time_print(const char *before, uint64_t ms)
{
        char text[DAEMON_DURATION_TEXT];

        printf("%s%s", before, daemon_duration_say(ms, text));
}

static const char *power_at(const void *arg, unsigned i)
{
        return power_name(power_list_get(*(const power_list *)arg, i));
}

static const char *method_at(const void *arg, unsigned i)
{
        return ((const struct policy_facet *)arg)->v[i].name;
}

static void grant_print(const struct explanation *e, const struct policy_profile *p,
                        const struct policy_grant *g)
{
        power_list powers = powers_of(e, g);

        printf("    %-14s ", g->name);
        if (g->facet[0])
                printf("as `%s`, ", g->facet);
        printf("%s", g->services ? "may be passed to other services, " : "");
        time_print("for ", lease_ms(e, p, g));
        list_print(", powers ", power_list_len(powers), power_at, &powers);
        printf(": %s\n", present(p, g));
        if (!g->narrow)
                return;
        list_print("      with ", g->narrow->n, method_at, g->narrow);
        puts("");
}

/* Of what is lent for panes: of a profile that may lend anything. */
static void ui_quota_print(const struct policy_profile *p)
{
        const struct policy_ui_quota *q = &p->quota.ui;
        bool ui = false;

        for (unsigned i = 0; i < p->ngrants; i++)
                ui |= p->grants[i].ui;
        if (ui)
                printf("    of panes: %u offers at once, each with %u references, and a second %u "
                       "patches of %" PRIu64 " KiB, %" PRIu64 " KiB in all\n",
                       q->offers, q->references, q->patches_per_second, q->patch_bytes / 1024,
                       q->bytes_per_second / 1024);
}

static void profile_print(const struct explanation *e, const struct policy_profile *p)
{
        const struct policy_quota *q = &p->quota;

        printf("profile %s: for ", p->name);
        time_print("", lease_ms(e, p, NULL));
        time_print(", renewable up to ", p->max_lease_ms);
        printf("\n    at once %u calls, %u references, %" PRIu64
               " KiB waiting, messages of %" PRIu64 " KiB",
               q->calls, q->references, q->queued_bytes / 1024, q->message_bytes / 1024);
        if (q->calls_per_second)
                printf(", %u calls a second", q->calls_per_second);
        if (e->account)
                printf(", %u sessions of the account", q->sessions_per_account);
        if (p->max_sessions)
                printf(", %u of the profile", p->max_sessions);
        puts("");
        ui_quota_print(p);
        for (unsigned i = 0; i < p->ngrants; i++)
                grant_print(e, p, &p->grants[i]);
        for (unsigned i = 0; i < e->policy->nservices; i++)
                if (!profile_has(p, &e->policy->services[i]))
                        printf("    %-14s not there: %s\n", e->policy->services[i].name,
                               absent(p, &e->policy->services[i]));
}

void explain_print(const struct explanation *e)
{
        const struct policy_profile *p;

        account_print(e);
        printf("by %s, over %s%s%s%s%s:\n", auth_word(e->kind), origin_transport(e->from),
               e->from->from.kind == SOURCE_NONE ? "" : " from ",
               e->from->from.kind == SOURCE_NONE ? "" : e->from->source,
               e->wanted[0] ? ", asking for profile " : "", e->wanted);
        for (unsigned i = 0; i < e->nways; i++)
                way_print(&e->ways[i]);
        for (unsigned i = 0; (p = granted(e, i)); i++)
                profile_print(e, p);
}

/* ---- JSON ----------------------------------------------------------------------------------- */

/* A text, with what JSON does not take as it is. It is UTF-8, or the manifest would not be there.
 */
static void json_text(const char *before, const char *t)
{
        printf("%s\"", before);
        for (; *t; t++) {
                if (*t == '"' || *t == '\\')
                        printf("\\%c", *t);
                else if ((unsigned char)*t < ' ')
                        printf("\\u%04x", (unsigned)*t);
                else
                        putchar(*t);
        }
        putchar('"');
}

static void json_list(const char *before, unsigned n, const char *(*at)(const void *arg, unsigned),
                      const void *arg)
{
        printf("%s[", before);
        for (unsigned i = 0; i < n; i++)
                json_text(i ? "," : "", at(arg, i));
        putchar(']');
}

static void json_bool(const char *before, bool b)
{
        printf("%s%s", before, b ? "true" : "false");
}

static void json_way(const struct explain_way *w)
{
        json_text("{\"by\":", w->by);
        json_text(",\"outcome\":", w->denial ? code_of(w) : "ok");
        if (w->denial)
                json_text(",\"why\":", w->why);
        else
                json_text(",\"profile\":", w->to->name);
        if (w->by[0]) {
                json_text(",\"binding\":", binding_of(w));
                json_text(",\"strength\":", strength_name(w->strength));
                printf(",\"untilMs\":%" PRIu64, w->who.credential_ms);
        }
        putchar('}');
}

static void json_grant(const struct explanation *e, const struct policy_profile *p,
                       const struct policy_grant *g)
{
        power_list powers = powers_of(e, g);

        json_text("{\"name\":", g->name);
        printf(",\"interface\":\"0x%016" PRIx64 "\"",
               g->service ? g->service->interface_id : USER_SESSION_ID);
        json_text(",\"facet\":", g->facet);
        json_list(",\"methods\":", g->narrow ? g->narrow->n : 0, method_at, g->narrow);
        json_text(",\"transfer\":", g->services ? "services" : "session");
        printf(",\"leaseMs\":%" PRIu64, lease_ms(e, p, g));
        json_list(",\"powers\":", power_list_len(powers), power_at, &powers);
        json_text(",\"why\":", present(p, g));
        putchar('}');
}

static void json_profile(const struct explanation *e, const struct policy_profile *p)
{
        const struct policy_quota *q = &p->quota;
        bool first = true;

        json_text("{\"name\":", p->name);
        printf(",\"leaseMs\":%" PRIu64 ",\"maxLeaseMs\":%" PRIu64, lease_ms(e, p, NULL),
               p->max_lease_ms);
        printf(",\"quota\":{\"references\":%u,\"calls\":%u,\"queuedBytes\":%" PRIu64
               ",\"messageBytes\":%" PRIu64 ",\"callsPerSecond\":%u,\"sessionsPerAccount\":%u",
               q->references, q->calls, q->queued_bytes, q->message_bytes, q->calls_per_second,
               q->sessions_per_account);
        printf(",\"ui\":{\"offers\":%u,\"patchesPerSecond\":%u,\"patchBytes\":%" PRIu64
               ",\"bytesPerSecond\":%" PRIu64 ",\"references\":%u}},\"maxSessions\":%u",
               q->ui.offers, q->ui.patches_per_second, q->ui.patch_bytes, q->ui.bytes_per_second,
               q->ui.references, p->max_sessions);
        printf(",\"entries\":[");
        for (unsigned i = 0; i < p->ngrants; i++) {
                fputs(i ? "," : "", stdout);
                json_grant(e, p, &p->grants[i]);
        }
        printf("],\"absent\":[");
        for (unsigned i = 0; i < e->policy->nservices; i++) {
                if (profile_has(p, &e->policy->services[i]))
                        continue;
                json_text(first ? "{\"name\":" : ",{\"name\":", e->policy->services[i].name);
                json_text(",\"why\":", absent(p, &e->policy->services[i]));
                putchar('}');
                first = false;
        }
        printf("]}");
}

void explain_print_json(const struct explanation *e)
{
        const struct policy_profile *p;

        json_text("{\"manifest\":", e->file);
        json_text(",\"account\":", e->account ? e->account : "");
        json_text(",\"method\":", auth_word(e->kind));
        json_text(",\"transport\":", origin_transport(e->from));
        json_text(",\"requested\":", e->wanted);
        if (e->account) {
                json_text(",\"facts\":", e->facts);
                json_bool(",\"there\":", e->there);
                json_bool(",\"service\":", e->about.service);
                json_bool(",\"locked\":", e->about.locked);
                printf(",\"expiresMs\":%" PRIu64, e->about.expires_ms);
                json_list(",\"profiles\":", e->about.nprofiles, profile_at, &e->about);
        }
        printf(",\"ways\":[");
        for (unsigned i = 0; i < e->nways; i++) {
                fputs(i ? "," : "", stdout);
                json_way(&e->ways[i]);
        }
        printf("],\"granted\":[");
        for (unsigned i = 0; (p = granted(e, i)); i++) {
                fputs(i ? "," : "", stdout);
                json_profile(e, p);
        }
        puts("]}");
}
