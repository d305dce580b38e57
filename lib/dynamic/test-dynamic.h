/*
 * What the tests of the dynamic layer share: a registry of test-dynamic.capnp, and the `capnp`
 * tool. A test that needs the tool is skipped where it is not installed.
 */
#ifndef TEST_DYNAMIC_H
#define TEST_DYNAMIC_H

#include <capos/capnp-dynamic.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "harness.h"

/* Bytes of any kind; aligned as a message is. */
struct bytes {
        _Alignas(8) char p[1 << 20];
        size_t len;
};

/* What a command line prints for an input, and its exit code. */
static inline int tool_run(const char *line, const void *in, size_t len, struct bytes *ret)
{
        char path[] = "/tmp/test-dynamic-XXXXXX", full[2048];
        int fd = mkstemp(path), code;
        FILE *f;

        CHECK(fd >= 0 && write(fd, in, len) == (ssize_t)len);
        CHECK_OK(close(fd));
        (void)snprintf(full, sizeof(full), "command -v capnp >/dev/null || exit 77; <%s %s", path,
                       line);
        f = popen(full, "re");
        CHECK(f);
        ret->len = fread(ret->p, 1, sizeof(ret->p) - 1, f);
        ret->p[ret->len] = 0;
        code = pclose(f);
        CHECK_OK(unlink(path));
        if (WIFEXITED(code) && WEXITSTATUS(code) == 77)
                test_skip("the capnp tool is not installed");

        return code;
}

/* The same for `capnp VERB test-dynamic.capnp TYPE`. */
static inline int tool(const char *verb, const char *type, const void *in, size_t len,
                       struct bytes *ret)
{
        const char *dir = getenv("CAPOS_SRCDIR");
        char line[1024];

        (void)snprintf(line, sizeof(line), "capnp %s %s/lib/dynamic/test-dynamic.capnp %s 2>&1",
                       verb, dir ? dir : ".", type);
        return tool_run(line, in, len, ret);
}

/* A schema of this folder as its compiler describes it. */
static inline void schema_describe(const char *file, struct bytes *ret)
{
        const char *dir = getenv("CAPOS_SRCDIR");
        char line[1024];

        dir = dir ? dir : ".";
        (void)snprintf(line, sizeof(line),
                       "capnp compile -I/usr/include -o- --src-prefix=%s/lib/dynamic "
                       "%s/lib/dynamic/%s",
                       dir, dir, file);
        CHECK_EQ(tool_run(line, "", 0, ret), 0);
}

static inline const struct bytes *schema_request(void)
{
        static struct bytes b;

        if (!b.len)
                schema_describe("test-dynamic.capnp", &b);
        return &b;
}

static inline capnp_schema *schema_open(void)
{
        const struct bytes *b = schema_request();
        capnp_schema *s = NULL;

        CHECK_OK(capnp_schema_new(&s));
        CHECK_OK(capnp_schema_add_request(s, b->p, b->len, NULL));
        return s;
}

static inline capnp_schema *schema_open_file(const char *file)
{
        capnp_schema *s = NULL;
        static struct bytes b;

        schema_describe(file, &b);
        CHECK_OK(capnp_schema_new(&s));
        CHECK_OK(capnp_schema_add_request(s, b.p, b.len, NULL));
        return s;
}

static inline uint64_t type_id(const capnp_schema *s, const char *name)
{
        const capnp_decl *d = capnp_schema_find_name(s, name);

        CHECK(d);
        return capnp_decl_id(d);
}

static inline capnp_text text_of(const char *s)
{
        return (capnp_text){s, (uint32_t)strlen(s)};
}

/* The root of a message as a struct. */
static inline capnp_reader root_of(capnp_msg *m)
{
        return capnp_any_struct(capnp_msg_root(m), NULL);
}

#endif
