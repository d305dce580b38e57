/*
 * What a membrane has narrowed: that it asks its policy about the methods of something inside.
 *
 * It is the thing itself that is narrow, not a wrapper, which is gone when nobody holds it: so
 * there is a note of it at the end of whatever wrappers lead to it. A promise's note goes on to
 * what that becomes. An object of ours takes it along when it goes, for then it cannot come back.
 * What a peer serves can: once we have let go of it, the peer may name it by another id, and nobody
 * could tell. So that is held, as long as the membrane has anything by which it could come back: a
 * wrapper of either direction, or a call that has crossed.
 *
 * Once there is a note, calls that go inward do not go on to a promise that a peer decides: it may
 * become what is narrow, and nobody would ask about it there. They wait until it is known. So does
 * what comes behind them on the same reference, also when the last note has gone meanwhile: the
 * membrane holds calls until it is out of use, for while one waits it is not. A result that a peer
 * keeps for itself, or of a call without a Return, is never known: it may be anything, and so is
 * taken for narrow.
 */
#include "rpc-membrane.h"

#include <errno.h>
#include <stdlib.h>

/* What wrappers lead to in the end. NULL: to nothing any more. */
static capnp_cap *narrow_inside(capnp_cap *c)
{
        c = capnp_i_cap_final(c);
        while (c && c->kind == CAP_WRAP)
                c = capnp_i_cap_final(capnp_i_cap_wrap(c)->inner);

        return c && c->kind == CAP_BROKEN ? NULL : c;
}

static bool narrow_noted(const capnp_membrane *m, const capnp_cap *inside)
{
        const struct capnp_i_list *l;

        for (l = m->narrow.next; inside->narrow && l != &m->narrow; l = l->next)
                if (CAPNP_I_OF(l, const struct narrow, link)->cap == inside)
                        return true;

        return false;
}

bool capnp_i_narrow_is(const capnp_membrane *m, capnp_cap *c)
{
        c = narrow_inside(c);
        if (!c)
                return false;

        return (c->kind == CAP_PROMISE && capnp_i_promise_stays_there(capnp_i_cap_promise(c))) ||
               narrow_noted(m, c);
}

static void narrow_put(struct narrow *n, capnp_cap *c)
{
        n->cap = c;
        n->next = c->narrow;
        n->at = &c->narrow;
        if (n->next)
                n->next->at = &n->next;
        c->narrow = n;
        if (c->kind == CAP_IMPORT)
                capnp_cap_ref(c);
}

static void narrow_take(struct narrow *n)
{
        *n->at = n->next;
        if (n->next)
                n->next->at = n->at;
}

static void narrow_free(struct narrow *n)
{
        narrow_take(n);
        capnp_i_list_remove(&n->link);
        if (n->cap->kind == CAP_IMPORT)
                capnp_cap_unref(n->cap);
        free(n);
}

int capnp_i_narrow_new(capnp_membrane *m, capnp_cap *c)
{
        capnp_cap *inside = narrow_inside(c);
        struct narrow *n;

        if (!inside || narrow_noted(m, inside))
                return 0;

        n = malloc(sizeof(*n));
        if (!n)
                return -ENOMEM;

        *n = (struct narrow){.membrane = m, .bare = inside == capnp_i_cap_final(c)};
        capnp_i_list_init(&n->link);
        capnp_i_list_append(&m->narrow, &n->link);
        narrow_put(n, inside);
        m->holds = true;
        return 0;
}

void capnp_i_narrow_move(capnp_cap *from, capnp_cap *to)
{
        capnp_cap *inside = narrow_inside(to);
        bool bare = inside == capnp_i_cap_final(to);
        struct narrow *n;

        while ((n = from->narrow)) {
                if (!inside || narrow_noted(n->membrane, inside)) {
                        narrow_free(n);
                        continue;
                }
                narrow_take(n);
                n->bare &= bare;
                narrow_put(n, inside);
        }
}

void capnp_i_narrow_forget(capnp_membrane *m)
{
        struct capnp_i_list *l;

        m->holds = false;
        while ((l = m->narrow.next) != &m->narrow)
                narrow_free(CAPNP_I_OF(l, struct narrow, link));
}
