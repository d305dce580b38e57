/*
 * capos-desktop: a window of the desktop with the page of `capos web` in it. `capos desktop` starts
 * it.
 *
 * Three processes of ours, and WebKit's: this one has the window and holds nothing; the helper,
 * forked first, starts others for it; the session (capos-web) holds what a browser's process does.
 */
#include "confine.h"
#include "helper.h"
#include "window.h"

#include <glib-unix.h>
#include <gtk/gtk.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

enum { ARGUMENTS = 144 };

struct options {
        const char *session[ARGUMENTS]; /* all but ours */
        struct helper_options helper;
};

/* Whether they go together. */
static bool options_read(struct options *o, int argc, char **argv)
{
        unsigned n = 0;

        if (argc >= ARGUMENTS || argc % 2 == 0)
                return false;
        for (int i = 1; i < argc; i += 2) {
                if (!strcmp(argv[i], "--opener"))
                        o->helper.opener = argv[i + 1];
                else if (!strcmp(argv[i], "--port"))
                        o->helper.port = argv[i + 1];
                else {
                        o->session[n++] = argv[i];
                        o->session[n++] = argv[i + 1];
                }
        }
        o->helper.session = o->session;
        return true;
}

static gboolean on_signal(gpointer arg)
{
        (void)arg;
        gtk_main_quit();
        return G_SOURCE_REMOVE;
}

/* What a person types goes through here: it is to be found in no dump, nor by another process. */
static void protect(void)
{
        struct rlimit none = {0};

        (void)prctl(PR_SET_DUMPABLE, 0);
        (void)setrlimit(RLIMIT_CORE, &none);
}

int main(int argc, char **argv)
{
        struct sigaction ignored = {.sa_handler = SIG_IGN};
        static struct options o;
        struct window *w;
        int helper, r;

        if (!options_read(&o, argc, argv)) {
                (void)fprintf(stderr, "capos-desktop: options come in pairs; see capos desktop\n");
                return 2;
        }
        (void)sigaction(SIGPIPE, &ignored, NULL);
        r = helper_new(&o.helper, &helper);
        if (r) {
                (void)fprintf(stderr, "capos-desktop: %s\n", strerror(-r));
                return 1;
        }
        g_set_prgname("capos-desktop");
        g_set_application_name("capOS");
        if (!gtk_init_check(NULL, NULL)) {
                (void)fprintf(stderr, "capos: there is no screen to open a window on\n");
                return 1;
        }
        protect();
        r = confine_window();
        if (r) {
                (void)fprintf(stderr, "capos: it cannot be confined: %s\n", strerror(-r));
                return 1;
        }
        if (!confine_can_sandbox()) {
                (void)fprintf(
                        stderr,
                        "capos: no sandbox can be made here for the page's process: bwrap is "
                        "not there, or may make no namespaces, as in a container. `capos web` "
                        "shows the same in a browser\n");
                return 1;
        }
        w = window_new(helper, o.helper.opener);
        (void)g_unix_signal_add(SIGINT, on_signal, NULL);
        (void)g_unix_signal_add(SIGTERM, on_signal, NULL);
        (void)g_unix_signal_add(SIGHUP, on_signal, NULL);
        gtk_main();
        window_free(w);
        return 0;
}
