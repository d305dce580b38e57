/*
 * Channels.
 *
 * What happens in a channel has numbers in sequence, and the last 200 events are kept in a ring. A
 * listener has no queue of its own: it is a position in that ring. Whoever has not heard the event
 * 64 before the last one has missed it, and sees that by the number of the next. So a listener that
 * never answers costs nothing but its place, and a message is stored once however many hear it.
 *
 * The ring gives up its oldest events when there are 200, or when they take more than 256 KiB; but
 * the last 64 stay in any case, because listeners stand on them. An event that finds no memory
 * still has its number: it is missed by everybody.
 *
 * A channel is made by its first member. After the last one it stays for an hour when something was
 * said in it, and goes at once when nothing was. When there are too many, the one that has been
 * silent longest gives way, of those that are empty.
 *
 * One person may have several places in a channel (two windows of one session): each has a listener
 * of its own, the person is seen once.
 */
#include "chat-room.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- events ------------------------------------------------------------------------------- */

static uint32_t event_bytes(const struct chat_event *e)
{
        return (uint32_t)sizeof(*e) + e->len + 1;
}

static struct chat_event *event_new(enum chat_act act, const char *label, capnp_text text,
                                    uint64_t at_ms)
{
        struct chat_event *e = malloc(sizeof(*e) + text.len + 1);

        if (!e)
                return NULL;

        *e = (struct chat_event){.at_ms = at_ms, .act = act, .len = text.len};
        memcpy(e->label, label, CHAT_LABEL_BYTES);
        if (text.len)
                memcpy(e->text, text.p, text.len);
        e->text[text.len] = '\0';
        return e;
}

static void channel_forget_oldest(struct chat_channel *c)
{
        struct chat_event *e = c->ring[c->first];

        c->ring[c->first] = NULL;
        c->first = (c->first + 1) % CHAT_KEPT;
        c->kept--;
        if (e)
                c->bytes -= event_bytes(e);
        free(e);
}

/* e: taken; NULL stands for one that found no memory. */
static uint64_t channel_add(struct chat_channel *c, struct chat_event *e)
{
        c->sequence++;
        while (c->kept == CHAT_KEPT || (c->kept >= CHAT_LAG && c->bytes > CHAT_KEPT_BYTES))
                channel_forget_oldest(c);
        c->ring[(c->first + c->kept++) % CHAT_KEPT] = e;
        if (e) {
                e->sequence = c->sequence;
                c->bytes += event_bytes(e);
        }
        return c->sequence;
}

static const struct chat_event *channel_event(const struct chat_channel *c, uint64_t sequence)
{
        uint64_t back = c->sequence - sequence;

        if (back >= c->kept)
                return NULL;

        return c->ring[(c->first + c->kept - 1 - back) % CHAT_KEPT];
}

/* ---- channels ----------------------------------------------------------------------------- */

void chat_rooms_init(struct chat_rooms *r)
{
        *r = (struct chat_rooms){.nchannels = 0};
        capnp_i_list_init(&r->channels);
        capnp_i_list_init(&r->watchers);
}

static void channel_free(struct chat_rooms *r, struct chat_channel *c)
{
        while (c->kept)
                channel_forget_oldest(c);
        capnp_i_list_remove(&c->link);
        r->nchannels--;
        free(c);
}

void chat_rooms_deinit(struct chat_rooms *r)
{
        while (!capnp_i_list_empty(&r->channels))
                channel_free(r, CAPNP_I_OF(r->channels.next, struct chat_channel, link));
}

struct chat_channel *chat_rooms_next(const struct chat_rooms *r, const struct chat_channel *c)
{
        struct capnp_i_list *l = c ? c->link.next : r->channels.next;

        return l == &r->channels ? NULL : CAPNP_I_OF(l, struct chat_channel, link);
}

static bool channel_is_over(const struct chat_channel *c, struct chat_time t)
{
        return c->nmembers == 0 && (!c->said || t.now_ms - c->said_ms >= CHAT_EMPTY_MS);
}

void chat_rooms_sweep(struct chat_rooms *r, struct chat_time t)
{
        struct capnp_i_list *l, *next;

        for (l = r->channels.next; l != &r->channels; l = next) {
                struct chat_channel *c = CAPNP_I_OF(l, struct chat_channel, link);

                next = l->next;
                if (channel_is_over(c, t))
                        channel_free(r, c);
        }
}

