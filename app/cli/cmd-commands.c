/*
 * What can be done with a capability, as its service describes it (schema/command.capnp): listed,
 * and run.
 *
 * A description grants nothing. What a command costs is the worse of two words: the service's about
 * the command, and the schema's about the method that it runs. What is asked for then is the rule
 * of lib/ui, as for commands of a pane: whatever is lasting, and what others see of which not all
 * was typed; in our own words, with everything that will be sent. A command runs a method of the
 * capability that published it, and of no other.
 */
#include "back.h"
#include "call.h"
#include "cap-schema.h"
#include "cli-near.h"
#include "command-fields.h"
#include "ui-command.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COMMANDS_MAX = 64, POLL_MS = 60000, POLL_WAIT_MS = 90000 };

/* ---- what there is ------------------------------------------------------------------------ */

/* Opens the capability whose commands are wanted. An exit code. */
static int surface_open(struct cli *c, struct capos_cap_entry *ret_e, capnp_cap **ret_cap)
{
        struct capnp_method_info m;
        int r = cap_open(c, ret_e);
        bool has = false;

        for (uint32_t i = 0; !r && !has; i++) {
                if (capnp_schema_method(capos_client_schema_peek(c->client), ret_e->interface, i,
                                        &m))
                        return cli_fail(c, EXIT_USAGE, "no-commands",
                                        "%s describes no commands; `capos describe %s` lists its "
                                        "methods",
                                        ret_e->name, ret_e->name);
                has = m.interface == COMMAND_SURFACE_ID;
        }
        if (!r)
                *ret_cap = capos_client_get(c->client, ret_e->name, ret_e->interface);
        return r;
}

/* Asks for the commands. An exit code; the question holds them. back: who may ask again; 0 without
 * commands: that has to be. NULL: nobody. */
static int commands_ask(struct cli *c, capnp_cap *cap, uint64_t known, struct back *back,
                        capnp_question **ret_q)
{
        unsigned drops = back ? back->drops : 0;
        capnp_question *q = command_surface_commands((command_surface_client){cap});

        command_surface_commands_set_known(q, known);
        command_surface_commands_set_wait_ms(q, known ? POLL_MS : 0);
        *ret_q = q;
        if (cli_wait(c, q, known ? POLL_WAIT_MS : CLI_ANSWER_MS)) {
                if (!back || !back_has_dropped(back, drops))
                        return cli_fail_question(c, q, c->words[0]);
                *ret_q = capnp_question_free(q);
                return EXIT_OK;
        }
        if (command_list_len(command_surface_commands_commands(q)) > COMMANDS_MAX)
                return cli_fail(c, EXIT_FAILED, "malformed", "%s: more than %d commands",
                                c->words[0], COMMANDS_MAX);
        return EXIT_OK;
}

/* ---- list --------------------------------------------------------------------------------- */

static json_t *field_json(command_field_reader f)
{
        json_t *choices = json_array();
        command_choice_list list = command_field_choices(f);

        for (uint32_t i = 0; i < command_choice_list_len(list); i++)
                (void)json_array_append_new(
                        choices,
                        cli_json_text(command_value_text(command_choice_value(
                                                                 command_choice_list_get(list, i)))
                                              .p));
        return json_pack("{s:o,s:o,s:o,s:s?,s:b,s:o}", "path",
                         cli_json_text(command_field_path(f).p), "label",
                         cli_json_text(command_field_label(f).p), "help",
                         cli_json_text(command_field_help(f).p), "kind",
                         command_field_kind_name(command_field_kind(f)), "required",
                         command_field_required(f), "choices", choices);
}

static json_t *command_json(command_reader r)
{
        command_field_list list = command_fields(r);
        json_t *fields = json_array();

        for (uint32_t i = 0; i < command_field_list_len(list); i++)
                (void)json_array_append_new(fields, field_json(command_field_list_get(list, i)));
        return json_pack("{s:o,s:o,s:o,s:o,s:s?,s:b,s:o,s:o}", "id", cli_json_text(command_id(r).p),
                         "title", cli_json_text(command_title(r).p), "summary",
                         cli_json_text(command_summary(r).p), "group",
                         cli_json_text(command_group(r).p), "effect",
                         command_effect_name(command_effect(r)), "enabled", command_enabled(r),
                         "reason", cli_json_text(command_reason(r).p), "fields", fields);
}

