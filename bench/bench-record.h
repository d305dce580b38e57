/* The message that benchmarks build and read (bench/peer/README.md), 6 KB with its blob. */
#ifndef BENCH_RECORD_H
#define BENCH_RECORD_H

#include "bench.capnp-c.h"

enum { BENCH_BLOB_BYTES = 1024 };

/* Fills in every field; the blob is blob_bytes long (BENCH_BLOB_BYTES in the message of README.md).
 */
void bench_record_fill(record_builder r, uint32_t blob_bytes);

/* Reads every field. The sum is the checksum that README.md defines; the blob must not be empty. */
uint64_t bench_record_sum(record_reader r);

#endif
