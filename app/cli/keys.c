/*
 * Which keys to prove with. The order is ssh's: the agent's, then the files of ~/.ssh; each is
 * tried once, by its fingerprint, wherever it comes from.
 *
 * A file that is locked is asked about on the terminal, three times, as ssh does. Where there is no
 * terminal it is passed over, and that is said: a login that goes on to ask for a password without
 * a word leaves its person in doubt about the key.
 */
#include "keys.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_BYTES = 1024, PASSPHRASE_ROOM = 1024, TRIES = 3 };

static const char *const files[] = {"id_ed25519", "id_ecdsa", "id_rsa"};

static void key_note(const char *text)
{
        char safe[1200];

        cli_escape(text, safe, sizeof(safe));
        (void)fprintf(stderr, "capos: %s\n", safe);
}

/* Asks for the passphrase of a locked file until it is right. 0; else ret_e says what was wrong
 * with the last, or what it said before anybody asked. */
static int key_ask(struct cli *c, const char *path, capos_key **ret_k, struct capos_error *ret_e)
{
        char prompt[PATH_BYTES + 32], phrase[PASSPHRASE_ROOM];
        int r = CAPOS_E_KEY_LOCKED;

        (void)snprintf(prompt, sizeof(prompt), "Passphrase of %s", path);
        for (unsigned i = 0; i < TRIES && r == CAPOS_E_KEY_LOCKED; i++) {
                if (!cli_ask_secret(c, prompt, phrase, sizeof(phrase)) || !*phrase)
                        break;
                r = capos_key_unlock(
                        path, (capnp_data){(const uint8_t *)phrase, (uint32_t)strlen(phrase)},
                        ret_k, ret_e);
                if (r == CAPOS_E_KEY_LOCKED)
                        key_note(ret_e->text);
        }
        explicit_bzero(phrase, sizeof(phrase));
        return r;
}

static int key_open(struct cli *c, const char *path, capos_key **ret_k, struct capos_error *ret_e)
{
        int r = capos_key_load(path, ret_k, ret_e);

        return r == CAPOS_E_KEY_LOCKED ? key_ask(c, path, ret_k, ret_e) : r;
}

/* ---- all of them -------------------------------------------------------------------------- */

static bool print_is_new(const struct keys *k, const char *print)
{
        for (unsigned i = 0; i < k->ntried; i++)
                if (!strcmp(k->tried[i], print))
                        return false;
        return true;
}

void keys_print(const capos_key *key, char print[KEYS_PRINT])
{
        (void)snprintf(print, KEYS_PRINT, "%s%s", capos_key_fingerprint_peek(key),
                       capos_key_is_certified(key) ? " cert" : "");
}

/* Whether a key shall be tried; it is noted then. */
static bool key_is_new(struct keys *k, const capos_key *key)
{
        char print[KEYS_PRINT];

        keys_print(key, print);
        if (k->ntried == KEYS_TRIED || !print_is_new(k, print))
                return false;
        if (k->only && strcmp(k->only, print) != 0)
                return false;
        memcpy(k->tried[k->ntried++], print, sizeof(print));
        return true;
}

static bool agent_next(struct keys *k, capos_key **ret_k)
{
        struct capos_error e;
        int r;

        while (!k->agent_is_through) {
                r = capos_key_of_agent(NULL, k->agent++, ret_k, &e);
                if (r) {
                        k->agent_is_through = true;
                        /* That there is none is no news; that it does not work is. */
                        if (r != CAPNP_E_UNKNOWN && secure_getenv("SSH_AUTH_SOCK"))
                                key_note(e.text);
                        return false;
                }
                if (key_is_new(k, *ret_k))
                        return true;
                *ret_k = capos_key_free(*ret_k);
        }
        return false;
}

/* Whether the public half beside a file shows that its key was tried, or is not the one that is
 * looked for: then nobody is asked for its passphrase. */
static bool file_is_passed_over(const struct keys *k, const char *path)
{
        CAPNP_AUTO(capos_key_freep) capos_key *key = NULL;
        char public[PATH_BYTES + 8];
        const char *print;

        (void)snprintf(public, sizeof(public), "%s.pub", path);
        if (capos_key_load_public(public, &key, NULL))
                return false;

        print = capos_key_fingerprint_peek(key);
        return k->only ? strncmp(k->only, print, strlen(print)) != 0 : !print_is_new(k, print);
}

/* A key from a file; before it, the certificate that lies beside the file. */
static bool file_offer(struct keys *k, const char *path, capos_key *key, capos_key **ret_k)
{
        char certificate[PATH_BYTES + 16];
        struct capos_error e;
        int r;

        (void)snprintf(certificate, sizeof(certificate), "%s-cert.pub", path);
        r = capos_key_certify(key, certificate, ret_k, &e);
        if (r && r != -ENOENT)
                key_note(e.text);
        if (!r && key_is_new(k, *ret_k)) {
                k->plain = key;
                return true;
        }

        if (!r)
                (void)capos_key_free(*ret_k);
        *ret_k = key;
        if (key_is_new(k, key))
                return true;
        *ret_k = capos_key_free(key);
        return false;
}

