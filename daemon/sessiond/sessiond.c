/*
 * The session manager as a whole: what comes over its links, its start and its end.
 *
 * It owns no socket anybody can connect to from outside and never has: caposd hands it everything.
 * What it hands on are descriptors, to the gateway and to services and workers, never the other
 * way. When the link to caposd breaks, the instance is over, and so is this process.
 */
#include "sessiond.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>

#include "admit.h"
#include "check.h"
#include "clock.h"
#include "daemon-log.h"
#include "daemon-sandbox.h"
#include "enrolment.h"
#include "links.h"
#include "session.h"
#include "state.h"
#include "swap.h"
#include "vat-loop.h"

/* ---- links ---------------------------------------------------------------------------------- */

static void sessiond_stop(struct sessiond *s, int r)
{
        s->failed = r;
        capnp_vat_stop(s->vat);
}

static void gate_got(struct daemon_link *l, const struct packet *p, const int *fds)
{
        (void)fds;
        if (p->type == PACKET_EVENT)
                arrivals_add(CAPNP_I_OF(l, struct sessiond, gate), p);
}

/* caposd starts another one, or makes another link; sessions go on. */
static void gate_closed(struct daemon_link *l)
{
        struct sessiond *s = CAPNP_I_OF(l, struct sessiond, gate);

        link_send_up(s, &(struct packet){.type = PACKET_LOST, .index = s->introduction});
}

static const struct daemon_link_ops gate_ops = {.got = gate_got, .closed = gate_closed};

static void sessiond_new_gateway(struct sessiond *s, const struct packet *p, int fd)
{
        int r;

        arrivals_forget(s);
        s->introduction = p->index;
        daemon_link_deinit(&s->gate);
        r = daemon_link_init(&s->gate, capnp_i_vat_io_loop(s->vat), fd, false, &gate_ops);
        if (r) {
                close(fd);
                sessiond_stop(s, r);
                return;
        }

        admissions_tell_gateway(s);
}

static void signer_got(struct daemon_link *l, const struct packet *p, const int *fds)
{
        (void)fds;
        if (p->type == PACKET_SIGNED)
                admissions_signed(CAPNP_I_OF(l, struct sessiond, signer), p);
}

static void signer_closed(struct daemon_link *l)
{
        struct sessiond *s = CAPNP_I_OF(l, struct sessiond, signer);

        link_send_up(s, &(struct packet){.type = PACKET_LOST, .index = s->signer_introduction});
}

static const struct daemon_link_ops signer_ops = {.got = signer_got, .closed = signer_closed};

static void sessiond_new_signer(struct sessiond *s, const struct packet *p, int fd)
{
        int r;

        s->signer_introduction = p->index;
        daemon_link_deinit(&s->signer);
        r = daemon_link_init(&s->signer, capnp_i_vat_io_loop(s->vat), fd, false, &signer_ops);
        if (r) {
                close(fd);
                sessiond_stop(s, r);
                return;
        }

        link_send_gate(s, &(struct packet){.type = PACKET_SIGNABLE}, NULL);
}

static void sessiond_take_providers(struct sessiond *s, int fd)
{
        int r = issuers_take_files(&s->issuers, fd);

        if (r)
                sessiond_stop(s, r);
}

/* Of another manifest. Whether it is. */
static bool next_got(struct sessiond *s, const struct packet *p, const int *fds)
{
        int r;

        switch (p->type) {
        case PACKET_CHANGED:
                reload_told(s, p, fds[0]);
                return true;
        case PACKET_NEXT:
                swap_read(s, p, fds);
                return true;
        case PACKET_NEXT_SERVICE:
                swap_service(s, p->index, fds[0]);
                return true;
        case PACKET_NEXT_CHECK:
                swap_check(s, p->index);
                return true;
        case PACKET_SWAP:
                r = swap_do(s);
                if (r)
                        sessiond_stop(s, r);
                return true;
        case PACKET_DROP:
                swap_drop(s);
                return true;
        default:
                return false;
        }
}

static void up_got(struct daemon_link *l, const struct packet *p, const int *fds)
{
        struct sessiond *s = CAPNP_I_OF(l, struct sessiond, up);

        switch (p->type) {
        case PACKET_GATEWAY:
                sessiond_new_gateway(s, p, fds[0]);
                break;
        case PACKET_SIGNER:
                sessiond_new_signer(s, p, fds[0]);
                break;
        case PACKET_SERVICE:
                service_start(s, p->index, fds[0]);
                break;
        case PACKET_CHECK:
                if (p->index < s->policy.nservices)
                        check_start(s, &s->policy, s->services[p->index], p->index);
                break;
        case PACKET_PROVER:
                prover_arrived(&s->prover, p->index, fds[0]);
                break;
        case PACKET_FETCHER:
                fetcher_arrived(&s->fetcher, p->index, fds[0]);
                break;
        case PACKET_PROVIDERS:
                sessiond_take_providers(s, fds[0]);
                break;
        case PACKET_RULES:
                s->identity.lists_until_s = p->until_s;
                s->identity.authorities_s = p->authorities_s;
                recheck_start(s, p, fds[0]);
                break;
        case PACKET_WORKERS:
                s->workers = p->index;
                break;
        default:
                if (!identity_got(s, p) && !next_got(s, p, fds))
                        capos_io_fds_close(fds, packet_fds(p->type));
        }
}

