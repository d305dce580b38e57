@0xae4574cec61dbddf;
using C = import "/c.capnp";
struct Account { number @0 :UInt32 $C.name("no-name"); }
