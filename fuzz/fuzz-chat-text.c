/*
 * Whatever bytes are said in a channel: a clean text has no control character but newline and tab,
 * and is made of clean texts wherever it is cut between two characters.
 */
#include "chat-text.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool good)
{
        if (!good)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const char *p = (const char *)data;

        (void)chat_name_is_good(p, size);
        if (size > 4096 || !chat_text_is_clean(p, size))
                return 0;

        for (size_t i = 0; i < size; i++) {
                demand(data[i] >= 0x20 || data[i] == '\n' || data[i] == '\t');
                demand(data[i] != 0x7f);
                if ((data[i] & 0xc0) == 0x80)
                        demand(!chat_text_is_clean(p + i, size - i));
                else
                        demand(chat_text_is_clean(p, i) && chat_text_is_clean(p + i, size - i));
        }
        return 0;
}
