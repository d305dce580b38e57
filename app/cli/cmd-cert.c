/*
 * `capos cert`: who the instance of this machine is to its clients. The identity lies in the state
 * folder, tls/key.pem and tls/cert.pem; the rules for both are lib/tls's (tls-identity.c), as they
 * are for the process that uses them. A running instance is told to take what was stored.
 *
 * Clients pin the key. So a renewal keeps it, and where it changes, that is said with what it means
 * for them.
 *
 * This process reads a private key: it cannot be dumped or traced, and wipes what it frees.
 */
#include "admin.h"
#include "cli.h"
#include "client-words.h"
#include "tls-identity.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { FOLDER = 4096, NAME_ROOM = 256, RELOAD_MS = 20 * 1000, REREAD_MS = 70 * 1000 };

struct cert {
        struct cli *c;
        char path[FOLDER + 8];        /* the folder of the identity */
        int state, dir;               /* of changes the locks; -1 */
        struct tls_identity had, has; /* before, and after */
        char names[TLS_IDENTITY_NAMES][NAME_ROOM];
        unsigned nnames;
};

static void cert_deinit(struct cert *t)
{
        capos_i_tls_identity_deinit(&t->had);
        capos_i_tls_identity_deinit(&t->has);
        if (t->dir >= 0)
                (void)close(t->dir);
        if (t->state >= 0)
                (void)close(t->state);
}

static int cert_fail(const struct cert *t, const char *what, int r)
{
        return cli_fail(t->c, EXIT_FAILED, "cert", "%s: %s", what,
                        capos_i_tls_identity_strerror(r));
}

/*
 * Whoever changes an identity has two locks, from before he looks at what was there. The one on the
 * folder of the state is for us alone, until the instance has taken what we have stored. The one on
 * the folder of the identity is for the signer, too, which may be about to make one: key and
 * certificate are two files. It ends with the storing, for the instance may wait for that signer.
 */
