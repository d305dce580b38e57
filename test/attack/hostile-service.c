/*
 * A service that means harm: it begins as a good one, and does what its arguments say when somebody
 * asks for its message.
 *
 *     hostile-service --call NR A1 … A6      a system call; the message is its result
 *     hostile-service --act NAME FIELDS      something of its own, below
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

enum { LINK_FD = 3, KILLS = 200, LARGE = 2 * 1024 * 1024, NAGS = 2000 };

struct hostile {
        struct kit *kit;
        uint64_t words[7];
        const char *act; /* NULL: the call */
        capnp_cap *object;
        struct kit_caller *caller; /* the last that came; NULL: it has gone */
        unsigned asked;            /* by act_nag(), act_grasp() */
        capnp_answer *answer;      /* … for this */
};

static int act_forge(struct hostile *h, capnp_answer *a)
{
        (void)h;
        return capnp_answer_fail(a, CAPNP_FAILED, "denied.stale-session: forged");
}

static int act_babble(struct hostile *h, capnp_answer *a)
{
        char text[4096];

        (void)h;
        memset(text, 'x', sizeof(text));
        text[sizeof(text) - 1] = 0;
        text[0] = '\x1b';
        return capnp_answer_fail(a, CAPNP_FAILED, "%s", text);
}

static int act_large(struct hostile *h, capnp_answer *a)
{
        char *text = malloc(LARGE);

        (void)h;
        if (!text)
                return -ENOMEM;

        memset(text, 'x', LARGE);
        text[LARGE - 1] = 0;
        system_info_motd_results_set_text(a, text);
        free(text);
        return capnp_answer_return(a);
}

