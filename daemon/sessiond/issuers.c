/*
 * Identity providers.
 *
 * What one says of itself, and its keys, are fetched when somebody needs them, and kept for a day
 * at most: then nobody logs in by it until it answers. After an hour they are asked for anew, and
 * the old ones are good while no answer comes. A new set of keys takes the place of the old one at
 * once: a key that is not in it any more has signed nothing from then on.
 *
 * One request to an issuer at a time; after one that failed none for a minute. A token that names
 * an unknown key has the keys fetched anew, and then no other does for a minute: tokens are made by
 * whoever likes.
 */
#include "issuers.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon-log.h"
#include "daemon-packets.h"

/* ---- the manifest --------------------------------------------------------------------------- */

static int record_add(struct issuer *i, enum token_record kind, const void *p, size_t len)
{
        return daemon_token_add(i->rule_records, ISSUER_RULES_BYTES, &i->rule_records_len, kind,
                                (capnp_data){p, (uint32_t)len});
}

/* `name`, NUL, `value`. */
static int claim_add(struct issuer *i, oidc_claim_reader c)
{
        capnp_text name = oidc_claim_name(c), value = oidc_claim_value(c);
        uint8_t bytes[2 * FETCH_URL_BYTES];

        if (name.len >= FETCH_URL_BYTES || value.len >= FETCH_URL_BYTES)
                return CAPNP_E_LIMIT;

        memcpy(bytes, name.p, name.len + 1);
        memcpy(bytes + name.len + 1, value.p, value.len);
        return record_add(i, TOKEN_CLAIM, bytes, name.len + 1 + value.len);
}

static int rules_add(struct issuer *i, oidc_rule_list list)
{
        unsigned n = oidc_rule_list_len(list);
        int r = 0;

        i->rules = calloc(n + 1, sizeof(*i->rules));
        i->rule_records = malloc(ISSUER_RULES_BYTES);
        if (!i->rules || !i->rule_records)
                return -ENOMEM;

        for (unsigned k = 0; !r && k < n; k++) {
                oidc_rule_reader rule = oidc_rule_list_get(list, k);
                oidc_claim_list claims = oidc_rule_claims(rule);
                const char *profile = oidc_rule_profile(rule).p;

                i->rules[i->nrules++] = (struct issuer_rule){
                        .account = oidc_rule_create(rule) ? NULL : oidc_rule_account(rule).p,
                        .profile = *profile ? profile : NULL,
                };
                r = record_add(i, TOKEN_RULE, NULL, 0);
                for (uint32_t c = 0; !r && c < oidc_claim_list_len(claims); c++)
                        r = claim_add(i, oidc_claim_list_get(claims, c));
        }
        return r;
}

int issuers_init(struct issuers *is, struct fetcher *f, oidc_issuer_list list)
{
        uint32_t n = oidc_issuer_list_len(list);
        int r = 0;

        if (n > ISSUERS)
                return CAPNP_E_POISON;

        is->fetcher = f;
        for (uint32_t k = 0; !r && k < n; k++) {
                oidc_issuer_reader m = oidc_issuer_list_get(list, k);
                struct issuer *i = &is->all[is->n++];

                *i = (struct issuer){.of = is,
                                     .name = oidc_issuer_name(m).p,
                                     .issuer = oidc_issuer_issuer(m).p,
                                     .client_id = oidc_issuer_client_id(m).p,
                                     .scopes = oidc_issuer_scopes(m).p,
                                     .audience = oidc_issuer_audience(m).p,
                                     .loopback = oidc_issuer_loopback(m)};
                capnp_i_list_init(&i->waiting);
                r = rules_add(i, oidc_issuer_rules(m));
        }
        return r > 0 ? CAPNP_E_POISON : r;
}

void issuers_deinit(struct issuers *is)
{
        for (unsigned k = 0; k < is->n; k++) {
                struct issuer *i = &is->all[k];

                if (i->job)
                        fetch_forget(i->job);
                free(i->rules);
                free(i->rule_records);
                free(i->keys);
                free(i->ca);
                sodium_memzero(i->secret, sizeof(i->secret));
        }
        is->n = 0;
}

void issuers_adopt(struct issuers *is, struct issuers *from)
{
        for (unsigned k = 0; k < is->n; k++) {
                struct issuer *to = &is->all[k], *i = &from->all[k];
                struct issuer_rule *rules = to->rules;

                to->name = i->name;
                to->issuer = i->issuer;
                to->client_id = i->client_id;
                to->scopes = i->scopes;
                to->audience = i->audience;
                to->rules = i->rules;
                i->rules = rules;
        }
}

