/*
 * capos-worker: started by caposd as a zygote. Reads the certificate, when there is one. The
 * manifest is not its business, and may be another one long before the last of its copies ends.
 */
#include <errno.h>
#include <unistd.h>

#include "daemon-link.h"
#include "daemon-log.h"
#include "daemon-sandbox.h"
#include "tls-identity.h"
#include "worker-zygote.h"

enum {
        FDS_OWN = 16, /* standard error, sockets, epoll, timer, and those that are on their way */
        GRANTS = 64,  /* of a bundle, at most: the services a session can be connected to */
};

static int zygote_init(struct daemon_zygote *z, struct worker_kit *kit)
{
        const int allowed[] = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO, LINK_FD};
        int other = -1, r;

        *z = (struct daemon_zygote){.link = LINK_FD,
                                    .parent = getppid(),
                                    .live = worker_live,
                                    .arg = kit,
                                    .own_role = ROLE_ZYGOTE,
                                    .role = ROLE_WORKER};
        kit->max_fds = FDS_OWN + 2 * GRANTS;
        if (daemon_fd_is_open(CERTIFICATE_FD)) {
                r = worker_tls_init(&kit->tls, CERTIFICATE_FD,
                                    daemon_fd_is_open(RULES_FD) ? RULES_FD : -1);
                if (r) {
                        daemon_log(LOG_ERR, "the certificate: %s",
                                   capos_i_tls_identity_strerror(r));
                        return -EINVAL;
                }
        }
        r = daemon_check_fds(allowed, 4, &other);
        if (r)
                daemon_log(LOG_ERR, "descriptor %d should not be as it is", other);
        return r;
}

int main(void)
{
        struct worker_kit kit = {.tls.signer = -1};
        struct daemon_zygote z;
        int r;

        r = zygote_init(&z, &kit);
        if (!r)
                r = daemon_zygote_enter(&z);
        if (!r)
                r = daemon_zygote_run(&z);
        worker_tls_deinit(&kit.tls);
        daemon_filter_deinit(&z.filter);
        if (r) {
                daemon_log(LOG_ERR, "%s", capnp_strerror(r));
                return 1;
        }
        return 0;
}
