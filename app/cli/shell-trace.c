/*
 * `.trace` of `capos shell`: each call and each answer as it goes over the shell's connection, a
 * line on standard error, so that the results of a script stay what they are.
 *
 *         [trace] -> call 4: Chat.join on reference 2, 96 bytes
 *         [trace] -> call 5: ChatMembership.send on what 4 returns, 88 bytes
 *         [trace] <- answer to 4: results, 208 bytes, 3 ms
 *
 * Only envelopes are shown (transcript.c reads them), never what is in them. Questions have numbers
 * on each side: an arrow to the left with `call` is one of theirs, to a listener of ours. Names are
 * those of the schemas that are known here, so what Tab and the line back to the agent ask has
 * names, too.
 */
#include "shell.h"
#include "transcript.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The names of the schema that a peer has sent, where this program has none. */
static void method_write(const struct shell *s, const struct transcript_said *x, char *to,
                         size_t room)
{
        const capnp_schema *schema = capos_client_schema_peek(s->c->client);
        const capnp_decl *d = capnp_schema_find(schema, x->interface);
        const char *interface = x->interface_name, *method = x->method_name;
        struct capnp_method_info m;

        if (!interface && d)
                interface = capnp_decl_short_name(d);
        for (uint32_t i = 0; d && !method && !capnp_schema_method(schema, x->interface, i, &m); i++)
                if (m.interface == x->interface && m.ordinal == x->ordinal)
                        method = m.name;
        if (interface && method)
                (void)snprintf(to, room, "%s.%s", interface, method);
        else
                (void)snprintf(to, room, "method %u of 0x%016" PRIx64, x->ordinal, x->interface);
}

static void trace_call(struct shell *s, const struct transcript_said *x, char *to, size_t room)
{
        struct shell_asked *a = &s->traced[x->question % SHELL_TRACED];
        char method[300], on[64];

        if (!x->in)
                *a = (struct shell_asked){.question = x->question, .at_ms = cli_now_ms()};
        method_write(s, x, method, sizeof(method));
        (void)snprintf(on, sizeof(on),
                       x->on_answer ? "what %" PRIu32 " returns" : "reference %" PRIu32, x->on);
        (void)snprintf(to, room, "call %" PRIu32 ": %s on %s, %zu bytes", x->question, method, on,
                       x->bytes);
}

static void trace_answer(const struct shell *s, const struct transcript_said *x, char *to,
                         size_t room)
{
        const struct shell_asked *a = &s->traced[x->question % SHELL_TRACED];
        uint64_t now_ms = cli_now_ms();
        char took[40] = "";

        if (x->in && a->at_ms && a->question == x->question && now_ms >= a->at_ms)
                (void)snprintf(took, sizeof(took), ", %" PRIu64 " ms", now_ms - a->at_ms);
        (void)snprintf(to, room, "answer to %" PRIu32 ": %s%s%s, %zu bytes%s", x->question,
                       x->outcome, x->denial ? " " : "",
                       x->denial ? capos_denial_code(x->denial) : "", x->bytes, took);
}

static void trace_on_said(void *arg, const struct transcript_said *x)
{
        struct shell *s = arg;
        const char *first = x->in ? "[trace] <- " : "[trace] -> ";
        char what[500], line[520];

        if (x->is_call)
                trace_call(s, x, what, sizeof(what));
        else
                trace_answer(s, x, what, sizeof(what));
        (void)snprintf(line, sizeof(line), "%s%s", first, what);
        if (shell_later(s, line))
                return;
        shell_input_hide(s->input);
        (void)fflush(stdout);
        cli_print_line(stderr, "", line, strlen(line), cli_columns(stderr));
        shell_input_show(s->input);
}

int shell_trace(struct shell *s, const char *const *words, unsigned n)
{
        bool off = n && !strcmp(words[0], "off");

        if (n > 1 || (n && !off))
                return cli_fail(s->c, EXIT_USAGE, "usage", ".trace, or .trace off");
        transcript_tell(s->c, off ? NULL : trace_on_said, s);
        return EXIT_OK;
}
