/*
 * All calls of Admin: one table, and one function that every call goes through.
 *
 * This machine's administrator, who has the admin socket, may make all. Who is elsewhere and has
 * the capability `admin` may make those that have a facet, if it is his: what acts on the machine
 * (a certificate, lists of revocations, where files are) has none, and is not there for him. A call
 * that somebody forgets to think about has none either.
 *
 * Each call from elsewhere is on record with who made it before it is looked at; what only reads is
 * counted. He may not take away what he himself stands on, for nobody is to lock himself out by a
 * slip; another administrator can, and this machine's always.
 */
#include "admin-calls.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin-account.h"
#include "admin-audit.h"
#include "admin-identity.h"
#include "admin-list.h"
#include "admin-lock.h"
#include "admin-passkey.h"
#include "admin-service.h"
#include "admin-session.h"
#include "admin-status.h"
#include "admin.capnp-c.h"
#include "asker.h"
#include "daemon-admin.h"
#include "identity.h"
#include "recheck.h"
#include "reload.h"
#include "session.h"
#include "sessiond.h"

/* Whom an object is for. */
struct admin_peer {
        struct sessiond *s;
        struct asker *asker; /* NULL: this machine's administrator */
};

/* ---- those whose files know nothing of Admin ------------------------------------------------- */

static int call_reload_identity(void *self, capnp_answer *a)
{
        return identity_reload(self, a);
}

static int call_reload_revocations(void *self, capnp_answer *a)
{
        return recheck_reload(self, a);
}

static int call_reload(void *self, capnp_answer *a)
{
        return reload_ask(self, a);
}

static int call_identity_add(void *self, capnp_answer *a)
{
        return admin_identity_give(self, a);
}

static int call_identity_list(void *self, capnp_answer *a)
{
        return admin_identity_tell(self, a);
}

static int call_identity_remove(void *self, capnp_answer *a)
{
        return admin_identity_take(self, a);
}

static int call_passkey_begin(void *self, capnp_answer *a)
{
        return admin_passkey_start(self, a);
}

static int call_passkey_add(void *self, capnp_answer *a)
{
        return admin_passkey_finish(self, a);
}

static int call_passkey_list(void *self, capnp_answer *a)
{
        return admin_passkey_tell(self, a);
}

static int call_passkey_remove(void *self, capnp_answer *a)
{
        return admin_passkey_end(self, a);
}

static int call_passkey_code(void *self, capnp_answer *a)
{
        return admin_passkey_code_make(self, a);
}

/* ---- what somebody stands on ---------------------------------------------------------------- */

static bool is_own(const struct session *e, capnp_text name)
{
        return text_is(name, e->account);
}

static bool rests_on(const struct session *e, capnp_text credential)
{
        return text_is(credential, e->credential) || text_is(credential, e->renewed) ||
               text_is(credential, e->raised);
}

/* The account that every call of accounts begins with. */
static capnp_text first_text(capnp_answer *a)
{
        return capnp_reader_text(capnp_answer_params(a), 0);
}

static bool ends_account(const struct session *e, capnp_answer *a)
{
        return is_own(e, first_text(a));
}

static bool ends_account_once(const struct session *e, capnp_answer *a)
{
        return is_own(e, first_text(a)) && admin_account_expire_param_at_ms(a);
}

static bool ends_password(const struct session *e, capnp_answer *a)
{
        return is_own(e, first_text(a)) && !admin_passwd_param_password(a).len;
}

static bool ends_key(const struct session *e, capnp_answer *a)
{
        return is_own(e, first_text(a)) && rests_on(e, admin_key_remove_param_fingerprint(a));
}

static bool ends_passkey(const struct session *e, capnp_answer *a)
{
        return is_own(e, first_text(a)) && rests_on(e, admin_passkey_remove_param_id(a));
}

/* Of itself, whatever it was called before its line dropped, or of what it asks by. */
static bool ends_session(const struct session *e, capnp_answer *a)
{
        capnp_text id = admin_session_revoke_param_id(a), cap = admin_session_revoke_param_cap(a);
        const struct enrolment *n = enrolments_of(e->s, id);

        return (text_is(id, e->id) || (n && n->session == e)) &&
               (!cap.len || text_is(cap, DAEMON_ADMIN));
}

/* ---- the table ------------------------------------------------------------------------------ */

/* By ordinal; daemon-admin.c says what each is called and which facets have it. reads: it changes
 * nothing. ends: whether it would take from the session that asks what that stands on; NULL: it
 * cannot. */
static const struct {
        bool reads;
        bool (*ends)(const struct session *e, capnp_answer *a);
        int (*handler)(void *s, capnp_answer *a);
} calls[] = {
        {false, NULL, admin_on_account_add},
        {false, ends_account, admin_on_account_remove},
        {true, NULL, admin_on_account_list},
        {false, NULL, admin_on_key_add},
        {false, ends_key, admin_on_key_remove},
        {false, ends_password, admin_on_passwd},
        {true, NULL, admin_on_session_list},
        {false, ends_session, admin_on_session_revoke},
        {true, NULL, admin_on_status},
        {true, NULL, admin_on_audit_path},
        {false, NULL, call_reload_identity},
        {false, NULL, call_reload_revocations},
        {false, NULL, admin_on_service_account_add},
        {false, NULL, admin_on_service_key_add},
        {false, ends_account, admin_on_service_key_remove},
        {false, NULL, call_passkey_begin},
        {false, NULL, call_passkey_add},
        {true, NULL, call_passkey_list},
        {false, ends_passkey, call_passkey_remove},
        {false, NULL, call_identity_add},
        {true, NULL, call_identity_list},
        {false, ends_account, call_identity_remove},
        {false, ends_account, admin_on_account_lock},
        {false, NULL, admin_on_account_unlock},
        {false, ends_account_once, admin_on_account_expire},
        {false, NULL, call_reload},
        {true, NULL, admin_on_key_list},
        {true, NULL, admin_on_audit_read},
        {false, NULL, call_passkey_code},
};

