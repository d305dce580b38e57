/*
 * Local administration, revocation of what is in use, workers that do not cooperate or attack, and
 * what a killed session manager leaves on disk.
 */
#include "test-rig.h"

#include "io-packet.h"
#include "session-audit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRET "correct horse battery"

/* The id of the only session. */
static void only_session(struct rig *g, char id[64])
{
        capnp_question *q = rig_good(admin_session_list(rig_admin(g)));
        live_session_list l = admin_session_list_sessions(q);

        CHECK_EQ(live_session_list_len(l), 1);
        snprintf(id, 64, "%s", live_session_id(live_session_list_get(l, 0)).p);
        capnp_question_free(q);
}

static capnp_question *take_back(struct rig *g, const char *id, const char *cap)
{
        capnp_question *q = admin_session_revoke(rig_admin(g));

        admin_session_revoke_set_id(q, id);
        admin_session_revoke_set_cap(q, cap);
        return q;
}

static capnp_question *passwd(struct rig *g, const char *name, const char *password)
{
        capnp_question *q = admin_passwd(rig_admin(g));

        admin_passwd_set_name(q, name);
        admin_passwd_set_password(
                q, (capnp_data){(const uint8_t *)password, (uint32_t)strlen(password)});
        return q;
}

TEST_T(accounts_are_made_and_removed, 90)
{
        struct rig g;
        capnp_question *q;
        capnp_lbuilder l;
        account_list accounts;

        rig_start(&g, NULL);
        rig_account(&g, "alice", SECRET);
        rig_account(&g, "bob", "");
        q = admin_account_add(rig_admin(&g));
        admin_account_add_set_name(q, "carol");
        rig_refused(q, "an account has 1 to 16 profiles");
        q = admin_account_add(rig_admin(&g));
        l = admin_account_add_init_profiles(q, 1);
        admin_account_add_set_name(q, "carol");
        admin_account_add_in_set_profiles_at(l, 0, "visitor");
        rig_refused(q, "no such profile, or not one for accounts: there are ");
        rig_refused(passwd(&g, "alice", "short"), "a password has");
        rig_refused(passwd(&g, "nobody", SECRET), "there is none such: `capos account list`");
        capnp_question_free(rig_good(passwd(&g, "bob", SECRET)));
        capnp_question_free(rig_good(passwd(&g, "alice", "")));

        q = rig_good(admin_account_list(rig_admin(&g)));
        accounts = admin_account_list_accounts(q);
        CHECK_EQ(account_list_len(accounts), 2);
        CHECK(!account_has_password(account_list_get(accounts, 0)));
        CHECK(account_has_password(account_list_get(accounts, 1)));
        CHECK_EQ(account_profiles(account_list_get(accounts, 1)).len, 2);
        capnp_question_free(q);
        q = admin_account_remove(rig_admin(&g));
        admin_account_remove_set_name(q, "bob");
        capnp_question_free(rig_good(q));
        q = rig_good(admin_audit_path(rig_admin(&g)));
        CHECK(strstr(admin_audit_path_path(q).p, "/audit.log"));
        capnp_question_free(q);
        CHECK_EQ(rig_audited(&g, SECRET), 0);
        rig_stop(&g, false);
        rig_remove(g.dir);
}

/* caposd has something to say. */
static void told(struct rig *g, struct packet p, const char *text)
{
        snprintf(p.address, sizeof(p.address), "%s", text);
        CHECK_OK(capos_io_packet_send(g->up, &p, sizeof(p), NULL, 0));
}

TEST_T(a_new_identity_is_asked_for_one_at_a_time, 90)
{
        struct packet p = {.type = PACKET_RELOADED};
        capnp_question *q;
        struct rig g;

        rig_start(&g, NULL);
        q = admin_reload_identity(rig_admin(&g));
        capnp_question_send(q, NULL, NULL);
        rig_until_count(&g, &g.nrenewals, 1);
        rig_refused(admin_reload_identity(rig_admin(&g)), "another one is under way");
        p.index = g.renewal - 1;
        told(&g, p, "an answer to nobody");
        p.index = g.renewal;
        told(&g, p, "sha256:abc");
        CHECK_STR(admin_reload_identity_fingerprint(rig_good(q)).p, "sha256:abc");
        capnp_question_free(q);

        q = admin_reload_identity(rig_admin(&g));
        capnp_question_send(q, NULL, NULL);
        rig_until_count(&g, &g.nrenewals, 2);
        p.index = g.renewal;
        p.result = 3;
        told(&g, p, "it is a wrong one");
        rig_refused(q, "the old certificate stays: it is a wrong one");
        CHECK_EQ(rig_audited(&g, "sha256:abc"), 1);
        CHECK_EQ(rig_audited(&g, "it is a wrong one"), 1);

        /* caposd may be stuck, and whoever asks may go. */
        q = admin_reload_identity(rig_admin(&g));
        rig_refused(q, "the instance has not taken it in time");
        q = admin_reload_identity(rig_admin(&g));
        capnp_question_send(q, NULL, NULL);
        rig_until_count(&g, &g.nrenewals, 4);
        rig_stop(&g, false);
        rig_remove(g.dir);
        capnp_question_free(q);
}

