/*
 * The file of known instances, a line each:
 *
 *     HOST:PORT sha256:… [since DATE] [anything]
 *
 * People may edit it. So lines that begin with # and empty ones are skipped, what follows the
 * fingerprint is never understood, and a line that cannot be read is an error with its number: were
 * it skipped, a slip of the keyboard would turn a known instance into a new one, and the question
 * would come that everybody answers with yes.
 *
 * Several lines of one place are all good: an instance that is about to change its key can be
 * entered beforehand.
 *
 * Readers take the file as it is. Writers take a lock, write a new file beside it and rename it in
 * its place: a reader sees the old one or the new one, and of two writers the second reads what the
 * first has written. The lock is on the folder, because the file is another one after each time.
 *
 * Who can write to this file decides whom we trust; so it must be the user's own (or root's), and
 * nobody else may write to it. By sudo, HOME can be another user's: root then has the file of its
 * own home, for it should not believe that user, and a file that it made there would not be theirs.
 *
 * This machine has several names for itself, and an instance that is known by one is known by all,
 * if it has the same port and shows the same key; another key is another instance's, or a
 * stranger's, and is asked for.
 *
 * What a program keeps for itself it finds again by the note (client_known_replace()).
 */
#include "client-known.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char BLANK[] = " \t\r\n\v\f";

/* ---- a line ------------------------------------------------------------------------------- */

static bool place_is_good(const char *place)
{
        struct capos_address a;
        const char *why;

        return !capos_address_parse(place, CAPOS_ADDRESS_CONNECT, &a, &why) && !a.named &&
               !strcmp(a.where, place);
}

/* The next word of a line, ended by a NUL; NULL: there is none. */
static char *word_take(char **line)
{
        char *word = *line + strspn(*line, BLANK), *end = word + strcspn(word, BLANK);

        *line = *end ? end + 1 : end;
        *end = 0;
        return *word ? word : NULL;
}

/* Reads a line of len bytes, which is taken to pieces. false: it is empty, or a comment. */
static bool line_read(char *line, size_t len, struct client_known_entry *e)
{
        char *at = line, *place, *fingerprint;

        e->place = e->fingerprint = NULL;
        e->rest = "";
        if (line[strspn(line, BLANK)] == '#' || (!line[strspn(line, BLANK)] && strlen(line) == len))
                return false;
        if (len >= CLIENT_KNOWN_LINE || strlen(line) != len)
                return true;

        place = word_take(&at);
        fingerprint = word_take(&at);
        if (!fingerprint || !place_is_good(place) ||
            !capos_fingerprint_check(fingerprint, strlen(fingerprint)))
                return true;

        e->place = place;
        e->fingerprint = fingerprint;
        at += strspn(at, BLANK);
        at[strcspn(at, "\r\n")] = 0;
        e->rest = at;
        return true;
}

/* ---- reading ------------------------------------------------------------------------------ */

static int known_open(const char *path, FILE **ret_f)
{
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        struct stat st;
        int r = 0;

        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0)
                r = -errno;
        else if (!S_ISREG(st.st_mode))
                r = -EINVAL;
        else if ((st.st_uid != geteuid() && st.st_uid != 0) || (st.st_mode & 022))
                r = -EPERM;
        if (!r) {
                *ret_f = fdopen(fd, "r");
                r = *ret_f ? 0 : -ENOMEM;
        }
        if (r)
                (void)close(fd);
        return r;
}

/* Each line: raw as it stands in the file (len bytes), and read; e is NULL for what is skipped. */
typedef void line_got(void *arg, const char *raw, size_t len, const struct client_known_entry *e);

static int known_read(const char *path, line_got *got, void *arg)
{
        struct client_known_entry e = {.line = 0};
        char *raw = NULL, *line = NULL;
        size_t room = 0;
        ssize_t len;
        FILE *f = NULL;
        int r = known_open(path, &f);

        if (r)
                return r == -ENOENT ? 0 : r;

        while (!r && (len = getline(&raw, &room, f)) >= 0) {
                e.line++;
                line = malloc((size_t)len + 1);
                if (!line) {
                        r = -ENOMEM;
                        break;
                }
                memcpy(line, raw, (size_t)len + 1);
                got(arg, raw, (size_t)len, line_read(line, (size_t)len, &e) ? &e : NULL);
                free(line);
        }
        if (!r && ferror(f))
                r = -EIO;
        free(raw);
        (void)fclose(f);
        return r;
}

