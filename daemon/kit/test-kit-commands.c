/*
 * A service's table of commands: what is told, who waits, and when that ends; what a field may be.
 */
#include <capos/kit-commands.h>

#include "command.capnp-c.h"
#include "harness.h"

#include <errno.h>
#include <stdio.h>

static const struct kit_choice colours[] = {{"red", "Red", "warm"}, {"green", NULL, NULL}};
static const struct kit_command_field fields[] = {
        {.path = "count", .kind = KIT_FIELD_INTEGER, .required = true, .min = 1, .max = 9},
        {.path = "colour",
         .label = "Colour",
         .kind = KIT_FIELD_CHOICE,
         .choices = colours,
         .nchoices = 2,
         .initial = "red"},
        {.path = "name", .kind = KIT_FIELD_CHOICE, .completed = true, .help = "Who."}};
static const struct kit_command table[] = {
        {.id = "paint",
         .title = "Paint it",
         .summary = "Makes it so.",
         .effect = KIT_LASTING,
         .interface = 0x77,
         .method = 3,
         .fields = fields,
         .nfields = 3},
        {.id = "zoom", .title = "Zoom", .why_not = "nothing to see", .key = "z"}};

struct rig {
        capnp_vat *vat;
        struct kit_commands *k;
        capnp_cap *c;
};

static int on_commands(void *self, capnp_answer *a)
{
        return kit_commands_answer(((struct rig *)self)->k, a);
}

static int on_complete(void *self, capnp_answer *a)
{
        return kit_commands_complete(((struct rig *)self)->k, a);
}

/* Sixty people, of whom nobody may see more than fifty. */
static void complete(void *arg, const char *command, const char *path, const char *prefix,
                     struct kit_choices *to)
{
        char name[16];

        (void)arg;
        (void)prefix;
        CHECK_STR(command, "paint");
        CHECK_STR(path, "name");
        for (unsigned i = 0; i < 60; i++) {
                (void)snprintf(name, sizeof(name), "p%u", i);
                kit_choices_add(to, &(struct kit_choice){.value = name});
        }
}

static const struct command_surface_ops ops = {.commands = on_commands, .complete = on_complete};

static void rig_open(struct rig *g)
{
        CHECK_OK(capnp_vat_new(&g->vat));
        CHECK_OK(kit_commands_new(g->vat, table, 2, complete, NULL, &g->k));
        CHECK_OK(command_surface_serve(g->vat, &ops, g, &g->c));
}

static void rig_close(struct rig *g)
{
        g->k = kit_commands_free(g->k);
        g->c = capnp_cap_unref(g->c);
        g->vat = capnp_vat_free(g->vat);
}

static capnp_question *ask(struct rig *g, uint64_t known, uint32_t wait_ms)
{
        capnp_question *q = command_surface_commands((command_surface_client){g->c});

        command_surface_commands_set_known(q, known);
        command_surface_commands_set_wait_ms(q, wait_ms);
        return q;
}

static uint64_t revision_of(struct rig *g)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = ask(g, 0, 0);

        CHECK_OK(capnp_question_wait(q));
        return command_surface_commands_revision(q);
}

TEST(a_table_is_told_whole)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        command_reader c;
        command_field_reader f;
        struct rig g;

        rig_open(&g);
        q = ask(&g, 0, 60000);
        CHECK_OK(capnp_question_wait(q));
        CHECK_EQ(command_list_len(command_surface_commands_commands(q)), 2);
        c = command_list_get(command_surface_commands_commands(q), 0);
        CHECK_STR(command_id(c).p, "paint");
        CHECK_STR(command_summary(c).p, "Makes it so.");
        CHECK_EQ(command_effect(c), COMMAND_EFFECT_LASTING);
        CHECK(command_enabled(c));
        CHECK_EQ(command_call_interface_id(command_run_call(command_run(c))), 0x77);
        CHECK_EQ(command_call_method_id(command_run_call(command_run(c))), 3);
        f = command_field_list_get(command_fields(c), 0);
        CHECK_STR(command_field_label(f).p, "count");
        CHECK(command_field_required(f) && command_field_max(f) > 8.5);
        CHECK_EQ(command_field_max_bytes(f), 4096);
        f = command_field_list_get(command_fields(c), 1);
        CHECK_EQ(command_choice_list_len(command_field_choices(f)), 2);
        CHECK_STR(command_value_text(command_field_initial(f)).p, "red");
        CHECK_STR(command_choice_label(command_choice_list_get(command_field_choices(f), 1)).p,
                  "green");
        c = command_list_get(command_surface_commands_commands(q), 1);
        CHECK(!command_enabled(c));
        CHECK_STR(command_reason(c).p, "nothing to see");
        CHECK_EQ(command_run_which(command_run(c)), COMMAND_RUN_VIEW);
        q = capnp_question_free(q);
        rig_close(&g);
}

