@0x9a6c86287c71c6b5;
# Every primitive type, without and with a default.

struct Primitives {
  bool @0 :Bool;
  int8 @1 :Int8;
  int16 @2 :Int16;
  int32 @3 :Int32;
  int64 @4 :Int64;
  uint8 @5 :UInt8;
  uint16 @6 :UInt16;
  uint32 @7 :UInt32;
  uint64 @8 :UInt64;
  float32 @9 :Float32;
  float64 @10 :Float64;
  nothing @11 :Void;
}

struct PrimitiveDefaults {
  bool @0 :Bool = true;
  int8 @1 :Int8 = -128;
  int16 @2 :Int16 = -32768;
  int32 @3 :Int32 = -2147483648;
  int64 @4 :Int64 = -9223372036854775808;
  uint8 @5 :UInt8 = 255;
  uint16 @6 :UInt16 = 65535;
  uint32 @7 :UInt32 = 4294967295;
  uint64 @8 :UInt64 = 18446744073709551615;
  float32 @9 :Float32 = -0.1;
  float64 @10 :Float64 = 1.5e300;
  infinite @11 :Float32 = inf;
  below @12 :Float64 = -inf;
  unknown @13 :Float32 = nan;
  color @14 :Color = blue;
  whole @15 :Float64 = 3;

  enum Color { red @0; green @1; blue @2; }
}
