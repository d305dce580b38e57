/*
 * What is taken away from sessions while there is no memory, and by whom, and what services have of
 * others: the session manager's own code, in this process, with one allocation failing after the
 * other.
 */
#include "harness.h"

#include "admit.h"
#include "dispatch.h"
#include "places.h"
#include "reconnect.h"
#include "service_control.capnp-c.h"
#include "session.h"
#include "sessiond.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sessiond s;
static struct policy_grant grants[] = {{.name = "session", .facet = ""}};
static struct policy_profile profile = {.name = "visitor",
                                        .grants = grants,
                                        .ngrants = 1,
                                        .lease_ms = 60000,
                                        .max_lease_ms = 60000};

static void begin(char *dir)
{
        CHECK(sodium_init() >= 0);
        CHECK(mkdtemp(dir) && !chdir(dir));
        memset(&s, 0, sizeof(s));
        capnp_i_list_init(&s.admissions);
        capnp_i_list_init(&s.untold);
        capnp_i_list_init(&s.sessions);
        capnp_i_list_init(&s.attempts);
        capnp_i_list_init(&s.enrolments);
        capnp_i_list_init(&s.checks);
        s.policy.anonymous = (struct policy_entry){
                .profile = &profile, .max_sessions = 4, .max_sessions_of_one = 4};
        s.policy.max_sessions = 4;
        s.policy.memory_bytes = UINT64_MAX;
        ledgers_init(&s.ledgers);
        s.policy.admission_ms = 60000;
        CHECK_OK(capnp_vat_new(&s.vat));
        prover_init(&s.prover, &s);
        CHECK_OK(store_init(&s.store));
        CHECK_OK(audit_init(&s.audit, s.vat, AT_FDCWD, &s.store));
}

static void finish(const char *dir)
{
        static const char *const files[] = {STORE_FILE, STORE_FILE "-wal", STORE_FILE "-shm",
                                            "audit.log"};

        admissions_end(&s);
        enrolments_deinit(&s);
        prover_deinit(&s.prover);
        audit_deinit(&s.audit);
        s.vat = capnp_vat_free(s.vat);
        CHECK(ledgers_end(&s.ledgers));
        store_deinit(&s.store);
        for (unsigned i = 0; i < sizeof(files) / sizeof(files[0]); i++)
                (void)unlink(files[i]);
        CHECK_EQ(chdir("/"), 0);
        CHECK_EQ(rmdir(dir), 0);
}

static void turns(unsigned n)
{
        while (n--)
                CHECK_OK(capnp_vat_process(s.vat));
}

static void ignore(struct sessiond *of)
{
        (void)of;
}

/* One session, on a connection whose worker is not there any more, which nobody knows yet. */
static struct session *session_make(struct admission **ret_ad)
{
        const struct session_who who = {
                .account = "", .credential = "", .kind = CAPOS_AUTH_ANONYMOUS, .profile = &profile};
        const struct packet event = {.type = PACKET_EVENT, .event = 7};
        struct places_full full;
        struct place place;
        struct session *e;

        CHECK_OK(dispatch_open(&s, &event, ignore, ret_ad));
        CHECK_OK(places_take(&(*ret_ad)->origin, &who, &place, &full));
        CHECK_OK(session_new(&(*ret_ad)->origin, &who, &e));
        session_begin(e, &who, &place);
        admission_bind(*ret_ad, e);
        return e;
}

TEST(a_revocation_without_memory)
{
        unsigned killed = 0;

        for (unsigned n = 1; n <= 12; n++) {
                char dir[] = "/tmp/test-sessiond-memory-XXXXXX";
                struct admission *ad;
                struct session *e;

                begin(dir);
                e = session_make(&ad);
                test_fail_alloc_at(n);
                CHECK_OK(session_revoke(e, (capnp_text){"session", 7}));
                test_fail_alloc_at(0);
                killed += ad->state == ADMISSION_KILLED;
                CHECK(e->grants[0]->revoked && s.nsessions == 1);
                turns(5);
                CHECK_EQ(s.nsessions, 0);
                finish(dir);
        }
        CHECK(killed > 0);
}

