/*
 * Frames that are kept for tabs that come later. A tab that is loaded anew knows nothing any more
 * of what this process holds for it; so it is told again what it was told before, word for word, as
 * far back as there is room. All of it fits into what may wait for a tab.
 */
#include "kept.h"

_Static_assert(2 * KEPT_BYTES < BRIDGE_ROOM, "calls and events are said at once");

static void kept_drop(struct kept *k)
{
        struct capnp_buf *oldest = &k->frames[k->first];

        k->bytes -= oldest->len;
        capnp_buf_deinit(oldest);
        k->first = (k->first + 1) % KEPT;
        k->n--;
}

void kept_add(struct kept *k, const struct bridge *b, const struct down *d)
{
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf text = {.max = KEPT_BYTES};

        if (!d->m || capnp_msg_check(d->m) ||
            capnp_json_print(b->schema, WEB_DOWN_ID, capnp_builder_reader(d->d.b), NULL, &text))
                return;
        while (k->n == KEPT || (k->n && k->bytes + text.len > KEPT_BYTES))
                kept_drop(k);
        k->bytes += text.len;
        k->frames[(k->first + k->n++) % KEPT] = text;
        text = (struct capnp_buf){0};
}

void kept_tell(const struct kept *k, const struct bridge_tab *t)
{
        for (unsigned i = 0; i < k->n; i++) {
                const struct capnp_buf *text = &k->frames[(k->first + i) % KEPT];

                tab_send(t->tab, text->p, text->len);
        }
}

void kept_clear(struct kept *k)
{
        while (k->n)
                kept_drop(k);
}
