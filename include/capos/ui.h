/**
 * @file
 * Panes that services compose (schema/remote_ui.capnp), for programs that draw them: a terminal, a
 * browser's bridge, a window. All that is decided about a composition is decided here: what is
 * accepted, where it goes, what a command costs, what a person is asked. A front end draws what it
 * is told (struct capos_ui_front_ops) and says what a person did.
 *
 * One workspace is the panes of one session. It does no I/O and has no clock: it makes its calls on
 * the references that it is given, which run in the vat's loop, and asks the front end for the
 * time. It is used from that loop's thread.
 *
 *     r = capos_ui_new(&c, &ui);                          c: vat, session, schema, ops
 *     r = capos_ui_offer(ui, &chat, &offer);              the service is asked to compose
 *     … opened(), changed(), layout() …                   from the vat's loop
 *     r = capos_ui_activate(s, &act, &why);               a person has run a command
 *     capos_ui_free(ui);                                  every offer has ended
 *
 * Nothing of a service's can stand outside its panes. What a person is asked (struct
 * capos_ui_prompt) is worded here and drawn in the front end's own frame, whose rows the layout
 * never gives away.
 */
#ifndef CAPOS_UI_H
#define CAPOS_UI_H

#include "capnp-dynamic.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The panes of one session. */
typedef struct capos_ui capos_ui;
/** One service that was lent a host, or a pane: until `ended` has been told. */
typedef struct capos_ui_offer capos_ui_offer;
/** One pane: from `opened` until `closed` has been told. */
typedef struct capos_ui_surface capos_ui_surface;
/** What a person has arranged in a workspace that is over (capos_ui_end()). */
typedef struct capos_ui_arranged capos_ui_arranged;

/** Bounds that hold for a workspace. */
enum {
        CAPOS_UI_SURFACES = 32,                     /**< panes in all */
        CAPOS_UI_NODES = 2 * CAPOS_UI_SURFACES + 8, /**< of a layout */
        CAPOS_UI_FRAME_TOP = 1,                     /**< rows of the frame above all panes */
        CAPOS_UI_FRAME_BOTTOM = 1,                  /**< rows of the frame below them */
        CAPOS_UI_WORDS = 256,                       /**< bytes of a refusal's text, with its NUL */
        CAPOS_UI_SAVED_BYTES = 65536,               /**< what may be kept of one account */
        CAPOS_UI_DEAF_MS = 500,                     /**< a prompt takes no answer for so long */
};

/** Where a pane is (UiPlace, the same values). */
enum capos_ui_place {
        CAPOS_UI_ANY,    /**< wherever its kind is put */
        CAPOS_UI_MAIN,   /**< in the middle */
        CAPOS_UI_SIDE,   /**< beside that */
        CAPOS_UI_BOTTOM, /**< below both */
};

/** What a command does (CommandEffect, the same values). */
enum capos_ui_effect {
        CAPOS_UI_READS,   /**< changes nothing */
        CAPOS_UI_OWN,     /**< changes what only this session or account sees */
        CAPOS_UI_SHARED,  /**< others see it */
        CAPOS_UI_LASTING, /**< cannot be undone, or acts on the world outside */
};

/** Why a pane is gone, or an offer over: UiCloseReason's values, and what only the host knows. */
enum capos_ui_close_reason {
        CAPOS_UI_CLOSED_BY_PERSON,   /**< capos_ui_close(); of an offer: a person said no to it */
        CAPOS_UI_CLOSED_BY_HOST,     /**< capos_ui_withdraw(), or a lack of memory */
        CAPOS_UI_CLOSED_SESSION,     /**< the session or the workspace has ended */
        CAPOS_UI_CLOSED_RESET,       /**< unused */
        CAPOS_UI_CLOSED_BY_SERVICE,  /**< it has closed the pane, or finished */
        CAPOS_UI_CLOSED_BY_INSTANCE, /**< it denies the offer, or has taken it back */
        CAPOS_UI_CLOSED_LOST,        /**< the service has failed, or the way to it has */
        CAPOS_UI_CLOSED_DROPPED,     /**< of a pane: its service holds it no more; never an offer */
};

