@0xfae93f14e72005e8;
# Methods of all shapes, a diamond of interfaces, streams, capabilities in results.

interface Node {
  name @0 () -> (name :Text);
  # What it is called.
}

interface Folder extends(Node) {
  list @0 (first :UInt32, prefix :Text) -> (entries :List(Entry), more :Bool);
  open @1 (name :Text) -> (node :Node, info :Info);
  gone @2 () -> ();
  default @3 (params :Text) -> (results :Text);
  struct Entry { name @0 :Text; node @1 :Node; }
}

interface File extends(Node) {
  write @0 (chunk :Data) -> stream;
  size @1 () -> Size;
  put @2 Size -> Info;
  save @3 SaveParams -> SaveResults;
  # Structs called after their method: their setters are called as the shortcuts would be.

  struct SaveParams { name @0 :Text; }
  struct SaveResults { ok @0 :Bool; copy @1 :File; }
}

interface Disk extends(Folder, File) {
  format @0 [T] (how :T) -> (old :T, cap :Capability, any :AnyPointer);
}

interface Empty {}
interface Only extends(Empty, Disk) {}

struct Size { bytes @0 :UInt64; unit :union { plain @1 :Void; block @2 :UInt32; } }
struct Info { owner @0 :Node; size @1 :Size; parent @2 :Folder; }

interface Tables { methods @0 () -> (); parts @1 () -> (); interface @2 () -> (); }
# Named as the tables behind an interface are.
