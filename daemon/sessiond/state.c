/*
 * Looking before opening.
 *
 * The folder is the user's alone, so nobody else puts anything there; but what was copied, restored
 * or linked into it by hand would be opened and written to wherever it leads.
 */
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit-log.h"
#include "daemon-log.h"
#include "store.h"

static int state_check_file(int dir, const char *name)
{
        struct stat st;

        if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW))
                return errno == ENOENT ? 0 : -errno;

        if (!S_ISREG(st.st_mode) || st.st_nlink != 1 || st.st_uid != geteuid()) {
                daemon_log(LOG_ERR, "%s in the state folder is not a file of ours alone", name);
                return -EPERM;
        }
        if (!(st.st_mode & 077))
                return 0;

        daemon_log(LOG_WARNING, "%s in the state folder was open to others (mode %04o)", name,
                   st.st_mode & 07777);
        return fchmodat(dir, name, 0600, 0) ? -errno : 0;
}

int state_check(int dir)
{
        static const char *const names[] = {
                STORE_FILE,       STORE_FILE "-wal", STORE_FILE "-shm", STORE_FILE "-journal",
                CAPOS_AUDIT_FILE, AUDIT_NEXT_FILE,
        };
        int r = 0;

        for (unsigned i = 0; !r && i < sizeof(names) / sizeof(*names); i++)
                r = state_check_file(dir, names[i]);
        return r;
}
