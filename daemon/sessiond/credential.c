/*
 * What keys and passkeys are restricted to, as by options in sshd's authorized_keys.
 *
 * It is judged when a proof has turned out to be good, beside whether the account is locked, and
 * looks the same from outside: a stolen key does not say from where it would be good. It is the
 * account's and the fingerprint's, so it holds by whatever way the key is shown, also in a
 * certificate.
 */
#include "credential.h"

#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "daemon-text.h"
#include "dates.h"
#include "enrolment.h"
#include "sessiond.h"

static const char *options_refuse(const struct origin *o, const struct store_options *may)
{
        char host[STORE_HOST_BYTES + 1];

        origin_host(o, host, sizeof(host));
        if (may->expires_ms && may->expires_ms <= clock_wall_ms())
                return "key expired";
        if (may->sources[0] && !daemon_networks_have(may->sources, host))
                return "key not from here";
        return NULL;
}

static const char *options_apply(struct principal *p, const struct store_options *may)
{
        if (may->expires_ms && (!p->credential_ms || may->expires_ms < p->credential_ms))
                p->credential_ms = may->expires_ms;
        if (!may->profile[0])
                return NULL;
        if (p->profile && strcmp(p->profile, may->profile) != 0)
                return "key for another profile";

        memcpy(p->only, may->profile, sizeof(p->only));
        p->profile = p->only;
        return NULL;
}

/* gives: it may be for one profile, and then gives that. */
static int judge(const struct origin *o, const char *fingerprint, bool gives, struct principal *p,
                 const char **ret_why)
{
        const struct revoked_keys *revoked = &o->s->policy.revoked;
        struct store_options may = {0};
        int r;

        *ret_why = NULL;
        if (revoked_keys_have(revoked, fingerprint) || revoked_keys_have(revoked, p->authority)) {
                *ret_why = "revoked key";
                return 0;
        }

        r = store_options(&o->s->store, p->account, fingerprint, &may);
        if (r < 0)
                return r;
        if (!gives)
                may.profile[0] = 0;
        if (!r)
                *ret_why = options_refuse(o, &may);
        if (!r && !*ret_why)
                *ret_why = options_apply(p, &may);
        return 0;
}

int credential_judge(const struct origin *o, const char *fingerprint, struct principal *p,
                     const char **ret_why)
{
        return judge(o, fingerprint, true, p, ret_why);
}

int credential_judge_enrolled(const struct origin *o, uint64_t enrolment, struct principal *p,
                              const char **ret_why)
{
        const struct enrolment *n = enrolments_get(o->s, enrolment);
        int r;

        *ret_why = NULL;
        if (!n)
                return 0;
        if (revoked_keys_have_enrolment(&o->s->policy.revoked, n)) {
                *ret_why = "revoked key";
                return 0;
        }

        r = judge(o, n->credential, true, p, ret_why);
        if (!r && !*ret_why && n->renewed[0])
                r = judge(o, n->renewed, true, p, ret_why);
        if (!r && !*ret_why && n->raised[0])
                r = judge(o, n->raised, false, p, ret_why);
        return r;
}

/* ---- for administrators --------------------------------------------------------------------- */

/* Whether the account has it; one that is not there has none. */
static bool account_has_profile(struct sessiond *s, const char *account, const char *profile)
{
        struct store_account acc;
        bool has = false;

        if (store_load(&s->store, account, &acc))
                return false;

        for (unsigned i = 0; i < acc.nprofiles; i++)
                has = has || !strcmp(acc.profiles[i], profile);
        store_account_deinit(&acc);
        return has;
}

const char *credential_read(struct sessiond *s, const char *account, key_options_reader from,
                            struct store_options *ret, char text[static 160])
{
        capnp_text sources = key_options_from(from), profile = key_options_profile(from), entry;
        const char *why;

        *ret = (struct store_options){.expires_ms = key_options_expires_at_ms(from)};
        if (!text_is_plain(sources) || !text_is_plain(profile))
                return "an option is no text";
        why = sources.len ? daemon_networks_check(sources, &entry) : NULL;
        if (why) {
                snprintf(text, 160, "from: %.*s: %s", entry.len < 60 ? (int)entry.len : 60, entry.p,
                         why);
                return text;
        }
        if (ret->expires_ms > DATES_MOST_MS)
                return "there is no such date";
        if (profile.len >= sizeof(ret->profile) ||
            (profile.len && !account_has_profile(s, account, profile.p)))
                return "the account has no such profile";

        snprintf(ret->sources, sizeof(ret->sources), "%s", sources.p);
        snprintf(ret->profile, sizeof(ret->profile), "%s", profile.p);
        return NULL;
}

void credential_fill(const struct store_options *may, key_options_builder b)
{
        key_options_set_from(b, may->sources);
        key_options_set_expires_at_ms(b, may->expires_ms);
        key_options_set_profile(b, may->profile);
}
