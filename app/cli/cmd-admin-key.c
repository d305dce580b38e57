/*
 * Keys of accounts. `account key add` takes a file as ssh has it, authorized_keys or the public
 * half of one key: every key in it is added, or none when one of them cannot be. What a line is and
 * why it will not do is said here, with its number; whether the key itself is good is for the
 * instance to say.
 */
#include "admin.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_BYTES = 16 * 1024, MOST_KEYS = 64, RSA_LEAST_BITS = 2048 };

/* What was read of a file. */
struct key_lines {
        char *line[MOST_KEYS]; /* owned */
        struct key_limits limits[MOST_KEYS];
        unsigned number[MOST_KEYS];
        unsigned n;
};

static void key_lines_deinit(struct key_lines *l)
{
        for (unsigned i = 0; i < l->n; i++)
                free(l->line[i]);
}

/* ---- what a line is ----------------------------------------------------------------------- */

/* The bits of an RSA key: the length of its second number. 0: cannot be read. */
static unsigned rsa_bits(const char *base64)
{
        unsigned char blob[LINE_BYTES];
        size_t len = strcspn(base64, " \t\r\n"), at = 0, size = 0;
        int n = len / 4 * 3 < sizeof(blob) && len % 4 == 0
                        ? EVP_DecodeBlock(blob, (const unsigned char *)base64, (int)len)
                        : -1;

        for (unsigned part = 0; part < 3; part++) {
                at += size;
                if (n < 0 || at + 4 > (size_t)n)
                        return 0;
                size = (size_t)blob[at] << 24 | (size_t)blob[at + 1] << 16 |
                       (size_t)blob[at + 2] << 8 | blob[at + 3];
                at += 4;
                if (size > (size_t)n - at)
                        return 0;
        }
        while (size && !blob[at]) {
                at++;
                size--;
        }
        for (unsigned bit = 0; size && bit < 8; bit++)
                if (blob[at] >> (7 - bit))
                        return (unsigned)size * 8 - bit;
        return 0;
}

static bool word_is(const char *word, size_t len, const char *text)
{
        return strlen(text) == len && !strncmp(word, text, len);
}

static bool word_ends(const char *word, size_t len, const char *end)
{
        return len >= strlen(end) && !strncmp(word + len - strlen(end), end, strlen(end));
}

static bool type_is_known(const char *word, size_t len)
{
        static const char *const types[] = {"ssh-ed25519",
                                            "ecdsa-sha2-nistp256",
                                            "ecdsa-sha2-nistp384",
                                            "ecdsa-sha2-nistp521",
                                            "ssh-rsa",
                                            "sk-ssh-ed25519@openssh.com",
                                            "sk-ecdsa-sha2-nistp256@openssh.com"};

        for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++)
                if (word_is(word, len, types[i]))
                        return true;
        return false;
}

/* Why a line cannot be used; NULL: it can, as far as is seen from here. */
static const char *line_fault(const char *line)
{
        size_t len = strcspn(line, " \t");
        const char *body = line + len + strspn(line + len, " \t");
        unsigned bits;

        if (type_is_known(line, len)) {
                bits = word_is(line, len, "ssh-rsa") ? rsa_bits(body) : RSA_LEAST_BITS;
                return bits && bits < RSA_LEAST_BITS
                               ? "an RSA key of fewer than 2048 bits is not accepted"
                               : NULL;
        }
        if (word_ends(line, len, "-cert-v01@openssh.com"))
                return "a certificate is not an account's: name who made it in the manifest "
                       "(authentication.sshAuthorities), or give the plain public key";
        if (word_is(line, len, "ssh-dss"))
                return "a DSA key is not accepted";
        return "this is no public key (ssh-ed25519, ecdsa-sha2-nistp*, ssh-rsa, sk-*)";
}

/* ---- adding ------------------------------------------------------------------------------- */

/* Whether there are options in front of a key. Its type has no quotes and no equals sign, and there
 * is a key behind it. */
static bool line_has_options(const char *line)
{
        size_t len = strcspn(line, " \t");

        return memchr(line, '"', len) || memchr(line, '=', len) || memchr(line, ',', len) ||
               strstr(line + len, " ssh-") || strstr(line + len, " ecdsa-sha2-") ||
               strstr(line + len, " sk-");
}

