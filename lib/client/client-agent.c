/*
 * Talking to an ssh-agent (draft-miller-ssh-agent): which keys it has, and one signature. A
 * connection is made for each request and closed again; requests are rare, and an agent that is
 * started anew in between does not matter.
 *
 * This blocks, with a deadline: for who has keys some seconds, for a signature a minute, because
 * the agent may ask its user. What an agent says is believed as little as any peer: lengths are
 * checked, and a signature that is none fails at the instance.
 */
#include "client-error.h"
#include "client-key.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
        AGENT_ASK_IDENTITIES = 11,
        AGENT_IDENTITIES = 12,
        AGENT_ASK_SIGN = 13,
        AGENT_SIGNATURE = 14,

        AGENT_RSA_SHA2_512 = 4, /* flag of AGENT_ASK_SIGN */

        AGENT_MESSAGE_BYTES = 256 * 1024, /* as agents themselves bound it */
        AGENT_LIST_MS = 5 * 1000,
        AGENT_SIGN_MS = 60 * 1000,
};

/* One request and its answer. */
struct agent {
        int fd;
        uint64_t deadline_ms;
        uint8_t *message; /* AGENT_MESSAGE_BYTES */
        size_t used;      /* of it, so far: a signature may be there */
        struct client_in answer;
};

static void agent_deinit(struct agent *a)
{
        if (a->fd >= 0)
                (void)close(a->fd);
        if (a->message)
                explicit_bzero(a->message, a->used);
        free(a->message);
}

