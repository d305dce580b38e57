/*
 * The signer, between a caposd and a session manager that the test plays, and workers that ask for
 * what they should not have. First in this process, by turns of its loop; then the program itself.
 */
#include "signer.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "daemon-sandbox.h"
#include "daemon-spawn.h"
#include "harness.h"

static const char *const NAMES[] = {"localhost"};

/* ---- a rig ---------------------------------------------------------------------------------- */

struct rig {
        struct signer s;
        int caposd, sessiond; /* the other ends of its links */
        uint8_t key_hash[32], secret[32];
};

static struct tls_identity identity(EVP_PKEY *key)
{
        struct tls_identity id = {0};

        CHECK(key != NULL);
        CHECK_OK(capos_i_tls_identity_make(NAMES, 1, time(NULL), key, &id));
        return id;
}

/* The private half: what must not be found anywhere. */
static void secret_of(EVP_PKEY *k, uint8_t ret[32])
{
        size_t len = 32;
        BIGNUM *n = NULL;

        if (EVP_PKEY_is_a(k, "ED25519")) {
                CHECK_EQ(EVP_PKEY_get_raw_private_key(k, ret, &len), 1);
                return;
        }
        CHECK_EQ(EVP_PKEY_get_bn_param(k, "priv", &n), 1);
        CHECK_EQ(BN_bn2binpad(n, ret, 32), 32);
        BN_clear_free(n);
}

static void rig_turn(struct rig *r)
{
        for (unsigned i = 0; i < 6; i++)
                CHECK_OK(capos_io_loop_turn(&r->s.loop, 0));
}

static void rig_meet(struct rig *r)
{
        const struct packet p = {.type = PACKET_SESSIOND, .index = 7};
        int pair[2];

        CHECK_OK(capos_io_packet_pair(pair));
        CHECK_OK(capos_io_packet_send(r->caposd, &p, sizeof(p), &pair[1], 1));
        close(pair[1]);
        r->sessiond = pair[0];
        rig_turn(r);
}

static void packet_is(int fd, struct packet *p, enum packet_type type)
{
        CHECK_OK(capos_io_packet_recv(fd, p, sizeof(*p), NULL, 0));
        CHECK_EQ(p->type, type);
}

static void rig_init(struct rig *r, const char *type)
{
        EVP_PKEY *key = type ? EVP_PKEY_Q_keygen(NULL, NULL, type) : capos_i_tls_identity_new_key();
        struct keys k = {.now = identity(key)};
        struct packet p;
        int pair[2];

        CHECK_OK(capos_io_packet_pair(pair));
        secret_of(key, r->secret);
        memcpy(r->key_hash, k.now.key_hash, 32);
        CHECK_OK(signer_init(&r->s, pair[1], &k));
        r->caposd = pair[0];
        rig_turn(r);
        packet_is(r->caposd, &p, PACKET_READY);
        CHECK_MEM(p.key_hash, r->key_hash, 32);
        rig_meet(r);
}

static void rig_deinit(struct rig *r)
{
        signer_deinit(&r->s);
        close(r->caposd);
        close(r->sessiond);
}

/* A new event, whose connection no worker has yet; the worker's end of its socket. */
static int rig_event_early(struct rig *r, uint64_t number)
{
        const struct packet p = {.type = PACKET_SIGN, .event = number};
        int pair[2];

        CHECK_OK(capos_io_packet_pair(pair));
        CHECK_OK(capos_io_packet_send(r->sessiond, &p, sizeof(p), &pair[1], 1));
        close(pair[1]);
        rig_turn(r);
        return pair[0];
}

/* What the gateway says before a worker has it. */
static void begins(int fd)
{
        const struct sign_begin b = {0};

        CHECK_OK(capos_io_packet_send(fd, &b, sizeof(b), NULL, 0));
}

static int rig_event(struct rig *r, uint64_t number)
{
        int fd = rig_event_early(r, number);

        begins(fd);
        rig_turn(r);
        return fd;
}

/* As if the time of all that workers have were over. */
static void rig_age(struct rig *r)
{
        struct capnp_i_list *const lists[] = {&r->s.waiting, &r->s.open};

        for (unsigned i = 0; i < 2; i++)
                for (struct capnp_i_list *l = lists[i]->next; l != lists[i]; l = l->next)
                        CAPNP_I_OF(l, struct event, link)->since_ms -= 2 * SIGNER_EVENT_MS;
        r->s.late.fn(&r->s.late);
}

static struct sign_request request(const struct rig *r, uint8_t first)
{
        struct sign_request q = {.hash = {first, 2, 3}};

        memcpy(q.key_hash, r->key_hash, 32);
        return q;
}

