/*
 * Sessions: how they begin without an account, what they can open, and every way they end. The real
 * program, driven over its real sockets.
 */
#include "test-rig.h"

#include <stdlib.h>
#include <string.h>

TEST(methods_say_the_truth)
{
        struct rig_worker w;
        struct rig g;
        remote_auth_method_list l;
        capnp_question *q;

        rig_start(&g, NULL);
        rig_worker(&g, RIG_HOME, &w);
        q = rig_good(admission_methods(w.ask));
        l = admission_methods_methods(q);
        CHECK_EQ(remote_auth_method_list_len(l), 9);
        for (uint32_t i = 0; i < 9; i++) {
                remote_auth_method_reader m = remote_auth_method_list_get(l, i);
                bool on = i == REMOTE_AUTH_KIND_PASSWORD || i == REMOTE_AUTH_KIND_PUBLIC_KEY ||
                          i == REMOTE_AUTH_KIND_GUEST || i == REMOTE_AUTH_KIND_ANONYMOUS;

                CHECK_EQ(remote_auth_method_kind(m), i);
                CHECK_EQ(remote_auth_method_state(m) == REMOTE_AUTH_STATE_ENABLED, on);
                CHECK_EQ(remote_auth_method_reason(m).len == 0, on);
                CHECK(remote_auth_method_label(m).len);
                rig_hints(m, !on                           ? ""
                             : i >= REMOTE_AUTH_KIND_GUEST ? "visitor"
                                                           : "operator second");
        }
        capnp_question_free(q);
        rig_worker_end(&w);
        rig_stop(&g, false);
        rig_remove(g.dir);
}

/* ---- places --------------------------------------------------------------------------------- */

static capnp_question *ask_to_enter(struct rig_worker *w, enum remote_auth_kind kind)
{
        capnp_question *q = admission_enter(w->ask);

        admission_enter_set_kind(q, kind);
        return q;
}

/* One more comes in from a source that has none; of whom has most, the oldest goes, and is told. */
TEST(who_has_more_gives_way_to_who_has_less)
{
        struct rig_worker w[4];
        struct rig g;
        unsigned sessions, descriptors;

        rig_start(&g, NULL);
        for (unsigned i = 0; i < 2; i++)
                rig_worker(&g, "192.0.2.1:1", &w[i]);
        rig_worker(&g, "192.0.2.2:1", &w[2]);
        rig_worker(&g, "192.0.2.3:1", &w[3]);
        for (unsigned i = 0; i < 3; i++)
                capnp_question_free(rig_good(ask_to_enter(&w[i], REMOTE_AUTH_KIND_ANONYMOUS)));
        rig_status(&g, &sessions, &descriptors);
        CHECK_EQ(sessions, 2);
        CHECK_EQ(rig_audited(&g, "\"what\":\"displacement\""), 1);
        rig_refused(admission_logout(w[0].ask), "denied.stale-session: displaced");

        /* Each has one now: the oldest of equals makes room for one who has none. */
        capnp_question_free(rig_good(ask_to_enter(&w[3], REMOTE_AUTH_KIND_ANONYMOUS)));
        rig_refused(admission_logout(w[1].ask), "denied.stale-session: displaced");
        capnp_question_free(rig_good(admission_logout(w[2].ask)));
        for (unsigned i = 0; i < 4; i++)
                rig_worker_end(&w[i]);
        rig_until_left(&g, 0, 0);
        rig_stop(&g, false);
        rig_remove(g.dir);
}

