/* The tables of shapes against the contracts themselves, and copies against what they copy. */
#include "dynamic-schema.h"
#include "test-ui.h"
#include "ui-field.h"
#include "ui-kind.h"

#include <stdarg.h>

static unsigned width_bytes(const struct dynamic_type *t)
{
        switch (t->which) {
        case TYPE_INT8:
        case TYPE_UINT8:
                return 1;
        case TYPE_INT16:
        case TYPE_UINT16:
        case TYPE_ENUM:
                return 2;
        case TYPE_INT32:
        case TYPE_UINT32:
        case TYPE_FLOAT32:
                return 4;
        default:
                return 8;
        }
}

static enum ui_field_type wanted_list(const struct dynamic_type *t)
{
        switch (t->which) {
        case TYPE_TEXT:
                return UI_FIELD_TEXTS;
        case TYPE_STRUCT:
                return UI_FIELD_STRUCTS;
        case TYPE_FLOAT64:
                return UI_FIELD_DOUBLES;
        case TYPE_FLOAT32:
                return UI_FIELD_FLOATS;
        default:
                return UI_FIELD_BYTES;
        }
}

static enum ui_field_type wanted(const struct dynamic_type *t)
{
        if (t->lists)
                return wanted_list(t);

        switch (t->which) {
        case TYPE_TEXT:
                return UI_FIELD_TEXT;
        case TYPE_DATA:
                return UI_FIELD_BYTES;
        case TYPE_STRUCT:
                return UI_FIELD_STRUCT;
        case TYPE_FLOAT64:
                return UI_FIELD_DOUBLE;
        case TYPE_FLOAT32:
                return UI_FIELD_FLOAT;
        case TYPE_ENUM:
                return UI_FIELD_ENUM;
        default:
                return UI_FIELD_PLAIN;
        }
}

static void check_shape(const capnp_schema *schemas, const struct ui_shape *s);

static void check_enum(const capnp_schema *schemas, const struct ui_field *row, uint64_t id)
{
        const capnp_decl *e = dynamic_enum(schemas, id);

        CHECK(row->type == UI_FIELD_ENUM || row->type == UI_FIELD_ENUM_ONLY);
        CHECK(e);
        CHECK_EQ(row->most, e->n);
}

/* Each field of the contract has its row. */
static unsigned check_fields(const capnp_schema *schemas, const struct ui_shape *s,
                             const capnp_decl *d)
{
        unsigned rows = 0;

        for (uint32_t i = 0; i < d->n; i++) {
                const struct dynamic_field *f = &d->fields[i];
                const struct ui_field *row = NULL;

                if (f->is_group) {
                        const capnp_decl *group = dynamic_group(schemas, d, f);

                        CHECK_EQ(s->tag, group->discriminant * 2);
                        CHECK_EQ(s->tags, group->nmembers);
                        rows += check_fields(schemas, s, group);
                        continue;
                }
                if (f->type.which == TYPE_VOID)
                        continue;
                for (unsigned k = 0; k < s->nfields; k++)
                        if (!strcmp(s->fields[k].name, f->name))
                                row = &s->fields[k];
                if (!row)
                        test_fail(__FILE__, __LINE__, "%s.%s has no row", d->name, f->name);
                rows++;
                CHECK_EQ(row->member, f->value == DYNAMIC_NO_VALUE ? 0 : f->value + 1);
                if (f->type.which == TYPE_ENUM && !f->type.lists)
                        check_enum(schemas, row, f->type.id);
                else
                        CHECK_EQ(row->type, wanted(&f->type));
                if (row->type < UI_FIELD_DOUBLE)
                        CHECK_EQ(row->slot, f->offset);
                else if (f->type.which == TYPE_BOOL)
                        CHECK_EQ(row->slot, f->offset / 8);
                else
                        CHECK_EQ(row->slot, f->offset * width_bytes(&f->type));
                if (row->type == UI_FIELD_DOUBLE)
                        CHECK_EQ(row->dflt, f->bits);
                if (row->shape) {
                        CHECK_EQ(row->shape->id, f->type.id);
                        check_shape(schemas, row->shape);
                }
        }
        return rows;
}

