/*
 * Offers: a played host, which is the client's, and a played service that composes. Both are in
 * this process, with a worker between them.
 */
#include <stdlib.h>
#include <string.h>

#include "remote_session.capnp-c.h"
#include "remote_ui.capnp-c.h"
#include "test-worker-rig.h"
#include "worker-offer.h"

#define CAP  CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *
#define CALL CAPNP_AUTO(capnp_question_freep) capnp_question *

enum { OFFERS = 8 };

static char said[600];

/* ---- the host ------------------------------------------------------------------------------- */

struct host {
        struct rig *r;
        unsigned hosts, panes; /* that somebody holds */
        unsigned applied, closed, persisted, opened;
        capnp_answer *poll; /* open */
};

static void poll_canceled(capnp_answer *a, void *arg)
{
        ((struct host *)arg)->poll = NULL;
        (void)capnp_answer_fail(a, CAPNP_FAILED, "canceled");
}

static int pane_apply(void *self, capnp_answer *a)
{
        remote_ui_surface_apply_results_set_revision(a, ++((struct host *)self)->applied);
        return capnp_answer_return(a);
}

static int pane_poll(void *self, capnp_answer *a)
{
        struct host *h = self;

        h->poll = a;
        return capnp_answer_keep(a, poll_canceled, h);
}

static int pane_persist(void *self, capnp_answer *a)
{
        ((struct host *)self)->persisted++;
        return capnp_answer_return(a);
}

static int pane_close(void *self, capnp_answer *a)
{
        ((struct host *)self)->closed++;
        return capnp_answer_return(a);
}

static void pane_gone(void *self)
{
        ((struct host *)self)->panes--;
}

static const struct remote_ui_surface_ops pane_ops = {
        .gone = pane_gone,
        .apply = pane_apply,
        .poll = pane_poll,
        .close = pane_close,
        .persist = pane_persist,
};

static capnp_cap *pane_new(struct host *h)
{
        capnp_cap *c = NULL;

        h->panes++;
        CHECK_OK(remote_ui_surface_serve(h->r->vat, &pane_ops, h, &c));
        return c;
}

static int host_open(void *self, capnp_answer *a)
{
        CAP c = pane_new(self);

        ((struct host *)self)->opened++;
        remote_ui_host_open_results_set_surface(a, (remote_ui_surface_client){c});
        return capnp_answer_return(a);
}

static void host_gone(void *self)
{
        ((struct host *)self)->hosts--;
}

static const struct remote_ui_host_ops host_ops = {.gone = host_gone, .open = host_open};

static capnp_cap *host_new(struct host *h)
{
        capnp_cap *c = NULL;

        h->hosts++;
        CHECK_OK(remote_ui_host_serve(h->r->vat, &host_ops, h, &c));
        return c;
}

/* ---- calls ---------------------------------------------------------------------------------- */

static int finish(capnp_question *q)
{
        int r = capnp_question_wait(q);

        snprintf(said, sizeof(said), "%s", r ? capnp_question_exception(q).reason : "");
        return r;
}

/* NULL: as in `said`. */
static capnp_cap *lend(capnp_cap *session, capnp_cap *host, const char *service)
{
        CALL q = remote_session_offer_ui((remote_session_client){session});

        remote_session_offer_ui_set_host(q, (remote_ui_host_client){host});
        remote_session_offer_ui_set_service(q, service);
        return finish(q) ? NULL : capnp_cap_ref(remote_session_offer_ui_offer(q).c);
}

static capnp_cap *lend_pane(capnp_cap *session, capnp_cap *pane, const char *service)
{
        CALL q = remote_session_offer_surface((remote_session_client){session});

        remote_session_offer_surface_set_surface(q, (remote_ui_surface_client){pane});
        remote_session_offer_surface_set_service(q, service);
        return finish(q) ? NULL : capnp_cap_ref(remote_session_offer_surface_offer(q).c);
}

static int withdraw(capnp_cap *offer)
{
        CALL q = remote_ui_offer_withdraw((remote_ui_offer_client){offer});

        return finish(q);
}

/* As the service does. */
static int apply(capnp_cap *pane)
{
        CALL q = remote_ui_surface_apply((remote_ui_surface_client){pane});

        ui_patch_set_kind(remote_ui_surface_apply_init_patch(q), UI_PATCH_KIND_UPDATE_MODEL);
        return finish(q);
}

