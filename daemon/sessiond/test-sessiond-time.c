/*
 * What takes time. Waiting for a person: when a flow takes a place and time for it, and that both
 * come back. And what is shown of what ends meanwhile. The session manager's own code, in this
 * process, with connections of any address and a clock that the test sets.
 */
#include "harness.h"

#include "admin.capnp-c.h"
#include "admit.h"
#include "arrivals.h"
#include "clock.h"
#include "enrolment.h"
#include "networks.h"
#include "raise.h"
#include "reconnect.h"
#include "sessiond.h"
#include "vat-loop.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MINUTE_MS = 60 * 1000, ADMISSION_MS = MINUTE_MS, CONNS = 80 };

/* ---- the clock ------------------------------------------------------------------------------ */

static time_t ahead_s, step_s; /* by how much it is wrong; how much more each time */
static time_t wall_s;          /* … only of that for people */

int clock_gettime(clockid_t id, struct timespec *t)
{
        int r = (int)syscall(SYS_clock_gettime, id, t);

        ahead_s += step_s;
        t->tv_sec += ahead_s + (id == CLOCK_REALTIME ? wall_s : 0);
        return r;
}

/* ---- the rig -------------------------------------------------------------------------------- */

static struct sessiond s;
static int gate; /* the gateway's end of its link: the test */
static capnp_msg *manifest;
static struct policy_profile profile = {.name = "operator",
                                        .accounts = true,
                                        .lease_ms = 1000 * MINUTE_MS,
                                        .max_lease_ms = 1000 * MINUTE_MS};
static char dir[] = "/tmp/test-sessiond-time-XXXXXX";
static enum remote_auth_kind login_kind; /* how clients log in */

/* A client's connection, with our end of it. */
struct client {
        capnp_conn *conn;
        admission_client ask;
        struct admission *ad;
};

static struct client clients[CONNS];
static unsigned nclients;

static void link_ignore(struct daemon_link *l, const struct packet *p, const int *fds)
{
        (void)l;
        (void)p;
        (void)fds;
}

static void link_over(struct daemon_link *l)
{
        (void)l;
}

static const struct daemon_link_ops link_ops = {.got = link_ignore, .closed = link_over};

/* One identity provider, of which everything is known. */
static void provider_make(void)
{
        oidc_issuer_builder b;
        authentication_builder a;
        struct issuer *i;

        CHECK_OK(capnp_msg_new(&manifest));
        a = manifest_init_authentication(manifest_build(manifest));
        b = oidc_issuer_list_builder_get(authentication_init_oidc(a, 1), 0);
        oidc_issuer_set_name(b, "op");
        oidc_issuer_set_issuer(b, "https://op.example");
        oidc_issuer_set_client_id(b, "capos");
        s.policy.issuers = authentication_oidc(manifest_authentication(manifest_root(manifest)));
        s.issuers.now_ms = clock_boot_ms;
        CHECK_OK(issuers_init(&s.issuers, &s.fetcher, s.policy.issuers));
        s.issuers.have_files = true;
        i = &s.issuers.all[0];
        i->described = true;
        i->described_ms = clock_boot_ms();
        snprintf(i->places.authorization, sizeof(i->places.authorization),
                 "https://op.example/authorize");
        snprintf(i->places.token, sizeof(i->places.token), "https://op.example/token");
}

static void begin(void)
{
        int ends[2];

        CHECK(sodium_init() >= 0);
        memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
        CHECK(mkdtemp(dir) && !chdir(dir));
        memset(&s, 0, sizeof(s));
        nclients = ahead_s = step_s = wall_s = 0;
        capnp_i_list_init(&s.admissions);
        capnp_i_list_init(&s.untold);
        capnp_i_list_init(&s.sessions);
        capnp_i_list_init(&s.attempts);
        capnp_i_list_init(&s.enrolments);
        capnp_i_list_init(&s.checks);
        capnp_i_list_init(&s.patient);
        throttle_init(&s.throttle);
        s.policy.max_sessions = s.policy.max_admissions = s.policy.max_fresh = CONNS;
        s.policy.memory_bytes = UINT64_MAX;
        ledgers_init(&s.ledgers);
        s.policy.admission_ms = ADMISSION_MS;
        s.policy.person_ms = 10 * MINUTE_MS;
        s.policy.passkeys.relying_party = "op.example";
        login_kind = REMOTE_AUTH_KIND_OIDC_AUTHORIZATION_CODE_PKCE;
        s.policy.profiles = &profile;
        s.policy.nprofiles = 1;
        CHECK_OK(capnp_vat_new(&s.vat));
        prover_init(&s.prover, &s);
        fetcher_init(&s.fetcher, &s);
        provider_make();
        CHECK_OK(store_init(&s.store));
        CHECK_OK(audit_init(&s.audit, s.vat, AT_FDCWD, &s.store));
        CHECK_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
        gate = ends[1];
        CHECK_OK(daemon_link_init(&s.gate, capnp_i_vat_io_loop(s.vat), ends[0], false, &link_ops));
}

