/*
 * What a service may make a host hold, and how fast. Each service has a ledger, all ledgers of a
 * session stand on one sum, and each surface has an account in its service's ledger. What is
 * needed is reserved before anything is done; at the end of a service its ledger is zero.
 */
#ifndef CAPOS_UI_LEDGER_H
#define CAPOS_UI_LEDGER_H

#include "base-quota.h"
#include "ui-refuse.h"

/* Limits of one service; the defaults are those of UiLimits and of doc/design/ui.md. */
struct ui_limits {
        uint32_t surfaces;           /* 16 */
        uint32_t patches_per_second; /* 20 */
        uint32_t patch_burst;        /* 40 */
        uint32_t patch_bytes;        /* 65,536: one patch, as it would be kept */
        uint32_t bytes_per_second;   /* 262,144 */
        uint32_t surface_bytes;      /* 1 MiB: a surface's model, commands and words */
        uint32_t bytes;              /* 4 MiB: all of them together */
        uint32_t commands;           /* 64 a surface */
        uint32_t events;             /* 256 a surface */
};

extern const struct ui_limits ui_limits_default;

enum { UI_ALL_SURFACES = 32, UI_ALL_BYTES = 16 << 20 };

/* Of all services of a session. */
struct ui_sum {
        struct capnp_i_quota surfaces, bytes;
};

/* Tokens of a thousandth each, so that a millisecond is a whole number of them. */
struct ui_bucket {
        uint64_t tokens, at_ms;
};

struct ui_ledger {
        struct ui_limits limits;
        struct ui_sum *sum; /* outlives it */
        struct capnp_i_quota surfaces, bytes;
        struct ui_bucket patches, traffic;
};

/* Of one surface. */
struct ui_account {
        struct ui_ledger *ledger; /* outlives it */
        uint64_t bytes;
        uint32_t commands, events;
};

void ui_sum_init(struct ui_sum *s, uint32_t surfaces, uint64_t bytes);
/* NULL limits: the defaults. */
void ui_ledger_init(struct ui_ledger *l, struct ui_sum *s, const struct ui_limits *limits,
                    uint64_t now_ms);
/* Nothing is held any more. */
bool ui_ledger_is_zero(const struct ui_ledger *l);

/* Every patch, before it is looked at: `over-quota.ui-patches`. 0 or CAPNP_E_EXCEPTION, as all
 * below. */
int ui_ledger_patch(struct ui_ledger *l, uint64_t now_ms,
                    struct ui_refused *ret_why) CAPNP_MUST_USE;
/* Its bytes, when they are known: `over-quota.ui-traffic`. */
int ui_ledger_traffic(struct ui_ledger *l, uint64_t bytes, uint64_t now_ms,
                      struct ui_refused *ret_why) CAPNP_MUST_USE;

/* A surface that is opened: `over-quota.ui-surfaces`. Close it in any case when this was 0. */
int ui_account_open(struct ui_account *a, struct ui_ledger *l,
                    struct ui_refused *ret_why) CAPNP_MUST_USE;
/* Gives everything back. Nothing happens to one that is zeroed. */
void ui_account_close(struct ui_account *a);
/* The surface will hold so many bytes and commands in place of what it holds:
 * `over-quota.ui-bytes`, `over-quota.ui-commands`. Less than before is always taken. */
int ui_account_hold(struct ui_account *a, uint64_t bytes, uint32_t commands,
                    struct ui_refused *ret_why) CAPNP_MUST_USE;
/* An event more that waits to be polled; false: one has to go first. */
bool ui_account_event(struct ui_account *a);
/* n events have gone. */
void ui_account_events_gone(struct ui_account *a, uint32_t n);

#endif
