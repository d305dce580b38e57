/*
 * A workspace as lines: each pane, and each change that was accepted, as text or as JSON.
 *
 * Every pane begins with a line of this program's own: its number, and the service's title as the
 * instance has it; only then comes what the service calls it. What a service can make a pane say
 * stands below that line, moved in by two columns and broken before the edge, so none of it can
 * look like a line of ours. The text was checked by lib/ui, and is made harmless for a terminal
 * here all the same.
 */
#include "ui-show.h"

#include "command.capnp-c.h"
#include "remote_ui.capnp-c.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
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

void ui_show_lines(const char *text, unsigned columns)
{
        while (*text) {
                size_t len = strcspn(text, "\n");

                cli_print_line(stdout, MARGIN, text, len, columns);
                text += len + (text[len] == '\n');
        }
}

static void title_print(const capos_ui_surface *s, unsigned columns)
{
        struct capos_ui_pane p;
        char number[16], rest[400];

        capos_ui_surface_info(s, &p);
        (void)snprintf(number, sizeof(number), "[%u] ", ui_show_number(s));
        (void)snprintf(rest, sizeof(rest), "%s: %s (%s%s)", p.service_title,
                       p.title.p ? p.title.p : "", WORD(kinds, p.kind), p.pinned ? ", pinned" : "");
        cli_print_line(stdout, number, rest, strlen(rest), columns);
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
                ui_show_lines(text.p, columns);
}

/* `send text=  Say something (asks)` */
static void command_write(FILE *to, const capos_ui_surface *s, uint32_t i)
{
        command_reader k = {capos_ui_command_at(s, i)};
        command_field_list fields = command_fields(k);

        (void)fputs(command_id(k).p, to);
        for (uint32_t j = 0; j < command_field_list_len(fields); j++) {
                command_field_reader f = command_field_list_get(fields, j);

                (void)fprintf(to, command_field_required(f) ? " %s=" : " [%s=]",
                              command_field_path(f).p);
        }
        (void)fprintf(to, "  %s", command_title(k).p);
        if (!command_enabled(k))
                (void)fprintf(to, " (not now: %s)", command_reason(k).p);
        if (capos_ui_command_effect(s, i) == CAPOS_UI_LASTING)
                (void)fputs(" (asks)", to);
}

static void commands_print(const capos_ui_surface *s, uint32_t n, unsigned columns)
{
        for (uint32_t i = 0; i < n; i++) {
                size_t len = 0;
                char *line = NULL;
                FILE *to = open_memstream(&line, &len);

                if (!to)
                        return;
                command_write(to, s, i);
                if (!fclose(to))
                        cli_print_line(stdout, MARGIN "> ", line, len, columns);
                free(line);
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
        title_print(s, columns);
        if (p.summary.len > 0)
                ui_show_lines(p.summary.p, columns);
        model_print(s, columns, 0);
        commands_print(s, p.commands, columns);
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
        title_print(s, columns);
        if (change->what & (CAPOS_UI_CHANGED_MODEL | CAPOS_UI_CHANGED_WHOLE))
                model_print(s, columns,
                            only_more && (p.kind == UI_SURFACE_KIND_LOG ||
                                          p.kind == UI_SURFACE_KIND_TRANSCRIPT)
                                    ? change->appended
                                    : 0);
        if (change->what & CAPOS_UI_CHANGED_COMMANDS)
                commands_print(s, p.commands, columns);
}

void ui_show_closed(const struct cli *c, const capos_ui_surface *s, enum capos_ui_close_reason why,
                    unsigned columns)
{
        if (c->json) {
                json_t *o = pane_json(s, "closed");

                (void)json_object_set_new(o, "why", json_string(WORD(reasons, (unsigned)why)));
                (void)cli_print_json(c, o);
                return;
        }
        title_print(s, columns);
        printf("closed, %s\n", WORD(reasons, (unsigned)why));
}

void ui_show_prompt(const struct cli *c, const struct capos_ui_prompt *p, unsigned columns)
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
        ui_show_lines(p->text, columns);
        printf("yes or no? (no)\n");
}

/* In words: a terminal has one size of type, and its own colours. */
static void theme_write(FILE *to, const struct capos_ui_theme *t)
{
        static const char *const density[] = {"", ", compact", ", regular", ", spacious"};
        static const char *const scheme[] = {"", ", light", ", dark"};

        if (t->scale_percent)
                (void)fprintf(to, ", type at %u %%", t->scale_percent);
        (void)fputs(WORD(density, t->density), to);
        (void)fputs(WORD(scheme, t->scheme), to);
        (void)fputs(t->contrast ? ", more contrast" : "", to);
        (void)fputs(t->motion ? ", less motion" : "", to);
        (void)fputs(t->simple ? ", fewer controls" : "", to);
}

static json_t *theme_json(const char *service, const struct capos_ui_theme *t)
{
        return json_pack("{s:s,s:o,s:i,s:i,s:i,s:i,s:i,s:i,s:b}", "event", "theme", "service",
                         cli_json_text(service), "accent", t->accent, "density", t->density,
                         "scalePercent", t->scale_percent, "scheme", t->scheme, "contrast",
                         t->contrast, "motion", t->motion, "simple", t->simple);
}

void ui_show_theme(const struct cli *c, const char *service, const struct capos_ui_theme *t,
                   unsigned columns)
{
        size_t len = 0;
        char *line = NULL;
        FILE *to;

        if (c->json) {
                (void)cli_print_json(c, theme_json(service, t));
                return;
        }
        to = open_memstream(&line, &len);
        if (!to)
                return;
        theme_write(to, t);
        if (!fclose(to)) {
                printf("[*] the look of %s panes:\n", *service ? "its" : "all");
                ui_show_lines(len ? line + 2 : "as ever", columns);
        }
        free(line);
}

void ui_show_ran(const struct cli *c, const struct capos_ui_ran *r, unsigned columns)
{
        if (c->json) {
                (void)cli_print_json(c, json_pack("{s:s,s:i,s:o,s:b,s:o}", "event", "ran", "pane",
                                                  r->surface ? (int)ui_show_number(r->surface) : 0,
                                                  "command", cli_json_text(r->command), "done",
                                                  !r->r, "why", cli_json_text(r->why)));
                return;
        }
        cli_print_safe(r->command);
        printf(r->r ? ":\n" : ": done\n");
        if (r->r)
                ui_show_lines(r->why, columns);
}
