/*
 * A workspace as JSON: `pane`, `changed`, `closed`, `theme`, `prompt`, `ran`,
 * `ended`. Structs of the
 * contract are printed by its schema. A change has what one patch has changed: elements by their
 * places now, and places of what was removed as they were before; or the whole `model`, where the
 * patch had it or several changes became one line (`changes`).
 */
#include "ui-json.h"

#include "command.capnp-c.h"
#include "remote_ui.capnp-c.h"

#include <stdlib.h>
#include <string.h>

enum { TEXT_BYTES = 16 << 20 };

static const struct {
        const char *word;
        uint64_t head, element;
} kinds[] = {
        {"text", UI_TEXT_ID, 0},
        {"log", UI_LOG_ID, UI_LOG_LINE_ID},
        {"list", UI_LIST_ID, UI_ITEM_ID},
        {"table", UI_TABLE_ID, UI_ROW_ID},
        {"tree", UI_TREE_ID, UI_NODE_ID},
        {"counters", UI_COUNTERS_ID, UI_COUNTER_ID},
        {"chart", UI_CHART_ID, UI_SERIES_ID},
        {"form", UI_FORM_ID, 0},
        {"progress", UI_PROGRESS_ID, UI_STEP_ID},
        {"map", UI_MAP_ID, UI_MARKER_ID},
        {"transcript", UI_TRANSCRIPT_ID, UI_MESSAGE_ID},
};
static const char *const classes[] = {"ambient", "ordinary", "personal", "consequential"};
static const char *const effects[] = {"reads", "own", "shared", "lasting"};

#define WORD(words_, i_) ((i_) < sizeof(words_) / sizeof(*(words_)) ? (words_)[i_] : "unknown")

_Static_assert(sizeof(kinds) / sizeof(*kinds) == UI_SURFACE_KIND_TRANSCRIPT + 1, "each kind");

const char *ui_kind_word(unsigned kind)
{
        return kind < sizeof(kinds) / sizeof(*kinds) ? kinds[kind].word : "unknown";
}

static size_t print(const struct cli *c, json_t *o)
{
        char *s = o ? json_dumps(o, JSON_COMPACT) : NULL;
        size_t len = s ? strlen(s) : 0;

        free(s);
        (void)cli_print_json(c, o);
        return len;
}

