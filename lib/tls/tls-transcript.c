/*
 * What is kept is exactly what the client's signature covers, and that signature: every message
 * from ClientHello on, both directions, in order. What follows (the client's Finished) is not: it
 * is covered by nothing that somebody else could check.
 *
 * A client that shows no certificate leaves nothing. Neither does a handshake that is longer than
 * any honest one, nor one for which there is no memory: then there is no login by certificate.
 */
#include "tls-transcript.h"

#include "tls.h"

#include <stdlib.h>
#include <string.h>

enum { CERTIFICATE = 11, CERTIFICATE_VERIFY = 15, HEADER = 4, FIRST_ROOM = 2048 };

void capos_i_tls_transcript_start(struct tls_transcript *t)
{
        t->runs = true;
}

void capos_i_tls_transcript_drop(struct tls_transcript *t)
{
        free(t->b);
        *t = (struct tls_transcript){0};
}

static bool transcript_grow(struct tls_transcript *t, size_t need)
{
        size_t room = t->room ? t->room : FIRST_ROOM;
        uint8_t *b;

        if (need > CAPOS_I_TLS_TRANSCRIPT)
                return false;

        while (room < need)
                room *= 2;
        if (room == t->room)
                return true;

        b = realloc(t->b, room);
        if (!b)
                return false;

        t->b = b;
        t->room = room;
        return true;
}

/* A Certificate message whose list is empty: header, context of no bytes, three bytes of length. */
static bool certificate_is_none(const uint8_t *b, size_t len)
{
        static const uint8_t none[] = {CERTIFICATE, 0, 0, 4, 0, 0, 0, 0};

        return len == sizeof(none) && !memcmp(b, none, sizeof(none));
}

void capos_i_tls_transcript_add(struct tls_transcript *t, bool from_client, const uint8_t *b,
                                size_t len)
{
        if (!t->runs || t->whole || len < HEADER)
                return;

        if ((from_client && certificate_is_none(b, len)) || !transcript_grow(t, t->len + len)) {
                capos_i_tls_transcript_drop(t);
                return;
        }
        memcpy(t->b + t->len, b, len);
        t->len += len;
        t->whole = from_client && b[0] == CERTIFICATE_VERIFY;
}