static void client_end(struct client *c)
{
        c->ask.c = capnp_cap_unref(c->ask.c);
        if (c->conn)
                capnp_conn_close(c->conn, (capnp_exception){CAPNP_DISCONNECTED, "it goes"});
        c->conn = capnp_conn_unref(c->conn);
}

static void turns(unsigned n)
{
        while (n--)
                CHECK_OK(capnp_vat_process(s.vat));
}

static void finish(void)
{
        static const char *const files[] = {STORE_FILE, STORE_FILE "-wal", STORE_FILE "-shm",
                                            "audit.log"};

        for (unsigned i = 0; i < nclients; i++)
                client_end(&clients[i]);
        turns(10);
        arrivals_forget(&s);
        admissions_end(&s);
        enrolments_deinit(&s);
        CHECK(capnp_i_list_empty(&s.patient));
        prover_deinit(&s.prover);
        issuers_deinit(&s.issuers);
        fetcher_deinit(&s.fetcher);
        daemon_link_deinit(&s.gate);
        close(gate);
        audit_deinit(&s.audit);
        s.vat = capnp_vat_free(s.vat);
        CHECK(ledgers_end(&s.ledgers));
        store_deinit(&s.store);
        capnp_msg_free(manifest);
        for (unsigned i = 0; i < sizeof(files) / sizeof(files[0]); i++)
                (void)unlink(files[i]);
        CHECK_EQ(chdir("/"), 0);
        CHECK_EQ(rmdir(dir), 0);
}

static struct admission *admission_of(uint64_t event)
{
        for (struct capnp_i_list *l = s.admissions.next; l != &s.admissions; l = l->next)
                if (CAPNP_I_OF(l, struct admission, link)->origin.event == event)
                        return CAPNP_I_OF(l, struct admission, link);
        return NULL;
}

/* A connection comes in from 192.0.2.number. */
static struct client *client_new(uint8_t number)
{
        struct packet p = {.type = PACKET_EVENT,
                           .event = nclients + 1,
                           .source = {.kind = SOURCE_ADDRESS,
                                      .prefix = {[10] = 0xff, 0xff, 192, 0, 2, number}}};
        const struct capnp_limits limits = {.fds = 1};
        struct client *c = &clients[nclients++];
        int fds[LINK_FDS + 1];

        CHECK(nclients <= CONNS);
        *c = (struct client){0};
        arrivals_add(&s, &p);
        c->ad = admission_of(p.event);
        CHECK(c->ad);
        turns(2);
        while (!daemon_packet_recv(gate, &p, fds) && p.type != PACKET_ADMISSION)
                ;
        CHECK_EQ(p.type, PACKET_ADMISSION);
        CHECK_OK(capnp_conn_new(s.vat, fds[0], &limits, NULL, &c->conn));
        CHECK_OK(capnp_rpc_bootstrap(capnp_conn_rpc(c->conn), &c->ask.c));
        return c;
}

/* ---- what a client does --------------------------------------------------------------------- */

static uint32_t flow_begin(struct client *c, bool renewal)
{
        capnp_question *q = admission_start(c->ask);
        uint32_t flow;

        remote_auth_start_set_kind(admission_start_init_request(q), login_kind);
        admission_start_set_renewal(q, renewal);
        CHECK_OK(capnp_question_wait(q));
        flow = admission_start_flow(q);
        capnp_question_free(q);
        return flow;
}

static capnp_question *flow_ask(struct client *c, uint32_t flow, const char *response)
{
        capnp_question *q = admission_next(c->ask);

        admission_next_set_flow(q, flow);
        admission_next_set_response(
                q, (capnp_data){(const uint8_t *)response, (uint32_t)strlen(response)});
        return q;
}

/* Has the client shown where to go, or what to sign. */
static void flow_show(struct client *c, uint32_t flow)
{
        bool signs = login_kind == REMOTE_AUTH_KIND_PASSKEY;
        capnp_question *q = flow_ask(c, flow, signs ? "" : "http://127.0.0.1:9/callback");

        CHECK_OK(capnp_question_wait(q));
        CHECK(signs ? remote_auth_step_challenge(admission_next_step(q)).len
                    : remote_auth_step_url(admission_next_step(q)).len);
        capnp_question_free(q);
}

