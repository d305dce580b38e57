/**
 * @file
 * Membranes: walls that every reference which crosses one is wrapped by, in both directions, so
 * that all that is reached through one can be watched, and taken away at once. Part of capnp-rpc.h.
 */
#ifndef CAPOS_CAPNP_MEMBRANE_H
#define CAPOS_CAPNP_MEMBRANE_H

#include "capnp-rpc.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A call that is about to cross a membrane. */
struct capnp_membrane_call {
        bool inward;         /**< as in capnp_membrane_ops.pass */
        uint16_t method;     /**< … of iface */
        uint32_t open;       /**< so many calls of this method, of the same object, have crossed and
                                  have neither returned nor been given up */
        uint64_t iface;      /**< the interface's id */
        capnp_reader params; /**< to be read until the policy returns */
};

/**
 * The policy of a membrane. All members but `gone` are called in the middle of things, on the
 * thread of the vat: from capnp_rpc_feed() when a call or a result arrives, from any function here
 * that sends, returns, resolves, frees or revokes, from capnp_rpc_step(), and `transfer` and
 * `reason` also from functions that only look at a reference whose promise has settled. They may be
 * called from inside each other's, when one membrane's policy looks at a reference of another.
 *
 * They must not block. They may read messages, look at references (all `_peek` and `_is_`
 * functions), take and drop them, and send calls with capnp_question_send() or
 * capnp_question_detach(), which then leave at the next step and not before. Whatever else acts
 * (step, feed, wait, answers, promises, revocations, closing) is stopped by an assertion. A NULL
 * member allows, or does nothing.
 */
struct capnp_membrane_ops {
        /**
         * Asked before a call crosses, once for each membrane on its way. inward: from the wrapped
         * side's outside to its inside. bytes: size of the parameters. ret_why: set its kind and a
         * static reason when refusing. 0: allowed; anything else: the call fails with *ret_why.
         */
        int (*pass)(void *self, bool inward, uint64_t iface, uint16_t method, uint64_t bytes,
                    capnp_exception *ret_why);
        /**
         * Asked before pass, about calls on what capnp_membrane_wrap_narrow() has wrapped alone:
         * whether that has this method at all. 0: it has; anything else: the call fails with
         * *ret_why, which is set as in pass.
         */
        int (*has)(void *self, uint64_t iface, uint16_t method, uint64_t bytes,
                   capnp_exception *ret_why);
        /**
         * Asked after pass has allowed a call, by a policy that has to look into it. 0: allowed;
         * anything else: the call fails with *ret_why, which is set as in pass, and `end` is told.
         */
        int (*look)(void *self, const struct capnp_membrane_call *c, capnp_exception *ret_why);
        /** Once per allowed pass, when that call has ended, with the same bytes. May be called
            before the function that sent the call has returned. */
        void (*end)(void *self, uint64_t bytes);
        /** Asked when a call has crossed: a note of it, a time for one. 0: `back` is not told. */
        uint64_t (*mark)(void *self, bool inward);
        /** Such a call has ended; before `end` is told. c: without parameters. outcome: 0: it has
            returned; 1 and the kind of its exception; -1: the membrane was revoked; -2: nobody
            wanted to know any more. */
        void (*back)(void *self, uint64_t mark, uint64_t bytes, const struct capnp_membrane_call *c,
                     int outcome);
        /**
         * Asked for every reference that is about to cross as an argument or result, as the side
         * it comes from sees it, and again for what a promise that has crossed turns out to be.
         * inward: as in pass. 0: allowed; anything else: the call that carries it fails with
         * *ret_why, or the promise breaks with it.
         */
        int (*transfer)(void *self, bool inward, capnp_cap *c, capnp_exception *ret_why);
        /** What an exception's text becomes going outward; NULL: unchanged, and so is what else it
            carries, which is dropped otherwise. out has 512 bytes, NUL included. */
        void (*reason)(void *self, capnp_exception why, char *out);
        /** Once, when the membrane itself has gone. An event: may do anything. */
        void (*gone)(void *self);
};

