/*
 * `capos chat join`: lines from standard input are said, events are printed; both at once, until
 * the input ends or the connection does.
 *
 * Works with pipes as with a terminal; on a terminal what comes in does not break into what is
 * being typed (line.c). Input is read by hand, because stdio cannot be asked whether it holds half
 * a line. Nothing more is read while a message is on its way, so what is piped in goes out in
 * order, and no faster than the service takes it; when it asks for patience, the message is sent
 * again a little later. Lines that begin with a slash are for this program.
 *
 * Somebody who only reads must be told, too, when there is nothing more to read. The sign is that
 * our listener is let go: a session that has ended, a capability that was taken back and a service
 * that has died all drop it. Why, is then asked of the membership.
 *
 * When the line drops and comes back (back.c), the channel is joined anew, which is what was asked
 * for, and what was shown before is not shown again. What was typed meanwhile is said then. What
 * was on its way is not said again, since nobody knows whether it was said.
 */
#include "back.h"
#include "chat.capnp-c.h"
#include "cli.h"
#include "line.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { AGAIN_MS = 600, READ_BYTES = 256 };

/* What each line begins with that a message goes on in, as in panes. */
#define MORE "  | "

struct chat {
        struct cli *c; /* NULL: the command is through, and only listeners hold this */
        struct back back;
        unsigned listeners;           /* that live, and hold this */
        bool over;                    /* what has ended is no news any more */
        struct line edit;             /* on a terminal: what is being typed */
        capnp_question *why_question; /* asks why the listener was let go */
        capnp_cap *membership;        /* NULL: there is no line */
        capnp_question *sending;
        capnp_answer *early; /* an event that came before we were told that we are in */
        capnp_watch *input;
        capnp_timer *again;
        char line[LINE_BYTES + 1]; /* what was read and not yet said */
        size_t len;
        bool ended;                /* the input has, or /quit was said */
        bool cut;                  /* the rest of a line that was too long is skipped */
        char said[LINE_BYTES + 1]; /* what is on its way, or waits for the line */
        bool waits;                /* it does */
        bool unsure;               /* it failed by the line, and nobody knows whether it was said */
        bool resumes;              /* then lines are read on when there is a line */
        unsigned drops;            /* the line's, when the channel was joined */
        uint64_t seen, seen_ms; /* the last event that was shown: its sequence, and when it was */
        int result;             /* of what has ended it, with why */
        struct capos_error why;
        int exit; /* what has ended it was said already */
};

static void chat_input_more(struct chat *h);

static void chat_stop(struct chat *h)
{
        capnp_vat_stop(h->c->vat);
}

/* ---- what others say ---------------------------------------------------------------------- */

static json_t *event_json(chat_event_reader e)
{
        static const char *const kinds[] = {"said", "joined", "left"};
        unsigned which = (unsigned)chat_event_which(e);
        json_t *o = json_pack(
                "{s:s,s:o,s:o,s:o,s:o,s:b}", "event", which < 3 ? kinds[which] : "unknown",
                "channel", cli_json_text(chat_event_channel(e).p), "sequence",
                cli_json_u64(chat_event_sequence(e)), "atMs", cli_json_u64(chat_event_at_ms(e)),
                "label", cli_json_text(chat_event_label(e).p), "history", chat_event_history(e));

        if (o && chat_event_which(e) == CHAT_EVENT_SAID)
                (void)json_object_set_new(o, "text", cli_json_text(chat_event_said(e).p));
        return o;
}

/* A message of several lines is one line of a pipe. On a terminal none of them can stand where
 * messages begin. */
static void said_print(const char *first, const char *text)
{
        unsigned columns = cli_columns(stdout);
        size_t len = columns ? strcspn(text, "\n") : strlen(text);

        cli_print_more(stdout, first, MORE, text, len, columns);
        while (text[len]) {
                text += len + 1;
                len = strcspn(text, "\n");
                cli_print_more(stdout, MORE, MORE, text, len, columns);
        }
}

