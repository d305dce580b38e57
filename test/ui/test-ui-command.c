/*
 * Commands: which descriptions are taken and which refused, in a table; what each costs; when a
 * person is asked; and what becomes of what is typed.
 */
#include "ui-command.h"
#include "ui-play.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_BYTES = 2048 };

#define CALL(method_, more_) "run = (call = (interfaceId = DESK, methodId = " #method_ more_ "))"
#define FIELD(more_)         "fields = [(path = \"" more_ ")], "

enum { AMBIENT, ORDINARY, PERSONAL, CONSEQUENTIAL };

static const struct {
        const char *command;
        const char *refused; /* how that begins; NULL: it is taken */
        unsigned safety_class;
} rows[] = {
        /* class */
        {"run = (view = void)", NULL, ORDINARY},
        {"run = (view = void)", "refused.safety", AMBIENT},
        {CALL(0, ), NULL, ORDINARY},
        {CALL(0, ), NULL, PERSONAL},
        {CALL(1, ), NULL, ORDINARY},
        {CALL(2, ), NULL, ORDINARY},
        {CALL(3, ), "refused.safety", ORDINARY},
        {CALL(3, ), "refused.safety", PERSONAL},
        {CALL(3, ), NULL, CONSEQUENTIAL},
        {CALL(4, ), "refused.safety", ORDINARY}, /* says nothing: lasting */
        {CALL(4, ), NULL, CONSEQUENTIAL},
        {"effect = lasting, " CALL(0, ), "refused.safety", ORDINARY},
        {"effect = lasting, " CALL(0, ), NULL, CONSEQUENTIAL},
        /* target */
        {CALL(7, ), NULL, ORDINARY},
        {CALL(8, ), "refused.target", ORDINARY},
        {CALL(5, ), "refused.target", CONSEQUENTIAL}, /* takes a reference */
        {"run = (call = (interfaceId = COMPOSER, methodId = 0))", "refused.target", CONSEQUENTIAL},
        {"run = (call = (interfaceId = OTHER, methodId = 0))", "refused.target", CONSEQUENTIAL},
        {"run = (call = (capability = \"desk\", interfaceId = DESK, methodId = 0))", NULL,
         ORDINARY},
        {"run = (call = (capability = \"other\", interfaceId = OTHER, methodId = 0))", NULL,
         CONSEQUENTIAL},
        {"run = (call = (capability = \"other\", interfaceId = OTHER, methodId = 0))",
         "refused.safety", ORDINARY},
        {"run = (call = (capability = \"third\", interfaceId = OTHER, methodId = 0))",
         "refused.target", CONSEQUENTIAL},
        {"run = (call = (capability = \"other\", interfaceId = 5, methodId = 0))", "refused.target",
         CONSEQUENTIAL},
        /* fields */
        {FIELD("count\", kind = integer") CALL(0, ), NULL, ORDINARY},
        {FIELD("count\", kind = instant") CALL(0, ), NULL, ORDINARY},
        {FIELD("deep\", kind = flag") CALL(0, ), NULL, ORDINARY},
        {FIELD("deep\", kind = integer") CALL(0, ), "refused.command", ORDINARY},
        {FIELD("count\", kind = text") CALL(0, ), "refused.command", ORDINARY},
        {FIELD("nothing\", kind = text") CALL(0, ), "refused.command", ORDINARY},
        {FIELD("nothing\", kind = text") "run = (view = void)", NULL, ORDINARY},
        {FIELD("place.row\", kind = integer") CALL(1, ), NULL, ORDINARY},
        {FIELD("place.row.x\", kind = integer") CALL(1, ), "refused.command", ORDINARY},
        {FIELD("place\", kind = text") CALL(1, ), "refused.command", ORDINARY},
        {FIELD("list\", kind = text") CALL(7, ), "refused.command", ORDINARY},
        {FIELD("data\", kind = text") CALL(7, ), "refused.command", ORDINARY},
        {FIELD("ratio\", kind = number") CALL(4, ), NULL, CONSEQUENTIAL},
        {FIELD("colour\", kind = choice, choices = [(value = (text = \"green\"))]") CALL(1, ), NULL,
         ORDINARY},
        {FIELD("colour\", kind = choice, choices = [(value = (text = \"blue\"))]") CALL(1, ),
         "refused.command", ORDINARY},
        {FIELD("colour\", kind = choice") CALL(1, ), NULL, ORDINARY},
        {FIELD("count\", kind = choice, choices = [(value = (flag = true))]") CALL(0, ),
         "refused.command", ORDINARY},
        {FIELD("count\", kind = integer, initial = (int = -3)") CALL(0, ), NULL, ORDINARY},
        {"fields = [(path = \"count\"), (path = \"count\")], run = (view = void)",
         "refused.command", ORDINARY},
        {"fields = [(path = \"place.row\"), (path = \"place\")], run = (view = void)",
         "refused.command", ORDINARY},
        /* constants */
        {CALL(0, ", constants = [(path = \"count\", value = (int = 7))]"), NULL, ORDINARY},
        {CALL(0, ", constants = [(path = \"count\", value = (text = \"7\"))]"), "refused.command",
         ORDINARY},
        {CALL(0, ", constants = [(path = \"nothing\", value = (int = 7))]"), "refused.command",
         ORDINARY},
        {CALL(1, ", constants = [(path = \"place.row\", value = (int = 255))]"), NULL, ORDINARY},
        {CALL(1, ", constants = [(path = \"place.row\", value = (int = 256))]"), "refused.command",
         ORDINARY},
        {CALL(1, ", constants = [(path = \"place.row\", value = (int = -1))]"), "refused.command",
         ORDINARY},
        {CALL(1, ", constants = [(path = \"colour\", value = (text = \"red\"))]"), NULL, ORDINARY},
        {CALL(1, ", constants = [(path = \"colour\", value = (text = \"blue\"))]"),
         "refused.command", ORDINARY},
        {CALL(1, ", constants = [(path = \"name\", value = (none = void))]"), "refused.command",
         ORDINARY},
        {FIELD("count\", kind = integer")
                 CALL(0, ", constants = [(path = \"count\", value = (int = 7))]"),
         "refused.command", ORDINARY},
};