TEST_T(status_has_what_caposd_tells, 90)
{
        const struct packet at = {.type = PACKET_ENDPOINT, .index = 1},
                            none = {.type = PACKET_ENDPOINT, .index = 1000},
                            confined = {.type = PACKET_CONFINED, .check = 1, .index = 3},
                            identity = {.type = PACKET_IDENTITY, .until_s = 7};
        capnp_question *q;
        struct rig g;

        rig_start(&g, NULL);
        q = rig_good(admin_status(rig_admin(&g)));
        CHECK_STR(admin_status_confinement(q).p, "basic");
        CHECK_EQ(admin_status_layers(q).len, 0);
        CHECK_EQ(admin_status_certificate_until_ms(q), 0);
        capnp_question_free(q);

        told(&g, (struct packet){.type = PACKET_ENDPOINT}, "unix:/a");
        told(&g, at, "tls:127.0.0.1:1");
        told(&g, at, "capos://127.0.0.1:1/#sha256:abc");
        told(&g, none, "nowhere");
        told(&g, confined, "");
        told(&g, identity, "DNS:localhost");
        rig_until_seen(&g);
        q = rig_good(admin_status(rig_admin(&g)));
        CHECK_STR(admin_status_address(q).p, "unix:/a");
        CHECK_EQ(admin_status_addresses(q).len, 2);
        CHECK_STR(admin_status_out_addresses_at(admin_status_addresses(q), 1).p,
                  "capos://127.0.0.1:1/#sha256:abc");
        CHECK_STR(admin_status_confinement(q).p, "full");
        CHECK_EQ(admin_status_layers(q).len, 2);
        CHECK_STR(admin_status_out_layers_at(admin_status_layers(q), 0).p, "paths");
        CHECK_STR(admin_status_certificate_names(q).p, "DNS:localhost");
        CHECK_EQ(admin_status_certificate_until_ms(q), 7000);
        capnp_question_free(q);
        rig_stop(&g, false);
        rig_remove(g.dir);
}

/* A password is hashed, a key looked at, while its account goes and another gets its name. */
TEST_T(a_change_is_for_the_account_that_it_was_asked_for, 60)
{
        static const char key[] = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFhmZmZmZmZmZmZmZmZmZmZm"
                                  "ZmZmZmZmZmZmZmZmZmZm bob";
        capnp_question *passwd, *add, *q;
        struct rig g;
        account_reader acc;

        rig_start(&g, NULL);
        rig_account(&g, "bob", "");
        g.hold_provers = true;
        passwd = admin_passwd(rig_admin(&g));
        admin_passwd_set_name(passwd, "bob");
        admin_passwd_set_password(passwd, (capnp_data){(const uint8_t *)"of the first", 12});
        capnp_question_send(passwd, NULL, NULL);
        add = admin_key_add(rig_admin(&g));
        admin_key_add_set_name(add, "bob");
        admin_key_add_set_key(add, key);
        capnp_question_send(add, NULL, NULL);
        rig_until_count(&g, &g.nheld, 2);

        q = admin_account_remove(rig_admin(&g));
        admin_account_remove_set_name(q, "bob");
        capnp_question_free(rig_good(q));
        rig_account(&g, "bob", "");
        rig_release_provers(&g);
        rig_refused(passwd, "there is none such");
        rig_refused(add, "there is none such");

        q = rig_good(admin_account_list(rig_admin(&g)));
        acc = account_list_get(admin_account_list_accounts(q), 0);
        CHECK_STR(account_name(acc).p, "bob");
        CHECK(!account_has_password(acc));
        CHECK_EQ(account_keys(acc).len, 0);
        capnp_question_free(q);
        rig_stop(&g, false);
        rig_remove(g.dir);
}

TEST_T(a_changed_password_ends_what_the_old_one_made, 90)
{
        struct rig_worker w;
        struct rig g;

        rig_start(&g, NULL);
        rig_account(&g, "alice", SECRET);
        rig_worker(&g, RIG_HOME, &w);
        capnp_question_free(rig_good(rig_password(&w, "alice", "", SECRET)));
        rig_attend(&w);
        capnp_question_free(rig_good(passwd(&g, "alice", "an other secret")));
        CHECK_STR(w.ended, "revoked: what it was proved by was taken away");
        rig_until_left(&g, 0, 0);
        rig_worker_end(&w);
        rig_worker(&g, RIG_HOME, &w);
        rig_refused(rig_password(&w, "alice", "", SECRET), "denied.credentials");
        rig_worker_end(&w);
        rig_stop(&g, false);
        rig_remove(g.dir);
}

