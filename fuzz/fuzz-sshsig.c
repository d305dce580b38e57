/*
 * SSHSIG blobs: split, and verified with the key they name themselves, over a message nobody has
 * signed. Whatever comes in, it is not accepted.
 */
#include <stdint.h>
#include <stdlib.h>

#include "ssh.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const uint8_t message[] = "nobody signs this";
        const capnp_data sig = {data, (uint32_t)size};
        struct ssh_sig s;

        if (size > UINT32_MAX || ssh_sig_read(sig, &s))
                return 0;
        if (!ssh_verify(s.key, sig, "login@capos", (capnp_data){message, sizeof(message)}))
                abort();

        return 0;
}