static struct admission *revoked;
static unsigned fails_at, nkilled;

/* As an administrator's call. */
static int on_revoke(void *self, capnp_answer *a)
{
        int r;

        CHECK_OK(session_revoke(self, (capnp_text){"session", 7}));
        test_fail_alloc_at(fails_at);
        r = admissions_return(&s, a);
        test_fail_alloc_at(0);
        nkilled += revoked->state == ADMISSION_KILLED;
        return r;
}

/* It is answered however little there is: without memory to wait with, the worker is killed. */
TEST(who_revokes_without_memory_is_answered)
{
        for (fails_at = 1; fails_at <= 6; fails_at++) {
                char dir[] = "/tmp/test-sessiond-memory-XXXXXX";
                capnp_cap *object = NULL;
                capnp_question *q;
                struct session *e;

                begin(dir);
                e = session_make(&revoked);
                CHECK_OK(capnp_cap_new_dispatch(s.vat, on_revoke, NULL, e, &object));
                q = admission_watch((admission_client){object});
                CHECK_OK(capnp_question_wait(q));
                capnp_question_free(q);
                capnp_cap_unref(object);
                turns(5);
                CHECK_EQ(s.nsessions, 0);
                CHECK(capnp_i_list_empty(&s.untold));
                finish(dir);
        }
        CHECK(nkilled > 0);
}

TEST(an_end_without_memory)
{
        for (unsigned n = 1; n <= 12; n++) {
                char dir[] = "/tmp/test-sessiond-memory-XXXXXX";
                struct admission *ad;

                begin(dir);
                (void)session_make(&ad);
                test_fail_alloc_at(n);
                sessions_end(&s, "", NULL, "revoked");
                test_fail_alloc_at(0);
                CHECK_EQ(s.nsessions, 0);
                turns(5);
                finish(dir);
        }
}

/* Whoever comes back, while his session is still there for all that is known, and has to be told
 * that there is no memory: it is still there. */
TEST(coming_back_without_memory)
{
        static const uint8_t key[ENROLMENT_KEY_BYTES] = {0};
        const struct packet event = {.type = PACKET_EVENT, .event = 8};
        unsigned made = 0;

        for (unsigned n = 1; n <= 12; n++) {
                char dir[] = "/tmp/test-sessiond-memory-XXXXXX";
                struct session_who who = {.account = "ada", .credential = "password"};
                struct enrolment at = {.profile = &profile, .account = "ada"};
                struct admission *ad, *again;
                struct session *e, *back;
                struct place place = {0};
                struct places_full full;
                int r;

                begin(dir);
                profile.quota.sessions_per_account = 1;
                e = session_make(&ad);
                memcpy(e->account, "ada", 4);
                at.session = e;
                at.deadline_ms = e->deadline_ms;
                CHECK_OK(enrolment_new(&s, &at, (capnp_data){key, sizeof(key)}, &e->enrolment));
                CHECK_OK(dispatch_open(&s, &event, ignore, &again));

                test_fail_alloc_at(n);
                reconnect_fill(e->enrolment, &who);
                r = places_take(&again->origin, &who, &place, &full);
                if (!r)
                        r = session_new(&again->origin, &who, &back);
                test_fail_alloc_at(0);
                if (!r)
                        session_begin(back, &who, &place);
                place_give(&place);
                if (r) {
                        CHECK(ad->session == e && e->enrolment->session == e);
                        CHECK_EQ(s.nsessions, 1);
                } else {
                        made++;
                        reconnect_done(e);
                        CHECK(!ad->session && back->enrolment->session == back);
                        session_end(back, SESSION_LOGOUT, "logout");
                        CHECK_EQ(s.nsessions, 0);
                }
                turns(5);
                finish(dir);
        }
        CHECK(made > 0 && made < 12);
}

