/*
 * Completion: `capos __complete WORD...` prints the candidates for the last word, one a line. The
 * shell's part (pkg/completion/capos) is a few lines; everything it needs to know is here, in the
 * same tables that the commands are read from, in the agents, and in the instance of this machine.
 *
 * A line that begins with a colon is for the shell: `:files N` or `:folders N`, complete a path
 * behind the first N characters of the word; `:open`, no space shall follow.
 *
 * A Tab must never hang or complain: nothing is waited for longer than a moment, and what cannot be
 * found out is left out.
 */
#include "admin.h"
#include "agent.capnp-c.h"
#include "cap-schema.h"
#include "command-fields.h"
#include "login-ways.h"
#include "renew-steps.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TAB_MS = 1500, PRINT_ROOM = 160 };

/* What a word of a command is. */
enum kind {
        KIND_NONE,
        KIND_FILE,
        KIND_FOLDER,
        KIND_LOGIN,
        KIND_CAP,
        KIND_METHOD,
        KIND_METHOD_OR_TYPE,
        KIND_FIELD,
        KIND_ACCOUNT,
        KIND_PRINT,
        KIND_SERVICE,
        KIND_KEY_ID,
        KIND_SESSION,
        KIND_WHERE, /* to log in to */
        KIND_ADDRESS,
        KIND_COMMAND,
        KIND_WAY, /* to log in by */
};

static const struct {
        const char *command;
        unsigned word; /* from here on, up to the next line of the command */
        enum kind kind;
} words[] = {
        {"call", 0, KIND_CAP},
        {"call", 1, KIND_METHOD},
        {"call", 2, KIND_FIELD},
        {"commands", 0, KIND_CAP},
        {"commands", 1, KIND_NONE},
        {"run", 0, KIND_CAP},
        {"run", 1, KIND_FIELD}, /* a command of the capability, and then its fields */
        {"ui", 0, KIND_CAP},
        {"ui", 1, KIND_NONE},
        {"describe", 0, KIND_CAP},
        {"describe", 1, KIND_METHOD_OR_TYPE},
        {"describe", 2, KIND_NONE},
        {"account remove", 0, KIND_ACCOUNT},
        {"account passwd", 0, KIND_ACCOUNT},
        {"account lock", 0, KIND_ACCOUNT},
        {"account unlock", 0, KIND_ACCOUNT},
        {"account expire", 0, KIND_ACCOUNT},
        {"account expire", 1, KIND_NONE},
        {"account key add", 0, KIND_ACCOUNT},
        {"account key add", 1, KIND_FILE},
        {"account key list", 0, KIND_ACCOUNT},
        {"account key remove", 0, KIND_ACCOUNT},
        {"account key remove", 1, KIND_PRINT},
        {"service-account remove", 0, KIND_SERVICE},
        {"service-account key add", 0, KIND_SERVICE},
        {"service-account key add", 1, KIND_FILE},
        {"service-account key list", 0, KIND_SERVICE},
        {"service-account key remove", 0, KIND_SERVICE},
        {"service-account key remove", 1, KIND_KEY_ID},
        {"account identity add", 0, KIND_ACCOUNT},
        {"account identity add", 1, KIND_NONE},
        {"account identity list", 0, KIND_ACCOUNT},
        {"account identity remove", 0, KIND_ACCOUNT},
        {"account identity remove", 1, KIND_NONE},
        {"account passkey add", 0, KIND_ACCOUNT},
        {"account passkey add", 1, KIND_FILE},
        {"account passkey code", 0, KIND_ACCOUNT},
        {"account passkey list", 0, KIND_ACCOUNT},
        {"account passkey remove", 0, KIND_ACCOUNT},
        {"account passkey remove", 1, KIND_NONE},
        {"session revoke", 0, KIND_SESSION},
        {"session revoke", 1, KIND_NONE},
        {"login", 0, KIND_WHERE},
        {"login", 1, KIND_NONE},
        {"methods", 0, KIND_ADDRESS},
        {"probe", 0, KIND_LOGIN},
        {"audit verify", 0, KIND_FILE},
        {"audit tail", 0, KIND_FILE},
        {"audit query", 0, KIND_FILE},
        {"audit export", 0, KIND_FILE},
        {"manifest check", 0, KIND_FILE},
        {"manifest connect", 0, KIND_FILE},
        {"manifest connect", 1, KIND_FILE},
        {"cert import", 0, KIND_FILE},
        {"service new", 0, KIND_NONE},
        {"manifest explain", 0, KIND_FILE},
        {"help", 0, KIND_COMMAND},
};

