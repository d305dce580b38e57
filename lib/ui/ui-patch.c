/*
 * A patch goes through in this order, and the first that is wrong is what the service is told:
 *
 *   pace      before it is looked at, because looking is what it costs
 *   decode    all that the contract names is read, and measured; the message is asked once
 *   time      a patch that is past its own time is not applied
 *   texts     wherever they stand
 *   kind      what goes with which kind of patch, and with this kind of surface
 *   what it is about: spec, model, command, layout or theme
 *   quota     what the pane would then hold
 *   do        which cannot fail
 *
 * All that is new is made before the quota is asked, in a `struct next` beside the pane, so there
 * is nothing to undo.
 */
#include "ui-patch.h"
#include "ui-field.h"

#include <errno.h>
#include <stdlib.h>

#define PAYLOAD(n_, which_, shape_)                                                     \
        {                                                                               \
                .name = n_, .type = UI_FIELD_STRUCT, .slot = 0, .member = (which_) + 1, \
                .shape = &(shape_)                                                      \
        }

static const struct ui_field payload_fields[] = {
        PAYLOAD("spec", UI_PATCH_PAYLOAD_SPEC, ui_shape_spec),
        PAYLOAD("model", UI_PATCH_PAYLOAD_MODEL, ui_shape_model_patch),
        PAYLOAD("layout", UI_PATCH_PAYLOAD_LAYOUT, ui_shape_layout),
        PAYLOAD("theme", UI_PATCH_PAYLOAD_THEME, ui_shape_theme),
        PAYLOAD("command", UI_PATCH_PAYLOAD_COMMAND, ui_shape_command),
        {.name = "commandId",
         .type = UI_FIELD_TEXT,
         .slot = 0,
         .place = UI_TEXT_COMMAND,
         .member = UI_PATCH_PAYLOAD_COMMAND_ID + 1},
};

static const struct ui_shape shape_payload = {
        .id = UI_PATCH_PAYLOAD_ID,
        .words = UI_PATCH_PAYLOAD_WORDS,
        .ptrs = UI_PATCH_PAYLOAD_PTRS,
        .tag = 0,
        .tags = UI_PATCH_PAYLOAD_COMMAND_ID + 1,
        UI_SHAPE_FIELDS(payload_fields),
};

static const struct ui_field patch_fields[] = {
        UI_F_ENUM_ONLY("kind", 0, UI_PATCH_KIND_REMOVE_COMMAND),
        UI_F_BYTES("surfaceId", 0, UI_ID_BYTES),
        UI_F_STRUCT("payload", 1, shape_payload),
        UI_F_PLAIN("expiresAtMs", 8),
};

const struct ui_shape ui_shape_patch = {
        .id = UI_PATCH_ID,
        .words = UI_PATCH_WORDS,
        .ptrs = UI_PATCH_PTRS,
        .code = UI_REFUSAL_KIND,
        UI_SHAPE_FIELDS(patch_fields),
};

/* What takes the place of what the pane has; NULL: that stays. */
struct next {
        struct ui_block *spec, *layout, *theme, *command;
        struct ui_model *model;
        uint64_t expires_ms;
        uint32_t place;     /* of the command that is replaced or removed; ncommands: added */
        uint32_t ncommands; /* how many there will be */
        uint64_t freed;     /* bytes of what goes */
        struct ui_change change;
};

struct patching {
        struct ui_pane *pane;
        ui_patch_reader patch;
        ui_patch_payload_reader payload;
        const struct ui_patch_ops *ops;
        uint64_t now_ms;
        struct ui_refused *why;
};

static uint64_t block_bytes(const struct ui_block *b)
{
        return b ? ui_block_bytes(b) : 0;
}

/* The sooner of two times, of which 0 is never. */
static uint64_t sooner(uint64_t a, uint64_t b)
{
        return a && (!b || a < b) ? a : b;
}

/* ---- one function for each kind of patch: checks, and makes what is new ---- */

