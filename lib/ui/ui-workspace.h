/*
 * The workspace and what it consists of. A workspace has offers, an offer has panes, and both are
 * served to a service as objects, which it may hold for as long as it likes: so an offer and a pane
 * are counted, and know when they are over.
 *
 * Files, each using those before it: ui-poll.c (what a service is told), ui-workspace.c (layout,
 * prompts, looks, the time), ui-surface.c, ui-run.c (commands), ui-host.c (offers), ui-place.c,
 * ui.c.
 */
#ifndef CAPOS_UI_WORKSPACE_H
#define CAPOS_UI_WORKSPACE_H

#include "base-list.h"
#include "ui-command.h"
#include "ui-event.h"
#include "ui-layout.h"
#include "ui-patch.h"
#include "ui-prompt.h"
#include "ui-saved.h"

enum { UI_OFFERS = 8, UI_WAIT_MS = 60000, UI_THEME_MS = 2000, UI_LASTING_MS = 60000 };

struct capos_ui {
        capnp_vat *vat;
        capnp_cap *session;
        const capnp_schema *schema;
        const struct capos_ui_front_ops *ops;
        void *arg;
        char *account;                                       /* "": nobody's */
        struct capnp_i_list offers, surfaces, prompts, runs; /* prompts: the first is on screen */
        unsigned noffers;
        struct ui_sum sum;
        struct ui_saved saved;
        struct capos_ui_layout layout;
        struct capos_ui_theme user, theme, look; /* set by the person; wished and agreed; drawn */
        uint64_t theme_until_ms;                 /* 0: as long as the offer lasts */
        uint32_t theme_by;                       /* the number of the offer that wished it */
        uint16_t columns, rows;
        uint32_t numbers, panes; /* given so far, to offers and to panes */
        uint32_t acted; /* the number of the offer in whose panes a person has done something last,
                           and has not looked elsewhere since; 0: none */
        uint64_t prompt_ids, fronts;
        uint64_t wake_ms; /* what was told last; 0: nothing */
};

struct capos_ui_offer {
        unsigned refs; /* the workspace's, its object's, one of each pane, prompt and run */
        capos_ui *ui;  /* NULL: it is over */
        struct capnp_i_list link;
        char *name, *title;
        uint64_t interface;
        uint32_t number;
        bool is_running; /* a person has agreed, and the session was asked */
        capnp_question *asking, *ending;
        capnp_cap *offer;       /* RemoteUiOffer */
        capos_ui_surface *lent; /* of a pane that is lent alone; borrowed */
        struct ui_ledger ledger;
        struct ui_prompt_meter *meter, own_meter; /* the service's; this one if there is no room */
        struct capos_ui_theme theme, look;        /* wished; drawn */
        uint64_t theme_until_ms, theme_at_ms;     /* the last: when one was wished */
};

struct capos_ui_surface {
        unsigned refs; /* the offer's, its object's, one of each prompt and run */
        capos_ui_offer *offer;
        uint32_t number;          /* for a person */
        struct ui_pane *pane;     /* NULL: it is closed */
        struct capnp_i_list link; /* capos_ui.surfaces */
        struct ui_events events;
        bool owes_closed; /* how it was closed has not been told yet */
        enum ui_close_reason closed;
        capnp_answer *poll; /* waits for events */
        uint16_t poll_most;
        uint64_t poll_until_ms;
        uint64_t front;         /* when it was shown last, by a counter */
        bool visible, was_told; /* was_told: of its place, once at least */
        uint16_t columns, rows; /* of what it shows */
};