static struct chat_channel *rooms_find(const struct chat_rooms *r, capnp_text name)
{
        struct chat_channel *c = NULL;

        while ((c = chat_rooms_next(r, c)))
                if (strlen(c->name) == name.len && memcmp(c->name, name.p, name.len) == 0)
                        return c;
        return NULL;
}

/* The empty channel that has been silent longest makes room. Whether there was one. */
static bool rooms_give_way(struct chat_rooms *r)
{
        struct chat_channel *c = NULL, *oldest = NULL;

        while ((c = chat_rooms_next(r, c)))
                if (c->nmembers == 0 && (!oldest || c->said_ms < oldest->said_ms))
                        oldest = c;
        if (!oldest)
                return false;

        channel_free(r, oldest);
        return true;
}

static int channel_new(struct chat_rooms *r, capnp_text name, struct chat_channel **ret_channel)
{
        struct chat_channel *c;

        if (r->nchannels >= CHAT_CHANNELS && !rooms_give_way(r))
                return CHAT_E_FULL;

        c = calloc(1, sizeof(*c));
        if (!c)
                return -ENOMEM;

        memcpy(c->name, name.p, name.len);
        capnp_i_list_init(&c->members);
        capnp_i_list_append(&r->channels, &c->link);
        r->nchannels++;
        *ret_channel = c;
        return 0;
}

uint32_t chat_channel_tail(const struct chat_channel *c, uint32_t n)
{
        uint32_t there = 0;

        for (uint32_t i = 0; i < n && i < c->kept; i++)
                there += c->ring[(c->first + c->kept - 1 - i) % CHAT_KEPT] != NULL;
        return there;
}

const struct chat_event *chat_channel_tail_at(const struct chat_channel *c, uint32_t n, uint32_t i)
{
        uint32_t from = c->kept > n ? c->kept - n : 0;

        for (uint32_t k = from; k < c->kept; k++) {
                const struct chat_event *e = c->ring[(c->first + k) % CHAT_KEPT];

                if (e && i-- == 0)
                        return e;
        }
        return NULL;
}

uint32_t chat_channel_labels(struct chat_rooms *r, const struct chat_channel *c, const char **ret)
{
        uint64_t mark = ++r->marks;
        uint32_t n = 0;

        for (struct capnp_i_list *l = c->members.next; l != &c->members; l = l->next) {
                struct chat_member *m = CAPNP_I_OF(l, struct chat_member, link);

                if (!m->announced || m->person->mark == mark)
                        continue;
                m->person->mark = mark;
                ret[n++] = m->person->label;
        }
        return n;
}

/* ---- members ------------------------------------------------------------------------------ */

int chat_member_join(struct chat_rooms *r, struct chat_member *m, struct chat_person *person,
                     capnp_text name, struct chat_time t)
{
        struct chat_channel *c;
        int e;

        if (!chat_name_is_good(name.p, name.len))
                return CHAT_E_NAME;
        if (person->places >= CHAT_PLACES)
                return CHAT_E_PLACES;

        chat_rooms_sweep(r, t);
        c = rooms_find(r, name);
        if (c && c->nmembers >= CHAT_MEMBERS)
                return CHAT_E_FULL;
        if (!chat_rate_take(&person->joins, CHAT_JOINS, t.now_ms))
                return CHAT_E_FAST;

        e = c ? 0 : channel_new(r, name, &c);
        if (e)
                return e;

        *m = (struct chat_member){.channel = c, .person = person, .heard = c->sequence};
        capnp_i_list_append(&c->members, &m->link);
        c->nmembers++;
        person->places++;
        return 0;
}

/* Whether a person is known to be in a channel. */
static bool channel_shows(const struct chat_channel *c, const struct chat_person *person)
{
        for (struct capnp_i_list *l = c->members.next; l != &c->members; l = l->next) {
                struct chat_member *m = CAPNP_I_OF(l, struct chat_member, link);

                if (m->announced && m->person == person)
                        return true;
        }
        return false;
}

void chat_member_announce(struct chat_member *m, struct chat_time t)
{
        struct chat_channel *c = m->channel;

        if (!c || m->announced)
                return;
        if (!channel_shows(c, m->person)) {
                channel_add(c, event_new(CHAT_JOINED, m->person->label, (capnp_text){"", 0},
                                         t.wall_ms));
                c->npeople++;
        }
        m->announced = true;
}

