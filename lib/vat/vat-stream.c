/*
 * Bytes between a socket and the core of a connection.
 *
 * Reading stops after a read that did not fill the buffer: trying again to see EAGAIN would cost a
 * system call a message, and a level-triggered loop tells if there is more. It also stops as soon
 * as the core wants no more input (doc/design/limits.md), and after 256 KiB, so that one connection
 * cannot starve the others.
 *
 * Where a long message has begun its bytes are read to where they will stay
 * (capnp_rpc_feed_place()), and nobody copies them. Behind it may come the next long one, of which
 * only the beginning is to be in the buffer of the loop: so a peer that sends very long ones is
 * read from in short pieces, until one has been filled with what is none.
 *
 * Writing is one sendmsg of up to 64 pieces; another only if the kernel took all of the last. After
 * a short write the kernel is full, there is no need to ask: the loop tells when there is room.
 *
 * Descriptors may have no room on their way, whatever the socket says (CAPOS_IO_REFS_MS): asking
 * the loop would find the socket writable and try again at once, and again. That limit is the
 * user's, so all connections of a vat wait for one timer.
 *
 * A peer that has closed may have said why before: when writing fails, what it sent is read first.
 * And somebody else may say why, who has ended it: a manager that takes a service away tells so on
 * a connection of its own first. So an end counts two rounds after it was seen, when whatever was
 * sent before it has been read, on all connections.
 *
 * Of a peer that takes turns (capnp_i_rpc_takes_turns()) the core may leave some of what was read.
 * It goes on with that at the end of this round and of each that follows, a turn at a time, and the
 * loop does not sleep meanwhile; or when a timer of the vat says that time has passed. Until then
 * the socket is not read.
 *
 * In nearly every round of a connection one read is fed and one piece is written, and all is as it
 * was. capnp_i_rpc_flows() tells that there is nothing else to look at, and then the functions
 * …_plain() do that and no more.
 *
 * A connection with a filter reads and writes by vat-filter.c; the rounds are the same.
 */
#include "vat-filter.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>

/* One read: where its bytes go, the core's place first if it has one; and what else it brings. */
struct input {
        struct iovec v[2];
        unsigned n, nfds;
        size_t placed, room; /* in the core's place; in all */
        int fds[CAPOS_IO_FDS];
};

/* Where the next bytes go: so many at most, or what our buffer has room for. */
static void stream_offer(capnp_conn *c, size_t most, struct input *in)
{
        struct capnp_i_place p = capnp_i_rpc_place(c->rpc);
        bool all = !p.b || (p.is_rest && p.len < most);

        if (p.b || c->filled)
                c->reads_long = p.total >= LONG_BYTES;
        in->n = in->nfds = 0;
        in->placed = in->room = p.len < most ? p.len : most;
        if (p.b)
                in->v[in->n++] = (struct iovec){p.b, in->placed};
        if (!all)
                return;

        in->v[in->n] = (struct iovec){c->io->in, c->reads_long ? HEAD_BYTES : READ_BYTES};
        in->room += in->v[in->n++].iov_len;
}

/* What a feed has returned; closes the core where that was our own side's fault. */
static int stream_fed(capnp_conn *c, int r)
{
        if (r < 0)
                capnp_rpc_close(c->rpc, (capnp_exception){CAPNP_FAILED, capnp_strerror(r)});
        return r;
}

/* The loop tells again what it has told of a socket that has ended. It may have ended after the
 * loop had looked at the others, so what they had said before is read in the next round, perhaps
 * after this socket: the end counts in the round after that. */
bool capnp_i_stream_end_counts(capnp_conn *c)
{
        if (!c->end_round)
                c->end_round = c->io->rounds;
        return c->io->rounds > c->end_round + 1;
}

/*
 * A few messages, then what they have caused, then the next: calls that end at once have gone
 * before the next ones come, and what is touched stays in the cache. How many events that is has a
 * bound; what is left of them is run at the end of the round. So is all of it once much is to be
 * sent: what one read has brought is judged by what waited before it, not by its own results.
 * Messages that came with descriptors are fed at once, for these are bound to the last of them.
 */
enum { FEED_MESSAGES = 16, FEED_STEPS = 64 };

/* What the first of them have left. */
static int stream_feed_on(capnp_conn *c, const uint8_t *b, size_t n)
{
        size_t left = n;
        int r;

        do {
                for (unsigned i = 0; i < FEED_STEPS && !capnp_i_rpc_has_much_out(c->rpc); i++)
                        if (!capnp_rpc_step(c->io->vat))
                                break;
                b += n - left;
                n = left;
                r = capnp_i_rpc_feed_some(c->rpc, b, n, FEED_MESSAGES, &left);
        } while (!r && left);
        return r;
}