/* What has been typed before the last word. */
struct typed {
        const struct cli_command *command; /* whole; NULL: not yet */
        char name[64];                     /* of the command, as far as it goes */
        const char *words[CLI_WORDS];      /* after it, without options */
        unsigned n;
};

static void offer(const char *candidate, const char *word)
{
        if (!strncmp(candidate, word, strlen(word)) && *candidate != ':')
                printf("%s\n", candidate);
}

static void offer_options(const struct cli_option *o, const char *word)
{
        char name[64];

        for (; o && o->name; o++) {
                (void)snprintf(name, sizeof(name), "--%s", o->name);
                offer(name, word);
        }
}

/* Words of a command's name that follow those that are there. */
static void offer_commands(struct cli *c, const char *so_far, const char *word)
{
        size_t len = strlen(so_far);
        char next[64], last[64] = "";

        for (const struct cli_command *k = c->commands; k->name; k++) {
                const char *rest = k->name + len;

                if (k->hidden || strncmp(k->name, so_far, len) != 0 || (len && *rest != ' '))
                        continue;
                rest += strspn(rest, " ");
                (void)snprintf(next, sizeof(next), "%.*s", (int)strcspn(rest, " "), rest);
                if (*next && strcmp(next, last) != 0)
                        offer(next, word);
                (void)snprintf(last, sizeof(last), "%s", next);
        }
}

/* ---- of a session ------------------------------------------------------------------------- */

static void offer_logins(struct cli *c, const char *word)
{
        struct runtime_aliases all;

        if (runtime_list(c, &all))
                return;
        for (unsigned i = 0; i < all.n; i++)
                offer(all.name[i], word);
}

static void offer_caps(struct cli *c, const char *word)
{
        struct capos_cap_entry e;

        if (cli_open_and_fetch(c))
                return;
        for (uint32_t i = 0; capos_client_entry(c->client, i, &e); i++)
                offer(e.name, word);
}

/* The schema of a capability. NULL: not to be had. */
static const capnp_schema *schema_fetch(struct cli *c, const char *cap, uint64_t *ret_interface)
{
        struct capos_cap_entry e;

        if (cli_open_and_fetch(c) || !capos_client_find(c->client, cap, &e) ||
            capos_client_wait(c->client,
                              capos_client_fetch_schema(c->client, e.interface, NULL, NULL)))
                return NULL;

        *ret_interface = e.interface;
        return capos_client_schema_peek(c->client);
}

/* And types, if they are wanted. */
static void offer_methods(struct cli *c, const char *cap, const char *word, bool types)
{
        struct capnp_method_info m;
        uint64_t interface = 0;
        const capnp_schema *s = schema_fetch(c, cap, &interface);
        const char **names;

        for (uint32_t i = 0; s && !capnp_schema_method(s, interface, i, &m); i++)
                if ((types || cap_method_is_called(&m)) &&
                    capos_client_entry_has(c->client, cap, m.interface, m.ordinal))
                        offer(m.name, word);
        names = types && s ? cap_types(s) : NULL;
        for (const char **t = names; t && *t; t++)
                offer(*t, word);
        free(names);
}

static bool field_is_given(const struct typed *t, const char *name)
{
        size_t len = strlen(name);

        for (unsigned i = 2; i < t->n; i++)
                if (!strncmp(t->words[i], name, len) && strchr("=:.", t->words[i][len]))
                        return true;
        return false;
}

static void offer_fields(struct cli *c, const struct typed *t, const char *word)
{
        const char *file = strstr(word, "=@");
        struct capnp_method_info m;
        struct capnp_field_info f;
        uint64_t interface = 0;
        const capnp_schema *s;
        const capnp_decl *d = NULL;
        char name[300];

        if (!strcmp(t->name, "run")) {
                command_offer(c, t->words, t->n, word, offer);
                return;
        }
        if (file || *word == '@') {
                printf(":files %zu\n", file ? (size_t)(file - word) + 2 : 1);
                return;
        }
        s = schema_fetch(c, t->words[0], &interface);
        if (s && !capnp_schema_find_method(s, interface, t->words[1], &m))
                d = capnp_schema_find(s, m.params);
        for (uint32_t i = 0; d && !capnp_decl_field(d, i, &f); i++) {
                (void)snprintf(name, sizeof(name), "%.290s=", f.name);
                if (!field_is_given(t, f.name))
                        offer(name, word);
        }
        printf(":open\n");
}

