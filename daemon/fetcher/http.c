/*
 * One request over HTTP.
 *
 * The library is told every limit there is: the protocols, no redirects, no proxy, no connection
 * that is kept, no file that it reads by itself. The host is looked up here, because the library
 * would do it in a thread, which this process cannot have; it is told the addresses.
 */
#include "http.h"

#include <curl/curl.h>
#include <errno.h>
#include <netdb.h>
#include <nss.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io-loop.h"

enum {
        CONNECT_MS = 5000,
        ADDRESSES = 8,
        ADDRESS_BYTES = 64,
        HOST_BYTES = 256,
};

bool http_warm_up(void)
{
        struct addrinfo *found = NULL;

        /* Neither modules, which would be loaded then, nor a daemon that looks up for others. */
        if (__nss_configure_lookup("hosts", "files dns") ||
            setenv("RES_OPTIONS", "timeout:2 attempts:2", 1) || curl_global_init(CURL_GLOBAL_ALL))
                return false;
        if (!getaddrinfo("localhost", NULL, NULL, &found))
                freeaddrinfo(found);
        return true;
}

/* ---- addresses ------------------------------------------------------------------------------ */

struct host {
        char name[HOST_BYTES];
        char port[8];
};

/* By the library's own reading of the URL, so that both mean one host. */
static int host_read(const char *url, struct host *h)
{
        CURLU *u = curl_url();
        char *name = NULL, *port = NULL;
        int r = -EINVAL;

        if (u && !curl_url_set(u, CURLUPART_URL, url, 0) &&
            !curl_url_get(u, CURLUPART_HOST, &name, 0) &&
            !curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) &&
            strlen(name) < sizeof(h->name) && strlen(port) < sizeof(h->port)) {
                snprintf(h->name, sizeof(h->name), "%s", name);
                snprintf(h->port, sizeof(h->port), "%s", port);
                r = 0;
        }
        curl_free(name);
        curl_free(port);
        curl_url_cleanup(u);
        return r;
}

/* `HOST:PORT:ADDRESS,ADDRESS`. 0, or what getaddrinfo() says. */
static int host_look_up(const struct host *h, char *to, size_t room)
{
        const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
        struct addrinfo *found = NULL;
        unsigned n = 0;
        size_t at;
        int r = getaddrinfo(h->name, h->port, &hints, &found);

        if (r)
                return r;

        at = (size_t)snprintf(to, room, "%s:%s:", h->name, h->port);
        for (const struct addrinfo *i = found; i && n < ADDRESSES && at < room; i = i->ai_next) {
                bool six = i->ai_family == AF_INET6;
                char text[ADDRESS_BYTES];

                if (getnameinfo(i->ai_addr, i->ai_addrlen, text, sizeof(text), NULL, 0,
                                NI_NUMERICHOST))
                        continue;
                at += (size_t)snprintf(to + at, room - at, "%s%s%s%s", n ? "," : "", six ? "[" : "",
                                       text, six ? "]" : "");
                n++;
        }
        freeaddrinfo(found);
        return n && at < room ? 0 : EAI_NONAME;
}

/* The library needs to be told nothing of an address. */
static bool host_is_address(const struct host *h)
{
        return h->name[0] == '[' || strspn(h->name, "0123456789.") == strlen(h->name);
}

/* ---- asking --------------------------------------------------------------------------------- */

static size_t body_add(char *bytes, size_t one, size_t n, void *arg)
{
        struct http_answer *a = arg;

        if (one * n > HTTP_BODY_BYTES - a->len)
                return 0;

        memcpy(a->body + a->len, bytes, one * n);
        a->len += (uint32_t)(one * n);
        return one * n;
}

/* What is the same for every request. */
static bool ask_set_bounds(CURL *c, bool plain)
{
        static const struct {
                CURLoption option;
                long value;
        } numbers[] = {
                {CURLOPT_FOLLOWLOCATION, 0},
                {CURLOPT_NOSIGNAL, 1},
                {CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1},
                {CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS},
                {CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2},
                {CURLOPT_SSL_VERIFYPEER, 1},
                {CURLOPT_SSL_VERIFYHOST, 2},
                {CURLOPT_HTTPAUTH, CURLAUTH_BASIC},
        };
        const struct {
                CURLoption option;
                const char *value;
        } texts[] = {
                {CURLOPT_PROTOCOLS_STR, plain ? "http" : "https"},
                {CURLOPT_PROXY, ""},
                {CURLOPT_CAINFO, NULL},
                {CURLOPT_CAPATH, NULL},
                {CURLOPT_USERAGENT, "capos"},
        };
        bool good = true;

        for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
                good = good && !curl_easy_setopt(c, numbers[i].option, numbers[i].value);
        for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                good = good && !curl_easy_setopt(c, texts[i].option, texts[i].value);
        return good;
}