static void check_shape(const capnp_schema *schemas, const struct ui_shape *s)
{
        const capnp_decl *d = dynamic_struct(schemas, s->id);

        CHECK(d);
        CHECK_EQ(s->words, d->words);
        CHECK_EQ(s->ptrs, d->ptrs);
        if (d->nmembers) {
                CHECK_EQ(s->tag, d->discriminant * 2);
                CHECK_EQ(s->tags, d->nmembers);
        }
        CHECK_EQ(check_fields(schemas, s, d), s->nfields);
}

TEST(tables_say_what_the_contracts_say)
{
        struct rig g;

        rig_init(&g);
        check_shape(g.schemas, &ui_shape_patch);
        rig_deinit(&g);
}

/* A copy reads as what was copied, and takes what was measured. */
static void check_copy(struct rig *g, const struct ui_shape *s, const char *text)
{
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf a = {0}, b = {0};
        capnp_msg *m = NULL;
        capnp_reader r = rig_read(g, s->id, text, &m);
        struct ui_block *block;
        uint64_t bytes;

        capnp_buf_init(&a, 1 << 20);
        capnp_buf_init(&b, 1 << 20);
        CHECK_OK(ui_shape_measure(s, r, 1 << 20, &bytes));
        CHECK_EQ(ui_shape_measure(s, r, bytes - 8, &bytes), CAPNP_E_LIMIT);
        CHECK_OK(ui_block_new(s, r, UINT16_MAX, &block));
        CHECK_EQ(ui_block_bytes(block), sizeof(*block) + bytes);
        CHECK_OK(capnp_text_print(g->schemas, s->id, r, NULL, &a));
        CHECK_OK(capnp_text_print(g->schemas, s->id, ui_block_reader(block), NULL, &b));
        CHECK_STR(b.p, a.p);
        CHECK(!ui_block_unref(block));
        capnp_msg_free(m);
}

TEST(a_copy_is_what_it_copies)
{
        struct rig g;

        rig_init(&g);
        check_copy(&g, &ui_shape_item,
                   "(key = \"k\", title = \"t\", icon = door, commands = [\"a\", \"b-c\"])");
        check_copy(&g, &ui_shape_row,
                   "(key = \"k\", cells = [(text = \"x\"), (int = -3), (uint = 7), (number = 1.5), "
                   "(flag = true), (none = void)])");
        check_copy(&g, &ui_shape_series, "(key = \"k\", x = [1, 2, 3.5], y = [-1, nan, 0])");
        check_copy(&g, &ui_shape_counter, "(key = \"k\", recent = [1, 2.5, -3], goal = 10)");
        check_copy(&g, &ui_shape_map,
                   "(width = 2, height = 1, tiles = [(glyph = \"#\")], cells = [0, 0])");
        check_copy(&g, &ui_shape_field,
                   "(path = \"a\", initial = (none = void), choices = [(value = (int = 1), label "
                   "= \"one\")])");
        check_copy(&g, &ui_shape_command,
                   "(id = \"a\", title = \"A\", run = (call = (interfaceId = 77, methodId = 3, "
                   "constants = [(path = \"x\", value = (text = \"y\"))])))");
        check_copy(&g, &ui_shape_spec,
                   "(surfaceId = \"abc\", title = \"t\", layout = (tab = \"x\", order = -3))");
        rig_deinit(&g);
}

TEST(an_unknown_tone_is_kept_as_none)
{
        capnp_msg *m;
        ui_item_builder b;
        struct ui_block *block;
        struct ui_refused why;

        CHECK_OK(capnp_msg_new(&m));
        b = ui_item_build(m);
        ui_item_set_key(b, "k");
        ui_item_set_tone(b, (enum ui_tone)7);
        ui_item_set_icon(b, (enum ui_icon)60000);
        CHECK_OK(ui_shape_rules(&ui_shape_item, ui_item_as_reader(b).r, &why));
        CHECK_OK(ui_block_new(&ui_shape_item, ui_item_as_reader(b).r, UINT16_MAX, &block));
        CHECK_EQ(ui_item_tone((ui_item_reader){ui_block_reader(block)}), UI_TONE_NEUTRAL);
        CHECK_EQ(ui_item_icon((ui_item_reader){ui_block_reader(block)}), UI_ICON_NONE);
        ui_block_unref(block);
        capnp_msg_free(m);
}

