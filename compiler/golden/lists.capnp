@0xbf254a56fbc8cc23;
# Lists of everything, and lists of lists of it.

struct Lists {
  voids @0 :List(Void);
  bools @1 :List(Bool);
  int8s @2 :List(Int8);
  int16s @3 :List(Int16);
  int32s @4 :List(Int32);
  int64s @5 :List(Int64);
  uint8s @6 :List(UInt8);
  uint16s @7 :List(UInt16);
  uint32s @8 :List(UInt32);
  uint64s @9 :List(UInt64);
  float32s @10 :List(Float32);
  float64s @11 :List(Float64);
  texts @12 :List(Text);
  datas @13 :List(Data);
  colors @14 :List(Color);
  points @15 :List(Point);
  caps @16 :List(Thing);
  numberLists @17 :List(List(UInt32));
  textLists @18 :List(List(Text));
  colorLists @19 :List(List(Color));
  pointLists @20 :List(List(Point));
  cubes @21 :List(List(List(Float64)));

  enum Color { red @0; green @1; blue @2; }
  struct Point { x @0 :Int32; y @1 :Int32; label @2 :Text; }
  interface Thing {}
}