/**
 * Makes a membrane.
 *
 * @param v      the vat
 * @param o      its policy; must outlive it
 * @param self   handed to the policy
 * @param ret_m  the membrane; the caller drops it with capnp_membrane_unref()
 * @return       0; -ENOMEM
 */
CAPNP_PUBLIC int capnp_membrane_new(capnp_vat *v, const struct capnp_membrane_ops *o, void *self,
                                    capnp_membrane **ret_m) CAPNP_MUST_USE;

/**
 * Drops the maker's reference. Wrapped references keep the membrane alive.
 *
 * @param m  the membrane, or NULL
 * @return   NULL
 */
CAPNP_PUBLIC capnp_membrane *capnp_membrane_unref(capnp_membrane *m);

/**
 * Wraps a reference of the inside for use outside. One that came from outside is unwrapped; the
 * same inside always gives the same outside.
 *
 * @param m       the membrane
 * @param inside  the reference, or NULL
 * @return        a reference, the caller's; NULL for NULL, or when there is no memory
 */
CAPNP_PUBLIC capnp_cap *capnp_membrane_wrap(capnp_membrane *m, capnp_cap *inside);

/**
 * Wraps a reference as capnp_membrane_wrap() does, and asks the policy's `has` about each call on
 * it, also on what a promise turns out to be, whoever holds it and however it came out. Other
 * references that cross are not asked about. That lasts as long as there is a wrapper of this
 * membrane's, of either direction, or a call that has crossed it: the membrane keeps what is inside
 * until then. As long as it does, calls that cross inward to a promise of a peer's wait here until
 * the peer has said what it is. Costs a look at each that is narrow, here and with each call: few
 * should be.
 *
 * @param m       the membrane
 * @param inside  the reference, or NULL
 * @return        as capnp_membrane_wrap()
 */
CAPNP_PUBLIC capnp_cap *capnp_membrane_wrap_narrow(capnp_membrane *m, capnp_cap *inside);

/**
 * What was made narrow last, once more: for who would ask for the same inside again.
 *
 * @param m  the membrane
 * @return   a reference, the caller's; NULL: nothing is narrow any more, it is broken, or there is
 *           no memory
 */
CAPNP_PUBLIC capnp_cap *capnp_membrane_narrow(capnp_membrane *m);

/**
 * Cuts every reference through a membrane, at once: open calls across it fail and their handlers
 * are told, later ones fail too; every wrapper is a broken reference from now on
 * (capnp_cap_is_broken()) and lets go of what it led to, also while somebody holds it; peers that
 * hold a promise that has crossed are told that it is broken. What was wrapped and has turned out
 * to be the holder's own object is no wrapper any more, and stays. Cannot fail: without memory for
 * the reason it is "revoked". Costs a look at everything that has crossed; once, later calls do
 * nothing.
 *
 * @param m    the membrane
 * @param why  the exception; its reason is copied
 */
CAPNP_PUBLIC void capnp_membrane_revoke(capnp_membrane *m, capnp_exception why);

/**
 * How many references of the inside are held outside: each once, however often it has crossed.
 * Promises are none, before they have become something. Costs a look at all of them.
 *
 * @param m    the membrane
 * @param but  one that is not counted, as the inside has it; or NULL
 * @return     the number
 */
CAPNP_PUBLIC uint32_t capnp_membrane_held(const capnp_membrane *m, const capnp_cap *but);

/**
 * The membrane that a reference leads into.
 *
 * @param c  the reference, or NULL
 * @return   borrowed; NULL when calls on c do not enter a membrane first
 */
CAPNP_PUBLIC capnp_membrane *capnp_cap_membrane_peek(const capnp_cap *c);

#ifdef __cplusplus
}
#endif

#endif
