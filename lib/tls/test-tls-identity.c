/*
 * Identities: what is made is what clients take, what is refused has its reason, what is stored is
 * there whole and for the right eyes only, and what is printed can be compared.
 */
#include "tls-identity.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/ssl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test-tls-certs.h"

/* ---- a folder ------------------------------------------------------------------------------- */

struct folder {
        char path[64];
        int fd;
};

static void folder_make(struct folder *f)
{
        *f = (struct folder){.path = "/tmp/capos-identity-XXXXXX"};
        CHECK(mkdtemp(f->path) != NULL);
        f->fd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CHECK(f->fd >= 0);
}

static void folder_remove(struct folder *f)
{
        static const char *const names[] = {TLS_KEY_FILE, TLS_CERTIFICATE_FILE, "x", "link"};

        for (unsigned i = 0; i < 4; i++)
                (void)unlinkat(f->fd, names[i], 0);
        close(f->fd);
        CHECK_EQ(rmdir(f->path), 0); /* so nothing else is left in it */
}

/* ---- making --------------------------------------------------------------------------------- */

static struct tls_identity made(EVP_PKEY *key)
{
        static const char *const names[] = {"localhost", "127.0.0.1", "::1", "host.example.org"};
        struct tls_identity id = {0};

        CHECK(key != NULL);
        CHECK_OK(capos_i_tls_identity_make(names, 4, CERT_NOW, key, &id));
        return id;
}

TEST(what_is_made_says_what_it_is_for)
{
        struct tls_identity id = made(capos_i_tls_identity_new_key()),
                            other = made(capos_i_tls_identity_new_key());
        int64_t from = 0, until = 0;
        int critical = -1;
        BASIC_CONSTRAINTS *c = X509_get_ext_d2i(id.leaf, NID_basic_constraints, &critical, NULL);

        CHECK(c && !c->ca);
        CHECK_EQ(critical, 1);
        BASIC_CONSTRAINTS_free(c);
        CHECK_EQ(X509_get_key_usage(id.leaf), KU_DIGITAL_SIGNATURE);
        CHECK_EQ(X509_get_extended_key_usage(id.leaf), XKU_SSL_SERVER);
        CHECK_EQ(X509_check_host(id.leaf, "localhost", 0, 0, NULL), 1);
        CHECK_EQ(X509_check_host(id.leaf, "host.example.org", 0, 0, NULL), 1);
        CHECK_EQ(X509_check_host(id.leaf, "example.org", 0, 0, NULL), 0);
        CHECK_EQ(X509_check_ip_asc(id.leaf, "127.0.0.1", 0), 1);
        CHECK_EQ(X509_check_ip_asc(id.leaf, "::1", 0), 1);
        CHECK_EQ(X509_verify(id.leaf, id.key), 1);
        CHECK(ASN1_INTEGER_cmp(X509_get0_serialNumber(id.leaf),
                               X509_get0_serialNumber(other.leaf)) != 0);
        CHECK_OK(capos_i_tls_time_read(X509_get0_notBefore(id.leaf), &from));
        CHECK_OK(capos_i_tls_time_read(X509_get0_notAfter(id.leaf), &until));
        CHECK_EQ(from, CERT_NOW - 3600);
        CHECK_EQ(until - from, 3650ll * CERT_DAY);
        CHECK(EVP_PKEY_is_a(id.key, "EC"));
        capos_i_tls_identity_deinit(&id);
        capos_i_tls_identity_deinit(&other);
}

/* OpenSSL's client takes it as its only root. */
TEST(what_is_made_is_its_own_root)
{
        static const char *const types[] = {"P-256", "ED25519"};

        for (unsigned i = 0; i < 2; i++) {
                struct tls_identity id = made(cert_key(types[i]));
                X509_STORE *s = X509_STORE_new();
                X509_STORE_CTX *c = X509_STORE_CTX_new();
                X509_VERIFY_PARAM *p;

                CHECK(s && c);
                CHECK_EQ(X509_STORE_add_cert(s, id.leaf), 1);
                CHECK_EQ(X509_STORE_CTX_init(c, s, id.leaf, NULL), 1);
                CHECK_EQ(X509_STORE_CTX_set_default(c, "ssl_server"), 1);
                p = X509_STORE_CTX_get0_param(c);
                X509_VERIFY_PARAM_set_time(p, CERT_NOW);
                CHECK_EQ(X509_VERIFY_PARAM_set1_host(p, "localhost", 0), 1);
                CHECK_EQ(X509_verify_cert(c), 1);
                X509_STORE_CTX_free(c);
                X509_STORE_free(s);
                capos_i_tls_identity_deinit(&id);
        }
}

