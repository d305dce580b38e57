@0xe4c0967b1d8f25a3;
# One of two files with this name.

struct Item { x @0 :Int32 = 1; l @1 :List(Int32) = [1]; kind @2 :Kind; }
enum Kind { left @0; }
interface Svc { m @0 (item :Item) -> (kind :Kind); s @1 Item -> Pair; }
struct Pair { union { none @0 :Void; some :group { first @1 :Text; second @2 :Item = (x = 7); } } tail @3 :Data; }
const origin :Item = (x = 3);
const sizes :List(UInt8) = [1, 2];
struct Event { type @0 :Type; enum Type { start @0; stop @1; } }
