/*
 * The admin socket.
 *
 * It lies in the state folder, which only the instance's user can enter; who connects is checked
 * all the same. There is one object for all of them, because there is one authority: to be that
 * user. What it is asked for is done in the file of what it is about, admin-*.c.
 */
#include "admin.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "admin-account.h"
#include "admin-identity.h"
#include "admin-lock.h"
#include "admin-passkey.h"
#include "admin-service.h"
#include "admin-session.h"
#include "admin.capnp-c.h"
#include "clock.h"
#include "daemon-log.h"
#include "io-socket.h"
#include "session.h"
#include "sessiond.h"
enum { ADMIN_ANSWERS = 64 };

static uint32_t admin_descriptors(const struct sessiond *s)
{
        uint32_t n = 0;

        for (struct capnp_i_list *l = s->sessions.next; l != &s->sessions; l = l->next) {
                const struct session *e = CAPNP_I_OF(l, struct session, link);

                for (unsigned i = 0; i < e->ngrants; i++)
                        n += e->grants[i]->dup >= 0;
        }
        return n;
}

/* Wall time is for people. */
static void status_providers(const struct issuers *is, capnp_answer *a)
{
        provider_state_list_builder list = admin_status_results_init_providers(a, is->n);

        for (unsigned k = 0; k < is->n; k++) {
                const struct issuer *i = &is->all[k];
                provider_state_builder b = provider_state_list_builder_get(list, k);
                uint64_t age_ms = issuer_keys_age_ms(i);

                provider_state_set_name(b, i->name);
                provider_state_set_pinned(b, i->pinned);
                if (age_ms != UINT64_MAX && !i->pinned)
                        provider_state_set_keys_at_ms(b, clock_wall_ms() - age_ms);
                if (i->failed)
                        provider_state_set_failing(b, i->why);
        }
}

static int admin_on_status(void *self, capnp_answer *a)
{
        struct sessiond *s = self;

        admin_status_results_set_sessions(a, s->nsessions);
        admin_status_results_set_workers(a, s->workers);
        admin_status_results_set_descriptors(a, admin_descriptors(s));
        admin_status_results_set_version(a, CAPOS_VERSION);
        identity_describe(&s->identity, a);
        status_providers(&s->issuers, a);
        return capnp_answer_return(a);
}

static int admin_on_audit_path(void *self, capnp_answer *a)
{
        struct sessiond *s = self;

        admin_audit_path_results_set_path(a, s->admin.path);
        return capnp_answer_return(a);
}

static int admin_on_reload_identity(void *self, capnp_answer *a)
{
        return identity_reload(self, a);
}

static int admin_on_reload_revocations(void *self, capnp_answer *a)
{
        return recheck_reload(self, a);
}

static int admin_on_reload(void *self, capnp_answer *a)
{
        return reload_ask(self, a);
}

static int admin_on_identity_add(void *self, capnp_answer *a)
{
        return admin_identity_give(self, a);
}

static int admin_on_identity_list(void *self, capnp_answer *a)
{
        return admin_identity_tell(self, a);
}

static int admin_on_identity_remove(void *self, capnp_answer *a)
{
        return admin_identity_take(self, a);
}

static int admin_on_passkey_begin(void *self, capnp_answer *a)
{
        return admin_passkey_start(self, a);
}

static int admin_on_passkey_add(void *self, capnp_answer *a)
{
        return admin_passkey_finish(self, a);
}

static int admin_on_passkey_list(void *self, capnp_answer *a)
{
        return admin_passkey_tell(self, a);
}

static int admin_on_passkey_remove(void *self, capnp_answer *a)
{
        return admin_passkey_end(self, a);
}

static const struct admin_ops admin_operations = {
        .account_add = admin_on_account_add,
        .account_remove = admin_on_account_remove,
        .account_list = admin_on_account_list,
        .key_add = admin_on_key_add,
        .key_remove = admin_on_key_remove,
        .passwd = admin_on_passwd,
        .session_list = admin_on_session_list,
        .session_revoke = admin_on_session_revoke,
        .status = admin_on_status,
        .audit_path = admin_on_audit_path,
        .reload_identity = admin_on_reload_identity,
        .reload_revocations = admin_on_reload_revocations,
        .service_account_add = admin_on_service_account_add,
        .service_key_add = admin_on_service_key_add,
        .service_key_remove = admin_on_service_key_remove,
        .identity_add = admin_on_identity_add,
        .identity_list = admin_on_identity_list,
        .identity_remove = admin_on_identity_remove,
        .passkey_begin = admin_on_passkey_begin,
        .passkey_add = admin_on_passkey_add,
        .passkey_list = admin_on_passkey_list,
        .passkey_remove = admin_on_passkey_remove,
        .reload = admin_on_reload,
        .account_lock = admin_on_account_lock,
        .account_unlock = admin_on_account_unlock,
        .account_expire = admin_on_account_expire,
        .key_list = admin_on_key_list,
};

/* ---- the listener --------------------------------------------------------------------------- */

/* Takes fd. */
static void admin_serve_on(struct admin *a, int fd)
{
        const struct capnp_limits limits = {
                .message_bytes = 1024 * 1024, .answers = ADMIN_ANSWERS, .wipe = true};
        struct ucred peer;
        socklen_t len = sizeof(peer);
        capnp_conn *c;

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) ||
            (peer.uid != geteuid() && peer.uid != 0)) {
                daemon_log(LOG_WARNING, "the admin socket: refused a stranger");
                close(fd);
                return;
        }
        if (!capnp_conn_new(a->s->vat, fd, &limits, a->root, &c))
                capnp_conn_unref(c);
}

static void admin_on_event(void *arg, uint32_t events)
{
        struct admin *a = arg;
        int fd;

        (void)events;
        if (!capos_io_socket_accept(a->fd, &fd))
                admin_serve_on(a, fd);
}

int admin_init(struct sessiond *s, int fd)
{
        struct admin *a = &s->admin;
        size_t len;
        int r;

        *a = (struct admin){.s = s, .fd = fd};
        if (!getcwd(a->path, sizeof(a->path) - sizeof(CAPOS_AUDIT_FILE) - 1))
                return -errno;
        len = strlen(a->path);
        snprintf(a->path + len, sizeof(a->path) - len, "/%s", CAPOS_AUDIT_FILE);

        r = capos_io_socket_adopt(fd);
        if (!r)
                r = admin_serve(s->vat, &admin_operations, s, &a->root);
        if (!r)
                r = capnp_watch_new(s->vat, fd, EPOLLIN, admin_on_event, a, &a->watch);
        return r;
}

void admin_deinit(struct admin *a)
{
        if (!a->s)
                return;

        a->watch = capnp_watch_free(a->watch);
        a->root = capnp_cap_unref(a->root);
        close(a->fd);
        a->s = NULL;
}
