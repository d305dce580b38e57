/**
 * @file
 * Cap'n Proto RPC, level 1: references, calls made, calls served, promises, membranes, and the
 * core of a connection, which does no I/O.
 *
 * Nothing here calls back from inside an API call, but for the policies of membranes (struct
 * capnp_membrane_ops). Handlers, completion callbacks, cancel notices
 * and destructors are events; capnp_rpc_step() runs them, one at a time, in the order they came
 * about. A program with a socket does not call it: the vat does (capnp-vat.h).
 *
 * Getters borrow; setters copy or take a reference of their own.
 */
#ifndef CAPOS_CAPNP_RPC_H
#define CAPOS_CAPNP_RPC_H

#include "capnp-msg.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A set of objects and connections that share one event queue: one per thread at most. */
typedef struct capnp_vat capnp_vat;
/** A call we make. */
typedef struct capnp_question capnp_question;
/** A call we serve. */
typedef struct capnp_answer capnp_answer;
/** The side of a promised reference that decides what it becomes. */
typedef struct capnp_promise capnp_promise;
/** Somebody who waits for what a reference will be. */
typedef struct capnp_wait capnp_wait;
/** A wall that every reference crossing it is wrapped by, in both directions. */
typedef struct capnp_membrane capnp_membrane;
/** One connection: the four tables and the promises between them. */
typedef struct capnp_rpc capnp_rpc;

/* <sys/uio.h>; and FILE as the C libraries of Linux have it. Generated code includes this header,
 * so <stdio.h> and its hundreds of names are left to whoever needs them. */
struct iovec;
struct _IO_FILE;

/** Serves one method. Must end the answer with exactly one ending verb, now or later. */
typedef int capnp_handler(void *self, capnp_answer *a);

/** What generated code says about a method. */
struct capnp_method {
        const char *name;       /**< as in the schema */
        uint16_t params_words;  /**< data words of its parameter struct */
        uint16_t params_ptrs;   /**< pointers of its parameter struct */
        uint16_t results_words; /**< data words of its result struct */
        uint16_t results_ptrs;  /**< pointers of its result struct */
        bool stream;            /**< declared `-> stream` */
};

struct capnp_interface;

/** Where the handlers of one interface lie in an operations struct. */
struct capnp_interface_part {
        const struct capnp_interface *iface; /**< the interface itself, or one it extends */
        uint32_t offset;                     /**< bytes from the ops' start to its first handler */
};

/** What generated code says about an interface. */
struct capnp_interface {
        uint64_t id;                              /**< its type id */
        const char *name;                         /**< as in the schema */
        const struct capnp_method *methods;       /**< by ordinal */
        const struct capnp_interface_part *parts; /**< itself first, then all it extends */
        uint16_t nmethods;                        /**< entries of methods */
        uint16_t nparts;                          /**< entries of parts */
};

/* ---- references --------------------------------------------------------------------------- */

/**
 * Takes another reference.
 *
 * @param c  the capability, or NULL
 * @return   c
 */
CAPNP_PUBLIC capnp_cap *capnp_cap_ref(capnp_cap *c);

/**
 * Drops a reference. When it was the last, the object's `gone` is queued, never run from here.
 *
 * @param c  the capability, or NULL
 * @return   NULL
 */
CAPNP_PUBLIC capnp_cap *capnp_cap_unref(capnp_cap *c);

/**
 * capnp_cap_unref() for CAPNP_AUTO.
 *
 * @param c  the variable; set to NULL
 */
static inline void capnp_cap_unrefp(capnp_cap **c)
{
        *c = capnp_cap_unref(*c);
}

/**
 * Makes an object of ours that can be called. Generated code calls this as T_serve().
 *
 * @param v      the vat it lives in
 * @param i      its interface
 * @param ops    the operations struct: first a `void (*gone)(void *self)`, which runs once after
 *               the last reference has gone (NULL: nothing to do), then the handlers; a NULL one
 *               answers `unimplemented`. Must outlive the object.
 * @param self   handed to every handler
 * @param ret_c  the first reference; the caller's
 * @return       0; -ENOMEM
 */
CAPNP_PUBLIC int capnp_cap_new(capnp_vat *v, const struct capnp_interface *i, const void *ops,
                               void *self, capnp_cap **ret_c) CAPNP_MUST_USE;

