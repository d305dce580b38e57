@0xb2d8b1f0e6a34c51;
# Names of C and of the library; a list type gives way without a word.

enum Seek { set @0; cur @1; end @2; }
struct Size { w @0 :Float32; t @1 :Float32; }
struct Capnp { a @0 :Int32; }
const intMax :Int32 = 5;
const printf :List(UInt8) = [1];
struct Item { itemList @0 :List(Item); }
struct ItemList { x @0 :Bool; }
