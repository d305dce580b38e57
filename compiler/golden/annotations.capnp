@0xad24ddb470eec848;
# A prefix for all names, and names given by hand.

using C = import "/c.capnp";
$C.prefix("bank");

struct Account {
  number @0 :UInt32;
  setNumber @1 :Bool $C.name("numberIsSet");
  kind @2 :Kind;
  owner :group $C.name("holder") { name @3 :Text; }
  enum Kind { plain @0; kind2 @1 $C.name("savings"); }
}

struct VeryLongNameOfAStruct $C.name("short") { inner @0 :Inner; struct Inner { x @0 :Bool; } }

interface Teller {
  pay @0 (amount :UInt64 $C.name("cents")) -> (ok :Bool);
  close @1 () -> () $C.name("shut");
}

const max :UInt32 = 3 $C.name("most");
