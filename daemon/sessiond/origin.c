/*
 * What a connection event is to everybody above it: flows, sessions and places know an origin, and
 * not the connection that asks on its behalf.
 */
#include "origin.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon-text.h"
#include "sessiond.h"

enum { CLAIM_SHOWN = 48 };

void origin_init(struct origin *o, struct sessiond *s, const struct packet *event)
{
        bool here = event->source.kind == SOURCE_UID;

        *o = (struct origin){.s = s, .event = event->event, .from = event->source};
        o->transport = event->transport <= TRANSPORT_UNIX ? event->transport : TRANSPORT_PLAIN;
        snprintf(o->address, sizeof(o->address), "%.*s", (int)sizeof(o->address) - 1,
                 event->address);
        origin_host(o, o->host, sizeof(o->host));
        source_print(&event->source, o->source);
        o->shared = here || event->source.kind == SOURCE_NONE || !strncmp(o->source, "127.", 4) ||
                    !strcmp(o->source, "::1");
        snprintf(o->party, sizeof(o->party), "%s", o->shared && !here ? "here" : o->source);
        if (here)
                o->party[strcspn(o->party, "@")] = '\0';
        if (o->transport == TRANSPORT_TLS)
                randombytes_buf(o->channel.nonce, sizeof(o->channel.nonce));
}

void origin_forget_handshake(struct origin *o)
{
        free(o->channel.handshake); /* no secret: most of it went over the wire as it is */
        o->channel.handshake = NULL;
        o->channel.handshake_len = 0;
}

void origin_deinit(struct origin *o)
{
        origin_forget_handshake(o);
        sodium_memzero(o, sizeof(*o));
}

bool origin_signed(struct origin *o, const struct packet *p)
{
        struct channel *c = &o->channel;

        if (o->transport != TRANSPORT_TLS || c->is_signed)
                return false;

        c->is_signed = true;
        memcpy(c->hash, p->nonce, sizeof(c->hash));
        memcpy(c->key_hash, p->key_hash, sizeof(c->key_hash));
        return true;
}

int origin_secured(struct origin *o, capnp_data exporter, capnp_data handshake)
{
        struct channel *c = &o->channel;

        if (!c->is_signed || exporter.len != sizeof(c->exporter) ||
            handshake.len > CHANNEL_HANDSHAKE_BYTES)
                return -EINVAL;

        memcpy(c->exporter, exporter.p, sizeof(c->exporter));
        if (!handshake.len || !o->s->policy.nrules)
                return 0;

        c->handshake = malloc(handshake.len);
        if (!c->handshake)
                return -ENOMEM;

        memcpy(c->handshake, handshake.p, handshake.len);
        c->handshake_len = handshake.len;
        return 0;
}

void origin_claim(struct origin *o, login_source_metadata_reader r)
{
        static const char nothing[] = " /  / ";
        const char *client = login_source_metadata_client(r).p,
                   *host = login_source_metadata_host(r).p, *note = login_source_metadata_note(r).p;

        snprintf(o->claim, sizeof(o->claim), "%.*s / %.*s / %.*s", text_fit(client, CLAIM_SHOWN),
                 client, text_fit(host, CLAIM_SHOWN), host, text_fit(note, CLAIM_SHOWN), note);
        if (!strcmp(o->claim, nothing))
                o->claim[0] = 0;
}

bool origin_is_local(const struct origin *o)
{
        return o->transport == TRANSPORT_UNIX && o->from.kind == SOURCE_UID &&
               (o->from.uid == 0 || o->from.uid == geteuid());
}

const char *origin_transport(const struct origin *o)
{
        static const char *const names[] = {
                [TRANSPORT_PLAIN] = "plain", [TRANSPORT_TLS] = "tls", [TRANSPORT_UNIX] = "unix"};

        return names[o->transport];
}

/* ---- what binds a proof --------------------------------------------------------------------- */

bool origin_binding(const struct origin *o, unsigned asked, enum binding *ret)
{
        bool tls = o->transport == TRANSPORT_TLS;

        switch (asked) {
        case REMOTE_CHANNEL_BINDING_EXPORTER:
                *ret = tls ? BINDING_EXPORTER : BINDING_NONE;
                return true;
        case REMOTE_CHANNEL_BINDING_SERVER_KEY:
                *ret = BINDING_SERVER_KEY;
                return tls;
        default:
                return false;
        }
}

const char *binding_name(enum binding b)
{
        switch (b) {
        case BINDING_NONE:
                break;
        case BINDING_EXPORTER:
                return "tls-exporter";
        case BINDING_SERVER_KEY:
                return "tls-key";
        case BINDING_CERTIFICATE:
                return "tls-certificate";
        }
        return "none";
}

void origin_prove(const struct origin *o, enum binding b, struct capos_proof *p)
{
        const struct channel *c = &o->channel;

        p->transport = b == BINDING_SERVER_KEY ? binding_name(b) : origin_transport(o);
        if (b == BINDING_EXPORTER)
                p->channel_binding = (capnp_data){c->exporter, sizeof(c->exporter)};
        if (b != BINDING_NONE)
                p->server_key_hash = (capnp_data){c->key_hash, sizeof(c->key_hash)};
}

void origin_host(const struct origin *o, char *to, size_t room)
{
        const char *p = o->address, *end = strrchr(p, ':');

        *to = 0;
        if (o->transport == TRANSPORT_UNIX || !end)
                return;
        if (*p == '[' && end > p && end[-1] == ']') {
                p++;
                end--;
        }
        (void)snprintf(to, room, "%.*s", (int)(end - p), p);
}

struct turns_path origin_path(const struct origin *o)
{
        struct turns_path p = {0};

        /* Up to their ends: keys are compared with what is behind. */
        memcpy(p.key[0], o->party, strlen(o->party));
        memcpy(p.key[1], o->source, strlen(o->source));
        memcpy(p.key[2], &o->event, sizeof(o->event));
        return p;
}

/* ---- records and refusals ------------------------------------------------------------------- */

struct capos_audit_record origin_record(const struct origin *o, const char *what,
                                        const char *outcome)
{
        return (struct capos_audit_record){
                .what = what,
                .outcome = outcome,
                .event = o->event,
                .source = o->address,
                .transport = origin_transport(o),
                .binding = "none",
        };
}

void origin_attempt(const struct origin *o, const char *kind, const char *outcome)
{
        struct capos_audit_record r = origin_record(o, "attempt", outcome);

        r.kind = kind;
        r.claim = o->claim[0] ? o->claim : NULL;
        audit_add_counted(&o->s->audit, r);
}

int origin_deny(const struct origin *o, capnp_answer *a, enum capos_denial d, const char *detail)
{
        char text[CAPOS_REFUSAL_BYTES];

        return audit_fail(&o->s->audit, a, CAPNP_FAILED, "%s",
                          capos_i_refusal(text, capos_denial_code(d), detail));
}

int origin_deny_attempt(const struct origin *o, capnp_answer *a, const char *kind,
                        enum capos_denial d, const char *detail)
{
        origin_attempt(o, kind, capos_denial_code(d));
        return origin_deny(o, a, d, detail);
}

int origin_over_quota(const struct origin *o, capnp_answer *a, enum capos_i_quota q,
                      const char *detail)
{
        char text[CAPOS_REFUSAL_BYTES];

        return audit_fail(&o->s->audit, a, CAPNP_OVERLOADED, "%s",
                          capos_i_refusal(text, capos_i_quota_code(q), detail));
}
