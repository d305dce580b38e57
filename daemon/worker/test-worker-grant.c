/*
 * What a worker lets pass between its client and a service, and what it says when it does not.
 */
#include <poll.h>
#include <string.h>
#include <time.h>

#include "remote_session.capnp-c.h"
#include "test-worker-rig.h"

#define CAP CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *

static bool said(const char *code)
{
        size_t n = strlen(code);

        return !strncmp(rig_said, code, n) && !strncmp(rig_said + n, ": ", 2);
}

TEST(a_call_and_its_object_come_through)
{
        struct rig r = {0};
        rig_open(&r);
        {
                CAP session = rig_enter(&r);
                CAP a = rig_get(&r, session, "a");
                CAP object = NULL;

                CHECK(a);
                CHECK_OK(rig_call(&r, a, ECHO, NULL, &object));
                CHECK_OK(rig_call(&r, object, ECHO, NULL, NULL));
                CHECK_EQ(r.served, 2);
                CHECK_EQ(r.asked[5], 1); /* open */
        }
        rig_close(&r);
}

TEST(a_second_get_takes_the_same_socket)
{
        struct rig r = {0};
        rig_open(&r);
        {
                CAP session = rig_enter(&r);
                CAP a = rig_get(&r, session, "a");
                CAP again = NULL;

                r.without_end = 1;
                again = rig_get(&r, session, "a");
                CHECK(a && again);
                CHECK_OK(rig_call(&r, again, ECHO, NULL, NULL));
                CHECK_EQ(r.asked[5], 2);
        }
        rig_close(&r);
}

/* The session manager says that there is a socket, and there is none any more. */
TEST(a_get_that_crosses_is_asked_again_once)
{
        struct rig r = {0};
        rig_open(&r);
        {
                CAP session = rig_enter(&r);
                CAP a = NULL;
                CAP none = NULL;

                r.without_end = 1;
                a = rig_get(&r, session, "a");
                CHECK(a);
                CHECK_EQ(r.asked[5], 2);

                r.without_end = 9;
                none = rig_get(&r, session, "b");
                CHECK(!none);
                CHECK_EQ(r.asked[5], 4);
        }
        rig_close(&r);
}

TEST(what_the_session_manager_refuses_is_refused_in_its_words)
{
        struct rig r = {0};
        rig_open(&r);
        {
                CAP session = rig_enter(&r);
                CAP a = NULL;

                r.denial = "denied.unknown-name: there is no such capability";
                a = rig_get(&r, session, "x");
                CHECK(!a);
                CHECK_STR(rig_said, r.denial);
        }
        rig_close(&r);
}

TEST(more_calls_at_once_than_the_quota_are_refused)
{
        struct rig r = {.calls = 2};
        rig_open(&r);
        {
                CAP session = rig_enter(&r);
                CAP a = rig_get(&r, session, "a");
                CAP b = rig_get(&r, session, "b");
                capnp_question *q[2];

                q[0] = rig_begin(&r, a, HOLD, NULL);
                q[1] = rig_begin(&r, b, HOLD, NULL);
                capnp_question_send(q[0], NULL, NULL);
                capnp_question_send(q[1], NULL, NULL);
                CHECK(rig_call(&r, a, ECHO, NULL, NULL));
                CHECK(said("over-quota.calls"));
                CHECK_EQ(r.w.calls.used, 2);

                rig_release(&r);
                CHECK_OK(rig_finish(q[0]));
                CHECK_OK(rig_finish(q[1]));
                CHECK_OK(rig_call(&r, a, ECHO, NULL, NULL));
                rig_settle(&r);
                CHECK_EQ(r.w.calls.used, 0);
        }
        rig_close(&r);
}

/* A row of what the session uses. */
static struct capnp_i_quota use(capnp_cap *session, const char *name)
{
        capnp_question *q = remote_session_info((remote_session_client){session});
        struct capnp_i_quota found = {0};
        quota_use_list l;

        CHECK_OK(capnp_question_wait(q));
        l = session_info_use(remote_session_info_info(q));
        for (uint32_t i = 0; i < quota_use_list_len(l); i++) {
                quota_use_reader u = quota_use_list_get(l, i);

                if (!strcmp(quota_use_name(u).p, name))
                        found = (struct capnp_i_quota){quota_use_limit(u), quota_use_used(u),
                                                       quota_use_most(u)};
        }
        capnp_question_free(q);
        return found;
}