TEST(a_revoked_session_ends_with_calls_in_flight)
{
        capnp_conn *c;
        capnp_cap *echo;
        capnp_question *open;
        struct rig_worker w;
        struct rig g;
        char id[64];

        rig_start(&g, NULL);
        rig_worker(&g, RIG_HOME, &w);
        capnp_question_free(rig_enter(&w));
        rig_attend(&w);
        echo = rig_open(&w, &c);
        open = rig_call(&g, echo, ECHO_HANG, 0);
        capnp_question_send(open, NULL, NULL);
        rig_until_count(&g, &g.hung, 1);
        only_session(&g, id);
        rig_refused(take_back(&g, "nonsense", ""), "there is no such session");
        capnp_question_free(rig_good(take_back(&g, id, "")));
        CHECK(capnp_question_wait(open) == CAPNP_E_DISCONNECTED);
        rig_until_count(&g, &g.hang_canceled, 1);
        rig_until(&g, &w.told);
        CHECK_STR(w.ended, "revoked");
        rig_refused(admission_open(w.ask), "denied.stale-session: revoked");
        rig_until_left(&g, 0, 0);
        capnp_question_free(open);
        capnp_cap_unref(echo);
        capnp_conn_unref(c);
        rig_worker_end(&w);
        rig_stop(&g, false);
        CHECK_EQ(g.nkilled, 0);
        rig_remove(g.dir);
}

TEST(a_revoked_capability_takes_queued_calls_along)
{
        struct rig_worker w;
        struct rig g;
        capnp_question *q;
        char id[64], bytes[64];
        int fd;

        rig_start(&g, NULL);
        g.hold_sockets = true; /* the service does not read */
        rig_worker(&g, RIG_HOME, &w);
        capnp_question_free(rig_enter(&w));
        rig_attend(&w);
        q = admission_open(w.ask);
        admission_open_set_name(q, "echo");
        admission_open_set_interface_id(q, ECHO_ID);
        fd = fcntl(capnp_cap_fd_peek(admission_open_end(rig_good(q)).c), F_DUPFD_CLOEXEC, 3);
        capnp_question_free(q);
        rig_until_count(&g, &g.opened, 1);
        CHECK_EQ(write(fd, "queued calls", 12), 12);

        only_session(&g, id);
        rig_refused(take_back(&g, id, "vault"), "the session has no such capability");
        capnp_question_free(rig_good(take_back(&g, id, "echo")));
        CHECK_EQ(read(g.held_socket, bytes, sizeof(bytes)), 0);
        CHECK(send(fd, "late calls", 10, MSG_NOSIGNAL) < 0 && errno == EPIPE);
        rig_until(&g, &w.bereft);
        CHECK_STR(w.revoked, "echo");
        rig_refused(rig_ask_open(&w), "denied.revoked-lease");
        close(fd);
        close(g.held_socket);
        rig_worker_end(&w);
        rig_until_left(&g, 0, 0);
        rig_stop(&g, false);
        rig_remove(g.dir);
}

/* Opens `echo` at a service that does not read. The worker's end. */
static int open_unread(struct rig_worker *w)
{
        capnp_question *q = rig_good(rig_ask_open(w));
        int fd = fcntl(capnp_cap_fd_peek(admission_open_end(q).c), F_DUPFD_CLOEXEC, 3);

        CHECK(fd >= 0);
        capnp_question_free(q);
        return fd;
}

/* A worker cannot get its calls past a revocation by closing its side first. */
TEST(what_was_queued_before_a_half_close_goes_too)
{
        for (unsigned whole = 0; whole < 2; whole++) {
                struct rig_worker w;
                struct rig g;
                char id[64], bytes[64];
                int fd;

                rig_start(&g, NULL);
                g.hold_sockets = true;
                rig_worker(&g, RIG_HOME, &w);
                capnp_question_free(rig_enter(&w));
                fd = open_unread(&w);
                rig_until_count(&g, &g.opened, 1);
                CHECK_EQ(write(fd, "queued calls", 12), 12);
                if (whole)
                        close(fd);
                else
                        CHECK_EQ(shutdown(fd, SHUT_WR), 0);
                rig_pause(&g, 300);

                only_session(&g, id);
                capnp_question_free(rig_good(take_back(&g, id, "echo")));
                CHECK_EQ(read(g.held_socket, bytes, sizeof(bytes)), 0);
                if (!whole)
                        close(fd);
                close(g.held_socket);
                rig_worker_end(&w);
                rig_until_left(&g, 0, 0);
                rig_stop(&g, false);
                rig_remove(g.dir);
        }
}

