/*
 * A doubly linked list whose links live in its members, so that adding and removing cannot fail.
 * A head and a link that is on no list both point to themselves.
 */
#ifndef CAPNP_BASE_LIST_H
#define CAPNP_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct capnp_i_list {
        struct capnp_i_list *prev, *next;
};

/* The object that a link is a member of. */
#define CAPNP_I_OF(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

static inline void capnp_i_list_init(struct capnp_i_list *l)
{
        l->prev = l->next = l;
}

static inline bool capnp_i_list_empty(const struct capnp_i_list *l)
{
        return l->next == l;
}

static inline void capnp_i_list_append(struct capnp_i_list *head, struct capnp_i_list *l)
{
        l->prev = head->prev;
        l->next = head;
        head->prev->next = l;
        head->prev = l;
}

/* Also right for a link that is on no list. */
static inline void capnp_i_list_remove(struct capnp_i_list *l)
{
        l->prev->next = l->next;
        l->next->prev = l->prev;
        capnp_i_list_init(l);
}

/* Takes the first link off; NULL when there is none. */
static inline struct capnp_i_list *capnp_i_list_pop(struct capnp_i_list *head)
{
        struct capnp_i_list *l = head->next;

        if (l == head)
                return NULL;

        capnp_i_list_remove(l);
        return l;
}

/* Moves everything to the end of an other list. */
static inline void capnp_i_list_splice(struct capnp_i_list *to, struct capnp_i_list *from)
{
        if (capnp_i_list_empty(from))
                return;

        from->next->prev = to->prev;
        from->prev->next = to;
        to->prev->next = from->next;
        to->prev = from->prev;
        capnp_i_list_init(from);
}

#endif
