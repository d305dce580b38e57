/* What a service says of itself, for whether it composes panes: an interface's id, and the message.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "worker-composer.h"

static const uint64_t COMPOSER = UINT64_C(0xa2e42ed088e3b8c5);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        uint64_t interface;
        uint8_t *message;

        if (size < sizeof(interface) || size > 1 << 20)
                return 0;
        message = malloc(size);
        if (!message)
                return 0;

        memcpy(&interface, data, sizeof(interface));
        memcpy(message, data + sizeof(interface), size - sizeof(interface));
        (void)composer_extends((capnp_data){message, (uint32_t)(size - sizeof(interface))},
                               interface, COMPOSER);
        free(message);
        return 0;
}