#define CHECK_USE(row, l, u, m)                                 \
        do {                                                    \
                struct capnp_i_quota found = use(session, row); \
                CHECK_EQ(found.limit, l);                       \
                CHECK_EQ(found.used, u);                        \
                CHECK_EQ(found.most, m);                        \
        } while (0)

/* Its holder is told how near it is to each bound, and has been. */
TEST(a_session_sees_what_it_uses)
{
        struct rig r = {.calls = 6};
        rig_open(&r);
        {
                CAP session = rig_enter(&r);
                CAP a = rig_get(&r, session, "a");
                capnp_question *q[2];
                uint64_t refs, most;

                rig_settle(&r);
                refs = use(session, "references").used;
                most = use(session, "references").most;
                for (int i = 0; i < 2; i++)
                        capnp_question_send(q[i] = rig_begin(&r, a, HOLD, NULL), NULL, NULL);
                CHECK_USE("calls-across", 6, 2, 2);
                CHECK_USE("calls", 6, 3, 3); /* and the question itself */
                CHECK_USE("message-bytes", 256 * 1024, 0, use(session, "message-bytes").most);
                CHECK(use(session, "message-bytes").most > 500);
                CHECK(use(session, "bytes-across").used > 0);
                CHECK(use(session, "held-bytes").used > 0);
                CHECK_EQ(use(session, "held-bytes").limit, 256 * 1024);
                CHECK_EQ(use(session, "queued-bytes").limit, 256 * 1024);

                rig_release(&r);
                CHECK_OK(rig_finish(q[0]));
                CHECK_OK(rig_finish(q[1]));
                rig_settle(&r);
                CHECK_USE("calls-across", 6, 0, 2);
                CHECK_USE("bytes-across", 256 * 1024, 0, use(session, "bytes-across").most);
                {
                        CAP object = NULL;
                        CAP own = rig_own(&r);

                        CHECK_OK(rig_call(&r, a, ECHO, NULL, &object));
                        CHECK_OK(rig_call(&r, a, TAKE, own, NULL));
                        CHECK_USE("references", 64, refs + 1, most);
                        CHECK_USE("own-references", 64, 1, 1);
                }
                rig_settle(&r);
                CHECK_USE("references", 64, refs, most);
                CHECK_USE("own-references", 64, 1, 1); /* the service holds it */
        }
        rig_close(&r);
}

TEST(a_service_cannot_forge_a_denial)
{
        struct rig r = {.service_says = "denied.stale-session: \x1b[2Jgo away"};
        rig_open(&r);
        {
                CAP session = rig_enter(&r);
                CAP a = rig_get(&r, session, "a");

                CHECK(rig_call(&r, a, FAIL, NULL, NULL));
                CHECK_STR(rig_said, "service: denied.stale-session: ?[2Jgo away");

                /* One that marks its words itself is not marked again. */
                r.service_says = "service: denied.credentials";
                CHECK(rig_call(&r, a, FAIL, NULL, NULL));
                CHECK_STR(rig_said, "service: denied.credentials");

                /* Nearly the mark is no mark. */
                r.service_says = "service denied.credentials";
                CHECK(rig_call(&r, a, FAIL, NULL, NULL));
                CHECK_STR(rig_said, "service: service denied.credentials");
        }
        rig_close(&r);
}

TEST(words_that_come_through_two_grants_are_marked_once)
{
        struct rig r = {.services = true, .service_says = "no"};
        rig_open(&r);
        {
                CAP session = rig_enter(&r);
                CAP a = rig_get(&r, session, "a");
                CAP b = rig_get(&r, session, "b");

                /* a is told to call what it was given of b, which fails. */
                CHECK_OK(rig_call(&r, a, TAKE, b, NULL));
                CHECK_OK(rig_call(&r, a, TELL, NULL, NULL));
                rig_notice_revoked(&r, "b");
                CHECK(rig_call(&r, a, TELL, NULL, NULL));
                CHECK(strstr(rig_said, "denied.revoked-lease"));
                CHECK(!strncmp(rig_said, "service: ", 9));
                CHECK(!strstr(rig_said + 1, "service: "));
        }
        rig_close(&r);
}

