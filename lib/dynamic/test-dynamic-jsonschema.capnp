@0x9f3d5c1b7a2e4d60;
# What a JSON Schema can be made of, for the tests of lib/dynamic.

using Json = import "/capnp/compat/json.capnp";

enum Color {
  # A color.

  red @0;
  green @1 $Json.name("verde");
  # As grass.
}

enum None {}

struct Point {
  # Where it is.

  x @0 :Int32;
  y @1 :Int32 = -7;
}

struct Numbers {
  nothing @0 :Void;
  flag @1 :Bool = true;
  i8 @2 :Int8;
  i16 @3 :Int16;
  i32 @4 :Int32 = -5;
  i64 @5 :Int64 = 9223372036854775807;
  u8 @6 :UInt8;
  u16 @7 :UInt16;
  u32 @8 :UInt32;
  u64 @9 :UInt64;
  f32 @10 :Float32;
  f64 @11 :Float64 = inf;
}

struct Pointers {
  text @0 :Text = "a \"quote\"";
  # Says "it",
  # and a tab:	.
  data @1 :Data;
  hex @2 :Data $Json.hex;
  base @3 :Data $Json.base64 $Json.name("base ✓");
  color @4 :Color = green;
  none @5 :None;
  point @6 :Point = (x = 3);
  here @7 :Point;
  # Here.
  lists @8 :List(List(Int8)) = [[1, 2], []];
  datas @9 :List(Data);
  colors @10 :List(Color);
  group :group {
    # Of it.
    a @11 :Text;
    b @12 :Bool;
  }
}

struct Shapes {
  name @0 :Text;
  shape :union {
    none @1 :Void;
    circle @2 :Float64 = 1;
    box :group {
      width @3 :UInt8 = 4;
      union {
        solid @4 :Void;
        other @5 :Objects;
      }
    }
  }
  union {
    one @6 :UInt16;
    two @7 :Text;
    three @8 :Point;
  }
}

struct Objects {
  any @0 :Capability;
  node @1 :Node;
  # What to see.
  ears @2 :List(Ear);
  union {
    left @3 :Node;
    right @4 :Ear;
  }
}

interface Node {}
interface Ear {}

struct Tree {
  # Has others.
  value @0 :Int8;
  left @1 :Tree;
  # On the left.
  rest @2 :List(Forest);
}

struct Forest {
  tree @0 :Tree;
  tall @1 :L1;
}

struct L1 { next @0 :L2; }
struct L2 { next @0 :L3; }
struct L3 { next @0 :L4; inner @1 :L6.Inner; }
struct L4 { next @0 :L5; }
struct L5 { next @0 :L6; }
struct L6 { next @0 :L7; inner @1 :Inner; other @2 :Other.Inner; struct Inner { a @0 :Int8; } }
struct L7 { v @0 :Int8; inner @1 :Other.Inner; }
struct Other { struct Inner { b @0 :Int8; } }

struct Pair(A, B) { a @0 :A; b @1 :B; }
struct Pairs {
  known @0 :Pair(Text, Pair(Data, List(Point)));
}
struct Unknown { half @0 :Pair(Text, AnyPointer); }
struct Chain(T) { value @0 :T; next @1 :Chain(T); }
struct Chains { of @0 :Chain(Text); }
struct Any { any @0 :AnyPointer; }
struct Hidden { deep @0 :Any; }
struct AnyList { l @0 :List(Any); }

struct Told {
  kind :union $Json.discriminator(name = "kind", valueName = "value") {
    int @0 :Int32;
    text @1 :Text;
    none @2 :Void;
  }
  flat :union $Json.flatten() $Json.discriminator() {
    one @3 :Int32;
    two :group $Json.flatten(prefix = "two_") { x @4 :Text; y @5 :Int32; }
  }
  leaf @6 :Point $Json.flatten(prefix = "leaf-");
}

struct Same {
  a @0 :Int8;
  b @1 :Int8 $Json.name("a");
}
struct SameFlat {
  xx @0 :Int8;
  point @1 :Point $Json.flatten(prefix = "x");
}
struct Knot { a @0 :Knot $Json.flatten(prefix = "a"); b @1 :Int8; }

# Nothing to write, and much to look at.
struct F0 { a @0 :F1 $Json.flatten(); b @1 :F1 $Json.flatten(); c @2 :F1 $Json.flatten(); }
struct F1 { a @0 :F2 $Json.flatten(); b @1 :F2 $Json.flatten(); c @2 :F2 $Json.flatten(); }
struct F2 { a @0 :F3 $Json.flatten(); b @1 :F3 $Json.flatten(); c @2 :F3 $Json.flatten(); }
struct F3 { a @0 :F4 $Json.flatten(); b @1 :F4 $Json.flatten(); c @2 :F4 $Json.flatten(); }
struct F4 { a @0 :F5 $Json.flatten(); b @1 :F5 $Json.flatten(); c @2 :F5 $Json.flatten(); }
struct F5 { a @0 :F6 $Json.flatten(); b @1 :F6 $Json.flatten(); c @2 :F6 $Json.flatten(); }
struct F6 { a @0 :F7 $Json.flatten(); b @1 :F7 $Json.flatten(); c @2 :F7 $Json.flatten(); }
struct F7 { a @0 :F8 $Json.flatten(); b @1 :F8 $Json.flatten(); c @2 :F8 $Json.flatten(); }
struct F8 { a @0 :F9 $Json.flatten(); b @1 :F9 $Json.flatten(); c @2 :F9 $Json.flatten(); }
struct F9 { a @0 :F10 $Json.flatten(); b @1 :F10 $Json.flatten(); c @2 :F10 $Json.flatten(); }
struct F10 { a @0 :F11 $Json.flatten(); b @1 :F11 $Json.flatten(); c @2 :F11 $Json.flatten(); }
struct F11 { a @0 :F12 $Json.flatten(); b @1 :F12 $Json.flatten(); c @2 :F12 $Json.flatten(); }
struct F12 { a @0 :F13 $Json.flatten(); b @1 :F13 $Json.flatten(); c @2 :F13 $Json.flatten(); }
struct F13 { a @0 :F14 $Json.flatten(); b @1 :F14 $Json.flatten(); c @2 :F14 $Json.flatten(); }
struct F14 { a @0 :F15 $Json.flatten(); b @1 :F15 $Json.flatten(); c @2 :F15 $Json.flatten(); }
struct F15 {}
