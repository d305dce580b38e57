/*
 * When something is due: a look that ends, a pane that ticks, a poll that has waited long enough.
 * The front end has the only timer.
 */
#include "ui-workspace.h"

static void due_by(uint64_t *due, uint64_t at_ms)
{
        if (at_ms && at_ms < *due)
                *due = at_ms;
}

void ui_rewake(capos_ui *ui)
{
        uint64_t due = UINT64_MAX;

        due_by(&due, ui->theme_until_ms);
        for (struct capnp_i_list *l = ui->offers.next; l != &ui->offers; l = l->next)
                due_by(&due, CAPNP_I_OF(l, capos_ui_offer, link)->theme_until_ms);
        for (struct capnp_i_list *l = ui->surfaces.next; l != &ui->surfaces; l = l->next) {
                const capos_ui_surface *s = CAPNP_I_OF(l, capos_ui_surface, link);

                due_by(&due, ui_pane_next_ms(s->pane));
                if (s->poll)
                        due_by(&due, s->poll_until_ms);
        }
        if (due == UINT64_MAX || due == ui->wake_ms)
                return;

        ui->wake_ms = due;
        UI_TELL(ui, wake, due);
}