void issuers_replace(struct issuers *is, struct issuers *from)
{
        issuers_deinit(is);
        for (unsigned k = 0; k < from->n; k++) {
                is->all[k] = from->all[k];
                is->all[k].of = is;
                capnp_i_list_init(&is->all[k].waiting);
                sodium_memzero(from->all[k].secret, sizeof(from->all[k].secret));
        }
        is->n = from->n;
        is->have_files = from->have_files;
        from->n = 0;
}

/* ---- files ---------------------------------------------------------------------------------- */

/* The next len bytes; NULL: there is no memory, or they are not there. */
static uint8_t *file_next(int fd, off_t *at, uint32_t len)
{
        uint8_t *p = malloc(len + 1);

        if (!p || pread(fd, p, len, *at) != (ssize_t)len) {
                free(p);
                return NULL;
        }

        p[len] = 0;
        *at += len;
        return p;
}

static int issuer_take_files(struct issuer *i, int fd, off_t *at)
{
        struct fetch_files f;

        if (pread(fd, &f, sizeof(f), *at) != (ssize_t)sizeof(f) || f.secret >= FETCH_ID_BYTES ||
            f.keys > FETCH_KEYS_BYTES || f.ca > FETCH_CA_BYTES)
                return -EBADMSG;

        *at += (off_t)sizeof(f);
        if (f.secret && pread(fd, i->secret, f.secret, *at) != (ssize_t)f.secret)
                return -EBADMSG;
        *at += f.secret;
        i->keys_len = f.keys;
        i->pinned = f.keys > 0;
        if (f.keys)
                i->keys = file_next(fd, at, f.keys);
        i->ca_len = f.ca;
        if (f.ca)
                i->ca = file_next(fd, at, f.ca);
        return (f.keys && !i->keys) || (f.ca && !i->ca) ? -ENOMEM : 0;
}

int issuers_take_files(struct issuers *is, int fd)
{
        off_t at = 0;
        int r = 0;

        for (unsigned k = 0; !r && k < is->n; k++)
                r = issuer_take_files(&is->all[k], fd, &at);
        (void)close(fd);
        is->have_files = !r;
        return r;
}

/* ---- finding -------------------------------------------------------------------------------- */

struct issuer *issuers_find(struct issuers *is, const char *name)
{
        for (unsigned k = 0; k < is->n; k++)
                if (!*name || !strcmp(is->all[k].name, name))
                        return &is->all[k];

        return NULL;
}

struct issuer *issuers_find_url(struct issuers *is, const char *issuer)
{
        for (unsigned k = 0; k < is->n; k++)
                if (!strcmp(is->all[k].issuer, issuer))
                        return &is->all[k];

        return NULL;
}

/* ---- what is known, and what is missing ----------------------------------------------------- */

static uint64_t issuer_age(const struct issuer *i, uint64_t since_ms)
{
        return i->of->now_ms() - since_ms;
}

uint64_t issuer_keys_age_ms(const struct issuer *i)
{
        return i->keys ? issuer_age(i, i->keys_ms) : UINT64_MAX;
}

/* Whether there is something that is good until within_ms after it came. */
static bool issuer_has(const struct issuer *i, bool keys, uint64_t within_ms)
{
        if (keys && i->pinned)
                return true;
        if (keys)
                return i->keys && issuer_age(i, i->keys_ms) < within_ms;

        return i->described && issuer_age(i, i->described_ms) < within_ms;
}

/* Nothing is asked of it for a while. */
static bool issuer_rests(const struct issuer *i)
{
        return i->failed && issuer_age(i, i->failed_ms) < ISSUER_FLOOR_MS;
}

/* Whether somebody who waits needs keys. */
static bool issuer_wants_keys(const struct issuer *i)
{
        for (const struct capnp_i_list *l = i->waiting.next; l != &i->waiting; l = l->next)
                if (CAPNP_I_OF(l, struct issuer_wait, link)->keys)
                        return true;

        return false;
}

static void wait_end(struct issuer_wait *w, int r)
{
        capnp_i_list_remove(&w->link);
        capnp_i_list_init(&w->link);
        w->waits = false;
        w->done(w, r);
}

