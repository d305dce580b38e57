/* A key's fingerprint as words that can be said: for people who compare two of them. */
#ifndef CAPOS_CLIENT_WORDS_H
#define CAPOS_CLIENT_WORDS_H

enum { CLIENT_WORDS = 48 }; /* bytes, with the NUL */

/* Eight words of a fingerprint, `sha256:…`, for its first 128 bits, which is as good as nobody's to
 * find another key for. "": it is none. */
void client_words(const char *fingerprint, char to[CLIENT_WORDS]);

#endif
