/* A patch, from the message to what changed: whole or not at all. */
#ifndef CAPOS_UI_PATCH_H
#define CAPOS_UI_PATCH_H

#include "ui-pane.h"

extern const struct ui_shape ui_shape_patch;

/* What a patch is judged by beside what is in it. */
struct ui_patch_ops {
        /* Whether the pane may have this command; text and shape have been checked. Called once for
         * addCommand; may not block. 0 or CAPNP_E_EXCEPTION. NULL: every command is refused. */
        int (*command)(void *arg, const struct ui_pane *p, command_reader c,
                       struct ui_refused *ret_why);
        void *arg;
};

/*
 * Applies one. 0: it was accepted, and *ret_change says what changed (deinit it); the revision is
 * p->revision. CAPNP_E_EXCEPTION: *ret_why says why not, and nothing changed. -ENOMEM: nothing
 * changed.
 */
int ui_patch_apply(struct ui_pane *p, ui_patch_reader patch, const struct ui_patch_ops *ops,
                   uint64_t now_ms, struct ui_change *ret_change,
                   struct ui_refused *ret_why) CAPNP_MUST_USE;

#endif
