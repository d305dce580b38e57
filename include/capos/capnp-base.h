/**
 * @file
 * Cap'n Proto for C: errors, limits and the few words every other header uses.
 *
 * Everything public is declared in one of the headers that <capos/capnp.h> includes. The library
 * keeps no global state, starts no thread, never exits and never logs.
 */
#ifndef CAPOS_CAPNP_BASE_H
#define CAPOS_CAPNP_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Marks a symbol of the shared library. */
#define CAPNP_PUBLIC __attribute__((visibility("default")))
/** The caller must look at the result. */
#define CAPNP_MUST_USE __attribute__((warn_unused_result))
/** Declares a local that owns: CAPNP_AUTO(capnp_vat_freep) capnp_vat *v = NULL; */
#define CAPNP_AUTO(fn) __attribute__((cleanup(fn)))
/** The argument positions of a printf-like function. */
#define CAPNP_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))

/** A constant of generated code: the code of one schema may be in a program twice. */
#define CAPNP_SHARED __attribute__((weak))

#ifndef __cplusplus
/** A value of a struct type, its members in order: C++ has no compound literals. */
#define CAPNP_NEW(type, ...) ((type){__VA_ARGS__})
/** A zeroed value of a struct type. */
#define CAPNP_ZERO(type) ((type){0})
/** Behind an enum's name: its values are 16 bits. Else C++ lets no unknown value be held in it. */
#define CAPNP_ENUM_U16
#else
#define CAPNP_NEW(type, ...) (type{__VA_ARGS__})
#define CAPNP_ZERO(type)     (type{})
#define CAPNP_ENUM_U16       : uint16_t
#endif

/**
 * What can go wrong because of somebody else. Our own failures are negative errno values
 * (-ENOMEM above all); capnp_strerror() knows both.
 */
enum capnp_err {
        CAPNP_E_EXCEPTION = 0x101, /**< the call ended with an exception of the other side */
        CAPNP_E_DISCONNECTED,      /**< the connection, or the vat behind it, is gone */
        CAPNP_E_PROTOCOL,          /**< the peer broke the protocol; the connection is over */
        CAPNP_E_POISON,            /**< a message's bytes are not a valid message */
        CAPNP_E_LIMIT,             /**< a limit of ours was reached; try later, or with less */
        CAPNP_E_CANCELED,          /**< the call was given up by its own caller */
        CAPNP_E_SHORT,             /**< the input ends before the message does */
        CAPNP_E_ADDRESS,           /**< an address that nothing can be made of */
        CAPNP_E_SYNTAX,            /**< a text that does not follow its grammar or its schema */
        CAPNP_E_UNKNOWN,           /**< a name or an id that the schema does not have */
};

/** The four kinds of exception that cross a wire (rpc.capnp, Exception.Type, same values). */
enum capnp_kind {
        CAPNP_FAILED,        /**< it went wrong and would again */
        CAPNP_OVERLOADED,    /**< too much at the moment: try later */
        CAPNP_DISCONNECTED,  /**< what was needed has gone: connect again */
        CAPNP_UNIMPLEMENTED, /**< the object does not have this method */
};

/** An exception: its kind, and a reason for a person. The text is borrowed. */
typedef struct {
        enum capnp_kind kind; /**< which of the four */
        const char *reason;   /**< NUL-terminated UTF-8, never NULL */
} capnp_exception;

/**
 * What one peer may make us hold. A member of 0 takes the default named beside it; a NULL pointer
 * to this struct takes all defaults.
 */
struct capnp_limits {
        uint64_t message_bytes; /**< one message, all segments, either way; a longer one fails its
                                     call with `over-quota.bytes: …`: 64 MiB */
        uint64_t out_bytes;     /**< results queued toward a peer that is not reading, before we
                                     stop reading from it: 4 MiB. Beyond twice as much, and 1 MiB,
                                     results that are relayed to it are replaced by an exception
                                     `over-quota.bytes: …` */
        uint64_t held_bytes;    /**< kept for the peer's unfinished calls and references: 6 MiB
                                     beyond what a single message brings. When unanswered calls are
                                     too many bytes, reading stops for a while; otherwise calls are
                                     refused with `over-quota.bytes: …`. References, with what they
                                     are broken with, may come to twice as much with one message;
                                     what exceeds that fails its call, or, in a Resolve, ends the
                                     connection. When the peer owes Returns for so many bytes of
                                     calls that were given up, our own calls to it fail with
                                     `over-quota.calls: …` */
        uint32_t answers;       /**< calls of the peer not yet finished: 65,536 */
        uint32_t refs;          /**< references of the peer to our objects, and of ours to the
                                     peer's, each: 65,536 */
        uint32_t depth;         /**< nesting of pointers in one message: 64 */
        uint32_t fds;           /**< file descriptors in one message, at most 16: 0 */
        uint32_t segments;      /**< segments of one message: 511, as many as the
                                     C++ implementation takes */
        uint64_t traversal;     /**< words a reader may visit in one message: 8 × its size, and at
                                     least 8 Mi words (64 MiB) */
        uint64_t window_bytes;  /**< stream calls in flight per target before
                                     capnp_question_stream() asks to wait: 64 KiB */
        uint32_t turn;          /**< calls of the peer that are taken before it is the turn of
                                     other connections: any (0). Held by vats with sockets */
        uint32_t rate;          /**< calls of the peer in a second: beyond that they are taken one
                                     by one as time passes, and meanwhile nothing is read: any (0).
                                     Likewise */
        bool fds_out_only;      /**< fds is for what is sent; what comes is never taken: false */
        bool data_only;         /**< the peer sends no capabilities: a Call or Return whose table
                                     has an entry, and any Resolve, end the connection as a breach
                                     of the protocol, before anything is looked up: false */
        bool wipe;              /**< messages carry secrets: memory that held one is wiped before it
                                     is used for something else or given back: false */
};

/** A text inside a message, or one to be put there. */
typedef struct {
        const char *p; /**< NUL-terminated when it comes from a reader; never NULL there */
        uint32_t len;  /**< bytes, without the NUL */
} capnp_text;

/** Bytes inside a message, or bytes to be put there. */
typedef struct {
        const uint8_t *p; /**< may be NULL when len is 0 */
        uint32_t len;     /**< bytes */
} capnp_data;

/** Something an exception says to programs that know its id (rpc.capnp, Exception.Detail). */
struct capnp_detail {
        uint64_t id;     /**< what it is: a number made with `capnp id` */
        capnp_data data; /**< what that id says it is */
};

/**
 * What an exception may carry beside its kind and reason. At most 16 KiB of trace, and 16 details
 * of 16 KiB together, are kept; what exceeds that is left out.
 */
struct capnp_exception_more {
        const char *trace;                  /**< where it came about, for a person; NULL or "":
                                                 nothing is said. Never NULL when it is read. */
        const struct capnp_detail *details; /**< may be NULL when ndetails is 0 */
        uint32_t ndetails;                  /**< entries of details */
};

/**
 * Says in words what a returned code means.
 *
 * @param r  0, a negative errno value or an enum capnp_err
 * @return   a static text, never NULL; costs nothing
 */
CAPNP_PUBLIC const char *capnp_strerror(int r);

#ifdef __cplusplus
}
#endif

#endif
