/*
 * capos-worker: started by caposd as a zygote. Reads the manifest only to know how many services a
 * session can be connected to at most, and forgets it; and the certificate, when there is one.
 */
#include <errno.h>
#include <unistd.h>

#include "daemon-link.h"
#include "daemon-log.h"
#include "daemon-manifest.h"
#include "daemon-sandbox.h"
#include "tls-identity.h"
#include "worker-zygote.h"

enum {
        FDS_OWN = 16, /* standard error, sockets, epoll, timer, and those that are on their way */
};

/* The longest bundle. */
static unsigned grants_max(manifest_reader m)
{
        profile_list profiles = manifest_profiles(m);
        unsigned max = 0;

        for (uint32_t i = 0; i < profile_list_len(profiles); i++) {
                uint32_t n = grant_list_len(profile_bundle(profile_list_get(profiles, i)));

                max = n > max ? n : max;
        }
        return max;
}

static int zygote_init(struct daemon_zygote *z, struct worker_kit *kit)
{
        CAPNP_AUTO(daemon_manifest_deinit) struct daemon_manifest m = {0};
        const int allowed[] = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO, LINK_FD};
        int other = -1, r;

        *z = (struct daemon_zygote){.link = LINK_FD,
                                    .parent = getppid(),
                                    .live = worker_live,
                                    .arg = kit,
                                    .own_role = ROLE_ZYGOTE,
                                    .role = ROLE_WORKER};
        r = daemon_manifest_take(&m, MANIFEST_FD);
        if (r)
                return r;

        kit->max_fds = FDS_OWN + 2 * grants_max(manifest_root(m.msg));
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
