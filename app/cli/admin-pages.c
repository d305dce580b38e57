/*
 * Lists of accounts and sessions, which an instance gives a page at a time: what is asked for next
 * is behind the last entry of the page that is there.
 */
#include "admin.h"

#include <stdio.h>
#include <string.h>

static bool page_took(struct admin_pages *p, capnp_question *q)
{
        capnp_question_free(p->q);
        p->q = q;
        p->failed = cli_wait(p->c, q, p->wait_ms) != 0;
        return !p->failed;
}

/* Whether there is a page to be asked for: the first, or what the one that is there leads to, if
 * not to itself. p->after is where it begins then. */
static bool page_is_next(struct admin_pages *p, capnp_text next)
{
        if (!p->q)
                return true;
        if (p->failed || !next.len || next.len >= sizeof(p->after) || !strcmp(next.p, p->after))
                return false;

        (void)snprintf(p->after, sizeof(p->after), "%s", next.p);
        return true;
}

bool admin_accounts_next(struct admin_pages *p, account_list *ret)
{
        capnp_question *q;

        if (!page_is_next(p, p->q ? admin_account_list_next(p->q) : (capnp_text){0}))
                return false;

        q = admin_account_list(admin_of(p->c));
        admin_account_list_set_after(q, p->after);
        if (!page_took(p, q))
                return false;
        *ret = admin_account_list_accounts(q);
        return true;
}

bool admin_sessions_next(struct admin_pages *p, live_session_list *ret)
{
        capnp_question *q;

        if (!page_is_next(p, p->q ? admin_session_list_next(p->q) : (capnp_text){0}))
                return false;

        q = admin_session_list(admin_of(p->c));
        admin_session_list_set_after(q, p->after);
        if (!page_took(p, q))
                return false;
        *ret = admin_session_list_sessions(q);
        return true;
}

int admin_pages_end(struct admin_pages *p)
{
        return p->failed ? cli_fail_question(p->c, p->q, NULL) : EXIT_OK;
}

void admin_pages_deinit(struct admin_pages *p)
{
        p->q = capnp_question_free(p->q);
}
