/*
 * The rig: a vat of the test's own in which it is gateway, service and worker at once, and caposd's
 * part of the link as a watch on a socket.
 */
#include "test-rig.h"

#include "daemon-source.h"

#include "io-packet.h"
#include "manifest.capnp-c.h"
#include "service_control.capnp-c.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WAIT_MS = 100 * 1000 };

static const char *program(const char *name, char path[512])
{
        const char *root = getenv("CAPOS_BUILDDIR");

        snprintf(path, 512, "%s/bin/capos-%s", root ? root : ".", name);
        return path;
}

/* ---- the manifest --------------------------------------------------------------------------- */

enum { DURATION_TEXT = 32 };

static const char *duration(uint64_t ms, char text[DURATION_TEXT])
{
        snprintf(text, DURATION_TEXT, "%" PRIu64 "ms", ms);
        return text;
}

static void manifest_profile(profile_builder p, const char *name, const struct rig_options *o)
{
        grant_list_builder g = profile_init_bundle(p, o->no_echo ? 1 : 2);
        char text[DURATION_TEXT];

        profile_set_name(p, name);
        if (o->lease_ms)
                profile_set_lease(p, duration(o->lease_ms, text));
        profile_set_server_key_binding(p, o->server_key);
        profile_set_audit_calls(p, o->audit_calls);
        profile_set_at_least(p, o->touched ? STRENGTH_TOUCHED : STRENGTH_NONE);
        if (o->max_lease_ms)
                profile_set_max_lease(p, duration(o->max_lease_ms, text));
        grant_set_name(grant_list_builder_get(g, 0), "session");
        if (!o->no_echo) {
                grant_set_name(grant_list_builder_get(g, 1), "echo");
                grant_set_facet(grant_list_builder_get(g, 1), o->facet ? o->facet : name);
                grant_set_transfer(grant_list_builder_get(g, 1), TRANSFER_SERVICES);
        }
        quota_set_sessions_per_account(profile_init_quota(p), 3);
}

static void manifest_boss(profile_builder p, const struct rig_options *o)
{
        grant_list_builder g;

        manifest_profile(p, "boss", o);
        profile_set_elevated(p, !o->humble);
        g = profile_init_bundle(p, 2);
        grant_set_name(grant_list_builder_get(g, 0), "session");
        grant_set_name(grant_list_builder_get(g, 1), "admin");
        grant_set_facet(grant_list_builder_get(g, 1), o->admin);
}

static void manifest_entry(entry_builder e, bool enabled)
{
        entry_set_enabled(e, enabled);
        entry_set_profile(e, "visitor");
        entry_set_max_sessions(e, 2);
}

static void manifest_rule(certificates_builder c, bool by_name)
{
        certificate_rule_builder r =
                certificate_rule_list_builder_get(certificates_init_rules(c, 1), 0);

        if (by_name)
                certificate_rule_set_account_from_name(r, true);
        else
                certificate_rule_set_account(r, "alice");
        certificate_rule_set_profile(r, "operator");
}

static void manifest_passkeys(passkeys_builder p)
{
        passkeys_set_relying_party(p, RIG_PARTY);
        passkeys_set_origins_at(passkeys_init_origins(p, 1), 0, RIG_ORIGIN);
}

