/*
 * Names given outside of the schemas.
 *
 * Somebody else's schema is used as it is: what it is called in C is then said in a file beside it,
 * and holds for every run that is given the file. A line names a file or a declaration either as a
 * person would, or by id, which stays when a declaration is moved or renamed.
 */
#include "map.h"

#include "names.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct map_line {
        bool prefix;      /* else a name */
        const char *what; /* log.capnp, log.capnp:Event.Type, 0xf3b1f17e25a4285b.type */
        const char *name;
};

enum { LINE_MAX_BYTES = 1024, LINES_MAX = 10000 };

static bool wrong(const char *path, unsigned line, const char *what)
{
        fprintf(stderr, "%s:%u: %s\n", path, line, what);
        return false;
}

/* One line without its comment; an empty one adds nothing. */
static bool read_line(struct map *map, struct mem *m, const char *path, unsigned number, char *line)
{
        char *save = NULL, *word[4] = {NULL};
        unsigned n = 0;
        char *p;

        line[strcspn(line, "#\r\n")] = '\0';
        for (p = strtok_r(line, " \t", &save); p && n < 4; p = strtok_r(NULL, " \t", &save))
                word[n++] = p;
        if (!n)
                return true;
        if (n != 3 || (strcmp(word[0], "prefix") != 0 && strcmp(word[0], "name") != 0))
                return wrong(path, number,
                             "a line is `prefix FILE NAME` or `name FILE:DECLARATION NAME`");
        if (!name_is_valid(word[2]))
                return wrong(path, number, "a C name takes letters, digits and _");
        if (map->n == LINES_MAX)
                return wrong(path, number, "too many lines");

        map->lines[map->n++] = (struct map_line){
                !strcmp(word[0], "prefix"), mem_fmt(m, "%s", word[1]), mem_fmt(m, "%s", word[2])};
        return true;
}

bool map_read(struct map *map, struct mem *m, const char *path)
{
        char line[LINE_MAX_BYTES];
        unsigned number = 0;
        bool ok = true;
        FILE *f = fopen(path, "re");

        if (!f) {
                fprintf(stderr, "capnpc-c: %s: %s\n", path, strerror(errno));
                return false;
        }

        map->lines = mem_alloc(m, LINES_MAX * sizeof(*map->lines));
        while (ok && fgets(line, sizeof(line), f)) {
                number++;
                if (strlen(line) == sizeof(line) - 1)
                        ok = wrong(path, number, "the line is too long");
                else
                        ok = read_line(map, m, path, number, line);
        }
        if (ok && ferror(f))
                ok = wrong(path, number, "cannot be read");

        fclose(f);
        return ok;
}

/* Whether a line's word is this id, with what is behind it. */
static bool is_id(const char *what, uint64_t id, const char *rest)
{
        char *end = NULL;

        if (!id || strncmp(what, "0x", 2) != 0 || strtoull(what, &end, 16) != id)
                return false;

        return !strcmp(end, rest);
}

/* A file is known by its whole name or by the end of it: log.capnp is cereal/log.capnp. */
static bool is_file(const char *what, size_t n, const char *file)
{
        size_t len = strlen(file);

        return n && n <= len && !memcmp(file + len - n, what, n) &&
               (n == len || file[len - n - 1] == '/');
}

const char *map_prefix(const struct map *map, const char *file, uint64_t id)
{
        for (uint32_t i = 0; i < map->n; i++) {
                const char *what = map->lines[i].what;

                if (map->lines[i].prefix &&
                    (is_id(what, id, "") || is_file(what, strlen(what), file)))
                        return map->lines[i].name;
        }

        return map->prefix;
}

const char *map_name(const struct map *map, const char *file, const char *path, uint64_t id)
{
        for (uint32_t i = 0; i < map->n; i++) {
                const char *what = map->lines[i].what, *colon = strchr(what, ':');

                if (map->lines[i].prefix)
                        continue;
                if (is_id(what, id, ""))
                        return map->lines[i].name;
                if (colon && !strcmp(colon + 1, path) &&
                    is_file(what, (size_t)(colon - what), file))
                        return map->lines[i].name;
        }

        return NULL;
}

const char *map_member(const struct map *map, uint64_t id, const char *member)
{
        for (uint32_t i = 0; i < map->n; i++) {
                const char *what = map->lines[i].what, *dot = strchr(what, '.');

                if (!map->lines[i].prefix && dot && !strcmp(dot + 1, member) &&
                    is_id(what, id, dot))
                        return map->lines[i].name;
        }

        return NULL;
}