static void asks(struct rig *r, int fd, const struct sign_request *q)
{
        CHECK_OK(capos_io_packet_send(fd, q, sizeof(*q), NULL, 0));
        rig_turn(r);
}

/* Nothing comes, and nothing will. */
static void is_over(int fd)
{
        struct sign_reply a;

        CHECK_EQ(capos_io_packet_recv(fd, &a, sizeof(a), NULL, 0), CAPOS_IO_E_CLOSED);
}

/* Whether it is a signature of a CertificateVerify text by that certificate's key. */
static bool verifies(X509 *x, const uint8_t hash[32], const struct sign_reply *a)
{
        EVP_PKEY *k = X509_get0_pubkey(x);
        EVP_MD_CTX *c = EVP_MD_CTX_new();
        uint8_t text[64 + 34 + 32];
        bool good;

        memset(text, 0x20, 64);
        memcpy(text + 64, "TLS 1.3, server CertificateVerify", 34);
        memcpy(text + 98, hash, 32);
        CHECK(c && a->len <= SIGN_BYTES);
        CHECK_EQ(EVP_DigestVerifyInit(c, NULL, EVP_PKEY_is_a(k, "ED25519") ? NULL : EVP_sha256(),
                                      NULL, k),
                 1);
        good = EVP_DigestVerify(c, a->signature, a->len, text, sizeof(text)) == 1;
        EVP_MD_CTX_free(c);
        return good;
}

/* ---- one signature -------------------------------------------------------------------------- */

static void signs_once(const char *type)
{
        struct sign_request q;
        struct sign_reply a;
        struct packet p;
        struct rig r;
        int fd;

        rig_init(&r, type);
        fd = rig_event(&r, 11);
        q = request(&r, 1);
        asks(&r, fd, &q);
        packet_is(r.sessiond, &p, PACKET_SIGNED);
        CHECK_EQ(p.event, 11);
        CHECK_MEM(p.nonce, q.hash, 32);
        CHECK_MEM(p.key_hash, r.key_hash, 32);
        CHECK_OK(capos_io_packet_recv(fd, &a, sizeof(a), NULL, 0));
        CHECK(verifies(r.s.keys.now.leaf, q.hash, &a));
        CHECK(!verifies(r.s.keys.now.leaf, q.key_hash, &a));
        is_over(fd);
        CHECK_EQ(r.s.nevents, 0);
        close(fd);
        rig_deinit(&r);
}

TEST(a_signature_for_an_event)
{
        signs_once(NULL);
        signs_once("ED25519");
}

/* Two requests at once: the first is the only one that is signed, and recorded. (That the other was
 * left unread resets the socket, which may cost the cheat its answer.) */
TEST(a_second_one_is_not_given)
{
        struct sign_request one, two;
        struct sign_reply a;
        unsigned answers = 0;
        struct packet p;
        struct rig r;
        int fd;

        rig_init(&r, NULL);
        fd = rig_event(&r, 11);
        one = request(&r, 1);
        two = request(&r, 2);
        CHECK_OK(capos_io_packet_send(fd, &one, sizeof(one), NULL, 0));
        CHECK_OK(capos_io_packet_send(fd, &two, sizeof(two), NULL, 0));
        rig_turn(&r);
        packet_is(r.sessiond, &p, PACKET_SIGNED);
        CHECK_MEM(p.nonce, one.hash, 32);
        CHECK_EQ(capos_io_packet_recv(r.sessiond, &p, sizeof(p), NULL, 0), CAPOS_IO_E_AGAIN);
        for (unsigned i = 0; i < 4; i++) {
                if (capos_io_packet_recv(fd, &a, sizeof(a), NULL, 0))
                        continue;
                CHECK(verifies(r.s.keys.now.leaf, one.hash, &a));
                answers++;
        }
        CHECK(answers <= 1);
        CHECK(capos_io_packet_send(fd, &two, sizeof(two), NULL, 0) != 0);
        CHECK_EQ(r.s.nevents, 0);
        close(fd);
        rig_deinit(&r);
}

/* Asks for something else; nothing is signed, nothing recorded. */
static void refused(const void *bytes, size_t size, unsigned nfds)
{
        struct packet p;
        struct rig r;
        int fd;

        rig_init(&r, NULL);
        fd = rig_event(&r, 11);
        CHECK_OK(capos_io_packet_send(fd, bytes, size, &fd, nfds));
        rig_turn(&r);
        is_over(fd);
        CHECK_EQ(capos_io_packet_recv(r.sessiond, &p, sizeof(p), NULL, 0), CAPOS_IO_E_AGAIN);
        CHECK_EQ(r.s.nevents, 0);
        close(fd);
        rig_deinit(&r);
}