/* To caposd, which takes two types from a service, and these are not among them. */
static int act_packets(struct hostile *h, capnp_answer *a)
{
        (void)h;
        for (unsigned i = 0; i < KILLS; i++) {
                const struct packet p = {.type = i % 2 ? PACKET_KILL : PACKET_PROVE, .event = i};

                if (send(LINK_FD, &p, sizeof(p), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
                        break;
        }
        system_info_motd_results_set_text(a, "sent");
        return capnp_answer_return(a);
}

static int act_end(struct hostile *h, capnp_answer *a)
{
        (void)h;
        (void)a;
        _exit(7);
}

static int act_hang(struct hostile *h, capnp_answer *a)
{
        (void)h;
        return capnp_answer_keep(a, NULL, NULL);
}

/* ---- about its callers ---------------------------------------------------------------------- */

static void hex(char **at, const uint8_t *p, size_t n)
{
        for (; n--; p++)
                *at += snprintf(*at, 3, "%02x", *p);
        *at += snprintf(*at, 2, " ");
}

/* What came along with the caller: two services are to have nothing in common. */
static int act_names(struct hostile *h, capnp_answer *a)
{
        char text[4 * KIT_REFERENCE_BYTES + 3], *at = text;

        hex(&at, h->caller->reference, KIT_REFERENCE_BYTES);
        hex(&at, h->caller->pseudonym, KIT_REFERENCE_BYTES);
        system_info_motd_results_set_text(a, text);
        return capnp_answer_return(a);
}

static void told(void *arg, int r, const struct kit_facts *f)
{
        char text[512] = "refused";

        if (!r)
                (void)snprintf(text, sizeof(text), "%s|%s|%s|%s|%d", f->account, f->profile,
                               f->method, f->source, f->has_pseudonym);
        system_info_motd_results_set_text(arg, text);
        (void)capnp_answer_return(arg);
}

static int ask(struct hostile *h, capnp_answer *a)
{
        int r = kit_disclose(h->caller, (unsigned)h->words[0], told, a);

        return r ? r : capnp_answer_keep(a, NULL, NULL);
}

static int act_ask(struct hostile *h, capnp_answer *a)
{
        return ask(h, a);
}

/* Of somebody whose reference it has made up. */
static int act_guess(struct hostile *h, capnp_answer *a)
{
        h->caller->reference[0] ^= 1;
        return ask(h, a);
}

static void nag(struct hostile *h);

static void nag_told(void *arg, int r, const struct kit_facts *f)
{
        (void)r, (void)f;
        nag(arg);
}

static void nag(struct hostile *h)
{
        if (h->asked++ < NAGS &&
            !kit_disclose(h->caller, (unsigned)(h->words[0] << h->asked % 2), nag_told, h))
                return;
        system_info_motd_results_set_text(h->answer, "asked");
        (void)capnp_answer_return(h->answer);
}

/* Again and again, what it may not know. */
static int act_nag(struct hostile *h, capnp_answer *a)
{
        h->answer = a;
        h->asked = 0;
        nag(h);
        return capnp_answer_keep(a, NULL, NULL);
}

/* ---- about other services ------------------------------------------------------------------- */

static int grasp(struct hostile *h);

static void grasp_done(capnp_question *q, int r, void *arg)
{
        struct hostile *h = arg;

        if (!r || ++h->asked >= h->words[0] || grasp(h)) {
                system_info_motd_results_set_text(h->answer,
                                                  r ? capnp_question_exception(q).reason : "held");
                (void)capnp_answer_return(h->answer);
        }
        capnp_question_free(q);
}

/* Of those that it does not hold: each time of another one, of which one is there. */
static int grasp(struct hostile *h)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *c = NULL;
        char name[24] = "system_info";
        int r;

        if (h->asked)
                (void)snprintf(name, sizeof(name), "other-%u", h->asked);
        r = kit_get(h->kit, name, SYSTEM_INFO_ID, &c);

        if (!r)
                capnp_question_send(system_info_motd((system_info_client){c}), grasp_done, h);
        return r;
}

/* Again and again. */
static int act_grasp(struct hostile *h, capnp_answer *a)
{
        h->answer = a;
        h->asked = 0;
        if (grasp(h))
                return capnp_answer_fail(a, CAPNP_OVERLOADED, "no memory");
        return capnp_answer_keep(a, NULL, NULL);
}

static const struct {
        const char *name;
        int (*act)(struct hostile *h, capnp_answer *a);
} acts[] = {
        {"forge", act_forge},     {"babble", act_babble}, {"large", act_large},
        {"packets", act_packets}, {"end", act_end},       {"hang", act_hang},
        {"names", act_names},     {"ask", act_ask},       {"guess", act_guess},
        {"nag", act_nag},         {"grasp", act_grasp},
};

static int hostile_motd(void *self, capnp_answer *a)
{
        struct hostile *h = self;
        char text[32];

        for (unsigned i = 0; h->act && i < sizeof(acts) / sizeof(*acts); i++)
                if (!strcmp(acts[i].name, h->act))
                        return acts[i].act(h, a);

        snprintf(text, sizeof(text), "%lld", (long long)hijack_call(h->words));
        system_info_motd_results_set_text(a, text);
        return capnp_answer_return(a);
}

static const struct system_info_ops hostile_ops = {.motd = hostile_motd};

static int hostile_open(void *self, struct kit_caller *c, const char *facet, capnp_cap **ret)
{
        struct hostile *h = self;

        (void)facet;
        h->caller = c;
        *ret = capnp_cap_ref(h->object);
        return 0;
}

static void hostile_closed(void *self, struct kit_caller *c)
{
        struct hostile *h = self;

        if (h->caller == c)
                h->caller = NULL;
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

        h.kit = start->kit;
        if (start->argc > 2 && !strcmp(start->argv[1], "--act"))
                h.act = start->argv[2];
        for (int i = h.act ? 3 : 2; i < start->argc && i < 9; i++)
                h.words[i - (h.act ? 3 : 2)] = word_of(start->argv[i]);
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
                                                   .closed = hostile_closed,
                                                   .stop = hostile_stop};

        return kit_run(&service, argc, argv);
}
