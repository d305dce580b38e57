/*
 * Calls of the user's own agents that wait for a person (`capos web --approve`). Each process of
 * `capos mcp` has a socket in a folder that is the user's alone; this goes there as `capos approve`
 * does, asks twice a second what waits, and says it to all tabs whenever it is another. What was
 * shown is what is decided: a process counts what waits with it, and a desk is counted here, so no
 * two of them ever have the same two numbers.
 *
 * What a model and a service have written comes with all escaped that steers, turns over or hides
 * (mcp-text.h), and is text on the page.
 */
#include "agents.h"

#include "agent_desk.capnp-c.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
        DESKS = 16,
        ASKS = 32,    /* that are shown, of all desks */
        DECIDING = 8, /* answers under way */
        PATH = 104,   /* of a socket */
};

static const char GONE[] = "bridge.gone";

struct desk {
        struct agents *all;
        uint32_t number; /* 0: this place is free */
        char name[PATH];
        capnp_conn *conn; /* NULL: it has ended */
        capnp_cap *root;
        capnp_question *asked; /* what waits there now; NULL: nobody asks */
        capnp_question *told;  /* what waited when it was asked last; NULL: nothing */
        uint64_t told_ms;      /* and when that was */
};

/* An answer that is under way. */
struct deciding {
        struct agents *all;
        struct asker a;
        capnp_question *q; /* NULL: this place is free */
};

struct agents {
        struct bridge *b;
        struct desk desks[DESKS];
        uint32_t last;
        struct deciding deciding[DECIDING];
        uint64_t shown[ASKS]; /* what tabs know: desk and number */
        unsigned nshown;
};

/* ---- telling --------------------------------------------------------------------------------- */

static void ask_write(web_down_ask_builder w, const struct desk *d, desk_call_reader c)
{
        web_down_ask_set_desk(w, d->number);
        web_down_ask_set_number(w, desk_call_number(c));
        web_down_ask_set_client(w, agent_desk_waiting_client(d->told).p);
        web_down_ask_set_tool(w, desk_call_tool(c).p);
        web_down_ask_set_question(w, desk_call_question(c).p);
        web_down_ask_set_since_ms(w, d->told_ms - desk_call_waits_ms(c));
}

static desk_call_list desk_calls(const struct desk *d)
{
        return d->told ? agent_desk_waiting_calls(d->told) : (desk_call_list){0};
}

/* What waits now: desk and number of each. */
static unsigned agents_list(const struct agents *all, uint64_t ret[static ASKS])
{
        unsigned n = 0;

        for (unsigned i = 0; i < DESKS; i++)
                for (uint32_t k = 0; k < desk_call_list_len(desk_calls(&all->desks[i])); k++)
                        if (n < ASKS)
                                ret[n++] = (uint64_t)all->desks[i].number << 32 |
                                           desk_call_number(desk_call_list_get(
                                                   desk_calls(&all->desks[i]), k));
        return n;
}

void agents_tell(struct bridge *b, const struct bridge_tab *t)
{
        struct agents *all = b->agents;
        web_down_ask_list_builder l;
        struct down d;
        unsigned n = 0;

        if (!b->o->agents)
                return;
        d = down_new(0);
        if (d.m) {
                l = web_down_init_asks(d.d, all->nshown);
                for (unsigned i = 0; i < DESKS; i++)
                        for (uint32_t k = 0;
                             k < desk_call_list_len(desk_calls(&all->desks[i])) && n < all->nshown;
                             k++)
                                ask_write(web_down_ask_list_builder_get(l, n++), &all->desks[i],
                                          desk_call_list_get(desk_calls(&all->desks[i]), k));
        }
        down_tell(b, t, &d);
}

/* Something may be another: if so, all tabs are told. */
static void agents_changed(struct agents *all)
{
        uint64_t now[ASKS];
        unsigned n = agents_list(all, now);

        if (n == all->nshown && !memcmp(now, all->shown, n * sizeof(now[0])))
                return;
        memcpy(all->shown, now, n * sizeof(now[0]));
        all->nshown = n;
        agents_tell(all->b, NULL);
}

/* ---- desks ----------------------------------------------------------------------------------- */

static void desk_free(struct desk *d)
{
        d->asked = capnp_question_free(d->asked);
        d->told = capnp_question_free(d->told);
        d->root = capnp_cap_unref(d->root);
        if (d->conn) {
                capnp_conn_on_close(d->conn, NULL, NULL);
                capnp_conn_close(d->conn, (capnp_exception){CAPNP_DISCONNECTED, "no more"});
        }
        d->conn = capnp_conn_unref(d->conn);
        *d = (struct desk){.all = d->all};
}

static void desk_on_gone(capnp_conn *conn, void *arg)
{
        struct desk *d = arg;
        struct agents *all = d->all;

        d->conn = capnp_conn_unref(conn);
        desk_free(d);
        agents_changed(all);
}

static void desk_on_waiting(capnp_question *q, int r, void *arg)
{
        struct desk *d = arg;

        d->asked = NULL;
        if (r) {
                capnp_question_free(q); /* its connection says the rest */
                return;
        }
        capnp_question_free(d->told);
        d->told = q;
        d->told_ms = bridge_time_ms();
        agents_changed(d->all);
}

