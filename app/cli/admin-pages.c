/*
 * Lists of accounts and sessions, which an instance gives a page at a time: what is asked for next
 * is behind the last entry of the page that is there. Entries have an order, so that each page has
 * to lead further: an instance that lies keeps nobody asking for ever.
 */
#include "admin.h"

#include <stdio.h>
#include <string.h>

enum { PAGES_MOST = 64 * 1024 };

static bool page_took(struct admin_pages *p, capnp_question *q)
{
        capnp_question_free(p->q);
        p->q = q;
        p->failed = cli_wait(p->c, q, p->wait_ms) != 0;
        return !p->failed;
}

/* Whether there is a page to be asked for: the first, or what the one that is there leads to.
 * p->after is where it begins then. */
static bool page_is_next(struct admin_pages *p, capnp_text next)
{
        if (!p->q)
                return true;
        if (p->failed || p->astray || !next.len)
                return false;

        p->astray = next.len >= sizeof(p->after) || p->pages == PAGES_MOST;
        (void)snprintf(p->after, sizeof(p->after), "%s", next.p);
        return !p->astray;
}

/* The page that has come ends with this entry; at_ms goes before the name. n: 0: it has none, as
 * what was behind the page before may have gone meanwhile: then it leads nowhere. */
static bool page_goes_on(struct admin_pages *p, capnp_text next, uint32_t n, uint64_t at_ms,
                         capnp_text name)
{
        bool first = !p->pages++, further = at_ms > p->last.at_ms;

        if (at_ms == p->last.at_ms)
                further = strcmp(name.p, p->last.name) > 0;
        p->astray = n ? !first && !further : next.len > 0;
        if (p->astray || !n)
                return !p->astray;

        p->last.at_ms = at_ms;
        (void)snprintf(p->last.name, sizeof(p->last.name), "%s", name.p);
        return true;
}

bool admin_accounts_next(struct admin_pages *p, account_list *ret)
{
        capnp_question *q;
        uint32_t n;

        if (!page_is_next(p, p->q ? admin_account_list_next(p->q) : (capnp_text){0}))
                return false;

        q = admin_account_list(admin_of(p->c));
        admin_account_list_set_after(q, p->after);
        if (!page_took(p, q))
                return false;
        *ret = admin_account_list_accounts(q);
        n = account_list_len(*ret);
        return page_goes_on(p, admin_account_list_next(q), n, 0,
                            account_name(account_list_get(*ret, n ? n - 1 : 0)));
}

bool admin_sessions_next(struct admin_pages *p, live_session_list *ret)
{
        live_session_reader last;
        capnp_question *q;
        uint32_t n;

        if (!page_is_next(p, p->q ? admin_session_list_next(p->q) : (capnp_text){0}))
                return false;

        q = admin_session_list(admin_of(p->c));
        admin_session_list_set_after(q, p->after);
        if (!page_took(p, q))
                return false;
        *ret = admin_session_list_sessions(q);
        n = live_session_list_len(*ret);
        last = live_session_list_get(*ret, n ? n - 1 : 0);
        return page_goes_on(p, admin_session_list_next(q), n, live_session_started_at_ms(last),
                            live_session_id(last));
}

int admin_pages_end(struct admin_pages *p)
{
        if (p->astray)
                return cli_fail(p->c, EXIT_FAILED, "failed",
                                "the instance gives a list whose pages do not go on");
        return p->failed ? cli_fail_question(p->c, p->q, NULL) : EXIT_OK;
}

void admin_pages_deinit(struct admin_pages *p)
{
        p->q = capnp_question_free(p->q);
}
