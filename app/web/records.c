/*
 * The transcript of a browser's session. What is secret never gets as far as this: records are made
 * of codes, names and sizes, so an export has nothing to take out.
 */
#include "records.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RECORDS = 1000, LINE = 4096 };

struct records {
        struct record r[RECORDS]; /* a ring */
        unsigned first, n;
};

int records_new(struct bridge *b)
{
        b->records = calloc(1, sizeof(*b->records));
        return b->records ? 0 : -ENOMEM;
}

void records_free(struct bridge *b)
{
        free(b->records);
        b->records = NULL;
}

static void record_write(const struct record *r, web_down_record_builder w)
{
        web_down_record_set_at_ms(w, r->at_ms);
        web_down_record_set_what(w, r->what);
        web_down_record_set_name(w, r->name);
        web_down_record_set_outcome(w, r->outcome);
        web_down_record_set_detail(w, r->detail);
        web_down_record_set_tone(w, r->tone);
}

static void record_tell(struct bridge *b, const struct bridge_tab *t, const struct record *r)
{
        struct down d = down_new(0);

        if (d.m)
                record_write(r, web_down_init_record(d.d));
        down_tell(b, t, &d);
}

void record_add(struct bridge *b, const char *what, const char *name, const char *outcome,
                const char *detail)
{
        struct records *s = b->records;
        struct record *r = &s->r[(s->first + s->n) % RECORDS];

        if (s->n == RECORDS)
                s->first = (s->first + 1) % RECORDS;
        else
                s->n++;
        *r = (struct record){.at_ms = bridge_time_ms(),
                             .what = what,
                             .tone = outcome ? UI_TONE_WARNING : UI_TONE_GOOD};
        (void)snprintf(r->name, sizeof(r->name), "%s", name);
        (void)snprintf(r->outcome, sizeof(r->outcome), "%s", outcome ? outcome : "done");
        (void)snprintf(r->detail, sizeof(r->detail), "%s", detail);
        record_tell(b, NULL, r);
}

void record_error(struct bridge *b, const char *what, const char *name, const struct capos_error *e)
{
        char code[64] = "failed";

        if (e->code == CAPOS_E_DENIED)
                (void)snprintf(code, sizeof(code), "%s", capos_denial_code(e->denial));
        else if (e->code == CAPOS_E_QUOTA)
                (void)snprintf(code, sizeof(code), "over-quota.%s", e->quota);
        record_add(b, what, name, e->code ? code : NULL, "");
}

void records_tell(struct bridge *b, const struct bridge_tab *t)
{
        for (unsigned i = 0; i < b->records->n; i++)
                record_tell(b, t, &b->records->r[(b->records->first + i) % RECORDS]);
}

/* A line, JSON: as it is told. 0, or a code. */
static int record_print(const struct bridge *b, const struct record *r, FILE *f)
{
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf line = {.max = LINE};
        web_down_record_builder w;
        int e = capnp_msg_new(&m);

        if (e)
                return e;
        w = web_down_record_build(m);
        record_write(r, w);
        e = capnp_json_print(b->schema, WEB_DOWN_RECORD_ID, capnp_builder_reader(w.b), NULL, &line);
        if (!e && fprintf(f, "%s\n", line.p) < 0)
                e = -ENOMEM;
        return e;
}

void records_export(struct bridge *b, struct asker a)
{
        struct records *s = b->records;
        char *text = NULL;
        size_t len = 0;
        FILE *f = open_memstream(&text, &len);
        int r = f ? 0 : -ENOMEM;
        struct down d;

        for (unsigned i = 0; !r && i < s->n; i++)
                r = record_print(b, &s->r[(s->first + i) % RECORDS], f);
        if (f && fclose(f) && !r)
                r = -ENOMEM;
        if (r) {
                free(text);
                bridge_fail_code(b, a, r);
                return;
        }
        d = down_new(a.id);
        if (d.m) {
                web_down_file_builder file = web_down_init_file(d.d);

                web_down_file_set_name(file, "capos-transcript.jsonl");
                web_down_file_set_type(file, "application/x-ndjson");
                web_down_file_set_text_n(file, (capnp_text){text, (uint32_t)len});
        }
        down_answer(b, a, &d);
        free(text);
}
