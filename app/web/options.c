/*
 * The command line of capos-web, which `capos web` writes: it has judged what a person has typed,
 * so what is wrong here is said shortly.
 */
#include "options.h"

#include <stdlib.h>
#include <string.h>

enum {
        CODE_MS = 60 * 1000,
        IDLE_MS = 30 * 60 * 1000,
        LIFE_MS = 12 * 60 * 60 * 1000,
        MS_DIGITS = 10,
};

static bool ms_read(const char *text, uint64_t most, uint64_t *ret)
{
        char *end;
        unsigned long long ms = strtoull(text, &end, 10);

        if (!*text || *end || strlen(text) > MS_DIGITS || !ms || ms > most)
                return false;
        *ret = ms;
        return true;
}

static bool port_read(const char *text, uint16_t *ret)
{
        char *end;
        unsigned long port = strtoul(text, &end, 10);

        if (*text < '0' || *text > '9' || *end || port > UINT16_MAX)
                return false;
        *ret = (uint16_t)port;
        return true;
}

static bool fd_read(const char *text, int *ret)
{
        *ret = *text >= '3' && *text <= '9' && !text[1] ? *text - '0' : 0;
        return *ret;
}

/* `NAME=ADDRESS`; the text is cut. */
static bool instance_read(struct web_options *o, char *text)
{
        char *address = strchr(text, '=');

        if (!address || address == text || !address[1] || o->ninstances == OPTIONS_INSTANCES)
                return false;
        *address++ = 0;
        o->instances[o->ninstances++] = (struct web_instance){text, address};
        return true;
}

/* What only `capos desktop` says. Whether it is of that. */
static bool window_read(struct web_options *o, const char *name, const char *value, bool *ret_good)
{
        int *fd = !strcmp(name, "--sockets")   ? &o->sockets
                  : !strcmp(name, "--starts")  ? &o->starts
                  : !strcmp(name, "--starter") ? &o->starter
                                               : NULL;

        if (fd)
                *ret_good = fd_read(value, fd);
        else if (!strcmp(name, "--identity")) {
                *ret_good = o->nidentities < OPTIONS_IDENTITIES;
                if (*ret_good)
                        o->identities[o->nidentities++] = value;
        } else
                return false;
        return true;
}

static bool option_read(struct web_options *o, const char *name, char *value)
{
        bool good;

        if (!strcmp(name, "--port"))
                return port_read(value, &o->port);
        if (!strcmp(name, "--host")) {
                o->host = value;
                return *value && strlen(value) < OPTIONS_HOST;
        }
        if (!strcmp(name, "--name")) {
                o->name = value;
                return *value && strlen(value) < OPTIONS_HOST;
        }
        if (!strcmp(name, "--idle-ms"))
                return ms_read(value, IDLE_MS, &o->idle_ms);
        if (!strcmp(name, "--code-ms"))
                return ms_read(value, CODE_MS, &o->code_ms);
        if (!strcmp(name, "--life-ms"))
                return ms_read(value, LIFE_MS, &o->life_ms);
        if (!strcmp(name, "--instance"))
                return instance_read(o, value);
        if (window_read(o, name, value, &good))
                return good;
        if (!strcmp(name, "--allow")) {
                if (o->nallows == OPTIONS_ALLOWS)
                        return false;
                o->allows[o->nallows++] = value;
        } else if (!strcmp(name, "--places"))
                o->places = value;
        else if (!strcmp(name, "--agents"))
                o->agents = value;
        else if (!strcmp(name, "--certificate"))
                o->certificate = value;
        else if (!strcmp(name, "--key"))
                o->key = value;
        else if (!strcmp(name, "--tls-certificate"))
                o->tls_certificate = value;
        else if (!strcmp(name, "--tls-key"))
                o->tls_key = value;
        else if (!strcmp(name, "--opener"))
                o->opener = value;
        else
                return false;
        return true;
}

const char *options_read(struct web_options *o, int argc, char **argv)
{
        *o = (struct web_options){.port = 2380,
                                  .host = "localhost",
                                  .code_ms = CODE_MS,
                                  .idle_ms = IDLE_MS,
                                  .life_ms = LIFE_MS,
                                  .places = ""};
        for (int i = 1; i < argc; i += 2)
                if (i + 1 == argc || !option_read(o, argv[i], argv[i + 1]))
                        return argv[i];
        o->open = o->opener != NULL;
        if (!o->name)
                o->name = o->host;
        if (!o->sockets != !o->starts)
                return "--starts";
        if (!o->tls_certificate != !o->tls_key)
                return "--tls-key";
        return o->tls_key || (o->name == o->host && !strcmp(o->host, "localhost")) ? NULL
                                                                                   : "--host";
}
