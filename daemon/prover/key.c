/*
 * Verdicts on signatures by SSH keys: plain ones, ones in security keys, and ones that an authority
 * has certified. What is judged, and how, is in ssh-*.c; here it becomes a struct that travels.
 */
#include "key.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "session-proof.h"
#include "ssh-certificate.h"

/* What a security key has said of itself, for the audit log. */
static void touch_describe(const struct ssh_signature *by, char *to, size_t room)
{
        if (by->security_key)
                (void)snprintf(to, room, "security key, counter %" PRIu32 "%s", by->counter,
                               by->flags & SSH_VERIFIED ? ", verified" : "");
}

bool key_prove(capnp_data key, capnp_data sig, capnp_data transcript, struct proof_verdict *v)
{
        struct ssh_signature by;
        int r = ssh_verify(key, sig, CAPOS_PROOF_NAMESPACE, transcript, &by);

        if (r == SSH_E_ABSENT)
                (void)snprintf(v->subject, sizeof(v->subject),
                               "nobody has touched the security key");
        if (r)
                return false;

        touch_describe(&by, v->subject, sizeof(v->subject));
        return true;
}

bool key_prove_nobody(capnp_data sig, capnp_data transcript)
{
        struct ssh_sig s;

        if (!ssh_sig_read(sig, &s))
                (void)!ssh_verify(s.key, sig, CAPOS_PROOF_NAMESPACE, transcript, NULL);
        return false;
}

bool key_is_good(capnp_data blob)
{
        struct ssh_key k;

        if (ssh_key_read(blob, &k))
                return false;

        ssh_key_deinit(&k);
        return true;
}

/* ---- certificates --------------------------------------------------------------------------- */

/* What an authority calls somebody, printable. */
static void id_print(capnp_data id, char *to, size_t room)
{
        size_t n = 0;

        for (; n < id.len && n < room - 1; n++)
                to[n] = id.p[n] >= ' ' && id.p[n] < 0x7f ? (char)id.p[n] : '?';
        to[n] = 0;
}

static void certificate_describe(const struct ssh_certificate *c, const struct ssh_granted *g,
                                 const struct ssh_signature *by, struct proof_verdict *v)
{
        uint64_t forever = INT64_MAX;

        v->rule = g->authority;
        memcpy(v->key_hash, c->key_hash, sizeof(v->key_hash));
        v->until_s = (int64_t)(c->before < forever ? c->before : forever);
        (void)snprintf(v->serial, sizeof(v->serial), "%" PRIu64, c->serial);
        id_print(c->key_id, v->name, sizeof(v->name));
        touch_describe(by, v->subject, sizeof(v->subject));
}

/* Why not; NULL: it is good. */
static const char *certificate_judge(const struct ssh_certificate *c, const struct ssh_sig *s,
                                     const struct ssh_wanted *w, capnp_data transcript,
                                     struct ssh_granted *g)
{
        int r = ssh_certificate_judge(c, w, g);

        if (r)
                return r > 0 ? g->why : "no memory";

        r = ssh_sig_verify(s, &c->key, CAPOS_PROOF_NAMESPACE, transcript);
        if (r == SSH_E_ABSENT)
                return "nobody has touched its security key";
        if (r)
                return "the signature is not by its key";
        if (g->verified && !(s->by.security_key && s->by.flags & SSH_VERIFIED))
                return "its security key has not verified who it is";
        return NULL;
}

bool key_prove_certificate(capnp_data wanted, capnp_data sig, capnp_data transcript,
                           struct proof_verdict *v)
{
        struct proof_ssh about;
        struct ssh_granted g = {0};
        struct ssh_certificate c;
        struct ssh_sig s;
        const char *why = "damaged, or of a kind that is not accepted";
        struct ssh_wanted w;

        if (wanted.len < sizeof(about))
                return false;

        memcpy(&about, wanted.p, sizeof(about));
        about.account[sizeof(about.account) - 1] = about.address[sizeof(about.address) - 1] = 0;
        w = (struct ssh_wanted){
                .authorities = {wanted.p + sizeof(about), (uint32_t)(wanted.len - sizeof(about))},
                .account = about.account,
                .address = about.address,
                .now = about.now_s,
        };
        if (!ssh_sig_read(sig, &s) && !ssh_certificate_read(s.key, &c)) {
                why = certificate_judge(&c, &s, &w, transcript, &g);
                certificate_describe(&c, &g, &s.by, v);
                ssh_certificate_deinit(&c);
        }
        if (why)
                (void)snprintf(v->subject, sizeof(v->subject), "%s%s%s", why,
                               g.option[0] ? ": " : "", g.option);
        return !why;
}
