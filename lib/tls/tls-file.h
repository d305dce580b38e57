/* Small files that hold keys and certificates: read into memory that is wiped, written whole. */
#ifndef CAPOS_TLS_FILE_H
#define CAPOS_TLS_FILE_H

#include <capos/capnp-base.h>

#include <sys/types.h>

enum {
        TLS_FILE_BYTES = 64 * 1024, /* of one file, at most */
        TLS_FILE_E_SIZE = 1,        /* it is larger */
};

/* Reads a regular file from beginning to end, wherever fd, which is borrowed, stands. The bytes are
 * freed by capos_i_tls_bytes_free(). 0; TLS_FILE_E_SIZE; -EINVAL: it is no file; -errno. */
int capos_i_tls_file_read(int fd, capnp_data *ret) CAPNP_MUST_USE;
/* … by its name in a folder; a symbolic link is not followed. Likewise; -ENOENT. */
int capos_i_tls_file_load(int dir, const char *name, capnp_data *ret) CAPNP_MUST_USE;
/* Puts a file in its place whole or not at all, also when the machine stops. mode: its permissions,
 * whatever the umask. 0, or -errno. */
int capos_i_tls_file_store(int dir, const char *name, mode_t mode, capnp_data bytes) CAPNP_MUST_USE;

/* Has a folder to oneself among those who ask so, until it is unlocked or the last copy of dir is
 * closed; waits for it. For what is more than one file. 0, or -errno. */
int capos_i_tls_folder_lock(int dir) CAPNP_MUST_USE;
void capos_i_tls_folder_unlock(int dir);

/* Whether PEM has a private key in it, of whatever kind, encrypted or not. */
bool capos_i_tls_pem_has_key(capnp_data pem);

/* From here on whatever OpenSSL frees in this process is wiped: decoding a key makes copies of it
 * that it does not wipe itself. To be called before anything of OpenSSL's. 0; -EALREADY: too late.
 */
int capos_i_tls_wipe_freed(void) CAPNP_MUST_USE;

/* Room for len bytes, in OpenSSL's secure heap where the program has one. NULL: no memory. */
uint8_t *capos_i_tls_bytes_new(size_t len) CAPNP_MUST_USE;
/* Wipes and frees what these functions gave. */
void capos_i_tls_bytes_free(capnp_data *d);

#endif