static uint64_t agent_now_ms(void)
{
        struct timespec t;

        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Waits until the socket is ready. 0, or -errno. */
static int agent_poll(struct agent *a, short events)
{
        struct pollfd p = {.fd = a->fd, .events = events};
        uint64_t now_ms = agent_now_ms();
        int n;

        if (now_ms >= a->deadline_ms)
                return -ETIMEDOUT;
        n = poll(&p, 1, (int)(a->deadline_ms - now_ms));
        if (n < 0 && errno != EINTR)
                return -errno;
        return 0;
}

/* Moves all bytes in one direction. 0, or -errno. */
static int agent_move(struct agent *a, bool out, uint8_t *p, size_t len)
{
        ssize_t n;
        int r;

        while (len) {
                n = out ? send(a->fd, p, len, MSG_NOSIGNAL) : recv(a->fd, p, len, 0);
                if (n == 0)
                        return -ECONNRESET;
                if (n > 0) {
                        p += n;
                        len -= (size_t)n;
                        continue;
                }
                if (errno != EAGAIN && errno != EINTR)
                        return -errno;
                r = agent_poll(a, out ? POLLOUT : POLLIN);
                if (r)
                        return r;
        }
        return 0;
}

static int agent_connect(struct agent *a, const char *path)
{
        struct sockaddr_un un = {.sun_family = AF_UNIX};

        if (!path || !*path)
                return -ENOENT;
        if (strlen(path) >= sizeof(un.sun_path))
                return -ENAMETOOLONG;

        memcpy(un.sun_path, path, strlen(path));
        a->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (a->fd < 0 || connect(a->fd, (struct sockaddr *)&un, sizeof(un)) < 0)
                return -errno;
        return 0;
}

/* Sends what is in the message after its first four bytes, and reads the answer over it. */
static int agent_exchange(struct agent *a, struct client_out *o, uint8_t expected)
{
        struct client_out head = {.p = a->message, .room = 4};
        struct client_in i = {.p = a->message, .len = 4};
        uint32_t len;
        int r;

        a->used = o->len;
        client_out_u32(&head, (uint32_t)o->len - 4);
        r = o->full ? -EMSGSIZE : agent_move(a, true, a->message, o->len);
        if (!r)
                r = agent_move(a, false, a->message, 4);
        if (r)
                return r;

        len = client_in_u32(&i);
        if (!len || len > AGENT_MESSAGE_BYTES)
                return -EMSGSIZE;
        a->used = len > a->used ? len : a->used;
        r = agent_move(a, false, a->message, len);
        if (r)
                return r;

        a->answer = (struct client_in){.p = a->message, .len = len};
        return client_in_u8(&a->answer) == expected ? 0 : -EPROTO;
}

/* Connects and begins a message of a type. */
static int agent_init(struct agent *a, const char *path, uint32_t timeout_ms, uint8_t type,
                      struct client_out *ret_o)
{
        *a = (struct agent){.fd = -1, .deadline_ms = agent_now_ms() + timeout_ms};
        a->message = malloc(AGENT_MESSAGE_BYTES);
        if (!a->message)
                return -ENOMEM;

        *ret_o = (struct client_out){.p = a->message, .room = AGENT_MESSAGE_BYTES};
        client_out_u32(ret_o, 0);
        client_out_u8(ret_o, type);
        return agent_connect(a, path);
}

static const char *agent_path(const char *path)
{
        return path ? path : secure_getenv("SSH_AUTH_SOCK");
}

static int agent_explain(int r, const char *path, struct capos_error *ret_e)
{
        if (r == -ENOMEM)
                return client_fail(ret_e, r, "%s", capos_strerror(r));
        if (!path || !*path)
                return client_fail(ret_e, CAPOS_E_AGENT, "no ssh-agent: SSH_AUTH_SOCK is not set");
        if (r == -EPROTO)
                return client_fail(ret_e, CAPOS_E_AGENT, "the ssh-agent at %s refused", path);
        return client_fail(ret_e, CAPOS_E_AGENT, "the ssh-agent at %s: %s", path, strerror(-r));
}

/* ---- keys --------------------------------------------------------------------------------- */

/* Which key is looked for: by its public half, or by its place. */
struct wanted {
        capnp_data public; /* p NULL: by place */
        uint32_t place;
};

static bool wanted_is(struct wanted *w, capnp_data public)
{
        enum key_type t;

        if (w->public.p)
                return w->public.len == public.len && !memcmp(w->public.p, public.p, public.len);
        if (key_type_of_public(public, &t) || public.len > KEY_PUBLIC_BYTES)
                return false;
        return w->place-- == 0;
}

/* 0; CAPNP_E_UNKNOWN; -errno. */
static int agent_find(struct agent *a, struct client_out *o, struct wanted *w, capos_key *k)
{
        capnp_data public;
        uint32_t n;
        int r;

        r = agent_exchange(a, o, AGENT_IDENTITIES);
        if (r)
                return r;

        n = client_in_u32(&a->answer);
        while (n-- && !a->answer.bad) {
                public = client_in_string(&a->answer);
                (void)client_in_string(&a->answer); /* the comment */
                if (!a->answer.bad && wanted_is(w, public))
                        return key_set_public(k, public);
        }
        return a->answer.bad ? -EBADMSG : CAPNP_E_UNKNOWN;
}

static int agent_key(const char *path, struct wanted *w, capos_key **ret_k,
                     struct capos_error *ret_e)
{
        CAPNP_AUTO(capos_key_freep) capos_key *k = calloc(1, sizeof(*k));
        CAPNP_AUTO(agent_deinit) struct agent a = {.fd = -1};
        struct client_out o;
        int r = -ENOMEM;

        path = agent_path(path);
        if (k && path)
                k->agent = strdup(path);
        if (k && (k->agent || !path))
                r = agent_init(&a, path, AGENT_LIST_MS, AGENT_ASK_IDENTITIES, &o);
        if (!r)
                r = agent_find(&a, &o, w, k);
        if (r == CAPNP_E_UNKNOWN)
                return client_fail(ret_e, r, "the ssh-agent does not have the key");
        if (r)
                return agent_explain(r < 0 ? r : -EBADMSG, path, ret_e);

        *ret_k = k;
        k = NULL;
        return 0;
}

int capos_key_of_agent(const char *socket, uint32_t i, capos_key **ret_k, struct capos_error *ret_e)
{
        struct wanted w = {.place = i};

        return agent_key(socket, &w, ret_k, ret_e);
}

/* `ssh-ed25519 AAAA… comment`: the second word is the public key. */
static int agent_read_public(const char *path, struct client_out *o)
{
        char text[KEY_FILE_BYTES];
        const char *word;
        enum key_type t;
        size_t len;
        int r;

        r = key_read_file(path, text, sizeof(text), &len);
        if (r)
                return r == CAPNP_E_LIMIT ? CAPOS_E_KEY : r;

        word = memchr(text, ' ', len);
        if (!word || memchr(text, '\n', (size_t)(word - text)))
                return CAPOS_E_KEY;
        word++;
        len -= (size_t)(word - text);
        for (size_t i = 0; i < len; i++)
                if (word[i] == ' ' || word[i] == '\n')
                        len = i;
        if (client_base64(word, len, o) ||
            key_type_of_public((capnp_data){o->p, (uint32_t)o->len}, &t))
                return CAPOS_E_KEY;
        return 0;
}

int capos_key_of_agent_file(const char *socket, const char *path, capos_key **ret_k,
                            struct capos_error *ret_e)
{
        uint8_t public[KEY_PUBLIC_BYTES];
        struct client_out o = {.p = public, .room = sizeof(public)};
        struct wanted w;
        int r = agent_read_public(path, &o);

        if (r == CAPOS_E_KEY)
                return client_fail(ret_e, r, "%s is not a public key of a known kind", path);
        if (r)
                return client_fail(ret_e, r, "%s: %s", path, capos_strerror(r));

        w = (struct wanted){.public = {public, (uint32_t)o.len}};
        return agent_key(socket, &w, ret_k, ret_e);
}

int capos_key_certify(const capos_key *k, const char *path, capos_key **ret_k,
                      struct capos_error *ret_e)
{
        CAPNP_AUTO(capos_key_freep) capos_key *c = NULL;
        int r = capos_key_load_public(path, &c, ret_e);

        if (r)
                return r;
        if (!c->certified || strcmp(c->fingerprint, k->fingerprint) != 0)
                return client_fail(ret_e, CAPOS_E_KEY, "%s is not a certificate of the key %s",
                                   path, k->fingerprint);

        if (k->pkey && EVP_PKEY_up_ref(k->pkey))
                c->pkey = k->pkey;
        if (k->agent)
                c->agent = strdup(k->agent);
        if ((k->pkey && !c->pkey) || (k->agent && !c->agent))
                return client_fail(ret_e, -ENOMEM, "%s", capos_strerror(-ENOMEM));

        *ret_k = c;
        c = NULL;
        return 0;
}

int capos_key_load_public(const char *path, capos_key **ret_k, struct capos_error *ret_e)
{
        CAPNP_AUTO(capos_key_freep) capos_key *k = calloc(1, sizeof(*k));
        uint8_t public[KEY_PUBLIC_BYTES];
        struct client_out o = {.p = public, .room = sizeof(public)};
        int r = k ? agent_read_public(path, &o) : -ENOMEM;

        if (!r)
                r = key_set_public(k, (capnp_data){public, (uint32_t)o.len});
        if (r > 0)
                return client_fail(ret_e, CAPOS_E_KEY, "%s is not a public key of a known kind",
                                   path);
        if (r)
                return client_fail(ret_e, r, "%s: %s", path, capos_strerror(r));

        *ret_k = k;
        k = NULL;
        return 0;
}

int key_sign_agent(const capos_key *k, capnp_data what, struct client_out *to,
                   struct capos_error *ret_e)
{
        CAPNP_AUTO(agent_deinit) struct agent a = {.fd = -1};
        struct client_out o;
        capnp_data sig = {0};
        int r;

        r = agent_init(&a, k->agent, AGENT_SIGN_MS, AGENT_ASK_SIGN, &o);
        if (!r) {
                client_out_string(&o, k->public, k->public_len);
                client_out_string(&o, what.p, what.len);
                client_out_u32(&o, k->type == KEY_RSA ? AGENT_RSA_SHA2_512 : 0);
                r = agent_exchange(&a, &o, AGENT_SIGNATURE);
        }
        if (!r)
                sig = client_in_string(&a.answer);
        if (!r && (a.answer.bad || !sig.len))
                r = -EBADMSG;
        if (r)
                return agent_explain(r, k->agent, ret_e);

        client_out_raw(to, sig.p, sig.len);
        return 0;
}