/* Without room, anonymous sessions go first, then guests'; an account's never. */
TEST(an_account_never_gives_way)
{
        const struct rig_options o = {.connections = 2};
        struct rig_worker w[5];
        struct rig g;

        rig_start(&g, &o);
        rig_account(&g, "alice", "correct horse");
        for (unsigned i = 0; i < 5; i++)
                rig_worker(&g, "192.0.2.1:1", &w[i]);
        capnp_question_free(rig_good(ask_to_enter(&w[0], REMOTE_AUTH_KIND_GUEST)));
        capnp_question_free(rig_good(ask_to_enter(&w[1], REMOTE_AUTH_KIND_ANONYMOUS)));
        capnp_question_free(rig_good(rig_password(&w[2], "alice", "", "correct horse")));
        rig_refused(admission_logout(w[1].ask), "denied.stale-session: displaced");
        rig_refused(ask_to_enter(&w[3], REMOTE_AUTH_KIND_ANONYMOUS), "over-quota.sessions");
        rig_refused(rig_password(&w[3], "alice", "", "correct horse"),
                    "over-quota.sessions: source: "); /* half is hers, and nobody goes for that */
        rig_worker_end(&w[3]);
        rig_worker(&g, "192.0.2.2:1", &w[3]);
        capnp_question_free(rig_good(rig_password(&w[3], "alice", "", "correct horse")));
        rig_refused(admission_logout(w[0].ask), "denied.stale-session: displaced");
        rig_refused(ask_to_enter(&w[4], REMOTE_AUTH_KIND_GUEST), "over-quota.sessions");
        rig_refused(rig_password(&w[4], "alice", "", "correct horse"), "over-quota.sessions");
        capnp_question_free(rig_good(admission_logout(w[2].ask)));
        capnp_question_free(rig_good(admission_logout(w[3].ask)));
        for (unsigned i = 0; i < 5; i++)
                rig_worker_end(&w[i]);
        rig_until_left(&g, 0, 0);
        rig_stop(&g, false);
        rig_remove(g.dir);
}

/* Four addresses, one after the other, each with all that it gets of 16 places; whose accounts they
 * are does not matter. The numbers are those of doc/design/limits.md. */
TEST_T(sources_share_the_places_of_accounts, 60)
{
        static const char *const from[] = {"192.0.2.1:1", "192.0.2.2:1", "192.0.2.3:1",
                                           "[2001:db8::1]:1"};
        static const unsigned finds[] = {8, 2, 1, 1};
        const struct rig_options o = {.connections = 16};
        struct rig_worker w[16];
        unsigned n = 0;
        struct rig g;

        rig_start(&g, &o);
        for (unsigned i = 0; i < 5; i++)
                rig_account(&g, (char[]){'a', (char)('a' + i), 0}, "correct horse");
        for (unsigned i = 0; i < 4; i++) {
                for (unsigned k = 0; k <= finds[i]; k++, n++) {
                        char name[] = {'a', (char)('a' + n / 3), 0}; /* three of each account */

                        rig_worker(&g, from[i], &w[n]);
                        if (k < finds[i])
                                capnp_question_free(
                                        rig_good(rig_password(&w[n], name, "", "correct horse")));
                }
                n--;
                rig_refused(rig_password(&w[n], "ae", "", "correct horse"),
                            "over-quota.sessions: source: ");
                rig_worker_end(&w[n]);
        }
        capnp_question_free(rig_good(admission_logout(w[0].ask)));
        rig_worker_end(&w[0]);
        rig_worker(&g, from[0], &w[0]);
        rig_refused(rig_password(&w[0], "ae", "", "correct horse"),
                    "over-quota.sessions: source: ");
        for (unsigned i = 0; i < n; i++)
                rig_worker_end(&w[i]);
        rig_until_left(&g, 0, 0);
        rig_stop(&g, false);
        rig_remove(g.dir);
}

/* ---- the ordinary life ---------------------------------------------------------------------- */

TEST(anonymous_opens_calls_and_logs_out)
{
        capnp_conn *c;
        capnp_cap *echo;
        capnp_question *q;
        struct rig_worker w;
        struct rig g;
        bound_reader b;
        bundle_entry_reader e;

        rig_start(&g, NULL);
        rig_worker(&g, RIG_HOME, &w);
        q = rig_enter(&w);
        b = admission_enter_bound(q);
        CHECK_EQ(bundle_entry_list_len(bound_bundle(b)), 2);
        e = bundle_entry_list_get(bound_bundle(b), 0);
        CHECK_STR(bundle_entry_name(e).p, "session");
        CHECK(bundle_entry_local(e));
        e = bundle_entry_list_get(bound_bundle(b), 1);
        CHECK_STR(bundle_entry_name(e).p, "echo");
        CHECK_EQ(bundle_entry_interface_id(e), ECHO_ID);
        CHECK(bundle_entry_services(e) && !bundle_entry_local(e));
        CHECK_STR(session_info_kind(bound_info(b)).p, "anonymous");
        CHECK_STR(session_info_profile(bound_info(b)).p, "visitor");
        CHECK_STR(session_info_source(bound_info(b)).p, RIG_HOME);
        CHECK_EQ(session_info_renew_challenge(bound_info(b)).len, 0);
        capnp_question_free(q);
        rig_until_count(&g, &g.nbound, 1);
        CHECK_EQ(g.bound[0], w.event);

        echo = rig_open(&w, &c);
        CHECK_OK(rig_echo(&g, echo, 41));
        CHECK_STR(g.callers[0].facet, "visitor");
        CHECK_EQ(g.callers[0].epoch, 1);
        CHECK_EQ(g.callers[0].pseudonym_len, 0);

        capnp_question_free(rig_good(admission_logout(w.ask)));
        CHECK(rig_echo(&g, echo, 1) == CAPNP_E_DISCONNECTED);
        rig_until_left(&g, 0, 0);
        rig_refused(admission_logout(w.ask), "denied.stale-session: logout");
        capnp_cap_unref(echo);
        capnp_conn_unref(c);
        rig_worker_end(&w);
        rig_stop(&g, false);
        CHECK_EQ(g.nkilled, 0);
        rig_remove(g.dir);
}

