/*
 * Makes the corpus of fuzz-recheck: real handshakes, of each type of key, with and without
 * HelloRetryRequest, and rules of each kind.
 *
 *     RECORD_FOLDER=fuzz/corpus/fuzz-recheck build/fuzz/record-recheck
 */
#include <errno.h>

#include "fuzz-recheck.h"
#include "test-tls-handshake.h"

static const char *folder;

static void seed_write(const char *name, const struct handshake *h, const struct rules *r)
{
        char path[4096];
        const uint8_t len[] = {(uint8_t)(r->len >> 8), (uint8_t)r->len};
        FILE *f;

        snprintf(path, sizeof(path), "%s/%s", folder, name);
        f = fopen(path, "we");
        CHECK(f != NULL);
        fwrite(h->record, 32, 1, f);
        fwrite(h->server_key, 32, 1, f);
        fwrite(h->nonce, 32, 1, f);
        fwrite(len, 2, 1, f);
        fwrite(r->bytes, r->len, 1, f);
        fwrite(h->bytes, h->len, 1, f);
        CHECK_EQ(fclose(f), 0);
}

static void seeds_write(void)
{
        static const char *const types[] = {"P-256", "ED25519", "RSA", "P-384"};
        struct cert ca = cert_authority("ca", NULL);
        struct rules all = rules_of(&ca), pin = {.len = 0};
        struct handshake h;
        uint8_t hash[32];

        rules_add_text(&all, TLS_RULES_SPIFFE, "spiffe://a/*");
        rules_add_text(&all, TLS_RULES_DNS, "*.example.org");
        rules_add_text(&all, TLS_RULES_EMAIL, "*@example.org");
        for (unsigned i = 0; i < 4; i++) {
                struct cert c = cert_make(&(struct cert_plan){
                        .type = types[i], .by = &ca, .names = "DNS:a.example.org"});
                char name[32];

                handshake_make(&h, &(struct handshake_plan){.client = &c, .nonce = 1});
                snprintf(name, sizeof(name), "good-%s", types[i]);
                seed_write(name, &h, &all);
                handshake_make(&h,
                               &(struct handshake_plan){.client = &c, .nonce = 1, .retry = true});
                snprintf(name, sizeof(name), "retry-%s", types[i]);
                seed_write(name, &h, &all);
                if (!i) {
                        CHECK_OK(capos_i_tls_key_hash(c.x, hash));
                        rules_begin(&pin, -1);
                        rules_add(&pin, TLS_RULES_PIN, hash, sizeof(hash));
                        seed_write("pinned", &h, &pin);
                }
                cert_deinit(&c);
        }
        cert_deinit(&ca);
}

TEST(corpus)
{
        folder = getenv("RECORD_FOLDER");
        CHECK(folder != NULL);
        seeds_write();
}
