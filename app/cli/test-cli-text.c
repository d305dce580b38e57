/*
 * What of others' texts reaches a terminal (R56): each character that steers, hides or reorders is
 * spelled, marks do not climb, and no long line goes on at the left edge.
 */
#include "cli.h"

#include "harness.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
        const char *text, *shown;
} texts[] = {
        {"", ""},
        {"plain", "plain"},
        {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
        {"\xe4\xb8\xad\xe6\x96\x87", "\xe4\xb8\xad\xe6\x96\x87"},
        {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
        {"e\xcc\x81", "e\xcc\x81"},
        {"a\nb\tc\r", "a\\x0ab\\x09c\\x0d"},
        {"\x1b]0;x\x07", "\\x1b]0;x\\x07"},
        {"\x7f", "\\x7f"},
        {"\xc2\x9b"
         "5m",
         "\\xc2\\x9b"
         "5m"},                              /* a C1 control */
        {"\x9b", "\\x9b"},                   /* no UTF-8 */
        {"\xc3", "\\xc3"},                   /* half a character */
        {"\xc0\xaf", "\\xc0\\xaf"},          /* written longer */
        {"\xed\xa0\x80", "\\xed\\xa0\\x80"}, /* half of a pair */
        {"a\xc2\xad"
         "b",
         "a\\xc2\\xad"
         "b"},                                        /* U+00AD */
        {"\xd8\x9c", "\\xd8\\x9c"},                   /* U+061C */
        {"\xe1\xa0\x8e", "\\xe1\\xa0\\x8e"},          /* U+180E */
        {"\xe2\x80\x8b", "\\xe2\\x80\\x8b"},          /* U+200B */
        {"\xe2\x80\x8f", "\\xe2\\x80\\x8f"},          /* U+200F */
        {"\xe2\x80\xa8", "\\xe2\\x80\\xa8"},          /* U+2028 */
        {"\xe2\x80\xae", "\\xe2\\x80\\xae"},          /* U+202E */
        {"\xe2\x81\xa0", "\\xe2\\x81\\xa0"},          /* U+2060 */
        {"\xe2\x81\xa5", "\\xe2\\x81\\xa5"},          /* U+2065 */
        {"\xe2\x81\xa6", "\\xe2\\x81\\xa6"},          /* U+2066 */
        {"\xe2\x81\xaf", "\\xe2\\x81\\xaf"},          /* U+206F */
        {"\xe3\x85\xa4", "\\xe3\\x85\\xa4"},          /* U+3164 */
        {"\xee\x80\x80", "\\xee\\x80\\x80"},          /* private use */
        {"\xef\xbb\xbf", "\\xef\\xbb\\xbf"},          /* U+FEFF */
        {"\xef\xbf\xbf", "\\xef\\xbf\\xbf"},          /* none */
        {"\xf3\xa0\x81\x81", "\\xf3\\xa0\\x81\\x81"}, /* a tag */
        {"\xf4\x80\x80\x80", "\\xf4\\x80\\x80\\x80"}, /* private use */
        {"\xcc\x81"
         "a",
         "\\xcc\\x81"
         "a"},                                                 /* a mark on nothing */
        {"\xe2\x80\x8b\xcc\x81", "\\xe2\\x80\\x8b\\xcc\\x81"}, /* on what is spelled */
};

TEST(what_steers_a_terminal_is_spelled)
{
        char to[200];

        for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                cli_escape(texts[i].text, to, sizeof(to));
                CHECK_STR(to, texts[i].shown);
        }
}

TEST(marks_do_not_climb)
{
        char text[201] = "a", to[1000];

        for (unsigned i = 0; i < 100; i++)
                memcpy(text + 1 + 2 * i, "\xcc\x81", 2);
        text[199] = 0;
        cli_escape(text, to, sizeof(to));
        CHECK_MEM(to, "a\xcc\x81\xcc\x81\xcc\x81\xcc\x81\\xcc\\x81\\xcc", 19);
}

TEST(what_is_cut_is_cut_between_characters)
{
        char to[8];

        cli_escape("abcdef\xc3\xbc", to, sizeof(to));
        CHECK_STR(to, "abcdef");
        cli_escape("abcd\x1b", to, sizeof(to));
        CHECK_STR(to, "abcd");
}

static void line_is(const char *first, const char *text, unsigned columns, const char *wanted)
{
        char *said = NULL;
        size_t len = 0;
        FILE *f = open_memstream(&said, &len);

        CHECK(f);
        cli_print_line(f, first, text, strlen(text), columns);
        CHECK_EQ(fclose(f), 0);
        CHECK_STR(said, wanted);
        free(said);
}

TEST(a_long_line_never_goes_on_at_the_edge)
{
        line_is("x ", "abc", 0, "x abc\n");
        line_is("x ", "abc", 5, "x abc\n");
        line_is("x ", "abcdefgh", 5, "x abc\n  def\n  gh\n");
        line_is("x ", "\xe4\xb8\xad\xe6\x96\x87", 5, "x \xe4\xb8\xad\n  \xe6\x96\x87\n");
        line_is("x ",
                "ab\x1b"
                "c",
                7, "x ab\n  \\x1bc\n");
        line_is("x ", "ab cd ef", 7, "x ab cd\n  ef\n");
        line_is("x ", "ab cd  ef gh", 6, "x ab\n  cd \n  ef\n  gh\n");
        line_is("x ", "ab cdefgh", 6, "x ab c\n  defg\n  h\n");
        line_is("x ", "\xcc\x81", 20, "x \\xcc\\x81\n");
        line_is("\x1b", "", 20, "\\x1b\n");
}

/* The output of what prints to standard output. */
static void json_is(const char *text, const char *wanted)
{
        char said[400] = "";
        FILE *f = tmpfile(), *usual = stdout;

        CHECK(f);
        stdout = f;
        cli_print_json_text(text, strlen(text));
        stdout = usual;
        rewind(f);
        CHECK(fread(said, 1, sizeof(said) - 1, f) > 0);
        CHECK_EQ(fclose(f), 0);
        CHECK_STR(said, wanted);
}

TEST(json_is_spelled_as_json_does)
{
        json_is("{\"a\":\"gr\xc3\xbc\"}\n", "{\"a\":\"gr\xc3\xbc\"}\n");
        json_is("\"\x7f\xc2\x9b\xe2\x80\xae\"", "\"\\u007f\\u009b\\u202e\"");
        json_is("\"\xf3\xa0\x81\x81\xd8\x9c\"", "\"\\udb40\\udc41\\u061c\"");
        json_is("\"\xcc\x81\"", "\"\\u0301\"");
        json_is("\"e\xcc\x81\"", "\"e\xcc\x81\"");
}
