/*
 * Passkeys of accounts. One is made in two steps, because its authenticator signs a challenge of
 * the instance's: `account passkey add NAME` prints what a WebAuthn client is to be asked for,
 * and `account passkey add NAME FILE` takes its answer. With --passkey-command both are one.
 * `account passkey code NAME` leaves it to the account's owner, in a browser.
 */
#include "admin.h"
#include "passkey-command.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BASE64_ROOM = 1400, BASE64_BYTES = 1023 };

/* ---- options ------------------------------------------------------------------------------ */

static json_t *base64url(capnp_data d)
{
        char text[BASE64_ROOM];

        if (d.len > BASE64_BYTES)
                return json_string("");
        (void)EVP_EncodeBlock((unsigned char *)text, d.p, (int)d.len);
        text[strcspn(text, "=")] = 0;
        for (char *p = text; *p; p++)
                *p = *p == '+' ? '-' : *p == '/' ? '_' : *p;
        return json_string(text);
}

static json_t *known_json(capnp_list known)
{
        json_t *all = json_array();

        for (uint32_t i = 0; i < known.len; i++)
                (void)json_array_append_new(
                        all, json_pack("{s:s,s:o}", "type", "public-key", "id",
                                       base64url(admin_passkey_begin_out_known_at(known, i))));
        return all;
}

/* PublicKeyCredentialCreationOptionsJSON (WebAuthn level 3, 5.1.8). */
static json_t *options_json(const struct cli *c, capnp_question *q)
{
        uint64_t until = admin_passkey_begin_until_ms(q), now = cli_now_ms();
        const char *party = admin_passkey_begin_relying_party(q).p;

        return json_pack("{s:{s:o,s:s},s:{s:o,s:s,s:s},s:o,s:[{s:s,s:i},{s:s,s:i},{s:s,s:i}],s:I,"
                         "s:o,s:{s:s,s:b,s:s},s:s}",
                         "rp", "id", cli_json_text(party), "name", "capOS", "user", "id",
                         base64url(admin_passkey_begin_user(q)), "name", c->words[0], "displayName",
                         c->words[0], "challenge", base64url(admin_passkey_begin_challenge(q)),
                         "pubKeyCredParams", "type", "public-key", "alg", -8, "type", "public-key",
                         "alg", -7, "type", "public-key", "alg", -257, "timeout",
                         (json_int_t)(until > now ? until - now : 0), "excludeCredentials",
                         known_json(admin_passkey_begin_known(q)), "authenticatorSelection",
                         "residentKey", "required", "requireResidentKey", 1, "userVerification",
                         "required", "attestation",
                         admin_passkey_begin_attested(q) ? "direct" : "none");
}

/* Begins, and has the options as text; to be freed. An exit code. */
static int passkey_begin(struct cli *c, char **ret_options, uint64_t *ret_until_ms)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = admin_passkey_begin(admin_of(c));
        json_t *options;

        admin_passkey_begin_set_name(q, c->words[0]);
        if (cli_wait(c, q, CLI_LOGIN_MS))
                return cli_fail_question(c, q, NULL);

        *ret_until_ms = admin_passkey_begin_until_ms(q);
        options = options_json(c, q);
        *ret_options = options ? json_dumps(options, JSON_COMPACT) : NULL;
        json_decref(options);
        return *ret_options ? EXIT_OK : cli_fail_code(c, -ENOMEM, "passkey");
}

/* ---- adding ------------------------------------------------------------------------------- */

static int passkey_finish(struct cli *c, const char *response)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = admin_passkey_add(admin_of(c));
        struct key_limits limits;
        const char *id;
        int r = admin_key_limits(c, &limits);

        if (r)
                return r;

        admin_passkey_add_set_name(q, c->words[0]);
        admin_passkey_add_set_label(q, c->label ? c->label : "");
        admin_passkey_add_set_response(q, response);
        admin_key_limits_set(&limits, admin_passkey_add_init_options(q));
        if (cli_wait(c, q, CLI_LOGIN_MS))
                return cli_fail_question(c, q, "passkey");

        id = admin_passkey_add_id(q).p;
        if (c->json)
                return cli_print_json(c, json_pack("{s:o}", "id", cli_json_text(id)));
        cli_print_safe(id);
        printf("\n");
        return EXIT_OK;
}

/* The whole of a file; `-` is standard input. An exit code. */
static int response_read(struct cli *c, const char *path, char to[PASSKEY_ANSWER_BYTES + 1])
{
        FILE *f = strcmp(path, "-") ? fopen(path, "re") : stdin;
        size_t len;
        bool failed;

        if (!f)
                return cli_fail(c, EXIT_FAILED, "failed", "%s: %s", path, strerror(errno));
        len = fread(to, 1, PASSKEY_ANSWER_BYTES + 1, f);
        failed = ferror(f) != 0;
        if (f != stdin)
                (void)fclose(f);
        if (failed || len > PASSKEY_ANSWER_BYTES || memchr(to, 0, len))
                return cli_fail(c, EXIT_FAILED, "failed",
                                "%s: this is no RegistrationResponseJSON of an authenticator",
                                path);
        to[len] = 0;
        return EXIT_OK;
}

