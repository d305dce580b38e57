/*
 * The page is ours, and shows what services say; it runs in a process that reads all of that, and
 * may one day do what one of them wants. So it is not asked what a person thinks, and is not told
 * what a person types in confidence: of what the two say to each other the window keeps
 *
 * - prompts, the question whether an instance is the one, and what a login asks for: those it shows
 *   itself, and it alone says what came of them, whatever the page says;
 * - logging out and resetting the layout, until a person has agreed;
 * - files, which it saves.
 *
 * All else goes on as it came. What the frame shows is taken from what the session says, never from
 * the page. What the window says of itself has no number, or that of what it answers for the page.
 */
#include "frames.h"

#include <capos/capnp-dynamic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PLACES = 64, DEPTH = 64, TEXT = 8 << 20, UP_TEXT = 256 * 1024 };

/* An instance of the list. */
struct spot {
        uint16_t place;
        bool connected;
        char name[STANDING_TEXT], fingerprint[STANDING_NAME];
};

struct frames {
        const struct frames_ops *ops;
        void *arg;
        capnp_schema *schema;
        struct standing now;
        struct spot spots[PLACES];
        unsigned nspots;
        bool has_methods; /* of the instance at this place */
        uint16_t place;
        char session[STANDING_TEXT]; /* its id, by which one that is said again is known */
        uint32_t leaves;   /* the page's number for leaving the instance; 0: it does not */
        uint32_t connects; /* … for what was answered by a key */
        uint32_t wants;    /* … for what it wants to be done */
        enum frames_act wanted;
        uint32_t logs;    /* … for the login of which a step asks */
        uint64_t prompts; /* the prompt that stands */
        bool asks[FRAMES_QUESTIONS];
};

static void text_keep(capnp_text t, char *to, size_t room)
{
        (void)snprintf(to, room, "%.*s", (int)(t.len < room ? t.len : room - 1), t.p ? t.p : "");
}

/* ---- what we say ---------------------------------------------------------------------------- */

/* One member that has a number of its own, by JSON: `"logout":null`. */
static void say(const struct frames *f, bool to_page, uint32_t id, const char *member)
{
        char text[512];
        int n = snprintf(text, sizeof(text), "{\"id\":%u,%s}", id, member);

        if (n > 0 && (size_t)n < sizeof(text))
                (to_page ? f->ops->to_page : f->ops->to_session)(f->arg, text, (size_t)n);
}

static void refuse(const struct frames *f, uint32_t id, const char *code, const char *text)
{
        char member[256];

        (void)snprintf(member, sizeof(member), "\"failed\":{\"code\":\"%s\",\"text\":\"%s\"}", code,
                       text);
        if (id)
                say(f, true, id, member);
}

/* Whether that is asked; it is not, from here on. */
static bool asked(struct frames *f, enum frames_question q)
{
        bool was = f->asks[q];

        f->asks[q] = false;
        return was;
}

static void take_back(struct frames *f, enum frames_question q)
{
        if (asked(f, q))
                f->ops->gone(f->arg, q);
}

void frames_confirm(struct frames *f, bool yes)
{
        char member[96];

        if (!asked(f, FRAMES_PROMPT))
                return;
        (void)snprintf(member, sizeof(member), "\"confirm\":{\"prompt\":\"%llu\",\"yes\":%s}",
                       (unsigned long long)f->prompts, yes ? "true" : "false");
        say(f, false, 0, member);
}

/* With the page's own number: it is that question's answer that goes on. */
void frames_trust(struct frames *f, bool yes)
{
        if (asked(f, FRAMES_KEY))
                say(f, false, f->connects, yes ? "\"trust\":true" : "\"trust\":false");
}

void frames_secret(struct frames *f, const char *text)
{
        struct capnp_buf to = {0};
        capnp_msg *m = NULL;
        web_up_builder up;

        if (!asked(f, FRAMES_SECRET))
                return;
        if (!text) {
                say(f, false, 0, "\"giveUp\":null");
                return;
        }
        capnp_buf_init(&to, UP_TEXT);
        if (!capnp_msg_new(&m)) {
                up = web_up_init_any(capnp_msg_build(m));
                web_up_set_answer(up, text);
                if (!capnp_msg_check(m) &&
                    !capnp_json_print(f->schema, WEB_UP_ID, capnp_builder_reader(up.b), NULL, &to))
                        f->ops->to_session(f->arg, to.p, to.len);
        }
        capnp_msg_free(m);
        if (to.p)
                explicit_bzero(to.p, to.len);
        capnp_buf_deinit(&to);
}

static const char *act_member(enum frames_act act)
{
        return act == FRAMES_LOGOUT ? "\"logout\":null" : "\"reset\":null";
}

