@0xf37b20d94ce615a8;
# The other one.

struct Item { y @0 :Text = "y"; l @1 :List(Int32) = [2, 3]; kind @2 :Kind; }
enum Kind { right @0; far @1; }
interface Svc { m @0 (item :Item) -> (kind :Kind); t @1 (x :UInt8) -> (); }
const origin :Item = (y = "right");
const sizes :List(UInt8) = [3];