/** Whether a service may compose unasked (UiConsent, the same values). */
enum capos_ui_consent {
        CAPOS_UI_ASK,    /**< a person is asked each time */
        CAPOS_UI_ALWAYS, /**< it may */
        CAPOS_UI_NEVER,  /**< it may not */
};

/** Why something was refused, in words for a person: `refused.person: …`. */
struct capos_ui_why {
        char text[CAPOS_UI_WORDS]; /**< begins with the code; "" when nothing was refused */
        char path[CAPOS_UI_WORDS]; /**< the field that it is about; "": it is about no field */
};

/* ---- the layout --------------------------------------------------------------------------- */

/** What a node of a layout is. */
enum capos_ui_node_kind {
        CAPOS_UI_ROWS,    /**< children above each other */
        CAPOS_UI_COLUMNS, /**< children side by side, with one column between two */
        CAPOS_UI_TABS, /**< children in one place, one of them to be seen; the first row has their
                            titles */
        CAPOS_UI_PANE, /**< a pane; its first row is its title, unless it is in tabs */
};

/** A node. Its children are behind it, each followed by its own. */
struct capos_ui_node {
        enum capos_ui_node_kind kind; /**< what it is */
        capos_ui_surface *surface;    /**< of a pane; else NULL */
        uint16_t column;              /**< where it begins, from 0 */
        uint16_t row;                 /**< likewise; row 0 is the frame's */
        uint16_t columns;             /**< how wide it is; 0: there was no room */
        uint16_t rows;                /**< how high it is; of what is behind other tabs as well */
        uint8_t weight;               /**< share of its parent's length, 1 to 12 */
        uint8_t children;             /**< how many it has */
        uint8_t nodes;                /**< nodes below it, children and theirs */
        int8_t front;                 /**< of tabs: the child that is seen; -1: none, only titles */
        bool visible;                 /**< of a pane: something of it can be seen */
};

/** Where everything is. A tree of nodes in one array, its root first. */
struct capos_ui_layout {
        uint16_t columns;                           /**< of the workspace, the frame included */
        uint16_t rows;                              /**< likewise */
        bool narrow;                                /**< one pane at a time: a switcher */
        uint8_t n;                                  /**< nodes; 0: there are no panes */
        struct capos_ui_node nodes[CAPOS_UI_NODES]; /**< the nodes */
};

/** A wish of a person's about a pane's place. It wins over what the service wishes. */
struct capos_ui_move {
        enum capos_ui_place place; /**< which */
        uint8_t weight;            /**< share of it, 1 to 12; 0: no wish */
        int16_t order;             /**< among the panes there; smaller is further ahead */
        bool collapsed;            /**< its title alone */
};

/* ---- what a front end is told -------------------------------------------------------------- */

/** What of a pane has changed; several at once. */
enum {
        CAPOS_UI_CHANGED_SPEC = 1,      /**< title, summary */
        CAPOS_UI_CHANGED_MODEL = 2,     /**< a part of the model */
        CAPOS_UI_CHANGED_WHOLE = 4,     /**< all of the model */
        CAPOS_UI_CHANGED_LAYOUT = 8,    /**< its wish about its place */
        CAPOS_UI_CHANGED_THEME = 16,    /**< its wish about its look */
        CAPOS_UI_CHANGED_COMMANDS = 32, /**< some command */
        CAPOS_UI_CHANGED_STATE = 128,   /**< pinned, or not any more */
};

/** A change of a pane. Borrowed until the call returns. */
struct capos_ui_change {
        unsigned what;            /**< CAPOS_UI_CHANGED_… */
        uint64_t revision;        /**< of the pane, now */
        bool head;                /**< what is not an element of the model has changed */
        uint32_t dropped;         /**< elements at the front that made room for newer ones */
        uint32_t appended;        /**< elements that are new, at the end */
        const uint16_t *replaced; /**< places of elements, now, that are not what they were */
        uint32_t nreplaced;       /**< how many */
        const uint16_t *removed;  /**< places, before, of elements that were taken away by key */
        uint32_t nremoved;        /**< how many */
};