/**
 * Makes an object that answers every method of every interface with one handler, which asks
 * capnp_answer_interface() and capnp_answer_method() what is wanted.
 *
 * @param v         the vat it lives in
 * @param dispatch  the handler
 * @param gone      runs once after the last reference has gone; may be NULL
 * @param self      handed to both
 * @param ret_c     the first reference; the caller's
 * @return          0; -ENOMEM
 */
CAPNP_PUBLIC int capnp_cap_new_dispatch(capnp_vat *v, capnp_handler *dispatch,
                                        void (*gone)(void *self), void *self,
                                        capnp_cap **ret_c) CAPNP_MUST_USE;

/**
 * Makes a reference on which every call fails.
 *
 * @param v    the vat
 * @param why  the exception every call gets; its reason is copied
 * @return     a reference, the caller's; NULL when there is no memory
 */
CAPNP_PUBLIC capnp_cap *capnp_cap_new_broken(capnp_vat *v, capnp_exception why);

/**
 * Makes a reference on which every call fails, with a trace and details.
 *
 * @param v     the vat
 * @param why   the exception every call gets; its reason is copied
 * @param more  what else it carries, copied; may be NULL. Without memory for it, it is left out.
 * @return      a reference, the caller's; NULL when there is no memory
 */
CAPNP_PUBLIC capnp_cap *capnp_cap_new_broken_more(capnp_vat *v, capnp_exception why,
                                                  const struct capnp_exception_more *more);

/**
 * What the exception of a broken reference carries beside its reason.
 *
 * @param c  the reference, or NULL
 * @return   borrowed until c is dropped; nothing when c is not known to be broken
 */
CAPNP_PUBLIC struct capnp_exception_more capnp_cap_broken_more(const capnp_cap *c);

/**
 * The object behind a reference, when it is one of ours. Calls made on the reference may still be
 * on their way to it: whoever streamed asks capnp_cap_stream_finish() first.
 *
 * @param c    the reference, or NULL
 * @param ops  the operations struct (or dispatch function) the object was made with
 * @return     its self; NULL when it is not ours, was made with others, or is still a promise or
 *             under embargo
 */
CAPNP_PUBLIC void *capnp_cap_self_peek(const capnp_cap *c, const void *ops);

/**
 * Whether a reference is known to be broken, and why.
 *
 * @param c        the reference, or NULL
 * @param ret_why  the exception, borrowed until c is dropped; may be NULL
 * @return         true when every call on it will fail
 */
CAPNP_PUBLIC bool capnp_cap_is_broken(const capnp_cap *c, capnp_exception *ret_why);

/**
 * Attaches a file descriptor to an object of ours: it crosses Unix sockets with the reference.
 *
 * @param c   the object
 * @param fd  taken; closed when the object goes
 */
CAPNP_PUBLIC void capnp_cap_set_fd(capnp_cap *c, int fd);

/**
 * The file descriptor that belongs to a reference.
 *
 * @param c  the reference, or NULL
 * @return   borrowed; -1 when there is none
 */
CAPNP_PUBLIC int capnp_cap_fd_peek(const capnp_cap *c);

/* ---- calls we make ------------------------------------------------------------------------ */

/**
 * Begins a call. The question keeps its first error, so nothing between this and the result needs
 * a check.
 *
 * @param target  whom to call; NULL is the null capability, on which every call fails
 * @param i       the interface
 * @param method  the method's ordinal in it
 * @return        the question, the caller's; NULL (which every function here accepts) is -ENOMEM
 */
CAPNP_PUBLIC capnp_question *capnp_question_new(capnp_cap *target, const struct capnp_interface *i,
                                                uint16_t method);

/**
 * Begins a call from numbers alone.
 *
 * @param v          the vat, needed when target is NULL
 * @param target     whom to call
 * @param interface  the interface's type id
 * @param method     the method's ordinal in it
 * @return           as capnp_question_new()
 */
CAPNP_PUBLIC capnp_question *capnp_question_new_any(capnp_vat *v, capnp_cap *target,
                                                    uint64_t interface, uint16_t method);

/**
 * The parameter struct to fill in, before the call is sent.
 *
 * @param q  the question, or NULL
 * @return   the struct, sized by the schema; zeroed on error
 */
CAPNP_PUBLIC capnp_builder capnp_question_params(capnp_question *q);

/**
 * The slot the parameter struct goes into, for callers that have only a schema.
 *
 * @param q  the question, or NULL
 * @return   the slot; zeroed on error
 */
CAPNP_PUBLIC capnp_abuilder capnp_question_params_any(capnp_question *q);