static int cert_lock(struct cert *t, const char *state)
{
        int r;

        t->state = open(state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        r = t->state < 0 ? -errno : capos_i_tls_folder_lock(t->state);
        if (!r)
                r = capos_i_tls_folder_lock(t->dir);
        return r ? cert_fail(t, t->path, r) : EXIT_OK;
}

/* changes: the folder is made, its owner's alone, and cert_lock(). */
static int cert_open(struct cert *t, struct cli *c, bool changes)
{
        char state[FOLDER];
        struct stat st;
        int r;

        *t = (struct cert){.c = c, .state = -1, .dir = -1};
        r = state_folder(c, state, sizeof(state));
        if (r)
                return r;

        (void)snprintf(t->path, sizeof(t->path), "%s/tls", state);
        if (changes && mkdir(t->path, 0700) == 0 && geteuid() == 0 && stat(state, &st) == 0)
                (void)!chown(t->path, st.st_uid, st.st_gid);
        t->dir = open(t->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (t->dir >= 0)
                return changes ? cert_lock(t, state) : EXIT_OK;
        if (errno == ENOENT && stat(state, &st) < 0)
                return cli_fail(c, EXIT_FAILED, "no-state",
                                "%s: there is no such folder: `capos up` makes it, with an "
                                "identity; `mkdir -m 700` does, to put one there before; or name "
                                "another by --state",
                                state);
        if (errno == ENOENT)
                return cli_fail(c, EXIT_FAILED, "no-cert",
                                "%s: there is no identity yet: `capos cert renew` makes one, or "
                                "`capos cert import CERT KEY`",
                                t->path);
        return cli_fail(c, EXIT_FAILED, "failed", "%s: %s", t->path, strerror(errno));
}

/* The identity that is there, with its key when with_key. -ENOENT: there is none. Else an exit code
 * (>= 0). */
static int cert_load(struct cert *t, bool with_key)
{
        capnp_data cert = {0}, key = {0};
        int r = capos_i_tls_file_load(t->dir, TLS_CERTIFICATE_FILE, &cert);

        if (!r && with_key)
                r = capos_i_tls_file_load(t->dir, TLS_KEY_FILE, &key);
        if (!r)
                r = capos_i_tls_identity_read(cert, key, &t->had);
        capos_i_tls_bytes_free(&cert);
        capos_i_tls_bytes_free(&key);
        return r && r != -ENOENT ? cert_fail(t, t->path, r) : r;
}

static void fingerprint_of(const struct tls_identity *id, char ret[TLS_FINGERPRINT_TEXT])
{
        capos_i_tls_fingerprint_print(id->key_hash, ret);
}

/* ---- show --------------------------------------------------------------------------------- */

static int show_text(const struct cert *t)
{
        char text[TLS_CERTIFICATE_TEXT], fingerprint[TLS_FINGERPRINT_TEXT], words[CLIENT_WORDS];

        if (capos_i_tls_certificate_print(t->had.leaf, text))
                return cert_fail(t, t->path, -ENOMEM);
        fingerprint_of(&t->had, fingerprint);
        client_words(fingerprint, words);
        if (t->c->json)
                return cli_print_json(t->c, json_pack("{s:s,s:s,s:o}", "fingerprint", fingerprint,
                                                      "words", words, "text", cli_json_text(text)));
        cli_print_lines(text);
        printf("%s\n", words);
        return EXIT_OK;
}

int cmd_cert_show(struct cli *c)
{
        capnp_data pem = {0};
        struct cert t;
        int r = cert_open(&t, c, false);

        if (!r)
                r = cert_load(&t, false);
        if (r == -ENOENT)
                r = cert_fail(&t, t.path, -ENOENT);
        if (!r && !c->pem)
                r = show_text(&t);
        else if (!r && !capos_i_tls_file_load(t.dir, TLS_CERTIFICATE_FILE, &pem))
                (void)fwrite(pem.p, 1, pem.len, stdout);
        capos_i_tls_bytes_free(&pem);
        cert_deinit(&t);
        return r;
}

/* ---- what is new -------------------------------------------------------------------------- */

static void cert_warn(const struct cert *t)
{
        int r = capos_i_tls_identity_validity(&t->has, time(NULL));

        if (r)
                (void)fprintf(stderr, "capos: warning: %s\n", capos_i_tls_identity_strerror(r));
        if (t->had.leaf && memcmp(t->had.key_hash, t->has.key_hash, TLS_KEY_HASH_BYTES) != 0)
                (void)fprintf(stderr,
                              "capos: the key is another one: clients that know the old one will "
                              "refuse it until `capos known add` tells them the new one, or "
                              "`capos known remove` to forget the old\n");
}

/* What an instance makes of it. */
enum cert_use {
        CERT_WAITS,  /* none runs */
        CERT_TAKEN,  /* connections that come now see it */
        CERT_UNUSED, /* it does not listen on TLS */
};

/* Has the running instance take what is stored. An exit code. */
static int cert_reload(struct cli *c, enum cert_use *ret)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        bool runs;
        int r = state_try_admin(c, &runs);

        *ret = CERT_WAITS;
        if (r || !runs)
                return r;

        q = admin_reload_identity(admin_of(c));
        if (cli_wait(c, q, RELOAD_MS))
                return cli_fail_question(c, q, "stored, but not taken by the running instance");
        *ret = admin_reload_identity_fingerprint(q).len ? CERT_TAKEN : CERT_UNUSED;
        return EXIT_OK;
}

static int cert_report(const struct cert *t, enum cert_use use)
{
        static const char *const texts[] = {
                [CERT_WAITS] = "No instance runs here: the next one has it.",
                [CERT_TAKEN] = "The running instance shows it to whoever connects now; sessions "
                               "go on.",
                [CERT_UNUSED] = "The running instance does not listen on TLS, and has no use for "
                                "it."};
        char fingerprint[TLS_FINGERPRINT_TEXT];

        fingerprint_of(&t->has, fingerprint);
        if (t->c->json)
                return cli_print_json(t->c, json_pack("{s:s,s:b}", "fingerprint", fingerprint,
                                                      "taken", use == CERT_TAKEN));
        printf("%s\n%s\n", fingerprint, texts[use]);
        return EXIT_OK;
}

/* Stores t->has, as the owner of the folder. An exit code. */
static int cert_store(const struct cert *t)
{
        static const char *const files[] = {TLS_KEY_FILE, TLS_CERTIFICATE_FILE};
        enum cert_use use;
        struct stat st;
        int r = capos_i_tls_identity_store(&t->has, t->dir);

        if (r)
                return cert_fail(t, t->path, r);

        for (unsigned i = 0; geteuid() == 0 && i < 2 && fstat(t->dir, &st) == 0; i++)
                (void)!fchownat(t->dir, files[i], st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW);
        capos_i_tls_folder_unlock(t->dir);
        cert_warn(t);
        r = cert_reload(t->c, &use);
        return r ? r : cert_report(t, use);
}

/* ---- import ------------------------------------------------------------------------------- */

/* Links are followed: that is how certificates are kept. 0; as capos_i_tls_identity_read(). */
static int file_load(const char *path, capnp_data *ret)
{
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), r;

        if (fd < 0)
                return -errno;
        r = capos_i_tls_file_read(fd, ret);
        (void)close(fd);
        return r;
}

static int import_read(struct cert *t, const char *cert_path, const char *key_path)
{
        capnp_data cert = {0}, key = {0};
        const char *at = cert_path;
        int r = file_load(cert_path, &cert);

        if (!r) {
                at = key_path;
                r = file_load(key_path, &key);
        }
        if (!r && !key.len)
                r = TLS_IDENTITY_E_KEY;
        if (!r) {
                r = capos_i_tls_identity_read(cert, key, &t->has);
                at = r == TLS_IDENTITY_E_KEY || r == TLS_IDENTITY_E_ENCRYPTED ||
                                     r == TLS_IDENTITY_E_MISMATCH
                             ? key_path
                             : cert_path;
        }
        capos_i_tls_bytes_free(&cert);
        capos_i_tls_bytes_free(&key);
        return r ? cert_fail(t, at, r) : EXIT_OK;
}

