@0xcd8a03b7e5f19264;
# Types through another file's alias, and a circle of files.

using Deep = import "deep/alias.capnp";
struct User { end @0 :Deep.Alias; ends @1 :List(Deep.Alias); item @2 :Deep.Up; }
interface Uses extends(Deep.Svc) { use @0 Deep.Alias -> Deep.Up; }
