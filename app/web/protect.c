/* A browser's process holds what a person types and what the session is; nothing of it is to be
 * found in a dump, in another process's hands, or in memory that was given back. (What OpenSSL
 * gives back is wiped since main().) */
#include "protect.h"

#include <malloc.h>
#include <sys/prctl.h>
#include <sys/resource.h>

void protect(void)
{
        struct rlimit none = {0};

        (void)prctl(PR_SET_DUMPABLE, 0);
        (void)setrlimit(RLIMIT_CORE, &none);
        (void)mallopt(M_PERTURB, 0x5a);
}
