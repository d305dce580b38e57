/*
 * rpc-model: a long run of the model.
 *
 *     rpc-model --vats 3 --acts 1000000 --seed 7
 *
 * --epoch n: a world lives for n acts (else a random number); --check n: tables are checked after
 * each n acts (16); --mode n: bits 1 membranes, 2 revocations, 4 closed connections, 8
 * allocations that fail, 16 stream calls as the serving side sees them, 32 as writers do; --shrink
 * s: seconds to make a failure small (60). Ends with 1 when something was wrong.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/personality.h>
#include <unistd.h>

#include "model.h"

/*
 * In which order the library goes through a table depends on where that lies. So that a seed always
 * means the same run, addresses are made the same, where that is allowed. That is for one binary:
 * in another, in which there is one allocation less, another one fails (ACT_STARVE), and from there
 * on the seed is another run.
 */
static void fix_addresses(char **argv)
{
        int now = personality(0xffffffff);

        if (now == -1 || now & ADDR_NO_RANDOMIZE)
                return;

        if (personality((unsigned long)now | ADDR_NO_RANDOMIZE) != -1)
                execv("/proc/self/exe", argv);
}

int main(int argc, char **argv)
{
        static const struct option OPTIONS[] = {
                {"vats", 1, 0, 'v'},   {"acts", 1, 0, 'a'}, {"seed", 1, 0, 's'},
                {"epoch", 1, 0, 'e'},  {"mode", 1, 0, 'm'}, {"check", 1, 0, 'c'},
                {"shrink", 1, 0, 'k'}, {0, 0, 0, 0},
        };
        struct model_run run = {3, 1, 1000000, 0, 16, 60, -1};
        int o;

        fix_addresses(argv);
        while ((o = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
                unsigned long long n = optarg ? strtoull(optarg, NULL, 0) : 0;

                switch (o) {
                case 'v':
                        run.vats = n < 2 || n > MODEL_VATS ? 3 : (uint32_t)n;
                        break;
                case 'a':
                        run.acts = n;
                        break;
                case 's':
                        run.seed = n;
                        break;
                case 'e':
                        run.epoch = (uint32_t)n;
                        break;
                case 'm':
                        run.mode = *optarg == '-' ? -1 : (int)(n & MODE_BITS);
                        break;
                case 'c':
                        run.check_each = (uint32_t)n;
                        break;
                case 'k':
                        run.shrink_s = (unsigned)n;
                        break;
                default:
                        return 2;
                }
        }

        if (model_run(&run))
                return 1;

        printf("seed %llu: %llu acts\n", (unsigned long long)run.seed,
               (unsigned long long)run.acts);
        return 0;
}