/* ---- of the instance on this machine ------------------------------------------------------ */

/* What keys an account has; their comments are not completed. */
static void offer_keys(capnp_list keys, capnp_text (*at)(capnp_list l, uint32_t i),
                       const char *word)
{
        char print[PRINT_ROOM];

        for (uint32_t i = 0; i < keys.len; i++) {
                const char *key = at(keys, i).p;

                (void)snprintf(print, sizeof(print), "%.*s", (int)strcspn(key, " "), key);
                offer(print, word);
        }
}

static void offer_account(account_reader a, const char *word, const char *keys_of)
{
        bool service = account_service(a);

        if (!keys_of)
                offer(account_name(a).p, word);
        else if (!strcmp(account_name(a).p, keys_of) && service)
                offer_keys(account_service_keys(a), account_service_keys_at, word);
        else if (!strcmp(account_name(a).p, keys_of))
                offer_keys(account_keys(a), account_keys_at, word);
}

/* Accounts of people or of programs, or the keys of one. */
static void offer_accounts(struct cli *c, const char *word, bool service, const char *keys_of)
{
        CAPNP_AUTO(admin_pages_deinit) struct admin_pages p = {.c = c, .wait_ms = TAB_MS};
        account_list l;

        if (state_open_admin(c))
                return;
        while (admin_accounts_next(&p, &l))
                for (uint32_t i = 0; i < account_list_len(l); i++)
                        if (account_service(account_list_get(l, i)) == service)
                                offer_account(account_list_get(l, i), word, keys_of);
}

static void offer_sessions(struct cli *c, const char *word)
{
        CAPNP_AUTO(admin_pages_deinit) struct admin_pages p = {.c = c, .wait_ms = TAB_MS};
        live_session_list l;

        if (state_open_admin(c))
                return;
        while (admin_sessions_next(&p, &l))
                for (uint32_t i = 0; i < live_session_list_len(l); i++)
                        offer(live_session_id(live_session_list_get(l, i)).p, word);
}

/* ---- where there is an instance ----------------------------------------------------------- */

static void offer_where(const char *account, const char *address, bool names, const char *word)
{
        char whole[512];
        const char *at = strrchr(word, '@');

        if (!*address)
                return;
        if (names && at)
                (void)snprintf(whole, sizeof(whole), "%.*s%s", (int)(at - word) + 1, word, address);
        else if (names && *account)
                (void)snprintf(whole, sizeof(whole), "%s@%s", account, address);
        else
                (void)snprintf(whole, sizeof(whole), "%s", address);
        offer(whole, word);
}

/* Where somebody is logged in to, and the instance of this machine. */
static void offer_addresses(struct cli *c, const char *word, bool names)
{
        struct runtime_aliases all = {.n = 0};

        (void)!runtime_list(c, &all);
        for (unsigned i = 0; i < all.n; i++) {
                CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
                agent_info_reader a;

                if (!cli_open_agent(c, all.name[i])) {
                        q = session_agent_info((session_agent_client){c->remote});
                        if (!cli_wait(c, q, TAB_MS)) {
                                a = session_agent_info_info(q);
                                offer_where(agent_info_account(a).p, agent_info_address(a).p, names,
                                            word);
                        }
                }
                q = capnp_question_free(q);
                cli_close(c);
        }
        if (!state_open_admin(c)) {
                CAPNP_AUTO(capnp_question_freep) capnp_question *q = admin_status(admin_of(c));

                if (!cli_wait(c, q, TAB_MS))
                        offer_where("", admin_status_address(q).p, names, word);
        }
}

/* ---- the word ----------------------------------------------------------------------------- */

static bool option_is(const struct cli_option *o, const char *word)
{
        if (word[0] != '-')
                return false;
        if (word[1] == '-')
                return !strcmp(word + 2, o->name);
        return o->letter && word[1] == o->letter && !word[2];
}

/* The option that a word is, when it takes a value; NULL. */
static const struct cli_option *option_with_value(const struct typed *t, const char *word)
{
        const struct cli_option *tables[] = {t->command ? t->command->options : NULL,
                                             cli_common_options};

        for (unsigned i = 0; i < 2; i++)
                for (const struct cli_option *o = tables[i]; o && o->name; o++)
                        if (o->arg && option_is(o, word))
                                return o;
        return NULL;
}

