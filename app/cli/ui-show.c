/*
 * A workspace as lines: each pane, and each change that was accepted, as text or as JSON.
 *
 * Every pane begins with a line of this program's own: its number, and the service's title as the
 * instance has it; only then comes what the service calls it. What a service can make a pane say
 * stands below that line, moved in by two columns, so none of it can look like a line of ours. The
 * text was checked by lib/ui, and is made harmless for a terminal here all the same.
 */
#include "ui-show.h"

#include "command.capnp-c.h"
#include "remote_ui.capnp-c.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define MARGIN "  "

static const char *const kinds[] = {"text",  "log",  "list",     "table", "tree",      "counters",
                                    "chart", "form", "progress", "map",   "transcript"};
static const char *const classes[] = {"ambient", "ordinary", "personal", "consequential"};
static const char *const effects[] = {"reads", "own", "shared", "lasting"};
static const char *const reasons[] = {"by you", "by the host", "the session has ended", "reset",
                                      "by the service"};

#define WORD(words_, i_) ((i_) < sizeof(words_) / sizeof(*(words_)) ? (words_)[i_] : "unknown")

_Static_assert(sizeof(kinds) / sizeof(*kinds) == UI_SURFACE_KIND_TRANSCRIPT + 1, "each kind");

unsigned ui_show_number(const capos_ui_surface *s)
{
        struct capos_ui_pane p;

        capos_ui_surface_info(s, &p);
        return (unsigned)p.number;
}

/* Lines of a service's, moved in. */
static void lines_print(const char *text)
{
        while (*text) {
                size_t len = strcspn(text, "\n");
                char line[4096];

                (void)snprintf(line, sizeof(line), "%.*s", (int)len, text);
                printf(MARGIN);
                cli_print_safe(line);
                (void)putchar('\n');
                text += len + (text[len] == '\n');
        }
}

static void title_print(const capos_ui_surface *s)
{
        struct capos_ui_pane p;

        capos_ui_surface_info(s, &p);
        printf("[%u] ", ui_show_number(s));
        cli_print_safe(p.service_title);
        printf(": ");
        cli_print_safe(p.title.p ? p.title.p : "");
        printf(" (%s%s)\n", WORD(kinds, p.kind), p.pinned ? ", pinned" : "");
}

static void model_print(const capos_ui_surface *s, unsigned columns, uint32_t rows)
{
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf text = {0};
        time_t now = time(NULL);
        struct tm local = {0};
        struct capos_ui_draw page = {.columns = columns > 22 ? columns - 2 : columns, .rows = rows};

        page.utc_offset_s = localtime_r(&now, &local) ? (int32_t)local.tm_gmtoff : 0;
        capnp_buf_init(&text, UI_TEXT_BYTES);
        if (!capos_ui_draw_text(s, &page, &text) && text.p)
                lines_print(text.p);
}

/* `send text=…: say something`, each in a line. */
static void commands_print(const capos_ui_surface *s, uint32_t n)
{
        for (uint32_t i = 0; i < n; i++) {
                command_reader k = {capos_ui_command_at(s, i)};
                command_field_list fields = command_fields(k);

                printf(MARGIN "> ");
                cli_print_safe(command_id(k).p);
                for (uint32_t j = 0; j < command_field_list_len(fields); j++) {
                        command_field_reader f = command_field_list_get(fields, j);

                        printf(command_field_required(f) ? " " : " [");
                        cli_print_safe(command_field_path(f).p);
                        printf(command_field_required(f) ? "=" : "=]");
                }
                printf("  ");
                cli_print_safe(command_title(k).p);
                if (!command_enabled(k)) {
                        printf(" (not now: ");
                        cli_print_safe(command_reason(k).p);
                        printf(")");
                }
                printf("%s\n", capos_ui_command_effect(s, i) == CAPOS_UI_LASTING ? " (asks)" : "");
        }
}

/* ---- JSON ------------------------------------------------------------------------------------ */

/* A struct of the contract's as JSON. */
static json_t *struct_json(uint64_t type, capnp_reader r)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *schema = NULL;
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf text = {0};

        capnp_buf_init(&text, UI_TEXT_BYTES);
        if (capnp_schema_new(&schema) || capnp_schema_add_file(schema, &remote_ui_capnp_schema) ||
            capnp_json_print(schema, type, r, NULL, &text))
                return json_null();
        return json_loadb(text.p, text.len, 0, NULL);
}

static json_t *model_json(const capos_ui_surface *s)
{
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;

        if (capnp_msg_new(&m))
                return json_null();
        capos_ui_model_write(s, capnp_msg_build(m));
        return struct_json(UI_MODEL_ID, ui_model_root(m).r);
}

static json_t *commands_json(const capos_ui_surface *s, uint32_t n)
{
        json_t *all = json_array();

        for (uint32_t i = 0; i < n; i++) {
                json_t *one = struct_json(COMMAND_ID, capos_ui_command_at(s, i));

                (void)json_object_set_new(
                        one, "cost", json_string(WORD(effects, capos_ui_command_effect(s, i))));
                (void)json_array_append_new(all, one);
        }
        return all;
}

