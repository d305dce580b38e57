/*
 * bench-record: the Record message of bench/peer/README.md, filled in and read in full. The
 * benchmarks of messages and the counts of instructions work on the same one.
 */
#include "bench-record.h"

#include <string.h>

enum { ITEMS = 64 };

static inline void item_fill(item_builder b, unsigned i, const char *name)
{
        item_set_id(b, UINT64_C(1000000007) * i + 1);
        item_set_price(b, i * 0.25);
        item_set_qty(b, (int32_t)i - 32);
        item_set_flags(b, (uint16_t)(i * 257));
        item_set_kind(b, (enum item_kind)(i % 4));
        item_set_active(b, i % 2 == 1);
        item_set_name(b, name);
}

/* Byte i is i mod 256. Made once: how long that takes is not what is measured. */
static const uint8_t *blob(void)
{
        static uint8_t b[BENCH_BLOB_BYTES];

        for (unsigned i = 0; !b[1] && i < sizeof(b); i++)
                b[i] = (uint8_t)i;
        return b;
}

void bench_record_fill(record_builder r, uint32_t blob_bytes)
{
        char name[] = "item 00 of a list of sixty-four";
        item_list_builder items;
        unsigned i;

        record_set_f0(r, UINT64_C(0x0123456789abcdef));
        record_set_f1(r, UINT64_C(0xfedcba9876543210));
        record_set_f2(r, -1);
        record_set_f3(r, INT64_C(1234567890123456789));
        record_set_f4(r, 4000000000u);
        record_set_f5(r, 5);
        record_set_f6(r, -6);
        record_set_f7(r, 2000000000);
        record_set_f8(r, 60000);
        record_set_f9(r, -9);
        record_set_f10(r, 200);
        record_set_f11(r, -11);
        record_set_f12(r, true);
        record_set_f13(r, false);
        record_set_f14(r, 1.5f);
        record_set_f15(r, -2.25);
        record_set_f16(r, "the sixteenth field: a text of ordinary length");
        record_set_f17(
                r, "the seventeenth field: another text, a little longer than the one before it");
        record_set_f18(r, (capnp_data){blob(), blob_bytes});
        item_fill(record_init_f19(r), 64, "the single item, in a field of its own");
        record_u_set_str(record_build_u(r), "a text in the union");
        items = record_init_items(r, ITEMS);
        for (i = 0; i < ITEMS; i++) {
                name[5] = (char)('0' + i / 10);
                name[6] = (char)('0' + i % 10);
                item_fill(item_list_builder_get(items, i), i, name);
        }
}

static uint64_t bits_of(double d)
{
        uint64_t u;

        memcpy(&u, &d, sizeof(u));
        return u;
}

static uint64_t text_sum(capnp_text t)
{
        return t.len + (uint8_t)t.p[0];
}

static uint64_t item_sum(item_reader i)
{
        return item_id(i) + bits_of(item_price(i)) + (uint64_t)item_qty(i) + item_flags(i) +
               (uint64_t)item_kind(i) + item_active(i) + text_sum(item_name(i));
}

/* Reads every field; the sum is the checksum that README.md defines. */
uint64_t bench_record_sum(record_reader r)
{
        uint64_t sum = record_f0(r) + record_f1(r) + (uint64_t)record_f2(r);
        capnp_data blob = record_f18(r);
        item_list items = record_items(r);
        uint32_t i;

        sum += (uint64_t)record_f3(r) + record_f4(r) + record_f5(r);
        sum += (uint64_t)record_f6(r) + (uint64_t)record_f7(r);
        sum += record_f8(r) + (uint64_t)record_f9(r) + record_f10(r) + (uint64_t)record_f11(r);
        sum += record_f12(r) + record_f13(r);
        sum += bits_of((double)record_f14(r)) + bits_of(record_f15(r));
        sum += text_sum(record_f16(r)) + text_sum(record_f17(r));
        sum += blob.len + blob.p[0] + blob.p[blob.len - 1];
        sum += item_sum(record_f19(r));
        if (record_u_which(record_u(r)) == RECORD_U_STR)
                sum += text_sum(record_u_str(record_u(r)));
        else if (record_u_which(record_u(r)) == RECORD_U_NUM)
                sum += record_u_num(record_u(r));
        for (i = 0; i < item_list_len(items); i++)
                sum += item_sum(item_list_get(items, i));
        return sum;
}
