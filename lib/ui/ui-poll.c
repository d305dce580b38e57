/*
 * What a service is told of its pane. It asks, and a question waits until there is something, at
 * most a minute and one at a time. A pane that is closed has one thing more to say, how that came,
 * unless the service has closed it itself; then there is nothing any more.
 */
#include "ui-workspace.h"

static int answer_gone(capnp_answer *a)
{
        return capnp_answer_fail(a, CAPNP_FAILED, "refused.closed: the pane is closed");
}

int ui_answer_refuse(capnp_answer *a, const struct ui_refused *why)
{
        return capnp_answer_fail(a, why->kind, "%s", why->text);
}

static int answer_events(capos_ui_surface *s, capnp_answer *a, uint32_t most)
{
        uint32_t n = s->events.n < most ? s->events.n : most;
        remote_ui_surface_poll_out_builder out = {capnp_answer_results(a)};

        ui_events_write(&s->events, &s->pane->account, ui_surface_id(s),
                        remote_ui_surface_poll_out_init_events(out, n));
        return capnp_answer_return(a);
}

/* The last event of a pane, which has no queue any more. */
static int answer_closed(capos_ui_surface *s, capnp_answer *a)
{
        remote_ui_surface_poll_out_builder out = {capnp_answer_results(a)};
        ui_event_builder e =
                ui_event_list_builder_get(remote_ui_surface_poll_out_init_events(out, 1), 0);

        s->owes_closed = false;
        ui_event_set_sequence(e, ++s->events.sequence);
        ui_event_set_user_initiated(e, s->closed == UI_CLOSE_REASON_USER);
        ui_event_payload_set_closed(ui_event_init_payload(e), s->closed);
        return capnp_answer_return(a);
}

/* The poll that waits, which the caller ends. */
static capnp_answer *poll_take(capos_ui_surface *s)
{
        capnp_answer *a = s->poll;

        s->poll = NULL;
        return a;
}

void ui_surface_tell(capos_ui_surface *s, struct ui_event *e)
{
        ui_events_add(&s->events, &s->pane->account, e);
        if (s->poll && s->events.n)
                (void)answer_events(s, poll_take(s), s->poll_most);
}

void ui_poll_close(capos_ui_surface *s, enum capos_ui_close_reason why)
{
        ui_events_clear(&s->events, &s->pane->account);
        s->owes_closed = why != CAPOS_UI_CLOSED_BY_SERVICE && why != CAPOS_UI_CLOSED_DROPPED;
        s->closed = (unsigned)why <= UI_CLOSE_REASON_RESET ? (enum ui_close_reason)why
                                                           : UI_CLOSE_REASON_HOST;
        if (!s->poll)
                return;

        if (s->owes_closed)
                (void)answer_closed(s, poll_take(s));
        else
                (void)answer_gone(poll_take(s));
}

void ui_poll_fail(capos_ui_surface *s)
{
        if (s->poll)
                (void)answer_gone(poll_take(s));
}

void ui_poll_tick(capos_ui_surface *s, uint64_t now_ms)
{
        if (s->poll && now_ms >= s->poll_until_ms)
                (void)answer_events(s, poll_take(s), 0);
}

static void poll_canceled(capnp_answer *a, void *arg)
{
        capos_ui_surface *s = arg;

        if (s->poll == a)
                s->poll = NULL;
        (void)capnp_answer_fail(a, CAPNP_FAILED, "canceled");
}

int ui_poll_serve(void *self, capnp_answer *a)
{
        capos_ui_surface *s = self;
        remote_ui_surface_poll_in_reader in = {capnp_answer_params(a)};
        uint32_t wait_ms = remote_ui_surface_poll_in_wait_ms(in);
        uint16_t most = remote_ui_surface_poll_in_max_events(in);

        if (!s->pane)
                return s->owes_closed && s->offer->ui ? answer_closed(s, a) : answer_gone(a);
        if (s->poll)
                return capnp_answer_fail(a, CAPNP_OVERLOADED,
                                         "over-quota.ui-polls: one waits already");
        if (wait_ms > UI_WAIT_MS)
                return capnp_answer_fail(a, CAPNP_OVERLOADED,
                                         "over-quota.ui-polls: longer than %u ms", UI_WAIT_MS);

        s->poll_most = most ? most : UINT16_MAX;
        if (s->events.n || !wait_ms)
                return answer_events(s, a, s->poll_most);

        s->poll = a;
        s->poll_until_ms = ui_now(s->offer->ui) + wait_ms;
        ui_rewake(s->offer->ui);
        return capnp_answer_keep(a, poll_canceled, s);
}
