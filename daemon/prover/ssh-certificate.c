/*
 * A certificate says which accounts a key may log in to, from when until when; an authority has
 * signed that. It is good when an authority signed it that the manifest names, when now and the
 * account are in it, when nobody has revoked it, and when each of its critical options is one that
 * is understood here and met: one that is not is refused by its name, because whoever put it there
 * meant it. An empty list of accounts would mean anybody, and is refused. Extensions restrict
 * nothing, and are passed over.
 *
 * The authority must have signed with a plain key of a kind that is accepted, never with a
 * certificate. A security key as an authority must have been touched.
 */
#include "ssh-certificate.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
        TYPE_USER = 1,
        ADDRESS_BYTES = 16,
        NETWORK_TEXT = 64,
        V4_BITS = 96, /* before an IPv4 address, in an IPv6 one */
};

/* The hash of the key that a certificate is about: of its own name, and what is in both. */
static int key_hash(enum ssh_type type, capnp_data rest, uint8_t ret[32])
{
        const char *name = ssh_type_name(type);
        const uint8_t len[] = {0, 0, 0, (uint8_t)strlen(name)};
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        bool done = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) &&
                    EVP_DigestUpdate(ctx, len, sizeof(len)) &&
                    EVP_DigestUpdate(ctx, name, len[3]) &&
                    EVP_DigestUpdate(ctx, rest.p, rest.len) && EVP_DigestFinal_ex(ctx, ret, NULL);

        EVP_MD_CTX_free(ctx);
        return done ? 0 : -ENOMEM;
}

int ssh_certificate_read(capnp_data blob, struct ssh_certificate *ret)
{
        struct ssh_in i = ssh_in(blob);
        enum ssh_type type = ssh_type_of_certificate(ssh_in_string(&i));
        struct ssh_certificate c = {0};
        capnp_data reserved;
        const uint8_t *from;
        int r;

        (void)ssh_in_string(&i); /* the nonce */
        from = i.p;
        r = ssh_key_read_rest(&i, type, &c.key);
        if (r)
                return r;

        r = key_hash(type, (capnp_data){from, (uint32_t)(i.p - from)}, c.key_hash);

        c.serial = ssh_in_u64(&i);
        c.type = ssh_in_u32(&i);
        c.key_id = ssh_in_string(&i);
        c.principals = ssh_in_string(&i);
        c.after = ssh_in_u64(&i);
        c.before = ssh_in_u64(&i);
        c.options = ssh_in_string(&i);
        (void)ssh_in_string(&i); /* extensions */
        reserved = ssh_in_string(&i);
        c.authority = ssh_in_string(&i);
        c.text = (capnp_data){blob.p, (uint32_t)(blob.len - i.left)};
        c.signature = ssh_in_string(&i);
        if (!r && !ssh_in_done(&i))
                r = SSH_E_SHORT;
        if (!r && reserved.len)
                r = SSH_E_FORM;
        if (r) {
                ssh_certificate_deinit(&c);
                return r;
        }

        *ret = c;
        return 0;
}

void ssh_certificate_deinit(struct ssh_certificate *c)
{
        ssh_key_deinit(&c->key);
}

/* ---- who has signed ------------------------------------------------------------------------- */

static int authority_signed(const struct ssh_certificate *c)
{
        struct ssh_signature s;
        struct ssh_key k;
        int r = ssh_signature_read(c->signature, &s);

        if (r)
                return r;
        r = ssh_key_read(c->authority, &k);
        if (r)
                return r;

        r = ssh_key_verify(&k, &s, c->text);
        ssh_key_deinit(&k);
        return r;
}

static bool is_revoked(const struct ssh_certificate *c, capnp_data serials, capnp_data ids)
{
        struct ssh_in s = ssh_in(serials), n = ssh_in(ids);
        bool found = false;

        while (s.left && !s.bad)
                found |= ssh_in_u64(&s) == c->serial;
        while (n.left && !n.bad)
                found |= ssh_data_equal(ssh_in_string(&n), c->key_id);
        return found || s.bad || n.bad;
}

/* Which authority it is of. NULL: one that is believed; else why it is not. */
static const char *authority_find(const struct ssh_certificate *c, capnp_data all, uint32_t *ret)
{
        struct ssh_in i = ssh_in(all);

        for (*ret = 0; i.left && !i.bad; ++*ret) {
                struct ssh_in one = ssh_in(ssh_in_string(&i));
                capnp_data key = ssh_in_string(&one), serials = ssh_in_string(&one),
                           ids = ssh_in_string(&one);

                if (ssh_data_equal(key, c->authority))
                        return is_revoked(c, serials, ids) || !ssh_in_done(&one) ? "revoked" : NULL;
        }
        return "by an authority that nobody has named";
}

/* ---- what it is restricted by --------------------------------------------------------------- */

/* What an IPv4 address begins with, as an IPv6 one. */
static const uint8_t mapped[V4_BITS / 8] = {[10] = 0xff, [11] = 0xff};

static bool address_is_v4(const uint8_t address[ADDRESS_BYTES])
{
        return !memcmp(address, mapped, sizeof(mapped));
}

/* An address as IPv6; IPv4 ones are mapped. false: it is none. */
static bool address_read(const char *text, uint8_t ret[ADDRESS_BYTES], unsigned *ret_before)
{
        *ret_before = 0;
        if (inet_pton(AF_INET6, text, ret) == 1)
                return true;

        memcpy(ret, mapped, sizeof(mapped));
        *ret_before = V4_BITS;
        return inet_pton(AF_INET, text, ret + sizeof(mapped)) == 1;
}

