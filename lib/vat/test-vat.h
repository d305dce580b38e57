/* What the tests of this layer share: an object that echoes, keeps, counts, and hands out a file.
 */
#ifndef CAPNP_TEST_VAT_H
#define CAPNP_TEST_VAT_H

#include "harness.h"

#include <capos/capnp-vat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Methods of the site's object. */
enum { IFACE = 0x517e, ECHO = 0, KEEP, OPEN_FILE };

struct site {
        capnp_vat *vat;
        capnp_cap *root;
        unsigned calls, canceled, gone;
        capnp_answer *kept;
};

static inline void site_on_cancel(capnp_answer *a, void *arg)
{
        struct site *s = arg;

        s->canceled++;
        s->kept = NULL;
        (void)capnp_answer_fail(a, CAPNP_FAILED, "canceled");
}

static inline int site_echo(capnp_answer *a)
{
        capnp_reader p = capnp_any_struct(capnp_answer_params_any(a), NULL);
        capnp_data d = capnp_any_data(capnp_reader_any(p, 0), (capnp_data){0});
        capnp_builder r;

        if (capnp_answer_check(a))
                return capnp_answer_fail(a, CAPNP_FAILED, "bad parameters");

        r = capnp_abuilder_init_struct(capnp_answer_results_any(a), 0, 1);
        capnp_abuilder_set_data(capnp_builder_any(r, 0), d);
        return capnp_answer_return(a);
}

static inline int site_ignore(void *self, capnp_answer *a)
{
        (void)self;
        return capnp_answer_fail(a, CAPNP_UNIMPLEMENTED, "nothing to call");
}

static inline int site_open_file(struct site *s, capnp_answer *a)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *c = NULL;
        capnp_builder r;

        if (capnp_cap_new_dispatch(s->vat, site_ignore, NULL, s, &c))
                return capnp_answer_fail(a, CAPNP_FAILED, "no memory");

        capnp_cap_set_fd(c, open("/dev/null", O_RDWR | O_CLOEXEC));
        r = capnp_abuilder_init_struct(capnp_answer_results_any(a), 0, 1);
        capnp_abuilder_set_cap(capnp_builder_any(r, 0), c);
        return capnp_answer_return(a);
}

static inline int site_call(void *self, capnp_answer *a)
{
        struct site *s = self;

        s->calls++;
        switch (capnp_answer_method(a)) {
        case ECHO:
                return site_echo(a);
        case KEEP:
                s->kept = a;
                return capnp_answer_keep(a, site_on_cancel, s);
        case OPEN_FILE:
                return site_open_file(s, a);
        default:
                return capnp_answer_fail(a, CAPNP_UNIMPLEMENTED, "no such method");
        }
}

static inline void site_gone(void *self)
{
        ((struct site *)self)->gone++;
}

static inline void site_init(struct site *s)
{
        *s = (struct site){0};
        CHECK_OK(capnp_vat_new(&s->vat));
        CHECK_OK(capnp_cap_new_dispatch(s->vat, site_call, site_gone, s, &s->root));
}

static inline void site_deinit(struct site *s)
{
        s->root = capnp_cap_unref(s->root);
        s->vat = capnp_vat_free(s->vat);
        CHECK_EQ(s->gone, 1);
        CHECK(!s->kept);
}

/* An unsent call with len bytes in its first pointer. */
static inline capnp_question *ask(capnp_vat *v, capnp_cap *to, uint16_t method, const void *b,
                                  uint32_t len)
{
        capnp_question *q = capnp_question_new_any(v, to, IFACE, method);
        capnp_builder p = capnp_abuilder_init_struct(capnp_question_params_any(q), 0, 1);

        capnp_abuilder_set_data(capnp_builder_any(p, 0), (capnp_data){b, len});
        return q;
}

static inline capnp_data heard(capnp_question *q)
{
        capnp_reader r = capnp_any_struct(capnp_question_response_any(q), NULL);

        return capnp_any_data(capnp_reader_any(r, 0), (capnp_data){0});
}

static inline void check_heard(capnp_question *q, const void *b, uint32_t len)
{
        capnp_data d = heard(q);

        CHECK_EQ(d.len, len);
        CHECK_MEM(d.p, b, len);
}

/* One echo there and back, waited for. */
static inline void check_echo(capnp_vat *v, capnp_cap *to, const void *b, uint32_t len)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = ask(v, to, ECHO, b, len);

        CHECK_OK(capnp_question_wait(q));
        check_heard(q, b, len);
}

static inline unsigned count_fds(void)
{
        DIR *d = opendir("/proc/self/fd");
        unsigned n = 0;

        CHECK(d);
        while (readdir(d))
                n++;
        closedir(d);
        return n;
}

/* A Unix address that nobody else uses. */
static inline const char *own_address(void)
{
        static char text[64];

        snprintf(text, sizeof(text), "unix-abstract:test-vat-%d", (int)getpid());
        return text;
}

/* Rounds until *done, each waiting at most 10 ms; what never comes ends by the test's deadline. */
static inline void run_until(capnp_vat *v, const bool *done)
{
        while (!*done) {
                struct pollfd p = {.fd = capnp_vat_fd(v), .events = POLLIN};
                int ms = capnp_vat_timeout_ms(v);

                (void)poll(&p, 1, ms < 0 || ms > 10 ? 10 : ms);
                CHECK_OK(capnp_vat_process(v));
        }
}

static inline void run_for_ms(capnp_vat *v, unsigned ms)
{
        for (unsigned i = 0; i < ms; i++) {
                struct pollfd p = {.fd = capnp_vat_fd(v), .events = POLLIN};

                (void)poll(&p, 1, 1);
                CHECK_OK(capnp_vat_process(v));
        }
}

#endif
