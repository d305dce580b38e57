@0xa112859bfb429c57;
# The other one.
using A = import "circle-a.capnp";
struct Egg { hen @0 :A.Hen; }
interface Nest { take @0 (from :A.Coop) -> (hen :A.Hen); }