/** How a theme may be: UiThemeHint's members, as numbers; 0 is no wish. */
struct capos_ui_theme {
        uint8_t accent;         /**< UiThemeHint.Accent */
        uint8_t density;        /**< UiThemeHint.Density */
        uint16_t scale_percent; /**< 80 to 200 */
        uint8_t scheme;         /**< UiThemeHint.Scheme */
        uint8_t contrast;       /**< UiThemeHint.Contrast */
        uint8_t motion;         /**< UiThemeHint.Motion */
        bool simple;            /**< fewer controls */
};

/** What a person is asked about. */
enum capos_ui_prompt_kind {
        CAPOS_UI_PROMPT_COMMAND, /**< whether a command is run */
        CAPOS_UI_PROMPT_LAYOUT,  /**< whether a place is kept for the account */
        CAPOS_UI_PROMPT_LOOK,    /**< whether a look is kept for the account */
        CAPOS_UI_PROMPT_THEME,   /**< whether the look of the whole workspace changes */
        CAPOS_UI_PROMPT_OFFER,   /**< whether a service may compose panes */
};

/** One argument of a call that a person is asked about. */
struct capos_ui_argument {
        const char *path;  /**< the field of the method's parameters */
        const char *value; /**< as text, with quotes where it is one */
        bool constant;     /**< fixed by the service, not given by the person */
};

/**
 * A question to a person, to be drawn in the front end's own frame. The default is no. Borrowed
 * until `prompt_gone`. `text` has all of it; the other members are for who draws it finer.
 */
struct capos_ui_prompt {
        uint64_t id;                    /**< what capos_ui_answer() names */
        enum capos_ui_prompt_kind kind; /**< what it is about */
        const char *service;            /**< the bundle's name of who wants it */
        const char *title;              /**< the same for a person */
        const char *account;            /**< whose session; "" : nobody's */
        const char *what;               /**< the command's title, or the wish; one line */
        const char *capability;         /**< of a command: the bundle's name */
        const char *method;             /**< of a command: `Chat.join` */
        enum capos_ui_effect effect;    /**< of a command, as the host judges it */
        const struct capos_ui_argument *arguments; /**< of a command: all of them */
        uint32_t narguments;                       /**< how many */
        const char *text;                          /**< the whole question, several lines */
};

/** How a command that was run has ended. Borrowed until the call returns. */
struct capos_ui_ran {
        capos_ui_surface *surface;              /**< whose command; NULL: the pane is gone */
        const char *command;                    /**< its id */
        uint64_t number;                        /**< capos_ui_act.number */
        const struct capnp_method_info *method; /**< what was called */
        capnp_question *question;               /**< has returned; NULL: nothing was called */
        int r;                                  /**< 0: done; CAPNP_E_EXCEPTION: see why; or what
                                                     capnp_question_wait() returns */
        const char *why;                        /**< in words that are safe to print, though they
                                                     may be the service's; "" when it is done */
};

/**
 * What a front end implements. Each is called from the vat's loop or from within a function below,
 * when everything is in order again; none may block, and none may change the workspace or free it:
 * look, note, draw later. NULL members are not called; `now_ms` and `capability` must be there.
 */
