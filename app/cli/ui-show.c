/*
 * A workspace as lines: each pane whole at first, and then what changes of it.
 *
 * Lines of this program's own begin at the left edge, by words that no pane's can begin with: what
 * a service can make a pane say stands below a line with the pane's number and the service's title,
 * as the instance has it, moved in by two columns and broken before the edge. Each line of a
 * question begins with `[?]`. The texts were checked by lib/ui, and are made harmless for a
 * terminal here all the same.
 *
 * Nobody reads twenty wholes a second. A pane is drawn when it may be, and only those of its lines
 * are printed that are not as they were when it was drawn last: what has changed meanwhile is one
 * change. How much is printed without being asked for is bounded, for all services together, and a
 * line says what was left out. As JSON, a change is what has changed by its place, or if there were
 * several since, the whole. Below what was printed of a pane last, what is new of it needs no title
 * again. While somebody is asked, what happens is noted, and told afterwards.
 *
 * A personal pane is left out of what goes elsewhere than to a terminal, unless it is asked for.
 */
#include "ui-show.h"

#include "ui-json.h"

#include "command.capnp-c.h"
#include "remote_ui.capnp-c.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MARGIN "  "
#define ASKS   "[?] "

enum { HELD_BYTES = 16 << 10 };
enum { PAGE_COLUMNS = 80, TEXT_AT_ONCE = 16 << 10, TEXT_A_SECOND = 4 << 10 };
enum { JSON_AT_ONCE = 2 << 20, JSON_A_SECOND = 256 << 10 };

#define SHOWN                                                                      \
        (CAPOS_UI_CHANGED_SPEC | CAPOS_UI_CHANGED_MODEL | CAPOS_UI_CHANGED_WHOLE | \
         CAPOS_UI_CHANGED_COMMANDS | CAPOS_UI_CHANGED_STATE)

unsigned ui_show_number(const capos_ui_surface *s)
{
        struct capos_ui_pane p;

        capos_ui_surface_info(s, &p);
        return (unsigned)p.number;
}

/* Whether what a pane says may stand here. */
static bool pane_may(const struct ui_view *v, const capos_ui_surface *s)
{
        struct capos_ui_pane p;

        capos_ui_surface_info(s, &p);
        return p.safety_class != UI_SAFETY_CLASS_PERSONAL || v->personal;
}

void ui_view_begin(struct ui_view *v, const struct cli *c)
{
        *v = (struct ui_view){
                .c = c,
                .personal = c->personal || (!c->json && isatty(STDOUT_FILENO)),
                .pace = {.at_once = c->json ? JSON_AT_ONCE : TEXT_AT_ONCE,
                         .a_second = c->json ? JSON_A_SECOND : TEXT_A_SECOND},
        };
        (void)ui_view_measure(v);
}

static void seen_clear(struct ui_seen *n)
{
        free(n->text);
        free(n->title);
        free(n->summary);
        *n = (struct ui_seen){.pane = NULL};
}

void ui_view_end(struct ui_view *v)
{
        for (unsigned i = 0; i < CAPOS_UI_SURFACES; i++)
                seen_clear(&v->seen[i]);
        free(v->held);
        v->held = NULL;
}

bool ui_view_measure(struct ui_view *v)
{
        const char *said = getenv("COLUMNS");
        unsigned before = v->columns;
        unsigned long columns = cli_columns(stdout);

        if (!columns)
                columns = said ? strtoul(said, NULL, 10) : PAGE_COLUMNS;
        v->columns = columns < 20 ? 20 : columns > 1000 ? 1000 : (unsigned)columns;
        return v->columns != before;
}

/* ---- lines ----------------------------------------------------------------------------------- */

/* Lines of somebody's, moved in, and none longer than that. */
static void show_lines(const struct ui_view *v, const char *text)
{
        while (*text) {
                size_t len = strcspn(text, "\n");

                cli_print_line(stdout, MARGIN, text, len, v->columns);
                text += len + (text[len] == '\n');
        }
}

void ui_show_frame(const struct ui_view *v, const char *fmt, ...)
{
        char line[1024];
        va_list ap;

        va_start(ap, fmt);
        (void)vsnprintf(line, sizeof(line), fmt, ap);
        va_end(ap);
        cli_print_line(stdout, "", line, strlen(line), v->columns);
}

enum { TITLE_BYTES = 420 };

