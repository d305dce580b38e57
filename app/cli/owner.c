/*
 * What the owner of an account does about its sessions, wherever they are: RemoteSession says which
 * there are, and ends them. An instance that is older than that says so, and is not blamed for it.
 */
#include "owner.h"

#include "remote_session.capnp-c.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char OLDER[] = "the instance is older than this command, and does not know it";

static remote_session_client session_of(const struct cli *c)
{
        return (remote_session_client){capos_client_session_peek(c->client)};
}

/* What a question about sessions has ended with. An exit code. */
static int owner_fail(const struct cli *c, const capnp_question *q)
{
        if (capnp_question_exception(q).kind == CAPNP_UNIMPLEMENTED)
                return cli_fail(c, EXIT_FAILED, "unimplemented", "%s", OLDER);

        return cli_fail_question(c, q, NULL);
}

static int owner_ask(struct cli *c, capnp_question **ret_q)
{
        int r = cli_open_session(c);

        if (r)
                return r;

        *ret_q = remote_session_account_sessions(session_of(c));
        return cli_wait(c, *ret_q, CLI_ANSWER_MS) ? owner_fail(c, *ret_q) : EXIT_OK;
}

/* ---- listing ------------------------------------------------------------------------------ */

static json_t *session_json(account_session_reader s)
{
        return json_pack("{s:o,s:o,s:o,s:o,s:I,s:I,s:I,s:b}", "id",
                         cli_json_text(account_session_id(s).p), "profile",
                         cli_json_text(account_session_profile(s).p), "kind",
                         cli_json_text(account_session_kind(s).p), "source",
                         cli_json_text(account_session_source(s).p), "startedAtMs",
                         (json_int_t)account_session_started_at_ms(s), "expiresAtMs",
                         (json_int_t)account_session_expires_at_ms(s), "droppedAtMs",
                         (json_int_t)account_session_dropped_at_ms(s), "current",
                         account_session_current(s));
}

static void session_print(account_session_reader s)
{
        char since[64], until[64];

        cli_format_time(account_session_started_at_ms(s), since, sizeof(since));
        cli_format_until(account_session_expires_at_ms(s), until, sizeof(until));
        cli_print_safe(account_session_id(s).p);
        printf("  ");
        cli_print_safe(account_session_profile(s).p);
        printf(" by ");
        cli_print_safe(account_session_kind(s).p);
        printf(" from ");
        cli_print_safe(account_session_source(s).p);
        printf(", since %s, ends %s", since, until);
        if (account_session_dropped_at_ms(s))
                printf(", its line has dropped");
        printf(account_session_current(s) ? " (this one)\n" : "\n");
}

int owner_show(struct cli *c)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        int r = owner_ask(c, &q);
        json_t *all = !r && c->json ? json_array() : NULL;
        account_session_list l;

        if (r)
                return r;

        l = remote_session_account_sessions_sessions(q);
        for (uint32_t i = 0; i < account_session_list_len(l); i++) {
                account_session_reader s = account_session_list_get(l, i);

                if (c->json)
                        (void)json_array_append_new(all, session_json(s));
                else
                        session_print(s);
        }
        if (c->json)
                return cli_print_json(
                        c, json_pack("{s:o,s:I}", "sessions", all, "more",
                                     (json_int_t)remote_session_account_sessions_more(q)));
        if (remote_session_account_sessions_more(q))
                printf("… and %" PRIu32 " more\n", remote_session_account_sessions_more(q));
        return EXIT_OK;
}

/* ---- ending ------------------------------------------------------------------------------- */

/* The only other session whose id begins so; one that is not in the list is asked for as it is. An
 * exit code. */
static int other_find(struct cli *c, account_session_list l, const char *begin, const char **ret_id)
{
        unsigned n = 0;

        *ret_id = begin;
        for (uint32_t i = 0; i < account_session_list_len(l); i++) {
                account_session_reader s = account_session_list_get(l, i);

                if (account_session_current(s) ||
                    strncmp(account_session_id(s).p, begin, strlen(begin)) != 0)
                        continue;
                *ret_id = account_session_id(s).p;
                n++;
        }
        return n > 1 ? cli_fail(c, EXIT_USAGE, "which-session",
                                "%s begins %u ids: `capos sessions --remote` has them", begin, n)
                     : EXIT_OK;
}

static capnp_question *owner_end(struct cli *c, const char *id)
{
        capnp_question *q = remote_session_end_account_session(session_of(c));

        remote_session_end_account_session_set_id(q, id);
        return q;
}

int owner_end_others(struct cli *c, uint32_t *ret_n, bool *ret_over)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = owner_end(c, "");
        struct capos_error e;

        *ret_n = 0;
        *ret_over = false;
        if (!cli_wait(c, q, CLI_ANSWER_MS)) {
                *ret_n = remote_session_end_account_session_ended(q);
                return EXIT_OK;
        }
        if (capos_error_of_question(q, &e) != CAPOS_E_DENIED)
                return owner_fail(c, q);

        /* Who has no account has no other sessions. */
        *ret_over = e.denial == CAPOS_DENIED_STALE_SESSION;
        return *ret_over || e.denial == CAPOS_DENIED_PROFILE ? EXIT_OK : owner_fail(c, q);
}

int owner_end_other(struct cli *c, const char *begin)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *list = NULL;
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        const char *id = begin;
        int r = *begin ? owner_ask(c, &list)
                       : cli_fail(c, EXIT_USAGE, "usage",
                                  "which one? `capos sessions --remote` has their ids");

        if (!r)
                r = other_find(c, remote_session_account_sessions_sessions(list), begin, &id);
        if (r)
                return r;

        q = owner_end(c, id);
        if (cli_wait(c, q, CLI_ANSWER_MS))
                return owner_fail(c, q);
        if (c->json)
                return cli_print_json(c, json_pack("{s:b,s:s}", "done", 1, "session", id));
        printf("The session has ended.\n");
        return EXIT_OK;
}
