/* What a host keeps of how a person has arranged panes: in the session's `settings`, if it has
 * them. */
#ifndef CAPOS_APP_SETTINGS_H
#define CAPOS_APP_SETTINGS_H

#include <capos/capos-client.h>
#include <capos/ui.h>

struct settings {
        capos_ui *ui;
        capnp_cap *cap;    /* NULL: nothing is kept */
        uint64_t version;  /* of what was loaded or saved last */
        bool unsaved;      /* something is to be saved */
        unsigned tries;    /* to save, in which another host was faster */
        capnp_question *q; /* on its way: a save, or a load after one that failed */
        capnp_question *failed;
        /* Told when no more will be kept, and why; borrowed. NULL: not. */
        void (*lost)(void *arg, capnp_question *why);
        /* Told when nothing is on its way any more. NULL: not. */
        void (*idle)(void *arg);
        void *arg;
};

/* Asks for what is kept of the account; the caller sends that, or waits for it, and hands it to
 * settings_take(). NULL: there is nothing to ask, or no memory. ui, lost, idle and arg are filled
 * in. */
capnp_question *settings_load(struct settings *s, capos_client *client);
/* What came of it; q is borrowed, r is its return code. */
void settings_take(struct settings *s, capnp_question *q, int r);
/* Something has changed that may be kept. */
void settings_changed(struct settings *s);
/* Gives up what is on its way. */
void settings_close(struct settings *s);

#endif
