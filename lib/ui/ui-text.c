/*
 * Texts come from a service and are drawn beside the host's own. So nothing in one may act on what
 * is around it: no control character moves a cursor, no direction control turns the line over, no
 * mark stands on a character that is not of this text, and no character is there that cannot be
 * seen, but for those that joining scripts and long words need inside running text. A text is
 * refused, never repaired: a repaired one would be a second version of what was said.
 *
 * What is not refused is what no table can tell: letters that look like others. Therefore a pane's
 * title stands behind the service's name, which is the host's to write.
 */
#include "ui-text.h"
#include "dynamic-buf.h"

#include <capos/ui.h>

#include <string.h>

struct ui_range {
        uint32_t first, last;
};

#include "gen/ui-chars.h"

enum { MARKS_MOST = 4, PATH_NAMES = 4, GLYPH_BYTES = 20 };

/* What a place allows beside ordinary characters, and what it wants. */
enum { LINES = 1, INVISIBLE = 2, SOME = 4, ID = 8, PATH = 16, ONE = 32 };

static const struct {
        uint32_t most;
        unsigned rules;
} places[UI_TEXT_PLACES] = {
        [UI_TEXT_TITLE] = {64, 0},
        [UI_TEXT_LABEL] = {64, 0},
        [UI_TEXT_KEY] = {64, SOME},
        [UI_TEXT_REFERENCE] = {64, 0},
        [UI_TEXT_BADGE] = {12, 0},
        [UI_TEXT_SUMMARY] = {200, INVISIBLE},
        [UI_TEXT_CELL] = {1024, INVISIBLE},
        [UI_TEXT_PARAGRAPH] = {4096, LINES | INVISIBLE},
        [UI_TEXT_MESSAGE] = {4096, LINES | INVISIBLE},
        [UI_TEXT_GLYPH] = {GLYPH_BYTES, ONE},
        [UI_TEXT_COMMAND] = {32, SOME | ID},
        [UI_TEXT_COMMAND_IF] = {32, ID},
        [UI_TEXT_VERB] = {48, SOME},
        [UI_TEXT_SENTENCE] = {160, INVISIBLE},
        [UI_TEXT_PATH] = {200, SOME | PATH},
        [UI_TEXT_PATH_IF] = {200, PATH},
        [UI_TEXT_CAPABILITY] = {64, 0},
};

/* Characters that are nowhere: they steer, have no meaning of their own, or none yet. */
static const struct ui_range refused[] = {
        {0x0000, 0x0008},    {0x000b, 0x001f},   {0x007f, 0x009f}, /* controls */
        {0x061c, 0x061c},    {0x200e, 0x200f},                     /* direction */
        {0x2028, 0x202e},    {0x2066, 0x206f},                     /* lines, direction */
        {0xd800, 0xf8ff},                                          /* surrogates, private use */
        {0xfdd0, 0xfdef},    {0xfeff, 0xfeff},   {0xfff9, 0xfffb}, /* none, BOM, annotations */
        {0xe0000, 0xe00ff},  {0xe01f0, 0xe0fff},                   /* tags and their kin */
        {0xf0000, 0x10ffff},                                       /* private use */
};

/* Characters that cannot be seen, and are needed inside running text. */
static const struct ui_range invisible[] = {
        {0x00ad, 0x00ad},   {0x034f, 0x034f}, {0x115f, 0x1160},   {0x17b4, 0x17b5},
        {0x180b, 0x180f},   {0x200b, 0x200d}, {0x2060, 0x2065},   {0x3164, 0x3164},
        {0xffa0, 0xffa0},   {0xfff0, 0xfff8}, {0x13430, 0x1343f}, {0x1bca0, 0x1bca3},
        {0x1d173, 0x1d17a},
};

/* Whether c is in a sorted table of n ranges. */
static bool in_table(const struct ui_range *t, size_t n, uint32_t c)
{
        size_t low = 0;

        while (low < n) {
                size_t mid = low + (n - low) / 2;

                if (c > t[mid].last)
                        low = mid + 1;
                else if (c < t[mid].first)
                        n = mid;
                else
                        return true;
        }
        return false;
}

#define IN(table_, c_) in_table(table_, sizeof(table_) / sizeof((table_)[0]), c_)

static bool is_refused(uint32_t c)
{
        return IN(refused, c) || (c & 0xfffe) == 0xfffe;
}

bool ui_text_is_mark(uint32_t c)
{
        return c >= 0x300 && IN(marks, c);
}

unsigned ui_text_columns(uint32_t c)
{
        if (c < 0x300)
                return c == 0xad ? 0 : 1;
        if (IN(marks, c) || IN(invisible, c))
                return 0;
        return IN(wide, c) ? 2 : 1;
}