/* A renewal that fails has begun nothing: not what the session rests on, nor until when. */
TEST(a_renewal_without_memory)
{
        const struct session_renewal by = {
                .credential = "jwk:b", .duration_ms = 1000, .until_ms = 1, .replaces = true};
        char dir[] = "/tmp/test-sessiond-memory-XXXXXX";
        struct session_lease lease;
        struct admission *ad;
        struct session *e;
        uint64_t expires_ms;

        begin(dir);
        e = session_make(&ad);
        memcpy(e->credential, by.credential, strlen(by.credential) + 1);
        expires_ms = e->expires_ms;
        test_fail_alloc_at(1);
        CHECK_EQ(session_lease_new(e, &by, e->profile, &lease), -ENOMEM);
        test_fail_alloc_at(0);
        CHECK_EQ(e->dates.made_ms, 0);
        CHECK_EQ(e->expires_ms, expires_ms);
        CHECK_STR(e->renewed, "");
        CHECK_OK(session_lease_new(e, &by, e->profile, &lease));
        CHECK_EQ(e->dates.made_ms, 0);
        session_renew(e, &by, &lease);
        CHECK_EQ(e->dates.made_ms, 1);
        CHECK_STR(e->renewed, "jwk:b");
        turns(5);
        finish(dir);
}

/* ---- who gives way -------------------------------------------------------------------------- */

/* Somebody of 192.0.2.number logs in, or comes in as …, with one allocation failing; 0: with none.
 * 0: *ret_e; as places_take(). */
static int enter(enum capos_auth kind, const char *account, uint8_t number, unsigned fail_at,
                 struct session **ret_e)
{
        static uint64_t events;
        const struct session_who who = {
                .account = account, .credential = "", .kind = kind, .profile = &profile};
        const struct packet event = {.type = PACKET_EVENT,
                                     .event = ++events,
                                     .source = {.kind = SOURCE_ADDRESS,
                                                .prefix = {[10] = 0xff, 0xff, 192, 0, 2, number}}};
        CAPNP_AUTO(place_give) struct place place = {0};
        struct places_full full;
        struct admission *ad;
        int r;

        CHECK_OK(dispatch_open(&s, &event, ignore, &ad));
        test_fail_alloc_at(fail_at);
        r = places_take(&ad->origin, &who, &place, &full);
        if (!r)
                r = session_new(&ad->origin, &who, ret_e);
        test_fail_alloc_at(0);
        if (r)
                return r;

        session_begin(*ret_e, &who, &place);
        places_settle(&s);
        admission_bind(ad, *ret_e);
        return 0;
}

static int visit(uint8_t number)
{
        struct session *e;

        return enter(CAPOS_AUTH_ANONYMOUS, "", number, 0, &e);
}

static int guest(uint8_t number)
{
        struct session *e;

        return enter(CAPOS_AUTH_GUEST, "", number, 0, &e);
}

/* How many there are of each class: "anonymous guest account". */
static const char *there_are(void)
{
        static char text[32];
        unsigned n[CLASS_ACCOUNT + 1] = {0};

        for (struct capnp_i_list *l = s.sessions.next; l != &s.sessions; l = l->next) {
                const struct session *e = CAPNP_I_OF(l, struct session, link);

                n[session_class(e->account, e->kind)]++;
        }
        (void)snprintf(text, sizeof(text), "%u %u %u", n[CLASS_ANONYMOUS], n[CLASS_GUEST],
                       n[CLASS_ACCOUNT]);
        return text;
}

/* By one ledger others would have to give way, by the next there is no place: nobody goes. And when
 * the session cannot be made after all, or not even be counted. */