/**
 * Sends a call. Unsent questions that its target hangs on are sent first.
 *
 * @param q     the question, or NULL (then nothing happens at all)
 * @param done  called exactly once, from the loop, with 0 or what capnp_question_wait() would
 *              return, also when sending failed; may be NULL. It may free q.
 * @param arg   handed to done
 */
CAPNP_PUBLIC void capnp_question_send(capnp_question *q,
                                      void (*done)(capnp_question *q, int r, void *arg), void *arg);

/**
 * Sends a call if that has not been done, and runs the vat until it has returned. That it has
 * returned says nothing about its response: bytes are checked while they are read, and
 * capnp_question_check() says afterwards what the reading met.
 *
 * @param q  the question, or NULL
 * @return   0; CAPNP_E_EXCEPTION: see capnp_question_exception(); CAPNP_E_DISCONNECTED: likewise;
 *           CAPNP_E_LIMIT: the parameters broke a limit; -ENOMEM; -EDEADLK: called from a callback
 */
CAPNP_PUBLIC int capnp_question_wait(capnp_question *q) CAPNP_MUST_USE;

/**
 * Sends a stream call: it returns at once. Any number of writers may use one reference. Calls of
 * other kinds that are made on that reference afterwards are sent when all stream calls before them
 * have returned, and stream calls behind those wait with them.
 *
 * The first stream call that fails decides for its reference: everything that is made on it later,
 * or waits, fails with the same exception, also calls of other kinds. It is never forgotten; see
 * capnp_cap_stream_check(). Other references to the same object go on. Takes q.
 *
 * @param q      the question, or NULL
 * @param ready  called once from the loop, when the window has room again or a stream call has
 *               failed; may be NULL. Not called when 0 is returned. It can be taken back with
 *               capnp_cap_stream_forget(), and must be before arg goes.
 * @param arg    handed to ready
 * @return       0; CAPNP_E_LIMIT: sent, but wait for ready before the next; CAPNP_E_EXCEPTION: an
 *               earlier stream call on this reference failed, or it is null: nothing was sent;
 *               -ENOMEM: nothing was sent
 */
CAPNP_PUBLIC int capnp_question_stream(capnp_question *q, void (*ready)(void *arg),
                                       void *arg) CAPNP_MUST_USE;

/**
 * Whether a stream call on a reference has failed, as far as is known by now. Costs nothing.
 *
 * @param c        the reference the stream calls were made on, or NULL
 * @param ret_why  the exception of the first that failed, borrowed until c is dropped; may be NULL
 * @return         0: none; CAPNP_E_EXCEPTION or CAPNP_E_DISCONNECTED: *ret_why
 */
CAPNP_PUBLIC int capnp_cap_stream_check(const capnp_cap *c,
                                        capnp_exception *ret_why) CAPNP_MUST_USE;

/**
 * Asks to be told when every stream call made on a reference has returned; then
 * capnp_cap_stream_check() has the last word. A plain call, sent last, serves the same end.
 *
 * @param c     the reference the stream calls were made on, or NULL
 * @param done  called once from the loop, unless taken back with capnp_cap_stream_forget(); may be
 *              NULL
 * @param arg   handed to done
 * @return      what capnp_cap_stream_check() returns: there is nothing to wait for, and done is
 *              not called; CAPNP_E_LIMIT: wait for done; -ENOMEM
 */
CAPNP_PUBLIC int capnp_cap_stream_finish(capnp_cap *c, void (*done)(void *arg),
                                         void *arg) CAPNP_MUST_USE;

/**
 * Takes back what was handed to capnp_question_stream() or capnp_cap_stream_finish(): it will not
 * be called any more. Costs a look at each that waits.
 *
 * @param c    the reference they were made on, or NULL
 * @param fn   the callback
 * @param arg  its argument; entries with another one stay
 */
CAPNP_PUBLIC void capnp_cap_stream_forget(capnp_cap *c, void (*fn)(void *arg), void *arg);

/**
 * Whether a call has returned.
 *
 * @param q  the question, or NULL
 * @return   true when the response or the exception is there
 */
CAPNP_PUBLIC bool capnp_question_is_done(const capnp_question *q);

/**
 * How a call ended. As for capnp_question_wait(), 0 says that there is a response, not that it is
 * sound.
 *
 * @param q  the question, or NULL
 * @return   what capnp_question_wait() would return without waiting; -EAGAIN: not yet
 */
CAPNP_PUBLIC int capnp_question_result(const capnp_question *q) CAPNP_MUST_USE;

