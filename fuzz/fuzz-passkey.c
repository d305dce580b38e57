/*
 * What an authenticator answers, as the JSON that a browser makes of it: a login by a passkey that
 * nobody has is never good, a new one has a key. What does not begin as JSON is taken for what lies
 * inside it: an attestation object, and what the browser says.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "passkey-fido.h"
#include "passkey-new.h"
#include "passkey.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct passkey_party party_inside = {
        .id = "localhost",
        .origins = {(const uint8_t *)"https://a.example", sizeof("https://a.example")},
};

static void fuzz_inside(capnp_data data, const struct proof_passkey_new *w)
{
        struct passkey_response r = {.data = data, .client = data};
        struct passkey made = {0};
        capnp_data said;

        if (passkey_client_check(data, "webauthn.get", w->challenge, &party_inside) == 0)
                abort();
        if (!passkey_new_read(&r, &party_inside, w, &made, &said) && passkey_key_check(&made))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const char party_text[] = "localhost\0http://localhost:8480";
        const capnp_data party = {(const uint8_t *)party_text, sizeof(party_text)};
        const capnp_data response = {data, (uint32_t)size};
        struct proof_passkey_new made = {.attestation = PASSKEY_ATTESTATION_NONE};
        struct proof_passkey wanted = {.user_wanted = 0};
        struct proof_verdict v = {0};

        if (size > PASSKEY_RESPONSE_BYTES + 1)
                return 0;

        for (unsigned i = 0; i < PASSKEY_CHALLENGE_BYTES; i++)
                made.challenge[i] = wanted.challenge[i] = (uint8_t)i;
        if (passkey_prove((capnp_data){(const uint8_t *)&wanted, sizeof(wanted)}, response, party,
                          &v))
                abort();
        if (passkey_prove_new((capnp_data){(const uint8_t *)&made, sizeof(made)}, response, party,
                              &v) &&
            (v.passkey.id_len > PASSKEY_ID_BYTES || passkey_key_check(&v.passkey)))
                abort();

        if (size && *data != '{')
                fuzz_inside(response, &made);
        made.attestation = PASSKEY_ATTESTATION_PACKED; /* which is all that is read */
        if (size && *data != '{')
                fuzz_inside(response, &made);
        (void)!passkey_prove_new((capnp_data){(const uint8_t *)&made, sizeof(made)}, response,
                                 party, &v);
        return 0;
}
