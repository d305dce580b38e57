/* What may be said, and what a channel may be called. */
#ifndef CAPOS_CHAT_TEXT_H
#define CAPOS_CHAT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
        CHAT_TEXT_BYTES = 4096, /* of a message */
        CHAT_NAME_BYTES = 33,   /* of a channel's name, # included */
};

/* A channel that is asked for, as a struct kit_command_field of any command. */
#define CHAT_CHANNEL_FIELD                                                                   \
        {                                                                                    \
                .path = "channel", .label = "Channel",                                       \
                .help = "# and 1 to 32 of a-z, 0-9, dash and underscore.", .required = true, \
                .completed = true, .max_bytes = CHAT_NAME_BYTES                              \
        }

/* Whether these bytes are UTF-8 without control characters other than newline and tab. */
bool chat_text_is_clean(const char *p, size_t len);
/* Whether these bytes are `#` and 1 to 32 of a-z, 0-9, dash and underscore. */
bool chat_name_is_good(const char *p, size_t len);

#endif
