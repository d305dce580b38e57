/*
 * The line reader: whatever pieces the bytes come in, the lines are the same; what is too long
 * costs its bound, is said once, and the next line is read (R52).
 */
#include "mcp-line.h"

#include "harness.h"

#include <stdlib.h>
#include <string.h>

enum { ROOM = 256 };

/* The lines of a text, with | behind each, taken in pieces of some bytes; lost ones are !. */
static void lines_of(const char *text, size_t len, size_t piece, char *to)
{
        struct mcp_line l = {.len = 0};
        capnp_text line;
        size_t n = 0;

        for (size_t i = 0; i < len; i += piece) {
                size_t at = 0, some = len - i < piece ? len - i : piece;

                while (at < some)
                        switch (mcp_line_take(&l, text + i, some, &at, &line)) {
                        case MCP_LINE_NONE:
                                break;
                        case MCP_LINE_ONE:
                                CHECK_EQ(line.p[line.len], 0);
                                memcpy(to + n, line.p, line.len);
                                n += line.len;
                                to[n++] = '|';
                                break;
                        case MCP_LINE_LOST:
                                to[n++] = '!';
                                break;
                        }
        }
        to[n] = 0;
        mcp_line_deinit(&l);
}

TEST(lines_are_the_same_in_any_pieces)
{
        static const struct {
                const char *text, *lines;
        } cases[] = {{"", ""},
                     {"a\n", "a|"},
                     {"\n\n", "||"},
                     {"ab\r\ncd\n", "ab|cd|"},
                     {"a\rb\n", "a\rb|"},
                     {"\r\n", "|"},
                     {"\r\r\n", "\r|"},
                     {"cut off", ""},
                     {"one\ntwo\nthree", "one|two|"}};
        char to[ROOM];

        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                for (size_t piece = 1; piece <= 16; piece++) {
                        lines_of(cases[i].text, strlen(cases[i].text), piece, to);
                        CHECK_STR(to, cases[i].lines);
                }
}

TEST(a_line_may_hold_a_nul)
{
        struct mcp_line l = {.len = 0};
        capnp_text line;
        size_t at = 0;

        CHECK_EQ(mcp_line_take(&l, "a\0b\n", 4, &at, &line), MCP_LINE_ONE);
        CHECK_EQ(at, 4);
        CHECK_EQ(line.len, 3);
        mcp_line_deinit(&l);
}

/* A line of so many bytes, by itself, between others. What comes of it. */
static void long_line(size_t len, const char *end, const char *expected)
{
        size_t all = len + strlen(end) + 4;
        char *text = malloc(all + 1), *to = malloc(all + 8);

        CHECK(text && to);
        memcpy(text, "a\n", 2);
        memset(text + 2, 'x', len);
        memcpy(text + 2 + len, end, strlen(end));
        memcpy(text + 2 + len + strlen(end), "b\n", 2);
        for (size_t piece = 1000; piece < all * 4; piece *= 17) {
                char *p;

                lines_of(text, all, piece, to);
                for (p = strchr(to, 'x'); p && *p == 'x';)
                        memmove(p, p + strspn(p, "x"), strlen(p + strspn(p, "x")) + 1);
                CHECK_STR(to, expected);
        }
        free(text);
        free(to);
}

TEST(a_line_has_a_bound)
{
        long_line(MCP_LINE_BYTES - 1, "\n", "a||b|");
        long_line(MCP_LINE_BYTES, "\n", "a||b|");
        long_line(MCP_LINE_BYTES, "\r\n", "a||b|");
        long_line(MCP_LINE_BYTES + 1, "\n", "a|!b|");
        long_line(MCP_LINE_BYTES + 1, "\r\n", "a|!b|");
        long_line(3 * MCP_LINE_BYTES, "\n", "a|!b|");
}

TEST(memory_for_a_line_is_bounded_and_given_back)
{
        struct mcp_line l = {.len = 0};
        char *piece = calloc(1, MCP_LINE_BYTES);
        capnp_text line;
        size_t at;

        CHECK(piece != NULL);
        for (unsigned i = 0; i < 16; i++) {
                at = 0;
                CHECK_EQ(mcp_line_take(&l, piece, MCP_LINE_BYTES, &at, &line), MCP_LINE_NONE);
                CHECK(l.room <= 2 * MCP_LINE_BYTES);
        }
        at = 0;
        CHECK_EQ(mcp_line_take(&l, "\n", 1, &at, &line), MCP_LINE_LOST);
        at = 0;
        CHECK_EQ(mcp_line_take(&l, "{}\n", 3, &at, &line), MCP_LINE_ONE);
        CHECK(l.room < MCP_LINE_BYTES / 8);
        mcp_line_deinit(&l);
        free(piece);
}

TEST(a_line_that_memory_is_short_of_is_lost_alone)
{
        struct mcp_line l = {.len = 0};
        capnp_text line;
        size_t at = 0;

        test_fail_alloc_at(1);
        CHECK_EQ(mcp_line_take(&l, "lost\nkept\n", 10, &at, &line), MCP_LINE_LOST);
        CHECK(test_alloc_failed());
        CHECK_EQ(mcp_line_take(&l, "lost\nkept\n", 10, &at, &line), MCP_LINE_ONE);
        CHECK_STR(line.p, "kept");
        mcp_line_deinit(&l);
}
