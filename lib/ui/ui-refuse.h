/* What is answered to a service whose wish is not taken up. */
#ifndef CAPOS_UI_REFUSE_H
#define CAPOS_UI_REFUSE_H

#include <capos/capnp-base.h>

#include "remote_ui.capnp-c.h"

enum { UI_REFUSED_BYTES = 160 };

/* An exception to be: its words come from our tables alone, never from what was refused. */
struct ui_refused {
        enum capnp_kind kind;        /* failed, or overloaded for a quota */
        enum ui_refusal code;        /* UI_REFUSAL_NONE for a quota */
        char text[UI_REFUSED_BYTES]; /* `refused.<code>: words`, `over-quota.ui-<what>: words` */
};

/* The code's word: `text`, `revision`. */
const char *ui_refusal_word(enum ui_refusal code);

/* Fills in *r and returns CAPNP_E_EXCEPTION, which every check of lib/ui means by it. */
int ui_refuse(struct ui_refused *r, enum ui_refusal code, const char *fmt, ...) CAPNP_PRINTF(3, 4);
/* The same for a quota: what is `bytes`, `surfaces`, `patches`. */
int ui_over_quota(struct ui_refused *r, const char *what, const char *fmt, ...) CAPNP_PRINTF(3, 4);

#endif
