/*
 * A connection's way from nobody to a session and out again.
 */
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "remote_session.capnp-c.h"
#include "test-worker-rig.h"

#define CAP      CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *
#define QUESTION CAPNP_AUTO(capnp_question_freep) capnp_question *

enum { CANCEL = 3, ENTER = 4, RENEW = 7, LOGOUT = 8 }; /* methods of Admission */

static int info(capnp_cap *session)
{
        return rig_finish(remote_session_info((remote_session_client){session}));
}

static capnp_question *next(capnp_cap *flow, size_t len)
{
        static uint8_t response[80 * 1024];
        capnp_question *q = remote_auth_flow_next((remote_auth_flow_client){flow});

        remote_auth_flow_next_set_response(q, (capnp_data){response, (uint32_t)len});
        return q;
}

static capnp_cap *flow_start(struct rig *r)
{
        QUESTION q = remote_session_gateway_start((remote_session_gateway_client){r->gateway});

        CHECK_OK(capnp_question_wait(q));
        return capnp_cap_ref(remote_session_gateway_start_flow(q).c);
}

/* ---- becoming somebody ---------------------------------------------------------------------- */

TEST(nobody_has_a_session_before_a_login)
{
        struct rig r = {.denial = "denied.credentials"};
        rig_open(&r);
        {
                QUESTION q =
                        remote_session_gateway_guest((remote_session_gateway_client){r.gateway});

                CHECK(capnp_question_wait(q));
                CHECK_STR(capnp_question_exception(q).reason, "denied.credentials");
                CHECK_EQ(r.w.state, WORKER_FRESH);
        }
        rig_close(&r);
}

TEST(a_flow_ends_in_a_session)
{
        struct rig r = {.steps = 1};
        rig_open(&r);
        {
                CAP flow = flow_start(&r);
                QUESTION first = next(flow, 10);
                QUESTION second = NULL;

                CHECK_OK(capnp_question_wait(first));
                CHECK(!remote_auth_flow_next_done(first));
                CHECK_EQ(r.w.state, WORKER_FRESH);

                second = next(flow, 10);
                CHECK_OK(capnp_question_wait(second));
                CHECK(remote_auth_flow_next_done(second));
                CHECK_EQ(r.w.state, WORKER_BOUND);
                CHECK_OK(info(remote_auth_flow_next_session(second).c));
        }
        rig_close(&r);
}

TEST(a_flow_that_nobody_holds_is_canceled)
{
        struct rig r = {.steps = 9};
        rig_open(&r);
        {
                CAP flow = flow_start(&r);

                flow = capnp_cap_unref(flow);
                rig_until(&r, &r.asked[CANCEL], sizeof(r.asked[CANCEL]));
        }
        rig_close(&r);
}

/* A step may wait for a person, who may say yes when nobody waits any more. */
TEST(a_flow_whose_step_is_given_up_is_canceled)
{
        struct rig r = {.silent = true};
        rig_open(&r);
        {
                CAP flow = flow_start(&r);
                capnp_question *q = next(flow, 0);

                capnp_question_send(q, NULL, NULL);
                rig_until(&r, &r.kept, sizeof(r.kept));
                CHECK_EQ(r.asked[CANCEL], 0);
                capnp_question_free(q);
                rig_until(&r, &r.asked[CANCEL], sizeof(r.asked[CANCEL]));
                CHECK_OK(capnp_answer_fail(r.kept, CAPNP_FAILED, "denied.flow"));
                r.kept = NULL;
        }
        rig_close(&r);
}

TEST(what_is_too_long_for_the_session_manager_does_not_get_there)
{
        struct rig r = {0};
        rig_open(&r);
        {
                CAP session = rig_enter(&r); /* whose messages may be longer */
                QUESTION q = remote_session_renew((remote_session_client){session});
                static uint8_t proof[70 * 1024];

                remote_session_renew_set_proof(q, (capnp_data){proof, sizeof(proof)});
                CHECK(capnp_question_wait(q));
                CHECK(!strncmp(capnp_question_exception(q).reason, "over-quota.bytes: ", 18));
                CHECK_EQ(r.asked[RENEW], 0);
                CHECK_OK(info(session));
        }
        rig_close(&r);
}

/* The session manager has let somebody in who is not there any more: as if his line had dropped. */
TEST(a_login_that_was_given_up_is_undone)
{
        struct rig r = {.silent = true};
        rig_open(&r);
        {
                capnp_question *q = remote_session_gateway_anonymous(
                        (remote_session_gateway_client){r.gateway});
                capnp_answer *kept;

                capnp_question_send(q, NULL, NULL);
                rig_until(&r, &r.kept, sizeof(r.kept));
                capnp_question_free(q);
                rig_settle(&r);
                kept = r.kept;
                CHECK(kept);
                r.kept = NULL;
                CHECK_OK(capnp_answer_return(kept));
                rig_settle(&r);
                CHECK_EQ(r.w.state, WORKER_ENDED);
                CHECK(!r.w.sessiond);
                CHECK_EQ(r.asked[LOGOUT], 0);
        }
        rig_close(&r);
}

