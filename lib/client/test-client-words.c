/* Words of a fingerprint: known values, and what is none. */
#include "harness.h"

#include "client-words.h"

#include <string.h>

TEST(words_are_those_of_their_bits)
{
        char words[CLIENT_WORDS];

        /* 127.0.0.1 and 63.84.220.193, as the paper has them, and then 00 to 07. */
        client_words("sha256:fwAAAT9U3MEAAQIDBAUGBwAAAAAAAAAAAAAAAAAAAAA", words);
        CHECK_STR(words, "lusab-babad-gutih-tugad-babad-bamag-bibaj-bimal");
        CHECK_EQ(strlen(words), CLIENT_WORDS - 1);
        client_words("sha256://///////////////////wAAAAAAAAAAAAAAAAAAAAA", words);
        CHECK_STR(words, "zuzuz-zuzuz-zuzuz-zuzuz-zuzuz-zuzuz-zuzuz-zuzuz");
}

TEST(what_is_no_fingerprint_has_no_words)
{
        static const char *const none[] = {"", "sha256:", "md5:fwAAAT9U3MEAAQIDBAUGBw",
                                           "sha256:fwAAAT9U3ME AQIDBAUGBwA", "sha256:fwAAAT9U"};
        char words[CLIENT_WORDS];

        for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++) {
                client_words(none[i], words);
                CHECK_STR(words, "");
        }
}
