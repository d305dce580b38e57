@0xe56df67a67352d2c;
# Words of C and C++ as names.

struct Int {
  int @0 :Int32;
  default @1 :Text;
  class @2 :Enum;
  union { switch @3 :Void; case @4 :Int; }
  new :group { delete @5 :Bool; this @6 :List(Text); }
  template :union { typename @7 :UInt8; namespace @8 :Data; }
}

enum Enum { auto @0; register @1; null @2; eof @3; true @4; }

interface Operator {
  delete @0 (int :Int32, return :Text) -> (while :Int32, for :Operator);
  new @1 () -> Int;
  unix @2 () -> ();
}
interface Union extends(Operator) { struct @0 () -> (); }

const long :UInt8 = 1;
const short :List(UInt8) = [1];
const null :UInt8 = 2;
