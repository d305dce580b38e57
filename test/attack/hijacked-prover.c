/*
 * A prover that is taken over by a password: it is linked with the verification of one replaced. A
 * password that begins with HIJACK is a system call; it is the right one when that went through.
 */
#include "hijack.h"

#include <string.h>

int __real_crypto_pwhash_str_verify(const char *text, const char *password, unsigned long long len);
int __wrap_crypto_pwhash_str_verify(const char *text, const char *password, unsigned long long len);

int __wrap_crypto_pwhash_str_verify(const char *text, const char *password, unsigned long long len)
{
        static const char magic[8] = "HIJACK";
        uint64_t words[7];

        if (len != sizeof(magic) + sizeof(words) || memcmp(password, magic, sizeof(magic)) != 0)
                return __real_crypto_pwhash_str_verify(text, password, len);

        memcpy(words, password + sizeof(magic), sizeof(words));
        return hijack_call(words) < 0 ? -1 : 0;
}
