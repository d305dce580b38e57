/*
 * SSHSIG blobs: split, and verified with the key they name themselves, over a message nobody has
 * signed. Whatever comes in, it is not accepted. What they name may be a certificate: it is judged,
 * by nobody who is believed, and then as if its own authority were.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ssh-certificate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The authority that a certificate names, as one that is believed; or none. */
static capnp_data authority(const struct ssh_certificate *c, bool known, uint8_t one[8192])
{
        uint32_t len = c->authority.len, all = len + 12;
        const uint8_t head[] = {(uint8_t)(all >> 24), (uint8_t)(all >> 16), (uint8_t)(all >> 8),
                                (uint8_t)all,         (uint8_t)(len >> 24), (uint8_t)(len >> 16),
                                (uint8_t)(len >> 8),  (uint8_t)len};

        if (!known || !len || len > 8000)
                return (capnp_data){0};

        memcpy(one, head, sizeof(head));
        memcpy(one + sizeof(head), c->authority.p, len);
        memset(one + sizeof(head) + len, 0, 8);
        return (capnp_data){one, len + 16};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const uint8_t message[] = "nobody signs this";
        const capnp_data sig = {data, (uint32_t)size};
        struct ssh_certificate c;
        struct ssh_granted g;
        struct ssh_sig s;

        if (size > UINT32_MAX || ssh_sig_read(sig, &s))
                return 0;
        if (!ssh_verify(s.key, sig, "login@capos", (capnp_data){message, sizeof(message)}, NULL))
                abort();
        if (ssh_certificate_read(s.key, &c))
                return 0;

        for (unsigned known = 0; known < 2; known++) {
                uint8_t one[8192];
                const struct ssh_wanted w = {.authorities = authority(&c, known, one),
                                             .account = "ada",
                                             .address = "192.0.2.7",
                                             .now = 1800000000};

                if (!ssh_certificate_judge(&c, &w, &g) && !known)
                        abort();
        }
        ssh_certificate_deinit(&c);
        return 0;
}
