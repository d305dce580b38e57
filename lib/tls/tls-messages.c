/*
 * Reading a handshake (RFC 8446, 4).
 *
 * The order is that of a full handshake with a client's certificate and ends with the client's
 * CertificateVerify:
 *
 *     ClientHello [HelloRetryRequest ClientHello] ServerHello EncryptedExtensions
 *     CertificateRequest Certificate CertificateVerify Finished | Certificate CertificateVerify
 *
 * Every length must come out even: lists end where their length says, messages where their lists
 * do, and the bytes with the last message. The hash is over these very bytes; after a
 * HelloRetryRequest the first ClientHello is in it by its own hash (4.4.1).
 *
 * What a message means is read only as far as something depends on it. All of it is covered by the
 * two hashes, one of which the signer has signed and the other one the client.
 */
#include "tls-messages.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

enum message {
        CLIENT_HELLO = 1,
        SERVER_HELLO = 2,
        ENCRYPTED_EXTENSIONS = 8,
        CERTIFICATE = 11,
        CERTIFICATE_REQUEST = 13,
        CERTIFICATE_VERIFY = 15,
        FINISHED = 20,
        MESSAGE_HASH = 254,
};

enum {
        LEGACY_VERSION = 0x0303,
        TLS_1_3 = 0x0304,
        SUPPORTED_VERSIONS = 43,
        AES_128_GCM_SHA256 = 0x1301,
        CHACHA20_POLY1305_SHA256 = 0x1303,
        RANDOM_BYTES = 32,
        SESSION_ID_BYTES = 32,
        FINISHED_BYTES = TLS_HASH_BYTES,
        HEADER = 4,
};

/* The random of a ServerHello that is a HelloRetryRequest (4.1.3). */
static const uint8_t RETRY[RANDOM_BYTES] = {0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11,
                                            0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
                                            0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e,
                                            0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};

/* ---- bytes ---------------------------------------------------------------------------------- */

struct in {
        const uint8_t *p;
        uint32_t left;
        bool bad;
};

static capnp_data in_take(struct in *i, uint32_t len)
{
        capnp_data d = {i->p, len};

        if (i->bad || len > i->left) {
                i->bad = true;
                return (capnp_data){0};
        }

        i->p += len;
        i->left -= len;
        return d;
}

/* A number of so many bytes, at most three. */
static uint32_t in_number(struct in *i, unsigned bytes)
{
        capnp_data d = in_take(i, bytes);
        uint32_t v = 0;

        for (unsigned k = 0; k < d.len; k++)
                v = v << 8 | d.p[k];
        return v;
}

/* A vector: its length in so many bytes, and what it holds. */
static capnp_data in_vector(struct in *i, unsigned bytes)
{
        return in_take(i, in_number(i, bytes));
}

static bool in_done(const struct in *i)
{
        return !i->bad && !i->left;
}

static struct in in_of(capnp_data d)
{
        return (struct in){d.p, d.len, false};
}

/* ---- extensions ----------------------------------------------------------------------------- */

/* Walks a list to its end; none may be there twice. Whether it is one; *ret: the bytes of the one
 * that is wanted, p NULL without. */
static bool extensions_find(capnp_data list, uint32_t wanted, capnp_data *ret)
{
        uint8_t seen[65536 / 8] = {0};
        struct in i = in_of(list);

        *ret = (capnp_data){0};
        while (!i.bad && i.left) {
                uint32_t type = in_number(&i, 2);
                capnp_data d = in_vector(&i, 2);
                uint8_t bit = (uint8_t)(1u << (type & 7));

                if (i.bad || seen[type >> 3] & bit)
                        return false;
                seen[type >> 3] |= bit;
                if (type == wanted)
                        *ret = d;
        }
        return in_done(&i);
}

/* ---- messages ------------------------------------------------------------------------------- */

/* What is read of the handshake, and how far. */
struct reading {
        struct in in;
        const uint8_t *begin; /* of what is hashed as it is */
        uint8_t front[HEADER + TLS_HASH_BYTES];
        uint32_t front_len; /* what is hashed before that */
        uint32_t suite;
        bool retried;
        struct tls_messages *t;
};

