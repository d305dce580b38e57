/*
 * raw-load: null() of any Echo server, by messages that are made beforehand.
 *
 * A client of a library costs as much as its server, so that what is measured of both together says
 * half of what it could. This one costs next to nothing and is the same for every server: what
 * differs is the server's. It keeps so many calls in flight, each begun when one has returned, and
 * ends each as the protocol demands: by Finish, unless the server has said that it needs none.
 *
 * Usage: raw-load [--seconds S] [--rounds N] [--server-pid PID]... [--name TEXT] ADDRESS
 *        raw-load --calls COUNT IN-FLIGHT ADDRESS
 *
 * ADDRESS is unix:PATH or ADDRESS:PORT. Prints what bench-client prints, of null() at 1, 64 and
 * 1,024 in flight; the second form makes so many calls and prints nothing.
 */
#include <netinet/tcp.h>

#include "bench-load.h"
#include "bench.capnp-c.h"
#include "raw.h"

enum { FIRST_QUESTION = 4096, MOST_IN_FLIGHT = 1024 };

/* The connection. Messages are made in `out` from its beginning on, and sent together. */
static struct {
        int fd;
        uint32_t cap;
        uint64_t left; /* calls to make yet, when there is no clock */
        size_t bytes;
        uint64_t in[RAW_BYTES / 8], out[RAW_BYTES / 8];
} raw;

/* What a pointer of a message leads to, if so many words are there. */
static const uint64_t *raw_follow(const uint64_t *m, size_t words, const uint64_t *slot, size_t n)
{
        int64_t at = slot - m + 1 + ((int32_t)(uint32_t)*slot >> 2);

        raw_must(!(*slot & 2) && at > 0 && (size_t)at + n <= words, "a pointer that leads near by");
        return m + at;
}

/* The kind of a message, and its struct. */
static unsigned raw_open(const uint64_t *m, size_t words, const uint64_t **ret_p)
{
        const uint64_t *top = raw_follow(m, words, m + 1, 2);

        *ret_p = NULL;
        if (top[1])
                *ret_p = raw_follow(m, words, top + 1, (top[1] >> 32 & 0xffff) + (top[1] >> 48));
        return top[0] & 0xffff;
}

static void raw_read(void)
{
        ssize_t n = read(raw.fd, (uint8_t *)raw.in + raw.bytes, sizeof(raw.in) - raw.bytes);

        raw_must(n > 0, "the server has gone");
        raw.bytes += (size_t)n;
}

static void raw_drop(size_t words)
{
        raw.bytes -= words * 8;
        memmove(raw.in, raw.in + words, raw.bytes);
}

/* The export that a connection begins with: the first entry of the table of what returns. */
static void raw_begin(const char *address)
{
        struct sockaddr_storage a;
        const uint64_t *r, *payload, *table;
        socklen_t len;
        size_t n;

        raw.fd = raw_socket(address, &a, &len);
        (void)setsockopt(raw.fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        raw_must(!connect(raw.fd, (struct sockaddr *)&a, len), address);
        raw_send(raw.fd, raw.out, raw_bootstrap(raw.out, FIRST_QUESTION));
        while (!(n = raw_message(raw.in, raw.bytes / 8)))
                raw_read();

        raw_must(raw_open(raw.in, n, &r) == RAW_RETURN && r, "a Return");
        payload = raw_follow(raw.in, n, r + 2, 2);
        table = raw_follow(raw.in, n, payload + 1, 2);
        raw.cap = (uint32_t)(table[1] >> 32);
        raw_drop(n);
        raw_send(raw.fd, raw.out, raw_finish(raw.out, FIRST_QUESTION, true));
}

static bool raw_another(struct bench_load *l)
{
        return l ? bench_load_next(l) : raw.left && raw.left--;
}

/* Ends what has returned, and begins as many again; how many were begun less than have ended. */
static int raw_turn(struct bench_load *l)
{
        uint64_t *to = raw.out;
        const uint64_t *r;
        size_t at = 0, n;
        int fewer = 0;

        raw_read();
        while ((n = raw_message(raw.in + at, raw.bytes / 8 - at))) {
                unsigned kind = raw_open(raw.in + at, n, &r);

                at += n;
                raw_must(kind != RAW_ABORT, "no Abort");
                if (kind != RAW_RETURN || !r)
                        continue;

                raw_must(!(r[0] >> 48), "results");
                if (!(r[0] >> 33 & 1))
                        to = raw_finish(to, (uint32_t)r[0], false);
                if (raw_another(l))
                        to = raw_call(to, (uint32_t)r[0], ECHO_ID, raw.cap);
                else
                        fewer++;
        }

        raw_drop(at);
        raw_send(raw.fd, raw.out, to);
        return fewer;
}

static void raw_calls(struct bench_load *l, int in_flight)
{
        uint64_t *to = raw.out;

        for (int i = 0; i < in_flight; i++)
                to = raw_call(to, (uint32_t)i, ECHO_ID, raw.cap);
        raw_send(raw.fd, raw.out, to);
        while (in_flight)
                in_flight -= raw_turn(l);
}

static int raw_run(struct bench_load *l)
{
        raw_calls(l, l->in_flight);
        return 0;
}

int main(int argc, char **argv)
{
        struct bench_options o = {.seconds = 0.4, .rounds = 5, .name = "raw"};
        const int in_flight[] = {1, 64, MOST_IN_FLIGHT};
        int n;

        if (argc == 5 && !strcmp(argv[1], "--calls")) {
                raw.left = strtoull(argv[2], NULL, 10);
                n = (int)strtol(argv[3], NULL, 10);
                if (n < 1 || n > MOST_IN_FLIGHT || raw.left < (unsigned)n)
                        return 2;
                raw.left -= (unsigned)n;
                raw_begin(argv[4]);
                raw_calls(NULL, n);
                return 0;
        }

        if (!bench_options_parse(&o, argc, argv))
                return 2;

        raw_begin(o.address);
        for (unsigned i = 0; i < 3; i++) {
                struct bench_load l = {.what = "null", .run = raw_run, .in_flight = in_flight[i]};

                bench_load_figure(&l, &o);
        }
        return 0;
}
