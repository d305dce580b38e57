/* Quotas: each at its limit and one past it, in the right order, and all of it given back. */
#include "test-ui.h"

static const struct ui_limits small = {
        .surfaces = 2,
        .patches_per_second = 2,
        .patch_burst = 4,
        .patch_bytes = 1000,
        .bytes_per_second = 100,
        .surface_bytes = 50,
        .bytes = 80,
        .commands = 3,
        .events = 2,
};

static void expect(int r, const struct ui_refused *why, const char *text)
{
        CHECK_EQ(r, CAPNP_E_EXCEPTION);
        CHECK_EQ(why->kind, CAPNP_OVERLOADED);
        CHECK(!strncmp(why->text, text, strlen(text)));
}

TEST(defaults_are_those_of_the_contract)
{
        ui_limits_reader l = {0};
        const struct ui_limits *d = &ui_limits_default;

        CHECK_EQ(d->surfaces, ui_limits_surfaces(l));
        CHECK_EQ(d->patches_per_second, ui_limits_patches_per_second(l));
        CHECK_EQ(d->patch_bytes, ui_limits_patch_bytes(l));
        CHECK_EQ(d->surface_bytes, ui_limits_model_bytes(l));
        CHECK_EQ(d->commands, ui_limits_commands(l));
        CHECK_EQ(d->events, ui_limits_events(l));
        CHECK_EQ(d->patch_burst, 40);
        CHECK_EQ(d->bytes_per_second, 262144);
        CHECK_EQ(d->bytes, 4 << 20);
}

TEST(patches_run_through_a_bucket)
{
        struct ui_refused why;
        struct ui_sum sum;
        struct ui_ledger l;
        uint64_t now = 5000;

        ui_sum_init(&sum, 10, 1000);
        ui_ledger_init(&l, &sum, &small, now);
        for (int i = 0; i < 4; i++)
                CHECK_OK(ui_ledger_patch(&l, now, &why));
        expect(ui_ledger_patch(&l, now, &why), &why, "over-quota.ui-patches: ");
        expect(ui_ledger_patch(&l, now + 499, &why), &why, "over-quota.ui-patches: ");
        CHECK_OK(ui_ledger_patch(&l, now + 500, &why));
        expect(ui_ledger_patch(&l, now + 500, &why), &why, "over-quota.ui-patches: ");
        /* A clock that goes back gives nothing, and takes nothing. */
        expect(ui_ledger_patch(&l, 0, &why), &why, "over-quota.ui-patches: ");
        CHECK_OK(ui_ledger_patch(&l, now + 1000, &why));
        /* A long silence is worth a burst, however long it is. */
        for (int i = 0; i < 4; i++)
                CHECK_OK(ui_ledger_patch(&l, UINT64_MAX, &why));
        expect(ui_ledger_patch(&l, UINT64_MAX, &why), &why, "over-quota.ui-patches: ");
}

TEST(bytes_of_patches_run_through_another)
{
        struct ui_refused why;
        struct ui_sum sum;
        struct ui_ledger l;

        ui_sum_init(&sum, 10, 1000);
        ui_ledger_init(&l, &sum, &small, 0);
        CHECK_OK(ui_ledger_traffic(&l, 200, 0, &why));
        expect(ui_ledger_traffic(&l, 1, 9, &why), &why, "over-quota.ui-traffic: ");
        CHECK_OK(ui_ledger_traffic(&l, 1, 10, &why));
        CHECK_OK(ui_ledger_traffic(&l, 100, 1010, &why));
        expect(ui_ledger_traffic(&l, 1, 1010, &why), &why, "over-quota.ui-traffic: ");
}

TEST(what_is_held_is_counted_three_times)
{
        struct ui_refused why;
        struct ui_sum sum;
        struct ui_ledger l, other;
        struct ui_account a = {0}, b = {0}, c = {0}, d = {0};

        ui_sum_init(&sum, 3, 100);
        ui_ledger_init(&l, &sum, &small, 0);
        ui_ledger_init(&other, &sum, &small, 0);
        CHECK_OK(ui_account_open(&a, &l, &why));
        CHECK_OK(ui_account_open(&b, &l, &why));
        expect(ui_account_open(&c, &l, &why), &why,
               "over-quota.ui-surfaces: more than 2 surfaces of one service");
        CHECK_OK(ui_account_open(&c, &other, &why));
        expect(ui_account_open(&d, &other, &why), &why,
               "over-quota.ui-surfaces: more than 3 surfaces in all");

        CHECK_OK(ui_account_hold(&a, 50, 3, &why));
        expect(ui_account_hold(&a, 51, 3, &why), &why,
               "over-quota.ui-bytes: more than 50 bytes of a surface");
        expect(ui_account_hold(&a, 50, 4, &why), &why, "over-quota.ui-commands: more than 3");
        CHECK_OK(ui_account_hold(&b, 30, 0, &why));
        expect(ui_account_hold(&b, 31, 0, &why), &why,
               "over-quota.ui-bytes: more than 80 bytes of a service's");
        CHECK_OK(ui_account_hold(&c, 20, 0, &why));
        expect(ui_account_hold(&c, 21, 0, &why), &why,
               "over-quota.ui-bytes: more than 100 bytes of all");
        /* Nothing of what was refused was taken. */
        CHECK_EQ(l.bytes.used, 80);
        CHECK_EQ(sum.bytes.used, 100);
        CHECK_OK(ui_account_hold(&a, 10, 1, &why));
        CHECK_OK(ui_account_hold(&c, 40, 0, &why));

        CHECK(ui_account_event(&a));
        CHECK(ui_account_event(&a));
        CHECK(!ui_account_event(&a));
        ui_account_events_gone(&a, 1);
        CHECK(ui_account_event(&a));

        CHECK(!ui_ledger_is_zero(&l));
        ui_account_close(&a);
        ui_account_close(&a);
        ui_account_close(&b);
        ui_account_close(&c);
        ui_account_close(&d);
        CHECK(ui_ledger_is_zero(&l));
        CHECK(ui_ledger_is_zero(&other));
        CHECK_EQ(sum.bytes.used + sum.surfaces.used, 0);
}

/* A limit that was made less while more is held: what is there stays, and may only shrink. */
TEST(a_lower_limit_takes_nothing_away)
{
        struct ui_refused why;
        struct ui_sum sum;
        struct ui_ledger l;
        struct ui_account a = {0};

        ui_sum_init(&sum, 3, 100);
        ui_ledger_init(&l, &sum, &small, 0);
        CHECK_OK(ui_account_open(&a, &l, &why));
        CHECK_OK(ui_account_hold(&a, 50, 3, &why));
        l.limits.surface_bytes = 20;
        l.limits.commands = 1;
        CHECK_OK(ui_account_hold(&a, 40, 3, &why));
        CHECK_OK(ui_account_hold(&a, 40, 2, &why));
        expect(ui_account_hold(&a, 41, 2, &why), &why, "over-quota.ui-bytes: ");
        expect(ui_account_hold(&a, 40, 3, &why), &why, "over-quota.ui-commands: ");
        ui_account_close(&a);
}