/* A policy takes a capability and gives it again: another one, of the same name. */
TEST(what_was_taken_back_may_be_granted_again)
{
        struct rig r = {0};
        rig_open(&r);
        {
                CAP session = rig_enter(&r);
                CAP a = rig_get(&r, session, "a");
                CAP again = NULL;

                rig_notice_revoked(&r, "a");
                CHECK(rig_call(&r, a, ECHO, NULL, NULL));
                CHECK(said("denied.revoked-lease"));
                rig_notice_renewed(&r);
                again = rig_get(&r, session, "a"); /* by the reference of before, too */
                CHECK(again);
                CHECK_OK(rig_call(&r, again, ECHO, NULL, NULL));
                CHECK(rig_call(&r, a, ECHO, NULL, NULL));
                CHECK(said("denied.revoked-lease"));
                rig_notice_revoked(&r, "a");
                CHECK(rig_call(&r, again, ECHO, NULL, NULL));
                CHECK(said("denied.revoked-lease"));
        }
        rig_close(&r);
}

/* More is under way than may be from now on: nothing more goes through, and nothing is torn down.
 */
TEST(a_narrower_quota_holds_at_once)
{
        struct rig r = {0};
        rig_open(&r);
        {
                CAP session = rig_enter(&r);
                CAP a = rig_get(&r, session, "a");
                capnp_question *q[3];

                for (unsigned i = 0; i < 3; i++) {
                        q[i] = rig_begin(&r, a, HOLD, NULL);
                        capnp_question_send(q[i], NULL, NULL);
                }
                rig_settle(&r);
                r.calls = 2;
                rig_notice_renewed(&r);
                CHECK(rig_call(&r, a, ECHO, NULL, NULL));
                CHECK(said("over-quota.calls"));
                CHECK_EQ(r.w.calls.used, 3);

                rig_release(&r);
                for (unsigned i = 0; i < 3; i++)
                        CHECK_OK(rig_finish(q[i]));
                CHECK_OK(rig_call(&r, a, ECHO, NULL, NULL));
        }
        rig_close(&r);
}

/* ---- what may be passed on ------------------------------------------------------------------ */

TEST(the_clients_own_objects_may_go_to_a_service)
{
        struct rig r = {0};
        rig_open(&r);
        {
                CAP session = rig_enter(&r);
                CAP a = rig_get(&r, session, "a");
                CAP own = rig_own(&r);

                CHECK_OK(rig_call(&r, a, TAKE, own, NULL));
                CHECK_OK(rig_call(&r, a, TELL, NULL, NULL));
                CHECK_EQ(r.served, 3);
        }
        rig_close(&r);
}

TEST(the_sessions_own_objects_may_not)
{
        struct rig r = {.services = true};
        rig_open(&r);
        {
                CAP session = rig_enter(&r);
                CAP a = rig_get(&r, session, "a");
                CAP user = rig_get(&r, session, "session");
                CAP capnp_flow = NULL;
                CAPNP_AUTO(capnp_question_freep)
                capnp_question *set = remote_session_cap_set((remote_session_client){session});
                CAPNP_AUTO(capnp_question_freep)
                capnp_question *start =
                        remote_session_reauthenticate((remote_session_client){session});
                capnp_cap *all[5];

                CHECK_OK(capnp_question_wait(set));
                CHECK_OK(capnp_question_wait(start));
                capnp_flow = capnp_cap_ref(remote_session_reauthenticate_flow(start).c);
                all[0] = r.gateway;
                all[1] = session;
                all[2] = user;
                all[3] = remote_session_cap_set_caps(set).c;
                all[4] = capnp_flow;
                for (unsigned i = 0; i < 5; i++) {
                        r.reported[0] = '\0';
                        CHECK(all[i]);
                        CHECK(rig_call(&r, a, TAKE, all[i], NULL));
                        CHECK(said("denied.transfer"));
                        rig_settle(&r);
                        CHECK_STR(r.reported, "denied.transfer a");
                }
                CHECK(!r.taken);
        }
        rig_close(&r);
}

