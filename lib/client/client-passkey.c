/*
 * What a WebAuthn client is asked for. The challenge is the hash of the transcript that this side
 * has put together: nobody who is between, and no instance, can have another login signed.
 *
 * Whose passkeys are asked for is the instance's wish, as it is a page's in a browser, and what a
 * browser demands of a page holds here: it is the host's own domain, or one above it. Which of
 * those are anybody's to register names in (`co.uk`) a browser has a list of, and we have not.
 */
#include "client-error.h"
#include "client-ssh.h"
#include "client.h"

#include <capos/capos-client.h>

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

enum { BASE64_ROOM = 48, DOMAIN_BYTES = 253, OPTIONS_ROOM = 512 };

/* In JSON nothing of it needs to be escaped. */
static bool domain_is_one(const char *s)
{
        size_t len = strlen(s);

        return len > 0 && len <= DOMAIN_BYTES &&
               strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789.-") == len;
}

bool client_party_is_of(const char *host, const char *party)
{
        size_t all = strlen(host), len = strlen(party);
        const char *dot = strchr(party, '.');

        if (!len || len > all || strcasecmp(host + all - len, party) != 0)
                return false;

        return len == all || (host[all - len - 1] == '.' && dot && dot != party && dot[1]);
}

static void base64url(const uint8_t *p, size_t len, char to[BASE64_ROOM])
{
        (void)EVP_EncodeBlock((unsigned char *)to, p, (int)len);
        to[strcspn(to, "=")] = 0;
        for (; *to; to++)
                *to = *to == '+' ? '-' : *to == '/' ? '_' : *to;
}

int capos_passkey_options(const struct capos_step *s, struct capnp_buf *to,
                          struct capos_error *ret_e)
{
        char challenge[BASE64_ROOM], text[OPTIONS_ROOM];
        int n, r;

        if (!s->challenge.len || !domain_is_one(s->relying_party))
                return client_fail(ret_e, CAPOS_E_METHOD, "%s",
                                   "the instance does not say whose passkeys it wants");

        base64url(s->transcript_hash, sizeof(s->transcript_hash), challenge);
        n = snprintf(text, sizeof(text),
                     "{\"challenge\":\"%s\",\"rpId\":\"%s\",\"allowCredentials\":[],"
                     "\"userVerification\":\"required\"}",
                     challenge, s->relying_party);
        r = client_buf_append(to, (const uint8_t *)text, (size_t)n);
        return r ? client_fail(ret_e, r, "%s", capos_strerror(r)) : 0;
}