static void up_closed(struct daemon_link *l)
{
        sessiond_stop(CAPNP_I_OF(l, struct sessiond, up), 0);
}

static const struct daemon_link_ops up_ops = {.got = up_got, .closed = up_closed};

/* ---- life ----------------------------------------------------------------------------------- */

static int sessiond_init_state(struct sessiond *s)
{
        int r;

        if (fchdir(FD_STATE))
                return -errno;

        r = state_check(FD_STATE);
        if (!r)
                r = store_init(&s->store);
        if (!r)
                r = audit_init(&s->audit, s->vat, FD_STATE, &s->store);
        if (!r)
                r = live_init(&s->live, s);
        return r;
}

int sessiond_init(struct sessiond *s)
{
        int r;

        memset(s, 0, sizeof(*s));
        s->audit.log.fd = -1;
        capnp_i_list_init(&s->admissions);
        capnp_i_list_init(&s->sessions);
        capnp_i_list_init(&s->untold);
        capnp_i_list_init(&s->attempts);
        capnp_i_list_init(&s->enrolments);
        capnp_i_list_init(&s->patient);
        randombytes_buf(s->boot_secret, sizeof(s->boot_secret));
        ledgers_init(&s->ledgers);
        throttle_init(&s->throttle);

        r = capnp_vat_new(&s->vat);
        if (r)
                return r;

        prover_init(&s->prover, s);
        fetcher_init(&s->fetcher, s);
        s->issuers.now_ms = clock_boot_ms;
        capnp_i_list_init(&s->checks);
        r = policy_init(&s->policy, FD_MANIFEST);
        if (!r)
                r = issuers_init(&s->issuers, &s->fetcher, s->policy.issuers);
        if (!r)
                r = services_init(s);
        if (!r)
                r = sessiond_init_state(s);
        if (!r)
                r = expiry_init(s);
        if (!r)
                r = admin_init(s, FD_ADMIN);
        if (!r)
                r = daemon_link_init(&s->up, capnp_i_vat_io_loop(s->vat), LINK_FD, true, &up_ops);
        return r;
}

int sessiond_run(struct sessiond *s)
{
        char detail[64];
        int r;

        snprintf(detail, sizeof(detail), "%s, start %llu", CAPOS_VERSION,
                 (unsigned long long)s->store.epoch);
        audit_add(&s->audit,
                  (struct capos_audit_record){.what = "start", .outcome = "ok", .detail = detail});
        r = daemon_sandbox(ROLE_SESSIOND);
        if (r)
                return r;

        link_send_up(s, &(struct packet){.type = PACKET_READY});
        r = capnp_vat_run(s->vat);
        return r ? r : s->failed;
}

/* Everything has ended: whether nothing is left of what workers and services have brought, and of
 * what many share. */
static bool sessiond_settle(const struct sessiond *s)
{
        bool all;

        while (capnp_rpc_step(s->vat))
                ;
        all = ledgers_end(&s->ledgers);
        if (!capnp_vat_held_bytes(s->vat))
                return all;

        daemon_log(LOG_ERR, "ledger: %llu bytes were not given back",
                   (unsigned long long)capnp_vat_held_bytes(s->vat));
        return false;
}

bool sessiond_deinit(struct sessiond *s)
{
        bool all;

        if (!s->vat)
                return true;

        arrivals_forget(s);
        if (s->audit.log.fd >= 0)
                admissions_end(s);
        enrolments_deinit(s);
        identity_deinit(&s->identity);
        prover_deinit(&s->prover);
        issuers_deinit(&s->issuers);
        fetcher_deinit(&s->fetcher);
        recheck_deinit(s);
        reload_deinit(s);
        swap_drop(s);
        checks_end(s, NULL);
        services_deinit(s);
        admin_deinit(&s->admin);
        expiry_deinit(s);
        daemon_link_deinit(&s->up);
        daemon_link_deinit(&s->signer);
        daemon_link_deinit(&s->gate);
        if (s->audit.log.fd >= 0)
                audit_deinit(&s->audit);
        live_deinit(&s->live);
        all = sessiond_settle(s);
        s->vat = capnp_vat_free(s->vat);
        store_deinit(&s->store);
        policy_deinit(&s->policy);
        sodium_memzero(s, sizeof(*s));
        return all;
}