static int persist(capnp_cap *pane)
{
        CALL q = remote_ui_surface_persist((remote_ui_surface_client){pane});

        return finish(q);
}

static capnp_cap *open_pane(capnp_cap *host)
{
        CALL q = remote_ui_host_open((remote_ui_host_client){host});

        return finish(q) ? NULL : capnp_cap_ref(remote_ui_host_open_surface(q).c);
}

static enum ui_end end_said;

static const char *ended(capnp_cap *offer)
{
        CALL q = remote_ui_offer_ended((remote_ui_offer_client){offer});

        CHECK_OK(capnp_question_wait(q));
        snprintf(said, sizeof(said), "%s", remote_ui_offer_ended_reason(q).p);
        end_said = remote_ui_offer_ended_end(q);
        return said;
}

static bool is_said(const char *code)
{
        return !strncmp(said, code, strlen(code)) && !strncmp(said + strlen(code), ": ", 2);
}

/* ---- what a service may do with what it was lent -------------------------------------------- */

TEST(a_pane_is_lent_patched_polled_and_withdrawn)
{
        struct rig r = {.ui = true};
        struct host h = {.r = &r};

        rig_open(&r);
        {
                CAP session = rig_enter(&r);
                CAP pane = pane_new(&h);
                CAP offer = lend_pane(session, pane, "a");
                CALL poll = NULL;

                CHECK(offer);
                pane = capnp_cap_unref(pane);
                rig_settle(&r);
                CHECK(r.lent);
                CHECK_OK(apply(r.lent));
                CHECK_EQ(h.applied, 1);
                poll = remote_ui_surface_poll((remote_ui_surface_client){r.lent});
                capnp_question_send(poll, NULL, NULL);
                rig_settle(&r);
                ui_event_set_user_initiated(
                        ui_event_list_builder_get(
                                remote_ui_surface_poll_results_init_events(h.poll, 1), 0),
                        true);
                CHECK_OK(capnp_answer_return(h.poll));
                CHECK_OK(capnp_question_wait(poll));
                CHECK(ui_event_user_initiated(
                        ui_event_list_get(remote_ui_surface_poll_events(poll), 0)));
                CHECK_EQ(h.panes, 1);
                CHECK_OK(withdraw(offer));
                rig_settle(&r);
                CHECK_EQ(h.panes, 0); /* though the service holds its reference */
                CHECK(r.uncomposed);
                CHECK(apply(r.lent));
                CHECK(is_said("denied.withdrawn"));
                CHECK(persist(r.lent));
                CHECK(is_said("denied.withdrawn"));
                CHECK_EQ(h.applied, 1);
                CHECK_EQ(h.persisted, 0);
                CHECK_STR(ended(offer), "the host has withdrawn it");
                CHECK_EQ(end_said, UI_END_WITHDRAWN);
                CHECK_OK(withdraw(offer));
        }
        rig_close(&r);
}

TEST(a_host_is_lent_and_its_panes_go_with_it)
{
        struct rig r = {.ui = true};
        struct host h = {.r = &r};

        rig_open(&r);
        {
                CAP session = rig_enter(&r);
                CAP host = host_new(&h);
                CAP offer = lend(session, host, "a");
                CAP first = NULL, *second = NULL;

                CHECK(offer);
                host = capnp_cap_unref(host);
                rig_settle(&r);
                first = open_pane(r.lent);
                second = open_pane(r.lent);
                CHECK_OK(apply(first));
                CHECK_OK(apply(second));
                CHECK_EQ(h.panes, 2);
                first = capnp_cap_unref(first);
                rig_settle(&r);
                CHECK_EQ(h.panes, 1);
                CHECK_OK(withdraw(offer));
                rig_settle(&r);
                CHECK_EQ(h.panes, 0);
                CHECK_EQ(h.hosts, 0);
                CHECK(apply(second));
                CHECK(is_said("denied.withdrawn"));
                CHECK(!open_pane(r.lent));
                CHECK(is_said("denied.withdrawn"));
        }
        rig_close(&r);
}

