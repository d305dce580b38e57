/* The private keys that a person has: which to prove with, and how they are opened. */
#ifndef CAPOS_CLI_KEYS_H
#define CAPOS_CLI_KEYS_H

#include "cli.h"

/* Fewer than an instance hears before it slows down who fails (twenty), passwords included. */
enum { KEYS_TRIED = 16, KEYS_PRINT = 72 };

/* A walk over all keys that a login may try. Zeroed to begin with. */
struct keys {
        char tried[KEYS_TRIED][KEYS_PRINT]; /* fingerprints: none is tried twice */
        capos_key *plain;                   /* of a key whose certificate is tried first */
        const char *only; /* the one that is looked for, as keys_print() says it; NULL: any */
        unsigned ntried;
        unsigned agent; /* the next of the ssh-agent */
        unsigned file;  /* the next of ~/.ssh */
        bool agent_is_through;
};

/* What tells keys apart: the fingerprint, and of a certified one that it is. */
void keys_print(const capos_key *key, char print[KEYS_PRINT]);
/* Frees what a walk that ended early has left. */
void keys_deinit(struct keys *k);

/*
 * The next key: those of the ssh-agent, then the files of ~/.ssh that ssh itself would try, with
 * their passphrase asked for where there is a terminal. What cannot be used is said on standard
 * error. A certificate beside a file is tried before its key. false: there is no more.
 */
bool keys_next(struct cli *c, struct keys *k, capos_key **ret_k);
/* The files of ~/.ssh that there are, for a person: "~/.ssh/id_rsa"; "": none. */
void keys_files(char *to, size_t room);
/* How many keys the agent has that were not tried; 0 when all were, or nobody knows. */
unsigned keys_left(struct keys *k);
/*
 * The key that --identity names: the ssh-agent's when it has it, else the file's. path may be the
 * public half. Errors are said; what failed first is said first. An exit code.
 */
int keys_of_identity(struct cli *c, const char *path, capos_key **ret_k) CAPNP_MUST_USE;
/* The key of a file, whatever the ssh-agent has: for what only a key of one's own can sign. */
int keys_of_file(struct cli *c, const char *path, capos_key **ret_k) CAPNP_MUST_USE;

#endif