TEST(anything_else_is_refused)
{
        static const uint8_t bytes[sizeof(struct packet)] = {0};
        const size_t right = sizeof(struct sign_request);

        refused(bytes, right - 1, 0);
        refused(bytes, right + 1, 0);
        refused(bytes, 1, 0);
        refused(bytes, 32, 0);
        refused(bytes, 33, 0);
        refused(bytes, sizeof(bytes), 0);
        refused(bytes, right, 0); /* of a key that is none */
        refused(bytes, sizeof(struct sign_begin), 0);
        refused(bytes, right + 1, 1);
}

/* The kernel drops descriptors that come along: the harness counts. */
TEST(a_descriptor_does_not_come_in)
{
        struct sign_request q;
        struct rig r;
        int fd;

        rig_init(&r, NULL);
        fd = rig_event(&r, 11);
        q = request(&r, 1);
        CHECK_OK(capos_io_packet_send(fd, &q, sizeof(q), &fd, 1));
        rig_turn(&r);
        close(fd);
        rig_deinit(&r);
}

/* A copy of the signer's end that somebody else has keeps it alive, and is none of its business. */
TEST(what_is_closed_is_not_watched)
{
        const struct packet p = {.type = PACKET_SIGN, .event = 11};
        struct sign_request q;
        struct sign_reply a;
        struct rig r;
        int pair[2];

        rig_init(&r, NULL);
        CHECK_OK(capos_io_packet_pair(pair));
        CHECK_OK(capos_io_packet_send(r.sessiond, &p, sizeof(p), &pair[1], 1));
        q = request(&r, 1);
        begins(pair[0]);
        CHECK_OK(capos_io_packet_send(pair[0], &q, sizeof(q), NULL, 0));
        rig_turn(&r);
        CHECK_OK(capos_io_packet_recv(pair[0], &a, sizeof(a), NULL, 0));
        CHECK_EQ(r.s.nevents, 0);
        CHECK_OK(capos_io_packet_send(pair[0], &q, sizeof(q), NULL, 0));
        rig_turn(&r);
        CHECK_EQ(capos_io_packet_recv(pair[0], &a, sizeof(a), NULL, 0), CAPOS_IO_E_AGAIN);
        capos_io_fds_close(pair, 2);
        rig_deinit(&r);
}

TEST(an_event_comes_once)
{
        struct sign_request q;
        struct sign_reply a;
        struct rig r;
        int fd, again;

        rig_init(&r, NULL);
        fd = rig_event(&r, 11);
        again = rig_event_early(&r, 11);
        is_over(again);
        q = request(&r, 1);
        asks(&r, fd, &q);
        CHECK_OK(capos_io_packet_recv(fd, &a, sizeof(a), NULL, 0));
        close(fd);
        close(again);
        rig_deinit(&r);
}

/* ---- the record comes first ----------------------------------------------------------------- */

/* The session manager does not read: the record cannot leave, so no signature may. */
TEST(no_signature_before_its_record)
{
        const struct packet filler = {.type = PACKET_READY};
        struct sign_request q;
        struct sign_reply a;
        struct packet p = {0};
        struct rig r;
        int fd;

        rig_init(&r, NULL);
        fd = rig_event(&r, 11);
        while (!r.s.sessiond.waiting)
                daemon_link_send(&r.s.sessiond, &filler, NULL);
        q = request(&r, 1);
        asks(&r, fd, &q);
        for (unsigned i = 0; i < 10; i++)
                CHECK_OK(capos_io_loop_turn(&r.s.loop, 10));
        CHECK_EQ(capos_io_packet_recv(fd, &a, sizeof(a), NULL, 0), CAPOS_IO_E_AGAIN);

        while (capos_io_packet_recv(fd, &a, sizeof(a), NULL, 0) == CAPOS_IO_E_AGAIN) {
                while (!capos_io_packet_recv(r.sessiond, &p, sizeof(p), NULL, 0) &&
                       p.type != PACKET_SIGNED)
                        continue;
                CHECK_OK(capos_io_loop_turn(&r.s.loop, 1000));
        }
        CHECK(verifies(r.s.keys.now.leaf, q.hash, &a));
        while (p.type != PACKET_SIGNED)
                CHECK_OK(capos_io_packet_recv(r.sessiond, &p, sizeof(p), NULL, 0));
        is_over(fd);
        close(fd);
        rig_deinit(&r);
}