/**
 * Asks whether the response was sound, as far as it has been read. A malformed one reads as
 * defaults: read, ask, then believe. It costs nothing.
 *
 * @param q  the question, or NULL
 * @return   0; CAPNP_E_POISON: the response is malformed; CAPNP_E_LIMIT: it is nested too deeply,
 *           or reading it costs more than its size allows; or what capnp_question_result() returns
 *           when that is not 0
 */
CAPNP_PUBLIC int capnp_question_check(const capnp_question *q) CAPNP_MUST_USE;

/**
 * The exception a call ended with.
 *
 * @param q  the question, or NULL
 * @return   its kind and reason, borrowed until q is freed; "" when there is none
 */
CAPNP_PUBLIC capnp_exception capnp_question_exception(const capnp_question *q);

/**
 * What the exception a call ended with carries beside its reason: as it was sent, unless it has
 * come out of a membrane that rewrites reasons.
 *
 * @param q  the question, or NULL
 * @return   borrowed until q is freed; nothing when there is no exception
 */
CAPNP_PUBLIC struct capnp_exception_more capnp_question_exception_more(const capnp_question *q);

/**
 * The result struct.
 *
 * @param q  the question, or NULL
 * @return   borrowed until q is freed; all defaults before the return and after an exception
 */
CAPNP_PUBLIC capnp_reader capnp_question_response(capnp_question *q);

/**
 * The slot the result struct is in, for callers that have only a schema.
 *
 * @param q  the question, or NULL
 * @return   as capnp_question_response()
 */
CAPNP_PUBLIC capnp_any capnp_question_response_any(capnp_question *q);

/**
 * A reference in the results, by the pointers that lead to it. Before the return it is a promise,
 * and calls on it are sent along at once (pipelining); after it, the object. E-order holds between
 * both. Costs a comparison for each path that q was asked for before.
 *
 * @param q     the question, or NULL
 * @param path  pointer indexes from the result struct down
 * @param n     how many
 * @return      borrowed until q is freed; NULL on error or when the result holds a null
 */
CAPNP_PUBLIC capnp_cap *capnp_question_cap_peek(capnp_question *q, const uint16_t *path,
                                                unsigned n);

/**
 * Sends a call whose result nobody wants. It is not canceled. Takes q.
 *
 * @param q  the question, or NULL
 */
CAPNP_PUBLIC void capnp_question_detach(capnp_question *q);

/**
 * Sends a call that is made only for what is called on its results: whoever serves it need not send
 * a Return (rpc.capnp, Call.onlyPromisePipeline: "the sender only plans to use this call to make
 * pipelined calls"). It goes on for as long as a reference from capnp_question_cap_peek() is held
 * that somebody has taken, or a question is there, sent or not, that was begun on one. When the
 * last has gone the call is over, and canceled if it is still served. If there are none to begin
 * with, nothing is sent. Takes q, and what it has lent.
 *
 * What these references are is never said: each stays a reference to whatever the result is, there.
 * If the call fails, so do the calls on them, with its exception. A Return that comes all the same
 * from a peer that does not know better is thrown away, and what was in it given back.
 *
 * The Return is wanted all the same, and used, where it says more: when there are objects of ours
 * among the parameters, when the call crosses a membrane, when somebody has been promised to be
 * told what a result is while the call could not be sent, when this peer has sent one before that
 * was not wanted, or when an object of ours serves the call. Costs what a call costs, without its
 * Return.
 *
 * @param q  the question, which has not been sent, or NULL
 */
CAPNP_PUBLIC void capnp_question_pipeline(capnp_question *q);

/**
 * Frees a question. Before its return that cancels the call, unless references from
 * capnp_question_cap_peek() that somebody holds, or calls on them, still need it.
 *
 * @param q  the question, or NULL
 * @return   NULL
 */
CAPNP_PUBLIC capnp_question *capnp_question_free(capnp_question *q);

/**
 * capnp_question_free() for CAPNP_AUTO.
 *
 * @param q  the variable; set to NULL
 */
static inline void capnp_question_freep(capnp_question **q)
{
        *q = capnp_question_free(*q);
}

/* ---- calls we serve ----------------------------------------------------------------------- */

/**
 * The parameter struct.
 *
 * @param a  the answer
 * @return   valid until the answer ends, also when it is kept
 */
CAPNP_PUBLIC capnp_reader capnp_answer_params(capnp_answer *a);

