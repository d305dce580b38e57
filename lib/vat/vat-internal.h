/* What a vat with sockets is made of: its loop, its connections, its listeners. */
#ifndef CAPNP_VAT_INTERNAL_H
#define CAPNP_VAT_INTERNAL_H

#include "io-loop.h"
#include "io-socket.h"
#include "io-stream.h"
#include "rpc-loop.h"

#include <capos/capnp-vat.h>
#include <errno.h>

enum {
        READ_BYTES = 64 * 1024,         /* one read … */
        HEAD_BYTES = 1024,              /* … where the beginning of a long message is expected: */
        LONG_BYTES = 32 * 1024,         /* of so many, of which hardly two come in a read */
        READ_ROUND_BYTES = 256 * 1024,  /* of one connection in one round */
        WRITE_ROUND_BYTES = 512 * 1024, /* likewise */
        WRITE_VECTORS = 64,
        READ_PAUSE_MS = 1000, /* a peer is not read from for so long, unless something moves */
        TURN_MS = 10,    /* until one that has made too many calls may go on, again and again */
        CLOSE_MS = 1000, /* a closed connection may take this long to send its last words */
};

/* The loop of a vat: what capnp_i_vat_loop() returns. */
struct vat_io {
        capnp_vat *vat;
        struct capos_io_loop loop;
        struct capnp_i_list conns, listeners, watches, timers;
        struct capos_io_timer refs;  /* runs while connections are short of descriptors' places */
        struct capos_io_timer turns; /* runs while connections wait for their rate */
        uint8_t *in;                 /* READ_BYTES, shared: the core copies what it keeps */
        uint8_t *filter_bytes;       /* shared by connections with a filter; NULL: none has been */
        uint64_t read_bytes;         /* since events were last run */
        uint64_t rounds;             /* how many there have been, with this one */
        uint32_t last_number;
        bool busy;      /* a round is running: none may start inside of it */
        bool filtering; /* a filter is at work in filter_bytes */
        bool ending;    /* the vat is being freed: nothing new */
        bool stop;      /* asked for by capnp_vat_stop() */
        bool tracing;   /* CAPNP_TRACE=1 */
};

/* The loop of a vat that can take something new. 0; -EOPNOTSUPP: a bare vat; -ESHUTDOWN: it ends.
 */
static inline int CAPNP_MUST_USE capnp_i_vat_io(capnp_vat *v, struct vat_io **ret_io)
{
        struct vat_io *io = capnp_i_vat_loop(v);

        if (!io)
                return -EOPNOTSUPP;
        if (io->ending)
                return -ESHUTDOWN;

        *ret_io = io;
        return 0;
}

enum conn_state {
        CONN_CONNECTING, /* no socket yet, or one that is not connected */
        CONN_OPEN,
        CONN_CLOSING,   /* the core has ended; what it has queued is being sent */
        CONN_LINGERING, /* all is sent; waiting for the peer to end its side, too */
        CONN_CLOSED,    /* no socket */
};

/* A connect() that has not succeeded yet. What happens meanwhile is told who has begun it. */
struct conn_attempt {
        void (*on_event)(capnp_conn *c); /* of the socket */
        void (*on_timer)(capnp_conn *c);
        struct capos_io_addresses addresses;
        bool (*check)(int fd); /* whether the peer is the right one; NULL: anybody is */
        unsigned at;           /* the address being tried */
        uint64_t give_up_ms;   /* when a full Unix listener is no longer waited for */
};

