/*
 * ssh-login: logs in to an SSH server by a key and leaves again, over and over, by libssh, and says
 * what one costs: the counterpart of bench/bench-client-login.c, same lines. The session that a
 * login of ours ends with is here a channel with a session on it, which nothing is run in.
 *
 * Usage: ssh-login COUNT PORT USER KEY KNOWN-HOSTS
 */
#include <libssh/libssh.h>
#include <stdbool.h>
#include <stdlib.h>

#include "bench-clock.h"

static bool once(char **argv, ssh_key key)
{
        ssh_session s = ssh_new();
        ssh_channel c = NULL;
        bool good;

        ssh_options_set(s, SSH_OPTIONS_PROCESS_CONFIG, &(bool){false});
        ssh_options_set(s, SSH_OPTIONS_HOST, "127.0.0.1");
        ssh_options_set(s, SSH_OPTIONS_PORT_STR, argv[2]);
        ssh_options_set(s, SSH_OPTIONS_USER, argv[3]);
        ssh_options_set(s, SSH_OPTIONS_KNOWNHOSTS, argv[5]);
        good = ssh_connect(s) == SSH_OK && ssh_session_is_known_server(s) == SSH_KNOWN_HOSTS_OK &&
               ssh_userauth_publickey(s, NULL, key) == SSH_AUTH_SUCCESS &&
               (c = ssh_channel_new(s)) && ssh_channel_open_session(c) == SSH_OK;
        if (!good)
                fprintf(stderr, "ssh-login: %s\n", ssh_get_error(s));
        ssh_channel_free(c);
        ssh_disconnect(s);
        ssh_free(s);
        return good;
}

int main(int argc, char **argv)
{
        struct bench_clock before;
        ssh_key key = NULL;
        unsigned long n;

        if (argc != 6 || ssh_pki_import_privkey_file(argv[4], NULL, NULL, NULL, &key))
                return 2;

        n = strtoul(argv[1], NULL, 10);
        if (!once(argv, key))
                return 1;
        before = bench_clock_now();
        for (unsigned long i = 0; i < n; i++)
                if (!once(argv, key))
                        return 1;
        bench_clock_print(before, n);
        ssh_key_free(key);
        return 0;
}
