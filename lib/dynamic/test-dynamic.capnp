@0xb8c4fbd7b93d9e1f;
# Everything a schema can have, for the tests of lib/dynamic.

enum Color { red @0; green @1; blue @2; }

struct Point { x @0 :Int32; y @1 :Int32 = -7; label @2 :Text; }

struct All {
  nothing @0 :Void;
  flag @1 :Bool = true;
  i8 @2 :Int8;
  i16 @3 :Int16;
  i32 @4 :Int32 = -5;
  i64 @5 :Int64;
  u8 @6 :UInt8;
  u16 @7 :UInt16;
  u32 @8 :UInt32;
  u64 @9 :UInt64;
  f32 @10 :Float32 = 1.5;
  f64 @11 :Float64;
  text @12 :Text;
  data @13 :Data;
  color @14 :Color = green;
  point @15 :Point;
  given @16 :Point = (x = 3, label = "given");
  hello @17 :Text = "hello";
  voids @18 :List(Void);
  flags @19 :List(Bool);
  i8s @20 :List(Int8);
  u16s @21 :List(UInt16);
  i32s @22 :List(Int32);
  u64s @23 :List(UInt64);
  f32s @24 :List(Float32);
  f64s @25 :List(Float64);
  texts @26 :List(Text);
  datas @27 :List(Data);
  colors @28 :List(Color);
  points @29 :List(Point);
  grid @30 :List(List(List(Int8)));
  self @31 :All;
  selves @32 :List(All);
  where :group {
    city @33 :Text;
    zip @34 :UInt32 = 8000;
  }
  shape :union {
    none @35 :Void;
    circle @36 :Float64;
    name @37 :Text;
    box :group {
      width @38 :UInt8 = 4;
      height @39 :UInt8;
    }
  }
  union {
    one @40 :UInt16;
    two @41 :Text;
    three @42 :Point;
    four @43 :Void;
  }
  map @44 :Map(Text, List(Point));
}

struct Map(Key, Value) {
  entries @0 :List(Entry);
  struct Entry { key @0 :Key; value @1 :Value; }
}

struct Caps {
  any @0 :AnyPointer;
  cap @1 :Capability;
  node @2 :Node;
  nodes @3 :List(Node);
}

interface Base {
  name @0 () -> (name :Text);
}

interface Node extends(Base) {
  add @0 (left :Int64, right :Int64) -> (sum :Int64);
  child @1 (of :Node, name :Text) -> (node :Node, any :Capability);
  put @2 (chunk :Data) -> stream;
  move @3 Point -> Point;
}

interface Leaf extends(Node, Base) {}
interface Deep {
  down @0 () -> Places;

  struct Places {
    inner @0 :Inner;
    place :group { any @1 :Capability; x @2 :Int32; }
    many @3 :List(Node);
  }

  struct Inner {
    x @0 :Int32;
    node @1 :Node;
  }
}
interface Other { add @0 () -> (); only @1 (map :Map(Text, Leaf)) -> (); }
