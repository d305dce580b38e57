/*
 * Instances: those that the command line names, and those that were added on the page. Of the
 * latter the command line says what they may be (--allow), because a page that could name any
 * address would make of this process a way into whatever its machine can reach. They are kept in a
 * file of the user's, a line each: the address, a blank, the name.
 */
#include "places.h"

#include "client-known.h"
#include "client.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINE = PLACE_TEXT + PLACE_NAME + 4 };

void place_short(const struct place *p, char to[PLACE_TEXT])
{
        bool plain = p->at.transport == CAPOS_TRANSPORT_PLAIN;

        (void)snprintf(to, PLACE_TEXT, "%s%s", plain ? "plain:" : "", p->at.where);
}

void place_whole(const struct place *p, char to[PLACE_TEXT])
{
        const struct capos_address *a = &p->at;

        if (a->transport == CAPOS_TRANSPORT_TLS)
                (void)snprintf(to, PLACE_TEXT, "capos://%s/%s%s%s%s", a->where, *a->pin ? "#" : "",
                               a->pin, *a->ca ? "?ca=" : "", a->ca);
        else
                place_short(p, to);
}

static bool name_is_good(const char *name)
{
        if (!*name || strlen(name) >= PLACE_NAME)
                return false;
        for (; *name; name++)
                if ((unsigned char)*name < ' ' || *name == 0x7f)
                        return false;
        return true;
}

static bool place_is_allowed(const struct bridge *b, const struct place *p)
{
        char text[PLACE_TEXT];

        place_short(p, text);
        for (unsigned i = 0; i < b->o->nallows; i++)
                if (!fnmatch(b->o->allows[i], text, 0))
                        return true;
        return false;
}

/* Reads an address. NULL, or what is wrong. */
static const char *place_read(struct place *p, const char *name, const char *address)
{
        const char *why = NULL;

        *p = (struct place){.is_there = true};
        if (!name_is_good(name))
                return "a name has 1 to 64 bytes, none of them a control character";
        if (strlen(address) >= sizeof(p->text))
                return "the address is too long";
        if (strpbrk(address, " \n") ||
            capos_address_parse(address, CAPOS_ADDRESS_TYPED, &p->at, &why))
                return why ? why : "no blank stands in an address";
        (void)snprintf(p->name, sizeof(p->name), "%s", name);
        (void)snprintf(p->text, sizeof(p->text), "%s", address);
        return NULL;
}

/* ---- the file ------------------------------------------------------------------------------- */

static void places_load(struct bridge *b)
{
        FILE *f = *b->o->places ? fopen(b->o->places, "re") : NULL;
        struct places *s = b->places;
        char line[LINE], *name;
        struct place p;

        while (f && s->n < PLACES && fgets(line, sizeof(line), f)) {
                line[strcspn(line, "\n")] = 0;
                name = strchr(line, ' ');
                if (!name)
                        continue;
                *name++ = 0;
                if (!place_read(&p, name, line) && place_is_allowed(b, &p)) {
                        p.kept = true;
                        s->p[s->n++] = p;
                }
        }
        if (f)
                (void)fclose(f);
}

/* Whole or not at all. 0, or -errno. */
static int places_store(const struct bridge *b)
{
        char next[PLACE_TEXT * 8];
        FILE *f = NULL;
        int fd, r = 0;

        if (!*b->o->places)
                return 0;
        if (snprintf(next, sizeof(next), "%s.new", b->o->places) >= (int)sizeof(next))
                return -ENAMETOOLONG;
        fd = open(next, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd >= 0)
                f = fdopen(fd, "w");
        if (!f) {
                r = -errno;
                if (fd >= 0)
                        (void)close(fd);
                return r;
        }
        if (fchmod(fd, 0600))
                r = -errno;
        for (unsigned i = 0; i < b->places->n; i++)
                if (b->places->p[i].is_there && b->places->p[i].kept)
                        (void)fprintf(f, "%s %s\n", b->places->p[i].text, b->places->p[i].name);
        if (fflush(f) || fsync(fd))
                r = -errno;
        (void)fclose(f);
        if (!r && rename(next, b->o->places))
                r = -errno;
        return r;
}

/* ---- the list ------------------------------------------------------------------------------- */

int places_new(struct bridge *b)
{
        struct place p;

        b->places = calloc(1, sizeof(*b->places));
        if (!b->places)
                return -ENOMEM;
        for (unsigned i = 0; i < b->o->ninstances; i++) {
                if (place_read(&p, b->o->instances[i].name, b->o->instances[i].address))
                        continue; /* the command has said what is wrong */
                p.fixed = true;
                b->places->p[b->places->n++] = p;
        }
        places_load(b);
        return 0;
}

void places_free(struct bridge *b)
{
        free(b->places);
        b->places = NULL;
}

struct place *places_at(struct bridge *b, uint16_t i)
{
        return i < b->places->n && b->places->p[i].is_there ? &b->places->p[i] : NULL;
}

/* The first key that is known of a place: by the name that it has here, else by another one. */
struct known_seek {
        const char *where;
        bool is_named; /* by that name */
        char fingerprint[CAPOS_FINGERPRINT];
};

static void known_on(void *arg, const struct client_known_entry *e)
{
        struct known_seek *s = arg;

        bool is_named = e->place && !strcasecmp(e->place, s->where);

        if (is_named ? s->is_named
                     : *s->fingerprint || !e->place || !client_known_are_one(e->place, s->where))
                return;
        (void)snprintf(s->fingerprint, sizeof(s->fingerprint), "%s", e->fingerprint);
        s->is_named = is_named;
}