static void field_print(command_field_reader f)
{
        printf("      ");
        cli_print_safe(command_field_path(f).p);
        printf("  %s%s", command_kind_words(command_field_kind(f)),
               command_field_required(f) ? ", required" : "");
        if (*command_field_help(f).p) {
                printf(": ");
                cli_print_safe(command_field_help(f).p);
        }
        printf("\n");
}

static void command_print(command_reader r)
{
        const char *effect = cap_effect_words(command_effect_name(command_effect(r)));
        command_field_list list = command_fields(r);

        cli_print_padded(command_id(r).p, 14);
        printf("  ");
        cli_print_safe(command_title(r).p);
        printf(" (%s)\n", effect ? effect : "it is not known what it does");
        if (*command_summary(r).p) {
                printf("      ");
                cli_print_safe(command_summary(r).p);
                printf("\n");
        }
        if (!command_enabled(r)) {
                printf("      Not now: ");
                cli_print_safe(command_reason(r).p);
                printf("\n");
        }
        for (uint32_t i = 0; i < command_field_list_len(list); i++)
                field_print(command_field_list_get(list, i));
}

static int commands_print(struct cli *c, capnp_question *q)
{
        command_list list = command_surface_commands_commands(q);
        json_t *all = c->json ? json_array() : NULL;

        for (uint32_t i = 0; i < command_list_len(list); i++)
                if (c->json)
                        (void)json_array_append_new(all, command_json(command_list_get(list, i)));
                else
                        command_print(command_list_get(list, i));
        if (!c->json)
                return cli_finish(c, EXIT_OK);
        return cli_print_json(c, json_pack("{s:o,s:o}", "revision",
                                           cli_json_u64(command_surface_commands_revision(q)),
                                           "commands", all));
}

/* The capability anew, when the line is there again. An exit code. */
static int commands_come_back(struct cli *c, struct back *back, capnp_cap **cap)
{
        struct capos_cap_entry e;

        *cap = capnp_cap_unref(*cap);
        back_say_dropped(c);
        if (!back_wait(back))
                return cli_fail(c, EXIT_NO_CONNECTION, "denied.stale-session",
                                "%s: the session has ended", c->words[0]);
        back_say_back(c);
        if (!capos_client_find(c->client, c->words[0], &e))
                return cli_fail(c, EXIT_DENIED, "denied.unknown-name",
                                "%s: the session has no such capability any more", c->words[0]);
        *cap = capos_client_get(c->client, e.name, e.interface);
        return EXIT_OK;
}

/* Whenever they change. An exit code. */
static int commands_watch(struct cli *c, capnp_cap **cap, struct back *back)
{
        uint64_t known = 0, now;
        int r = EXIT_OK;

        while (!r) {
                CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;

                r = commands_ask(c, *cap, known, back, &q);
                if (!r && !q)
                        r = commands_come_back(c, back, cap);
                if (r || !q)
                        continue;
                now = command_surface_commands_revision(q);
                if (now != known && known && !c->json)
                        printf("\n");
                if (now != known)
                        r = commands_print(c, q);
                known = now;
        }
        return r;
}

int cmd_commands(struct cli *c)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *cap = NULL;
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        struct back back = {.c = c};
        struct capos_cap_entry e;
        int r = surface_open(c, &e, &cap);

        if (!r && c->watch) {
                back_begin(&back);
                r = commands_watch(c, &cap, &back);
                back_end(&back);
                return r;
        }
        if (!r)
                r = commands_ask(c, cap, 0, NULL, &q);
        return r ? r : commands_print(c, q);
}

/* ---- run ---------------------------------------------------------------------------------- */

static int command_find(struct cli *c, capnp_question *q, command_reader *ret)
{
        command_list list = command_surface_commands_commands(q);
        struct cli_near near = {.word = c->words[1]};
        struct cap_names names = {.len = 0};
        char hint[128];

        for (uint32_t i = 0; i < command_list_len(list); i++) {
                *ret = command_list_get(list, i);
                if (!strcmp(command_id(*ret).p, c->words[1]))
                        return EXIT_OK;
                cli_near_try(&near, command_id(*ret).p);
                cap_names_add(&names, command_id(*ret).p);
        }
        return cli_fail(c, EXIT_USAGE, "unknown-command", "%s has no command %s%s; it has: %s",
                        c->words[0], c->words[1], cli_near_text(&near, hint, sizeof(hint)),
                        names.text);
}

