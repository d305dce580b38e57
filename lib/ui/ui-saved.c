/*
 * What is kept. In here stands what a person did (moved, pinned, closed, agreed to) and nothing
 * that a pane shows; so all of it may be written, but for panes that are somebody's own. Whether it
 * is written, the front end decides: it asks for it when it has a place for it.
 *
 * What is read back may have been changed meanwhile, or come from another version: it is held to
 * the rules that hold for services' wishes, and an entry that breaks them is left out. The numbers
 * of services and panes are bounded so that the whole is less than CAPOS_UI_SAVED_BYTES.
 *
 * Two hosts of one account may be at it at once. So each choice has a number, and it is known which
 * of them are kept: when another host's are read, they replace what was kept, and not what was
 * chosen here since.
 */
#include "ui-saved.h"

#include "ui-text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 9 words of a service with its name and theme, 14 of a pane with its id and hint, tags and roots:
 * UI_SAVED_SERVICES * (8 * 12 + 72) + UI_SAVED_PANES * (8 * 8 + 16 + 72) < CAPOS_UI_SAVED_BYTES. */
_Static_assert(UI_SAVED_SERVICES * 168 + UI_SAVED_PANES * 152 < CAPOS_UI_SAVED_BYTES - 8192,
               "what is kept fits");

void ui_saved_init(struct ui_saved *s)
{
        *s = (struct ui_saved){.nservices = 0};
        capnp_i_list_init(&s->services);
}

static void panes_drop(struct ui_saved *s, struct ui_saved_service *of)
{
        struct capnp_i_list *l;

        while ((l = capnp_i_list_pop(&of->panes))) {
                free(CAPNP_I_OF(l, struct ui_saved_pane, link));
                s->npanes--;
        }
}

void ui_saved_deinit(struct ui_saved *s)
{
        struct capnp_i_list *l;

        while ((l = capnp_i_list_pop(&s->services))) {
                struct ui_saved_service *of = CAPNP_I_OF(l, struct ui_saved_service, link);

                panes_drop(s, of);
                free(of);
        }
        s->nservices = 0;
}

void ui_saved_move(struct ui_saved *to, struct ui_saved *from)
{
        *to = *from;
        capnp_i_list_init(&to->services);
        capnp_i_list_splice(&to->services, &from->services);
        from->nservices = from->npanes = 0;
}

void ui_saved_reset(struct ui_saved *s)
{
        s->reset = ++s->choices;
        s->theme = (struct capos_ui_theme){0};
        for (struct capnp_i_list *l = s->services.next; l != &s->services; l = l->next) {
                struct ui_saved_service *of = CAPNP_I_OF(l, struct ui_saved_service, link);

                of->theme = (struct capos_ui_theme){0};
                of->theme_chosen = s->choices;
                panes_drop(s, of);
        }
}

/* ---- finding --------------------------------------------------------------------------------- */

struct ui_saved_service *ui_saved_find(const struct ui_saved *s, const char *name)
{
        for (struct capnp_i_list *l = s->services.next; l != &s->services; l = l->next) {
                struct ui_saved_service *of = CAPNP_I_OF(l, struct ui_saved_service, link);

                if (!strcmp(of->name, name))
                        return of;
        }
        return NULL;
}

enum capos_ui_consent ui_saved_consent(const struct ui_saved *s, const char *name)
{
        const struct ui_saved_service *of = ui_saved_find(s, name);

        return of ? of->consent : CAPOS_UI_ASK;
}

static struct ui_saved_pane *pane_find(const struct ui_saved_service *of, capnp_data id)
{
        for (struct capnp_i_list *l = of->panes.next; l != &of->panes; l = l->next) {
                struct ui_saved_pane *p = CAPNP_I_OF(l, struct ui_saved_pane, link);

                if (p->id_len == id.len && !memcmp(p->id, id.p, id.len))
                        return p;
        }
        return NULL;
}

struct ui_saved_pane *ui_saved_find_pane(const struct ui_saved *s, const char *name, capnp_data id)
{
        const struct ui_saved_service *of = ui_saved_find(s, name);