/* ---- being somebody ------------------------------------------------------------------------- */

/* What came back came to nobody: the old one goes on. */
TEST(a_renewal_that_was_given_up_leaves_the_reference)
{
        struct rig r = {0};
        rig_open(&r);
        {
                CAP session = rig_enter(&r);
                capnp_question *q = remote_session_renew((remote_session_client){session});

                r.silent = true;
                capnp_question_send(q, NULL, NULL);
                rig_until(&r, &r.kept, sizeof(r.kept));
                capnp_question_free(q);
                rig_settle(&r);
                CHECK_OK(capnp_answer_return(r.kept));
                r.kept = NULL;
                rig_settle(&r);
                CHECK_OK(info(session));
        }
        rig_close(&r);
}

TEST(renewal_replaces_the_reference)
{
        struct rig r = {0};
        rig_open(&r);
        {
                CAP session = rig_enter(&r);
                CAP a = rig_get(&r, session, "a");
                QUESTION q = remote_session_renew((remote_session_client){session});

                CHECK_OK(capnp_question_wait(q));
                CHECK(info(session));
                CHECK(!strncmp(rig_said, "denied.stale-session: ", 22));
                CHECK_OK(info(remote_session_renew_session(q).c));
                CHECK_OK(rig_call(&r, a, ECHO, NULL, NULL));
                CHECK_EQ(r.w.state, WORKER_BOUND);
        }
        rig_close(&r);
}

/* A renewal by a new proof; and nothing is undone when nobody waits for it any more. */
TEST(reauthentication_renews)
{
        struct rig r = {0};
        rig_open(&r);
        {
                CAP session = rig_enter(&r);
                QUESTION start = remote_session_reauthenticate((remote_session_client){session});
                QUESTION done = NULL;
                CAP flow = NULL;
                capnp_question *left;

                CHECK_OK(capnp_question_wait(start));
                flow = capnp_cap_ref(remote_session_reauthenticate_flow(start).c);
                done = next(flow, 10);
                CHECK_OK(capnp_question_wait(done));
                CHECK_OK(info(remote_auth_flow_next_session(done).c));
                CHECK(info(session));

                left = next(flow, 10);
                capnp_question_send(left, NULL, NULL);
                capnp_question_free(left);
                rig_settle(&r);
                CHECK_EQ(r.w.state, WORKER_BOUND);
                CHECK_EQ(r.asked[LOGOUT], 0);
        }
        rig_close(&r);
}

TEST(logout_ends_everything_and_says_so)
{
        struct rig r = {0};
        rig_open(&r);
        {
                CAP session = rig_enter(&r);
                CAP a = rig_get(&r, session, "a");

                CHECK_OK(rig_finish(remote_session_logout((remote_session_client){session})));
                CHECK_EQ(r.w.state, WORKER_ENDED);
                CHECK(!r.w.sessiond && !r.w.admission);
                CHECK(info(session));
                CHECK_STR(rig_said, "denied.stale-session: the session was logged out");
                CHECK(rig_call(&r, a, ECHO, NULL, NULL));
                CHECK_STR(rig_said, "denied.stale-session: the session was logged out");
                CHECK(rig_finish(remote_session_gateway_anonymous(
                        (remote_session_gateway_client){r.gateway})));
                CHECK_STR(rig_said, "denied.stale-session: the session was logged out");
                CHECK_EQ(r.asked[ENTER], 1);
        }
        rig_close(&r);
}

TEST(without_the_session_manager_there_is_no_connection)
{
        struct rig r = {0};
        rig_open(&r);
        {
                CAP session = rig_enter(&r);

                capnp_conn_close(r.sessiond, (capnp_exception){CAPNP_DISCONNECTED, "gone"});
                for (int i = 0; i < 2000 && !info(session); i++)
                        continue; /* what is known here can be told until it is noticed */
                CHECK(info(session));
                CHECK(capnp_rpc_is_closed(capnp_conn_rpc(r.client), NULL));
        }
        rig_close(&r);
}

/* ---- states --------------------------------------------------------------------------------- */

static bool may_move(enum worker_state from, enum worker_state to)
{
        int status = 0;
        pid_t pid = fork();

        CHECK(pid >= 0);
        if (pid == 0) {
                struct worker w = {.state = from};

                (void)!freopen("/dev/null", "w", stderr);
                worker_move(&w, to);
                _exit(w.state == to ? 0 : 1);
        }
        CHECK_EQ(waitpid(pid, &status, 0), pid);
        return status == 0;
}

TEST(no_state_leads_back)
{
        static const char *const table[] = {"no yes yes", "no yes yes", "no no no"};

        for (enum worker_state from = 0; from < WORKER_STATES; from++) {
                char is[32] = "";

                for (enum worker_state to = 0; to < WORKER_STATES; to++)
                        snprintf(is + strlen(is), sizeof(is) - strlen(is), "%s%s", to ? " " : "",
                                 may_move(from, to) ? "yes" : "no");
                CHECK_STR(is, table[from]);
        }
}
