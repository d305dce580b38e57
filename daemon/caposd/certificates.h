/* Which client certificates are believed, by the manifest and the files that it names. */
#ifndef CAPOS_CAPOSD_CERTIFICATES_H
#define CAPOS_CAPOSD_CERTIFICATES_H

#include "daemon-manifest.h"

/* Something is wrong, at a path in the manifest. */
typedef void certificates_complain(void *arg, const char *path, const char *what);

struct certificates_made {
        int fd;
        int64_t until_s; /* when a list of revocations has to be followed by another, in seconds
                          * since 1970; 0: none has to */
        int64_t authorities_s; /* when an authority's certificate is over, likewise */
};

/* Whether there are rules: clients are asked for certificates then. */
bool certificates_wanted(manifest_reader m);
/* What the manifest says of certificates by itself. Returns how many faults there are. */
unsigned certificates_check(manifest_reader m, certificates_complain *complain, void *arg);
/*
 * Reads the files and makes records for those who judge (lib/tls/tls-rules.h), in a memory file
 * that nobody can change. m: one that has been checked. 0; -EINVAL: a file is not what it should
 * be, and complain was told; -errno.
 */
int certificates_make(manifest_reader m, certificates_complain *complain, void *arg,
                      struct certificates_made *ret) CAPNP_MUST_USE;
/* Whether two such files have the same authorities, whatever their lists of revocations. */
bool certificates_same_authorities(int one, int other);

#endif