static int manifest_memfd(const struct rig_options *o)
{
        capnp_msg *m = NULL;
        manifest_builder b;
        service_builder v;
        profile_list_builder p;
        authentication_builder a;
        limits_builder limits;
        char text[DURATION_TEXT];
        int fd = memfd_create("manifest", MFD_CLOEXEC);
        void *bytes;
        size_t len;

        CHECK_OK(capnp_msg_new(&m));
        b = manifest_build(m);
        v = service_list_builder_get(manifest_init_services(b, 1), 0);
        service_set_name(v, "echo");
        service_set_interface_id(v, ECHO_ID);
        service_set_title(v, "Echo");
        remote_set_transfer(service_init_remote(v), TRANSFER_SERVICES);
        if (o->held) {
                grant_builder h = grant_list_builder_get(service_init_grants(v, 1), 0);

                grant_set_name(h, o->holds ? o->holds : "echo");
                grant_set_facet(h, o->held);
        }
        if (o->pseudonym)
                disclosure_list_builder_set(service_init_disclosure(v, 1), 0, DISCLOSURE_PSEUDONYM);
        p = manifest_init_profiles(b, 3 + o->service + (o->admin != NULL));
        manifest_profile(profile_list_builder_get(p, 0), o->no_operator ? "another" : "operator",
                         o);
        manifest_profile(profile_list_builder_get(p, 1), "visitor", o);
        profile_set_accounts(profile_list_builder_get(p, 1), false);
        manifest_profile(profile_list_builder_get(p, 2), "second", o);
        if (o->service) {
                manifest_profile(profile_list_builder_get(p, 3), "robot", o);
                profile_set_service(profile_list_builder_get(p, 3), true);
        }
        if (o->admin)
                manifest_boss(profile_list_builder_get(p, 3 + o->service), o);
        a = manifest_init_authentication(b);
        authentication_set_password(a, !o->no_password);
        authentication_set_password_memory(a, "8MiB");
        manifest_entry(authentication_init_guest(a), !o->no_entry);
        manifest_entry(authentication_init_anonymous(a), !o->no_entry);
        if (o->certificates)
                manifest_rule(authentication_init_certificates(a), o->by_name);
        if (o->passkeys)
                manifest_passkeys(authentication_init_passkeys(a));
        limits = manifest_init_limits(b);
        if (o->admission_ms)
                limits_set_admission(limits, duration(o->admission_ms, text));
        if (o->connections)
                limits_set_connections(limits, o->connections);

        len = capnp_msg_size(m);
        bytes = malloc(len);
        CHECK(bytes && fd >= 0);
        CHECK_OK(capnp_msg_write(m, bytes, len));
        CHECK_EQ(write(fd, bytes, len), len);
        free(bytes);
        capnp_msg_free(m);
        return fd;
}

void rig_hints(remote_auth_method_reader m, const char *names)
{
        capnp_list l = remote_auth_method_profile_hints(m);
        char all[256] = "";

        for (uint32_t i = 0; i < l.len; i++)
                snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s", i ? " " : "",
                         remote_auth_method_profile_hints_at(l, i).p);
        CHECK_STR(all, names);
}

/* ---- caposd's part -------------------------------------------------------------------------- */

/* Puts descriptors where a program expects them, in a child. */
static void child_fds(const int *fds, const int *places, unsigned n)
{
        int high[8];

        for (unsigned i = 0; i < n; i++)
                high[i] = fcntl(fds[i], F_DUPFD, 100);
        for (unsigned i = 0; i < n; i++)
                if (dup3(high[i], places[i], 0) < 0)
                        _exit(90);
        (void)close_range(n ? (unsigned)places[n - 1] + 1 : 3, ~0u, 0);
}

/* The zygote of the provers. What it makes are children of ours. */
static void rig_start_zygote(struct rig *g)
{
        char path[512];
        int ends[2];

        CHECK_OK(capos_io_packet_pair(ends));
        program("prover", path);
        g->zygote_link = ends[0];
        g->zygote = fork();
        if (!g->zygote) {
                child_fds(&ends[1], &(int){3}, 1);
                execl(path, path, (char *)NULL);
                _exit(91);
        }
        CHECK(g->zygote > 0);
        close(ends[1]);
}

/* The next packet of the zygote's of this type. */
static struct packet rig_zygote_says(struct rig *g, enum packet_type type)
{
        struct pollfd p = {.fd = g->zygote_link, .events = POLLIN};
        struct packet got = {0};

        while (got.type != type) {
                CHECK_EQ(poll(&p, 1, WAIT_MS), 1);
                CHECK_OK(capos_io_packet_recv(g->zygote_link, &got, sizeof(got), NULL, 0));
        }
        return got;
}

static void rig_prove(struct rig *g, const struct packet *p)
{
        const struct packet answer = {.type = PACKET_PROVER, .index = p->index};
        const struct packet copy = {.type = PACKET_FORK, .worker = p->index};
        int ends[2];

        CHECK_OK(capos_io_packet_pair(ends));
        if (!g->kill_provers) {
                CHECK_OK(capos_io_packet_send(g->zygote_link, &copy, sizeof(copy), &ends[1], 1));
                CHECK(g->nprovers < RIG_PROVERS);
                g->provers[g->nprovers++] = rig_zygote_says(g, PACKET_FORKED).pid;
        }
        CHECK_OK(capos_io_packet_send(g->up, &answer, sizeof(answer), ends, 1));
        close(ends[0]);
        close(ends[1]);
}

