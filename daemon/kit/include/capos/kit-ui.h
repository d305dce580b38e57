/**
 * @file
 * Composing panes: what a service does with a host, or a pane, that a session has lent it
 * (remote_ui.capnp, UiComposer). doc/ui.md shows a whole one.
 *
 * A service whose interface extends UiComposer answers `compose` and `draw` by kit_compose(): the
 * call stays open, and for that long the service has what was lent. The kit asks each pane for
 * events, hands them out one by one, and tells the service when it is over.
 *
 * References and structs are handed over as they are; a service puts its own generated types around
 * them: (remote_ui_host_client){kit_composition_lent_peek(c)}, (ui_event_reader){event}.
 */
#ifndef CAPOS_KIT_UI_H
#define CAPOS_KIT_UI_H

#include <capos/capnp-vat.h>

/** What was lent, while the call is open. */
struct kit_composition;
/** A pane in it. */
struct kit_pane;

/** What a service does about a pane. Members are called from the loop, and may be NULL. */
struct kit_pane_ops {
        /** Something has happened to the pane: a UiEvent, valid during the call. May close the pane
            and end the composition. */
        void (*event)(void *self, struct kit_pane *p, capnp_reader event);
        /** A patch was not taken; reason as on the wire: `refused.revision: …`. Likewise. */
        void (*refused)(void *self, struct kit_pane *p, const char *reason);
        /** The pane is no more, by whatever but kit_pane_close() and kit_compose_finish(), and so
            is p after this. reason: why, as on the wire; `over-quota.…`: it never was, because
            the instance refused `open`; another may be taken in a second. What its host itself
            refused says `host: …`. */
        void (*gone)(void *self, struct kit_pane *p, const char *reason);
};

/**
 * Begins: what the handlers of `compose` and `draw` return.
 *
 * @param v      the service's loop
 * @param a      the call; taken
 * @param over   called once, when what was lent was taken back, after every pane's `gone`: *ret_c
 * is no more; NULL: nothing to do then
 * @param self   handed to over
 * @param ret_c  the composition, until over was called or kit_compose_finish(); untouched when this
 *               fails, and then a has failed
 * @return       0; -ENOMEM; CAPNP_E_POISON: nothing was lent
 */
int kit_compose(capnp_vat *v, capnp_answer *a, void (*over)(void *self), void *self,
                struct kit_composition **ret_c) CAPNP_MUST_USE;

/**
 * Ends it: the service has nothing more to show. Every pane is closed.
 *
 * @param c  the composition; gone after this
 */
void kit_compose_finish(struct kit_composition *c);

/**
 * What was lent: a RemoteUiHost by `compose`, a RemoteUiSurface by `draw`.
 *
 * @param c  the composition
 * @return   borrowed, for as long as c is there
 */
capnp_cap *kit_composition_lent_peek(const struct kit_composition *c);

/**
 * Makes a pane of a surface, and begins to ask it for events.
 *
 * @param c        the composition
 * @param surface  what `open` returns, also before it has, or what `draw` was lent; borrowed
 * @param o        what to do about it; must outlive it
 * @param self     handed to o
 * @param ret_p    the pane, until kit_pane_close(), o->gone, or the end of c
 * @return         0; -ENOMEM
 */
int kit_pane_new(struct kit_composition *c, capnp_cap *surface, const struct kit_pane_ops *o,
                 void *self, struct kit_pane **ret_p) CAPNP_MUST_USE;

/**
 * Closes a pane: its surface's `close`.
 *
 * @param p  the pane; gone after this
 */
void kit_pane_close(struct kit_pane *p);

/**
 * The surface of a pane, to make calls of `apply` on, or `describe`.
 *
 * @param p  the pane
 * @return   borrowed, for as long as p is there
 */
capnp_cap *kit_pane_surface_peek(const struct kit_pane *p);

/**
 * Sends a patch: a question of the surface's `apply`, filled in. If it is not taken, o->refused is
 * called.
 *
 * @param p  the pane
 * @param q  the question; taken. NULL does nothing: there was no memory for it
 */
void kit_pane_send(struct kit_pane *p, capnp_question *q);

/**
 * The revision that the next patch changes, if all that were sent are taken: UiModelPatch.base.
 *
 * @param p  the pane
 * @return   the revision
 */
uint64_t kit_pane_base(const struct kit_pane *p);

#endif
