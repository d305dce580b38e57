/*
 * capos-settings as a process: what it keeps, for whom, how much, and what is left of a file that
 * is broken.
 */
#include "kit-play.h"

#include "remote_ui.capnp-c.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const program[] = {"capos-settings", NULL};

struct rig {
        struct play p;
        char folder[64];
        int fd;
};

static void rig_start(struct rig *r)
{
        play_spawn(&r->p, program, r->fd);
        play_ready(&r->p);
}

static void rig_open(struct rig *r)
{
        snprintf(r->folder, sizeof(r->folder), "/tmp/settings-test.XXXXXX");
        CHECK(mkdtemp(r->folder) != NULL);
        r->fd = open(r->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CHECK(r->fd >= 0);
        rig_start(r);
}

static void rig_remove(struct rig *r, const char *name)
{
        (void)unlinkat(r->fd, name, 0);
}

/* The file's name is that of the pseudonym that kit-play makes of n. */
static const char *file_of(uint8_t n)
{
        static char name[33];

        for (unsigned i = 0; i < 16; i++)
                snprintf(name + 2 * i, 3, "%02x", n ^ 0xff);
        return name;
}

static void rig_close(struct rig *r)
{
        play_stop(&r->p);
        rig_remove(r, "new");
        for (uint8_t n = 1; n < 4; n++)
                rig_remove(r, file_of(n));
        close(r->fd);
        CHECK_OK(rmdir(r->folder));
}

/* The version, and the name of the first service, "" if there is none. */
static uint64_t load(struct play_caller *c, char name[static 32])
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        ui_saved_service_list services;

        q = ui_settings_load((ui_settings_client){c->object});
        CHECK_OK(capnp_question_wait(q));
        services = ui_saved_services(ui_settings_load_saved(q));
        snprintf(name, 32, "%s",
                 ui_saved_service_list_len(services)
                         ? ui_saved_service_name(ui_saved_service_list_get(services, 0)).p
                         : "");
        return ui_settings_load_version(q);
}

/* Saves so many services, the first of this name. The exception's text, "" when there is none. */
static const char *save(struct play_caller *c, uint64_t version, const char *name, uint32_t n)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        ui_saved_service_list_builder services;
        static char why[128];

        q = ui_settings_save((ui_settings_client){c->object});
        services = ui_saved_init_services(ui_settings_save_init_saved(q), n);
        for (uint32_t i = 0; i < n; i++)
                ui_saved_service_set_name(ui_saved_service_list_builder_get(services, i), name);
        ui_settings_save_set_version(q, version);
        why[0] = '\0';
        if (capnp_question_wait(q))
                snprintf(why, sizeof(why), "%s", capnp_question_exception(q).reason);
        else
                CHECK_EQ(ui_settings_save_version(q), version + 1);
        return why;
}

static void reset(struct play_caller *c)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;

        q = ui_settings_reset((ui_settings_client){c->object});
        CHECK_OK(capnp_question_wait(q));
}

TEST(each_account_has_its_own_and_finds_them_again)
{
        struct play_caller a, again, b;
        char name[32];
        struct rig r;

        rig_open(&r);
        play_open(&r.p, &a, 1, "");
        play_open(&r.p, &again, 1, "");
        play_open(&r.p, &b, 2, "");
        CHECK_EQ(load(&a, name), 0);
        CHECK_STR(save(&a, 0, "chat", 1), "");
        CHECK_EQ(load(&again, name), 1);
        CHECK_STR(name, "chat");
        CHECK_EQ(load(&b, name), 0);
        CHECK_STR(name, "");

        play_close(&a);
        play_close(&again);
        play_close(&b);
        play_stop(&r.p);
        rig_start(&r);
        play_open(&r.p, &a, 1, "");
        CHECK_EQ(load(&a, name), 1);
        CHECK_STR(name, "chat");
        play_close(&a);
        rig_close(&r);
}

TEST(who_saves_over_what_he_has_not_seen_is_told)
{
        struct play_caller a;
        char name[32];
        struct rig r;

        rig_open(&r);
        play_open(&r.p, &a, 1, "");
        CHECK_STR(save(&a, 0, "one", 1), "");
        CHECK_STR(save(&a, 0, "two", 1), "they have changed since: load them again");
        CHECK_STR(save(&a, 7, "two", 1), "they have changed since: load them again");
        reset(&a);
        CHECK_STR(save(&a, 1, "two", 1), "they have changed since: load them again");
        CHECK_EQ(load(&a, name), 2);
        CHECK_STR(name, "");
        CHECK_STR(save(&a, 2, "three", 1), "");
        play_close(&a);
        rig_close(&r);
}

TEST(nothing_is_kept_of_who_has_no_account)
{
        struct play_caller a;
        char name[32];
        struct rig r;

        rig_open(&r);
        play_open(&r.p, &a, 0, "");
        CHECK_STR(save(&a, 0, "one", 1), "nothing is kept of a session without an account");
        reset(&a);
        CHECK_EQ(load(&a, name), 0);
        play_close(&a);
        rig_close(&r);
}

TEST(there_is_64_kib_and_not_more)
{
        /* A service takes three words and two pointers and here a name of one word; before them
         * are the segment table, the root, UiSaved's two pointers, the list's tag and the version.
         */
        struct play_caller a;
        uint32_t n = 64 * 1024 / 8, most;
        char name[32];
        struct rig r;

        rig_open(&r);
        play_open(&r.p, &a, 1, "");
        CHECK_STR(save(&a, 0, "x", n), "settings have 64 KiB at most");
        for (most = n; *save(&a, 0, "x", most); most /= 2)
                continue;
        for (uint32_t step = most / 2, v = 1; step; step /= 2)
                if (!*save(&a, v, "x", most + step)) {
                        most += step;
                        v++;
                }
        CHECK(load(&a, name) >= 1);
        CHECK_STR(name, "x");
        CHECK(most >= 64 * 1024 / 64 && most < n);
        play_close(&a);
        rig_close(&r);
}

TEST(a_broken_file_is_said_and_can_be_reset)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        struct play_caller a;
        char name[32];
        struct rig r;
        int fd;

        rig_open(&r);
        fd = openat(r.fd, file_of(1), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        CHECK_EQ(write(fd, "abc", 3), 3);
        close(fd);
        play_open(&r.p, &a, 1, "");
        q = ui_settings_load((ui_settings_client){a.object});
        CHECK_EQ(capnp_question_wait(q), CAPNP_E_EXCEPTION);
        reset(&a);
        CHECK_EQ(load(&a, name), 1);
        CHECK_STR(save(&a, 1, "one", 1), "");
        play_close(&a);
        rig_close(&r);
}

TEST(without_a_folder_it_does_not_start)
{
        struct play p;

        play_spawn(&p, program, -1);
        CHECK_EQ(play_wait(&p), 2);
}