/* One line of a file. given: what the command restricts it to. An exit code. */
static int key_lines_add(struct cli *c, struct key_lines *l, const char *line, unsigned number,
                         const struct key_limits *given)
{
        const char *path = c->words[1], *fault = NULL;
        struct key_limits limits = *given;
        char text[KEY_FAULT_BYTES];

        line += strspn(line, " \t");
        if (!*line || *line == '#')
                return EXIT_OK;
        if (strstr(line, "PRIVATE KEY"))
                return cli_fail(c, EXIT_USAGE, "usage",
                                "%s is a private key: give its public half, %s.pub", path, path);
        if (line_has_options(line) && !type_is_known(line, strcspn(line, " \t")))
                fault = key_limits_line(&limits, &line, text);
        if (!fault)
                fault = line_fault(line);
        if (!fault && l->n == MOST_KEYS)
                fault = "more than 64 keys at once";
        if (fault)
                return cli_fail(c, EXIT_FAILED, "failed", "%s:%u: %s: nothing was added", path,
                                number, fault);

        l->number[l->n] = number;
        l->limits[l->n] = limits;
        l->line[l->n] = strdup(line);
        return l->line[l->n] && ++l->n ? EXIT_OK : cli_fail_code(c, -ENOMEM, path);
}

/* All keys of a file; `-` is standard input. An exit code. */
static int key_lines_read(struct cli *c, struct key_lines *l, const struct key_limits *given)
{
        const char *path = c->words[1];
        FILE *f = strcmp(path, "-") ? fopen(path, "re") : stdin;
        char line[LINE_BYTES];
        unsigned number = 0;
        int r = EXIT_OK;

        if (!f)
                return cli_fail(c, EXIT_FAILED, "failed", "%s: %s", path, strerror(errno));

        errno = 0;
        while (!r && fgets(line, sizeof(line), f)) {
                line[strcspn(line, "\r\n")] = 0;
                r = key_lines_add(c, l, line, ++number, given);
        }
        if (!r && ferror(f))
                r = cli_fail(c, EXIT_FAILED, "failed", "%s: %s", path, strerror(errno));
        if (f != stdin)
                (void)fclose(f);
        if (!r && !l->n)
                r = cli_fail(c, EXIT_FAILED, "failed", "%s: there is no key in it", path);
        return r;
}

/* Adds one key, and says which. An exit code. */
static int key_add(struct cli *c, const struct key_lines *l, unsigned i, json_t *all)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = admin_key_add(admin_of(c));
        const char *print;
        char doing[600];

        admin_key_add_set_name(q, c->words[0]);
        admin_key_add_set_key(q, l->line[i]);
        admin_key_limits_set(&l->limits[i], admin_key_add_init_options(q));
        if (cli_wait(c, q, CLI_LOGIN_MS)) {
                (void)snprintf(doing, sizeof(doing), "%.400s:%u", c->words[1], l->number[i]);
                return cli_fail_question(c, q, doing);
        }
        print = admin_key_add_fingerprint(q).p;
        if (c->json)
                (void)json_array_append_new(all, cli_json_text(print));
        else
                cli_print_safe(print);
        if (!c->json)
                printf("\n");
        return EXIT_OK;
}

int cmd_account_key_add(struct cli *c)
{
        CAPNP_AUTO(key_lines_deinit) struct key_lines l = {0};
        struct key_limits given;
        json_t *all, *first;
        unsigned done = 0;
        int r = admin_key_limits(c, &given);

        if (!r)
                r = key_lines_read(c, &l, &given);
        if (!r)
                r = state_open_admin(c);
        if (r)
                return r;

        all = c->json ? json_array() : NULL;
        while (!r && done < l.n) {
                r = key_add(c, &l, done, all);
                done += !r;
        }
        if (r) {
                json_decref(all);
                if (done)
                        (void)fprintf(stderr, "capos: %u of %u keys were added\n", done, l.n);
                return r;
        }
        if (c->json) {
                first = json_incref(json_array_get(all, 0));
                return cli_print_json(
                        c, json_pack("{s:o,s:o}", "fingerprint", first, "fingerprints", all));
        }
        if (done > 1)
                printf("%u keys were added.\n", done);
        return EXIT_OK;
}

/* ---- listing and removing ----------------------------------------------------------------- */

int cmd_account_key_list(struct cli *c)
{
        return admin_keys_list(c);
}

int cmd_account_key_remove(struct cli *c)
{
        capnp_question *q;
        int r = state_open_admin(c);

        if (r)
                return r;

        q = admin_key_remove(admin_of(c));
        admin_key_remove_set_name(q, c->words[0]);
        admin_key_remove_set_fingerprint(q, c->words[1]);
        return admin_do(c, q, "The key is gone, and its sessions have ended.");
}
