/* Channels: who is in them and what happened there. Knows neither RPC nor a clock. */
#ifndef CAPOS_CHAT_ROOM_H
#define CAPOS_CHAT_ROOM_H

#include "chat-person.h"
#include "chat-text.h"

enum {
        CHAT_CHANNELS = 256,
        CHAT_MEMBERS = 256,             /* of a channel */
        CHAT_KEPT = 200,                /* events of a channel that are kept … */
        CHAT_KEPT_BYTES = 256 * 1024,   /* … fewer where they are long, but … */
        CHAT_LAG = 64,                  /* … these always: what a slow listener may miss by */
        CHAT_SHOWN = 50,                /* of them, to whoever joins */
        CHAT_EMPTY_MS = 60 * 60 * 1000, /* how long what was said outlives the last member */
};

/* Both clocks: one for rates and ages, one to show. */
struct chat_time {
        uint64_t now_ms;  /* never goes back */
        uint64_t wall_ms; /* since 1970 */
};

enum chat_act { CHAT_SAID, CHAT_JOINED, CHAT_LEFT };

struct chat_event {
        uint64_t sequence;
        uint64_t at_ms;
        enum chat_act act;
        char label[CHAT_LABEL_BYTES];
        uint32_t len;
        char text[]; /* len bytes and a NUL */
};

struct chat_channel {
        struct capnp_i_list link;    /* chat_rooms.channels */
        struct capnp_i_list members; /* struct chat_member */
        uint32_t nmembers;
        uint32_t npeople;     /* a person who joined twice is one */
        uint64_t sequence;    /* of the last event; 0: none yet */
        uint64_t said_ms;     /* when something was said last */
        bool said;            /* whether anything was */
        uint32_t first, kept; /* of the ring */
        uint32_t bytes;       /* that its events take */
        struct chat_event *ring[CHAT_KEPT];
        char name[CHAT_NAME_BYTES + 1];
};

/* A place in a channel. Embedded in what it belongs to. */
struct chat_member {
        struct capnp_i_list link;     /* chat_channel.members */
        struct chat_channel *channel; /* NULL: has left */
        struct chat_person *person;
        void (*happened)(struct chat_member *m); /* of whom it is embedded in; NULL: nobody */
        uint64_t heard; /* sequence of the last event that was delivered, or missed */
        bool announced;
};

/* Who wants to know whenever anything has happened, anywhere. */
struct chat_watcher {
        struct capnp_i_list link; /* chat_rooms.watchers */
        void (*happened)(struct chat_watcher *w);
};

struct chat_rooms {
        struct capnp_i_list watchers;
        struct capnp_i_list channels;
        uint32_t nchannels;
        uint64_t marks;
};

void chat_rooms_init(struct chat_rooms *r);
/* Every member has to have left. */
void chat_rooms_deinit(struct chat_rooms *r);
/* Drops channels that are empty and have nothing to show. */
void chat_rooms_sweep(struct chat_rooms *r, struct chat_time t);
/* Walks the channels: NULL begins; NULL at the end. */
struct chat_channel *chat_rooms_next(const struct chat_rooms *r, const struct chat_channel *c);

/*
 * Joins. Others are told by chat_member_announce(), once nothing can go wrong any more.
 * 0; CHAT_E_NAME; CHAT_E_PLACES; CHAT_E_FAST; CHAT_E_FULL; -ENOMEM.
 */
int chat_member_join(struct chat_rooms *r, struct chat_member *m, struct chat_person *person,
                     capnp_text name, struct chat_time t) CAPNP_MUST_USE;
void chat_member_announce(struct chat_member *m, struct chat_time t);
/* 0; CHAT_E_LEFT, CHAT_E_EMPTY, CHAT_E_LONG, CHAT_E_TEXT, CHAT_E_FAST; -ENOMEM. */
int chat_member_say(struct chat_member *m, capnp_text text, struct chat_time t,
                    uint64_t *ret_sequence) CAPNP_MUST_USE;
/* Leaves, if that has not been done. The channel where there is still somebody to tell; NULL. */
struct chat_channel *chat_member_leave(struct chat_rooms *r, struct chat_member *m,
                                       struct chat_time t);
/* Tells members that something has happened in a channel, and then watchers. They look at what
 * there is, and change it later. c may be NULL: nobody is there any more. */
void chat_rooms_tell(const struct chat_rooms *r, const struct chat_channel *c);

/* The next event the member has not heard; it counts as heard then. NULL: there is none. */
const struct chat_event *chat_member_next(struct chat_member *m);

/* The kept events from the last n on: how many there are, and the i-th of them. */
uint32_t chat_channel_tail(const struct chat_channel *c, uint32_t n);
const struct chat_event *chat_channel_tail_at(const struct chat_channel *c, uint32_t n, uint32_t i);
/*
 * The labels of who is here, each once. ret: room for CHAT_MEMBERS; they are valid until somebody
 * leaves. How many.
 */
uint32_t chat_channel_labels(struct chat_rooms *r, const struct chat_channel *c, const char **ret);

/* 0; -EUCLEAN: a bug. For tests; walks everything. */
int chat_rooms_check(const struct chat_rooms *r) CAPNP_MUST_USE;

#endif