static void event_print_line(chat_event_reader e)
{
        const char *label = chat_event_label(e).p, *text = chat_event_said(e).p;
        char day[64], first[400];
        const char *at;

        cli_format_time(chat_event_at_ms(e), day, sizeof(day));
        at = strlen(day) > 11 ? day + 11 : day;
        switch (chat_event_which(e)) {
        case CHAT_EVENT_SAID:
                (void)snprintf(first, sizeof(first), "%s <%.200s> ", at, label);
                said_print(first, text);
                return;
        case CHAT_EVENT_JOINED:
        case CHAT_EVENT_LEFT:
                (void)snprintf(first, sizeof(first), "%s * %.200s %s", at, label,
                               chat_event_which(e) == CHAT_EVENT_JOINED ? "has joined"
                                                                        : "has left");
                cli_print_more(stdout, first, MORE, "", 0, cli_columns(stdout));
                return;
        }
        printf("%s\n", at);
}

/* Whether it was shown before the line dropped. A channel that was made anew counts from one. */
static bool event_is_seen(struct chat *h, chat_event_reader e)
{
        uint64_t sequence = chat_event_sequence(e), at_ms = chat_event_at_ms(e);

        if (sequence <= h->seen && at_ms <= h->seen_ms)
                return true;
        h->seen = sequence;
        h->seen_ms = at_ms;
        return false;
}

static void event_print(struct chat *h, chat_event_reader e)
{
        if (event_is_seen(h, e))
                return;
        line_hide(&h->edit);
        if (h->c->json)
                (void)cli_print_json(h->c, event_json(e));
        else
                event_print_line(e);
        line_show(&h->edit);
        (void)cli_finish(h->c, EXIT_OK);
}

static void chat_on_event_canceled(capnp_answer *a, void *arg)
{
        struct chat *h = arg;

        h->early = NULL;
        (void)capnp_answer_fail(a, CAPNP_FAILED, "canceled");
}

/* The first event may be faster than the history it belongs behind: then it waits, and with it all
 * others, because the next one is sent when this one has returned. */
static int chat_on_event(void *self, const struct capnp_method_info *m, capnp_answer *a)
{
        struct chat *h = self;

        if (m->ordinal != 0)
                return capnp_answer_return(a); /* of a later version: nothing to show */
        if (!h->c)
                return capnp_answer_fail(a, CAPNP_FAILED, "nobody listens");
        if (!h->membership && !h->early) {
                h->early = a;
                return capnp_answer_keep(a, chat_on_event_canceled, h);
        }
        event_print(h, chat_listener_event_param_event(a));
        return capnp_answer_return(a);
}

static void chat_print_early(struct chat *h)
{
        capnp_answer *a = h->early;

        h->early = NULL;
        if (!a)
                return;
        event_print(h, chat_listener_event_param_event(a));
        (void)capnp_answer_return(a);
}

/* Why nothing more will come; asked of the membership, which fails with it. */
static void chat_on_told_why(capnp_question *q, int r, void *arg)
{
        struct chat *h = arg;

        h->why_question = NULL;
        r = capos_error_of_question(q, &h->why);
        capnp_question_free(q);
        if (!r)
                r = capos_error_of(CAPNP_E_EXCEPTION,
                                   (capnp_exception){CAPNP_FAILED, "the service tells us nothing "
                                                                   "more: join again"},
                                   &h->why);
        h->result = r;
        chat_stop(h);
}

/* Frees the struct when the command is through with it; else somebody has let our listener go. */
static void chat_on_listener_gone(void *self)
{
        struct chat *h = self;

        h->listeners--;
        if (!h->c && !h->listeners) {
                free(h);
                return;
        }
        if (!h->c || h->listeners || !h->membership || h->result || h->over || h->why_question)
                return;
        h->why_question = chat_membership_members((chat_membership_client){h->membership});
        capnp_question_send(h->why_question, chat_on_told_why, h);
}

static const struct capnp_dynamic_ops listener_ops = {.call = chat_on_event,
                                                      .gone = chat_on_listener_gone};

