/*
 * Everything that is printed. Results go to standard output; with --json they are one object a
 * line, errors included. Without it, errors go to standard error.
 */
#include "cli.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- JSON --------------------------------------------------------------------------------- */

json_t *cli_json_text(const char *s)
{
        char safe[4096];
        json_t *t = json_string(s);

        if (t)
                return t;

        cli_escape(s, safe, sizeof(safe));
        return json_string(safe);
}

json_t *cli_json_u64(uint64_t v)
{
        char text[24];

        (void)snprintf(text, sizeof(text), "%" PRIu64, v);
        return json_string(text);
}

int cli_print_json(const struct cli *c, json_t *o)
{
        char *s = o ? json_dumps(o, JSON_COMPACT) : NULL;

        json_decref(o);
        if (!s) {
                (void)fputs("capos: out of memory\n", stderr);
                return EXIT_FAILED;
        }
        cli_print_json_text(s, strlen(s));
        free(s);
        (void)putchar('\n');
        return cli_finish(c, EXIT_OK);
}

/*
 * Called by main at the very end; earlier by who wants to have its output seen, and then the error
 * is said once, where it happened. A reader that has left (EPIPE) knows that itself.
 */
int cli_finish(const struct cli *c, int r)
{
        static bool said;

        (void)c;
        errno = 0;
        if (!fflush(stdout) && !ferror(stdout))
                return r;

        if (!said && errno != EPIPE)
                (void)fprintf(stderr, "capos: standard output: %s\n",
                              errno ? strerror(errno) : "it could not be written");
        said = true;
        return r ? r : EXIT_FAILED;
}

/* ---- errors ------------------------------------------------------------------------------- */

int cli_fail(const struct cli *c, int exit, const char *code, const char *fmt, ...)
{
        char text[1024], safe[1600];
        va_list ap;

        if (c->quiet)
                return exit;
        va_start(ap, fmt);
        (void)vsnprintf(text, sizeof(text), fmt, ap);
        va_end(ap);
        cli_escape(text, safe, sizeof(safe));
        if (c->json)
                (void)cli_print_json(
                        c, json_pack("{s:{s:s,s:s}}", "error", "code", code, "message", safe));
        else
                cli_print_line(stderr, "capos: ", text, strlen(text),
                               c->stays ? cli_columns(stderr) : 0);
        return exit;
}

/* What each denial means for who reads it, and what to do. */
static const char *denial_words(enum capos_denial d)
{
        static const char *const words[] = {
                [CAPOS_DENIED_UNKNOWN_NAME] =
                        "the session has no such capability (`capos caps` lists what it has)",
                [CAPOS_DENIED_WRONG_INTERFACE] = "the capability has another interface",
                [CAPOS_DENIED_PROFILE] =
                        "the profile does not exist or is not open to you; `capos login -v` "
                        "tells which each way may lead to",
                [CAPOS_DENIED_STALE_SESSION] = "the session has ended: log in again",
                [CAPOS_DENIED_REVOKED_LEASE] = "an administrator has taken this capability back",
                [CAPOS_DENIED_METHOD_DISABLED] =
                        "the instance lets nobody in this way now; `capos methods` has the others",
                [CAPOS_DENIED_CREDENTIALS] = "the account or the proof is not right; on the "
                                             "instance's machine `capos audit tail` tells more",
                [CAPOS_DENIED_ALREADY_BOUND] = "this connection has a session already",
                [CAPOS_DENIED_TRANSFER] = "the capability may not be passed on to there",
                [CAPOS_DENIED_FLOW] = "the attempt to log in took too long: try again",
                [CAPOS_DENIED_BACKOFF] = "too many failures",
                [CAPOS_DENIED_WEAK_PROOF] =
                        "the session was made by a stronger proof: renew it by that",
                [CAPOS_DENIED_METHOD] = "the session was granted this capability without this "
                                        "method; `describe` shows those it has",
                [CAPOS_DENIED_UI] = "a service proposes panes through `capos ui` alone, where your "
                                    "profile lets it",
                [CAPOS_DENIED_WITHDRAWN] = "the host has taken back what it had lent",
        };

        return (unsigned)d < sizeof(words) / sizeof(words[0]) && words[d] ? words[d] : "refused";
}

/* Whether the instance has said in a sentence what is the matter, and not by the name of a kind. */
static bool denial_is_told(const struct capos_error *e, const char *detail)
{
        return e->denial == CAPOS_DENIED_METHOD_DISABLED && strchr(detail, ' ');
}

static int fail_denied(const struct cli *c, const struct capos_error *e, const char *doing)
{
        /* Where the words are all there is to say, the detail only says them again. */
        const char *detail =
                e->denial == CAPOS_DENIED_REVOKED_LEASE ? "" : capos_denial_detail_peek(e->text);

        if (denial_is_told(e, detail))
                return cli_fail(c, EXIT_DENIED, capos_denial_code(e->denial),
                                "%s: the instance lets nobody in this way now: %s", doing, detail);
        return cli_fail(c, EXIT_DENIED, capos_denial_code(e->denial), "%s: %s%s%s%s", doing,
                        denial_words(e->denial), *detail ? " (" : "", detail, *detail ? ")" : "");
}

