/*
 * What the parts of `capos ui` share: the time, printing above a line that is being typed, panes by
 * their numbers, and running a command.
 */
#include "ui-screen.h"

#include <time.h>

static uint64_t clock_ms(clockid_t clock)
{
        struct timespec t;

        (void)clock_gettime(clock, &t);
        return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

uint64_t screen_now(void)
{
        static uint64_t offset_ms; /* between the two clocks, when it was asked first */

        if (!offset_ms)
                offset_ms = clock_ms(CLOCK_REALTIME) - clock_ms(CLOCK_BOOTTIME);
        return clock_ms(CLOCK_BOOTTIME) + offset_ms;
}

void screen_clear(struct screen *s)
{
        if (s->lines.input)
                shell_input_hide(s->lines.input);
}

void screen_hide(struct screen *s)
{
        ui_view_leave(&s->view);
        screen_clear(s);
}

void screen_show(struct screen *s)
{
        if (s->lines.input)
                shell_input_show(s->lines.input);
        if (!cli_finish(s->c, EXIT_OK))
                return;
        s->over = s->lines.ending = true;
        capnp_vat_stop(s->c->vat);
}

capos_ui_surface *screen_pane(const struct screen *s, unsigned long number)
{
        capos_ui_surface *pane;

        for (uint32_t i = 0; (pane = capos_ui_surface_at(s->ui, i)); i++)
                if (ui_show_number(pane) == number)
                        return pane;
        return NULL;
}

void screen_activate(struct screen *s, capos_ui_surface *pane, const struct capos_ui_act *act)
{
        struct capos_ui_why why = {.text = ""};
        int r = capos_ui_activate(pane, act, &why);

        if (r == CAPNP_E_EXCEPTION)
                (void)cli_fail(s->c, EXIT_DENIED, "refused", "%s%s%s: %s%s", act->command,
                               *why.path ? " " : "", why.path, why.text,
                               act->trusted ? "" : " (in a script, `capos run` does it)");
        else if (r)
                (void)cli_fail_code(s->c, r, act->command);
}