uint32_t ui_text_next(capnp_text t, uint32_t *i)
{
        const uint8_t *b = (const uint8_t *)t.p + *i;
        unsigned n = dynamic_utf8(t.p + *i, t.len - *i);
        uint32_t c;

        if (n == 0)
                return UINT32_MAX;

        c = n == 1 ? b[0] : b[0] & (0x7fu >> n);
        for (unsigned k = 1; k < n; k++)
                c = c << 6 | (b[k] & 0x3f);
        *i += n;
        return c;
}

uint32_t ui_text_width(capnp_text t)
{
        uint32_t width = 0;

        for (uint32_t i = 0; i < t.len;)
                width += ui_text_columns(ui_text_next(t, &i));
        return width;
}

uint32_t ui_text_most(enum ui_text_place place)
{
        return places[place].most;
}

/* Where a text came from that was not refused, it is not repaired either: what is not plain is for
 * who draws it to spell. */
bool capos_ui_char_next(capnp_text *t, unsigned *left, struct capos_ui_char *ret_c)
{
        uint32_t bytes = 0, c;
        bool is_mark;

        if (!t->len)
                return false;

        c = ui_text_next(*t, &bytes);
        is_mark = c != UINT32_MAX && ui_text_is_mark(c);
        *ret_c = (struct capos_ui_char){.code = c, .bytes = bytes ? (uint8_t)bytes : 1};
        ret_c->plain = c >= ' ' && c <= 0x10ffff && !is_refused(c) && !IN(invisible, c) &&
                       (!is_mark || *left);
        ret_c->columns = ret_c->plain ? (uint8_t)ui_text_columns(c) : 0;
        if (!is_mark)
                *left = ret_c->plain ? MARKS_MOST : 0;
        else if (*left)
                (*left)--;
        t->p += ret_c->bytes;
        t->len -= ret_c->bytes;
        return true;
}

/* A text by the rules that all share. */
static const char *characters_wrong(unsigned rules, capnp_text t)
{
        unsigned stacked = MARKS_MOST; /* so that none stands at the beginning */
        unsigned characters = 0;

        for (uint32_t i = 0; i < t.len;) {
                uint32_t c = ui_text_next(t, &i);

                if (c == UINT32_MAX)
                        return "not UTF-8";
                if (c == '\n' || c == '\t') {
                        if (!(rules & LINES))
                                return "a line break or a tab, where there is one line";
                        stacked = MARKS_MOST;
                        continue;
                }
                if (is_refused(c))
                        return "a character that is not text";
                if (IN(invisible, c) && !(rules & INVISIBLE))
                        return "a character that cannot be seen";
                if (ui_text_is_mark(c)) {
                        if (++stacked > MARKS_MOST)
                                return "more than 4 marks on a character, or one on none";
                } else if (!IN(invisible, c)) { /* nothing stands on one of those */
                        stacked = 0;
                        characters++;
                }
        }
        return rules & ONE && characters > 1 ? "more than one character" : NULL;
}

static const char *id_wrong(capnp_text t)
{
        for (uint32_t i = 0; i < t.len; i++) {
                char c = t.p[i];

                if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.'))
                        return "not of a-z, 0-9, dash and dot";
        }
        return NULL;
}

static bool is_name_char(char c, bool first)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               (!first && ((c >= '0' && c <= '9') || c == '_'));
}

static const char *path_wrong(capnp_text t)
{
        unsigned names = 1;
        bool first = true, good = true;

        for (uint32_t i = 0; good && i < t.len; i++) {
                bool dot = t.p[i] == '.' && !first;

                names += dot;
                good = dot || is_name_char(t.p[i], first);
                first = dot;
        }
        return good && !first && names <= PATH_NAMES
                       ? NULL
                       : "not 1 to 4 names of fields with dots between";
}

const char *ui_text_wrong(enum ui_text_place place, capnp_text t)
{
        unsigned rules = places[place].rules;

        if (t.len > places[place].most)
                return "too long";
        if (!t.len)
                return rules & SOME ? "empty" : NULL;
        if (rules & ID)
                return id_wrong(t);
        return rules & PATH ? path_wrong(t) : characters_wrong(rules, t);
}

int ui_text_check(enum ui_text_place place, capnp_text t, const char *what,
                  struct ui_refused *ret_why)
{
        const char *wrong = ui_text_wrong(place, t);

        return wrong ? ui_refuse(ret_why, UI_REFUSAL_TEXT, "%s: %s", what, wrong) : 0;
}
