/*
 * Who identity providers say that somebody is. An identity is one account's: nobody is two.
 */
#include "store-sql.h"

#include <stdio.h>

static int identity_insert(struct store *s, const char *name, const struct store_identity *i)
{
        return store_change(s, "INSERT INTO identity (issuer, subject, account) VALUES (?, ?, ?)",
                            TEXTS(i->issuer, i->subject, name));
}

int store_add_identity(struct store *s, const char *name, const struct store_identity *i)
{
        struct store_account a;
        int r = store_load(s, name, &a);

        if (r)
                return r;

        store_account_deinit(&a);
        return identity_insert(s, name, i);
}

int store_remove_identity(struct store *s, const char *name, const struct store_identity *i)
{
        return store_change(s,
                            "DELETE FROM identity WHERE issuer = ? AND subject = ?"
                            " AND account = ?",
                            TEXTS(i->issuer, i->subject, name));
}

int store_find_identity(struct store *s, const struct store_identity *i,
                        char ret_name[STORE_NAME_BYTES + 1])
{
        AUTO_STATEMENT *q = NULL;
        int r = store_prepare(s, "SELECT account FROM identity WHERE issuer = ? AND subject = ?",
                              TEXTS(i->issuer, i->subject), &q);

        if (r)
                return r;
        r = sqlite3_step(q);
        if (r == SQLITE_DONE)
                return STORE_E_NONE;
        if (r != SQLITE_ROW)
                return store_errno(s, "identity");

        snprintf(ret_name, STORE_NAME_BYTES + 1, "%s", (const char *)sqlite3_column_text(q, 0));
        return 0;
}

int store_add_with_identity(struct store *s, const char *name, const char *profile,
                            const struct store_identity *i)
{
        int r = store_exec(s, "BEGIN IMMEDIATE");

        if (r)
                return r;

        r = store_change(s,
                         "INSERT INTO account (name, verifier, serial)"
                         " VALUES (?, ?, random())",
                         TEXTS(name, ""));
        if (!r)
                r = store_add_profile(s, name, 0, profile);
        if (!r)
                r = identity_insert(s, name, i);
        return store_end(s, r);
}

int store_each_identity(struct store *s, const char *name,
                        void (*fn)(void *arg, const struct store_identity *i), void *arg)
{
        AUTO_STATEMENT *q = NULL;
        int r = store_prepare(s,
                              "SELECT issuer, subject FROM identity WHERE account = ?"
                              " ORDER BY issuer, subject",
                              TEXTS(name), &q);

        while (!r && store_row(s, q, &r)) {
                const struct store_identity i = {(const char *)sqlite3_column_text(q, 0),
                                                 (const char *)sqlite3_column_text(q, 1)};

                fn(arg, &i);
        }
        return r;
}