static bool file_next(struct cli *c, struct keys *k, capos_key **ret_k)
{
        capos_key *key = NULL;
        const char *home = secure_getenv("HOME");
        struct capos_error e;
        char path[PATH_BYTES];

        while (home && k->file < sizeof(files) / sizeof(files[0])) {
                (void)snprintf(path, sizeof(path), "%s/.ssh/%s", home, files[k->file++]);
                if (access(path, F_OK) < 0 || file_is_passed_over(k, path))
                        continue;
                if (key_open(c, path, &key, &e))
                        key_note(e.text);
                else if (file_offer(k, path, key, ret_k))
                        return true;
        }
        return false;
}

/* The key whose certificate was tried before. */
static bool plain_next(struct keys *k, capos_key **ret_k)
{
        capos_key *key = k->plain;

        k->plain = NULL;
        if (key && key_is_new(k, key)) {
                *ret_k = key;
                return true;
        }
        (void)capos_key_free(key);
        return false;
}

void keys_deinit(struct keys *k)
{
        k->plain = capos_key_free(k->plain);
}

bool keys_next(struct cli *c, struct keys *k, capos_key **ret_k)
{
        if (k->ntried == KEYS_TRIED)
                return false;
        return agent_next(k, ret_k) || plain_next(k, ret_k) || file_next(c, k, ret_k);
}

void keys_files(char *to, size_t room)
{
        const char *home = secure_getenv("HOME");
        char path[PATH_BYTES];
        size_t len = 0;

        *to = 0;
        for (unsigned i = 0; home && i < sizeof(files) / sizeof(files[0]) && len < room; i++) {
                (void)snprintf(path, sizeof(path), "%s/.ssh/%s", home, files[i]);
                if (!access(path, F_OK))
                        len += (size_t)snprintf(to + len, room - len, "%s~/.ssh/%s",
                                                len ? ", " : "", files[i]);
        }
}

unsigned keys_left(struct keys *k)
{
        capos_key *key = NULL;
        unsigned n = 0;

        while (!k->agent_is_through && n < KEYS_TRIED &&
               !capos_key_of_agent(NULL, k->agent + n, &key, NULL)) {
                key = capos_key_free(key);
                n++;
        }
        return n;
}

/* ---- one of them -------------------------------------------------------------------------- */

/* How much of a path is before its end; all of it, when it does not end so. */
static size_t path_before(const char *path, const char *end)
{
        size_t len = strlen(path), n = strlen(end);

        return len > n && !strcmp(path + len - n, end) ? len - n : len;
}

static const char certificate_end[] = "-cert.pub";

/* The public half's file and the private one's, whichever was named; or a certificate's file. */
static void identity_split(const char *path, char *public, char *private, size_t room)
{
        size_t all = strlen(path), certificate = path_before(path, certificate_end);
        size_t public_len = path_before(path, ".pub");

        (void)snprintf(public, room, "%s%s", path, public_len < all ? "" : ".pub");
        (void)snprintf(private, room, "%.*s", (int)(certificate < all ? certificate : public_len),
                       path);
}

/* The private half from a file; what is public of it, if that is a certificate. */
static int identity_open(struct cli *c, const char *public, const char *private, capos_key **ret_k,
                         struct capos_error *ret_e)
{
        CAPNP_AUTO(capos_key_freep) capos_key *key = NULL;
        int r = key_open(c, private, &key, ret_e);

        if (r)
                return r;
        if (path_before(public, certificate_end) < strlen(public))
                return capos_key_certify(key, public, ret_k, ret_e);
        *ret_k = key;
        key = NULL;
        return 0;
}

int keys_of_identity(struct cli *c, const char *path, capos_key **ret_k)
{
        char public[PATH_BYTES], private[PATH_BYTES];
        struct capos_error of_agent, of_file;
        int agent, file;

        identity_split(path, public, private, sizeof(public));
        agent = capos_key_of_agent_file(NULL, public, ret_k, &of_agent);
        if (!agent)
                return EXIT_OK;
        file = identity_open(c, public, private, ret_k, &of_file);
        if (!file)
                return EXIT_OK;
        /* A broken agent is the first thing to know of, and no agent when only it could help. */
        if (agent == CAPOS_E_AGENT && (secure_getenv("SSH_AUTH_SOCK") || !strcmp(path, public)))
                return cli_fail(c, EXIT_FAILED, "agent", "%s; and %s", of_agent.text, of_file.text);
        if (agent == CAPNP_E_UNKNOWN && !strcmp(path, public))
                return cli_fail(c, EXIT_FAILED, "agent", "%s: %s; and %s", path, of_agent.text,
                                of_file.text);
        if (agent > 0 && agent != CAPOS_E_AGENT && agent != CAPNP_E_UNKNOWN &&
            !strcmp(path, public))
                return cli_fail(c, EXIT_FAILED, "key", "%s", of_agent.text);
        return cli_fail(c, EXIT_FAILED, "key", "%s", of_file.text);
}

int keys_of_file(struct cli *c, const char *path, capos_key **ret_k)
{
        struct capos_error e;
        int r = key_open(c, path, ret_k, &e);

        return r ? cli_fail(c, EXIT_FAILED, "key", "%s", e.text) : EXIT_OK;
}
