/*
 * Places for what waits for a person, and who gives way.
 *
 * A person takes minutes where a program takes milliseconds, so what waits for one is kept long,
 * and is bounded by places of its own. A newcomer always gets one: when there are too many, one of
 * the busiest party goes, of its busiest source the oldest, as with connections (daemon/gateway).
 * So whoever fills all places pushes out himself, and nobody is kept out; between equals the oldest
 * goes, so who has as many addresses as there are places can push others out by being quicker than
 * a person is, but has to go on with it all the time.
 *
 * Lists are walked: a person costs more than a step.
 */
#include "patience.h"

#include <stdbool.h>
#include <string.h>

static struct patient *patient_of(struct capnp_i_list *l)
{
        return CAPNP_I_OF(l, struct patient, link);
}

void patience_init(struct patient *p)
{
        *p = (struct patient){0};
        capnp_i_list_init(&p->link);
}

void patience_add(struct capnp_i_list *all, struct patient *p, const char *party,
                  const char *source)
{
        p->party = party;
        p->source = source;
        capnp_i_list_append(all, &p->link);
}

void patience_remove(struct patient *p)
{
        capnp_i_list_remove(&p->link);
}

/* How many wait: of a source, and of its party. */
struct crowd {
        unsigned of_party, of_source;
};

static struct crowd patience_count(const struct capnp_i_list *all, const struct patient *p)
{
        struct crowd n = {0};

        for (struct capnp_i_list *l = all->next; l != all; l = l->next) {
                if (strcmp(patient_of(l)->party, p->party) != 0)
                        continue;
                n.of_party++;
                n.of_source += !strcmp(patient_of(l)->source, p->source);
        }
        return n;
}

static bool crowd_is_more(const struct crowd *a, const struct crowd *b)
{
        if (a->of_party != b->of_party)
                return a->of_party > b->of_party;

        return a->of_source > b->of_source;
}

struct patient *patience_excess(const struct capnp_i_list *all)
{
        struct patient *first = NULL;
        struct crowd most = {0};
        unsigned n = 0;

        for (struct capnp_i_list *l = all->next; l != all; l = l->next, n++) {
                struct crowd of = patience_count(all, patient_of(l));

                if (!crowd_is_more(&of, &most))
                        continue;
                most = of;
                first = patient_of(l);
        }
        return n > PATIENCE_PLACES || most.of_party > PATIENCE_OF_PARTY ? first : NULL;
}
