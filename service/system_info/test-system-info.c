/*
 * capos-system-info as a process: three facts, for as many callers as come, and the rules that the
 * kit holds for every service: one socket a caller, facets, a session manager that dies.
 */
#include "kit-play.h"

#include "service_control.capnp-c.h"
#include "system_info.capnp-c.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *const program[] = {"capos-system-info", "--motd", "Welcome to the test.", NULL};

static void check_motd(struct play_caller *c)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;

        q = system_info_motd((system_info_client){c->object});
        CHECK_OK(capnp_question_wait(q));
        CHECK_STR(system_info_motd_text(q).p, "Welcome to the test.");
}

TEST(three_facts)
{
        struct play_caller c;
        capnp_question *q;
        struct play p;

        play_start(&p, program);
        play_open(&p, &c, 1, "");
        check_motd(&c);
        q = system_info_version((system_info_client){c.object});
        CHECK_OK(capnp_question_wait(q));
        CHECK(system_info_version_text(q).len > 0);
        capnp_question_free(q);
        q = system_info_uptime((system_info_client){c.object});
        CHECK_OK(capnp_question_wait(q));
        CHECK(system_info_uptime_seconds(q) < 3600);
        capnp_question_free(q);
        play_close(&c);
        play_stop(&p);
}

TEST(wrong_arguments_are_refused)
{
        static const char *const wrong[][4] = {
                {"capos-system-info", "--motd", NULL, NULL},
                {"capos-system-info", "--else", "x", NULL},
                {"capos-system-info", "x", NULL, NULL},
        };

        for (unsigned i = 0; i < 3; i++) {
                struct play p;

                play_spawn(&p, wrong[i], -1);
                CHECK_EQ(play_wait(&p), 2);
        }
}

/* ---- what the kit does for every service ---------------------------------------------------- */

TEST(callers_come_and_go_without_a_trace)
{
        struct play_caller c[20];
        struct play p;
        int before;

        play_start(&p, program);
        play_open(&p, &c[0], 1, "");
        check_motd(&c[0]);
        before = play_count_fds(&p);
        for (unsigned round = 0; round < 3; round++) {
                for (uint8_t i = 1; i < 20; i++) {
                        play_open(&p, &c[i], i, "");
                        check_motd(&c[i]);
                }
                play_expect_fds(&p, before < 0 ? -1 : before + 19);
                for (unsigned i = 1; i < 20; i++)
                        play_close(&c[i]);
                play_expect_fds(&p, before);
        }
        check_motd(&c[0]);
        play_close(&c[0]);
        play_stop(&p);
}

static void check_refused(struct play *p, capnp_question *q, const char *why)
{
        (void)p;
        CHECK_EQ(capnp_question_wait(q), CAPNP_E_EXCEPTION);
        CHECK_STR(capnp_question_exception(q).reason, why);
        capnp_question_free(q);
}

TEST(what_is_no_caller_is_refused)
{
        struct play_caller c;
        capnp_question *q;
        int ends[2], before;
        struct play p;

        play_start(&p, program);
        play_open(&p, &c, 1, "");
        before = play_count_fds(&p);
        CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
        check_refused(&p, play_ask(&p, 1, "root", ends[0]), "the service has no such facet");
        check_refused(&p, play_ask(&p, 1, "", -1), "no stream socket is attached");
        q = play_ask(&p, 1, "", ends[0]);
        memset(caller_context_init_reference(service_control_open_build_context(q), 15), 1, 15);
        check_refused(&p, q, "not a caller");
        q = play_ask(&p, 1, "", ends[0]);
        memset(caller_context_init_pseudonym(service_control_open_build_context(q), 17), 1, 17);
        check_refused(&p, q, "not a caller");
        q = play_ask(&p, 1, "", ends[0]);
        caller_context_set_kind(service_control_open_build_context(q), (enum caller_context_kind)9);
        check_refused(&p, q, "not a caller");
        close(ends[0]);
        close(ends[1]);
        play_expect_fds(&p, before);
        check_motd(&c);
        play_close(&c);
        play_stop(&p);
}

TEST(without_its_session_manager_nobody_is_served)
{
        struct play_caller a, b, c;
        struct play p;
        int before;

        play_start(&p, program);
        play_open(&p, &a, 1, "");
        play_open(&p, &b, 2, "");
        check_motd(&a);
        check_motd(&b);
        before = play_count_fds(&p);
        play_control_kill(&p);
        play_until(&p, &a.closed);
        play_until(&p, &b.closed);
        play_expect_fds(&p, before < 0 ? -1 : before - 3);
        play_control(&p);
        play_open(&p, &c, 3, "");
        check_motd(&c);
        play_expect_fds(&p, before < 0 ? -1 : before - 1);
        play_close(&a);
        play_close(&b);
        play_close(&c);
        play_stop(&p);
}