TEST(only_names_of_hosts_and_addresses_go_in)
{
        static const char *const bad[] = {
                "",    "a b",   "*.example.org", "a..b",      ".a",   "a.",  "-a",  "a-",
                "a_b", "1.2.3", "300.1.1.1",     "1.2.3.4.5", "a\nb", "::g", "a/b", "fe80::1%lo"};
        static const char *const good[] = {"a",        "a.b",    "A1-b.c3", "3com.example",
                                           "10.0.0.1", "fe80::1"};
        char longest[300] = "";
        const char *name = longest;
        struct tls_identity id = {0};
        EVP_PKEY *k = capos_i_tls_identity_new_key();

        for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++)
                if (capos_i_tls_identity_takes(bad[i]) ||
                    capos_i_tls_identity_make(&bad[i], 1, CERT_NOW, k, &id) != TLS_IDENTITY_E_NAME)
                        test_fail(__FILE__, __LINE__, "%s was taken", bad[i]);
        CHECK_EQ(capos_i_tls_identity_make(good, 0, CERT_NOW, k, &id), TLS_IDENTITY_E_NAME);
        for (unsigned i = 0; i < 4; i++) {
                memset(longest + 64 * i, 'a', 63);
                longest[64 * i + 63] = i < 3 ? '.' : '\0';
        }
        CHECK_EQ(capos_i_tls_identity_make(&name, 1, CERT_NOW, k, &id), TLS_IDENTITY_E_NAME);
        longest[253] = '\0';
        for (unsigned i = 0; i < sizeof(good) / sizeof(*good) + 1; i++) {
                CHECK(capos_i_tls_identity_takes(i < 6 ? good[i] : name));
                CHECK_EQ(EVP_PKEY_up_ref(k), 1);
                CHECK_OK(capos_i_tls_identity_make(i < 6 ? &good[i] : &name, 1, CERT_NOW, k, &id));
                capos_i_tls_identity_deinit(&id);
        }
        EVP_PKEY_free(k);
}

/* ---- storing -------------------------------------------------------------------------------- */

static void mode_is(int dir, const char *name, mode_t mode)
{
        struct stat st;

        CHECK_EQ(fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW), 0);
        CHECK_EQ(st.st_mode, S_IFREG | mode);
}

static void load(int dir, struct tls_identity *id)
{
        capnp_data cert, key;

        CHECK_OK(capos_i_tls_file_load(dir, TLS_CERTIFICATE_FILE, &cert));
        CHECK_OK(capos_i_tls_file_load(dir, TLS_KEY_FILE, &key));
        CHECK_OK(capos_i_tls_identity_read(cert, key, id));
        capos_i_tls_bytes_free(&cert);
        capos_i_tls_bytes_free(&key);
}

TEST(what_is_stored_comes_back)
{
        static const char *const types[] = {"P-256", "ED25519"};
        struct tls_identity id, back;
        struct folder f;

        umask(0);
        folder_make(&f);
        for (unsigned i = 0; i < 2; i++) {
                id = made(cert_key(types[i]));
                CHECK_OK(capos_i_tls_identity_store(&id, f.fd));
                mode_is(f.fd, TLS_KEY_FILE, 0600);
                mode_is(f.fd, TLS_CERTIFICATE_FILE, 0644);
                load(f.fd, &back);
                CHECK_EQ(X509_cmp(id.leaf, back.leaf), 0);
                CHECK_EQ(EVP_PKEY_eq(id.key, back.key), 1);
                CHECK_MEM(id.key_hash, back.key_hash, 32);
                capos_i_tls_identity_deinit(&id);
                capos_i_tls_identity_deinit(&back);
        }
        umask(0777);
        id = made(cert_key(NULL));
        CHECK_OK(capos_i_tls_identity_store(&id, f.fd));
        mode_is(f.fd, TLS_KEY_FILE, 0600);
        mode_is(f.fd, TLS_CERTIFICATE_FILE, 0644);
        capos_i_tls_identity_deinit(&id);
        folder_remove(&f);
}

