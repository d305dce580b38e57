@0xbc732dc1630de714;
using C = import "/c.capnp";
$C.prefix("2fast");