static void flow_cancel_by(struct client *c, uint32_t flow)
{
        capnp_question *q = admission_cancel(c->ask);

        admission_cancel_set_flow(q, flow);
        CHECK_OK(capnp_question_wait(q));
        capnp_question_free(q);
}

/* What the next call of a flow is refused with. */
static void flow_refused_with(struct client *c, uint32_t flow, const char *code)
{
        capnp_question *q = flow_ask(c, flow, "code=x&state=y");

        CHECK_EQ(capnp_question_wait(q), CAPNP_E_EXCEPTION);
        if (!strstr(capnp_question_exception(q).reason, code))
                test_fail(__FILE__, __LINE__, "%s, not %s", capnp_question_exception(q).reason,
                          code);
        capnp_question_free(q);
}

static unsigned waiting(void)
{
        unsigned n = 0;

        for (struct capnp_i_list *l = s.patient.next; l != &s.patient; l = l->next)
                n++;
        return n;
}

/* Time passes, and what is due happens. */
static void pass(unsigned minutes)
{
        ahead_s += (time_t)minutes * 60;
        turns(10);
}

/* ---- tests ---------------------------------------------------------------------------------- */

/* As it was before the first one waited: the connection goes when its own time is over. */
static void has_no_longer_time(struct client *c)
{
        CHECK_EQ(c->ad->state, ADMISSION_FRESH);
        pass(2);
        CHECK(capnp_i_list_empty(&s.admissions));
}

TEST(a_start_costs_nothing)
{
        struct client *c;

        begin();
        c = client_new(1);
        (void)flow_begin(c, false);
        CHECK_EQ(waiting(), 0);
        has_no_longer_time(c);
        finish();
}

TEST(a_step_takes_a_place_and_time)
{
        for (unsigned signs = 0; signs < 2; signs++) {
                struct client *c;
                uint32_t flow;

                begin();
                if (signs)
                        login_kind = REMOTE_AUTH_KIND_PASSKEY;
                c = client_new(1);
                flow = flow_begin(c, false);
                flow_show(c, flow);
                CHECK_EQ(waiting(), 1);
                pass(9);
                CHECK_EQ(c->ad->state, ADMISSION_FRESH);
                CHECK_EQ(waiting(), 1);
                finish();
        }
}

/* By whatever way it ends. */
TEST(what_ends_gives_both_back)
{
        for (unsigned way = 0; way < 3; way++) {
                struct client *c;
                uint32_t flow;

                begin();
                c = client_new(1);
                flow = flow_begin(c, false);
                flow_show(c, flow);
                if (way == 0)
                        flow_cancel_by(c, flow);
                else if (way == 1)
                        flow_refused_with(c, flow, "denied.credentials"); /* another state */
                else
                        pass(10);
                CHECK_EQ(waiting(), 0);
                if (way == 2) /* told, and not only cut off */
                        flow_refused_with(c, flow, "denied.flow");
                has_no_longer_time(c);
                finish();
        }
}

TEST(two_that_wait_are_counted_apart)
{
        struct client *c;
        uint32_t one, two;

        begin();
        c = client_new(1);
        one = flow_begin(c, false);
        two = flow_begin(c, false);
        flow_show(c, one);
        flow_show(c, two);
        CHECK_EQ(waiting(), 2);
        flow_cancel_by(c, one);
        CHECK_EQ(waiting(), 1);
        pass(2);
        CHECK_EQ(c->ad->state, ADMISSION_FRESH);
        flow_cancel_by(c, two);
        has_no_longer_time(c);
        finish();
}

/* Beginning again and again does not keep a connection. */
TEST(time_for_persons_is_given_once)
{
        struct client *c;

        begin();
        c = client_new(1);
        for (unsigned i = 0; i < 3; i++) {
                uint32_t flow = flow_begin(c, false);

                flow_show(c, flow);
                pass(4);
                if (i < 2)
                        flow_cancel_by(c, flow);
        }
        CHECK_EQ(waiting(), 0); /* the third had two minutes */
        has_no_longer_time(c);
        finish();
}

