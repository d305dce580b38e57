/*
 * Who this instance is, for clients that come over TLS.
 *
 * The private key is read by the signer alone (daemon/signer), which makes one at the first start,
 * with a certificate for the addresses that the instance listens on. The certificate is no secret:
 * it is read here when the signer says that it is ready, kept as a file in memory, and given to the
 * zygote, in whose copies it is shown to clients.
 *
 * A new identity is put into the state directory by others, whole, and taken by the signer first;
 * then workers are made with its certificate. Those that have a connection keep theirs, and those
 * that are in the middle of a handshake find the key before still there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon-log.h"
#include "identity.h"
#include "tls-identity.h"

enum { STATE_FD = 5, NAMES_MAX = 4 + LISTENS_MAX };

static const char FOLDER[] = "tls";

static struct identity *identity_of(struct program *p)
{
        return CAPNP_I_OF(p, struct identity, signer);
}

/* ---- the certificate ------------------------------------------------------------------------ */

/* A file in memory with these bytes, that nobody can change. */
static int memory_file(capnp_data bytes, int *ret_fd)
{
        int fd = memfd_create("certificate", MFD_CLOEXEC | MFD_ALLOW_SEALING);

        if (fd < 0)
                return -errno;
        if (write(fd, bytes.p, bytes.len) != (ssize_t)bytes.len || lseek(fd, 0, SEEK_SET) < 0 ||
            fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0) {
                int r = -errno;

                (void)close(fd);
                return r;
        }

        *ret_fd = fd;
        return 0;
}

