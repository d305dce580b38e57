/* What a model is given: words for tools and references, and texts that do no harm (R52). */
#include "mcp-handles.h"
#include "mcp-name.h"
#include "mcp-text.h"

#include "harness.h"

#include <stdlib.h>
#include <string.h>

/* ---- texts ----------------------------------------------------------------------------------- */

TEST(json_is_written_so_that_nothing_steers)
{
        static const struct {
                const char *in, *out;
        } cases[] = {{"{\"a\":[1,true,null,\"x\"]}", "{\"a\":[1,true,null,\"x\"]}"},
                     {"[\"\\u001b[2J\\n\"]", "[\"\\u001B[2J\\n\"]"},
                     {"[\"\xc2\x9b\"]", "[\"\\u009b\"]"},
                     {"[\"\xe2\x80\xae\"]", "[\"\\u202e\"]"},
                     {"[\"\xf3\xa0\x80\x81\"]", "[\"\\udb40\\udc01\"]"},
                     {"[\"gr\xc3\xbc\xc3\x9f\"]", "[\"gr\xc3\xbc\xc3\x9f\"]"},
                     {"[0.1,2.5,1e300]", "[0.1,2.5,1e300]"},
                     {"[0.30000000000000004]", "[0.30000000000000004]"}};

        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                json_t *o = json_loads(cases[i].in, 0, NULL);
                char *text = o ? mcp_text_json(o) : NULL;

                CHECK_STR(text, cases[i].out);
                free(text);
                json_decref(o);
        }
}

TEST(what_authors_say_is_one_line)
{
        char to[12];

        mcp_text_plain("  one\n\n two\t", to, sizeof(to));
        CHECK_STR(to, "one two");
        mcp_text_plain("a\x1b[2Jb\xe2\x80\xae", to, sizeof(to));
        CHECK_STR(to, "a[2Jb");
        mcp_text_plain("12345678\xc3\xbc\xc3\xbc", to, sizeof(to));
        CHECK_STR(to, "12345678\xc3\xbc");
        mcp_text_plain("", to, sizeof(to));
        CHECK_STR(to, "");
}

/* ---- names ----------------------------------------------------------------------------------- */

static void name_of(const char *owner, const char *method, bool hashed, char to[MCP_NAME_BYTES + 1])
{
        const struct capnp_method_info m = {.name = method, .interface = 7, .ordinal = 3};

        mcp_name_make(owner, &m, hashed, to);
}

TEST(a_name_says_whose_method_it_is)
{
        static const struct {
                const char *owner, *method, *name;
        } cases[] = {{"chat", "say", "chat__say"},
                     {"Chat-2", "say", "Chat-2__say"},
                     {"a.b c", "m\xc3\xa4h", "a_b_c__m__h"},
                     {"a123456789a123456789a12", "b123456789b123456789b12",
                      "a123456789a123456789a12__b123456789b123456789b12"}};
        char name[MCP_NAME_BYTES + 1];

        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                name_of(cases[i].owner, cases[i].method, false, name);
                CHECK_STR(name, cases[i].name);
        }
}

TEST(a_long_name_is_cut_and_still_its_own)
{
        char one[MCP_NAME_BYTES + 1], two[MCP_NAME_BYTES + 1], again[MCP_NAME_BYTES + 1];

        name_of("a123456789a123456789a123456789", "b123456789b123456789b", false, one);
        name_of("a123456789a123456789a123456789", "b123456789b123456789c", false, two);
        name_of("a123456789a123456789a123456789", "b123456789b123456789b", false, again);
        CHECK_EQ(strlen(one), MCP_NAME_BYTES);
        CHECK(strcmp(one, two) != 0);
        CHECK_STR(one, again);
        name_of("chat", "say", true, one);
        CHECK_EQ(strlen(one), strlen("chat__say_123456"));
        CHECK(!strncmp(one, "chat__say_", 10));
}

/* ---- handles --------------------------------------------------------------------------------- */

TEST(a_handle_is_a_word_that_nobody_guesses)
{
        static struct mcp_handles h;
        const struct mcp_handle *one, *two;
        char word[MCP_WORD];

        one = mcp_handles_add(&h, NULL, 1, "chat", 1000);
        CHECK(one && one->word[0] == 'h' && strlen(one->word) == 33);
        (void)snprintf(word, sizeof(word), "%s", one->word);
        two = mcp_handles_add(&h, NULL, 2, "games", 1000);
        CHECK(two && strcmp(word, two->word) != 0);
        CHECK_EQ(mcp_handles_find(&h, word, 1000)->interface, 1);
        CHECK(!mcp_handles_find(&h, "", 1000));
        CHECK(!mcp_handles_find(&h, "h", 1000));
        word[5] = word[5] == '0' ? '1' : '0';
        CHECK(!mcp_handles_find(&h, word, 1000));
}

TEST(a_handle_ends_when_it_is_not_used)
{
        static struct mcp_handles h;
        char one[MCP_WORD], two[MCP_WORD];

        (void)snprintf(one, sizeof(one), "%s", mcp_handles_add(&h, NULL, 1, "chat", 1000)->word);
        (void)snprintf(two, sizeof(two), "%s", mcp_handles_add(&h, NULL, 2, "chat", 1000)->word);
        CHECK(mcp_handles_find(&h, one, 1000 + MCP_IDLE_MS - 1));
        CHECK(mcp_handles_find(&h, one, 1000 + MCP_IDLE_MS));
        CHECK(!mcp_handles_find(&h, two, 1000 + MCP_IDLE_MS));
        CHECK(mcp_handles_release(&h, one));
        CHECK(!mcp_handles_release(&h, one));
        CHECK(!mcp_handles_find(&h, one, 1000 + MCP_IDLE_MS));
}

TEST(handles_end_with_what_they_came_from)
{
        static struct mcp_handles h;
        char one[MCP_WORD], two[MCP_WORD];

        (void)snprintf(one, sizeof(one), "%s", mcp_handles_add(&h, NULL, 1, "chat", 1000)->word);
        (void)snprintf(two, sizeof(two), "%s", mcp_handles_add(&h, NULL, 2, "games", 1000)->word);
        mcp_handles_drop(&h, "chat");
        CHECK(!mcp_handles_find(&h, one, 1000));
        CHECK(mcp_handles_find(&h, two, 1000));
        mcp_handles_drop(&h, NULL);
        CHECK(!mcp_handles_find(&h, two, 1000));
}

TEST(the_handle_that_was_idle_longest_gives_way)
{
        static struct mcp_handles h;
        char words[MCP_HANDLES][MCP_WORD];

        for (unsigned i = 0; i < MCP_HANDLES; i++)
                (void)snprintf(words[i], MCP_WORD, "%s",
                               mcp_handles_add(&h, NULL, i, "chat", 1000 + i)->word);
        CHECK(mcp_handles_find(&h, words[0], 5000));
        CHECK(mcp_handles_add(&h, NULL, 99, "chat", 6000));
        CHECK(!mcp_handles_find(&h, words[1], 6000));
        CHECK(mcp_handles_find(&h, words[0], 6000));
        CHECK(mcp_handles_find(&h, words[2], 6000));
}
