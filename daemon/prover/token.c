/*
 * Whether a token is one that somebody waits for.
 *
 * How a token is judged is in jwt.c. Here the issuer is found that it says it is from, among those
 * that are believed; and once it is known to be, which of the issuer's rules it meets. A rule is
 * about claims, and those are the issuer's word: a text is met by that text, a list by one of what
 * is in it, and nothing is met by an object.
 */
#include "token.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "jwt-key.h"
#include "jwt.h"

enum { VALUE_TEXT = 32, FOREIGN_SHOWN = 96 };

/* Foreign text, printable. */
static void text_print(const char *from, char *to, size_t room)
{
        size_t n = 0;

        for (; from[n] && n < room - 1; n++)
                to[n] = from[n] >= ' ' && from[n] < 0x7f ? from[n] : '?';
        to[n] = 0;
}

/* ---- what is wanted ------------------------------------------------------------------------- */

/* An issuer, and where its rules begin. */
struct issuer {
        struct jwt_wanted w;
        uint32_t number;
        capnp_data rules; /* records from the first rule on; they may go beyond the issuer */
};

static bool data_is(capnp_data a, const char *text)
{
        return a.len == strlen(text) && !memcmp(a.p, text, a.len);
}

/* A record of an issuer before its rules. false: it does not belong there. */
static bool issuer_take(struct issuer *i, enum token_record kind, capnp_data d)
{
        switch (kind) {
        case TOKEN_NAME:
                i->w.issuer = d;
                return d.len > 0;
        case TOKEN_AUDIENCE:
                if (i->w.naudience >= JWT_AUDIENCES)
                        return false;
                i->w.audience[i->w.naudience++] = d;
                return d.len > 0;
        case TOKEN_SUBJECT:
                i->w.subject = d;
                return d.len > 0;
        case TOKEN_KEYS:
                i->w.keys = d;
                return true;
        case TOKEN_ISSUER:
        case TOKEN_RULE:
        case TOKEN_CLAIM:
                break;
        }
        return false;
}

/* One issuer off the front of *left. 0; CAPNP_E_SHORT: there is none; TOKEN_E_WANTED. */
static int issuer_read(capnp_data *left, struct issuer *i)
{
        struct token_issuer head;
        enum token_record kind;
        capnp_data d, before;
        int r = daemon_token_next(left, &kind, &d);

        if (r == CAPNP_E_SHORT)
                return r;
        if (r || kind != TOKEN_ISSUER || d.len != sizeof(head))
                return TOKEN_E_WANTED;

        memcpy(&head, d.p, sizeof(head));
        i->w.flags = head.flags;
        i->w.life_s = head.life_s;
        for (before = *left; !(r = daemon_token_next(left, &kind, &d)); before = *left) {
                if (kind == TOKEN_ISSUER)
                        break;
                if (kind == TOKEN_RULE && !i->rules.p)
                        i->rules = before;
                if (!i->rules.p && !issuer_take(i, kind, d))
                        return TOKEN_E_WANTED;
        }
        if (r && r != CAPNP_E_SHORT)
                return TOKEN_E_WANTED;

        *left = before;
        return i->w.issuer.len && i->w.naudience ? 0 : TOKEN_E_WANTED;
}

/* The first issuer that is who the token says it is from. 0; TOKEN_E_ISSUER; TOKEN_E_WANTED. */
static int issuer_find(capnp_data records, const char *name, struct issuer *ret)
{
        uint32_t number = 0;
        int r;

        for (;; number++) {
                *ret = (struct issuer){.number = number};
                r = issuer_read(&records, ret);
                if (r)
                        return r == CAPNP_E_SHORT ? TOKEN_E_ISSUER : r;
                if (name && data_is(ret->w.issuer, name))
                        return 0;
        }
}

/* ---- rules ---------------------------------------------------------------------------------- */

static bool text_meets(const char *text, const char *value, size_t len)
{
        if (len && value[len - 1] == '*')
                return !strncmp(text, value, len - 1);

        return strlen(text) == len && !memcmp(text, value, len);
}

/* One value, not a list. */
static bool value_meets(json_t *j, const char *value, size_t len)
{
        char number[VALUE_TEXT];

        if (json_is_string(j))
                return text_meets(json_string_value(j), value, len);
        if (json_is_boolean(j))
                return text_meets(json_is_true(j) ? "true" : "false", value, len);
        if (!json_is_integer(j))
                return false;

        (void)snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(j));
        return text_meets(number, value, len);
}

/* A claim of a rule: its name, NUL, its value. */
static bool claim_is_met(json_t *claims, capnp_data d)
{
        const char *name = (const char *)d.p, *nul = d.len ? memchr(name, 0, d.len) : NULL;
        json_t *j, *one;
        size_t i, len;

        if (!nul)
                return false;

        j = json_object_get(claims, name);
        len = d.len - (size_t)(nul + 1 - name);
        json_array_foreach(j, i, one)
        {
                if (value_meets(one, nul + 1, len))
                        return true;
        }
        return value_meets(j, nul + 1, len);
}

/* The first rule of the issuer that is met. */
static uint32_t rules_met(const struct issuer *i, json_t *claims)
{
        capnp_data left = i->rules, d;
        uint32_t number = TOKEN_NO_RULE;
        enum token_record kind;
        bool met = false;

        while (!daemon_token_next(&left, &kind, &d) && kind != TOKEN_ISSUER) {
                if (kind == TOKEN_RULE) {
                        if (met)
                                break;
                        number++;
                        met = true;
                } else {
                        met = met && kind == TOKEN_CLAIM && claim_is_met(claims, d);
                }
        }
        return met ? number : TOKEN_NO_RULE;
}

/* ---- the verdict ---------------------------------------------------------------------------- */

