/*
 * Lines of plain text on a page of so many columns. All texts were accepted before, so there is
 * nothing in them that acts on a terminal; what they have of newlines and tabs breaks lines here,
 * or is a blank. No line is wider than the page: a word that is gets broken.
 *
 * Numbers are written without a locale's words: a golden is the same everywhere.
 */
#include "ui-pen.h"
#include "dynamic-float.h"
#include "ui-text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const char ELLIPSIS[] = "\xe2\x80\xa6";

void ui_pen_line(struct ui_pen *p)
{
        struct capnp_buf *b = p->out.b;

        /* Blanks at a line's end are nothing but longer. */
        while (b->len > p->draw_from && b->p[b->len - 1] == ' ')
                b->len--;
        dynamic_out_char(&p->out, '\n');
        p->column = p->from = 0;
        p->blank = false;
}

void ui_pen_add(struct ui_pen *p, const char *s)
{
        capnp_text t = capnp_text_of(s);

        dynamic_out_add(&p->out, t.p, t.len);
        p->column += ui_text_width(t);
}

uint32_t ui_pen_room(const struct ui_pen *p)
{
        return p->draw.columns > p->column ? p->draw.columns - p->column : 0;
}

void ui_pen_to(struct ui_pen *p, uint32_t column)
{
        for (; p->column < column; p->column++)
                dynamic_out_char(&p->out, ' ');
}

/* The characters of t from *i on that fit into so many columns, marks included. */
static uint32_t fitting(capnp_text t, uint32_t i, uint32_t columns, uint32_t *ret_width)
{
        uint32_t width = 0;

        while (i < t.len) {
                uint32_t next = i;
                unsigned w = ui_text_columns(ui_text_next(t, &next));

                if (width + w > columns)
                        break;
                width += w;
                i = next;
        }
        *ret_width = width;
        return i;
}

/* One piece of a text, without what would break the line. */
static void add_piece(struct ui_pen *p, const char *s, uint32_t len)
{
        for (uint32_t i = 0; i < len; i++)
                dynamic_out_char(&p->out, s[i] == '\n' || s[i] == '\t' ? ' ' : s[i]);
}

void ui_pen_field(struct ui_pen *p, capnp_text t, uint32_t columns, bool right)
{
        uint32_t width = ui_text_width(t);
        uint32_t end = t.len;
        bool cut = width > columns;

        if (!columns)
                return;
        if (cut)
                end = fitting(t, 0, columns - 1, &width);
        width += cut;
        if (right)
                ui_pen_to(p, p->column + columns - width);
        add_piece(p, t.p, end);
        if (cut)
                dynamic_out_str(&p->out, ELLIPSIS);
        p->column += width;
        if (!right)
                ui_pen_to(p, p->column + columns - width);
}

static void break_line(struct ui_pen *p, uint32_t indent)
{
        ui_pen_line(p);
        ui_pen_to(p, indent);
        if (p->more)
                ui_pen_add(p, p->more);
        p->from = p->column;
}

/* A word, which may be wider than the page. */
static void add_word(struct ui_pen *p, capnp_text word, uint32_t indent)
{
        uint32_t i = 0;

        if (p->column > p->from && ui_text_width(word) > ui_pen_room(p))
                break_line(p, indent);
        while (i < word.len) {
                uint32_t width;
                uint32_t end = fitting(word, i, ui_pen_room(p), &width);

                if (end == i && p->column <= p->from)
                        return; /* not even one character fits on this page */
                dynamic_out_add(&p->out, word.p + i, end - i);
                p->column += width;
                i = end;
                if (i < word.len)
                        break_line(p, indent);
        }
}

void ui_pen_words(struct ui_pen *p, capnp_text t, uint32_t indent)
{
        for (uint32_t i = 0; i < t.len;) {
                uint32_t end = i;

                if (t.p[i] == '\n') {
                        break_line(p, indent);
                        i++;
                        continue;
                }
                if (t.p[i] == ' ' || t.p[i] == '\t') {
                        p->blank = true;
                        i++;
                        continue;
                }
                while (end < t.len && t.p[end] != '\n' && t.p[end] != ' ' && t.p[end] != '\t')
                        end++;
                if (p->blank && p->column > p->from) {
                        capnp_text word = {t.p + i, end - i};

                        if (ui_text_width(word) + 1 > ui_pen_room(p))
                                break_line(p, indent);
                        else
                                ui_pen_to(p, p->column + 1);
                }
                add_word(p, (capnp_text){t.p + i, end - i}, indent);
                p->blank = false;
                i = end;
        }
}