TEST(a_connection_is_bound_once)
{
        struct rig_worker w;
        struct rig g;
        capnp_question *q;

        rig_start(&g, NULL);
        rig_worker(&g, RIG_HOME, &w);
        capnp_question_free(rig_enter(&w));
        q = admission_enter(w.ask);
        admission_enter_set_kind(q, REMOTE_AUTH_KIND_GUEST);
        rig_refused(q, "denied.already-bound");
        q = admission_start(w.ask);
        rig_refused(q, "denied.already-bound");
        rig_worker_end(&w);
        rig_until_left(&g, 0, 0);
        rig_stop(&g, false);
        rig_remove(g.dir);
}

static capnp_text whole(const char *p, uint32_t len)
{
        return (capnp_text){p, len};
}

/* A text with a NUL inside is another text than the one before the NUL. */
TEST(texts_are_compared_whole)
{
        static const char name[] = "echo\0x", profile[] = "visitor\0x", second[] = "second\0x";
        struct rig_worker w;
        struct rig g;
        capnp_question *q;
        remote_auth_start_builder b;

        rig_start(&g, NULL);
        rig_worker(&g, RIG_HOME, &w);
        q = admission_enter(w.ask);
        admission_enter_set_kind(q, REMOTE_AUTH_KIND_ANONYMOUS);
        admission_enter_set_requested_profile_n(q, whole(profile, sizeof(profile) - 1));
        rig_refused(q, "denied.profile");
        q = admission_start(w.ask);
        b = admission_start_init_request(q);
        login_selector_set_account(remote_auth_start_init_selector(b), "alice");
        remote_auth_start_set_requested_profile_n(b, whole(second, sizeof(second) - 1));
        rig_refused(q, "denied.profile");

        capnp_question_free(rig_enter(&w));
        q = admission_open(w.ask);
        admission_open_set_name_n(q, whole(name, sizeof(name) - 1));
        admission_open_set_interface_id(q, ECHO_ID);
        rig_refused(q, "denied.unknown-name");
        CHECK_EQ(g.opened, 0);
        rig_worker_end(&w);
        rig_stop(&g, false);
        rig_remove(g.dir);
}

/* One that is too long is not a proof that failed. */
TEST(a_client_nonce_has_its_own_refusal)
{
        static const uint8_t nonce[65] = {1};
        struct rig_worker w;
        struct rig g;
        capnp_question *q;

        rig_start(&g, NULL);
        rig_worker(&g, RIG_HOME, &w);
        for (uint32_t len = 64; len <= 65; len++) {
                q = admission_start(w.ask);
                remote_auth_start_set_client_nonce(admission_start_init_request(q),
                                                   (capnp_data){nonce, len});
                if (len > 64)
                        rig_refused(q, "denied.flow: clientNonce has 64 bytes at most");
                else
                        capnp_question_free(rig_good(q));
        }
        rig_worker_end(&w);
        rig_stop(&g, false);
        rig_remove(g.dir);
}

