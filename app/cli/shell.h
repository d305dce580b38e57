/* `capos shell`, in parts. */
#ifndef CAPOS_CLI_SHELL_H
#define CAPOS_CLI_SHELL_H

#include "back.h"

enum {
        SHELL_REFS = 64, /* names that may be given at once */
        SHELL_HELD = 64,
        SHELL_NAME = 32,        /* bytes of one, with its end */
        SHELL_LINE = 64 * 1024, /* of a line */
        SHELL_TEXT = 16 << 20,  /* of what is printed */
        SHELL_LATER = 64 << 10, /* of what is printed when a command is over */
        SHELL_WORD = 512,       /* of what can be completed to */
        SHELL_CAP = 128,        /* of the name of a capability, with its end */
};

struct shell;

/* A name: what a call has returned, or will, or one reference. */
struct shell_ref {
        struct shell *shell;
        char name[SHELL_NAME];
        capnp_question *q; /* NULL: it is a reference */
        struct capnp_method_info m;
        capnp_cap *cap;
        uint64_t interface;   /* of cap; 0: the schema says nothing */
        char from[SHELL_CAP]; /* the capability of the bundle that it is; "": another one */
        unsigned number;      /* the line of a script that has made it */
        bool is_named;        /* by a person; else it is the last result */
};

/* What stands in front of the words of a call. */
struct shell_target {
        capnp_cap *cap; /* the target's */
        uint64_t interface;
        const char *method;   /* in the line; "": it ends with the reference */
        char from[SHELL_CAP]; /* the capability of the bundle that it is; "": another one */
        char name[128];       /* for who is told of it */
};

struct shell_input;

/* Whether what is not known may be asked for, and waited for. */
enum shell_asking {
        SHELL_NEEDS,  /* it is waited for, until somebody does not want to any more */
        SHELL_ASKS,   /* by Tab: it is asked for, and the answer comes later */
        SHELL_HINTS,  /* by what is typed: likewise, but of the instance alone, and once */
        SHELL_RECALLS /* it is not */
};

enum { SHELL_ANSWERS = 8, SHELL_WANTED = 8, SHELL_KEY = 1400 };

/* What a service was asked for in the background. */
struct shell_answer {
        struct shell *s;
        char key[SHELL_KEY];
        capnp_question *asked; /* has not returned yet; NULL: none */
        capnp_question *had;   /* the last answer; NULL: none */
        uint64_t had_ms, used; /* when it came; how lately it was looked at */
};

struct shell_asks {
        enum shell_asking how;
        unsigned lacking; /* what was not there when it was last looked for, and is on its way */
        uint64_t wanted[SHELL_WANTED]; /* interfaces whose schemas are to be asked for; the first
                                          is, once running */
        unsigned nwanted;
        bool running;
        uint64_t failed[SHELL_WANTED]; /* those that could not be had, the last ones */
        unsigned nfailed;
        struct capos_error why; /* the last of these */
        struct shell_answer answers[SHELL_ANSWERS];
        uint64_t uses;
};

enum { SHELL_TRACED = 64 };

/* When a question was sent that `.trace` shows. */
struct shell_asked {
        uint32_t question;
        uint64_t at_ms; /* 0: none */
};