/* The body of the next message, if it is of this type. False: it is not. */
static bool reading_next(struct reading *r, enum message type, struct in *ret)
{
        uint32_t found = in_number(&r->in, 1);

        *ret = in_of(in_vector(&r->in, 3));
        return !r->in.bad && found == type;
}

static int reading_hash(const struct reading *r, uint8_t ret[TLS_HASH_BYTES])
{
        EVP_MD_CTX *c = EVP_MD_CTX_new();
        size_t len = (size_t)(r->in.p - r->begin);
        bool done = c && EVP_DigestInit_ex(c, EVP_sha256(), NULL) == 1 &&
                    EVP_DigestUpdate(c, r->front, r->front_len) == 1 &&
                    EVP_DigestUpdate(c, r->begin, len) == 1 &&
                    EVP_DigestFinal_ex(c, ret, NULL) == 1;

        EVP_MD_CTX_free(c);
        return done ? 0 : -ENOMEM;
}

static int read_client_hello(struct reading *r)
{
        capnp_data session, suites, compression, extensions, ignored;
        struct in i;

        if (!reading_next(r, CLIENT_HELLO, &i) || in_number(&i, 2) != LEGACY_VERSION)
                return TLS_RECHECK_E_FORM;

        (void)in_take(&i, RANDOM_BYTES);
        session = in_vector(&i, 1);
        suites = in_vector(&i, 2);
        compression = in_vector(&i, 1);
        extensions = in_vector(&i, 2);
        if (!in_done(&i) || session.len > SESSION_ID_BYTES || !suites.len || suites.len % 2 ||
            compression.len != 1 || compression.p[0] ||
            !extensions_find(extensions, SUPPORTED_VERSIONS, &ignored))
                return TLS_RECHECK_E_FORM;

        return 0;
}

/* *ret_retry: whether it asks for another ClientHello. */
static int read_server_hello(struct reading *r, bool *ret_retry)
{
        capnp_data random, session, extensions, version;
        uint32_t suite, compression;
        struct in i;

        if (!reading_next(r, SERVER_HELLO, &i) || in_number(&i, 2) != LEGACY_VERSION)
                return TLS_RECHECK_E_FORM;

        random = in_take(&i, RANDOM_BYTES);
        session = in_vector(&i, 1);
        suite = in_number(&i, 2);
        compression = in_number(&i, 1);
        extensions = in_vector(&i, 2);
        if (!in_done(&i) || session.len > SESSION_ID_BYTES || compression ||
            !extensions_find(extensions, SUPPORTED_VERSIONS, &version))
                return TLS_RECHECK_E_FORM;
        if (version.len != 2 || (version.p[0] << 8 | version.p[1]) != TLS_1_3 ||
            (suite != AES_128_GCM_SHA256 && suite != CHACHA20_POLY1305_SHA256))
                return TLS_RECHECK_E_VERSION;
        if (r->retried && suite != r->suite)
                return TLS_RECHECK_E_FORM;

        r->suite = suite;
        *ret_retry = !memcmp(random.p, RETRY, RANDOM_BYTES);
        return 0;
}

/* From here on the first ClientHello is hashed by its hash. */
static int reading_retry(struct reading *r, const uint8_t *retry)
{
        r->front[0] = MESSAGE_HASH;
        r->front[3] = TLS_HASH_BYTES;
        if (EVP_Digest(r->begin, (size_t)(retry - r->begin), r->front + HEADER, NULL, EVP_sha256(),
                       NULL) != 1)
                return -ENOMEM;

        r->front_len = sizeof(r->front);
        r->begin = retry;
        r->retried = true;
        return 0;
}

static int read_hellos(struct reading *r)
{
        const uint8_t *retry;
        bool again;
        int e = read_client_hello(r);

        if (e)
                return e;

        retry = r->in.p;
        e = read_server_hello(r, &again);
        if (e || !again)
                return e;

        e = reading_retry(r, retry);
        if (!e)
                e = read_client_hello(r);
        if (!e)
                e = read_server_hello(r, &again);
        return e ? e : again ? TLS_RECHECK_E_FORM : 0;
}