/* ---- what we say -------------------------------------------------------------------------- */

static void chat_send(struct chat *h);

static void chat_on_again(void *arg)
{
        struct chat *h = arg;

        h->again = NULL;
        chat_send(h);
}

static void chat_on_sent(capnp_question *q, int r, void *arg)
{
        struct chat *h = arg;

        h->sending = NULL;
        r = capos_error_of_question(q, &h->why);
        capnp_question_free(q);
        if (r == CAPNP_E_EXCEPTION && h->why.kind == CAPNP_OVERLOADED &&
            !capnp_timer_new(h->c->vat, AGAIN_MS, chat_on_again, h, &h->again))
                return;
        if (r == CAPNP_E_EXCEPTION && h->why.kind == CAPNP_FAILED) {
                line_hide(&h->edit);
                (void)cli_fail_error(h->c, &h->why, "not said");
                line_show(&h->edit);
                r = 0;
        }
        if (!r) {
                chat_input_more(h);
                return;
        }
        h->unsure = true;
        h->result = r;
        chat_stop(h);
}

static void chat_send(struct chat *h)
{
        capnp_question *q;

        h->waits = !h->membership;
        if (h->waits)
                return;
        q = chat_membership_send((chat_membership_client){h->membership});
        chat_membership_send_set_text(q, h->said);
        h->sending = q;
        capnp_question_send(q, chat_on_sent, h);
}

/* Takes the first line out of what was read. */
static bool chat_take_line(struct chat *h)
{
        char *end = memchr(h->line, '\n', h->len);
        size_t len = end ? (size_t)(end - h->line) : h->len, whole = end ? len + 1 : len;
        bool was_cut = h->cut;

        if (!end && !h->ended && h->len < LINE_BYTES)
                return false;
        if (!whole)
                return false;

        memcpy(h->said, h->line, len);
        h->said[len && h->said[len - 1] == '\r' ? len - 1 : len] = 0;
        memmove(h->line, h->line + whole, h->len - whole);
        h->len -= whole;
        h->cut = !end && !h->ended;
        if (was_cut)
                h->said[0] = 0;
        return true;
}

/* What was typed, byte by byte; whole lines go where those of a pipe go. */
static void chat_read_typed(struct chat *h)
{
        char typed[READ_BYTES];
        ssize_t n = read(STDIN_FILENO, typed, sizeof(typed));
        enum line_state state;

        h->ended |= n <= 0 && !(n < 0 && (errno == EAGAIN || errno == EINTR));
        for (ssize_t i = 0; i < n && !h->ended; i++) {
                state = line_feed(&h->edit, typed[i]);
                h->ended = state == LINE_IS_END;
                if (state != LINE_IS_WHOLE)
                        continue;
                if (h->len + h->edit.len < LINE_BYTES) {
                        memcpy(h->line + h->len, h->edit.text, h->edit.len);
                        h->len += h->edit.len;
                        h->line[h->len++] = '\n';
                }
                line_clear(&h->edit);
        }
        line_show(&h->edit);
}

static void chat_read(struct chat *h)
{
        ssize_t n;

        if (h->edit.on) {
                chat_read_typed(h);
                return;
        }
        n = read(STDIN_FILENO, h->line + h->len, LINE_BYTES - h->len);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n <= 0)
                h->ended = true;
        else
                h->len += (size_t)n;
}

static void chat_on_input(void *arg, uint32_t events)
{
        struct chat *h = arg;

        (void)events;
        h->input = capnp_watch_free(h->input);
        chat_read(h);
        chat_input_more(h);
}

static void chat_on_file(void *arg)
{
        struct chat *h = arg;

        h->again = NULL;
        chat_read(h);
        chat_input_more(h);
}

/* Waits for input. A file has no readiness to wait for: it is all there. */
static void chat_want_input(struct chat *h)
{
        int r = capnp_watch_new(h->c->vat, STDIN_FILENO, EPOLLIN, chat_on_input, h, &h->input);

        if (r == -EPERM)
                r = capnp_timer_new(h->c->vat, 0, chat_on_file, h, &h->again);
        if (!r)
                return;
        h->result = capos_error_of(r, (capnp_exception){CAPNP_FAILED, ""}, &h->why);
        chat_stop(h);
}

