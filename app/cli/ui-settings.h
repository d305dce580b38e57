/* What `capos ui` keeps of how a person has arranged panes: in the session's `settings`, if it has
 * them. */
#ifndef CAPOS_CLI_UI_SETTINGS_H
#define CAPOS_CLI_UI_SETTINGS_H

#include "cli.h"

#include <capos/ui.h>

struct ui_settings {
        struct cli *c;
        capos_ui *ui;
        capnp_cap *cap;    /* NULL: nothing is kept */
        uint64_t version;  /* of what was loaded or saved last */
        bool unsaved;      /* something is to be saved */
        unsigned tries;    /* to save, in which another host was faster */
        capnp_question *q; /* on its way: a save, or a load after one that failed */
        capnp_question *failed;
        /* Told when no more will be kept, and why; borrowed. */
        void (*lost)(void *arg, capnp_question *why);
        /* Told when nothing is on its way any more. */
        void (*idle)(void *arg);
        void *arg;
};

/* Loads what is kept of the account; waits for that. c, ui, lost, idle and arg are filled in. */
void ui_settings_open(struct ui_settings *s);
/* Something has changed that may be kept. */
void ui_settings_changed(struct ui_settings *s);
/* Gives up what is on its way. */
void ui_settings_close(struct ui_settings *s);

#endif