TEST(without_a_session_manager_nothing_is_signed)
{
        struct sign_request q;
        struct packet p;
        struct rig r;
        int fd;

        rig_init(&r, NULL);
        fd = rig_event(&r, 11);
        close(r.sessiond);
        q = request(&r, 1);
        CHECK_OK(capos_io_packet_send(fd, &q, sizeof(q), NULL, 0));
        rig_turn(&r);
        CHECK(capos_io_packet_recv(fd, &p, sizeof(p), NULL, 0) != 0);
        packet_is(r.caposd, &p, PACKET_LOST);
        CHECK_EQ(p.index, 7);
        CHECK_EQ(r.s.nevents, 0);
        close(fd);

        /* With the next one it goes on, and what the one before sent is void. */
        rig_meet(&r);
        fd = rig_event(&r, 12);
        close(r.sessiond);
        rig_meet(&r);
        q = request(&r, 1);
        (void)!capos_io_packet_send(fd, &q, sizeof(q), NULL, 0);
        rig_turn(&r);
        CHECK_EQ(capos_io_packet_recv(r.sessiond, &p, sizeof(p), NULL, 0), CAPOS_IO_E_AGAIN);
        close(fd);
        rig_deinit(&r);
}

/* ---- what waits ----------------------------------------------------------------------------- */

TEST_T(an_event_has_its_time, 120)
{
        struct rig r;
        uint64_t begun;
        int early, gone, late;

        rig_init(&r, NULL);
        begun = capos_io_now_ms();
        early = rig_event(&r, 1);
        gone = rig_event(&r, 2);
        close(gone);
        rig_turn(&r);
        CHECK_EQ(r.s.nevents, 1);
        late = -1;
        while (r.s.nevents && late < 0) {
                CHECK_OK(capos_io_loop_turn(&r.s.loop, 500));
                if (capos_io_now_ms() - begun > SIGNER_EVENT_MS / 2)
                        late = rig_event(&r, 3);
        }
        while (r.s.nevents == 2)
                CHECK_OK(capos_io_loop_turn(&r.s.loop, 500));
        CHECK(capos_io_now_ms() - begun >= SIGNER_EVENT_MS);
        is_over(early);
        while (r.s.nevents)
                CHECK_OK(capos_io_loop_turn(&r.s.loop, 500));
        if (late >= 0)
                is_over(late);
        close(early);
        close(late);
        rig_deinit(&r);
}

/* However long a connection waits for a worker: its ten seconds begin when it has one. */
TEST(no_time_runs_before_a_worker_has_it)
{
        struct sign_request q;
        struct sign_reply a;
        struct rig r;
        int early, silent, gone;

        rig_init(&r, NULL);
        early = rig_event_early(&r, 1);
        gone = rig_event_early(&r, 2);
        silent = rig_event(&r, 3);
        rig_age(&r);
        is_over(silent);
        CHECK_EQ(r.s.nevents, 2);

        /* What the gateway lets go of is forgotten. */
        close(gone);
        rig_turn(&r);
        CHECK_EQ(r.s.nevents, 1);

        begins(early);
        q = request(&r, 1);
        asks(&r, early, &q);
        CHECK_OK(capos_io_packet_recv(early, &a, sizeof(a), NULL, 0));
        CHECK(verifies(r.s.keys.now.leaf, q.hash, &a));
        CHECK_EQ(r.s.nevents, 0);
        close(early);
        close(silent);
        rig_deinit(&r);
}

TEST(nothing_is_asked_before_the_gateway_has_spoken)
{
        struct sign_request q;
        struct packet p;
        struct rig r;
        int fd;

        rig_init(&r, NULL);
        fd = rig_event_early(&r, 1);
        q = request(&r, 1);
        asks(&r, fd, &q);
        is_over(fd);
        CHECK_EQ(capos_io_packet_recv(r.sessiond, &p, sizeof(p), NULL, 0), CAPOS_IO_E_AGAIN);
        CHECK_EQ(r.s.nevents, 0);
        close(fd);
        rig_deinit(&r);
}

/* With more than there may be, the oldest goes and the newest is served. */
TEST(the_oldest_gives_way)
{
        struct sign_request q;
        struct sign_reply a;
        struct rig r;
        int fds[4];

        rig_init(&r, NULL);
        fds[0] = rig_event(&r, 1);
        fds[1] = rig_event(&r, 2);
        r.s.nevents += SIGNER_EVENTS - 2; /* as if there were so many */
        fds[2] = rig_event(&r, 3);
        is_over(fds[0]);
        fds[3] = rig_event(&r, 4);
        is_over(fds[1]);
        q = request(&r, 1);
        asks(&r, fds[3], &q);
        CHECK_OK(capos_io_packet_recv(fds[3], &a, sizeof(a), NULL, 0));
        r.s.nevents -= SIGNER_EVENTS - 2;
        CHECK_EQ(r.s.nevents, 1);
        for (unsigned i = 0; i < 4; i++)
                close(fds[i]);

        /* Of those that no worker has, only when there are no others. */
        rig_turn(&r);
        CHECK_EQ(r.s.nevents, 0);
        fds[0] = rig_event_early(&r, 5);
        r.s.nevents += SIGNER_EVENTS - 1;
        fds[1] = rig_event_early(&r, 6);
        is_over(fds[0]);
        r.s.nevents -= SIGNER_EVENTS - 1;
        CHECK_EQ(r.s.nevents, 1);
        close(fds[0]);
        close(fds[1]);
        rig_deinit(&r);
}