TEST(a_renewal_ends_too)
{
        const struct session_who who = {.account = "alice",
                                        .credential = "oidc:x",
                                        .kind = CAPOS_AUTH_OIDC_PKCE,
                                        .strength = STRENGTH_ASSERTED,
                                        .profile = &profile};
        struct place place = {0};
        struct session *e;
        struct client *c;
        uint32_t flow;

        begin();
        c = client_new(1);
        turns(3);
        CHECK_OK(session_new(&c->ad->origin, &who, &e));
        session_begin(e, &who, &place);
        admission_bind(c->ad, e);
        for (unsigned i = 0; i < 2; i++) {
                flow = flow_begin(c, true);
                flow_show(c, flow);
                CHECK_EQ(waiting(), 1);
                pass(9);
                CHECK_EQ(waiting(), 1);
                pass(1);
                CHECK_EQ(waiting(), 0);
        }
        flow_refused_with(c, flow, "denied.flow");
        CHECK_EQ(c->ad->state, ADMISSION_BOUND);
        finish();
}

/* Logins that can come to nothing any more, one of which waits for the provider. */
TEST(a_session_leaves_no_login_waiting)
{
        const struct session_who who = {.account = "alice",
                                        .credential = "oidc:x",
                                        .kind = CAPOS_AUTH_OIDC_PKCE,
                                        .strength = STRENGTH_ASSERTED,
                                        .profile = &profile};
        struct place place = {0};
        struct session *e;
        struct client *c;
        capnp_question *q;
        uint32_t one, two;

        begin();
        c = client_new(1);
        one = flow_begin(c, false);
        two = flow_begin(c, false);
        flow_show(c, one);
        s.issuers.all[0].described = false;
        q = flow_ask(c, two, "http://127.0.0.1:9/callback");
        capnp_question_send(q, NULL, NULL);
        turns(3);
        CHECK_EQ(c->ad->flows.all[1].state, FLOW_WAITING);
        CHECK_OK(session_new(&c->ad->origin, &who, &e));
        session_begin(e, &who, &place);
        admission_bind(c->ad, e);
        CHECK_EQ(waiting(), 0);
        CHECK_EQ(capnp_question_wait(q), CAPNP_E_EXCEPTION);
        CHECK(strstr(capnp_question_exception(q).reason, "denied.already-bound"));
        capnp_question_free(q);
        flow_refused_with(c, one, "denied.already-bound");
        finish();
}

/* From one address, and from as many as there are places: whoever comes then has a place, and the
 * one that gave way is told. */
TEST(nobody_is_kept_out)
{
        for (unsigned many = 0; many < 2; many++) {
                uint32_t flows[PATIENCE_PLACES];
                struct client *c;

                begin();
                for (unsigned i = 0; i < PATIENCE_PLACES; i++) {
                        c = client_new(many ? (uint8_t)(100 + i) : 100);
                        flows[i] = flow_begin(c, false);
                        flow_show(c, flows[i]);
                }
                CHECK_EQ(waiting(), many ? PATIENCE_PLACES : PATIENCE_OF_PARTY);
                c = client_new(1);
                flow_show(c, flow_begin(c, false));
                CHECK_EQ(waiting(), many ? PATIENCE_PLACES : PATIENCE_OF_PARTY + 1);
                flow_refused_with(&clients[0], flows[0], "over-quota.flows");
                flow_refused_with(&clients[0], flows[0], "denied.flow"); /* and then it is gone */
                CHECK_EQ(clients[0].ad->state, ADMISSION_FRESH);
                finish();
        }
}

/* Somebody with a password, whose account or proof is over at some time. */
static struct session *session_until(struct client *c, uint64_t made_ms, uint64_t account_ms)
{
        const struct session_who who = {.account = "alice",
                                        .credential = "password",
                                        .kind = CAPOS_AUTH_PASSWORD,
                                        .strength = STRENGTH_PASSWORD,
                                        .profile = &profile,
                                        .dates = {.made_ms = made_ms, .account_ms = account_ms}};
        struct place place = {0};
        struct session *e;

        turns(3);
        CHECK_OK(session_new(&c->ad->origin, &who, &e));
        session_begin(e, &who, &place);
        admission_bind(c->ad, e);
        return e;
}

/* Minutes on the wall's clock alone. */
static void wall_is_set(int minutes)
{
        wall_s += (time_t)minutes * 60;
        expiry_clock_set(&s);
        turns(10);
}

