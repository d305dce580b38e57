/*
 * People.
 *
 * A person is a reference of a caller's origin, which the session manager made for this service
 * alone. From it comes the label that others see: two words and four digits, always the same for
 * the same reference, so that a session keeps its label when it opens another socket, when its
 * client comes back after its line has dropped, and when this service is started anew. A label says
 * nothing about an account, and the reference cannot be found from it: it has 25 bits of 128.
 * Should two people who are here have the same, the later one gets the next that its reference
 * leads to.
 *
 * Who narrates (chat-serve.c) is `narrator`, and cannot be taken for anybody, nor anybody for him.
 *
 * Nothing that a caller says about itself ever gets here.
 */
#include "chat-person.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const manners[] = {
        "agile",    "amber", "bold",   "brave",  "brisk",  "calm",  "clever", "cosy",
        "crisp",    "deft",  "eager",  "early",  "fair",   "fleet", "fond",   "gentle",
        "glad",     "happy", "honest", "humble", "jolly",  "keen",  "kind",   "light",
        "lively",   "loyal", "lucky",  "mellow", "mild",   "neat",  "nimble", "noble",
        "patient",  "plain", "polite", "proud",  "quick",  "quiet", "rapid",  "ready",
        "robust",   "rosy",  "serene", "sharp",  "silent", "sleek", "smart",  "snug",
        "sober",    "solid", "spry",   "steady", "still",  "sunny", "swift",  "tidy",
        "tranquil", "true",  "vivid",  "warm",   "wary",   "wise",  "witty",  "zesty",
};

static const char *const animals[] = {
        "badger", "bat",   "bear",  "beaver", "bee",    "bison",  "bobcat", "buzzard",
        "camel",  "carp",  "cat",   "cod",    "condor", "coyote", "crane",  "crow",
        "deer",   "dingo", "dove",  "duck",   "eagle",  "eel",    "elk",    "falcon",
        "ferret", "finch", "fox",   "frog",   "gecko",  "goose",  "gull",   "hare",
        "hawk",   "heron", "horse", "ibex",   "jackal", "jay",    "koala",  "lark",
        "lemur",  "lion",  "llama", "lynx",   "mole",   "moose",  "newt",   "otter",
        "owl",    "panda", "perch", "pika",   "puffin", "quail",  "raven",  "robin",
        "seal",   "shrew", "stork", "swan",   "tapir",  "toad",   "viper",  "wren",
};

enum { WORDS = 64 };

_Static_assert(sizeof(manners) == WORDS * sizeof(*manners), "as many as the hash chooses from");
_Static_assert(sizeof(animals) == WORDS * sizeof(*animals), "as many as the hash chooses from");

/* ---- rates -------------------------------------------------------------------------------- */

static uint64_t rate_last_ms(const struct chat_rate *r)
{
        return r->n ? r->at_ms[(r->n - 1) % CHAT_JOINS] : 0;
}

bool chat_rate_take(struct chat_rate *r, uint32_t max, uint64_t now_ms)
{
        if (r->n >= max && now_ms - r->at_ms[(r->n - max) % CHAT_JOINS] < CHAT_RATE_MS)
                return false;

        r->at_ms[r->n++ % CHAT_JOINS] = now_ms;
        return true;
}

static bool rate_is_quiet(const struct chat_rate *r, uint64_t now_ms)
{
        return r->n == 0 || now_ms - rate_last_ms(r) >= CHAT_RATE_MS;
}

/* ---- labels ------------------------------------------------------------------------------- */

