/*
 * By which connection a call came: what the program is not told, and the model has to know where
 * order holds for each way apart. And which way a core takes calls: the next one the general way.
 * And whether a reference is new where one was before.
 */
#include "rpc-internal.h"

/* After the library's own names, some of which are the model's, too. */
const void *model_way(const capnp_answer *a);
void model_go_general(capnp_rpc *r);
bool model_has_streamed(const void *cap);

const void *model_way(const capnp_answer *a)
{
        return ((const struct call *)(const void *)a)->peer;
}

void model_go_general(capnp_rpc *r)
{
        capnp_i_plain_forget(r);
}

bool model_has_streamed(const void *cap)
{
        return ((const capnp_cap *)cap)->flow;
}