/* Lines for this program: /quit, /help; two slashes say one. false: it is to be said. */
static bool chat_command(struct chat *h)
{
        if (h->said[0] != '/')
                return false;
        if (h->said[1] == '/') {
                memmove(h->said, h->said + 1, strlen(h->said));
                return false;
        }
        if (!strcmp(h->said, "/quit")) {
                h->ended = true;
                h->len = 0;
                return true;
        }
        line_hide(&h->edit);
        if (!strcmp(h->said, "/help"))
                (void)fprintf(stderr, "/quit leaves, // says a line that begins with a slash, "
                                      "everything else is said\n");
        else
                (void)cli_fail(
                        h->c, EXIT_USAGE, "usage",
                        "%s: not said, there is no such command (/help, /quit; a second / in "
                        "front says it)",
                        h->said);
        line_show(&h->edit);
        return true;
}

/* Goes on: says what was read, or reads on, or is through. Nothing is on its way. */
static void chat_input_more(struct chat *h)
{
        while (chat_take_line(h)) {
                if (h->said[0] && !chat_command(h)) {
                        chat_send(h);
                        return;
                }
        }
        h->over = h->ended;
        if (h->ended)
                chat_stop(h);
        else
                chat_want_input(h);
}

/* ---- joining ------------------------------------------------------------------------------ */

static void room_show(struct chat *h, capnp_question *q)
{
        chat_event_list history = chat_join_history(q);

        if (h->c->json)
                (void)cli_print_json(h->c, json_pack("{s:s,s:s,s:o}", "event", "you", "channel",
                                                     h->c->words[0], "label",
                                                     cli_json_text(chat_join_label(q).p)));
        for (uint32_t i = 0; i < chat_event_list_len(history); i++)
                event_print(h, chat_event_list_get(history, i));
        line_hide(&h->edit);
        if (!h->c->json) {
                printf("* you are ");
                cli_print_safe(chat_join_label(q).p);
                printf(" in ");
                cli_print_safe(h->c->words[0]);
                printf("\n");
        }
        line_show(&h->edit);
        chat_print_early(h);
        (void)cli_finish(h->c, EXIT_OK);
}

/* A listener for the channel. From when it was sent on only the service holds it, and we see when
 * it does no more. An exit code. */
static int listener_new(struct chat *h, capnp_cap **ret_c)
{
        int r = capnp_dynamic_serve(h->c->vat, capos_client_schema_peek(h->c->client),
                                    CHAT_LISTENER_ID, &listener_ops, h, ret_c);

        h->listeners += !r;
        return r ? cli_fail_code(h->c, r, "chat") : EXIT_OK;
}

/* An exit code. Without a membership then, the line has dropped again. */
static int room_join(struct chat *h)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *chat = NULL;
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *listener = NULL;
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;

        h->drops = h->back.drops;
        if (listener_new(h, &listener))
                return EXIT_FAILED;
        chat = capos_client_get(h->c->client, "chat", CHAT_ID);
        q = chat_join((chat_client){chat});
        chat_join_set_channel(q, h->c->words[0]);
        chat_join_set_listener(q, (chat_listener_client){listener});
        if (cli_wait(h->c, q, CLI_ANSWER_MS)) {
                if (h->early)
                        (void)capnp_answer_fail(h->early, CAPNP_FAILED, "not joined");
                h->early = NULL;
                if (!back_has_dropped(&h->back, h->drops))
                        return cli_fail_question(h->c, q, h->c->words[0]);
                return EXIT_OK;
        }
        h->membership = capnp_cap_ref(chat_join_membership(q).c);
        room_show(h, q);
        return EXIT_OK;
}

