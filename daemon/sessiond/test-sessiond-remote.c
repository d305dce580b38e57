/*
 * Administration from elsewhere: the capability `admin` of a session, as its worker sees it. Who
 * has it, what it may be asked for, and that nothing is done for somebody who has lost it.
 */
#include "test-key.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECRET "correct horse battery"

static const struct rig_options all = {.admin = ""};

/* The other end of a session's `admin`. */
struct desk {
        struct rig_worker w;
        char id[33];
        capnp_conn *conn;
        admin_client admin;
};

static capnp_question *ask_admin(struct rig_worker *w)
{
        capnp_question *q = admission_open(w->ask);

        admission_open_set_name(q, "admin");
        admission_open_set_interface_id(q, ADMIN_ID);
        return q;
}

static void add(admin_client to, const char *name, const char *profile, bool waits)
{
        capnp_question *q = admin_account_add(to);

        admin_account_add_set_name(q, name);
        admin_account_add_in_set_profiles_at(admin_account_add_init_profiles(q, 1), 0, profile);
        admin_account_add_set_password(q, (capnp_data){(const uint8_t *)SECRET, strlen(SECRET)});
        if (waits)
                capnp_question_free(rig_good(q));
}

static void log_in(struct rig *g, struct desk *d, const char *account)
{
        capnp_question *q;

        rig_worker(g, RIG_AWAY, &d->w);
        q = rig_good(rig_password(&d->w, account, "", SECRET));
        (void)snprintf(d->id, sizeof(d->id), "%s",
                       session_info_id(bound_info(admission_next_bound(q))).p);
        capnp_question_free(q);
        rig_attend(&d->w);
}

static void open_admin(struct rig *g, struct desk *d)
{
        capnp_question *q = rig_good(ask_admin(&d->w));
        int fd = fcntl(capnp_cap_fd_peek(admission_open_end(q).c), F_DUPFD_CLOEXEC, 3);

        CHECK(fd >= 0);
        capnp_question_free(q);
        CHECK_OK(capnp_conn_new(g->vat, fd, NULL, NULL, &d->conn));
        CHECK_OK(capnp_rpc_bootstrap(capnp_conn_rpc(d->conn), &d->admin.c));
}

/* An instance with an administrator, ada, who has logged in. */
static void start(struct rig *g, struct desk *d, const struct rig_options *o)
{
        rig_start(g, o);
        add(rig_admin(g), "ada", "boss", true);
        log_in(g, d, "ada");
        open_admin(g, d);
}

static void leave(struct desk *d)
{
        capnp_cap_unref(d->admin.c);
        capnp_conn_unref(d->conn);
        rig_worker_end(&d->w);
}

static void stop(struct rig *g, struct desk *d)
{
        leave(d);
        rig_stop(g, false);
        rig_remove(g->dir);
}

static capnp_question *take_away(admin_client by, const char *id, const char *cap)
{
        capnp_question *q = admin_session_revoke(by);

        admin_session_revoke_set_id(q, id);
        admin_session_revoke_set_cap(q, cap);
        return q;
}

static bool has_account(struct rig *g, const char *name)
{
        capnp_question *q = rig_good(admin_account_list(rig_admin(g)));
        account_list l = admin_account_list_accounts(q);
        bool has = false;

        for (uint32_t i = 0; i < account_list_len(l); i++)
                has |= !strcmp(account_name(account_list_get(l, i)).p, name);
        capnp_question_free(q);
        return has;
}

/* Ends with anything but results. */
static void fails(capnp_question *q)
{
        CHECK(capnp_question_wait(q) != 0);
        capnp_question_free(q);
}

/* ---- what it may be asked for --------------------------------------------------------------- */

TEST_T(somebody_elsewhere_administers, 60)
{
        struct desk d, victim;
        capnp_question *q;
        char text[200];
        struct rig g;

        start(&g, &d, &all);
        add(d.admin, "bob", "operator", true);
        log_in(&g, &victim, "bob");
        q = admin_account_remove(d.admin);
        admin_account_remove_set_name(q, "bob");
        capnp_question_free(rig_good(q));
        rig_refused(rig_ask_open(&victim.w),
                    "denied.stale-session: revoked: the account was removed");
        CHECK(!has_account(&g, "bob"));

        /* Each with who has done it, and from where; what ends because of it, too. */
        (void)snprintf(text, sizeof(text), "\"actor\":\"ada\",\"actorSession\":\"%s\"", d.id);
        CHECK_EQ(rig_audited(&g, text), 5); /* asked, done; asked, done, the session's end */
        CHECK_EQ(rig_audited(&g, "\"capability\":\"admin\",\"detail\":\"accountAdd bob\""), 1);
        CHECK_EQ(rig_audited(&g, "\"capability\":\"admin\",\"detail\":\"accountRemove bob\""), 1);
        CHECK_EQ(rig_audited(&g, "\"what\":\"account-remove\",\"outcome\":\"ok\",\"source\":"
                                 "\"" RIG_AWAY "\",\"account\":\"bob\""),
                 1);
        rig_worker_end(&victim.w);

        /* What is done here is not said to be his. */
        add(rig_admin(&g), "carol", "operator", true);
        CHECK_EQ(rig_audited(&g, text), 5);
        CHECK_EQ(rig_audited(&g, "\"what\":\"account-add\",\"outcome\":\"ok\",\"source\":\"local\","
                                 "\"account\":\"carol\""),
                 1);
        stop(&g, &d);
}