static void title_write(const capos_ui_surface *s, char to[static TITLE_BYTES])
{
        struct capos_ui_pane p;

        capos_ui_surface_info(s, &p);
        (void)snprintf(to, TITLE_BYTES, "[%u] %s: %s (%s%s)", p.number, p.service_title,
                       p.title.p ? p.title.p : "", ui_kind_word(p.kind),
                       p.pinned ? ", pinned" : "");
}

/* ---- what happens ---------------------------------------------------------------------------- */

static void held_print(const struct ui_view *v, const char *line, size_t len)
{
        cli_print_line(stdout, *line == 'L' ? MARGIN : "", line + 1, len - 1, v->columns);
}

/* A line, of the frame's own ('F') or of somebody's ('L'): now, or when nobody is asked any more.
 */
static void happening_line(struct ui_view *v, char kind, const char *line, size_t len)
{
        size_t room = v->held_len + len + 2;
        char *more = room <= HELD_BYTES ? realloc(v->held, room + 1) : NULL;

        if (more) {
                v->held = more;
                more[v->held_len] = kind;
                memcpy(more + v->held_len + 1, line, len);
                memcpy(more + room - 1, "\n", 2);
                v->held_len = room;
        } else {
                v->held_out++;
        }
}

static void held_tell(struct ui_view *v)
{
        for (const char *line = v->held, *end; line && *line; line = end + 1) {
                end = strchr(line, '\n');
                held_print(v, line, (size_t)(end - line));
        }
        if (v->held_out)
                ui_show_frame(v, "%u lines more of what has happened were left out", v->held_out);
        free(v->held);
        v->held = NULL;
        v->held_len = v->held_out = 0;
}

void ui_view_happens(struct ui_view *v, const char *frame, const char *lines)
{
        v->under = NULL;
        happening_line(v, 'F', frame, strcspn(frame, "\n"));
        while (*lines) {
                size_t len = strcspn(lines, "\n");

                happening_line(v, 'L', lines, len);
                lines += len + (lines[len] == '\n');
        }
        if (!v->holds)
                held_tell(v);
}

void ui_view_hold(struct ui_view *v)
{
        v->holds = true;
}

void ui_view_release(struct ui_view *v)
{
        v->holds = false;
        held_tell(v);
}

void ui_view_leave(struct ui_view *v)
{
        v->under = NULL;
}

static void left_out_print(const struct ui_view *v, const capos_ui_surface *s)
{
        struct capos_ui_pane p;

        capos_ui_surface_info(s, &p);
        ui_show_frame(v, "[%u] %s: a personal pane, which is left out here (--personal)",
                      ui_show_number(s), p.service_title);
}

/* `send text=  Say something (asks)` */
static void command_write(FILE *to, const capos_ui_surface *s, uint32_t i)
{
        command_reader k = {capos_ui_command_at(s, i)};
        command_field_list fields = command_fields(k);

        (void)fprintf(to, "> %s", command_id(k).p);
        for (uint32_t j = 0; j < command_field_list_len(fields); j++) {
                command_field_reader f = command_field_list_get(fields, j);

                (void)fprintf(to, command_field_required(f) ? " %s=" : " [%s=]",
                              command_field_path(f).p);
        }
        (void)fprintf(to, "  %s", command_title(k).p);
        if (!command_enabled(k))
                (void)fprintf(to, " (not now: %s)", command_reason(k).p);
        if (capos_ui_command_effect(s, i) == CAPOS_UI_LASTING)
                (void)fputs(" (asks)", to);
        (void)fputc('\n', to);
}

static bool model_write(const struct ui_view *v, const capos_ui_surface *s, uint32_t rows,
                        bool still, FILE *to)
{
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf text = {0};
        time_t now = time(NULL);
        struct tm local = {0};
        struct capos_ui_draw page = {.columns = v->columns > 22 ? v->columns - 2 : v->columns,
                                     .rows = rows,
                                     .still = still};

        page.utc_offset_s = localtime_r(&now, &local) ? (int32_t)local.tm_gmtoff : 0;
        capnp_buf_init(&text, UI_TEXT_BYTES);
        if (capos_ui_draw_text(s, &page, &text))
                return false;
        if (text.p)
                (void)fwrite(text.p, 1, text.len, to);
        return true;
}

/* A pane's model has lines that only come: which ones are new, no comparison can tell. */
static bool pane_grows(const capos_ui_surface *s)
{
        struct capos_ui_pane p;

        capos_ui_surface_info(s, &p);
        return p.kind == UI_SURFACE_KIND_LOG || p.kind == UI_SURFACE_KIND_TRANSCRIPT;
}

