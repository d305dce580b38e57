/*
 * A transcript: what was said, by whom as the service calls them, and perhaps a line to say
 * something. Messages come at the end, and older ones than `keep` go. Who an author is on this
 * instance is never said: the label is the service's word.
 *
 * Drawn, a message begins at the left edge, and each line that it goes on in has a bar in front: no
 * break within a text, its own or the page's, makes the next line look like somebody else's words.
 */
#include "ui-kind.h"
#include "ui-pen.h"

#include <stdio.h>

enum { MESSAGES = 2000 };

static const struct ui_field message_fields[] = {
        UI_F_PLAIN("sequence", 0),
        UI_F_PLAIN("atMs", 8),
        UI_F_TEXT("author", 0, UI_TEXT_LABEL),
        UI_F_PLAIN("own", 16),
        UI_F_ENUM("kind", 18, UI_MESSAGE_KIND_NOTED),
        UI_F_TEXT("text", 1, UI_TEXT_MESSAGE),
};

const struct ui_shape ui_shape_message = {
        .id = UI_MESSAGE_ID,
        .words = UI_MESSAGE_WORDS,
        .ptrs = UI_MESSAGE_PTRS,
        UI_SHAPE_FIELDS(message_fields),
};

static const struct ui_field transcript_fields[] = {
        UI_F_STRUCTS("messages", 0, ui_shape_message, MESSAGES),
        UI_F_PLAIN("keep", 0),
        UI_F_TEXT("send", 1, UI_TEXT_COMMAND_IF),
        UI_F_TEXT("draft", 2, UI_TEXT_LABEL),
        UI_F_PLAIN("unread", 4),
};

const struct ui_shape ui_shape_transcript = {
        .id = UI_TRANSCRIPT_ID,
        .words = UI_TRANSCRIPT_WORDS,
        .ptrs = UI_TRANSCRIPT_PTRS,
        UI_SHAPE_FIELDS(transcript_fields),
};

static uint32_t transcript_keep(capnp_reader head)
{
        return ui_transcript_keep((ui_transcript_reader){head});
}

static int transcript_head(const struct ui_model *m, ui_model_patch_reader p,
                           struct ui_block **ret_b, struct ui_refused *ret_why)
{
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *msg = NULL;
        ui_transcript_builder b;
        int r;

        (void)ret_why;
        if (ui_model_patch_which(p) != UI_MODEL_PATCH_UNREAD) {
                *ret_b = ui_block_ref(m->head);
                return 0;
        }

        r = capnp_msg_new(&msg);
        if (r)
                return r;

        capnp_abuilder_set_struct(capnp_msg_build(msg), ui_model_head(m));
        b = (ui_transcript_builder){capnp_abuilder_struct(capnp_msg_build(msg), UI_TRANSCRIPT_WORDS,
                                                          UI_TRANSCRIPT_PTRS, NULL)};
        ui_transcript_set_unread(b, ui_model_patch_unread(p));
        r = capnp_msg_check(msg);
        return r ? r
                 : ui_block_new(&ui_shape_transcript, ui_transcript_as_reader(b).r, UINT16_MAX,
                                ret_b);
}

static int transcript_check(const struct ui_model *m, struct ui_refused *ret_why)
{
        uint32_t keep = transcript_keep(ui_model_head(m));

        return keep < 1 || keep > MESSAGES ? UI_WRONG(ret_why, "keep: not 1 to %d", MESSAGES) : 0;
}

static void message_draw(struct ui_pen *pen, ui_message_reader message)
{
        enum ui_message_kind kind = ui_message_kind(message);
        char out[UI_NUMBER_BYTES];

        pen->more = "| ";
        if (ui_message_at_ms(message)) {
                ui_pen_add(pen, ui_instant(out, ui_message_at_ms(message), false, pen));
                ui_pen_add(pen, " ");
        }
        ui_pen_add(pen, kind == UI_MESSAGE_KIND_SAID       ? ""
                        : kind == UI_MESSAGE_KIND_NARRATED ? "  "
                                                           : "* ");
        if (ui_message_author(message).len) {
                ui_pen_words(pen, ui_message_author(message), 2);
                if (kind == UI_MESSAGE_KIND_SAID)
                        ui_pen_words(pen, capnp_text_of(":"), 2);
                ui_pen_words(pen, capnp_text_of(" "), 2);
        }
        if (kind == UI_MESSAGE_KIND_JOINED || kind == UI_MESSAGE_KIND_LEFT)
                ui_pen_words(
                        pen,
                        capnp_text_of(kind == UI_MESSAGE_KIND_JOINED ? "has joined " : "has left "),
                        2);
        ui_pen_words(pen, ui_message_text(message), 2);
        pen->more = NULL;
        ui_pen_line(pen);
}

static void transcript_draw(const struct ui_model *m, struct ui_pen *pen)
{
        uint32_t first = pen->draw.rows && m->n > pen->draw.rows ? m->n - pen->draw.rows : 0;
        uint32_t unread = ui_transcript_unread((ui_transcript_reader){ui_model_head(m)});
        char text[40];

        for (uint32_t i = first; i < m->n; i++) {
                if (unread && (m->n - i == unread || (i == first && m->n - i < unread))) {
                        (void)snprintf(text, sizeof(text), "-- %u unread --", unread);
                        ui_pen_words(pen, capnp_text_of(text), 0);
                        ui_pen_line(pen);
                }
                message_draw(pen, (ui_message_reader){ui_model_element(m, i)});
        }
}

const struct ui_kind ui_kind_transcript = {
        .name = "transcript",
        .id = UI_SURFACE_KIND_TRANSCRIPT,
        .whole = &ui_shape_transcript,
        .element = &ui_shape_message,
        .slot = 0,
        .most = MESSAGES,
        .deltas = 1 << UI_MODEL_PATCH_MESSAGES | 1 << UI_MODEL_PATCH_UNREAD,
        .keep = transcript_keep,
        .head = transcript_head,
        .check = transcript_check,
        .draw = transcript_draw,
};
