@0xe6f0a6c8d2b7c9f3;
# Every kind of value once, for the tables of edges; and every annotation of json.capnp.

using Json = import "/capnp/compat/json.capnp";

enum Hue { red @0; green @1; blue @2; }

struct Edge {
  f @0 :Float64;
  g @1 :Float32;
  i @2 :Int64;
  u @3 :UInt64;
  i8 @4 :Int8;
  u16 @5 :UInt16;
  b @6 :Bool;
  e @7 :Hue;
  v @8 :Void;
  t @9 :Text;
  d @10 :Data;
  l @11 :List(Text);
  es @12 :List(Hue);
  ds @13 :List(Data);
  p @14 :AnyPointer;
  c @15 :Capability;
  s @16 :Edge;
  w @17 :List(Edge);
}

enum Word { plain @0; other @1 $Json.name("other-word"); }

struct Told {
  name @0 :Text $Json.name("a name");
  word @1 :Word;
  words @2 :List(Word);
  number @3 :Data;
  base @4 :Data $Json.base64;
  hex @5 :Data $Json.hex;
  datas @6 :List(Data);
  kind :union $Json.discriminator(name = "kind", valueName = "value") {
    int @7 :Int32;
    text @8 :Text;
    none @9 :Void;
    inner :group { x @10 :Int32; y @11 :Text; }
  }
  flat :union $Json.flatten() $Json.discriminator() {
    one @12 :Int32;
    two :group $Json.flatten(prefix = "two_") { x @13 :Text; y @14 :Int32; }
    three @15 :Void $Json.name("drei");
    four @16 :Petal $Json.flatten();
  }
  box :group $Json.flatten(prefix = "box.") {
    width @17 :Int32;
    label @18 :Text;
    deep :group $Json.flatten(prefix = "deep.") { size @19 :Int32 = 7; }
  }
  choice @20 :Choice;
  choices @21 :List(Choice);
  leaf @22 :Petal $Json.flatten(prefix = "leaf-");
  plain :union { a @23 :Int32; b @24 :Text; }
}

struct Choice $Json.discriminator(name = "type") {
  union {
    s @0 :Petal $Json.flatten();
    t @1 :Petal $Json.flatten(prefix = "t.");
    k @2 :Text $Json.name("kay");
    z @3 :Void;
  }
  after @4 :Int32;
}

struct Petal { a @0 :Int32; c @1 :Text; same @2 :Petal; }

struct Two { a @0 :Two; b @1 :Two; bytes @2 :List(UInt8); }

# Flattened into itself, in more than one way: nobody means it, but a peer may send it.
struct Knot {
  a @0 :Knot $Json.flatten();
  b @1 :Knot $Json.flatten(prefix = "a");
  c @2 :Knot $Json.flatten(prefix = "");
  n @3 :Int32 $Json.name("aa");
  m @4 :Int32;
}