TEST(who_is_refused_has_cost_nobody_his_session)
{
        char dir[] = "/tmp/test-sessiond-memory-XXXXXX";
        unsigned failed = 0;
        struct session *e;
        int r = -ENOMEM;

        begin(dir);
        profile.quota.message_bytes = 5;
        s.policy.memory_bytes = 10;
        s.policy.guest = (struct policy_entry){
                .profile = &profile, .max_sessions = 4, .max_sessions_of_one = 1};
        CHECK_OK(visit(1));
        CHECK_OK(visit(2));
        CHECK_OK(guest(3));
        CHECK_STR(there_are(), "1 1 0");
        CHECK_EQ(guest(3), CAPNP_E_LIMIT);
        CHECK_STR(there_are(), "1 1 0");
        for (unsigned n = 1; r; n++) {
                r = enter(CAPOS_AUTH_GUEST, "", 4, n, &e);
                CHECK(!r || r == -ENOMEM);
                CHECK_STR(there_are(), r ? "1 1 0" : "0 2 0");
                failed += r != 0;
        }
        CHECK(failed > 4);
        CHECK_EQ(s.ledgers.of[LEDGER_MEMORY].most, 10);
        turns(5);
        finish(dir);
}

/* A profile that all have: as in the instance, who has proved nothing gives way. */
TEST(who_proves_more_finds_room_in_a_profile)
{
        char dir[] = "/tmp/test-sessiond-memory-XXXXXX";
        struct session *e;

        begin(dir);
        profile.max_sessions = 4;
        profile.quota.sessions_per_account = 4;
        s.policy.max_sessions = 16;
        s.policy.guest = s.policy.anonymous = (struct policy_entry){
                .profile = &profile, .max_sessions = 16, .max_sessions_of_one = 16};
        for (uint8_t i = 1; i <= 4; i++)
                CHECK_OK(visit(i));
        CHECK_EQ(visit(1), CAPNP_E_LIMIT); /* equals */
        CHECK_STR(there_are(), "4 0 0");
        CHECK_OK(guest(5));
        CHECK_OK(guest(5));
        CHECK_STR(there_are(), "2 2 0");
        CHECK_EQ(guest(5), CAPNP_E_LIMIT); /* half of it */
        CHECK_STR(there_are(), "2 2 0");
        CHECK_OK(guest(6));
        CHECK_OK(guest(7));
        CHECK_STR(there_are(), "0 4 0");
        CHECK_EQ(visit(8), CAPNP_E_LIMIT);
        CHECK_OK(enter(CAPOS_AUTH_PASSWORD, "ada", 5, 0, &e));
        CHECK_OK(enter(CAPOS_AUTH_PASSWORD, "ada", 5, 0, &e));
        CHECK_STR(there_are(), "0 2 2");
        CHECK_EQ(enter(CAPOS_AUTH_PASSWORD, "ada", 5, 0, &e), CAPNP_E_LIMIT);
        CHECK_OK(enter(CAPOS_AUTH_PASSWORD, "bob", 5, 0, &e));
        CHECK_OK(enter(CAPOS_AUTH_PASSWORD, "cleo", 5, 0, &e));
        CHECK_STR(there_are(), "0 0 4");
        CHECK_EQ(guest(9), CAPNP_E_LIMIT);
        CHECK_EQ(s.ledgers.of[LEDGER_PROFILES].most, 4);
        turns(5);
        finish(dir);
}

/* What a session has itself is no reason why others could not make room for what it has then. */
TEST(who_is_raised_finds_room_in_the_memory)
{
        char dir[] = "/tmp/test-sessiond-memory-XXXXXX";
        struct policy_profile more;
        struct places_full full;
        struct place place = {0};
        struct session *e;

        begin(dir);
        profile.max_sessions = 0;
        profile.quota.message_bytes = 4;
        profile.quota.sessions_per_account = 4;
        s.policy.memory_bytes = 10;
        s.policy.guest = (struct policy_entry){
                .profile = &profile, .max_sessions = 4, .max_sessions_of_one = 1};
        CHECK_OK(enter(CAPOS_AUTH_PASSWORD, "ada", 1, 0, &e));
        profile.quota.message_bytes = 3;
        CHECK_OK(guest(2));
        CHECK_OK(guest(3));
        more = profile;
        more.name = "more";
        more.quota.message_bytes = 11;
        CHECK_EQ(places_change(e, &more, &place, &full), CAPNP_E_LIMIT);
        more.quota.message_bytes = 7;
        CHECK_OK(places_change(e, &more, &place, &full));
        CHECK_STR(there_are(), "0 2 1");
        place_give(&e->place);
        e->place = place;
        places_settle(&s);
        CHECK_STR(there_are(), "0 1 1");
        CHECK_EQ(s.ledgers.of[LEDGER_MEMORY].used, 10);
        turns(5);
        finish(dir);
}

