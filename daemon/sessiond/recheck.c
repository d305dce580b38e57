/*
 * Other rules: a list of revocations, mostly. Sessions that a certificate has made go on only if it
 * is still good, and still the same account's.
 *
 * Nobody has to show it again: the handshake is kept as long as its connection, so a prover judges
 * that by the new rules. One after the other, as a party of its own among those who want something
 * proved: whoever logs in meanwhile waits no longer than for anybody else. One of which a prover
 * gave no verdict waits until the others were judged, and is judged again; after a few times its
 * session ends, for a handshake that no prover survives must not keep what others lose. What was
 * begun by the rules of before does not count: it is judged again, and who wants to get in waits
 * for what is said of the new ones.
 */
#include "recheck.h"

#include <stdio.h>
#include <string.h>

#include "admin.capnp-c.h"
#include "admit.h"
#include "daemon-log.h"
#include "flow.h"
#include "links.h"
#include "sessiond.h"

enum { AGAIN_MS = 1000, RELOAD_MS = 60 * 1000, UNJUDGED_MOST = 5 };

static const char REVOKED[] = "the certificate is not accepted any more";
static const char UNJUDGED[] = "the certificate cannot be judged any more";

static void recheck_next(struct sessiond *s, bool again);

/* ---- who waits for it ----------------------------------------------------------------------- */

static capnp_answer *wait_end(struct recheck *c)
{
        capnp_answer *a = c->waiting;

        c->deadline = capnp_timer_free(c->deadline);
        c->waiting = NULL;
        return a;
}

static void wait_on_deadline(void *arg)
{
        struct recheck *c = arg;

        c->deadline = NULL;
        (void)capnp_answer_fail(wait_end(c), CAPNP_FAILED,
                                "it takes too long: sessions are still being looked at");
}

int recheck_reload(struct sessiond *s, capnp_answer *a)
{
        struct recheck *c = &s->recheck;

        if (!s->policy.nrules)
                return capnp_answer_fail(a, CAPNP_FAILED,
                                         "the manifest has no rules for client certificates");
        if (c->waiting)
                return capnp_answer_fail(a, CAPNP_OVERLOADED,
                                         "another one is under way: try again");
        if (capnp_timer_new(s->vat, RELOAD_MS, wait_on_deadline, c, &c->deadline))
                return capnp_answer_fail(a, CAPNP_FAILED, "out of memory");

        c->waiting = a;
        c->request++;
        link_send_up(s, &(struct packet){.type = PACKET_REREAD, .index = c->request});
        return capnp_answer_keep(a, NULL, NULL);
}

/* All sessions were judged. */
static void wait_done(struct sessiond *s)
{
        capnp_answer *a = s->recheck.answered ? wait_end(&s->recheck) : NULL;

        if (!a)
                return;

        s->recheck.answered = false;
        admin_reload_revocations_results_set_ended(a, s->recheck.ended);
        (void)admissions_return(s, a);
}

/* ---- judging -------------------------------------------------------------------------------- */

static void recheck_on_timer(void *arg)
{
        struct sessiond *s = arg;

        s->recheck.again = NULL;
        recheck_next(s, true);
}

static void recheck_later(struct sessiond *s)
{
        if (!s->recheck.again &&
            capnp_timer_new(s->vat, AGAIN_MS, recheck_on_timer, s, &s->recheck.again))
                daemon_log(LOG_ERR, "out of memory: a certificate is not judged again");
}

/* One that was not judged by these rules yet: of those that were tried, the one longest ago. */
static struct session *recheck_find(struct sessiond *s)
{
        struct session *first = NULL;

        for (struct capnp_i_list *l = s->sessions.next; l != &s->sessions; l = l->next) {
                struct session *e = CAPNP_I_OF(l, struct session, link);

                if (e->kind == CAPOS_AUTH_MTLS && e->rules != s->rules.generation &&
                    (!first || e->passed_over < first->passed_over))
                        first = e;
        }
        return first;
}

