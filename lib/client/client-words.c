/*
 * Each sixteen bits are a word of five letters, consonant, vowel, consonant, vowel, consonant, as
 * "Proquints" (Wilkerson, arXiv:0901.4016) have it: `lusab-babad` are 7f 00 00 01. They are said
 * and heard with fewer mistakes than base64 is.
 */
#include "client-words.h"

#include <stdint.h>
#include <string.h>

enum { PREFIX = 7, LETTERS = 22, WORDS = 8, WORD = 6 };

/* 64: it is none. */
static unsigned value_of(char c)
{
        static const char letters[] =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        const char *at = c ? strchr(letters, c) : NULL;

        return at ? (unsigned)(at - letters) : 64;
}

void client_words(const char *fingerprint, char to[CLIENT_WORDS])
{
        static const char con[] = "bdfghjklmnprstvz", vow[] = "aiou";
        uint64_t bits = 0;
        unsigned have = 0, n = 0;

        to[0] = 0;
        if (strncmp(fingerprint, "sha256:", PREFIX) != 0)
                return;
        for (unsigned i = 0; i < LETTERS; i++) {
                unsigned v = value_of(fingerprint[PREFIX + i]);

                if (v == 64) {
                        to[0] = 0;
                        return;
                }
                bits = bits << 6 | v;
                have += 6;
                if (have < 16 || n == CLIENT_WORDS)
                        continue;
                have -= 16;
                to[n++] = con[bits >> (have + 12) & 15];
                to[n++] = vow[bits >> (have + 10) & 3];
                to[n++] = con[bits >> (have + 6) & 15];
                to[n++] = vow[bits >> (have + 4) & 3];
                to[n++] = con[bits >> have & 15];
                to[n] = n + 1 < WORDS * WORD ? '-' : 0;
                n++;
        }
}
