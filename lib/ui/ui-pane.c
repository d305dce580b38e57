/*
 * A pane is what was accepted of a surface: its words, its model, its hints and its commands, each
 * a block or a model of its own. Opening one goes the way of a patch: it is paced, measured, read
 * and judged before anything is held.
 */
#include "ui-pane.h"
#include "ui-field.h"

#include <errno.h>
#include <stdlib.h>

enum { SLOT_LAYOUT = 3 }; /* in UiSurfaceSpec: kept by itself, because it changes by itself */

static void pane_freep(struct ui_pane **p)
{
        *p = ui_pane_free(*p);
}

/* Decode and texts. */
static int spec_read(struct ui_ledger *l, ui_surface_spec_reader spec, struct ui_refused *ret_why)
{
        uint64_t bytes;

        if (ui_shape_measure(&ui_shape_spec, spec.r, l->limits.patch_bytes, &bytes))
                return ui_over_quota(ret_why, "patch", "a spec of more than %u bytes",
                                     l->limits.patch_bytes);
        if (spec.r.m && capnp_msg_check(spec.r.m))
                return ui_refuse(ret_why, UI_REFUSAL_SPEC, "not a message");
        return ui_shape_texts(&ui_shape_spec, spec.r, ret_why);
}

/* All that a new pane holds. */
static int pane_fill(struct ui_pane *p, ui_surface_spec_reader spec)
{
        capnp_data id = ui_surface_spec_surface_id(spec);
        int r;

        memcpy(p->id, id.p, id.len);
        p->id_len = (uint8_t)id.len;
        p->kind = ui_surface_spec_kind(spec);
        p->safety_class = ui_surface_spec_safety_class(spec);
        r = ui_block_new(&ui_shape_spec, spec.r, SLOT_LAYOUT, &p->spec);
        if (!r)
                r = ui_block_new(&ui_shape_layout, ui_surface_spec_layout(spec).r, UINT16_MAX,
                                 &p->layout);
        return r ? r : ui_model_new(ui_kind_of(p->kind), &p->model);
}

int ui_pane_new(struct ui_ledger *l, ui_surface_spec_reader spec, uint64_t now_ms,
                struct ui_pane **ret_p, struct ui_refused *ret_why)
{
        CAPNP_AUTO(pane_freep) struct ui_pane *p = NULL;
        int r = ui_ledger_patch(l, now_ms, ret_why);

        if (!r)
                r = spec_read(l, spec, ret_why);
        if (!r)
                r = ui_spec_check(spec, ret_why);
        if (r)
                return r;

        p = calloc(1, sizeof(*p));
        if (!p)
                return -ENOMEM;

        r = ui_account_open(&p->account, l, ret_why);
        if (!r)
                r = pane_fill(p, spec);
        if (!r)
                r = ui_account_hold(&p->account, ui_pane_bytes(p), 0, ret_why);
        if (r)
                return r;

        *ret_p = p;
        p = NULL;
        return 0;
}

struct ui_pane *ui_pane_free(struct ui_pane *p)
{
        if (!p)
                return NULL;

        for (uint32_t i = 0; i < p->ncommands; i++)
                ui_block_unref(p->commands[i]);
        free(p->commands);
        ui_block_unref(p->spec);
        ui_block_unref(p->layout);
        ui_block_unref(p->theme);
        ui_model_free(p->model);
        ui_account_close(&p->account);
        free(p);
        return NULL;
}

uint64_t ui_pane_bytes(const struct ui_pane *p)
{
        uint64_t bytes = sizeof(*p) + ui_block_bytes(p->spec) + p->model->bytes;

        if (p->layout)
                bytes += ui_block_bytes(p->layout);
        if (p->theme)
                bytes += ui_block_bytes(p->theme);
        for (uint32_t i = 0; i < p->ncommands; i++)
                bytes += ui_block_bytes(p->commands[i]);
        return bytes;
}

ui_surface_spec_reader ui_pane_spec(const struct ui_pane *p)
{
        return (ui_surface_spec_reader){ui_block_reader(p->spec)};
}

ui_layout_hint_reader ui_pane_layout(const struct ui_pane *p)
{
        return (ui_layout_hint_reader){p->layout ? ui_block_reader(p->layout) : (capnp_reader){0}};
}

ui_theme_hint_reader ui_pane_theme(const struct ui_pane *p)
{
        return (ui_theme_hint_reader){p->theme ? ui_block_reader(p->theme) : (capnp_reader){0}};
}

command_reader ui_pane_command(const struct ui_pane *p, uint32_t i)
{
        return (command_reader){i < p->ncommands ? ui_block_reader(p->commands[i])
                                                 : (capnp_reader){0}};
}

uint32_t ui_pane_find_command(const struct ui_pane *p, capnp_text id)
{
        for (uint32_t i = 0; i < p->ncommands; i++)
                if (ui_text_is(command_id(ui_pane_command(p, i)), id))
                        return i;
        return UINT32_MAX;
}

/* Takes a hint back, if its time is over. */
static bool hint_expire(struct ui_block **hint, uint64_t *expires_ms, uint64_t now_ms)
{
        if (!*expires_ms || now_ms < *expires_ms)
                return false;

        *hint = ui_block_unref(*hint);
        *expires_ms = 0;
        return true;
}

unsigned ui_pane_tick(struct ui_pane *p, uint64_t now_ms)
{
        struct ui_refused why;
        unsigned what = 0;

        if (hint_expire(&p->layout, &p->layout_expires_ms, now_ms))
                what |= UI_CHANGED_LAYOUT;
        if (hint_expire(&p->theme, &p->theme_expires_ms, now_ms))
                what |= UI_CHANGED_THEME;
        /* Less than before: always taken. */
        return what && ui_account_hold(&p->account, ui_pane_bytes(p), p->ncommands, &why) ? 0
                                                                                          : what;
}

uint64_t ui_pane_next_ms(const struct ui_pane *p)
{
        uint64_t a = p->layout_expires_ms, b = p->theme_expires_ms;

        return a && (!b || a < b) ? a : b;
}
