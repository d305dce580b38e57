/*
 * Secrets that passed a connection are nowhere in memory afterwards, when it is told to wipe.
 *
 * Two vats in this process say a secret to each other; then all memory that can be written is
 * searched for it. It is kept as its complement, so that the search does not find what it looks for
 * with. That the search finds anything is shown by doing the same without wiping.
 */
#include "test-vat.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SECRET_BYTES = 24, CHUNK_BYTES = 64 * 1024, MOST_BYTES = 512 * 1024 * 1024 };

static uint8_t inverse[SECRET_BYTES];
static unsigned calls;

static void secret_make(void)
{
        for (unsigned i = 0; i < SECRET_BYTES; i++)
                inverse[i] = (uint8_t) ~(i * 37 + 11);
}

static bool is_secret(const uint8_t *p)
{
        for (unsigned i = 0; i < SECRET_BYTES; i++)
                if ((p[i] ^ inverse[i]) != 0xff)
                        return false;
        return true;
}

/* How often the secret lies between two addresses, read as a file: not all can be read. What was
 * read is wiped, or it would be found again. */
static unsigned range_search(int fd, unsigned long from, unsigned long to)
{
        uint8_t part[CHUNK_BYTES];
        unsigned n = 0;
        ssize_t got;

        for (; from < to; from += CHUNK_BYTES - SECRET_BYTES) {
                got = pread(fd, part, to - from < CHUNK_BYTES ? to - from : CHUNK_BYTES,
                            (off_t)from);
                for (ssize_t i = 0; i + SECRET_BYTES < got; i++)
                        n += is_secret(part + i);
                explicit_bzero(part, sizeof(part));
        }
        return n;
}

/* How often it lies in what this process can write, its stack excepted, and what is too large to be
 * anything but a sanitizer's. */
static unsigned memory_search(void)
{
        int fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
        FILE *f = fopen("/proc/self/maps", "re");
        char line[512];
        unsigned n = 0;

        CHECK(f && fd >= 0);
        while (fgets(line, sizeof(line), f)) {
                unsigned long from, to;
                char mode[8];

                if (sscanf(line, "%lx-%lx %7s", &from, &to, mode) != 3 || strncmp(mode, "rw", 2) ||
                    strstr(line, "[stack]") || to - from > MOST_BYTES)
                        continue;
                n += range_search(fd, from, to);
        }
        fclose(f);
        close(fd);
        return n;
}

/* What the secret is in: data, or words of the parameters themselves. */
enum { BYTES, WORDS };

static int on_call(void *self, capnp_answer *a)
{
        capnp_reader p = capnp_any_struct(capnp_answer_params_any(a), NULL);
        capnp_data d = capnp_any_data(capnp_reader_any(p, 0), (capnp_data){0});

        (void)self;
        if (capnp_answer_method(a) == WORDS) /* which lie where they are read */
                d = (capnp_data){capnp_answer_params(a).d, capnp_answer_params(a).bytes};
        CHECK(d.len >= SECRET_BYTES && is_secret(d.p));
        calls++;
        return capnp_answer_return(a);
}

/* Says the secret once, at the beginning of so many bytes. */
static void say(capnp_vat *v, capnp_cap *c, uint32_t len)
{
        capnp_question *q = capnp_question_new_any(v, c, 1, BYTES);
        capnp_builder b = capnp_abuilder_init_struct(capnp_question_params_any(q), 0, 1);
        uint8_t *p = capnp_abuilder_init_data(capnp_builder_any(b, 0), len);

        CHECK(p);
        memset(p, 0, len);
        for (unsigned i = 0; i < SECRET_BYTES; i++)
                p[i] = (uint8_t)(inverse[i] ^ 0xff);
        CHECK_OK(capnp_question_wait(q));
        capnp_question_free(q);
}

static void say_words(capnp_vat *v, capnp_cap *c)
{
        capnp_question *q = capnp_question_new_any(v, c, 1, WORDS);
        capnp_builder b =
                capnp_abuilder_init_struct(capnp_question_params_any(q), SECRET_BYTES / 8, 0);

        CHECK_EQ(b.bytes, SECRET_BYTES);
        for (unsigned i = 0; i < SECRET_BYTES; i++)
                b.d[i] = (uint8_t)(inverse[i] ^ 0xff);
        CHECK_OK(capnp_question_wait(q));
        capnp_question_free(q);
}

static unsigned talk(bool wipe)
{
        const struct capnp_limits l = {.wipe = wipe};
        capnp_vat *v;
        capnp_cap *served, *root;
        capnp_conn *near, *far;
        unsigned found;
        int ends[2];

        secret_make();
        CHECK_OK(capnp_vat_new(&v));
        CHECK(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
        CHECK_OK(capnp_cap_new_dispatch(v, on_call, NULL, NULL, &served));
        CHECK_OK(capnp_conn_new(v, ends[0], &l, served, &far));
        CHECK_OK(capnp_conn_new(v, ends[1], &l, NULL, &near));
        CHECK_OK(capnp_rpc_bootstrap(capnp_conn_rpc(near), &root));
        /* Small, of more than a block, and of more than one read. */
        say(v, root, 64);
        say(v, root, 6000);
        say(v, root, 300000);
        for (unsigned i = 0; i < 3; i++)
                say_words(v, root);
        CHECK_EQ(calls, 6);
        for (unsigned i = 0; i < 10; i++)
                CHECK_OK(capnp_vat_process(v));
        found = memory_search();
        capnp_cap_unref(root);
        capnp_cap_unref(served);
        capnp_conn_unref(near);
        capnp_conn_unref(far);
        capnp_vat_free(v);
        return found;
}

TEST(secrets_are_wiped_with_their_messages)
{
        CHECK_EQ(talk(true), 0);
}

TEST(the_search_finds_what_is_not_wiped)
{
        CHECK(talk(false) > 0);
}
