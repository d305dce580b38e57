/*
 * A text: paragraphs of runs. A run has a meaning (its tone) and may be strong or of one width; how
 * that looks, and where lines break, is who draws'. It changes as a whole.
 */
#include "ui-kind.h"
#include "ui-pen.h"

#include <errno.h>
#include <stdlib.h>

enum { PARAGRAPHS = 256, RUNS = 64 };

static const struct ui_field run_fields[] = {
        UI_F_TEXT("text", 0, UI_TEXT_PARAGRAPH),
        UI_F_TONE("tone", 0),
        UI_F_PLAIN("strong", 2),
        UI_F_PLAIN("mono", 2),
};

static const struct ui_shape shape_run = {
        .id = UI_RUN_ID,
        .words = UI_RUN_WORDS,
        .ptrs = UI_RUN_PTRS,
        UI_SHAPE_FIELDS(run_fields),
};

static const struct ui_field paragraph_fields[] = {
        UI_F_ENUM("style", 0, UI_PARAGRAPH_STYLE_CAPTION),
        UI_F_STRUCTS("runs", 0, shape_run, RUNS),
};

static const struct ui_shape shape_paragraph = {
        .id = UI_PARAGRAPH_ID,
        .words = UI_PARAGRAPH_WORDS,
        .ptrs = UI_PARAGRAPH_PTRS,
        UI_SHAPE_FIELDS(paragraph_fields),
};

static const struct ui_field text_fields[] = {
        UI_F_STRUCTS("paragraphs", 0, shape_paragraph, PARAGRAPHS),
};

const struct ui_shape ui_shape_text = {
        .id = UI_TEXT_ID,
        .words = UI_TEXT_WORDS,
        .ptrs = UI_TEXT_PTRS,
        UI_SHAPE_FIELDS(text_fields),
};

/* A paragraph may be as long as one run of it. */
static int text_check(const struct ui_model *m, struct ui_refused *ret_why)
{
        ui_paragraph_list all = ui_text_paragraphs((ui_text_reader){ui_model_head(m)});

        for (uint32_t i = 0; i < ui_paragraph_list_len(all); i++) {
                ui_run_list runs = ui_paragraph_runs(ui_paragraph_list_get(all, i));
                uint64_t len = 0;

                for (uint32_t k = 0; k < ui_run_list_len(runs); k++)
                        len += ui_run_text(ui_run_list_get(runs, k)).len;
                if (len > ui_text_most(UI_TEXT_PARAGRAPH))
                        return ui_refuse(ret_why, UI_REFUSAL_TEXT, "paragraphs[%u]: too long", i);
        }
        return 0;
}

/* All of a paragraph in one piece; NULL: no memory. */
static char *paragraph_join(ui_paragraph_reader p, capnp_text *ret_t)
{
        ui_run_list runs = ui_paragraph_runs(p);
        char *text = malloc(ui_text_most(UI_TEXT_PARAGRAPH) + 1);
        uint32_t at = 0;

        for (uint32_t i = 0; text && i < ui_run_list_len(runs); i++) {
                capnp_text t = ui_run_text(ui_run_list_get(runs, i));

                memcpy(text + at, t.p, t.len);
                at += t.len;
        }
        *ret_t = (capnp_text){text, at};
        return text;
}

static void paragraph_draw(struct ui_pen *pen, enum ui_paragraph_style style, capnp_text t)
{
        static const char *const fronts[] = {"", "", "- ", "> ", "    ", ""};

        ui_pen_add(pen, fronts[style]);
        if (style == UI_PARAGRAPH_STYLE_CODE)
                ui_pen_code(pen, t, 4);
        else
                ui_pen_words(pen, t, (uint32_t)strlen(fronts[style]));
        ui_pen_line(pen);
        if (style == UI_PARAGRAPH_STYLE_HEADING) {
                uint32_t width = ui_text_width(t);

                while (width-- && ui_pen_room(pen))
                        ui_pen_add(pen, "-");
                ui_pen_line(pen);
        }
}

static void text_draw(const struct ui_model *m, struct ui_pen *pen)
{
        ui_paragraph_list all = ui_text_paragraphs((ui_text_reader){ui_model_head(m)});
        enum ui_paragraph_style last = UI_PARAGRAPH_STYLE_HEADING;

        for (uint32_t i = 0; i < ui_paragraph_list_len(all); i++) {
                ui_paragraph_reader p = ui_paragraph_list_get(all, i);
                enum ui_paragraph_style style = ui_paragraph_style(p);
                bool apart = last != UI_PARAGRAPH_STYLE_HEADING &&
                             !(style == last && (style == UI_PARAGRAPH_STYLE_BULLET ||
                                                 style == UI_PARAGRAPH_STYLE_CODE));
                capnp_text t;
                char *text = paragraph_join(p, &t);

                if (!text) {
                        dynamic_out_fail(&pen->out, -ENOMEM);
                        return;
                }
                if (apart && i)
                        ui_pen_line(pen);
                paragraph_draw(pen, style, t);
                last = style;
                free(text);
        }
}

const struct ui_kind ui_kind_text = {
        .name = "text",
        .id = UI_SURFACE_KIND_TEXT,
        .whole = &ui_shape_text,
        .check = text_check,
        .draw = text_draw,
};