/* A struct of the contract's. */
static json_t *struct_json(uint64_t type, capnp_reader r)
{
        static capnp_schema *contract; /* for as long as the program runs */
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf text = {0};

        capnp_buf_init(&text, TEXT_BYTES);
        if (!contract && (capnp_schema_new(&contract) ||
                          capnp_schema_add_file(contract, &remote_ui_capnp_schema)))
                return json_null();
        if (capnp_json_print(contract, type, r, NULL, &text))
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

static json_t *pane_json(const struct capos_ui_pane *p, const char *event, bool may)
{
        json_t *o = json_pack("{s:s,s:i,s:o}", "event", event, "pane", (int)p->number, "service",
                              cli_json_text(p->service));
        char id[33] = "";

        for (uint32_t i = 0; i < p->id.len && i < 16; i++)
                (void)snprintf(id + 2 * i, 3, "%02x", p->id.p[i]);
        if (may) {
                (void)json_object_set_new(o, "id", json_string(id));
                (void)json_object_set_new(o, "title", cli_json_text(p->title.p ? p->title.p : ""));
        } else {
                (void)json_object_set_new(o, "leftOut", json_true());
        }
        (void)json_object_set_new(o, "kind", json_string(ui_kind_word(p->kind)));
        (void)json_object_set_new(o, "class", json_string(WORD(classes, p->safety_class)));
        (void)json_object_set_new(o, "revision", json_integer((json_int_t)p->revision));
        (void)json_object_set_new(o, "pinned", json_boolean(p->pinned));
        return o;
}

size_t ui_json_pane(const struct cli *c, const capos_ui_surface *s, const char *event, bool may,
                    uint32_t changes)
{
        struct capos_ui_pane p;
        json_t *o;

        capos_ui_surface_info(s, &p);
        o = pane_json(&p, event, may);
        if (changes > 1)
                (void)json_object_set_new(o, "changes", json_integer(changes));
        if (may) {
                (void)json_object_set_new(o, "summary",
                                          cli_json_text(p.summary.p ? p.summary.p : ""));
                (void)json_object_set_new(o, "model", model_json(s));
                (void)json_object_set_new(o, "commands", commands_json(s, p.commands));
        }
        return print(c, o);
}

static json_t *element_json(const capos_ui_surface *s, unsigned kind, uint32_t place)
{
        return struct_json(kinds[kind].element, capos_ui_model_element(s, place));
}

/* Elements by their places. */
static void elements_add(json_t *o, const capos_ui_surface *s, const struct capos_ui_pane *p,
                         const struct capos_ui_change *change)
{
        json_t *appended = json_array(), *replaced = json_array(), *removed = json_array();

        for (uint32_t i = p->elements - change->appended; i < p->elements; i++)
                (void)json_array_append_new(appended, element_json(s, p->kind, i));
        for (uint32_t i = 0; i < change->nreplaced; i++)
                (void)json_array_append_new(
                        replaced,
                        json_pack("{s:i,s:o}", "place", (int)change->replaced[i], "element",
                                  element_json(s, p->kind, change->replaced[i])));
        for (uint32_t i = 0; i < change->nremoved; i++)
                (void)json_array_append_new(removed, json_integer(change->removed[i]));
        (void)json_object_set_new(o, "dropped", json_integer(change->dropped));
        (void)json_object_set_new(o, "removed", removed);
        (void)json_object_set_new(o, "replaced", replaced);
        (void)json_object_set_new(o, "appended", appended);
}

size_t ui_json_change(const struct cli *c, const capos_ui_surface *s,
                      const struct capos_ui_change *change)
{
        struct capos_ui_pane p;
        json_t *o;

        capos_ui_surface_info(s, &p);
        o = pane_json(&p, "changed", true);
        if (change->what & CAPOS_UI_CHANGED_SPEC)
                (void)json_object_set_new(o, "summary",
                                          cli_json_text(p.summary.p ? p.summary.p : ""));
        if (change->what & CAPOS_UI_CHANGED_COMMANDS)
                (void)json_object_set_new(o, "commands", commands_json(s, p.commands));
        if (change->what & CAPOS_UI_CHANGED_WHOLE) {
                (void)json_object_set_new(o, "model", model_json(s));
        } else if (change->what & CAPOS_UI_CHANGED_MODEL) {
                if (change->head)
                        (void)json_object_set_new(
                                o, "head", struct_json(kinds[p.kind].head, capos_ui_model_head(s)));
                if (kinds[p.kind].element)
                        elements_add(o, s, &p, change);
        }
        return print(c, o);
}

size_t ui_json_closed(const struct cli *c, const capos_ui_surface *s, const char *why, bool may)
{
        struct capos_ui_pane p;
        json_t *o;

        capos_ui_surface_info(s, &p);
        o = pane_json(&p, "closed", may);
        (void)json_object_set_new(o, "why", json_string(why));
        return print(c, o);
}

size_t ui_json_prompt(const struct cli *c, const struct capos_ui_prompt *p)
{
        return print(c,
                     json_pack("{s:s,s:I,s:o,s:o,s:o,s:o,s:s,s:o}", "event", "prompt", "prompt",
                               (json_int_t)p->id, "service", cli_json_text(p->service), "what",
                               cli_json_text(p->what), "capability",
                               cli_json_text(p->capability ? p->capability : ""), "method",
                               cli_json_text(p->method ? p->method : ""), "effect",
                               WORD(effects, (unsigned)p->effect), "text", cli_json_text(p->text)));
}

size_t ui_json_ran(const struct cli *c, const struct capos_ui_ran *r)
{
        struct capos_ui_pane p = {.number = 0};

        if (r->surface)
                capos_ui_surface_info(r->surface, &p);
        return print(c, json_pack("{s:s,s:i,s:o,s:b,s:o}", "event", "ran", "pane", (int)p.number,
                                  "command", cli_json_text(r->command), "done", !r->r, "why",
                                  cli_json_text(r->why)));
}

size_t ui_json_theme(const struct cli *c, const char *service, const struct capos_ui_theme *t)
{
        return print(c,
                     json_pack("{s:s,s:o,s:i,s:i,s:i,s:i,s:i,s:i,s:b}", "event", "theme", "service",
                               cli_json_text(service), "accent", t->accent, "density", t->density,
                               "scalePercent", t->scale_percent, "scheme", t->scheme, "contrast",
                               t->contrast, "motion", t->motion, "simple", t->simple));
}

size_t ui_json_ended(const struct cli *c, const char *service, const char *why)
{
        return print(c, json_pack("{s:s,s:o,s:o}", "event", "ended", "service",
                                  cli_json_text(service), "why", cli_json_text(why)));
}