struct capnp_conn {
        struct vat_io *io; /* NULL: the vat has been freed */
        struct capnp_i_list link;
        struct capos_io_watch watch;
        struct capos_io_task settle;
        struct capos_io_timer timer; /* connecting: try again; open: read on; closing: the end */
        capnp_rpc *rpc;
        struct conn_attempt *attempt;
        struct conn_filter *filter; /* NULL: the socket has what the core has */
        int fd;
        int end_error; /* by which the socket ended; 0: by none */
        enum conn_state state;
        uint64_t end_round; /* in which the socket was found to have ended; 0: it has not */
        uint64_t progress;  /* of the core, when input was last found not to be wanted */
        uint32_t number;    /* for the trace */
        bool paused;        /* the timer runs, so that this ends */
        bool held;          /* the program has a reference */
        bool ends_idle;     /* nobody can use it any more once its tables are empty */
        bool maybe_idle;    /* look whether they are */
        bool reads_long;    /* the peer sends long messages */
        bool filled;        /* the last read has brought as much as it could */
        bool blocked;       /* the kernel takes no more output for now */
        bool short_refs;    /* … and io->refs, not the socket, tells when that may be over */
        bool left;          /* the core has some of what was read to go on with */
        bool waits;         /* for its rate, and io->turns */
        bool peer_ended;    /* the peer has closed its side */
        bool told;          /* closed() has been called */
        void (*closed)(capnp_conn *c, void *arg);
        void *closed_arg;
};

/* Makes a connection in state CONNECTING, held by nobody. fd: -1 or a socket, taken on success. */
int capnp_i_conn_make(struct vat_io *io, int fd, const struct capnp_limits *l, capnp_cap *bootstrap,
                      capnp_conn **ret_c) CAPNP_MUST_USE;
/* Makes one of a connected socket, in state OPEN. fd: taken on success. 0; -ENOTSOCK; -errno. */
int capnp_i_conn_adopt(struct vat_io *io, int fd, const struct capnp_limits *l,
                       capnp_cap *bootstrap, capnp_conn **ret_c) CAPNP_MUST_USE;
/* Undoes capnp_i_conn_make(); closes the socket. */
void capnp_i_conn_discard(capnp_conn *c);
/* Puts the connection on the list of those to be looked at when the round ends. */
static inline void capnp_i_conn_note(capnp_conn *c)
{
        capos_io_task_add(&c->settle, &c->io->loop);
}

/* Begins to watch the socket of a connection. 0, or -errno. */
int capnp_i_conn_watch(capnp_conn *c, uint32_t events) CAPNP_MUST_USE;
/* The socket is connected: from now on bytes move. */
void capnp_i_conn_set_open(capnp_conn *c);
/* The socket is no longer of use: closes it and fails what is open. */
void capnp_i_conn_break(capnp_conn *c, const char *what, int error);
/* The vat is being freed: the last words are sent if the kernel takes them at once. */
void capnp_i_conn_end(capnp_conn *c);

/* vat-stream.c */
/* Reads, and feeds what has come. 0; -errno: the socket is of no more use. */
int capnp_i_stream_read(capnp_conn *c) CAPNP_MUST_USE;
/* The same, where capnp_i_rpc_flows(), and there is no filter. */
int capnp_i_stream_read_plain(capnp_conn *c) CAPNP_MUST_USE;
/* Goes on with what the core has left over, if it is time. */
void capnp_i_stream_turn(capnp_conn *c);
/* The timer io->turns: every connection that waits for it is looked at. */
void capnp_i_stream_on_turns(struct capos_io_timer *t);
/* Sends what is queued until it is all gone or the kernel takes no more. 0; -errno: it never will.
 */
int capnp_i_stream_write(capnp_conn *c) CAPNP_MUST_USE;
/* The same, for a connection without a filter. */
int capnp_i_stream_write_plain(capnp_conn *c) CAPNP_MUST_USE;
/* The socket has ended: whether that counts already. Once a round. */
bool capnp_i_stream_end_counts(capnp_conn *c);
/* The timer io->refs: every connection that waits for it tries again. */
void capnp_i_stream_on_refs(struct capos_io_timer *t);
/* Throws away what the peer still sends. false: it has ended its side. */
bool capnp_i_stream_discard(capnp_conn *c);

/* vat-listen.c, vat-watch.c: ends all of a vat */
void capnp_i_listeners_end(struct vat_io *io);
void capnp_i_watches_end(struct vat_io *io);

/* vat-trace.c */
bool capnp_i_trace_is_wanted(void);
void capnp_i_trace_start(capnp_conn *c);
/* A line about the connection itself. Nothing without CAPNP_TRACE. */
void capnp_i_trace_note(const capnp_conn *c, const char *what);

#endif