/* Whether an address is in `192.0.2.0/24`, or is it. No IPv4 one is in `::/0`: its network is of
 * its own kind. */
static bool network_has(const char *network, const uint8_t address[ADDRESS_BYTES])
{
        uint8_t base[ADDRESS_BYTES];
        char text[NETWORK_TEXT], *slash, *end = NULL;
        unsigned long bits;
        unsigned before;

        (void)snprintf(text, sizeof(text), "%s", network);
        slash = strchr(text, '/');
        if (slash)
                *slash = 0;
        if (!address_read(text, base, &before))
                return false;

        bits = slash ? strtoul(slash + 1, &end, 10) : 8UL * ADDRESS_BYTES - before;
        if ((slash && (slash[1] < '0' || slash[1] > '9' || *end)) ||
            bits > 8UL * ADDRESS_BYTES - before)
                return false;
        bits += before;
        if (bits < V4_BITS && address_is_v4(address))
                return false;
        for (unsigned i = 0; i < bits; i++)
                if ((base[i / 8] ^ address[i / 8]) & (0x80 >> i % 8))
                        return false;
        return true;
}

/* Whether it may come from there: a list of networks with commas between. */
static bool address_may(capnp_data networks, const char *from)
{
        uint8_t address[ADDRESS_BYTES];
        unsigned before;
        size_t at = 0;

        if (!address_read(from, address, &before))
                return false;

        while (at < networks.len) {
                const uint8_t *p = networks.p + at;
                const uint8_t *comma = memchr(p, ',', networks.len - at);
                size_t len = comma ? (size_t)(comma - p) : networks.len - at;
                char one[NETWORK_TEXT];

                if (len < sizeof(one) && !memchr(p, 0, len)) {
                        memcpy(one, p, len);
                        one[len] = 0;
                        if (network_has(one, address))
                                return true;
                }
                at += len + 1;
        }
        return false;
}

/* Why a certificate with this option is refused. NULL: it is met. */
static const char *option_judge(capnp_data name, capnp_data value, const struct ssh_wanted *w,
                                struct ssh_granted *g)
{
        struct ssh_in i = ssh_in(value);
        capnp_data networks;

        if (ssh_data_is(name, "verify-required") && !value.len) {
                g->verified = true;
                return NULL;
        }
        if (!ssh_data_is(name, "source-address"))
                return "with an option that is not known here";

        networks = ssh_in_string(&i);
        if (!ssh_in_done(&i))
                return "with an option that is damaged";
        return address_may(networks, w->address) ? NULL : "for other addresses";
}

static int data_compare(capnp_data a, capnp_data b)
{
        uint32_t both = a.len < b.len ? a.len : b.len;
        int r = both ? memcmp(a.p, b.p, both) : 0;

        return r ? r : (a.len > b.len) - (a.len < b.len);
}

static void option_name(struct ssh_granted *g, capnp_data name)
{
        size_t n = 0;

        for (; n < name.len && n < sizeof(g->option) - 1; n++)
                g->option[n] = name.p[n] > ' ' && name.p[n] < 0x7f ? (char)name.p[n] : '?';
        g->option[n] = 0;
}

/* Each once, in the order of their names. */
static const char *options_judge(const struct ssh_certificate *c, const struct ssh_wanted *w,
                                 struct ssh_granted *g)
{
        struct ssh_in i = ssh_in(c->options);
        capnp_data before = {0};

        while (i.left) {
                capnp_data name = ssh_in_string(&i), value = ssh_in_string(&i);
                const char *why = i.bad || data_compare(before, name) >= 0
                                          ? "with options that are damaged"
                                          : option_judge(name, value, w, g);

                if (why) {
                        option_name(g, name);
                        return why;
                }
                before = name;
        }
        return NULL;
}

/* ---- the verdict ---------------------------------------------------------------------------- */

static bool has_principal(const struct ssh_certificate *c, const char *account)
{
        struct ssh_in i = ssh_in(c->principals);
        bool found = false;

        while (i.left && !i.bad)
                found |= ssh_data_is(ssh_in_string(&i), account);
        return found && !i.bad;
}

/* What is in it, once it is known who says so. */
static const char *certificate_why_not(const struct ssh_certificate *c, const struct ssh_wanted *w,
                                       struct ssh_granted *g)
{
        uint64_t now = w->now > 0 ? (uint64_t)w->now : 0;

        if (c->type != TYPE_USER)
                return "not a user's";
        if (now < c->after)
                return "not valid yet";
        if (now >= c->before)
                return "expired";
        if (!has_principal(c, w->account))
                return "for other accounts";
        return options_judge(c, w, g);
}

int ssh_certificate_judge(const struct ssh_certificate *c, const struct ssh_wanted *w,
                          struct ssh_granted *ret)
{
        int r;

        *ret = (struct ssh_granted){0};
        ret->why = authority_find(c, w->authorities, &ret->authority);
        if (ret->why)
                return SSH_E_BAD;

        r = authority_signed(c);
        if (r < 0)
                return r;

        ret->why = r ? "not signed by its authority" : certificate_why_not(c, w, ret);
        return ret->why ? SSH_E_BAD : 0;
}
