/* One of two files with the same names, and a file that has its names as well. */
#include "own.capnp-c.h"
#include "use.h"

void use_left(void)
{
        check(item_x(origin()) == 3);
        check(capnp_list_u8(sizes(), 1) == 2);
        check(own_item_nested_x(own_item_nested(own_origin())) == 1);
        check(item_capnp_schema.id == UINT64_C(0xe4c0967b1d8f25a3));
        check(svc_interface.id == SVC_ID && own_svc_interface.id == OWN_SVC_ID);
        check(own_svc_interface.nparts == 2);
}
