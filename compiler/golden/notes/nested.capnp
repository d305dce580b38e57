@0xc5a1d7e2f3b48690;
# What is nested deeper gives way, a member before a declaration, and one note says it.

struct Route {
  leg @0 :Leg;
  legLength @1 :Float32;
  struct Leg { length @0 :Float32; speed @1 :Float32; }
}
struct Event { type @0 :Type; enum Type { start @0; stop @1; } }
struct EventType { name @0 :Text; }
struct Keywords { as @0 :As; struct As { x @0 :Bool; } }
struct Twice { aB @0 :Bool; a :group { b @1 :Bool; } hasC @2 :Bool; c @3 :Text; }
interface Session { options @0 () -> (level :UInt8, ok :Bool); struct Options { level @0 :UInt8; ok @1 :Bool; } }
