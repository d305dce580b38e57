/*
 * Client certificates, as far as the session manager has to do with them: it never looks into one.
 *
 * The rules come from caposd as records, which go to a prover as they are, beside a handshake and
 * what is known of its connection. The verdict names a rule by its number; whose it is, is in the
 * manifest.
 */
#include "rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "origin.h"
#include "policy.h"

int rules_take(struct rules *rules, int fd)
{
        uint8_t *bytes = NULL;
        struct stat st;
        int r = 0;

        if (fstat(fd, &st))
                r = -errno;
        else if (st.st_size < 0 || st.st_size > PROOF_RULES_BYTES)
                r = -EFBIG;
        else if (!(bytes = malloc((size_t)st.st_size + 1)))
                r = -ENOMEM;
        else if (pread(fd, bytes, (size_t)st.st_size, 0) != st.st_size)
                r = -EIO;
        (void)close(fd);
        if (r) {
                free(bytes);
                return r;
        }

        free(rules->bytes);
        rules->bytes = bytes;
        rules->len = (uint32_t)st.st_size;
        rules->generation++;
        return 0;
}

void rules_deinit(struct rules *r)
{
        free(r->bytes);
        *r = (struct rules){0};
}

void rules_ask(const struct rules *r, const struct origin *o, struct proof_connection *c,
               capnp_data parts[3])
{
        const struct channel *ch = &o->channel;

        *c = (struct proof_connection){.now_s = (int64_t)(clock_wall_ms() / 1000)};
        memcpy(c->record, ch->hash, sizeof(c->record));
        memcpy(c->server_key, ch->key_hash, sizeof(c->server_key));
        memcpy(c->nonce, ch->nonce, sizeof(c->nonce));
        parts[0] = (capnp_data){ch->handshake, ch->handshake_len};
        parts[1] = (capnp_data){(const uint8_t *)c, sizeof(*c)};
        parts[2] = (capnp_data){r->bytes, r->len};
}

const struct policy_rule *rules_met(const struct policy *p, const struct proof_verdict *v)
{
        return v->good == 1 && v->rule < p->nrules ? &p->rules[v->rule] : NULL;
}

/* What of a name is an account's: spiffe://a/b/ci, DNS:ci.example.org, email:ci@example.org. */
static const char *name_account(const char *name, size_t *ret_len)
{
        static const char dns[] = "DNS:", email[] = "email:";
        const char *slash = strrchr(name, '/');

        if (!strncmp(name, dns, strlen(dns))) {
                name += strlen(dns);
                *ret_len = strcspn(name, ".");
        } else if (!strncmp(name, email, strlen(email))) {
                name += strlen(email);
                *ret_len = strcspn(name, "@");
        } else {
                name = slash ? slash + 1 : name;
                *ret_len = strlen(name);
        }
        return name;
}

bool rules_account(const struct policy_rule *rule, const struct proof_verdict *v,
                   char ret[STORE_NAME_BYTES + 1])
{
        const char *name = rule->account;
        size_t len = strlen(name);

        if (rule->account_from_name)
                name = name_account(v->name, &len);
        if (!store_name_ok(name, len))
                return false;

        memcpy(ret, name, len);
        ret[len] = 0;
        return true;
}

void rules_fingerprint(const struct proof_verdict *v, char ret[STORE_FINGERPRINT_BYTES])
{
        static const char kind[] = "sha256:";

        memcpy(ret, kind, strlen(kind));
        sodium_bin2base64(ret + strlen(kind), STORE_FINGERPRINT_BYTES - strlen(kind), v->key_hash,
                          sizeof(v->key_hash), sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
}