/* Whatever else the object can do. */
TEST(nothing_but_the_lent_interface_passes)
{
        struct rig r = {.ui = true};
        struct host h = {.r = &r};

        rig_open(&r);
        {
                CAP session = rig_enter(&r);
                CAP pane = rig_own(&r); /* answers every method of every interface */
                CAP offer = lend_pane(session, pane, "a");
                unsigned served;

                CHECK(offer);
                rig_settle(&r);
                served = r.served;
                CHECK(rig_call(&r, r.lent, ECHO, NULL, NULL));
                CHECK(!open_pane(r.lent));
                CHECK_STR(said, "a host has lent no such thing");
                CHECK_EQ(r.served, served);
        }
        rig_close(&r);
        CHECK_EQ(h.panes, 0);
}

/* ---- who may be offered what ---------------------------------------------------------------- */

TEST(what_cannot_be_offered)
{
        struct rig r = {.ui = true};
        struct host h = {.r = &r};

        rig_open(&r);
        {
                CAP session = rig_enter(&r);
                CAP pane = pane_new(&h);
                CAP b = rig_get(&r, session, "b");

                CHECK(!lend(session, pane, "c"));
                CHECK_STR(said, "denied.unknown-name");
                CHECK(!lend(session, pane, "session"));
                CHECK(is_said("denied.ui"));
                CHECK(!lend(session, NULL, "a"));
                CHECK_STR(said, "there is nothing to lend");
                CHECK(!lend(session, session, "a"));
                CHECK(is_said("denied.transfer"));
                CHECK(!lend(session, b, "a"));
                CHECK(is_said("denied.transfer"));
                CHECK(!lend(session, pane, "b"));
                CHECK_STR(said, "b proposes no panes: its interface does not extend UiComposer");
                r.ui = false;
                rig_notice_renewed(&r);
                CHECK(!lend(session, pane, "a"));
                CHECK(is_said("denied.ui"));
                CHECK_EQ(r.served, 0);
        }
        rig_close(&r);
}

/* Around the offer, so around its bounds and its records. */
TEST(a_client_calls_no_composer_itself)
{
        struct rig r = {.ui = true};
        struct host h = {.r = &r};

        rig_open(&r);
        {
                CAP session = rig_enter(&r);
                CAP host = host_new(&h);
                CAP a = rig_get(&r, session, "a");
                CALL q = ui_composer_compose((ui_composer_client){a});

                ui_composer_compose_set_host(q, (remote_ui_host_client){host});
                CHECK(finish(q));
                CHECK(is_said("denied.ui"));
                CHECK_EQ(r.served, 0);
        }
        rig_close(&r);
}

TEST(a_session_has_eight_offers)
{
        struct rig r = {.ui = true, .calls = 64};
        struct host h = {.r = &r};

        rig_open(&r);
        {
                CAP session = rig_enter(&r);
                CAP host = host_new(&h);
                capnp_cap *offers[OFFERS];

                for (unsigned i = 0; i < OFFERS; i++)
                        CHECK((offers[i] = lend(session, host, "a")));
                CHECK(!lend(session, host, "a"));
                CHECK(is_said("over-quota.ui-offers"));
                CHECK_OK(withdraw(offers[0]));
                capnp_cap_unref(offers[0]);
                CHECK((offers[0] = lend(session, host, "a")));
                CHECK(!lend(session, host, "a"));
                for (unsigned i = 0; i < OFFERS; i++)
                        capnp_cap_unref(offers[i]);
                rig_settle(&r);
                CHECK((offers[0] = lend(session, host, "a")));
                capnp_cap_unref(offers[0]);
        }
        rig_close(&r);
}

/* ---- bounds --------------------------------------------------------------------------------- */

static uint64_t clock_now_ms = 1000;

static uint64_t clock_ms(void)
{
        return clock_now_ms;
}

/* A patch with so many bytes of text. */
static int apply_long(capnp_cap *pane, uint32_t text)
{
        CALL q = remote_ui_surface_apply((remote_ui_surface_client){pane});
        ui_patch_builder p = remote_ui_surface_apply_init_patch(q);
        char *id = malloc(text + 1);

        CHECK(id);
        memset(id, 'x', text);
        id[text] = '\0';
        ui_patch_payload_set_command_id_n(ui_patch_init_payload(p), (capnp_text){id, text});
        free(id);
        return finish(q);
}

