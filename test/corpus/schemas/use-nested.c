/* Paths that come to one name, and files of one base name. */
#include "nested.capnp-c.h"
#include "shapes.capnp-c.h"
#include "use.h"

void use_nested(void)
{
        capnp_msg *m = NULL;
        route_builder r;

        check(capnp_msg_new(&m) == 0);
        r = route_build(m);
        route_set_leg_length(r, 2);
        route__leg2_set_length(route__leg2_list_builder_get(route_init_leg(r, 1), 0), 3);
        check(route_leg_length(route_root(m)) < 2.5f);
        check(route__leg2_length(route__leg2_list_get(route_leg(route_root(m)), 0)) > 2.5f);
        check(capnp_msg_check(m) == 0);
        m = capnp_msg_free(m);

        check(capnp_msg_new(&m) == 0);
        event_type_set_name(event_type_build(m), "x");
        check(event_type_has_name(event_type_root(m)) && EVENT__TYPE_STOP == 1);
        m = capnp_msg_free(m);

        check(capnp_msg_new(&m) == 0);
        many_set_f259(many_build(m), 1u << 20);
        check(many_f259(many_root(m)) == 1u << 20 && WIDE_V399 == 399);
        check(defaults_u(defaults_o(defaults_root(m))) == UINT64_MAX);
        capnp_msg_free(m);
}
