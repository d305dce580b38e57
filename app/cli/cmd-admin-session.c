/* Sessions of the instance on this machine, and what it holds. */
#include "admin.h"
#include "dates.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static json_t *live_json(live_session_reader s)
{
        return json_pack("{s:o,s:o,s:o,s:o,s:o,s:I,s:I,s:I,s:o}", "id",
                         cli_json_text(live_session_id(s).p), "account",
                         cli_json_text(live_session_account(s).p), "profile",
                         cli_json_text(live_session_profile(s).p), "kind",
                         cli_json_text(live_session_kind(s).p), "source",
                         cli_json_text(live_session_source(s).p), "startedAtMs",
                         (json_int_t)live_session_started_at_ms(s), "expiresAtMs",
                         (json_int_t)live_session_expires_at_ms(s), "droppedAtMs",
                         (json_int_t)live_session_dropped_at_ms(s), "grants",
                         admin_texts_json(live_session_grants(s), live_session_grants_at));
}

static void live_print(live_session_reader s)
{
        char until[64];

        cli_print_safe(live_session_id(s).p);
        printf("  ");
        cli_print_safe(live_session_account(s).len ? live_session_account(s).p
                                                   : live_session_kind(s).p);
        printf(" (");
        cli_print_safe(live_session_profile(s).p);
        printf(") from ");
        cli_print_safe(live_session_source(s).p);
        cli_format_until(live_session_expires_at_ms(s), until, sizeof(until));
        printf(live_session_dropped_at_ms(s) ? ", its line has dropped, ends %s: " : ", ends %s: ",
               until);
        admin_texts_print(live_session_grants(s), live_session_grants_at);
        printf("\n");
}

int cmd_session_list(struct cli *c)
{
        CAPNP_AUTO(admin_pages_deinit) struct admin_pages p = {.c = c, .wait_ms = CLI_LOGIN_MS};
        live_session_list l;
        json_t *all = NULL;
        int r = state_open_admin(c);

        if (r)
                return r;

        all = c->json ? json_array() : NULL;
        while (admin_sessions_next(&p, &l))
                for (uint32_t i = 0; i < live_session_list_len(l); i++) {
                        if (all)
                                (void)json_array_append_new(all,
                                                            live_json(live_session_list_get(l, i)));
                        else
                                live_print(live_session_list_get(l, i));
                }
        r = admin_pages_end(&p);
        if (r || !c->json) {
                json_decref(all);
                return r;
        }
        return cli_print_json(c, json_pack("{s:o}", "sessions", all));
}

/* ---- revoking ----------------------------------------------------------------------------- */

static int revoke_one(struct cli *c, const char *id, const char *cap)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = admin_session_revoke(admin_of(c));

        admin_session_revoke_set_id(q, id);
        if (cap)
                admin_session_revoke_set_cap(q, cap);
        return cli_wait(c, q, CLI_LOGIN_MS) ? cli_fail_question(c, q, NULL) : EXIT_OK;
}

/* What of a session is known by the beginning of its id. */
struct found {
        char id[64], which[400];
        size_t len;
        unsigned n;
        bool whole; /* it is an id itself */
};

static void session_look(struct found *f, live_session_list l, const char *begin)
{
        for (uint32_t i = 0; !f->whole && i < live_session_list_len(l); i++) {
                const char *id = live_session_id(live_session_list_get(l, i)).p;

                f->whole = !strcmp(id, begin);
                if (!f->whole && (!*begin || strncmp(id, begin, strlen(begin)) != 0))
                        continue;
                (void)snprintf(f->id, sizeof(f->id), "%s", id);
                if (f->n++ < 8 && f->len < sizeof(f->which))
                        f->len += (size_t)snprintf(f->which + f->len, sizeof(f->which) - f->len,
                                                   " %s", id);
        }
}

/* The session whose id begins so, when it is the only one. An exit code. */
static int session_find(struct cli *c, const char *begin, struct found *f)
{
        CAPNP_AUTO(admin_pages_deinit) struct admin_pages p = {.c = c, .wait_ms = CLI_LOGIN_MS};
        live_session_list l;
        int r;

        while (!f->whole && admin_sessions_next(&p, &l))
                session_look(f, l, begin);
        r = admin_pages_end(&p);
        if (r || f->whole || f->n == 1)
                return r;
        if (f->n)
                return cli_fail(c, EXIT_USAGE, "which-session", "%s begins %u ids:%s", begin, f->n,
                                f->which);
        return cli_fail(c, EXIT_FAILED, "failed",
                        "%s: there is no such session (`capos session list` has them)", begin);
}

static int revoke_accounts(struct cli *c, live_session_list l, const char *cap, unsigned *n)
{
        int r = EXIT_OK;

        for (uint32_t i = 0; !r && i < live_session_list_len(l); i++) {
                live_session_reader e = live_session_list_get(l, i);

                if (strcmp(live_session_account(e).p, c->account) != 0)
                        continue;
                r = revoke_one(c, live_session_id(e).p, cap);
                *n += !r;
        }
        return r;
}

static int revoke_account(struct cli *c, const char *cap)
{
        CAPNP_AUTO(admin_pages_deinit) struct admin_pages p = {.c = c, .wait_ms = CLI_LOGIN_MS};
        live_session_list l;
        unsigned n = 0;
        int r = EXIT_OK;

        while (!r && admin_sessions_next(&p, &l))
                r = revoke_accounts(c, l, cap, &n);
        if (!r)
                r = admin_pages_end(&p);
        if (r)
                return r;
        if (!n)
                return cli_fail(c, EXIT_FAILED, "failed",
                                "%s has no session (`capos session list` has those that there are)",
                                c->account);
        if (c->json)
                return cli_print_json(c, json_pack("{s:b,s:i}", "done", 1, "sessions", (int)n));
        printf(cap ? "The capability is revoked in %u %s.\n" : "%u %s ended.\n", n,
               cap     ? n > 1 ? "sessions" : "session"
               : n > 1 ? "sessions have"
                       : "session has");
        return EXIT_OK;
}

