/*
 * Connecting: from an address to a connection, and to whoever is behind it.
 *
 * Who serves a Unix socket is asked of the kernel. Who is behind TLS is decided by the key that the
 * handshake has proved (client-trust.c), between the handshake and the first message: an instance
 * that is refused has not been told anything. Nobody is asked there, because the instance does not
 * wait; a program that has somebody to ask is told what key was shown, asks, has it added to the
 * known instances, and connects again. So what a person has said yes to is that key, and no other
 * that comes meanwhile. Of plain TCP nothing is known.
 */
#include "client-error.h"
#include "client-trust.h"
#include "client.h"
#include "tls-file.h"
#include "tls-fingerprint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- Unix sockets ------------------------------------------------------------------------- */

/* Whether a user owns the folder that a socket is in, and nobody else can put one there. */
static bool folder_is_of(const char *path, uid_t uid)
{
        char folder[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];
        const char *end = strrchr(path, '/');
        struct stat st;

        if (!end)
                return false;

        (void)snprintf(folder, sizeof(folder), "%.*s", (int)(end - path) + 1, path);
        return stat(folder, &st) == 0 && st.st_uid == uid && !(st.st_mode & 022);
}

bool client_trusts_server(int fd)
{
        struct sockaddr_un a = {.sun_family = AF_UNSPEC};
        socklen_t len = sizeof(a) - 1; /* so that there is a NUL */
        struct ucred who;
        socklen_t wholen = sizeof(who);

        if (getpeername(fd, (struct sockaddr *)&a, &len) < 0)
                return false;
        if (a.sun_family != AF_UNIX)
                return true;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &wholen) < 0)
                return false;

        return who.uid == 0 || who.uid == geteuid() || folder_is_of(a.sun_path, who.uid);
}

/* ---- TLS ---------------------------------------------------------------------------------- */

/* What the file says of the key that was shown. 0; else said why, in i->refused. */
static int identity_look(const struct client_identity *i, struct client_known *ret,
                         struct capos_error *e)
{
        int r = *i->path ? client_known_find(i->path, i->at.where, i->seen, ret) : -ENOENT;

        if (r == -ENOENT && !*i->path) {
                *ret = (struct client_known){.state = CLIENT_UNKNOWN};
                return 0;
        }
        if (!r)
                return 0;
        return client_fail(e, CAPOS_E_UNKNOWN_KEY, "%s: %s", i->path,
                           r == -EPERM ? "others can write to it, so it is not believed: chmod go-w"
                                       : capos_strerror(r));
}

/* The handshake has shown a key. NULL: it is the instance that was meant. */
static const char *identity_check(void *arg, const uint8_t key[CAPOS_I_TLS_HASH])
{
        struct client_identity *i = arg;
        struct client_trust_case t = {.at = &i->at,
                                      .expect = *i->expect ? i->expect : NULL,
                                      .seen = i->seen,
                                      .path = *i->path ? i->path : NULL};

        memcpy(i->key, key, sizeof(i->key));
        capos_i_tls_fingerprint_print(key, i->seen);
        if (client_trust_needs_known(t.at, t.expect) && identity_look(i, &t.known, &i->refused))
                return i->refused.text;
        return client_trust_decide(&t, &i->refused) == CLIENT_TRUST_YES ? NULL : i->refused.text;
}

static void identity_secured(void *arg, struct capos_i_tls *t)
{
        struct client_identity *i = arg;

        i->bound = !capos_i_tls_exporter(t, i->exporter);
}

static int identity_new(const struct capos_address *at, const struct capos_trust *trust,
                        struct client_identity **ret)
{
        const char *expect = trust && trust->expect ? trust->expect : "";
        const char *known = trust ? trust->known : NULL;
        struct client_identity *i;

        if (*expect && !capos_fingerprint_check(expect, strlen(expect)))
                return -EINVAL;
        i = calloc(1, sizeof(*i));
        if (!i)
                return -ENOMEM;