/* Once the service has read what was left, there is nothing to keep; and a new one can be had. */
TEST(what_is_left_in_a_closed_socket_may_be_read)
{
        unsigned sessions, descriptors;
        struct rig_worker w;
        struct rig g;
        char bytes[64];
        int first;

        rig_start(&g, NULL);
        g.hold_sockets = true;
        rig_worker(&g, RIG_HOME, &w);
        capnp_question_free(rig_enter(&w));
        first = open_unread(&w);
        rig_until_count(&g, &g.opened, 1);
        CHECK_EQ(write(first, "queued calls", 12), 12);
        close(first);
        rig_pause(&g, 300);
        rig_status(&g, &sessions, &descriptors);
        CHECK_EQ(descriptors, 1);
        CHECK_EQ(read(g.held_socket, bytes, sizeof(bytes)), 12);
        rig_until_left(&g, 1, 0);
        close(g.held_socket);
        close(open_unread(&w));
        rig_until_count(&g, &g.opened, 2);
        close(g.held_socket);
        rig_worker_end(&w);
        rig_until_left(&g, 0, 0);
        rig_stop(&g, false);
        rig_remove(g.dir);
}

static void ends_killed(struct rig *g, struct rig_worker *w)
{
        rig_until_count(g, &g->nkilled, 1);
        CHECK_EQ(g->killed[0], w->event);
        rig_until(g, &w->closed);
        rig_until_left(g, 0, 0);
        rig_worker_end(w);
        rig_stop(g, false);
        rig_remove(g->dir);
}

TEST(who_does_not_acknowledge_is_killed)
{
        struct rig_worker w;
        struct rig g;
        capnp_question *q;
        char id[64];

        rig_start(&g, NULL);
        rig_worker(&g, RIG_HOME, &w);
        capnp_question_free(rig_enter(&w));
        q = admission_watch(w.ask);
        capnp_question_send(q, NULL, NULL);
        only_session(&g, id);
        capnp_question_free(rig_good(take_back(&g, id, "echo")));
        CHECK_EQ(notice_which(admission_watch_notice(rig_good(q))), NOTICE_REVOKED);
        capnp_question_free(q);
        ends_killed(&g, &w);
}

TEST(who_never_watches_is_killed)
{
        struct rig_worker w;
        struct rig g;
        char id[64];

        rig_start(&g, NULL);
        rig_worker(&g, RIG_HOME, &w);
        capnp_question_free(rig_enter(&w));
        only_session(&g, id);
        capnp_question_free(rig_good(take_back(&g, id, "")));
        ends_killed(&g, &w);
}

/* ---- hijacked workers ----------------------------------------------------------------------- */

TEST(illegal_calls_are_refused_recorded_and_few)
{
        struct rig_worker w;
        struct rig g;

        rig_start(&g, NULL);
        rig_worker(&g, RIG_HOME, &w);
        for (unsigned i = 0; i < 4; i++) {
                rig_refused(admission_open(w.ask), "open is illegal now");
                rig_refused(admission_logout(w.ask), "logout is illegal now");
                rig_refused(admission_renew(w.ask), "renew is illegal now");
                if (i < 3)
                        rig_refused(admission_schema(w.ask), "schema is illegal now");
        }
        /* The first of each kind at once, the others as a number. */
        CHECK_EQ(rig_audited(&g, "\"what\":\"illegal\""), 4);
        capnp_question_detach(admission_report(w.ask));
        ends_killed(&g, &w);
}

TEST(a_capability_in_a_message_ends_it)
{
        struct rig_worker w;
        struct rig g;
        capnp_cap *bad;
        capnp_question *q;
        capnp_builder b;

        rig_start(&g, NULL);
        rig_worker(&g, RIG_HOME, &w);
        CHECK_OK(capnp_cap_new_dispatch(g.vat, (capnp_handler *)NULL, NULL, NULL, &bad));
        q = capnp_question_new_any(g.vat, w.ask.c, ADMISSION_ID, 4);
        b = capnp_abuilder_init_struct(capnp_question_params_any(q), 1, 3);
        capnp_builder_set_u16(b, 0, REMOTE_AUTH_KIND_ANONYMOUS, 0);
        capnp_abuilder_set_cap(capnp_builder_any(b, 2), bad);
        CHECK(capnp_question_wait(q) != 0);
        capnp_question_free(q);
        capnp_cap_unref(bad);
        rig_until_count(&g, &g.nkilled, 1);
        CHECK_EQ(rig_audited(&g, "\"what\":\"grant\""), 0);
        CHECK_EQ(rig_audited(&g, "\"outcome\":\"a capability where none is taken\""), 1);
        ends_killed(&g, &w);
}