/* The older connection still exists, but what came over it is void. */
TEST(a_newer_session_manager_voids_the_older)
{
        struct play_caller a, b;
        capnp_cap *old;
        capnp_conn *conn;
        capnp_question *q;
        struct play p;

        play_start(&p, program);
        play_open(&p, &a, 1, "");
        check_motd(&a);
        old = capnp_cap_ref(p.control);
        conn = p.conn;
        p.conn = NULL;
        play_control(&p);
        play_open(&p, &b, 2, "");
        check_motd(&b);
        play_until(&p, &a.closed);
        q = service_control_describe((service_control_client){old});
        CHECK_EQ(capnp_question_wait(q), CAPNP_E_DISCONNECTED);
        capnp_question_free(q);
        capnp_cap_unref(old);
        capnp_conn_unref(conn);
        check_motd(&b);
        play_close(&a);
        play_close(&b);
        play_stop(&p);
}

TEST(describes_its_schema)
{
        capnp_question *q;
        capnp_msg *m = NULL;
        capnp_reader root;
        capnp_list nodes;
        bool found = false;
        struct play p;

        play_start(&p, program);
        for (unsigned i = 0; i < 2; i++) {
                q = service_control_describe((service_control_client){p.control});
                CHECK_OK(capnp_question_wait(q));
                CHECK_OK(capnp_msg_parse(service_control_describe_schema(q).p,
                                         service_control_describe_schema(q).len, NULL, &m));
                root = capnp_any_struct(capnp_msg_root(m), NULL);
                nodes = capnp_any_list(capnp_reader_any(root, 0), CAPNP_SIZE_COMPOSITE, NULL);
                for (uint32_t n = 0; n < nodes.len; n++)
                        found |= capnp_reader_u64(capnp_list_struct(nodes, n), 0, 0) ==
                                 SYSTEM_INFO_ID;
                CHECK(found);
                CHECK_OK(capnp_msg_check(m));
                m = capnp_msg_free(m);
                capnp_question_free(q);
        }
        play_stop(&p);
}

/* What the session manager says of methods holds here, whoever the caller is, and for him alone. */
TEST(a_caller_has_the_methods_that_were_granted)
{
        struct play_caller narrow, wide;
        capnp_question *early, *late;
        struct play p;

        play_start(&p, program);
        play_open_narrow(&p, &narrow, SYSTEM_INFO_ID, 0);
        early = system_info_uptime((system_info_client){narrow.object});
        CHECK_EQ(capnp_question_wait(early), CAPNP_E_EXCEPTION); /* on what is a promise yet */
        CHECK(!strncmp(capnp_question_exception(early).reason, "denied.method: ", 15));
        check_motd(&narrow);
        late = system_info_uptime((system_info_client){narrow.object});
        CHECK_EQ(capnp_question_wait(late), CAPNP_E_EXCEPTION);
        CHECK_EQ(capnp_question_exception(late).kind, CAPNP_FAILED);
        capnp_question_free(early);
        capnp_question_free(late);
        play_open(&p, &wide, 2, "");
        late = system_info_uptime((system_info_client){wide.object});
        CHECK_OK(capnp_question_wait(late));
        capnp_question_free(late);
        play_close(&narrow);
        play_close(&wide);
        play_stop(&p);
}

/* A caller that sends nonsense, or too much, loses its own socket and nobody else's. */
TEST(a_bad_caller_hurts_itself)
{
        struct play_caller bad, good;
        uint8_t noise[4096];
        struct play p;
        ssize_t n;

        play_start(&p, program);
        play_open(&p, &good, 1, "");
        play_open_raw(&p, &bad, 2);
        memset(noise, 0xff, sizeof(noise));
        CHECK_EQ(send(bad.raw, noise, sizeof(noise), MSG_NOSIGNAL), sizeof(noise));
        check_motd(&good);
        play_close(&bad);
        play_open_raw(&p, &bad, 2);
        memcpy(noise, "\0\0\0\0\1\0\4\0", 8); /* one segment of 2 MiB + 8 */
        CHECK_EQ(send(bad.raw, noise, sizeof(noise), MSG_NOSIGNAL), sizeof(noise));
        check_motd(&good);
        do {
                play_for_ms(&p, 1);
                n = recv(bad.raw, noise, sizeof(noise), 0);
        } while (n > 0 || (n < 0 && errno == EAGAIN));
        CHECK_EQ(n, 0);
        play_close(&bad);
        check_motd(&good);
        play_close(&good);
        play_stop(&p);
}

/* Calls without end from one caller, whose answers it never reads: another one is served. */
TEST(a_flood_is_bounded)
{
        struct play_caller flood, good;
        capnp_question *q[3000];
        struct play p;

        play_start(&p, program);
        play_open(&p, &flood, 1, "");
        play_open(&p, &good, 2, "");
        for (unsigned i = 0; i < 3000; i++) {
                q[i] = system_info_motd((system_info_client){flood.object});
                capnp_question_send(q[i], NULL, NULL);
        }
        check_motd(&good);
        for (unsigned i = 0; i < 3000; i++) {
                int r = capnp_question_wait(q[i]);

                /* More than the kit's limit were sent at once: some may have been too many. */
                CHECK(r == 0 || capnp_question_exception(q[i]).kind == CAPNP_OVERLOADED);
                capnp_question_free(q[i]);
        }
        check_motd(&flood);
        play_close(&flood);
        play_close(&good);
        play_stop(&p);
}

/* Also when it has not come to anything yet. */
TEST(ends_with_its_instance)
{
        struct play p;

        play_spawn(&p, program, -1);
        play_stop(&p);
        play_start(&p, program);
        play_stop(&p);
}