/* What a pane says, as lines: its model (rows: the last so many of it; UINT32_MAX: none) and its
 * commands. To be freed; NULL: no memory. still: nothing in it changes by itself. */
static char *pane_text(const struct ui_view *v, const capos_ui_surface *s, uint32_t rows,
                       bool still)
{
        struct capos_ui_pane p;
        size_t len = 0;
        char *text = NULL;
        FILE *to = open_memstream(&text, &len);
        bool good = to && (rows == UINT32_MAX || model_write(v, s, rows, still, to));

        capos_ui_surface_info(s, &p);
        for (uint32_t i = 0; good && i < p.commands; i++)
                command_write(to, s, i);
        if (to && fclose(to))
                good = false;
        if (good)
                return text;
        free(text);
        return NULL;
}

void ui_show_pane(struct ui_view *v, const capos_ui_surface *s)
{
        struct capos_ui_pane p;
        char *text, title[TITLE_BYTES];

        v->under = NULL;
        if (!pane_may(v, s) && !v->c->json) {
                left_out_print(v, s);
                return;
        }
        if (v->c->json) {
                (void)ui_json_pane(v->c, s, "pane", pane_may(v, s), 0);
                return;
        }
        capos_ui_surface_info(s, &p);
        title_write(s, title);
        cli_print_line(stdout, "", title, strlen(title), v->columns);
        if (p.summary.len > 0)
                show_lines(v, p.summary.p);
        text = pane_text(v, s, 0, false);
        if (text)
                show_lines(v, text);
        free(text);
}

/* ---- what was seen --------------------------------------------------------------------------- */

static struct ui_seen *seen_find(struct ui_view *v, const capos_ui_surface *s)
{
        for (unsigned i = 0; i < CAPOS_UI_SURFACES; i++)
                if (v->seen[i].pane == s)
                        return &v->seen[i];
        return NULL;
}

void ui_view_opened(struct ui_view *v, const capos_ui_surface *s)
{
        struct ui_seen *n = seen_find(v, NULL);

        if (n)
                *n = (struct ui_seen){.pane = s, .what = CAPOS_UI_CHANGED_WHOLE, .is_new = true};
}

void ui_view_changed(struct ui_view *v, const capos_ui_surface *s,
                     const struct capos_ui_change *change)
{
        struct ui_seen *n = seen_find(v, s);

        if (!n || !(change->what & SHOWN))
                return;
        if (v->c->json && !n->what && v->pace.bytes > 0 && pane_may(v, s)) {
                v->pace.bytes -= (int64_t)ui_json_change(v->c, s, change);
                return;
        }
        n->what |= change->what & SHOWN;
        n->changes++;
        n->has_lost |= change->nremoved || (change->what & CAPOS_UI_CHANGED_WHOLE);
        n->appended = n->appended > UINT32_MAX - change->appended ? UINT32_MAX
                                                                  : n->appended + change->appended;
        if (change->what & CAPOS_UI_CHANGED_WHOLE)
                n->appended = UINT32_MAX;
}

/* ---- what has changed ------------------------------------------------------------------------ */

/* Lines of a pane, as many as may be. */
struct printing {
        struct ui_view *v;
        const struct ui_seen *n;
        size_t left_out;
};

static void printing_title(struct printing *p)
{
        const capos_ui_surface *s = p->n->pane;
        char title[TITLE_BYTES], line[TITLE_BYTES + 40];

        title_write(s, title);
        (void)snprintf(line, sizeof(line),
                       p->n->changes > 1 && !p->n->is_new ? "%s, %u changes" : "%s", title,
                       p->n->changes);
        cli_print_line(stdout, "", line, strlen(line), p->v->columns);
        p->v->pace.bytes -= (int64_t)p->v->columns;
        p->v->under = s;
}

static void printing_line(void *arg, bool is_gone, const char *line, size_t len)
{
        struct printing *p = arg;

        if (is_gone && !p->n->has_lost) /* it has another form now */
                return;
        if (p->v->under != p->n->pane)
                printing_title(p);
        if (p->v->pace.bytes <= 0) {
                p->left_out++;
                return;
        }
        p->v->pace.bytes -= (int64_t)(len + sizeof(MARGIN));
        cli_print_line(stdout, is_gone ? MARGIN "- " : MARGIN, line, len, p->v->columns);
}

