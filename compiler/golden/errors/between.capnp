@0xf8282553c89f75ad;
using Alias = import "far.capnp".Far;