int cmd_cert_import(struct cli *c)
{
        struct cert t;
        int r;

        cli_protect();
        r = cert_open(&t, c, true);
        if (!r)
                r = import_read(&t, c->words[0], c->words[1]);
        if (!r) {
                (void)!cert_load(&t, false); /* only to compare with */
                r = cert_store(&t);
        }
        cert_deinit(&t);
        return r;
}

/* ---- renew -------------------------------------------------------------------------------- */

static int name_add(struct cert *t, const char *name, size_t len)
{
        if (t->nnames == TLS_IDENTITY_NAMES || len >= NAME_ROOM)
                return cli_fail(t->c, EXIT_USAGE, "usage", "%.*s: too many names, or too long",
                                (int)len, name);
        (void)snprintf(t->names[t->nnames], NAME_ROOM, "%.*s", (int)len, name);
        for (unsigned i = 0; i < t->nnames; i++)
                if (!strcmp(t->names[i], t->names[t->nnames]))
                        return EXIT_OK;
        t->nnames++;
        return EXIT_OK;
}

static int name_add_general(struct cert *t, const GENERAL_NAME *n)
{
        char text[INET6_ADDRSTRLEN] = "";
        int len;

        if (n->type == GEN_DNS)
                return name_add(t, (const char *)ASN1_STRING_get0_data(n->d.dNSName),
                                (size_t)ASN1_STRING_length(n->d.dNSName));
        if (n->type != GEN_IPADD)
                return EXIT_OK;
        len = ASN1_STRING_length(n->d.iPAddress);
        if ((len == 4 || len == 16) &&
            inet_ntop(len == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(n->d.iPAddress), text,
                      sizeof(text)))
                return name_add(t, text, strlen(text));
        return EXIT_OK;
}

/* What is asked for, and without that what the old certificate has, or this machine. */
static int renew_names(struct cert *t)
{
        static const char *const own[] = {"localhost", "127.0.0.1", "::1"};
        GENERAL_NAMES *all = NULL;
        int r = EXIT_OK;

        if (!t->c->nwords && t->had.leaf)
                all = X509_get_ext_d2i(t->had.leaf, NID_subject_alt_name, NULL, NULL);
        for (int i = 0; !r && i < sk_GENERAL_NAME_num(all); i++)
                r = name_add_general(t, sk_GENERAL_NAME_value(all, i));
        GENERAL_NAMES_free(all);
        for (unsigned i = 0; !r && i < t->c->nwords; i++)
                r = name_add(t, t->c->words[i], strlen(t->c->words[i]));
        if (t->nnames)
                return r;

        for (unsigned i = 0; !r && i < sizeof(own) / sizeof(own[0]); i++)
                r = name_add(t, own[i], strlen(own[i]));
        return r;
}

/* Whether it has signed itself; another's renewal is his who has issued it. */
static bool is_self_made(const struct tls_identity *id)
{
        return X509_NAME_cmp(X509_get_subject_name(id->leaf), X509_get_issuer_name(id->leaf)) == 0;
}

static int renew_make(struct cert *t)
{
        const char *names[TLS_IDENTITY_NAMES];
        EVP_PKEY *key = NULL;
        int r;

        for (unsigned i = 0; i < t->nnames; i++)
                names[i] = t->names[i];
        if (t->had.key && !t->c->new_key) {
                key = t->had.key;
                if (!EVP_PKEY_up_ref(key))
                        key = NULL;
        } else {
                key = capos_i_tls_identity_new_key();
        }
        if (!key)
                return cert_fail(t, t->path, -ENOMEM);

        r = capos_i_tls_identity_make(names, t->nnames, time(NULL), key, &t->has);
        if (!r)
                return EXIT_OK;
        EVP_PKEY_free(key);
        return cert_fail(t, t->path, r);
}

int cmd_cert_renew(struct cli *c)
{
        struct cert t;
        int r;

        cli_protect();
        r = cert_open(&t, c, true);
        if (!r)
                r = cert_load(&t, true);
        if (r == -ENOENT)
                r = EXIT_OK; /* the first */
        if (!r && t.had.leaf && !is_self_made(&t.had))
                r = cli_fail(c, EXIT_FAILED, "cert",
                             "%s: this certificate was issued by somebody else, who renews it: "
                             "then `capos cert import CERT KEY`",
                             t.path);
        if (!r)
                r = renew_names(&t);
        if (!r)
                r = renew_make(&t);
        if (!r)
                r = cert_store(&t);
        cert_deinit(&t);
        return r;
}

/* ---- client certificates ------------------------------------------------------------------ */

int cmd_cert_crl(struct cli *c)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        uint32_t ended;
        int r = state_open_admin(c);

        if (r)
                return r;

        q = admin_reload_revocations(admin_of(c));
        if (cli_wait(c, q, REREAD_MS))
                return cli_fail_question(c, q, "cert crl");
        ended = admin_reload_revocations_ended(q);
        if (c->json)
                return cli_print_json(c, json_pack("{s:I}", "ended", (json_int_t)ended));
        printf("Read. %" PRIu32 " session%s ended.\n", ended, ended == 1 ? " has" : "s have");
        return EXIT_OK;
}