/* A struct of a newer contract: with a word and a pointer more, which are not kept. */
TEST(what_is_not_in_the_table_is_not_kept)
{
        capnp_msg *m;
        capnp_builder b;
        struct ui_block *block;

        CHECK_OK(capnp_msg_new(&m));
        b = capnp_abuilder_init_struct(capnp_msg_build(m), UI_ITEM_WORDS + 1, UI_ITEM_PTRS + 1);
        capnp_builder_set_text(b, 0, "k");
        capnp_builder_set_text(b, UI_ITEM_PTRS, rig_bytes(4000));
        CHECK_OK(ui_block_new(&ui_shape_item, capnp_builder_reader(b), UINT16_MAX, &block));
        CHECK_EQ(block->words, 1 + UI_ITEM_WORDS + UI_ITEM_PTRS + 1);
        ui_block_unref(block);
        capnp_msg_free(m);
}

/* A list of bytes where structs are wanted reads as structs with a part of a word. What was checked
 * of those is what is kept: nothing. */
TEST(a_part_of_a_word_is_none)
{
        capnp_msg *m;
        ui_row_builder b;
        capnp_lbuilder l;
        struct ui_block *block;
        struct ui_refused why;

        CHECK_OK(capnp_msg_new(&m));
        b = ui_row_build(m);
        ui_row_set_key(b, "k");
        l = capnp_abuilder_init_list(capnp_builder_any(b.b, 1), CAPNP_SIZE_BYTE, 3);
        for (uint32_t i = 0; i < 3; i++)
                capnp_lbuilder_set_u8(l, i, 0xff);
        CHECK_OK(ui_shape_rules(&ui_shape_row, ui_row_as_reader(b).r, &why));
        CHECK_OK(ui_block_new(&ui_shape_row, ui_row_as_reader(b).r, UINT16_MAX, &block));
        CHECK_OK(ui_shape_rules(&ui_shape_row, ui_block_reader(block), &why));
        CHECK_EQ(ui_row_cells((ui_row_reader){ui_block_reader(block)}).l.len, 3);
        ui_block_unref(block);

        /* The same for the struct itself, as one of a list. */
        l = capnp_abuilder_init_list(capnp_msg_build(m), CAPNP_SIZE_TWO, 1);
        capnp_lbuilder_set_u16(l, 0, 3);
        CHECK_OK(ui_block_new(&ui_shape_item, capnp_list_struct(capnp_lbuilder_list(l), 0),
                              UINT16_MAX, &block));
        CHECK_EQ(ui_item_tone((ui_item_reader){ui_block_reader(block)}), UI_TONE_NEUTRAL);
        ui_block_unref(block);
        capnp_msg_free(m);
}

/* ---- how long everything may be -------------------------------------------------------------- */

struct listing {
        const capnp_schema *schemas;
        const struct ui_shape *seen[64];
        unsigned n;
        char text[8192];
};

CAPNP_PRINTF(2, 3)
static void list_add(struct listing *l, const char *format, ...)
{
        size_t at = strlen(l->text);
        va_list ap;

        va_start(ap, format);
        (void)vsnprintf(l->text + at, sizeof(l->text) - at, format, ap);
        va_end(ap);
}

static void list_field(struct listing *l, const struct ui_field *f)
{
        switch (f->type) {
        case UI_FIELD_TEXT:
                list_add(l, " %s %u", f->name, ui_text_most((enum ui_text_place)f->place));
                break;
        case UI_FIELD_TEXTS:
                list_add(l, " %s[%u] %u", f->name, f->most,
                         ui_text_most((enum ui_text_place)f->place));
                break;
        case UI_FIELD_STRUCTS:
        case UI_FIELD_BYTES:
        case UI_FIELD_DOUBLES:
        case UI_FIELD_FLOATS:
                list_add(l, " %s[%u]", f->name, f->most);
                break;
        default:
                break;
        }
}