TEST(a_grant_goes_to_another_service_as_its_policy_says)
{
        for (int services = 0; services < 2; services++) {
                struct rig r = {.services = services};
                rig_open(&r);
                {
                        CAP session = rig_enter(&r);
                        CAP a = rig_get(&r, session, "a");
                        CAP b = rig_get(&r, session, "b");
                        int result = rig_call(&r, a, TAKE, b, NULL);

                        CHECK_EQ(!result, services);
                        CHECK(services || said("denied.transfer"));
                        /* Back to where it came from it always may. */
                        CHECK_OK(rig_call(&r, b, TAKE, b, NULL));
                }
                rig_close(&r);
        }
}

/* ---- methods -------------------------------------------------------------------------------- */

/* Before it costs anything, and by a code that is ours; what the service hands out has all. */
TEST(a_method_that_was_not_granted_is_refused)
{
        struct rig r = {.nmethods = FAIL};
        rig_open(&r);
        {
                CAP session = rig_enter(&r);
                CAP a = rig_get(&r, session, "a");
                CAP object = NULL;

                CHECK_OK(rig_call(&r, a, ECHO, NULL, &object));
                r.service_says = "mine";
                CHECK(rig_call(&r, a, FAIL, NULL, NULL));
                CHECK(said("denied.method"));
                CHECK_EQ(r.served, 1);
                CHECK_EQ(r.w.calls.used, 0);
                CHECK(rig_call(&r, object, FAIL, NULL, NULL));
                CHECK(said("service"));
                CHECK_EQ(r.served, 2);
                rig_notice_ended(&r, "expired");
                rig_settle(&r);
                CHECK_EQ(r.refused_calls, 1); /* as such, in the audit log */
        }
        rig_close(&r);
}

/* What it is passed to can call what it has. */
TEST(it_has_as_many_for_a_service_that_it_is_passed_to)
{
        struct rig r = {.nmethods = TELL + 1, .services = 1};
        rig_open(&r);
        {
                CAP session = rig_enter(&r);
                CAP a = rig_get(&r, session, "a");
                CAP b = NULL;

                r.nmethods = 0;
                b = rig_get(&r, session, "b");
                CHECK_OK(rig_call(&r, b, TAKE, a, NULL));
                CHECK_OK(rig_call(&r, b, TELL, NULL, NULL));
        }
        rig_close(&r);

        r = (struct rig){.services = 1};
        rig_open(&r);
        {
                CAP session = rig_enter(&r);
                CAP b = rig_get(&r, session, "b");
                CAP a = NULL;

                r.nmethods = 1;
                r.first = HOLD; /* not what TELL calls */
                a = rig_get(&r, session, "a");
                CHECK_OK(rig_call(&r, b, TAKE, a, NULL));
                CHECK(rig_call(&r, b, TELL, NULL, NULL));
                CHECK(strstr(rig_said, "denied.method"));
        }
        rig_close(&r);
}

/* ---- taking away ---------------------------------------------------------------------------- */

static uint64_t lease_of(capnp_cap *session, const char *name)
{
        CAPNP_AUTO(capnp_question_freep)
        capnp_question *q = remote_session_cap_set((remote_session_client){session});
        CAPNP_AUTO(capnp_question_freep)
        capnp_question *list = remote_cap_set_list(remote_session_cap_set_caps(q));
        remote_cap_entry_list l;

        CHECK_OK(capnp_question_wait(list));
        l = remote_cap_set_list_entries(list);
        for (uint32_t i = 0; i < remote_cap_entry_list_len(l); i++)
                if (!strcmp(remote_cap_entry_name(remote_cap_entry_list_get(l, i)).p, name))
                        return remote_cap_entry_lease_expires_at_ms(
                                remote_cap_entry_list_get(l, i));
        return 1;
}