        return of && id.len ? pane_find(of, id) : NULL;
}

int ui_saved_get(struct ui_saved *s, const char *name, struct ui_saved_service **ret_s)
{
        struct ui_saved_service *of = ui_saved_find(s, name);

        if (!of) {
                if (s->nservices >= UI_SAVED_SERVICES || strlen(name) > UI_SAVED_NAME)
                        return CAPNP_E_LIMIT;

                of = calloc(1, sizeof(*of));
                if (!of)
                        return -ENOMEM;
                (void)snprintf(of->name, sizeof(of->name), "%s", name);
                capnp_i_list_init(&of->panes);
                capnp_i_list_append(&s->services, &of->link);
                s->nservices++;
        }
        *ret_s = of;
        return 0;
}

int ui_saved_get_pane(struct ui_saved *s, const char *name, capnp_data id,
                      struct ui_saved_pane **ret_p)
{
        struct ui_saved_service *of;
        struct ui_saved_pane *p;
        int r;

        if (!id.len || id.len > UI_ID_BYTES)
                return CAPNP_E_LIMIT;
        r = ui_saved_get(s, name, &of);
        if (r)
                return r;

        p = pane_find(of, id);
        if (!p) {
                if (s->npanes >= UI_SAVED_PANES)
                        return CAPNP_E_LIMIT;

                p = calloc(1, sizeof(*p));
                if (!p)
                        return -ENOMEM;
                memcpy(p->id, id.p, id.len);
                p->id_len = (uint8_t)id.len;
                capnp_i_list_append(&of->panes, &p->link);
                s->npanes++;
        }
        *ret_p = p;
        return 0;
}

/* ---- hints ----------------------------------------------------------------------------------- */

struct ui_hint ui_hint_of(ui_layout_hint_reader r)
{
        struct ui_hint h = {
                .place = ui_layout_hint_place(r),
                .weight = ui_layout_hint_weight(r),
                .min_columns = ui_layout_hint_min_columns(r),
                .min_rows = ui_layout_hint_min_rows(r),
                .order = ui_layout_hint_order(r),
                .collapsed = ui_layout_hint_collapsed(r),
        };
        capnp_text tab = ui_layout_hint_tab(r);

        if (tab.len <= UI_SAVED_TAB)
                memcpy(h.tab, tab.p, tab.len);
        return h;
}

static void hint_write(const struct ui_hint *h, ui_layout_hint_builder to)
{
        ui_layout_hint_set_place(to, (enum ui_place)h->place);
        ui_layout_hint_set_weight(to, (uint8_t)h->weight);
        ui_layout_hint_set_min_columns(to, (uint16_t)h->min_columns);
        ui_layout_hint_set_min_rows(to, (uint16_t)h->min_rows);
        ui_layout_hint_set_order(to, (int16_t)h->order);
        ui_layout_hint_set_collapsed(to, h->collapsed);
        if (h->tab[0])
                ui_layout_hint_set_tab(to, h->tab);
}

struct capos_ui_theme ui_theme_of(ui_theme_hint_reader r)
{
        return (struct capos_ui_theme){
                .accent = (uint8_t)ui_theme_hint_accent(r),
                .density = (uint8_t)ui_theme_hint_density(r),
                .scale_percent = ui_theme_hint_scale_percent(r),
                .scheme = (uint8_t)ui_theme_hint_scheme(r),
                .contrast = (uint8_t)ui_theme_hint_contrast(r),
                .motion = (uint8_t)ui_theme_hint_motion(r),
                .simple = ui_theme_hint_simple(r),
        };
}

static void theme_write(const struct capos_ui_theme *t, ui_theme_hint_builder to)
{
        ui_theme_hint_set_accent(to, (enum ui_theme_hint_accent)t->accent);
        ui_theme_hint_set_density(to, (enum ui_theme_hint_density)t->density);
        ui_theme_hint_set_scale_percent(to, t->scale_percent);
        ui_theme_hint_set_scheme(to, (enum ui_theme_hint_scheme)t->scheme);
        ui_theme_hint_set_contrast(to, (enum ui_theme_hint_contrast)t->contrast);
        ui_theme_hint_set_motion(to, (enum ui_theme_hint_motion)t->motion);
        ui_theme_hint_set_simple(to, t->simple);
}

