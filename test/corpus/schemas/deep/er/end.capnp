@0xbc19f5a2460e8d73;
struct End { x @0 :Int32; back @1 :import "../../alias.capnp".User; }
interface Svc { end @0 () -> (end :End); }
