/* The other file. */
#include "right/item.capnp-c.h"
#include "use.h"

void use_right(void)
{
        check(!strcmp(item_y(origin()).p, "right"));
        check(capnp_list_u8(sizes(), 0) == 3);
        check(item_capnp_schema.id == UINT64_C(0xf37b20d94ce615a8));
        check(svc_interface.id == SVC_ID);
}