static void place_write(struct bridge *b, uint16_t i, web_down_instance_builder to)
{
        const struct place *p = &b->places->p[i];
        bool connected = b->is_connected && b->place == i;
        struct known_seek s = {.where = p->at.where};
        char text[PLACE_TEXT], path[CLIENT_KNOWN_PATH];

        if (connected) /* the one that was met, however it was known: by a CA, too */
                (void)snprintf(s.fingerprint, sizeof(s.fingerprint), "%s",
                               capos_client_key_peek(b->client));
        else if (*p->at.pin)
                (void)snprintf(s.fingerprint, sizeof(s.fingerprint), "%s", p->at.pin);
        else if (p->at.transport == CAPOS_TRANSPORT_TLS && !client_known_path(path, sizeof(path)))
                (void)!client_known_each(path, known_on, &s);
        place_short(p, text);
        web_down_instance_set_place(to, i);
        web_down_instance_set_name(to, p->name);
        web_down_instance_set_address(to, text);
        web_down_instance_set_fingerprint(to, s.fingerprint);
        web_down_instance_set_transport(to, connected ? b->client->transport
                                                      : capos_transport_name(p->at.transport));
        web_down_instance_set_seen_at_ms(to, p->seen_ms);
        web_down_instance_set_connected(to, connected);
        web_down_instance_set_fixed(to, p->fixed);
}

/* Writes all of it into a frame. */
static void places_write(struct bridge *b, web_down_builder d)
{
        web_down_instance_list_builder l;
        uint32_t n = 0;

        for (uint16_t i = 0; i < b->places->n; i++)
                n += b->places->p[i].is_there;
        l = web_down_init_instances(d, n);
        n = 0;
        for (uint16_t i = 0; i < b->places->n; i++)
                if (b->places->p[i].is_there)
                        place_write(b, i, web_down_instance_list_builder_get(l, n++));
}

void places_tell(struct bridge *b, const struct bridge_tab *t)
{
        struct down d = down_new(0);

        if (d.m)
                places_write(b, d.d);
        down_tell(b, t, &d);
}

void places_list(struct bridge *b, struct asker a)
{
        struct down d = down_new(a.id);

        if (d.m)
                places_write(b, d.d);
        down_answer(b, a, &d);
}

/* What has changed is kept, said to who asked, and shown to all. */
static void places_changed(struct bridge *b, struct asker a)
{
        int r = places_store(b);

        if (r)
                bridge_fail_code(b, a, r);
        else
                bridge_done(b, a);
        places_tell(b, NULL);
}

/* A place is taken again when there is no other: who has seen what was there may just now name it.
 */
static struct place *place_free(struct bridge *b)
{
        struct places *s = b->places;

        if (s->n < PLACES)
                return &s->p[s->n++];
        for (unsigned i = 0; i < PLACES; i++)
                if (!s->p[i].is_there && !(b->client && b->place == i))
                        return &s->p[i];
        return NULL;
}

void places_add(struct bridge *b, struct asker a, web_up_instance_reader r)
{
        const char *why;
        struct place p, *to;

        why = place_read(&p, web_up_instance_name(r).p, web_up_instance_address(r).p);
        if (why)
                bridge_fail(b, a, "bridge.address", why);
        else if (!place_is_allowed(b, &p))
                bridge_fail(b, a, "bridge.not-allowed",
                            "this bridge was started without --allow for such an address");
        else {
                to = place_free(b);
                if (!to) {
                        bridge_fail(b, a, "bridge.full", "there is no room for another instance");
                        return;
                }
                p.kept = p.at.transport != CAPOS_TRANSPORT_TLS;
                *to = p;
                places_changed(b, a);
        }
}

/* What a page may change; NULL, and said why not. */
static struct place *place_to_change(struct bridge *b, struct asker a, uint16_t i)
{
        struct place *p = places_at(b, i);

        if (!p)
                bridge_fail(b, a, "bridge.no-instance", "there is no such instance");
        else if (p->fixed)
                bridge_fail(b, a, "bridge.fixed", "it was given on the command line");
        else
                return p;
        return NULL;
}

void places_rename(struct bridge *b, struct asker a, web_up_instance_reader r)
{
        struct place *p = place_to_change(b, a, web_up_instance_place(r));
        const char *name = web_up_instance_name(r).p;

        if (!p)
                return;
        if (!name_is_good(name)) {
                bridge_fail(b, a, "bridge.address", "a name has 1 to 64 bytes");
                return;
        }
        (void)snprintf(p->name, sizeof(p->name), "%s", name);
        places_changed(b, a);
}

void places_remove(struct bridge *b, struct asker a, uint16_t i)
{
        struct place *p = place_to_change(b, a, i);

        if (!p)
                return;
        if (b->client && b->place == i) {
                bridge_fail(b, a, "bridge.connected", "disconnect from it first");
                return;
        }
        p->is_there = false;
        places_changed(b, a);
}

int places_confirm(struct bridge *b, uint16_t i)
{
        struct place *p = places_at(b, i);
        int r;

        if (!p || p->fixed || p->kept)
                return 0;
        p->kept = true;
        r = places_store(b);
        p->kept = !r;
        return r;
}

void places_deny(struct bridge *b, uint16_t i)
{
        struct place *p = places_at(b, i);

        if (!p || p->fixed || p->kept)
                return;
        p->is_there = false;
        places_tell(b, NULL);
}
