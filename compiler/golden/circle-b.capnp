@0xa112859bfb429c57;
# The other one.
using A = import "circle-a.capnp";
struct Egg { hen @0 :A.Hen; }
struct EggList { eggs @0 :List(Egg); next @1 :EggList; }
# A struct with the name that a list of another would have.
interface Nest { take @0 A.Hen -> Egg; give @1 (from :A.Coop) -> (hen :A.Hen); }
