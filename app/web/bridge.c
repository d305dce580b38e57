/*
 * How frames are made, printed and sent. Without memory for one its tab is closed: a page that has
 * missed a frame would show what is not so, and one that comes back is told everything.
 *
 * A frame that is too large for any tab would be so again then; and an answer for which there is no
 * room may be asked for again. In their stead it is said that they are left out.
 */
#include "bridge.h"

#include "io-packet.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { FRAME_TEXT = 3 << 20, ANSWER_SPARE = 64 * 1024 };

uint64_t bridge_now_ms(void)
{
        struct timespec t;

        (void)clock_gettime(CLOCK_BOOTTIME, &t);
        return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

uint64_t bridge_time_ms(void)
{
        struct timespec t;

        (void)clock_gettime(CLOCK_REALTIME, &t);
        return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

struct down down_new(uint32_t id)
{
        struct down d = {0};

        if (capnp_msg_new(&d.m))
                d.m = NULL;
        else {
                d.d = web_down_init_any(capnp_msg_build(d.m));
                web_down_set_id(d.d, id);
        }
        return d;
}

unsigned bridge_tabs(const struct bridge *b)
{
        unsigned tabs = 0;

        for (unsigned i = 0; i < BRIDGE_TABS; i++)
                if (b->tabs[i].tab && b->tabs[i].is_in)
                        tabs |= 1U << i;
        return tabs;
}

bool bridge_is_behind(const struct bridge *b)
{
        unsigned tabs = bridge_tabs(b);

        for (unsigned i = 0; i < BRIDGE_TABS; i++)
                if (tabs & 1U << i && tab_queued(b->tabs[i].tab) > BRIDGE_ROOM)
                        return true;
        return false;
}

/* 0; CAPNP_E_LIMIT: it is too large; anything else: there is no memory. Takes it. */
static int down_print(struct bridge *b, struct down *d, struct capnp_buf *to)
{
        int r = d->m ? capnp_msg_check(d->m) : -ENOMEM;

        if (!r)
                r = capnp_json_print(b->schema, WEB_DOWN_ID, capnp_builder_reader(d->d.b), NULL,
                                     to);
        d->m = capnp_msg_free(d->m);
        return r;
}

/* What is said in the stead of a frame that answers id, or of one that nobody has asked for. */
static struct down left_out(uint32_t id, bool too_large)
{
        struct down d = down_new(id);

        if (d.m) {
                web_down_failure_builder f = web_down_init_failed(d.d);

                web_down_failure_set_code(f, too_large ? "bridge.too-large" : "bridge.busy");
                web_down_failure_set_text(f, too_large ? "what was to be said has more than 3 MiB: "
                                                         "it is left out"
                                                       : "too much waits for this page");
        }
        return d;
}

void down_send(struct bridge *b, unsigned tabs, struct down *d)
{
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf text = {0}, instead = {0};
        uint32_t id = tabs && d->m ? web_down_id(web_down_as_reader(d->d)) : 0;
        struct down other;
        int r;

        capnp_buf_init(&text, FRAME_TEXT);
        capnp_buf_init(&instead, ANSWER_SPARE);
        if (!tabs) {
                d->m = capnp_msg_free(d->m);
                return;
        }
        r = down_print(b, d, &text);
        other = left_out(id, r == CAPNP_E_LIMIT);
        if (down_print(b, &other, &instead) && r == CAPNP_E_LIMIT)
                r = -ENOMEM;
        for (unsigned i = 0; i < BRIDGE_TABS; i++) {
                struct tab *t = tabs & 1U << i ? b->tabs[i].tab : NULL;
                bool full = t && id && tab_queued(t) + text.len > TAB_QUEUE - ANSWER_SPARE;

                if (!t)
                        continue;
                if (r == CAPNP_E_LIMIT || (!r && full))
                        tab_send(t, instead.p, instead.len);
                else if (r)
                        tab_close(t, TAB_SLOW, "no memory");
                else
                        tab_send(t, text.p, text.len);
        }
}

struct bridge_tab *bridge_tab_of(struct bridge *b, struct asker a)
{
        for (unsigned i = 0; a.tab && i < BRIDGE_TABS; i++)
                if (b->tabs[i].tab && b->tabs[i].number == a.tab)
                        return &b->tabs[i];
        return NULL;
}

void down_answer(struct bridge *b, struct asker a, struct down *d)
{
        const struct bridge_tab *t = bridge_tab_of(b, a);

        down_send(b, t ? 1U << (t - b->tabs) : 0, d);
}

void down_tell(struct bridge *b, const struct bridge_tab *t, struct down *d)
{
        down_send(b, t ? 1U << (t - b->tabs) : bridge_tabs(b), d);
}

void bridge_idle(struct bridge *b)
{
        b->busy = false;
        b->idle(b);
}

void bridge_done(struct bridge *b, struct asker a)
{
        struct down d;

        if (!a.id)
                return;
        d = down_new(a.id);
        if (d.m)
                web_down_set_done(d.d);
        down_answer(b, a, &d);
}

void bridge_fail(struct bridge *b, struct asker a, const char *code, const char *text)
{
        struct down d = down_new(a.id);

        if (d.m) {
                web_down_failure_builder f = web_down_init_failed(d.d);

                web_down_failure_set_code(f, code);
                web_down_failure_set_text(f, text);
        }
        down_answer(b, a, &d);
}

void failure_write(web_down_failure_builder f, const struct capos_error *e)
{
        static const char service[] = "service: "; /* as the instance marks its words */
        char code[64] = "";

        if (e->code == CAPOS_E_DENIED)
                (void)snprintf(code, sizeof(code), "%s", capos_denial_code(e->denial));
        else if (e->code == CAPOS_E_QUOTA)
                (void)snprintf(code, sizeof(code), "over-quota.%s", e->quota);
        else if (!e->code)
                (void)snprintf(code, sizeof(code), "bridge.logged-out");
        else if (!strncmp(e->text, service, strlen(service)))
                code[0] = 0; /* one that cannot be reached, or the line of its own */
        else if (e->code == CAPNP_E_DISCONNECTED || e->code == CAPNP_E_PROTOCOL)
                (void)snprintf(code, sizeof(code), "bridge.line");
        else if (e->code == CAPOS_E_WRONG_KEY)
                (void)snprintf(code, sizeof(code), "bridge.wrong-key");
        else if (e->code != CAPNP_E_EXCEPTION)
                (void)snprintf(code, sizeof(code), "bridge.failed");
        web_down_failure_set_code(f, code);
        web_down_failure_set_text(f, e->text);
}

void bridge_fail_error(struct bridge *b, struct asker a, const struct capos_error *e)
{
        struct down d = down_new(a.id);

        if (d.m)
                failure_write(web_down_init_failed(d.d), e);
        down_answer(b, a, &d);
        if (b->is_in && e->code == CAPOS_E_DENIED && e->denial == CAPOS_DENIED_STALE_SESSION)
                b->stale(b, e);
}

void bridge_fail_code(struct bridge *b, struct asker a, int r)
{
        bridge_fail(b, a, "bridge.failed", capos_strerror(r));
}

void bridge_word(struct bridge *b, enum packet_word_what what, const char *text)
{
        struct packet_word w = {.what = what, .len = (uint32_t)strlen(text)};

        if (w.len > sizeof(w.text) || b->words < 0)
                return;
        memcpy(w.text, text, w.len);
        if (capos_io_packet_send(b->words, &w, sizeof(w), NULL, 0) && !b->is_window) {
                b->over = true; /* without the front there is no browser */
                capnp_vat_stop(b->vat);
        }
        explicit_bzero(&w, sizeof(w));
}

void text_copy(capnp_text t, char *to, size_t room)
{
        (void)snprintf(to, room, "%.*s", (int)(t.len < room ? t.len : room - 1), t.p ? t.p : "");
}
