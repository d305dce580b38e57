/*
 * Texts that are made piece by piece: a call's parameters, what a person is asked. What a person
 * has typed or a service has fixed stands in them in quotes, every control character and all that
 * would not be taken in a paragraph (ui-text.h) as an escape.
 */
#include "ui-words.h"

#include "ui-text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void ui_words_deinit(struct ui_words *w)
{
        free(w->p);
        *w = (struct ui_words){.p = NULL};
}

/* Room for len bytes more and a NUL. */
static bool words_reserve(struct ui_words *w, size_t len)
{
        size_t room = w->room ? w->room : 128;
        char *p;

        if (w->r)
                return false;
        while (room - w->len <= len)
                room *= 2;
        if (room == w->room)
                return true;

        p = realloc(w->p, room);
        if (!p) {
                w->r = -ENOMEM;
                return false;
        }
        w->p = p;
        w->room = room;
        return true;
}

void ui_words_put(struct ui_words *w, const char *p, size_t len)
{
        if (!words_reserve(w, len))
                return;

        if (len)
                memcpy(w->p + w->len, p, len);
        w->len += len;
        w->p[w->len] = 0;
}

void ui_words_say(struct ui_words *w, const char *fmt, ...)
{
        char some[512];
        va_list ap;
        int n;

        va_start(ap, fmt);
        n = vsnprintf(some, sizeof(some), fmt, ap);
        va_end(ap);
        if (n > 0)
                ui_words_put(w, some, (size_t)n < sizeof(some) ? (size_t)n : sizeof(some) - 1);
}

/* As ui_text_next(), but goes on behind a byte that is no UTF-8. */
static uint32_t text_next(capnp_text t, uint32_t *i)
{
        uint32_t at = *i, c = ui_text_next(t, i);

        if (c == UINT32_MAX)
                *i = at + 1;
        return c;
}

static void escape_put(struct ui_words *w, uint32_t c)
{
        if (c > 0xffff) {
                c -= 0x10000;
                ui_words_say(w, "\\u%04x\\u%04x", 0xd800 + (c >> 10), 0xdc00 + (c & 0x3ff));
                return;
        }
        ui_words_say(w, "\\u%04x", c);
}

void ui_words_quote(struct ui_words *w, capnp_text t)
{
        uint32_t i = 0;

        ui_words_put(w, "\"", 1);
        while (i < t.len) {
                uint32_t at = i, c = text_next(t, &i);
                capnp_text one = {t.p + at, i - at};

                if (c == '"' || c == '\\')
                        ui_words_say(w, "\\%c", (char)c);
                else if (c == '\n')
                        ui_words_put(w, "\\n", 2);
                else if (c == '\t')
                        ui_words_put(w, "\\t", 2);
                else if (c == UINT32_MAX)
                        ui_words_put(w, "\\ufffd", 6);
                else if (ui_text_wrong(UI_TEXT_PARAGRAPH, one) && !ui_text_is_mark(c))
                        escape_put(w, c);
                else
                        ui_words_put(w, one.p, one.len);
        }
        ui_words_put(w, "\"", 1);
}

void ui_words_plain(const char *text, char *ret, size_t bytes)
{
        const capnp_text t = capnp_text_of(text);
        uint32_t i = 0;
        size_t n = 0;

        while (i < t.len) {
                uint32_t at = i, c = text_next(t, &i);
                capnp_text one = {t.p + at, i - at};
                bool is_good = c != UINT32_MAX && !ui_text_wrong(UI_TEXT_SUMMARY, one);

                if (n + (is_good ? one.len : 1) >= bytes)
                        break;
                if (is_good)
                        memcpy(ret + n, one.p, one.len);
                else
                        ret[n] = '?';
                n += is_good ? one.len : 1;
        }
        ret[n] = 0;
}

char *ui_words_dup(const char *s)
{
        return strdup(s ? s : "");
}