static int read_extensions(struct reading *r)
{
        capnp_data extensions, ignored;
        struct in i;

        if (!reading_next(r, ENCRYPTED_EXTENSIONS, &i))
                return TLS_RECHECK_E_FORM;

        extensions = in_vector(&i, 2);
        return in_done(&i) && extensions_find(extensions, SUPPORTED_VERSIONS, &ignored)
                       ? 0
                       : TLS_RECHECK_E_FORM;
}

static int read_request(struct reading *r)
{
        capnp_data context, extensions;
        struct in i;

        if (!reading_next(r, CERTIFICATE_REQUEST, &i))
                return TLS_RECHECK_E_FORM;

        context = in_vector(&i, 1);
        extensions = in_vector(&i, 2);
        return in_done(&i) && !context.len &&
                               extensions_find(extensions, TLS_NONCE_EXTENSION, &r->t->nonce)
                       ? 0
                       : TLS_RECHECK_E_FORM;
}

/* A chain of at most max certificates, and what the rest are is read over. */
static int read_certificate(struct reading *r, capnp_data *chain, unsigned max, unsigned *ret_n)
{
        capnp_data context, list, ignored;
        unsigned n = 0;
        struct in i, entries;

        if (!reading_next(r, CERTIFICATE, &i))
                return TLS_RECHECK_E_FORM;

        context = in_vector(&i, 1);
        list = in_vector(&i, 3);
        if (!in_done(&i) || context.len)
                return TLS_RECHECK_E_FORM;

        for (entries = in_of(list); entries.left; n++) {
                capnp_data one = in_vector(&entries, 3), extensions = in_vector(&entries, 2);

                if (entries.bad || !one.len || n == max ||
                    !extensions_find(extensions, SUPPORTED_VERSIONS, &ignored))
                        return TLS_RECHECK_E_FORM;
                chain[n] = one;
        }
        *ret_n = n;
        return 0;
}

static int read_verify(struct reading *r, uint16_t *ret_scheme, capnp_data *ret_signature)
{
        struct in i;

        if (!reading_next(r, CERTIFICATE_VERIFY, &i))
                return TLS_RECHECK_E_FORM;

        *ret_scheme = (uint16_t)in_number(&i, 2);
        *ret_signature = in_vector(&i, 2);
        return in_done(&i) ? 0 : TLS_RECHECK_E_FORM;
}

/* The server's certificate, and that it has proved to have the key. */
static int read_server(struct reading *r)
{
        capnp_data chain[TLS_CLIENT_CHAIN], signature;
        uint16_t scheme;
        unsigned n = 0;
        struct in i;
        int e = read_certificate(r, chain, TLS_CLIENT_CHAIN, &n);

        if (!e && !n)
                e = TLS_RECHECK_E_FORM;
        if (!e)
                e = reading_hash(r, r->t->server_hash);
        if (!e)
                e = read_verify(r, &scheme, &signature);
        if (e)
                return e;

        r->t->server_leaf = chain[0];
        return reading_next(r, FINISHED, &i) && i.left == FINISHED_BYTES ? 0 : TLS_RECHECK_E_FORM;
}

static int read_client(struct reading *r)
{
        struct tls_messages *t = r->t;
        int e = read_certificate(r, t->chain, TLS_CLIENT_CHAIN, &t->nchain);

        if (!e && !t->nchain)
                e = TLS_RECHECK_E_NONE;
        if (!e)
                e = reading_hash(r, t->client_hash);
        if (!e)
                e = read_verify(r, &t->scheme, &t->signature);
        return e ? e : in_done(&r->in) ? 0 : TLS_RECHECK_E_FORM;
}

int capos_i_tls_messages_read(capnp_data handshake, struct tls_messages *ret)
{
        struct tls_messages t = {0};
        struct reading r = {.in = in_of(handshake), .begin = handshake.p, .t = &t};
        int e;

        if (!handshake.len || handshake.len > TLS_HANDSHAKE_BYTES)
                return TLS_RECHECK_E_FORM;

        e = read_hellos(&r);
        if (!e)
                e = read_extensions(&r);
        if (!e)
                e = read_request(&r);
        if (!e)
                e = read_server(&r);
        if (!e)
                e = read_client(&r);
        if (e)
                return e;

        *ret = t;
        return 0;
}