struct capos_ui_front_ops {
        /** The time: milliseconds since 1970, as the instance has it. Never goes back. */
        uint64_t (*now_ms)(void *arg);
        /** A reference of the session's own, by its name in the bundle; the caller's. NULL: none.
            Called when a command is run. */
        capnp_cap *(*capability)(void *arg, const char *name, uint64_t interface);
        /** What a method costs at least, by the host's policy. NULL: what the others say. */
        enum capos_ui_effect (*effect)(void *arg, const char *service, const char *capability,
                                       const struct capnp_method_info *m);
        /** Whether a service's commands may call another capability than its own. NULL: never. */
        bool (*may_target)(void *arg, const char *service, const char *capability);
        /** capos_ui_tick() is wanted at that time; replaces what was said before. */
        void (*wake)(void *arg, uint64_t at_ms);
        /** A pane is there. */
        void (*opened)(void *arg, capos_ui_surface *s);
        /** A pane is not as it was. */
        void (*changed)(void *arg, capos_ui_surface *s, const struct capos_ui_change *c);
        /** A pane is gone; s ends when this returns. */
        void (*closed)(void *arg, capos_ui_surface *s, enum capos_ui_close_reason why);
        /** Where everything is now. Borrowed until the next one. */
        void (*layout)(void *arg, const struct capos_ui_layout *l);
        /** The look has changed: of all panes, or of one service's (o). */
        void (*theme)(void *arg, capos_ui_offer *o, const struct capos_ui_theme *t);
        /** A person is to be asked. One at a time. */
        void (*prompt)(void *arg, const struct capos_ui_prompt *p);
        /** A question is off: it was answered, or what it was about is over. */
        void (*prompt_gone)(void *arg, uint64_t id);
        /** A command has ended, for who ran it: the service is not told what came back. */
        void (*ran)(void *arg, const struct capos_ui_ran *r);
        /** An offer is over; why is for a person, and safe to print. o ends when this returns. */
        void (*ended)(void *arg, capos_ui_offer *o, enum capos_ui_close_reason how,
                      const char *why);
        /** Something that may be kept has changed: see capos_ui_saved_store(). */
        void (*saved)(void *arg);
};

/** What a workspace stands on. Strings are copied. */
struct capos_ui_config {
        capnp_vat *vat;             /**< where everything runs; outlives the workspace */
        capnp_cap *session;         /**< the RemoteSession; a reference is taken */
        const capnp_schema *schema; /**< the session's registry, with the interfaces of what is
                                         offered; outlives the workspace, and may grow */
        const char *account;        /**< whose session; NULL: nobody's */
        uint16_t columns;           /**< of the workspace, in characters, the frame included */
        uint16_t rows;              /**< likewise */
        uint32_t panes;             /**< panes have the numbers behind this one: where there was a
                                         workspace before, a number of that one's is nobody's */
        struct capos_ui_theme user; /**< what the person's system is set to; beats every wish */
        const struct capos_ui_front_ops *ops; /**< outlives the workspace */
        void *arg;                            /**< handed to them */
        capos_ui_arranged *arranged; /**< what holds from the beginning; taken when capos_ui_new()
                                          returns 0; NULL: nothing */
};

/* ---- the workspace ------------------------------------------------------------------------ */

/**
 * Makes a workspace without panes.
 *
 * @param c       what it stands on
 * @param ret_ui  the workspace; the caller's
 * @return        0; -ENOMEM
 */
CAPNP_PUBLIC int capos_ui_new(const struct capos_ui_config *c, capos_ui **ret_ui) CAPNP_MUST_USE;

/**
 * Ends every offer, and frees a workspace. What services still hold of it is dead; calls that are
 * under way are given up.
 *
 * @param ui  the workspace, or NULL
 * @return    NULL
 */
CAPNP_PUBLIC capos_ui *capos_ui_free(capos_ui *ui);

/**
 * capos_ui_free(), but for what the person has arranged: that is for the workspace which the same
 * program makes for the same account when a line that had dropped is there again. It has what is
 * written nowhere: of personal panes, what was not saved yet, and how often services have asked.
 *
 * @param ui  the workspace, or NULL
 * @return    what was arranged, the caller's; NULL: no workspace, or no memory
 */
CAPNP_PUBLIC capos_ui_arranged *capos_ui_end(capos_ui *ui);

/**
 * Forgets what was arranged.
 *
 * @param a  of capos_ui_end(), not taken by capos_ui_new(); or NULL
 * @return   NULL
 */
CAPNP_PUBLIC capos_ui_arranged *capos_ui_arranged_free(capos_ui_arranged *a);

/**
 * capos_ui_free() for CAPNP_AUTO.
 *
 * @param ui  the variable; set to NULL
 */
static inline void capos_ui_freep(capos_ui **ui)
{
        *ui = capos_ui_free(*ui);
}

/**
 * Says that the workspace has another size.
 *
 * @param ui       the workspace
 * @param columns  in characters, the frame included
 * @param rows     likewise
 */
CAPNP_PUBLIC void capos_ui_resize(capos_ui *ui, uint16_t columns, uint16_t rows);

/**
 * Does what is due: polls that have waited long enough, wishes whose time is over. To be called
 * when the time that `wake` named has come; earlier does no harm.
 *
 * @param ui  the workspace
 */