/* FNV-1a, and the last step of MurmurHash3, which makes every bit count. */
static uint64_t label_hash(const uint8_t *reference, uint32_t attempt)
{
        uint64_t h = UINT64_C(0xcbf29ce484222325) + attempt;

        for (unsigned i = 0; i < CHAT_REFERENCE_BYTES; i++)
                h = (h ^ reference[i]) * UINT64_C(0x100000001b3);
        h = (h ^ h >> 33) * UINT64_C(0xff51afd7ed558ccd);
        h = (h ^ h >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
        return h ^ h >> 33;
}

static void label_make(const uint8_t *reference, uint32_t attempt, char *ret_label)
{
        uint64_t h = label_hash(reference, attempt);

        snprintf(ret_label, CHAT_LABEL_BYTES, "%s-%s-%04u", manners[h % WORDS],
                 animals[h / WORDS % WORDS], (unsigned)(h / WORDS / WORDS % 10000));
}

static bool label_is_free(const struct chat_people *p, const char *label)
{
        for (struct capnp_i_list *l = p->all.next; l != &p->all; l = l->next)
                if (strcmp(CAPNP_I_OF(l, struct chat_person, link)->label, label) == 0)
                        return false;
        return true;
}

/* ---- people ------------------------------------------------------------------------------- */

void chat_people_init(struct chat_people *p)
{
        *p = (struct chat_people){.n = 0};
        capnp_i_list_init(&p->all);
}

void chat_person_sat(struct chat_person *person, struct chat_sat *sat)
{
        free(person->sat);
        person->sat = sat;
}

static void person_free(struct chat_people *p, struct chat_person *person)
{
        chat_person_sat(person, NULL);
        capnp_i_list_remove(&person->link);
        p->n--;
        free(person);
}

void chat_people_deinit(struct chat_people *p)
{
        while (!capnp_i_list_empty(&p->all))
                person_free(p, CAPNP_I_OF(p->all.next, struct chat_person, link));
}

/* Nobody would notice, but for where he sat. */
static bool person_is_away(const struct chat_person *x, uint64_t now_ms)
{
        return x->sockets == 0 && rate_is_quiet(&x->says, now_ms) &&
               rate_is_quiet(&x->joins, now_ms);
}

static bool person_is_over(const struct chat_person *x, uint64_t now_ms)
{
        return person_is_away(x, now_ms) && (!x->sat || now_ms >= x->sat->until_ms);
}

/* Of those who may come back, the one who has been away longest makes room. */
static void people_give_way(struct chat_people *p, uint64_t now_ms)
{
        struct chat_person *oldest = NULL;

        for (struct capnp_i_list *l = p->all.next; l != &p->all; l = l->next) {
                struct chat_person *x = CAPNP_I_OF(l, struct chat_person, link);

                if (x->sat && person_is_away(x, now_ms) &&
                    (!oldest || x->sat->until_ms < oldest->sat->until_ms))
                        oldest = x;
        }
        if (oldest)
                person_free(p, oldest);
}

/* Frees who has left long enough ago; the one with this reference is what is looked for. */
static struct chat_person *people_find(struct chat_people *p, const uint8_t *reference,
                                       uint64_t epoch, bool narrates, uint64_t now_ms)
{
        struct chat_person *found = NULL;
        struct capnp_i_list *l, *next;

        for (l = p->all.next; l != &p->all; l = next) {
                struct chat_person *x = CAPNP_I_OF(l, struct chat_person, link);

                next = l->next;
                if (x->epoch == epoch && x->narrates == narrates &&
                    memcmp(x->reference, reference, CHAT_REFERENCE_BYTES) == 0)
                        found = x;
                else if (person_is_over(x, now_ms))
                        person_free(p, x);
        }
        return found;
}

static int person_new(struct chat_people *p, const uint8_t *reference, uint64_t epoch,
                      bool narrates, uint64_t now_ms, struct chat_person **ret_person)
{
        struct chat_person *x;

        if (p->n >= CHAT_PEOPLE)
                people_give_way(p, now_ms);
        if (p->n >= CHAT_PEOPLE)
                return CHAT_E_FULL;

        x = calloc(1, sizeof(*x));
        if (!x)
                return -ENOMEM;

        memcpy(x->reference, reference, CHAT_REFERENCE_BYTES);
        x->epoch = epoch;
        x->narrates = narrates;
        capnp_i_list_init(&x->shows);
        (void)snprintf(x->label, sizeof(x->label), CHAT_NARRATOR);
        for (uint32_t i = 0; !narrates && (i == 0 || !label_is_free(p, x->label)); i++)
                label_make(reference, i, x->label);
        capnp_i_list_append(&p->all, &x->link);
        p->n++;
        *ret_person = x;
        return 0;
}

static int people_enter(struct chat_people *p, const uint8_t *reference, uint64_t epoch,
                        bool narrates, uint64_t now_ms, struct chat_person **ret_person)
{
        struct chat_person *x = people_find(p, reference, epoch, narrates, now_ms);
        int r = x ? 0 : person_new(p, reference, epoch, narrates, now_ms, &x);

        if (r)
                return r;

        x->sockets++;
        *ret_person = x;
        return 0;
}

int chat_people_enter(struct chat_people *p, const uint8_t *reference, uint64_t epoch,
                      uint64_t now_ms, struct chat_person **ret_person)
{
        return people_enter(p, reference, epoch, false, now_ms, ret_person);
}

int chat_people_enter_narrator(struct chat_people *p, const uint8_t *reference, uint64_t epoch,
                               uint64_t now_ms, struct chat_person **ret_person)
{
        return people_enter(p, reference, epoch, true, now_ms, ret_person);
}

void chat_people_leave(struct chat_people *p, struct chat_person *person, uint64_t now_ms)
{
        person->sockets--;
        if (person_is_over(person, now_ms))
                person_free(p, person);
}
