/* What lib/ui tells, as the page is told it. A pane is known by its number, which is never given
 * again. */
#include "pane-frames.h"

/* Where the models are, among their pointers. */
enum { PANE_MODEL = 4, CHANGE_MODEL = 0 };

static void offered_write(const capos_ui_surface *s, uint32_t i, web_down_offered_builder to)
{
        enum capos_ui_effect effect = capos_ui_command_effect(s, i);

        web_down_offered_set_command(to, (command_reader){capos_ui_command_at(s, i)});
        web_down_offered_set_effect(to, (enum command_effect)effect);
        web_down_offered_set_asks(to, effect == CAPOS_UI_LASTING);
}

void pane_write(const capos_ui_surface *s, bool model, web_down_pane_builder to)
{
        web_down_offered_list_builder l;
        struct capos_ui_pane p;

        capos_ui_surface_info(s, &p);
        web_down_pane_set_surface(to, p.number);
        web_down_pane_set_service(to, p.service);
        web_down_pane_set_service_title(to, p.service_title);
        web_down_pane_set_title_n(to, p.title);
        web_down_pane_set_summary_n(to, p.summary);
        web_down_pane_set_kind(to, (enum ui_surface_kind)p.kind);
        web_down_pane_set_safety_class(to, (enum ui_safety_class)p.safety_class);
        web_down_pane_set_revision(to, p.revision);
        web_down_pane_set_id(to, p.id);
        web_down_pane_set_pinned(to, p.pinned);
        web_down_pane_set_stays(to, !model);
        if (!model)
                return;
        capos_ui_model_write(s, capnp_builder_any(to.b, PANE_MODEL));
        l = web_down_pane_init_commands(to, p.commands);
        for (uint32_t i = 0; i < p.commands; i++)
                offered_write(s, i, web_down_offered_list_builder_get(l, i));
}

void pane_change_write(const capos_ui_surface *s, const struct capos_ui_change *c,
                       web_down_change_builder to)
{
        struct capos_ui_pane p;
        capnp_lbuilder l;

        capos_ui_surface_info(s, &p);
        web_down_change_set_surface(to, p.number);
        web_down_change_set_revision(to, c->revision);
        capos_ui_change_write(s, c, capnp_builder_any(to.b, CHANGE_MODEL));
        web_down_change_set_head(to, c->head);
        web_down_change_set_dropped(to, c->dropped);
        web_down_change_set_appended(to, c->appended);
        l = web_down_change_init_removed(to, c->nremoved);
        for (uint32_t i = 0; i < c->nremoved; i++)
                capnp_lbuilder_set_u16(l, i, c->removed[i]);
        l = web_down_change_init_replaced(to, c->nreplaced);
        for (uint32_t i = 0; i < c->nreplaced; i++)
                capnp_lbuilder_set_u16(l, i, c->replaced[i]);
}

void pane_commands_write(const capos_ui_surface *s, web_down_commands_builder to)
{
        web_down_offered_list_builder l;
        struct capos_ui_pane p;

        capos_ui_surface_info(s, &p);
        web_down_commands_set_surface(to, p.number);
        l = web_down_commands_init_commands(to, p.commands);
        for (uint32_t i = 0; i < p.commands; i++)
                offered_write(s, i, web_down_offered_list_builder_get(l, i));
}

void pane_layout_write(const struct capos_ui_layout *l, web_down_layout_builder to)
{
        web_down_layout_node_list_builder nodes;
        struct capos_ui_pane p;

        web_down_layout_set_narrow(to, l->narrow);
        nodes = web_down_layout_init_nodes(to, l->n);
        for (uint8_t i = 0; i < l->n; i++) {
                web_down_layout_node_builder w = web_down_layout_node_list_builder_get(nodes, i);
                const struct capos_ui_node *n = &l->nodes[i];

                web_down_layout_node_set_kind(w, (enum web_down_layout_node_kind)n->kind);
                web_down_layout_node_set_weight(w, n->weight);
                web_down_layout_node_set_children(w, n->children);
                web_down_layout_node_set_front(w, n->front);
                web_down_layout_node_set_visible(w, n->visible);
                if (!n->surface)
                        continue;
                capos_ui_surface_info(n->surface, &p);
                web_down_layout_node_set_surface(w, p.number);
        }
}

void pane_prompt_write(const struct capos_ui_prompt *p, web_down_prompt_builder to)
{
        web_down_prompt_argument_list_builder l;

        web_down_prompt_set_prompt(to, p->id);
        web_down_prompt_set_kind(to, (enum web_down_prompt_kind)p->kind);
        web_down_prompt_set_service(to, p->service);
        web_down_prompt_set_service_title(to, p->title);
        web_down_prompt_set_account(to, p->account);
        web_down_prompt_set_what(to, p->what);
        web_down_prompt_set_capability(to, p->capability ? p->capability : "");
        web_down_prompt_set_method(to, p->method ? p->method : "");
        web_down_prompt_set_effect(to, (enum command_effect)p->effect);
        web_down_prompt_set_text(to, p->text);
        web_down_prompt_set_deaf_ms(to, CAPOS_UI_DEAF_MS);
        l = web_down_prompt_init_arguments(to, p->narguments);
        for (uint32_t i = 0; i < p->narguments; i++) {
                web_down_prompt_argument_builder a =
                        web_down_prompt_argument_list_builder_get(l, i);

                web_down_prompt_argument_set_path(a, p->arguments[i].path);
                web_down_prompt_argument_set_value(a, p->arguments[i].value);
                web_down_prompt_argument_set_constant(a, p->arguments[i].constant);
        }
}

void pane_theme_write(const struct capos_ui_theme *t, ui_theme_hint_builder to)
{
        ui_theme_hint_set_accent(to, (enum ui_theme_hint_accent)t->accent);
        ui_theme_hint_set_density(to, (enum ui_theme_hint_density)t->density);
        ui_theme_hint_set_scale_percent(to, t->scale_percent);
        ui_theme_hint_set_scheme(to, (enum ui_theme_hint_scheme)t->scheme);
        ui_theme_hint_set_contrast(to, (enum ui_theme_hint_contrast)t->contrast);
        ui_theme_hint_set_motion(to, (enum ui_theme_hint_motion)t->motion);
        ui_theme_hint_set_simple(to, t->simple);
}
