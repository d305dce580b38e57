@0xa396a8b89afc8d0a;
using Between = import "between.capnp";
struct User { x @0 :Between.Alias; }
