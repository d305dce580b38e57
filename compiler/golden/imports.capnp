@0x86c90bd00005b016;
# Types, superclasses and parameters of another file; imports of annotations bring no header.

using Base = import "base.capnp";
using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("golden");

struct Invoice {
  total @0 :Base.Money;
  items @1 :List(Base.Money);
  pay @2 :Base.Account;
  in @3 :Base.Currency = eur;
}

interface Savings extends(Base.Account) {
  deposit @0 Base.Money -> (account :Base.Account);
}
