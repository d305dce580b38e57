/* What an identity provider answers, as each kind of request reads it. */
#include "answer.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct fetch_request q;
        static struct fetch_reply reply;

        if (!size)
                return 0;

        q = (struct fetch_request){.kind = FETCH_DISCOVER + data[0] % FETCH_CODE_TOKEN,
                                   .loopback = data[0] >> 7,
                                   .url = "https://op.example"};
        reply = (struct fetch_reply){0};
        answer_read(&q, data[0] & 0x40 ? 400 : 200, (capnp_data){data + 1, (uint32_t)(size - 1)},
                    &reply);
        return 0;
}
