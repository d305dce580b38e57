/*
 * The `capnp` tool for tests. Input goes through a temporary file and output through a pipe, so
 * neither side can wait for the other.
 */
#include "test-generated.h"

#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { OUTPUT_MAX = 1 << 16 };

/* Output of `capnp VERB golden/SCHEMA TYPE` for an input; its length. */
static size_t run(const char *verb, const char *schema, const char *type, const void *in,
                  size_t len, char *out)
{
        char path[] = "/tmp/test-generated-XXXXXX", command[1024];
        const char *root = getenv("CAPOS_SRCDIR");
        size_t n;
        FILE *p;
        int fd;

        fd = mkstemp(path);
        CHECK(fd >= 0);
        CHECK_EQ(write(fd, in, len), len);
        CHECK_OK(close(fd));
        CHECK(root);
        (void)snprintf(command, sizeof(command),
                       "capnp %s -I%s/schema %s/compiler/golden/%s %s <%s", verb, root, root,
                       schema, type, path);
        p = popen(command, "re");
        CHECK(p);
        n = fread(out, 1, OUTPUT_MAX, p);
        CHECK_OK(pclose(p));
        CHECK_OK(unlink(path));
        return n;
}

capnp_msg *encoded(const char *schema, const char *type, const char *text)
{
        static _Alignas(8) char bytes[OUTPUT_MAX];
        capnp_msg *m = NULL;
        size_t n = run("encode", schema, type, text, strlen(text), bytes);

        CHECK_OK(capnp_msg_parse(bytes, n, NULL, &m));
        return m;
}

void check_decodes(const char *schema, const char *type, const capnp_msg *m, const char *text)
{
        static char bytes[OUTPUT_MAX], out[OUTPUT_MAX];
        size_t size = capnp_msg_size(m), n;

        CHECK_OK(capnp_msg_write(m, bytes, sizeof(bytes)));
        n = run("decode --short", schema, type, bytes, size, out);
        CHECK(n > 0 && n < sizeof(out));
        out[n - 1] = '\0';
        CHECK_STR(out, text);
}
