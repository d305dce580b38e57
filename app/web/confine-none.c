/* In a build with sanitizers, which need more from the kernel than the code they watch. */
#include "confine.h"

int confine_front(void)
{
        return 0;
}

int confine_session(const char *folder)
{
        (void)folder;
        return 0;
}
