@0xe1b0a7f3c2d94586;
# What test-msg-tool.c builds and reads by hand: offsets below are as the schema compiler lays them out.

struct Old {
  a @0 :UInt32;      # bytes 0
  b @1 :Text;        # pointer 0
}

struct New {
  a @0 :UInt32;      # bytes 0
  b @1 :Text;        # pointer 0
  c @2 :UInt64 = 7;  # bytes 8
  d @3 :Text;        # pointer 1
}

struct All {
  v @0 :Void;
  bool @1 :Bool = true;          # bit 0
  i8 @2 :Int8 = -5;              # bytes 1
  i16 @3 :Int16;                 # bytes 2
  i32 @4 :Int32;                 # bytes 4
  i64 @5 :Int64;                 # bytes 8
  u8 @6 :UInt8;                  # bytes 16
  f32 @7 :Float32;               # bytes 20
  f64 @8 :Float64 = 2.5;         # bytes 24
  text @9 :Text;                 # pointer 0
  data @10 :Data;                # pointer 1
  old @11 :Old;                  # pointer 2
  bools @12 :List(Bool);         # pointer 3
  shorts @13 :List(Int16);       # pointer 4
  texts @14 :List(Text);         # pointer 5
  olds @15 :List(Old);           # pointer 6
  lists @16 :List(List(UInt8));  # pointer 7
  any @17 :AnyPointer;           # pointer 8
}

struct OldBox { list @0 :List(Old); }
struct NewBox { list @0 :List(New); }
struct TextBox { list @0 :List(Text); }
struct ShortBox { list @0 :List(UInt16); }
