/* Texts of a service that a person is to read: which are taken, and how wide they are. */
#ifndef CAPOS_UI_TEXT_H
#define CAPOS_UI_TEXT_H

#include <capos/capnp-msg.h>

#include "ui-refuse.h"

/* Where a text stands. Each place has its length and its own strictness. */
enum ui_text_place {
        UI_TEXT_TITLE,      /* of a pane, a column, a list's item: 64 bytes */
        UI_TEXT_LABEL,      /* of a counter, a series, who speaks: 64 bytes */
        UI_TEXT_KEY,        /* what an element is called by: 1 to 64 bytes */
        UI_TEXT_REFERENCE,  /* a key, or empty */
        UI_TEXT_BADGE,      /* 12 bytes */
        UI_TEXT_SUMMARY,    /* one line that is read: 200 bytes */
        UI_TEXT_CELL,       /* one line: 1 KiB */
        UI_TEXT_PARAGRAPH,  /* lines and tabs: 4 KiB */
        UI_TEXT_MESSAGE,    /* lines and tabs: 4 KiB */
        UI_TEXT_GLYPH,      /* one character, or empty */
        UI_TEXT_COMMAND,    /* a command's id: 1 to 32 of a-z, 0-9, dash and dot */
        UI_TEXT_COMMAND_IF, /* the same, or empty */
        UI_TEXT_VERB,       /* a command's title: 1 to 48 bytes */
        UI_TEXT_SENTENCE,   /* a command's summary: 160 bytes */
        UI_TEXT_PATH,       /* names of fields with dots between, at most 4 */
        UI_TEXT_PATH_IF,    /* the same, or empty */
        UI_TEXT_CAPABILITY, /* a name in a bundle, or empty: 64 bytes */
        UI_TEXT_PLACES,
};

/* What a text may be there, for tests and for who asks a person for one. */
uint32_t ui_text_most(enum ui_text_place place);

/* What is wrong with a text in that place, in words; NULL: nothing. The text needs no NUL. */
const char *ui_text_wrong(enum ui_text_place place, capnp_text t);

/* The same as a refusal: `refused.text: <what>: <words>`. 0 or CAPNP_E_EXCEPTION. */
int ui_text_check(enum ui_text_place place, capnp_text t, const char *what,
                  struct ui_refused *ret_why) CAPNP_MUST_USE;

/* The character at *i, which moves behind it; UINT32_MAX: the bytes are not UTF-8. *i < len. */
uint32_t ui_text_next(capnp_text t, uint32_t *i);

/* Whether a character stands on the one before it. */
bool ui_text_is_mark(uint32_t c);
/* Columns that a character takes on a terminal: 0, 1 or 2. */
unsigned ui_text_columns(uint32_t c);
/* Columns of a text that was accepted and has no newline; a tab counts as one. */
uint32_t ui_text_width(capnp_text t);

#endif
