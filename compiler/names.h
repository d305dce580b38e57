/* From schema names to C names. */
#ifndef CAPNPC_NAMES_H
#define CAPNPC_NAMES_H

#include "mem.h"

/* "getHTTPServer" -> "get_http_server"; "GET_HTTP_SERVER" for name_upper(). */
char *name_snake(struct mem *m, const char *name);
char *name_upper(struct mem *m, const char *snake);
/* base_name, or name alone when base is "". */
char *name_join(struct mem *m, const char *base, const char *name);
/* Whether a name given in an annotation can be part of a C name. */
bool name_is_valid(const char *name);

/*
 * The name, with an underscore behind it when it would mean something else:
 * bare: as an identifier of its own (a word of C or C++, a macro of the system);
 * member: behind its struct's name (foo_reader is a type already);
 * nested: of a type declared inside another one; constant: behind an upper-case name;
 * method: behind its interface's name; result: behind its method's name.
 */
char *name_bare(struct mem *m, const char *name);
char *name_member(struct mem *m, const char *name);
char *name_nested(struct mem *m, const char *name);
char *name_constant(struct mem *m, const char *name);
char *name_method(struct mem *m, const char *name);
char *name_result(struct mem *m, const char *name);

#endif
