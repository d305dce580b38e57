/**
 * @file
 * Panes that are drawn: what most composing services want of <capos/kit-ui.h>. doc/ui.md shows a
 * whole one.
 *
 * A service says once which panes it has, and embeds a struct kit_view for each host that it is
 * lent. The kit opens the panes, and calls `draw` when something has changed: at once, and then not
 * again for a while, so a host gets no more than it takes whatever goes on. `draw` compares what
 * there is with what was told, and tells the difference. A pane that has refused a patch is
 * forgotten, and told all of it a second later; one that the instance did not open, since there is
 * too much just then (`over-quota.…`), is opened then.
 */
#ifndef CAPOS_KIT_VIEW_H
#define CAPOS_KIT_VIEW_H

#include <capos/kit-commands.h>
#include <capos/kit-ui.h>

enum {
        KIT_VIEW_PANES = 16 /**< panes of a view: a host takes no more of a service */
};

/** A pane, as it is opened: UiSurfaceSpec of remote_ui.capnp, whose enumerants these are. */
struct kit_view_spec {
        const char *id;      /**< 1 to 16 bytes; a host finds its place again by it */
        const char *title;   /**< what stands above it */
        const char *summary; /**< one sentence about it */
        uint16_t kind;       /**< UiSurfaceKind */
        uint16_t safety;     /**< UiSafetyClass; fixed for its life */
        uint64_t model;      /**< the type id of the kind's model */
        uint16_t place;      /**< UiPlace, a wish */
};

/** What a service shows, the same for each host. Members of it are called from the loop. */
struct kit_view_kind {
        const struct kit_view_spec *panes; /**< the panes, in the order in which they are opened */
        unsigned npanes;                   /**< how many, at most KIT_VIEW_PANES: the rest is
                                                left out */
        uint32_t pace_ms;                  /**< milliseconds from one drawing to the next */
        /** Tells the panes that are there what is new. false: there is more, so it is called again
            after pace_ms. Ends no view. */
        bool (*draw)(void *self);
        /** A pane is not what was told: all of it has to be told, its commands as well. NULL:
            kit_view.begun says enough. */
        void (*forget)(void *self, unsigned pane);
        /** Something has happened to a pane: a UiEvent, valid during the call. May end the view.
            NULL: nothing matters but whether it can be seen, which is in kit_view.hidden. */
        void (*event)(void *self, unsigned pane, capnp_reader event);
        /** The view is over: what was lent was taken back, a person has closed every pane
            (kit_view.closed), or kit_view_end() was called. The service may free it. */
        void (*over)(void *self);
};

/** Panes in one host; embedded, and to be read up to `closed`. */
struct kit_view {
        struct kit_composition *c;             /**< what was lent */
        struct kit_pane *pane[KIT_VIEW_PANES]; /**< in the order of kind->panes; NULL: closed,
                                                    or to be opened again */
        bool hidden[KIT_VIEW_PANES];           /**< its host says that nobody can see it */
        bool begun[KIT_VIEW_PANES];            /**< it was told a whole model */
        bool closed;                           /**< it is over since every pane was closed */
        bool dirty;                            /**< the kit's, as all below: has to be drawn */
        bool unopened[KIT_VIEW_PANES];         /**< has to be opened, which was refused before */
        const struct kit_view_kind *kind;      /**< what it shows */
        void *self;                            /**< whom kind's members are called with */
        capnp_vat *vat;                        /**< the loop */
        capnp_timer *timer;                    /**< until it may be drawn; NULL: it may be */
};

/**
 * Begins: what the handler of `compose` returns. All panes are opened, and drawn soon.
 *
 * @param v     where it is; must stay until kind->over
 * @param kind  what it shows; must outlive it
 * @param self  handed to kind's members
 * @param vat   the service's loop
 * @param a     the call; taken
 * @return      0; -ENOMEM; CAPNP_E_POISON: nothing was lent. Then a has failed, and kind->over is
 *              not called
 */
int kit_view_compose(struct kit_view *v, const struct kit_view_kind *kind, void *self,
                     capnp_vat *vat, capnp_answer *a) CAPNP_MUST_USE;

/**
 * Ends it: every pane is closed, and kind->over is called.
 *
 * @param v  the view
 */
void kit_view_end(struct kit_view *v);

/**
 * Something has changed: it is drawn as soon as its pace allows, not from within this call.
 *
 * @param v  the view
 */
void kit_view_touch(struct kit_view *v);

/**
 * Forgets what a pane was told, so the next drawing tells it whole: begun is false, and
 * kind->forget is called. Draws nothing by itself.
 *
 * @param v     the view
 * @param pane  the pane; it may be closed
 */
void kit_view_forget(struct kit_view *v, unsigned pane);

/**
 * Makes a patch of a pane, to be filled in and given to kit_pane_send().
 *
 * @param v            the view
 * @param pane         the pane; it has to be there
 * @param kind         a UiPatchKind
 * @param ret_payload  a UiPatchPayload
 * @return             the question; NULL: there was no memory
 */
capnp_question *kit_view_patch(const struct kit_view *v, unsigned pane, uint16_t kind,
                               capnp_builder *ret_payload) CAPNP_MUST_USE;

/**
 * Makes a patch that is the whole of a pane's model. It has begun after this.
 *
 * @param v          the view
 * @param pane       the pane; it has to be there
 * @param ret_model  a UiModel
 * @return           as kit_view_patch()
 */
capnp_question *kit_view_whole(struct kit_view *v, unsigned pane,
                               capnp_builder *ret_model) CAPNP_MUST_USE;

/**
 * Makes a patch of what has changed in a pane's model since all that was sent.
 *
 * @param v           the view
 * @param pane        the pane; it has to be there, and to have begun
 * @param ret_change  a UiModelPatch, with its base
 * @return            as kit_view_patch()
 */
capnp_question *kit_view_change(const struct kit_view *v, unsigned pane,
                                capnp_builder *ret_change) CAPNP_MUST_USE;

/**
 * Offers a command in a pane; one with its id that is there already is replaced.
 *
 * @param v     the view
 * @param pane  the pane; it has to be there
 * @param c     the command; copied
 */
void kit_view_offer(const struct kit_view *v, unsigned pane, const struct kit_command *c);

/**
 * Gives a pane another title and summary.
 *
 * @param v        the view
 * @param pane     the pane; it has to be there
 * @param title    NULL: what it was opened with
 * @param summary  likewise
 */
void kit_view_rename(const struct kit_view *v, unsigned pane, const char *title,
                     const char *summary);

#endif
