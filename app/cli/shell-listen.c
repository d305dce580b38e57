/*
 * Listeners of `capos shell`. A parameter that is a reference and has no value gets an object that
 * is served by its schema: what is called on it is printed above the line that is being typed, and
 * answered at once, with nothing. It lives as long as the other side holds it. `field:=null` gives
 * none.
 *
 * While a command of the shell's has the terminal, that command's lines are typed and drawn there:
 * what happens meanwhile is kept, and printed when it is over.
 */
#include "shell.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BASE_INTERFACE = 17 };

struct ear {
        struct shell *s;
        char who[SHELL_NAME + 160]; /* `$m.listener` */
};

static void later_print(struct shell *s, const char *line, size_t len)
{
        shell_input_hide(s->input);
        cli_print_line(stdout, "", line, len, cli_columns(stdout));
        shell_input_show(s->input);
}

static void heard(struct shell *s, const char *first, const struct capnp_buf *text)
{
        char *line = NULL;
        int n = asprintf(&line, "%s%.*s", first, (int)text->len, text->p);

        if (n >= 0 && !shell_later(s, line))
                later_print(s, line, (size_t)n);
        if (n >= 0)
                free(line);
}

bool shell_later(struct shell *s, const char *line)
{
        if (!s->later)
                return false;
        if (s->later_len + strlen(line) > SHELL_LATER || fprintf(s->later, "%s\n", line) < 0 ||
            fflush(s->later))
                s->later_left_out++;
        return true;
}

void shell_listen_hold(struct shell *s)
{
        s->later = open_memstream(&s->later_text, &s->later_len);
}

void shell_listen_release(struct shell *s)
{
        const char *line;

        if (!s->later)
                return;
        (void)fclose(s->later);
        s->later = NULL;
        line = s->later_text;
        while (line && *line) {
                size_t len = strcspn(line, "\n");

                later_print(s, line, len);
                line += len + (line[len] == '\n');
        }
        free(s->later_text);
        if (s->later_left_out)
                printf("%u lines more of what has happened meanwhile were left out\n",
                       s->later_left_out);
        s->later_left_out = 0;
}

static int ear_on_call(void *self, const struct capnp_method_info *m, capnp_answer *a)
{
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = SHELL_TEXT};
        const struct ear *e = self;
        const capnp_schema *schema = capos_client_schema_peek(e->s->c->client);
        char first[SHELL_NAME + 400];
        int r = capnp_dynamic_params(schema, m, a, NULL, &b);

        if (r)
                return capnp_answer_fail(a, CAPNP_FAILED, "parameters: %s", capnp_strerror(r));
        (void)snprintf(first, sizeof(first), "%s %s ", e->who, m->name);
        heard(e->s, first, &b);
        if (capnp_dynamic_answer(schema, m, a, (capnp_text){NULL, 0}, NULL, NULL))
                return capnp_answer_fail(a, CAPNP_FAILED, "no results");
        return capnp_answer_return(a);
}

static void ear_on_gone(void *self)
{
        free(self);
}

static int ear_new(struct shell *s, const char *who, const struct capnp_field_info *f,
                   capnp_cap **ret_c)
{
        static const struct capnp_dynamic_ops ops = {.call = ear_on_call, .gone = ear_on_gone};
        struct ear *e = calloc(1, sizeof(*e));
        int r;

        if (!e)
                return -ENOMEM;
        e->s = s;
        (void)snprintf(e->who, sizeof(e->who), "%s.%s", who, f->name);
        r = capnp_dynamic_serve(s->c->vat, capos_client_schema_peek(s->c->client), f->type, &ops, e,
                                ret_c);
        if (r)
                free(e);
        return r;
}

int shell_listen(struct shell *s, const char *who, const struct capnp_method_info *m, char **params,
                 bool *ret_added)
{
        const capnp_decl *d = capnp_schema_find(capos_client_schema_peek(s->c->client), m->params);
        json_t *o = json_loads(*params, 0, NULL);
        struct capnp_field_info f;
        int r = 0;

        *ret_added = false;
        for (uint32_t i = 0; json_is_object(o) && !r && d && !capnp_decl_field(d, i, &f); i++) {
                if (f.base_type != BASE_INTERFACE || f.lists || !f.type ||
                    json_object_get(o, f.name) || s->ngiven == CLI_WORDS)
                        continue;
                r = ear_new(s, who, &f, &s->given[s->ngiven]);
                if (r)
                        break;
                (void)json_object_set_new(o, f.name, json_pack("{s:i}", "$cap", (int)s->ngiven++));
                *ret_added = true;
        }
        if (*ret_added) {
                free(*params);
                *params = json_dumps(o, JSON_COMPACT);
        }
        json_decref(o);
        return r ? r : *params ? 0 : -ENOMEM;
}