CAPNP_PUBLIC void capos_ui_tick(capos_ui *ui);

/**
 * Forgets every wish, theme, pin, move and closed mark, also what was loaded. Consents stay.
 *
 * @param ui  the workspace
 */
CAPNP_PUBLIC void capos_ui_reset(capos_ui *ui);

/**
 * Where everything is.
 *
 * @param ui  the workspace
 * @return    borrowed until something changes
 */
CAPNP_PUBLIC const struct capos_ui_layout *capos_ui_layout_peek(const capos_ui *ui);

/**
 * Where everything would be in another window: for a front end that has several. What services
 * are told of their panes' places is what capos_ui_layout_peek() has.
 *
 * @param ui       the workspace
 * @param columns  of that window, in characters, the frame included
 * @param rows     likewise
 * @param ret_l    filled in; its panes are borrowed until something changes
 */
CAPNP_PUBLIC void capos_ui_layout_for(const capos_ui *ui, uint16_t columns, uint16_t rows,
                                      struct capos_ui_layout *ret_l);

/**
 * Says what the person's system is set to by now, as capos_ui_config.user was.
 *
 * @param ui    the workspace
 * @param user  what; copied
 */
CAPNP_PUBLIC void capos_ui_user(capos_ui *ui, const struct capos_ui_theme *user);

/**
 * How panes look, as `theme` has told last.
 *
 * @param ui  the workspace
 * @param o   whose panes; NULL: all of it
 * @return    borrowed until it changes
 */
CAPNP_PUBLIC const struct capos_ui_theme *capos_ui_look_peek(const capos_ui *ui,
                                                             const capos_ui_offer *o);

/**
 * Whether nothing of any service is held: for tests, and at each end.
 *
 * @param ui  the workspace
 * @return    true: no pane, no byte, no event, no prompt, no call
 */
CAPNP_PUBLIC bool capos_ui_is_zero(const capos_ui *ui);

/* ---- offers ------------------------------------------------------------------------------- */

/** A service to be asked to compose. */
struct capos_ui_offering {
        const char *name;   /**< of its capability in the bundle; copied */
        const char *title;  /**< of that entry, for a person; NULL or "": the name; copied */
        uint64_t interface; /**< its interface; the registry must have it for commands that call */
        bool asked_for;     /**< a person has just asked for this: no question, whatever the consent
                                 is */
};

/** A pane that the host makes and lends. */
struct capos_ui_lent {
        capnp_data id;         /**< 1 to 16 bytes */
        const char *title;     /**< as UiSurfaceSpec */
        const char *summary;   /**< likewise; may be NULL */
        uint16_t kind;         /**< UiSurfaceKind */
        uint16_t safety_class; /**< UiSafetyClass */
};

/**
 * Lends a service a host of its own. How that ends, `ended` tells, also when it is refused.
 *
 * @param ui       the workspace
 * @param what     whom
 * @param ret_o    the offer, the workspace's: until `ended`
 * @param ret_why  why not; may be NULL
 * @return         0; CAPNP_E_EXCEPTION: refused, see ret_why: it has an offer already, there are 8,
 *                 or a person has said never; -ENOMEM
 */
CAPNP_PUBLIC int capos_ui_offer_host(capos_ui *ui, const struct capos_ui_offering *what,
                                     capos_ui_offer **ret_o,
                                     struct capos_ui_why *ret_why) CAPNP_MUST_USE;

/**
 * Lends a service one pane, and nothing else.
 *
 * @param ui       the workspace
 * @param what     whom
 * @param pane     the pane
 * @param ret_o    the offer, the workspace's: until `ended`
 * @param ret_why  why not; may be NULL
 * @return         as capos_ui_offer_host(), and refused: the pane is not as it must be
 */
CAPNP_PUBLIC int capos_ui_offer_surface(capos_ui *ui, const struct capos_ui_offering *what,
                                        const struct capos_ui_lent *pane, capos_ui_offer **ret_o,
                                        struct capos_ui_why *ret_why) CAPNP_MUST_USE;

/**
 * Ends an offer: its panes are gone when this returns.
 *
 * @param o  the offer; ended
 */