static void printing_lines(struct printing *p, const char *text)
{
        while (*text) {
                size_t len = strcspn(text, "\n");

                printing_line(p, false, text, len);
                text += len + (text[len] == '\n');
        }
}

/* What is at the end of a pane that grows. */
static void printing_growth(struct printing *p, const capos_ui_surface *s)
{
        struct capos_ui_pane info;
        size_t len = 0;
        char *text = NULL;
        FILE *to;

        capos_ui_surface_info(s, &info);
        if (!p->n->appended || !info.elements)
                return;
        to = open_memstream(&text, &len);
        if (!to)
                return;
        (void)model_write(p->v, s, p->n->appended < info.elements ? p->n->appended : 0, true, to);
        if (!fclose(to))
                printing_lines(p, text);
        free(text);
}

static bool is_same(const char *before, const char *now)
{
        return !strcmp(before ? before : "", now ? now : "");
}

/* Without memory it is as if nothing had been printed. */
static void keep(char **to, const char *now)
{
        free(*to);
        *to = strdup(now ? now : "");
}

static void seen_print(struct ui_view *v, struct ui_seen *n)
{
        const capos_ui_surface *s = n->pane;
        struct printing p = {.v = v, .n = n};
        bool grows = pane_grows(s);
        char *text = pane_text(v, s, grows ? UINT32_MAX : 0, true), title[TITLE_BYTES];
        struct capos_ui_pane info;

        capos_ui_surface_info(s, &info);
        title_write(s, title);
        if (!is_same(n->title, title))
                printing_title(&p);
        keep(&n->title, title);
        if (!is_same(n->summary, info.summary.p))
                printing_lines(&p, info.summary.p);
        keep(&n->summary, info.summary.p);
        if (grows)
                printing_growth(&p, s);
        if (text)
                (void)!ui_diff(n->text ? n->text : "", text, printing_line, &p);
        if (p.left_out)
                ui_show_frame(v, "[%u] %zu lines more were left out: `%u` shows all of it",
                              ui_show_number(s), p.left_out, ui_show_number(s));
        free(n->text);
        n->text = text;
}

static void seen_show(struct ui_view *v, struct ui_seen *n)
{
        const capos_ui_surface *s = n->pane;

        if (v->c->json)
                v->pace.bytes -= (int64_t)ui_json_pane(v->c, s, n->is_new ? "pane" : "changed",
                                                       pane_may(v, s), n->changes);
        else if (pane_may(v, s))
                seen_print(v, n);
        else if (n->is_new)
                left_out_print(v, s);
        n->what = 0;
        n->changes = n->appended = 0;
        n->is_new = n->has_lost = false;
}

void ui_view_closed(struct ui_view *v, const capos_ui_surface *s, enum capos_ui_close_reason why)
{
        static const char *const reasons[] = {
                [CAPOS_UI_CLOSED_BY_PERSON] = "by you",
                [CAPOS_UI_CLOSED_BY_HOST] = "withdrawn by you",
                [CAPOS_UI_CLOSED_SESSION] = "the session has ended",
                [CAPOS_UI_CLOSED_RESET] = "reset",
                [CAPOS_UI_CLOSED_BY_SERVICE] = "by the service",
                [CAPOS_UI_CLOSED_BY_INSTANCE] = "taken back by the instance",
                [CAPOS_UI_CLOSED_LOST] = "the service cannot be reached any more",
                [CAPOS_UI_CLOSED_DROPPED] = "the service holds it no more",
        };
        const char *word =
                (unsigned)why < sizeof(reasons) / sizeof(reasons[0]) ? reasons[why] : "unknown";
        struct ui_seen *n = seen_find(v, s);
        char again[120] = "";
        struct capos_ui_pane p;
        bool is_new;
        char title[TITLE_BYTES], line[TITLE_BYTES];

        if (v->c->follow && n && n->what && !v->holds && v->pace.bytes > 0)
                seen_show(v, n); /* its last words */
        is_new = v->c->follow && (!n || n->is_new);
        if (n)
                seen_clear(n);
        if (is_new) /* nobody has seen it */
                return;
        if (v->c->json) {
                (void)ui_json_closed(v->c, s, word, pane_may(v, s));
                return;
        }
        if (why == CAPOS_UI_CLOSED_BY_PERSON) {
                capos_ui_surface_info(s, &p);
                (void)snprintf(again, sizeof(again), ": /open %s shows it again", p.service);
        }
        if (pane_may(v, s)) {
                title_write(s, title);
                ui_view_happens(v, title, "");
                (void)snprintf(line, sizeof(line), "closed, %s%s", word, again);
        } else {
                (void)snprintf(line, sizeof(line), "[%u] closed, %s", ui_show_number(s), word);
        }
        ui_view_happens(v, line, "");
}