/* ---- reload --------------------------------------------------------------------------------- */

/* A folder with an identity in it. */
static int folder_with(const struct tls_identity *id, char path[32])
{
        int dir;

        snprintf(path, 32, "/tmp/capos-signer-XXXXXX");
        CHECK(mkdtemp(path) != NULL);
        dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CHECK(dir >= 0);
        if (id)
                CHECK_OK(capos_i_tls_identity_store(id, dir));
        return dir;
}

static void folder_remove(int dir, const char *path)
{
        (void)unlinkat(dir, TLS_KEY_FILE, 0);
        (void)unlinkat(dir, TLS_CERTIFICATE_FILE, 0);
        close(dir);
        CHECK_EQ(rmdir(path), 0);
}

/* Has it load what is in a folder; what it says. */
static int reload(struct rig *r, int dir, struct packet *ret)
{
        const struct packet p = {.type = PACKET_RELOAD, .index = 5};
        int fds[2] = {openat(dir, TLS_KEY_FILE, O_RDONLY | O_CLOEXEC),
                      openat(dir, TLS_CERTIFICATE_FILE, O_RDONLY | O_CLOEXEC)};

        CHECK(fds[0] >= 0 && fds[1] >= 0);
        CHECK_OK(capos_io_packet_send(r->caposd, &p, sizeof(p), fds, 2));
        capos_io_fds_close(fds, 2);
        rig_turn(r);
        packet_is(r->caposd, ret, PACKET_RELOADED);
        CHECK_EQ(ret->index, 5);
        return ret->result;
}

