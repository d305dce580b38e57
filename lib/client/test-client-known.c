/*
 * The file of known instances: what lines mean, what is an error, what writing leaves alone, and
 * two processes that write at once.
 */
#include "harness.h"

#include "client-known.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define A "sha256:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define B "sha256:BAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define C "sha256:CAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"

static char dir[64], path[128];

static void begin(const char *text)
{
        FILE *f;

        snprintf(dir, sizeof(dir), "/tmp/capos-known-XXXXXX");
        CHECK(mkdtemp(dir));
        snprintf(path, sizeof(path), "%s/known-instances", dir);
        if (!text)
                return;
        f = fopen(path, "w");
        CHECK(f && fputs(text, f) >= 0 && !fclose(f));
}

static void end(void)
{
        char folder[200];

        (void)unlink(path);
        snprintf(folder, sizeof(folder), "%s/a/b/known-instances", dir);
        (void)unlink(folder);
        snprintf(folder, sizeof(folder), "%s/a/b", dir);
        (void)rmdir(folder);
        snprintf(folder, sizeof(folder), "%s/a", dir);
        (void)rmdir(folder);
        CHECK_OK(rmdir(dir)); /* nothing is left beside the file */
}

static struct client_known find(const char *place, const char *fingerprint)
{
        struct client_known k = {.line = 99};

        CHECK_OK(client_known_find(path, place, fingerprint, &k));
        return k;
}

static const char *text(void)
{
        static char bytes[8192];
        FILE *f = fopen(path, "r");
        size_t n;

        CHECK(f);
        n = fread(bytes, 1, sizeof(bytes) - 1, f);
        bytes[n] = 0;
        (void)fclose(f);
        return bytes;
}

TEST(nothing_is_known_without_a_file)
{
        begin(NULL);
        CHECK_EQ(find("h:1", A).state, CLIENT_UNKNOWN);
        end();
}

TEST(a_place_may_have_several_keys)
{
        struct client_known k;

        begin("# mine\n"
              "\n"
              "  \t # also a comment\n"
              "h:1 " A " since 2026-01-02 the old one\n"
              "h:2 " C "\r\n"
              "\th:1\t" B "  what=ever  more\n"
              "[::1]:2327 " C);
        CHECK_EQ(find("h:1", A).state, CLIENT_KNOWN);
        CHECK_EQ(find("h:1", B).state, CLIENT_KNOWN);
        CHECK_EQ(find("H:1", B).state, CLIENT_KNOWN);
        CHECK_EQ(find("h:2", C).state, CLIENT_KNOWN);
        CHECK_EQ(find("[::1]:2327", C).state, CLIENT_KNOWN);
        CHECK_EQ(find("h:3", A).state, CLIENT_UNKNOWN);
        k = find("h:1", C);
        CHECK_EQ(k.state, CLIENT_CHANGED);
        CHECK_EQ(k.line, 4);
        CHECK_STR(k.fingerprint, A);
        end();
}

TEST(this_machine_is_known_by_all_its_names)
{
        static const char *const names[] = {"localhost:1", "127.0.0.1:1", "[::1]:1", "LocalHost:1"};
        char line[128];

        for (unsigned i = 0; i < 3; i++) {
                snprintf(line, sizeof(line), "%s " A "\n", names[i]);
                begin(line);
                for (unsigned k = 0; k < 4; k++) {
                        CHECK_EQ(find(names[k], A).state, CLIENT_KNOWN);
                        CHECK_EQ(find(names[k], A).line, 1);
                }
                CHECK_EQ(find(names[i], B).state, CLIENT_CHANGED);
                CHECK_EQ(find(names[(i + 1) % 3], B).state, CLIENT_UNKNOWN);
                CHECK_EQ(find("localhost:2", A).state, CLIENT_UNKNOWN);
                CHECK_EQ(find("localhost.example.org:1", A).state, CLIENT_UNKNOWN);
                CHECK_EQ(find("127.0.0.2:1", A).state, CLIENT_UNKNOWN);
                end();
        }
        /* What a line says of the name itself goes before. */
        begin("127.0.0.1:1 " A "\nlocalhost:1 " B "\n");
        CHECK_EQ(find("localhost:1", A).state, CLIENT_CHANGED);
        end();
}

TEST(what_cannot_be_read_is_an_error_with_its_line)
{
        static const char *const bad[] = {
                "h:1",          "h " A,
                "h:0 " A,       "tls:h:1 " A,
                "unix:/x " A,   "h:1 sha256:AAAA",
                "h:1 " A "x",   "h:1 SHA256:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
                "h:1 since " A, "garbage",
                A " h:1",       "h:1," A,
        };

        for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                char lines[2000];
                struct client_known k;

                snprintf(lines, sizeof(lines), "h:1 " A "\n#\n%s\nh:2 " B "\n", bad[i]);
                begin(lines);
                k = find("h:1", A);
                CHECK_EQ(k.state, CLIENT_UNREADABLE);
                CHECK_EQ(k.line, 3);
                CHECK_EQ(find("x:9", A).state, CLIENT_UNREADABLE);
                end();
        }
}