/**
 * The slot the parameter struct is in.
 *
 * @param a  the answer
 * @return   as capnp_answer_params()
 */
CAPNP_PUBLIC capnp_any capnp_answer_params_any(capnp_answer *a);

/**
 * The result struct to fill in.
 *
 * @param a  the answer
 * @return   the struct, sized by the schema; the same one when asked again
 */
CAPNP_PUBLIC capnp_builder capnp_answer_results(capnp_answer *a);

/**
 * The slot the result struct goes into.
 *
 * @param a  the answer
 * @return   the slot
 */
CAPNP_PUBLIC capnp_abuilder capnp_answer_results_any(capnp_answer *a);

/**
 * The interface a call names.
 *
 * @param a  the answer
 * @return   its type id
 */
CAPNP_PUBLIC uint64_t capnp_answer_interface(const capnp_answer *a);

/**
 * The method a call names.
 *
 * @param a  the answer
 * @return   its ordinal
 */
CAPNP_PUBLIC uint16_t capnp_answer_method(const capnp_answer *a);

/**
 * The vat a call is served in.
 *
 * @param a  the answer
 * @return   the vat
 */
CAPNP_PUBLIC capnp_vat *capnp_answer_vat(const capnp_answer *a);

/**
 * Asks whether the parameters read so far were sound. Decode, ask, then act.
 *
 * @param a  the answer
 * @return   0; CAPNP_E_POISON or CAPNP_E_LIMIT: fail the call
 */
CAPNP_PUBLIC int capnp_answer_check(capnp_answer *a) CAPNP_MUST_USE;

/**
 * Says that a call is a stream call, for objects made with capnp_cap_new_dispatch(); of others the
 * schema says so. Until it ends, further calls of the same peer on the same object wait; if it ends
 * with an exception, they and all later ones fail with the same, until the peer has let go of the
 * object. Calls of other peers are not touched.
 *
 * @param a  the answer, from its handler, before it is ended
 * @return   0; -ENOMEM: fail the call
 */
CAPNP_PUBLIC int capnp_answer_stream(capnp_answer *a) CAPNP_MUST_USE;

/**
 * Ends an answer with its results. If the parameters read were poisoned and nobody asked, or if the
 * results were copied from a poisoned message, the caller gets an exception instead.
 *
 * @param a  the answer; taken
 * @return   0; -ENOMEM: the caller got an exception. A handler returns this value.
 */
CAPNP_PUBLIC int capnp_answer_return(capnp_answer *a);

/**
 * Ends an answer with an exception.
 *
 * @param a    the answer; taken
 * @param k    its kind
 * @param fmt  its reason, a printf format; cut after 4 KiB
 * @return     0. A handler returns this value.
 */
CAPNP_PUBLIC int capnp_answer_fail(capnp_answer *a, enum capnp_kind k, const char *fmt, ...)
        CAPNP_PRINTF(3, 4);

/**
 * Ends an answer with an exception that carries a trace or details.
 *
 * @param a     the answer; taken
 * @param why   the exception; its reason is copied, and cut after 4 KiB
 * @param more  what else it carries, copied; may be NULL. Without memory for it, it is left out.
 * @return      0. A handler returns this value.
 */
CAPNP_PUBLIC int capnp_answer_fail_more(capnp_answer *a, capnp_exception why,
                                        const struct capnp_exception_more *more);

/**
 * Ends an answer with whatever another call will return. Nothing passes through us when both ends
 * are the same peer.
 *
 * @param a       the answer; taken
 * @param unsent  a question that has not been sent; taken
 * @return        0; -ENOMEM. A handler returns this value.
 */
CAPNP_PUBLIC int capnp_answer_tail(capnp_answer *a, capnp_question *unsent);

/**
 * Lets calls on the results go on before the results do: the references that have been put into
 * them are what the caller will get, whatever else is to come. So who needs time for an answer, but
 * not for the objects in it, makes nobody wait who only calls these. If the answer fails, what was
 * called meanwhile has been served all the same.
 *
 * @param a  the answer; no reference in its results may be another one from then on, and where
 * there is none there will be none
 */
CAPNP_PUBLIC void capnp_answer_pipeline(capnp_answer *a);

/**
 * Says that an answer will be ended later.
 *
 * @param a         the answer; it stays valid until it is ended
 * @param canceled  called once, from the loop, when the caller has lost interest; the answer must
 *                  still be ended. May be NULL.
 * @param arg       handed to canceled
 * @return          0. A handler returns this value.
 */