/* Whether a folder, or that in which it would be made, is somebody's. */
static bool folder_is_of(const char *folder, uid_t user)
{
        char path[CLIENT_KNOWN_PATH];
        struct stat st;

        if ((size_t)snprintf(path, sizeof(path), "%s", folder) >= sizeof(path))
                return false;
        while (stat(path, &st) < 0) {
                char *end = strrchr(path, '/');

                if (errno != ENOENT || !end)
                        return false;
                end[end == path] = 0;
        }
        return st.st_uid == user;
}

/* A folder that the environment names; NULL: none, or one that is not for us. */
static const char *folder_named(const char *variable)
{
        const char *folder = secure_getenv(variable);

        if (!folder || *folder != '/' || (geteuid() == 0 && !folder_is_of(folder, 0)))
                return NULL;
        return folder;
}

/* Where root's home is, when HOME is somebody else's. -ENOENT: nobody says. */
static int root_path(char *to, size_t room)
{
        char words[1024];
        struct passwd entry, *root = NULL;
        int n;

        if (getpwuid_r(0, &entry, words, sizeof(words), &root) || !root || *root->pw_dir != '/')
                return -ENOENT;
        n = snprintf(to, room, "%s/.config/capos/known-instances", root->pw_dir);
        return n < 0 || (size_t)n >= room ? -ENAMETOOLONG : 0;
}

int client_known_path(char *to, size_t room)
{
        const char *config = folder_named("XDG_CONFIG_HOME"), *home = folder_named("HOME");
        int n;

        if (config)
                n = snprintf(to, room, "%s/capos/known-instances", config);
        else if (home)
                n = snprintf(to, room, "%s/.config/capos/known-instances", home);
        else if (geteuid() == 0 && secure_getenv("HOME"))
                return root_path(to, room);
        else
                return -ENOENT;
        return n < 0 || (size_t)n >= room ? -ENAMETOOLONG : 0;
}

struct finding {
        const char *place, *fingerprint;
        struct client_known *known;
        unsigned same_line; /* has the key for another name of this machine's; 0: none */
};

/* The `:PORT` of a place on this machine, by any of the names that its loopback has; NULL: it is
 * elsewhere. */
static const char *loopback_port(const char *place)
{
        static const char *const hosts[] = {"localhost", "127.0.0.1", "[::1]"};

        for (unsigned i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
                size_t len = strlen(hosts[i]);

                if (!strncasecmp(place, hosts[i], len) && place[len] == ':')
                        return place + len;
        }
        return NULL;
}

bool client_known_are_one(const char *a, const char *b)
{
        const char *x = loopback_port(a), *y = loopback_port(b);

        return !strcasecmp(a, b) || (x && y && !strcmp(x, y));
}

static void find_got(void *arg, const char *raw, size_t len, const struct client_known_entry *e)
{
        struct finding *f = arg;
        struct client_known *k = f->known;

        (void)raw;
        (void)len;
        if (!e || k->state == CLIENT_UNREADABLE)
                return;
        if (!e->place) {
                *k = (struct client_known){.state = CLIENT_UNREADABLE, .line = e->line};
                return;
        }
        if (k->state == CLIENT_KNOWN)
                return;
        if (strcasecmp(e->place, f->place) != 0) {
                if (!strcmp(e->fingerprint, f->fingerprint) &&
                    client_known_are_one(e->place, f->place))
                        f->same_line = e->line;
                return;
        }
        if (!strcmp(e->fingerprint, f->fingerprint)) {
                *k = (struct client_known){.state = CLIENT_KNOWN, .line = e->line};
        } else if (k->state == CLIENT_UNKNOWN) {
                k->state = CLIENT_CHANGED;
                k->line = e->line;
                memcpy(k->fingerprint, e->fingerprint, sizeof(k->fingerprint));
        }
}

int client_known_find(const char *path, const char *place, const char *fingerprint,
                      struct client_known *ret)
{
        struct client_known k = {.state = CLIENT_UNKNOWN};
        struct finding f = {.place = place, .fingerprint = fingerprint, .known = &k};
        int r = known_read(path, find_got, &f);

        if (k.state == CLIENT_UNKNOWN && f.same_line)
                k = (struct client_known){.state = CLIENT_KNOWN, .line = f.same_line};
        if (!r)
                *ret = k;
        return r;
}