static int identity_open_folder(const struct identity *id)
{
        int fd = openat(id->place->dir, FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

        return fd < 0 ? -errno : fd;
}

/* Reads the certificate that belongs to a key. */
static int identity_load(const struct identity *id, const uint8_t key_hash[32], int *ret_fd)
{
        struct tls_identity found = {0};
        capnp_data pem = {0};
        int dir = identity_open_folder(id), r;

        if (dir < 0)
                return dir;

        r = capos_i_tls_file_load(dir, TLS_CERTIFICATE_FILE, &pem);
        (void)close(dir);
        if (!r)
                r = capos_i_tls_identity_read(pem, (capnp_data){0}, &found);
        if (!r && memcmp(found.key_hash, key_hash, sizeof(found.key_hash)) != 0)
                r = TLS_IDENTITY_E_MISMATCH;
        if (!r)
                r = memory_file(pem, ret_fd);
        capos_i_tls_identity_deinit(&found);
        capos_i_tls_bytes_free(&pem);
        return r;
}

/* The signer signs with this key now. */
static void identity_take(struct identity *id, const uint8_t key_hash[32])
{
        int fd = -1, r;

        r = identity_load(id, key_hash, &fd);
        if (r) {
                daemon_log(LOG_ERR, "%s/%s/%s: %s", id->place->path, FOLDER, TLS_CERTIFICATE_FILE,
                           capos_i_tls_identity_strerror(r));
                if (!id->keeper->up)
                        id->keeper->hopeless(id->keeper);
                return;
        }

        if (id->certificate >= 0)
                (void)close(id->certificate);
        id->certificate = fd;
        memcpy(id->key_hash, key_hash, sizeof(id->key_hash));
        id->renewed(id);
}

bool identity_is_ready(const struct identity *id)
{
        return !id->wanted || (id->certificate >= 0 && id->signer.ready);
}

/* ---- the signer ----------------------------------------------------------------------------- */

static int signer_prepare(struct program *p, struct daemon_spawn *s)
{
        const struct identity *id = identity_of(p);
        const struct confine *c = &p->keeper->confinement;
        int fd, r;

        confine_program(c, USER_SIGNER, STATE_FD, s);
        if (mkdirat(id->place->dir, FOLDER, 0700) < 0 && errno != EEXIST)
                return -errno;

        fd = identity_open_folder(id);
        if (fd < 0)
                return fd;

        r = confine_own(c, USER_SIGNER, fd);
        if (!r)
                r = program_give(s, fd, STATE_FD);
        (void)close(fd);
        return r;
}

static void signer_started(struct program *p)
{
        identity_of(p)->started(identity_of(p));
}

static void signer_reloaded(struct identity *id, const struct packet *packet)
{
        struct packet answer = {
                .type = PACKET_RELOADED, .index = packet->index, .result = packet->result};

        if (!packet->result)
                identity_take(id, packet->key_hash);
        if (daemon_link_is_open(id->sessiond))
                daemon_link_send(id->sessiond, &answer, NULL);
}

static void signer_got(struct program *p, const struct packet *packet)
{
        if (packet->type == PACKET_RELOADED)
                signer_reloaded(identity_of(p), packet);
}

static void signer_ended(struct program *p)
{
        (void)p; /* its sockets break: handshakes that are under way fail */
}

/* One that was started again mostly says what is known. */
static void signer_ready(struct program *p, const struct packet *packet)
{
        struct identity *id = identity_of(p);

        if (id->certificate < 0 ||
            memcmp(id->key_hash, packet->key_hash, sizeof(id->key_hash)) != 0)
                identity_take(id, packet->key_hash);
}

static const struct program_ops SIGNER_OPS = {.prepare = signer_prepare,
                                              .started = signer_started,
                                              .got = signer_got,
                                              .ended = signer_ended,
                                              .ready = signer_ready};

void identity_start(struct identity *id)
{
        if (id->wanted)
                program_start(&id->signer);
}

/* A file of the identity, as it is now. */
static int identity_open(int dir, const char *name)
{
        int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

        return fd < 0 ? -errno : fd;
}

void identity_reload(struct identity *id, uint32_t request)
{
        struct packet p = {.type = PACKET_RELOAD, .index = request};
        int dir = id->signer.ready ? identity_open_folder(id) : -ENOTCONN;
        int fds[2] = {-1, -1}, r = dir < 0 ? dir : 0;

        if (!r) {
                fds[0] = identity_open(dir, TLS_KEY_FILE);
                fds[1] = identity_open(dir, TLS_CERTIFICATE_FILE);
                r = fds[0] < 0 ? fds[0] : fds[1] < 0 ? fds[1] : 0;
                (void)close(dir);
        }
        if (!r) {
                daemon_link_send(&id->signer.link, &p, fds);
                return;
        }

        for (unsigned i = 0; i < 2; i++)
                if (fds[i] >= 0)
                        (void)close(fds[i]);
        signer_reloaded(id, &(struct packet){.index = request, .result = r});
}

/* ---- life ----------------------------------------------------------------------------------- */

/* What a new certificate is for: this machine, and where clients come to. */
static int identity_name(struct identity *id)
{
        static const char *const local[] = {"localhost", "127.0.0.1", "::1"};
        const char **argv = calloc(NAMES_MAX + 1, sizeof(*argv));
        unsigned n = 0;

        if (!argv)
                return -ENOMEM;

        id->signer.argv = argv;
        argv[n++] = id->signer.name;
        for (unsigned i = 0; i < 3; i++)
                argv[n++] = local[i];
        for (unsigned i = 0; i < id->place->nlisteners; i++) {
                const struct listening *l = &id->place->listeners[i];

                if (l->transport != CAPOS_TRANSPORT_TLS)
                        continue;
                listening_host(l, id->names[i]);
                if (id->names[i][0])
                        argv[n++] = id->names[i];
        }
        return 0;
}

int identity_init(struct identity *id)
{
        int r;

        for (unsigned i = 0; i < id->place->nlisteners; i++)
                id->wanted |= id->place->listeners[i].transport == CAPOS_TRANSPORT_TLS;

        r = program_init(&id->signer, id->keeper, "capos-signer", "capos-signer", &SIGNER_OPS);
        return r ? r : identity_name(id);
}

void identity_deinit(struct identity *id)
{
        if (!id->place)
                return;

        program_deinit(&id->signer);
        if (id->certificate >= 0)
                (void)close(id->certificate);
        id->certificate = -1;
}