TEST(a_date_ends_a_session_whatever_the_clock_is_set_to)
{
        static const struct {
                uint64_t made_min, account_min; /* 0: none */
                int set_min;                    /* the clock */
                unsigned lives_min;             /* since then */
                const char *why;
        } rows[] = {
                {0, 10, 0, 10, REVOKED_EXPIRED},   {10, 0, 0, 10, "expired"},
                {10, 20, 0, 10, "expired"},        {20, 10, 0, 10, REVOKED_EXPIRED},
                {0, 10, 5, 5, REVOKED_EXPIRED},    {0, 10, 10, 0, REVOKED_EXPIRED},
                {0, 10, 99, 0, REVOKED_EXPIRED},   {10, 0, 7, 3, "expired"},
                {0, 10, -60, 10, REVOKED_EXPIRED}, {0, 0, 600, 1000, "expired"},
        };

        for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct client *c;
                uint64_t now;

                begin();
                now = clock_wall_ms();
                c = client_new(1);
                (void)session_until(c, rows[i].made_min ? now + rows[i].made_min * MINUTE_MS : 0,
                                    rows[i].account_min ? now + rows[i].account_min * MINUTE_MS
                                                        : 0);
                wall_is_set(rows[i].set_min);
                if (rows[i].lives_min) {
                        pass(rows[i].lives_min - 1);
                        CHECK_EQ(c->ad->state, ADMISSION_BOUND);
                        pass(1);
                }
                CHECK_EQ(c->ad->state, ADMISSION_ENDED);
                CHECK_STR(c->ad->ended_reason, rows[i].why);
                finish();
        }
}

static void renew(struct session *e, const struct session_renewal *by)
{
        struct session_lease lease;

        CHECK_OK(session_lease_new(e, by, e->profile, &lease));
        session_renew(e, by, &lease);
}

/* One is renewed before its account's date, and by something that is over before; nothing that is
 * said of the account later is forgotten by a renewal. */
TEST(no_renewal_goes_beyond_a_date)
{
        struct session_renewal by = {.credential = "password"};
        struct session *e;
        struct client *c;
        uint64_t now;

        begin();
        now = clock_wall_ms();
        c = client_new(1);
        e = session_until(c, 0, now + 10 * MINUTE_MS);
        renew(e, &by);
        CHECK(e->expires_ms <= now + 10 * MINUTE_MS + 1);
        by.until_ms = now + 5 * MINUTE_MS;
        renew(e, &by);
        CHECK(e->expires_ms <= now + 5 * MINUTE_MS + 1);
        expiry_of_account(&s, "alice", now + 3 * MINUTE_MS);
        CHECK(e->expires_ms <= now + 3 * MINUTE_MS + 1);
        expiry_of_account(&s, "alice", now + 20 * MINUTE_MS);
        CHECK(e->expires_ms <= now + 3 * MINUTE_MS + 1); /* what is longer, a renewal gives */
        by.until_ms = 0;
        renew(e, &by);
        CHECK(e->expires_ms > now + 19 * MINUTE_MS);
        expiry_of_account(&s, "bob", now);
        pass(19);
        CHECK_EQ(c->ad->state, ADMISSION_BOUND);
        pass(1);
        CHECK_EQ(c->ad->state, ADMISSION_ENDED);
        finish();
}

/* A date that ended it once does not say why it ends when that date is another, or when it has been
 * renewed for less; for one whose client is away meanwhile as well. */
TEST(why_it_ends_is_as_it_is_then)
{
        static const uint8_t key[ENROLMENT_KEY_BYTES];

        for (unsigned way = 0; way < 3; way++) {
                const struct session_renewal by = {.credential = "password",
                                                   .duration_ms = 5 * MINUTE_MS};
                struct session_who who = {.account = "alice", .credential = "password"};
                struct place place = {0};
                struct enrolment n = {.profile = &profile, .account = "alice"}, *back;
                struct session *e;
                struct client *c;
                uint64_t now;

                begin();
                now = clock_wall_ms();
                c = client_new(1);
                e = session_until(c, 0, now + 10 * MINUTE_MS);
                if (way == 0) {
                        renew(e, &by);
                } else if (way == 1) {
                        expiry_of_account(&s, "alice", now + 20 * MINUTE_MS);
                } else {
                        n.dates = e->dates;
                        n.deadline_ms = e->deadline_ms;
                        n.expires_ms = e->expires_ms;
                        CHECK_OK(enrolment_new(&s, &n, (capnp_data){key, sizeof(key)}, &back));
                        session_end(e, SESSION_DISCONNECT, "it goes");
                        expiry_of_account(&s, "alice", now + 20 * MINUTE_MS);
                        c = client_new(1);
                        turns(3);
                        reconnect_fill(back, &who);
                        CHECK_OK(session_new(&c->ad->origin, &who, &e));
                        session_begin(e, &who, &place);
                        admission_bind(c->ad, e);
                }
                pass(10);
                CHECK_EQ(c->ad->state, ADMISSION_ENDED);
                CHECK_STR(c->ad->ended_reason, "expired");
                finish();
        }
}

/* ---- without memory ------------------------------------------------------------------------- */