struct shell {
        struct cli *c;
        struct shell_input *input;
        /* Something is known that was not, told to the line; NULL: nobody types. */
        void (*on_news)(struct shell *s);
        struct shell_ref *refs[SHELL_REFS];
        unsigned nrefs;
        /* Capabilities of the bundle that were called, by their place in it: each is got once. */
        capnp_cap *held[SHELL_HELD];
        capnp_cap *given[CLI_WORDS]; /* references among the parameters of the present call */
        unsigned ngiven;
        struct shell_asks asks;
        struct back back;                        /* the line between the agent and the instance */
        struct shell_asked traced[SHELL_TRACED]; /* the last ones, by their number */
        /* What happens while a command has the terminal; NULL: it is printed at once. */
        FILE *later;
        char *later_text;
        size_t later_len;
        unsigned later_left_out;
        bool plain;       /* lines are not of the shell's: no completion, nothing on the right */
        bool interrupted; /* by Ctrl-C, since the line was asked for */
        bool ending;      /* by .quit, by a signal, or because the session has ended */
        bool secret;      /* a command has asked for one, since the line was typed */
        int result;       /* the exit code so far */
        unsigned number;  /* of the line, in a script; and of the one that has failed, when that */
        unsigned failed;  /* was found out later, else 0 */
        /* Of the line that was taken last: Ctrl-C gave it up, and nothing had been typed. */
        bool given_up, given_up_empty;
        void (*on_size)(void *arg); /* the terminal has another size; NULL: nobody asks */
        /* Whenever the vat has stopped while a line is waited for, and may run it; likewise. */
        void (*on_turn)(void *arg);
        void *on_arg;
};

/* ---- shell-words.c */

/* Splits a line into words as a shell does, with quotes, within store; a word that begins with {
 * takes the rest of the line. false: a quote has no end, or there are too many words. */
bool shell_words(const char *line, char *store, const char *words[static CLI_WORDS],
                 unsigned *ret_n);
/* How much of a text is a name: letters, digits, _. */
size_t shell_name_length(const char *p);
/* The commands of the shell's own, which are typed with a dot in front; ends with NULL. */
extern const char *const shell_own[];
/* " (a command has a dot in front: `.quit`)" where a word is one; else nothing. Returns to. */
const char *shell_dot_text(const struct shell *s, const char *word, char *to, size_t room);

/* ---- shell-refs.c */

/* The name's; NULL: nobody has it. name needs no NUL. */
struct shell_ref *shell_ref_find(const struct shell *s, const char *name, size_t len);
/* A name for something new; what had it goes. NULL: said that there are too many. */
struct shell_ref *shell_ref_new(struct shell *s, const char *name, size_t len);
void shell_ref_drop(struct shell *s, struct shell_ref *r);
void shell_refs_drop_all(struct shell *s);
/* What a text like `chat.join`, `$m.membership.send` or `$m` names. While something is only tried
 * (s->asks.how) ret_t->cap of the bundle is NULL, and nothing is waited for. An exit code. */
int shell_target_find(struct shell *s, const char *text, struct shell_target *ret_t);
void shell_target_deinit(struct shell_target *t);

/* ---- shell-ask.c */

/* Lets go of what was got of the bundle: the next call gets it anew. */
void shell_held_drop(struct shell *s);
/* A capability of the bundle, which is got once; with a count for the caller. */
capnp_cap *shell_cap_get(struct shell *s, const struct capos_cap_entry *e);
/* Whether the schema of an interface is there. If not it is asked for, as s->asks.how says. */
bool shell_schema_has(struct shell *s, uint64_t interface);
/* Waits for it; name: whose it is. An exit code. */
int shell_schema_need(struct shell *s, uint64_t interface, const char *name) CAPNP_MUST_USE;
/* What commands a capability describes, and what a field of one may be: the last answer, borrowed
 * until the vat runs; NULL: there is none yet. One that is old is asked for anew. */
capnp_question *shell_ask_commands(struct shell *s, const struct capos_cap_entry *e);
capnp_question *shell_ask_choices(struct shell *s, const struct capos_cap_entry *e,
                                  const char *command, const char *path, const char *prefix);
/* Waits for what is on its way, and not so long that it is noticed. Whether something came. */
bool shell_asks_wait(struct shell *s);
/* Forgets all of it. */
void shell_asks_drop(struct shell *s);

/* ---- shell-back.c */

/* Has us told of a line that drops and comes back, until back_end(). */
void shell_back_begin(struct shell *s);

/* ---- shell-listen.c */

/* Adds a listener for each parameter that is a reference and not among the params, which are JSON,
 * to these and to what is given. who: begins what is printed. 0; -ENOMEM, or another code. */