CAPNP_PUBLIC void capos_ui_withdraw(capos_ui_offer *o);

/**
 * The name of who was lent something.
 *
 * @param o  the offer
 * @return   borrowed
 */
CAPNP_PUBLIC const char *capos_ui_offer_name(const capos_ui_offer *o);

/**
 * What a person has said about a service.
 *
 * @param ui       the workspace
 * @param service  its name in the bundle
 * @return         CAPOS_UI_ASK when nothing was said
 */
CAPNP_PUBLIC enum capos_ui_consent capos_ui_consent_of(const capos_ui *ui, const char *service);

/**
 * Notes what a person says about a service.
 *
 * @param ui       the workspace
 * @param service  its name in the bundle
 * @param c        what
 * @return         0; CAPNP_E_LIMIT: of too many services already; -ENOMEM
 */
CAPNP_PUBLIC int capos_ui_set_consent(capos_ui *ui, const char *service,
                                      enum capos_ui_consent c) CAPNP_MUST_USE;

/**
 * Whether a service whose composition was lost (CAPOS_UI_CLOSED_LOST) is to be lent a host anew
 * without a word, and when. An instance starts again what has died, and that knows of no host. It
 * is if the person always lets it show panes: three times, after longer and longer waits, and again
 * three times after a composition that has lasted a minute. Each time it is asked is one.
 *
 * @param ui       the workspace
 * @param service  its name in the bundle
 * @return         milliseconds from now; 0: it is not
 */
CAPNP_PUBLIC uint32_t capos_ui_again_ms(capos_ui *ui, const char *service);

/* ---- panes -------------------------------------------------------------------------------- */

/** What a pane is. Texts are borrowed until it changes. */
struct capos_ui_pane {
        capos_ui_offer *offer;     /**< whose */
        uint32_t number;           /**< for a person to name it by: from 1, never given again */
        const char *service;       /**< the bundle's name */
        const char *service_title; /**< to be drawn before the pane's own title, always */
        capnp_data id;             /**< the service's name for it */
        capnp_text title;          /**< by the service */
        capnp_text summary;        /**< by the service */
        uint16_t kind;             /**< UiSurfaceKind */
        uint16_t safety_class;     /**< UiSafetyClass; a personal pane is left out of exports */
        uint64_t revision;         /**< patches that were accepted */
        bool pinned;               /**< its place stays */
        bool visible;              /**< something of it can be seen */
        uint32_t elements;         /**< of its model */
        uint32_t commands;         /**< it has */
};

/**
 * The panes, in the order they came.
 *
 * @param ui  the workspace
 * @param i   from 0
 * @return    the pane; NULL: past the last
 */
CAPNP_PUBLIC capos_ui_surface *capos_ui_surface_at(const capos_ui *ui, uint32_t i);

/**
 * What a pane is.
 *
 * @param s      the pane
 * @param ret_p  filled in
 */
CAPNP_PUBLIC void capos_ui_surface_info(const capos_ui_surface *s, struct capos_ui_pane *ret_p);

/**
 * The part of a pane's model that is no element: UiTable without its rows.
 *
 * @param s  the pane
 * @return   the struct of its kind; borrowed until it changes
 */
CAPNP_PUBLIC capnp_reader capos_ui_model_head(const capos_ui_surface *s);

/**
 * One element of a pane's model: a UiRow, a UiItem.
 *
 * @param s  the pane
 * @param i  from 0; below capos_ui_pane.elements
 * @return   borrowed until it changes
 */
CAPNP_PUBLIC capnp_reader capos_ui_model_element(const capos_ui_surface *s, uint32_t i);

/**
 * Writes a pane's model as the contract has it.
 *
 * @param s   the pane
 * @param to  a slot: a UiModel
 */
CAPNP_PUBLIC void capos_ui_model_write(const capos_ui_surface *s, capnp_abuilder to);

/**
 * Writes what a change has made new of a pane's model: the head, if `head`, and in its list the
 * elements that were replaced, as `replaced` has them, then those that were appended. Costs what
 * is written. Of CAPOS_UI_CHANGED_WHOLE everything is new: capos_ui_model_write().
 *
 * @param s   the pane
 * @param c   the change; only while `changed` tells of it
 * @param to  a slot: a UiModel
 */
