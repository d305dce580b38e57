/*
 * The arguments.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>

#include "options.h"

static const char USAGE[] =
        "usage: capos-caposd [--state DIR] [--listen WHERE]... [--manifest FILE]\n"
        "                    [--known FILE] [--check | --explain [FIELD] | --show]\n"
        "\n"
        "  --state DIR            where accounts and the like are kept; the default is\n"
        "                         $XDG_STATE_HOME/capos or ~/.local/state/capos, and\n"
        "                         /var/lib/capos for root\n"
        "  --listen WHERE         tls:ADDRESS:PORT, plain:ADDRESS:PORT (loopback only) or\n"
        "                         unix:PATH, repeatable; without a word in front it is tls:,\n"
        "                         and the default is 127.0.0.1:2327. Port 0 is a free one.\n"
        "                         Beside a port there is always a Unix socket, named by the\n"
        "                         first port, in /run/capos or $XDG_RUNTIME_DIR/capos\n"
        "  --manifest FILE        what the instance consists of; the default is built in\n"
        "  --known FILE           have FILE, of a client's known instances, know this one's key\n"
        "  --check                start everything once, look whether it is what the manifest\n"
        "                         says, and end; in a state directory of its own\n"
        "  --explain[=FIELD]      say what a field means, or the manifest grants\n"
        "  --show                 print the built-in manifest\n"
        "  --json                 the last three: print JSON\n"
        "  --login=ARGUMENT       say what a login would come to, and end: what capos-sessiond\n"
        "                         --explain takes, repeatable\n";

static const struct option LONG[] = {
        {"state", required_argument, NULL, 's'},
        {"listen", required_argument, NULL, 'l'},
        {"manifest", required_argument, NULL, 'm'},
        {"known", required_argument, NULL, 'k'},
        {"check", no_argument, NULL, 'c'},
        {"explain", optional_argument, NULL, 'e'},
        {"show", no_argument, NULL, 'p'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {"login", required_argument, NULL, 'L'},
        {NULL, 0, NULL, 0},
};

int options_parse(struct options *o, int argc, char **argv)
{
        int c;

        *o = (struct options){0};
        while ((c = getopt_long(argc, argv, "", LONG, NULL)) >= 0) {
                switch (c) {
                case 's':
                        o->state = optarg;
                        break;
                case 'l':
                        if (o->nlisten == LISTENS_MAX) {
                                fprintf(stderr, "--listen: at most %d times\n", LISTENS_MAX);
                                return -EINVAL;
                        }
                        o->listen[o->nlisten++] = optarg;
                        break;
                case 'm':
                        o->manifest = optarg;
                        break;
                case 'k':
                        o->known = optarg;
                        break;
                case 'c':
                        o->check = true;
                        break;
                case 'e':
                        o->explain = optarg ? optarg : "";
                        break;
                case 'p':
                        o->show = true;
                        break;
                case 'j':
                        o->json = true;
                        break;
                case 'L':
                        if (o->nlogin == LOGIN_ARGS) {
                                fprintf(stderr, "--login: at most %d times\n", LOGIN_ARGS);
                                return -EINVAL;
                        }
                        o->login[o->nlogin++] = optarg;
                        break;
                case 'h':
                        fputs(USAGE, stdout);
                        return OPTIONS_HELP;
                default:
                        fputs(USAGE, stderr);
                        return -EINVAL;
                }
        }
        if (optind < argc) {
                fputs(USAGE, stderr);
                return -EINVAL;
        }
        return 0;
}
