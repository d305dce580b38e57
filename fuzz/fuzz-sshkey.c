/* Public key blobs, as they come from an authorized_keys line: read, and freed. */
#include <stdint.h>
#include <stdlib.h>

#include "ssh.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct ssh_key k;

        if (size > UINT32_MAX || ssh_key_read((capnp_data){data, (uint32_t)size}, &k))
                return 0;
        if (!k.pkey || k.type >= SSH_TYPES)
                abort();

        ssh_key_deinit(&k);
        return 0;
}