/* Both steps, with a program between them. */
static int passkey_add_by_command(struct cli *c)
{
        char answer[PASSKEY_ANSWER_BYTES + 1];
        const char *wrong;
        uint64_t until_ms;
        char *options;
        size_t len;
        int r = passkey_begin(c, &options, &until_ms);

        if (r)
                return r;
        wrong = passkey_command_run(c->passkey_command,
                                    &(struct passkey_asked){options, strlen(options), until_ms},
                                    answer, &len);
        free(options);
        if (!wrong && memchr(answer, 0, len))
                wrong = "the passkey command says no JSON";
        if (wrong)
                return cli_fail(c, EXIT_FAILED, "failed", "%s", wrong);

        answer[len] = 0;
        return passkey_finish(c, answer);
}

int cmd_account_passkey_add(struct cli *c)
{
        char response[PASSKEY_ANSWER_BYTES + 1];
        uint64_t until_ms;
        char *options;
        int r = EXIT_OK;

        if (c->nwords > 1 && c->passkey_command)
                return cli_fail(c, EXIT_USAGE, "usage",
                                "FILE has the answer already: leave out --passkey-command");
        if (c->nwords > 1)
                r = response_read(c, c->words[1], response);
        if (!r)
                r = state_open_admin(c);
        if (r)
                return r;
        if (c->nwords > 1)
                return passkey_finish(c, response);
        if (c->passkey_command)
                return passkey_add_by_command(c);

        r = passkey_begin(c, &options, &until_ms);
        if (r)
                return r;
        printf("%s\n", options);
        free(options);
        if (isatty(STDERR_FILENO))
                (void)fputs("What an authenticator answers to that, within five minutes:\n"
                            "  capos account passkey add NAME FILE\n",
                            stderr);
        return EXIT_OK;
}

/* ---- a code, for the owner's own browser -------------------------------------------------- */

int cmd_account_passkey_code(struct cli *c)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        struct key_limits limits;
        const char *code;
        int r = admin_key_limits(c, &limits);

        if (!r)
                r = state_open_admin(c);
        if (r)
                return r;

        q = admin_passkey_code(admin_of(c));
        admin_passkey_code_set_name(q, c->words[0]);
        admin_key_limits_set(&limits, admin_passkey_code_init_options(q));
        if (cli_wait(c, q, CLI_LOGIN_MS))
                return cli_fail_question(c, q, c->words[0]);

        code = admin_passkey_code_code(q).p;
        if (c->json)
                return cli_print_json(c,
                                      json_pack("{s:o,s:I}", "code", cli_json_text(code), "untilMs",
                                                (json_int_t)admin_passkey_code_until_ms(q)));
        cli_print_safe(code);
        printf("\n");
        if (isatty(STDERR_FILENO))
                (void)fputs(
                        "It is good once, for ten minutes: in the page of `capos web`, Register "
                        "a passkey with a code.\n",
                        stderr);
        return EXIT_OK;
}

/* ---- listing and removing ----------------------------------------------------------------- */

static json_t *passkey_json(passkey_reader k)
{
        json_t *o = json_pack(
                "{s:o,s:o,s:o,s:o,s:I,s:I,s:I}", "id", cli_json_text(passkey_id(k).p), "label",
                cli_json_text(passkey_label(k).p), "algorithm",
                cli_json_text(passkey_algorithm(k).p), "aaguid", cli_json_text(passkey_aaguid(k).p),
                "count", (json_int_t)passkey_count(k), "madeAtMs",
                (json_int_t)passkey_made_at_ms(k), "usedAtMs", (json_int_t)passkey_used_at_ms(k));

        admin_key_limits_json(o, passkey_options(k));
        return o;
}

static void passkey_print(passkey_reader k)
{
        char made[64], used[64] = "never";

        cli_format_time(passkey_made_at_ms(k), made, sizeof(made));
        if (passkey_used_at_ms(k))
                cli_format_time(passkey_used_at_ms(k), used, sizeof(used));
        cli_print_safe(passkey_id(k).p);
        printf(" %-6s made %s, used %s", passkey_algorithm(k).p, made, used);
        admin_key_limits_print(passkey_options(k));
        if (passkey_label(k).len)
                printf(" ");
        cli_print_safe(passkey_label(k).p);
        printf("\n");
}

int cmd_account_passkey_list(struct cli *c)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        passkey_list l;
        json_t *all;
        int r = state_open_admin(c);

        if (r)
                return r;

        q = admin_passkey_list(admin_of(c));
        admin_passkey_list_set_name(q, c->words[0]);
        if (cli_wait(c, q, CLI_LOGIN_MS))
                return cli_fail_question(c, q, c->words[0]);

        l = admin_passkey_list_passkeys(q);
        all = c->json ? json_array() : NULL;
        for (uint32_t i = 0; i < passkey_list_len(l); i++) {
                if (c->json)
                        (void)json_array_append_new(all, passkey_json(passkey_list_get(l, i)));
                else
                        passkey_print(passkey_list_get(l, i));
        }
        return c->json ? cli_print_json(c, json_pack("{s:o}", "passkeys", all)) : EXIT_OK;
}

int cmd_account_passkey_remove(struct cli *c)
{
        capnp_question *q;
        int r = state_open_admin(c);

        if (r)
                return r;

        q = admin_passkey_remove(admin_of(c));
        admin_passkey_remove_set_name(q, c->words[0]);
        admin_passkey_remove_set_id(q, c->words[1]);
        return admin_do(c, q, "The passkey is gone, and its sessions have ended.");
}
