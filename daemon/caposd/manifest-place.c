/*
 * Where in a manifest's text something is.
 *
 * What parses a text knows the place of each value, and forgets it; what checks the values knows
 * paths alone. So the text is gone through once more for each fault, along its path: who has a
 * fault has time. Only what the parser has let through comes here, so there is nothing to refuse;
 * all the same no text makes this read beyond its end, or call itself.
 */
#include "manifest-place.h"

#include <stdlib.h>
#include <string.h>

struct scan {
        const char *p;
        uint32_t at, len;
};

/* NUL: the end. */
static char scan_peek(const struct scan *s)
{
        return s->at < s->len ? s->p[s->at] : '\0';
}

static void scan_comment(struct scan *s)
{
        while (s->at < s->len && s->p[s->at] != '\n')
                s->at++;
}

/* From one quotation mark behind the next. */
static void scan_string(struct scan *s)
{
        for (s->at++; s->at < s->len && s->p[s->at] != '"'; s->at++)
                if (s->p[s->at] == '\\')
                        s->at++;
        s->at++;
}

static void scan_blanks(struct scan *s)
{
        for (; s->at < s->len; s->at++) {
                if (scan_peek(s) == '#')
                        scan_comment(s);
                if (s->at == s->len || !memchr(" \t\r\n\v\f", s->p[s->at], 6))
                        return;
        }
}

/* To the comma or parenthesis that ends the value. */
static void scan_value(struct scan *s)
{
        unsigned depth = 0;

        while (s->at < s->len) {
                char c = s->p[s->at];

                if (!depth && (c == ',' || c == ')' || c == ']'))
                        return;
                if (c == '(' || c == '[')
                        depth++;
                else if (c == ')' || c == ']')
                        depth--;
                if (c == '"')
                        scan_string(s);
                else if (c == '#')
                        scan_comment(s);
                else
                        s->at++;
        }
}

/* From the end of a member to the beginning of the next. false: there is none. */
static bool scan_next(struct scan *s)
{
        scan_blanks(s);
        if (scan_peek(s) != ',')
                return false;

        s->at++;
        scan_blanks(s);
        return true;
}

/* From the beginning of a struct to that of the field's value. */
static bool scan_field(struct scan *s, const char *name, size_t len)
{
        bool more = scan_peek(s) == '(';

        s->at++;
        scan_blanks(s);
        while (more) {
                uint32_t key = s->at;
                bool is;

                while (s->at < s->len && !memchr(" \t\r\n\v\f#=,)]", s->p[s->at], 11))
                        s->at++;
                is = s->at - key == len && !memcmp(s->p + key, name, len);
                scan_blanks(s);
                if (scan_peek(s) != '=')
                        return false;
                s->at++;
                scan_blanks(s);
                if (is)
                        return true;
                scan_value(s);
                more = scan_next(s);
        }
        return false;
}

/* From the beginning of a list to that of its n-th value. */
static bool scan_item(struct scan *s, unsigned long n)
{
        bool more = scan_peek(s) == '[';

        s->at++;
        scan_blanks(s);
        while (more && n--) {
                scan_value(s);
                more = scan_next(s);
        }
        return more && scan_peek(s) != ']';
}

static struct manifest_place place_of(capnp_text text, uint32_t at)
{
        struct manifest_place to = {1, 1};

        for (uint32_t i = 0; i < at && i < text.len; i++) {
                if (text.p[i] == '\n') {
                        to.line++;
                        to.column = 1;
                } else if (((uint8_t)text.p[i] & 0xc0) != 0x80) {
                        to.column++;
                }
        }
        return to;
}

struct manifest_place manifest_place(capnp_text text, const char *path)
{
        struct scan s = {.p = text.p, .len = text.len};
        bool there = true;
        uint32_t found;

        scan_blanks(&s);
        found = s.at;
        while (there && *path) {
                if (*path == '[') {
                        char *end;

                        there = scan_item(&s, strtoul(path + 1, &end, 10));
                        path = end + (*end == ']');
                } else {
                        size_t len = strcspn(path, ".[");

                        there = scan_field(&s, path, len);
                        path += len;
                }
                path += *path == '.';
                if (there)
                        found = s.at;
        }
        return place_of(text, found);
}