TEST(patches_are_so_many_in_a_second)
{
        struct rig r = {.ui = true};
        struct host h = {.r = &r};

        rig_open(&r);
        r.w.clock_ms = clock_ms;
        {
                CAP session = rig_enter(&r);
                CAP pane = pane_new(&h);
                CAP offer = lend_pane(session, pane, "a");

                CHECK(offer);
                rig_settle(&r);
                for (unsigned i = 0; i < 40; i++)
                        CHECK_OK(apply(r.lent));
                CHECK(apply(r.lent));
                CHECK(is_said("over-quota.ui-patches"));
                rig_settle(&r);
                CHECK_STR(r.reported, "ui.quota a: over-quota.ui-patches");
                clock_now_ms += 49;
                CHECK(apply(r.lent));
                clock_now_ms += 1;
                CHECK_OK(apply(r.lent));
                CHECK(apply(r.lent));
                clock_now_ms += 1000;
                for (unsigned i = 0; i < 20; i++)
                        CHECK_OK(apply(r.lent));
                CHECK(persist(r.lent));
                CHECK(is_said("over-quota.ui-patches"));
                CHECK_EQ(h.applied, 61);
                CHECK_EQ(h.persisted, 0);
        }
        rig_close(&r);
}

/* To the word: the longest that passes, and one word more. */
TEST(a_patch_is_so_long)
{
        struct rig r = {.ui = true};
        struct host h = {.r = &r};
        uint32_t most = 0;

        rig_open(&r);
        r.w.clock_ms = clock_ms;
        {
                CAP session = rig_enter(&r);
                CAP pane = pane_new(&h);
                CAP offer = lend_pane(session, pane, "a");

                CHECK(offer);
                rig_settle(&r);
                for (uint32_t step = 64 * 1024; step >= 8; step /= 2) {
                        clock_now_ms += 10000;
                        if (!apply_long(r.lent, most + step))
                                most += step;
                        else
                                CHECK(is_said("over-quota.ui-patch"));
                }
                CHECK(most >= 64 * 1024);
                CHECK(most < 65 * 1024);
        }
        rig_close(&r);
}

TEST(patches_are_so_many_bytes_in_a_second)
{
        struct rig r = {.ui = true, .bytes = 1024 * 1024};
        struct host h = {.r = &r};

        rig_open(&r);
        r.w.clock_ms = clock_ms;
        {
                CAP session = rig_enter(&r);
                CAP pane = pane_new(&h);
                CAP offer = lend_pane(session, pane, "a");
                unsigned n = 0;

                CHECK(offer);
                rig_settle(&r);
                while (n < 40 && !apply_long(r.lent, 64 * 1024))
                        n++;
                CHECK(is_said("over-quota.ui-traffic"));
                CHECK_EQ(n, 7); /* of 512 KiB, with what is around them */
                clock_now_ms += 500;
                CHECK_OK(apply_long(r.lent, 64 * 1024));
        }
        rig_close(&r);
}

/* The host itself is one of them. */
TEST(a_service_holds_so_many_references)
{
        struct rig r = {.ui = true, .calls = 64, .uiq = {.references = 4}};
        struct host h = {.r = &r};

        rig_open(&r);
        {
                CAP session = rig_enter(&r);
                CAP host = host_new(&h);
                CAP offer = lend(session, host, "a");
                capnp_cap *panes[3];

                CHECK(offer);
                rig_settle(&r);
                for (unsigned i = 0; i < 3; i++)
                        CHECK((panes[i] = open_pane(r.lent)));
                CHECK(!open_pane(r.lent));
                CHECK(is_said("over-quota.ui-references"));
                rig_settle(&r);
                CHECK_STR(r.reported, "ui.quota a: over-quota.ui-references");
                CHECK_EQ(h.panes, 3); /* what was refused is let go of */
                capnp_cap_unref(panes[0]);
                rig_settle(&r);
                CHECK((panes[0] = open_pane(r.lent)));
                CHECK(!open_pane(r.lent));
                for (unsigned i = 0; i < 3; i++)
                        capnp_cap_unref(panes[i]);
                rig_settle(&r);
                CHECK_EQ(h.panes, 0);
        }
        rig_close(&r);
}

