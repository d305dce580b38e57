/*
 * What must be true of the tables at any time, and what they look like to a person.
 *
 * capnp_rpc_check() walks everything and is for tests. A fuzzer that calls it after every act finds
 * the act that broke a table, not the crash a thousand acts later.
 */
#include "rpc-conn.h"

#include <errno.h>
#include <stdio.h>

static bool check_slots(const struct slots *s)
{
        uint32_t i, live = 0, free = 0, at = s->free;

        for (i = 0; i < s->n; i++)
                live += s->v[i].live;
        while (at < s->n && free <= s->n) {
                if (s->v[at].live)
                        return false;
                at = s->v[at].next_free;
                free++;
        }

        return live == s->live && live + free == s->n;
}

static bool check_question(const capnp_rpc *r, uint32_t id)
{
        const struct call *c = r->questions.v[id].p;

        return c && c->out == r && c->out_id.n == id &&
               (c->state == CALL_REMOTE || c->state == CALL_NEW) &&
               !(c->returned && c->finish_sent);
}

/* No Return is waited for: an entry lives until the Finish. */
static bool check_silent(const capnp_rpc *r, const struct call *c, uint64_t id)
{
        return c->out == r && c->out_id.n == id && c->state == CALL_REMOTE && c->silent &&
               !c->peer && !c->finish_sent && id - SILENT_ID < r->silent_ids;
}

static bool check_answer(const capnp_rpc *r, const struct call *c, uint64_t id)
{
        if (c->peer != r || c->peer_id.n != id || !c->refs)
                return false;

        /* An entry lives until both Return and Finish have gone over the wire. */
        return !(c->answered && c->finished) && (c->finished || c->callers);
}

static bool check_export(const capnp_rpc *r, uint32_t id)
{
        const struct export *e = r->exports.v[id].p;

        if (!e || e->rpc != r || e->id.n != id || !e->refs || !e->cap || !e->cap->refs)
                return false;

        return e->promise || !e->resolved;
}

static bool check_import(const capnp_rpc *r, const capnp_cap *c, uint64_t id)
{
        const struct wire *w;

        if (c->kind != CAP_IMPORT && c->kind != CAP_PROMISE)
                return false;

        w = c->kind == CAP_IMPORT ? &CAPNP_I_OF(c, const struct import, cap)->wire
                                  : &CAPNP_I_OF(c, const struct promise, cap)->wire;
        return c->refs && w->rpc == r && w->id.n == id && w->refs;
}

static bool check_embargo(const capnp_rpc *r, uint32_t id)
{
        const struct promise *p = r->embargoes.v[id].p;

        return !p || (p->state == PROMISE_EMBARGOED && p->embargo.n == id && p->embargo_rpc == r);
}

/* What has an entry in a table is in the ledger; so is what the tables do not lead to. */
static bool check_ledger(const capnp_rpc *r)
{
        uint64_t imports = (uint64_t)r->imports.used * COST_IMPORT +
                           (uint64_t)r->embargoes.live * COST_EMBARGO;
        uint64_t held = (uint64_t)r->exports.live * COST_EXPORT + imports;
        uint32_t pos = 0, n = r->exports.live + r->imports.used + r->embargoes.live, i;
        uint64_t sum = 0;
        struct call *c;

        while ((c = capnp_i_ids_next(&r->answers, &pos, NULL))) {
                if (c->charge.kept.rpc !=
                    r) { /* who is gone does not pay for what it had asked for */
                        if (!r->closed)
                                return false;
                        continue;
                }
                held += c->charge.kept.bytes + c->charge.params;
                n++;
        }

        for (i = 0; i < FOR_COUNT; i++)
                sum += r->held_for[i];

        return sum == r->held && r->held_for[FOR_IMPORT] >= imports && held <= r->held &&
               n <= r->charges && !r->charges == !r->held;
}

static bool check_out(const capnp_rpc *r)
{
        const struct capnp_i_list *l;
        uint64_t bytes = 0, replies = 0, notes = 0;

        for (l = r->outq.next; l != &r->outq; l = l->next) {
                const struct out *o = CAPNP_I_OF(l, const struct out, link);

                if (o->sent > o->len)
                        return false;
                bytes += o->len - o->sent;
                replies += o->replies;
                notes += o->notes;
        }

        return bytes == r->out_bytes && replies == r->out_replies && notes == r->out_notes;
}

static bool check_maps(const capnp_rpc *r)
{
        uint32_t pos;
        uint64_t key;
        void *p;

        for (pos = 0; (p = capnp_i_map_next(&r->silent, &pos, &key));)
                if (!check_silent(r, p, key))
                        return false;
        for (pos = 0; (p = capnp_i_ids_next(&r->answers, &pos, &key));)
                if (!check_answer(r, p, key))
                        return false;
        for (pos = 0; (p = capnp_i_map_next(&r->imports, &pos, &key));)
                if (!check_import(r, p, key))
                        return false;

        return true;
}