/* A worker that speaks no RPC, or bad RPC, is not one of ours any more. */
TEST(a_breach_of_the_protocol_is_recorded)
{
        /* Release of an export that there is not. */
        static const uint64_t release[] = {4ull << 32, 1ull << 48 | 1ull << 32, 6, 1ull << 32,
                                           1ull << 32 | 99};
        struct rig g;
        uint64_t event;
        int fd;

        rig_start(&g, NULL);
        fd = rig_worker_fd(&g, RIG_HOME, &event);
        CHECK_EQ(write(fd, release, sizeof(release)), sizeof(release));
        rig_until_count(&g, &g.nkilled, 1);
        CHECK_EQ(g.killed[0], event);
        CHECK_EQ(rig_audited(&g, "\"what\":\"illegal\""), 1);
        close(fd);
        rig_stop(&g, false);
        rig_remove(g.dir);
}

TEST(a_large_message_fails_alone)
{
        struct rig_worker w;
        struct rig g;
        capnp_question *q;
        char *text = calloc(1, 80001);

        CHECK(text);
        memset(text, 'x', 80000);
        rig_start(&g, NULL);
        rig_worker(&g, RIG_HOME, &w);
        capnp_question_free(rig_enter(&w));
        q = admission_report(w.ask);
        admission_report_set_detail(q, text);
        rig_refused(q, "over-quota.bytes: ");
        free(text);
        capnp_question_free(rig_good(admission_methods(w.ask)));
        CHECK_EQ(rig_audited(&g, "\"what\":\"illegal\""), 0);
        rig_worker_end(&w);
        rig_stop(&g, false);
        rig_remove(g.dir);
}

/* What a client that resets its connection looks like from here. */
TEST(a_reset_is_no_crime)
{
        /* Bootstrap, question 0. */
        static const uint64_t bootstrap[] = {
                5ull << 32, 1ull << 48 | 1ull << 32, 8, 1ull << 48 | 1ull << 32, 0, 0};
        struct rig g;
        uint64_t event;
        struct pollfd p;

        rig_start(&g, NULL);
        p = (struct pollfd){.fd = rig_worker_fd(&g, RIG_HOME, &event), .events = POLLIN};
        CHECK_EQ(write(p.fd, bootstrap, sizeof(bootstrap)), sizeof(bootstrap));
        CHECK_EQ(poll(&p, 1, 60000), 1);
        close(p.fd); /* with the answer unread */
        rig_until_count(&g, &g.nkilled, 1);
        CHECK_EQ(rig_audited(&g, "\"what\":\"illegal\""), 0);
        rig_stop(&g, false);
        rig_remove(g.dir);
}

TEST(a_message_of_some_size_is_taken)
{
        struct rig_worker w;
        struct rig g;
        capnp_question *q;
        char *text = calloc(1, 40001);

        CHECK(text);
        memset(text, 'x', 40000);
        rig_start(&g, NULL);
        rig_worker(&g, RIG_HOME, &w);
        capnp_question_free(rig_enter(&w));
        q = admission_report(w.ask);
        admission_report_set_event(q, "transfer \"denied\"\n");
        admission_report_set_detail(q, text);
        capnp_question_free(rig_good(q));
        CHECK_EQ(rig_audited(&g, "\"reporter\":\"worker\""), 1);
        CHECK_EQ(rig_audited(&g, "transfer \\u0022denied\\u0022\\u000a"), 1);
        free(text);
        rig_worker_end(&w);
        rig_stop(&g, false);
        rig_remove(g.dir);
}

static void report(struct rig_worker *w, const char *service, const char *detail, bool decided)
{
        capnp_question *q = admission_report(w->ask);

        admission_report_set_event(q, "ui.persist");
        admission_report_set_capability(q, service);
        admission_report_set_detail(q, detail);
        admission_report_set_decided(q, decided);
        capnp_question_free(rig_good(q));
}

/* What services ask for is counted, of each; what a person says to it is not. Of nobody's session
 * that is counted, too. */