/* Whoever waits for what is there, or for what cannot be had, is told. */
static void issuer_tell(struct issuer *i, bool over)
{
        struct capnp_i_list told, *l;

        /* Those who begin to wait from within are not among them. */
        capnp_i_list_init(&told);
        while (!capnp_i_list_empty(&i->waiting)) {
                l = i->waiting.next;
                capnp_i_list_remove(l);
                capnp_i_list_append(&told, l);
        }
        while (!capnp_i_list_empty(&told)) {
                struct issuer_wait *w = CAPNP_I_OF(told.next, struct issuer_wait, link);
                bool has = issuer_has(i, false, ISSUER_GOOD_MS) &&
                           (!w->keys || issuer_has(i, true, ISSUER_GOOD_MS));

                if (!over && (!has || (w->keys && i->keys_wanted))) {
                        capnp_i_list_remove(&w->link);
                        capnp_i_list_append(&i->waiting, &w->link);
                        continue;
                }
                wait_end(w, has ? 0 : CAPNP_E_UNKNOWN);
        }
}

/* ---- fetching ------------------------------------------------------------------------------- */

static void issuer_go_on(struct issuer *i);

static void issuer_fail(struct issuer *i, const char *why)
{
        i->failed = true;
        i->failed_ms = i->of->now_ms();
        i->keys_wanted = false;
        (void)snprintf(i->why, sizeof(i->why), "%s", why);
        daemon_log(LOG_WARNING, "identity provider %s: %s: %s", i->name,
                   i->fetching_keys ? "its keys" : "its description",
                   daemon_log_text(why, strlen(why)).s);
        issuer_tell(i, true);
}

static int issuer_take_keys(struct issuer *i, const struct fetch_reply *reply)
{
        uint8_t *keys = malloc(reply->len + 1);

        if (!keys)
                return -ENOMEM;

        memcpy(keys, reply->bytes, reply->len);
        free(i->keys);
        i->keys = keys;
        i->keys_len = reply->len;
        i->keys_ms = i->of->now_ms();
        i->keys_wanted = false;
        i->generation++;
        return 0;
}

static void issuer_take_places(struct issuer *i, const struct fetch_reply *reply)
{
        struct issuer_places *p = &i->places;

        memcpy(p->authorization, reply->discovered.authorization, sizeof(p->authorization));
        memcpy(p->token, reply->discovered.token, sizeof(p->token));
        memcpy(p->device, reply->discovered.device, sizeof(p->device));
        memcpy(p->keys, reply->discovered.keys, sizeof(p->keys));
        p->names_itself = reply->discovered.names_itself == 1;
        i->described = true;
        i->described_ms = i->of->now_ms();
}

static void issuer_on_reply(void *arg, const struct fetch_reply *reply)
{
        struct issuer *i = arg;

        i->job = NULL;
        if (!reply || reply->end != FETCH_GOOD) {
                issuer_fail(i, reply ? reply->why : "nothing could be fetched");
                return;
        }
        if (i->fetching_keys && issuer_take_keys(i, reply)) {
                issuer_fail(i, "there is no memory");
                return;
        }
        if (!i->fetching_keys)
                issuer_take_places(i, reply);
        i->failed = false;
        issuer_go_on(i);
}

void issuer_fill(const struct issuer *i, enum fetch_kind kind, const char *url,
                 struct fetch_request *q)
{
        q->kind = kind;
        q->loopback = i->loopback;
        q->ca_len = i->ca_len;
        (void)snprintf(q->url, sizeof(q->url), "%s", url);
        (void)snprintf(q->client_id, sizeof(q->client_id), "%s", i->client_id);
        (void)snprintf(q->scopes, sizeof(q->scopes), "%s", i->scopes);
        if (kind >= FETCH_DEVICE)
                (void)snprintf(q->client_secret, sizeof(q->client_secret), "%s", i->secret);
        if (i->ca_len)
                memcpy(q->ca, i->ca, i->ca_len);
}

static void issuer_fetch(struct issuer *i, bool keys)
{
        static struct fetch_request q;
        struct turns_path path = {0};
        int r;

        i->fetching_keys = keys;
        q = (struct fetch_request){0};
        issuer_fill(i, keys ? FETCH_KEYS : FETCH_DISCOVER, keys ? i->places.keys : i->issuer, &q);
        (void)snprintf(path.key[0], TURNS_KEY, "issuer");
        (void)snprintf(path.key[1], TURNS_KEY, "%s", i->name);
        r = fetch_start(i->of->fetcher, &q, &path, issuer_on_reply, i, &i->job);
        if (r)
                issuer_fail(i, "too much is being fetched");
}

