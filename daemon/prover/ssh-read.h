/* The bytes of SSH's formats (RFC 4251, section 5), read from what is foreign. */
#ifndef PROVER_SSH_READ_H
#define PROVER_SSH_READ_H

#include <capos/capnp-base.h>

/* What is left of a blob. Once something was missing it stays bad, and all that follows is empty.
 */
struct ssh_in {
        const uint8_t *p;
        size_t left;
        bool bad;
};

static inline struct ssh_in ssh_in(capnp_data d)
{
        return (struct ssh_in){.p = d.p, .left = d.len};
}

uint8_t ssh_in_u8(struct ssh_in *i);
uint32_t ssh_in_u32(struct ssh_in *i);
uint64_t ssh_in_u64(struct ssh_in *i);
/* Borrowed from the blob, like all that is read. */
capnp_data ssh_in_string(struct ssh_in *i);
/* A positive number (mpint) in its shortest form, without its sign byte; anything else is bad. */
capnp_data ssh_in_number(struct ssh_in *i);
/* It was all there, and that was all. */
bool ssh_in_done(const struct ssh_in *i);

bool ssh_data_is(capnp_data d, const char *text);
bool ssh_data_equal(capnp_data a, capnp_data b);

#endif
