/* Texts: each rule with what is just taken and what is just refused, and widths. */
#include "harness.h"
#include "ui-text.h"

#include <stdio.h>
#include <string.h>

static const struct {
        enum ui_text_place place;
        const char *text;
        bool good;
} rows[] = {
        {UI_TEXT_TITLE, "", true},
        {UI_TEXT_TITLE, "Chat – #lobby", true},
        {UI_TEXT_TITLE, "日本語 हिन्दी العربية עברית", true},
        {UI_TEXT_TITLE, "❤️", true},
        {UI_TEXT_MESSAGE, "two\nlines\tand a tab", true},
        {UI_TEXT_PARAGRAPH, "two\nlines", true},
        {UI_TEXT_TITLE, "two\nlines", false},
        {UI_TEXT_LABEL, "a\ttab", false},
        {UI_TEXT_KEY, "a\nb", false},
        {UI_TEXT_SUMMARY, "two\nlines", false},
        {UI_TEXT_CELL, "two\nlines", false},
        /* UTF-8 in its only form. */
        {UI_TEXT_MESSAGE, "\xff", false},
        {UI_TEXT_MESSAGE, "\xc3", false},
        {UI_TEXT_MESSAGE, "\xc0\xaf", false},
        {UI_TEXT_MESSAGE, "\xe0\x80\xaf", false},
        {UI_TEXT_MESSAGE, "\xed\xa0\x80", false},
        {UI_TEXT_MESSAGE, "\xf4\x90\x80\x80", false},
        {UI_TEXT_MESSAGE, "\xf4\x8f", false},
        /* Controls. */
        {UI_TEXT_MESSAGE, "\x1b[2J", false},
        {UI_TEXT_MESSAGE, "a\rb", false},
        {UI_TEXT_MESSAGE, "a\x7f", false},
        {UI_TEXT_MESSAGE, "a\xc2\x80", false},
        {UI_TEXT_MESSAGE, "a\xc2\x9b", false},
        {UI_TEXT_MESSAGE, "a\xc2\x9f", false},
        {UI_TEXT_MESSAGE, "a\xc2\xa0", true},
        /* Directions, lines, BOM. */
        {UI_TEXT_MESSAGE, "a\u061cb", false},
        {UI_TEXT_MESSAGE, "a\u200eb", false},
        {UI_TEXT_MESSAGE, "a\u200fb", false},
        {UI_TEXT_MESSAGE, "a\u2010b", true},
        {UI_TEXT_MESSAGE, "a\u2028b", false},
        {UI_TEXT_MESSAGE, "a\u2029b", false},
        {UI_TEXT_MESSAGE, "a\u202ab", false},
        {UI_TEXT_MESSAGE, "a\u202eb", false},
        {UI_TEXT_MESSAGE, "a\u202fb", true},
        {UI_TEXT_MESSAGE, "a\u2066b", false},
        {UI_TEXT_MESSAGE, "a\u2069b", false},
        {UI_TEXT_MESSAGE, "a\u206fb", false},
        {UI_TEXT_MESSAGE, "\ufeffb", false},
        {UI_TEXT_MESSAGE, "a\ufffab", false},
        {UI_TEXT_MESSAGE, "a\ufffdb", true},
        /* Private use, noncharacters, tags. */
        {UI_TEXT_MESSAGE, "\xee\x80\x80", false},
        {UI_TEXT_MESSAGE, "\xef\xa3\xbf", false},
        {UI_TEXT_MESSAGE, "\uf900", true},
        {UI_TEXT_MESSAGE, "\xef\xb7\x90", false},
        {UI_TEXT_MESSAGE, "\xef\xbf\xbe", false},
        {UI_TEXT_MESSAGE, "\xf0\x9f\xbf\xbf", false},
        {UI_TEXT_MESSAGE, "a\U000e0041", false},
        {UI_TEXT_MESSAGE, "a\U000e0100", true},
        {UI_TEXT_MESSAGE, "\U000f0000", false},
        {UI_TEXT_MESSAGE, "\U00100000", false},
        /* What cannot be seen. */
        {UI_TEXT_MESSAGE, "a\u200bb\u200db\u2060", true},
        {UI_TEXT_CELL, "a\u200cb", true},
        {UI_TEXT_SUMMARY, "a\u00adb", true},
        {UI_TEXT_TITLE, "a\u200bb", false},
        {UI_TEXT_LABEL, "a\u200db", false},
        {UI_TEXT_KEY, "a\u2060b", false},
        {UI_TEXT_BADGE, "\u00ad", false},
        {UI_TEXT_TITLE, "\u3164", false},
        {UI_TEXT_TITLE, "\uffa0", false},
        /* Marks. */
        {UI_TEXT_TITLE, "e\u0301\u0302\u0303\u0304", true},
        {UI_TEXT_TITLE, "e\u0301\u0302\u0303\u0304\u0305", false},
        {UI_TEXT_TITLE, "e\u0301\u0302\u0303\u0304e\u0305", true},
        {UI_TEXT_TITLE, "\u0301", false},
        {UI_TEXT_MESSAGE, "a\n\u0301", false},
        {UI_TEXT_MESSAGE, "e\u0301\u0302\u0303\u0304\u200b\u0305", false},
        {UI_TEXT_MESSAGE, "\u200b\u0305", false},
        /* Places with a grammar. */
        {UI_TEXT_KEY, "", false},
        {UI_TEXT_REFERENCE, "", true},
        {UI_TEXT_GLYPH, "", true},
        {UI_TEXT_GLYPH, "#", true},
        {UI_TEXT_GLYPH, "森", true},
        {UI_TEXT_GLYPH, "e\u0301", true},
        {UI_TEXT_GLYPH, "ab", false},
        {UI_TEXT_COMMAND, "", false},
        {UI_TEXT_COMMAND_IF, "", true},
        {UI_TEXT_COMMAND, "go-north.2", true},
        {UI_TEXT_COMMAND, "Go", false},
        {UI_TEXT_COMMAND, "go_north", false},
        {UI_TEXT_COMMAND, "g\xc3\xb6", false},
        {UI_TEXT_VERB, "", false},
        {UI_TEXT_PATH, "", false},
        {UI_TEXT_PATH_IF, "", true},
        {UI_TEXT_PATH, "a.b.c.d", true},
        {UI_TEXT_PATH, "a.b.c.d.e", false},
        {UI_TEXT_PATH, "a..b", false},
        {UI_TEXT_PATH, ".a", false},
        {UI_TEXT_PATH, "a.", false},
        {UI_TEXT_PATH, "9a", false},
        {UI_TEXT_PATH, "a9B", true},
        {UI_TEXT_PATH, "a b", false},
};

