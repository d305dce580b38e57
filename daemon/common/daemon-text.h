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

/* How much of a text is at most `most` bytes and ends with a whole character of UTF-8: for "%.*s".
 * What is no UTF-8 is cut anywhere. */
static inline int text_fit(const char *s, int most)
{
        int n = (int)strnlen(s, (size_t)most), at = n;

        if (n < most)
                return n;
        while (at > 0 && at > n - 4 && ((unsigned char)s[at] & 0xc0) == 0x80)
                at--;
        return ((unsigned char)s[at] & 0xc0) == 0x80 ? n : at;
}

#endif
