/*
 * Keys and signatures that ssh-keygen made (the fuzzers' corpus): which are accepted, and that no
 * change of any byte, no cut and no other namespace, message or key is.
 */
#include "ssh.h"
#include "test-corpus.h"

#define SPACE "login@capos"

struct blob {
        uint8_t p[4096];
};

static const char message_text[] = "a message";
static const capnp_data message = {(const uint8_t *)message_text, sizeof(message_text) - 1};

static capnp_data blob_read(struct blob *b, const char *folder, const char *name)
{
        return corpus_read(folder, name, b->p, sizeof(b->p));
}

static const struct {
        const char *key, *sig;
} good[] = {
        {"ed25519", "ed25519-sha256"}, {"ed25519", "ed25519-sha512"}, {"p256", "p256-sha512"},
        {"p384", "p384-sha512"},       {"p521", "p521-sha512"},       {"rsa2048", "rsa2048-sha256"},
        {"rsa2048", "rsa2048-sha512"}, {"sk-ed25519", "sk-ed25519"},  {"sk-p256", "sk-p256"},
};

enum { GOOD = sizeof(good) / sizeof(good[0]) };

TEST(signatures_of_every_type_verify)
{
        struct blob k, s, other;

        for (unsigned i = 0; i < GOOD; i++) {
                capnp_data key = blob_read(&k, "fuzz-sshkey", good[i].key);
                capnp_data sig = blob_read(&s, "fuzz-sshsig", good[i].sig);
                capnp_data wrong = blob_read(&other, "fuzz-sshkey", i < 2 ? "p256" : "ed25519");

                CHECK_OK(ssh_verify(key, sig, SPACE, message, NULL));
                CHECK_EQ(ssh_verify(key, sig, "file", message, NULL), SSH_E_BAD);
                CHECK_EQ(ssh_verify(wrong, sig, SPACE, message, NULL), SSH_E_KEY);
                CHECK_EQ(ssh_verify(key, sig, SPACE, (capnp_data){message.p, 3}, NULL), SSH_E_BAD);
        }
}

TEST_T(no_byte_can_change_and_none_be_missing, 120)
{
        struct blob k, s;

        for (unsigned i = 0; i < GOOD; i++) {
                capnp_data key = blob_read(&k, "fuzz-sshkey", good[i].key);
                capnp_data sig = blob_read(&s, "fuzz-sshsig", good[i].sig);

                for (uint32_t at = 0; at < sig.len; at++) {
                        s.p[at] ^= 1;
                        CHECK(ssh_verify(key, sig, SPACE, message, NULL) > 0);
                        s.p[at] ^= 1;
                        CHECK(ssh_verify(key, (capnp_data){sig.p, at}, SPACE, message, NULL) > 0);
                }
        }
}

TEST(weak_and_unknown_keys_are_refused)
{
        static const struct {
                const char *name;
                int r;
        } rows[] = {
                {"rsa1024", SSH_E_WEAK},
                {"dsa", SSH_E_TYPE},
                {"p256-cut", SSH_E_FORM},
                {"rsa2048-cut", SSH_E_FORM},
        };
        struct ssh_key key;
        struct blob b;

        for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                CHECK_EQ(ssh_key_read(blob_read(&b, "fuzz-sshkey", rows[i].name), &key), rows[i].r);
        CHECK_EQ(ssh_key_read((capnp_data){b.p, 3}, &key), SSH_E_SHORT);
}