TEST_T(what_somebody_has_decided_is_a_record_of_its_own, 60)
{
        capnp_question *q;
        struct rig_worker w;
        struct rig g;

        rig_start(&g, NULL);
        rig_account(&g, "alice", SECRET);
        rig_worker(&g, RIG_HOME, &w);
        capnp_question_free(rig_good(rig_password(&w, "alice", "", SECRET)));
        for (unsigned i = 0; i < 2; i++) {
                report(&w, "stage", "layout", false);
                report(&w, "guide", "layout", false);
                report(&w, "stage", "the client says refused: layout", true);
                report(&w, "stage", "the client says allowed: layout", true);
        }
        q = admission_report(w.ask); /* what the worker has counted itself */
        admission_report_set_event(q, "over-quota.reports");
        admission_report_set_times(q, 7);
        capnp_question_free(rig_good(q));
        CHECK_EQ(rig_audited(&g, "\"reporter\":\"worker\",\"times\":\"7\""), 1);
        rig_worker_end(&w);
        CHECK_EQ(rig_audited(&g, "\"capability\":\"stage\",\"detail\":\"layout\""), 1);
        CHECK_EQ(rig_audited(&g, "\"capability\":\"guide\",\"detail\":\"layout\""), 1);
        CHECK_EQ(rig_audited(&g, "\"detail\":\"the client says refused: layout\""), 2);
        CHECK_EQ(rig_audited(&g, "\"detail\":\"the client says allowed: layout\""), 2);

        rig_worker(&g, RIG_AWAY, &w);
        capnp_question_free(rig_enter(&w));
        for (unsigned i = 0; i < 100; i++)
                report(&w, "stage", "of nobody", true);
        rig_worker_end(&w);
        CHECK_EQ(rig_audited(&g, "\"detail\":\"of nobody\""), 1);
        rig_stop(&g, false);
        CHECK_EQ(
                rig_audited(&g, "\"capability\":\"guide\",\"reporter\":\"worker\",\"times\":\"1\""),
                1);
        CHECK_EQ(rig_audited(&g, "\"reporter\":\"worker\",\"times\":\"99\""), 1);
        rig_remove(g.dir);
}

/* However many they are, only so many of them are recorded; the others are a number. */
TEST_T(decisions_are_recorded_within_bounds, 120)
{
        unsigned good = 0, refused;
        struct rig_worker w;
        struct rig g;

        rig_start(&g, NULL);
        rig_account(&g, "alice", SECRET);
        rig_worker(&g, RIG_HOME, &w);
        capnp_question_free(rig_good(rig_password(&w, "alice", "", SECRET)));
        for (unsigned i = 0; i < 3000; i++) {
                capnp_question *q = admission_report(w.ask);

                admission_report_set_event(q, "ui.command");
                admission_report_set_decided(q, true);
                good += !capnp_question_wait(q);
                capnp_question_free(q);
        }
        rig_worker_end(&w);
        CHECK(good >= 1000 && good < 3000);
        CHECK_EQ(rig_audited(&g, "\"outcome\":\"ui.command\""), good);
        refused = rig_audited(&g, "\"outcome\":\"over-quota.reports\"");
        CHECK(refused >= 1 && refused < 10); /* the first, and once a minute how many more */
        rig_stop(&g, false);
        CHECK_EQ(rig_audited(&g, "\"outcome\":\"over-quota.reports\""), refused + 1);
        rig_remove(g.dir);
}

TEST(descriptors_are_not_taken)
{
        struct rig g;
        uint64_t event;
        char byte = 0, control[CMSG_SPACE(sizeof(int))] = {0};
        struct iovec v = {&byte, 1};
        struct msghdr m = {.msg_iov = &v,
                           .msg_iovlen = 1,
                           .msg_control = control,
                           .msg_controllen = sizeof(control)};
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        int fd, ends[2];

        rig_start(&g, NULL);
        fd = rig_worker_fd(&g, RIG_HOME, &event);
        CHECK(!pipe2(ends, O_CLOEXEC));
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &ends[1], sizeof(int));
        CHECK_EQ(sendmsg(fd, &m, 0), 1);
        close(ends[1]);
        CHECK_EQ(read(ends[0], &byte, 1), 0); /* once the session manager has read it */
        close(ends[0]);
        close(fd);
        rig_stop(&g, false);
        rig_remove(g.dir);
}

/* ---- what is on disk ------------------------------------------------------------------------ */

static struct capos_audit_verdict verify(struct rig *g)
{
        struct capos_audit_verdict v;
        char path[128];
        int fd;

        snprintf(path, sizeof(path), "%s/audit.log", g->dir);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        CHECK(fd >= 0);
        CHECK_OK(capos_audit_verify(fd, NULL, &v));
        close(fd);
        return v;
}