/* The method that a command runs. An exit code. */
static int command_method(struct cli *c, const struct capos_cap_entry *e, command_reader r,
                          struct capnp_method_info *ret_m)
{
        command_call_reader call = command_run_call(command_run(r));
        const capnp_schema *s = capos_client_schema_peek(c->client);
        const char *other = command_call_capability(call).p;

        if (!command_enabled(r))
                return cli_fail(c, EXIT_FAILED, "refused.disabled", "%s: not now: %s", c->words[1],
                                command_reason(r).p);
        if (command_run_which(command_run(r)) != COMMAND_RUN_CALL)
                return cli_fail(c, EXIT_USAGE, "refused.view",
                                "%s: it changes only what is shown, and here nothing is",
                                c->words[1]);
        if (*other && strcmp(other, e->name) != 0)
                return cli_fail(c, EXIT_DENIED, "refused.target",
                                "%s: it would run a method of %s, not of %s", c->words[1], other,
                                e->name);
        for (uint32_t i = 0; !capnp_schema_method(s, e->interface, i, ret_m); i++)
                if (ret_m->interface == command_call_interface_id(call) &&
                    ret_m->ordinal == command_call_method_id(call))
                        return EXIT_OK;
        return cli_fail(c, EXIT_FAILED, "unknown-method", "%s: there is no such method in %s",
                        c->words[1], e->name);
}

/* What it costs: the worse of what the service says and what the schema does. */
static enum capos_ui_effect command_cost(struct cli *c, const struct capos_cap_entry *e,
                                         command_reader r, const struct capnp_method_info *m)
{
        static const struct capos_ui_front_ops none = {0};
        const struct ui_judge j = {.schema = capos_client_schema_peek(c->client),
                                   .service = e->name,
                                   .interface = e->interface,
                                   .ops = &none};
        const struct ui_target t = {.method = *m, .capability = capnp_text_of(e->name)};

        return ui_command_effect(&j, r, &t);
}

/* Whether somebody wants it all the same. An exit code. */
static int command_confirm(struct cli *c, const struct capnp_method_info *m, const char *params,
                           bool lasts)
{
        const char *why =
                lasts ? "cannot be undone" : "is seen by others, and not all of it was typed";
        size_t room = strlen(c->words[0]) + strlen(m->name) + strlen(params) + 96;
        char *prompt, answer[8] = "";
        bool wanted;

        if (c->yes)
                return EXIT_OK;
        if (c->json || !cli_has_terminal(c))
                return cli_fail(c, EXIT_USAGE, "confirm", "%s: it %s: --yes says that it is wanted",
                                c->words[1], why);
        prompt = malloc(room);
        if (!prompt)
                return cli_fail_code(c, -ENOMEM, NULL);
        (void)snprintf(prompt, room, "%s.%s %s %s. Run it? [y/N] ", c->words[0], m->name, params,
                       why);
        wanted = command_ask(c, prompt, answer, sizeof(answer)) && strchr("yY", *answer);
        free(prompt);
        if (wanted)
                return EXIT_OK;
        return cli_fail(c, EXIT_FAILED, "canceled", "%s: not run", c->words[1]);
}

/* What could have been said. */
static int command_missing(struct cli *c, capnp_question *q)
{
        int r = c->json ? EXIT_OK : commands_print(c, q);

        return r ? r : cli_fail(c, EXIT_USAGE, "usage", "%s: run which command?", c->words[0]);
}

int cmd_run(struct cli *c)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *cap = NULL;
        struct capnp_method_info m;
        struct capos_cap_entry e;
        command_reader command;
        enum capos_ui_effect effect;
        char *params = NULL;
        bool typed = false;
        int r = surface_open(c, &e, &cap);

        c->prose = true;
        if (!r)
                r = commands_ask(c, cap, 0, NULL, &q);
        if (!r)
                r = c->nwords < 2 ? command_missing(c, q) : command_find(c, q, &command);
        if (!r)
                r = command_method(c, &e, command, &m);
        if (!r)
                r = command_fields_read(c, cap, command, &params, &typed);
        effect = r ? CAPOS_UI_READS : command_cost(c, &e, command, &m);
        if (!r && ui_command_asks(effect, false, typed))
                r = command_confirm(c, &m, params, effect == CAPOS_UI_LASTING);
        if (r) {
                free(params);
                return r;
        }
        return call_method(c, &m, params, false);
}
