/*
 * Prompts. The words are the host's: what a service says in them stands in quotes, after who says
 * it. All arguments are in them, those that the service has fixed as well, for a person who
 * confirms a call confirms what it says and not what the service calls it.
 *
 * A service cannot wear a person down: one question at a time, three in a minute, and what exceeds
 * that is refused without being seen. A command that a person runs is no act of the service's, and
 * does not count, however often it is run. A question that comes up under a person's
 * fingers takes no answer for half a second, and the default is no.
 */
#include "ui-prompt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int ui_prompt_meter_take(struct ui_prompt_meter *m, enum capos_ui_prompt_kind kind, uint64_t now_ms,
                         struct ui_refused *ret_why)
{
        if (m->is_open)
                return ui_over_quota(ret_why, "prompts", "a person is being asked already");
        if (kind == CAPOS_UI_PROMPT_COMMAND) { /* a person has run it */
                m->is_open = true;
                return 0;
        }
        if (m->n == UI_PROMPTS_A_MINUTE) {
                if (now_ms - m->at_ms[0] < UI_PROMPT_MINUTE_MS)
                        return ui_over_quota(ret_why, "prompts", "more than %d in a minute",
                                             UI_PROMPTS_A_MINUTE);
                memmove(m->at_ms, m->at_ms + 1, (m->n - 1) * sizeof(m->at_ms[0]));
                m->n--;
        }
        m->at_ms[m->n++] = now_ms;
        m->is_open = true;
        return 0;
}

bool ui_prompt_hears(const struct ui_prompt *p, uint64_t now_ms)
{
        return p->shown_ms && now_ms >= p->shown_ms && now_ms - p->shown_ms >= CAPOS_UI_DEAF_MS;
}

static void quote(struct ui_words *w, const char *s)
{
        ui_words_quote(w, capnp_text_of(s));
}

static void command_say(const struct ui_prompt_draft *d, struct ui_words *w)
{
        static const char *const effects[] = {
                [CAPOS_UI_READS] = "It changes nothing.",
                [CAPOS_UI_OWN] = "It changes what only you see.",
                [CAPOS_UI_SHARED] = "Others will see it.",
                [CAPOS_UI_LASTING] = "It cannot be undone, or acts outside.",
        };

        ui_words_say(w, "Run a command of ");
        quote(w, d->title);
        ui_words_say(w, " (%s)? It calls it ", d->service);
        quote(w, d->what);
        ui_words_say(w, ".\n%s\ncapability: %s\nmethod: %s\n", effects[d->effect], d->capability,
                     d->method);
        for (uint32_t i = 0; d->args && i < d->args->n; i++) {
                const struct ui_arg *a = &d->args->v[i];

                ui_words_put(w, a->path.p, a->path.len);
                ui_words_say(w, " = ");
                ui_value_put(&a->value, w);
                ui_words_say(w, "%s\n", a->constant ? "  (set by the service)" : "");
        }
}

static void wish_say(const struct ui_prompt_draft *d, struct ui_words *w)
{
        static const char *const questions[] = {
                [CAPOS_UI_PROMPT_COMMAND] = "",
                [CAPOS_UI_PROMPT_LAYOUT] = "Keep the place of a pane",
                [CAPOS_UI_PROMPT_LOOK] = "Keep how its panes look",
                [CAPOS_UI_PROMPT_THEME] = "Change how the whole workspace looks",
                [CAPOS_UI_PROMPT_OFFER] = "Let a service show panes",
        };

        ui_words_say(w, "%s? ", questions[d->kind]);
        quote(w, d->title);
        ui_words_say(w, " (%s) asks for it%s", d->service, d->what[0] ? ": " : "");
        if (d->what[0])
                quote(w, d->what);
        ui_words_say(w, ".\n");
}

/* Appends a text with its NUL, and says where it is. */
static size_t keep(struct ui_words *w, const char *p, size_t len)
{
        size_t at = w->len;

        ui_words_put(w, p, len);
        ui_words_put(w, "", 1);
        return at;
}

/* All texts of a prompt lie in one block: first where, then what. */
static int prompt_fill(struct ui_prompt *p, const struct ui_prompt_draft *d)
{
        const char *const texts[] = {d->service, d->title,      d->account,
                                     d->what,    d->capability, d->method};
        const char **const to[] = {&p->it.service, &p->it.title,      &p->it.account,
                                   &p->it.what,    &p->it.capability, &p->it.method};
        size_t at[sizeof(texts) / sizeof(texts[0])], paths[UI_ARGS], values[UI_ARGS], text;
        struct ui_words *w = &p->store;

        for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                at[i] = keep(w, texts[i], strlen(texts[i]));
        for (uint32_t i = 0; i < p->it.narguments; i++) {
                paths[i] = keep(w, d->args->v[i].path.p, d->args->v[i].path.len);
                values[i] = w->len;
                ui_value_put(&d->args->v[i].value, w);
                ui_words_put(w, "", 1);
        }
        text = w->len;
        if (d->kind == CAPOS_UI_PROMPT_COMMAND)
                command_say(d, w);
        else
                wish_say(d, w);
        ui_words_say(w, "account: %s\n", d->account[0] ? d->account : "nobody's");
        ui_words_put(w, "", 1);
        if (w->r)
                return w->r;

        for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                *to[i] = w->p + at[i];
        for (uint32_t i = 0; i < p->it.narguments; i++)
                p->arguments[i] = (struct capos_ui_argument){
                        .path = w->p + paths[i],
                        .value = w->p + values[i],
                        .constant = d->args->v[i].constant,
                };
        p->it.arguments = p->arguments;
        p->it.text = w->p + text;
        return 0;
}

int ui_prompt_new(const struct ui_prompt_draft *d, struct ui_prompt **ret_p)
{
        struct ui_prompt *p = calloc(1, sizeof(*p));
        int r;

        if (!p)
                return -ENOMEM;

        capnp_i_list_init(&p->link);
        p->it.kind = d->kind;
        p->it.effect = d->effect;
        p->about = d->about;
        p->it.narguments = d->args ? d->args->n : 0;
        r = prompt_fill(p, d);
        if (r) {
                ui_prompt_free(p);
                return r;
        }
        *ret_p = p;
        return 0;
}

struct ui_prompt *ui_prompt_free(struct ui_prompt *p)
{
        if (!p)
                return NULL;

        capnp_i_list_remove(&p->link);
        if (p->meter)
                p->meter->is_open = false;
        ui_words_deinit(&p->store);
        free(p);
        return NULL;
}