void rig_release_provers(struct rig *g)
{
        g->hold_provers = false;
        for (unsigned i = 0; i < g->nheld; i++)
                rig_prove(g, &g->held[i]);
        g->nheld = 0;
}

static void rig_on_up(void *arg, uint32_t events)
{
        struct rig *g = arg;
        struct packet p;
        int r = capos_io_packet_recv(g->up, &p, sizeof(p), NULL, 0);

        (void)events;
        if (r == CAPOS_IO_E_CLOSED)
                g->up_watch = capnp_watch_free(g->up_watch);
        if (r)
                return;

        if (p.type == PACKET_READY)
                g->ready = true;
        if (p.type == PACKET_KILL && g->nkilled < RIG_EVENTS)
                g->killed[g->nkilled++] = p.event;
        if (p.type == PACKET_NEXT_READ) {
                g->next_read = true;
                g->next_result = p.result;
        }
        if (p.type == PACKET_RENEW) {
                g->renewal = p.index;
                g->nrenewals++;
        }
        if (p.type == PACKET_PROVE && g->hold_provers)
                g->held[g->nheld++] = p;
        else if (p.type == PACKET_PROVE)
                rig_prove(g, &p);
}

static void rig_on_gate(void *arg, uint32_t events)
{
        struct rig *g = arg;
        struct packet p;
        int fds[2], r;
        struct iovec v = {&p, sizeof(p)};
        unsigned got = 0;
        ssize_t n;

        (void)events;
        n = capos_io_stream_read_fds(g->gate, &v, 1, fds, 2, &got);
        r = n == (ssize_t)sizeof(p) ? 0 : -1;
        if (r && n != -EAGAIN)
                g->gate_watch = capnp_watch_free(g->gate_watch);
        if (r)
                return;
        if (p.type == PACKET_BOUND && g->nbound < RIG_EVENTS)
                g->bound[g->nbound++] = p.event;
        if (p.type == PACKET_ADMISSION) {
                CHECK_EQ(got, 1);
                CHECK_EQ(p.event, g->last_event);
                g->admission = fds[0];
        }
        if (p.type == PACKET_ADMISSION_TLS) {
                CHECK_EQ(got, 2);
                CHECK_EQ(p.event, g->last_event);
                g->admission = fds[0];
                g->sign[1] = fds[1];
                memcpy(g->nonce, p.nonce, sizeof(g->nonce));
        }
}

void rig_rules(struct rig *g, capnp_data records)
{
        const struct packet p = {.type = PACKET_RULES};
        int fd = memfd_create("rules", MFD_CLOEXEC);

        CHECK(fd >= 0);
        CHECK_EQ(write(fd, records.p, records.len), records.len);
        CHECK_OK(capos_io_packet_send(g->up, &p, sizeof(p), &fd, 1));
        close(fd);
}

/* Shows it a file; takes it. */
static int rig_show(struct rig *g, int fd)
{
        const struct packet p = {.type = PACKET_NEXT};
        int fds[3] = {fd, memfd_create("rules", MFD_CLOEXEC), memfd_create("files", MFD_CLOEXEC)};

        CHECK(fd >= 0 && fds[1] >= 0 && fds[2] >= 0);
        g->next_read = false;
        CHECK_OK(capos_io_packet_send(g->up, &p, sizeof(p), fds, 3));
        capos_io_fds_close(fds, 3);
        rig_until(g, &g->next_read);
        return g->next_result;
}

int rig_next(struct rig *g, const struct rig_options *o)
{
        return rig_show(g, manifest_memfd(o));
}

int rig_next_bytes(struct rig *g, const void *bytes, size_t len)
{
        int fd = memfd_create("manifest", MFD_CLOEXEC);

        CHECK(fd >= 0);
        CHECK_EQ(write(fd, bytes, len), len);
        return rig_show(g, fd);
}

void rig_change(struct rig *g, const struct rig_options *o)
{
        const struct packet p = {.type = PACKET_SWAP};

        CHECK_OK(rig_next(g, o));
        CHECK_OK(capos_io_packet_send(g->up, &p, sizeof(p), NULL, 0));
        capnp_question_free(rig_good(admin_status(rig_admin(g)))); /* it has seen it */
}

/* ---- the signer ----------------------------------------------------------------------------- */

