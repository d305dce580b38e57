/*
 * Errors in words, and the defaults of every limit.
 *
 * A code is 0, a negative errno value (our side cannot go on) or an enum capnp_err (somebody else
 * is to blame). The texts are constants: naming an error must not be able to fail, and two threads
 * may ask at once, which strerror() does not promise.
 */
#include "base-error.h"

#include <string.h>

static const char *const error_texts[] = {
        [CAPNP_E_EXCEPTION - CAPNP_E_EXCEPTION] = "the call ended with an exception",
        [CAPNP_E_DISCONNECTED - CAPNP_E_EXCEPTION] = "the connection is gone",
        [CAPNP_E_PROTOCOL - CAPNP_E_EXCEPTION] = "the peer broke the protocol",
        [CAPNP_E_POISON - CAPNP_E_EXCEPTION] = "the message is malformed",
        [CAPNP_E_LIMIT - CAPNP_E_EXCEPTION] = "a limit was reached",
        [CAPNP_E_CANCELED - CAPNP_E_EXCEPTION] = "the call was canceled",
        [CAPNP_E_SHORT - CAPNP_E_EXCEPTION] = "the input ends too early",
        [CAPNP_E_ADDRESS - CAPNP_E_EXCEPTION] = "the address makes no sense",
        [CAPNP_E_SYNTAX - CAPNP_E_EXCEPTION] = "the text does not follow its grammar",
        [CAPNP_E_UNKNOWN - CAPNP_E_EXCEPTION] = "the schema does not have that name",
};

const char *capnp_strerror(int r)
{
        const char *text = NULL;
        size_t n = sizeof(error_texts) / sizeof(error_texts[0]);

        if (r == 0)
                return "success";

        if (r < 0 && r > -4096)
                text = strerrordesc_np(-r);
        else if (r >= CAPNP_E_EXCEPTION && (size_t)(r - CAPNP_E_EXCEPTION) < n)
                text = error_texts[r - CAPNP_E_EXCEPTION];

        return text ? text : "unknown error";
}

struct capnp_limits capnp_i_limits(const struct capnp_limits *l)
{
        struct capnp_limits r = l ? *l : (struct capnp_limits){0};

        r.message_bytes = r.message_bytes ? r.message_bytes : UINT64_C(64) << 20;
        r.out_bytes = r.out_bytes ? r.out_bytes : UINT64_C(4) << 20;
        r.held_bytes = r.held_bytes ? r.held_bytes : UINT64_C(6) << 20;
        r.answers = r.answers ? r.answers : 65536;
        r.refs = r.refs ? r.refs : 65536;
        r.depth = r.depth ? r.depth : 64;
        r.segments = r.segments ? r.segments : 511;
        r.window_bytes = r.window_bytes ? r.window_bytes : UINT64_C(64) << 10;
        return r;
}