static bool recheck_is_good(struct sessiond *s, const struct session *e,
                            const struct proof_verdict *v)
{
        const struct policy_rule *rule = rules_met(&s->policy, v);
        char account[STORE_NAME_BYTES + 1];

        return rule && rules_account(rule, v, account) && !strcmp(account, e->account) &&
               (!rule->profile || !strcmp(rule->profile, e->made_in));
}

static void recheck_revoke(struct recheck *c, struct session *e, const char *why)
{
        c->ended++;
        session_end(e, SESSION_REVOCATION, why);
}

/* There is no verdict. failed: a prover should have given one. */
static void recheck_pass_over(struct recheck *c, struct session *e, bool failed)
{
        e->passed_over = ++c->passes;
        e->unjudged += failed;
        if (e->unjudged >= UNJUDGED_MOST)
                recheck_revoke(c, e, UNJUDGED);
}

static void recheck_on_end(void *arg, enum prove_end end, const struct proof_verdict *v)
{
        struct sessiond *s = arg;
        struct recheck *c = &s->recheck;
        struct session *e = sessions_find(s, (capnp_text){c->id, (uint32_t)strlen(c->id)});
        bool judged = end == PROVE_VERDICT && (v->good == 1 || v->reason != PROOF_REASON_MEMORY);

        c->job = NULL;
        if (!s->prover.s) /* it is the end of it all */
                return;

        if (e && !judged)
                recheck_pass_over(c, e, end != PROVE_UNTRIED);
        else if (e && c->generation == s->rules.generation && recheck_is_good(s, e, v))
                e->rules = c->generation;
        else if (e && c->generation == s->rules.generation)
                recheck_revoke(c, e, REVOKED);
        recheck_next(s, false);
}

/* again: also one that was tried before, which others are not kept waiting for. */
static void recheck_next(struct sessiond *s, bool again)
{
        struct recheck *c = &s->recheck;
        struct prove_what w = {.kind = PROOF_CERTIFICATE,
                               .path = {.key = {"rules", "rules", "rules"}},
                               .done = recheck_on_end,
                               .arg = s};
        struct proof_connection known;
        struct session *e = recheck_find(s);

        if (!e)
                wait_done(s);
        if (!e || c->job)
                return;
        if (e->passed_over && !again) {
                recheck_later(s);
                return;
        }

        memcpy(c->id, e->id, sizeof(c->id));
        c->generation = s->rules.generation;
        rules_ask(&s->rules, e->origin, &known, w.parts);
        if (prover_start(&s->prover, &w, &c->job))
                recheck_later(s);
}

/* By new rules nobody was tried yet. */
static void recheck_all(struct sessiond *s)
{
        for (struct capnp_i_list *l = s->sessions.next; l != &s->sessions; l = l->next) {
                struct session *e = CAPNP_I_OF(l, struct session, link);

                e->passed_over = 0;
                e->unjudged = 0;
        }

        s->recheck.ended = 0;
        recheck_next(s, false);
}

void recheck_start(struct sessiond *s, const struct packet *p, int fd)
{
        struct recheck *c = &s->recheck;
        int r = rules_take(&s->rules, fd);

        if (r)
                daemon_log(LOG_ERR, "rules for client certificates: %s", capnp_strerror(r));
        if (c->waiting && p->index == c->request) {
                c->answered = true;
                r = r ? r : p->result;
        }
        if (r && c->answered) {
                c->answered = false;
                (void)capnp_answer_fail(wait_end(c), CAPNP_FAILED,
                                        "what was read before stays: see the instance's log");
        }
        if (r)
                return;

        flows_judge_again(s, CAPOS_AUTH_MTLS);
        recheck_all(s);
}

int recheck_rules(struct sessiond *s, int fd)
{
        int r = rules_take(&s->rules, fd);

        if (r)
                return r;

        flows_judge_again(s, CAPOS_AUTH_MTLS);
        recheck_all(s);
        return 0;
}

void recheck_deinit(struct sessiond *s)
{
        s->recheck.again = capnp_timer_free(s->recheck.again);
        if (s->recheck.waiting)
                (void)capnp_answer_fail(wait_end(&s->recheck), CAPNP_FAILED, "the instance ends");
        rules_deinit(&s->rules);
}
