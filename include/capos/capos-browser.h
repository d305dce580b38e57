/**
 * @file
 * Logging in with a browser on the user's own machine (RFC 8252): a port of this machine where the
 * browser comes back to, for CAPOS_AUTH_OIDC_PKCE.
 *
 *     r = capos_browser_new(vat, open_it, NULL, &b);
 *     l = (struct capos_login){.kind = CAPOS_AUTH_OIDC_PKCE, .first = capos_browser_first_peek(b),
 *                              .step = capos_browser_step, .step_arg = b};
 *     r = capos_client_wait(c, capos_client_login(c, &l, NULL, NULL));
 *
 * A code for a device (CAPOS_AUTH_OIDC_DEVICE_CODE) needs none of it: capos_login.step shows url
 * and user_code to somebody and answers at once with nothing, and the login ends when he has said
 * yes.
 */
#ifndef CAPOS_BROWSER_H
#define CAPOS_BROWSER_H

#include "capos-client.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A port where a browser is waited for. */
typedef struct capos_browser capos_browser;

/**
 * Opens a page in a browser, or shows where it is to somebody who does. Called once the page is
 * known to be one of this login, from the loop; it is not to wait for the browser.
 *
 * @param s    what the instance wants: url, and what may be said of it
 * @param arg  as it was given
 * @return     0; a negative errno value: the login is given up
 */
typedef int capos_open_url(const struct capos_step *s, void *arg);

/**
 * Listens at a port of 127.0.0.1 that is free.
 *
 * @param v      the vat; must outlive it
 * @param open   opens the page
 * @param arg    handed to open
 * @param ret_b  the port; freed by capos_browser_free()
 * @return       0; -ENOMEM or another errno value
 */
CAPNP_PUBLIC int capos_browser_new(capnp_vat *v, capos_open_url *open, void *arg,
                                   capos_browser **ret_b) CAPNP_MUST_USE;

/**
 * The first response of the login: where the browser is to come back to.
 *
 * @param b  the port
 * @return   borrowed, as long as it lives
 */
CAPNP_PUBLIC capnp_data capos_browser_first_peek(const capos_browser *b);

/**
 * Answers the login's step, as capos_login.step. The page's nonce must be the hash of this login's
 * transcript, and it must lead back here; else the login is given up. What the browser brings is
 * the answer, if it has the page's state.
 *
 * @param c        the client that logs in
 * @param s        what the instance wants
 * @param browser  the port, a capos_browser; must live until the login has ended
 */
CAPNP_PUBLIC void capos_browser_step(capos_client *c, const struct capos_step *s, void *browser);

/**
 * Listens no more. Not while the login that it is for is under way.
 *
 * @param b  the port, or NULL
 * @return   NULL
 */
CAPNP_PUBLIC capos_browser *capos_browser_free(capos_browser *b);

/**
 * capos_browser_free() for CAPNP_AUTO.
 *
 * @param b  the variable; set to NULL
 */
static inline void capos_browser_freep(capos_browser **b)
{
        *b = capos_browser_free(*b);
}

#ifdef __cplusplus
}
#endif

#endif
