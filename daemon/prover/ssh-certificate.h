/* OpenSSH's user certificates (PROTOCOL.certkeys): read, and judged by who is believed. */
#ifndef PROVER_SSH_CERTIFICATE_H
#define PROVER_SSH_CERTIFICATE_H

#include "ssh.h"

/* A certificate, split up; everything but the key's inside is borrowed from the blob. */
struct ssh_certificate {
        struct ssh_key key;   /* whose it is */
        uint8_t key_hash[32]; /* SHA-256 of it, were it not in a certificate */
        uint64_t serial;
        uint32_t type;
        capnp_data key_id;      /* what the authority calls it */
        capnp_data principals;  /* strings: the accounts that it is for */
        uint64_t after, before; /* good from, and until not: seconds since 1970 */
        capnp_data options;     /* names and values: what it is restricted by */
        capnp_data authority;   /* the key that has signed it */
        capnp_data signature;   /* … all of `text` */
        capnp_data text;
};

/* 0; SSH_E_TYPE: no certificate, or for no key that is accepted; another enum ssh_err; -ENOMEM. */
int ssh_certificate_read(capnp_data blob, struct ssh_certificate *ret) CAPNP_MUST_USE;
void ssh_certificate_deinit(struct ssh_certificate *c);

/* What a certificate is to be good for. */
struct ssh_wanted {
        /*
         * Who is believed: strings, each of three strings: an authority's key; the serial numbers
         * that it has revoked, eight bytes each; the names (key ids) that it has, as strings.
         */
        capnp_data authorities;
        const char *account;
        const char *address; /* the peer's, without a port; "": it has none */
        int64_t now;         /* seconds since 1970 */
};

struct ssh_granted {
        uint32_t authority; /* which one */
        bool verified;      /* a security key has to verify its owner */
        const char *why;    /* why not */
        char option[64];    /* … and by which option, printable; "": by none */
};

/* 0; SSH_E_BAD: not for this, *ret says why; -ENOMEM. */
int ssh_certificate_judge(const struct ssh_certificate *c, const struct ssh_wanted *w,
                          struct ssh_granted *ret) CAPNP_MUST_USE;

#endif
