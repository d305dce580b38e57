/*
 * What a service says of a pane before it shows anything: what it is for, what kind of thing it
 * shows and what may be done with it. Kind and class are the two that must be known: what is drawn
 * and what is confirmed hang on them, so a value of a newer contract is refused, where an unknown
 * tone is only drawn plain.
 */
#include "ui-spec.h"
#include "ui-model.h"

enum { WEIGHT_MOST = 12, COLUMNS_MOST = 200, ROWS_MOST = 100, SCALE_LEAST = 80, SCALE_MOST = 200 };

static const struct ui_field layout_fields[] = {
        UI_F_ENUM_ONLY("place", 0, UI_PLACE_BOTTOM),
        UI_F_PLAIN("weight", 2),
        UI_F_PLAIN("minColumns", 4),
        UI_F_PLAIN("minRows", 6),
        UI_F_PLAIN("order", 8),
        UI_F_TEXT("tab", 0, UI_TEXT_LABEL),
        UI_F_PLAIN("collapsed", 3),
};

const struct ui_shape ui_shape_layout = {
        .id = UI_LAYOUT_HINT_ID,
        .words = UI_LAYOUT_HINT_WORDS,
        .ptrs = UI_LAYOUT_HINT_PTRS,
        .code = UI_REFUSAL_LAYOUT,
        UI_SHAPE_FIELDS(layout_fields),
};

static const struct ui_field theme_fields[] = {
        UI_F_ENUM_ONLY("accent", 0, UI_THEME_HINT_ACCENT_GREY),
        UI_F_ENUM_ONLY("density", 2, UI_THEME_HINT_DENSITY_SPACIOUS),
        UI_F_PLAIN("scalePercent", 4),
        UI_F_ENUM_ONLY("scheme", 6, UI_THEME_HINT_SCHEME_DARK),
        UI_F_ENUM_ONLY("contrast", 8, UI_THEME_HINT_CONTRAST_MORE),
        UI_F_ENUM_ONLY("motion", 10, UI_THEME_HINT_MOTION_LESS),
        UI_F_PLAIN("simple", 12),
        UI_F_PLAIN("expiresAtMs", 16),
};

const struct ui_shape ui_shape_theme = {
        .id = UI_THEME_HINT_ID,
        .words = UI_THEME_HINT_WORDS,
        .ptrs = UI_THEME_HINT_PTRS,
        .code = UI_REFUSAL_THEME,
        UI_SHAPE_FIELDS(theme_fields),
};

static const struct ui_field spec_fields[] = {
        UI_F_BYTES("surfaceId", 0, UI_ID_BYTES),
        UI_F_TEXT("title", 1, UI_TEXT_TITLE),
        UI_F_ENUM_ONLY("kind", 0, UI_SURFACE_KIND_TRANSCRIPT),
        UI_F_ENUM_ONLY("safetyClass", 2, UI_SAFETY_CLASS_CONSEQUENTIAL),
        UI_F_PLAIN("modelSchema", 8),
        UI_F_TEXT("summary", 2, UI_TEXT_SUMMARY),
        UI_F_STRUCT("layout", 3, ui_shape_layout),
};

const struct ui_shape ui_shape_spec = {
        .id = UI_SURFACE_SPEC_ID,
        .words = UI_SURFACE_SPEC_WORDS,
        .ptrs = UI_SURFACE_SPEC_PTRS,
        .code = UI_REFUSAL_SPEC,
        UI_SHAPE_FIELDS(spec_fields),
};

int ui_layout_hint_check(ui_layout_hint_reader hint, struct ui_refused *ret_why)
{
        int r = ui_shape_rules(&ui_shape_layout, hint.r, ret_why);

        if (r)
                return r;
        if (ui_layout_hint_weight(hint) > WEIGHT_MOST)
                return ui_refuse(ret_why, UI_REFUSAL_LAYOUT, "a weight above %d", WEIGHT_MOST);
        if (ui_layout_hint_min_columns(hint) > COLUMNS_MOST ||
            ui_layout_hint_min_rows(hint) > ROWS_MOST)
                return ui_refuse(ret_why, UI_REFUSAL_LAYOUT, "larger than %d by %d characters",
                                 COLUMNS_MOST, ROWS_MOST);
        return 0;
}

int ui_theme_hint_check(ui_theme_hint_reader hint, struct ui_refused *ret_why)
{
        uint16_t scale = ui_theme_hint_scale_percent(hint);
        int r = ui_shape_rules(&ui_shape_theme, hint.r, ret_why);

        if (r)
                return r;
        if (scale && (scale < SCALE_LEAST || scale > SCALE_MOST))
                return ui_refuse(ret_why, UI_REFUSAL_THEME, "a scale that is not %d to %d percent",
                                 SCALE_LEAST, SCALE_MOST);
        return 0;
}

int ui_spec_check(ui_surface_spec_reader spec, struct ui_refused *ret_why)
{
        const struct ui_kind *kind = ui_kind_of(ui_surface_spec_kind(spec));
        uint32_t id = ui_surface_spec_surface_id(spec).len;

        if (!kind)
                return ui_refuse(ret_why, UI_REFUSAL_KIND, "an unknown kind of surface");
        if (id < 1 || id > UI_ID_BYTES)
                return ui_refuse(ret_why, UI_REFUSAL_SPEC, "surfaceId: not 1 to %d bytes",
                                 UI_ID_BYTES);
        if (!ui_surface_spec_title(spec).len)
                return ui_refuse(ret_why, UI_REFUSAL_SPEC, "title: empty");
        if (ui_surface_spec_safety_class(spec) > UI_SAFETY_CLASS_CONSEQUENTIAL)
                return ui_refuse(ret_why, UI_REFUSAL_SAFETY, "an unknown class");
        if (ui_surface_spec_model_schema(spec) != ui_kind_schema(kind))
                return ui_refuse(ret_why, UI_REFUSAL_SPEC, "modelSchema: not that of a %s",
                                 ui_kind_name(kind));
        if (ui_surface_spec_kind(spec) == UI_SURFACE_KIND_FORM &&
            ui_surface_spec_safety_class(spec) == UI_SAFETY_CLASS_AMBIENT)
                return ui_refuse(ret_why, UI_REFUSAL_SAFETY, "a form that may do nothing");

        return ui_layout_hint_check(ui_surface_spec_layout(spec), ret_why);
}
