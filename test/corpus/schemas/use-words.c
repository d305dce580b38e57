/* Names of C and of its library, with most of that library around. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "use.h"
#include "words.capnp-c.h"

void use_words(void)
{
        capnp_msg *m = NULL;
        size_builder b;

        check(SEEK__SET == 0 && SEEK__END == 2 && WORDS_INT_MAX == 5 && INT__MAX == 0);
        check(capnp_list_u8(words_printf(), 1) == 2 && capnp_list_u8(errno_(), 0) == 3);

        check(capnp_msg_new(&m) == 0);
        b = size_build(m);
        size_set__t(b, 1.5f);
        check(size__t(size_root(m)) > 1.4f);
        check(capnp_msg_check(m) == 0);
        m = capnp_msg_free(m);

        check(capnp_msg_new(&m) == 0);
        words_capnp_set_reader_(words_capnp_build(m), 7);
        check(words_capnp_reader_(words_capnp_root(m)) == 7);
        capnp_msg_free(m);
}