static bool may_target(void *arg, const char *service, const char *capability)
{
        (void)arg;
        return !strcmp(service, "desk") && !strcmp(capability, "other");
}

static enum capos_ui_effect host_effect = CAPOS_UI_READS;

static enum capos_ui_effect host_says(void *arg, const char *service, const char *capability,
                                      const struct capnp_method_info *m)
{
        (void)arg;
        (void)service;
        (void)capability;
        (void)m;
        return host_effect;
}

static const struct capos_ui_front_ops ops = {.may_target = may_target, .effect = host_says};

/* A word of a row, as the number that it stands for. */
static void row_text(const char *row, char *ret)
{
        static const struct {
                const char *word;
                uint64_t id;
        } words[] = {{"DESK", DESK_ID}, {"COMPOSER", UI_COMPOSER_ID}, {"OTHER", OTHER_ID}};
        size_t n = 0;

        while (*row) {
                unsigned i = 0;

                while (i < 3 && strncmp(row, words[i].word, strlen(words[i].word)) != 0)
                        i++;
                if (i == 3) {
                        ret[n++] = *row++;
                        continue;
                }
                n += (size_t)snprintf(ret + n, TEXT_BYTES - n, "%" PRIu64, words[i].id);
                row += strlen(words[i].word);
        }
        ret[n] = 0;
}

static void judge_init(struct ui_judge *j, capnp_schema **s)
{
        CHECK_OK(capnp_schema_new(s));
        CHECK_OK(capnp_schema_add_file(*s, &desk_capnp_schema));
        *j = (struct ui_judge){.schema = *s, .service = "desk", .interface = DESK_ID, .ops = &ops};
}

static command_reader command_parse(capnp_schema *s, capnp_msg *m, const char *row)
{
        char more[TEXT_BYTES], text[TEXT_BYTES + 64];
        struct capnp_fault f = {0};

        row_text(row, more);
        (void)snprintf(text, sizeof(text), "(id = \"x\", title = \"X\", %s)", more);
        if (capnp_text_parse(s, COMMAND_ID, capnp_text_of(text), NULL, capnp_msg_build(m), &f))
                test_fail(__FILE__, __LINE__, "%s: %s: %s", text, f.path, f.what);
        return command_root(m);
}

TEST(which_are_taken)
{
        capnp_schema *s = NULL;
        struct ui_judge j;

        judge_init(&j, &s);
        for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct ui_refused why = {.text = ""};
                capnp_msg *m = NULL;
                int r;

                CHECK_OK(capnp_msg_new(&m));
                r = ui_command_check(&j, (enum ui_safety_class)rows[i].safety_class,
                                     command_parse(s, m, rows[i].command), &why);
                if (!rows[i].refused != !r ||
                    (r && strncmp(why.text, rows[i].refused, strlen(rows[i].refused)) != 0))
                        test_fail(__FILE__, __LINE__, "row %u, %s: %d %s", i, rows[i].command, r,
                                  why.text);
                capnp_msg_free(m);
        }
        capnp_schema_free(s);
}

