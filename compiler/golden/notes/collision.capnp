@0xdb21e5815ef27fd8;
struct Account {
  number @0 :UInt32;
  setNumber @1 :Bool;
}