TEST(what_is_revoked_is_dead_at_once_and_the_rest_lives)
{
        struct rig r = {0};
        rig_open(&r);
        {
                CAP session = rig_enter(&r);
                CAP a = rig_get(&r, session, "a");
                CAP b = rig_get(&r, session, "b");
                CAP object = NULL;
                capnp_question *q = rig_begin(&r, a, HOLD, NULL);

                CHECK_OK(rig_call(&r, a, ECHO, NULL, &object));
                capnp_question_send(q, NULL, NULL);
                CHECK_OK(rig_call(&r, b, ECHO, NULL, NULL));
                CHECK_EQ(lease_of(session, "a"), 0);

                rig_notice_revoked(&r, "a");
                CHECK(rig_finish(q));
                CHECK(said("denied.revoked-lease"));
                CHECK(rig_call(&r, a, ECHO, NULL, NULL));
                CHECK(said("denied.revoked-lease"));
                CHECK(rig_call(&r, object, ECHO, NULL, NULL));
                CHECK(said("denied.revoked-lease"));
                CHECK_OK(rig_call(&r, b, ECHO, NULL, NULL));
                CHECK(lease_of(session, "a") > 1);
                CHECK_EQ(lease_of(session, "b"), 0);
        }
        rig_close(&r);
}

static capnp_question *changed_ask(capnp_cap *session, uint64_t since)
{
        CAPNP_AUTO(capnp_question_freep)
        capnp_question *q = remote_session_cap_set((remote_session_client){session});
        capnp_question *ask = remote_cap_set_changed(remote_session_cap_set_caps(q));

        remote_cap_set_changed_set_since(ask, since);
        capnp_question_send(ask, NULL, NULL);
        return ask;
}

/* What it returns with, which has come. */
static uint64_t changed_now(capnp_question *q)
{
        uint64_t now;

        CHECK_OK(capnp_question_wait(q));
        now = remote_cap_set_changed_now(q);
        capnp_question_free(q);
        return now;
}

TEST(who_waits_hears_that_the_bundle_is_another)
{
        struct rig r = {0};
        rig_open(&r);
        {
                CAP session = rig_enter(&r);
                uint64_t now = changed_now(changed_ask(session, 0)), next;
                capnp_question *q = changed_ask(session, now), *waits[4];

                CHECK(now);
                rig_settle(&r);
                CHECK(!capnp_question_is_done(q));
                rig_notice_revoked(&r, "a");
                next = changed_now(q);
                CHECK(next != now);
                CHECK_EQ(changed_now(changed_ask(session, now)), next);
                q = changed_ask(session, next);
                rig_notice_renewed(&r);
                CHECK(changed_now(q) != next);

                /* So many wait, no more, and one that is given up makes room. */
                now = changed_now(changed_ask(session, 0));
                for (unsigned i = 0; i < 4; i++)
                        waits[i] = changed_ask(session, now);
                q = changed_ask(session, now);
                CHECK(rig_finish(q));
                CHECK(said("over-quota.calls"));
                capnp_question_free(waits[0]);
                waits[0] = changed_ask(session, now);
                rig_settle(&r);
                CHECK(!capnp_question_is_done(waits[0]));
                rig_notice_ended(&r, "it has expired");
                for (unsigned i = 0; i < 4; i++) {
                        CHECK(rig_finish(waits[i]));
                        CHECK_STR(rig_said, "denied.stale-session: it has expired");
                }
        }
        rig_close(&r);
}

TEST(all_grants_end_with_the_session)
{
        struct rig r = {0};
        rig_open(&r);
        {
                CAP session = rig_enter(&r);
                CAP a = rig_get(&r, session, "a");
                CAP object = NULL;

                CHECK_OK(rig_call(&r, a, ECHO, NULL, &object));
                rig_notice_ended(&r, "it has expired");
                CHECK(rig_call(&r, a, ECHO, NULL, NULL));
                CHECK_STR(rig_said, "denied.stale-session: it has expired");
                CHECK(rig_call(&r, object, ECHO, NULL, NULL));
                CHECK_STR(rig_said, "denied.stale-session: it has expired");
                CHECK_EQ(r.served, 1);
        }
        rig_close(&r);
}

/* ---- calls are counted ---------------------------------------------------------------------- */

