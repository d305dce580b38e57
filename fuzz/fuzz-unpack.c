/*
 * Any bytes as packed words: measuring and unpacking agree, every smaller room is refused, and what
 * came out packs into something that unpacks to the same.
 */
#include <stdlib.h>

#include <capos/capnp-msg.h>

/* A macro, so that the stack of a crash names the line. */
#define check(ok) ((ok) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(const uint8_t *words, size_t len)
{
        size_t n = 0, m;
        uint8_t *packed, *back = malloc(len + 1);

        check(back && capnp_pack(words, len, NULL, 0, &n) == 0);
        packed = malloc(n + 1);
        check(packed && capnp_pack(words, len, packed, n, &m) == 0 && m == n);
        check(capnp_unpack(packed, n, back, len, &m) == 0 && m == len);
        check(len == 0 || memcmp(back, words, len) == 0);
        if (n)
                check(capnp_pack(words, len, packed, n - 1, &m) == CAPNP_E_LIMIT);
        free(packed);
        free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        size_t len, n;
        uint8_t *words;
        int r = capnp_unpack(data, size, NULL, 0, &len);

        if (r) {
                static uint8_t room[1 << 16];

                n = sizeof(room);
                check(capnp_unpack(data, size, room, n, &n) != 0);
                return 0;
        }

        words = malloc(len + 1);
        check(words && len % 8 == 0 && len <= size * 1024);
        check(capnp_unpack(data, size, NULL, len, &n) == 0 && n == len);
        check(len <= 8 || capnp_unpack(data, size, NULL, len - 8, &n) == CAPNP_E_LIMIT);
        check(capnp_unpack(data, size, words, len, &n) == 0 && n == len);
        check_again(words, len);
        if (len)
                check(capnp_unpack(data, size, words, len - 1, &n) == CAPNP_E_LIMIT);
        free(words);
        return 0;
}