CAPNP_PUBLIC int capnp_answer_keep(capnp_answer *a, void (*canceled)(capnp_answer *a, void *arg),
                                   void *arg);

/* ---- promises ----------------------------------------------------------------------------- */

/**
 * Makes a reference that will become another one. Calls on it wait, in order.
 *
 * @param v      the vat
 * @param ret_p  the deciding side; ended by resolve or break
 * @param ret_c  the reference; the caller's
 * @return       0; -ENOMEM
 */
CAPNP_PUBLIC int capnp_promise_new(capnp_vat *v, capnp_promise **ret_p,
                                   capnp_cap **ret_c) CAPNP_MUST_USE;

/**
 * Decides a promise. Waiting calls go to the object now, before any later one.
 *
 * @param p   the promise; taken
 * @param to  what it becomes; may be another promise, or NULL
 */
CAPNP_PUBLIC void capnp_promise_resolve(capnp_promise *p, capnp_cap *to);

/**
 * Decides a promise for the worse: waiting and later calls fail.
 *
 * @param p    the promise; taken
 * @param why  the exception; its reason is copied
 */
CAPNP_PUBLIC void capnp_promise_break(capnp_promise *p, capnp_exception why);

/* ---- when it is known --------------------------------------------------------------------- */

/**
 * Asks to be told when a reference is no promise any more: null, broken, or an object, on which
 * calls are where they always will be from then on. So if it is one of our own,
 * capnp_cap_self_peek() finds it, and what was called before has been put into its queue.
 *
 * @param c      the reference, not NULL; the wait holds it
 * @param fn     called once, from the loop; also if nothing had to be waited for. Not when the vat
 *               is freed before
 * @param arg    handed to fn
 * @param ret_w  the wait; freed by capnp_wait_free()
 * @return       0, or -ENOMEM
 */
CAPNP_PUBLIC int capnp_wait_new(capnp_cap *c, void (*fn)(void *arg), void *arg,
                                capnp_wait **ret_w) CAPNP_MUST_USE;

/**
 * Ends a wait; its function is not called any more. Allowed from it, too.
 *
 * @param w  the wait, or NULL
 * @return   NULL
 */
CAPNP_PUBLIC capnp_wait *capnp_wait_free(capnp_wait *w);

/* ---- the core of a connection: bytes in, bytes out ---------------------------------------- */

/** How much a connection holds. */
struct capnp_rpc_counts {
        uint32_t questions;     /**< calls we made that are not finished */
        uint32_t answers;       /**< calls of the peer that are not finished */
        uint32_t exports;       /**< our objects that the peer holds */
        uint32_t imports;       /**< the peer's objects that we hold */
        uint32_t embargoes;     /**< promises waiting for their order to be safe */
        uint64_t held_bytes;    /**< charged to the peer */
        uint64_t out_bytes;     /**< queued toward the peer */
        uint64_t message_bytes; /**< capnp_rpc_count_most(): the longest message, either way */
        uint32_t rate;          /**< calls that count for limits.rate */
        uint64_t calls_in;      /**< calls received, ever */
        uint64_t calls_out;     /**< calls sent, ever */
};

/**
 * Makes a vat without sockets: bytes are moved by capnp_rpc_feed() and capnp_rpc_out_peek(), and
 * nothing waits. capnp_vat_new() makes one with sockets. Freed with capnp_vat_free().
 *
 * @param ret_v  the vat
 * @return       0; -ENOMEM
 */
CAPNP_PUBLIC int capnp_vat_new_bare(capnp_vat **ret_v) CAPNP_MUST_USE;

/**
 * Ends every connection of a vat and runs the destructors that this causes. From then on it can be
 * asked what is left (capnp_vat_count()), and freed; nothing else.
 *
 * @param v  the vat
 */
CAPNP_PUBLIC void capnp_vat_end(capnp_vat *v);

/**
 * Sums up what all connections of a vat hold, also those that have ended while something is kept
 * that came over them.
 *
 * @param v      the vat
 * @param ret_n  filled in
 * @return       how many things belong to the vat: connections, references, calls, membranes. After
 *               capnp_vat_end(), when the program has dropped all that it held: 0, or something has
 *               been lost
 */
CAPNP_PUBLIC uint32_t capnp_vat_count(const capnp_vat *v, struct capnp_rpc_counts *ret_n);

/**
 * capnp_vat_end(), and frees the vat. References still held stay valid as broken ones.
 *
 * @param v  the vat, or NULL
 * @return   NULL
 */
