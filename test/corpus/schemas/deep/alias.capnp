@0xa9d64b8e37f1c052;
using Alias = import "er/end.capnp".End;
using Up = import "../left/item.capnp".Item;
using Svc = import "er/end.capnp".Svc;