/* ---- cost ------------------------------------------------------------------------------------ */

TEST(the_worst_of_three_counts)
{
        static const char *const said[] = {"reads", "own", "shared", "lasting"};
        capnp_schema *s = NULL;
        struct ui_judge j;

        judge_init(&j, &s);
        for (unsigned method = 0; method < 4; method++)
                for (unsigned service = 0; service < 4; service++)
                        for (unsigned host = 0; host < 4; host++) {
                                unsigned worst = method > service ? method : service;
                                struct ui_refused why;
                                struct ui_target t;
                                capnp_msg *m = NULL;
                                command_reader c;
                                char row[256];

                                CHECK_OK(capnp_msg_new(&m));
                                (void)snprintf(row, sizeof(row),
                                               "effect = %s, run = (call = (interfaceId = DESK, "
                                               "methodId = %u))",
                                               said[service], method);
                                c = command_parse(s, m, row);
                                host_effect = (enum capos_ui_effect)host;
                                CHECK_OK(ui_command_target(&j, c, &t, &why));
                                CHECK_EQ(ui_command_effect(&j, c, &t), worst > host ? worst : host);
                                capnp_msg_free(m);
                        }
        host_effect = CAPOS_UI_READS;
        capnp_schema_free(s);
}

TEST(when_a_person_is_asked)
{
        static const struct {
                enum capos_ui_effect effect;
                bool is_other;
                const char *args; /* t: typed, f: filled in before, c: constant */
                bool asks;
        } table[] = {
                {CAPOS_UI_READS, false, "tfc", false}, {CAPOS_UI_OWN, false, "tfc", false},
                {CAPOS_UI_SHARED, false, "", false},   {CAPOS_UI_SHARED, false, "tt", false},
                {CAPOS_UI_SHARED, false, "tf", true},  {CAPOS_UI_SHARED, false, "tc", true},
                {CAPOS_UI_SHARED, false, "c", true},   {CAPOS_UI_LASTING, false, "", true},
                {CAPOS_UI_LASTING, false, "t", true},  {CAPOS_UI_READS, true, "t", true},
                {CAPOS_UI_OWN, true, "", true},
        };

        for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
                struct ui_args a = {.n = 0};

                for (const char *c = table[i].args; *c; c++)
                        a.v[a.n++] = (struct ui_arg){.constant = *c == 'c', .typed = *c == 't'};
                CHECK_EQ(ui_command_asks(table[i].effect, table[i].is_other, ui_args_typed(&a)),
                         table[i].asks);
        }
}

/* ---- what is typed --------------------------------------------------------------------------- */

static const struct {
        const char *field, *typed;
        const char *json;    /* NULL: refused */
        const char *refused; /* how that begins */
} typed[] = {
        {"kind = text", "hi \"you\"", "\"hi \\\"you\\\"\"", NULL},
        {"kind = text", "", "\"\"", NULL},
        {"kind = text, required = true", "", NULL, "refused.command: is needed"},
        {"kind = text", "a\nb", NULL, "refused.command: more than one line"},
        {"kind = text, lines = 2", "a\nb", "\"a\\nb\"", NULL},
        {"kind = text, maxBytes = 3", "abc", "\"abc\"", NULL},
        {"kind = text, maxBytes = 3", "abcd", NULL, "refused.command: longer than 3"},
        {"kind = text", "\033[2J", NULL, "refused.text"},
        {"kind = text", "\xe2\x80\xae", NULL, "refused.text"},
        {"kind = integer", "0", "0", NULL},
        {"kind = integer", "-9223372036854775808", "-9223372036854775808", NULL},
        {"kind = integer", "-9223372036854775809", NULL, "refused.command: too small"},
        {"kind = integer", "18446744073709551615", "18446744073709551615", NULL},
        {"kind = integer", "18446744073709551616", NULL, "refused.command: too large"},
        {"kind = integer", "1.5", NULL, "refused.command: not an integer"},
        {"kind = integer", "-", NULL, "refused.command: not an integer"},
        {"kind = integer", " 1", NULL, "refused.command: not an integer"},
        {"kind = integer, min = 3, max = 5", "3", "3", NULL},
        {"kind = integer, min = 3, max = 5", "2", NULL, "refused.command: less than 3"},
        {"kind = integer, min = 3, max = 5", "6", NULL, "refused.command: more than 5"},
        {"kind = number", "1.5e3", "1500", NULL},
        {"kind = number", "-0.25", "-0.25", NULL},
        {"kind = number", "nan", NULL, "refused.command: not a number"},
        {"kind = number", "inf", NULL, "refused.command: not a number"},
        {"kind = number", "0x10", NULL, "refused.command: not a number"},
        {"kind = number", "1e999", NULL, "refused.command: not a number"},
        {"kind = number", "1 ", NULL, "refused.command: not a number"},
        {"kind = flag", "true", "true", NULL},
        {"kind = flag", "no", "false", NULL},
        {"kind = flag", "1", NULL, "refused.command: not true or false"},
        {"kind = choice, choices = [(value = (int = 3), label = \"three\")]", "3", "3", NULL},
        {"kind = choice, choices = [(value = (int = 3), label = \"three\")]", "three", "3", NULL},
        {"kind = choice, choices = [(value = (int = 3), label = \"three\")]", "4", NULL,
         "refused.command: none of the choices"},
        {"kind = choice", "anything", "\"anything\"", NULL},
        {"kind = duration", "1500", "1500", NULL},
        {"kind = bytes", "x", NULL, "refused.command: not an integer"},
};

