@0xe001c72231f689ab;
# Text, data, structs and lists, without and with a default.

struct Leaf {
  n @0 :Int32 = 7;
  name @1 :Text;
}

struct Pointers {
  text @0 :Text;
  data @1 :Data;
  leaf @2 :Leaf;
  leaves @3 :List(Leaf);
  numbers @4 :List(UInt16);
  empty @5 :Empty;
}

struct Empty {}

struct PointerDefaults {
  text @0 :Text = "say \"hi\"??/\n\ttoo";
  data @1 :Data = 0x"00 ff 22 5c 3f 3f 41";
  leaf @2 :Leaf = (n = 5, name = "five");
  leaves @3 :List(Leaf) = [(n = 1), (n = 2, name = "two"), (name = "seven")];
  numbers @4 :List(UInt16) = [1, 2, 65535];
  bits @5 :List(Bool) = [true, false, true, true, false, false, false, false, true];
  words @6 :List(Text) = ["one", "", "three"];
  grid @7 :List(List(Int8)) = [[1, -1], [], [3]];
}