static capnp_question *ask_events(capnp_cap *pane, uint32_t wait_ms)
{
        capnp_question *q = remote_ui_surface_poll((remote_ui_surface_client){pane});

        remote_ui_surface_poll_set_wait_ms(q, wait_ms);
        capnp_question_send(q, NULL, NULL);
        return q;
}

TEST(a_pane_is_asked_once_at_a_time_and_for_so_long)
{
        struct rig r = {.ui = true, .calls = 64};
        struct host h = {.r = &r};

        rig_open(&r);
        {
                CAP session = rig_enter(&r);
                CAP host = host_new(&h);
                CAP offer = lend(session, host, "a");
                CAP first = NULL, *second = NULL;
                CALL poll = NULL, *other = NULL;

                CHECK(offer);
                rig_settle(&r);
                first = open_pane(r.lent);
                second = open_pane(r.lent);
                CHECK(finish(poll = ask_events(first, 60001)));
                CHECK(is_said("over-quota.ui-polls"));
                poll = capnp_question_free(poll);
                other = ask_events(second, 60000);
                rig_settle(&r);
                poll = ask_events(first, 60000);
                rig_settle(&r);
                CHECK(h.poll);
                {
                        CALL again = ask_events(first, 0);

                        CHECK(finish(again));
                        CHECK(is_said("over-quota.ui-polls"));
                }
                CHECK_OK(capnp_answer_return(h.poll));
                CHECK_OK(finish(poll));
                poll = capnp_question_free(poll);
                poll = ask_events(first, 1);
                rig_settle(&r);
                h.poll = NULL;
                poll = capnp_question_free(poll); /* given up, and asked anew before that is seen */
                poll = ask_events(first, 1);
                rig_settle(&r);
                CHECK(h.poll);
                CHECK_OK(capnp_answer_return(h.poll));
                CHECK_OK(finish(poll));
        }
        rig_close(&r);
}

/* Else it would be a way to keep a host busy that nothing bounds. */
TEST(a_poll_that_does_not_wait_counts_as_a_patch)
{
        struct rig r = {.ui = true, .calls = 64};
        struct host h = {.r = &r};

        rig_open(&r);
        r.w.clock_ms = clock_ms;
        {
                CAP session = rig_enter(&r);
                CAP host = host_new(&h);
                CAP offer = lend(session, host, "a");
                CAP pane = NULL;
                CALL more = NULL;
                unsigned n = 0;

                CHECK(offer);
                rig_settle(&r);
                pane = open_pane(r.lent);
                r.uiq.patches = 2;
                rig_notice_renewed(&r);
                for (bool goes = true; goes && n < 64; n += goes) {
                        CALL poll = ask_events(pane, n % 2 ? 49 : 0);

                        h.poll = NULL;
                        rig_settle(&r);
                        goes = h.poll;
                        if (goes)
                                CHECK_OK(capnp_answer_return(h.poll));
                        CHECK_EQ(!finish(poll), goes);
                }
                CHECK_EQ(n, 3); /* and the pane that was opened */
                CHECK(is_said("over-quota.ui-patches"));
                CHECK(apply(pane));
                more = ask_events(pane, 50);
                rig_settle(&r);
                CHECK(h.poll);
                CHECK_OK(capnp_answer_return(h.poll));
                CHECK_OK(finish(more));
        }
        rig_close(&r);
}

