/*
 * `--transcript FILE`: one line for each call and each answer of a command on its connection to the
 * agent or to the instance.
 *
 *     2026-11-29T09:41:07.123Z -> call 3 @0xb2e1c5f3a7d40918 2, 96 bytes
 *     2026-11-29T09:41:07.125Z <- return 3 results, 64 bytes
 *
 * Only numbers of the envelope are read, and what is printed are numbers and words of this file:
 * no text and no byte of a parameter, of a result or of an exception gets in, whatever it is. So a
 * secret needs no rule by which it would be left out.
 */
#include "transcript.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { CALL = 2, RETURN = 3, LINE_BYTES = 256 };

static capnp_reader transcript_struct(capnp_reader r, uint16_t i)
{
        return capnp_any_struct(capnp_reader_any(r, i), NULL);
}

static const char *transcript_outcome(capnp_reader ret)
{
        static const char *const errors[] = {"failed", "overloaded", "disconnected",
                                             "unimplemented"};
        uint16_t kind = capnp_reader_u16(ret, 6, 0), error;

        if (kind == 0)
                return "results";
        if (kind == 2)
                return "canceled";
        if (kind != 1)
                return "elsewhere";
        error = capnp_reader_u16(transcript_struct(ret, 0), 4, 0);
        return error < 4 ? errors[error] : "exception";
}

static void transcript_message(void *arg, bool in, capnp_msg *m)
{
        const struct cli *c = arg;
        capnp_reader root = capnp_any_struct(capnp_msg_root(m), NULL), r;
        uint16_t kind = capnp_reader_u16(root, 0, 0);
        char line[LINE_BYTES], what[128], at[32];
        struct timespec now;
        struct tm tm;
        int n;

        if (kind != CALL && kind != RETURN)
                return;
        r = transcript_struct(root, 0);
        if (kind == CALL)
                (void)snprintf(what, sizeof(what), "call %" PRIu32 " @0x%016" PRIx64 " %u",
                               capnp_reader_u32(r, 0, 0), capnp_reader_u64(r, 8, 0),
                               (unsigned)capnp_reader_u16(r, 4, 0));
        else
                (void)snprintf(what, sizeof(what), "return %" PRIu32 " %s",
                               capnp_reader_u32(r, 0, 0), transcript_outcome(r));
        (void)clock_gettime(CLOCK_REALTIME, &now);
        (void)gmtime_r(&now.tv_sec, &tm);
        (void)strftime(at, sizeof(at), "%Y-%m-%dT%H:%M:%S", &tm);
        n = snprintf(line, sizeof(line), "%s.%03ldZ %s %s, %zu bytes\n", at, now.tv_nsec / 1000000,
                     in ? "<-" : "->", what, capnp_msg_size(m));
        if (n > 0 && write(c->transcript_fd, line, (size_t)n) < 0)
                return; /* a full disk does not end the command */
}

int transcript_open(struct cli *c)
{
        if (!c->transcript)
                return EXIT_OK;
        c->transcript_fd =
                open(c->transcript, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (c->transcript_fd < 0)
                return cli_fail_code(c, -errno, c->transcript);
        return EXIT_OK;
}

void transcript_watch(struct cli *c)
{
        if (c->transcript)
                capnp_rpc_set_trace(capnp_conn_rpc(c->conn), transcript_message, c);
}
