/*
 * What a session uses, beside what it may use.
 *
 * Two places count: the core of the client's connection, what that makes us hold; and the policy of
 * the membranes, what is between the client and all its services. The session manager has said what
 * only it knows.
 */
#include "worker-use.h"
#include "worker-offer-policy.h"

enum { OWN_ROWS = 13 };

static void row_set(quota_use_builder b, const char *name, struct capnp_i_quota q)
{
        quota_use_set_name(b, name);
        quota_use_set_limit(b, q.limit);
        quota_use_set_used(b, q.used);
        quota_use_set_most(b, q.most);
}

void use_fill(const struct worker *w, session_info_builder b)
{
        quota_use_list theirs = session_info_use(bound_info(worker_bound(w)));
        uint32_t n = quota_use_list_len(theirs);
        struct capnp_limits l = worker_limits(w);
        struct capnp_rpc_counts now, most;
        quota_use_list_builder rows;

        capnp_rpc_count(capnp_conn_rpc(w->client), &now);
        capnp_rpc_count_most(capnp_conn_rpc(w->client), &most);
        const struct {
                const char *name;
                struct capnp_i_quota quota;
        } own[OWN_ROWS] = {
                {"references", {l.refs, now.exports, most.exports}},
                {"own-references", {l.refs, now.imports, most.imports}},
                {"calls", {l.answers, now.answers, most.answers}},
                {"held-bytes", {l.held_bytes, now.held_bytes, most.held_bytes}},
                {"queued-bytes", {l.out_bytes, now.out_bytes, most.out_bytes}},
                {"message-bytes", {l.message_bytes, 0, most.message_bytes}},
                {"message-segments", {l.segments, 0, 0}},
                {"message-nesting", {l.depth, 0, 0}},
                {"message-traversal", {l.traversal * 8, 0, 0}},
                {"calls-per-second", {l.rate, now.rate, most.rate}},
                {"calls-across", w->calls},
                {"bytes-across", w->bytes},
                {"ui-offers",
                 {session_ui_quota_offers(worker_ui_quota(w)), w->noffers.used, w->noffers.most}},
        };

        rows = session_info_init_use(b, OWN_ROWS + n);
        for (uint32_t i = 0; i < OWN_ROWS; i++)
                row_set(quota_use_list_builder_get(rows, i), own[i].name, own[i].quota);
        for (uint32_t i = 0; i < n; i++) {
                quota_use_reader u = quota_use_list_get(theirs, i);

                row_set(quota_use_list_builder_get(rows, OWN_ROWS + i), quota_use_name(u).p,
                        (struct capnp_i_quota){quota_use_limit(u), quota_use_used(u),
                                               quota_use_most(u)});
        }
}