TEST(a_profile_that_allows_less_counts_at_once)
{
        struct rig r = {.ui = true, .calls = 64};
        struct host h = {.r = &r};

        rig_open(&r);
        r.w.clock_ms = clock_ms;
        {
                CAP session = rig_enter(&r);
                CAP host = host_new(&h);
                CAP offer = lend(session, host, "a");
                CAP pane = NULL, *more = NULL;

                CHECK(offer);
                rig_settle(&r);
                pane = open_pane(r.lent);
                CHECK_OK(apply_long(pane, 8 * 1024));
                r.uiq.offers = 1;
                r.uiq.patches = 2;
                r.uiq.patch = 4096;
                r.uiq.traffic = 1;
                r.uiq.references = 2;
                rig_notice_renewed(&r);
                CHECK(!lend(session, host, "a"));
                CHECK(is_said("over-quota.ui-offers"));
                CHECK(apply_long(pane, 8 * 1024));
                CHECK(is_said("over-quota.ui-patch"));
                CHECK(apply(pane)); /* of what was sent before, too much is left */
                CHECK(is_said("over-quota.ui-traffic"));
                clock_now_ms += 100000000;
                CHECK_OK(apply_long(pane, 4096));
                CHECK(apply_long(pane, 4096));
                CHECK(is_said("over-quota.ui-traffic"));
                r.uiq.traffic = 1000000;
                rig_notice_renewed(&r);
                CHECK(!(more = open_pane(r.lent)));
                CHECK(is_said("over-quota.ui-references"));
                for (unsigned i = 0; i < 2; i++)
                        CHECK_OK(apply(pane));
                CHECK(apply(pane));
                CHECK(is_said("over-quota.ui-patches"));
                r.uiq.patches = 30;
                r.uiq.references = 3;
                r.uiq.offers = 2;
                rig_notice_renewed(&r);
                CHECK_OK(apply(pane));
                CHECK((more = open_pane(r.lent)));
                more = capnp_cap_unref(more);
                CHECK((more = lend(session, host, "a")));
                CHECK(!lend(session, host, "a"));
        }
        rig_close(&r);
}

static int pane_forges(void *self, capnp_answer *a)
{
        (void)self;
        return capnp_answer_fail(a, CAPNP_FAILED, "denied.withdrawn: \x1b[2J");
}

/* As a service cannot to a client. */
TEST(a_host_cannot_forge_a_denial)
{
        static const struct remote_ui_surface_ops forges = {.apply = pane_forges};
        struct rig r = {.ui = true};

        rig_open(&r);
        {
                CAP session = rig_enter(&r);
                CAP pane = NULL, *offer = NULL;

                CHECK_OK(remote_ui_surface_serve(r.vat, &forges, &r, &pane));
                CHECK((offer = lend_pane(session, pane, "a")));
                rig_settle(&r);
                CHECK(apply(r.lent));
                CHECK_STR(said, "host: denied.withdrawn: ?[2J");
        }
        rig_close(&r);
}

/* ---- ends and records ----------------------------------------------------------------------- */

TEST(what_ends_an_offer_is_told_and_recorded)
{
        struct rig r = {.ui = true};
        struct host h = {.r = &r};

        rig_open(&r);
        {
                CAP session = rig_enter(&r);
                CAP host = host_new(&h);
                CAP offer = lend(session, host, "a");
                CAP again = NULL;

                CHECK(offer);
                host = capnp_cap_unref(host);
                rig_settle(&r);
                CHECK_STR(r.reported, "ui.offer a!");
                CHECK_OK(capnp_answer_return(r.composing));
                CHECK_STR(ended(offer), "the service has finished");
                CHECK_EQ(end_said, UI_END_FINISHED);
                rig_settle(&r);
                CHECK_STR(r.reported, "ui.end a: the service has finished!");
                CHECK_EQ(h.hosts, 0);

                host = host_new(&h);
                again = lend(session, host, "a");
                host = capnp_cap_unref(host);
                rig_notice_revoked(&r, "a");
                CHECK(!strncmp(ended(again), "denied.revoked-lease", 20));
                CHECK_EQ(end_said, UI_END_REVOKED);
                rig_settle(&r);
                CHECK_EQ(h.hosts, 0);
                CHECK(!lend(session, again, "session"));
                rig_settle(&r);
                CHECK_STR(r.reported, "ui.refused-offer session: denied.ui");
        }
        rig_close(&r);
}

TEST(a_policy_that_takes_ui_away_ends_offers)
{
        struct rig r = {.ui = true};
        struct host h = {.r = &r};

        rig_open(&r);
        {
                CAP session = rig_enter(&r);
                CAP host = host_new(&h);
                CAP offer = lend(session, host, "a");

                CHECK(offer);
                host = capnp_cap_unref(host);
                rig_settle(&r);
                rig_notice_renewed(&r);
                CHECK(r.composing);
                r.ui = false;
                rig_notice_renewed(&r);
                CHECK_STR(ended(offer), "denied.ui: policy");
                CHECK_EQ(end_said, UI_END_REVOKED);
                rig_settle(&r);
                CHECK_EQ(h.hosts, 0);
                CHECK(!r.composing);
        }
        rig_close(&r);
}

