@0x8e51d7c3f0a9462b;
# Has what its import has; the types of its methods are another file's.

using Left = import "left/item.capnp";

struct Item { item @0 :Left.Item; nested @1 :Nested; struct Nested { x @0 :Int8; } }
interface Svc extends(Left.Svc) { n @0 Left.Pair -> Left.Pair; o @1 (item :Item) -> Left.Item; stream @2 Left.Item -> stream; }
const origin :Item = (nested = (x = 1));
struct EventType { event @0 :Left.Event; type @1 :Left.Event.Type; }