/* Of what is signed: whoever has an ECDSA signature can make another one of it, without the key. */
static int token_hash(const struct jwt *t, struct proof_verdict *v)
{
        return EVP_Digest(t->text.p, t->text.len, v->key_hash, NULL, EVP_sha256(), NULL) == 1
                       ? 0
                       : -ENOMEM;
}

static int token_accept(const struct issuer *i, const struct jwt *t, const struct jwt_said *said,
                        struct proof_verdict *v)
{
        v->rule = rules_met(i, t->claims);
        v->until_s = said->until;
        (void)snprintf(v->name, sizeof(v->name), "%s", said->subject);
        text_print(t->key_id, v->subject, sizeof(v->subject));
        return 0;
}

/* Why not, and what of it is the token's own word. */
static void token_explain(int r, const struct jwt *t, struct proof_verdict *v)
{
        const char *word = r == TOKEN_E_ISSUER ? t->issuer : t->key_id;
        bool of_key = r == TOKEN_E_UNKNOWN_KEY || r == TOKEN_E_KEY || r == TOKEN_E_SIGNATURE;
        char shown[FOREIGN_SHOWN];

        text_print(word && (of_key || r == TOKEN_E_ISSUER) ? word : "", shown, sizeof(shown));
        (void)snprintf(v->subject, sizeof(v->subject), "%s%s%s", jwt_strerror(r),
                       shown[0] ? ": " : "", shown);
        v->reason = r < 0 ? PROOF_REASON_MEMORY : (uint32_t)r;
}

static int token_judge(const struct token_wanted *about, capnp_data records, const struct jwt *t,
                       capnp_data access, struct proof_verdict *v)
{
        struct jwt_said said;
        struct issuer i;
        int r = issuer_find(records, t->issuer, &i);

        if (r)
                return r;

        i.w.now = about->now_s;
        i.w.nonce = about->nonce;
        i.w.fresh_s = about->fresh_s;
        if (access.len)
                i.w.access = access;
        v->issuer = i.number;
        r = jwt_judge(t, &i.w, &said);
        return r ? r : token_accept(&i, t, &said, v);
}

bool token_prove(capnp_data wanted, capnp_data token, capnp_data access, struct proof_verdict *v)
{
        struct token_wanted about;
        struct jwt t = {0};
        int r = TOKEN_E_WANTED;

        v->rule = TOKEN_NO_RULE;
        if (wanted.len >= sizeof(about)) {
                memcpy(&about, wanted.p, sizeof(about));
                about.nonce[sizeof(about.nonce) - 1] = 0;
                wanted.p += sizeof(about);
                wanted.len -= (uint32_t)sizeof(about);
                r = jwt_read(token, &t);
                if (!r)
                        r = token_judge(&about, wanted, &t, access, v);
                if (!r)
                        r = token_hash(&t, v);
        }
        if (r)
                token_explain(r, &t, v);
        jwt_deinit(&t);
        return !r;
}

/* ---- before the door shuts ------------------------------------------------------------------ */

static const char test_pem[] = "-----BEGIN PUBLIC KEY-----\n"
                               "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEeSQoJB/EWlFmZYu7ZdBKcy/lX2et\n"
                               "8KBdBMuiv6O5OAPevRD2/W156uFFfLBS1ngPE2MsB8HAKpr5QL3whS1Bqw==\n"
                               "-----END PUBLIC KEY-----\n";
static const char test_token[] =
        "eyJhbGciOiJFUzI1NiIsImtpZCI6ImEifQ."
        "eyJhdWQiOiJiIiwiZXhwIjoxODAwMDAwMzAwLCJpc3MiOiJjIiwic3ViIjoiZCJ9."
        "CyxHcB5yu1jvIcfcMaBKfn82FzzJOWA70Q86YfVDEHJzsoOvD-tNlmggNQ2SElbed6yNXJp50hc2VS66Qp3xKw";

static capnp_data text_data(const char *text)
{
        return (capnp_data){(const uint8_t *)text, (uint32_t)strlen(text)};
}

/* What the token is good for: of `c`, for `b`. */
static bool test_wanted(const char *keys, uint8_t *to, size_t room, size_t *len)
{
        const struct token_wanted about = {.now_s = 1800000000};
        const struct token_issuer head = {.life_s = 300};

        memcpy(to, &about, sizeof(about));
        *len = sizeof(about);
        return !daemon_token_add(to, room, len, TOKEN_ISSUER,
                                 (capnp_data){(const uint8_t *)&head, sizeof(head)}) &&
               !daemon_token_add(to, room, len, TOKEN_NAME, text_data("c")) &&
               !daemon_token_add(to, room, len, TOKEN_AUDIENCE, text_data("b")) &&
               !daemon_token_add(to, room, len, TOKEN_KEYS, text_data(keys));
}

bool token_warm_up(void)
{
        char keys[VERIFIER_BYTES + sizeof("{\"keys\":[]}")], token[sizeof(test_token)];
        struct proof_verdict v = {0};
        uint8_t wanted[2048];
        bool good = true;
        size_t len;

        if (!token_prove_key(text_data(test_pem), text_data("a"), &v))
                return false;
        (void)snprintf(keys, sizeof(keys), "{\"keys\":[%s]}", v.verifier);
        if (!test_wanted(keys, wanted, sizeof(wanted), &len))
                return false;

        memcpy(token, test_token, sizeof(token));
        for (unsigned wrong = 0; wrong < 2; wrong++) {
                token[sizeof(token) - 3] ^= (char)wrong;
                good = good && token_prove((capnp_data){wanted, (uint32_t)len}, text_data(token),
                                           (capnp_data){0}, &v) == !wrong;
        }
        return good;
}
