/*
 * What a service or an instance says goes to a model, and to whoever prints what the model was
 * given. JSON escapes what is below a space; characters that steer a terminal, reorder or hide text
 * are more than that, and lib/ui has the table (capos_ui_char_next()).
 */
#include "mcp-text.h"

#include <capos/ui.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How many characters at the beginning are ASCII that is shown, but for the last of them: a mark
 * may stand on that one. Nearly all of what is written is such. */
static uint32_t ascii_run(capnp_text t)
{
        uint32_t n = 0;

        while (n < t.len && t.p[n] >= ' ' && t.p[n] <= '~')
                n++;
        return n ? n - 1 : 0;
}

/* Outside of strings JSON is plain, and a quote is none of a text's: no mark may stand on it. */
static void json_write(FILE *f, capnp_text t)
{
        struct capos_ui_char c;
        unsigned marks = 0;
        uint32_t n;

        for (const char *p = t.p; t.len; p = t.p) {
                n = ascii_run(t);
                if (n) {
                        (void)fwrite(p, 1, n, f);
                        t = (capnp_text){p + n, t.len - n};
                        p = t.p;
                }
                if (!capos_ui_char_next(&t, &marks, &c))
                        break;
                if (c.plain)
                        (void)fwrite(p, 1, c.bytes, f);
                else if (c.code > 0xffff)
                        (void)fprintf(f, "\\u%04x\\u%04x", 0xd7c0 + (c.code >> 10),
                                      0xdc00 + (c.code & 0x3ff));
                else
                        (void)fprintf(f, "\\u%04x", c.code);
                if (c.code == '"')
                        marks = 0;
        }
}

/* Whether fifteen digits are enough for every number in it: 0.1, and not 0.10000000000000001. */
static bool reals_are_short(const json_t *o)
{
        char text[32];
        const char *key;
        json_t *v;
        size_t i;

        if (json_is_real(o)) {
                (void)snprintf(text, sizeof(text), "%.15g", json_real_value(o));
                return strtod(text, NULL) == json_real_value(o);
        }
        json_array_foreach((json_t *)(uintptr_t)o, i, v) if (!reals_are_short(v)) return false;
        json_object_foreach((json_t *)(uintptr_t)o, key, v) if (!reals_are_short(v)) return false;
        return true;
}

char *mcp_text_json(const json_t *o)
{
        size_t digits = reals_are_short(o) ? 15 : 17;
        char *plain = json_dumps(o, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(digits));
        char *to = NULL;
        size_t len = 0;
        FILE *f = plain ? open_memstream(&to, &len) : NULL;
        bool good = f;

        if (f) {
                json_write(f, capnp_text_of(plain));
                good = !ferror(f);
                good = !fclose(f) && good;
        }
        free(plain);
        if (good)
                return to;
        free(to);
        return NULL;
}

void mcp_text_plain(const char *s, char *to, size_t room)
{
        capnp_text t = capnp_text_of(s);
        struct capos_ui_char c;
        unsigned marks = 0;
        size_t len = 0;

        for (const char *p = t.p; capos_ui_char_next(&t, &marks, &c); p = t.p) {
                bool space = c.code == ' ' || c.code == '\n' || c.code == '\t';

                if (len + c.bytes + 1 > room)
                        break;
                if (space && len && to[len - 1] != ' ')
                        to[len++] = ' ';
                if (space || !c.plain)
                        continue;
                memcpy(to + len, p, c.bytes);
                len += c.bytes;
        }
        while (len && to[len - 1] == ' ')
                len--;
        to[len] = 0;
}