TEST(a_line_with_a_zero_byte_or_without_end_cannot_be_read)
{
        char *longest = malloc(100000);
        FILE *f;

        begin("h:1 " A "\n");
        f = fopen(path, "a");
        CHECK(f && fwrite("h:2 " B "\0\n", 1, 57, f) == 57 && !fclose(f));
        CHECK_EQ(find("h:1", A).state, CLIENT_UNREADABLE);
        CHECK_EQ(find("h:1", A).line, 2);
        end();

        CHECK(longest);
        memset(longest, 'x', 100000 - 1);
        longest[100000 - 1] = 0;
        memcpy(longest, "h:1 " A " ", 55);
        begin(longest);
        CHECK_EQ(find("h:1", A).state, CLIENT_UNREADABLE);
        end();
        free(longest);
}

TEST(adding_keeps_what_is_there)
{
        struct stat st;

        begin("# mine\nh:1 " A " a note");
        CHECK_OK(client_known_add(path, "h:2", B, "of\nthe\x1b test"));
        CHECK(strstr(text(), "# mine\nh:1 " A " a note\nh:2 " B " since 20"));
        CHECK(strstr(text(), " of?the? test\n"));
        CHECK_OK(client_known_add(path, "h:1", C, ""));
        CHECK_EQ(find("h:1", A).state, CLIENT_KNOWN);
        CHECK_EQ(find("h:1", C).state, CLIENT_KNOWN);
        CHECK_EQ(find("h:2", B).state, CLIENT_KNOWN);
        CHECK_EQ(client_known_add(path, "h:1", C, ""), -EEXIST);
        CHECK_EQ(client_known_add(path, "h", C, ""), -EINVAL);
        CHECK_EQ(client_known_add(path, "h:1", "sha256:", ""), -EINVAL);
        CHECK_OK(stat(path, &st));
        CHECK_EQ(st.st_mode & 07777, 0600);
        end();
}

/* What a program has under its note is what it says; a person's lines are the person's. */
TEST(own_lines_are_replaced)
{
        struct client_known_own own = {
                .note = "mine: /a b", .fingerprint = A, .places = {"h:1", "[::1]:1"}, .nplaces = 2};
        struct stat before, after;

        begin("# mine: /a b\nh:1 " B " since 2026-01-01 mine: /a b\nh:2 " B
              " since 2026-01-01 mine: /a b c\nh:3 " B " mine: /a b\nx\nh:4 " A
              " since 2026-01-01 mine: /a b\n");
        CHECK_OK(client_known_replace(path, &own));
        CHECK(strstr(text(), "# mine: /a b\nh:2 " B " since 2026-01-01 mine: /a b c\nh:3 " B
                             " mine: /a b\nx\nh:1 " A " since 20"));
        CHECK(strstr(text(), " mine: /a b\n[::1]:1 " A " since 20"));
        CHECK(!strstr(text(), "h:4"));
        CHECK_OK(stat(path, &before));
        CHECK_OK(client_known_replace(path, &own));
        CHECK_OK(stat(path, &after));
        CHECK_EQ(before.st_ino, after.st_ino);
        own.nplaces = 0;
        CHECK_OK(client_known_replace(path, &own));
        CHECK(!strstr(text(), "h:1"));
        own.note = "";
        CHECK_EQ(client_known_replace(path, &own), -EINVAL);
        end();

        begin("h:1 " A " since 2026-01-01 a person's\nh:1 " B " since 2026-01-01 a person's\n");
        own = (struct client_known_own){
                .note = "n\n", .fingerprint = A, .places = {"H:1", "h:5"}, .nplaces = 2};
        CHECK_OK(client_known_replace(path, &own));
        CHECK_EQ(find("h:1", A).line, 1);
        CHECK_EQ(find("h:1", B).line, 2);
        CHECK_EQ(find("h:5", A).line, 3);
        own.fingerprint = B;
        CHECK_OK(client_known_replace(path, &own));
        CHECK_EQ(find("h:5", A).state, CLIENT_CHANGED);
        CHECK_EQ(find("h:5", B).line, 3);
        end();
}

TEST(folder_and_file_are_made)
{
        struct stat st;
        char deep[200];

        begin(NULL);
        snprintf(deep, sizeof(deep), "%s/a/b/known-instances", dir);
        CHECK_OK(client_known_add(deep, "h:1", A, ""));
        CHECK_OK(stat(deep, &st));
        CHECK_EQ(st.st_mode & 07777, 0600);
        *strrchr(deep, '/') = 0;
        CHECK_OK(stat(deep, &st));
        CHECK_EQ(st.st_mode & 07777, 0700);
        end();
}

