/*
 * Random patches: `ui-patches [PATCHES [SEED]]`. Prints how many went which way. The same seed is
 * the same run.
 */
#include "random.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
        uint64_t patches = argc > 1 ? strtoull(argv[1], NULL, 10) : 100000;
        uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
        struct source s = {.state = seed * 0x9e3779b97f4a7c15 + 1};
        struct random_count count;

        printf("%llu patches, seed %llu\n", (unsigned long long)patches, (unsigned long long)seed);
        random_patches(&s, patches, &count);
        printf("%10llu taken\n%10llu over a quota\n%10llu no message\n",
               (unsigned long long)count.taken, (unsigned long long)count.over_quota,
               (unsigned long long)count.bad_message);
        for (unsigned i = 1; i <= UI_REFUSAL_PERSON; i++)
                if (count.refused[i])
                        printf("%10llu refused.%s\n", (unsigned long long)count.refused[i],
                               ui_refusal_word((enum ui_refusal)i));
        /* A run that gets nowhere has tried nothing. */
        return count.taken < patches / 5;
}
