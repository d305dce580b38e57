/* Whether a service composes, by schemas as the kit and the compiler write them. */
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "worker-composer.h"

static const uint64_t COMPOSER = UINT64_C(0xa2e42ed088e3b8c5), NONE = UINT64_C(0xb000000000000099);

/* Corpus files of the fuzzer: the interface's id, and the message. */
static bool file_extends(const char *name, uint64_t wanted)
{
        const char *root = getenv("CAPOS_SRCDIR");
        _Alignas(8) static uint8_t bytes[64 * 1024];
        uint64_t interface;
        char path[4096];
        size_t n;
        FILE *f;

        snprintf(path, sizeof(path), "%s/fuzz/corpus/fuzz-composer/%s", root ? root : ".", name);
        f = fopen(path, "re");
        CHECK(f);
        n = fread(bytes, 1, sizeof(bytes), f);
        fclose(f);
        CHECK(n > sizeof(interface));
        memcpy(&interface, bytes, sizeof(interface));
        return composer_extends((capnp_data){bytes + 8, (uint32_t)n - 8}, interface, wanted);
}

TEST(interfaces_extend_by_whatever_way)
{
        CHECK(file_extends("is-it", COMPOSER));
        CHECK(file_extends("extends", COMPOSER));
        CHECK(file_extends("extends-twice", COMPOSER));
        CHECK(!file_extends("does-not", COMPOSER));
        CHECK(!file_extends("not-there", COMPOSER));
        CHECK(!file_extends("extends-twice", NONE));
        CHECK(!file_extends("cut", COMPOSER));
}

TEST(what_is_no_schema)
{
        static const _Alignas(8) uint8_t zeros[64];

        CHECK(!composer_extends((capnp_data){zeros, 0}, COMPOSER, COMPOSER));
        CHECK(!composer_extends((capnp_data){zeros, 4}, COMPOSER, COMPOSER));
        CHECK(!composer_extends((capnp_data){zeros, sizeof(zeros)}, NONE, COMPOSER));
}