        i->at = *at;
        (void)snprintf(i->expect, sizeof(i->expect), "%s", expect);
        if (known)
                (void)snprintf(i->path, sizeof(i->path), "%s", known);
        else if (client_known_path(i->path, sizeof(i->path)))
                i->path[0] = 0;
        *ret = i;
        return 0;
}

/* The host alone of HOST:PORT or [IPv6]:PORT. */
static void host_of(const char *where, char *to, size_t room)
{
        bool brackets = *where == '[';
        const char *end = brackets ? strchr(where, ']') : strrchr(where, ':');

        (void)snprintf(to, room, "%.*s", (int)(end - where) - brackets, where + brackets);
}

void client_host(const capos_client *c, char *to)
{
        struct in6_addr ip;

        *to = 0;
        if (!c->reachable)
                return;
        if (c->at.transport == CAPOS_TRANSPORT_UNIX) {
                (void)snprintf(to, CAPOS_ADDRESS_WHERE, "localhost");
                return;
        }
        host_of(c->at.where, to, CAPOS_ADDRESS_WHERE);
        if (strchr(to, ':') || inet_pton(AF_INET, to, &ip) == 1)
                *to = 0;
}

static int secure_code(int r)
{
        return r == CAPOS_I_TLS_E_CA ? CAPOS_E_CA : r > 0 ? CAPOS_E_CERTIFICATE : r;
}

/* What TLS is spoken with, to this place: whom to believe, and who to be. */
static int client_prepare(capos_client *c, const struct capos_trust *trust)
{
        bool is_system = !strcmp(c->at.ca, "system");
        struct capos_i_tls_client_settings s = {
                .ca_file = *c->at.ca && !is_system ? c->at.ca : NULL, .ca_system = is_system};

        if (trust) {
                s.certificates = trust->certificates;
                s.key = trust->key;
        }
        return secure_code(capos_i_tls_client_new(&s, &c->tls));
}

/* Puts TLS into the connection, which has not begun. */
static int client_secure(capos_client *c)
{
        struct capos_i_tls_plan p = {
                .check = identity_check, .secured = identity_secured, .arg = c->identity};
        char host[CAPOS_ADDRESS_WHERE];

        host_of(c->at.where, host, sizeof(host));
        p.host = host;
        return capos_i_tls_connect(c->vat, c->conn, c->tls, &p, NULL);
}

bool client_binding_peek(const capos_client *c, capnp_data *ret_channel, capnp_data *ret_key)
{
        if (!c->identity || !c->identity->bound)
                return false;

        *ret_channel = (capnp_data){c->identity->exporter, CAPOS_I_TLS_HASH};
        *ret_key = (capnp_data){c->identity->key, CAPOS_I_TLS_HASH};
        return true;
}

int client_binding_set(capos_client *c, capnp_data channel, capnp_data key)
{
        if (channel.len != CAPOS_I_TLS_HASH || key.len != CAPOS_I_TLS_HASH)
                return 0;

        c->identity = client_identity_free(c->identity);
        c->identity = calloc(1, sizeof(*c->identity));
        if (!c->identity)
                return -ENOMEM;

        memcpy(c->identity->exporter, channel.p, CAPOS_I_TLS_HASH);
        memcpy(c->identity->key, key.p, CAPOS_I_TLS_HASH);
        c->identity->bound = true;
        return 0;
}

const char *capos_client_key_peek(const capos_client *c)
{
        return c->identity ? c->identity->seen : "";
}

int capos_known_add(const char *known, const char *addr, const char *fingerprint)
{
        char path[CLIENT_KNOWN_PATH];
        struct capos_address a;
        const char *why;
        int r = capos_address_parse(addr, CAPOS_ADDRESS_TYPED, &a, &why);

        if (!r && a.transport == CAPOS_TRANSPORT_UNIX)
                r = CAPNP_E_ADDRESS;
        if (!r && !known)
                r = client_known_path(path, sizeof(path));
        if (!r)
                r = client_known_add(known ? known : path, a.where, fingerprint, "");
        return r == -EEXIST ? 0 : r;
}