static bool ask_set(CURL *c, const struct http_ask *q, struct http_answer *a)
{
        uint64_t now = capos_io_now_ms();
        long left_ms = now < q->until_ms ? (long)(q->until_ms - now) : 1;
        struct curl_blob ca = {(void *)(uintptr_t)q->ca.p, q->ca.len, CURL_BLOB_NOCOPY};

        return ask_set_bounds(c, !strncmp(q->url, "http:", 5)) &&
               !curl_easy_setopt(c, CURLOPT_URL, q->url) &&
               !curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, left_ms) &&
               (!q->ca.len || !curl_easy_setopt(c, CURLOPT_CAINFO_BLOB, &ca)) &&
               !curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, body_add) &&
               !curl_easy_setopt(c, CURLOPT_WRITEDATA, a) &&
               (!q->form || (!curl_easy_setopt(c, CURLOPT_POSTFIELDS, q->form) &&
                             !curl_easy_setopt(c, CURLOPT_POST, 1L))) &&
               (!q->user || (!curl_easy_setopt(c, CURLOPT_USERNAME, q->user) &&
                             !curl_easy_setopt(c, CURLOPT_PASSWORD, q->secret)));
}

/* What is wrong with a host's certificate only its text says; names in there are the host's. */
static void ask_say_why(CURLcode e, char *text, struct http_answer *a, const char *name)
{
        for (char *c = text; *c; c++)
                if (*c < ' ' || *c > '~')
                        *c = '?';
        snprintf(a->why, sizeof(a->why), "%.100s: %s", name,
                 e == CURLE_PEER_FAILED_VERIFICATION && *text ? text : curl_easy_strerror(e));
}

static int ask_perform(CURL *c, struct http_answer *a, const char *name)
{
        char text[CURL_ERROR_SIZE] = "";
        CURLcode e = curl_easy_setopt(c, CURLOPT_ERRORBUFFER, text);

        if (!e)
                e = curl_easy_perform(c);
        if (!e)
                e = curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &a->status);
        (void)curl_easy_setopt(c, CURLOPT_ERRORBUFFER, NULL);
        if (e == CURLE_WRITE_ERROR) {
                snprintf(a->why, sizeof(a->why), "%s: the answer is longer than %d KiB", name,
                         HTTP_BODY_BYTES / 1024);
                return -EIO;
        }
        if (e)
                ask_say_why(e, text, a, name);
        return e ? -EIO : 0;
}

/* name: of the host. addresses: as the library is told; "": it needs none. */
static int ask_with(const struct http_ask *q, struct http_answer *a, const char *name,
                    const char *addresses)
{
        struct curl_slist *resolve = NULL;
        CURL *c = curl_easy_init();
        int r = -EIO;

        if (*addresses)
                resolve = curl_slist_append(NULL, addresses);
        if (!c || (*addresses && !resolve) || !ask_set(c, q, a) ||
            (resolve && curl_easy_setopt(c, CURLOPT_RESOLVE, resolve)))
                snprintf(a->why, sizeof(a->why), "the library for HTTP does not work");
        else
                r = ask_perform(c, a, name);
        curl_easy_cleanup(c);
        curl_slist_free_all(resolve);
        return r;
}

int http_ask(const struct http_ask *q, struct http_answer *a)
{
        char addresses[HOST_BYTES + 16 + ADDRESSES * ADDRESS_BYTES] = "";
        struct host h;
        int r = host_read(q->url, &h);

        a->len = 0;
        if (r) {
                snprintf(a->why, sizeof(a->why), "a URL has no host");
                return -EIO;
        }
        r = host_is_address(&h) ? 0 : host_look_up(&h, addresses, sizeof(addresses));
        if (r) {
                snprintf(a->why, sizeof(a->why), "%.100s: %s", h.name, gai_strerror(r));
                return -EIO;
        }
        return ask_with(q, a, h.name, addresses);
}
