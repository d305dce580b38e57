/* `capos ui`, in parts. */
#ifndef CAPOS_CLI_UI_SCREEN_H
#define CAPOS_CLI_UI_SCREEN_H

#include "settings.h"
#include "shell.h"
#include "ui-show.h"

enum { UI_FIELDS = 32, UI_DOUBTS = 8, UI_LENT = 16 };

/* What a person has said of a service's panes, since this began. */
enum ui_said { UI_SAID_NOTHING, UI_SAID_YES, UI_SAID_NO };

/* A composition that has ended, perhaps with the line. */
struct ui_doubt {
        char service[80], why[400];
};

/* A service that is, or was, lent a host. */
struct ui_lent {
        struct screen *s;
        char service[80];      /* "": a free place */
        capos_ui_offer *offer; /* NULL: it is over */
        enum ui_said said;     /* what still holds when the line has dropped and is back */
        capnp_timer *wait;     /* until the next one; NULL: there is none */
};

/* A form that is being filled in, a line at a time. */
struct ui_filling {
        unsigned pane;  /* its number; 0: none is */
        uint32_t field; /* which is asked for */
        char *shape;    /* what the form asks for and runs, as it was at the beginning */
        char *texts[UI_FIELDS];
        char *paths[UI_FIELDS];
        uint32_t n; /* fields that were typed */
};

struct screen {
        struct shell lines; /* what is typed, and the signals */
        struct cli *c;
        capos_ui *ui;
        struct ui_view view;
        capnp_timer *wake, *quiet, *later;
        capnp_watch *reader; /* of standard output */
        unsigned offers;     /* that are not over */
        struct ui_lent lent[UI_LENT];
        bool turns;       /* one is taken back only to be made again */
        struct back back; /* the line to the instance */
        struct ui_doubt doubts[UI_DOUBTS];
        unsigned ndoubts;
        bool over, lost;   /* the panes are; lost: with the login */
        bool dropped;      /* … with the line, which may come back */
        bool away;         /* … and it is not back yet, while lines are typed */
        uint32_t numbered; /* the last number that a pane had */
        bool asks;         /* services are asked about, one after the other: … */
        uint32_t asks_at;  /* … from this one of the session's on … */
        capnp_timer *next; /* … when this is due; NULL: one is being asked about, or none */
        uint64_t begun_ms; /* with --once */
        bool any;          /* something was opened … */
        bool shown;        /* … and, with --once, printed */
        int result;
        uint64_t prompt;                     /* the one that is open; 0: none */
        const struct capos_ui_prompt *asked; /* likewise; NULL */
        enum capos_ui_prompt_kind prompt_kind;
        char prompt_service[80];
        const char *answer; /* that a person is just giving; NULL: none */
        bool waits, late;   /* a script does, for a pane; and has waited too long */
        struct ui_filling filling;
        struct settings settings;
        capos_ui_arranged *arranged; /* when the line dropped; NULL: nothing */
};

/* ---- ui-act.c */

/* The time: what it was at the beginning, and what has passed since, whoever sets the clock. */
uint64_t screen_now(void);
/* Around whatever is printed while a line may be being typed. When nobody reads any more, it ends
 * everything. */
void screen_hide(struct screen *s);
/* The same for what goes on below what was printed last. */
void screen_clear(struct screen *s);
void screen_show(struct screen *s);
/* The pane with a number; NULL: there is none. */
capos_ui_surface *screen_pane(const struct screen *s, unsigned long number);
/* Runs a command of a pane, and says why not. */
void screen_activate(struct screen *s, capos_ui_surface *pane, const struct capos_ui_act *act);

/* ---- ui-lend.c */

/* Offers a host to each service that may show panes. An exit code. */
int screen_offer_all(struct screen *s);
/* Looks for the next service to ask about, if one is to be, in so many ms. */
void screen_ask_in(struct screen *s, uint32_t ms);
/* A pane is shown: who waits for one may go on. */
void screen_seen(struct screen *s);
/* Notes what was answered about a service's panes; NULL: nothing was. */
void screen_said(struct screen *s, const char *service, const char *answer);
/* Offers a host to a service, and says why not. An exit code. */
int screen_offer(struct screen *s, const struct capos_cap_entry *e, bool asked_for);
/* A service has had its end, and not with the line: it is lent nothing more when that is back. */
void screen_not_again(struct screen *s, const char *service);
/* An offer is over. */
void screen_offer_over(struct screen *s, const capos_ui_offer *o);
/* Whether a service that has died is offered one again, which is said. */
bool screen_lends_again(struct screen *s, const char *service, const char *why);
/* What a person has closed of a service may be shown again, and is. */
void screen_open_again(struct screen *s, const struct capos_cap_entry *e);
/* If no offer is left, and none to come, all is over. */
void screen_rest(struct screen *s);
/* No offers any more; what was said of them stays. */
void screen_lend_end(struct screen *s);

/* ---- ui-fill.c */

void filling_begin(struct screen *s, capos_ui_surface *pane);
/* Takes a line as what was asked for, and asks for the next; after the last, the form is sent. */
void filling_line(struct screen *s, const char *line);
void filling_end(struct screen *s);

/* ---- ui-type.c */

/* Does what a line says. */
void screen_line(struct screen *s, const char *line);
/* The same for a line of a script, which waits until what it names is there. */
void screen_script_line(struct screen *s, const char *line);

#endif