TEST(policy_of_those_without_account)
{
        struct rig_worker w[4];
        struct rig g;
        capnp_question *q;

        rig_start(&g, NULL);
        for (unsigned i = 0; i < 4; i++)
                rig_worker(&g, RIG_HOME, &w[i]);
        q = admission_enter(w[0].ask);
        admission_enter_set_kind(q, REMOTE_AUTH_KIND_ANONYMOUS);
        admission_enter_set_requested_profile(q, "operator");
        rig_refused(q, "denied.profile");
        q = admission_enter(w[0].ask);
        admission_enter_set_kind(q, REMOTE_AUTH_KIND_PASSWORD);
        rig_refused(q, "denied.method-disabled");

        capnp_question_free(rig_enter(&w[0]));
        capnp_question_free(rig_enter(&w[1]));
        q = admission_enter(w[2].ask);
        admission_enter_set_kind(q, REMOTE_AUTH_KIND_ANONYMOUS);
        rig_refused(q, "over-quota.sessions");
        q = admission_enter(w[3].ask);
        admission_enter_set_kind(q, REMOTE_AUTH_KIND_GUEST);
        admission_enter_set_requested_profile(q, "visitor");
        capnp_question_free(rig_good(q));
        for (unsigned i = 0; i < 4; i++)
                rig_worker_end(&w[i]);
        rig_until_left(&g, 0, 0);
        rig_stop(&g, false);
        rig_remove(g.dir);
}

TEST(disabled_entries_are_denied)
{
        struct rig_worker w;
        struct rig g;
        capnp_question *q;

        rig_start(&g, &(struct rig_options){.no_entry = true, .no_password = true});
        rig_worker(&g, RIG_HOME, &w);
        q = admission_enter(w.ask);
        admission_enter_set_kind(q, REMOTE_AUTH_KIND_ANONYMOUS);
        rig_refused(q, "denied.method-disabled");
        rig_refused(admission_start(w.ask), "denied.method-disabled: password");
        CHECK_EQ(rig_audited(&g, "\"outcome\":\"denied.method-disabled\""), 2);
        rig_worker_end(&w);
        rig_stop(&g, false);
        rig_remove(g.dir);
}

TEST(open_checks_name_interface_and_the_other_end)
{
        capnp_conn *c;
        capnp_cap *echo;
        capnp_question *q;
        struct rig_worker w;
        struct rig g;

        rig_start(&g, NULL);
        rig_worker(&g, RIG_HOME, &w);
        capnp_question_free(rig_enter(&w));
        q = admission_open(w.ask);
        admission_open_set_name(q, "vault");
        rig_refused(q, "denied.unknown-name");
        q = admission_open(w.ask);
        admission_open_set_name(q, "session");
        rig_refused(q, "denied.wrong-interface");
        q = admission_open(w.ask);
        admission_open_set_name(q, "echo");
        admission_open_set_interface_id(q, 7);
        rig_refused(q, "denied.wrong-interface");

        echo = rig_open(&w, &c);
        q = admission_open(w.ask);
        admission_open_set_name(q, "echo");
        admission_open_set_interface_id(q, ECHO_ID);
        q = rig_good(q); /* the worker has its socket already */
        CHECK(!admission_open_end(q).c);
        capnp_question_free(q);
        capnp_cap_unref(echo);
        capnp_conn_close(c, (capnp_exception){CAPNP_DISCONNECTED, "done"});
        capnp_conn_unref(c);
        rig_until_left(&g, 1, 0);
        echo = rig_open(&w, &c);
        CHECK_OK(rig_echo(&g, echo, 1));
        CHECK_EQ(g.opened, 2);
        CHECK_MEM(g.callers[0].reference, g.callers[1].reference, 16);
        capnp_cap_unref(echo);
        capnp_conn_unref(c);
        rig_worker_end(&w);
        rig_until_left(&g, 0, 0);
        rig_stop(&g, false);
        rig_remove(g.dir);
}

