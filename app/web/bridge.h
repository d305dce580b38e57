/*
 * A browser's session inside its process: what all parts of it share, and how frames go out.
 *
 * Parts of it (places, entry, calls …) each have a struct of their own, embedded here, and
 * functions that take the whole. None calls into session.c, which calls them all.
 */
#ifndef CAPOS_WEB_BRIDGE_H
#define CAPOS_WEB_BRIDGE_H

#include "options.h"
#include "packets.h"
#include "tab.h"
#include "web.capnp-c.h"

#include <capos/capos-client.h>
#include <capos/ui.h>

enum {
        BRIDGE_TABS = 8,
        BRIDGE_ROOM = 512 * 1024, /* while more waits for a tab, it is told nothing of services' */
};

/* A tab that is open. */
struct bridge_tab {
        struct tab *tab; /* NULL: this place is free */
        uint32_t number; /* never given again */
        bool is_in;      /* it has shown the browser's key, or is the window's */
        bool is_window;  /* it came by the socket that only a window of ours has */
        uint64_t since_ms;
        uint16_t columns, rows; /* the room that it has for panes, as it says; 0: not yet */
        uint8_t nonce[TOKEN_NONCE];
};

/* Who has asked for something: whether the tab is still there shows when it is answered. */
struct asker {
        uint32_t tab, id;
};

struct bridge {
        const struct web_options *o;
        struct packet_start start;
        capnp_vat *vat;
        capnp_schema *schema; /* of the frames */
        int words;            /* to the front; -1: there is none */
        bool is_window;       /* a window's session: a browser may come beside it, and go */
        struct bridge_tab tabs[BRIDGE_TABS];
        uint32_t last_tab;
        bool has_tabs;
        unsigned asks;               /* about the account's sessions that are under way */
        unsigned completions;        /* … about what a field may be */
        uint64_t began_ms, acted_ms; /* on a clock that nobody sets */
        bool over;
        struct places *places;
        struct entry *entry;
        char passkey_label[65]; /* of the passkey that is being registered; "": it has none */
        struct calls *calls;
        struct panes *panes;
        struct panes_kept *panes_kept; /* of panes, while the line is down; NULL: nothing */
        uint32_t numbered;             /* panes so far: none has the number of another */
        struct records *records;
        struct agents *agents;
        capos_client *client;         /* to the instance that was chosen; NULL: none */
        struct capos_ui_theme system; /* what the person's system is set to */
        uint16_t place;               /* … which is this one of the list */
        bool is_connected, is_in;     /* it has answered; there is a session */
        bool logging_out;             /* what says that the session is over tells nothing new */
        bool busy;                    /* the client does something: one thing at a time */
        bool learning;                /* … namely schemas, which calls need */
        capnp_question *changed;      /* waits for the bundle to be another; NULL: none does */
        capnp_question *now_info, *now_list; /* what it is then; NULL: nobody asks */
        void (*idle)(struct bridge *b);      /* … and is done with it */
        /* The session is over, by what the instance has said to something else. */
        void (*stale)(struct bridge *b, const struct capos_error *e);
};

/* A frame that is being made. */
struct down {
        capnp_msg *m; /* NULL: there is no memory, and it is not sent */
        web_down_builder d;
};

uint64_t bridge_now_ms(void);  /* a clock that nobody sets */
uint64_t bridge_time_ms(void); /* since 1970 */

/* The tab of who has asked; NULL: it is gone. */
struct bridge_tab *bridge_tab_of(struct bridge *b, struct asker a);
/* The tabs that are in: a bit for the place of each. */
unsigned bridge_tabs(const struct bridge *b);

/* Whether more than BRIDGE_ROOM waits for one of them. */
bool bridge_is_behind(const struct bridge *b);

/* Begins a frame that answers id; 0: nobody asked. */
struct down down_new(uint32_t id);
/* Sends it to who has asked, if he is still there. Takes it. */
void down_answer(struct bridge *b, struct asker a, struct down *d);
/* Sends it to one tab, or with NULL to all. Takes it. */
void down_tell(struct bridge *b, const struct bridge_tab *t, struct down *d);
/* Sends it to tabs, as bridge_tabs() has them. Takes it. */
void down_send(struct bridge *b, unsigned tabs, struct down *d);

/* The client is done with what bridge.busy was set for: what waited for it may go on. */
void bridge_idle(struct bridge *b);
void bridge_done(struct bridge *b, struct asker a);
/* Says why not. code: ours, "bridge.…", or the instance's. */
void bridge_fail(struct bridge *b, struct asker a, const char *code, const char *text);
/* What the library says; fills in a Failure likewise. */
void bridge_fail_error(struct bridge *b, struct asker a, const struct capos_error *e);
void bridge_fail_code(struct bridge *b, struct asker a, int r);
void failure_write(web_down_failure_builder f, const struct capos_error *e);
/* Says something to the front. */
void bridge_word(struct bridge *b, enum packet_word_what what, const char *text);
/* A text as the library wants it. Copied; cut to fit. */
void text_copy(capnp_text t, char *to, size_t room);

#endif
