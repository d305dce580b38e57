/*
 * Who this instance is, for clients that come over TLS.
 *
 * The private key is read by the signer alone (daemon/signer), which makes one at the first start,
 * with a certificate for the addresses that the instance listens on. The certificate is no secret:
 * it is read here when the signer says that it is ready, kept as a file in memory, and given to the
 * zygote, in whose copies it is shown to clients.
 *
 * A new identity is put into the state directory by others, whole. The certificate is read once,
 * and what was read is what the signer gets beside the open key; when that has taken both, workers
 * are made with this certificate. Those that have a connection keep theirs, and those that are in
 * the middle of a handshake find the key before still there.
 *
 * Without a signer, or when it dies over this, the next one takes what lies there when it starts:
 * so the question is answered then.
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

static void certificate_drop(struct certificate *c)
{
        if (c->fd >= 0)
                (void)close(c->fd);
        *c = (struct certificate){.fd = -1};
}

static void certificate_describe(const X509 *leaf, struct certificate *c)
{
        capos_i_tls_names_print(leaf, c->names, sizeof(c->names));
        if (capos_i_tls_time_read(X509_get0_notAfter(leaf), &c->until_s))
                c->until_s = 0;
}

/* Reads the certificate that lies in the folder. All of the file goes to workers. */
static int certificate_load(int dir, struct certificate *ret)
{
        struct tls_identity found = {0};
        capnp_data pem = {0};
        int r;

        r = capos_i_tls_file_load(dir, TLS_CERTIFICATE_FILE, &pem);
        if (!r)
                r = capos_i_tls_identity_read(pem, (capnp_data){0}, &found);
        if (!r && capos_i_tls_pem_has_key(pem))
                r = TLS_IDENTITY_E_SHOWN;
        if (!r)
                r = memory_file(pem, &ret->fd);
        if (!r) {
                memcpy(ret->key_hash, found.key_hash, sizeof(ret->key_hash));
                certificate_describe(found.leaf, ret);
        }
        capos_i_tls_identity_deinit(&found);
        capos_i_tls_bytes_free(&pem);
        return r;
}

/* The signer signs with its key now. Takes c. */
static void identity_adopt(struct identity *id, struct certificate *c)
{
        certificate_drop(&id->certificate);
        id->certificate = *c;
        *c = (struct certificate){.fd = -1};
        id->renewed(id);
}

/* The signer has a key, and not by our hand. */
static int identity_find(struct identity *id, const uint8_t key_hash[32])
{
        struct certificate c = {.fd = -1};
        int dir = identity_open_folder(id), r = dir;

        if (dir >= 0) {
                r = certificate_load(dir, &c);
                (void)close(dir);
        }
        if (!r && memcmp(c.key_hash, key_hash, sizeof(c.key_hash)) != 0)
                r = TLS_IDENTITY_E_MISMATCH;
        if (!r) {
                identity_adopt(id, &c);
                return 0;
        }

        certificate_drop(&c);
        daemon_log(LOG_ERR, "%s/%s/%s: %s", id->place->path, FOLDER, TLS_CERTIFICATE_FILE,
                   capos_i_tls_identity_strerror(r));
        if (!id->keeper->up)
                id->keeper->hopeless(id->keeper);
        return r;
}

