/*
 * Other rules: a list of revocations, mostly. Sessions that a certificate has made go on only if it
 * is still good, and still the same account's.
 *
 * Nobody has to show it again: the handshake is kept as long as its connection, so a prover judges
 * that by the new rules. One after the other, as a party of its own among those who want something
 * proved: whoever logs in meanwhile waits no longer than for anybody else. A prover that gave no
 * verdict is asked again. Proofs under way were begun by the old rules, and do not count.
 */
#include "recheck.h"

#include <stdio.h>
#include <string.h>

#include "daemon-log.h"
#include "flow.h"
#include "sessiond.h"

enum { AGAIN_MS = 1000 };

static const char REVOKED[] = "the certificate is not accepted any more";

static void recheck_next(struct sessiond *s);

static void recheck_on_timer(void *arg)
{
        struct sessiond *s = arg;

        s->recheck.again = NULL;
        recheck_next(s);
}

static void recheck_later(struct sessiond *s)
{
        if (!s->recheck.again &&
            capnp_timer_new(s->vat, AGAIN_MS, recheck_on_timer, s, &s->recheck.again))
                daemon_log(LOG_ERR, "out of memory: a certificate is not judged again");
}

/* One that was not judged by these rules yet. */
static struct session *recheck_find(struct sessiond *s)
{
        for (struct capnp_i_list *l = s->sessions.next; l != &s->sessions; l = l->next) {
                struct session *e = CAPNP_I_OF(l, struct session, link);

                if (e->kind == CAPOS_AUTH_MTLS && e->rules != s->rules.generation)
                        return e;
        }
        return NULL;
}

static bool recheck_is_good(struct sessiond *s, const struct session *e,
                            const struct proof_verdict *v)
{
        const struct policy_rule *rule = rules_met(&s->policy, v);
        char account[STORE_NAME_BYTES + 1];

        return rule && rules_account(rule, v, account) && !strcmp(account, e->account) &&
               (!rule->profile || !strcmp(rule->profile, e->profile->name));
}

static void recheck_on_end(void *arg, enum prove_end end, const struct proof_verdict *v)
{
        struct sessiond *s = arg;
        struct recheck *c = &s->recheck;
        struct session *e = sessions_find(s, (capnp_text){c->id, (uint32_t)strlen(c->id)});

        c->job = NULL;
        if (!s->prover.s) /* it is the end of it all */
                return;
        if (end != PROVE_VERDICT || (v->good != 1 && v->reason == PROOF_REASON_MEMORY)) {
                recheck_later(s);
                return;
        }

        if (e && recheck_is_good(s, e, v))
                e->rules = c->generation;
        else if (e)
                session_end(e, SESSION_REVOCATION, REVOKED);
        recheck_next(s);
}

static void recheck_next(struct sessiond *s)
{
        struct recheck *c = &s->recheck;
        struct prove_what w = {.kind = PROOF_CERTIFICATE,
                               .path = {.key = {"rules", "rules", "rules"}},
                               .done = recheck_on_end,
                               .arg = s};
        struct proof_connection known;
        struct session *e = c->job || c->again ? NULL : recheck_find(s);

        if (!e)
                return;

        memcpy(c->id, e->id, sizeof(c->id));
        c->generation = s->rules.generation;
        rules_ask(&s->rules, e->origin, &known, w.parts);
        if (prover_start(&s->prover, &w, &c->job))
                recheck_later(s);
}

void recheck_start(struct sessiond *s, int fd)
{
        int r = rules_take(&s->rules, fd);

        if (r) {
                daemon_log(LOG_ERR, "rules for client certificates: %s", capnp_strerror(r));
                return;
        }

        flows_spoil_kind(s, CAPOS_AUTH_MTLS);
        recheck_next(s);
}

void recheck_deinit(struct sessiond *s)
{
        s->recheck.again = capnp_timer_free(s->recheck.again);
        rules_deinit(&s->rules);
}
