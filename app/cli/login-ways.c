/*
 * The table of ways to log in, and the choice among them.
 *
 * A way is tried when the instance offers it and there is something here to try it with. The order
 * is: what proves most and asks least comes first. A way that was asked for, by --method or by an
 * option of its own, is the only one.
 *
 * When a proof does not convince, the next way is tried, and that is said: somebody whose key is
 * not there any more has to know why he is asked for a password. When something else is wrong (no
 * such profile, too many failures, no room), another proof would not help, and nothing more is
 * tried. Ways that prove nothing are never gone on to: who has failed to be alice must not find
 * himself anonymous.
 *
 * Every proof is bound to the channel as strongly as the method can; there is no going on from a
 * strong binding to a weak one, because no weaker one is ever asked for.
 */
#include "login-ways.h"

#include "cli-near.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct way *const ways[] = {
        &way_key,      &way_certificate, &way_passkey, &way_oidc,      &way_oidc_device,
        &way_password, &way_service,     &way_guest,   &way_anonymous,
};

enum { WAYS = sizeof(ways) / sizeof(ways[0]) };

/* ---- what is asked for ---------------------------------------------------------------------- */

static const struct way *way_find(const char *name)
{
        for (unsigned i = 0; i < WAYS; i++)
                if (!strcmp(ways[i]->name, name))
                        return ways[i];
        return NULL;
}

const char *ways_name(unsigned i)
{
        return i < WAYS ? ways[i]->name : NULL;
}

static int way_fail_name(const struct cli *c)
{
        struct cli_near near = {.word = c->method};
        char all[256], hint[128];
        size_t len = 0;

        for (unsigned i = 0; i < WAYS; i++) {
                cli_near_try(&near, ways[i]->name);
                len += (size_t)snprintf(all + len, sizeof(all) - len, "%s%s", i ? ", " : "",
                                        ways[i]->name);
        }
        return cli_fail(c, EXIT_USAGE, "usage", "--method %s: no such method%s; there are: %s",
                        c->method, cli_near_text(&near, hint, sizeof(hint)), all);
}

int ways_asked(const struct cli *c, const struct way **ret_way)
{
        const struct way *found = c->method ? way_find(c->method) : NULL;

        if (c->method && !found)
                return way_fail_name(c);
        for (unsigned i = 0; i < WAYS; i++) {
                if (!ways[i]->asked || !ways[i]->asked(c) || ways[i] == found)
                        continue;
                if (found)
                        return cli_fail(
                                c, EXIT_USAGE, "usage", "choose one way to log in: %s %s, or %s",
                                found->option && !c->method ? found->option : "--method",
                                found->option && !c->method ? "" : found->name, ways[i]->option);
                found = ways[i];
        }
        *ret_way = found;
        return EXIT_OK;
}

/* ---- what there is -------------------------------------------------------------------------- */

/* Why a way is not tried, or that it can be. */
enum judgement {
        JUDGED_GOOD,
        JUDGED_NOT_OFFERED,
        JUDGED_NOT_HERE,
        JUDGED_NOT_CHOSEN, /* by itself: it would have to be asked for */
};

static bool way_is_here(const struct login *l, const struct way *w, char *why)
{
        if (w->ready)
                return w->ready(l, why);

        (void)snprintf(why, LOGIN_WHY, "this version of `capos` does not have it");
        return false;
}

/* chosen: by a person, not by itself. why: LOGIN_WHY bytes. */
static enum judgement way_judge(const struct login *l, const struct way *w, bool chosen, char *why)
{
        const struct login_offer *o = &l->offers[w->kind];

        if (!o->enabled) {
                (void)snprintf(why, LOGIN_WHY, "%s",
                               *o->reason ? o->reason : "the instance does not know it");
                return JUDGED_NOT_OFFERED;
        }
        if (!w->asks_no_name && !*l->account) {
                (void)snprintf(why, LOGIN_WHY, "it needs a name: NAME@%s", l->place.text);
                return JUDGED_NOT_HERE;
        }
        if (!way_is_here(l, w, why))
                return JUDGED_NOT_HERE;
        if (!chosen && (w->is_nobody || w->is_asked_for)) {
                (void)snprintf(why, LOGIN_WHY, "only where it is asked for: --method %s", w->name);
                return JUDGED_NOT_CHOSEN;
        }
        return JUDGED_GOOD;
}

void ways_look(const struct login *l, enum capos_auth kind, struct way_state *ret)
{
        *ret = (struct way_state){.name = "-"};
        for (unsigned i = 0; i < WAYS; i++) {
                if (ways[i]->kind != kind)
                        continue;
                ret->name = ways[i]->name;
                ret->here = way_is_here(l, ways[i], ret->why);
        }
}