static int next_spec(const struct patching *a, struct next *n)
{
        ui_surface_spec_reader spec = ui_patch_payload_spec(a->payload);
        capnp_data id = ui_surface_spec_surface_id(spec);
        int r = ui_spec_check(spec, a->why);

        if (r)
                return r;
        if (id.len != a->pane->id_len || memcmp(id.p, a->pane->id, id.len))
                return ui_refuse(a->why, UI_REFUSAL_SPEC, "surfaceId: of another surface");
        if (ui_surface_spec_kind(spec) != a->pane->kind)
                return ui_refuse(a->why, UI_REFUSAL_SPEC, "kind: fixed since it was opened");
        if (ui_surface_spec_safety_class(spec) != a->pane->safety_class)
                return ui_refuse(a->why, UI_REFUSAL_SAFETY, "fixed since it was opened");

        n->change.what = UI_CHANGED_SPEC;
        n->freed = block_bytes(a->pane->spec);
        return ui_block_new(&ui_shape_spec, spec.r, 3, &n->spec);
}

static int next_close(const struct patching *a, struct next *n)
{
        (void)a;
        n->change.what = UI_CHANGED_CLOSED;
        return 0;
}

static int next_model(const struct patching *a, struct next *n)
{
        const struct ui_pane *p = a->pane;
        ui_model_patch_reader patch = ui_patch_payload_model(a->payload);
        struct ui_at at = {.revision = p->revision, .now_ms = a->now_ms};
        int r = ui_model_patch_of(p->model, at, patch, &n->model, &n->change, a->why);

        if (r)
                return r;
        if (p->kind == UI_SURFACE_KIND_TRANSCRIPT && p->safety_class == UI_SAFETY_CLASS_AMBIENT &&
            ui_transcript_send((ui_transcript_reader){ui_model_head(n->model)}).len)
                return ui_refuse(a->why, UI_REFUSAL_SAFETY, "an ambient pane has no commands");

        n->freed = p->model->bytes;
        return 0;
}

static int next_layout(const struct patching *a, struct next *n)
{
        ui_layout_hint_reader hint = ui_patch_payload_layout(a->payload);
        int r;

        if (a->pane->pinned)
                return ui_refuse(a->why, UI_REFUSAL_PINNED, "a person has pinned it");
        r = ui_layout_hint_check(hint, a->why);
        if (r)
                return r;

        n->change.what = UI_CHANGED_LAYOUT;
        n->expires_ms = ui_patch_expires_at_ms(a->patch);
        n->freed = block_bytes(a->pane->layout);
        return ui_block_new(&ui_shape_layout, hint.r, UINT16_MAX, &n->layout);
}

static int next_theme(const struct patching *a, struct next *n)
{
        ui_theme_hint_reader hint = ui_patch_payload_theme(a->payload);
        uint64_t expires = ui_theme_hint_expires_at_ms(hint);
        int r = ui_theme_hint_check(hint, a->why);

        if (r)
                return r;
        if (expires && expires <= a->now_ms)
                return ui_refuse(a->why, UI_REFUSAL_EXPIRED, "its time is over");

        n->change.what = UI_CHANGED_THEME;
        n->expires_ms = sooner(expires, ui_patch_expires_at_ms(a->patch));
        n->freed = block_bytes(a->pane->theme);
        return ui_block_new(&ui_shape_theme, hint.r, UINT16_MAX, &n->theme);
}

/* Room for one more, which is no effect yet. */
static int commands_reserve(struct ui_pane *p)
{
        struct ui_block **more =
                realloc(p->commands, (p->ncommands + 1) * sizeof(struct ui_block *));

        if (!more)
                return -ENOMEM;

        p->commands = more;
        return 0;
}

