/*
 * Ten thousand damaged conversations with a worker's vat, in this process, so that a sanitizer sees
 * each of them whole.
 *
 * The worker is the real one but for its loop, which is turned here by hand: it is turned in step
 * with a second vat, which plays the session manager (Admission) and every service. A conversation
 * is one that a good client has (hostile.py writes them when the tests are built), with bits,
 * words, lengths, ids, segment counts or the order of messages changed. Everything follows from its
 * number.
 *
 * What must hold: when the client has said all and shut its side, the worker ends the connection
 * within a bounded number of turns, and when it is freed nothing of it is left.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "worker-serve.h"

enum {
        TALKS = 4,
        FRAMES = 32, /* of a talk */
        FRAMES_DAMAGED = 64,
        BYTES = 64 * 1024, /* of a conversation */
        TURNS = 2000,
        CONVERSATIONS = 10000,
        TELL = 99, /* the method that a service calls on what it was given */
};

struct frame {
        uint8_t *b;
        uint32_t len;
};

static struct talk {
        struct frame frames[FRAMES];
        uint32_t n;
} talks[TALKS];

/* ---- the session manager and the services ---------------------------------------------------- */

static struct stage {
        capnp_vat *vat;
        capnp_cap *held; /* what a service was given last */
        capnp_answer *watch;
} stage;

static unsigned served; /* calls that got as far as a service */

static int service_serve(void *self, capnp_answer *a);

static int service_object(capnp_answer *a)
{
        capnp_builder b = capnp_abuilder_init_struct(capnp_answer_results_any(a), 0, 3);
        capnp_cap *c = NULL;

        if (!capnp_cap_new_dispatch(stage.vat, service_serve, NULL, NULL, &c))
                capnp_abuilder_set_cap(capnp_builder_any(b, 0), c);
        capnp_cap_unref(c);
        return capnp_answer_return(a);
}

/* Stands for every service: keeps what it is given, calls it, gives away objects of its own. */
static int service_serve(void *self, capnp_answer *a)
{
        capnp_cap *given = capnp_any_cap_peek(capnp_reader_any(capnp_answer_params(a), 1));

        (void)self;
        served++;
        if (capnp_answer_method(a) == 0 && given) {
                capnp_cap_unref(stage.held);
                stage.held = capnp_cap_ref(given);
        }
        if (stage.held && capnp_answer_method(a) != TELL)
                capnp_question_detach(capnp_question_new_any(stage.vat, stage.held, 1, TELL));
        if (capnp_answer_method(a) == 7)
                return capnp_answer_fail(a, CAPNP_FAILED, "denied.unknown-name");
        return service_object(a);
}

static void fill_bound(bound_builder b)
{
        static const char *const names[] = {"session", "system_info", "chat"};
        session_info_builder info = bound_init_info(b);
        session_quota_builder q = session_info_init_quota(info);
        bundle_entry_list_builder l = bound_init_bundle(b, 3);

        session_info_set_id(info, "0123456789abcdef");
        session_info_set_kind(info, "anonymous");
        session_quota_set_references(q, 32);
        session_quota_set_calls(q, 16);
        session_quota_set_queued_bytes(q, 256 * 1024);
        session_quota_set_message_bytes(q, 64 * 1024);
        for (uint32_t i = 0; i < 3; i++) {
                bundle_entry_builder e = bundle_entry_list_builder_get(l, i);

                bundle_entry_set_name(e, names[i]);
                bundle_entry_set_services(e, i == 1);
                bundle_entry_set_local(e, i == 0);
        }
}

static int ask_methods(void *self, capnp_answer *a)
{
        (void)self;
        (void)admission_methods_results_init_methods(a, 9);
        return capnp_answer_return(a);
}

static int ask_start(void *self, capnp_answer *a)
{
        (void)self;
        admission_start_results_set_flow(a, 1);
        return capnp_answer_return(a);
}

static int ask_next(void *self, capnp_answer *a)
{
        (void)self;
        if (admission_next_param_response(a).len < 8)
                return capnp_answer_fail(a, CAPNP_FAILED, "denied.credentials");
        admission_next_results_set_done(a, true);
        fill_bound(admission_next_results_init_bound(a));
        return capnp_answer_return(a);
}

static int ask_enter(void *self, capnp_answer *a)
{
        (void)self;
        fill_bound(admission_enter_results_init_bound(a));
        return capnp_answer_return(a);
}

/* A socket to a service, or nothing to hand over. */
static int ask_open(void *self, capnp_answer *a)
{
        static const struct grant_end_ops end_ops = {0};
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *end = NULL, *object = NULL;
        CAPNP_AUTO(capnp_conn_unrefp) capnp_conn *conn = NULL;
        const char *name = admission_open_param_name(a).p;
        int s[2];

        (void)self;
        if (!strcmp(name, "session"))
                return capnp_answer_return(a);
        if (strcmp(name, "chat") && strcmp(name, "system_info"))
                return capnp_answer_fail(a, CAPNP_FAILED, "denied.unknown-name");

        CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s));
        CHECK_OK(capnp_cap_new_dispatch(stage.vat, service_serve, NULL, NULL, &object));
        CHECK_OK(capnp_conn_new(stage.vat, s[1], NULL, object, &conn));
        CHECK_OK(grant_end_serve(stage.vat, &end_ops, NULL, &end));
        capnp_cap_set_fd(end, s[0]);
        admission_open_results_set_end(a, (grant_end_client){end});
        return capnp_answer_return(a);
}