TEST(a_new_key_and_the_old_one_for_a_while)
{
        struct tls_identity id = identity(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"));
        struct sign_request old, new;
        struct sign_reply a;
        struct packet p;
        char path[32];
        struct rig r;
        int dir = folder_with(&id, path), fds[3];

        rig_init(&r, NULL);
        for (unsigned i = 0; i < 3; i++)
                fds[i] = rig_event(&r, i);
        old = new = request(&r, 1);
        memcpy(new.key_hash, id.key_hash, 32);
        CHECK_OK(reload(&r, dir, &p));
        CHECK_MEM(p.key_hash, id.key_hash, 32);

        asks(&r, fds[0], &old);
        CHECK_OK(capos_io_packet_recv(fds[0], &a, sizeof(a), NULL, 0));
        CHECK(verifies(r.s.keys.before.leaf, old.hash, &a));
        packet_is(r.sessiond, &p, PACKET_SIGNED);
        CHECK_MEM(p.key_hash, old.key_hash, 32);
        asks(&r, fds[1], &new);
        CHECK_OK(capos_io_packet_recv(fds[1], &a, sizeof(a), NULL, 0));
        CHECK(verifies(id.leaf, new.hash, &a));
        packet_is(r.sessiond, &p, PACKET_SIGNED);
        CHECK_MEM(p.key_hash, new.key_hash, 32);

        CHECK(r.s.before.place != 0); /* its time runs */
        r.s.before.fn(&r.s.before);   /* … and is over */
        CHECK(r.s.keys.before.key == NULL);
        asks(&r, fds[2], &old);
        is_over(fds[2]);
        for (unsigned i = 0; i < 3; i++)
                close(fds[i]);
        rig_deinit(&r);
        capos_i_tls_identity_deinit(&id);
        folder_remove(dir, path);
}

TEST(a_bad_one_changes_nothing)
{
        struct tls_identity one = identity(capos_i_tls_identity_new_key());
        struct tls_identity two = identity(capos_i_tls_identity_new_key());
        struct sign_request q;
        struct sign_reply a;
        struct packet p;
        char path[32];
        struct rig r;
        int dir = folder_with(&one, path), fd;

        EVP_PKEY_free(two.key);
        two.key = NULL;
        CHECK_OK(capos_i_tls_identity_store(
                &two, dir)); /* its certificate alone, beside the other's key */
        rig_init(&r, NULL);
        fd = rig_event(&r, 1);
        CHECK_EQ(reload(&r, dir, &p), TLS_IDENTITY_E_MISMATCH);
        CHECK_MEM(p.key_hash, r.key_hash, 32);
        CHECK_OK(capos_i_tls_file_store(dir, TLS_KEY_FILE, 0600, (capnp_data){0}));
        CHECK_EQ(reload(&r, dir, &p), TLS_IDENTITY_E_KEY);
        q = request(&r, 1);
        asks(&r, fd, &q);
        CHECK_OK(capos_io_packet_recv(fd, &a, sizeof(a), NULL, 0));
        CHECK(verifies(r.s.keys.now.leaf, q.hash, &a));
        close(fd);
        rig_deinit(&r);
        capos_i_tls_identity_deinit(&one);
        capos_i_tls_identity_deinit(&two);
        folder_remove(dir, path);
}

/* ---- what leaves ---------------------------------------------------------------------------- */

static void lacks(const void *p, size_t size, const uint8_t secret[32])
{
        for (unsigned part = 0; part + 8 <= 32; part += 8)
                CHECK(memmem(p, size, secret + part, 8) == NULL);
}

/* All that it ever says, to everybody, in a life with a reload. */
TEST(the_private_key_is_in_no_reply)
{
        static const char *const types[] = {NULL, "ED25519"};

        for (unsigned t = 0; t < 2; t++) {
                struct sign_request q;
                struct sign_reply a;
                struct packet p;
                struct rig r;

                rig_init(&r, types[t]);
                for (unsigned i = 0; i < 50; i++) {
                        int fd = rig_event(&r, 100 + i);

                        q = request(&r, (uint8_t)i);
                        memcpy(q.hash + 8, r.secret, i % 2 ? 0 : 1);
                        asks(&r, fd, &q);
                        CHECK_OK(capos_io_packet_recv(fd, &a, sizeof(a), NULL, 0));
                        lacks(&a, sizeof(a), r.secret);
                        packet_is(r.sessiond, &p, PACKET_SIGNED);
                        lacks(&p, sizeof(p), r.secret);
                        close(fd);
                }
                rig_deinit(&r);
        }
}

/* ---- where the key lies --------------------------------------------------------------------- */

/* In a child, which leaves no trace here: makes an identity, and says the complement of its secret.
 */
static void secret_of_folder(int dir, uint8_t ret[32])
{
        int pipes[2], status = 0;
        pid_t pid;

        CHECK_EQ(pipe2(pipes, O_CLOEXEC), 0);
        pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
                struct tls_identity id = identity(capos_i_tls_identity_new_key());
                uint8_t secret[32];

                secret_of(id.key, secret);
                for (unsigned i = 0; i < 32; i++)
                        secret[i] ^= 0xff;
                _exit(capos_i_tls_identity_store(&id, dir) || write(pipes[1], secret, 32) != 32);
        }
        CHECK_EQ(read(pipes[0], ret, 32), 32);
        CHECK_EQ(waitpid(pid, &status, 0), pid);
        CHECK_EQ(status, 0);
        capos_io_fds_close(pipes, 2);
}

/* Forwards as in a file, or backwards as in a number. */
static bool has_complement(const uint8_t *p, size_t len, const uint8_t mask[32])
{
        for (size_t i = 0; i + 32 <= len; i++) {
                unsigned ahead = 0, back = 0;

                while (ahead < 32 && (p[i + ahead] ^ mask[ahead]) == 0xff)
                        ahead++;
                while (back < 32 && (p[i + back] ^ mask[31 - back]) == 0xff)
                        back++;
                if (ahead == 32 || back == 32)
                        return true;
        }
        return false;
}

/* How many areas of memory hold it; and how many of those are locked and in no dump. */
static unsigned areas_with(const uint8_t mask[32], unsigned *ret_safe)
{
        char line[512], rights[8] = "", next[8];
        unsigned long from = 0, to = 0, a, b;
        unsigned n = 0;
        FILE *f = fopen("/proc/self/smaps", "re");

        CHECK(f != NULL);
        *ret_safe = 0;
        while (fgets(line, sizeof(line), f)) {
                bool flags = !strncmp(line, "VmFlags:", 8);

                if (sscanf(line, "%lx-%lx %7s", &a, &b, next) == 3) {
                        from = a;
                        to = b;
                        memcpy(rights, next, sizeof(rights));
                }
                if (!flags || strncmp(rights, "rw", 2) != 0 ||
                    !has_complement((const uint8_t *)from, to - from, mask))
                        continue;
                n++;
                *ret_safe += strstr(line, " lo") && strstr(line, " dd");
        }
        fclose(f);
        return n;
}