void frames_grant(struct frames *f, bool yes)
{
        if (!asked(f, FRAMES_ACT))
                return;
        if (yes && f->wanted != FRAMES_BROWSER)
                say(f, false, f->wants, act_member(f->wanted));
        else if (!yes && f->wanted == FRAMES_BROWSER)
                refuse(f, f->wants, "window.no-browser", "there is no browser to go on in");
        else if (f->wants)
                say(f, true, f->wants, "\"done\":null");
}

/* ---- what the frame shows ------------------------------------------------------------------- */

static void standing_find(struct frames *f)
{
        const struct spot *at = NULL;

        for (unsigned i = 0; i < f->nspots; i++)
                if (f->spots[i].connected)
                        at = &f->spots[i];
        for (unsigned i = 0; i < f->nspots && !at; i++)
                if (f->has_methods && f->spots[i].place == f->place)
                        at = &f->spots[i];
        if (!at || !(f->has_methods || f->now.is_in)) {
                f->now.instance[0] = f->now.fingerprint[0] = 0;
                return;
        }
        memcpy(f->now.instance, at->name, sizeof(f->now.instance));
        memcpy(f->now.fingerprint, at->fingerprint, sizeof(f->now.fingerprint));
}

static void standing_tell(struct frames *f)
{
        standing_find(f);
        f->ops->standing(f->arg, &f->now);
}

static void standing_clear(struct frames *f)
{
        memset(&f->now, 0, sizeof(f->now));
        f->has_methods = false;
        f->session[0] = 0;
}

static void on_instances(struct frames *f, web_down_instance_list l)
{
        f->nspots = 0;
        for (uint32_t i = 0; i < web_down_instance_list_len(l) && i < PLACES; i++) {
                web_down_instance_reader r = web_down_instance_list_get(l, i);
                struct spot *s = &f->spots[f->nspots++];
                capnp_text name = web_down_instance_name(r);

                s->place = web_down_instance_place(r);
                s->connected = web_down_instance_connected(r);
                text_keep(name.len ? name : web_down_instance_address(r), s->name, sizeof(s->name));
                text_keep(web_down_instance_fingerprint(r), s->fingerprint, sizeof(s->fingerprint));
        }
}

static void on_session(struct frames *f, session_info_reader r)
{
        capnp_text account = session_info_account(r);
        char id[STANDING_TEXT];

        text_keep(session_info_id(r), id, sizeof(id));
        if (strcmp(id, f->session) != 0)
                f->now.is_over = false;
        memcpy(f->session, id, sizeof(id));
        f->now.is_in = true;
        f->now.is_down = false;
        f->now.ends_ms = session_info_expires_at_ms(r);
        text_keep(session_info_profile(r), f->now.profile, sizeof(f->now.profile));
        text_keep(account.len ? account : session_info_kind(r), f->now.account,
                  sizeof(f->now.account));
}

/* What a frame that goes on says of where we stand. */
static void standing_hear(struct frames *f, web_down_reader d)
{
        switch (web_down_which(d)) {
        case WEB_DOWN_GREET:
                standing_clear(f);
                break;
        case WEB_DOWN_INSTANCES:
                on_instances(f, web_down_instances(d));
                break;
        case WEB_DOWN_METHODS:
                f->has_methods = true;
                f->place = web_down_methods_instance(web_down_methods(d));
                break;
        case WEB_DOWN_SESSION:
                on_session(f, web_down_session(d));
                break;
        case WEB_DOWN_ENDED:
                f->now.is_over = true;
                if (f->asks[FRAMES_ACT])
                        f->ops->gone(f->arg, FRAMES_ACT);
                frames_grant(f, false);
                for (unsigned q = 0; q < FRAMES_QUESTIONS; q++)
                        take_back(f, q);
                break;
        case WEB_DOWN_LINE:
                f->now.is_down = web_down_line_down(web_down_line(d));
                break;
        case WEB_DOWN_DONE:
                if (!f->leaves || web_down_id(d) != f->leaves)
                        return;
                f->leaves = 0;
                standing_clear(f);
                break;
        default:
                return;
        }
        standing_tell(f);
}

/* ---- down ----------------------------------------------------------------------------------- */

