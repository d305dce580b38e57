/*
 * Who has shown this key?
 *
 * There are four ways to know, and the address and its user say which one it is. One alone decides:
 * no refusal of one is ever made good by another.
 *
 *     a CA in the address              its certificates; the file is not looked at
 *     a fingerprint in the address     that key and no other; likewise
 *     a fingerprint told beside it     likewise; with both, both
 *     nothing                          the file of known instances
 *
 * An instance that the file does not have is asked for, where a person can answer; a program is
 * refused. A key that differs from the file's is never asked for: whoever is in between would get
 * the same question, and people say yes.
 *
 * Nothing is read or written here: what the answer depends on is handed over.
 */
#include "client-trust.h"

#include "client-error.h"

#include <string.h>

static bool trust_is_told(const struct capos_address *at, const char *expect)
{
        return *at->pin || expect;
}

bool client_trust_needs_known(const struct capos_address *at, const char *expect)
{
        return !*at->ca && !trust_is_told(at, expect);
}

/* Takes what client_fail() has returned. */
static enum client_trust trust_no(int code)
{
        return code ? CLIENT_TRUST_NO : CLIENT_TRUST_YES;
}

/* A fingerprint was told. */
static enum client_trust trust_told(const struct client_trust_case *t, struct capos_error *e)
{
        const char *wanted = *t->at->pin && strcmp(t->at->pin, t->seen) != 0 ? t->at->pin
                             : t->expect && strcmp(t->expect, t->seen) != 0  ? t->expect
                                                                             : NULL;

        if (!wanted)
                return CLIENT_TRUST_YES;
        return trust_no(client_fail(e, CAPOS_E_WRONG_KEY,
                                    "this is not the instance that was meant: it shows the key "
                                    "%s, and %s was expected",
                                    t->seen, wanted));
}

static enum client_trust trust_known(const struct client_trust_case *t, struct capos_error *e)
{
        const char *path = t->path ? t->path : "(no file)";

        switch (t->known.state) {
        case CLIENT_KNOWN:
                return CLIENT_TRUST_YES;
        case CLIENT_UNKNOWN:
                if (t->can_ask)
                        return CLIENT_TRUST_ASK;
                return trust_no(client_fail(e, CAPOS_E_UNKNOWN_KEY,
                                            "an instance that is not known here: it shows the "
                                            "key %s. Compare that with `capos cert show` there, "
                                            "then `capos known add %s %s`, or --expect",
                                            t->seen, t->at->where, t->seen));
        case CLIENT_CHANGED:
                return trust_no(client_fail(e, CAPOS_E_WRONG_KEY,
                                            "THE KEY HAS CHANGED: it shows %s, known is %s (%s, "
                                            "line %u). Somebody may be in between. Only if the "
                                            "instance has a new key: capos known remove %s",
                                            t->seen, t->known.fingerprint, path, t->known.line,
                                            t->at->where));
        case CLIENT_UNREADABLE:
                break;
        }
        return trust_no(client_fail(e, CAPOS_E_UNKNOWN_KEY,
                                    "%s, line %u: this is no known instance (HOST:PORT "
                                    "sha256:…): mend or remove it",
                                    path, t->known.line));
}

enum client_trust client_trust_decide(const struct client_trust_case *t, struct capos_error *ret_e)
{
        if (trust_is_told(t->at, t->expect) && trust_told(t, ret_e) != CLIENT_TRUST_YES)
                return CLIENT_TRUST_NO;
        if (*t->at->ca && t->ca_refuses)
                return trust_no(client_fail(ret_e, CAPOS_E_WRONG_KEY,
                                            "the certificates are not good: %s (judged by "
                                            "%s)",
                                            t->ca_refuses, t->at->ca));
        return client_trust_needs_known(t->at, t->expect) ? trust_known(t, ret_e)
                                                          : CLIENT_TRUST_YES;
}
