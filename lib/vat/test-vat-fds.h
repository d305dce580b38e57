/* Calls that bring references with descriptors: a file of one character each, by which it is known.
 */
#ifndef CAPNP_TEST_VAT_FDS_H
#define CAPNP_TEST_VAT_FDS_H

#include "test-vat.h"

enum { MOST_CALLS = 8 };

/* A file that holds one character, by which it is known again. */
static inline int file_of(char what)
{
        char name[] = "/tmp/test-vat-fds-XXXXXX";
        int fd = mkstemp(name);

        CHECK(fd >= 0);
        CHECK_EQ(write(fd, &what, 1), 1);
        CHECK_OK(unlink(name));
        return fd;
}

static inline char read_of(int fd)
{
        char what = '?';

        return fd >= 0 && pread(fd, &what, 1, 0) == 1 ? what : '-';
}

/* Answers with what the file of the reference in the parameters holds: '-' when there is none. */
static inline int look(void *self, capnp_answer *a)
{
        capnp_reader p = capnp_any_struct(capnp_answer_params_any(a), NULL);
        char what = read_of(capnp_cap_fd_peek(capnp_any_cap_peek(capnp_reader_any(p, 1))));
        capnp_builder r = capnp_abuilder_init_struct(capnp_answer_results_any(a), 0, 1);

        (void)self;
        capnp_abuilder_set_data(capnp_builder_any(r, 0), (capnp_data){(uint8_t *)&what, 1});
        return capnp_answer_return(a);
}

static inline int nothing(void *self, capnp_answer *a)
{
        (void)self;
        return capnp_answer_fail(a, CAPNP_UNIMPLEMENTED, "nothing to call");
}

struct pair {
        capnp_vat *vat;
        capnp_conn *a, *b;
        capnp_cap *root; /* what b serves, as a has it */
};

/* A call with a reference that has the file `what` ('-': none), and so many bytes beside it. */
static inline capnp_question *send_one(struct pair *p, char what, size_t bytes)
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
static inline void check_files(struct pair *p, const char *files, const size_t *bytes)
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

/* Every pattern in which files and sizes matter, through one connection. */
static inline void check_all_files(struct pair *p)
{
        static const size_t sizes[] = {0,     8 << 10,  36 << 10, 37 << 10, 40 << 10,
                                       40000, 64 << 10, 65400,    1 << 20};
        static const char *const files[] = {"A", "AB", "A-", "-A", "ABC", "A-B", "--AB", "A---BC"};

        check_files(p, "-", sizes);
        for (unsigned s = 0; s < sizeof(sizes) / sizeof(*sizes); s++) {
                for (unsigned f = 0; f < sizeof(files) / sizeof(*files); f++) {
                        size_t large[MOST_CALLS] = {sizes[s]};
                        size_t all[MOST_CALLS], last[MOST_CALLS] = {0};

                        for (unsigned i = 0; i < MOST_CALLS; i++)
                                all[i] = sizes[s];
                        last[strlen(files[f]) - 1] = sizes[s];
                        check_files(p, files[f], large);
                        check_files(p, files[f], all);
                        check_files(p, files[f], last);
                }
        }
}

#endif
