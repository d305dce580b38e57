/*
 * `--transcript FILE`: JSON lines, one for each call and each answer on every connection that a
 * command makes: to an agent, to an instance, to an instance's administration. capos(1) has the
 * format, and FORMAT_VERSION is its version.
 *
 *     {"format":"capos-transcript","version":1,"command":"login","program":"0.1.0"}
 *     {"at":"2026-11-29T09:41:07.120Z","connection":1,"to":"instance"}
 *     {"at":"…","connection":1,"from":"here","message":"call","question":1,
 *      "interface":"RemoteSessionGateway","interfaceId":"0xee42d8f0c1091eb9","method":"start",
 *      "ordinal":1,"bytes":96}
 *     {"at":"…","connection":1,"from":"there","message":"return","question":1,"outcome":"results",
 *      "bytes":64}
 *     {"at":"…","messages":2}
 *
 * Nothing is left out of it by a rule, because nothing gets in that could have to be: what is
 * printed are numbers of the envelope, and words that are in this program. Names are those of the
 * schemas that it is compiled with, never those that a peer has sent; a refusal's code is the one
 * of the schema's enum that the text of the exception begins with.
 *
 * A line is in the file as a whole or not at all. When one cannot be written the command goes on
 * and says so at its end; such a file lacks the last line, as that of a command that was killed.
 */
#include "transcript.h"

#include "admin.capnp-c.h"
#include "agent.capnp-c.h"
#include "chat.capnp-c.h"
#include "remote_session.capnp-c.h"
#include "system_info.capnp-c.h"
#include "user_session.capnp-c.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { FORMAT_VERSION = 1, CALL = 2, RETURN = 3, LINE_BYTES = 512 };

static const struct capnp_interface *const known[] = {
        &admin_interface,
        &chat_interface,
        &chat_listener_interface,
        &chat_membership_interface,
        &page_holder_interface,
        &passkey_holder_interface,
        &remote_auth_flow_interface,
        &remote_cap_set_interface,
        &remote_session_gateway_interface,
        &remote_session_interface,
        &remote_ui_host_interface,
        &remote_ui_surface_interface,
        &session_agent_interface,
        &system_info_interface,
        &user_session_interface,
};

/* There is one for a process: connections hand over their number alone. The file is closed with the
 * process; the agent that a login leaves behind closes it with all else that it has inherited. */
static struct {
        bool writes, ended;
        int fd, error; /* error: errno of the line that could not be written */
        off_t end;     /* of the last whole line */
        unsigned connections;
        uint64_t messages;
        /* Who is told besides; NULL: nobody. */
        void (*tell)(void *arg, const struct transcript_said *s);
        void *tell_arg;
} transcript;

/* ---- lines ---------------------------------------------------------------------------------- */

static void line_write(const char *fmt, ...) CAPNP_PRINTF(1, 2);

/* Only words of this program and numbers come here, so nothing has to be escaped. */
static void line_write(const char *fmt, ...)
{
        char line[LINE_BYTES];
        va_list ap;
        ssize_t done;
        int n;

        va_start(ap, fmt);
        n = vsnprintf(line, sizeof(line), fmt, ap);
        va_end(ap);
        if (!transcript.writes || n < 0 || (size_t)n >= sizeof(line))
                return;

        done = write(transcript.fd, line, (size_t)n);
        if (done == n) {
                transcript.end += n;
                return;
        }
        transcript.error = done < 0 ? errno : ENOSPC;
        transcript.writes = false;
        (void)!ftruncate(transcript.fd, transcript.end);
}

static const char *time_now(char to[static 32])
{
        struct timespec now;
        struct tm tm;
        size_t n;

        (void)clock_gettime(CLOCK_REALTIME, &now);
        (void)gmtime_r(&now.tv_sec, &tm);
        n = strftime(to, 32, "%Y-%m-%dT%H:%M:%S", &tm);
        (void)snprintf(to + n, 32 - n, ".%03ldZ", now.tv_nsec / 1000000);
        return to;
}

/* ---- messages ------------------------------------------------------------------------------- */

static capnp_reader transcript_struct(capnp_reader r, uint16_t i)
{
        return capnp_any_struct(capnp_reader_any(r, i), NULL);
}

/* Of a call: whom it is made on, and what is called, by the names of this program. */
static void call_read(capnp_reader call, struct transcript_said *s)
{
        capnp_reader target = transcript_struct(call, 0);

        s->on_answer = capnp_reader_u16(target, 4, 0) == 1;
        s->on = capnp_reader_u32(s->on_answer ? transcript_struct(target, 0) : target, 0, 0);
        s->interface = capnp_reader_u64(call, 8, 0);
        s->ordinal = capnp_reader_u16(call, 4, 0);
        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
                if (known[i]->id != s->interface)
                        continue;
                s->interface_name = known[i]->name;
                if (s->ordinal < known[i]->nmethods)
                        s->method_name = known[i]->methods[s->ordinal].name;
        }
}

