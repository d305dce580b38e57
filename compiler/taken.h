/* The C names of a header: who has which, and who gives way. */
#ifndef CAPNPC_TAKEN_H
#define CAPNPC_TAKEN_H

#include "request.h"

enum unit_kind {
        UNIT_TAKEN,  /* nobody of this file: the library, C, a header that is included */
        UNIT_NODE,   /* a declaration */
        UNIT_MEMBER, /* a field, an enumerant, a method */
        UNIT_LIST,   /* the type of lists of a declaration */
        UNIT_SHORT,  /* a shortcut to what can be said at more length */
};

/* For whom a name is: what would get another name. */
struct unit {
        enum unit_kind kind;
        struct node *n;   /* the declaration; NULL for UNIT_TAKEN */
        uint32_t i;       /* of a member */
        const char *decl; /* as a message says it */
};

/* Zero it to begin. */
struct taken {
        struct taken_entry *v;
        uint32_t n;
        uint32_t room; /* a power of two */
};

/* Takes a name. NULL, or who has it already. */
struct unit *taken_claim(struct taken *t, struct mem *m, const char *name, struct unit by);
/* Who has it; NULL: nobody. */
struct unit *taken_find(const struct taken *t, const char *name);
void taken_deinit(struct taken *t);

/* Who gives way of two: `first` has the name, `second` wants it. NULL when neither can. */
const struct unit *unit_loser(const struct unit *first, const struct unit *second);
/* How much a unit matters; less is more. */
unsigned unit_rank(const struct unit *u);
/* Gives a unit another form of its name, because `by` has what it wanted. */
void unit_rename(const struct unit *u, const char *name, const char *by);

/* Takes what no schema may have: names of C, C++, their libraries and ours (reserved.c). */
void taken_reserve(struct taken *t, struct mem *m);

#endif