TEST(only_a_file_of_its_size_is_read)
{
        char big[TLS_FILE_BYTES + 1] = {0};
        capnp_data d;
        struct folder f;
        int fd;

        folder_make(&f);
        CHECK_EQ(capos_i_tls_file_load(f.fd, "x", &d), -ENOENT);
        CHECK_EQ(symlinkat("/dev/null", f.fd, "link"), 0);
        CHECK_EQ(capos_i_tls_file_load(f.fd, "link", &d), -ELOOP);
        CHECK_EQ(capos_i_tls_file_load(f.fd, ".", &d), -EINVAL);
        CHECK_OK(
                capos_i_tls_file_store(f.fd, "x", 0600, (capnp_data){(uint8_t *)big, sizeof(big)}));
        CHECK_EQ(capos_i_tls_file_load(f.fd, "x", &d), TLS_FILE_E_SIZE);
        CHECK_OK(capos_i_tls_file_store(f.fd, "x", 0600,
                                        (capnp_data){(uint8_t *)big, sizeof(big) - 1}));
        CHECK_OK(capos_i_tls_file_load(f.fd, "x", &d));
        CHECK_EQ(d.len, sizeof(big) - 1);
        capos_i_tls_bytes_free(&d);

        /* Twice through one descriptor, which others may have, too. */
        fd = openat(f.fd, "x", O_RDONLY | O_CLOEXEC);
        for (unsigned i = 0; i < 2; i++) {
                CHECK_OK(capos_i_tls_file_read(fd, &d));
                CHECK_EQ(d.len, sizeof(big) - 1);
                capos_i_tls_bytes_free(&d);
        }
        close(fd);
        CHECK_OK(capos_i_tls_file_store(f.fd, "x", 0600, (capnp_data){0}));
        CHECK_OK(capos_i_tls_file_load(f.fd, "x", &d));
        CHECK_EQ(d.len, 0);
        capos_i_tls_bytes_free(&d);
        CHECK(capos_i_tls_file_store(-1, "x", 0600, (capnp_data){0}) < 0);
        folder_remove(&f);
}

/* A link in the place of a file is replaced, and what it leads to stays as it is. */
TEST(storing_follows_no_link)
{
        struct folder f;
        capnp_data d;

        folder_make(&f);
        CHECK_OK(capos_i_tls_file_store(f.fd, "x", 0600, (capnp_data){(const uint8_t *)"old", 3}));
        CHECK_EQ(symlinkat("x", f.fd, "link"), 0);
        CHECK_OK(capos_i_tls_file_store(f.fd, "link", 0600,
                                        (capnp_data){(const uint8_t *)"new", 3}));
        CHECK_OK(capos_i_tls_file_load(f.fd, "x", &d));
        CHECK_MEM(d.p, "old", 3);
        capos_i_tls_bytes_free(&d);
        CHECK_OK(capos_i_tls_file_load(f.fd, "link", &d));
        CHECK_MEM(d.p, "new", 3);
        capos_i_tls_bytes_free(&d);
        folder_remove(&f);
}

/* ---- refusals ------------------------------------------------------------------------------- */

/* Reads certificate(s) and key, and expects a code; its text must say a word. */
static void refused(const struct cert_text *certs, const struct cert_text *key, int code,
                    const char *word)
{
        struct tls_identity id = {0};
        capnp_data k = key ? cert_text_data(key) : (capnp_data){0};

        CHECK_EQ(capos_i_tls_identity_read(cert_text_data(certs), k, &id), code);
        CHECK(id.leaf == NULL);
        if (!strstr(capos_i_tls_identity_strerror(code), word))
                test_fail(__FILE__, __LINE__, "no \"%s\" in: %s", word,
                          capos_i_tls_identity_strerror(code));
}

static void refused_plan(const struct cert_plan *p, int code, const char *word)
{
        struct cert c = cert_make(p);
        struct cert_text certs = {0}, key = {0};

        cert_text_add_x509(&certs, c.x);
        cert_text_add_key(&key, c.key, NULL);
        refused(&certs, &key, code, word);
        free(certs.p);
        free(key.p);
        cert_deinit(&c);
}

TEST(what_clients_would_refuse_is_refused)
{
        refused_plan(&(struct cert_plan){.type = "RSA"}, TLS_IDENTITY_E_RSA, "RSA");
        refused_plan(&(struct cert_plan){.type = "P-384"}, TLS_IDENTITY_E_TYPE, "P-256");
        refused_plan(&(struct cert_plan){.type = "ED448"}, TLS_IDENTITY_E_TYPE, "Ed25519");
        refused_plan(&(struct cert_plan){.constraints = "critical,CA:TRUE"}, TLS_IDENTITY_E_CA,
                     "CA:FALSE");
        refused_plan(&(struct cert_plan){.purposes = "clientAuth"}, TLS_IDENTITY_E_USAGE,
                     "serverAuth");
        refused_plan(&(struct cert_plan){.usage = "critical,keyAgreement"}, TLS_IDENTITY_E_USAGE,
                     "digitalSignature");
}

