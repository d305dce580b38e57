/* One of two files with the same names, and a file that has its names as well. */
#include "further.capnp-c.h"
#include "own.capnp-c.h"
#include "use.h"

void use_left(void)
{
        capnp_msg *m = NULL;
        own_item_nested_builder nested;

        check(capnp_msg_new(&m) == 0);
        nested = own_item_init_nested(further_init_own(further_build(m)));
        own_item_nested_set_x(nested, 5);
        check(own_item_nested_x(own_item_nested(further_own(further_root(m)))) == 5);
        check(item_x(further_item(further_root(m))) == 1);
        capnp_msg_free(m);

        check(item_x(origin()) == 3);
        check(capnp_list_u8(sizes(), 1) == 2);
        check(own_item_nested_x(own_item_nested(own_origin())) == 1);
        check(item_capnp_schema.id == UINT64_C(0xe4c0967b1d8f25a3));
        check(svc_interface.id == SVC_ID && own_svc_interface.id == OWN_SVC_ID);
        check(own_svc_interface.nparts == 2);
}