CAPNP_PUBLIC void capos_ui_change_write(const capos_ui_surface *s, const struct capos_ui_change *c,
                                        capnp_abuilder to);

/** How a pane is drawn as text. */
struct capos_ui_draw {
        uint32_t columns;     /**< at least 20 */
        uint32_t rows;        /**< of logs and transcripts the last so many lines; 0: all */
        int32_t utc_offset_s; /**< instants are written in this zone */
        bool still;           /**< counters do not run on by themselves */
};

/**
 * Draws a pane's model as plain text: lines that a terminal may be given as they are.
 *
 * @param s   the pane
 * @param d   how
 * @param to  where the lines are appended, each with its newline
 * @return    0; CAPNP_E_LIMIT: more than to may become; -ENOMEM
 */
CAPNP_PUBLIC int capos_ui_draw_text(const capos_ui_surface *s, const struct capos_ui_draw *d,
                                    struct capnp_buf *to) CAPNP_MUST_USE;

/**
 * A command of a pane's.
 *
 * @param s  the pane
 * @param i  from 0; below capos_ui_pane.commands
 * @return   a Command (command.capnp); borrowed until it changes
 */
CAPNP_PUBLIC capnp_reader capos_ui_command_at(const capos_ui_surface *s, uint32_t i);

/**
 * What a command costs, as the host judges it now: the worst of the service's word, the method's
 * annotation and the host's policy.
 *
 * @param s  the pane
 * @param i  as capos_ui_command_at()
 * @return   the effect; CAPOS_UI_READS for one that only changes what is shown
 */
CAPNP_PUBLIC enum capos_ui_effect capos_ui_command_effect(const capos_ui_surface *s, uint32_t i);

/** A character of a text, as a terminal takes it. */
struct capos_ui_char {
        uint32_t code;   /**< UINT32_MAX: the byte is not UTF-8 */
        uint8_t bytes;   /**< that it has in the text */
        uint8_t columns; /**< that it takes: 0, 1 or 2 */
        bool plain;      /**< it only shows itself, and may be sent to a terminal: it neither steers
                              nor turns text over, it can be seen, and it is not the fifth mark on a
                              character, or one on none */
};

/**
 * Takes the next character of a text of somebody else's: by the rules for what may stand in a pane
 * where there is one line and no character that cannot be seen.
 *
 * @param t      the text; what is left of it
 * @param left   how many marks the character before may still bear; 0 at the beginning
 * @param ret_c  the character
 * @return       false: the text is over
 */
CAPNP_PUBLIC bool capos_ui_char_next(capnp_text *t, unsigned *left, struct capos_ui_char *ret_c);

/* ---- what a person does ------------------------------------------------------------------- */

/** What stands in a field. */
struct capos_ui_value {
        const char *path; /**< the field's */
        capnp_text text;  /**< as it is typed: a number, `true`, a choice's value or label */
        bool typed;       /**< the person has typed or picked it in this act: it was not there */
};

/** A command that a person runs. */
struct capos_ui_act {
        const char *command;                 /**< its id */
        const struct capos_ui_value *values; /**< of its fields; may be NULL when there are none */
        uint32_t nvalues;                    /**< how many */
        const char *const *selection;        /**< keys of elements it is about; for commands that
                                                  only change what is shown */
        uint32_t nselection;                 /**< how many */
        bool trusted;                        /**< a person did it with a real device just now */
        uint64_t number;                     /**< the front end's own: capos_ui_ran has it again */
};

/**
 * Runs a command: tells the pane's service, or calls a method, or asks the person first. How a call
 * ends, `ran` tells.
 *
 * @param s        the pane
 * @param a        what; borrowed
 * @param ret_why  why not, and which field is wrong
 * @return         0: it is on its way; CAPNP_E_EXCEPTION: refused, see ret_why; -ENOMEM
 */
CAPNP_PUBLIC int capos_ui_activate(capos_ui_surface *s, const struct capos_ui_act *a,
                                   struct capos_ui_why *ret_why) CAPNP_MUST_USE;

