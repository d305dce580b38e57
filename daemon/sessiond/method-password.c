/*
 * Passwords. The account's verifier goes to a prover with what the client says; for an account that
 * is not there, or has no password, another verifier, which costs the same and never fits.
 */
#include "method.h"

#include <stdio.h>
#include <string.h>

enum { PASSWORD_BYTES = 1024 };

static bool password_is_on(const struct policy *p)
{
        return p->password;
}

/* What no other method knows is taken for a password. */
static bool password_recognizes(capnp_data proof)
{
        (void)proof;
        return true;
}

static enum method_turn password_turn(const struct claim *c, capnp_data response)
{
        (void)c;
        return response.len ? METHOD_PROOF : METHOD_STEP;
}

static void password_step(const struct claim *c, remote_auth_step_builder b)
{
        (void)c;
        remote_auth_step_set_prompt(b, "Password");
        remote_auth_step_set_redaction(b, true);
}

static int password_prove(const struct claim *c, const struct store_account *acc,
                          capnp_data password, struct method_proof *ret)
{
        (void)c;
        snprintf(ret->credential, sizeof(ret->credential), "password");
        if (acc->verifier[0]) {
                ret->kind = PROOF_PASSWORD;
                ret->parts[0] = (capnp_data){(const uint8_t *)acc->verifier,
                                             (uint32_t)strlen(acc->verifier)};
                ret->parts[1] = password;
        } else {
                ret->kind = PROOF_DUMMY;
                ret->parts[0] = password;
        }
        return 0;
}

static enum capos_denial password_accept(const struct claim *c, const struct proof_verdict *v,
                                         struct principal *ret)
{
        if (v->good != 1)
                return CAPOS_DENIED_CREDENTIALS;

        memcpy(ret->account, c->account, sizeof(ret->account));
        return CAPOS_DENIED_NONE;
}

static const struct method_ops password_ops = {
        .throttle = THROTTLE_PASSWORD,
        .response_bytes = PASSWORD_BYTES,
        .recognizes = password_recognizes,
        .turn = password_turn,
        .step = password_step,
        .prove = password_prove,
        .accept = password_accept,
};

const struct method method_password = {.is_on = password_is_on, .ops = &password_ops};