int cmd_session_revoke(struct cli *c)
{
        unsigned words = c->account ? 0 : 1;
        const char *cap = c->nwords > words ? c->words[words] : NULL;
        struct found f = {.n = 0};
        int r;

        if (c->nwords < words || c->nwords > words + 1)
                return cli_fail(c, EXIT_USAGE, "usage",
                                "whose session? capos session revoke ID [CAP], or --account NAME "
                                "[CAP]");
        r = state_open_admin(c);
        if (r)
                return r;
        if (c->account)
                return revoke_account(c, cap);

        r = session_find(c, c->words[0], &f);
        if (!r)
                r = revoke_one(c, f.id, cap);
        if (r)
                return r;
        if (c->json)
                return cli_print_json(c, json_pack("{s:b,s:s}", "done", 1, "session", f.id));
        printf("%s\n", cap ? "The capability is revoked." : "The session has ended.");
        return EXIT_OK;
}

/* ---- what it holds ------------------------------------------------------------------------ */

/* NULL: there is no TLS. */
static json_t *status_certificate_json(capnp_question *q)
{
        if (!admin_status_certificate_until_ms(q))
                return NULL;
        return json_pack("{s:o,s:I}", "names", cli_json_text(admin_status_certificate_names(q).p),
                         "untilMs", (json_int_t)admin_status_certificate_until_ms(q));
}

static json_t *status_ledgers_json(capnp_question *q)
{
        ledger_use_list l = admin_status_ledgers(q);
        json_t *list = json_array();

        for (uint32_t i = 0; i < ledger_use_list_len(l); i++) {
                ledger_use_reader u = ledger_use_list_get(l, i);

                (void)json_array_append_new(list,
                                            json_pack("{s:o,s:I,s:I,s:I}", "name",
                                                      cli_json_text(ledger_use_name(u).p), "limit",
                                                      (json_int_t)ledger_use_limit(u), "used",
                                                      (json_int_t)ledger_use_used(u), "most",
                                                      (json_int_t)ledger_use_most(u)));
        }
        return list;
}

enum { LABEL = 9 }; /* the first column of what is printed */

/* What is in use of what many share. */
static void status_print_ledgers(capnp_question *q)
{
        ledger_use_list l = admin_status_ledgers(q);

        for (uint32_t i = 0; i < ledger_use_list_len(l); i++) {
                ledger_use_reader u = ledger_use_list_get(l, i);

                if (!ledger_use_limit(u))
                        continue;
                cli_print_safe(ledger_use_name(u).p);
                printf("%*s%" PRIu64 " of %" PRIu64 ", at most %" PRIu64 " so far\n",
                       ledger_use_name(u).len < LABEL ? (int)(LABEL - ledger_use_name(u).len) : 1,
                       "", ledger_use_used(u), ledger_use_limit(u), ledger_use_most(u));
        }
}

static json_t *status_json(capnp_question *q)
{
        capnp_list all = admin_status_addresses(q);
        json_t *list = json_array(), *j;

        for (uint32_t i = 0; i < all.len; i++)
                (void)json_array_append_new(list,
                                            cli_json_text(admin_status_out_addresses_at(all, i).p));
        j = json_pack("{s:i,s:i,s:i,s:o,s:o,s:o,s:o,s:o,s:o*}", "sessions",
                      (int)admin_status_sessions(q), "workers", (int)admin_status_workers(q),
                      "descriptors", (int)admin_status_descriptors(q), "version",
                      cli_json_text(admin_status_version(q).p), "address",
                      cli_json_text(admin_status_address(q).p), "addresses", list, "confinement",
                      cli_json_text(admin_status_confinement(q).p), "layers",
                      admin_texts_json(admin_status_layers(q), admin_status_out_layers_at),
                      "certificate", status_certificate_json(q));
        (void)json_object_set_new(j, "ledgers", status_ledgers_json(q));
        dates_json(j, q);
        return j;
}

/* What clients see, and what the processes are kept in. */
static void status_print_outside(capnp_question *q)
{
        capnp_list layers = admin_status_layers(q);
        char until[64];

        if (admin_status_certificate_until_ms(q)) {
                cli_format_time(admin_status_certificate_until_ms(q), until, sizeof(until));
                printf("\nnames    ");
                cli_print_safe(admin_status_certificate_names(q).p);
                printf("\nuntil    %s", until);
        }
        (void)dates_warn(q);
        printf("\nconfined ");
        cli_print_safe(admin_status_confinement(q).p);
        printf("%s", layers.len ? ": " : "");
        admin_texts_print(layers, admin_status_out_layers_at);
}

int cmd_status(struct cli *c)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        capnp_list all;
        int r = state_open_admin(c);

        if (r)
                return r;

        q = admin_status(admin_of(c));
        if (cli_wait(c, q, CLI_LOGIN_MS))
                return cli_fail_question(c, q, NULL);
        if (c->json)
                return cli_print_json(c, status_json(q));

        printf("address  ");
        cli_print_safe(admin_status_address(q).p);
        all = admin_status_addresses(q);
        for (uint32_t i = 1; i < all.len; i++) {
                printf("\n         ");
                cli_print_safe(admin_status_out_addresses_at(all, i).p);
        }
        printf("\nversion  ");
        cli_print_safe(admin_status_version(q).p);
        status_print_outside(q);
        printf("\nworkers  %" PRIu32 "\n", admin_status_workers(q));
        status_print_ledgers(q);
        return EXIT_OK;
}
