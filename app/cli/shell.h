/* `capos shell`, in parts. */
#ifndef CAPOS_CLI_SHELL_H
#define CAPOS_CLI_SHELL_H

#include "cli.h"

enum {
        SHELL_REFS = 64, /* names that may be given at once */
        SHELL_HELD = 64,
        SHELL_NAME = 32,        /* bytes of one, with its end */
        SHELL_LINE = 64 * 1024, /* of a line */
        SHELL_TEXT = 16 << 20,  /* of what is printed */
};

struct shell;

/* A name: what a call has returned, or will, or one reference. */
struct shell_ref {
        struct shell *shell;
        char name[SHELL_NAME];
        capnp_question *q; /* NULL: it is a reference */
        struct capnp_method_info m;
        capnp_cap *cap;
        uint64_t interface; /* of cap; 0: the schema says nothing */
        bool is_named;      /* by a person; else it is the last result */
};

/* What stands in front of the words of a call. */
struct shell_target {
        capnp_cap *cap; /* the target's */
        uint64_t interface;
        const char *method; /* in the line; "": it ends with the reference */
        char name[128];     /* for who is told of it */
};

struct shell_input;

struct shell {
        struct cli *c;
        struct shell_input *input;
        struct shell_ref *refs[SHELL_REFS];
        unsigned nrefs;
        /* Capabilities of the bundle that were called, by their place in it: each is got once. */
        capnp_cap *held[SHELL_HELD];
        capnp_cap *given[CLI_WORDS]; /* references among the parameters of the present call */
        unsigned ngiven;
        bool plain;       /* lines are not of the shell's: no completion, nothing on the right */
        bool interrupted; /* by Ctrl-C, since the line was asked for */
        bool ending;      /* by .quit, by a signal, or because the session has ended */
        int result;       /* the exit code so far */
};

/* ---- shell-words.c */

/* Splits a line into words as a shell does, with quotes, within store; a word that begins with {
 * takes the rest of the line. false: a quote has no end, or there are too many words. */
bool shell_words(const char *line, char *store, const char *words[static CLI_WORDS],
                 unsigned *ret_n);
/* How much of a text is a name: letters, digits, _. */
size_t shell_name_length(const char *p);

/* ---- shell-refs.c */

/* The name's; NULL: nobody has it. name needs no NUL. */
struct shell_ref *shell_ref_find(const struct shell *s, const char *name, size_t len);
/* A name for something new; what had it goes. NULL: said that there are too many. */
struct shell_ref *shell_ref_new(struct shell *s, const char *name, size_t len);
void shell_ref_drop(struct shell *s, struct shell_ref *r);
void shell_refs_drop_all(struct shell *s);
/* Lets go of what was got of the bundle: the next call gets it anew. */
void shell_held_drop(struct shell *s);
/* What a text like `chat.join`, `$m.membership.send` or `$m` names. An exit code. */
int shell_target_find(struct shell *s, const char *text, struct shell_target *ret_t);
void shell_target_deinit(struct shell_target *t);
/* The reference that stands for the results of a call: the only one at their top. false: there are
 * none, or several. */
bool shell_only_reference(const struct shell *s, uint64_t results, const char **ret_field);

/* ---- shell-listen.c */

/* Adds a listener for each parameter that is a reference and not among the params, which are JSON,
 * to these and to what is given. who: begins what is printed. 0; -ENOMEM, or another code. */
int shell_listen(struct shell *s, const char *who, const struct capnp_method_info *m, char **params,
                 bool *ret_added) CAPNP_MUST_USE;

/* ---- shell-call.c */

/* Does a line that is no command of the shell's own. */
void shell_do(struct shell *s, const char *line);
/* Waits for everything that has a name and has not returned. */
void shell_wait_all(struct shell *s);
/* Waits so long, or until it is interrupted. */
void shell_wait_for(struct shell *s, uint64_t ms);

/* ---- shell-input.c */

/* Lines from a terminal, with a prompt, or from standard input as it is. An exit code. */
int shell_input_new(struct shell *s, const char *prompt, struct shell_input **ret_i);
struct shell_input *shell_input_free(struct shell_input *i);
bool shell_input_is_typed(const struct shell_input *i);
/* The next line, without its end, valid until the next call; NULL: there is none. Meanwhile the
 * vat runs. */
const char *shell_input_line(struct shell_input *i);
unsigned shell_input_number(const struct shell_input *i);
/* Takes what is being typed off the screen, so that something can be printed; and draws it anew. */
void shell_input_hide(struct shell_input *i);
void shell_input_show(struct shell_input *i);

/* ---- shell-complete.c */

/* Offers what could go on from a line up to the cursor: full text of the last word. */
typedef void shell_offer(void *arg, const char *word);
void shell_complete(struct shell *s, const char *line, shell_offer *offer, void *arg);
/* How the method is called whose words are being typed; "": nothing to say. */
void shell_usage(struct shell *s, const char *line, char *to, size_t room);

#endif