bool ui_themes_are_equal(const struct capos_ui_theme *a, const struct capos_ui_theme *b)
{
        return a->accent == b->accent && a->density == b->density &&
               a->scale_percent == b->scale_percent && a->scheme == b->scheme &&
               a->contrast == b->contrast && a->motion == b->motion && a->simple == b->simple;
}

struct capos_ui_theme ui_theme_over(struct capos_ui_theme a, struct capos_ui_theme b)
{
        return (struct capos_ui_theme){
                .accent = b.accent ? b.accent : a.accent,
                .density = b.density ? b.density : a.density,
                .scale_percent = b.scale_percent ? b.scale_percent : a.scale_percent,
                .scheme = b.scheme ? b.scheme : a.scheme,
                .contrast = b.contrast ? b.contrast : a.contrast,
                .motion = b.motion ? b.motion : a.motion,
                .simple = b.simple || a.simple,
        };
}

struct capos_ui_theme ui_theme_bound(struct capos_ui_theme wish, const struct capos_ui_theme *user)
{
        struct capos_ui_theme t = ui_theme_over(*user, wish);

        if (user->scheme)
                t.scheme = user->scheme;
        if (user->contrast)
                t.contrast = user->contrast;
        if (user->motion)
                t.motion = user->motion;
        if (t.scale_percent < user->scale_percent)
                t.scale_percent = user->scale_percent;
        t.simple |= user->simple;
        return t;
}

/* ---- reading and writing --------------------------------------------------------------------- */

static bool theme_read(ui_theme_hint_reader r, struct capos_ui_theme *ret)
{
        struct ui_refused why;

        if (ui_theme_hint_check(r, &why))
                return false;
        *ret = ui_theme_of(r);
        return true;
}

/* What was kept, and may not be any more. */
static void kept_drop(struct ui_saved *s)
{
        for (struct capnp_i_list *l = s->services.next; l != &s->services; l = l->next) {
                struct ui_saved_service *of = CAPNP_I_OF(l, struct ui_saved_service, link);
                struct capnp_i_list *at, *next;

                if (of->consent_chosen <= s->kept)
                        of->consent = CAPOS_UI_ASK;
                if (of->theme_chosen <= s->kept)
                        of->theme = (struct capos_ui_theme){0};
                for (at = of->panes.next; at != &of->panes; at = next) {
                        struct ui_saved_pane *p = CAPNP_I_OF(at, struct ui_saved_pane, link);

                        next = at->next;
                        if (p->personal || p->chosen > s->kept)
                                continue;
                        capnp_i_list_remove(at);
                        free(p);
                        s->npanes--;
                }
        }
        if (s->reset <= s->kept)
                s->theme = (struct capos_ui_theme){0};
}

static int pane_load(struct ui_saved *s, const char *name, ui_saved_surface_reader r)
{
        ui_layout_hint_reader hint = ui_saved_surface_layout(r);
        struct ui_saved_pane *p;
        struct ui_refused why;
        int e;

        if (ui_shape_texts(&ui_shape_layout, hint.r, &why) || ui_layout_hint_check(hint, &why))
                return 0;
        e = ui_saved_get_pane(s, name, ui_saved_surface_surface_id(r), &p);
        if (e)
                return e == CAPNP_E_LIMIT ? 0 : e;
        if (p->personal || p->chosen > s->kept)
                return 0;

        p->hint = ui_hint_of(hint);
        p->placed = ui_saved_surface_has_layout(r);
        p->pinned = ui_saved_surface_pinned(r) && p->placed;
        p->closed = ui_saved_surface_closed(r);
        return 0;
}