/* With --verbose: all of it, before anything is tried. */
static void ways_tell(const struct login *l)
{
        char why[LOGIN_WHY];

        for (unsigned i = 0; i < WAYS; i++) {
                const struct login_offer *o = &l->offers[ways[i]->kind];
                bool here = way_is_here(l, ways[i], why);

                login_tell(l, "method %s: %s%s%s%s; %s (%s)", ways[i]->name,
                           o->enabled ? "offered" : "not offered",
                           *o->profiles || *o->reason ? " (" : "",
                           o->enabled ? o->profiles : o->reason,
                           *o->profiles || *o->reason ? ")" : "", here ? "here" : "not here", why);
        }
}

static const char *refusal_words(const struct capos_error *e)
{
        const char *detail = e->code == CAPOS_E_DENIED ? capos_denial_detail_peek(e->text) : "";

        if (*detail || e->code != CAPOS_E_DENIED)
                return *detail ? detail : e->text;
        return e->denial == CAPOS_DENIED_CREDENTIALS ? "the account or the proof is not right"
                                                     : "not offered any more";
}

/* ---- when nothing fits ---------------------------------------------------------------------- */

static const char *judgement_word(enum judgement j)
{
        static const char *const words[] = {
                [JUDGED_GOOD] = "tried",
                [JUDGED_NOT_OFFERED] = "not offered",
                [JUDGED_NOT_HERE] = "not available here",
                [JUDGED_NOT_CHOSEN] = "not chosen",
        };

        return words[j];
}

static void ways_print(const struct login *l, const char tried[WAYS][LOGIN_WHY])
{
        char why[LOGIN_WHY], safe[LOGIN_WHY * 4];

        for (unsigned i = 0; i < WAYS; i++) {
                enum judgement j = way_judge(l, ways[i], false, why);

                cli_escape(j == JUDGED_GOOD ? tried[i] : why, safe, sizeof(safe));
                (void)fprintf(stderr, "  %-12s %s: %s\n", ways[i]->name, judgement_word(j), safe);
        }
}

static json_t *ways_json(const struct login *l, const char tried[WAYS][LOGIN_WHY])
{
        json_t *all = json_array();
        char why[LOGIN_WHY];

        for (unsigned i = 0; i < WAYS; i++) {
                enum judgement j = way_judge(l, ways[i], false, why);

                (void)json_array_append_new(
                        all, json_pack("{s:s,s:s,s:s,s:o}", "method", ways[i]->name, "kind",
                                       capos_auth_name(ways[i]->kind), "state", judgement_word(j),
                                       "why", cli_json_text(j == JUDGED_GOOD ? tried[i] : why)));
        }
        return all;
}

static bool ways_any(const struct login *l, enum judgement wanted)
{
        char why[LOGIN_WHY];

        for (unsigned i = 0; i < WAYS; i++)
                if (way_judge(l, ways[i], false, why) == wanted)
                        return true;
        return false;
}

/* Whoever was refused is told what else there would be. */
static int ways_fail_refused(const struct login *l, const char tried[WAYS][LOGIN_WHY])
{
        bool is_denied = l->error.code == CAPOS_E_DENIED;
        char why[LOGIN_WHY], safe[LOGIN_WHY * 4];
        int exit;

        if (l->c->json) {
                (void)cli_print_json(
                        l->c, json_pack("{s:{s:s,s:o,s:o}}", "error", "code",
                                        is_denied ? capos_denial_code(l->error.denial) : "failed",
                                        "message", cli_json_text(refusal_words(&l->error)),
                                        "methods", ways_json(l, tried)));
                return is_denied ? EXIT_DENIED : EXIT_FAILED;
        }
        exit = cli_fail_error(l->c, &l->error, "login");
        for (unsigned i = 0; i < WAYS; i++) {
                if (!ways[i]->ready || way_judge(l, ways[i], false, why) != JUDGED_NOT_HERE)
                        continue;
                cli_escape(why, safe, sizeof(safe));
                (void)fprintf(stderr, "  by %s it was not tried: %s\n", ways[i]->name, safe);
        }
        return exit;
}

