/*
 * Any bytes as what a client sends to a TLS port. Whatever they are, nothing is served, what is
 * kept stays small, and nothing remains at the end.
 *
 * The first byte says how the rest is cut. Signatures are constant: a client that gets so far does
 * not look at them.
 */
#include "tls.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST = 1 << 16, TURNS = 3 };

/* P-256, made for this; nobody has the key. */
static const char certificate[] =
        "-----BEGIN CERTIFICATE-----\n"
        "MIIBcjCCARigAwIBAgIUN2oh8u8mL0N5FmI1/fmi1QCMpu8wCgYIKoZIzj0EAwIw\n"
        "DzENMAsGA1UEAwwEZnV6ejAgFw0yNjExMjgyMTI0MTZaGA8yMTI2MTEwNDIxMjQx\n"
        "NlowDzENMAsGA1UEAwwEZnV6ejBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABGCk\n"
        "oNcQvASGgyrKCdrfsGmXYzzPfTCoSwpkJpXTEdMvtZbFmjr+AxXRiiTDWwfSXXYc\n"
        "1sqewFCV9Ec3aJAFcsijUDBOMB0GA1UdDgQWBBS5fLfc0rI8BbFAb6PiqjBzAQdI\n"
        "3zAfBgNVHSMEGDAWgBS5fLfc0rI8BbFAb6PiqjBzAQdI3zAMBgNVHRMBAf8EAjAA\n"
        "MAoGCCqGSM49BAMCA0gAMEUCIQDUR0kDSUX5KzqSA73BQ8V608h7dhNhSvl0ftBV\n"
        "Hvnj6AIgTX3P8mmDsOSZRq/ys3IQ51MlVje/sxYGRRElGzAfL8I=\n"
        "-----END CERTIFICATE-----\n";

static int sign(void *arg, const uint8_t hash[CAPOS_I_TLS_HASH], uint8_t *sig, size_t *len)
{
        (void)arg;
        (void)hash;
        memset(sig, 0x30, *len < 70 ? *len : 70);
        *len = *len < 70 ? *len : 70;
        return 0;
}

static struct capos_i_tls_context *context_new(void)
{
        struct capos_i_tls_server_settings s = {
                .certificates = {(const uint8_t *)certificate, sizeof(certificate) - 1},
                .sign = sign,
                .asks_certificate = true,
        };
        struct capos_i_tls_context *x;

        if (capos_i_tls_server_new(&s, &x))
                abort();
        return x;
}

static void turns(capnp_vat *v)
{
        for (unsigned i = 0; i < TURNS; i++)
                if (capnp_vat_process(v))
                        abort();
}

/* Sends all, in pieces, and reads what comes back; the server may have ended it meanwhile. */
static void talk(capnp_vat *v, int fd, const uint8_t *b, size_t len, size_t piece)
{
        static uint8_t answer[MOST];

        for (size_t at = 0; at < len;) {
                size_t n = piece < len - at ? piece : len - at;
                ssize_t sent = send(fd, b + at, n, MSG_NOSIGNAL | MSG_DONTWAIT);

                if (sent <= 0)
                        break;
                at += (size_t)sent;
                turns(v);
                (void)!recv(fd, answer, sizeof(answer), MSG_DONTWAIT);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct capos_i_tls_context *x;
        struct capos_i_tls_plan plan = {0};
        struct capos_i_tls *t;
        capnp_conn *c;
        capnp_vat *v;
        int ends[2];

        if (size < 1 || size > MOST)
                return 0;

        if (!x)
                x = context_new();
        if (capnp_vat_new(&v) ||
            socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) ||
            capnp_conn_new(v, ends[1], NULL, NULL, &c) || capos_i_tls_accept(v, c, x, &plan, &t))
                abort();
        talk(v, ends[0], data + 1, size - 1, data[0] ? data[0] : size);
        if (capos_i_tls_is_secured(t)) /* that takes a Finished, which only a key makes */
                abort();
        close(ends[0]);
        turns(v);
        capnp_conn_unref(c);
        capnp_vat_free(v);
        return 0;
}