TEST(calls_are_told_as_numbers_at_the_end)
{
        struct rig r = {0};
        rig_open(&r);
        {
                CAP session = rig_enter(&r);
                CAP a = rig_get(&r, session, "a");
                CAP b = rig_get(&r, session, "b");

                for (unsigned i = 0; i < 300; i++)
                        CHECK_OK(rig_call(&r, i % 3 ? a : b, ECHO, NULL, NULL));
                CHECK(rig_call(&r, a, FAIL, NULL, NULL)); /* went to the service, all the same */
                CHECK_EQ(r.tallied, 0);
                rig_notice_ended(&r, "expired");
                rig_settle(&r);
                CHECK_EQ(r.tallied, 3);
                CHECK_EQ(r.tallied_calls, 301);
                CHECK_EQ(r.refused_calls, 0);
        }
        rig_close(&r);
}

/* However many methods there are. */
TEST(calls_of_many_methods_are_few_rows)
{
        struct rig r = {0};
        rig_open(&r);
        {
                CAP session = rig_enter(&r);
                CAP a = rig_get(&r, session, "a");

                for (uint16_t i = 0; i < 200; i++)
                        (void)!rig_call(&r, a, (uint16_t)(100 + i), NULL, NULL);
                rig_notice_ended(&r, "expired");
                rig_settle(&r);
                CHECK_EQ(r.asked[13], 1);
                CHECK_EQ(r.tallied, TALLY_ROWS + 1);
                CHECK_EQ(r.tallied_calls + r.refused_calls, 200);
        }
        rig_close(&r);
}

/* What is recorded by itself does not go through beyond a rate. */
TEST_T(calls_that_are_recorded_are_held_to_a_rate, 60)
{
        struct rig r = {.audit_calls = true};
        rig_open(&r);
        {
                CAP session = rig_enter(&r);
                CAP a = rig_get(&r, session, "a");
                unsigned good = 0, n = 0;

                while (n++ < 100000 && !rig_call(&r, a, ECHO, NULL, NULL))
                        good++;
                CHECK(said("over-quota.reports"));
                CHECK(good >= 512);
                rig_notice_ended(&r, "expired");
                rig_settle(&r);
                CHECK_EQ(r.tallied_calls, good);
                CHECK_EQ(r.tallied, good + 1); /* one for what was refused */
                CHECK_EQ(r.refused_calls, 1);
                CHECK_EQ(r.served, good);
        }
        rig_close(&r);
}

/* What is refused has a row for each reason, however many methods were tried, and takes none of
 * what went through. */
TEST_T(refusals_take_no_rows_of_calls, 60)
{
        for (unsigned each = 0; each < 2; each++) {
                struct rig r = {.nmethods = 1, .audit_calls = each};

                rig_open(&r);
                {
                        CAP session = rig_enter(&r);
                        CAP a = rig_get(&r, session, "a");
                        CAP b = rig_get(&r, session, "b");

                        for (uint16_t i = 0; i < 500; i++) {
                                CHECK(rig_call(&r, i % 5 ? a : b, (uint16_t)(100 + i), NULL, NULL));
                                CHECK(said("denied.method"));
                                CHECK(i % 10 || !rig_call(&r, a, ECHO, NULL, NULL));
                        }
                        rig_notice_ended(&r, "expired");
                        rig_settle(&r);
                        CHECK_EQ(r.refused_calls, 500);
                        CHECK_EQ(r.tallied_calls, 50);
                        CHECK_EQ(r.tallied, 2 + (each ? 50 : 1));
                }
                rig_close(&r);
        }
}

/* No call goes through that cannot be recorded: also while the session manager is late to say that
 * one is, and when it could not. */
TEST_T(calls_wait_for_their_records, 120)
{
        struct rig r = {.audit_calls = true, .tally_kept = true};
        rig_open(&r);
        {
                CAP session = rig_enter(&r);
                CAP a = rig_get(&r, session, "a");
                unsigned good = 0, late = 0;

                while (!rig_call(&r, a, ECHO, NULL, NULL))
                        good++;
                CHECK(said("over-quota.reports"));
                CHECK_EQ(good, 512);
                CHECK_EQ(r.asked[13], 1);
                CHECK(r.tallied > 0 && r.tallied <= 64); /* as many as there were by then */

                /* The rate alone would let many through by now. */
                CHECK_OK(nanosleep(&(struct timespec){.tv_sec = 1}, NULL));
                CHECK(rig_call(&r, a, ECHO, NULL, NULL));
                r.tally_kept = false;
                CHECK_OK(capnp_answer_return(r.tally));
                rig_settle(&r);
                while (late < 64 && !rig_call(&r, a, ECHO, NULL, NULL))
                        late++;
                CHECK_EQ(late, 64);
                rig_notice_ended(&r, "expired");
                rig_settle(&r);
                CHECK_EQ(r.tallied_calls, good + late);
                CHECK_EQ(r.served, good + late);
        }
        rig_close(&r);
}

