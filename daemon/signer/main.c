/*
 * capos-signer: the private key. Started by caposd, with descriptors 3 (link) and 5 (the folder of
 * the identity); its arguments are the names and addresses that a new certificate gets.
 *
 * Once the key has been read the folder is closed, and no path leads anywhere any more.
 */
#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "daemon-log.h"
#include "daemon-sandbox.h"
#include "signer.h"

/* The identity cannot be used; it is no good to start this again. */
enum { EXIT_IDENTITY = 2 };

/* Before there is a secret in this process. */
static int secrets_stay(void)
{
        const struct rlimit none = {0, 0};

        return setrlimit(RLIMIT_CORE, &none) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ? -errno
                                                                                           : 0;
}

static int signer_begin(void)
{
        const int allowed[] = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO, LINK_FD,
                               DAEMON_STATE_FD};
        int other = -1, r = daemon_check_fds(allowed, 5, &other);

        if (r)
                daemon_log(LOG_ERR, "descriptors at start (%d): %s", other, capnp_strerror(r));
        if (!r)
                r = secrets_stay();
        return r ? r : keys_prepare();
}

static int signer_serve(struct keys *k)
{
        struct signer s;
        int r;

        (void)close(DAEMON_STATE_FD);
        r = daemon_sandbox(ROLE_SIGNER);
        if (!r)
                r = signer_init(&s, LINK_FD, k);
        if (r)
                return r;

        r = signer_run(&s);
        signer_deinit(&s);
        return r;
}

int main(int argc, char **argv)
{
        static const char *const local[] = {"localhost", "127.0.0.1", "::1"};
        const char *const *names = argc > 1 ? (const char *const *)argv + 1 : local;
        struct keys k = {0};
        int r = signer_begin();

        if (r)
                return 1;

        r = keys_find(&k, DAEMON_STATE_FD, names, argc > 1 ? (unsigned)argc - 1 : 3);
        if (r) {
                daemon_log(LOG_ERR, "the instance's identity (%s, %s): %s", TLS_KEY_FILE,
                           TLS_CERTIFICATE_FILE, capos_i_tls_identity_strerror(r));
                return r > 0 ? EXIT_IDENTITY : 1;
        }

        r = signer_serve(&k);
        keys_deinit(&k);
        if (r)
                daemon_log(LOG_ERR, "%s", capnp_strerror(r));
        return r ? 1 : 0;
}
