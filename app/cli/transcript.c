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

/* `,"interface":"Chat","interfaceId":"0x…","method":"join","ordinal":0`, the names where they are
 * known. */
static void call_describe(capnp_reader call, char *to, size_t room)
{
        uint64_t id = capnp_reader_u64(call, 8, 0);
        uint16_t ordinal = capnp_reader_u16(call, 4, 0);
        const char *interface = NULL, *method = NULL;

        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
                if (known[i]->id != id)
                        continue;
                interface = known[i]->name;
                if (ordinal < known[i]->nmethods)
                        method = known[i]->methods[ordinal].name;
        }
        (void)snprintf(to, room, "%s%s%s,\"interfaceId\":\"0x%016" PRIx64 "\"%s%s%s,\"ordinal\":%u",
                       interface ? ",\"interface\":\"" : "", interface ? interface : "",
                       interface ? "\"" : "", id, method ? ",\"method\":\"" : "",
                       method ? method : "", method ? "\"" : "", (unsigned)ordinal);
}

/* `,"outcome":"failed","denial":"denied.flow"`. Of the text of an exception only that is looked
 * for. */
static void return_describe(capnp_reader ret, char *to, size_t room)
{
        static const char *const ways[] = {"results",         "",
                                           "canceled",        "results-sent-elsewhere",
                                           "taken-elsewhere", "accepted-elsewhere"};
        static const char *const kinds[] = {"failed", "overloaded", "disconnected",
                                            "unimplemented"};
        uint16_t way = capnp_reader_u16(ret, 6, 0), kind;
        enum capos_denial denial = CAPOS_DENIED_NONE;
        capnp_reader why;

        if (way != 1) {
                (void)snprintf(to, room, ",\"outcome\":\"%s\"",
                               way < sizeof(ways) / sizeof(ways[0]) ? ways[way] : "unknown");
                return;
        }
        why = transcript_struct(ret, 0);
        kind = capnp_reader_u16(why, 4, 0);
        if (kind == CAPNP_FAILED)
                denial = capos_denial_of_text(capnp_reader_text(why, 0).p);
        (void)snprintf(to, room, ",\"outcome\":\"%s\"%s%s%s", kind < 4 ? kinds[kind] : "exception",
                       denial ? ",\"denial\":\"" : "", denial ? capos_denial_code(denial) : "",
                       denial ? "\"" : "");
}

static void transcript_message(void *arg, bool in, capnp_msg *m)
{
        capnp_reader root = capnp_any_struct(capnp_msg_root(m), NULL), r;
        uint16_t kind = capnp_reader_u16(root, 0, 0);
        char what[256], at[32];

        if (!transcript.writes || (kind != CALL && kind != RETURN))
                return;

        r = transcript_struct(root, 0);
        if (kind == CALL)
                call_describe(r, what, sizeof(what));
        else
                return_describe(r, what, sizeof(what));
        transcript.messages++;
        line_write("{\"at\":\"%s\",\"connection\":%u,\"from\":\"%s\",\"message\":\"%s\","
                   "\"question\":%" PRIu32 "%s,\"bytes\":%zu}\n",
                   time_now(at), (unsigned)(uintptr_t)arg, in ? "there" : "here",
                   kind == CALL ? "call" : "return", capnp_reader_u32(r, 0, 0), what,
                   capnp_msg_size(m));
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