/* Nothing was let in. Each way says why not. */
static int ways_fail(const struct login *l, const char tried[WAYS][LOGIN_WHY])
{
        struct cli *c = l->c;
        bool here = ways_any(l, JUDGED_GOOD) || ways_any(l, JUDGED_NOT_HERE);
        const char *what = here ? "nothing that is here fits what the instance offers"
                                : "the instance offers no way in that needs a proof";
        const char *code = here ? "no-method" : "denied.method-disabled";
        int exit = here ? EXIT_FAILED : EXIT_DENIED;

        if (l->attempts)
                return ways_fail_refused(l, tried);
        if (!*l->account) {
                what = "whose session? capos login NAME@HOST:PORT, or HOST:PORT with --anonymous "
                       "or --guest";
                code = "usage";
                exit = EXIT_USAGE;
        }
        if (c->json) {
                (void)cli_print_json(c, json_pack("{s:{s:s,s:s,s:o}}", "error", "code", code,
                                                  "message", what, "methods", ways_json(l, tried)));
                return exit;
        }
        (void)cli_fail(c, exit, code, "login: %s:", what);
        ways_print(l, tried);
        return exit;
}

/* ---- trying --------------------------------------------------------------------------------- */

/* Whether another proof may help. */
static bool refusal_is_of_proof(const struct capos_error *e)
{
        switch (e->code) {
        case CAPOS_E_DENIED:
                return e->denial == CAPOS_DENIED_CREDENTIALS || e->denial == CAPOS_DENIED_FLOW ||
                       e->denial == CAPOS_DENIED_METHOD_DISABLED;
        case CAPOS_E_AGENT:
        case CAPOS_E_KEY:
        case CAPOS_E_CERTIFICATE:
        case CAPOS_E_METHOD:
        case -ECANCELED:
                return true;
        default:
                return false;
        }
}

/* What the way before has left. */
static void way_prepare(struct login *l)
{
        l->how = (struct capos_login){
                .account = l->account,
                .profile = l->c->profile,
                .client = "capos",
                .end_others = l->c->end_others,
        };
        l->patience_ms = 0;
        l->awaited = NULL;
}

static int way_try_only(struct login *l, const struct way *w)
{
        struct cli *c = l->c;

        switch (way_judge(l, w, true, l->why)) {
        case JUDGED_NOT_OFFERED:
                return cli_fail(c, EXIT_DENIED, "denied.method-disabled",
                                "login by %s: the instance does not offer this way to log in: %s "
                                "(see `capos methods`)",
                                w->name, l->why);
        case JUDGED_NOT_HERE:
                return cli_fail(c, EXIT_FAILED, "no-method", "login by %s: %s", w->name, l->why);
        case JUDGED_GOOD:
        case JUDGED_NOT_CHOSEN:
                break;
        }
        way_prepare(l);
        switch (w->run(l)) {
        case WAY_IN:
                return EXIT_OK;
        case WAY_REFUSED:
                l->exit = cli_fail_error(c, &l->error, "login");
                if (w == &way_key && !c->method && !c->json && l->offers[way_service.kind].enabled)
                        login_say(l, "is it the key of a service account? Then --method service");
                return l->exit;
        case WAY_EMPTY:
                return cli_fail(c, EXIT_FAILED, "no-method", "login by %s: %s", w->name, l->why);
        case WAY_OVER:
                break;
        }
        return l->exit;
}

/* The next way from row i on that can be tried; WAYS: none. */
static unsigned way_next(const struct login *l, unsigned i)
{
        char why[LOGIN_WHY];

        while (i < WAYS && way_judge(l, ways[i], false, why) != JUDGED_GOOD)
                i++;
        return i;
}

static int ways_try_all(struct login *l)
{
        char tried[WAYS][LOGIN_WHY] = {{0}};
        enum way_end end;
        unsigned next;

        for (unsigned i = way_next(l, 0); i < WAYS; i = next) {
                login_tell(l, "trying %s", ways[i]->name);
                way_prepare(l);
                end = ways[i]->run(l);
                if (end == WAY_IN)
                        return EXIT_OK;
                if (end == WAY_OVER)
                        return l->exit;
                if (end == WAY_REFUSED && !refusal_is_of_proof(&l->error))
                        return cli_fail_error(l->c, &l->error, "login");

                next = way_next(l, i + 1);
                (void)snprintf(tried[i], LOGIN_WHY, "%.300s",
                               end == WAY_EMPTY ? l->why : refusal_words(&l->error));
                if (next < WAYS && end == WAY_REFUSED)
                        login_say(l, "not by %s: %s; now by %s", ways[i]->name, tried[i],
                                  ways[next]->name);
        }
        return ways_fail(l, tried);
}

int ways_try(struct login *l, const struct way *only)
{
        ways_tell(l);
        return only ? way_try_only(l, only) : ways_try_all(l);
}