TEST_T(what_could_not_be_recorded_is_told_again, 120)
{
        struct rig r = {.audit_calls = true, .tally_fails = true};
        rig_open(&r);
        {
                CAP session = rig_enter(&r);
                CAP a = rig_get(&r, session, "a");

                for (unsigned i = 0; i < 100; i++)
                        CHECK_OK(rig_call(&r, a, ECHO, NULL, NULL));
                CHECK(r.asked[13] > 0);
                CHECK_EQ(r.tallied, 0);
                r.tally_fails = false;
                rig_until(&r, &r.tallied, sizeof(r.tallied));
                rig_notice_ended(&r, "expired");
                rig_settle(&r);
                CHECK_EQ(r.tallied_calls, 100);
        }
        rig_close(&r);
}

/* ---- each call, while somebody wants to know ------------------------------------------------- */

/* All of them have been told. */
static void told(struct rig *r, unsigned rows)
{
        struct pollfd p = {.fd = capnp_vat_fd(r->vat), .events = POLLIN};

        while (r->traced_rows + r->left_out < rows) {
                (void)poll(&p, 1, 10);
                CHECK_OK(capnp_vat_process(r->vat));
        }
        CHECK_EQ(r->traced_rows + r->left_out, rows);
}

TEST_T(calls_are_told_while_somebody_wants_to_know, 60)
{
        struct rig r = {.nmethods = TELL + 1, .service_says = "a secret"};
        rig_open(&r);
        {
                CAP session = rig_enter(&r);
                CAP a = rig_get(&r, session, "a");
                CAP b = rig_get(&r, session, "b");
                capnp_question *q;

                CHECK_OK(rig_call(&r, a, ECHO, NULL, NULL));
                rig_notice_traced(&r, true);
                CHECK_EQ(r.traced_rows, 0);
                CHECK_OK(rig_call(&r, a, ECHO, NULL, NULL));
                CHECK(rig_call(&r, a, FAIL, NULL, NULL));
                CHECK(rig_call(&r, a, TELL + 1, NULL, NULL));
                told(&r, 3);
                CHECK_STR(r.traced, "a 0 ok;a 2 failed;a 5 denied.method;");
                q = rig_begin(&r, b, HOLD, NULL);
                capnp_question_send(q, NULL, NULL);
                rig_settle(&r);
                rig_notice_revoked(&r, "b");
                CHECK(rig_finish(q));
                told(&r, 4);
                CHECK_STR(r.traced, "a 0 ok;a 2 failed;a 5 denied.method;"
                                    "b 1 denied.revoked-lease;");
                rig_notice_traced(&r, false);
                CHECK_OK(rig_call(&r, a, ECHO, NULL, NULL));
                rig_notice_ended(&r, "expired");
                CHECK_EQ(r.traced_rows, 4);
        }
        rig_close(&r);
}

TEST_T(a_flood_of_good_calls_hides_none_that_was_refused, 60)
{
        enum { FLOOD = 1000 };
        struct rig r = {.nmethods = TELL + 1};
        rig_open(&r);
        {
                CAP session = rig_enter(&r);
                CAP a = rig_get(&r, session, "a");

                rig_notice_traced(&r, true);
                for (unsigned i = 0; i < FLOOD; i++)
                        CHECK_OK(rig_call(&r, a, ECHO, NULL, NULL));
                CHECK(rig_call(&r, a, TELL + 1, NULL, NULL));
                told(&r, FLOOD + 1);
                CHECK(strstr(r.traced, "a 5 denied.method;"));
        }
        rig_close(&r);
}
