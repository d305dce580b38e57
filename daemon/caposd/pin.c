/*
 * Making the instance known to the user who starts it.
 *
 * Whoever starts an instance need not be asked whether he trusts it. The file is the client's own
 * (lib/client/client-known.c), and `capos up` says which it is; without its word none is touched.
 * Our lines have the state directory in their note: those of an earlier start, which had other
 * ports or another key, are replaced. All others stay as they are: one for this place with another
 * key may be a person's, and of several each is good.
 */
#include <stdio.h>

#include "client-known.h"
#include "daemon-log.h"
#include "daemon-source.h"
#include "pin.h"
#include "tls-fingerprint.h"

/* What a client on this machine calls it: of a listener for all addresses, the loopback one. */
static void pin_place(const struct listening *l, char text[static CAPOS_IO_ADDRESS_TEXT])
{
        if (source_is_any(&l->address))
                snprintf(text, CAPOS_IO_ADDRESS_TEXT, "%s:%u",
                         l->address.u.any.sa_family == AF_INET6 ? "[::1]" : "127.0.0.1",
                         capos_io_address_port(&l->address));
        else
                capos_io_address_format(&l->address, text);
}

void pin_listeners(const struct place *p, const char *file, const uint8_t key_hash[32])
{
        char fingerprint[TLS_FINGERPRINT_TEXT], where[LISTENS_MAX + 1][CAPOS_IO_ADDRESS_TEXT];
        char note[sizeof(p->path) + 32];
        struct client_known_own own = {.note = note, .fingerprint = fingerprint};
        int r;

        _Static_assert(LISTENS_MAX < (int)CLIENT_KNOWN_OWN, "a line for each listener");
        if (!file)
                return;

        capos_i_tls_fingerprint_print(key_hash, fingerprint);
        snprintf(note, sizeof(note), "this user's own instance: %s", p->path);
        for (unsigned i = 0; i < p->nlisteners; i++) {
                const struct listening *l = &p->listeners[i];

                if (l->transport != CAPOS_TRANSPORT_TLS)
                        continue;
                pin_place(l, where[own.nplaces]);
                own.places[own.nplaces] = where[own.nplaces];
                own.nplaces++;
        }
        r = client_known_replace(file, &own);
        if (r)
                daemon_log(LOG_WARNING, "%s: %s: clients of this user will ask", file,
                           capnp_strerror(r));
}
