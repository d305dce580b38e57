/*
 * capos-fetcher: one request to an identity provider, one process.
 *
 * The only process of the instance that connects to anything. It reads one request from its socket,
 * asks the provider, answers once, and ends. It decides nothing: what it brings is judged by a
 * prover, by keys that this process could forge, unless the manifest pins them (`keysFile`).
 *
 * What caposd starts is a zygote, as of provers: it loads the libraries and who vouches for hosts,
 * and copies itself for each request. A copy has seen no answer but its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "answer.h"
#include "daemon-link.h"
#include "daemon-log.h"
#include "daemon-packets.h"
#include "daemon-zygote.h"
#include "http.h"
#include "io-loop.h"
#include "io-packet.h"
#include "session-url.h"

enum {
        CPU_SECONDS = 10,
        REQUEST_MS = 10000,
        ANSWER_MS = 15000,
        LIFE_S = 16, /* … and so long with names that cannot be looked up; caposd waits for 20 */
        FORM_BYTES = 16 * 1024,
        AUTHORITIES_BYTES = 4 * 1024 * 1024,
        ESCAPED_BYTES = 3 * FETCH_ID_BYTES,
};

static const char AUTHORITIES[] = "/etc/ssl/certs/ca-certificates.crt";
static const char DISCOVERY[] = "/.well-known/openid-configuration";

/* The system's, read when the zygote starts. */
static capnp_data authorities;

/* ---- a request ------------------------------------------------------------------------------ */

/* Every text ends in its place. */
static bool request_is_good(const struct fetch_request *q)
{
        return q->kind >= FETCH_DISCOVER && q->kind <= FETCH_CODE_TOKEN &&
               q->ca_len <= sizeof(q->ca) && memchr(q->url, 0, sizeof(q->url)) &&
               memchr(q->client_id, 0, sizeof(q->client_id)) &&
               memchr(q->client_secret, 0, sizeof(q->client_secret)) &&
               memchr(q->scopes, 0, sizeof(q->scopes)) && memchr(q->code, 0, sizeof(q->code)) &&
               memchr(q->verifier, 0, sizeof(q->verifier)) &&
               memchr(q->redirect, 0, sizeof(q->redirect)) &&
               capos_i_url_is_good(q->url, q->loopback == 1);
}

/* What is posted; a request without a form is got. 0, or CAPNP_E_LIMIT. */
static int form_write(const struct fetch_request *q, char *form, size_t room)
{
        static const char device[] = "urn:ietf:params:oauth:grant-type:device_code";
        int r = 0;

        if (!q->client_secret[0])
                r = capos_i_query_add(form, room, "client_id", q->client_id);
        if (!r && q->kind == FETCH_DEVICE) {
                if (q->client_secret[0])
                        r = capos_i_query_add(form, room, "client_id", q->client_id);
                return r ? r : capos_i_query_add(form, room, "scope", q->scopes);
        }

        if (!r)
                r = capos_i_query_add(form, room, "grant_type",
                                      q->kind == FETCH_DEVICE_TOKEN ? device
                                                                    : "authorization_code");
        if (!r)
                r = capos_i_query_add(form, room,
                                      q->kind == FETCH_DEVICE_TOKEN ? "device_code" : "code",
                                      q->code);
        if (!r && q->kind == FETCH_CODE_TOKEN)
                r = capos_i_query_add(form, room, "redirect_uri", q->redirect);
        if (!r && q->kind == FETCH_CODE_TOKEN)
                r = capos_i_query_add(form, room, "code_verifier", q->verifier);
        return r;
}

/* The URL of a provider's description. */
static int discovery_url(const char *issuer, char url[FETCH_URL_BYTES])
{
        size_t n = strlen(issuer);

        while (n && issuer[n - 1] == '/')
                n--;
        return snprintf(url, FETCH_URL_BYTES, "%.*s%s", (int)n, issuer, DISCOVERY) < FETCH_URL_BYTES
                       ? 0
                       : CAPNP_E_LIMIT;
}

/* Who asks, as RFC 6749 (2.3.1) has it: both escaped. */
static int user_write(const struct fetch_request *q, char *user, char *secret)
{
        int r = capos_i_query_add(user, ESCAPED_BYTES, "", q->client_id);

        return r ? r : capos_i_query_add(secret, ESCAPED_BYTES, "", q->client_secret);
}

