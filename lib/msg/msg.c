/*
 * Messages: their life, their segments, their capabilities, their form on a stream.
 *
 * A received message borrows its bytes. A message being built is an arena: objects are taken from
 * the end of its last segment (or of the segment of the pointer to them), never given back, never
 * moved; when a segment is full another is made, as large as all before it together. Words are
 * zeroed when they are taken and not before, so that memory nobody uses is never touched, and no
 * byte goes out that nobody wrote.
 *
 * Everything a reader finds wrong and everything a setter has no memory for ends in one place, the
 * first error of the message; capnp_msg_check() is the only question.
 */
#include "msg-internal.h"

#include "wire.h"

#include <errno.h>
#include <stdlib.h>

/* Where the segments of a message without words are, so that no base is NULL. */
static const uint64_t msg_no_words[1];

/* ---- life --------------------------------------------------------------------------------- */

int capnp_i_msg_init_received(capnp_msg *m, uint64_t *words, const void *sizes, uint32_t nsegs,
                              const struct capnp_limits *l)
{
        struct capnp_limits own;
        uint64_t at = 0;

        if (!l || !l->depth) {
                own = capnp_i_limits(l);
                l = &own;
        }

        capnp_i_msg_init(m);
        if (nsegs > CAPNP_I_SEGMENTS) {
                m->segs = malloc(nsegs * sizeof(*m->segs));
                if (!m->segs) {
                        capnp_i_msg_init(m);
                        return -ENOMEM;
                }
                m->room_segs = nsegs;
        }

        if (!words)
                words = (uint64_t *)(uintptr_t)msg_no_words;
        for (uint32_t i = 0; i < nsegs; i++) {
                uint32_t n;

                memcpy(&n, (const uint8_t *)sizes + 4 * (size_t)i, sizeof(n));
                m->segs[i] = (struct capnp_i_segment){words + at, n, n};
                at += n;
        }

        m->nsegs = nsegs;
        m->borrowed = nsegs;
        m->budget = capnp_i_msg_budget(at, l);
        m->depth = capnp_i_msg_depth(l);
        return 0;
}

void capnp_i_msg_deinit_any(capnp_msg *m)
{
        for (uint32_t i = m->ncaps; i-- > 0;)
                capnp_i_msg_drop_cap(m, i);
        for (uint32_t i = m->borrowed; i < m->nsegs; i++)
                free(m->segs[i].base);
        if (m->caps != m->inline_caps)
                free(m->caps);
        if (m->segs != m->inline_segs)
                free(m->segs);
}

void capnp_msg_clear(capnp_msg *m)
{
        struct capnp_i_segment keep = {0};
        uint32_t kept = 0;

        if (!m->building)
                return;

        for (uint32_t i = m->ncaps; i-- > 0;)
                capnp_i_msg_drop_cap(m, i);
        for (uint32_t i = 0; i < m->nsegs; i++)
                if (m->segs[i].room > keep.room)
                        keep = m->segs[kept = i];
        for (uint32_t i = m->borrowed; i < m->nsegs; i++)
                if (i != kept)
                        free(m->segs[i].base);

        m->ncaps = 0;
        m->error = 0;
        m->borrowed = kept < m->borrowed && m->nsegs ? 1 : 0;
        m->nsegs = m->nsegs ? 1 : 0;
        m->segs[0] = (struct capnp_i_segment){keep.base, 0, keep.room};
}

int capnp_msg_new(capnp_msg **ret_m)
{
        capnp_msg *m;

        _Static_assert(sizeof(*m) % sizeof(uint64_t) == 0, "the first segment follows");
        m = malloc(sizeof(*m) + CAPNP_I_FIRST_WORDS * sizeof(uint64_t));
        if (!m)
                return -ENOMEM;

        capnp_i_msg_init_building(m, (uint64_t *)(void *)(m + 1), CAPNP_I_FIRST_WORDS, 0);
        *ret_m = m;
        return 0;
}