/* What the window keeps for itself. Whether it was that. */
static bool down_keep(struct frames *f, web_down_reader d)
{
        switch (web_down_which(d)) {
        case WEB_DOWN_PROMPT:
                f->asks[FRAMES_PROMPT] = true;
                f->prompts = web_down_prompt_prompt(web_down_prompt(d));
                f->ops->prompt(f->arg, web_down_prompt(d));
                return true;
        case WEB_DOWN_PROMPT_GONE:
                if (web_down_prompt_gone(d) == f->prompts)
                        take_back(f, FRAMES_PROMPT);
                return true;
        case WEB_DOWN_KEY:
                f->asks[FRAMES_KEY] = true;
                f->connects = web_down_id(d);
                f->ops->key(f->arg, web_down_key(d));
                return true;
        case WEB_DOWN_STEP:
                if (web_down_step_wants(web_down_step(d)) != WEB_DOWN_STEP_WANTS_ANSWER)
                        return false;
                f->asks[FRAMES_SECRET] = true;
                f->logs = web_down_id(d);
                f->ops->secret(f->arg, web_down_step(d));
                return true;
        case WEB_DOWN_FILE:
                f->ops->file(f->arg, web_down_file(d));
                say(f, true, web_down_id(d), "\"done\":null");
                return true;
        default:
                return false;
        }
}

/* Reads a frame; NULL: it is none. */
static capnp_msg *frame_read(const struct frames *f, uint64_t type, const char *text, size_t len)
{
        struct capnp_dynamic_opts opts = {
                .reject_unknown = true, .depth = DEPTH, .text_bytes = TEXT};
        capnp_msg *m = NULL;

        if (capnp_msg_new(&m))
                return NULL;
        if (capnp_json_parse(f->schema, type, (capnp_text){text, (uint32_t)len}, &opts,
                             capnp_msg_build(m), NULL))
                m = capnp_msg_free(m);
        return m;
}

void frames_down(struct frames *f, const char *text, size_t len)
{
        capnp_msg *m = len <= TEXT ? frame_read(f, WEB_DOWN_ID, text, len) : NULL;

        if (!m) {
                f->ops->fault(f->arg);
                return;
        }
        if (!down_keep(f, web_down_root(m))) {
                if (f->logs &&
                    web_down_id(web_down_root(m)) == f->logs) /* it goes on, or is over */
                        take_back(f, FRAMES_SECRET);
                standing_hear(f, web_down_root(m));
                f->ops->to_page(f->arg, text, len);
        }
        capnp_msg_free(m);
}

/* ---- up ------------------------------------------------------------------------------------- */

static void up_ask(struct frames *f, uint32_t id, enum frames_act act)
{
        if (f->asks[FRAMES_ACT]) {
                refuse(f, id, "window.busy", "that is being asked");
                return;
        }
        f->asks[FRAMES_ACT] = true;
        f->wanted = act;
        f->wants = id;
        f->ops->asked(f->arg, act);
}

void frames_ask(struct frames *f, enum frames_act act)
{
        up_ask(f, 0, act);
}

/* What does not go on, or not yet. Whether it was that. */
static bool up_keep(struct frames *f, web_up_reader up)
{
        uint32_t id = web_up_id(up);

        switch (web_up_which(up)) {
        case WEB_UP_CONFIRM:
        case WEB_UP_TRUST:
        case WEB_UP_ANSWER:
                refuse(f, id, "window.own", "the window asks that itself");
                return true;
        case WEB_UP_LOGOUT:
                up_ask(f, id, FRAMES_LOGOUT);
                return true;
        case WEB_UP_RESET:
                up_ask(f, id, FRAMES_RESET);
                return true;
        case WEB_UP_BROWSER:
                up_ask(f, id, FRAMES_BROWSER);
                return true;
        case WEB_UP_DISCONNECT:
                f->leaves = id;
                return false;
        default:
                return false;
        }
}

void frames_up(struct frames *f, const char *text, size_t len)
{
        capnp_msg *m = len <= UP_TEXT ? frame_read(f, WEB_UP_ID, text, len) : NULL;

        if (!m)
                f->ops->fault(f->arg);
        else if (!up_keep(f, web_up_root(m)))
                f->ops->to_session(f->arg, text, len);
        capnp_msg_free(m);
}

/* ---- life ----------------------------------------------------------------------------------- */

struct frames *frames_new(const struct frames_ops *ops, void *arg)
{
        struct frames *f = calloc(1, sizeof(*f));

        if (!f)
                return NULL;
        f->ops = ops;
        f->arg = arg;
        if (capnp_schema_new(&f->schema) || capnp_schema_add_file(f->schema, &web_capnp_schema))
                return frames_free(f);
        return f;
}

struct frames *frames_free(struct frames *f)
{
        if (!f)
                return NULL;
        f->schema = capnp_schema_free(f->schema);
        free(f);
        return NULL;
}

void frames_begin(struct frames *f)
{
        f->leaves = f->connects = f->wants = f->logs = 0;
        f->nspots = 0;
        standing_clear(f);
        for (unsigned q = 0; q < FRAMES_QUESTIONS; q++) {
                f->asks[q] = false;
                f->ops->gone(f->arg, q);
        }
        standing_tell(f);
}