TEST(who_knows_the_revision_waits_for_the_next)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL, *late = NULL;
        struct rig g;
        uint64_t now;

        rig_open(&g);
        now = revision_of(&g);
        late = ask(&g, now, 60000);
        capnp_question_send(late, NULL, NULL);
        q = ask(&g, now, 1);
        CHECK_OK(capnp_question_wait(q));
        CHECK_EQ(command_surface_commands_revision(q), now);
        CHECK_EQ(command_list_len(command_surface_commands_commands(q)), 0);
        CHECK(!capnp_question_is_done(late));
        kit_commands_set(g.k, table + 1, 1);
        CHECK_OK(capnp_question_wait(late));
        CHECK_EQ(command_surface_commands_revision(late), now + 1);
        CHECK_EQ(command_list_len(command_surface_commands_commands(late)), 1);
        /* Another revision than that there is: an older one, or one that never was. */
        late = capnp_question_free(late);
        late = ask(&g, now, 60000);
        CHECK_OK(capnp_question_wait(late));
        CHECK_EQ(command_list_len(command_surface_commands_commands(late)), 1);
        q = capnp_question_free(q);
        late = capnp_question_free(late);
        rig_close(&g);
}

TEST(who_gives_up_is_forgotten_and_who_stays_is_told_of_the_end)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL, *stays = NULL;
        struct rig g;
        uint64_t now;

        rig_open(&g);
        now = revision_of(&g);
        q = ask(&g, now, 60000);
        capnp_question_send(q, NULL, NULL);
        stays = ask(&g, now, 60000);
        capnp_question_send(stays, NULL, NULL);
        (void)revision_of(&g);
        q = capnp_question_free(q);
        (void)revision_of(&g);
        g.k = kit_commands_free(g.k);
        CHECK_EQ(capnp_question_wait(stays), CAPNP_E_DISCONNECTED);
        stays = capnp_question_free(stays);
        rig_close(&g);
}

static uint32_t choices_of(struct rig *g, const char *command, const char *path, const char *prefix)
{
        capnp_question *q = command_surface_complete((command_surface_client){g->c});
        uint32_t n = UINT32_MAX;

        command_surface_complete_set_command(q, command);
        command_surface_complete_set_path(q, path);
        command_surface_complete_set_prefix(q, prefix);
        if (!capnp_question_wait(q))
                n = command_choice_list_len(command_surface_complete_choices(q));
        capnp_question_free(q);
        return n;
}

TEST(fields_are_completed)
{
        struct rig g;

        rig_open(&g);
        CHECK_EQ(choices_of(&g, "paint", "colour", ""), 2);
        CHECK_EQ(choices_of(&g, "paint", "colour", "gr"), 1);
        CHECK_EQ(choices_of(&g, "paint", "name", "p"), 50);
        CHECK_EQ(choices_of(&g, "paint", "name", "p1"), 11);
        CHECK_EQ(choices_of(&g, "paint", "name", "x"), 0);
        CHECK_EQ(choices_of(&g, "paint", "count", ""), 0);
        CHECK_EQ(choices_of(&g, "paint", "nothing", ""), UINT32_MAX);
        CHECK_EQ(choices_of(&g, "nothing", "name", ""), UINT32_MAX);
        rig_close(&g);
}

TEST(tables_have_a_maximum)
{
        static const struct kit_command many[KIT_COMMANDS_MAX + 1];
        struct kit_commands *k = NULL;
        capnp_vat *v = NULL;

        CHECK_OK(capnp_vat_new(&v));
        CHECK_EQ(kit_commands_new(v, many, KIT_COMMANDS_MAX + 1, NULL, NULL, &k), -EINVAL);
        CHECK(!k);
        v = capnp_vat_free(v);
}