static int open_as(capnp_cap *host, unsigned kind, unsigned class)
{
        CALL q = remote_ui_host_open((remote_ui_host_client){host});
        ui_surface_spec_builder b = remote_ui_host_open_init_spec(q);

        ui_surface_spec_set_kind(b, (enum ui_surface_kind)kind);
        ui_surface_spec_set_safety_class(b, (enum ui_safety_class) class);
        return finish(q);
}

static int wish(capnp_cap *host, enum ui_theme_scope scope)
{
        CALL q = remote_ui_host_theme((remote_ui_host_client){host});

        remote_ui_host_theme_set_scope(q, scope);
        return finish(q);
}

/* Each pane by its kind and class, until they are too many to be told of each. */
TEST(what_a_service_asks_for_is_recorded)
{
        struct rig r = {.ui = true, .calls = 64};
        struct host h = {.r = &r};

        rig_open(&r);
        r.w.clock_ms = clock_ms;
        {
                CAP session = rig_enter(&r);
                CAP host = host_new(&h);
                CAP offer = lend(session, host, "a");
                CAP pane = NULL;
                unsigned before;

                CHECK(offer);
                rig_settle(&r);
                before = r.asked[10];
                CHECK_OK(open_as(r.lent, UI_SURFACE_KIND_TRANSCRIPT, UI_SAFETY_CLASS_PERSONAL));
                rig_settle(&r);
                CHECK_STR(r.reported, "ui.open a: transcript personal");
                CHECK_OK(open_as(r.lent, UI_SURFACE_KIND_TEXT, UI_SAFETY_CLASS_AMBIENT));
                rig_settle(&r);
                CHECK_STR(r.reported, "ui.open a: text ambient");
                CHECK_OK(open_as(r.lent, 4711, 99));
                rig_settle(&r);
                CHECK_STR(r.reported, "ui.open a: unknown unknown");
                (void)!wish(r.lent, UI_THEME_SCOPE_OWN);
                rig_settle(&r);
                CHECK_EQ(r.asked[10] - before, 3);
                (void)!wish(r.lent, UI_THEME_SCOPE_WORKSPACE);
                rig_settle(&r);
                CHECK_STR(r.reported, "ui.theme a: workspace");
                pane = open_pane(r.lent);
                CHECK_OK(persist(pane));
                rig_settle(&r);
                CHECK_STR(r.reported, "ui.persist a: layout");
                for (unsigned i = 0; i < 20; i++)
                        CHECK_OK(open_as(r.lent, 0, 0));
                rig_settle(&r);
                CHECK_EQ(r.asked[10] - before, 16 + 2);
                clock_now_ms += 60000;
                for (unsigned i = 0; i < 20; i++)
                        CHECK_OK(open_as(r.lent, 0, 0));
                rig_settle(&r);
                CHECK_EQ(r.asked[10] - before, 17 + 2);
        }
        rig_close(&r);
}

static void report_fill(ui_report_builder b, enum ui_report_what what, const char *answer,
                        const char *command)
{
        ui_report_set_what(b, what);
        ui_report_set_allowed(b, !strcmp(answer, "allowed"));
        ui_report_set_unanswered(b, !strcmp(answer, "unanswered"));
        ui_report_set_command(b, command);
        ui_report_set_capability(b, "a");
        ui_report_set_interface_id(b, SERVICE);
        ui_report_set_effect(b, COMMAND_EFFECT_LASTING);
}

static int report(capnp_cap *offer, enum ui_report_what what, const char *answer,
                  const char *command)
{
        CALL q = remote_ui_offer_report((remote_ui_offer_client){offer});

        report_fill(remote_ui_offer_report_init_report(q), what, answer, command);
        return finish(q);
}

/* About a service that is lent nothing. */
static int report_none(capnp_cap *session, const char *service, enum ui_report_what what,
                       const char *answer, const char *command)
{
        CALL q = remote_session_report_ui((remote_session_client){session});

        remote_session_report_ui_set_service(q, service);
        report_fill(remote_session_report_ui_init_report(q), what, answer, command);
        return finish(q);
}

