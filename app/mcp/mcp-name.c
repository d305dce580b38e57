/*
 * Names of tools are what a model, its host and the policy file call a method. Hosts put a prefix
 * before them, and the programming interfaces of models take 64 bytes of letters, digits, _ and -,
 * though MCP would allow more. So a name here has 48 bytes at most, and is the same at every start.
 */
#include "mcp-name.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

enum { HASH_DIGITS = 6 };

static void name_hash(const char *owner, const struct capnp_method_info *m,
                      char to[static HASH_DIGITS + 1])
{
        char all[600];
        uint8_t hash[EVP_MAX_MD_SIZE] = {0};
        int len = snprintf(all, sizeof(all), "%.250s %.250s %016llx %u", owner, m->name,
                           (unsigned long long)m->interface, m->ordinal);

        (void)!EVP_Digest(all, (size_t)len, hash, NULL, EVP_sha256(), NULL);
        (void)snprintf(to, HASH_DIGITS + 1, "%02x%02x%02x", hash[0], hash[1], hash[2]);
}

void mcp_name_make(const char *owner, const struct capnp_method_info *m, bool hashed,
                   char to[static MCP_NAME_BYTES + 1])
{
        static const char good[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                   "_-";
        char hash[HASH_DIGITS + 1];
        int len = snprintf(to, MCP_NAME_BYTES + 1, "%s__%s", owner, m->name);
        size_t kept = MCP_NAME_BYTES - HASH_DIGITS - 1;

        for (char *p = to; *p; p++)
                if (!strchr(good, *p))
                        *p = '_';
        if (len <= MCP_NAME_BYTES && !hashed)
                return;
        kept = strlen(to) < kept ? strlen(to) : kept;
        name_hash(owner, m, hash);
        (void)snprintf(to + kept, MCP_NAME_BYTES + 1 - kept, "_%s", hash);
}