static int next_command(const struct patching *a, struct next *n)
{
        struct ui_pane *p = a->pane;
        command_reader c = ui_patch_payload_command(a->payload);
        uint32_t place = ui_pane_find_command(p, command_id(c));
        int r = ui_shape_rules(&ui_shape_command, c.r, a->why);

        if (!r)
                r = ui_fields_check(command_fields(c), UI_REFUSAL_COMMAND, a->why);
        if (r)
                return r;
        if (p->safety_class == UI_SAFETY_CLASS_AMBIENT)
                return ui_refuse(a->why, UI_REFUSAL_SAFETY, "an ambient pane has no commands");
        if (!a->ops->command)
                return ui_refuse(a->why, UI_REFUSAL_COMMAND, "this host has none");
        r = a->ops->command(a->ops->arg, p, c, a->why);
        if (!r)
                r = commands_reserve(p);
        if (r)
                return r;

        n->change.what = UI_CHANGED_COMMANDS;
        n->place = place == UINT32_MAX ? p->ncommands : place;
        n->ncommands = p->ncommands + (place == UINT32_MAX);
        n->freed = place == UINT32_MAX ? 0 : block_bytes(p->commands[place]);
        return ui_block_new(&ui_shape_command, c.r, UINT16_MAX, &n->command);
}

static int next_no_command(const struct patching *a, struct next *n)
{
        struct ui_pane *p = a->pane;

        n->place = ui_pane_find_command(p, ui_patch_payload_command_id(a->payload));
        if (n->place == UINT32_MAX)
                return ui_refuse(a->why, UI_REFUSAL_COMMAND, "there is none with this id");

        n->change.what = UI_CHANGED_COMMANDS;
        n->ncommands = p->ncommands - 1;
        n->freed = block_bytes(p->commands[n->place]);
        return 0;
}

static const struct {
        enum ui_patch_payload_which payload;
        int (*next)(const struct patching *a, struct next *n);
} kinds[] = {
        [UI_PATCH_KIND_OPEN_SURFACE] = {UI_PATCH_PAYLOAD_SPEC, next_spec},
        [UI_PATCH_KIND_CLOSE_SURFACE] = {UI_PATCH_PAYLOAD_NONE, next_close},
        [UI_PATCH_KIND_UPDATE_MODEL] = {UI_PATCH_PAYLOAD_MODEL, next_model},
        [UI_PATCH_KIND_SET_LAYOUT_HINT] = {UI_PATCH_PAYLOAD_LAYOUT, next_layout},
        [UI_PATCH_KIND_SET_THEME_HINT] = {UI_PATCH_PAYLOAD_THEME, next_theme},
        [UI_PATCH_KIND_ADD_COMMAND] = {UI_PATCH_PAYLOAD_COMMAND, next_command},
        [UI_PATCH_KIND_REMOVE_COMMAND] = {UI_PATCH_PAYLOAD_COMMAND_ID, next_no_command},
};

/* ---- the way of a patch ---- */

/* Pace, decode, time, texts. */
static int patch_read(const struct patching *a)
{
        struct ui_ledger *l = a->pane->account.ledger;
        uint64_t expires, bytes;
        int r = ui_ledger_patch(l, a->now_ms, a->why);

        if (r)
                return r;
        if (ui_shape_measure(&ui_shape_patch, a->patch.r, l->limits.patch_bytes, &bytes))
                return ui_over_quota(a->why, "patch", "a patch of more than %u bytes",
                                     l->limits.patch_bytes);
        if (a->patch.r.m && capnp_msg_check(a->patch.r.m))
                return ui_refuse(a->why, UI_REFUSAL_MODEL, "not a message");
        r = ui_ledger_traffic(l, bytes, a->now_ms, a->why);
        if (r)
                return r;

        expires = ui_patch_expires_at_ms(a->patch);
        if (expires && expires <= a->now_ms)
                return ui_refuse(a->why, UI_REFUSAL_EXPIRED, "its time is over");
        return ui_shape_texts(&ui_shape_patch, a->patch.r, a->why);
}