/* Reads one word that is finished, the value of an option when that is not NULL. */
static void typed_add(struct cli *c, struct typed *t, const struct cli_option *o, const char *word)
{
        char longer[64];

        if (o) {
                *(const char **)(void *)((char *)c + o->offset) = word;
                return;
        }
        (void)snprintf(longer, sizeof(longer), "%.40s%s%.20s", t->name, *t->name ? " " : "", word);
        if (!t->n && cli_command_is_group(c, longer)) {
                (void)snprintf(t->name, sizeof(t->name), "%s", longer);
                t->command = cli_command_find(c, longer);
                return;
        }
        if (t->n < CLI_WORDS)
                t->words[t->n++] = word;
}

static enum kind kind_of_word(const struct typed *t)
{
        enum kind k = KIND_NONE;

        for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
                if (!strcmp(words[i].command, t->name) && words[i].word <= t->n)
                        k = words[i].kind;
        return k;
}

static enum kind kind_of_value(const struct cli_option *o)
{
        if (!strcmp(o->arg, "FILE"))
                return KIND_FILE;
        if (!strcmp(o->arg, "DIR"))
                return KIND_FOLDER;
        if (!strcmp(o->name, "session"))
                return KIND_LOGIN;
        if (!strcmp(o->name, "method"))
                return KIND_WAY;
        return !strcmp(o->name, "account") ? KIND_ACCOUNT : KIND_NONE;
}

/* The names that a table has, up to NULL. */
static void offer_ways(const char *(*name)(unsigned i), const char *word)
{
        for (unsigned i = 0; name(i); i++)
                offer(name(i), word);
}

static void offer_kind(struct cli *c, enum kind k, const struct typed *t, const char *word)
{
        char name[64] = "";

        switch (k) {
        case KIND_FILE:
        case KIND_FOLDER:
                printf(k == KIND_FILE ? ":files 0\n" : ":folders 0\n");
                return;
        case KIND_LOGIN:
                offer_logins(c, word);
                return;
        case KIND_CAP:
                offer_caps(c, word);
                return;
        case KIND_METHOD:
        case KIND_METHOD_OR_TYPE:
                offer_methods(c, t->words[0], word, k == KIND_METHOD_OR_TYPE);
                return;
        case KIND_FIELD:
                offer_fields(c, t, word);
                return;
        case KIND_ACCOUNT:
        case KIND_PRINT:
                offer_accounts(c, word, false, k == KIND_PRINT ? t->words[0] : NULL);
                return;
        case KIND_SERVICE:
        case KIND_KEY_ID:
                offer_accounts(c, word, true, k == KIND_KEY_ID ? t->words[0] : NULL);
                return;
        case KIND_SESSION:
                offer_sessions(c, word);
                return;
        case KIND_WHERE:
        case KIND_ADDRESS:
                offer_addresses(c, word, k == KIND_WHERE);
                return;
        case KIND_COMMAND:
                for (unsigned i = 0; i < t->n && i < 3; i++)
                        (void)snprintf(name + strlen(name), sizeof(name) - strlen(name), "%s%.20s",
                                       i ? " " : "", t->words[i]);
                offer_commands(c, name, word);
                return;
        case KIND_WAY:
                offer_ways(strcmp(t->name, "renew") ? ways_name : renew_method, word);
                return;
        case KIND_NONE:
                break;
        }
}

static void complete_word(struct cli *c, struct typed *t, const char *word)
{
        if (*word == '-') {
                offer_options(t->command ? t->command->options : NULL, word);
                offer_options(cli_common_options, word);
                return;
        }
        if (!t->n)
                offer_commands(c, t->name, word);
        if (t->command)
                offer_kind(c, kind_of_word(t), t, word);
}

int cmd_complete(struct cli *c)
{
        const char *word = c->nwords ? c->words[c->nwords - 1] : "";
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        const struct cli_option *option = NULL;
        struct typed t = {0};

        /* Nobody wants to read complaints in the middle of a command line. */
        if (null >= 0)
                (void)dup2(null, STDERR_FILENO);
        c->timeout_ms = TAB_MS;
        for (unsigned i = 0; i + 1 < c->nwords; i++) {
                const char *w = c->words[i];

                if (!option && *w == '-') {
                        option = option_with_value(&t, w);
                        continue;
                }
                typed_add(c, &t, option, w);
                option = NULL;
        }
        if (option)
                offer_kind(c, kind_of_value(option), &t, word);
        else
                complete_word(c, &t, word);
        return EXIT_OK;
}