static int ask_renew(void *self, capnp_answer *a)
{
        (void)self;
        fill_bound(admission_renew_results_init_bound(a));
        return capnp_answer_return(a);
}

static void watch_canceled(capnp_answer *a, void *arg)
{
        (void)arg;
        stage.watch = NULL;
        (void)capnp_answer_fail(a, CAPNP_FAILED, "canceled");
}

static int ask_watch(void *self, capnp_answer *a)
{
        (void)self;
        stage.watch = a;
        return capnp_answer_keep(a, watch_canceled, NULL);
}

static int ask_nothing(void *self, capnp_answer *a)
{
        (void)self;
        return capnp_answer_return(a);
}

static const struct admission_ops admission = {
        .methods = ask_methods,
        .start = ask_start,
        .next = ask_next,
        .cancel = ask_nothing,
        .enter = ask_enter,
        .open = ask_open,
        .schema = ask_nothing,
        .renew = ask_renew,
        .logout = ask_nothing,
        .watch = ask_watch,
        .report = ask_nothing,
};

/* ---- damage ---------------------------------------------------------------------------------- */

static uint64_t random_state;

static uint32_t pick(uint32_t below)
{
        random_state ^= random_state << 13;
        random_state ^= random_state >> 7;
        random_state ^= random_state << 17;
        return (uint32_t)((random_state >> 16) % below);
}

static void put(uint8_t *b, uint64_t v, size_t size)
{
        memcpy(b, &v, size);
}

/* A word becomes another one that means something. */
static void damage_word(struct frame *f)
{
        static const uint64_t words[] = {
                0,
                1,
                2,
                3,
                0xff,
                0xffff,
                0x7fffffff,
                0xffffffff,
                0x100000000,
                0xfffffffffffffffc,
                0x1000100000000,
                3 | UINT64_C(5) << 32,
                2 | UINT64_C(1) << 32,
                6,
                UINT64_MAX,
                UINT64_C(1) << 63,
                1 | UINT64_C(0xffffffff) << 32,
        };

        put(f->b + 8 * pick(f->len / 8), words[pick(sizeof(words) / sizeof(words[0]))], 8);
}

/* An id, a count, an ordinal. */
static void damage_number(struct frame *f)
{
        uint8_t *at = f->b + 4 * pick(f->len / 4);
        uint32_t old;

        memcpy(&old, at, 4);
        put(at, (uint32_t[]){old + 1, old - 1, old ^ 1, 0, UINT32_MAX, pick(20)}[pick(6)], 4);
}

static void damage_segments(struct frame *f)
{
        const uint32_t counts[] = {0,   1,   2,          63,         64,
                                   511, 512, UINT32_MAX, f->len / 8, f->len / 8 - 2};

        put(f->b + 4 * pick(2), counts[pick(10)], 4);
}

static void damage_one(struct frame *f)
{
        switch (pick(6)) {
        case 0:
        case 1:
                f->b[pick(f->len)] ^= (uint8_t)(1 << pick(8));
                break;
        case 2:
                damage_word(f);
                break;
        case 3:
                damage_number(f);
                break;
        case 4:
                damage_segments(f);
                break;
        default:
                f->len -= pick(4) ? 0 : 8;
        }
}

/* A conversation: its bytes, and where its messages end. */
struct script {
        uint8_t b[BYTES];
        size_t ends[FRAMES_DAMAGED];
        uint32_t n;
};

static void script_write(struct script *s, uint32_t number)
{
        uint8_t *out = s->b;
        struct frame order[FRAMES_DAMAGED];
        uint32_t count, i, acts;
        struct talk *t;
        size_t len = 0;

        random_state = (number + 1) * UINT64_C(0x9e3779b97f4a7c15);
        for (i = 0; i < 8; i++)
                (void)pick(2);
        t = number < CONVERSATIONS ? &talks[pick(TALKS)]
                                   : &talks[(number - CONVERSATIONS) / 2 % TALKS];
        count = t->n;
        for (i = 0; i < count; i++)
                order[i] = t->frames[i];
        if (number < CONVERSATIONS && !pick(4)) {
                order[count] = order[pick(count)];
                count++;
        }
        if (number < CONVERSATIONS && !pick(4)) {
                struct frame *a = &order[pick(count)], *b = &order[pick(count)], swap = *a;

                *a = *b;
                *b = swap;
        }
        acts = number < CONVERSATIONS ? 1 + pick(3) : 0;
        for (i = 0; i < count; i++) {
                struct frame f = {out + len, order[i].len};

                memcpy(f.b, order[i].b, f.len);
                if (acts && !pick(count - i)) {
                        acts--;
                        damage_one(&f);
                }
                len += f.len;
                s->ends[i] = len;
        }
        s->n = count;
}