void ui_pen_code(struct ui_pen *p, capnp_text t, uint32_t indent)
{
        for (uint32_t i = 0; i < t.len;) {
                const char *nl = memchr(t.p + i, '\n', t.len - i);
                capnp_text line = {t.p + i, nl ? (uint32_t)(nl - t.p) - i : t.len - i};
                uint32_t width, at = 0;

                while (at < line.len) {
                        uint32_t end = fitting(line, at, ui_pen_room(p), &width);

                        if (end == at && p->column <= p->from)
                                return;
                        add_piece(p, line.p + at, end - at);
                        p->column += width;
                        at = end;
                        if (at < line.len)
                                break_line(p, indent);
                }
                i += line.len + 1;
                if (nl)
                        break_line(p, indent);
        }
}

/* ---- curves ---- */

void ui_pen_curve(struct ui_pen *p, const double *y, uint32_t n, uint32_t columns)
{
        static const char *const bars[UI_BAR_STEPS] = {
                "\xe2\x96\x81", "\xe2\x96\x82", "\xe2\x96\x83", "\xe2\x96\x84",
                "\xe2\x96\x85", "\xe2\x96\x86", "\xe2\x96\x87", "\xe2\x96\x88"};
        double least = INFINITY, most = -INFINITY;
        uint32_t first;

        if (columns > ui_pen_room(p))
                columns = ui_pen_room(p);
        first = n > columns ? n - columns : 0;
        for (uint32_t i = first; i < n; i++) {
                least = y[i] < least ? y[i] : least;
                most = y[i] > most ? y[i] : most;
        }
        for (uint32_t i = first; i < n; i++) {
                /* Halves, so that no difference is infinite. */
                double range = most / 2 - least / 2;
                double part = range > 0 ? (y[i] / 2 - least / 2) / range : 0;

                if (isnan(y[i]))
                        ui_pen_add(p, " ");
                else
                        ui_pen_add(p, bars[(int)(part * (UI_BAR_STEPS - 1) + 0.5)]);
        }
}

/* ---- words for values ---- */

const char *ui_tone_mark(enum ui_tone tone)
{
        static const char *const marks[] = {" ", " ", "i", "+", "!", "x", "*"};

        return (size_t)tone < sizeof(marks) / sizeof(marks[0]) ? marks[tone] : " ";
}

/* Two digits behind the point at most; large ones as they are. */
static const char *plain(char out[UI_NUMBER_BYTES], double v, const char *unit)
{
        char digits[DYNAMIC_FLOAT_ROOM];
        double x = fabs(v) < 1e12 ? round(v * 100) / 100 : v;

        dynamic_float_print(x == 0 ? 0 : x, false, digits);
        (void)snprintf(out, UI_NUMBER_BYTES, "%s%s", digits, unit);
        return out;
}

static const char *scaled(char out[UI_NUMBER_BYTES], double v, const char *per)
{
        static const char *const units[] = {" B", " KiB", " MiB", " GiB", " TiB", " PiB", " EiB"};
        unsigned u = 0;
        char unit[16];

        while (fabs(v) >= 1024 && u + 1 < sizeof(units) / sizeof(units[0])) {
                v /= 1024;
                u++;
        }
        (void)snprintf(unit, sizeof(unit), "%s%s", units[u], per);
        return plain(out, v, unit);
}

static const char *money(char out[UI_NUMBER_BYTES], double v)
{
        long long cents;

        if (fabs(v) >= 1e12)
                return plain(out, v, "");

        cents = llround(v * 100);
        (void)snprintf(out, UI_NUMBER_BYTES, "%s%lld.%02lld", cents < 0 ? "-" : "",
                       llabs(cents) / 100, llabs(cents) % 100);
        return out;
}