/* A line for each struct: its texts with their bytes, its lists with their elements. */
static void list_shape(struct listing *l, const struct ui_shape *s)
{
        size_t begin, named;

        for (unsigned i = 0; i < l->n; i++)
                if (l->seen[i] == s)
                        return;
        CHECK(l->n < 64);
        l->seen[l->n++] = s;
        begin = strlen(l->text);
        list_add(l, "%s:", strchr(dynamic_struct(l->schemas, s->id)->name, ':') + 1);
        named = strlen(l->text);
        for (unsigned i = 0; i < s->nfields; i++)
                list_field(l, &s->fields[i]);
        if (strlen(l->text) == named)
                l->text[begin] = 0; /* it has none */
        else
                list_add(l, "\n");
        for (unsigned i = 0; i < s->nfields; i++)
                if (s->fields[i].shape)
                        list_shape(l, s->fields[i].shape);
}

/* What doc/design/ui.md has: who changes a bound changes it here, too. */
static const char bounds[] =
        "UiPatch: surfaceId[16]\n"
        "UiPatchPayload: commandId 32\n"
        "UiSurfaceSpec: surfaceId[16] title 64 summary 200\n"
        "UiLayoutHint: tab 64\n"
        "UiModelPatch: remove[2000] 64 lines[5000] items[1000] rows[2000] nodes[2000] "
        "counters[64] points[8] steps[64] messages[2000]\n"
        "UiText: paragraphs[256]\n"
        "UiParagraph: runs[64]\n"
        "UiRun: text 4096\n"
        "UiLog: lines[5000]\n"
        "UiLogLine: source 64 text 4096 attributes[8]\n"
        "UiPair: name 64\n"
        "CommandValue: text 1024\n"
        "UiList: items[1000]\n"
        "UiItem: key 64 title 64 detail 200 badge 12 commands[64] 32\n"
        "UiTable: columns[24] rows[2000]\n"
        "UiColumn: key 64 title 64\n"
        "UiRow: key 64 cells[24] commands[64] 32\n"
        "UiTree: nodes[2000]\n"
        "UiNode: key 64 parent 64 title 64 detail 200 commands[64] 32\n"
        "UiCounters: counters[64]\n"
        "UiCounter: key 64 label 64 recent[60]\n"
        "UiChart: series[8] mark[16]\n"
        "UiSeries: key 64 label 64 x[4096] y[4096]\n"
        "UiChart.Mark: label 64\n"
        "UiForm: fields[32] values[32] complaints[32] submit 32\n"
        "CommandField: path 200 label 64 help 200 choices[64]\n"
        "CommandValue: text 4096\n"
        "CommandChoice: label 64 detail 200\n"
        "CommandBinding: path 200\n"
        "UiForm.Complaint: path 200 text 200\n"
        "UiProgress: steps[64]\n"
        "UiStep: key 64 title 64 detail 200\n"
        "UiMap: tiles[64] cells[4096] markers[128] paths[256]\n"
        "UiTile: glyph 20 label 64\n"
        "UiMarker: key 64 label 64 commands[64] 32\n"
        "UiTranscript: messages[2000] send 32 draft 64\n"
        "UiMessage: author 64 text 4096\n"
        "UiModelPatch.MapPatch: cells[4096] markers[128]\n"
        "Command: id 32 title 48 summary 160 group 64 fields[32] reason 200 key 20\n"
        "CommandCall: capability 64 constants[32]\n";

TEST(each_field_has_its_bound)
{
        static struct listing l;
        struct rig g;

        rig_init(&g);
        l.schemas = g.schemas;
        list_shape(&l, &ui_shape_patch);
        puts(l.text);
        CHECK_STR(l.text, bounds);
        rig_deinit(&g);
}
