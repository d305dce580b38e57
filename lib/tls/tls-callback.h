/* The heads of OpenSSL's callbacks, which have as many parameters as OpenSSL says. */
#ifndef CAPOS_TLS_CALLBACK_H
#define CAPOS_TLS_CALLBACK_H

#include <openssl/ssl.h>

/* SSL_set_msg_callback(): each message, as it was or will be on the wire. */
#define TLS_ON_MESSAGE(name) \
        void name(int ours, int version, int type, const void *b, size_t len, SSL *s, void *arg)

/* SSL_CTX_add_custom_ext(): 1: *ret and *ret_len are sent; 0: nothing is. */
#define TLS_ADD_EXTENSION(name)                                                      \
        int name(SSL *s, unsigned type, unsigned context, const unsigned char **ret, \
                 size_t *ret_len, X509 *c, size_t i, int *ret_alert, void *arg)

#endif
