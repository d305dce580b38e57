@0xf78e2a0120242bff;
# Declarations inside declarations, and names in need of care.

struct Outer {
  inner @0 :Inner;
  deep @1 :Inner.Deep;
  httpServer2 @2 :Text;
  getURL @3 :Text;
  x @4 :Int8;

  struct Inner {
    value @0 :UInt8;
    deep @1 :List(Deep);

    struct Deep {
      up @0 :Outer;
      kind @1 :Kind;
      enum Kind { a @0; bC @1; }
    }
  }

  interface Service {
    struct Request { n @0 :UInt32; }
    call @0 Request -> Inner;
  }
}

struct List2 {
  list @0 :List(Text);
  reader @1 :Int8;
  builder @2 :Int8;
  root @3 :Int8;
  which @4 :Int8;
  id @5 :Int8;
  union {
    words @6 :Void;
    ptrs @7 :Int8;
  }
}

struct Box {
  itemList @0 :List(Item);
  kindList @1 :List(Kind);
  struct Item { x @0 :Int8; }
  enum Kind { a @0; }
}
