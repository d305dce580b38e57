@0xb7bd3299c022b0fe;
# Two files that import each other.
using B = import "circle-b.capnp";
struct Hen { eggs @0 :List(B.Egg); coop @1 :Coop; }
interface Coop {
  lay @0 () -> (egg :B.Egg);
  hatch @1 B.Egg -> Hen;
}
interface Farm extends(B.Nest) {}
