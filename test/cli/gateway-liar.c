/*
 * An `admin` that lies: what it gives a piece at a time has no end, or goes round. lie:
 *
 *     same, round, none      lists: always the same page; two in turn; pages without entries, each
 *                            of which leads to another
 *     gone                   … no lie: what was behind the first page is gone when it is asked for
 *     nothing, back, sealed  the audit log: no bytes, and more of them behind; bytes that lead to
 *                            themselves; one segment after the other that is sealed and empty
 *     many                   … as many segments as can be counted
 */
#include "gateway-liar.h"

#include "admin.capnp-c.h"

#include <stdio.h>
#include <string.h>

static const char *lie;
static unsigned asked;

static bool lies(const char *how)
{
        return !strcmp(lie, how);
}

static const char *liar_entry(char to[32])
{
        asked++;
        (void)snprintf(to, 32, "entry%u", lies("round") ? asked % 2 : 0);
        return to;
}

static const char *liar_next(char to[32])
{
        (void)snprintf(to, 32, "1000.entry%08u",
                       lies("same")    ? 0
                       : lies("round") ? asked % 2
                                       : asked);
        return to;
}

/* The page after the first, where nothing is behind that. */
static bool liar_is_over(void)
{
        return lies("gone") && asked;
}

static int liar_accounts(void *self, capnp_answer *a)
{
        account_list_builder l;
        char text[32];

        (void)self;
        if (liar_is_over())
                return capnp_answer_return(a);

        l = admin_account_list_results_init_accounts(a, !lies("none"));
        account_set_name(account_list_builder_get(l, 0), liar_entry(text));
        admin_account_list_results_set_next(a, liar_next(text));
        return capnp_answer_return(a);
}

static int liar_sessions(void *self, capnp_answer *a)
{
        live_session_builder b;
        char text[32];

        (void)self;
        if (liar_is_over())
                return capnp_answer_return(a);

        b = live_session_list_builder_get(
                admin_session_list_results_init_sessions(a, !lies("none")), 0);
        live_session_set_id(b, liar_entry(text));
        live_session_set_account(b, "ada");
        live_session_set_started_at_ms(b, 1000);
        admin_session_list_results_set_next(a, liar_next(text));
        return capnp_answer_return(a);
}

static int liar_audit(void *self, capnp_answer *a)
{
        static const char line[] = "{\"n\":1,\"time\":\"2026-11-23T02:06:54.123Z\"}\n";
        uint32_t segment = admin_audit_read_param_segment(a);
        uint64_t at = admin_audit_read_param_at(a);
        bool bytes = lies("back") || lies("many");

        (void)self;
        if (bytes)
                admin_audit_read_results_set_lines(
                        a, (capnp_data){(const uint8_t *)line, sizeof(line) - 1});
        admin_audit_read_results_set_segment(a, segment ? segment : lies("many") ? UINT32_MAX : 2);
        admin_audit_read_results_set_next(a, lies("nothing") ? at + 1 : at);
        admin_audit_read_results_set_sealed(a, lies("sealed"));
        return capnp_answer_return(a);
}

int liar_new(capnp_vat *v, const char *how, capnp_cap **ret_admin)
{
        static const struct admin_ops ops = {.account_list = liar_accounts,
                                             .session_list = liar_sessions,
                                             .audit_read = liar_audit};

        lie = how;
        return admin_serve(v, &ops, NULL, ret_admin);
}
