/*
 * Mailboxes: what a service tells a listener is kept in order and within bounds, and nobody who
 * tells too much keeps more (R52).
 */
#include "mcp-mailbox.h"

#include "chat.capnp-c.h"

#include "harness.h"

#include <capos/capnp-vat.h>
#include <stdlib.h>
#include <string.h>

struct rig {
        capnp_vat *vat;
        capnp_schema *schema;
        struct mcp_mailboxes boxes;
        struct mcp_mailbox *box;
        capnp_cap *cap;
        unsigned woken;
};

static void on_woken(void *arg, struct mcp_mailbox *b)
{
        struct rig *r = arg;

        CHECK(b == r->box);
        r->woken++;
}

static struct capnp_dynamic_opts on_opts(void *arg, const char *root)
{
        (void)arg;
        CHECK_STR(root, "chat");
        return (struct capnp_dynamic_opts){.base64 = true};
}

static uint64_t on_now(void *arg)
{
        (void)arg;
        return 1000;
}

static void rig_begin(struct rig *r)
{
        memset(r, 0, sizeof(*r));
        CHECK_OK(capnp_vat_new(&r->vat));
        CHECK_OK(capnp_schema_new(&r->schema));
        CHECK_OK(capnp_schema_add_file(r->schema, &chat_capnp_schema));
        r->boxes.woken = on_woken;
        r->boxes.opts = on_opts;
        r->boxes.now_ms = on_now;
        r->boxes.arg = r;
        r->boxes.vat = r->vat;
        CHECK_OK(mcp_mailbox_new(&r->boxes, r->schema, CHAT_LISTENER_ID, "chat", &r->box, &r->cap));
}

static void rig_end(struct rig *r)
{
        mcp_mailboxes_drop(&r->boxes, NULL);
        capnp_cap_unref(r->cap);
        capnp_vat_free(r->vat);
        capnp_schema_free(r->schema);
}

/* What a service does: 0, or what the call has failed with. */
static int tell(struct rig *r, const char *text)
{
        CAPNP_AUTO(capnp_question_freep)
        capnp_question *q = chat_listener_event((chat_listener_client){r->cap});

        chat_event_set_said(chat_listener_event_init_event(q), text);
        return capnp_question_wait(q);
}

/* The next event is this one. */
static void expect(struct rig *r, const char *sequence, const char *text)
{
        size_t room = MCP_EVENTS_BYTES;
        json_t *e = mcp_mailbox_take(r->box, &room);
        json_t *event = json_object_get(json_object_get(e, "params"), "event");

        CHECK(e && room < MCP_EVENTS_BYTES);
        CHECK_STR(json_string_value(json_object_get(e, "sequence")), sequence);
        CHECK_STR(json_string_value(json_object_get(e, "method")), "event");
        CHECK_STR(json_string_value(json_object_get(event, "said")), text);
        json_decref(e);
}

TEST(what_is_told_is_kept_in_order)
{
        struct rig r;
        size_t none = 0, room = MCP_EVENTS_BYTES;

        rig_begin(&r);
        CHECK_EQ(r.box->word[0], 'm');
        CHECK(mcp_mailbox_find(&r.boxes, r.box->word) == r.box);
        CHECK(!mcp_mailbox_find(&r.boxes, ""));
        CHECK_OK(tell(&r, "one"));
        CHECK_OK(tell(&r, "two"));
        CHECK_EQ(r.woken, 2);
        CHECK(!mcp_mailbox_take(r.box, &none));
        expect(&r, "1", "one");
        expect(&r, "2", "two");
        CHECK(!mcp_mailbox_take(r.box, &room));
        CHECK_EQ(r.box->bytes, 0);
        rig_end(&r);
}

TEST(the_oldest_give_way_and_are_counted)
{
        struct rig r;
        char text[16];

        rig_begin(&r);
        for (unsigned i = 1; i <= MCP_EVENTS + 5; i++) {
                (void)snprintf(text, sizeof(text), "%u", i);
                CHECK_OK(tell(&r, text));
        }
        CHECK_EQ(r.box->n, MCP_EVENTS);
        CHECK_EQ(r.box->lost, 5);
        expect(&r, "6", "6");
        rig_end(&r);
}

TEST(bytes_have_a_bound)
{
        char *text = calloc(1, MCP_EVENT_BYTES + 1);
        struct rig r;

        CHECK(text != NULL);
        rig_begin(&r);
        memset(text, 'x', MCP_EVENT_BYTES);
        CHECK_OK(tell(&r, text)); /* too long by itself: it is counted */
        CHECK_EQ(r.box->n, 0);
        CHECK_EQ(r.box->lost, 1);
        text[MCP_EVENT_BYTES - 1000] = 0;
        for (unsigned i = 0; i < MCP_EVENTS; i++)
                CHECK_OK(tell(&r, text));
        CHECK(r.box->bytes <= MCP_EVENTS_BYTES);
        CHECK_EQ(r.box->n + r.box->lost, MCP_EVENTS + 1);
        rig_end(&r);
        free(text);
}

TEST(who_lets_go_is_noticed)
{
        struct rig r;

        rig_begin(&r);
        CHECK_OK(tell(&r, "last"));
        CHECK(r.box->ear != NULL);
        r.cap = capnp_cap_unref(r.cap);
        while (r.box->ear && !capnp_vat_process(r.vat))
                ;
        CHECK_EQ(r.woken, 2);
        expect(&r, "1", "last");
        rig_end(&r);
}

TEST(a_mailbox_that_is_no_more_takes_nothing)
{
        struct rig r;

        rig_begin(&r);
        mcp_mailboxes_expire(&r.boxes, 1000 + MCP_IDLE_MS - 1);
        CHECK_OK(tell(&r, "in time"));
        mcp_mailboxes_expire(&r.boxes, 1000 + MCP_IDLE_MS);
        CHECK_EQ(*r.box->word, 0);
        CHECK_EQ(tell(&r, "late"), CAPNP_E_EXCEPTION);
        CHECK_EQ(r.woken, 1);
        rig_end(&r);
}

TEST(mailboxes_have_a_bound)
{
        struct mcp_mailbox *b;
        capnp_cap *caps[MCP_MAILBOXES] = {NULL}, *more;
        struct rig r;

        rig_begin(&r);
        for (unsigned i = 1; i < MCP_MAILBOXES; i++)
                CHECK_OK(mcp_mailbox_new(&r.boxes, r.schema, CHAT_LISTENER_ID, "other", &b,
                                         &caps[i]));
        CHECK_EQ(mcp_mailbox_new(&r.boxes, r.schema, CHAT_LISTENER_ID, "other", &b, &more),
                 CAPNP_E_LIMIT);
        mcp_mailboxes_drop(&r.boxes, "other");
        CHECK_OK(mcp_mailbox_new(&r.boxes, r.schema, CHAT_LISTENER_ID, "other", &b, &more));
        CHECK_OK(tell(&r, "still there"));
        capnp_cap_unref(more);
        for (unsigned i = 1; i < MCP_MAILBOXES; i++)
                capnp_cap_unref(caps[i]);
        mcp_mailboxes_drop(&r.boxes, NULL);
        rig_end(&r);
}
