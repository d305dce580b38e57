/* Which texts and names are taken: tables. */
#include "chat-text.h"
#include "harness.h"

#include <stdio.h>
#include <string.h>

struct row {
        const char *p;
        size_t len; /* 0: up to the NUL */
        bool good;
};

static size_t row_len(const struct row *r)
{
        return r->len ? r->len : strlen(r->p);
}

TEST(texts)
{
        static const struct row rows[] = {
                {"", 0, true},
                {"hello", 0, true},
                {"two\nlines\tand a tab", 0, true},
                {"gr\xc3\xbc\xc3\x9f dich", 0, true},
                {"\xe2\x82\xac \xf0\x9f\xa6\xa6", 0, true},
                {"\xed\x9f\xbf\xee\x80\x80", 0, true}, /* around the surrogates */
                {"\xf4\x8f\xbf\xbf", 0, true},         /* U+10FFFF */
                {"\xc2\xa0", 0, true},                 /* the first after C1 */
                {"a\0b", 3, false},
                {"bell\a", 0, false},
                {"\x1b[31mred", 0, false},
                {"carriage\r", 0, false},
                {"\x7f", 0, false},
                {"\xc2\x80", 0, false}, /* C1 */
                {"\xc2\x9b"
                 "31m",
                 0, false}, /* C1: CSI */
                {"\xc2\x9f", 0, false},
                {"\xc0\xaf", 0, false}, /* overlong */
                {"\xe0\x80\xaf", 0, false},
                {"\xf0\x80\x80\xaf", 0, false},
                {"\xed\xa0\x80", 0, false},     /* a surrogate */
                {"\xf4\x90\x80\x80", 0, false}, /* beyond U+10FFFF */
                {"\xff", 0, false},
                {"\x80", 0, false},
                {"cut \xe2\x82", 0, false},
                {"\xe2\x28\xa1", 0, false},
                {"\xf8\x88\x80\x80\x80", 0, false},
        };

        for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
                printf("row %u\n", i);
                CHECK_EQ(chat_text_is_clean(rows[i].p, row_len(&rows[i])), rows[i].good);
        }
}

TEST(names)
{
        static const struct row rows[] = {
                {"#a", 0, true},
                {"#lobby-2_x", 0, true},
                {"#0123456789abcdef0123456789abcdef", 0, true},
                {"#0123456789abcdef0123456789abcdef0", 0, false},
                {"", 0, false},
                {"#", 0, false},
                {"lobby", 0, false},
                {"##", 0, false},
                {"#Lobby", 0, false},
                {"#a b", 0, false},
                {"#a\0", 3, false},
                {"#\xc3\xbc", 0, false},
                {"#a/../b", 0, false},
        };

        for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
                printf("row %u\n", i);
                CHECK_EQ(chat_name_is_good(rows[i].p, row_len(&rows[i])), rows[i].good);
        }
}