struct each {
        void (*got)(void *arg, const struct client_known_entry *e);
        void *arg;
};

static void each_got(void *arg, const char *raw, size_t len, const struct client_known_entry *e)
{
        struct each *a = arg;

        (void)raw;
        (void)len;
        if (e)
                a->got(a->arg, e);
}

int client_known_each(const char *path, void (*got)(void *arg, const struct client_known_entry *e),
                      void *arg)
{
        struct each a = {got, arg};

        return known_read(path, each_got, &a);
}

/* ---- writing ------------------------------------------------------------------------------ */

/* A change under way: the lock, the new file, and what is taken out. */
struct writing {
        char path[CLIENT_KNOWN_PATH], fresh[CLIENT_KNOWN_PATH + 8];
        int folder; /* locked */
        FILE *f;
        const char *place, *fingerprint; /* fingerprint NULL: any */
        bool taking_out;
        unsigned found;
        const struct client_known_own *own; /* or NULL: what is replaced */
        bool stays[CLIENT_KNOWN_OWN];       /* of own's places: it has its line */
        unsigned dropped;
        bool ends_line; /* the last byte written is a newline, or there is none */
};

int client_known_make_folders(const char *path)
{
        char folder[CLIENT_KNOWN_PATH];

        for (const char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
                (void)snprintf(folder, sizeof(folder), "%.*s", (int)(p - path), path);
                if (mkdir(folder, 0700) < 0 && errno != EEXIST)
                        return -errno;
        }
        return 0;
}

/* The file itself where path is a link to it: a link stays one. */
static int writing_find(struct writing *w, const char *path)
{
        char *whole;

        if (strlen(path) >= sizeof(w->path))
                return -ENAMETOOLONG;
        whole = realpath(path, NULL);
        if (!whole && errno != ENOENT)
                return -errno;

        (void)snprintf(w->path, sizeof(w->path), "%s", whole ? whole : path);
        (void)snprintf(w->fresh, sizeof(w->fresh), "%s.new", w->path);
        free(whole);
        return 0;
}

