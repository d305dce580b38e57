/*
 * Taking something away from a session while there is no memory: the session manager's own code, in
 * this process, with one allocation failing after the other.
 */
#include "harness.h"

#include "admit.h"
#include "dispatch.h"
#include "places.h"
#include "reconnect.h"
#include "session.h"
#include "sessiond.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
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
        CHECK_OK(session_new(&(*ret_ad)->origin, &who, &place, &e));
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
                        r = session_new(&again->origin, &who, &place, &back);
                test_fail_alloc_at(0);
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

/* A renewal that fails changes nothing: not what the session rests on, nor until when. */
TEST(a_renewal_without_memory)
{
        const struct session_renewal by = {
                .credential = "jwk:b", .duration_ms = 1000, .until_ms = 1, .replaces = true};
        char dir[] = "/tmp/test-sessiond-memory-XXXXXX";
        struct admission *ad;
        struct session *e;
        uint64_t expires_ms;

        begin(dir);
        e = session_make(&ad);
        memcpy(e->credential, by.credential, strlen(by.credential) + 1);
        expires_ms = e->expires_ms;
        test_fail_alloc_at(1);
        CHECK_EQ(session_renew(e, &by), -ENOMEM);
        test_fail_alloc_at(0);
        CHECK_EQ(e->dates.made_ms, 0);
        CHECK_EQ(e->expires_ms, expires_ms);
        CHECK_STR(e->renewed, "");
        CHECK_OK(session_renew(e, &by));
        CHECK_EQ(e->dates.made_ms, 1);
        CHECK_STR(e->renewed, "jwk:b");
        turns(5);
        finish(dir);
}