int chat_member_say(struct chat_member *m, capnp_text text, struct chat_time t,
                    uint64_t *ret_sequence)
{
        struct chat_channel *c = m->channel;
        struct chat_event *e;

        if (!c)
                return CHAT_E_LEFT;
        if (text.len == 0)
                return CHAT_E_EMPTY;
        if (text.len > CHAT_TEXT_BYTES)
                return CHAT_E_LONG;
        if (!chat_text_is_clean(text.p, text.len))
                return CHAT_E_TEXT;
        if (!chat_rate_take(&m->person->says, CHAT_SAYS, t.now_ms))
                return CHAT_E_FAST;

        e = event_new(CHAT_SAID, m->person->label, text, t.wall_ms);
        if (!e)
                return -ENOMEM;

        c->said = true;
        c->said_ms = t.now_ms;
        *ret_sequence = channel_add(c, e);
        return 0;
}

struct chat_channel *chat_member_leave(struct chat_rooms *r, struct chat_member *m,
                                       struct chat_time t)
{
        struct chat_channel *c = m->channel;

        if (!c)
                return NULL;

        m->channel = NULL;
        capnp_i_list_remove(&m->link);
        c->nmembers--;
        m->person->places--;
        if (m->announced && !channel_shows(c, m->person)) {
                channel_add(c,
                            event_new(CHAT_LEFT, m->person->label, (capnp_text){"", 0}, t.wall_ms));
                c->npeople--;
        }
        if (c->nmembers)
                return c;
        if (channel_is_over(c, t))
                channel_free(r, c);
        return NULL;
}

void chat_rooms_tell(const struct chat_rooms *r, const struct chat_channel *c)
{
        for (struct capnp_i_list *l = c ? c->members.next : NULL; c && l != &c->members;
             l = l->next) {
                struct chat_member *m = CAPNP_I_OF(l, struct chat_member, link);

                if (m->happened)
                        m->happened(m);
        }
        for (struct capnp_i_list *l = r->watchers.next; l != &r->watchers; l = l->next) {
                struct chat_watcher *w = CAPNP_I_OF(l, struct chat_watcher, link);

                w->happened(w);
        }
}

const struct chat_event *chat_member_next(struct chat_member *m)
{
        const struct chat_channel *c = m->channel;
        const struct chat_event *e = NULL;

        if (!c)
                return NULL;
        if (c->sequence - m->heard > CHAT_LAG)
                m->heard = c->sequence - CHAT_LAG;

        while (!e && m->heard < c->sequence)
                e = channel_event(c, ++m->heard);
        return e;
}

/* ---- for tests ---------------------------------------------------------------------------- */

static bool channel_is_sound(const struct chat_channel *c)
{
        uint32_t members = 0, people = 0, bytes = 0;

        for (struct capnp_i_list *l = c->members.next; l != &c->members; l = l->next) {
                const struct chat_member *m = CAPNP_I_OF(l, struct chat_member, link);
                struct capnp_i_list *k = c->members.next;

                while (k != l && (CAPNP_I_OF(k, struct chat_member, link)->person != m->person ||
                                  !CAPNP_I_OF(k, struct chat_member, link)->announced))
                        k = k->next;
                people += m->announced && k == l;
                members++;
                if (m->channel != c || m->heard > c->sequence)
                        return false;
        }
        for (uint32_t i = 0; i < c->kept; i++) {
                const struct chat_event *e = c->ring[(c->first + i) % CHAT_KEPT];

                bytes += e ? event_bytes(e) : 0;
                if (e && e->sequence != c->sequence - c->kept + 1 + i)
                        return false;
        }
        return members == c->nmembers && people == c->npeople && bytes == c->bytes &&
               c->kept <= CHAT_KEPT && c->nmembers <= CHAT_MEMBERS;
}

int chat_rooms_check(const struct chat_rooms *r)
{
        struct chat_channel *c = NULL;
        uint32_t n = 0;

        while ((c = chat_rooms_next(r, c))) {
                if (!channel_is_sound(c))
                        return -EUCLEAN;
                n++;
        }
        return n == r->nchannels && n <= CHAT_CHANNELS ? 0 : -EUCLEAN;
}