/* ---- one conversation ------------------------------------------------------------------------ */

static bool vat_has_more(capnp_vat *v)
{
        struct pollfd p = {.fd = capnp_vat_fd(v), .events = POLLIN};

        return poll(&p, 1, 0) > 0 || capnp_vat_timeout_ms(v) == 0;
}

/* Turns both until neither has anything to do. ret_end: the client has been hung up on. */
static bool both_turn(struct worker *w, int client, bool *ret_end)
{
        uint8_t b[4096];
        ssize_t n;

        for (int i = 0; i < TURNS; i++) {
                CHECK_OK(capnp_vat_process(w->vat));
                CHECK_OK(capnp_vat_process(stage.vat));
                do
                        n = recv(client, b, sizeof(b), MSG_DONTWAIT);
                while (n > 0);
                *ret_end = !n || (n < 0 && errno == ECONNRESET);
                if (*ret_end || (!vat_has_more(w->vat) && !vat_has_more(stage.vat)))
                        return true;
        }
        return false;
}

static void stage_open(int fd)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *root = NULL;
        CAPNP_AUTO(capnp_conn_unrefp) capnp_conn *conn = NULL;

        stage = (struct stage){0};
        CHECK_OK(capnp_vat_new(&stage.vat));
        CHECK_OK(admission_serve(stage.vat, &admission, NULL, &root));
        CHECK_OK(capnp_conn_new(stage.vat, fd, &(struct capnp_limits){.fds = 1}, root, &conn));
}

/* All at once, or each message when the one before has been dealt with. */
static bool script_play(const struct script *s, struct worker *w, int client, bool slowly,
                        bool *ret_end)
{
        bool good = true;
        size_t at = 0;

        for (uint32_t i = slowly ? 0 : s->n - 1; i < s->n && good && !*ret_end; i++) {
                (void)!send(client, s->b + at, s->ends[i] - at, MSG_NOSIGNAL);
                at = s->ends[i];
                good = both_turn(w, client, ret_end);
        }
        return good;
}

static void converse(uint32_t number)
{
        static struct script script;
        capnp_vat *vat = NULL;
        struct worker w;
        int client[2], sessiond[2];
        bool end = false;

        CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, client));
        CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sessiond));
        stage_open(sessiond[1]);
        CHECK_OK(capnp_vat_new(&vat));
        CHECK_OK(worker_open(&w, vat, &(struct worker_start){client[1], sessiond[0], NULL, NULL}));
        script_write(&script, number);
        if (!script_play(&script, &w, client[0], number % 2, &end))
                fprintf(stderr, "conversation %u goes on and on\n", number);
        else if (!end && !shutdown(client[0], SHUT_WR) && both_turn(&w, client[0], &end) && !end)
                fprintf(stderr, "conversation %u does not end\n", number);
        CHECK(end);
        close(client[0]);
        CHECK(worker_finish(&w));
        capnp_vat_free(vat);
        capnp_cap_unref(stage.held);
        capnp_vat_free(stage.vat);
}

static bool read_number(FILE *f, uint32_t *ret)
{
        return fread(ret, sizeof(*ret), 1, f) == 1;
}

static void talks_read(void)
{
        char path[512];
        FILE *f;

        snprintf(path, sizeof(path), "%s/test/e2e/talks.bin", getenv("CAPOS_BUILDDIR"));
        f = fopen(path, "re");
        CHECK(f);
        for (struct talk *t = talks; t < talks + TALKS; t++) {
                CHECK(read_number(f, &t->n) && t->n <= FRAMES);
                for (struct frame *x = t->frames; x < t->frames + t->n; x++) {
                        CHECK(read_number(f, &x->len) && x->len <= BYTES / FRAMES_DAMAGED);
                        x->b = malloc(x->len);
                        CHECK(x->b && fread(x->b, x->len, 1, f) == 1);
                }
        }
        (void)fclose(f);
}

static void talks_free(void)
{
        for (struct talk *t = talks; t < talks + TALKS; t++)
                for (struct frame *x = t->frames; x < t->frames + t->n; x++)
                        free(x->b);
}

TEST(good_conversations_end)
{
        CHECK(getenv("CAPOS_BUILDDIR"));
        talks_read();
        for (uint32_t i = 0; i < 2 * TALKS; i++)
                converse(CONVERSATIONS + i);
        CHECK(served > 0);
        talks_free();
}

/* CAPOS_CONVERSATION=n: only that one. */
TEST_T(damaged_conversations_end, 200)
{
        const char *only = getenv("CAPOS_CONVERSATION");

        CHECK(getenv("CAPOS_BUILDDIR"));
        talks_read();
        if (only)
                converse((uint32_t)strtoul(only, NULL, 10));
        for (uint32_t i = 0; !only && i < CONVERSATIONS; i++)
                converse(i);
        /* Damage is rare enough for most of a conversation to be had. */
        printf("%u calls got as far as a service\n", served);
        CHECK(only || served > CONVERSATIONS / 2);
        talks_free();
}