static void request_serve(const struct fetch_request *q, struct fetch_reply *ret)
{
        static char form[FORM_BYTES], user[ESCAPED_BYTES], secret[ESCAPED_BYTES];
        static uint8_t body[HTTP_BODY_BYTES];
        char url[FETCH_URL_BYTES];
        struct http_answer a = {.body = body};
        struct http_ask ask = {.url = q->url,
                               .ca = q->ca_len ? (capnp_data){q->ca, q->ca_len} : authorities,
                               .until_ms = capos_io_now_ms() + ANSWER_MS};
        bool post = q->kind >= FETCH_DEVICE;
        int r = 0;

        if (q->kind == FETCH_DISCOVER) {
                r = discovery_url(q->url, url);
                ask.url = url;
        }
        if (!r && post) {
                r = form_write(q, form, sizeof(form));
                ask.form = form;
        }
        if (!r && post && q->client_secret[0]) {
                r = user_write(q, user, secret);
                ask.user = user + 1; /* behind the = */
                ask.secret = secret + 1;
        }
        if (r) {
                answer_fail(ret, "the request is too long");
                return;
        }
        if (http_ask(&ask, &a))
                answer_fail(ret, a.why);
        else
                answer_read(q, a.status, (capnp_data){a.body, a.len}, ret);
}

/* ---- a fetcher ------------------------------------------------------------------------------ */

/* What is answered where the C library waits for a server of names, and for how long nobody knows.
 */
static struct fetch_reply late;

static void fetcher_late(int signal)
{
        (void)signal;
        _exit(capos_io_packet_send(LINK_FD, &late, sizeof(late), NULL, 0) ? 1 : 0);
}

/* From here on the process has so many seconds, whatever it waits for. 0, or -errno. */
static int fetcher_bound(void)
{
        const struct sigaction a = {.sa_handler = fetcher_late};

        answer_fail(&late, "looking up the provider's host takes too long");
        if (sigaction(SIGALRM, &a, NULL))
                return -errno;
        (void)alarm(LIFE_S);
        return 0;
}

/* One request. The process's exit code; what it knows goes with it. */
static int fetcher_serve(void)
{
        static struct fetch_request q;
        static struct fetch_reply reply;
        struct pollfd p = {.fd = LINK_FD, .events = POLLIN};

        if (poll(&p, 1, REQUEST_MS) <= 0 || capos_io_packet_recv(LINK_FD, &q, sizeof(q), NULL, 0))
                return 1;

        if (fetcher_bound())
                return 1;
        if (request_is_good(&q))
                request_serve(&q, &reply);
        else
                answer_fail(&reply, "the request makes no sense");
        return capos_io_packet_send(LINK_FD, &reply, sizeof(reply), NULL, 0) ? 1 : 0;
}

static void fetcher_live(struct daemon_zygote *z, int socket)
{
        const struct rlimit cpu = {CPU_SECONDS, CPU_SECONDS};
        enum daemon_copy_exit e;

        if (setrlimit(RLIMIT_CPU, &cpu))
                _exit(COPY_EXIT_SANDBOX);
        e = daemon_copy_confine(z, socket, 0);
        _exit(e ? (int)e : fetcher_serve());
}

/* ---- the zygote ----------------------------------------------------------------------------- */

/* Who vouches for hosts. A system without any is not at fault: issuers may name their own. */
static int authorities_read(void)
{
        int fd = open(AUTHORITIES, O_RDONLY | O_CLOEXEC);
        struct stat st;
        uint8_t *bytes;
        ssize_t n;

        if (fd < 0 || fstat(fd, &st) || st.st_size > AUTHORITIES_BYTES) {
                daemon_log(LOG_WARNING, "%s cannot be read: no host is believed without a caFile",
                           AUTHORITIES);
                if (fd >= 0)
                        (void)close(fd);
                return 0;
        }

        bytes = malloc((size_t)st.st_size + 1);
        n = bytes ? read(fd, bytes, (size_t)st.st_size) : -1;
        (void)close(fd);
        if (n < 0) {
                free(bytes);
                return bytes ? -EIO : -ENOMEM;
        }
        authorities = (capnp_data){bytes, (uint32_t)n};
        return 0;
}

int main(void)
{
        struct daemon_zygote z = {.link = LINK_FD,
                                  .parent = getppid(),
                                  .live = fetcher_live,
                                  .own_role = ROLE_FETCHERS,
                                  .role = ROLE_FETCHER};
        int r;

        if (!http_warm_up()) {
                daemon_log(LOG_ERR, "the library for HTTP does not work");
                return 1;
        }

        r = authorities_read();
        if (!r)
                r = daemon_zygote_begin(&z);
        if (!r)
                r = daemon_zygote_run(&z);
        daemon_filter_deinit(&z.filter);
        if (r && r != CAPOS_IO_E_CLOSED) {
                daemon_log(LOG_ERR, "%s", capnp_strerror(r));
                return 1;
        }
        return 0;
}