static void chat_on_closed(capnp_conn *conn, void *arg)
{
        struct chat *h = arg;

        (void)conn;
        h->over = true;
        h->result = capos_error_of(CAPNP_E_DISCONNECTED,
                                   (capnp_exception){CAPNP_DISCONNECTED, "the session has ended"},
                                   &h->why);
        chat_stop(h);
}

/* What was got by the line that has dropped is let go. */
static void chat_on_lost(void *arg)
{
        struct chat *h = arg;

        line_hide(&h->edit);
        back_say_dropped(h->c);
        if (h->sending || h->unsure)
                (void)cli_fail(h->c, EXIT_FAILED, "disconnected",
                               "nobody knows whether this was said; it is not said again: %s",
                               h->said);
        line_show(&h->edit);
        h->resumes = h->sending || h->unsure;
        h->unsure = false;
        h->result = 0;
        h->sending = capnp_question_free(h->sending);
        h->why_question = capnp_question_free(h->why_question);
        h->membership = capnp_cap_unref(h->membership);
}

/* ---- talking ------------------------------------------------------------------------------ */

/* Whether nothing has ended but the line, if that; joins anew when it is there again. */
static bool chat_goes_on(struct chat *h)
{
        if (h->over)
                return false;
        if (h->result &&
            (h->why.kind != CAPNP_DISCONNECTED || !back_has_dropped(&h->back, h->drops)))
                return false;
        if (h->membership || h->back.down)
                return true;

        line_hide(&h->edit);
        back_say_back(h->c);
        line_show(&h->edit);
        h->exit = room_join(h);
        if (h->exit || !h->membership)
                return !h->exit;
        if (h->waits)
                chat_send(h);
        else if (h->resumes)
                chat_input_more(h);
        h->resumes = false;
        return true;
}

static void chat_end(struct chat *h)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;

        h->over = true;
        line_end(&h->edit);
        capnp_question_free(h->why_question);
        h->why_question = NULL;
        if (!h->result && h->membership) {
                q = chat_membership_leave((chat_membership_client){h->membership});
                (void)!cli_wait(h->c, q, CLI_ANSWER_MS);
        }
        capnp_conn_on_close(h->c->conn, NULL, NULL);
        capnp_question_free(h->sending);
        capnp_timer_free(h->again);
        capnp_watch_free(h->input);
}

/* Talks until somebody ends it. An exit code. */
static int room_talk(struct chat *h)
{
        int r;

        capnp_conn_on_close(h->c->conn, chat_on_closed, h);
        if (!h->c->json)
                line_begin(&h->edit);
        chat_input_more(h);
        do
                r = capnp_vat_run(h->c->vat);
        while (!r && chat_goes_on(h));
        chat_end(h);
        if (r)
                return cli_fail_code(h->c, r, NULL);
        if (h->exit || !h->result)
                return h->exit;
        /* However it was noticed: without a session there is no login. */
        if (h->why.denial == CAPOS_DENIED_STALE_SESSION)
                return cli_fail(h->c, EXIT_NO_CONNECTION, "denied.stale-session",
                                "%s: the session has ended: %s", h->c->words[0],
                                capos_denial_detail_peek(h->why.text));
        return cli_fail_error(h->c, &h->why, h->c->words[0]);
}

int cmd_chat_join(struct cli *c)
{
        struct chat *h;
        int r = cli_open_session(c);

        if (!r)
                r = capos_client_wait(c->client,
                                      capos_client_fetch_schema(c->client, CHAT_ID, NULL, NULL))
                            ? cli_fail_error(c, capos_client_error_peek(c->client), "chat")
                            : EXIT_OK;
        if (r)
                return r;
        h = calloc(1, sizeof(*h));
        if (!h)
                return cli_fail_code(c, -ENOMEM, NULL);

        h->c = c;
        h->back = (struct back){.c = c, .on_lost = chat_on_lost, .arg = h};
        back_begin(&h->back);
        r = room_join(h);
        if (!r)
                r = room_talk(h);
        back_end(&h->back);
        h->membership = capnp_cap_unref(h->membership);
        h->c = NULL;
        if (!h->listeners)
                free(h);
        return r;
}
