/*
 * Challenges for new passkeys. One is good for one response, right or wrong, and for a few minutes;
 * none survives the session manager.
 */
#include "registrations.h"

#include <stdio.h>
#include <string.h>

static struct registration *registrations_find(struct registrations *r, const char *account)
{
        for (unsigned i = 0; i < REGISTRATIONS; i++)
                if (!strcmp(r->all[i].account, account))
                        return &r->all[i];
        return NULL;
}

/* A free one has 0, which is the oldest. */
static struct registration *registrations_oldest(struct registrations *r)
{
        struct registration *oldest = &r->all[0];

        for (unsigned i = 1; i < REGISTRATIONS; i++)
                if (r->all[i].until_ms < oldest->until_ms)
                        oldest = &r->all[i];
        return oldest;
}

void registrations_begin(struct registrations *r, const char *account, int64_t serial,
                         uint64_t now_ms, uint8_t ret_challenge[PASSKEY_CHALLENGE_BYTES])
{
        struct registration *one = registrations_find(r, account);

        if (!one)
                one = registrations_oldest(r);
        snprintf(one->account, sizeof(one->account), "%s", account);
        one->serial = serial;
        one->until_ms = now_ms + REGISTRATION_MS;
        randombytes_buf(one->challenge, sizeof(one->challenge));
        memcpy(ret_challenge, one->challenge, sizeof(one->challenge));
}

bool registrations_take(struct registrations *r, const char *account, int64_t serial,
                        uint64_t now_ms, uint8_t ret_challenge[PASSKEY_CHALLENGE_BYTES])
{
        struct registration *one = *account ? registrations_find(r, account) : NULL;
        bool good;

        if (!one)
                return false;

        good = one->serial == serial && now_ms < one->until_ms;
        memcpy(ret_challenge, one->challenge, sizeof(one->challenge));
        sodium_memzero(one, sizeof(*one));
        return good;
}