TEST(removing_touches_nothing_else)
{
        unsigned n = 99;

        begin("# mine\nh:1 " A "\nnot a line\nH:1 " B " x\nh:12 " A "\n");
        CHECK_OK(client_known_remove(path, "h:1", C, &n));
        CHECK_EQ(n, 0);
        CHECK_OK(client_known_remove(path, "h:1", B, &n));
        CHECK_EQ(n, 1);
        CHECK_STR(text(), "# mine\nh:1 " A "\nnot a line\nh:12 " A "\n");
        CHECK_OK(client_known_remove(path, "h:1", NULL, &n));
        CHECK_EQ(n, 1);
        CHECK_STR(text(), "# mine\nnot a line\nh:12 " A "\n");
        CHECK_OK(unlink(path));
        CHECK_OK(client_known_remove(path, "h:1", NULL, &n));
        CHECK_EQ(n, 0);
        end();
}

TEST(a_file_that_others_write_to_is_not_believed)
{
        struct client_known k;
        unsigned n;

        begin("h:1 " A "\n");
        CHECK_OK(chmod(path, 0620));
        CHECK_EQ(client_known_find(path, "h:1", A, &k), -EPERM);
        CHECK_EQ(client_known_add(path, "h:1", B, ""), -EPERM);
        CHECK_EQ(client_known_remove(path, "h:1", A, &n), -EPERM);
        CHECK_OK(chmod(path, 0644));
        CHECK_EQ(find("h:1", A).state, CLIENT_KNOWN);
        end();
}

TEST(a_link_stays_a_link)
{
        char real[160];
        struct stat st;

        begin("h:1 " A "\n");
        snprintf(real, sizeof(real), "%s/real", dir);
        CHECK_OK(rename(path, real));
        CHECK_OK(symlink(real, path));
        CHECK_OK(client_known_add(path, "h:2", B, ""));
        CHECK_OK(lstat(path, &st));
        CHECK(S_ISLNK(st.st_mode));
        CHECK_EQ(find("h:2", B).state, CLIENT_KNOWN);
        CHECK_OK(unlink(real));
        end();
}

enum { WRITERS = 3, LINES = 100 };

/* Three at once, one of which also removes what it has added; none loses a line of another's. */
TEST_T(writers_at_once_lose_nothing, 240)
{
        char place[64];
        pid_t pid[WRITERS];
        unsigned n;

        begin("# first\n");
        for (unsigned w = 0; w < WRITERS; w++) {
                pid[w] = fork();
                CHECK(pid[w] >= 0);
                for (unsigned i = 0; !pid[w] && i < (w ? LINES : LINES / 5); i++) {
                        snprintf(place, sizeof(place), "w%u:%u", w, i + 1);
                        if (client_known_add(path, place, A, "x") ||
                            (w == 0 && client_known_remove(path, place, A, &n)))
                                _exit(1);
                }
                if (!pid[w])
                        _exit(0);
        }
        for (unsigned w = 0; w < WRITERS; w++) {
                int status;

                CHECK_EQ(waitpid(pid[w], &status, 0), pid[w]);
                CHECK_EQ(status, 0);
        }
        for (unsigned w = 0; w < WRITERS; w++)
                for (unsigned i = 0; i < LINES; i++) {
                        snprintf(place, sizeof(place), "w%u:%u", w, i + 1);
                        CHECK_EQ(find(place, A).state, w ? CLIENT_KNOWN : CLIENT_UNKNOWN);
                }
        end();
}

/* A place is never known by accident: whatever the file holds, only its own line makes it so. And
 * what is added to any file is found, or the file cannot be read. */
TEST_T(any_lines, 120)
{
        static const char *const parts[] = {"h:1",   A,      B,    " ", "\t",   "\n",  "#",
                                            "since", "\r\n", "::", "x", "\xff", "h:2", "[::1]:1"};

        srandom(11);
        begin("");
        for (unsigned i = 0; i < 3000; i++) {
                char lines[1000] = "";
                struct client_known k;
                FILE *f = fopen(path, "w");

                for (long n = random() % 14; n >= 0; n--)
                        strncat(lines, parts[(size_t)random() % (sizeof(parts) / sizeof(*parts))],
                                sizeof(lines) - strlen(lines) - 1);
                CHECK(f && fputs(lines, f) >= 0 && !fclose(f));
                k = find("h:1", A);
                if (k.state == CLIENT_KNOWN)
                        CHECK(strstr(lines, "h:1") && strstr(lines, A));
                if (k.state != CLIENT_UNKNOWN || random() % 8)
                        continue;
                CHECK_OK(client_known_add(path, "h:1", A, ""));
                CHECK_EQ(find("h:1", A).state, CLIENT_KNOWN);
                CHECK_EQ(find("h:1", B).state, CLIENT_CHANGED);
        }
        end();
}
