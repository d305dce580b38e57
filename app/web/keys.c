/*
 * Which keys there are to prove with. An ssh-agent's come first, as for ssh. A file's is known by
 * the public half beside it, so that nothing of it is opened before a person has chosen it; one
 * without that half has to be open to be named.
 */
#include "keys.h"

#include <stdio.h>
#include <string.h>

enum { AGENT_KEYS = 32, PATH = 1024 };

/* The public half of a file's key. */
static capos_key *file_public(const char *path)
{
        char half[PATH];
        capos_key *k = NULL;

        (void)snprintf(half, sizeof(half), "%.*s.pub", PATH - 5, path);
        if (capos_key_load_public(half, &k, NULL) && capos_key_load(path, &k, NULL))
                return NULL;
        return k;
}

static void key_write(web_down_ssh_key_builder w, const capos_key *k, const char *comment)
{
        web_down_ssh_key_set_fingerprint(w, capos_key_fingerprint_peek(k));
        web_down_ssh_key_set_comment(w, comment);
}

void keys_write(const struct bridge *b, web_down_methods_builder m)
{
        capos_key *keys[AGENT_KEYS + OPTIONS_IDENTITIES];
        const char *comments[AGENT_KEYS + OPTIONS_IDENTITIES];
        web_down_ssh_key_list_builder l;
        uint32_t n = 0;

        while (n < AGENT_KEYS && !capos_key_of_agent(NULL, n, &keys[n], NULL)) {
                comments[n] = capos_key_is_certified(keys[n]) ? "certified" : "";
                n++;
        }
        for (unsigned i = 0; i < b->o->nidentities; i++) {
                const char *path = b->o->identities[i], *slash = strrchr(path, '/');

                keys[n] = file_public(path);
                comments[n] = slash ? slash + 1 : path;
                if (keys[n])
                        n++;
        }
        l = web_down_methods_init_keys(m, n);
        for (uint32_t i = 0; i < n; i++) {
                key_write(web_down_ssh_key_list_builder_get(l, i), keys[i], comments[i]);
                capos_key_free(keys[i]);
        }
}

static bool key_is(const capos_key *k, const char *fingerprint)
{
        return k && (!*fingerprint || !strcmp(fingerprint, capos_key_fingerprint_peek(k)));
}

int keys_find(const struct bridge *b, const char *fingerprint, capos_key **ret_k,
              const char **ret_path, struct capos_error *ret_e)
{
        capos_key *k = NULL;

        for (uint32_t i = 0; !capos_key_of_agent(NULL, i, &k, NULL); i++) {
                if (key_is(k, fingerprint)) {
                        *ret_k = k;
                        return 0;
                }
                k = capos_key_free(k);
        }
        for (unsigned i = 0; i < b->o->nidentities; i++) {
                bool found;

                k = file_public(b->o->identities[i]);
                found = key_is(k, fingerprint);
                k = capos_key_free(k);
                if (!found)
                        continue;
                *ret_path = b->o->identities[i];
                return capos_key_load(*ret_path, ret_k, ret_e);
        }
        return CAPNP_E_UNKNOWN;
}