TEST(a_lease_ends)
{
        capnp_conn *c;
        capnp_cap *echo;
        capnp_question *open;
        struct rig_worker w;
        struct rig g;

        rig_start(&g, &(struct rig_options){.lease_ms = 5000}); /* or it ends before it is used */
        rig_worker(&g, RIG_HOME, &w);
        capnp_question_free(rig_enter(&w));
        rig_attend(&w);
        echo = rig_open(&w, &c);
        open = rig_call(&g, echo, ECHO_HANG, 0);
        capnp_question_send(open, NULL, NULL);
        rig_until(&g, &w.told);
        CHECK_STR(w.ended, "expired");
        CHECK(capnp_question_wait(open) == CAPNP_E_DISCONNECTED);
        capnp_question_free(open);
        rig_refused(admission_logout(w.ask), "denied.stale-session: expired");
        rig_pause(&g, 1300);
        CHECK_EQ(g.nkilled, 0);
        CHECK_EQ(rig_audited(&g, "\"what\":\"expiry\""), 1);
        rig_until_left(&g, 0, 0);
        capnp_cap_unref(echo);
        capnp_conn_unref(c);
        rig_worker_end(&w);
        rig_stop(&g, false);
        rig_remove(g.dir);
}

/* What is for ever is told as what it is, and does not end at once. */
TEST(a_lease_without_end_has_one)
{
        const uint64_t year = UINT64_C(365) * 24 * 60 * 60 * 1000;
        struct rig_worker w;
        struct rig g;
        uint64_t from, to;
        capnp_question *q;
        session_info_reader i;

        rig_start(&g, &(struct rig_options){.lease_ms = UINT64_MAX, .max_lease_ms = UINT64_MAX});
        rig_worker(&g, RIG_HOME, &w);
        q = rig_enter(&w);
        i = bound_info(admission_enter_bound(q));
        from = session_info_started_at_ms(i);
        to = session_info_expires_at_ms(i);
        CHECK(to > from + 9 * year && to < from + 11 * year);
        capnp_question_free(q);
        rig_pause(&g, 100);
        CHECK_EQ(rig_audited(&g, "\"what\":\"expiry\""), 0);
        rig_worker_end(&w);
        rig_stop(&g, false);
        rig_remove(g.dir);
}

TEST(who_does_not_log_in_is_dropped)
{
        struct rig_worker w;
        struct rig g;

        rig_start(&g, &(struct rig_options){.admission_ms = 150});
        rig_worker(&g, RIG_HOME, &w);
        rig_until(&g, &w.closed);
        rig_until_count(&g, &g.nkilled, 1);
        CHECK_EQ(g.killed[0], w.event);
        rig_worker_end(&w);
        rig_stop(&g, false);
        rig_remove(g.dir);
}

TEST(a_service_that_goes_takes_its_sockets_along)
{
        capnp_conn *c;
        capnp_cap *echo;
        capnp_question *q;
        struct rig_worker w;
        struct rig g;

        rig_start(&g, NULL);
        rig_worker(&g, RIG_HOME, &w);
        capnp_question_free(rig_enter(&w));
        echo = rig_open(&w, &c);
        CHECK_OK(rig_echo(&g, echo, 1));
        rig_stop_service(&g);
        CHECK(rig_echo(&g, echo, 1) == CAPNP_E_DISCONNECTED);
        capnp_cap_unref(echo);
        capnp_conn_unref(c);
        rig_until_seen(&g);
        q = admission_open(w.ask);
        admission_open_set_name(q, "echo");
        admission_open_set_interface_id(q, ECHO_ID);
        rig_refused(q, "the service is not running");

        rig_start_service(&g);
        rig_until_seen(&g);
        echo = rig_open(&w, &c);
        CHECK_OK(rig_echo(&g, echo, 1));
        capnp_cap_unref(echo);
        capnp_conn_unref(c);
        rig_worker_end(&w);
        rig_stop(&g, false);
        rig_remove(g.dir);
}

enum { ASKERS = 40 };

static capnp_question *ask_schema(struct rig_worker *w)
{
        capnp_question *q = admission_schema(w->ask);

        admission_schema_set_interface_id(q, ECHO_ID);
        return q;
}