static inline int stream_feed(capnp_conn *c, const uint8_t *b, size_t n)
{
        size_t left;
        int r = capnp_i_rpc_feed_some(c->rpc, b, n, FEED_MESSAGES, &left);

        return r || !left ? r : stream_feed_on(c, b + n - left, left);
}

static int stream_feed_fds(capnp_conn *c, const uint8_t *b, size_t n, const int *fds, unsigned nfds)
{
        return nfds ? capnp_rpc_feed(c->rpc, b, n, fds, nfds) : stream_feed(c, b, n);
}

/* What one read has brought, in one piece or two. Descriptors are those of its end. */
static int stream_feed_all(capnp_conn *c, const struct input *in, size_t n)
{
        int r;

        if (!in->placed || n <= in->placed)
                return stream_feed_fds(c, in->v[0].iov_base, n, in->fds, in->nfds);

        r = capnp_rpc_feed(c->rpc, in->v[0].iov_base, in->placed, NULL, 0);
        if (!r)
                return stream_feed_fds(c, in->v[1].iov_base, n - in->placed, in->fds, in->nfds);

        capos_io_fds_close(in->fds, in->nfds);
        return r;
}

/* A read that has brought nothing, or found the end. 0; -errno: the socket is of no more use. */
static int stream_nothing(capnp_conn *c, ssize_t n)
{
        if (n == -EAGAIN)
                return 0;
        if (!capnp_i_stream_end_counts(c)) {
                c->end_error = n ? (int)n : c->end_error; /* the kernel says it once */
                return 0;
        }
        n = n ? n : c->end_error;
        if (n < 0)
                return (int)n;

        c->peer_ended = true;
        (void)stream_fed(c, capnp_rpc_feed(c->rpc, NULL, 0, NULL, 0));
        capnp_i_conn_note(c);
        return 0;
}

/* One read of so many bytes, and its feed. 1: there may be more; 0: not now; -errno: the socket is
 * of no more use. */
static int stream_read_once(capnp_conn *c, size_t most)
{
        unsigned max = capnp_i_rpc_fds_in(c->rpc);
        struct input in;
        ssize_t n;
        bool wipe;
        int r;

        stream_offer(c, most, &in);
        n = max || in.n > 1 ? capos_io_stream_read_fds(c->fd, in.v, in.n, in.fds, max, &in.nfds)
                            : capos_io_stream_read(c->fd, in.v[0].iov_base, in.room);
        if (n <= 0)
                return stream_nothing(c, n);

        c->io->read_bytes += (uint64_t)n;
        c->filled = (size_t)n == in.room;
        wipe = capnp_i_rpc_wipes(c->rpc);
        r = stream_fed(c, stream_feed_all(c, &in, (size_t)n));
        if (wipe && (size_t)n > in.placed)
                explicit_bzero(c->io->in, (size_t)n - in.placed);
        if (!r)
                return c->filled;

        capnp_i_conn_note(c);
        return 0;
}

/* Whether the core goes on; and what it had left over, with it. */
static bool stream_take_turn(capnp_conn *c)
{
        uint64_t now_ms = capnp_i_rpc_has_rate(c->rpc) ? capos_io_now_ms() : 0;

        if (!stream_fed(c, capnp_i_rpc_turn(c->rpc, now_ms)))
                return true;

        capnp_i_conn_note(c);
        return false;
}

void capnp_i_stream_turn(capnp_conn *c)
{
        enum capnp_i_stall stall = CAPNP_I_GOES_ON;

        if (stream_take_turn(c))
                stall = capnp_i_rpc_stall(c->rpc);
        c->left = stall != CAPNP_I_GOES_ON;
        c->waits = stall == CAPNP_I_WAITS;
        if (c->waits && !c->io->turns.place)
                capos_io_timer_start(&c->io->turns, TURN_MS);
        if (stall == CAPNP_I_HAS_TURN)
                capnp_i_conn_note(c);
}

void capnp_i_stream_on_turns(struct capos_io_timer *t)
{
        struct vat_io *io = CAPNP_I_OF(t, struct vat_io, turns);

        for (struct capnp_i_list *l = io->conns.next; l != &io->conns; l = l->next)
                if (CAPNP_I_OF(l, capnp_conn, link)->waits)
                        capnp_i_conn_note(CAPNP_I_OF(l, capnp_conn, link));
}

/* Input is not wanted: perhaps because some of it has been left over. */
static void stream_rest(capnp_conn *c)
{
        c->left = capnp_i_rpc_stall(c->rpc) != CAPNP_I_GOES_ON;
}