int shell_listen(struct shell *s, const char *who, const struct capnp_method_info *m, char **params,
                 bool *ret_added) CAPNP_MUST_USE;

/* From now on, what happens is kept, up to SHELL_LATER bytes; or it is printed. */
void shell_listen_hold(struct shell *s);
void shell_listen_release(struct shell *s);
/* Whether a line was kept. */
bool shell_later(struct shell *s, const char *line);

/* ---- shell-call.c */

/* Does a line that is no command of the shell's own. */
void shell_do(struct shell *s, const char *line);
/* Waits for everything that has a name and has not returned. */
void shell_wait_all(struct shell *s);
/* Waits so long, or until it is interrupted. */
void shell_wait_for(struct shell *s, uint64_t ms);

/* ---- shell-input.c */

/* Moments that a line has to be begun after, to count. */
enum shell_mark { SHELL_MARK_ASKED, SHELL_MARK_THERE, SHELL_MARKS };

/* Lines from a terminal, with a prompt, or from standard input as it is. An exit code. */
int shell_input_new(struct shell *s, const char *prompt, struct shell_input **ret_i);
struct shell_input *shell_input_free(struct shell_input *i);
bool shell_input_is_typed(const struct shell_input *i);
/* Whether a script has no more lines. */
bool shell_input_is_over(const struct shell_input *i);
/* Whether something stands in the line that is being typed. */
bool shell_input_has_begun(const struct shell_input *i);
/* This is the moment: what has been typed so far, read or not, was typed before it. */
void shell_input_mark(struct shell_input *i, enum shell_mark which);
/* Whether the last line was begun before it. */
bool shell_input_was_begun(const struct shell_input *i, enum shell_mark which);
/* The next line, without its end, valid until the next call; NULL: there is none. Meanwhile the
 * vat runs. */
const char *shell_input_line(struct shell_input *i);
/* Keeps a line for the next time, unless it begins with a space. */
void shell_input_keep(struct shell_input *i, const char *line);
/* The lines up to one that is `end`, or, NULL, all that there are: with newlines between them, and
 * a NUL behind the last; to be freed. What shell_input_line() has returned is invalid then. An exit
 * code. */
int shell_input_block(struct shell_input *i, const char *end, char **ret_p,
                      size_t *ret_len) CAPNP_MUST_USE;
unsigned shell_input_number(const struct shell_input *i);
/* Takes what is being typed off the screen, so that something can be printed; and draws it anew. */
void shell_input_hide(struct shell_input *i);
void shell_input_show(struct shell_input *i);

/* ---- shell-complete.c */

/* Offers what could go on from a line up to the cursor: full text of the last word. */
typedef void shell_offer(void *arg, const char *word);
/* What an offer goes to, and the text before the part that is being completed. */
struct shell_to {
        shell_offer *offer;
        void *arg;
        const char *before;
        size_t len;
};
void shell_offer_word(const struct shell_to *to, const char *name, const char *end);
void shell_complete(struct shell *s, const char *line, shell_offer *offer, void *arg);
/* What a line up to the cursor is about, in one line: the author's first sentence about a method,
 * or how it is called; what a command does. "": nothing to say. */
void shell_hint(struct shell *s, const char *line, char *to, size_t room);
/* Prints how the method is called whose parameters are to be typed next, and what its author says,
 * dimmed. false: there is nothing to say. */
bool shell_about_print(struct shell *s, const char *line);
void shell_offer_caps(struct shell *s, const struct shell_to *to);
void shell_offer_parameters(struct shell *s, uint64_t type, const char *word, struct shell_to *to);

/* ---- shell-trace.c */

/* `.trace` and `.trace off`: words are those behind it. An exit code. */
int shell_trace(struct shell *s, const char *const *words, unsigned n);

/* ---- shell-dots.c */

/* The same for any line, also one that begins with a dot. */
void shell_line_complete(struct shell *s, const char *line, shell_offer *offer, void *arg);
void shell_line_hint(struct shell *s, const char *line, char *to, size_t room);

#endif
