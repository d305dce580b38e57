/**
 * @file
 * A vat with sockets: connections, listeners, timers, one loop.
 *
 * The loop embeds anywhere: poll capnp_vat_fd() for at most capnp_vat_timeout_ms(), then call
 * capnp_vat_process(). capnp_question_wait() and capnp_vat_run() are that loop. A vat belongs to
 * one thread.
 *
 * Addresses are `unix:/path`, `unix-abstract:name`, `HOST:PORT`, `[IPv6]:PORT`, or for a listener
 * `*:PORT`; port 0 picks a free one.
 */
#ifndef CAPOS_CAPNP_VAT_H
#define CAPOS_CAPNP_VAT_H

#include "capnp-rpc.h"

#ifdef __cplusplus
extern "C" {
#endif

/** One connection of a vat. */
typedef struct capnp_conn capnp_conn;
/** A socket that connections come in by. */
typedef struct capnp_listener capnp_listener;
/** Something to be called once, later. */
typedef struct capnp_timer capnp_timer;
/** A descriptor of the program's own, watched by the loop. */
typedef struct capnp_watch capnp_watch;

/**
 * Makes a vat with a loop.
 *
 * @param ret_v  the vat; freed by capnp_vat_free()
 * @return       0; -ENOMEM; -EMFILE or another errno value of the kernel
 */
CAPNP_PUBLIC int capnp_vat_new(capnp_vat **ret_v) CAPNP_MUST_USE;

/**
 * Connects, and asks for the peer's bootstrap object. Name resolution blocks; connecting does not:
 * a refused connection shows as a broken reference.
 *
 * @param v              the vat
 * @param addr           where to
 * @param l              limits, or NULL
 * @param ret_bootstrap  a promise of the object, usable at once; the caller's. The connection lives
 *                       as long as something uses it.
 * @return               0; CAPNP_E_ADDRESS: no such address; a negative errno value
 */
CAPNP_PUBLIC int capnp_vat_connect(capnp_vat *v, const char *addr, const struct capnp_limits *l,
                                   capnp_cap **ret_bootstrap) CAPNP_MUST_USE;

/**
 * Serves an object to whoever connects, until the vat is freed.
 *
 * @param v          the vat
 * @param addr       where; a Unix socket file that nobody listens on is replaced
 * @param l          limits of each connection, or NULL
 * @param bootstrap  the object
 * @return           0; CAPNP_E_ADDRESS; a negative errno value (-EADDRINUSE)
 */
CAPNP_PUBLIC int capnp_vat_listen(capnp_vat *v, const char *addr, const struct capnp_limits *l,
                                  capnp_cap *bootstrap) CAPNP_MUST_USE;

/** Who connected, as the kernel says of a Unix socket: so it was at that moment. */
struct capnp_peer {
        bool known;   /**< false: by TCP, where nobody says, and the rest is 0 */
        int32_t pid;  /**< its process */
        uint32_t uid; /**< its user, the effective one */
        uint32_t gid; /**< its group, the effective one */
};

/**
 * Serves each connection an object of its own, until the vat is freed. What it was made for lasts
 * as long as the connection or whoever else holds it; the object's `gone` says so.
 *
 * @param v      the vat
 * @param addr   where; a Unix socket file that nobody listens on is replaced
 * @param l      limits of each connection, or NULL
 * @param offer  makes what a connection gets when it asks; called from the loop. Returns the
 * object, which is taken, or NULL: the connection is closed. It may not free the vat
 * @param self   handed to it; must outlive the vat
 * @return       0; CAPNP_E_ADDRESS; a negative errno value (-EADDRINUSE)
 */
CAPNP_PUBLIC int capnp_vat_listen_each(capnp_vat *v, const char *addr, const struct capnp_limits *l,
                                       capnp_cap *(*offer)(void *self,
                                                           const struct capnp_peer *peer),
                                       void *self) CAPNP_MUST_USE;

/**
 * What a program that wants to decide about each connection hands to capnp_listener_new().
 */
struct capnp_listener_ops {
        /** A connection came in: fd is taken. From the loop. */
        void (*accept)(void *self, int fd);
};

/**
 * Listens, and hands each connection's socket to the program.
 *
 * @param v      the vat
 * @param addr   where
 * @param o      its operations; must outlive the listener
 * @param self   handed to them
 * @param ret_l  the listener; freed by capnp_listener_free()
 * @return       0; CAPNP_E_ADDRESS; a negative errno value
 */
CAPNP_PUBLIC int capnp_listener_new(capnp_vat *v, const char *addr,
                                    const struct capnp_listener_ops *o, void *self,
                                    capnp_listener **ret_l) CAPNP_MUST_USE;

/**
 * The address a listener really has (its port, when 0 was asked for).
 *
 * @param l  the listener
 * @return   as text, borrowed until it is freed
 */
CAPNP_PUBLIC const char *capnp_listener_address(const capnp_listener *l);

/**
 * Stops listening. Connections stay.
 *
 * @param l  the listener, or NULL
 * @return   NULL
 */
CAPNP_PUBLIC capnp_listener *capnp_listener_free(capnp_listener *l);

/**
 * Speaks RPC on a socket that is connected already.
 *
 * @param v          the vat
 * @param fd         taken, also on failure; made non-blocking
 * @param l          limits, or NULL
 * @param bootstrap  what the peer gets when it asks; may be NULL
 * @param ret_c      the connection; the caller's; dropped by capnp_conn_unref(), which does not
 *                   close it
 * @return           0; -ENOMEM or another negative errno value
 */
CAPNP_PUBLIC int capnp_conn_new(capnp_vat *v, int fd, const struct capnp_limits *l,
                                capnp_cap *bootstrap, capnp_conn **ret_c) CAPNP_MUST_USE;

/**
 * Connects, for programs that want to hold the connection itself: to be told when it ends, to close
 * it, to offer the peer an object. Otherwise as capnp_vat_connect(): a refused connection shows as
 * one that has ended.
 *
 * @param v          the vat
 * @param addr       where to
 * @param l          limits, or NULL
 * @param bootstrap  what the peer gets when it asks; may be NULL
 * @param ret_c      the connection; the caller's, as that of capnp_conn_new()
 * @return           0; CAPNP_E_ADDRESS: no such address; a negative errno value
 */
CAPNP_PUBLIC int capnp_conn_connect(capnp_vat *v, const char *addr, const struct capnp_limits *l,
                                    capnp_cap *bootstrap, capnp_conn **ret_c) CAPNP_MUST_USE;

/**
 * Connects like capnp_conn_connect(), with nothing to offer, and asks whether the peer is the right
 * one before anything is sent to it.
 *
 * @param v      the vat
 * @param addr   where to
 * @param l      limits, or NULL
 * @param check  called once for each socket that has connected, from this call or from the vat's
 *               loop; false: the peer is wrong, and the connection ends with -EPERM as its reason.
 *               The socket is borrowed, and not to be read from or written to
 * @param ret_c  the connection; the caller's, as that of capnp_conn_new()
 * @return       0; CAPNP_E_ADDRESS: no such address; a negative errno value
 */
CAPNP_PUBLIC int capnp_conn_connect_checked(capnp_vat *v, const char *addr,
                                            const struct capnp_limits *l, bool (*check)(int fd),
                                            capnp_conn **ret_c) CAPNP_MUST_USE;

/**
 * Drops the caller's hold. The connection goes on while either side uses it.
 *
 * @param c  the connection, or NULL
 * @return   NULL
 */
CAPNP_PUBLIC capnp_conn *capnp_conn_unref(capnp_conn *c);

/**
 * capnp_conn_unref() for CAPNP_AUTO.
 *
 * @param c  the variable; set to NULL
 */
static inline void capnp_conn_unrefp(capnp_conn **c)
{
        *c = capnp_conn_unref(*c);
}

/**
 * The core of a connection: bootstrap, counts, close.
 *
 * @param c  the connection
 * @return   borrowed; valid as long as c is held
 */
CAPNP_PUBLIC capnp_rpc *capnp_conn_rpc(capnp_conn *c);

/**
 * What a filter works on during one call. All of it is borrowed until the call returns.
 */
struct capnp_filter_io {
        /** The core: what came in is given to capnp_rpc_feed(), what is to go out is taken by
         * capnp_rpc_out_peek() and capnp_rpc_out_sent(); or the filter closes it, saying why. */
        capnp_rpc *rpc;
        const uint8_t *in;   /**< bytes of the peer (in read only); the filter moves this on … */
        size_t in_len;       /**< … and says how many are left */
        bool ended;          /**< the socket has ended, after these bytes (in read only) */
        uint8_t *out;        /**< where bytes to the peer are put */
        size_t out_len;      /**< how many there are: 0 at first, the filter adds to it */
        size_t out_room;     /**< how many there may be at most */
        uint8_t *scratch;    /**< a buffer for whatever the filter likes; it wipes secrets itself */
        size_t scratch_room; /**< its size in bytes, 16 KiB at least */
        const char *note;    /**< NULL; the filter may set a text, which goes into the trace */
};

/**
 * A filter between the socket of a connection and its core: encryption, above all. It only
 * transforms bytes; reading, writing and waiting are done for it. All members are called from the
 * vat's loop, never one inside of the other, and must not block.
 */
struct capnp_filter_ops {
        /** Bytes came, or the core wants input again and pending() is true. Takes as much of `in`
         * as can be fed while capnp_rpc_wants_input(), and keeps no part of the rest: what it
         * leaves comes again, before anything newer. Answers of its own go to `out`; when that
         * is full it stops. At `ended` it feeds the end, or closes the core. */
        void (*read)(void *self, struct capnp_filter_io *x);
        /** There may be output: once after connecting, then at the end of each round in which
         * something happened, until it has added nothing. When the core is closed and nothing is
         * queued any more, it adds its last words, once. What it will never be able to send it
         * takes from the core all the same: the connection waits for that. */
        void (*write)(void *self, struct capnp_filter_io *x);
        /** Whether read() could feed something without new bytes. */
        bool (*pending)(const void *self);
        /** The connection has ended. Called once. */
        void (*free)(void *self);
};

/**
 * Puts a filter between a connection's socket and its core. Right after the connection was made,
 * before the vat runs again: then no byte has gone past it. No descriptors pass a filter.
 *
 * @param c     the connection, new from capnp_conn_new() or capnp_conn_connect()
 * @param o     its operations; must outlive the connection
 * @param self  handed to them; taken on success: freed by o->free, when c has ended and is held by
 *              nobody, or when the vat is freed
 * @return      0; -EALREADY: it has one; -ESHUTDOWN: the vat is gone; -ENOMEM. The first filter of
 *              a vat costs it 82 KiB, each one about 100 bytes beside its own
 */
CAPNP_PUBLIC int capnp_conn_set_filter(capnp_conn *c, const struct capnp_filter_ops *o,
                                       void *self) CAPNP_MUST_USE;

/**
 * Asks to be told when a connection has ended.
 *
 * @param c       the connection
 * @param closed  called once, from the loop, after its tables are empty; NULL: no more
 * @param arg     handed to closed
 */
CAPNP_PUBLIC void capnp_conn_on_close(capnp_conn *c, void (*closed)(capnp_conn *c, void *arg),
                                      void *arg);

/**
 * Sends what is queued, as far as the kernel takes it now, instead of at the end of the round: for
 * what must be on its way before something else happens. What it does not take, and what goes
 * wrong, is dealt with at the end of the round. Costs a system call when something is queued.
 *
 * @param c  the connection
 */
CAPNP_PUBLIC void capnp_conn_flush(capnp_conn *c);

/**
 * Ends a connection; what is queued is still sent, for at most a second.
 *
 * @param c    the connection
 * @param why  what open calls fail with
 */
CAPNP_PUBLIC void capnp_conn_close(capnp_conn *c, capnp_exception why);

/**
 * The descriptor to poll for input.
 *
 * @param v  the vat
 * @return   borrowed; -1 for a bare vat
 */
CAPNP_PUBLIC int capnp_vat_fd(const capnp_vat *v);

/**
 * How long to poll.
 *
 * @param v  the vat
 * @return   milliseconds; 0: do not wait; -1: for ever
 */
CAPNP_PUBLIC int capnp_vat_timeout_ms(const capnp_vat *v);

/**
 * Does everything that can be done without waiting.
 *
 * @param v  the vat
 * @return   0; a negative errno value: the loop itself is broken
 */
CAPNP_PUBLIC int capnp_vat_process(capnp_vat *v) CAPNP_MUST_USE;

/**
 * Polls and processes until capnp_vat_stop().
 *
 * @param v  the vat
 * @return   0; a negative errno value
 */
CAPNP_PUBLIC int capnp_vat_run(capnp_vat *v) CAPNP_MUST_USE;

/**
 * Makes capnp_vat_run() return. May be called from any callback.
 *
 * @param v  the vat
 */
CAPNP_PUBLIC void capnp_vat_stop(capnp_vat *v);

/**
 * Calls a function once, later.
 *
 * @param v         the vat
 * @param delay_ms  milliseconds from now, on the clock that goes on while the machine sleeps
 * @param fn        the function; the timer is gone when it is called
 * @param arg       handed to fn
 * @param ret_t     the timer, for capnp_timer_free(); may be NULL
 * @return          0; -ENOMEM
 */
CAPNP_PUBLIC int capnp_timer_new(capnp_vat *v, uint32_t delay_ms, void (*fn)(void *arg), void *arg,
                                 capnp_timer **ret_t) CAPNP_MUST_USE;

/**
 * Stops a timer that has not fired.
 *
 * @param t  the timer, or NULL
 * @return   NULL
 */
CAPNP_PUBLIC capnp_timer *capnp_timer_free(capnp_timer *t);

/**
 * Watches a descriptor of the program's own.
 *
 * @param v       the vat
 * @param fd      borrowed; must stay open until the watch is freed
 * @param events  EPOLLIN, EPOLLOUT …
 * @param fn      called from the loop with what happened
 * @param arg     handed to fn
 * @param ret_w   the watch; freed by capnp_watch_free(), also from fn
 * @return        0; -ENOMEM; -EPERM: not a descriptor that can be polled
 */
CAPNP_PUBLIC int capnp_watch_new(capnp_vat *v, int fd, uint32_t events,
                                 void (*fn)(void *arg, uint32_t events), void *arg,
                                 capnp_watch **ret_w) CAPNP_MUST_USE;

/**
 * Stops watching.
 *
 * @param w  the watch, or NULL
 * @return   NULL
 */
CAPNP_PUBLIC capnp_watch *capnp_watch_free(capnp_watch *w);

#ifdef __cplusplus
}
#endif

#endif