TEST_T(the_key_lies_in_locked_memory_alone, 120)
{
        struct sign_request q = {.hash = {1}};
        struct keys k = {.now = {0}};
        struct sign_reply a;
        unsigned safe;
        uint8_t mask[32];
        char path[32];
        struct rlimit locked;
        int dir;

        if (daemon_sandbox_reports())
                test_skip("a sanitizer keeps what is freed");
        CHECK_EQ(getrlimit(RLIMIT_MEMLOCK, &locked), 0);
        if (locked.rlim_cur < 1024 * 1024 && geteuid())
                test_skip("memory cannot be locked (ulimit -l)");

        CHECK_OK(keys_prepare());
        dir = folder_with(NULL, path);
        secret_of_folder(dir, mask);
        CHECK_OK(keys_find(&k, dir, NAMES, 1));
        memcpy(q.key_hash, k.now.key_hash, 32);
        CHECK_OK(keys_sign(&k, &q, &a));
        CHECK(areas_with(mask, &safe) > 0);
        CHECK_EQ(areas_with(mask, &safe), safe);
        keys_deinit(&k);
        CHECK_EQ(areas_with(mask, &safe), 0);
        folder_remove(dir, path);
}

/* ---- the program ---------------------------------------------------------------------------- */

struct program {
        pid_t pid;
        int pidfd, link;
};

static struct program program_start(int dir)
{
        const char *argv[] = {"capos-signer", "host.example.org", NULL};
        char path[4096];
        struct daemon_spawn s = {.path = path, .argv = argv, .nfds = 2};
        struct program p;
        int pair[2];

        CHECK_OK(capos_io_packet_pair(pair));
        snprintf(path, sizeof(path), "%s/bin/capos-signer", getenv("CAPOS_BUILDDIR"));
        s.fds[0].fd = pair[1];
        s.fds[0].at = LINK_FD;
        s.fds[1].fd = dir;
        s.fds[1].at = DAEMON_STATE_FD;
        CHECK_OK(daemon_spawn(&s, &p.pid, &p.pidfd));
        close(pair[1]);
        p.link = pair[0];
        return p;
}

static void await(int fd, void *p, size_t size)
{
        int r;

        do {
                struct pollfd w = {.fd = fd, .events = POLLIN};

                CHECK_EQ(poll(&w, 1, 60000), 1);
                r = capos_io_packet_recv(fd, p, size, NULL, 0);
        } while (r == CAPOS_IO_E_AGAIN);
        CHECK_OK(r);
}

/* Its link closes, and it ends. The exit code; a signal is a failure. */
static int program_end(struct program *p)
{
        int status = 0;

        close(p->link);
        CHECK_EQ(waitpid(p->pid, &status, 0), p->pid);
        close(p->pidfd);
        CHECK(WIFEXITED(status));
        return WEXITSTATUS(status);
}

/* One event, as sessiond makes it. */
static void program_signs(struct program *p, const uint8_t key_hash[32], X509 *x)
{
        struct packet q = {.type = PACKET_SESSIOND, .index = 1};
        struct sign_request ask = {.hash = {9, 9, 9}};
        struct sign_reply a;
        int link[2], event[2];

        CHECK_OK(capos_io_packet_pair(link));
        CHECK_OK(capos_io_packet_pair(event));
        CHECK_OK(capos_io_packet_send(p->link, &q, sizeof(q), &link[1], 1));
        q = (struct packet){.type = PACKET_SIGN, .event = 42};
        CHECK_OK(capos_io_packet_send(link[0], &q, sizeof(q), &event[1], 1));
        memcpy(ask.key_hash, key_hash, 32);
        begins(event[0]);
        CHECK_OK(capos_io_packet_send(event[0], &ask, sizeof(ask), NULL, 0));
        await(event[0], &a, sizeof(a));
        CHECK_OK(capos_io_packet_recv(link[0], &q, sizeof(q), NULL, 0)); /* is there already */
        CHECK_EQ(q.type, PACKET_SIGNED);
        CHECK_EQ(q.event, 42);
        CHECK(verifies(x, ask.hash, &a));
        capos_io_fds_close(link, 2);
        capos_io_fds_close(event, 2);
}