/* ---- what services hold --------------------------------------------------------------------- */

static struct policy_service services[] = {{.name = "game", .interface_id = 1},
                                           {.name = "chat", .interface_id = 2}};
static struct policy_grant held[] = {{.name = "chat", .facet = "", .service = &services[1]}};

/* A service that takes every socket, and drops it. */
static int on_open(void *self, capnp_answer *a)
{
        ++*(unsigned *)self;
        return capnp_answer_return(a);
}

static capnp_conn *service_begin(struct service *v, unsigned *opened)
{
        static const struct service_control_ops ops = {.open = on_open};
        static const struct capnp_limits limits = {.fds = 1};
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *control = NULL;
        capnp_conn *c;
        int ends[2];

        CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends));
        service_run(v, ends[0]);
        CHECK_OK(service_control_serve(s.vat, &ops, opened, &control));
        CHECK_OK(capnp_conn_new(s.vat, ends[1], &limits, control, &c));
        return c;
}

/* What it holds, asked for on its control connection. 0, or what the question ends with. */
static int held_get(capnp_conn *c)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *host = NULL;
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        int r = capnp_rpc_bootstrap(capnp_conn_rpc(c), &host);

        if (r)
                return r;

        q = service_host_get((service_host_client){host});
        if (!q)
                return -ENOMEM;
        service_host_get_set_name(q, "chat");
        service_host_get_set_interface_id(q, 2);
        capnp_question_send(q, NULL, NULL);
        while (!capnp_question_is_done(q)) {
                turns(1);
                usleep(1000);
        }
        r = capnp_question_result(q);
        return !r && capnp_cap_fd_peek(service_host_get_end(q).c) < 0 ? CAPNP_E_POISON : r;
}

/* Who has to be told that there is no memory has nothing, and asks again. */
TEST_T(what_a_service_holds_without_memory, 120)
{
        char dir[] = "/tmp/test-sessiond-memory-XXXXXX";
        unsigned failed = 0, refused = 0;

        services[0].grants = held;
        services[0].ngrants = 1;
        begin(dir);
        s.policy.services = services;
        s.policy.nservices = 2;
        for (unsigned n = 1; failed == n - 1; n++) {
                capnp_conn *conns[2];
                unsigned opened = 0;
                int r;

                CHECK_OK(services_init(&s));
                for (unsigned i = 0; i < 2; i++)
                        conns[i] = service_begin(s.services[i], &opened);
                test_fail_alloc_at(n);
                r = held_get(conns[0]);
                failed += r || test_alloc_failed();
                refused += r != 0;
                test_fail_alloc_at(0);
                turns(5);
                for (unsigned i = 0; i < 2; i++) {
                        if (s.services[i]->conn)
                                continue;
                        capnp_conn_unref(conns[i]);
                        conns[i] = service_begin(s.services[i], &opened);
                }
                opened = 0;
                while (held_get(conns[0]))
                        usleep(1000);
                while (!opened) {
                        turns(1);
                        usleep(1000);
                }
                services_deinit(&s);
                for (unsigned i = 0; i < 2; i++)
                        capnp_conn_unref(conns[i]);
                turns(5);
        }
        CHECK(failed > 20 && refused > 5);
        finish(dir);
}