uint32_t ui_view_print(struct ui_view *v, uint64_t now_ms)
{
        ui_pace_pass(&v->pace, now_ms);
        for (unsigned i = 0; i < CAPOS_UI_SURFACES; i++) {
                struct ui_seen *n = &v->seen[i];

                if (!n->pane || !n->what)
                        continue;
                if (v->pace.bytes <= 0)
                        return ui_pace_wait_ms(&v->pace);
                seen_show(v, n);
        }
        return 0;
}

/* ---- the frame's own ------------------------------------------------------------------------- */

void ui_show_layout(const struct ui_view *v, const capos_ui *ui)
{
        const struct capos_ui_layout *l = capos_ui_layout_peek(ui);
        struct capos_ui_pane p;

        ui_show_frame(v, "a page of %u columns and %u rows:", l->columns, l->rows);
        for (unsigned i = 0; i < l->n; i++) {
                const struct capos_ui_node *n = &l->nodes[i];

                if (n->kind != CAPOS_UI_PANE)
                        continue;
                capos_ui_surface_info(n->surface, &p);
                ui_show_frame(v, "[%u] column %u, row %u, %u x %u%s%s", p.number, n->column, n->row,
                              n->columns, n->rows, n->visible ? "" : ", behind others",
                              p.pinned ? ", pinned" : "");
        }
}

/* In words: a terminal has one size of type, and its own colours. */
static void theme_write(FILE *to, const struct capos_ui_theme *t)
{
        static const char *const density[] = {"", ", compact", ", regular", ", spacious"};
        static const char *const scheme[] = {"", ", light", ", dark"};

        if (t->scale_percent)
                (void)fprintf(to, ", type at %u %%", t->scale_percent);
        (void)fputs(t->density < 4 ? density[t->density] : "", to);
        (void)fputs(t->scheme < 3 ? scheme[t->scheme] : "", to);
        (void)fputs(t->contrast ? ", more contrast" : "", to);
        (void)fputs(t->motion ? ", less motion" : "", to);
        (void)fputs(t->simple ? ", fewer controls" : "", to);
}

void ui_show_theme(struct ui_view *v, const char *service, const struct capos_ui_theme *t)
{
        size_t len = 0;
        char *line = NULL;
        FILE *to;

        if (v->c->json) {
                ui_json_theme(v->c, service, t);
                return;
        }
        to = open_memstream(&line, &len);
        if (!to)
                return;
        theme_write(to, t);
        if (!fclose(to))
                ui_view_happens(
                        v, *service ? "[*] the look of its panes:" : "[*] the look of all panes:",
                        len ? line + 2 : "as ever");
        free(line);
}

void ui_show_prompt(const struct ui_view *v, const struct capos_ui_prompt *p)
{
        const char *text = p->text;

        if (v->c->json) {
                ui_json_prompt(v->c, p);
                return;
        }
        printf(ASKS "capos asks:\n");
        while (*text) {
                size_t len = strcspn(text, "\n");

                cli_print_more(stdout, ASKS, ASKS, text, len, v->columns);
                text += len + (text[len] == '\n');
        }
        printf(ASKS "%s\n", p->kind == CAPOS_UI_PROMPT_OFFER ? "yes, no, always or never? (no)"
                                                             : "yes or no? (no)");
}

void ui_show_answer(const struct ui_view *v, const char *what)
{
        if (!v->c->json)
                printf(ASKS "%s\n", what);
}

void ui_show_ran(struct ui_view *v, const struct capos_ui_ran *r)
{
        char line[TITLE_BYTES];

        if (v->c->json) {
                ui_json_ran(v->c, r);
                return;
        }
        (void)snprintf(line, sizeof(line), r->r ? "[%u] %s:" : "[%u] %s: done",
                       r->surface ? ui_show_number(r->surface) : 0, r->command);
        ui_view_happens(v, line, r->r ? r->why : "");
}

void ui_show_ended(struct ui_view *v, const char *service, const char *why)
{
        char line[TITLE_BYTES];

        if (v->c->json) {
                ui_json_ended(v->c, service, why);
                return;
        }
        (void)snprintf(line, sizeof(line), "%s has ended:", service);
        ui_view_happens(v, line, why);
}
