/*
 * Looking into the account store from outside the instance, by whoever may read it.
 *
 * While an instance runs its last changes are in the write-ahead log beside the store, which is
 * read with it. Without one there is no such log, and none is made: the file is read as it lies, so
 * that a look leaves nothing behind, of whoever it may be.
 */
#include "store-look.h"

#include <errno.h>
#include <unistd.h>

#include "store-sql.h"

static int store_look_version(struct store *s)
{
        AUTO_STATEMENT *q = NULL;
        int r = store_prepare(s, "PRAGMA user_version", TEXTS(NULL), &q);

        if (!r)
                r = store_one(s, q);
        if (r)
                return r < 0 ? r : -EPROTO;

        return sqlite3_column_int(q, 0) == STORE_VERSION ? 0 : -EPROTO;
}

int store_look(struct store *s, const char *dir)
{
        static const char still[] = "file:" STORE_FILE "?immutable=1", live[] = "file:" STORE_FILE;
        int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOFOLLOW, r = 0;

        *s = (struct store){0};
        if (chdir(dir) || access(STORE_FILE, R_OK))
                return -errno;
        if (sqlite3_open_v2(access(STORE_FILE "-wal", F_OK) ? still : live, &s->db, flags, NULL) !=
            SQLITE_OK)
                r = s->db ? store_errno(s, "open") : -ENOMEM;
        if (!r)
                r = store_look_version(s);
        if (r)
                store_deinit(s);
        return r;
}