CAPNP_PUBLIC capnp_vat *capnp_vat_free(capnp_vat *v);

/**
 * Bytes that all peers of a vat are charged with: the sum of struct capnp_rpc_counts.held_bytes,
 * connections that have ended included. It is 0 when all connections have ended, what that has
 * caused has run, and the program holds nothing that they have brought: whatever is left then, the
 * program has forgotten to let go of, or this library has.
 *
 * @param v  the vat
 * @return   bytes
 */
CAPNP_PUBLIC uint64_t capnp_vat_held_bytes(const capnp_vat *v);

/**
 * capnp_vat_free() for CAPNP_AUTO.
 *
 * @param v  the variable; set to NULL
 */
static inline void capnp_vat_freep(capnp_vat **v)
{
        *v = capnp_vat_free(*v);
}

/**
 * Makes a connection's core.
 *
 * @param v          the vat
 * @param l          limits, copied; NULL for the defaults
 * @param bootstrap  what the peer gets when it asks for the bootstrap object; may be NULL
 * @param ret_r      the core; freed by capnp_rpc_free()
 * @return           0; -ENOMEM
 */
CAPNP_PUBLIC int capnp_rpc_new(capnp_vat *v, const struct capnp_limits *l, capnp_cap *bootstrap,
                               capnp_rpc **ret_r) CAPNP_MUST_USE;

/**
 * Frees a core; closes it first if that has not been done.
 *
 * @param r  the core, or NULL
 * @return   NULL
 */
CAPNP_PUBLIC capnp_rpc *capnp_rpc_free(capnp_rpc *r);

/**
 * Asks for the peer's bootstrap object.
 *
 * @param r      the core
 * @param ret_c  a promise of it, usable at once; the caller's
 * @return       0; -ENOMEM. It is a broken one when r is closed, or its peer owes too many Returns.
 */
CAPNP_PUBLIC int capnp_rpc_bootstrap(capnp_rpc *r, capnp_cap **ret_c) CAPNP_MUST_USE;

/**
 * Takes bytes from the peer. Frames may be cut anywhere. A Call or Return that is longer than the
 * limits allow is thrown away, and its call fails; the connection goes on.
 *
 * @param r     the core
 * @param b     the bytes
 * @param len   how many; 0 means the peer has closed its side
 * @param fds   descriptors that came with them, which are those of the message that is incomplete
 *              at their end, or else of the last one; taken in any case; may be NULL when nfds is 0
 * @param nfds  how many
 * @return      0; CAPNP_E_PROTOCOL: the peer broke the protocol, now or before: an abort is queued,
 *              send it and close; CAPNP_E_DISCONNECTED: the peer closed or aborted, or the core is
 *              closed already; -ENOMEM: the connection is over
 */
CAPNP_PUBLIC int capnp_rpc_feed(capnp_rpc *r, const void *b, size_t len, const int *fds,
                                unsigned nfds) CAPNP_MUST_USE;

/**
 * Runs one event: a handler, a completion, a cancel notice or a destructor. The only function that
 * runs any code of the application.
 *
 * @param v  the vat
 * @return   true when one was run; false when the queue is empty
 */
CAPNP_PUBLIC bool capnp_rpc_step(capnp_vat *v);

/**
 * Whether capnp_rpc_step() has something to do.
 *
 * @param v  the vat
 * @return   true when events are queued
 */
CAPNP_PUBLIC bool capnp_rpc_pending(const capnp_vat *v);

/**
 * The bytes to send next.
 *
 * @param r         the core
 * @param ret_v     filled in, at most max entries; borrowed until capnp_rpc_out_sent()
 * @param max       entries at ret_v
 * @param ret_fds   descriptors that go with the first byte (borrowed); may be NULL
 * @param ret_nfds  how many; may be NULL
 * @return          entries filled in; 0: nothing to send. Bytes that have descriptors, and bytes
 *                  after them, are offered in separate calls.
 */
CAPNP_PUBLIC int capnp_rpc_out_peek(capnp_rpc *r, struct iovec *ret_v, unsigned max,
                                    const int **ret_fds, unsigned *ret_nfds);

/**
 * Says how much of what was peeked has been sent.
 *
 * @param r      the core
 * @param bytes  how many bytes; descriptors count as sent with the first
 */
CAPNP_PUBLIC void capnp_rpc_out_sent(capnp_rpc *r, size_t bytes);