int capnp_msg_parse(const void *b, size_t len, const struct capnp_limits *limits, capnp_msg **ret_m)
{
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        struct capnp_limits l = capnp_i_limits(limits);
        const uint8_t *table = b;
        size_t header;
        uint64_t total;
        int r;

        if ((uintptr_t)b % sizeof(uint64_t))
                return -EINVAL;

        r = capnp_i_frame_size(table, len, l.segments, l.message_bytes, &header, &total);
        if (r)
                return r;

        if (total > len)
                return CAPNP_E_SHORT;

        m = malloc(sizeof(*m));
        if (!m)
                return -ENOMEM;

        /* The words are never written: nothing builds in a received message. */
        r = capnp_i_msg_init_received(m, (uint64_t *)(uintptr_t)(table + header), table + 4,
                                      capnp_i_frame_segments(table), &l);
        if (r)
                return r;

        *ret_m = m;
        m = NULL;
        return 0;
}

int capnp_msg_measure(const void *b, size_t len, const struct capnp_limits *limits, size_t *ret_len)
{
        struct capnp_limits l = capnp_i_limits(limits);
        uint64_t total;
        size_t header;
        int r = capnp_i_frame_size(b, len, l.segments, l.message_bytes, &header, &total);

        if (r == CAPNP_E_SHORT)
                *ret_len = header;
        if (!r)
                *ret_len = (size_t)total;
        return r;
}

capnp_msg *capnp_msg_free(capnp_msg *m)
{
        if (!m)
                return NULL;

        capnp_i_msg_deinit(m);
        free(m);
        return NULL;
}

/* ---- errors ------------------------------------------------------------------------------- */

void capnp_i_msg_mark(capnp_msg *m, int error)
{
        if (!m->error)
                m->error = error;
}

int capnp_msg_check(const capnp_msg *m)
{
        return m->error;
}

/* ---- segments ----------------------------------------------------------------------------- */

/* A table of twice the room; the segments themselves stay where they are. */
static bool msg_grow_table(capnp_msg *m)
{
        struct capnp_i_segment *segs;
        uint32_t room = m->room_segs * 2;

        if (m->nsegs < m->room_segs)
                return true;

        segs = malloc(room * sizeof(*segs));
        if (!segs)
                return false;

        memcpy(segs, m->segs, m->nsegs * sizeof(*segs));
        if (m->segs != m->inline_segs)
                free(m->segs);
        m->segs = segs;
        m->room_segs = room;
        return true;
}

/* One more segment, with at least so many words. False: marked. */
static bool msg_add_segment(capnp_msg *m, uint64_t words)
{
        uint64_t room = words, total = 0;
        uint64_t *base;

        if (words > CAPNP_I_MAX_WORDS) {
                capnp_i_msg_mark(m, CAPNP_E_LIMIT);
                return false;
        }

        for (uint32_t i = 0; i < m->nsegs; i++)
                total += m->segs[i].room;
        room += total < CAPNP_I_SLACK_WORDS ? total : CAPNP_I_SLACK_WORDS;
        room = room < CAPNP_I_NEXT_WORDS ? CAPNP_I_NEXT_WORDS : room;
        room = room > CAPNP_I_MAX_WORDS ? CAPNP_I_MAX_WORDS : room;

        base = msg_grow_table(m) ? malloc(room * sizeof(*base)) : NULL;
        if (!base) {
                capnp_i_msg_mark(m, -ENOMEM);
                return false;
        }

        m->segs[m->nsegs++] = (struct capnp_i_segment){base, 0, (uint32_t)room};
        return true;
}

uint64_t *capnp_i_msg_grab(capnp_msg *m, uint64_t words, uint32_t *ret_seg)
{
        struct capnp_i_segment *s = m->nsegs ? &m->segs[m->nsegs - 1] : NULL;
        uint64_t *p;

        if (!s || words > s->room - s->words) {
                if (!msg_add_segment(m, words))
                        return NULL;
                s = &m->segs[m->nsegs - 1];
        }

        p = s->base + s->words;
        s->words += (uint32_t)words;
        *ret_seg = m->nsegs - 1;
        return p;
}

uint64_t *capnp_i_msg_alloc(capnp_msg *m, uint32_t words, uint32_t *ret_seg)
{
        uint64_t *p = capnp_i_msg_grab(m, words, ret_seg);

        if (p)
                memset(p, 0, words * sizeof(*p));

        return p;
}