_Static_assert(sizeof(calls) / sizeof(calls[0]) == DAEMON_ADMIN_CALLS,
               "one row for each call that daemon-admin.c names");

/* ---- from elsewhere ------------------------------------------------------------------------- */

/* Who asks for what, about whom. */
static void call_record(struct asker *k, const char *outcome, uint16_t method, capnp_answer *a)
{
        char detail[CAPOS_AUDIT_TEXT_BYTES];
        capnp_text about = first_text(a);

        (void)snprintf(detail, sizeof(detail), "%s%s%s", daemon_admin_call(method),
                       about.len ? " " : "", about.p);
        if (calls[method].reads)
                session_audit_counted(k->session, "admin", outcome, DAEMON_ADMIN, detail);
        else
                session_audit(k->session, "admin", outcome, DAEMON_ADMIN, detail);
}

static int call_from_elsewhere(struct asker *k, uint16_t method, capnp_answer *a)
{
        struct sessiond *s = k->s;

        if (!audit_has_room(&s->audit))
                return capos_i_over_quota(a, CAPOS_I_QUOTA_DISK,
                                          "nothing more can be recorded: try again later");
        if (!daemon_admin_call_facets(method)) {
                call_record(k, "unimplemented", method, a);
                return audit_fail(&s->audit, a, CAPNP_UNIMPLEMENTED,
                                  "%s: on the instance's machine alone", daemon_admin_call(method));
        }
        if (!(daemon_admin_call_facets(method) & k->facets)) {
                call_record(k, capos_denial_code(CAPOS_DENIED_METHOD), method, a);
                return audit_fail(&s->audit, a, CAPNP_FAILED,
                                  "%s: %s: the session's profile grants another facet of `admin`",
                                  capos_denial_code(CAPOS_DENIED_METHOD),
                                  daemon_admin_call(method));
        }
        if (calls[method].ends && calls[method].ends(k->session, a)) {
                call_record(k, "own", method, a);
                return audit_fail(&s->audit, a, CAPNP_FAILED,
                                  "%s: it is what you ask by: another administrator can, or the "
                                  "instance's machine",
                                  daemon_admin_call(method));
        }
        call_record(k, "ok", method, a);
        return calls[method].handler(s, a);
}

/* ---- every call ----------------------------------------------------------------------------- */

static int admin_call(void *self, capnp_answer *a)
{
        struct admin_peer *p = self;
        uint16_t method = capnp_answer_method(a);
        struct sessiond *s = p->s;
        struct asker *k = asker_ref(p->asker), *before;
        int r;

        if (!k)
                return calls[method].handler(s, a);
        /* Its socket is shut, and this had been read before. */
        if (!asker_is_there(k)) {
                (void)asker_unref(k);
                return asker_refuse(a);
        }

        before = asker_begin(s, k);
        r = call_from_elsewhere(k, method, a);
        (void)asker_begin(s, before);
        (void)asker_unref(k);
        return r;
}

static void admin_gone(void *self)
{
        struct admin_peer *p = self;

        p->asker = asker_unref(p->asker);
        free(p);
}

static const struct admin_ops ops = {
        .gone = admin_gone,
        .account_add = admin_call,
        .account_remove = admin_call,
        .account_list = admin_call,
        .key_add = admin_call,
        .key_remove = admin_call,
        .passwd = admin_call,
        .session_list = admin_call,
        .session_revoke = admin_call,
        .status = admin_call,
        .audit_path = admin_call,
        .reload_identity = admin_call,
        .reload_revocations = admin_call,
        .service_account_add = admin_call,
        .service_key_add = admin_call,
        .service_key_remove = admin_call,
        .identity_add = admin_call,
        .identity_list = admin_call,
        .identity_remove = admin_call,
        .passkey_begin = admin_call,
        .passkey_add = admin_call,
        .passkey_list = admin_call,
        .passkey_remove = admin_call,
        .account_lock = admin_call,
        .account_unlock = admin_call,
        .account_expire = admin_call,
        .reload = admin_call,
        .key_list = admin_call,
        .audit_read = admin_call,
        .passkey_code = admin_call,
};

_Static_assert(sizeof(ops) == offsetof(struct admin_ops, account_add) +
                                      DAEMON_ADMIN_CALLS * sizeof(capnp_handler *),
               "one row for each method of schema/admin.capnp");

int admin_calls_serve(struct sessiond *s, struct asker *k, capnp_cap **ret)
{
        struct admin_peer *p = calloc(1, sizeof(*p));
        int r = -ENOMEM;

        if (p) {
                *p = (struct admin_peer){.s = s, .asker = k};
                r = admin_serve(s->vat, &ops, p, ret);
        }
        if (r) {
                (void)asker_unref(k);
                free(p);
        }
        return r;
}
