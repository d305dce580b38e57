/* Values that a newer schema has, in C++: they are kept, and named by no constant. */
#include "both.capnp-c.h"
#include "shapes.capnp-c.h"
#include "use.h"

void use_enums(void)
{
        capnp_msg *m = nullptr;

        check(capnp_msg_new(&m) == 0);
        defaults_builder b = defaults_build(m);
        for (uint32_t at = 0; at < 64; at += 2)
                capnp_builder_set_u16(b.b, at, 700, 0);
        enum colour c = defaults_s(defaults_root(m));
        check((unsigned)c > 2 && !colour_name(c));
        m = capnp_msg_free(m);

        check(capnp_msg_new(&m) == 0);
        boxes_builder x = boxes_build(m);
        for (uint32_t at = 0; at < 64; at += 2)
                capnp_builder_set_u16(x.b, at, 700, 0);
        enum boxes_which w = boxes_which(boxes_root(m));
        check((unsigned)w == 700);
        capnp_msg_free(m);
}
