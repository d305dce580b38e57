@0x93ad5f08e7b12c64;
# Imports two files that have the same names, has one of them itself, and uses all.

using Left = import "left/item.capnp";
using Right = import "right/item.capnp";

struct Item { left @0 :Left.Item; right @1 :Right.Item = (y = "both"); lefts @2 :List(Left.Item); rights @3 :List(Right.Item); kind @4 :Left.Kind; far @5 :Right.Kind = far;
  fars @6 :List(Right.Kind); svc @7 :Right.Svc; svcs @8 :List(Right.Svc); rightss @9 :List(List(Right.Item)); union { none @10 :Void; some @11 :Right.Item; } }
interface Svc extends(Left.Svc, Right.Svc) { both @0 (l :Left.Item, r :Right.Item) -> (l :Left.Svc, r :Right.Svc); pass @1 Right.Item -> Right.Item; give @2 Left.Pair -> Left.Pair; }
const two :Item = (left = (x = 2), right = (y = "two"));
const farther :Right.Item = (y = "farther");