static int service_load(struct ui_saved *s, ui_saved_service_reader r)
{
        ui_saved_surface_list panes = ui_saved_service_surfaces(r);
        capnp_text name = ui_saved_service_name(r);
        struct ui_saved_service *of;
        int e;

        if (!name.len || ui_text_wrong(UI_TEXT_CAPABILITY, name))
                return 0;
        e = ui_saved_get(s, name.p, &of);
        if (e)
                return e == CAPNP_E_LIMIT ? 0 : e;

        if (of->consent_chosen <= s->kept &&
            (unsigned)ui_saved_service_consent(r) <= CAPOS_UI_NEVER)
                of->consent = (enum capos_ui_consent)ui_saved_service_consent(r);
        if (s->reset > s->kept)
                return 0;
        if (of->theme_chosen <= s->kept)
                (void)theme_read(ui_saved_service_theme(r), &of->theme);
        for (uint32_t i = 0; !e && i < ui_saved_surface_list_len(panes) && i < UI_SAVED_PANES; i++)
                e = pane_load(s, of->name, ui_saved_surface_list_get(panes, i));
        return e;
}

int ui_saved_load(struct ui_saved *s, ui_saved_reader r)
{
        ui_saved_service_list l = ui_saved_services(r);
        int e = 0;

        kept_drop(s);
        if (s->reset <= s->kept)
                (void)theme_read(ui_saved_theme(r), &s->theme);
        for (uint32_t i = 0; !e && i < ui_saved_service_list_len(l) && i < UI_SAVED_SERVICES; i++)
                e = service_load(s, ui_saved_service_list_get(l, i));
        return e;
}

static uint32_t panes_kept(const struct ui_saved_service *of)
{
        uint32_t n = 0;

        for (struct capnp_i_list *l = of->panes.next; l != &of->panes; l = l->next) {
                const struct ui_saved_pane *p = CAPNP_I_OF(l, struct ui_saved_pane, link);

                n += !p->personal && (p->placed || p->pinned || p->closed);
        }
        return n;
}

static void panes_store(const struct ui_saved_service *of, ui_saved_surface_list_builder to)
{
        uint32_t i = 0;

        for (struct capnp_i_list *l = of->panes.next; l != &of->panes; l = l->next) {
                const struct ui_saved_pane *p = CAPNP_I_OF(l, struct ui_saved_pane, link);
                ui_saved_surface_builder b;

                if (p->personal || (!p->placed && !p->pinned && !p->closed))
                        continue;
                b = ui_saved_surface_list_builder_get(to, i++);
                ui_saved_surface_set_surface_id(b, (capnp_data){p->id, p->id_len});
                ui_saved_surface_set_pinned(b, p->pinned);
                ui_saved_surface_set_closed(b, p->closed);
                if (p->placed || p->pinned)
                        hint_write(&p->hint, ui_saved_surface_init_layout(b));
        }
}

/* Whether there is anything to keep of a service. */
static bool service_counts(const struct ui_saved_service *of)
{
        static const struct capos_ui_theme none;

        return of->consent != CAPOS_UI_ASK || panes_kept(of) > 0 ||
               !ui_themes_are_equal(&of->theme, &none);
}

void ui_saved_store(struct ui_saved *s, ui_saved_builder to)
{
        ui_saved_service_list_builder l;
        uint32_t i = 0, n = 0;

        s->stored = s->choices;
        for (struct capnp_i_list *at = s->services.next; at != &s->services; at = at->next)
                n += service_counts(CAPNP_I_OF(at, struct ui_saved_service, link));
        l = ui_saved_init_services(to, n);

        theme_write(&s->theme, ui_saved_init_theme(to));
        for (struct capnp_i_list *at = s->services.next; at != &s->services; at = at->next) {
                const struct ui_saved_service *of = CAPNP_I_OF(at, struct ui_saved_service, link);
                ui_saved_service_builder b;

                if (!service_counts(of))
                        continue;
                b = ui_saved_service_list_builder_get(l, i++);
                ui_saved_service_set_name(b, of->name);
                ui_saved_service_set_consent(b, (enum ui_consent)of->consent);
                theme_write(&of->theme, ui_saved_service_init_theme(b));
                panes_store(of, ui_saved_service_init_surfaces(b, panes_kept(of)));
        }
}