/* Fetches what is missing of what somebody waits for; tells them when nothing is. */
static void issuer_go_on(struct issuer *i)
{
        bool keys = issuer_wants_keys(i);

        issuer_tell(i, false);
        if (i->job || capnp_i_list_empty(&i->waiting))
                return;

        if (!issuer_has(i, false, ISSUER_FRESH_MS))
                issuer_fetch(i, false);
        else if (keys && (i->keys_wanted || !issuer_has(i, true, ISSUER_FRESH_MS)))
                issuer_fetch(i, true);
        else
                issuer_tell(i, true);
}

static int issuer_wait(struct issuer *i, bool keys, struct issuer_wait *w)
{
        w->waits = true;
        w->keys = keys;
        capnp_i_list_init(&w->link);
        capnp_i_list_append(&i->waiting, &w->link);
        if (!i->job)
                issuer_fetch(i, issuer_has(i, false, ISSUER_FRESH_MS));
        return ISSUER_WAITS;
}

int issuer_need(struct issuer *i, enum issuer_need need, struct issuer_wait *w)
{
        bool keys = need == ISSUER_KEYS;
        bool fresh = issuer_has(i, false, ISSUER_FRESH_MS) &&
                     (!keys || issuer_has(i, true, ISSUER_FRESH_MS));
        bool good = issuer_has(i, false, ISSUER_GOOD_MS) &&
                    (!keys || issuer_has(i, true, ISSUER_GOOD_MS));

        if (fresh || (keys && i->pinned) || (good && issuer_rests(i)))
                return 0;
        if (issuer_rests(i) || !i->of->have_files)
                return CAPNP_E_UNKNOWN;

        return issuer_wait(i, keys, w);
}

int issuer_look_for_key(struct issuer *i, uint32_t generation, struct issuer_wait *w)
{
        if (i->generation != generation)
                return 0;
        if (i->pinned || issuer_rests(i) ||
            (i->looked && issuer_age(i, i->looked_ms) < ISSUER_FLOOR_MS && !i->keys_wanted))
                return CAPNP_E_UNKNOWN;

        i->looked = true;
        i->looked_ms = i->of->now_ms();
        i->keys_wanted = true;
        return issuer_wait(i, true, w);
}

void issuer_give_up(struct issuer_wait *w)
{
        if (!w->waits)
                return;

        capnp_i_list_remove(&w->link);
        w->waits = false;
}

/* ---- what a prover is asked ----------------------------------------------------------------- */

struct issuer_out {
        uint8_t *p;
        size_t room, *len;
};

static int issuer_add(const struct issuer *i, const char *audience, uint32_t flags, bool keys,
                      struct issuer_out *to)
{
        const struct token_issuer about = {.flags = flags,
                                           .life_s = flags & TOKEN_ACCESS ? ISSUER_ACCESS_S : 0};
        const struct {
                enum token_record kind;
                const void *p;
                size_t len;
        } records[] = {
                {TOKEN_ISSUER, &about, sizeof(about)},
                {TOKEN_NAME, i->issuer, strlen(i->issuer)},
                {TOKEN_AUDIENCE, audience, strlen(audience)},
                {TOKEN_KEYS, i->keys, keys ? i->keys_len : 0},
        };

        for (unsigned k = 0; k < sizeof(records) / sizeof(records[0]); k++) {
                capnp_data d = {records[k].p, (uint32_t)records[k].len};

                if (records[k].len &&
                    daemon_token_add(to->p, to->room, to->len, records[k].kind, d))
                        return CAPNP_E_LIMIT;
        }
        if (i->rule_records_len > to->room - *to->len)
                return CAPNP_E_LIMIT;

        if (i->rule_records_len)
                memcpy(to->p + *to->len, i->rule_records, i->rule_records_len);
        *to->len += i->rule_records_len;
        return 0;
}

bool issuer_has_keys(const struct issuer *i)
{
        return issuer_has(i, true, ISSUER_GOOD_MS);
}

int issuer_ask(const struct issuer *i, const char *audience, uint32_t flags, uint8_t *out,
               size_t room, size_t *len)
{
        return issuer_add(i, audience, flags, issuer_has_keys(i),
                          &(struct issuer_out){out, room, len});
}

int issuer_ask_without(const struct issuer *i, const char *audience, uint32_t flags, uint8_t *out,
                       size_t room, size_t *len)
{
        return issuer_add(i, audience, flags, false, &(struct issuer_out){out, room, len});
}