static bool peer_is_us(int fd)
{
        struct ucred u;
        socklen_t len = sizeof(u);

        return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &u, &len) && u.uid == geteuid();
}

static void desk_open(struct desk *d, const char *name)
{
        struct agents *all = d->all;
        char address[PATH + 8];
        int n = snprintf(address, sizeof(address), "unix:%s/%s", all->b->o->agents, name), r;

        if (n < 0 || (size_t)n >= sizeof(address) || strlen(name) >= sizeof(d->name))
                return;
        r = capnp_conn_connect_checked(all->b->vat, address, NULL, peer_is_us, &d->conn);
        if (!r)
                r = capnp_rpc_bootstrap(capnp_conn_rpc(d->conn), &d->root);
        if (r) {
                desk_free(d);
                return;
        }
        d->number = ++all->last;
        (void)snprintf(d->name, sizeof(d->name), "%s", name);
        capnp_conn_on_close(d->conn, desk_on_gone, d);
}

static bool desk_is_known(const struct agents *all, const char *name)
{
        for (unsigned i = 0; i < DESKS; i++)
                if (all->desks[i].number && !strcmp(all->desks[i].name, name))
                        return true;
        return false;
}

static struct desk *desk_room(struct agents *all)
{
        for (unsigned i = 0; i < DESKS; i++)
                if (!all->desks[i].number)
                        return &all->desks[i];
        return NULL;
}

void agents_look(struct bridge *b)
{
        struct agents *all = b->agents;
        DIR *folder = b->o->agents && bridge_tabs(b) ? opendir(b->o->agents) : NULL;
        struct dirent *e;
        struct desk *room;

        while (folder && (e = readdir(folder)) && (room = desk_room(all)))
                if (e->d_name[0] != '.' && !desk_is_known(all, e->d_name))
                        desk_open(room, e->d_name);
        for (unsigned i = 0; folder && i < DESKS; i++) {
                struct desk *d = &all->desks[i];

                if (!d->number || d->asked)
                        continue;
                d->asked = agent_desk_waiting((agent_desk_client){d->root});
                capnp_question_send(d->asked, desk_on_waiting, d);
        }
        if (folder)
                (void)closedir(folder);
}

/* ---- deciding -------------------------------------------------------------------------------- */

/* Nothing is a yes but a yes. */
static enum desk_answer answer_of(enum web_up_decide_answer a)
{
        switch (a) {
        case WEB_UP_DECIDE_ANSWER_ONCE:
                return DESK_ANSWER_ONCE;
        case WEB_UP_DECIDE_ANSWER_MINUTES:
                return DESK_ANSWER_MINUTES;
        case WEB_UP_DECIDE_ANSWER_SESSION:
                return DESK_ANSWER_SESSION;
        case WEB_UP_DECIDE_ANSWER_NO:
                break;
        }
        return DESK_ANSWER_NO;
}

static void decide_on_answer(capnp_question *q, int r, void *arg)
{
        struct deciding *d = arg;
        struct bridge *b = d->all->b;

        d->q = NULL;
        if (r)
                bridge_fail(b, d->a, GONE, "that does not wait any more");
        else
                bridge_done(b, d->a);
        capnp_question_free(q);
        agents_look(b);
}

static struct deciding *deciding_room(struct agents *all)
{
        for (unsigned i = 0; i < DECIDING; i++)
                if (!all->deciding[i].q)
                        return &all->deciding[i];
        return NULL;
}

static const struct desk *desk_find(const struct agents *all, uint32_t number)
{
        for (unsigned i = 0; number && i < DESKS; i++)
                if (all->desks[i].number == number)
                        return &all->desks[i];
        return NULL;
}

void agents_decide(struct bridge *b, struct asker a, web_up_decide_reader r)
{
        const struct desk *at = desk_find(b->agents, web_up_decide_desk(r));
        struct deciding *d = deciding_room(b->agents);
        capnp_question *q;

        if (!at) {
                bridge_fail(b, a, GONE, "that does not wait any more");
                return;
        }
        if (!d) {
                bridge_fail(b, a, "bridge.busy", "too much is under way");
                return;
        }
        q = agent_desk_decide((agent_desk_client){at->root});
        agent_desk_decide_set_number(q, web_up_decide_number(r));
        agent_desk_decide_set_answer(q, answer_of(web_up_decide_answer(r)));
        agent_desk_decide_set_place(q, DESK_PLACE_PAGE);
        *d = (struct deciding){b->agents, a, q};
        capnp_question_send(q, decide_on_answer, d);
}

/* ---- life ------------------------------------------------------------------------------------ */

int agents_new(struct bridge *b)
{
        b->agents = calloc(1, sizeof(*b->agents));
        if (!b->agents)
                return -ENOMEM;
        b->agents->b = b;
        for (unsigned i = 0; i < DESKS; i++)
                b->agents->desks[i].all = b->agents;
        return 0;
}

void agents_free(struct bridge *b)
{
        struct agents *all = b->agents;

        for (unsigned i = 0; all && i < DECIDING; i++)
                capnp_question_free(all->deciding[i].q);
        for (unsigned i = 0; all && i < DESKS; i++)
                desk_free(&all->desks[i]);
        free(all);
        b->agents = NULL;
}