/* Of an answer: how it has ended. Of the text of an exception only a denial is looked for. */
static void return_read(capnp_reader ret, struct transcript_said *s)
{
        static const char *const ways[] = {"results",         "",
                                           "canceled",        "results-sent-elsewhere",
                                           "taken-elsewhere", "accepted-elsewhere"};
        static const char *const kinds[] = {"failed", "overloaded", "disconnected",
                                            "unimplemented"};
        uint16_t way = capnp_reader_u16(ret, 6, 0), kind;
        capnp_reader why;

        if (way != 1) {
                s->outcome = way < sizeof(ways) / sizeof(ways[0]) ? ways[way] : "unknown";
                return;
        }
        why = transcript_struct(ret, 0);
        kind = capnp_reader_u16(why, 4, 0);
        s->outcome = kind < 4 ? kinds[kind] : "exception";
        if (kind == CAPNP_FAILED)
                s->denial = capos_denial_of_text(capnp_reader_text(why, 0).p);
}

/* `,"interface":"Chat","interfaceId":"0x…","method":"join","ordinal":0`, the names where they are
 * known; `,"outcome":"failed","denial":"denied.flow"`. */
static void said_write(unsigned connection, const struct transcript_said *s)
{
        const char *interface = s->interface_name, *method = s->method_name;
        char what[256], at[32];

        if (s->is_call)
                (void)snprintf(what, sizeof(what),
                               "%s%s%s,\"interfaceId\":\"0x%016" PRIx64 "\"%s%s%s,\"ordinal\":%u",
                               interface ? ",\"interface\":\"" : "", interface ? interface : "",
                               interface ? "\"" : "", s->interface, method ? ",\"method\":\"" : "",
                               method ? method : "", method ? "\"" : "", (unsigned)s->ordinal);
        else
                (void)snprintf(what, sizeof(what), ",\"outcome\":\"%s\"%s%s%s", s->outcome,
                               s->denial ? ",\"denial\":\"" : "",
                               s->denial ? capos_denial_code(s->denial) : "",
                               s->denial ? "\"" : "");
        transcript.messages++;
        line_write("{\"at\":\"%s\",\"connection\":%u,\"from\":\"%s\",\"message\":\"%s\","
                   "\"question\":%" PRIu32 "%s,\"bytes\":%zu}\n",
                   time_now(at), connection, s->in ? "there" : "here",
                   s->is_call ? "call" : "return", s->question, what, s->bytes);
}

static void transcript_message(void *arg, bool in, capnp_msg *m)
{
        capnp_reader root = capnp_any_struct(capnp_msg_root(m), NULL), r;
        uint16_t kind = capnp_reader_u16(root, 0, 0);
        struct transcript_said s = {.in = in, .is_call = kind == CALL};

        if ((!transcript.writes && !transcript.tell) || (kind != CALL && kind != RETURN))
                return;

        r = transcript_struct(root, 0);
        s.question = capnp_reader_u32(r, 0, 0);
        s.bytes = capnp_msg_size(m);
        if (s.is_call)
                call_read(r, &s);
        else
                return_read(r, &s);
        if (transcript.writes)
                said_write((unsigned)(uintptr_t)arg, &s);
        if (transcript.tell)
                transcript.tell(transcript.tell_arg, &s);
}

/* Another connection; its number, for transcript_message(). */
static void *transcript_connection(const char *to)
{
        char at[32];

        transcript.connections++;
        line_write("{\"at\":\"%s\",\"connection\":%u,\"to\":\"%s\"}\n", time_now(at),
                   transcript.connections, to);
        return (void *)(uintptr_t)transcript.connections;
}

/* ---- the file ------------------------------------------------------------------------------- */

int transcript_open(const struct cli *c)
{
        if (!c->transcript)
                return EXIT_OK;

        transcript.fd =
                open(c->transcript, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (transcript.fd < 0)
                return cli_fail_code(c, -errno, c->transcript);

        transcript.writes = true;
        line_write("{\"format\":\"capos-transcript\",\"version\":%d,\"command\":\"%s\","
                   "\"program\":\"%s\"}\n",
                   FORMAT_VERSION, c->command->name, CAPOS_VERSION);
        return EXIT_OK;
}

void transcript_watch(const struct cli *c, capnp_conn *conn, const char *to)
{
        if (c->transcript)
                capnp_rpc_set_trace(capnp_conn_rpc(conn), transcript_message,
                                    transcript_connection(to));
}

void transcript_tell(const struct cli *c, void (*fn)(void *arg, const struct transcript_said *s),
                     void *arg)
{
        transcript.tell = fn;
        transcript.tell_arg = arg;
        if (!c->transcript)
                capnp_rpc_set_trace(capnp_conn_rpc(c->conn), fn ? transcript_message : NULL, NULL);
}

void transcript_watch_client(const struct cli *c, capos_client *client)
{
        if (c->transcript)
                capos_client_set_trace(client, transcript_message,
                                       transcript_connection("instance"));
}

int transcript_end(const struct cli *c, int r)
{
        char at[32];

        if (transcript.ended)
                return r;

        line_write("{\"at\":\"%s\",\"messages\":%" PRIu64 "}\n", time_now(at), transcript.messages);
        transcript.writes = false;
        transcript.ended = true;
        if (!transcript.error)
                return r;

        (void)fprintf(stderr, "capos: %s: the transcript is incomplete: %s\n", c->transcript,
                      strerror(transcript.error));
        return r ? r : EXIT_FAILED;
}
