/*
 * Settings, loaded at the beginning and saved whenever a person has changed something.
 *
 * Another host of the same account may save, too; who is second is refused, because the version has
 * changed. Then what is there now is loaded, which leaves what was chosen here as it is, and both
 * are saved together. Whether that was the reason, only the version says: if it is the same, saving
 * has failed for another, and nothing more is kept in this run. The panes are worth more.
 */
#include "settings.h"

#include "remote_ui.capnp-c.h"

enum { TRIES = 16 };

static void settings_save(struct settings *s);

static void settings_rest(struct settings *s)
{
        if (s->idle)
                s->idle(s->arg);
}

static void settings_lose(struct settings *s, capnp_question *why)
{
        s->cap = capnp_cap_unref(s->cap);
        if (s->lost)
                s->lost(s->arg, why);
        settings_rest(s);
}

static void settings_on_loaded(capnp_question *q, int r, void *arg)
{
        struct settings *s = arg;
        uint64_t version = r ? s->version : ui_settings_load_version(q);

        s->q = NULL;
        if (version != s->version && ++s->tries < TRIES) {
                s->version = version;
                (void)!capos_ui_saved_load(s->ui, ui_settings_load_saved(q).r);
                settings_save(s);
        } else {
                settings_lose(s, r ? q : s->failed);
        }
        s->failed = capnp_question_free(s->failed);
        capnp_question_free(q);
}

static void settings_on_saved(capnp_question *q, int r, void *arg)
{
        struct settings *s = arg;

        s->q = NULL;
        if (r) {
                s->unsaved = true;
                s->failed = q;
                s->q = ui_settings_load((ui_settings_client){s->cap});
                if (!s->q)
                        settings_lose(s, q);
                capnp_question_send(s->q, settings_on_loaded, s);
                return;
        }

        s->tries = 0;
        s->version = ui_settings_save_version(q);
        capos_ui_saved_kept(s->ui);
        capnp_question_free(q);
        if (s->unsaved)
                settings_save(s);
        else
                settings_rest(s);
}

static void settings_save(struct settings *s)
{
        s->q = ui_settings_save((ui_settings_client){s->cap});
        if (!s->q) {
                settings_rest(s); /* the next change tries again */
                return;
        }
        capos_ui_saved_store(s->ui, capnp_builder_any(capnp_question_params(s->q), 0));
        ui_settings_save_set_version(s->q, s->version);
        s->unsaved = false;
        capnp_question_send(s->q, settings_on_saved, s);
}

void settings_changed(struct settings *s)
{
        s->unsaved = true;
        if (s->cap && !s->q)
                settings_save(s);
}

capnp_question *settings_load(struct settings *s, capos_client *client)
{
        struct capos_cap_entry e;

        for (uint32_t i = 0; !s->cap && capos_client_entry(client, i, &e); i++)
                if (e.interface == UI_SETTINGS_ID)
                        s->cap = capos_client_get(client, e.name, e.interface);
        return s->cap ? ui_settings_load((ui_settings_client){s->cap}) : NULL;
}

void settings_take(struct settings *s, capnp_question *q, int r)
{
        if (r) {
                settings_lose(s, q);
                return;
        }
        s->version = ui_settings_load_version(q);
        (void)!capos_ui_saved_load(s->ui, ui_settings_load_saved(q).r);
        if (s->unsaved)
                settings_save(s);
}

void settings_close(struct settings *s)
{
        s->q = capnp_question_free(s->q);
        s->failed = capnp_question_free(s->failed);
        s->cap = capnp_cap_unref(s->cap);
}