static const struct {
        enum ui_report_what what;
        bool asked; /* somebody is, so there is an answer in the record */
        const char *name, *command, *rest;
} words[] = {
        {UI_REPORT_WHAT_COMMAND, true, "command", "send", ", lasting, unasked: send on a 0x5e.0"},
        {UI_REPORT_WHAT_PROMPT, true, "prompt", "send", ", lasting, asked: send on a 0x5e.0"},
        {UI_REPORT_WHAT_PERSIST, true, "persist", "layout", ": layout"},
        {UI_REPORT_WHAT_THEME, true, "theme", "workspace", ": workspace"},
        {UI_REPORT_WHAT_RESET, true, "reset", "", ""},
        {UI_REPORT_WHAT_PANES, true, "panes", "", ""},
        {UI_REPORT_WHAT_CONSENT, false, "consent", "always", ": always"},
        {UI_REPORT_WHAT_PIN, false, "pin", "pinned", ": pinned"},
        {UI_REPORT_WHAT_MOVE, false, "move", "side", ": side"},
        {UI_REPORT_WHAT_CLOSED, false, "closed", "opened", ": opened"},
};

/* By the offer, also when it is over, and by the session. */
TEST(what_a_host_reports_is_recorded_as_its_word)
{
        static const char *const answers[] = {"allowed", "refused", "unanswered"};
        struct rig r = {.ui = true};
        struct host h = {.r = &r};

        rig_open(&r);
        r.w.clock_ms = clock_ms;
        {
                CAP session = rig_enter(&r);
                CAP pane = pane_new(&h);
                CAP offer = lend_pane(session, pane, "a");

                CHECK(offer);
                for (unsigned i = 0; i < 60; i++) {
                        const char *answer = answers[i % 3];
                        unsigned k = i % 10;
                        char record[192];

                        clock_now_ms += 1000;
                        if (i == 30)
                                CHECK_OK(withdraw(offer));
                        CHECK_OK(i < 40 ? report(offer, words[k].what, answer, words[k].command)
                                        : report_none(session, "b", words[k].what, answer,
                                                      words[k].command));
                        rig_settle(&r);
                        snprintf(record, sizeof(record), "ui.%s %s: the client says%s%s%s!",
                                 words[k].name, i < 40 ? "a" : "b", words[k].asked ? " " : "",
                                 words[k].asked ? answer : "", words[k].rest);
                        CHECK_STR(r.reported, record);
                }
                CHECK(report_none(session, "none", UI_REPORT_WHAT_CONSENT, "allowed", "always"));
                CHECK(!strncmp(said, "denied.unknown-name", 19));
                CHECK(report(offer, 4711, "allowed", ""));
        }
        rig_close(&r);
}

/* However many offers there are; and how many more there were is told, at the end at the latest. */
TEST(a_session_reports_twenty_in_a_second)
{
        struct rig r = {.ui = true};
        struct host h = {.r = &r};

        rig_open(&r);
        r.w.clock_ms = clock_ms;
        {
                CAP session = rig_enter(&r);
                CAP host = host_new(&h);
                CAP offer = lend(session, host, "a");
                CAP other = lend(session, host, "a");
                unsigned before;

                CHECK(offer && other);
                rig_settle(&r);
                before = r.asked[10];
                for (unsigned i = 0; i < 25; i++)
                        CHECK_OK(report(i & 1 ? offer : other, UI_REPORT_WHAT_COMMAND, "allowed",
                                        "send"));
                rig_settle(&r);
                CHECK_EQ(r.asked[10] - before, 20);
                clock_now_ms += 50;
                for (unsigned i = 0; i < 2; i++)
                        CHECK_OK(report_none(session, "a", UI_REPORT_WHAT_PIN, "allowed", ""));
                rig_settle(&r);
                CHECK_EQ(r.asked[10] - before, 21);
                offer = capnp_cap_unref(offer);
                other = capnp_cap_unref(other);
                rig_notice_ended(&r, "over");
                rig_settle(&r);
                CHECK_STR(r.reported, "over-quota.reports ");
                CHECK_EQ(r.reported_times, 6);
        }
        rig_close(&r);
}
