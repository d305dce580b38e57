@0xda7f92c614e0b853;
# Imports a file that has given way, and the one that it has given way to.

using Left = import "left/item.capnp";
using Own = import "own.capnp";

struct Further { item @0 :Left.Item; own @1 :Own.Item; type @2 :Own.EventType; nested @3 :Own.Item.Nested; svc @4 :Own.Svc; }
