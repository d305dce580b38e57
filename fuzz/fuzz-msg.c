/*
 * Any bytes as a message: walked as a tree without a schema, copied, and the copy walked.
 *
 * A walk is a hash over all that a reader can see. When the source is clean, its copy (built in
 * segments as small as the input's last byte says), the copy's bytes read again, and the copy after
 * its root has grown must have the same hash; and after a clear the copy must be nothing but zeros.
 */
#include <stdlib.h>

#include "msg-internal.h"

/* A macro, so that the stack of a crash names the line. */
#define check(ok) ((ok) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t walk_any(capnp_any a);

static uint64_t mix(uint64_t h, uint64_t v)
{
        h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
        return h ^ h >> 29;
}

/* Zeros at the end of the data and null pointers at the end do not count: a struct may grow. */
static uint64_t walk_struct(capnp_reader r)
{
        uint64_t h = 1;

        for (uint32_t i = 0; i < r.bytes; i++)
                h = r.d[i] ? mix(h, r.d[i] + ((uint64_t)i << 8)) : h;
        for (uint16_t i = 0; i < r.ptrs; i++) {
                uint64_t v = walk_any(capnp_reader_any(r, i));

                h = v ? mix(h, v + i) : h;
        }

        return h;
}

static uint64_t walk_list(capnp_list l)
{
        uint64_t h = mix(l.size, l.len);

        if (l.size == CAPNP_SIZE_BIT) {
                for (uint32_t i = 0; i < l.len; i++)
                        h = mix(h, capnp_list_bool(l, i));
                return h;
        }

        for (uint32_t i = 0; i < l.len; i++)
                h = mix(h, walk_struct(capnp_list_struct(l, i)));

        return h;
}

static uint64_t walk_any(capnp_any a)
{
        capnp_text t = capnp_any_what(a) == CAPNP_WHAT_NULL ? capnp_any_text(a, (capnp_text){0})
                                                            : (capnp_text){"", 0};

        if (t.len || t.p[0])
                abort();

        switch (capnp_any_what(a)) {
        case CAPNP_WHAT_STRUCT:
                return mix(2, walk_struct(capnp_any_struct(a, NULL)));
        case CAPNP_WHAT_LIST:
                return mix(3, walk_list(capnp_any_list(a, CAPNP_SIZE_VOID, NULL)));
        case CAPNP_WHAT_CAP:
                return capnp_any_cap_peek(a) ? 4 : 0;
        case CAPNP_WHAT_NULL:
        case CAPNP_WHAT_BAD:
                break;
        }

        return 0;
}

/* Reads every slot of the root as each thing it may not be; nothing is compared. */
static void misread(capnp_msg *m)
{
        capnp_reader r = capnp_any_struct(capnp_msg_root(m), NULL);

        for (uint16_t i = 0; i < r.ptrs && i < 64; i++) {
                capnp_any a = capnp_reader_any(r, i);
                capnp_text t = capnp_any_text(a, (capnp_text){0});
                capnp_data d = capnp_any_data(a, (capnp_data){0});

                if (t.p[t.len] != 0 || (d.len && !d.p))
                        abort();
                for (int size = 0; size < 8; size++) {
                        capnp_list l = capnp_any_list(a, (enum capnp_size)size, NULL);

                        if (!l.len)
                                continue;
                        (void)capnp_list_u64(l, l.len - 1);
                        (void)capnp_list_u8(l, l.len - 1);
                        (void)capnp_list_bool(l, l.len - 1);
                        (void)capnp_any_what(capnp_list_any(l, l.len - 1));
                }
        }
}

/* The copy's bytes, parsed: the same tree. */
static void check_bytes(const capnp_msg *m, uint64_t hash)
{
        size_t n = capnp_msg_size(m);
        void *b = malloc(n);
        capnp_msg *again;

        check(b && capnp_msg_write(m, b, n) == 0);
        check(capnp_msg_parse(b, n, &(struct capnp_limits){.segments = 1 << 20}, &again) == 0);
        check(walk_any(capnp_msg_root(again)) == hash);
        check(capnp_msg_check(again) == 0);
        capnp_msg_free(again);
        free(b);
}

/* A larger root; then nothing at all. */
static void check_grow_and_clear(capnp_msg *m, uint64_t hash)
{
        capnp_abuilder a = capnp_msg_build(m);
        capnp_list l = {0};

        if (capnp_any_what(capnp_msg_root(m)) == CAPNP_WHAT_STRUCT)
                (void)capnp_abuilder_struct(a, 40, 9, NULL);
        else if (capnp_any_what(capnp_msg_root(m)) == CAPNP_WHAT_LIST)
                l = capnp_any_list(capnp_msg_root(m), CAPNP_SIZE_VOID, NULL);
        if (l.size == CAPNP_SIZE_COMPOSITE && l.len < 1000)
                (void)capnp_abuilder_list(a, CAPNP_SIZE_COMPOSITE, 2, 3, NULL);
        check(capnp_msg_check(m) == 0);
        check(walk_any(capnp_msg_root(m)) == hash);

        capnp_abuilder_clear(a);
        for (uint32_t s = 0; s < m->nsegs; s++)
                for (uint32_t i = 0; i < m->segs[s].words; i++)
                        check(m->segs[s].base[i] == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const struct capnp_limits limits = {.traversal = 1 << 13};
        uint64_t first[64], hash;
        uint64_t *b = malloc(size ? size : 1);
        capnp_msg *m = NULL, copy;

        check(b);
        if (size)
                memcpy(b, data, size);
        if (capnp_msg_parse(b, size, &limits, &m)) {
                free(b);
                return 0;
        }

        hash = walk_any(capnp_msg_root(m));
        if (capnp_msg_check(m) == 0) {
                m->budget = limits.traversal;
                (void)capnp_any_words(capnp_msg_root(m), NULL);
                check(capnp_msg_check(m) == 0);
        }

        m->budget = limits.traversal;
        capnp_i_msg_init_building(&copy, first, data[size - 1] % 64, 0);
        capnp_abuilder_set(capnp_msg_build(&copy), capnp_msg_root(m));
        check(capnp_msg_check(&copy) == capnp_msg_check(m));
        if (capnp_msg_check(m) == 0) {
                check(walk_any(capnp_msg_root(&copy)) == hash);
                check_bytes(&copy, hash);
                check_grow_and_clear(&copy, hash);
        }

        m->budget = limits.traversal;
        misread(m);
        check(size == 0 || memcmp(b, data, size) == 0);
        capnp_i_msg_deinit(&copy);
        capnp_msg_free(m);
        free(b);
        return 0;
}
