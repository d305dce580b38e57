/*
 * bench-serialize: builds and reads the Record message of README.md with the Cap'n Proto C++
 * library, without any I/O.
 *
 * Why: what a message costs apart from the wire. The contents are fixed, field by field, in
 * README.md beside this file, so that another implementation builds the identical message; the size
 * and the checksum that are printed show whether it did.
 *
 * Usage: bench-serialize [--seconds S]       five rounds of S seconds each (default 0.2)
 *
 * One JSON line for each figure, the median of five: `build` (all fields set, segments ready to be
 * written), `build-flat` (and copied into one stream of bytes, frame header included), `read` (from
 * that stream, every field).
 */
#include <capnp/message.h>
#include <capnp/serialize.h>

#include <algorithm>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.capnp.h"

namespace
{

constexpr unsigned ITEMS = 64;
constexpr unsigned BLOB = 1024;

inline void item_fill(Item::Builder item, unsigned i, const char *name)
{
        item.setId(1000000007ull * i + 1);
        item.setPrice(i * 0.25);
        item.setQty(int32_t(i) - 32);
        item.setFlags(uint16_t(i * 257));
        item.setKind(Item::Kind(i % 4));
        item.setActive(i % 2 == 1);
        item.setName(name);
}

/* Byte i is i mod 256. Made once: how long that takes is not what is measured. */
capnp::Data::Reader blob()
{
        static kj::byte b[BLOB];

        for (unsigned i = 0; b[1] == 0 && i < BLOB; i++)
                b[i] = kj::byte(i);
        return capnp::Data::Reader(b, BLOB);
}

void record_fill(Record::Builder r)
{
        r.setF0(0x0123456789abcdefull);
        r.setF1(0xfedcba9876543210ull);
        r.setF2(-1);
        r.setF3(1234567890123456789ll);
        r.setF4(4000000000u);
        r.setF5(5);
        r.setF6(-6);
        r.setF7(2000000000);
        r.setF8(60000);
        r.setF9(-9);
        r.setF10(200);
        r.setF11(-11);
        r.setF12(true);
        r.setF13(false);
        r.setF14(1.5f);
        r.setF15(-2.25);
        r.setF16("the sixteenth field: a text of ordinary length");
        r.setF17("the seventeenth field: another text, a little longer than the one before it");
        r.setF18(blob());
        item_fill(r.initF19(), 64, "the single item, in a field of its own");
        r.getU().setStr("a text in the union");
        auto items = r.initItems(ITEMS);
        char name[] = "item 00 of a list of sixty-four";
        for (unsigned i = 0; i < ITEMS; i++) {
                name[5] = char('0' + i / 10);
                name[6] = char('0' + i % 10);
                item_fill(items[i], i, name);
        }
}

uint64_t bits_of(double d)
{
        uint64_t u;
        memcpy(&u, &d, sizeof u);
        return u;
}

uint64_t text_sum(capnp::Text::Reader t)
{
        return t.size() + uint8_t(t[0]);
}

uint64_t item_sum(Item::Reader i)
{
        return i.getId() + bits_of(i.getPrice()) + uint64_t(int64_t(i.getQty())) + i.getFlags() +
               uint64_t(i.getKind()) + i.getActive() + text_sum(i.getName());
}

/* Reads every field; the sum is the checksum that README.md defines. */
uint64_t record_sum(Record::Reader r)
{
        uint64_t sum = r.getF0() + r.getF1() + uint64_t(r.getF2()) + uint64_t(r.getF3());
        sum += r.getF4() + uint64_t(r.getF5());
        sum += uint64_t(int64_t(r.getF6())) + uint64_t(int64_t(r.getF7()));
        sum += r.getF8() + uint64_t(int64_t(r.getF9())) + r.getF10();
        sum += uint64_t(int64_t(r.getF11())) + r.getF12() + r.getF13();
        sum += bits_of(double(r.getF14())) + bits_of(r.getF15());
        sum += text_sum(r.getF16()) + text_sum(r.getF17());
        capnp::Data::Reader blob = r.getF18();
        sum += blob.size() + blob[0] + blob[blob.size() - 1];
        sum += item_sum(r.getF19());
        if (r.getU().isStr())
                sum += text_sum(r.getU().getStr());
        else if (r.getU().isNum())
                sum += r.getU().getNum();
        for (Item::Reader i : r.getItems())
                sum += item_sum(i);
        return sum;
}

double now()
{
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return double(t.tv_sec) + double(t.tv_nsec) * 1e-9;
}

/* The median, over five rounds, of the nanoseconds that one run of the work takes. */
template <typename Work> double median_ns(double seconds, Work &&work)
{
        double rounds[5];
        for (int i = 0; i < 100; i++)
                work();
        for (double &r : rounds) {
                uint64_t n = 0;
                double start = now(), end = start;
                while (end - start < seconds) {
                        for (int i = 0; i < 100; i++)
                                work();
                        n += 100;
                        end = now();
                }
                r = (end - start) * 1e9 / double(n);
        }
        std::sort(rounds, rounds + 5);
        return rounds[2];
}

void print(const char *what, double ns, size_t bytes, uint64_t checksum)
{
        printf("{\"bench\":\"serialize\",\"name\":\"c++\",\"what\":\"%s\",\"us\":%.3f,"
               "\"bytes\":%zu,\"checksum\":\"%016llx\"}\n",
               what, ns / 1000, bytes, (unsigned long long)checksum);
}

} // namespace

int main(int argc, char **argv)
{
        double seconds = 0.2;
        if (argc == 3 && strcmp(argv[1], "--seconds") == 0)
                seconds = strtod(argv[2], nullptr);
        else if (argc != 1) {
                fprintf(stderr, "usage: %s [--seconds S]\n", argv[0]);
                return 2;
        }

        /* The first segment is reused, as a program that builds many messages would do. */
        static capnp::word scratch[1024];
        size_t sink = 0;
        double build = median_ns(seconds, [&]() {
                capnp::MallocMessageBuilder m(kj::arrayPtr(scratch, 1024));
                record_fill(m.initRoot<Record>());
                sink += m.getSegmentsForOutput().size();
        });
        double flat_ns = median_ns(seconds, [&]() {
                capnp::MallocMessageBuilder m(kj::arrayPtr(scratch, 1024));
                record_fill(m.initRoot<Record>());
                sink += capnp::messageToFlatArray(m).size();
        });

        capnp::MallocMessageBuilder m(kj::arrayPtr(scratch, 1024));
        record_fill(m.initRoot<Record>());
        auto flat = capnp::messageToFlatArray(m);
        uint64_t checksum = record_sum(m.getRoot<Record>().asReader());
        double read = median_ns(seconds, [&]() {
                capnp::FlatArrayMessageReader in(flat);
                sink += record_sum(in.getRoot<Record>()) == checksum;
        });

        print("build", build, flat.asBytes().size(), checksum);
        print("build-flat", flat_ns, flat.asBytes().size(), checksum);
        print("read", read, flat.asBytes().size(), checksum);
        return sink == 0;
}
