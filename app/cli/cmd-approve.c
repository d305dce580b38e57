/*
 * `capos approve`: a person decides about calls that models wait for, in a terminal, on a path that
 * no client of a model's is on. `capos mcp revoke` takes back what was approved there or anywhere.
 *
 * What is shown is exactly what would be called. It is a model's and a service's text, so it stands
 * behind a margin, with whatever steers or hides spelled out; nothing of it can stand where our
 * own words do. An answer is a word on a terminal, and nothing is a yes but a yes.
 */
#include "agent_desk.capnp-c.h"
#include "runtime.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOOK_US = 500 * 1000, WORD_BYTES = 32 };

/* One process of `capos mcp`. */
struct desk {
        struct cli *c;
        capnp_vat *vat;
        capnp_conn *conn;
        capnp_cap *root;
        pid_t pid;
};

static void desk_close(struct desk *d)
{
        capnp_cap_unref(d->root);
        capnp_conn_unref(d->conn);
        capnp_vat_free(d->vat);
        *d = (struct desk){.c = d->c};
}

/* false: nobody is there any more. */
static bool desk_open(struct desk *d, const char *path)
{
        int fd, r;

        if (runtime_connect(path, RUNTIME_AGENT, &fd, &d->pid))
                return false;
        r = capnp_vat_new(&d->vat);
        if (!r)
                r = capnp_conn_new(d->vat, fd, &runtime_limits, NULL, &d->conn);
        if (!r)
                r = capnp_rpc_bootstrap(capnp_conn_rpc(d->conn), &d->root);
        if (r)
                desk_close(d);
        return !r;
}

static agent_desk_client desk_of(const struct desk *d)
{
        return (agent_desk_client){d->root};
}

/* ---- showing --------------------------------------------------------------------------------- */

static void call_print(const struct desk *d, capnp_question *q, desk_call_reader k)
{
        const char *client = agent_desk_waiting_client(q).p;
        capnp_text question = desk_call_question(k);
        const char *at = question.p;

        printf("Number %u, waiting for %" PRIu64 " s, of ", desk_call_number(k),
               desk_call_waits_ms(k) / 1000);
        cli_print_safe(*client ? client : "a client that does not say its name");
        printf(" (process %d):\n", (int)d->pid);
        while (*at) {
                size_t len = strcspn(at, "\n");

                cli_print_more(stdout, "  | ", "  | ", at, len, cli_columns(stdout));
                at += len + (at[len] == '\n');
        }
}

static void call_print_json(const struct desk *d, capnp_question *q, desk_call_reader k)
{
        (void)cli_print_json(d->c,
                             json_pack("{s:i,s:I,s:o,s:o,s:o,s:o}", "process", (int)d->pid,
                                       "number", (json_int_t)desk_call_number(k), "client",
                                       cli_json_text(agent_desk_waiting_client(q).p), "session",
                                       cli_json_text(agent_desk_waiting_session(q).p), "tool",
                                       cli_json_text(desk_call_tool(k).p), "question",
                                       cli_json_text(desk_call_question(k).p)));
}

/* ---- asking ---------------------------------------------------------------------------------- */

static const struct {
        const char *word, *letter;
        enum desk_answer answer;
} words[] = {{"once", "o", DESK_ANSWER_ONCE},
             {"10", "1", DESK_ANSWER_MINUTES},
             {"session", "s", DESK_ANSWER_SESSION},
             {"no", "n", DESK_ANSWER_NO}};

/* What was typed. false: nothing that decides. */
static bool answer_read(enum desk_answer *ret)
{
        char line[WORD_BYTES];

        printf("Allow it? once, for 10 minutes (10) or until the session ends (session) the tool "
               "with any arguments, no; nothing decides later: ");
        (void)fflush(stdout);
        if (!fgets(line, sizeof(line), stdin))
                return false;
        line[strcspn(line, "\n")] = 0;
        for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
                if (!strcmp(line, words[i].word) || !strcmp(line, words[i].letter)) {
                        *ret = words[i].answer;
                        return true;
                }
        return false;
}

static int call_decide(const struct desk *d, uint32_t number, enum desk_answer a)
{
        CAPNP_AUTO(capnp_question_freep)
        capnp_question *q = agent_desk_decide(desk_of(d));
        int r;

        agent_desk_decide_set_number(q, number);
        agent_desk_decide_set_answer(q, a);
        r = capnp_question_wait(q);
        if (r)
                return cli_fail(d->c, EXIT_FAILED, "approve", "number %u does not wait any more",
                                number);
        printf(a == DESK_ANSWER_NO ? "Refused.\n" : "Approved.\n");
        return EXIT_OK;
}

/* One process: what waits there is shown, and asked about. *ret_n: how many there were. An exit
 * code. */
static int desk_ask(const struct desk *d, bool asks, unsigned *ret_n)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = agent_desk_waiting(desk_of(d));
        desk_call_list l;
        enum desk_answer a;
        int r = capnp_question_wait(q);

        if (r)
                return EXIT_OK; /* it has just ended */
        l = agent_desk_waiting_calls(q);
        for (uint32_t i = 0; i < desk_call_list_len(l) && !r; i++, ++*ret_n) {
                desk_call_reader k = desk_call_list_get(l, i);

                if (d->c->json)
                        call_print_json(d, q, k);
                else
                        call_print(d, q, k);
                if (asks && answer_read(&a))
                        r = call_decide(d, desk_call_number(k), a);
        }
        return r;
}

/* All processes, once. */
static int approve_all(struct cli *c, bool asks, unsigned *ret_n)
{
        struct runtime_desks all;
        int r = runtime_desks(c, &all);

        for (unsigned i = 0; i < all.n && !r; i++) {
                struct desk d = {.c = c};

                if (!desk_open(&d, all.path[i]))
                        continue;
                r = desk_ask(&d, asks, ret_n);
                desk_close(&d);
        }
        return r;
}

int cmd_approve(struct cli *c)
{
        bool asks = !c->json && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
        unsigned n = 0;
        int r = approve_all(c, asks, &n);

        if (!n && !r && !c->json && !c->watch)
                printf("Nothing waits.\n");
        while (c->watch && !r && asks && !feof(stdin)) {
                (void)usleep(LOOK_US);
                r = approve_all(c, asks, &n);
        }
        return cli_finish(c, r);
}

/* ---- taking back ----------------------------------------------------------------------------- */

int cmd_mcp_revoke(struct cli *c)
{
        struct runtime_desks all;
        unsigned ended = 0, calls = 0, asked = 0;
        int r = runtime_desks(c, &all);

        for (unsigned i = 0; i < all.n && !r; i++) {
                struct desk d = {.c = c};
                capnp_question *q;

                if (!desk_open(&d, all.path[i]))
                        continue;
                q = agent_desk_revoke(desk_of(&d));
                agent_desk_revoke_set_tools(q, c->nwords ? c->words[0] : "*");
                if (!capnp_question_wait(q)) {
                        ended += agent_desk_revoke_ended(q);
                        calls += agent_desk_revoke_calls(q);
                        asked++;
                }
                capnp_question_free(q);
                desk_close(&d);
        }
        if (r)
                return r;
        if (c->json)
                return cli_print_json(c, json_pack("{s:i,s:i,s:i}", "processes", (int)asked,
                                                   "ended", (int)ended, "calls", (int)calls));
        printf("%u %s taken back, %u %s ended.\n", ended,
               ended == 1 ? "approval is" : "approvals are", calls,
               calls == 1 ? "call is" : "calls are");
        return EXIT_OK;
}
