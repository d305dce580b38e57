/*
 * From schema names to C names.
 *
 * C has one flat space of names where a schema has scopes, so a C name is the path of schema names
 * in snake case. Two things can go wrong. A schema name may spell a word that generated code or C
 * itself needs at that place: the tables below list those, and the name gets an underscore behind
 * it. And two finished names may be the same: that is seen, and settled, in taken.c.
 */
#include "names.h"

#include <string.h>

static bool is_upper(char c)
{
        return c >= 'A' && c <= 'Z';
}

static bool is_alnum(char c)
{
        return is_upper(c) || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

char *name_snake(struct mem *m, const char *name)
{
        char *s = mem_alloc(m, 2 * strlen(name) + 1), *to = s;

        for (const char *p = name; *p; p++) {
                bool word = p > name && is_upper(*p) && p[-1] != '_' &&
                            (!is_upper(p[-1]) || (p[1] && !is_upper(p[1]) && p[1] != '_'));

                if (word)
                        *to++ = '_';
                if (!is_alnum(*p))
                        *to++ = '_';
                else
                        *to++ = (char)(is_upper(*p) ? *p - 'A' + 'a' : *p);
        }

        return s;
}

char *name_upper(struct mem *m, const char *snake)
{
        char *s = mem_fmt(m, "%s", snake);

        for (char *p = s; *p; p++)
                if (*p >= 'a' && *p <= 'z')
                        *p = (char)(*p - 'a' + 'A');
        return s;
}

char *name_join(struct mem *m, const char *base, const char *name)
{
        return mem_fmt(m, "%s%s%s", base, *base ? "_" : "", name);
}

bool name_is_valid(const char *name)
{
        if (!*name || !is_alnum(*name) || (*name >= '0' && *name <= '9'))
                return false;

        for (const char *p = name; *p; p++)
                if (!is_alnum(*p) && *p != '_')
                        return false;
        return true;
}

/* ---- words with a meaning of their own ------------------------------------------------------- */

static const char *const bare_words[] = {
        /* C */
        "auto", "break", "case", "char", "const", "continue", "default", "do", "double", "else",
        "enum", "extern", "float", "for", "goto", "if", "inline", "int", "long", "register",
        "restrict", "return", "short", "signed", "sizeof", "static", "struct", "switch", "typedef",
        "union", "unsigned", "void", "volatile", "while", "asm", "typeof", "alignas", "alignof",
        "nullptr", "constexpr", "static_assert", "thread_local", "bool", "true", "false",
        "typeof_unqual",
        /* C++ */
        "and", "and_eq", "bitand", "bitor", "catch", "char8_t", "char16_t", "char32_t", "class",
        "compl", "concept", "consteval", "constinit", "const_cast", "co_await", "co_return",
        "co_yield", "decltype", "delete", "dynamic_cast", "explicit", "export", "final", "friend",
        "import", "module", "mutable", "namespace", "new", "noexcept", "not", "not_eq", "operator",
        "or", "or_eq", "override", "private", "protected", "public", "reinterpret_cast", "requires",
        "static_cast", "template", "this", "throw", "try", "typeid", "typename", "using", "virtual",
        "wchar_t", "xor", "xor_eq",
        /* macros of compilers and of the C library */
        "assert", "errno", "i386", "linux", "offsetof", "stderr", "stdin", "stdout", "unix", "EOF",
        "NULL", "BUFSIZ", "SIZE_MAX", "FILENAME_MAX", "INFINITY", "NAN",
        /* parameters of generated functions, and what an operations struct begins with */
        "a", "b", "c", "i", "l", "m", "n", "q", "r", "s", "v", "t", "d", "gone", NULL};
static const char *const member_words[] = {"reader",
                                           "builder",
                                           "list",
                                           "list_builder",
                                           "root",
                                           "build",
                                           "as_reader",
                                           "which",
                                           "of_any",
                                           "init_any",
                                           "list_get",
                                           "list_len",
                                           "list_builder_get",
                                           "list_builder_len",
                                           "list_as_reader",
                                           NULL};
static const char *const nested_words[] = {"list", "reader", "builder", NULL};
static const char *const constant_words[] = {"id", "words", "ptrs", NULL};
static const char *const method_words[] = {"client", "interface", "ops", "serve", NULL};
static const char *const result_words[] = {"params", "results", "get_params", "get_results", NULL};

static char *escape(struct mem *m, const char *name, const char *const *words)
{
        bool found = false;

        for (; *words && !found; words++)
                found = !strcmp(*words, name);
        return mem_fmt(m, "%s%s", name, found ? "_" : "");
}

char *name_bare(struct mem *m, const char *name)
{
        return escape(m, name, bare_words);
}

char *name_member(struct mem *m, const char *name)
{
        return escape(m, name, member_words);
}

char *name_nested(struct mem *m, const char *name)
{
        return escape(m, name, nested_words);
}

char *name_constant(struct mem *m, const char *name)
{
        return escape(m, name, constant_words);
}

char *name_method(struct mem *m, const char *name)
{
        return escape(m, name, method_words);
}

char *name_result(struct mem *m, const char *name)
{
        return escape(m, name, result_words);
}
