/*
 * A service that means harm: it begins as a good one, and does what its arguments say when somebody
 * asks for its message.
 *
 *     hostile-service --call NR A1 … A6      a system call; the message is its result
 *     hostile-service --act NAME             something of its own, below
 */
#include <capos/kit.h>

#include "hijack.h"
#include "system_info.capnp-c.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon-packets.h"

enum { LINK_FD = 3, KILLS = 200, LARGE = 2 * 1024 * 1024 };

struct hostile {
        uint64_t words[7];
        const char *act; /* NULL: the call */
        capnp_cap *object;
};

static int act_forge(capnp_answer *a)
{
        return capnp_answer_fail(a, CAPNP_FAILED, "denied.stale-session: forged");
}

static int act_babble(capnp_answer *a)
{
        char text[4096];

        memset(text, 'x', sizeof(text));
        text[sizeof(text) - 1] = 0;
        text[0] = '\x1b';
        return capnp_answer_fail(a, CAPNP_FAILED, "%s", text);
}

static int act_large(capnp_answer *a)
{
        char *text = malloc(LARGE);

        if (!text)
                return -ENOMEM;

        memset(text, 'x', LARGE);
        text[LARGE - 1] = 0;
        system_info_motd_results_set_text(a, text);
        free(text);
        return capnp_answer_return(a);
}

/* To caposd, which takes two types from a service, and these are not among them. */
static int act_packets(capnp_answer *a)
{
        for (unsigned i = 0; i < KILLS; i++) {
                const struct packet p = {.type = i % 2 ? PACKET_KILL : PACKET_PROVE, .event = i};

                if (send(LINK_FD, &p, sizeof(p), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
                        break;
        }
        system_info_motd_results_set_text(a, "sent");
        return capnp_answer_return(a);
}

static int act_end(capnp_answer *a)
{
        (void)a;
        _exit(7);
}

static int act_hang(capnp_answer *a)
{
        return capnp_answer_keep(a, NULL, NULL);
}

static const struct {
        const char *name;
        int (*act)(capnp_answer *a);
} acts[] = {
        {"forge", act_forge},     {"babble", act_babble}, {"large", act_large},
        {"packets", act_packets}, {"end", act_end},       {"hang", act_hang},
};

static int hostile_motd(void *self, capnp_answer *a)
{
        const struct hostile *h = self;
        char text[32];

        for (unsigned i = 0; h->act && i < sizeof(acts) / sizeof(*acts); i++)
                if (!strcmp(acts[i].name, h->act))
                        return acts[i].act(a);

        snprintf(text, sizeof(text), "%lld", (long long)hijack_call(h->words));
        system_info_motd_results_set_text(a, text);
        return capnp_answer_return(a);
}

static const struct system_info_ops hostile_ops = {.motd = hostile_motd};

static int hostile_open(void *self, struct kit_caller *c, const char *facet, capnp_cap **ret)
{
        const struct hostile *h = self;

        (void)c;
        (void)facet;
        *ret = capnp_cap_ref(h->object);
        return 0;
}

/* A word: a number, or text that is pointed to. */
static uint64_t word_of(const char *s)
{
        char *end;
        uint64_t n = strtoull(s, &end, 0);

        return *end ? (uint64_t)(uintptr_t)s : n;
}

static int hostile_start(const struct kit_start *start, void **ret)
{
        static struct hostile h;
        int r;

        if (start->argc > 2 && !strcmp(start->argv[1], "--act"))
                h.act = start->argv[2];
        for (int i = 2; !h.act && i < start->argc && i < 9; i++)
                h.words[i - 2] = word_of(start->argv[i]);
        r = system_info_serve(start->vat, &hostile_ops, &h, &h.object);
        *ret = &h;
        return r;
}

static void hostile_stop(void *self)
{
        struct hostile *h = self;

        h->object = capnp_cap_unref(h->object);
}

int main(int argc, char **argv)
{
        static const struct kit_service service = {.name = "hostile",
                                                   .schema = &system_info_capnp_schema,
                                                   .start = hostile_start,
                                                   .open = hostile_open,
                                                   .stop = hostile_stop};

        return kit_run(&service, argc, argv);
}