TEST(what_is_typed)
{
        capnp_schema *s = NULL;
        struct ui_judge j;

        judge_init(&j, &s);
        for (unsigned i = 0; i < sizeof(typed) / sizeof(typed[0]); i++) {
                const struct capos_ui_value v = {"f", capnp_text_of(typed[i].typed), true};
                struct capos_ui_why why = {.text = ""};
                struct ui_words json = {.p = NULL};
                struct ui_args a = {.n = 0};
                capnp_msg *m = NULL;
                char row[TEXT_BYTES], expected[TEXT_BYTES];
                int r;

                CHECK_OK(capnp_msg_new(&m));
                (void)snprintf(row, sizeof(row), "fields = [(path = \"f\", %s)]", typed[i].field);
                r = ui_args_fill(&a, command_fields(command_parse(s, m, row)), &v, 1, false, &why);
                if (!typed[i].json) {
                        CHECK_EQ(r, CAPNP_E_EXCEPTION);
                        CHECK_STR(why.path, "f");
                        if (strncmp(why.text, typed[i].refused, strlen(typed[i].refused)) != 0)
                                test_fail(__FILE__, __LINE__, "%s: %s", typed[i].typed, why.text);
                } else {
                        if (r)
                                test_fail(__FILE__, __LINE__, "%s: %s", typed[i].typed, why.text);
                        ui_args_put(&a, &json);
                        CHECK_OK(json.r);
                        (void)snprintf(expected, sizeof(expected), "{\"f\": %s}", typed[i].json);
                        CHECK_STR(json.p, expected);
                        ui_words_deinit(&json);
                }
                capnp_msg_free(m);
        }
        capnp_schema_free(s);
}

TEST(fields_that_are_not_given)
{
        static const struct capos_ui_value unknown = {"z", {"1", 1}, true};
        static const struct capos_ui_value twice[] = {{"a", {"1", 1}, true}, {"a", {"2", 1}, true}};
        struct capos_ui_why why;
        struct ui_words json = {.p = NULL};
        struct ui_args a = {.n = 0};
        capnp_schema *s = NULL;
        capnp_msg *m = NULL;
        struct ui_judge j;
        command_field_list l;

        judge_init(&j, &s);
        CHECK_OK(capnp_msg_new(&m));
        l = command_fields(
                command_parse(s, m,
                              "fields = [(path = \"a\", kind = integer, initial = (int = "
                              "4)), (path = \"b.c.d\", kind = text), (path = \"b.c.e\", "
                              "kind = flag, initial = (flag = true)), (path = \"b.f\", "
                              "kind = text, initial = (text = \"g\"))]"));
        CHECK_OK(ui_args_fill(&a, l, NULL, 0, false, &why));
        ui_args_put(&a, &json);
        CHECK_STR(json.p, "{\"a\": 4, \"b\": {\"c\": {\"e\": true}, \"f\": \"g\"}}");
        ui_words_deinit(&json);
        CHECK_EQ(a.n, 3);
        CHECK(!a.v[0].typed);

        a.n = 0;
        CHECK_EQ(ui_args_fill(&a, l, &unknown, 1, false, &why), CAPNP_E_EXCEPTION);
        CHECK_STR(why.text, "refused.command: there is no such field");
        CHECK_STR(why.path, "z");
        a.n = 0;
        CHECK_EQ(ui_args_fill(&a, l, twice, 2, false, &why), CAPNP_E_EXCEPTION);
        CHECK_STR(why.text, "refused.command: given twice");
        a.n = 0;
        CHECK_OK(ui_args_fill(&a, l, twice, 1, true, &why)); /* a form: what was touched */
        CHECK_EQ(a.n, 1);
        capnp_msg_free(m);
        capnp_schema_free(s);
}