/* A renewal whose proof was good, for a profile. */
static void flow_has_proved(struct client *c, const char *to)
{
        struct principal who = {.account = "alice"};
        struct flow *f = &c->ad->flows.all[0];
        capnp_answer *a;

        CHECK_EQ(f->state, FLOW_WAITING);
        a = f->answer;
        f->answer = NULL;
        snprintf(f->claim.profile, sizeof(f->claim.profile), "%s", to);
        snprintf(f->credential, sizeof(f->credential), "oidc:x");
        snprintf(f->tried, sizeof(f->tried), "alice");
        flow_move(f, FLOW_STARTED);
        flow_move(f, FLOW_PROVING);
        flow_move(f, FLOW_PROVED);
        c->ad->flows.ops->proved(c->ad, f, &who, a);
}

/* Both or neither: a session that was raised and not renewed would have the profile, and not the
 * date of what it was proved by. */
TEST(one_that_is_raised_is_renewed)
{
        static struct policy_grant grants[] = {{"session", "", .lease_ms = 0},
                                               {"extra", "", .lease_ms = 0}};
        static const char *const names[] = {"operator", "boss"};
        const struct store_new account = {"alice", "", names, 2, false};
        unsigned raised = 0, kept = 0;

        for (unsigned n = 1; n <= 60; n++) {
                struct policy_profile both[2];
                const struct session_who who = {.account = "alice",
                                                .credential = "oidc:x",
                                                .kind = CAPOS_AUTH_OIDC_PKCE,
                                                .strength = STRENGTH_ASSERTED,
                                                .profile = &both[0]};
                struct place place = {0};
                capnp_question *q;
                struct session *e;
                struct client *c;

                begin();
                both[0] = both[1] = profile;
                both[0].quota.sessions_per_account = both[1].quota.sessions_per_account = 1;
                both[0].grants = both[1].grants = grants;
                both[0].ngrants = 1;
                both[1].ngrants = 2;
                both[1].name = "boss";
                s.policy.profiles = both;
                s.policy.nprofiles = 2;
                CHECK_OK(store_add(&s.store, &account));
                c = client_new(1);
                turns(3);
                CHECK_OK(session_new(&c->ad->origin, &who, &e));
                session_begin(e, &who, &place);
                admission_bind(c->ad, e);
                s.issuers.all[0].described = false;
                q = flow_ask(c, flow_begin(c, true), "http://127.0.0.1:9/callback");
                capnp_question_send(q, NULL, NULL);
                turns(3);
                test_fail_alloc_at(n);
                flow_has_proved(c, "boss");
                test_fail_alloc_at(0);
                raised += e->profile == &both[1];
                kept += e->profile == &both[0];
                CHECK_STR(e->renewed, e->profile == &both[1] ? "oidc:x" : "");
                CHECK_STR(e->raised, e->renewed);
                CHECK_EQ(e->ngrants, e->profile == &both[1] ? 2 : 1);
                capnp_question_free(q);
                finish();
        }
        CHECK(raised && kept);
}

/* What has the same names and is less, more or something else is not what the session has. */
TEST(a_facet_of_the_same_name_is_not_the_same)
{
        static struct daemon_method one[] = {{1, 2}}, two[] = {{1, 2}, {1, 3}};
        static const struct policy_facet less = {.name = "read", .methods = {1, one}},
                                         again = {.name = "read", .methods = {1, one}},
                                         more = {.name = "read", .methods = {2, two}};
        static const struct policy_service shelf = {.name = "shelf", .interface_id = 1},
                                           other = {.name = "shelf", .interface_id = 2};
        static const struct {
                const struct policy_facet *from, *to;
                const struct policy_service *service;
                bool good;
        } rows[] = {{&less, &less, &shelf, true},  {&less, &again, &shelf, true},
                    {&less, &more, &shelf, false}, {&more, &less, &shelf, false},
                    {&less, NULL, &shelf, false},  {NULL, &less, &shelf, false},
                    {NULL, NULL, &shelf, true},    {&less, &less, &other, false}};

        for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct policy_grant has[] = {{"shelf", "read", &shelf, rows[i].from, .ui = false}};
                struct policy_grant gets[] = {
                        {"shelf", "read", rows[i].service, rows[i].to, .ui = false},
                        {"extra", "", &shelf, NULL, .ui = false}};
                struct policy_profile from = {.name = "a", .grants = has, .ngrants = 1},
                                      to = {.name = "b", .grants = gets, .ngrants = 2};
                struct session e = {.account = "alice", .profile = &from};

                CHECK_EQ(raise_refuses(&e, &to) == NULL, rows[i].good);
        }
}