TEST(a_key_must_be_there_and_belong)
{
        struct cert one = cert_make(&(struct cert_plan){0}),
                    two = cert_make(&(struct cert_plan){0});
        struct cert_text certs = {0}, other = {0}, locked = {0},
                         junk = {.p = (char *)"junk", .len = 4};

        cert_text_add_x509(&certs, one.x);
        cert_text_add_key(&other, two.key, NULL);
        cert_text_add_key(&locked, one.key, EVP_aes_128_cbc());
        refused(&certs, &other, TLS_IDENTITY_E_MISMATCH, "belong");
        refused(&certs, &locked, TLS_IDENTITY_E_ENCRYPTED, "passphrase");
        refused(&certs, &junk, TLS_IDENTITY_E_KEY, "PRIVATE KEY");
        refused(&certs, &certs, TLS_IDENTITY_E_KEY, "PRIVATE KEY");
        refused(&junk, &other, TLS_IDENTITY_E_CERTIFICATE, "PEM");
        certs.p[100] = '!';
        refused(&certs, &other, TLS_IDENTITY_E_CERTIFICATE, "PEM");
        free(certs.p);
        free(other.p);
        free(locked.p);
        cert_deinit(&one);
        cert_deinit(&two);
}

/* A private half under somebody else's public one. */
TEST(both_halves_of_a_key_must_match)
{
        struct cert one = cert_make(&(struct cert_plan){0}),
                    two = cert_make(&(struct cert_plan){0});
        struct cert_text certs = {0}, key = {0};
        unsigned char point[65], *der = NULL;
        size_t len;
        BIO *b = BIO_new(BIO_s_mem());
        int n;

        cert_text_add_x509(&certs, one.x);
        CHECK_EQ(EVP_PKEY_get_octet_string_param(one.key, "pub", point, sizeof(point), &len), 1);
        n = i2d_PrivateKey(two.key,
                           &der); /* SEC 1: the point is its end, the scalar near the front */
        CHECK(n > 0);
        memcpy(der + n - 65, point, 65);
        CHECK(PEM_write_bio(b, "EC PRIVATE KEY", "", der, n) > 0);
        cert_text_add(&key, b);
        refused(&certs, &key, TLS_IDENTITY_E_MISMATCH, "belong");
        OPENSSL_free(der);
        free(certs.p);
        free(key.p);
        cert_deinit(&one);
        cert_deinit(&two);
}

TEST(a_chain_is_one)
{
        struct cert root = cert_authority("root", NULL), mid = cert_authority("mid", &root);
        struct cert leaf = cert_make(&(struct cert_plan){.by = &mid});
        struct cert_text certs = {0}, key = {0};
        struct tls_identity id;

        cert_text_add_key(&key, leaf.key, NULL);
        cert_text_add_x509(&certs, leaf.x);
        cert_text_add_x509(&certs, mid.x);
        cert_text_add_x509(&certs, root.x);
        CHECK_OK(capos_i_tls_identity_read(cert_text_data(&certs), cert_text_data(&key), &id));
        CHECK_EQ(sk_X509_num(id.chain), 2);
        capos_i_tls_identity_deinit(&id);
        CHECK_OK(capos_i_tls_identity_read(cert_text_data(&certs), (capnp_data){0}, &id));
        CHECK(id.key == NULL);
        capos_i_tls_identity_deinit(&id);

        certs.len = 0;
        cert_text_add_x509(&certs, leaf.x);
        cert_text_add_x509(&certs, root.x);
        refused(&certs, &key, TLS_IDENTITY_E_CHAIN, "issued");
        certs.len = 0;
        cert_text_add_x509(&certs, leaf.x);
        cert_text_add_x509(&certs, mid.x);
        for (unsigned i = 0; i < 8; i++)
                cert_text_add_x509(&certs, root.x);
        refused(&certs, &key, TLS_IDENTITY_E_CHAIN, "eight");
        free(certs.p);
        free(key.p);
        cert_deinit(&root);
        cert_deinit(&mid);
        cert_deinit(&leaf);
}

