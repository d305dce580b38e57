/*
 * Commands that a service describes, in the way that lib/ui takes them: measured, texts, shape,
 * fields, and then judged against the schema of sessions, as if the service were one. What is taken
 * has parameters that the method takes, a cost, and words for a person.
 */
#include "ui-command.h"
#include "ui-field.h"
#include "ui-prompt.h"

#include "remote_session.capnp-c.h"

#include <stdlib.h>
#include <string.h>

enum { MOST = 65536 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool any_target(void *arg, const char *service, const char *capability)
{
        (void)arg;
        return strcmp(service, capability) != 0;
}

static const struct capos_ui_front_ops ops = {.may_target = any_target};

/* It can be asked about, and what it asks for can be given as it begins. */
static void command_try(const struct ui_judge *j, command_reader c)
{
        struct ui_args args = {.n = 0};
        struct ui_prompt_draft d = {.kind = CAPOS_UI_PROMPT_COMMAND,
                                    .service = j->service,
                                    .title = j->service,
                                    .account = "",
                                    .what = command_title(c).p,
                                    .capability = "",
                                    .method = "",
                                    .args = &args};
        struct capos_ui_why why;
        struct ui_refused refused;
        struct ui_target t;
        struct ui_prompt *p;

        if (ui_command_target(j, c, &t, &refused))
                abort();
        d.effect = ui_command_effect(j, c, &t);
        if (ui_args_fill(&args, command_fields(c), NULL, 0, false, &why) ||
            !ui_args_fix(&args, command_call_constants(command_run_call(command_run(c)))))
                return;
        if (ui_prompt_new(&d, &p))
                return;
        for (const char *s = p->it.text; *s; s++)
                if ((unsigned char)*s < ' ' && *s != '\n')
                        abort();
        ui_prompt_free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static capnp_schema *schemas;
        uint64_t *copy = malloc(size + 8), bytes;
        struct ui_judge j = {.service = "s", .interface = REMOTE_SESSION_ID, .ops = &ops};
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        struct ui_refused why;
        command_reader c;

        if (!schemas && (capnp_schema_new(&schemas) ||
                         capnp_schema_add_file(schemas, &remote_session_capnp_schema)))
                abort();
        if (!copy)
                return 0;
        memcpy(copy, data, size);
        j.schema = schemas;
        if (!capnp_msg_parse(copy, size, NULL, &m)) {
                c = command_root(m);
                if (!ui_shape_measure(&ui_shape_command, c.r, MOST, &bytes) &&
                    !capnp_msg_check(m) && !ui_shape_texts(&ui_shape_command, c.r, &why) &&
                    !ui_shape_rules(&ui_shape_command, c.r, &why) &&
                    !ui_fields_check(command_fields(c), UI_REFUSAL_COMMAND, &why) &&
                    !ui_command_check(&j, UI_SAFETY_CLASS_CONSEQUENTIAL, c, &why) &&
                    command_run_which(command_run(c)) == COMMAND_RUN_CALL)
                        command_try(&j, c);
        }
        m = capnp_msg_free(m);
        free(copy);
        return 0;
}
