/*
 * What is new in a text (`capos ui --follow` prints no more than that), and how much is printed in
 * a second, whatever a service does (R55).
 */
#include "ui-diff.h"

#include "harness.h"

#include <stdio.h>
#include <string.h>

struct said {
        char text[400];
        size_t len;
};

static void on_line(void *arg, bool is_gone, const char *line, size_t len)
{
        struct said *s = arg;

        s->len += (size_t)snprintf(s->text + s->len, sizeof(s->text) - s->len, "%c%.*s|",
                                   is_gone ? '-' : '+', (int)len, line);
}

static const struct {
        const char *before, *after, *said;
} texts[] = {
        {"", "", ""},
        {"", "a\n", "+a|"},
        {"a\n", "", "-a|"},
        {"a\nb\nc\n", "a\nb\nc\n", ""},
        {"a\nb\nc\n", "c\nb\na\n", ""}, /* where they stand is no matter */
        {"a\nb\nc\n", "a\nx\nc\n", "-b|+x|"},
        {"a\na\n", "a\n", "-a|"},
        {"a\n", "a\na\na\n", "+a|+a|"},
        {"a\nab\nabc\n", "abc\nab\n", "-a|"},
        {"a\n\nb\n", "a\nb\n", "-|"},
        {"a\nb", "b\na", ""}, /* without an end */
        {"z\ny\nx\n", "1\nz\n2\ny\n3\n", "-x|+1|+2|+3|"},
};

TEST(what_is_new_is_told)
{
        for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                struct said s = {.len = 0};

                CHECK_OK(ui_diff(texts[i].before, texts[i].after, on_line, &s));
                CHECK_STR(s.text, texts[i].said);
        }
}

TORTURE(a_difference_without_memory)
{
        struct said s = {.len = 0};

        TORTURE_OK(ui_diff("a\nb\n", "b\nc\n", on_line, &s));
        CHECK_STR(s.text, "-a|+c|");
}

TEST(what_may_be_printed_comes_back_with_time)
{
        struct ui_pace p = {.at_once = 1000, .a_second = 100};

        ui_pace_pass(&p, 5000);
        CHECK_EQ(p.bytes, 1000);
        CHECK_EQ(ui_pace_wait_ms(&p), 0);
        p.bytes -= 1200;
        CHECK_EQ(ui_pace_wait_ms(&p), 4501); /* to a quarter */
        for (unsigned i = 1; i <= 4500; i++)
                ui_pace_pass(&p, 5000 + i); /* in small steps, too */
        CHECK_EQ(p.bytes, 250);
        ui_pace_pass(&p, 5000); /* a clock that goes back gives nothing */
        CHECK_EQ(p.bytes, 250);
        ui_pace_pass(&p, UINT64_MAX);
        CHECK_EQ(p.bytes, 1000);
}
