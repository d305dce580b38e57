/* What a person is asked: the words, how often, and how long a question takes no answer. */
#ifndef CAPOS_UI_PROMPT_H
#define CAPOS_UI_PROMPT_H

#include "base-list.h"
#include "ui-refuse.h"
#include "ui-value.h"

enum { UI_PROMPTS_A_MINUTE = 3, UI_PROMPT_MINUTE_MS = 60000 };

/* How often one service has had a person asked. */
struct ui_prompt_meter {
        uint64_t at_ms[UI_PROMPTS_A_MINUTE]; /* the last ones, the oldest first */
        unsigned n;
        bool is_open; /* one is, or waits for its turn */
};

/* Whether one more may be; it then counts, if no person's act has brought it. 0; CAPNP_E_EXCEPTION:
 * `over-quota.ui-prompts`. */
int ui_prompt_meter_take(struct ui_prompt_meter *m, enum capos_ui_prompt_kind kind, uint64_t now_ms,
                         struct ui_refused *ret_why) CAPNP_MUST_USE;

struct ui_prompt {
        struct capnp_i_list link;  /* struct ui_prompts */
        struct capos_ui_prompt it; /* its texts are this one's own */
        struct capos_ui_argument arguments[UI_ARGS];
        struct ui_words store;
        struct ui_prompt_meter *meter; /* of who wants it; outlives it */
        uint64_t shown_ms;             /* 0: it waits for its turn */
        /* Once, with the answer; or with no when what it was about is over. Takes what it needs
         * with it: the prompt ends when this returns. */
        void (*answered)(void *arg, bool yes, bool is_over);
        void *arg;
        const void *about; /* a pane; NULL: none */
};

/* What a prompt is made of. Borrowed. */
struct ui_prompt_draft {
        enum capos_ui_prompt_kind kind;
        const char *service, *title, *account, *what, *capability, *method;
        enum capos_ui_effect effect;
        const struct ui_args *args; /* may be NULL */
        const void *about;          /* kept as it is */
};

int ui_prompt_new(const struct ui_prompt_draft *d, struct ui_prompt **ret_p) CAPNP_MUST_USE;
/* Also takes it off its list and off its meter. */
struct ui_prompt *ui_prompt_free(struct ui_prompt *p);

/* Whether it takes an answer by now. */
bool ui_prompt_hears(const struct ui_prompt *p, uint64_t now_ms);

#endif
