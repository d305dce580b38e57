/*
 * gateway-server [LEASE_MS [WORD [FOLDER [LIE]]]]: the gateway to test clients against, as a
 * program. Prints the line that an instance prints, and ends with its standard input. WORD: instead
 * of a pointer to the results of `uptime`. FOLDER: speaks TLS, by the identity in there. LIE: it
 * has an `admin` that tells it (gateway-liar.c).
 */
#include "gateway-liar.h"
#include "gateway-play.h"
#include "tls-identity.h"

#include <fcntl.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

static void on_input(void *arg, uint32_t events)
{
        char b[16];

        (void)events;
        if (read(STDIN_FILENO, b, sizeof(b)) <= 0)
                capnp_vat_stop(arg);
}

/* The CertificateVerify of a server over a hash (RFC 8446, 4.4.3). */
static int on_sign(void *arg, const uint8_t hash[CAPOS_I_TLS_HASH], uint8_t *sig, size_t *len)
{
        static const char context[] = "TLS 1.3, server CertificateVerify";
        const struct tls_identity *id = arg;
        uint8_t text[64 + sizeof(context) + CAPOS_I_TLS_HASH];
        EVP_MD_CTX *m = EVP_MD_CTX_new();
        int good;

        memset(text, ' ', 64);
        memcpy(text + 64, context, sizeof(context));
        memcpy(text + 64 + sizeof(context), hash, CAPOS_I_TLS_HASH);
        good = m && EVP_DigestSignInit(m, NULL, EVP_sha256(), NULL, id->key) == 1 &&
               EVP_DigestSign(m, sig, len, text, sizeof(text)) == 1;
        EVP_MD_CTX_free(m);
        return !good;
}

static int serve_tls(struct play *p, const char *folder, struct tls_identity *id)
{
        int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;
        struct capos_i_tls_server_settings s = {.sign = on_sign, .arg = id};
        capnp_data key = {0};

        r = capos_i_tls_file_load(dir, TLS_CERTIFICATE_FILE, &s.certificates);
        if (!r)
                r = capos_i_tls_file_load(dir, TLS_KEY_FILE, &key);
        if (!r)
                r = capos_i_tls_identity_read(s.certificates, key, id);
        if (!r)
                r = capos_i_tls_server_new(&s, &p->tls);
        capos_i_tls_bytes_free(&s.certificates);
        capos_i_tls_bytes_free(&key);
        (void)close(dir);
        return r;
}

int main(int argc, char **argv)
{
        CAPNP_AUTO(capnp_vat_freep) capnp_vat *vat = NULL;
        struct tls_identity id = {0};
        struct play p;
        capnp_watch *w;
        int r;

        if (capnp_vat_new(&vat) || play_init(&p, vat, "127.0.0.1:0"))
                return 1;

        if (argc > 1)
                p.lease_ms = (uint32_t)strtoul(argv[1], NULL, 10);
        if (argc > 2)
                p.malformed = strtoull(argv[2], NULL, 16);
        if (argc > 4 && liar_new(vat, argv[4], &p.admin))
                return 1;
        if (argc > 3 && *argv[3] && serve_tls(&p, argv[3], &id))
                return 1;
        p.motd = "welcome \x1b[2J to the play";
        printf("remote CapSet: %s 127.0.0.1 %s\n", p.tls ? "tls" : "plain",
               strrchr(capnp_listener_address(p.listener), ':') + 1);
        (void)fflush(stdout);
        if (capnp_watch_new(vat, STDIN_FILENO, EPOLLIN, on_input, vat, &w))
                return 1;
        r = capnp_vat_run(vat);
        capnp_watch_free(w);
        capnp_cap_unref(p.admin);
        play_deinit(&p);
        capos_i_tls_context_unref(p.tls);
        capos_i_tls_identity_deinit(&id);
        return r ? 1 : 0;
}
