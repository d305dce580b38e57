/*
 * A pane, and patches for it written as Cap'n Proto text. What is expected is said as the beginning
 * of what the service is told; NULL: the patch is taken.
 */
#ifndef CAPOS_TEST_UI_H
#define CAPOS_TEST_UI_H

#include "harness.h"
#include "ui-patch.h"

#include <capos/capnp-dynamic.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rig {
        capnp_schema *schemas;
        struct ui_sum sum;
        struct ui_ledger ledger;
        struct ui_pane *pane;
        struct ui_change change; /* of the last patch that was taken */
        struct ui_refused why;
        uint64_t now_ms; /* a second later with each patch */
};

/* All commands are taken but `no`. */
static int rig_command(void *arg, const struct ui_pane *p, command_reader c,
                       struct ui_refused *ret_why)
{
        (void)arg;
        (void)p;
        return strcmp(command_id(c).p, "no")
                       ? 0
                       : ui_refuse(ret_why, UI_REFUSAL_TARGET, "not what this service may call");
}

static const struct ui_patch_ops rig_ops = {.command = rig_command};

static inline void rig_init(struct rig *g)
{
        *g = (struct rig){.now_ms = 1000000};
        CHECK_OK(capnp_schema_new(&g->schemas));
        CHECK_OK(capnp_schema_add_file(g->schemas, &remote_ui_capnp_schema));
        ui_sum_init(&g->sum, UI_ALL_SURFACES, UI_ALL_BYTES);
        ui_ledger_init(&g->ledger, &g->sum, NULL, g->now_ms);
}

static inline void rig_close(struct rig *g)
{
        ui_change_deinit(&g->change);
        g->pane = ui_pane_free(g->pane);
        CHECK(ui_ledger_is_zero(&g->ledger));
        CHECK_EQ(g->sum.surfaces.used, 0);
        CHECK_EQ(g->sum.bytes.used, 0);
}

static inline void rig_deinit(struct rig *g)
{
        rig_close(g);
        capnp_schema_free(g->schemas);
}

/* Makes a struct of a text; free *ret_m. */
static inline capnp_reader rig_read(struct rig *g, uint64_t type, const char *text,
                                    capnp_msg **ret_m)
{
        struct capnp_fault fault = {0};

        CHECK_OK(capnp_msg_new(ret_m));
        if (capnp_text_parse(g->schemas, type, capnp_text_of(text), NULL, capnp_msg_build(*ret_m),
                             &fault))
                test_fail(__FILE__, __LINE__, "%u:%u %s: %s in %.300s", fault.line, fault.column,
                          fault.path, fault.what, text);
        return capnp_any_struct(capnp_msg_root(*ret_m), NULL);
}

/* Whether r and what was said are what is expected. */
static inline void rig_expect(const struct rig *g, int r, const char *expected, const char *what)
{
        if ((r && r != CAPNP_E_EXCEPTION) || !r != !expected)
                test_fail(__FILE__, __LINE__, "%.300s: %d, %s", what, r, r ? g->why.text : "taken");
        if (r && expected && strncmp(g->why.text, expected, strlen(expected)))
                test_fail(__FILE__, __LINE__, "%.300s: %s, not %s", what, g->why.text, expected);
}

/* Opens a pane, which takes the place of the one there was. */
static inline void rig_spec(struct rig *g, const char *text, const char *expected)
{
        capnp_msg *m = NULL;
        ui_surface_spec_reader spec = {rig_read(g, UI_SURFACE_SPEC_ID, text, &m)};

        rig_close(g);
        g->now_ms += 1000;
        rig_expect(g, ui_pane_new(&g->ledger, spec, g->now_ms, &g->pane, &g->why), expected, text);
        capnp_msg_free(m);
}

