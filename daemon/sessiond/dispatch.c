/*
 * What may be called, and when: one table, and one function that every call goes through.
 *
 * Each method is legal in some states only. An illegal call is refused and recorded, and a few of
 * them are the end of the worker. Once its session has ended, a call is stale and no crime: the end
 * and the call may have crossed. What begins something that has to be recorded is refused while
 * nothing can be.
 *
 * A method that is not in the table is not there (`unimplemented`): the core says so.
 */
#include "dispatch.h"

#include <stddef.h>

#include "admit.h"
#include "bundle.h"
#include "login.h"
#include "owner.h"
#include "passkey-own.h"
#include "reconnect.h"
#include "sessiond.h"
#include "tally.h"
#include "trace.h"

enum { ANY = ADMISSION_FRESH | ADMISSION_BOUND | ADMISSION_ENDED };

/* By ordinal. states: where it is legal. begins: it needs records. */
static const struct {
        const char *name;
        unsigned states;
        bool begins;
        int (*handler)(struct admission *ad, capnp_answer *a);
} calls[] = {
        {"methods", ANY, false, login_methods},
        {"start", ADMISSION_FRESH | ADMISSION_BOUND, true, login_start},
        {"next", ADMISSION_FRESH | ADMISSION_BOUND, true, login_next},
        {"cancel", ANY, false, login_cancel},
        {"enter", ADMISSION_FRESH | ADMISSION_BOUND, true, login_enter},
        {"open", ADMISSION_BOUND, true, bundle_open},
        {"schema", ADMISSION_BOUND, false, bundle_schema},
        {"renew", ADMISSION_BOUND, true, login_renew},
        {"logout", ADMISSION_BOUND, false, login_logout},
        {"watch", ANY | ADMISSION_SHAKING, false, admission_wait},
        {"report", ADMISSION_BOUND | ADMISSION_ENDED, false, bundle_report},
        {"secured", ADMISSION_SHAKING, false, admission_shake},
        {"enrol", ADMISSION_BOUND, true, reconnect_enrol},
        {"tally", ADMISSION_BOUND | ADMISSION_ENDED, false, tally_calls},
        {"accountSessions", ADMISSION_BOUND, false, owner_list},
        {"endAccountSession", ADMISSION_BOUND, false, owner_end},
        {"passkeyBegin", ADMISSION_FRESH | ADMISSION_BOUND, true, passkey_own_begin},
        {"passkeyAdd", ADMISSION_FRESH | ADMISSION_BOUND, true, passkey_own_add},
        {"passkeys", ADMISSION_BOUND, false, passkey_own_list},
        {"passkeyRemove", ADMISSION_BOUND, true, passkey_own_remove},
        {"trace", ADMISSION_BOUND | ADMISSION_ENDED, false, trace_rows},
};

enum { CALLS = sizeof(calls) / sizeof(calls[0]) };

static int dispatch_call(void *self, capnp_answer *a)
{
        struct admission *ad = self;
        uint16_t method = capnp_answer_method(a);
        unsigned states = calls[method].states;

        switch (ad->state) {
        case ADMISSION_SHAKING:
        case ADMISSION_FRESH:
        case ADMISSION_BOUND:
                if (!(states & ad->state))
                        return admission_refuse_illegal(ad, a, calls[method].name);
                break;
        case ADMISSION_ENDED:
                if (!(states & ad->state))
                        return origin_deny(&ad->origin, a, CAPOS_DENIED_STALE_SESSION,
                                           ad->ended_reason);
                break;
        case ADMISSION_KILLED:
        case ADMISSION_CLOSED:
                return capnp_answer_fail(a, CAPNP_DISCONNECTED, "the connection is over");
        }
        if (calls[method].begins && !audit_has_room(&ad->origin.s->audit))
                return capos_i_over_quota(a, CAPOS_I_QUOTA_DISK,
                                          "nothing more can be recorded: try again later");

        return calls[method].handler(ad, a);
}

/* All of them are the same: what the core knows of a method is how large its results are. */
static const struct admission_ops gate = {
        .gone = admission_gone,
        .methods = dispatch_call,
        .start = dispatch_call,
        .next = dispatch_call,
        .cancel = dispatch_call,
        .enter = dispatch_call,
        .open = dispatch_call,
        .schema = dispatch_call,
        .renew = dispatch_call,
        .logout = dispatch_call,
        .watch = dispatch_call,
        .report = dispatch_call,
        .secured = dispatch_call,
        .enrol = dispatch_call,
        .tally = dispatch_call,
        .account_sessions = dispatch_call,
        .end_account_session = dispatch_call,
        .passkey_begin = dispatch_call,
        .passkey_add = dispatch_call,
        .passkeys = dispatch_call,
        .passkey_remove = dispatch_call,
        .trace = dispatch_call,
};

_Static_assert(sizeof(gate) ==
                       offsetof(struct admission_ops, methods) + CALLS * sizeof(capnp_handler *),
               "one row for each method of schema/admission.capnp");

int dispatch_open(struct sessiond *s, const struct packet *event, void (*freed)(struct sessiond *s),
                  struct admission **ret_ad)
{
        struct admission *ad;
        int r = admission_new(s, event, &gate, freed, &ad);

        if (r)
                return r;

        login_init(ad);
        if (ret_ad)
                *ret_ad = ad;
        return 0;
}
