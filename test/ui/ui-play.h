/*
 * A workspace, a session and a service in one process: two vats, joined by a connection whose bytes
 * move when a test says so. The session hands the service what it is offered, and has a desk
 * (desk.capnp) whose calls are counted; the service's calls are written as Cap'n Proto text. The
 * front end notes what it is told.
 */
#ifndef CAPOS_UI_PLAY_H
#define CAPOS_UI_PLAY_H

#include <capos/ui.h>

#include "desk.capnp-c.h"
#include "harness.h"
#include "remote_session.capnp-c.h"
#include "remote_ui.capnp-c.h"

struct play {
        capnp_vat *near, *far; /* the host's; the session's and the service's */
        capnp_rpc *near_rpc, *far_rpc;
        capnp_cap *session; /* as the host holds it */
        capnp_schema *schema;
        capos_ui *ui;
        struct capos_ui_config config;
        uint64_t now_ms;

        /* What the service has. */
        capnp_cap *host, *lent;
        capnp_answer *ended; /* of RemoteUiOffer */
        unsigned withdrawn, offers_gone, reports;
        char reported[512];  /* each as `WHAT ANSWER WORD; `; by the session: behind `!` */
        unsigned calls[8];   /* of the desk's methods */
        char last[256];      /* the last text that one was called with */
        bool holds_desk;     /* the session has it */
        const char *refuses; /* what the session refuses offers with; NULL: it does not */
        bool holds_calls;    /* the desk keeps calls open */
        capnp_answer *held;

        /* What the front end was told. */
        unsigned opened, changed, closed, layouts, themes, prompts, prompts_gone, ran, over, saved;
        unsigned restyled; /* of the themes: those of the whole workspace */
        enum capos_ui_close_reason why_closed, how_over;
        struct capos_ui_change change; /* the last, without its lists */
        char prompt[4096];
        uint64_t prompt_id;
        enum capos_ui_prompt_kind prompt_kind;
        int ran_r;
        uint64_t ran_number, acts; /* each act of play_act() has a number */
        char ran_why[CAPOS_UI_WORDS], why_over[CAPOS_UI_WORDS];
        uint64_t wake_ms;
        struct capos_ui_theme theme;
        /* What the front end says. */
        enum capos_ui_effect policy;
        bool may_target;
};

/* 0; -ENOMEM. play_close() in any case. */
int play_open(struct play *p);
void play_close(struct play *p);

/* Runs and moves everything until nothing is left to do. */
void play_run(struct play *p);
/* One turn of that. Whether there was something to do. */
bool play_step(struct play *p);
/* Time passes, and what was due is done. */
void play_pass(struct play *p, uint64_t ms);
/* The line drops. */
void play_cut(struct play *p);

/* Offers the desk, which a person has asked for, and runs. */
capos_ui_offer *play_offer(struct play *p);

/* ---- the service ---- */

/* Calls host.open with a spec as text, and runs: the surface, or NULL and p->last says why not. */
capnp_cap *play_surface(struct play *p, const char *spec);
/* Opens a pane of a kind with a class. `id` is one character. */
capnp_cap *play_pane(struct play *p, char id, const char *kind, const char *safety_class);
/* Calls a method of the host or of a surface, with parameters as text, and runs. 0, or the code of
 * its end, and p->last has the reason. */
int play_call(struct play *p, capnp_cap *c, uint64_t interface, uint16_t method,
              const char *params);
/* The same, and the call stays open: the question is the caller's. */
capnp_question *play_ask(struct play *p, capnp_cap *c, uint64_t interface, uint16_t method,
                         const char *params);
/* surface.apply; the patch as text. A second passes first, so that pace is no matter. */
int play_apply(struct play *p, capnp_cap *surface, const char *patch);
/* surface.poll without waiting: the events as text in p->last; how many. */
unsigned play_poll(struct play *p, capnp_cap *surface);
/* What a call that play_ask() began came to, as text in p->last, and frees it. */
int play_end(struct play *p, capnp_question *q, uint64_t results);

/* ---- the person ---- */

/* The pane that came last. */
capos_ui_surface *play_at(struct play *p);
/* What may be kept, as text. */
void play_saved(struct play *p, char *ret, size_t bytes);
/* Runs a command without values. */
int play_act(struct play *p, const char *command);

#define HOST(method_)    REMOTE_UI_HOST_ID, (method_)
#define SURFACE(method_) REMOTE_UI_SURFACE_ID, (method_)
enum { HOST_OPEN, HOST_THEME, HOST_DESCRIBE };
enum { SURFACE_APPLY, SURFACE_POLL, SURFACE_CLOSE, SURFACE_PERSIST, SURFACE_DESCRIBE };

#endif