/* `2 h`, `-1 min 30 s`: the larger of two units, and the other if it says something. */
static void parts(char out[UI_NUMBER_BYTES], bool negative, long long large, const char *unit,
                  long long small, const char *small_unit)
{
        int n = snprintf(out, UI_NUMBER_BYTES, "%s%lld%s", negative ? "-" : "", large, unit);

        if (small)
                (void)snprintf(out + n, UI_NUMBER_BYTES - (size_t)n, " %lld%s", small, small_unit);
}

static const char *duration(char out[UI_NUMBER_BYTES], double ms)
{
        long long s;

        if (fabs(ms) < 1000)
                return plain(out, ms, " ms");
        if (fabs(ms) < 60e3)
                return plain(out, ms / 1e3, " s");
        if (fabs(ms) >= 1e15)
                return plain(out, ms / 86400e3, " d");
        s = llround(fabs(ms) / 1e3);
        if (s >= 86400)
                parts(out, ms < 0, s / 86400, " d", s / 3600 % 24, " h");
        else if (s >= 3600)
                parts(out, ms < 0, s / 3600, " h", s / 60 % 60, " min");
        else
                parts(out, ms < 0, s / 60, " min", s % 60, " s");
        return out;
}

const char *ui_instant(char out[UI_NUMBER_BYTES], uint64_t ms, bool date, const struct ui_pen *p)
{
        time_t at = (time_t)(ms / 1000) + p->draw.utc_offset_s;
        struct tm tm;

        /* The year 9999 is far enough for anybody. */
        if (ms / 1000 > 253402300000 || !gmtime_r(&at, &tm)) {
                (void)snprintf(out, UI_NUMBER_BYTES, "%s", "?");
                return out;
        }
        if (date)
                (void)snprintf(out, UI_NUMBER_BYTES, "%d-%02d-%02d %02d:%02d", tm.tm_year + 1900,
                               tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min);
        else
                (void)snprintf(out, UI_NUMBER_BYTES, "%02d:%02d:%02d", tm.tm_hour, tm.tm_min,
                               tm.tm_sec);
        return out;
}

const char *ui_number(char out[UI_NUMBER_BYTES], double v, enum ui_unit unit,
                      const struct ui_pen *p)
{
        switch (unit) {
        case UI_UNIT_BYTES:
                return scaled(out, v, "");
        case UI_UNIT_BYTES_PER_SECOND:
                return scaled(out, v, "/s");
        case UI_UNIT_PERCENT:
                return fabs(v) < 1e300 ? plain(out, v * 100, " %") : plain(out, v, "");
        case UI_UNIT_MILLISECONDS:
                return duration(out, v);
        case UI_UNIT_PER_SECOND:
                return plain(out, v, "/s");
        case UI_UNIT_MONEY:
                return money(out, v);
        case UI_UNIT_INSTANT:
                return v >= 0 && v < 1e18 ? ui_instant(out, (uint64_t)v, true, p)
                                          : plain(out, v, "");
        default:
                return plain(out, v, "");
        }
}

/* Whole numbers are exact where the unit is none that changes them. */
static bool is_whole(enum ui_unit unit)
{
        return unit == UI_UNIT_PLAIN || unit == UI_UNIT_COUNT;
}

capnp_text ui_value_text(char out[UI_NUMBER_BYTES], command_value_reader v, enum ui_unit unit,
                         const struct ui_pen *p)
{
        out[0] = '\0';
        switch (command_value_which(v)) {
        case COMMAND_VALUE_TEXT:
                return command_value_text(v);
        case COMMAND_VALUE_INT:
                if (!is_whole(unit))
                        (void)ui_number(out, (double)command_value_int(v), unit, p);
                else
                        (void)snprintf(out, UI_NUMBER_BYTES, "%lld",
                                       (long long)command_value_int(v));
                break;
        case COMMAND_VALUE_UINT:
                if (!is_whole(unit))
                        (void)ui_number(out, (double)command_value_uint(v), unit, p);
                else
                        (void)snprintf(out, UI_NUMBER_BYTES, "%llu",
                                       (unsigned long long)command_value_uint(v));
                break;
        case COMMAND_VALUE_NUMBER:
                (void)ui_number(out, command_value_number(v), unit, p);
                break;
        case COMMAND_VALUE_FLAG:
                (void)snprintf(out, UI_NUMBER_BYTES, "%s", command_value_flag(v) ? "yes" : "no");
                break;
        default:
                break;
        }
        return capnp_text_of(out);
}