static int writing_open(struct writing *w, const char *path)
{
        char folder[CLIENT_KNOWN_PATH];
        int fd, r;

        r = client_known_make_folders(path);
        if (!r)
                r = writing_find(w, path);
        if (r)
                return r;

        (void)snprintf(folder, sizeof(folder), "%s", w->path);
        if (!strrchr(folder, '/'))
                return -EINVAL;
        strrchr(folder, '/')[1] = 0;
        w->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (w->folder < 0)
                return -errno;
        while (flock(w->folder, LOCK_EX) < 0)
                if (errno != EINTR)
                        return -errno;

        /* Nobody else writes now: what lies there is of somebody who did not come to the end. */
        if (unlink(w->fresh) < 0 && errno != ENOENT)
                return -errno;
        fd = open(w->fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;
        w->f = fdopen(fd, "w");
        if (w->f)
                return 0;
        (void)close(fd);
        return -ENOMEM;
}

static bool writing_meant(const struct writing *w, const struct client_known_entry *e)
{
        return e && e->place && !strcasecmp(e->place, w->place) &&
               (!w->fingerprint || !strcmp(e->fingerprint, w->fingerprint));
}

/* A character of a note, as it is written: it stays in its line. */
static char note_char(char c)
{
        return (unsigned char)c < ' ' || c == 0x7f ? '?' : c;
}

/* Whether what follows a fingerprint is a day and this note. */
static bool note_is(const char *rest, const char *note)
{
        static const char since[] = "since ";

        if (strncmp(rest, since, sizeof(since) - 1) != 0)
                return false;
        rest += sizeof(since) - 1;
        rest += strcspn(rest, " ");
        if (*rest++ != ' ')
                return false;
        while (*note && *rest == note_char(*note)) {
                note++;
                rest++;
        }
        return !*note && !*rest;
}

/* Whether a line stays where a program's own are replaced. */
static bool own_stays(struct writing *w, const struct client_known_entry *e)
{
        if (!e || !e->place)
                return true;
        for (unsigned i = 0; i < w->own->nplaces; i++) {
                if (!strcasecmp(e->place, w->own->places[i]) &&
                    !strcmp(e->fingerprint, w->own->fingerprint)) {
                        w->stays[i] = true;
                        return true;
                }
        }
        return !note_is(e->rest, w->own->note);
}

static void writing_got(void *arg, const char *raw, size_t len, const struct client_known_entry *e)
{
        struct writing *w = arg;

        if (w->own && !own_stays(w, e)) {
                w->dropped++;
                return;
        }
        if (!w->own && writing_meant(w, e)) {
                w->found++;
                if (w->taking_out)
                        return;
        }
        (void)fwrite(raw, 1, len, w->f);
        w->ends_line = raw[len - 1] == '\n';
}

/* Puts the new file in its place, unless r says that something went wrong. r, or -errno. */
static int writing_close(struct writing *w, int r)
{
        if (w->f) {
                if (fflush(w->f) || ferror(w->f) || fsync(fileno(w->f)) < 0)
                        r = r ? r : -EIO;
                if (fclose(w->f) && !r)
                        r = -EIO;
                if (!r && rename(w->fresh, w->path) < 0)
                        r = -errno;
                if (r)
                        (void)unlink(w->fresh);
        }
        if (w->folder >= 0)
                (void)close(w->folder); /* and with it the lock */
        return r;
}

static void note_write(FILE *f, const char *note)
{
        (void)fputc(' ', f);
        for (const char *p = note; *p; p++)
                (void)fputc(note_char(*p), f);
}

static void line_write(struct writing *w, const char *note)
{
        char day[16] = "";
        time_t now = time(NULL);
        struct tm tm;

        if (localtime_r(&now, &tm))
                (void)strftime(day, sizeof(day), "%Y-%m-%d", &tm);
        if (!w->ends_line)
                (void)fputc('\n', w->f);
        (void)fprintf(w->f, "%s %s since %s", w->place, w->fingerprint, day);
        if (*note)
                note_write(w->f, note);
        (void)fputc('\n', w->f);
        w->ends_line = true;
}

static bool line_is_good(const char *place, const char *fingerprint, const char *note)
{
        return place_is_good(place) && capos_fingerprint_check(fingerprint, strlen(fingerprint)) &&
               strlen(place) + strlen(note) + 100 < CLIENT_KNOWN_LINE;
}

int client_known_add(const char *path, const char *place, const char *fingerprint, const char *note)
{
        struct writing w = {
                .folder = -1, .place = place, .fingerprint = fingerprint, .ends_line = true};
        int r;

        if (!line_is_good(place, fingerprint, note))
                return -EINVAL;

        r = writing_open(&w, path);
        if (!r)
                r = known_read(w.path, writing_got, &w);
        if (!r && w.found)
                r = -EEXIST;
        if (!r)
                line_write(&w, note);
        return writing_close(&w, r);
}

int client_known_replace(const char *path, const struct client_known_own *own)
{
        struct writing w = {
                .folder = -1, .fingerprint = own->fingerprint, .own = own, .ends_line = true};
        unsigned added = 0;
        int r;

        if (own->nplaces > CLIENT_KNOWN_OWN || !*own->note)
                return -EINVAL;
        for (unsigned i = 0; i < own->nplaces; i++)
                if (!line_is_good(own->places[i], own->fingerprint, own->note))
                        return -EINVAL;

        r = writing_open(&w, path);
        if (!r)
                r = known_read(w.path, writing_got, &w);
        for (unsigned i = 0; !r && i < own->nplaces; i++) {
                w.place = own->places[i];
                if (!w.stays[i]) {
                        line_write(&w, own->note);
                        added++;
                }
        }
        if (!r && !added && !w.dropped)
                r = -EEXIST; /* for writing_close() alone: nothing is to be put in place */
        r = writing_close(&w, r);
        return r == -EEXIST ? 0 : r;
}

int client_known_remove(const char *path, const char *place, const char *fingerprint,
                        unsigned *ret_n)
{
        struct writing w = {
                .folder = -1, .place = place, .fingerprint = fingerprint, .taking_out = true};
        int r;

        if (access(path, F_OK) < 0 && errno == ENOENT) {
                *ret_n = 0;
                return 0;
        }
        r = writing_open(&w, path);
        if (!r)
                r = known_read(w.path, writing_got, &w);
        if (!r && !w.found)
                r = CAPNP_E_UNKNOWN; /* for writing_close() alone: nothing is to be put in place */
        r = writing_close(&w, r);
        if (r && r != CAPNP_E_UNKNOWN)
                return r;

        *ret_n = w.found;
        return 0;
}