TEST_T(the_first_start_makes_an_identity_and_the_next_finds_it, 120)
{
        struct packet ready, again;
        struct tls_identity id;
        struct program p;
        capnp_data cert;
        struct stat st;
        char path[32];
        int dir = folder_with(NULL, path);

        p = program_start(dir);
        await(p.link, &ready, sizeof(ready));
        CHECK_EQ(ready.type, PACKET_READY);
        CHECK_EQ(fstatat(dir, TLS_KEY_FILE, &st, 0), 0);
        CHECK_EQ(st.st_mode, S_IFREG | 0600);
        CHECK_EQ(fstatat(dir, TLS_CERTIFICATE_FILE, &st, 0), 0);
        CHECK_EQ(st.st_mode, S_IFREG | 0644);
        CHECK_OK(capos_i_tls_file_load(dir, TLS_CERTIFICATE_FILE, &cert));
        CHECK_OK(capos_i_tls_identity_read(cert, (capnp_data){0}, &id));
        CHECK_MEM(id.key_hash, ready.key_hash, 32);
        CHECK_EQ(X509_check_host(id.leaf, "host.example.org", 0, 0, NULL), 1);
        program_signs(&p, ready.key_hash, id.leaf);
        CHECK_EQ(program_end(&p), 0);

        p = program_start(dir);
        await(p.link, &again, sizeof(again));
        CHECK_MEM(again.key_hash, ready.key_hash, 32);
        program_signs(&p, ready.key_hash, id.leaf);
        CHECK_EQ(program_end(&p), 0);

        /* A start that was cut off between the two files: the key stays. */
        CHECK_EQ(unlinkat(dir, TLS_CERTIFICATE_FILE, 0), 0);
        p = program_start(dir);
        await(p.link, &again, sizeof(again));
        CHECK_MEM(again.key_hash, ready.key_hash, 32);
        CHECK_EQ(program_end(&p), 0);
        capos_i_tls_bytes_free(&cert);
        capos_i_tls_identity_deinit(&id);
        folder_remove(dir, path);
}

/* In the sandbox, with the folder closed, it can still take a new identity. */
TEST_T(the_program_reloads, 120)
{
        struct tls_identity id = identity(capos_i_tls_identity_new_key());
        struct packet p = {.type = PACKET_RELOAD};
        struct program program;
        char path[32], other[32];
        int dir = folder_with(NULL, path), new = folder_with(&id, other);
        int fds[2] = {openat(new, TLS_KEY_FILE, O_RDONLY | O_CLOEXEC),
                      openat(new, TLS_CERTIFICATE_FILE, O_RDONLY | O_CLOEXEC)};

        program = program_start(dir);
        await(program.link, &p, sizeof(p));
        p = (struct packet){.type = PACKET_RELOAD};
        CHECK_OK(capos_io_packet_send(program.link, &p, sizeof(p), fds, 2));
        await(program.link, &p, sizeof(p));
        CHECK_EQ(p.type, PACKET_RELOADED);
        CHECK_EQ(p.result, 0);
        CHECK_MEM(p.key_hash, id.key_hash, 32);
        program_signs(&program, p.key_hash, id.leaf);
        CHECK_EQ(program_end(&program), 0);
        capos_io_fds_close(fds, 2);
        capos_i_tls_identity_deinit(&id);
        folder_remove(dir, path);
        folder_remove(new, other);
}

TEST_T(an_identity_that_clients_would_refuse_ends_the_start, 120)
{
        static const char junk[] = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
        struct tls_identity id = identity(capos_i_tls_identity_new_key());
        struct program p;
        char path[32];
        int dir = folder_with(&id, path), status = 0;

        CHECK_OK(capos_i_tls_file_store(dir, TLS_CERTIFICATE_FILE, 0644,
                                        (capnp_data){(const uint8_t *)junk, sizeof(junk) - 1}));
        p = program_start(dir);
        CHECK_EQ(waitpid(p.pid, &status, 0), p.pid);
        CHECK(WIFEXITED(status));
        CHECK_EQ(WEXITSTATUS(status), 2);
        close(p.link);
        close(p.pidfd);
        capos_i_tls_identity_deinit(&id);
        folder_remove(dir, path);
}

/* Nobody but the kernel can look into it. */
TEST_T(the_program_cannot_be_looked_into, 120)
{
        struct packet ready;
        struct program p;
        char path[32], line[256], proc[64];
        bool none = false;
        FILE *f;
        int dir = folder_with(NULL, path);

        p = program_start(dir);
        await(p.link, &ready, sizeof(ready));
        snprintf(proc, sizeof(proc), "/proc/%d/limits", p.pid);
        f = fopen(proc, "re");
        CHECK(f != NULL);
        while (fgets(line, sizeof(line), f))
                none = none || !strncmp(line, "Max core file size        0 ", 28);
        CHECK(none);
        fclose(f);
        snprintf(proc, sizeof(proc), "/proc/%d/mem", p.pid);
        if (geteuid())
                CHECK(open(proc, O_RDONLY | O_CLOEXEC) < 0);
        CHECK_EQ(program_end(&p), 0);
        folder_remove(dir, path);
}
