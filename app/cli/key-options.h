/* What a key is restricted to: by options of the command, and of a line as sshd has it. */
#ifndef CAPOS_CLI_KEY_OPTIONS_H
#define CAPOS_CLI_KEY_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KEY_FROM_BYTES = 1024, KEY_FAULT_BYTES = 200 };

struct key_limits {
        char from[KEY_FROM_BYTES + 1]; /* "": anywhere */
        uint64_t expires_ms;           /* since 1970; 0: never */
        const char *profile;           /* NULL: any */
};

/* Adds one. What is wrong with it; NULL: nothing. fault: room to say it. */
const char *key_limits_from(struct key_limits *k, const char *list, size_t len,
                            char fault[static KEY_FAULT_BYTES]);

/*
 * Takes the options off the front of a line of authorized_keys: `from="…",expiry-time="…"`. What is
 * wrong with them; NULL: nothing. *line: the key, from its type on.
 */
const char *key_limits_line(struct key_limits *k, const char **line,
                            char fault[static KEY_FAULT_BYTES]);

#endif