TEST(each_rule_holds)
{
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                const char *wrong = ui_text_wrong(rows[i].place, capnp_text_of(rows[i].text));

                if (!wrong != rows[i].good)
                        test_fail(__FILE__, __LINE__, "row %zu (\"%s\"): %s", i, rows[i].text,
                                  wrong ? wrong : "taken");
        }
}

TEST(a_nul_is_no_text)
{
        CHECK(ui_text_wrong(UI_TEXT_MESSAGE, (capnp_text){"a\0b", 3}));
}

TEST(each_place_has_its_length)
{
        static const uint32_t most[UI_TEXT_PLACES] = {64, 64, 64, 64, 12,  200, 1024, 4096, 4096,
                                                      20, 32, 32, 48, 160, 200, 200,  64};
        char text[4200];

        memset(text, 'a', sizeof(text));
        for (unsigned p = 0; p < UI_TEXT_PLACES; p++) {
                CHECK_EQ(ui_text_most((enum ui_text_place)p), most[p]);
                CHECK(ui_text_wrong((enum ui_text_place)p, (capnp_text){text, most[p] + 1}));
                if (p != UI_TEXT_GLYPH)
                        CHECK(!ui_text_wrong((enum ui_text_place)p, (capnp_text){text, most[p]}));
        }
        /* One character of 20 bytes: a base and four marks of four bytes each. */
        CHECK(!ui_text_wrong(UI_TEXT_GLYPH,
                             capnp_text_of("\U0001f600\U000e0100\U000e0101\U000e0102\U000e0103")));
}

TEST(a_refusal_says_where)
{
        struct ui_refused why;

        CHECK_OK(ui_text_check(UI_TEXT_TITLE, capnp_text_of("fine"), "title", &why));
        CHECK_EQ(ui_text_check(UI_TEXT_TITLE, capnp_text_of("\x1b"), "title", &why),
                 CAPNP_E_EXCEPTION);
        CHECK_EQ(why.kind, CAPNP_FAILED);
        CHECK_EQ(why.code, UI_REFUSAL_TEXT);
        CHECK_STR(why.text, "refused.text: title: a character that is not text");

        CHECK_EQ(ui_over_quota(&why, "bytes", "more than %d", 3), CAPNP_E_EXCEPTION);
        CHECK_EQ(why.kind, CAPNP_OVERLOADED);
        CHECK_STR(why.text, "over-quota.ui-bytes: more than 3");
}

TEST(widths)
{
        CHECK_EQ(ui_text_width(capnp_text_of("abc")), 3);
        CHECK_EQ(ui_text_width(capnp_text_of("e\u0301")), 1);
        CHECK_EQ(ui_text_width(capnp_text_of("日本")), 4);
        CHECK_EQ(ui_text_width(capnp_text_of("a\u200bb")), 2);
        CHECK_EQ(ui_text_width(capnp_text_of("\U0001f600")), 2);
}
