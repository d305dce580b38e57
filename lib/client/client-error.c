/*
 * How a call went, told apart. On the wire a denial is an exception of type `failed` whose text
 * begins with a code, an exceeded bound one of type `overloaded`; the codes are lib/session's. What
 * a service throws arrives as "service: …" and is none of them.
 *
 * The text of an error is what a person should read: a peer's words, never empty.
 */
#include "client-error.h"

#include <capos/capos-client.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *capos_strerror(int r)
{
        switch (r) {
        case CAPOS_E_DENIED:
                return "refused by the instance";
        case CAPOS_E_QUOTA:
                return "over a quota";
        case CAPOS_E_KEY:
                return "not a key that can be used";
        case CAPOS_E_KEY_LOCKED:
                return "the key is protected by a passphrase";
        case CAPOS_E_AGENT:
                return "the ssh-agent does not help";
        case CAPOS_E_METHOD:
                return "a way to log in that is not known here";
        case CAPOS_E_CA:
                return "no certificates to judge by are in the file of the CA";
        case CAPOS_E_CERTIFICATE:
                return "no certificate and its key in PEM that can be shown over TLS";
        case CAPOS_E_UNKNOWN_KEY:
                return "an instance that is not known here";
        case CAPOS_E_WRONG_KEY:
                return "not the instance that was meant";
        }
        return capnp_strerror(r);
}

/* A copy that fits and ends with a whole UTF-8 character. */
static void error_copy(char *to, size_t room, const char *from, size_t len)
{
        if (len >= room) {
                len = room - 1;
                while (len && ((unsigned char)from[len] & 0xc0) == 0x80)
                        len--;
        }
        if (len)
                memcpy(to, from, len);
        to[len] = 0;
}

static int error_sort(int r, capnp_exception why, struct capos_error *e)
{
        const char *quota;
        size_t len;

        if (r != CAPNP_E_EXCEPTION)
                return r;

        if (why.kind == CAPNP_FAILED) {
                e->denial = capos_denial_of_text(why.reason);
                return e->denial == CAPOS_DENIED_NONE ? r : CAPOS_E_DENIED;
        }
        quota = why.kind == CAPNP_OVERLOADED ? capos_quota_of_text_peek(why.reason, &len) : NULL;
        if (!quota)
                return r;
        error_copy(e->quota, sizeof(e->quota), quota, len);
        return CAPOS_E_QUOTA;
}

int capos_error_of(int r, capnp_exception why, struct capos_error *ret_e)
{
        struct capos_error own, *e = ret_e ? ret_e : &own;
        bool told = r == CAPNP_E_EXCEPTION || r == CAPNP_E_DISCONNECTED;
        const char *text;

        memset(e, 0, sizeof(*e));
        e->code = error_sort(r, why, e);
        if (told)
                e->kind = why.kind;
        text = told && why.reason && *why.reason ? why.reason : capos_strerror(e->code);
        error_copy(e->text, sizeof(e->text), text, strlen(text));
        return e->code;
}

int capos_error_of_question(const capnp_question *q, struct capos_error *ret_e)
{
        return capos_error_of(capnp_question_check(q), capnp_question_exception(q), ret_e);
}

int client_fail(struct capos_error *e, int code, const char *fmt, ...)
{
        va_list ap;

        if (!e)
                return code;

        memset(e, 0, sizeof(*e));
        e->code = code;
        va_start(ap, fmt);
        (void)vsnprintf(e->text, sizeof(e->text), fmt, ap);
        va_end(ap);
        return code;
}