static inline void rig_open(struct rig *g, enum ui_surface_kind kind, const char *safety_class)
{
        char text[300];

        (void)snprintf(text, sizeof(text),
                       "(surfaceId = \"p\", title = \"Pane\", kind = %s, safetyClass = %s, "
                       "modelSchema = %llu)",
                       ui_surface_kind_name(kind), safety_class,
                       (unsigned long long)ui_kind_schema(ui_kind_of(kind)));
        rig_spec(g, text, NULL);
}

/* Applies a whole patch. */
static inline void rig_patch(struct rig *g, const char *text, const char *expected)
{
        capnp_msg *m = NULL;
        ui_patch_reader patch = {rig_read(g, UI_PATCH_ID, text, &m)};
        uint64_t revision = g->pane->revision, bytes = g->pane->account.bytes;
        struct ui_change change = {0};
        int r;

        g->now_ms += 1000;
        r = ui_patch_apply(g->pane, patch, &rig_ops, g->now_ms, &change, &g->why);
        rig_expect(g, r, expected, text);
        CHECK_EQ(g->pane->revision, revision + !r);
        CHECK(!r || g->pane->account.bytes == bytes);
        CHECK(ui_model_is_sound(g->pane->model));
        CHECK_EQ(g->pane->account.bytes, ui_pane_bytes(g->pane));
        if (!r) {
                ui_change_deinit(&g->change);
                g->change = change;
                CHECK_EQ(change.revision, g->pane->revision);
        }
        capnp_msg_free(m);
}

/* `updateModel` with this model patch; a base of the present revision is put in for %B. */
static inline void rig_model(struct rig *g, const char *text, const char *expected)
{
        const char *base = strstr(text, "%B");
        size_t room = strlen(text) + 200;
        char *whole = malloc(room);

        CHECK(whole);
        (void)snprintf(whole, room, "(kind = updateModel, payload = (model = (%.*s%.0llu%s)))",
                       (int)(base ? base - text : 0), text,
                       base ? (unsigned long long)g->pane->revision : 0ULL, base ? base + 2 : text);
        if (base && !g->pane->revision)
                (void)snprintf(whole, room, "(kind = updateModel, payload = (model = (%.*s0%s)))",
                               (int)(base - text), text, base + 2);
        rig_patch(g, whole, expected);
        free(whole);
}

/* n times a pattern, with commas between; `%u` in it is the place. Free it. */
static inline char *rig_list(const char *pattern, unsigned n)
{
        char *text = NULL;
        size_t len;
        FILE *f = open_memstream(&text, &len);

        CHECK(f);
        for (unsigned i = 0; i < n; i++) {
                const char *at = pattern, *next;

                if (i)
                        (void)fputs(", ", f);
                for (; (next = strstr(at, "%u")); at = next + 2)
                        (void)fprintf(f, "%.*s%u", (int)(next - at), at, i);
                (void)fputs(at, f);
        }
        (void)fclose(f);
        return text;
}

/* A model patch of a front, a list of n and an end: `whole = (list = (items = [`, …, `]))`. */
static inline void rig_many(struct rig *g, const char *front, const char *pattern, unsigned n,
                            const char *end, const char *expected)
{
        char *list = rig_list(pattern, n);
        size_t room = strlen(front) + strlen(list) + strlen(end) + 1;
        char *text = malloc(room);

        CHECK(text);
        (void)snprintf(text, room, "%s%s%s", front, list, end);
        rig_model(g, text, expected);
        free(text);
        free(list);
}

/* n bytes of text. */
static inline const char *rig_bytes(unsigned n)
{
        static char text[8192];

        CHECK(n < sizeof(text));
        memset(text, 'a', n);
        text[n] = '\0';
        return text;
}

/* A front, n bytes of text, and an end. Overwritten by the next. */
static inline const char *rig_long(const char *front, unsigned n, const char *end)
{
        static char text[10000];
        size_t at = strlen(front);

        CHECK(at + n + strlen(end) < sizeof(text));
        memcpy(text, front, at);
        memset(text + at, 'a', n);
        memcpy(text + at + n, end, strlen(end) + 1);
        return text;
}

#endif
