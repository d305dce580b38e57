@0xc27eda683e9229b1;
# AnyPointer and its kinds.

struct Anys {
  any @0 :AnyPointer;
  anyStruct @1 :AnyStruct;
  anyList @2 :AnyList;
  cap @3 :Capability;
  union {
    one @4 :AnyPointer;
    two @5 :Capability;
  }
}