/**
 * Whether the peer should be read from. False only while nothing that the peer could send is waited
 * for (no question of ours is open, no promise of its unresolved) and there is too much of what it
 * has asked for: results queued toward it beyond the limit's out_bytes, or parameters of calls not
 * yet answered beyond its held_bytes. What is fed all the same is refused when it is too much.
 *
 * @param r  the core
 * @return   true to read on
 */
CAPNP_PUBLIC bool capnp_rpc_wants_input(const capnp_rpc *r);

/**
 * Ends a connection: open calls fail, references break, what the peer held is dropped. Queues an
 * abort for the peer when why is not of kind disconnected. Once; later calls do nothing.
 *
 * @param r    the core
 * @param why  what open calls fail with; its reason is copied
 */
CAPNP_PUBLIC void capnp_rpc_close(capnp_rpc *r, capnp_exception why);

/**
 * Whether a connection has ended, and why.
 *
 * @param r        the core
 * @param ret_why  borrowed until r is freed; may be NULL
 * @return         true when closed, by us or by the peer
 */
CAPNP_PUBLIC bool capnp_rpc_is_closed(const capnp_rpc *r, capnp_exception *ret_why);

/** How a connection has ended: whose doing it was. */
enum capnp_end {
        CAPNP_END_NONE,    /**< it has not */
        CAPNP_END_CLOSED,  /**< the peer closed its side, between two messages */
        CAPNP_END_LOST,    /**< inside a message, or the transport broke: nobody said anything */
        CAPNP_END_ABORTED, /**< the peer said Abort; the reason has its words */
        CAPNP_END_BROKEN,  /**< the peer broke the protocol or a limit that nothing can be refused
                                at; it is told so by an Abort of ours, if it still reads */
        CAPNP_END_OURS,    /**< we: capnp_rpc_close(), or memory ran out in the middle */
};

/**
 * How a connection has ended. capnp_rpc_is_closed() has the reason in words.
 *
 * @param r  the core
 * @return   CAPNP_END_NONE while it is open; the first cause counts. Costs nothing.
 */
CAPNP_PUBLIC enum capnp_end capnp_rpc_end(const capnp_rpc *r);

/**
 * Counts what a connection holds.
 *
 * @param r      the core
 * @param ret_n  filled in
 */
CAPNP_PUBLIC void capnp_rpc_count(const capnp_rpc *r, struct capnp_rpc_counts *ret_n);

/**
 * Counts the most that a connection has held at once so far, of each kind by itself.
 *
 * @param r      the core
 * @param ret_n  filled in
 */
CAPNP_PUBLIC void capnp_rpc_count_most(const capnp_rpc *r, struct capnp_rpc_counts *ret_n);

/**
 * Changes a connection's limits. What is there already stays.
 *
 * @param r  the core
 * @param l  the new limits, copied; NULL for the defaults
 */
CAPNP_PUBLIC void capnp_rpc_set_limits(capnp_rpc *r, const struct capnp_limits *l);

/**
 * Whether a reference leads to an object of the peer's on this very connection.
 *
 * @param r  the core
 * @param c  the reference, or NULL
 * @return   true when calls on c go out on r and nowhere else
 */
CAPNP_PUBLIC bool capnp_rpc_owns(const capnp_rpc *r, const capnp_cap *c);

/**
 * Sees every frame, for tracing. Called from inside feed and send; must not call into the library.
 *
 * @param r    the core
 * @param fn   called with the frame as a message that can be read; NULL: no more tracing
 * @param arg  handed to fn
 */
CAPNP_PUBLIC void capnp_rpc_set_trace(capnp_rpc *r, void (*fn)(void *arg, bool in, capnp_msg *m),
                                      void *arg);

/**
 * Checks every invariant of the tables. For tests; walks all of them.
 *
 * @param r  the core
 * @return   0; -EUCLEAN: a bug of ours, see capnp_rpc_dump()
 */
CAPNP_PUBLIC int capnp_rpc_check(const capnp_rpc *r) CAPNP_MUST_USE;

/**
 * Prints the tables for a person, a line an entry; a broken row is marked [ERROR].
 *
 * @param r   the core
 * @param to  where to: a FILE of <stdio.h>
 */
CAPNP_PUBLIC void capnp_rpc_dump(const capnp_rpc *r, struct _IO_FILE *to);

#ifdef __cplusplus
}
#endif

#include "capnp-membrane.h" /* IWYU pragma: export */

#endif