int cli_fail_late(const struct cli *c, const char *doing)
{
        int pid = (int)c->peer_pid;

        if (!doing)
                doing = c->command->name;
        if (!c->peer)
                return cli_fail(c, EXIT_NO_CONNECTION, "timeout", "%s: no answer in time", doing);
        if (cli_peer_is_stopped(c))
                return cli_fail(c, EXIT_NO_CONNECTION, "timeout",
                                "%s: %s (process %d) is stopped: `kill -CONT %d` lets it go on",
                                doing, c->peer, pid, pid);
        return cli_fail(c, EXIT_NO_CONNECTION, "timeout", "%s: %s (process %d) does not answer",
                        doing, c->peer, pid);
}

static const char *kind_code(enum capnp_kind k)
{
        static const char *const codes[] = {"failed", "overloaded", "disconnected",
                                            "unimplemented"};

        return (unsigned)k < 4 ? codes[k] : "failed";
}

int cli_fail_error(const struct cli *c, const struct capos_error *e, const char *doing)
{
        char code[64];

        if (!doing)
                doing = c->command->name;
        if (e->code == CAPOS_E_DENIED)
                return fail_denied(c, e, doing);
        if (e->code == -ETIMEDOUT && c->peer)
                return cli_fail_late(c, doing);
        if (e->code == -ETIMEDOUT)
                return cli_fail(c, EXIT_NO_CONNECTION, "timeout", "%s: %s", doing, e->text);
        if (e->code == CAPOS_E_QUOTA) {
                (void)snprintf(code, sizeof(code), "over-quota.%s", e->quota);
                return cli_fail(c, EXIT_FAILED, code, "%s: over the quota of %s: %s", doing,
                                e->quota, e->text);
        }
        if (e->code == CAPOS_E_UNKNOWN_KEY || e->code == CAPOS_E_WRONG_KEY)
                return cli_fail(c, EXIT_NO_CONNECTION,
                                e->code == CAPOS_E_WRONG_KEY ? "wrong-key" : "unknown-key",
                                "%s: %s", doing, e->text);
        if (e->code == CAPNP_E_DISCONNECTED || e->code == CAPNP_E_PROTOCOL)
                return cli_fail(c, EXIT_NO_CONNECTION, "disconnected", "%s: %s", doing, e->text);
        if (e->code == CAPNP_E_EXCEPTION)
                return cli_fail(c, EXIT_FAILED, kind_code(e->kind), "%s: %s", doing, e->text);
        if (e->code == CAPNP_E_ADDRESS)
                return cli_fail(c, EXIT_NO_CONNECTION, "cannot-connect", "%s: no such address",
                                doing);
        return cli_fail(c, EXIT_FAILED, "failed", "%s: %s", doing, e->text);
}

int cli_fail_code(const struct cli *c, int r, const char *doing)
{
        struct capos_error e;

        (void)capos_error_of(r, (capnp_exception){CAPNP_FAILED, ""}, &e);
        return cli_fail_error(c, &e, doing);
}

#define SERVICE "service: "

int cli_fail_question(const struct cli *c, const capnp_question *q, const char *doing)
{
        struct capos_error e;

        if (c->late)
                return cli_fail_late(c, doing);
        (void)capos_error_of_question(q, &e);
        /* Who administers speaks to no service, though the session's worker thinks so. */
        if (c->administers && !strncmp(e.text, SERVICE, sizeof(SERVICE) - 1))
                memmove(e.text, e.text + sizeof(SERVICE) - 1,
                        strlen(e.text + sizeof(SERVICE) - 1) + 1);
        return cli_fail_error(c, &e, doing);
}

/* ---- times -------------------------------------------------------------------------------- */

uint64_t cli_now_ms(void)
{
        struct timespec t;

        (void)clock_gettime(CLOCK_REALTIME, &t);
        return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void cli_format_time(uint64_t at_ms, char *to, size_t room)
{
        time_t t = (time_t)(at_ms / 1000);
        struct tm tm;

        if (!at_ms || !localtime_r(&t, &tm) || !strftime(to, room, "%Y-%m-%d %H:%M:%S", &tm))
                (void)snprintf(to, room, "-");
}

/* "7 h 59 min": the two largest units, rounded to the smaller; a zero is left out. */
static void format_span(uint64_t ms, char *to, size_t room)
{
        static const struct {
                uint64_t least_s, unit_s, part_s;
                const char *unit, *part;
        } forms[] = {
                {2 * 86400, 86400, 3600, "d", "h"},
                {3600, 3600, 60, "h", "min"},
                {600, 60, 60, "min", ""},
                {120, 60, 1, "min", "s"},
                {0, 1, 1, "s", ""},
        };
        uint64_t s = 0, least_s;
        unsigned i = 0;

        /* Rounding may make it long enough for the form before. */
        for (; i < sizeof(forms) / sizeof(forms[0]); i++) {
                s = (ms + forms[i].part_s * 500) / (forms[i].part_s * 1000) * forms[i].part_s;
                least_s = forms[i].least_s;
                if (s >= least_s)
                        break;
        }
        if (s % forms[i].unit_s)
                (void)snprintf(to, room, "in %" PRIu64 " %s %" PRIu64 " %s", s / forms[i].unit_s,
                               forms[i].unit, s % forms[i].unit_s / forms[i].part_s, forms[i].part);
        else
                (void)snprintf(to, room, "in %" PRIu64 " %s", s / forms[i].unit_s, forms[i].unit);
}

void cli_format_until(uint64_t at_ms, char *to, size_t room)
{
        uint64_t now_ms = cli_now_ms();

        if (!at_ms)
                (void)snprintf(to, room, "no end");
        else if (at_ms <= now_ms)
                (void)snprintf(to, room, "over");
        else
                format_span(at_ms - now_ms, to, room);
}