TEST_T(a_kill_leaves_a_chain_that_goes_on, 90)
{
        struct rig_worker w;
        struct rig g;
        struct rig_options again = {.pseudonym = true};
        char dir[64], path[128];
        uint8_t pseudonym[16], reference[16];
        capnp_conn *c;
        int fd;

        rig_start(&g, &again);
        snprintf(dir, sizeof(dir), "%s", g.dir);
        again.dir = dir;
        rig_account(&g, "alice", SECRET);
        rig_worker(&g, RIG_HOME, &w);
        capnp_question_free(rig_good(rig_password(&w, "alice", "", SECRET)));
        capnp_cap_unref(rig_open(&w, &c));
        CHECK_EQ(g.callers[0].pseudonym_len, 16);
        memcpy(pseudonym, g.callers[0].pseudonym, 16);
        memcpy(reference, g.callers[0].reference, 16);
        CHECK(memcmp(pseudonym, reference, 16) != 0);
        capnp_conn_unref(c);
        rig_stop_service(&g);
        rig_kill(&g, &w);
        CHECK_EQ(verify(&g).fault, CAPOS_AUDIT_GOOD);

        /* A record that was being written. */
        snprintf(path, sizeof(path), "%s/audit.log", dir);
        fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
        CHECK_EQ(write(fd, "{\"n\":", 5), 5);
        close(fd);
        CHECK_EQ(verify(&g).fault, CAPOS_AUDIT_TORN);
        rig_start(&g, &again);
        CHECK_EQ(verify(&g).fault, CAPOS_AUDIT_GOOD);
        CHECK_EQ(rig_audited(&g, "\"what\":\"recovered\""), 1);
        rig_worker(&g, RIG_HOME, &w);
        capnp_question_free(rig_good(rig_password(&w, "alice", "", SECRET)));
        capnp_cap_unref(rig_open(&w, &c));
        CHECK_EQ(g.callers[0].epoch, 2);
        CHECK_MEM(g.callers[0].pseudonym, pseudonym, 16);
        CHECK(memcmp(g.callers[0].reference, reference, 16) != 0);
        capnp_conn_unref(c);
        CHECK(rig_audited(&g, "\"what\":\"disclosure\"") >= 1);
        rig_worker_end(&w);
        rig_stop(&g, false);
        rig_remove(dir);
}

/* The witness is a record that is in the log, under its number and hash. */
static uint64_t witnessed(struct rig *g, log_witness_reader w, const char *what)
{
        capnp_data hash = log_witness_hash(w);
        char text[160], number[32], *all, *line, *end;
        size_t len;

        CHECK_EQ(hash.len, CAPOS_AUDIT_HASH_BYTES);
        for (unsigned i = 0; i < hash.len; i++)
                snprintf(text + 2 * i, 3, "%02x", hash.p[i]);
        snprintf(number, sizeof(number), "{\"n\":%llu,",
                 (unsigned long long)log_witness_records(w));
        all = rig_file(g, "audit.log", &len);
        line = strstr(all, number);
        CHECK(line);
        end = strchr(line, '\n');
        CHECK(end);
        *end = 0;
        CHECK(strstr(line, text));
        snprintf(text, sizeof(text), "\"what\":\"%s\"", what);
        CHECK(strstr(line, text));
        free(all);
        return log_witness_records(w);
}

TEST_T(users_are_told_how_far_the_log_is, 60)
{
        struct rig_worker w;
        capnp_question *q;
        capnp_conn *c;
        struct rig g;
        uint64_t begun;

        rig_start(&g, NULL);
        rig_account(&g, "alice", SECRET);
        rig_worker(&g, RIG_HOME, &w);
        q = rig_good(rig_password(&w, "alice", "", SECRET));
        begun = witnessed(&g, session_info_witness(bound_info(admission_next_bound(q))), "grant");
        capnp_question_free(q);
        capnp_cap_unref(rig_open(&w, &c));
        capnp_conn_unref(c);
        q = rig_good(admission_logout(w.ask));
        CHECK(witnessed(&g, admission_logout_witness(q), "open") > begun);
        capnp_question_free(q);
        rig_worker_end(&w);

        /* How much is going on is not a stranger's business. */
        rig_worker(&g, RIG_AWAY, &w);
        q = rig_enter(&w);
        CHECK_EQ(log_witness_records(session_info_witness(bound_info(admission_enter_bound(q)))),
                 0);
        capnp_question_free(q);
        q = rig_good(admission_logout(w.ask));
        CHECK_EQ(log_witness_records(admission_logout_witness(q)), 0);
        capnp_question_free(q);
        rig_worker_end(&w);
        rig_stop(&g, false);
        rig_remove(g.dir);
}

static capnp_question *tally(struct rig_worker *w, unsigned rows)
{
        capnp_question *q = admission_tally(w->ask);
        call_tally_list_builder l = admission_tally_init_calls(q, rows);

        for (unsigned i = 0; i < rows; i++) {
                call_tally_builder b = call_tally_list_builder_get(l, i);

                call_tally_set_capability(b, "echo");
                call_tally_set_interface_id(b, ECHO_ID);
                call_tally_set_method(b, (uint16_t)i);
                call_tally_set_calls(b, 1000);
                call_tally_set_outcome(b, "ok");
        }
        return q;
}

