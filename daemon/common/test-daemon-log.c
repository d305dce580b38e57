/*
 * The log: a date that is right, also in a process that may open nothing; the journal's form; texts
 * of clients; lines that strangers cause.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "daemon-log.h"
#include "daemon-sandbox.h"
#include "daemon-text.h"
#include "harness.h"

/* What a child writes to its standard error when it logs one line. */
static void logged(bool confined, bool journal, int priority, const char *text, char ret[2048])
{
        char stream[64];
        struct stat st;
        int fds[2], status;
        ssize_t n;
        pid_t pid;

        CHECK(!pipe2(fds, O_CLOEXEC) && !fstat(fds[1], &st));
        snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
                 (unsigned long long)st.st_ino + !journal);
        pid = fork();
        CHECK(pid >= 0);
        if (!pid) {
                if (setenv("JOURNAL_STREAM", stream, 1) ||
                    dup3(fds[1], STDERR_FILENO, O_CLOEXEC) < 0)
                        _exit(1);
                if (confined && daemon_sandbox(ROLE_GATEWAY))
                        _exit(2);
                daemon_log(priority, "%s", text);
                _exit(0);
        }
        close(fds[1]);
        CHECK_EQ(waitpid(pid, &status, 0), pid);
        CHECK(WIFEXITED(status) && !WEXITSTATUS(status));
        n = read(fds[0], ret, 2047);
        CHECK(n > 0);
        ret[n] = 0;
        close(fds[0]);
}

TEST(a_line_has_the_time_and_a_word)
{
        char line[2048], date[32];
        struct tm tm = {0};
        char *rest;
        time_t then;

        for (unsigned confined = 0; confined < 2; confined++) {
                logged(confined, false, LOG_WARNING, "what happened", line);
                rest = strptime(line, "%Y-%m-%d %H:%M:%SZ ", &tm);
                CHECK(rest);
                CHECK_STR(rest, "test-daemon-log: warning: what happened\n");
                then = timegm(&tm);
                CHECK(llabs((long long)(time(NULL) - then)) < 600);
                strftime(date, sizeof(date), "%Y-%m-%d", &tm);
                CHECK(!strncmp(line, date, 10));
        }
        logged(false, false, LOG_INFO, "x", line);
        CHECK(strstr(line, "Z test-daemon-log: x\n"));
        logged(false, false, LOG_ERR, "x", line);
        CHECK(strstr(line, "Z test-daemon-log: error: x\n"));
}

TEST(the_journal_gets_priorities)
{
        char line[2048];

        logged(true, true, LOG_WARNING, "what happened", line);
        CHECK_STR(line, "<4>test-daemon-log: what happened\n");
}

TEST(a_long_line_is_cut_and_ends)
{
        char line[2048], text[3000];

        memset(text, 'x', sizeof(text) - 1);
        text[sizeof(text) - 1] = 0;
        logged(false, false, LOG_INFO, text, line);
        CHECK(strlen(line) <= 1024);
        CHECK_EQ(line[strlen(line) - 1], '\n');
}

TEST(texts_of_clients_are_harmless)
{
        char a[200];

        CHECK_STR(daemon_log_text("a\"b\n\x1b\xff", 6).s, "a\\x22b\\x0a\\x1b\\xff");
        memset(a, 'y', sizeof(a));
        CHECK_EQ(strlen(daemon_log_text(a, sizeof(a)).s), DAEMON_LOG_BYTES + 3);
}

TEST(lines_that_strangers_cause_are_few)
{
        struct daemon_log_rate r = {0};
        unsigned may = 0;

        for (unsigned i = 0; i < 1000; i++)
                may += daemon_log_may(&r, 5000);
        CHECK_EQ(may, 60);
        for (unsigned i = 0; i < 1000; i++) /* ten seconds */
                may += daemon_log_may(&r, 5000 + 10 * i);
        CHECK(may >= 60 + 49 && may <= 60 + 50);
        CHECK(r.lost > 0);
        CHECK(daemon_log_may(&r, 900000));
        CHECK_EQ(r.lost, 0);
}

TEST(a_text_is_cut_between_its_characters)
{
        CHECK_EQ(text_fit("\0\0\0", 4), 0);
        CHECK_EQ(text_fit("abc", 4), 3);
        CHECK_EQ(text_fit("abcd", 4), 4);
        CHECK_EQ(text_fit("abcde", 4), 4);
        CHECK_EQ(text_fit("abc\u00e9", 5), 5);
        CHECK_EQ(text_fit("abc\u00e9", 4), 3);
        CHECK_EQ(text_fit("a\u20ac\u20ac", 6), 4);
        CHECK_EQ(text_fit("\U0001f511\U0001f511", 7), 4);
        CHECK_EQ(text_fit("\U0001f511", 3), 0);
        CHECK_EQ(text_fit("\x80\x80\x80\x80\x80\x80\x80\x80", 7), 7);
}
