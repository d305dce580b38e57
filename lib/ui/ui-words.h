/* A text that grows. It keeps its first error, so who writes asks once, at the end. */
#ifndef CAPOS_UI_WORDS_H
#define CAPOS_UI_WORDS_H

#include <capos/capnp-msg.h>

struct ui_words {
        char *p; /* NUL-terminated; NULL while there is nothing */
        size_t len, room;
        int r; /* 0, or -ENOMEM */
};

void ui_words_deinit(struct ui_words *w);
void ui_words_put(struct ui_words *w, const char *p, size_t len);
void ui_words_say(struct ui_words *w, const char *fmt, ...) CAPNP_PRINTF(2, 3);
/* As a JSON string, with its quotes: nothing in it can end a line or act on a terminal. */
void ui_words_quote(struct ui_words *w, capnp_text t);
/* A text that may be anybody's, in bounds and without what acts on a terminal. */
void ui_words_plain(const char *text, char *ret, size_t bytes);
/* A copy of one's own; NULL: no memory. */
char *ui_words_dup(const char *s);

#endif