TEST_T(what_acts_on_the_machine_is_not_there, 60)
{
        static const char here[] = ": on the instance's machine alone";
        char text[80];
        struct desk d;
        struct rig g;

        start(&g, &d, &all);
        (void)snprintf(text, sizeof(text), "auditPath%s", here);
        rig_refused(admin_audit_path(d.admin), text);
        (void)snprintf(text, sizeof(text), "reloadIdentity%s", here);
        rig_refused(admin_reload_identity(d.admin), text);
        (void)snprintf(text, sizeof(text), "reloadRevocations%s", here);
        rig_refused(admin_reload_revocations(d.admin), text);
        CHECK_EQ(g.nrenewals, 0);
        capnp_question_free(rig_good(admin_status(d.admin)));
        stop(&g, &d);
}

TEST_T(a_facet_is_a_part_of_it, 60)
{
        static const char other[] = ": the session's profile grants another facet of `admin`";
        static const struct rig_options some[] = {
                {.admin = "accounts"}, {.admin = "sessions"}, {.admin = "audit"}};
        capnp_question *q[3];
        struct desk d;
        struct rig g;

        for (unsigned i = 0; i < 3; i++) {
                start(&g, &d, &some[i]);
                q[0] = admin_account_list(d.admin);
                q[1] = admin_session_list(d.admin);
                q[2] = admin_audit_read(d.admin);
                for (unsigned k = 0; k < 3; k++) {
                        if (i == k)
                                (void)rig_good(q[k]);
                        else
                                CHECK(capnp_question_wait(q[k]) == CAPNP_E_EXCEPTION &&
                                      strstr(capnp_question_exception(q[k]).reason, other));
                        capnp_question_free(q[k]);
                }
                CHECK_EQ(rig_audited(&g, "\"what\":\"admin\",\"outcome\":\"denied.method\""), 2);
                CHECK_EQ(rig_audited(&g, "\"what\":\"admin\",\"outcome\":\"ok\""), 1);
                stop(&g, &d);
        }
}

/* ---- who has it ----------------------------------------------------------------------------- */

/* A worker that was taken over has its session's grants, and no others. */
TEST_T(without_a_grant_there_is_none, 60)
{
        struct desk d, plain;
        struct rig g;

        start(&g, &d, &all);
        add(rig_admin(&g), "bob", "operator", true);
        log_in(&g, &plain, "bob");
        rig_refused(ask_admin(&plain.w), "denied.unknown-name");
        rig_worker_end(&plain.w);
        rig_worker(&g, RIG_HOME, &plain.w);
        capnp_question_free(rig_enter(&plain.w));
        rig_refused(ask_admin(&plain.w), "denied.unknown-name");
        rig_worker_end(&plain.w);
        stop(&g, &d);
}

TEST(powers_want_an_elevated_profile)
{
        static const struct rig_options humble = {.admin = "", .humble = true},
                                        strange = {.admin = "everything"};
        struct rig g;

        CHECK(rig_start_fails(&g, &humble) != 0);
        rig_remove(g.dir);
        CHECK(rig_start_fails(&g, &strange) != 0);
        rig_remove(g.dir);
}

/* ---- and who has it no more ----------------------------------------------------------------- */

/* A password is being worked on when it happens: the account is not made. */
static void lose_it(const char *cap)
{
        siginfo_t end;
        struct desk d;
        struct rig g;
        char text[64];
        capnp_question *q;

        start(&g, &d, &all);
        g.hold_provers = true;
        q = admin_account_add(d.admin);
        admin_account_add_set_name(q, "mallory");
        admin_account_add_in_set_profiles_at(admin_account_add_init_profiles(q, 1), 0, "boss");
        admin_account_add_set_password(q, (capnp_data){(const uint8_t *)SECRET, strlen(SECRET)});
        capnp_question_send(q, NULL, NULL);
        rig_until_count(&g, &g.nheld, 1);
        capnp_question_free(rig_good(take_away(rig_admin(&g), d.id, cap)));
        rig_release_provers(&g);
        fails(q);
        /* The prover has said what it had to; what it says is read before what is asked then. */
        CHECK_OK(waitid(P_PID, (id_t)g.provers[g.nprovers - 1], &end, WEXITED | WNOWAIT));
        (void)has_account(&g, "mallory");
        CHECK(!has_account(&g, "mallory"));
        CHECK_EQ(rig_audited(&g, "\"what\":\"account-add\",\"outcome\":\"ok\",\"source\":\"1"), 0);
        (void)snprintf(text, sizeof(text), "denied.%s", *cap ? "revoked-lease" : "stale-session");
        rig_refused(ask_admin(&d.w), text);
        stop(&g, &d);
}