void rig_start_signer(struct rig *g)
{
        const struct packet p = {.type = PACKET_SIGNER, .index = 1};
        int pair[2];

        CHECK_OK(capos_io_packet_pair(pair));
        CHECK_OK(capos_io_packet_send(g->up, &p, sizeof(p), &pair[1], 1));
        close(pair[1]);
        g->signer = pair[0];
}

/* What it has been sent for an event: one end of a pair. */
static void rig_take_sign(struct rig *g)
{
        struct pollfd p = {.fd = g->signer, .events = POLLIN};
        struct packet sign;

        CHECK_EQ(poll(&p, 1, WAIT_MS), 1);
        CHECK_OK(capos_io_packet_recv(g->signer, &sign, sizeof(sign), &g->sign[0], 1));
        CHECK_EQ(sign.type, PACKET_SIGN);
        CHECK_EQ(sign.event, g->last_event);
        for (unsigned i = 0; i < 2; i++)
                close(g->sign[i]);
}

void rig_signed(struct rig *g, uint64_t event, const uint8_t hash[32], const uint8_t key_hash[32])
{
        struct packet p = {.type = PACKET_SIGNED, .event = event};

        memcpy(p.nonce, hash, 32);
        memcpy(p.key_hash, key_hash, 32);
        CHECK_OK(capos_io_packet_send(g->signer, &p, sizeof(p), NULL, 0));
}

static int rig_listener(struct rig *g)
{
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        snprintf(a.sun_path, sizeof(a.sun_path), "%s/admin", g->dir);
        unlink(a.sun_path);
        CHECK(fd >= 0);
        CHECK(!bind(fd, (struct sockaddr *)&a, sizeof(a)) && !listen(fd, 8));
        return fd;
}