/* What goes with which kind of patch; the surface's kind is the model's to say. */
static int patch_fits(const struct patching *a)
{
        unsigned kind = ui_patch_kind(a->patch);
        capnp_data id = ui_patch_surface_id(a->patch);

        if (kind >= sizeof(kinds) / sizeof(kinds[0]))
                return ui_refuse(a->why, UI_REFUSAL_KIND, "an unknown kind of patch");
        if (ui_patch_payload_which(a->payload) != kinds[kind].payload)
                return ui_refuse(a->why, UI_REFUSAL_KIND, "a payload of another kind of patch");
        /* Whose method was called says which surface is meant; who says it again must be right. */
        if (id.len && (id.len != a->pane->id_len || memcmp(id.p, a->pane->id, id.len)))
                return ui_refuse(a->why, UI_REFUSAL_SPEC, "surfaceId: of another surface");
        return 0;
}

static int patch_reserve(const struct patching *a, const struct next *n)
{
        struct ui_pane *p = a->pane;
        uint64_t bytes = p->account.bytes - n->freed + block_bytes(n->spec) +
                         block_bytes(n->layout) + block_bytes(n->theme) + block_bytes(n->command) +
                         (n->model ? n->model->bytes : 0);
        int r;

        /* What a text was when it was checked it has to be when it was copied: a message that ran
         * out of its reading budget in between is none. */
        if (a->patch.r.m && capnp_msg_check(a->patch.r.m))
                return ui_refuse(a->why, UI_REFUSAL_MODEL, "not a message");
        r = ui_account_hold(&p->account, bytes, n->ncommands, a->why);
        return r;
}

static void block_swap(struct ui_block **a, struct ui_block **b)
{
        struct ui_block *c = *a;

        *a = *b;
        *b = c;
}

static void commands_do(struct ui_pane *p, struct next *n)
{
        if (n->command) {
                if (n->place == p->ncommands)
                        p->commands[p->ncommands++] = NULL;
                block_swap(&p->commands[n->place], &n->command);
                return;
        }

        ui_block_unref(p->commands[n->place]);
        p->ncommands--;
        memmove(&p->commands[n->place], &p->commands[n->place + 1],
                (p->ncommands - n->place) * sizeof(struct ui_block *));
}

/* Cannot fail; n holds what was there before. */
static void patch_do(struct ui_pane *p, struct next *n)
{
        if (n->spec)
                block_swap(&p->spec, &n->spec);
        if (n->layout) {
                block_swap(&p->layout, &n->layout);
                p->layout_expires_ms = n->expires_ms;
        }
        if (n->theme) {
                block_swap(&p->theme, &n->theme);
                p->theme_expires_ms = n->expires_ms;
        }
        if (n->change.what & UI_CHANGED_COMMANDS)
                commands_do(p, n);
        if (n->model) {
                n->change.before = p->model;
                p->model = n->model;
                n->model = NULL;
        }
        n->change.revision = ++p->revision;
}

static void next_deinit(struct next *n)
{
        ui_block_unref(n->spec);
        ui_block_unref(n->layout);
        ui_block_unref(n->theme);
        ui_block_unref(n->command);
        ui_model_free(n->model);
        ui_change_deinit(&n->change);
}

int ui_patch_apply(struct ui_pane *p, ui_patch_reader patch, const struct ui_patch_ops *ops,
                   uint64_t now_ms, struct ui_change *ret_change, struct ui_refused *ret_why)
{
        const struct patching a = {.pane = p,
                                   .patch = patch,
                                   .payload = ui_patch_payload(patch),
                                   .ops = ops,
                                   .now_ms = now_ms,
                                   .why = ret_why};
        struct next n = {.ncommands = p->ncommands};
        int r = patch_read(&a);

        if (!r)
                r = patch_fits(&a);
        if (!r)
                r = kinds[ui_patch_kind(patch)].next(&a, &n);
        if (!r)
                r = patch_reserve(&a, &n);
        if (!r) {
                patch_do(p, &n);
                *ret_change = n.change;
                n.change = (struct ui_change){0};
        }
        next_deinit(&n);
        return r;
}
