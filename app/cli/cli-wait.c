/*
 * Waiting, with an end. Whatever a command waits for is in somebody else's hands: an instance that
 * is stuck, an agent that was stopped, a listener that is something else altogether. Each wait has
 * a deadline unless what is waited for may rightly take any time (a called method), and then
 * `--timeout` sets one.
 */
#include "cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

uint32_t cli_timeout(const struct cli *c, uint32_t default_ms)
{
        return c->timeout_ms ? c->timeout_ms : default_ms;
}

static void wait_on_deadline(void *arg)
{
        struct cli *c = arg;

        c->late = true;
        capnp_conn_close(c->conn, (capnp_exception){CAPNP_DISCONNECTED, "no answer in time"});
}

int cli_wait(struct cli *c, capnp_question *q, uint32_t default_ms)
{
        uint32_t ms = cli_timeout(c, default_ms);
        capnp_timer *t = NULL;
        int r;

        if (ms && capnp_timer_new(c->vat, ms, wait_on_deadline, c, &t))
                return -ENOMEM;
        r = capnp_question_wait(q);
        if (!c->late)
                capnp_timer_free(t);
        /* All of it is looked at: what is malformed is told, and not shown as defaults. */
        (void)capnp_any_words(capnp_question_response_any(q), NULL);
        return r ? r : capnp_question_check(q);
}

static void wait_on_end(capnp_question *q, int r, void *arg)
{
        (void)q;
        (void)r;
        capnp_vat_stop(((struct cli *)arg)->vat);
}

static void wait_on_time(void *arg)
{
        capnp_vat_stop(((struct cli *)arg)->vat);
}

bool cli_wait_some(struct cli *c, capnp_question *q, uint32_t ms)
{
        capnp_timer *t = NULL;

        if (!q || capnp_timer_new(c->vat, ms, wait_on_time, c, &t))
                return false;
        capnp_question_send(q, wait_on_end, c);
        (void)!capnp_vat_run(c->vat);
        if (!capnp_question_is_done(q))
                return false;
        capnp_timer_free(t);
        return !capnp_question_result(q);
}

bool cli_peer_is_stopped(const struct cli *c)
{
        char path[64], text[512] = "", *end;
        FILE *f;

        (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)c->peer_pid);
        f = c->peer_pid ? fopen(path, "re") : NULL;
        if (!f)
                return false;
        (void)!fread(text, 1, sizeof(text) - 1, f);
        (void)fclose(f);
        /* "1234 (name) T …", where the name may hold anything. */
        end = strrchr(text, ')');
        return end && end[1] && end[2] == 'T';
}