static void rig_spawn(struct rig *g, const struct rig_options *o)
{
        int up[2], fds[4], log;
        char path[512], name[128];

        CHECK_OK(capos_io_packet_pair(up));
        snprintf(name, sizeof(name), "%s/log", g->dir);
        log = open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        fds[0] = up[1];
        fds[1] = rig_listener(g);
        fds[2] = open(g->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        fds[3] = manifest_memfd(o);
        CHECK(log >= 0 && fds[2] >= 0);
        program("sessiond", path);
        g->pid = fork();
        if (!g->pid) {
                if (dup3(log, STDERR_FILENO, 0) < 0)
                        _exit(90);
                child_fds(fds, (int[]){3, 4, 5, 6}, 4);
                execl(path, path, (char *)NULL);
                _exit(91);
        }
        CHECK(g->pid > 0);
        for (unsigned i = 0; i < 4; i++)
                close(fds[i]);
        close(log);
        g->up = up[0];
}

static void rig_stop_zygote(struct rig *g)
{
        int status;

        close(g->zygote_link);
        CHECK_EQ(waitpid(g->zygote, &status, 0), g->zygote);
        CHECK(WIFEXITED(status) && !WEXITSTATUS(status));
        for (unsigned i = 0; i < g->nprovers; i++)
                CHECK_EQ(waitpid(g->provers[i], &status, 0), g->provers[i]);
}

static void rig_begin(struct rig *g, const struct rig_options *o)
{
        *g = (struct rig){.up = -1, .gate = -1, .admission = -1, .signer = -1};
        if (o->dir) {
                snprintf(g->dir, sizeof(g->dir), "%s", o->dir);
        } else {
                snprintf(g->dir, sizeof(g->dir), "/tmp/test-sessiond-XXXXXX");
                CHECK(mkdtemp(g->dir));
        }
        CHECK_OK(capnp_vat_new(&g->vat));
        rig_start_zygote(g);
        rig_spawn(g, o);
}

int rig_start_fails(struct rig *g, const struct rig_options *o)
{
        int status;

        rig_begin(g, o);
        CHECK_EQ(waitpid(g->pid, &status, 0), g->pid);
        close(g->up);
        rig_stop_zygote(g);
        g->vat = capnp_vat_free(g->vat);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void rig_start(struct rig *g, const struct rig_options *o)
{
        const struct packet gateway = {.type = PACKET_GATEWAY};
        const struct rig_options none = {0};
        char address[128];
        int gate[2];

        rig_begin(g, o ? o : &none);
        CHECK_OK(capnp_watch_new(g->vat, g->up, EPOLLIN, rig_on_up, g, &g->up_watch));
        rig_until(g, &g->ready);

        CHECK_OK(capos_io_packet_pair(gate));
        CHECK_OK(capos_io_packet_send(g->up, &gateway, sizeof(gateway), &gate[1], 1));
        close(gate[1]);
        g->gate = gate[0];
        CHECK_OK(capnp_watch_new(g->vat, g->gate, EPOLLIN, rig_on_gate, g, &g->gate_watch));
        snprintf(address, sizeof(address), "unix:%s/admin", g->dir);
        CHECK_OK(capnp_vat_connect(g->vat, address, NULL, &g->admin));
        rig_start_service(g);
}

void rig_remove(const char *dir)
{
        DIR *d = opendir(dir);
        struct dirent *e;

        while (d && (e = readdir(d)))
                if (e->d_name[0] != '.')
                        (void)unlinkat(dirfd(d), e->d_name, 0);
        if (d)
                closedir(d);
        (void)rmdir(dir);
}

void rig_stop(struct rig *g, bool kill_it)
{
        int status;

        rig_stop_service(g);
        g->admin = capnp_cap_unref(g->admin);
        if (kill_it)
                kill(g->pid, SIGKILL);
        g->up_watch = capnp_watch_free(g->up_watch);
        g->gate_watch = capnp_watch_free(g->gate_watch);
        close(g->up);
        close(g->gate);
        if (g->admission >= 0)
                close(g->admission);
        if (g->signer >= 0)
                close(g->signer);
        CHECK_EQ(waitpid(g->pid, &status, 0), g->pid);
        if (!kill_it)
                CHECK(WIFEXITED(status) && !WEXITSTATUS(status));
        g->vat = capnp_vat_free(g->vat);
        rig_stop_zygote(g);
}

/* ---- time ----------------------------------------------------------------------------------- */

static uint64_t now_ms(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void rig_turn(struct rig *g, int most_ms)
{
        struct pollfd p = {.fd = capnp_vat_fd(g->vat), .events = POLLIN};
        int ms = capnp_vat_timeout_ms(g->vat);

        (void)poll(&p, 1, ms < 0 || ms > most_ms ? most_ms : ms);
        CHECK_OK(capnp_vat_process(g->vat));
}

void rig_until(struct rig *g, const bool *flag)
{
        uint64_t end = now_ms() + WAIT_MS;

        while (!*flag) {
                CHECK(now_ms() < end);
                rig_turn(g, 100);
        }
}

void rig_until_count(struct rig *g, const unsigned *n, unsigned least)
{
        uint64_t end = now_ms() + WAIT_MS;

        while (*n < least) {
                CHECK(now_ms() < end);
                rig_turn(g, 100);
        }
}

void rig_until_left(struct rig *g, unsigned sessions, unsigned descriptors)
{
        uint64_t end = now_ms() + WAIT_MS;
        unsigned s, d;

        for (rig_status(g, &s, &d); s != sessions || d != descriptors; rig_status(g, &s, &d)) {
                CHECK(now_ms() < end);
                rig_turn(g, 10);
        }
}

/* Each answer is a round of its loop, in which all is looked at that was there when it began; what
 * takes two rounds is bytes with an end behind them. */
void rig_until_seen(struct rig *g)
{
        unsigned sessions, descriptors;

        for (unsigned i = 0; i < 4; i++)
                rig_status(g, &sessions, &descriptors);
}

void rig_pause(struct rig *g, unsigned ms)
{
        uint64_t end = now_ms() + ms;

        while (now_ms() < end)
                rig_turn(g, 10);
}

/* ---- the service ---------------------------------------------------------------------------- */

static void caller_on_cancel(capnp_answer *a, void *arg)
{
        struct rig *g = arg;

        g->hanging = NULL;
        g->hang_canceled++;
        (void)capnp_answer_fail(a, CAPNP_FAILED, "canceled");
}

static int caller_serve(void *self, capnp_answer *a)
{
        struct rig_caller *c = self;
        capnp_reader p = capnp_any_struct(capnp_answer_params_any(a), NULL);
        capnp_builder r;

        CHECK_EQ(capnp_answer_interface(a), ECHO_ID);
        c->g->calls++;
        if (capnp_answer_method(a) == ECHO_HANG) {
                c->g->hung++;
                c->g->hanging = a;
                return capnp_answer_keep(a, caller_on_cancel, c->g);
        }
        r = capnp_abuilder_init_struct(capnp_answer_results_any(a), 1, 0);
        capnp_builder_set_u64(r, 0, capnp_reader_u64(p, 0, 0) + 1, 0);
        CHECK_OK(capnp_answer_check(a));
        return capnp_answer_return(a);
}

static void caller_closed(capnp_conn *conn, void *arg)
{
        struct rig_caller *c = arg;

        c->open = false;
        c->conn = capnp_conn_unref(conn);
}

static void control_on_cancel(capnp_answer *a, void *arg)
{
        ((struct rig *)arg)->mute_canceled++;
        (void)capnp_answer_fail(a, CAPNP_FAILED, "canceled");
}

/* Never answers, unless it is canceled. */
static int control_keep(struct rig *g, capnp_answer *a)
{
        g->muted++;
        return capnp_answer_keep(a, control_on_cancel, g);
}

static int control_open(void *self, capnp_answer *a)
{
        struct rig *g = self;
        caller_context_reader ctx = service_control_open_param_context(a);
        int fd = capnp_cap_fd_peek(service_control_open_param_end(a).c);
        struct rig_caller *c = &g->callers[g->ncallers];
        capnp_data d;

        if (g->mute)
                return control_keep(g, a);
        if (g->refuse_open)
                return capnp_answer_fail(a, CAPNP_FAILED, "not today");
        if (g->hold_sockets) {
                g->held_socket = fcntl(fd, F_DUPFD_CLOEXEC, 3);
                g->opened++;
                return capnp_answer_return(a);
        }
        CHECK(fd >= 0 && g->ncallers < RIG_EVENTS);
        g->ncallers++;
        *c = (struct rig_caller){.g = g, .open = true, .epoch = caller_context_epoch(ctx)};
        c->service = caller_context_kind(ctx) == CALLER_CONTEXT_KIND_SERVICE;
        snprintf(c->facet, sizeof(c->facet), "%s", service_control_open_param_facet(a).p);
        d = caller_context_reference(ctx);
        c->reference_len = d.len;
        CHECK_EQ(d.len, 16);
        memcpy(c->reference, d.p, 16);
        d = caller_context_origin(ctx);
        CHECK_EQ(d.len, 16);
        memcpy(c->origin, d.p, 16);
        d = caller_context_pseudonym(ctx);
        c->pseudonym_len = d.len;
        if (d.len == 16)
                memcpy(c->pseudonym, d.p, 16);
        CHECK_OK(capnp_cap_new_dispatch(g->vat, caller_serve, NULL, c, &c->root));
        CHECK_OK(capnp_conn_new(g->vat, fcntl(fd, F_DUPFD_CLOEXEC, 3), NULL, c->root, &c->conn));
        capnp_conn_on_close(c->conn, caller_closed, c);
        g->opened++;
        return capnp_answer_return(a);
}

static int control_describe(void *self, capnp_answer *a)
{
        struct rig *g = self;

        if (g->mute)
                return control_keep(g, a);
        g->described++;
        service_control_describe_results_set_schema(a,
                                                    (capnp_data){(const uint8_t *)"12345678", 8});
        return capnp_answer_return(a);
}

static const struct service_control_ops control_ops = {.open = control_open,
                                                       .describe = control_describe};

void rig_start_service(struct rig *g)
{
        const struct packet p = {.type = PACKET_SERVICE, .index = 0};
        const struct capnp_limits limits = {.fds = 1};
        int ends[2];

        CHECK(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
        CHECK_OK(service_control_serve(g->vat, &control_ops, g, &g->control_root));
        CHECK_OK(capnp_conn_new(g->vat, ends[0], &limits, g->control_root, &g->control));
        CHECK_OK(capos_io_packet_send(g->up, &p, sizeof(p), &ends[1], 1));
        close(ends[1]);
}

void rig_stop_service(struct rig *g)
{
        for (unsigned i = 0; i < g->ncallers; i++) {
                struct rig_caller *c = &g->callers[i];

                if (c->conn) {
                        capnp_conn_on_close(c->conn, NULL, NULL);
                        capnp_conn_close(c->conn, (capnp_exception){CAPNP_DISCONNECTED, "gone"});
                        c->conn = capnp_conn_unref(c->conn);
                }
                c->root = capnp_cap_unref(c->root);
        }
        if (g->hanging)
                (void)capnp_answer_fail(g->hanging, CAPNP_FAILED, "ends");
        g->hanging = NULL;
        if (g->control) {
                capnp_conn_close(g->control, (capnp_exception){CAPNP_DISCONNECTED, "gone"});
                g->control = capnp_conn_unref(g->control);
        }
        g->control_root = capnp_cap_unref(g->control_root);
}

/* ---- workers -------------------------------------------------------------------------------- */

int rig_worker_fd(struct rig *g, const char *address, uint64_t *ret_event)
{
        struct packet p = {.type = PACKET_EVENT, .event = ++g->last_event};
        uint64_t end = now_ms() + WAIT_MS;
        struct capos_io_addresses all;
        int fd;

        snprintf(p.address, sizeof(p.address), "%s", address);
        if (!capos_io_address_parse(address, true, &all))
                p.source = source_of_address(&all.a[0]);
        if (g->signer >= 0)
                p.transport = TRANSPORT_TLS;
        g->admission = -1;
        CHECK_OK(capos_io_packet_send(g->gate, &p, sizeof(p), NULL, 0));
        while (g->admission < 0) {
                CHECK(now_ms() < end);
                rig_turn(g, 100);
        }

        if (g->signer >= 0)
                rig_take_sign(g);
        *ret_event = p.event;
        fd = g->admission;
        g->admission = -1;
        return fd;
}

static void worker_on_close(capnp_conn *c, void *arg)
{
        struct rig_worker *w = arg;

        (void)c;
        w->closed = true;
}

void rig_worker(struct rig *g, const char *address, struct rig_worker *w)
{
        const struct capnp_limits limits = {.fds = 1};

        *w = (struct rig_worker){.g = g};
        w->fd = rig_worker_fd(g, address, &w->event);
        CHECK_OK(capnp_conn_new(g->vat, w->fd, &limits, NULL, &w->conn));
        capnp_conn_on_close(w->conn, worker_on_close, w);
        CHECK_OK(capnp_rpc_bootstrap(capnp_conn_rpc(w->conn), &w->ask.c));
}

static void worker_on_notice(capnp_question *q, int r, void *arg)
{
        struct rig_worker *w = arg;
        notice_reader n;

        if (!r) {
                n = admission_watch_notice(q);
                if (notice_which(n) == NOTICE_ENDED) {
                        snprintf(w->ended, sizeof(w->ended), "%s", notice_ended(n).p);
                        w->told = true;
                }
                if (notice_which(n) == NOTICE_REVOKED) {
                        snprintf(w->revoked, sizeof(w->revoked), "%s", notice_revoked(n).p);
                        w->bereft = true;
                }
        }
        w->notice = capnp_question_free(q);
        if (!r)
                rig_attend(w);
}

void rig_attend(struct rig_worker *w)
{
        w->notice = admission_watch(w->ask);
        capnp_question_send(w->notice, worker_on_notice, w);
}

void rig_worker_end(struct rig_worker *w)
{
        w->notice = capnp_question_free(w->notice);
        w->ask.c = capnp_cap_unref(w->ask.c);
        capnp_conn_close(w->conn, (capnp_exception){CAPNP_DISCONNECTED, "the worker ends"});
        rig_until(w->g, &w->closed);
        w->conn = capnp_conn_unref(w->conn);
}

void rig_kill(struct rig *g, struct rig_worker *w)
{
        kill(g->pid, SIGKILL);
        rig_until(g, &w->closed);
        w->ask.c = capnp_cap_unref(w->ask.c);
        w->conn = capnp_conn_unref(w->conn);
        rig_stop(g, true);
}

capnp_question *rig_good(capnp_question *q)
{
        int r = capnp_question_wait(q);

        if (r == CAPNP_E_EXCEPTION)
                test_fail(__FILE__, __LINE__, "refused: %s", capnp_question_exception(q).reason);
        CHECK_OK(r);
        return q;
}

void rig_refused(capnp_question *q, const char *text)
{
        int r = capnp_question_wait(q);
        const char *reason = capnp_question_exception(q).reason;

        if (r != CAPNP_E_EXCEPTION && r != CAPNP_E_DISCONNECTED)
                test_fail(__FILE__, __LINE__, "not refused with %s", text);
        if (strncmp(reason, text, strlen(text)) != 0)
                test_fail(__FILE__, __LINE__, "%s, not %s", reason, text);
        capnp_question_free(q);
}

capnp_question *rig_enter(struct rig_worker *w)
{
        capnp_question *q = admission_enter(w->ask);

        admission_enter_set_kind(q, REMOTE_AUTH_KIND_ANONYMOUS);
        return rig_good(q);
}

capnp_question *rig_ask_open(struct rig_worker *w)
{
        capnp_question *q = admission_open(w->ask);

        admission_open_set_name(q, "echo");
        admission_open_set_interface_id(q, ECHO_ID);
        return q;
}

capnp_cap *rig_open(struct rig_worker *w, capnp_conn **ret_c)
{
        capnp_question *q = rig_good(rig_ask_open(w));
        capnp_cap *root;
        int fd;

        fd = fcntl(capnp_cap_fd_peek(admission_open_end(q).c), F_DUPFD_CLOEXEC, 3);
        CHECK(fd >= 0);
        capnp_question_free(q);
        CHECK_OK(capnp_conn_new(w->g->vat, fd, NULL, NULL, ret_c));
        CHECK_OK(capnp_rpc_bootstrap(capnp_conn_rpc(*ret_c), &root));
        return root;
}

capnp_question *rig_call(struct rig *g, capnp_cap *echo, uint16_t method, uint64_t n)
{
        capnp_question *q = capnp_question_new_any(g->vat, echo, ECHO_ID, method);
        capnp_builder b = capnp_abuilder_init_struct(capnp_question_params_any(q), 1, 0);

        capnp_builder_set_u64(b, 0, n, 0);
        return q;
}

int rig_echo(struct rig *g, capnp_cap *echo, uint64_t n)
{
        capnp_question *q = rig_call(g, echo, ECHO_ADD_ONE, n);
        int r = capnp_question_wait(q);
        capnp_reader result = capnp_any_struct(capnp_question_response_any(q), NULL);

        if (!r)
                CHECK_EQ(capnp_reader_u64(result, 0, 0), n + 1);
        capnp_question_free(q);
        return r;
}

/* ---- administration and flows --------------------------------------------------------------- */

admin_client rig_admin(struct rig *g)
{
        return (admin_client){g->admin};
}

void rig_account(struct rig *g, const char *name, const char *password)
{
        capnp_question *q = admin_account_add(rig_admin(g));
        capnp_lbuilder l = admin_account_add_init_profiles(q, 2);

        admin_account_add_set_name(q, name);
        admin_account_add_in_set_profiles_at(l, 0, "operator");
        admin_account_add_in_set_profiles_at(l, 1, "second");
        admin_account_add_set_password(
                q, (capnp_data){(const uint8_t *)password, (uint32_t)strlen(password)});
        capnp_question_free(rig_good(q));
}

capnp_question *rig_password(struct rig_worker *w, const char *account, const char *profile,
                             const char *password)
{
        capnp_question *q = admission_start(w->ask);
        remote_auth_start_builder b = admission_start_init_request(q);
        uint32_t flow;

        remote_auth_start_set_kind(b, REMOTE_AUTH_KIND_PASSWORD);
        login_selector_set_account(remote_auth_start_init_selector(b), account);
        remote_auth_start_set_requested_profile(b, profile);
        flow = admission_start_flow(rig_good(q));
        capnp_question_free(q);

        q = admission_next(w->ask);
        admission_next_set_flow(q, flow);
        admission_next_set_response(
                q, (capnp_data){(const uint8_t *)password, (uint32_t)strlen(password)});
        return q;
}

/* ---- what is left behind -------------------------------------------------------------------- */

char *rig_file(struct rig *g, const char *name, size_t *ret_len)
{
        char path[128];
        struct stat st;
        char *bytes;
        int fd;

        snprintf(path, sizeof(path), "%s/%s", g->dir, name);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        CHECK(fd >= 0 && !fstat(fd, &st));
        bytes = calloc(1, (size_t)st.st_size + 1);
        CHECK(bytes && read(fd, bytes, (size_t)st.st_size) == st.st_size);
        close(fd);
        if (ret_len)
                *ret_len = (size_t)st.st_size;
        return bytes;
}

unsigned rig_audited(struct rig *g, const char *text)
{
        char *log = rig_file(g, "audit.log", NULL);
        unsigned n = 0;

        for (char *at = log; (at = strstr(at, text)); at++)
                n++;
        free(log);
        return n;
}

void rig_status(struct rig *g, unsigned *ret_sessions, unsigned *ret_descriptors)
{
        capnp_question *q = rig_good(admin_status(rig_admin(g)));

        *ret_sessions = admin_status_sessions(q);
        *ret_descriptors = admin_status_descriptors(q);
        capnp_question_free(q);
}
