/*
 * Descriptors on a Unix socket: each reference gets the one it was sent with, whatever the size of
 * its message and whatever comes before or behind it.
 */
#include "test-vat.h"

#include <sys/stat.h>

enum { MOST_CALLS = 8 };

/* A file that holds one character, by which it is known again. */
static int file_of(char what)
{
        char name[] = "/tmp/test-vat-fds-XXXXXX";
        int fd = mkstemp(name);

        CHECK(fd >= 0);
        CHECK_EQ(write(fd, &what, 1), 1);
        CHECK_OK(unlink(name));
        return fd;
}

static char read_of(int fd)
{
        char what = '?';

        return fd >= 0 && pread(fd, &what, 1, 0) == 1 ? what : '-';
}

/* Answers with what the file of the reference in the parameters holds: '-' when there is none. */
static int look(void *self, capnp_answer *a)
{
        capnp_reader p = capnp_any_struct(capnp_answer_params_any(a), NULL);
        char what = read_of(capnp_cap_fd_peek(capnp_any_cap_peek(capnp_reader_any(p, 1))));
        capnp_builder r = capnp_abuilder_init_struct(capnp_answer_results_any(a), 0, 1);

        (void)self;
        capnp_abuilder_set_data(capnp_builder_any(r, 0), (capnp_data){(uint8_t *)&what, 1});
        return capnp_answer_return(a);
}

static int nothing(void *self, capnp_answer *a)
{
        (void)self;
        return capnp_answer_fail(a, CAPNP_UNIMPLEMENTED, "nothing to call");
}

struct pair {
        capnp_vat *vat;
        capnp_conn *a, *b;
        capnp_cap *root; /* what b serves, as a has it */
};

static void pair_open(struct pair *p, const struct capnp_limits *l)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *served = NULL;
        int ends[2];

        CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
        CHECK_OK(capnp_vat_new(&p->vat));
        CHECK_OK(capnp_cap_new_dispatch(p->vat, look, NULL, NULL, &served));
        CHECK_OK(capnp_conn_new(p->vat, ends[0], l, served, &p->b));
        CHECK_OK(capnp_conn_new(p->vat, ends[1], l, NULL, &p->a));
        CHECK_OK(capnp_rpc_bootstrap(capnp_conn_rpc(p->a), &p->root));
}

static void pair_close(struct pair *p)
{
        capnp_cap_unref(p->root);
        capnp_conn_unref(p->a);
        capnp_conn_unref(p->b);
        capnp_vat_free(p->vat);
}

/* A call with a reference that has the file `what` ('-': none), and so many bytes beside it. */
static capnp_question *send_one(struct pair *p, char what, size_t bytes)
{
        capnp_question *q = capnp_question_new_any(p->vat, p->root, IFACE, 0);
        capnp_builder b = capnp_abuilder_init_struct(capnp_question_params_any(q), 0, 2);
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *c = NULL;

        CHECK_OK(capnp_cap_new_dispatch(p->vat, nothing, NULL, NULL, &c));
        if (what != '-')
                capnp_cap_set_fd(c, file_of(what));
        capnp_abuilder_set_cap(capnp_builder_any(b, 1), c);
        (void)capnp_abuilder_init_data(capnp_builder_any(b, 0), (uint32_t)bytes);
        capnp_question_send(q, NULL, NULL);
        return q;
}

/* Calls sent in one go, of so many bytes each; files: a character each. All must arrive as sent. */
static void check_files(struct pair *p, const char *files, const size_t *bytes)
{
        capnp_question *q[MOST_CALLS];
        size_t n = strlen(files);
        char got[MOST_CALLS + 1] = "";

        for (size_t i = 0; i < n; i++)
                q[i] = send_one(p, files[i], bytes[i]);
        for (size_t i = 0; i < n; i++) {
                CHECK_OK(capnp_question_wait(q[i]));
                CHECK_EQ(heard(q[i]).len, 1);
                got[i] = (char)heard(q[i]).p[0];
                capnp_question_free(q[i]);
        }
        CHECK_STR(got, files);
}

TEST_T(descriptors_arrive_with_their_message, 120)
{
        static const size_t sizes[] = {0,     8 << 10,  36 << 10, 37 << 10, 40 << 10,
                                       40000, 64 << 10, 65400,    1 << 20};
        static const char *const files[] = {"A", "AB", "A-", "-A", "ABC", "A-B", "--AB", "A---BC"};
        struct capnp_limits l = {.fds = 4};
        unsigned before = count_fds();
        struct pair p;

        pair_open(&p, &l);
        check_files(&p, "-", sizes);
        for (unsigned s = 0; s < sizeof(sizes) / sizeof(*sizes); s++) {
                for (unsigned f = 0; f < sizeof(files) / sizeof(*files); f++) {
                        size_t large[MOST_CALLS] = {sizes[s]};
                        size_t all[MOST_CALLS], last[MOST_CALLS] = {0};

                        for (unsigned i = 0; i < MOST_CALLS; i++)
                                all[i] = sizes[s];
                        last[strlen(files[f]) - 1] = sizes[s];
                        check_files(&p, files[f], large);
                        check_files(&p, files[f], all);
                        check_files(&p, files[f], last);
                }
        }
        pair_close(&p);
        CHECK_EQ(count_fds(), before);
}

/* One reference more than the limit has a file: that one arrives without. */
TEST(descriptors_of_a_message_are_limited)
{
        struct capnp_limits l = {.fds = 1};
        unsigned before = count_fds();
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        capnp_builder b;
        struct pair p;

        pair_open(&p, &l);
        q = capnp_question_new_any(p.vat, p.root, IFACE, 0);
        b = capnp_abuilder_init_struct(capnp_question_params_any(q), 0, 2);
        for (unsigned i = 0; i < 2; i++) {
                CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *c = NULL;

                CHECK_OK(capnp_cap_new_dispatch(p.vat, nothing, NULL, NULL, &c));
                capnp_cap_set_fd(c, file_of("AB"[i]));
                capnp_abuilder_set_cap(capnp_builder_any(b, (uint16_t)i), c);
        }
        CHECK_OK(capnp_question_wait(q));
        CHECK_EQ(heard(q).p[0], '-');
        q = capnp_question_free(q);
        check_files(&p, "C", (size_t[]){100});
        pair_close(&p);
        CHECK_EQ(count_fds(), before);
}

/* The limits of a connection are those it was given last, also for what is read. */
TEST(descriptors_follow_the_limits)
{
        struct capnp_limits some = {.fds = 2}, none = {0}, out = {.fds = 2, .fds_out_only = true};
        unsigned before = count_fds();
        struct pair p;

        pair_open(&p, &none);
        capnp_rpc_set_limits(capnp_conn_rpc(p.a), &some);
        {
                CAPNP_AUTO(capnp_question_freep) capnp_question *q = send_one(&p, 'A', 10);

                CHECK_OK(capnp_question_wait(q));
                CHECK_EQ(heard(q).p[0], '-');
        }
        capnp_rpc_set_limits(capnp_conn_rpc(p.b), &some);
        check_files(&p, "B", (size_t[]){10});
        capnp_rpc_set_limits(capnp_conn_rpc(p.a), &out);
        check_files(&p, "C", (size_t[]){10});
        capnp_rpc_set_limits(capnp_conn_rpc(p.b), &out);
        {
                CAPNP_AUTO(capnp_question_freep) capnp_question *q = send_one(&p, 'D', 10);

                CHECK_OK(capnp_question_wait(q));
                CHECK_EQ(heard(q).p[0], '-');
        }
        pair_close(&p);
        CHECK_EQ(count_fds(), before);
}
