/*
 * The desk: `capos approve` and `capos mcp revoke` speak to it. Whoever can connect decides for the
 * user, so the socket is in his own folder, and the kernel is asked whose process the other one is.
 *
 * A model's host has no business here. But a program of the same user could come here as `capos
 * approve` does; that is what doc/agents.md says about hosts that give a model a shell.
 */
#include "mcp-desk.h"

#include "agent_desk.capnp-c.h"
#include "mcp-call.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static int desk_waiting(void *self, capnp_answer *a)
{
        struct mcp_desk *d = self;
        uint64_t now_ms = mcp_now_ms();
        unsigned n = 0;
        desk_call_list_builder l;

        for (unsigned i = 0; i < MCP_WAITING; i++)
                n += d->m->gate.waiting[i].number && !d->m->gate.waiting[i].refused;
        agent_desk_waiting_results_set_client(a, d->m->log.client);
        agent_desk_waiting_results_set_session(a, d->m->log.session);
        l = agent_desk_waiting_results_init_calls(a, n);
        n = 0;
        for (unsigned i = 0; i < MCP_WAITING; i++) {
                const struct mcp_waiting *w = &d->m->gate.waiting[i];
                desk_call_builder c;

                if (!w->number || w->refused)
                        continue;
                c = desk_call_list_builder_get(l, n++);
                desk_call_set_number(c, w->number);
                desk_call_set_tool(c, w->tool);
                desk_call_set_question(c, w->question ? w->question : "");
                desk_call_set_waits_ms(c, now_ms - w->since_ms);
        }
        return capnp_answer_return(a);
}

static int desk_decide(void *self, capnp_answer *a)
{
        static const enum mcp_answer answers[] = {[DESK_ANSWER_NO] = MCP_NO,
                                                  [DESK_ANSWER_ONCE] = MCP_ONCE,
                                                  [DESK_ANSWER_MINUTES] = MCP_MINUTES,
                                                  [DESK_ANSWER_SESSION] = MCP_SESSION};
        struct mcp_desk *d = self;
        uint32_t number = agent_desk_decide_param_number(a);
        unsigned answer = agent_desk_decide_param_answer(a);
        const char *by = agent_desk_decide_param_place(a) == DESK_PLACE_PAGE ? "page" : "terminal";
        const struct mcp_waiting *w = mcp_gate_waiting(&d->m->gate, number);
        char tool[MCP_TOOL_NAME] = "";

        if (answer >= sizeof(answers) / sizeof(answers[0]))
                answer = DESK_ANSWER_NO;
        if (w)
                (void)snprintf(tool, sizeof(tool), "%s", w->tool);
        if (!mcp_gate_answer(&d->m->gate, number, answers[answer], by, mcp_now_ms()))
                return capnp_answer_fail(a, CAPNP_FAILED, "that does not wait any more");
        mcp_note(d->m, "decided", NULL, tool, by,
                 answer == DESK_ANSWER_NO ? "refused.person" : NULL);
        mcp_calls_answered(d->m, number,
                           answer == DESK_ANSWER_MINUTES || answer == DESK_ANSWER_SESSION ? tool
                                                                                          : NULL);
        return capnp_answer_return(a);
}

static int desk_approvals(void *self, capnp_answer *a)
{
        struct mcp_desk *d = self;
        uint64_t now_ms = mcp_now_ms();
        desk_approval_list_builder l;
        unsigned n = 0;

        mcp_grants_expire(&d->m->gate.grants, now_ms);
        for (unsigned i = 0; i < MCP_GRANTS; i++)
                n += d->m->gate.grants.all[i].number != 0;
        l = agent_desk_approvals_results_init_approvals(a, n);
        n = 0;
        for (unsigned i = 0; i < MCP_GRANTS; i++) {
                const struct mcp_grant *g = &d->m->gate.grants.all[i];
                desk_approval_builder b;

                if (!g->number)
                        continue;
                b = desk_approval_list_builder_get(l, n++);
                desk_approval_set_tool(b, g->tool);
                desk_approval_set_calls_left(b, g->left);
                desk_approval_set_left_ms(b, g->until_ms ? g->until_ms - now_ms : 0);
                desk_approval_set_exact(b, g->is_exact);
                desk_approval_set_by(b, g->by);
        }
        return capnp_answer_return(a);
}

static int desk_revoke(void *self, capnp_answer *a)
{
        struct mcp_desk *d = self;
        char tools[MCP_TOOL_NAME + 1];
        unsigned n;

        (void)snprintf(tools, sizeof(tools), "%s", agent_desk_revoke_param_tools(a).p);
        n = mcp_grants_end(&d->m->gate.grants, tools);
        mcp_note(d->m, "revoked", NULL, tools, "terminal", NULL);
        agent_desk_revoke_results_set_calls(a, mcp_calls_revoked(d->m, tools));
        agent_desk_revoke_results_set_ended(a, n);
        return capnp_answer_return(a);
}

static const struct agent_desk_ops desk_ops = {.waiting = desk_waiting,
                                               .decide = desk_decide,
                                               .approvals = desk_approvals,
                                               .revoke = desk_revoke};

/* ---- callers --------------------------------------------------------------------------------- */

static void desk_on_gone(capnp_conn *conn, void *arg)
{
        (void)arg;
        capnp_conn_unref(conn);
}

static void desk_on_caller(void *self, int fd)
{
        static const struct capnp_limits limits = {.wipe = true}; /* parameters are shown there */
        struct mcp_desk *d = self;
        struct ucred u;
        socklen_t len = sizeof(u);
        capnp_conn *conn;

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &u, &len) < 0 || u.uid != geteuid()) {
                (void)close(fd);
                return;
        }
        if (!capnp_conn_new(d->m->vat, fd, &limits, d->root, &conn))
                capnp_conn_on_close(conn, desk_on_gone, d);
}

int mcp_desk_begin(struct mcp_desk *d, struct mcp *m, const char *path)
{
        static const struct capnp_listener_ops ops = {.accept = desk_on_caller};
        char address[sizeof(d->path) + 8];
        mode_t mask;
        int r;

        if (strlen(path) >= sizeof(d->path))
                return -ENAMETOOLONG;
        *d = (struct mcp_desk){.m = m};
        (void)snprintf(d->path, sizeof(d->path), "%s", path);
        (void)snprintf(address, sizeof(address), "unix:%s", path);
        r = agent_desk_serve(m->vat, &desk_ops, d, &d->root);
        if (r)
                return r;
        (void)unlink(path); /* its number is ours now: nobody else can listen there */
        mask = umask(0177);
        r = capnp_listener_new(m->vat, address, &ops, d, &d->listener);
        (void)umask(mask);
        return r;
}

void mcp_desk_end(struct mcp_desk *d)
{
        if (d->listener)
                (void)unlink(d->path);
        d->listener = capnp_listener_free(d->listener);
        d->root = capnp_cap_unref(d->root);
}