/* A service that does not answer is asked once, by a bounded number, for a bounded time. */
TEST_T(a_mute_service_is_asked_once, 60)
{
        capnp_question *q[2][ASKERS];
        struct rig_worker w[2];
        unsigned refused = 0;
        struct rig g;

        rig_start(&g, NULL);
        g.mute = true;
        for (unsigned k = 0; k < 2; k++) {
                rig_worker(&g, RIG_HOME, &w[k]);
                capnp_question_free(rig_enter(&w[k]));
                for (unsigned i = 0; i < ASKERS; i++) {
                        q[k][i] = ask_schema(&w[k]);
                        capnp_question_send(q[k][i], NULL, NULL);
                }
        }
        rig_until_count(&g, &g.muted, 1);
        capnp_question_free(rig_good(admission_methods(w[1].ask))); /* all have been heard */
        CHECK_EQ(g.muted, 1);
        for (unsigned i = 0; i < ASKERS; i++) {
                /* One of them gives up; the others of its like are told that they are too many. */
                if (!capnp_question_is_done(q[1][i]))
                        continue;
                rig_refused(q[1][i], "over-quota.calls");
                q[1][i] = NULL;
                refused++;
        }
        CHECK_EQ(refused, 2 * ASKERS - 64);
        for (unsigned i = 0; i < ASKERS; i++)
                capnp_question_free(q[1][i]);
        q[1][0] = ask_schema(&w[1]); /* there is room again */
        capnp_question_send(q[1][0], NULL, NULL);
        for (unsigned i = 0; i < ASKERS; i++)
                rig_refused(q[0][i], "the service does not answer");
        rig_refused(q[1][0], "the service does not answer");
        CHECK_EQ(g.muted, 1);
        rig_until_count(&g, &g.mute_canceled, 1);

        g.mute = false;
        capnp_question_free(rig_good(ask_schema(&w[0])));
        CHECK_EQ(g.described, 1);
        rig_worker_end(&w[0]);
        rig_worker_end(&w[1]);
        rig_until_left(&g, 0, 0);
        rig_stop(&g, false);
        rig_remove(g.dir);
}

/* Opening and closing while the service takes nothing costs few descriptors, and ends. */
TEST_T(a_mute_service_gets_few_sockets, 60)
{
        struct rig_worker w;
        unsigned opened = 0;
        struct rig g;

        rig_start(&g, NULL);
        g.mute = true;
        rig_worker(&g, RIG_HOME, &w);
        capnp_question_free(rig_enter(&w));
        for (unsigned i = 0; i < 20; i++) {
                capnp_question *q = rig_ask_open(&w);

                if (capnp_question_wait(q)) {
                        rig_refused(q, "over-quota.sockets");
                        continue;
                }
                opened++; /* closed with its message */
                capnp_question_free(q);
                rig_pause(&g, 20);
        }
        CHECK_EQ(opened, 4);
        rig_stop_service(&g); /* they end with it; the next one is another */
        g.mute = false;
        rig_start_service(&g);
        rig_until_seen(&g);
        capnp_question_free(rig_good(rig_ask_open(&w)));
        rig_worker_end(&w);
        rig_until_left(&g, 0, 0);
        rig_stop(&g, false);
        rig_remove(g.dir);
}

TEST(schemas_come_from_those_who_serve)
{
        struct rig_worker w;
        struct rig g;
        capnp_question *q;
        uint64_t words[4096];
        capnp_msg *m;
        capnp_data d;

        rig_start(&g, NULL);
        rig_worker(&g, RIG_HOME, &w);
        capnp_question_free(rig_enter(&w));
        for (unsigned i = 0; i < 2; i++) {
                q = admission_schema(w.ask);
                admission_schema_set_interface_id(q, ECHO_ID);
                CHECK_EQ(admission_schema_schema(rig_good(q)).len, 8);
                capnp_question_free(q);
        }
        CHECK_EQ(g.described, 1);
        q = admission_schema(w.ask);
        admission_schema_set_interface_id(q, USER_SESSION_ID);
        d = admission_schema_schema(rig_good(q));
        CHECK(d.len > 64 && d.len <= sizeof(words));
        memcpy(words, d.p, d.len);
        CHECK_OK(capnp_msg_parse(words, d.len, NULL, &m));
        CHECK_EQ(capnp_any_list(capnp_reader_any(capnp_any_struct(capnp_msg_root(m), NULL), 0),
                                CAPNP_SIZE_COMPOSITE, NULL)
                         .len,
                 user_session_capnp_schema.nnodes);
        CHECK_OK(capnp_msg_check(m));
        capnp_msg_free(m);
        capnp_question_free(q);
        q = admission_schema(w.ask);
        admission_schema_set_interface_id(q, 1);
        rig_refused(q, "denied.unknown-name");
        rig_worker_end(&w);
        rig_stop(&g, false);
        rig_remove(g.dir);
}