static void prove_on_done(void *arg, enum prove_end end, const struct proof_verdict *v)
{
        CHECK(end == PROVE_FAILED && !v);
        ++*(unsigned *)arg;
}

static void fetch_on_done(void *arg, const struct fetch_reply *reply)
{
        CHECK(!reply);
        ++*(unsigned *)arg;
}

/* A job of either kind, with one allocation failing. */
static int job_begin(bool fetch, unsigned fail_at, unsigned *done)
{
        static const struct fetch_request q;
        const struct prove_what w = {.kind = PROOF_NOBODY, .done = prove_on_done, .arg = done};
        struct fetch_job *job;
        int r;

        test_fail_alloc_at(fail_at);
        r = fetch ? fetch_start(&s.fetcher, &q, &w.path, fetch_on_done, done, &job)
                  : prover_start(&s.prover, &w, NULL);
        test_fail_alloc_at(0);
        return r;
}

/* One that never answers gives its place back, and none begins that could not be made to. Whoever
 * is told that there is none does not hear of it any more. */
TEST(a_job_that_is_not_answered_gives_its_place_back)
{
        for (unsigned kind = 0; kind < 2; kind++) {
                unsigned begun = 0;

                for (unsigned n = 1; n <= 12; n++) {
                        unsigned done = 0;
                        int r;

                        begin();
                        r = job_begin(kind, n, &done);
                        CHECK(!r || r == -ENOMEM);
                        CHECK_EQ(done, 0);
                        begun += !r;
                        turns(3);
                        pass(1);
                        CHECK_EQ(done, !r);
                        CHECK_EQ(s.ledgers.of[LEDGER_PROVERS].used, 0);
                        CHECK_EQ(s.ledgers.of[LEDGER_FETCHERS].used, 0);
                        finish();
                }
                CHECK(begun > 1 && begun < 12);
        }
}

/* ---- how many ------------------------------------------------------------------------------- */

/* Whether an attempt begins; if not, what is said. */
static bool flow_begins(struct client *c, const char *whose)
{
        capnp_question *q = admission_start(c->ask);
        int r;

        remote_auth_start_set_kind(admission_start_init_request(q),
                                   REMOTE_AUTH_KIND_OIDC_AUTHORIZATION_CODE_PKCE);
        r = capnp_question_wait(q);
        if (r) {
                CHECK_EQ(r, CAPNP_E_EXCEPTION);
                CHECK(strstr(capnp_question_exception(q).reason, "over-quota.flows: "));
                CHECK(strstr(capnp_question_exception(q).reason, whose));
        }
        capnp_question_free(q);
        return !r;
}

/* All that an address can begin, on as many connections as that takes; beside one of each. */
static unsigned flows_begin(uint8_t from, const char *whose)
{
        unsigned shared = 0, of_conn = FLOWS;

        while (of_conn == FLOWS) {
                struct client *c = client_new(from);

                CHECK(flow_begins(c, ""));
                for (of_conn = 1; of_conn < FLOWS && flow_begins(c, whose); of_conn++)
                        shared++;
        }
        return shared;
}

/* One after the other: of what is not a connection's own each finds a share. Whoever comes then has
 * his, from the same address, too. */
TEST(attempts_of_each_address)
{
        enum { FROM = 4 };
        static const struct {
                uint32_t fresh;
                unsigned finds[FROM];
        } rows[] = {
                {1, {1, 1, 1, 0}},
                {4, {6, 2, 1, 1}},
                {16, {24, 8, 4, 2}},
                {64, {96, 32, 16, 9}},
        };

        for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                begin();
                s.policy.max_fresh = rows[i].fresh;
                for (uint8_t from = 0; from < FROM; from++)
                        CHECK_EQ(flows_begin(from + 1, from ? "" : "source: "),
                                 rows[i].finds[from]);
                CHECK(flow_begins(client_new(1), ""));
                client_end(&clients[0]); /* what it had is there again, for whoever may have it */
                turns(10);
                CHECK(flow_begins(client_new(1), ""));
                finish();
        }
}

