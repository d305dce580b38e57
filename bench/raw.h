/*
 * RPC messages of one shape each, word by word, as floor-server and raw-load exchange them.
 *
 * What they are is rpc.capnp's business (schema/capnp/); here is only what they look like when
 * their structs lie one after the other, as every implementation builds them. Each is one segment,
 * behind the word that says so.
 */
#ifndef BENCH_RAW_H
#define BENCH_RAW_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <arpa/inet.h>

/* Kinds of messages, and the words of each with the one in front. */
enum { RAW_ABORT = 1, RAW_CALL = 2, RAW_RETURN = 3, RAW_FINISH = 4, RAW_BOOTSTRAP = 8 };
enum { RAW_CALL_WORDS = 14, RAW_RETURN_WORDS = 9, RAW_FINISH_WORDS = 5, RAW_BOOTSTRAP_WORDS = 6 };

enum { RAW_NULL_METHOD = 2, RAW_BYTES = 1 << 18 };

#define RAW_EMPTY               UINT64_C(0xfffffffc) /* a pointer to a struct of nothing */
#define RAW_HEAD(words)         ((uint64_t)(words) << 32)
#define RAW_STRUCT(at, data, n) ((uint64_t)(at) << 2 | (uint64_t)(data) << 32 | (uint64_t)(n) << 48)
#define RAW_MESSAGE(words, kind, data, n) \
        RAW_HEAD((words)-1), RAW_STRUCT(0, 1, 1), (uint64_t)(kind), RAW_STRUCT(0, data, n)

/* null() of an Echo: the question, the interface, the export. */
static inline uint64_t *raw_call(uint64_t *to, uint32_t question, uint64_t interface, uint32_t cap)
{
        const uint64_t w[RAW_CALL_WORDS] = {RAW_MESSAGE(RAW_CALL_WORDS, RAW_CALL, 3, 3),
                                            question | (uint64_t)RAW_NULL_METHOD << 32,
                                            interface,
                                            0,
                                            RAW_STRUCT(2, 1, 1),
                                            RAW_STRUCT(3, 0, 2),
                                            0,
                                            cap,
                                            0,
                                            RAW_EMPTY,
                                            0};

        memcpy(to, w, sizeof(w));
        return to + RAW_CALL_WORDS;
}

/* Its answer. */
static inline uint64_t *raw_return(uint64_t *to, uint32_t answer)
{
        const uint64_t w[RAW_RETURN_WORDS] = {RAW_MESSAGE(RAW_RETURN_WORDS, RAW_RETURN, 2, 1),
                                              answer,
                                              0,
                                              RAW_STRUCT(0, 0, 2),
                                              RAW_EMPTY,
                                              0};

        memcpy(to, w, sizeof(w));
        return to + RAW_RETURN_WORDS;
}

/* keeps: the results' references stay. */
static inline uint64_t *raw_finish(uint64_t *to, uint32_t question, bool keeps)
{
        const uint64_t w[RAW_FINISH_WORDS] = {RAW_MESSAGE(RAW_FINISH_WORDS, RAW_FINISH, 1, 0),
                                              question | (uint64_t)keeps << 32};

        memcpy(to, w, sizeof(w));
        return to + RAW_FINISH_WORDS;
}

static inline uint64_t *raw_bootstrap(uint64_t *to, uint32_t question)
{
        const uint64_t w[RAW_BOOTSTRAP_WORDS] = {
                RAW_MESSAGE(RAW_BOOTSTRAP_WORDS, RAW_BOOTSTRAP, 1, 1), question, 0};

        memcpy(to, w, sizeof(w));
        return to + RAW_BOOTSTRAP_WORDS;
}

static inline void raw_must(bool holds, const char *what)
{
        if (holds)
                return;

        perror(what);
        exit(1);
}

/* Words of the first message among so many, with the one in front; 0: it is not all there. */
static inline size_t raw_message(const uint64_t *p, size_t words)
{
        size_t n = words ? (p[0] >> 32) + 1 : 0;

        raw_must(!words || (!(uint32_t)p[0] && n <= RAW_BYTES / 8), "a message of one segment");
        return n <= words ? n : 0;
}

static inline void raw_send(int fd, const uint64_t *from, const uint64_t *end)
{
        const uint8_t *p = (const uint8_t *)from;
        size_t left = (size_t)(end - from) * sizeof(*from);

        while (left) {
                ssize_t n = send(fd, p, left, MSG_NOSIGNAL);

                raw_must(n > 0, "send");
                p += n;
                left -= (size_t)n;
        }
}

/* A socket for unix:PATH or ADDRESS:PORT, and where to. */
static inline int raw_socket(const char *text, struct sockaddr_storage *a, socklen_t *ret_len)
{
        const char *colon = strrchr(text, ':');
        struct sockaddr_un *un = (struct sockaddr_un *)a;
        struct sockaddr_in *in = (struct sockaddr_in *)a;
        char host[64] = "";
        int fd;

        memset(a, 0, sizeof(*a));
        if (!strncmp(text, "unix:", 5)) {
                un->sun_family = AF_UNIX;
                snprintf(un->sun_path, sizeof(un->sun_path), "%s", text + 5);
                *ret_len = sizeof(*un);
        } else {
                snprintf(host, sizeof(host), "%.*s", colon ? (int)(colon - text) : 0, text);
                in->sin_family = AF_INET;
                in->sin_port = htons(colon ? (uint16_t)strtol(colon + 1, NULL, 10) : 0);
                raw_must(inet_pton(AF_INET, host, &in->sin_addr) == 1, text);
                *ret_len = sizeof(*in);
        }

        fd = socket(a->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        raw_must(fd >= 0, "socket");
        return fd;
}

#endif
