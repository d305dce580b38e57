/* Texts that came over a wire, compared whole: one with a NUL inside is not the text before it. */
#ifndef CAPOS_DAEMON_TEXT_H
#define CAPOS_DAEMON_TEXT_H

#include <capos/capnp-base.h>

#include <string.h>

/* Whether a text is this one. A wire text meets a text of ours here and nowhere else. */
static inline bool text_is(capnp_text t, const char *s)
{
        return t.len == strlen(s) && !memcmp(t.p, s, t.len);
}

/* Whether what is behind a wire text's pointer as a C string is all of it. */
static inline bool text_is_plain(capnp_text t)
{
        return strlen(t.p) == t.len;
}

#endif
