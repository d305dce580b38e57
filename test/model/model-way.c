/*
 * By which connection a call came: what the program is not told, and the model has to know where
 * order holds for each way apart.
 */
#include "rpc-internal.h"

/* After the library's own names, some of which are the model's, too. */
const void *model_way(const capnp_answer *a);

const void *model_way(const capnp_answer *a)
{
        return ((const struct call *)(const void *)a)->peer;
}