/* ---- all ---------------------------------------------------------------------------------- */

/* Makes the connection, and asks for its bootstrap object. */
static int client_dial(capos_client *c)
{
        int r;

        if (c->at.transport == CAPOS_TRANSPORT_TLS)
                r = capnp_conn_connect(c->vat, c->at.where, &c->limits, NULL, &c->conn);
        else
                r = capnp_conn_connect_checked(c->vat, c->at.where, &c->limits,
                                               client_trusts_server, &c->conn);
        if (!r && c->identity)
                r = client_secure(c);
        if (!r && c->trace)
                capnp_rpc_set_trace(capnp_conn_rpc(c->conn), c->trace, c->trace_arg);
        return r ? r : capnp_rpc_bootstrap(capnp_conn_rpc(c->conn), &c->gateway);
}

int client_dial_again(capos_client *c)
{
        struct client_identity *i = c->identity;

        client_hang_up(c);
        if (i) {
                i->seen[0] = 0;
                i->bound = false;
                explicit_bzero(i->exporter, sizeof(i->exporter));
                memset(&i->refused, 0, sizeof(i->refused));
        }
        return client_dial(c);
}

/* Whom to take for the instance. */
static int client_open(capos_client *c, const struct capos_trust *trust)
{
        int r = 0;

        if (c->at.transport != CAPOS_TRANSPORT_TLS)
                return trust && trust->certificates.len ? CAPOS_E_CERTIFICATE : 0;

        r = identity_new(&c->at, trust, &c->identity);
        return r ? r : client_prepare(c, trust);
}

int capos_client_connect(capnp_vat *v, const char *addr, const struct capos_trust *trust,
                         const struct capnp_limits *l, capos_client **ret_c)
{
        CAPNP_AUTO(capos_client_freep) capos_client *c = NULL;
        struct capos_address a;
        const char *why;
        int r;

        r = capos_address_parse(addr, CAPOS_ADDRESS_CONNECT, &a, &why);
        if (!r)
                r = client_make(v, &c);
        if (r)
                return r;

        c->at = a;
        c->limits = l ? *l : (struct capnp_limits){0};
        c->limits.wipe = true; /* passwords go this way */
        c->transport = capos_transport_name(a.transport);
        c->reachable = true;
        r = client_open(c, trust);
        if (!r)
                r = client_dial(c);
        if (r)
                return r;

        *ret_c = c;
        c = NULL;
        return 0;
}

int capos_client_new(capnp_vat *v, const char *addr, const struct capnp_limits *l,
                     capos_client **ret_c)
{
        return capos_client_connect(v, addr, NULL, l, ret_c);
}

int capos_client_new_of_socket(capnp_vat *v, int fd, const char *transport,
                               const struct capnp_limits *l, capos_client **ret_c)
{
        CAPNP_AUTO(capos_client_freep) capos_client *c = NULL;
        struct capnp_limits own = l ? *l : (struct capnp_limits){0};
        int r = client_make(v, &c);

        if (r) {
                (void)close(fd);
                return r;
        }
        own.wipe = true;
        r = capnp_conn_new(v, fd, &own, NULL, &c->conn);
        if (!r)
                r = capnp_rpc_bootstrap(capnp_conn_rpc(c->conn), &c->gateway);
        if (r)
                return r;

        c->transport = transport;
        *ret_c = c;
        c = NULL;
        return 0;
}

int client_shown_read(const char *path, bool is_private, capnp_data *ret)
{
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), r = 0;
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                r = -errno;
        else if (is_private && (st.st_mode & 077))
                r = -EPERM;
        else
                r = capos_i_tls_file_read(fd, ret);
        if (fd >= 0)
                (void)close(fd);
        return r > 0 ? CAPOS_E_CERTIFICATE : r;
}
