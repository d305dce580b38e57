/*
 * Two requests, the first of which is waited for. The second is to the port of the login itself,
 * which is served by whoever calls this: it is sent, and its answer is left alone.
 */
#include "bench-page.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TEXT = 8192 };

/* Asks for a page. The connection; -1: it cannot. */
static int page_ask(const char *url)
{
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        char text[TEXT];
        uint16_t port = 0;
        int fd, n, at = 0;

        if (sscanf(url, "http://127.0.0.1:%hu%n", &port, &at) != 1 || url[at] != '/')
                return -1;
        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -1;

        a.sin_port = htons(port);
        n = snprintf(text, sizeof(text),
                     "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nConnection: close\r\n\r\n", url + at,
                     port);
        if (n < (int)sizeof(text) && !connect(fd, (struct sockaddr *)&a, sizeof(a)) &&
            send(fd, text, (size_t)n, MSG_NOSIGNAL) == n)
                return fd;
        (void)close(fd);
        return -1;
}

int bench_page_visit(const char *url)
{
        static const char field[] = "\r\nLocation: ";
        char text[TEXT] = "", *to;
        size_t len = 0;
        ssize_t n = 1;
        int fd = page_ask(url);

        while (fd >= 0 && n > 0 && len < sizeof(text) - 1 && !strstr(text, "\r\n\r\n")) {
                n = recv(fd, text + len, sizeof(text) - 1 - len, 0);
                len += n > 0 ? (size_t)n : 0;
                text[len] = '\0';
        }
        if (fd >= 0)
                (void)close(fd);

        to = strstr(text, field);
        if (!to)
                return -1;
        to += strlen(field);
        to[strcspn(to, "\r")] = '\0';
        return page_ask(to);
}