static json_t *pane_json(const capos_ui_surface *s, const char *event)
{
        struct capos_ui_pane p;
        char id[33] = "";

        capos_ui_surface_info(s, &p);
        for (uint32_t i = 0; i < p.id.len && i < 16; i++)
                (void)snprintf(id + 2 * i, 3, "%02x", p.id.p[i]);
        return json_pack("{s:s,s:i,s:o,s:s,s:o,s:s,s:s,s:I}", "event", event, "pane",
                         (int)ui_show_number(s), "service", cli_json_text(p.service), "id", id,
                         "title", cli_json_text(p.title.p ? p.title.p : ""), "kind",
                         WORD(kinds, p.kind), "class", WORD(classes, p.safety_class), "revision",
                         (json_int_t)p.revision);
}

static void json_pane(const struct cli *c, const capos_ui_surface *s, const char *event)
{
        json_t *o = pane_json(s, event);
        struct capos_ui_pane p;

        capos_ui_surface_info(s, &p);
        (void)json_object_set_new(o, "summary", cli_json_text(p.summary.p ? p.summary.p : ""));
        (void)json_object_set_new(o, "model", model_json(s));
        (void)json_object_set_new(o, "commands", commands_json(s, p.commands));
        (void)cli_print_json(c, o);
}

/* ---- what is told ---------------------------------------------------------------------------- */

void ui_show_pane(const struct cli *c, const capos_ui_surface *s, unsigned columns)
{
        struct capos_ui_pane p;

        if (c->json) {
                json_pane(c, s, "pane");
                return;
        }
        capos_ui_surface_info(s, &p);
        title_print(s);
        if (p.summary.len > 0)
                lines_print(p.summary.p);
        model_print(s, columns, 0);
        commands_print(s, p.commands);
}

void ui_show_change(const struct cli *c, const capos_ui_surface *s,
                    const struct capos_ui_change *change, unsigned columns)
{
        unsigned shown = CAPOS_UI_CHANGED_SPEC | CAPOS_UI_CHANGED_MODEL | CAPOS_UI_CHANGED_WHOLE |
                         CAPOS_UI_CHANGED_COMMANDS | CAPOS_UI_CHANGED_STATE;
        bool only_more = change->what == CAPOS_UI_CHANGED_MODEL && change->appended &&
                         !change->head && !change->nreplaced && !change->nremoved;
        struct capos_ui_pane p;

        if (!(change->what & shown))
                return;
        if (c->json) {
                json_pane(c, s, "changed");
                return;
        }
        capos_ui_surface_info(s, &p);
        title_print(s);
        if (change->what & (CAPOS_UI_CHANGED_MODEL | CAPOS_UI_CHANGED_WHOLE))
                model_print(s, columns,
                            only_more && (p.kind == UI_SURFACE_KIND_LOG ||
                                          p.kind == UI_SURFACE_KIND_TRANSCRIPT)
                                    ? change->appended
                                    : 0);
        if (change->what & CAPOS_UI_CHANGED_COMMANDS)
                commands_print(s, p.commands);
}

void ui_show_closed(const struct cli *c, const capos_ui_surface *s, enum capos_ui_close_reason why)
{
        if (c->json) {
                json_t *o = pane_json(s, "closed");

                (void)json_object_set_new(o, "why", json_string(WORD(reasons, (unsigned)why)));
                (void)cli_print_json(c, o);
                return;
        }
        title_print(s);
        printf("closed, %s\n", WORD(reasons, (unsigned)why));
}

void ui_show_prompt(const struct cli *c, const struct capos_ui_prompt *p)
{
        if (c->json) {
                (void)cli_print_json(c,
                                     json_pack("{s:s,s:I,s:o,s:o,s:o,s:o,s:s,s:o}", "event",
                                               "prompt", "prompt", (json_int_t)p->id, "service",
                                               cli_json_text(p->service), "what",
                                               cli_json_text(p->what), "capability",
                                               cli_json_text(p->capability ? p->capability : ""),
                                               "method", cli_json_text(p->method ? p->method : ""),
                                               "effect", WORD(effects, (unsigned)p->effect), "text",
                                               cli_json_text(p->text)));
                return;
        }
        printf("[?] capos asks:\n");
        lines_print(p->text);
        printf("yes or no? (no)\n");
}

void ui_show_ran(const struct cli *c, const struct capos_ui_ran *r)
{
        if (c->json) {
                (void)cli_print_json(c, json_pack("{s:s,s:i,s:o,s:b,s:o}", "event", "ran", "pane",
                                                  r->surface ? (int)ui_show_number(r->surface) : 0,
                                                  "command", cli_json_text(r->command), "done",
                                                  !r->r, "why", cli_json_text(r->why)));
                return;
        }
        cli_print_safe(r->command);
        printf(r->r ? ": " : ": done");
        if (r->r)
                cli_print_safe(r->why);
        (void)putchar('\n');
}
