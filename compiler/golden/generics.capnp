@0xce028495ccbf2577;
# Type parameters are AnyPointer.

struct Map(Key, Value) {
  entries @0 :List(Entry);
  struct Entry { key @0 :Key; value @1 :Value; }
}

struct Uses {
  texts @0 :Map(Text, Text);
  nested @1 :Map(Text, List(Int32));
  list @2 :List(Map(Text, Data));
  maybe @3 :Maybe(Uses);
}

struct Maybe(T) { union { none @0 :Void; some @1 :T; } }

interface Cell(T) {
  get @0 () -> (value :T);
  set @1 (value :T) -> ();
  swap @2 [U] (with :U) -> Maybe(U);
}
interface TextCell extends(Cell(Text)) {}
