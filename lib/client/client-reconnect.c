/*
 * Coming back when the line has dropped.
 *
 * The key that a login has enrolled (client-login.c) logs in again, on a connection that is made as
 * the first was, with whom to trust decided anew. That is tried at once, and then after waits that
 * double, each off by a quarter at random so that a thousand clients of an instance that was
 * restarted do not come at the same time. What could be otherwise next time is tried again: no
 * connection, no room, no answer, and somebody else in the instance's place. Who opens a laptop in
 * a hotel meets the hotel first: it shows a key of its own, is told nothing, and is gone when the
 * guest has paid. What ends it is the instance's own word that there is nothing to come back to,
 * and over TLS only the instance gets to say a word.
 *
 * Nothing that was under way is done again here. It has failed, and whether it happened nobody
 * knows; and what was got from the session before is dead, for a caller must see that there was a
 * gap.
 */
#include "client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

enum { FIRST_WAIT_MS = 250, LONGEST_WAIT_MS = 30 * 1000 };

static void back_try(void *arg);

uint64_t client_back_until_ms(const struct client_back *b, uint64_t expires_at_ms)
{
        return b->begun_ms + (expires_at_ms > b->begun_at_ms ? expires_at_ms - b->begun_at_ms : 0);
}

bool capos_client_can_reconnect(const capos_client *c)
{
        return c->reachable && c->back.is_ready;
}

static void back_end(capos_client *c)
{
        struct client_back *b = &c->back;

        b->running = false;
        b->why[0] = 0;
        b->timer = capnp_timer_free(b->timer);
        if (c->error.code)
                client_back_forget(c);
        if (b->done)
                b->done(c, c->error.code, b->arg);
}

bool client_back_is_refused(const struct capos_error *e)
{
        if (e->code != CAPOS_E_DENIED)
                return false;

        switch (e->denial) {
        case CAPOS_DENIED_CREDENTIALS: /* the key is unknown: logged out, revoked, expired */
        case CAPOS_DENIED_PROFILE:
        case CAPOS_DENIED_STALE_SESSION:
        case CAPOS_DENIED_METHOD_DISABLED:
                return true;
        case CAPOS_DENIED_BACKOFF:
        case CAPOS_DENIED_FLOW:       /* it took too long */
        case CAPOS_DENIED_WEAK_PROOF: /* not from here: a laptop may go back to where it was */
        case CAPOS_DENIED_ALREADY_BOUND:
        case CAPOS_DENIED_NONE:
        case CAPOS_DENIED_UNKNOWN_NAME: /* the rest is said of capabilities */
        case CAPOS_DENIED_WRONG_INTERFACE:
        case CAPOS_DENIED_REVOKED_LEASE:
        case CAPOS_DENIED_TRANSFER:
        case CAPOS_DENIED_METHOD:
        case CAPOS_DENIED_UI:
        case CAPOS_DENIED_WITHDRAWN:
                break;
        }
        return false;
}

/* The next wait, a quarter more or less. */
static uint32_t back_wait_ms(struct client_back *b)
{
        uint32_t ms = b->wait_ms;
        uint8_t chance = 0;

        (void)!getrandom(&chance, sizeof(chance), 0);
        b->wait_ms = ms * 2 < LONGEST_WAIT_MS ? ms * 2 : LONGEST_WAIT_MS;
        return ms - ms / 4 + ms * chance / 512;
}

static void back_later(capos_client *c)
{
        struct client_back *b = &c->back;
        uint32_t ms = back_wait_ms(b);
        uint64_t now_ms = client_back_now_ms();

        (void)snprintf(b->why, sizeof(b->why), "%s", c->error.text);
        if (now_ms + ms >= b->give_up_ms || capnp_timer_new(c->vat, ms, back_try, c, &b->timer))
                back_end(c);
}

static void back_on_login(capos_client *c, int r, void *arg)
{
        (void)arg;
        if (!r) {
                client_hear_end(c);
                back_end(c);
        } else if (client_back_is_refused(&c->error)) {
                back_end(c);
        } else {
                back_later(c);
        }
}

static void back_try(void *arg)
{
        capos_client *c = arg;
        struct client_back *b = &c->back;
        int r = client_dial_again(c);

        b->timer = NULL;
        b->tries++;
        b->begins = true;
        if (!r)
                r = capos_client_login(c, &b->login, back_on_login, NULL);
        b->begins = false;
        if (!r)
                return;

        (void)capos_error_of(r, (capnp_exception){CAPNP_DISCONNECTED, ""}, &c->error);
        back_later(c);
}

const char *capos_client_reconnect_why_peek(const capos_client *c)
{
        return c->back.why;
}

void capos_client_reconnect_now(capos_client *c)
{
        struct client_back *b = &c->back;
        capnp_timer *now;

        if (!b->running || !b->timer || capnp_timer_new(c->vat, 0, back_try, c, &now))
                return;
        capnp_timer_free(b->timer);
        b->timer = now;
        b->wait_ms = FIRST_WAIT_MS;
}

int capos_client_reconnect(capos_client *c, uint32_t for_ms, capos_done *done, void *arg)
{
        struct client_back *b = &c->back;
        uint64_t now_ms = client_back_now_ms();
        struct capos_session_info i;

        if (c->op.running || b->running)
                return -EBUSY;
        if (!capos_client_can_reconnect(c) || !capos_client_info(c, &i))
                return -ENOTCONN;
        if (capnp_timer_new(c->vat, 0, back_try, c, &b->timer))
                return -ENOMEM;

        b->login = (struct capos_login){.kind = b->kind,
                                        .account = b->account,
                                        .profile = b->profile,
                                        .key = b->key,
                                        .client = b->client};
        b->give_up_ms = client_back_until_ms(b, i.expires_at_ms);
        if (for_ms && now_ms + for_ms < b->give_up_ms)
                b->give_up_ms = now_ms + for_ms;
        b->wait_ms = FIRST_WAIT_MS;
        b->tries = 0;
        b->done = done;
        b->arg = arg;
        b->running = true;
        memset(&c->error, 0, sizeof(c->error));
        return 0;
}
