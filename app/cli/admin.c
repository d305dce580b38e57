/*
 * What the commands of administration share. All of them are the Admin interface over the socket in
 * the state folder; nothing is read or written here besides.
 */
#include "admin.h"

#include <string.h>

#include "when.h"

#include <stdio.h>

admin_client admin_of(const struct cli *c)
{
        return (admin_client){c->remote};
}

int admin_do(struct cli *c, capnp_question *q, const char *done)
{
        int r = EXIT_OK;

        if (cli_wait(c, q, CLI_LOGIN_MS))
                r = cli_fail_question(c, q, NULL);
        capnp_question_free(q);
        if (r)
                return r;
        if (c->json)
                return cli_print_json(c, json_pack("{s:b}", "done", 1));
        printf("%s\n", done);
        return EXIT_OK;
}

json_t *admin_texts_json(capnp_list l, capnp_text (*at)(capnp_list l, uint32_t i))
{
        json_t *all = json_array();

        for (uint32_t i = 0; i < l.len; i++)
                (void)json_array_append_new(all, cli_json_text(at(l, i).p));
        return all;
}

void admin_texts_print(capnp_list l, capnp_text (*at)(capnp_list l, uint32_t i))
{
        for (uint32_t i = 0; i < l.len; i++) {
                printf("%s", i ? ", " : "");
                cli_print_safe(at(l, i).p);
        }
}

static void expiry_print(account_reader a)
{
        uint64_t at_ms = account_expires_at_ms(a);
        char at[64];

        if (!at_ms)
                return;

        cli_format_time(at_ms, at, sizeof(at));
        printf("%-16s %s %s\n", "", at_ms > cli_now_ms() ? "expires" : "expired", at);
}

static void last_print(account_reader a)
{
        char at[64];

        if (!account_last_login_at_ms(a))
                return;

        cli_format_time(account_last_login_at_ms(a), at, sizeof(at));
        printf("%-16s last login %s by ", "", at);
        cli_print_safe(account_last_login_kind(a).p);
        printf(" from ");
        cli_print_safe(account_last_login_from(a).p);
        printf("\n");
}

void admin_lock_print(account_reader a)
{
        last_print(a);
        expiry_print(a);
        if (!account_locked(a))
                return;
        printf("%-16s locked%s", "", account_lock_reason(a).len ? ": " : "");
        cli_print_safe(account_lock_reason(a).p);
        printf("\n");
}

void admin_lock_json(json_t *to, account_reader a)
{
        json_t *more = json_pack("{s:b,s:o,s:I,s:I,s:o,s:o}", "locked", account_locked(a),
                                 "lockReason", cli_json_text(account_lock_reason(a).p),
                                 "expiresAtMs", (json_int_t)account_expires_at_ms(a),
                                 "lastLoginAtMs", (json_int_t)account_last_login_at_ms(a),
                                 "lastLoginKind", cli_json_text(account_last_login_kind(a).p),
                                 "lastLoginFrom", cli_json_text(account_last_login_from(a).p));

        (void)json_object_update(to, more);
        json_decref(more);
}

/* ---- keys --------------------------------------------------------------------------------- */

int admin_key_limits(const struct cli *c, struct key_limits *k)
{
        char fault[KEY_FAULT_BYTES];
        const char *why = NULL;

        *k = (struct key_limits){.profile = c->profile};
        if (c->from)
                why = key_limits_from(k, c->from, strlen(c->from), fault);
        if (why)
                return cli_fail(c, EXIT_USAGE, "usage", "%s", why);
        if (c->expires && !when_read(c->expires, cli_now_ms(), &k->expires_ms))
                return cli_fail(c, EXIT_USAGE, "usage", "%s: this is not " WHEN_FORMS, c->expires);
        return EXIT_OK;
}

void admin_key_limits_set(const struct key_limits *k, key_options_builder b)
{
        key_options_set_from(b, k->from);
        key_options_set_expires_at_ms(b, k->expires_ms);
        key_options_set_profile(b, k->profile ? k->profile : "");
}

void admin_key_limits_json(json_t *to, key_options_reader r)
{
        json_t *more = json_pack("{s:o,s:I,s:o}", "from", cli_json_text(key_options_from(r).p),
                                 "expiresAtMs", (json_int_t)key_options_expires_at_ms(r), "profile",
                                 cli_json_text(key_options_profile(r).p));

        (void)json_object_update(to, more);
        json_decref(more);
}

void admin_key_limits_print(key_options_reader r)
{
        uint64_t at_ms = key_options_expires_at_ms(r);
        char at[64];

        if (key_options_from(r).len) {
                printf(", from ");
                cli_print_safe(key_options_from(r).p);
        }
        if (at_ms) {
                cli_format_time(at_ms, at, sizeof(at));
                printf(", %s %s", at_ms > cli_now_ms() ? "expires" : "expired", at);
        }
        if (key_options_profile(r).len) {
                printf(", profile ");
                cli_print_safe(key_options_profile(r).p);
        }
}

static json_t *key_json(account_key_reader k)
{
        json_t *o =
                json_pack("{s:o,s:o,s:o,s:o,s:I,s:I,s:o}", "id", cli_json_text(account_key_id(k).p),
                          "fingerprint", cli_json_text(account_key_fingerprint(k).p), "type",
                          cli_json_text(account_key_type(k).p), "comment",
                          cli_json_text(account_key_comment(k).p), "addedAtMs",
                          (json_int_t)account_key_added_at_ms(k), "usedAtMs",
                          (json_int_t)account_key_used_at_ms(k), "usedFrom",
                          cli_json_text(account_key_used_from(k).p));

        admin_key_limits_json(o, account_key_options(k));
        return o;
}

static void key_print(account_key_reader k)
{
        char at[64];

        cli_print_safe(account_key_id(k).p);
        printf(" ");
        cli_print_safe(account_key_type(k).p);
        if (account_key_comment(k).len)
                printf(" ");
        cli_print_safe(account_key_comment(k).p);
        if (account_key_added_at_ms(k)) {
                cli_format_time(account_key_added_at_ms(k), at, sizeof(at));
                printf(", added %s", at);
        }
        if (account_key_used_at_ms(k)) {
                cli_format_time(account_key_used_at_ms(k), at, sizeof(at));
                printf(", used %s from ", at);
                cli_print_safe(account_key_used_from(k).p);
        }
        admin_key_limits_print(account_key_options(k));
        printf("\n");
}

int admin_keys_list(struct cli *c)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        account_key_list l;
        json_t *all;
        int r = state_open_admin(c);

        if (r)
                return r;

        q = admin_key_list(admin_of(c));
        admin_key_list_set_name(q, c->words[0]);
        if (cli_wait(c, q, CLI_LOGIN_MS))
                return cli_fail_question(c, q, c->words[0]);

        l = admin_key_list_keys(q);
        all = c->json ? json_array() : NULL;
        for (uint32_t i = 0; i < account_key_list_len(l); i++) {
                if (c->json)
                        (void)json_array_append_new(all, key_json(account_key_list_get(l, i)));
                else
                        key_print(account_key_list_get(l, i));
        }
        return c->json ? cli_print_json(c, json_pack("{s:o}", "keys", all)) : EXIT_OK;
}
