/*
 * A text, parsed but not yet understood: the same tree for JSON and for Cap'n Proto text. Its nodes
 * refer to the text by position; nothing is copied.
 */
#ifndef CAPNP_DYNAMIC_TREE_H
#define CAPNP_DYNAMIC_TREE_H

#include "dynamic-schema.h"

enum tree_kind {
        TREE_OBJECT, /* { } or ( ): members, each with a key */
        TREE_LIST,   /* [ ] */
        TREE_STRING, /* with its quotes; in Cap'n Proto text perhaps several pieces */
        TREE_BYTES,  /* 0x"…" */
        TREE_NUMBER, /* a number that its language allows */
        TREE_PAREN,  /* ( ) around a number, which is what the node is about */
        TREE_WORD,   /* true, null, void, the name of an enumerant */
};

enum { TREE_NONE = UINT32_MAX };

/* A text as a whole is one struct; a beginner may have left its parentheses out, or tried JSON. */
#define TREE_NO_STRUCT "expected a struct in parentheses"

struct tree_node {
        uint8_t kind;             /* enum tree_kind */
        bool is_used;             /* a member that its struct has taken */
        uint32_t at, len;         /* in the text */
        uint32_t key_at, key_len; /* of a member: without quotes */
        uint32_t next;            /* in the object or list; TREE_NONE */
        uint32_t first;           /* of an object or list; TREE_NONE */
        uint32_t n;               /* items of an object or list */
};

/* The way to the value at hand, for messages. */
struct tree_path {
        const struct tree_path *up;
        const char *name; /* of a member; NULL: an item of a list */
        uint32_t len;     /* of name */
        uint32_t i;       /* of an item */
};

struct tree;

/* What a language has of its own. Each starts at t->at, which is behind blanks, and moves it. */
struct tree_syntax {
        bool is_json;
        char close;       /* of an object */
        bool last_comma;  /* may stand behind the last item */
        const char *more; /* what is expected behind a member */
        void (*skip)(struct tree *t);
        enum tree_kind (*kind)(const struct tree *t);
        /* The name of a member and what stands before its value. */
        int (*key)(struct tree *t, struct tree_path *path, uint32_t *ret_at);
        /* A value that is neither object nor list. */
        int (*leaf)(struct tree *t, const struct tree_path *path, struct tree_node *n);
};

extern const struct tree_syntax tree_json, tree_text;

struct tree {
        const char *p;
        uint32_t len;
        bool is_json;
        const struct tree_syntax *syntax;
        struct tree_node *nodes;
        uint32_t n, room;
        uint32_t at;               /* where the parser is */
        uint32_t open;             /* the innermost bracket, or TREE_NONE */
        struct capnp_fault *fault; /* may be NULL */
};

/* Parses a text: nodes[0] is its value. 0, CAPNP_E_SYNTAX, CAPNP_E_LIMIT (told in the fault), or
 * -ENOMEM. Deinit in any case. */
int tree_read(struct tree *t, capnp_text text, const struct tree_syntax *syntax,
              const struct capnp_dynamic_opts *o, struct capnp_fault *fault) CAPNP_MUST_USE;
void tree_deinit(struct tree *t);

/* Notes what is wrong at a position; r. */
int tree_fail(struct tree *t, int r, uint32_t at, const struct tree_path *path, const char *fmt,
              ...) CAPNP_PRINTF(5, 6);

/* Notes that something else is wanted at t->at, or that the text ends there; CAPNP_E_SYNTAX. */
int tree_want(struct tree *t, const struct tree_path *path, const char *what);

/* The byte at a position; 0 at the end. */
static inline char tree_at(const struct tree *t, uint32_t at)
{
        return at < t->len ? t->p[at] : 0;
}
static inline bool tree_is_digit(char c)
{
        return c >= '0' && c <= '9';
}

/* -1: no hexadecimal digit. */
static inline int tree_hex(char c)
{
        if (tree_is_digit(c))
                return c - '0';

        c = (char)(c | 0x20);
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Whether all of a text is a number as JSON writes it. */
bool tree_json_is_number(capnp_text text);
/* Writes what a string means, at most its len bytes; how many. The string has been checked. */
uint32_t tree_json_unescape(const char *p, uint32_t len, char *out);
uint32_t tree_text_unescape(const char *p, uint32_t len, char *out);
/* Bytes of a 0x"…" literal. */
uint32_t tree_text_bytes(const char *p, uint32_t len, char *out);

#endif
