/* Surfaces, layout hints and theme hints as services word them: which are taken. */
#ifndef CAPOS_UI_SPEC_H
#define CAPOS_UI_SPEC_H

#include "ui-shape.h"

enum { UI_ID_BYTES = 16 };

extern const struct ui_shape ui_shape_spec, ui_shape_layout, ui_shape_theme;

/* Each: 0 or CAPNP_E_EXCEPTION. The texts have been checked before (ui_shape_texts()). */
int ui_spec_check(ui_surface_spec_reader spec, struct ui_refused *ret_why) CAPNP_MUST_USE;
int ui_layout_hint_check(ui_layout_hint_reader hint, struct ui_refused *ret_why) CAPNP_MUST_USE;
int ui_theme_hint_check(ui_theme_hint_reader hint, struct ui_refused *ret_why) CAPNP_MUST_USE;

#endif
