/*
 * The audit log, for administrators. Where it is is for who can go there. Who is elsewhere reads
 * it, a piece at a time: no piece is longer than a moment's work, and whoever wants all of it asks
 * again and again, and finds nobody waiting behind him meanwhile. Nothing is looked for here: what
 * is read can be verified only whole, and who reads it has the time.
 */
#include "admin-audit.h"

#include "admin.capnp-c.h"
#include "sessiond.h"

enum { PIECE_BYTES = 32 * 1024 };

_Static_assert((int)PIECE_BYTES > (int)CAPOS_AUDIT_LINE_BYTES, "a piece has a whole line");

int admin_on_audit_path(void *self, capnp_answer *a)
{
        struct sessiond *s = self;

        admin_audit_path_results_set_path(a, s->admin.path);
        return capnp_answer_return(a);
}

int admin_on_audit_read(void *self, capnp_answer *a)
{
        struct sessiond *s = self;
        struct audit_piece p = {.segment = admin_audit_read_param_segment(a),
                                .at = admin_audit_read_param_at(a)};
        static char bytes[PIECE_BYTES];
        int r;

        if (capnp_answer_check(a))
                return capnp_answer_fail(a, CAPNP_FAILED, "the request cannot be read");

        r = audit_log_read(&s->audit.log, &p, bytes, sizeof(bytes));
        if (r)
                return audit_fail(&s->audit, a, CAPNP_FAILED, "there is no such segment: %s",
                                  capnp_strerror(r));

        admin_audit_read_results_set_lines(a, (capnp_data){(const uint8_t *)bytes, p.len});
        admin_audit_read_results_set_segment(a, p.segment);
        admin_audit_read_results_set_next(a, p.at + p.len);
        admin_audit_read_results_set_sealed(a, p.sealed);
        return audit_return(&s->audit, a);
}
