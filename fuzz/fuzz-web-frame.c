/*
 * Any bytes as a frame of a page's, and as the headers of a request: what is taken as a frame is
 * printed, taken again, and must print the same; what is taken as our cookie has its length.
 */
#include "check.h"
#include "web.capnp-c.h"

#include <capos/capnp-dynamic.h>

#include <stdlib.h>

/* A macro, so that the stack of a crash names the line. */
#define check(ok) ((ok) ? (void)0 : abort())

enum { OUT_MAX = 1 << 22, DEPTH = 32, TEXT_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static capnp_schema *schema(void)
{
        static capnp_schema *s;

        if (!s) {
                check(capnp_schema_new(&s) == 0);
                check(capnp_schema_add_file(s, &web_capnp_schema) == 0);
        }
        return s;
}

/* As session.c reads it. Whether it is one. */
static bool frame_print(const char *text, size_t len, struct capnp_buf *to)
{
        struct capnp_dynamic_opts opts = {
                .reject_unknown = true, .depth = DEPTH, .text_bytes = TEXT_MAX};
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;

        check(capnp_msg_new(&m) == 0);
        if (capnp_json_parse(schema(), WEB_UP_ID, (capnp_text){text, (uint32_t)len}, &opts,
                             capnp_msg_build(m), NULL))
                return false;
        check(capnp_json_print(schema(), WEB_UP_ID, web_up_root(m).r, NULL, to) == 0);
        return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf once = {.max = OUT_MAX};
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf twice = {.max = OUT_MAX};
        char *text = malloc(size + 1);
        struct check_self self;
        const char *cookie;

        check(text != NULL);
        memcpy(text, data, size);
        text[size] = 0;
        if (frame_print(text, size, &once)) {
                check(frame_print(once.p, once.len, &twice));
                check(once.len == twice.len && !memcmp(once.p, twice.p, once.len));
        }
        check_self_make("localhost", 2380, false, &self);
        cookie = check_cookie(&self, text);
        check(!cookie || strlen(cookie) >= TOKEN_TEXT - 1);
        (void)check_host(&self, text);
        (void)check_origin(&self, text, text);
        (void)check_has_word(text, "upgrade");
        (void)check_ws_key(text);
        free(text);
        return 0;
}