/* A worker that was taken over says what it likes, and not more than so much of it. */
TEST_T(a_worker_tells_of_calls_within_bounds, 120)
{
        struct rig_worker w;
        unsigned good = 0;
        struct rig g;

        rig_start(&g, NULL);
        rig_account(&g, "alice", SECRET);
        rig_worker(&g, RIG_HOME, &w);
        rig_refused(tally(&w, 1), "tally is illegal now");
        capnp_question_free(rig_good(rig_password(&w, "alice", "", SECRET)));
        rig_refused(tally(&w, 66), "over-quota.reports");
        for (unsigned i = 0; i < 1000; i++) {
                capnp_question *q = tally(&w, 65);

                good += !capnp_question_wait(q);
                capnp_question_free(q);
        }
        CHECK(good >= 3 && good < 30);
        rig_worker_end(&w);
        CHECK_EQ(rig_audited(&g, "\"what\":\"calls\""), 65 * good);
        CHECK_EQ(rig_audited(&g, "\"reporter\":\"worker\",\"times\":\"1000\""), 65 * good);
        CHECK_EQ(rig_audited(&g, "0xec40ec40ec40ec40.64, 0 bytes"), good);

        /* Of nobody's sessions they are counted. */
        rig_worker(&g, RIG_AWAY, &w);
        capnp_question_free(rig_enter(&w));
        for (unsigned i = 0; i < 2; i++)
                capnp_question_free(rig_good(tally(&w, 65)));
        rig_worker_end(&w);
        rig_stop(&g, false);
        CHECK(rig_audited(&g, "\"what\":\"calls\"") < 65 * good + 40);
        rig_remove(g.dir);
}

/* Whose they were is known when the session is over. */
TEST_T(the_last_calls_of_a_session_are_its_own, 60)
{
        struct rig_worker w;
        struct rig g;

        rig_start(&g, NULL);
        rig_account(&g, "alice", SECRET);
        rig_worker(&g, RIG_HOME, &w);
        capnp_question_free(rig_good(rig_password(&w, "alice", "", SECRET)));
        capnp_question_free(rig_good(admission_logout(w.ask)));
        capnp_question_free(rig_good(tally(&w, 1)));
        rig_worker_end(&w);
        CHECK_EQ(rig_audited(&g, "\"account\":\"alice\",\"profile\":\"operator\",\"session\""), 1);
        rig_stop(&g, false);
        rig_remove(g.dir);
}

TEST(files_are_private)
{
        static const char *const names[] = {"accounts.db", "accounts.db-wal", "audit.log"};
        struct rig g;
        struct stat st;
        char path[128];

        rig_start(&g, NULL);
        for (unsigned i = 0; i < 3; i++) {
                snprintf(path, sizeof(path), "%s/%s", g.dir, names[i]);
                CHECK(!stat(path, &st));
                CHECK_EQ(st.st_mode & 0777, 0600);
        }
        rig_stop(&g, false);
        rig_remove(g.dir);
}

TEST(a_newer_store_is_refused)
{
        struct rig g;
        struct rig_options again = {0};
        char dir[64], path[128];
        sqlite3 *db;

        rig_start(&g, &again);
        snprintf(dir, sizeof(dir), "%s", g.dir);
        again.dir = dir;
        rig_stop(&g, false);
        snprintf(path, sizeof(path), "%s/accounts.db", dir);
        CHECK_EQ(sqlite3_open(path, &db), SQLITE_OK);
        CHECK_EQ(sqlite3_exec(db, "PRAGMA user_version = 99", NULL, NULL, NULL), SQLITE_OK);
        sqlite3_close(db);
        CHECK_EQ(rig_start_fails(&g, &again), 1);
        rig_remove(dir);
}

TEST(a_log_that_was_tampered_with_is_set_aside)
{
        struct rig g;
        struct rig_options again = {0};
        char dir[64], path[128];
        char *log;
        int fd;

        rig_start(&g, &again);
        snprintf(dir, sizeof(dir), "%s", g.dir);
        again.dir = dir;
        rig_stop(&g, false);
        snprintf(path, sizeof(path), "%s/audit.log", dir);
        fd = open(path, O_RDWR | O_CLOEXEC);
        CHECK(fd >= 0 && pwrite(fd, "X", 1, 60) == 1);
        close(fd);
        rig_start(&g, &again);
        CHECK_EQ(verify(&g).fault, CAPOS_AUDIT_GOOD);
        CHECK_EQ(rig_audited(&g, "broken-chain"), 1);
        log = rig_file(&g, "log", NULL);
        CHECK(strstr(log, "the audit log: line 1"));
        free(log);
        rig_stop(&g, false);
        rig_remove(dir);
}
