/* Who is here: callers as this service knows them, under labels of its own. */
#ifndef CAPOS_CHAT_PERSON_H
#define CAPOS_CHAT_PERSON_H

#include "base-list.h"
#include "chat-text.h"

#include <capos/capnp-base.h>

enum {
        CHAT_REFERENCE_BYTES = 16,
        CHAT_LABEL_BYTES = 32,         /* with its NUL */
        CHAT_PEOPLE = 8192,            /* at once, and those who have just left */
        CHAT_RATE_MS = 10000,          /* rates are so many in this time … */
        CHAT_SAYS = 20,                /* … messages */
        CHAT_JOINS = 64,               /* … joins */
        CHAT_PLACES = 16,              /* of a person */
        CHAT_BACK_MS = 60 * 60 * 1000, /* where somebody sat is known so long */
};

/* No label that is made from a reference is this. */
#define CHAT_NARRATOR "narrator"

/* What a direct caller deals with. */
enum chat_err {
        CHAT_E_NAME = 1, /* no name for a channel */
        CHAT_E_FULL,     /* as many as there may be: channels, members, people */
        CHAT_E_PLACES,   /* this person is in as many channels as one may be */
        CHAT_E_FAST,     /* more than the rate allows */
        CHAT_E_EMPTY,    /* nothing is said */
        CHAT_E_LONG,     /* too much is said */
        CHAT_E_TEXT,     /* what is said is not clean text */
        CHAT_E_LEFT,     /* not a member any more */
        CHAT_E_PANES,    /* shows nothing in panes */
};

/* When the last so many things happened: never more than max within CHAT_RATE_MS. */
struct chat_rate {
        uint64_t at_ms[CHAT_JOINS];
        uint32_t n; /* ever */
};

/* Where somebody sat in panes that are gone. */
struct chat_sat {
        uint8_t line[CHAT_REFERENCE_BYTES]; /* the session that showed them */
        uint64_t until_ms;                  /* when it is forgotten */
        uint32_t n;
        char channels[CHAT_PLACES][CHAT_NAME_BYTES + 1]; /* the one that was shown comes first */
};

/* One session, by however many sockets, and however often its line has dropped. */
struct chat_person {
        struct capnp_i_list link; /* chat_people.all */
        uint8_t reference[CHAT_REFERENCE_BYTES];
        uint64_t epoch;
        bool narrates;
        char label[CHAT_LABEL_BYTES];
        uint32_t sockets; /* 0: has left, and is kept so that leaving does not reset a rate */
        uint32_t places;  /* memberships */
        uint64_t mark;    /* for whoever walks members and wants each person once */
        struct chat_rate says, joins;
        struct capnp_i_list shows; /* struct chat_show */
        struct chat_sat *sat;      /* NULL: nowhere */
};

struct chat_people {
        struct capnp_i_list all;
        uint32_t n;
};

/* Whether one more is within the rate of max (at most CHAT_JOINS); if so, it counts. */
bool chat_rate_take(struct chat_rate *r, uint32_t max, uint64_t now_ms);

void chat_people_init(struct chat_people *p);
void chat_people_deinit(struct chat_people *p);
/*
 * A socket of the caller with this reference has come: the same person as that of its other
 * sockets, else a new one, whose label nobody else has. 0; CHAT_E_FULL; -ENOMEM.
 */
int chat_people_enter(struct chat_people *p, const uint8_t *reference, uint64_t epoch,
                      uint64_t now_ms, struct chat_person **ret_person) CAPNP_MUST_USE;
/* The same for one who narrates: under CHAT_NARRATOR, as all of them, who is no person of the same
 * reference that does not. */
int chat_people_enter_narrator(struct chat_people *p, const uint8_t *reference, uint64_t epoch,
                               uint64_t now_ms, struct chat_person **ret_person) CAPNP_MUST_USE;
/* A socket has gone. The person may be gone, too. */
void chat_people_leave(struct chat_people *p, struct chat_person *person, uint64_t now_ms);
/* Notes where somebody sat, in place of what was noted before; NULL: nowhere. Takes it. */
void chat_person_sat(struct chat_person *person, struct chat_sat *sat);

#endif