int capnp_i_stream_read(capnp_conn *c)
{
        uint64_t stop = c->io->read_bytes + READ_ROUND_BYTES;
        bool wants;
        int r;

        if (capnp_i_rpc_takes_turns(c->rpc) && !stream_take_turn(c))
                return 0;
        do {
                r = c->filter ? capnp_i_filter_read(c)
                              : stream_read_once(c, stop - c->io->read_bytes);
                wants = capnp_rpc_wants_input(c->rpc);
        } while (r > 0 && wants && c->io->read_bytes < stop);
        if (r >= 0 && (!wants || c->filter))
                capnp_i_conn_note(c);
        if (!wants)
                stream_rest(c);
        return r < 0 ? r : 0;
}

int capnp_i_stream_read_plain(capnp_conn *c)
{
        ssize_t n;

        if (c->reads_long)
                return capnp_i_stream_read(c);

        n = capos_io_stream_read(c->fd, c->io->in, READ_BYTES);
        if (n <= 0)
                return stream_nothing(c, n);

        c->io->read_bytes += (uint64_t)n;
        if (stream_fed(c, stream_feed(c, c->io->in, (size_t)n)) || !capnp_rpc_wants_input(c->rpc)) {
                capnp_i_conn_note(c);
                stream_rest(c);
                return 0;
        }
        return n == READ_BYTES ? capnp_i_stream_read(c) : 0;
}

/* What the kernel has taken of so many bytes, or why it has taken none. As stream_write_once(). */
static int stream_sent(capnp_conn *c, ssize_t sent, size_t total)
{
        if (sent == -EAGAIN || sent == -ETOOMANYREFS) {
                c->blocked = true;
                c->short_refs = sent == -ETOOMANYREFS;
                if (c->short_refs && !c->io->refs.place)
                        capos_io_timer_start(&c->io->refs, CAPOS_IO_REFS_MS);
                return 0;
        }
        if (sent < 0)
                return (int)sent;

        capnp_rpc_out_sent(c->rpc, (size_t)sent);
        c->blocked = (size_t)sent < total;
        return !c->blocked && capnp_i_rpc_has_out(c->rpc);
}

/* Once: up to 64 pieces. 1: all taken, and there is more; 0: nothing left or no room; -errno. */
static int stream_write_once(capnp_conn *c, size_t *ret_bytes)
{
        struct iovec v[WRITE_VECTORS];
        const int *fds = NULL;
        unsigned nfds = 0;
        size_t total = 0;
        ssize_t sent;
        int n;

        n = capnp_rpc_out_peek(c->rpc, v, WRITE_VECTORS, &fds, &nfds);
        if (n <= 0)
                return 0;

        for (int i = 0; i < n; i++)
                total += v[i].iov_len;
        sent = capos_io_stream_write(c->fd, v, (unsigned)n, fds, nfds);
        *ret_bytes += sent > 0 ? (size_t)sent : 0;
        return stream_sent(c, sent, total);
}

int capnp_i_stream_write(capnp_conn *c)
{
        size_t bytes = 0;
        int r = 1;

        while (r > 0 && !c->blocked && bytes < WRITE_ROUND_BYTES)
                r = c->filter ? capnp_i_filter_write(c, &bytes) : stream_write_once(c, &bytes);
        /* The turn of others; but this must not be the last that happens here. */
        if (r > 0 && !c->blocked)
                capnp_i_conn_note(c);
        return r < 0 ? r : 0;
}

int capnp_i_stream_write_plain(capnp_conn *c)
{
        const void *b;
        size_t len = capnp_i_rpc_out_one(c->rpc, &b);
        struct iovec v;
        ssize_t sent;
        int r;

        if (!len)
                return capnp_i_stream_write(c);

        v = (struct iovec){(void *)(uintptr_t)b, len};
        sent = capos_io_stream_write(c->fd, &v, 1, NULL, 0);
        if ((size_t)sent == len) {
                capnp_rpc_out_sent(c->rpc, len);
                return 0;
        }

        r = stream_sent(c, sent, len);
        return r < 0 ? r : 0;
}

void capnp_i_stream_on_refs(struct capos_io_timer *t)
{
        struct vat_io *io = CAPNP_I_OF(t, struct vat_io, refs);

        for (struct capnp_i_list *l = io->conns.next; l != &io->conns; l = l->next) {
                capnp_conn *c = CAPNP_I_OF(l, capnp_conn, link);

                if (!c->short_refs)
                        continue;
                c->blocked = c->short_refs = false;
                capnp_i_conn_note(c);
        }
}

bool capnp_i_stream_discard(capnp_conn *c)
{
        ssize_t n = capos_io_stream_read(c->fd, c->io->in, READ_BYTES);

        return n > 0 || n == -EAGAIN;
}