/* Eight whose clients may come back, whose time ends while they are listed. */
TEST(what_is_listed_is_all_there)
{
        static const uint8_t key[ENROLMENT_KEY_BYTES];
        live_session_list l;
        struct enrolment *n;
        capnp_question *q;
        int ends[2];

        begin();
        CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
        CHECK_OK(admin_init(&s, ends[0]));
        for (unsigned i = 0; i < 8; i++) {
                const struct enrolment one = {.account = "alice",
                                              .last = "an id",
                                              .profile = &profile,
                                              .deadline_ms = clock_boot_ms() + 1000 * 1000};

                CHECK_OK(enrolment_new(&s, &one, (capnp_data){key, sizeof(key)}, &n));
        }
        q = admin_session_list((admin_client){s.admin.root});
        capnp_question_send(q, NULL, NULL);
        step_s = 110;
        turns(3);
        step_s = 0;
        CHECK_OK(capnp_question_wait(q));
        l = admin_session_list_sessions(q);
        CHECK(live_session_list_len(l) > 0);
        for (uint32_t i = 0; i < live_session_list_len(l); i++)
                CHECK_STR(live_session_id(live_session_list_get(l, i)).p, "an id");
        capnp_question_free(q);
        admin_deinit(&s.admin);
        close(ends[1]);
        finish();
}

/* ---- passkeys ------------------------------------------------------------------------------- */

static void alice_may_have_passkeys(void)
{
        static const char *const profiles[] = {"operator"};

        CHECK_OK(store_add(&s.store, &(struct store_new){.name = "alice",
                                                         .verifier = "",
                                                         .profiles = profiles,
                                                         .nprofiles = 1}));
        s.policy.passkeys.relying_party = "localhost";
}

static void passkey_asked(capnp_question *q, const char *refused)
{
        CHECK_EQ(capnp_question_wait(q), refused ? CAPNP_E_EXCEPTION : 0);
        CHECK(!refused || strstr(capnp_question_exception(q).reason, refused));
        capnp_question_free(q);
}

static void passkey_begin(struct client *c, const char *code, const char *refused)
{
        capnp_question *q = admission_passkey_begin(c->ask);

        admission_passkey_begin_set_code(q, code);
        passkey_asked(q, refused);
}

TEST(a_passkey_takes_a_new_proof)
{
        struct session *e;
        struct client *c;

        begin();
        alice_may_have_passkeys();
        c = client_new(1);
        e = session_until(c, 0, 0);
        pass(4);
        passkey_begin(c, "", NULL);
        passkey_asked(admission_passkey_remove(c->ask), "denied.unknown-name");
        pass(2);
        passkey_begin(c, "", "denied.weak-proof: the proof is older than five minutes");
        passkey_asked(admission_passkey_remove(c->ask), "denied.weak-proof: the proof is older");
        renew(e, &(struct session_renewal){.credential = "password"});
        passkey_begin(c, "", NULL);
        renew(e, &(struct session_renewal){.credential = "an identity"});
        passkey_begin(c, "", "denied.weak-proof: what the session was proved by");
        finish();
}

/* A person has five minutes, and the connection what it had before. */
TEST(a_passkey_by_a_code_has_time)
{
        const struct store_options any = {.expires_ms = 0};
        char code[PASSKEY_CODE_TEXT];
        struct store_account acc;
        struct client *c;

        begin();
        alice_may_have_passkeys();
        CHECK_OK(store_load(&s.store, "alice", &acc));
        c = client_new(1);
        passkey_codes_make(&s.passkey_codes, "alice", acc.serial, &any, clock_boot_ms(), code);
        passkey_begin(c, code, NULL);
        pass(4);
        CHECK_EQ(c->ad->state, ADMISSION_FRESH);
        passkey_begin(c, code, NULL);
        pass(5);
        has_no_longer_time(c);
        store_account_deinit(&acc);
        finish();
}

/* ---- for years ------------------------------------------------------------------------------ */

/* Each connection has it read, so what a message may be read of must not run out: what cannot be
 * read any more is on no list of those that are kept out. */
TEST_T(a_policy_is_read_as_often_as_somebody_connects, 120)
{
        enum { CONNECTIONS = 4 * 1000 * 1000 };
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        int fd = memfd_create("manifest", MFD_CLOEXEC);
        static uint8_t bytes[4096];
        struct policy p;

        CHECK_OK(capnp_msg_new(&m));
        addresses_set_deny_at(addresses_init_deny(manifest_init_admission(manifest_build(m)), 1), 0,
                              "192.0.2.0/24");
        CHECK(fd >= 0 && capnp_msg_size(m) <= sizeof(bytes));
        CHECK_OK(capnp_msg_write(m, bytes, sizeof(bytes)));
        CHECK_EQ(write(fd, bytes, capnp_msg_size(m)), capnp_msg_size(m));
        CHECK_OK(policy_init(&p, fd));
        for (unsigned i = 0; i < CONNECTIONS; i++)
                CHECK(!networks_admit(p.admission, "192.0.2.7"));
        CHECK(networks_admit(p.admission, "192.0.3.7"));
        policy_deinit(&p);
        close(fd);
}