bool identity_is_ready(const struct identity *id)
{
        return !id->wanted || (id->certificate.fd >= 0 && id->signer.ready);
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

/* Why, as far as there is room: what to do about it is left out first. */
static void reason_print(int r, char *to, size_t room)
{
        const char *all = capos_i_tls_identity_strerror(r), *end = strstr(all, ": ");
        size_t len = strlen(all);

        if (len >= room && end)
                len = (size_t)(end - all);
        snprintf(to, room, "%.*s", (int)len, all);
}

/* Tells the session manager what has become of its request. */
static void identity_answer(struct identity *id, int r)
{
        struct packet p = {.type = PACKET_RELOADED, .index = id->request, .result = r};
        char fingerprint[TLS_FINGERPRINT_TEXT];

        if (!id->asked)
                return;

        id->asked = false;
        certificate_drop(&id->next);
        if (r) {
                reason_print(r, p.address, sizeof(p.address));
        } else if (id->wanted) {
                capos_i_tls_fingerprint_print(id->certificate.key_hash, fingerprint);
                snprintf(p.address, sizeof(p.address), "%s", fingerprint);
        }
        if (daemon_link_is_open(id->sessiond))
                daemon_link_send(id->sessiond, &p, NULL);
}

/* Of a request that was given up for another one, the key counts all the same. */
static void signer_reloaded(struct identity *id, const struct packet *packet)
{
        bool ours = id->asked && packet->index == id->request;
        int r = packet->result;

        if (!r && ours && !memcmp(id->next.key_hash, packet->key_hash, sizeof(packet->key_hash)))
                identity_adopt(id, &id->next);
        else if (!r)
                r = identity_find(id, packet->key_hash);
        if (ours)
                identity_answer(id, r);
}

static void signer_got(struct program *p, const struct packet *packet)
{
        if (packet->type == PACKET_RELOADED)
                signer_reloaded(identity_of(p), packet);
}

/* Its sockets break: handshakes that are under way fail. A request waits for the next one. */
static void signer_ended(struct program *p)
{
        certificate_drop(&identity_of(p)->next);
}

/* One that was started again mostly says what is known. */
static void signer_ready(struct program *p, const struct packet *packet)
{
        struct identity *id = identity_of(p);
        const struct certificate *c = &id->certificate;

        if (id->asked || c->fd < 0 ||
            memcmp(c->key_hash, packet->key_hash, sizeof(c->key_hash)) != 0)
                identity_answer(id, identity_find(id, packet->key_hash));
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

/* Gives the signer the key that lies in the folder, and the certificate as it was read. */
static int identity_pass(struct identity *id, int dir)
{
        struct packet p = {.type = PACKET_RELOAD, .index = id->request};
        int fds[2], r;

        r = certificate_load(dir, &id->next);
        if (r)
                return r;

        fds[0] = openat(dir, TLS_KEY_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fds[0] < 0)
                return -errno;
        fds[1] = fcntl(id->next.fd, F_DUPFD_CLOEXEC, 0);
        if (fds[1] < 0) {
                r = -errno;
                (void)close(fds[0]);
                return r;
        }

        daemon_link_send(&id->signer.link, &p, fds);
        return 0;
}

void identity_reload(struct identity *id, uint32_t request)
{
        int dir, r;

        certificate_drop(&id->next);
        id->asked = true;
        id->request = request;
        if (!id->wanted)
                identity_answer(id, 0);
        if (!id->asked || !id->signer.ready)
                return;

        dir = identity_open_folder(id);
        r = dir < 0 ? dir : identity_pass(id, dir);
        if (dir >= 0)
                (void)close(dir);
        if (r)
                identity_answer(id, r);
}

/* ---- life ----------------------------------------------------------------------------------- */

/* Adds a name to the first n, once. How many there are. */
static unsigned name_add(const char **argv, unsigned n, const char *name)
{
        for (unsigned i = 1; i < n; i++)
                if (!strcmp(argv[i], name))
                        return n;
        argv[n] = name;
        return n + 1;
}

/* What a new certificate is for: this machine, and where clients come to. A machine may have a name
 * that is no host's, and an address be good on one link alone; clients pin the key all the same. */
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
                n = name_add(argv, n, local[i]);
        for (unsigned i = 0; i < id->place->nlisteners; i++) {
                const struct listening *l = &id->place->listeners[i];

                if (l->transport != CAPOS_TRANSPORT_TLS)
                        continue;
                listening_host(l, id->names[i]);
                if (capos_i_tls_identity_takes(id->names[i]))
                        n = name_add(argv, n, id->names[i]);
        }
        return 0;
}

int identity_init(struct identity *id)
{
        int r;

        id->certificate.fd = id->next.fd = -1;
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
        certificate_drop(&id->certificate);
        certificate_drop(&id->next);
}