TEST(dates_are_a_warning)
{
        struct cert c = cert_make(&(struct cert_plan){.from = CERT_NOW, .until = CERT_NOW + 10});
        struct cert_text certs = {0};
        struct tls_identity id;

        cert_text_add_x509(&certs, c.x);
        CHECK_OK(capos_i_tls_identity_read(cert_text_data(&certs), (capnp_data){0}, &id));
        CHECK_EQ(capos_i_tls_identity_validity(&id, CERT_NOW - 1), TLS_IDENTITY_E_NOT_YET);
        CHECK_OK(capos_i_tls_identity_validity(&id, CERT_NOW));
        CHECK_OK(capos_i_tls_identity_validity(&id, CERT_NOW + 10));
        CHECK_EQ(capos_i_tls_identity_validity(&id, CERT_NOW + 11), TLS_IDENTITY_E_EXPIRED);
        for (int i = TLS_IDENTITY_E_SIZE; i <= TLS_IDENTITY_E_NAME; i++)
                CHECK(strlen(capos_i_tls_identity_strerror(i)) > 20);
        capos_i_tls_identity_deinit(&id);
        free(certs.p);
        cert_deinit(&c);
}

/* ---- what people compare -------------------------------------------------------------------- */

TEST(a_fingerprint_has_one_spelling)
{
        static const char text[] = "sha256:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
        uint8_t hash[32], back[32];
        char out[TLS_FINGERPRINT_TEXT], bad[64];

        for (unsigned i = 0; i < 32; i++)
                hash[i] = (uint8_t)i;
        capos_i_tls_fingerprint_print(hash, out);
        CHECK_STR(out, text);
        CHECK_OK(capos_i_tls_fingerprint_read(text, back));
        CHECK_MEM(hash, back, 32);
        for (unsigned i = 0; i < sizeof(text); i++) {
                memcpy(bad, text, sizeof(text));
                bad[i] = i == sizeof(text) - 1 ? '=' : ' ';
                bad[sizeof(text)] = '\0';
                CHECK_EQ(capos_i_tls_fingerprint_read(bad, back), TLS_FINGERPRINT_E_FORM);
        }
        memcpy(bad, text, sizeof(text));
        bad[sizeof(text) - 2] = '9'; /* as '8', with a bit too many */
        CHECK_EQ(capos_i_tls_fingerprint_read(bad, back), TLS_FINGERPRINT_E_FORM);
        bad[sizeof(text) - 2] = '\0';
        CHECK_EQ(capos_i_tls_fingerprint_read(bad, back), TLS_FINGERPRINT_E_FORM);
        CHECK_EQ(capos_i_tls_fingerprint_read("", back), TLS_FINGERPRINT_E_FORM);
}

TEST(the_fingerprint_is_the_keys)
{
        struct tls_identity a = made(capos_i_tls_identity_new_key()), b;

        CHECK_EQ(EVP_PKEY_up_ref(a.key), 1);
        b = made(a.key);
        CHECK(X509_cmp(a.leaf, b.leaf) != 0);
        CHECK_MEM(a.key_hash, b.key_hash, 32);
        capos_i_tls_identity_deinit(&a);
        capos_i_tls_identity_deinit(&b);
}

TEST(a_certificate_is_printed_for_people)
{
        struct cert root = cert_authority("the root", NULL);
        struct cert c = cert_make(&(struct cert_plan){
                .name = "a\x1b[2Jb\xc3\xa4",
                .by = &root,
                .names = "DNS:a.example,IP:127.0.0.1,IP:::1,URI:spiffe://a/b,email:x@y"});
        char text[TLS_CERTIFICATE_TEXT], print[TLS_FINGERPRINT_TEXT];
        uint8_t hash[32];

        CHECK_OK(capos_i_tls_certificate_print(c.x, text));
        CHECK_OK(capos_i_tls_key_hash(c.x, hash));
        capos_i_tls_fingerprint_print(hash, print);
        CHECK(strstr(text, "DNS:a.example, IP:127.0.0.1, IP:::1, URI:spiffe://a/b, email:x@y\n"));
        CHECK(strstr(text, "issuer       CN = the root\n"));
        CHECK(strstr(text, "valid from   2027-01-14 08:00:00Z\n"));
        CHECK(strstr(text, "valid until  2027-01-16 08:00:00Z\n"));
        CHECK(strstr(text, print));
        for (const char *p = text; *p; p++)
                CHECK(*p == '\n' || (*p >= ' ' && *p < 0x7f));
        CHECK_OK(capos_i_tls_certificate_print(root.x, text));
        CHECK(strstr(text, "issuer       itself\n"));
        cert_deinit(&c);
        cert_deinit(&root);
}