TEST_T(what_was_asked_is_not_done_for_a_lost_capability, 60)
{
        lose_it("admin");
}

TEST_T(what_was_asked_is_not_done_for_an_ended_session, 60)
{
        lose_it("");
}

/* ---- himself -------------------------------------------------------------------------------- */

TEST_T(nobody_takes_away_what_he_stands_on, 60)
{
        static const char own[] = "it is what you ask by";
        capnp_question *q[5];
        struct desk d;
        struct rig g;
        unsigned n = 0;

        start(&g, &d, &all);
        q[n] = admin_account_remove(d.admin);
        admin_account_remove_set_name(q[n++], "ada");
        q[n] = admin_account_lock(d.admin);
        admin_account_lock_set_name(q[n++], "ada");
        q[n] = admin_passwd(d.admin);
        admin_passwd_set_name(q[n++], "ada");
        q[n++] = take_away(d.admin, d.id, "");
        q[n++] = take_away(d.admin, d.id, "admin");
        for (unsigned i = 0; i < n; i++) {
                CHECK(capnp_question_wait(q[i]) != 0);
                CHECK(strstr(capnp_question_exception(q[i]).reason, own) != NULL);
                capnp_question_free(q[i]);
        }
        CHECK_EQ(rig_audited(&g, "\"what\":\"admin\",\"outcome\":\"own\""), n);

        /* He may change it, and is told what ends then. */
        q[0] = admin_passwd(d.admin);
        admin_passwd_set_name(q[0], "ada");
        admin_passwd_set_password(q[0], (capnp_data){(const uint8_t *)"another one", 11});
        (void)!capnp_question_wait(q[0]);
        capnp_question_free(q[0]);
        rig_refused(ask_admin(&d.w),
                    "denied.stale-session: revoked: what it was proved by was taken away");
        CHECK(has_account(&g, "ada"));
        stop(&g, &d);
}

/* An id that it had before its line dropped is one of its own, too. */
TEST_T(nobody_ends_himself_by_an_id_that_he_had, 60)
{
        struct back b = {.account = "ada", .profile = "boss"};
        capnp_question *q;
        struct desk d;
        struct rig g;
        struct key k;

        rig_start(&g, &all);
        add(rig_admin(&g), "ada", "boss", true);
        key_make(&k);
        key_begin(&g, &d.w, "ada", &k, d.id);
        key_drop(&g, &d.w);
        capnp_question_free(rig_good(key_come_back(&g, &d.w, &k, &b)));
        open_admin(&g, &d);
        q = take_away(d.admin, d.id, "");
        CHECK(capnp_question_wait(q) != 0);
        CHECK(strstr(capnp_question_exception(q).reason, "it is what you ask by") != NULL);
        capnp_question_free(q);
        capnp_question_free(rig_good(admin_status(d.admin)));
        stop(&g, &d);
}

/* ---- the audit log -------------------------------------------------------------------------- */

TEST_T(the_log_is_read_in_pieces, 120)
{
        static char text[512 * 1024];
        uint64_t at = 0, next = 0;
        size_t len = 0, file_len;
        struct desk d;
        struct rig g;
        char *file;

        start(&g, &d, &all);
        for (unsigned i = 0; i < 200; i++) { /* more than a piece */
                capnp_question *q = take_away(d.admin, "0123456789abcdef0123456789abcdef", "");

                fails(q);
        }
        do {
                capnp_question *q = admin_audit_read(d.admin);
                capnp_data lines;

                at = next;
                admin_audit_read_set_at(q, at);
                q = rig_good(q);
                lines = admin_audit_read_lines(q);
                CHECK(lines.len <= 32 * 1024 && len + lines.len <= sizeof(text));
                memcpy(text + len, lines.p, lines.len);
                len += lines.len;
                next = admin_audit_read_next(q);
                CHECK_EQ(admin_audit_read_segment(q), 1);
                CHECK(!admin_audit_read_sealed(q));
                capnp_question_free(q);
        } while (next != at);
        file = rig_file(&g, "audit.log", &file_len);
        CHECK(len > 32 * 1024 && file_len == len);
        CHECK_MEM(text, file, len);
        free(file);

        for (unsigned i = 0; i < 3; i++) {
                capnp_question *q = admin_audit_read(d.admin);

                admin_audit_read_set_segment(q, i ? UINT32_MAX - i : 2);
                admin_audit_read_set_at(q, i ? UINT64_MAX : 0);
                rig_refused(q, "there is no such segment");
        }
        stop(&g, &d);
}