int capnp_rpc_check(const capnp_rpc *r)
{
        uint32_t i;

        if (!check_slots(&r->questions) || !check_slots(&r->exports) || !check_slots(&r->embargoes))
                return -EUCLEAN;

        for (i = 0; i < r->questions.n; i++)
                if (r->questions.v[i].live && !check_question(r, i))
                        return -EUCLEAN;
        for (i = 0; i < r->exports.n; i++)
                if (r->exports.v[i].live && !check_export(r, i))
                        return -EUCLEAN;
        for (i = 0; i < r->embargoes.n; i++)
                if (r->embargoes.v[i].live && !check_embargo(r, i))
                        return -EUCLEAN;
        return check_maps(r) && check_ledger(r) && check_out(r) ? 0 : -EUCLEAN;
}

/* ---- for a person --------------------------------------------------------------------------- */

static const char *const state_names[] = {
        [CALL_NEW] = "new",       [CALL_QUEUED] = "queued", [CALL_HOSTED] = "hosted",
        [CALL_REMOTE] = "remote", [CALL_TAILED] = "tailed", [CALL_ENDED] = "ended",
};

static const char *const kind_names[] = {
        [CAP_HOSTED] = "hosted", [CAP_IMPORT] = "import", [CAP_PROMISE] = "promise",
        [CAP_WRAP] = "wrapped",  [CAP_BROKEN] = "broken",
};

static const char *dump_mark(bool good)
{
        return good ? "" : " [ERROR]";
}

static void dump_call(const char *what, uint64_t id, const struct call *c, bool good, FILE *to)
{
        fprintf(to, "  %s %llu: %016llx.%u %s refs %u callers %u%s%s%s%s%s%s\n", what,
                (unsigned long long)id, (unsigned long long)c->iface, c->method,
                state_names[c->state], c->refs, c->callers, c->done ? " done" : "",
                c->returned ? " returned" : "", c->finish_sent ? " finish-sent" : "",
                c->answered ? " answered" : "", c->finished ? " finished" : "", dump_mark(good));
}

static void dump_cap(const char *what, uint64_t id, const capnp_cap *c, uint32_t refs, bool good,
                     FILE *to)
{
        fprintf(to, "  %s %llu: %s wire-refs %u refs %u%s\n", what, (unsigned long long)id,
                kind_names[c->kind], refs, c->refs, dump_mark(good));
}

static void dump_maps(const capnp_rpc *r, FILE *to)
{
        uint32_t pos;
        uint64_t key;
        void *p;

        for (pos = 0; (p = capnp_i_map_next(&r->silent, &pos, &key));)
                dump_call("question without a Return", key, p, check_silent(r, p, key), to);
        for (pos = 0; (p = capnp_i_ids_next(&r->answers, &pos, &key));)
                dump_call("answer", key, p, check_answer(r, p, key), to);
        for (pos = 0; (p = capnp_i_map_next(&r->imports, &pos, &key));) {
                capnp_cap *c = p;
                struct wire *w = c->kind == CAP_IMPORT ? &capnp_i_cap_import(c)->wire
                                                       : &capnp_i_cap_promise(c)->wire;

                dump_cap("import", key, c, w->refs, check_import(r, c, key), to);
        }
}

void capnp_rpc_dump(const capnp_rpc *r, FILE *to)
{
        uint32_t i;

        fprintf(to, "connection: %s, held %llu bytes, queued %llu bytes%s%s\n",
                r->closed ? r->why->reason : "open", (unsigned long long)r->held,
                (unsigned long long)r->out_bytes, dump_mark(check_ledger(r)),
                dump_mark(check_out(r)));
        for (i = 0; i < r->questions.n; i++)
                if (r->questions.v[i].live)
                        dump_call("question", i, r->questions.v[i].p, check_question(r, i), to);
        for (i = 0; i < r->exports.n; i++) {
                struct export *e = r->exports.v[i].live ? r->exports.v[i].p : NULL;

                if (e)
                        dump_cap(e->promise ? e->resolved ? "export (resolved)" : "export (promise)"
                                            : "export",
                                 i, e->cap, e->refs, check_export(r, i), to);
        }
        dump_maps(r, to);
        for (i = 0; i < r->embargoes.n; i++)
                if (r->embargoes.v[i].live)
                        fprintf(to, "  embargo %u: %s%s\n", i,
                                r->embargoes.v[i].p ? "waiting" : "forgotten",
                                dump_mark(check_embargo(r, i)));
}
