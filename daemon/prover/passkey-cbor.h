/* CBOR (RFC 8949) from an authenticator: how far an item goes, before a library builds it. */
#ifndef PROVER_PASSKEY_CBOR_H
#define PROVER_PASSKEY_CBOR_H

#include <capos/capnp-base.h>

/* Takes one item off the front: of definite lengths, not nested deeper than an authenticator does,
 * all there. false: it is not one. */
bool passkey_cbor_take(capnp_data *in, capnp_data *ret_item) CAPNP_MUST_USE;
/* The same of a map whose keys are texts, none of them twice; what is in it is not told. */
bool passkey_cbor_take_named(capnp_data *in) CAPNP_MUST_USE;
/* What is in an item that was taken. The number that a map has under a text, or under a number.
 * false: it is no map, or has none there, or two. */
bool passkey_cbor_named(capnp_data map, const char *name, int32_t *ret) CAPNP_MUST_USE;
bool passkey_cbor_numbered(capnp_data map, uint8_t key, int32_t *ret) CAPNP_MUST_USE;
/* A text without a NUL, of less than room bytes. */
bool passkey_cbor_text(capnp_data item, char *to, size_t room) CAPNP_MUST_USE;
/* Bytes, at least one; borrowed from the item. */
bool passkey_cbor_bytes(capnp_data item, capnp_data *ret) CAPNP_MUST_USE;

#endif