/* Calls a member of the front end's, if it has it. */
#define UI_TELL(ui_, member_, ...)                                      \
        do {                                                            \
                if ((ui_)->ops->member_)                                \
                        (ui_)->ops->member_((ui_)->arg, ##__VA_ARGS__); \
        } while (0)

static inline uint64_t ui_now(const capos_ui *ui)
{
        return ui->ops->now_ms(ui->arg);
}

static inline capnp_data ui_surface_id(const capos_ui_surface *s)
{
        return (capnp_data){s->pane->id, s->pane->id_len};
}

/* ---- ui-due.c ---- */

/* Tells the front end when it should tick. After whatever may have changed that. */
void ui_rewake(capos_ui *ui);

/* ---- ui-poll.c ---- */

/* Queues an event (NULL: one that there was no memory for) and ends a poll that waits for it. */
void ui_surface_tell(capos_ui_surface *s, struct ui_event *e);
/* The surface is gone, for its service as well: a poll that waits ends, later ones say so once. */
void ui_poll_close(capos_ui_surface *s, enum capos_ui_close_reason why);
/* Ends a poll that has waited long enough. */
void ui_poll_tick(capos_ui_surface *s, uint64_t now_ms);
/* Ends a poll without an answer: the service has lost the surface, or the workspace is over. */
void ui_poll_fail(capos_ui_surface *s);
capnp_handler ui_poll_serve;

/* Ends an answer with a refusal. */
int ui_answer_refuse(capnp_answer *a, const struct ui_refused *why);

/* ---- ui-workspace.c ---- */

/* Where everything would be in so much room. */
void ui_layout_for(const capos_ui *ui, uint16_t columns, uint16_t rows,
                   struct capos_ui_layout *ret_l);
/* Puts everything in its place again, and tells the panes and the front end. */
void ui_relayout(capos_ui *ui);
/* Looks anew at how everything is drawn, and tells the front end what is not as before. */
void ui_restyle(capos_ui *ui);
/* Whether a service may wish for a look by now: one in UI_THEME_MS. 0; CAPNP_E_EXCEPTION. */
int ui_wish_may(const capos_ui_offer *o, struct ui_refused *ret_why) CAPNP_MUST_USE;

/* Has a person asked, when it is this question's turn. Its `answered` is called once, later.
 * 0; CAPNP_E_EXCEPTION: refused, and nobody is asked; -ENOMEM. */
int ui_ask(capos_ui *ui, capos_ui_offer *o, const struct ui_prompt_draft *d,
           void (*answered)(void *arg, bool yes, bool is_over), void *arg,
           struct ui_refused *ret_why) CAPNP_MUST_USE;
/* Takes back the question of a service: it is answered with no, and that it is over. about: only if
 * it is about that pane. */
void ui_unask(capos_ui *ui, const capos_ui_offer *o, const void *about);
/* Ends the question on screen with an answer, and shows the next. */
void ui_asked(capos_ui *ui, struct ui_prompt *p, bool yes);

void ui_offer_unref(capos_ui_offer *o);
void ui_surface_unref(capos_ui_surface *s);
/* What was done or decided, for the instance's records. */
struct ui_said {
        enum ui_report_what what;
        bool allowed, unanswered;       /* unanswered: not allowed, and nobody said no */
        const char *command;            /* NULL: none */
        const struct ui_target *target; /* NULL: none, and no effect */
        enum capos_ui_effect effect;
};

/* Sends a record of it, about a service: by what it is lent, else by the session. */
void ui_report(capos_ui *ui, const char *service, const struct ui_said *s);

/* ---- ui-surface.c ---- */

/* A surface with its object, which the caller hands on. 0; CAPNP_E_EXCEPTION; -ENOMEM. */
int ui_surface_new(capos_ui_offer *o, ui_surface_spec_reader spec, capos_ui_surface **ret_s,
                   capnp_cap **ret_c, struct ui_refused *ret_why) CAPNP_MUST_USE;
/* Takes it off the screen, whoever wants that. Once. */
void ui_surface_close(capos_ui_surface *s, enum capos_ui_close_reason why);
struct ui_judge ui_surface_judge(const capos_ui_surface *s);
void ui_info_write(const capos_ui *ui, const capos_ui_offer *o, ui_host_info_builder to);

/* ---- ui-place.c ---- */

/* Notes that a pane is pinned, or not any more, and tells it and the front end. */
void ui_pin_tell(capos_ui_surface *s, bool pin);

/* ---- ui-run.c ---- */

/* Gives up the calls that are under way, at the end of all. */
void ui_runs_end(capos_ui *ui);

/* ---- ui-host.c ---- */

/* Ends an offer: the one function by which everything of it ends. Once. */
void ui_offer_end(capos_ui_offer *o, enum capos_ui_close_reason how, const char *why);

#endif
