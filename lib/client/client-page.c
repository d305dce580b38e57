/*
 * Pages that an instance wants somebody to open: which ones are.
 *
 * The page of a login by a browser must ask for a code, lead back to us, and carry the hash of this
 * login's transcript. So an instance cannot have a person say yes to another login than this one,
 * and a token that comes of it is good here alone.
 *
 * It may ask for nothing else. A provider reads names that are none of ours, too, and some of them
 * say it all anew (`request`, `request_uri`, RFC 9101) or send the answer elsewhere
 * (`response_mode`); and it takes `%6Eonce` for `nonce`. So the names are compared as they are
 * written, and each is there once.
 */
#include "client-page.h"
#include "session-proof.h"
#include "session-url.h"

#include <stdio.h>
#include <string.h>

enum { VALUE_BYTES = 256 };

static const char *const names[] = {
        "response_type", "client_id", "redirect_uri",   "scope",
        "state",         "nonce",     "code_challenge", "code_challenge_method",
};
/* … and, for a renewal, how long ago the last proof may be: none but 0, whatever is there. */
static const char AGE[] = "max_age";
enum { NAMES = sizeof(names) / sizeof(names[0]) };

bool client_page_is_good(const char *url)
{
        char page[CAPOS_URL_BYTES];
        size_t n = strcspn(url, "?");

        if (!url[0])
                return true;

        /* What is before the query says where it leads. */
        (void)snprintf(page, sizeof(page), "%.*s", (int)n, url);
        return n < sizeof(page) && capos_i_url_is_good(page, true) &&
               strspn(url + n, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                               "-._~%?&=+:/") == strlen(url + n);
}

/* Which of the names a field has; NAMES: the one that may be missing. -1: none of them. */
static int field_name(const char *field, size_t len)
{
        const char *is = memchr(field, '=', len);
        size_t n = is ? (size_t)(is - field) : 0;

        for (int i = 0; i < NAMES; i++)
                if (strlen(names[i]) == n && !memcmp(names[i], field, n))
                        return i;
        return n == strlen(AGE) && !memcmp(AGE, field, n) ? NAMES : -1;
}

/* Whether all the names are there, each once, and no other. */
static bool query_is_plain(const char *query)
{
        unsigned seen = 0;

        for (size_t len; *query; query += len + (query[len] == '&')) {
                int i;

                len = strcspn(query, "&");
                i = field_name(query, len);
                if (i < 0 || seen & 1u << i)
                        return false;
                seen |= 1u << i;
        }
        return (seen & ~(1u << NAMES)) == (1u << NAMES) - 1;
}

static bool field_is(const char *query, const char *name, const char *value)
{
        char found[VALUE_BYTES];

        return !capos_i_query_get(query, name, found, sizeof(found)) && !strcmp(found, value);
}

const char *client_page_wrong(const struct capos_step *s, const char *redirect, char *ret_state,
                              size_t room)
{
        const char *query = strchr(s->url, '?');
        char nonce[CAPOS_PROOF_NONCE_TEXT], age[VALUE_BYTES];

        if (!query || !client_page_is_good(s->url))
                return "the instance leads to a page that is not opened";
        if (!query_is_plain(++query))
                return "the instance leads to a page with something else in it than a login";

        capos_proof_nonce(s->transcript_hash, nonce);
        if (!field_is(query, "nonce", nonce))
                return "the instance leads to the login of somebody else (nonce)";
        if (!field_is(query, "response_type", "code") ||
            !field_is(query, "code_challenge_method", "S256") ||
            !field_is(query, "redirect_uri", redirect) ||
            capos_i_query_get(query, "state", ret_state, room) || !ret_state[0] ||
            (capos_i_query_get(query, AGE, age, sizeof(age)) != CAPNP_E_UNKNOWN &&
             !field_is(query, AGE, "0")))
                return "the instance leads to another kind of login";
        return NULL;
}