/**
 * Tells a form's service what stands in it while a person edits.
 *
 * @param s        the pane; a form
 * @param values   the fields that have been touched; borrowed
 * @param n        how many
 * @param ret_why  why not, and which field is wrong
 * @return         0; CAPNP_E_EXCEPTION: refused; -ENOMEM
 */
CAPNP_PUBLIC int capos_ui_edit(capos_ui_surface *s, const struct capos_ui_value *values, uint32_t n,
                               struct capos_ui_why *ret_why) CAPNP_MUST_USE;

/**
 * Tells a pane's service what a person has selected.
 *
 * @param s     the pane
 * @param keys  of elements; those that are not there are left out
 * @param n     how many
 * @return      0; -ENOMEM
 */
CAPNP_PUBLIC int capos_ui_select(capos_ui_surface *s, const char *const *keys,
                                 uint32_t n) CAPNP_MUST_USE;

/**
 * Answers a question. `prompt_gone` is told, unless the answer came too early: a prompt is deaf for
 * its first 500 ms, so that what a person was typing does not answer it.
 *
 * @param ui   the workspace
 * @param id   the prompt's
 * @param yes  the answer
 * @return     true: it was taken; false: too early, or no such question is open
 */
CAPNP_PUBLIC bool capos_ui_answer(capos_ui *ui, uint64_t id, bool yes);

/**
 * Closes a pane. It stays closed: its service cannot open one with this id until
 * capos_ui_allow() or a reset. An offer of one pane ends with it.
 *
 * @param s  the pane; ended
 */
CAPNP_PUBLIC void capos_ui_close(capos_ui_surface *s);

/**
 * Takes back that a pane was closed by a person.
 *
 * @param ui       the workspace
 * @param service  whose
 * @param id       the service's name for it; len 0: all that were closed
 */
CAPNP_PUBLIC void capos_ui_allow(capos_ui *ui, const char *service, capnp_data id);

/**
 * How many panes of a service stay closed because a person has closed them.
 *
 * @param ui       the workspace
 * @param service  its name in the bundle
 * @return         how many; which of them the service would open now, nobody knows
 */
CAPNP_PUBLIC uint32_t capos_ui_closed(const capos_ui *ui, const char *service);

/**
 * Fixes a pane where it is, or lets it go. What its service wishes about its place is refused
 * meanwhile.
 *
 * @param s    the pane
 * @param pin  true: fixed
 */
CAPNP_PUBLIC void capos_ui_pin(capos_ui_surface *s, bool pin);

/**
 * Puts a pane somewhere. That wins over its service's wishes until a reset.
 *
 * @param s  the pane
 * @param m  where
 */
CAPNP_PUBLIC void capos_ui_move(capos_ui_surface *s, const struct capos_ui_move *m);

/**
 * Brings a pane to the front of the tabs it is in.
 *
 * @param s  the pane
 */
CAPNP_PUBLIC void capos_ui_show(capos_ui_surface *s);

/* ---- what may be kept --------------------------------------------------------------------- */

/**
 * Takes what is kept of an account (UiSaved): before anything is offered, and again when another
 * host of the account has changed it. What is not sound in it is left out. It replaces what was
 * known, but for what was chosen here and is not known to be kept (capos_ui_saved_kept()).
 *
 * @param ui  the workspace
 * @param r   a UiSaved
 * @return    0; -ENOMEM
 */
CAPNP_PUBLIC int capos_ui_saved_load(capos_ui *ui, capnp_reader r) CAPNP_MUST_USE;

/**
 * Writes what may be kept of an account: what a person chose, and what a person has let a service
 * keep. Never what a pane shows. At most CAPOS_UI_SAVED_BYTES.
 *
 * @param ui  the workspace
 * @param to  a slot: a UiSaved
 */
CAPNP_PUBLIC void capos_ui_saved_store(capos_ui *ui, capnp_abuilder to);

/**
 * What capos_ui_saved_store() has written last is kept.
 *
 * @param ui  the workspace
 */
CAPNP_PUBLIC void capos_ui_saved_kept(capos_ui *ui);

#ifdef __cplusplus
}
#endif

#endif
