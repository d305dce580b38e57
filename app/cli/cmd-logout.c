/*
 * Ending sessions: that of a login, another one of its account, or all there are.
 *
 * A login is an agent's, and ends there. With --all its account's other sessions end first, at the
 * instance, while there is a session to ask by; some of those may be logins of this machine, too.
 */
#include "agent.capnp-c.h"
#include "owner.h"
#include "runtime.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

/* Of all logins so far. */
struct ended {
        unsigned logins;
        uint32_t others; /* sessions that are no logins here, too */
        int worst;       /* exit code */
};

/* Ends the session of the agent that is connected. 0, or why not: c->late, or q. */
static int agent_logout(struct cli *c, capnp_question **ret_q)
{
        int r;

        *ret_q = session_agent_logout((session_agent_client){c->remote});
        r = cli_wait(c, *ret_q, CLI_ANSWER_MS);
        /* A session that is gone already is what was wanted. */
        return !c->late && (r == CAPNP_E_DISCONNECTED || r == CAPNP_E_EXCEPTION) ? 0 : r;
}

/* Its account's other sessions, and it. What of this fails is said, and the rest happens. */
static int login_end(struct cli *c, struct ended *n)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        uint32_t others = 0;
        bool over = false;
        int r = cli_session_of_agent(c);

        if (r)
                return cli_fail_code(c, r, "logout");
        r = owner_end_others(c, &others, &over);
        n->others += others;
        /* It was one of the others of a login before. */
        if (over && n->others)
                n->others--;
        if (c->late)
                return r;
        if (agent_logout(c, &q))
                return cli_fail_question(c, q, "logout");
        n->logins++;
        if (r)
                (void)fprintf(stderr,
                              "capos: this login has ended all the same; after the next one "
                              "`capos logout --all` ends the others\n");
        return r;
}

/* One login of several; those that don't answer are named, and the others end all the same. */
static void logout_add(struct cli *c, const char *alias, struct ended *n)
{
        int r = cli_open_agent(c, alias);

        if (!r)
                r = login_end(c, n);
        else if (r == -EAGAIN)
                r = cli_fail_late(c, alias);
        else
                r = EXIT_OK; /* its agent is no more */
        n->worst = r ? r : n->worst;
        cli_close(c);
}

static int logout_say(struct cli *c, const struct ended *n)
{
        if (n->worst)
                return n->worst;
        if (c->json)
                return cli_print_json(c, json_pack("{s:b,s:i,s:I}", "loggedOut", n->logins > 0,
                                                   "sessions", (int)n->logins, "others",
                                                   (json_int_t)n->others));
        printf("%u %s ended", n->logins, n->logins == 1 ? "login has" : "logins have");
        if (n->others)
                printf(", and %" PRIu32 " other %s elsewhere", n->others,
                       n->others == 1 ? "session" : "sessions");
        printf(".\n");
        return EXIT_OK;
}

/* Every login there is, or the one that was named. */
static int logout_all(struct cli *c)
{
        struct ended n = {.logins = 0};
        struct runtime_aliases names;
        int r;

        if (c->session) {
                r = cli_open_session(c);
                c->client = capos_client_free(c->client);
                if (!r)
                        n.worst = login_end(c, &n);
                return r ? r : logout_say(c, &n);
        }

        r = runtime_list(c, &names);
        for (unsigned i = 0; !r && i < names.n; i++)
                logout_add(c, names.name[i], &n);
        return r ? r : logout_say(c, &n);
}

int cmd_logout(struct cli *c)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        int r;

        if (c->all && c->other)
                return cli_fail(c, EXIT_USAGE, "usage", "--all, or --other ID: not both");
        if (c->other)
                return owner_end_other(c, c->other);
        if (c->all)
                return logout_all(c);

        r = cli_open_session(c);
        if (r)
                return r;
        if (agent_logout(c, &q))
                return cli_fail_question(c, q, "logout");
        if (c->json)
                return cli_print_json(c, json_pack("{s:b}", "loggedOut", 1));
        printf("Logged out.\n");
        return EXIT_OK;
}