capnp_abuilder capnp_i_msg_slot(capnp_msg *m, uint32_t word)
{
        if (!m->building || !m->nsegs || word >= m->segs[0].words)
                return (capnp_abuilder){0};

        return (capnp_abuilder){m, m->segs[0].base + word, 0};
}

capnp_any capnp_msg_root(capnp_msg *m)
{
        if (!m->nsegs || !m->segs[0].words)
                return (capnp_any){0};

        return (capnp_any){m, m->segs[0].base, 0, m->depth};
}

capnp_abuilder capnp_msg_build(capnp_msg *m)
{
        uint32_t seg;

        /* The root pointer is the first word of the first segment. */
        if (m->building && (!m->nsegs || !m->segs[0].words))
                (void)capnp_i_msg_alloc(m, 1, &seg);

        return capnp_i_msg_slot(m, 0);
}

/* ---- on a stream -------------------------------------------------------------------------- */

/* A message of ours without words is sent as one null root pointer: a reader expects that word. */
static bool msg_is_empty(const capnp_msg *m)
{
        return !m->nsegs || (m->building && m->nsegs == 1 && !m->segs[0].words);
}

size_t capnp_msg_size(const capnp_msg *m)
{
        size_t size;

        if (msg_is_empty(m))
                return 16;

        size = capnp_i_frame_header(m->nsegs);
        for (uint32_t i = 0; i < m->nsegs; i++)
                size += (size_t)m->segs[i].words * sizeof(uint64_t);

        return size;
}

void capnp_i_msg_write(const capnp_msg *m, uint8_t *p)
{
        if (msg_is_empty(m)) {
                memcpy(p, (const uint32_t[4]){0, 1, 0, 0}, 16);
                return;
        }

        capnp_i_frame_begin(p, m->nsegs);
        for (uint32_t i = 0; i < m->nsegs; i++)
                capnp_i_frame_set(p, i, m->segs[i].words);
        p += capnp_i_frame_header(m->nsegs);

        for (uint32_t i = 0; i < m->nsegs; i++) {
                size_t n = (size_t)m->segs[i].words * sizeof(uint64_t);

                memcpy(p, m->segs[i].base, n);
                p += n;
        }
}

int capnp_msg_write(const capnp_msg *m, void *b, size_t len)
{
        if (len < capnp_msg_size(m))
                return CAPNP_E_LIMIT;

        capnp_i_msg_write(m, b);
        return 0;
}

/* ---- capabilities ------------------------------------------------------------------------- */

static const struct capnp_i_cap_class *msg_cap_class(const capnp_cap *cap)
{
        return ((const struct capnp_i_cap_head *)(const void *)cap)->class;
}

capnp_cap *capnp_msg_cap_peek(const capnp_msg *m, uint32_t i)
{
        return i < m->ncaps ? m->caps[i] : NULL;
}

static bool msg_grow_caps(capnp_msg *m)
{
        uint32_t room = m->room_caps * 2;
        capnp_cap **caps;

        if (m->ncaps < m->room_caps)
                return true;

        caps = malloc(room * sizeof(*caps));
        if (!caps)
                return false;

        memcpy(caps, m->caps, m->ncaps * sizeof(*caps));
        if (m->caps != m->inline_caps)
                free(m->caps);
        m->caps = caps;
        m->room_caps = room;
        return true;
}

uint32_t capnp_i_msg_add_cap(capnp_msg *m, capnp_cap *cap)
{
        if (!msg_grow_caps(m)) {
                (void)msg_cap_class(cap)->unref(cap);
                capnp_i_msg_mark(m, -ENOMEM);
                return UINT32_MAX;
        }

        m->caps[m->ncaps] = cap;
        return m->ncaps++;
}

void capnp_i_msg_drop_cap(capnp_msg *m, uint32_t i)
{
        if (i >= m->ncaps)
                return;

        if (m->caps[i])
                (void)msg_cap_class(m->caps[i])->unref(m->caps[i]);
        m->caps[i] = NULL;
        if (i == m->ncaps - 1)
                m->ncaps--;
}
