@0xb81d0e6fa5c37294;
# Paths that come to one name.

struct Route {
  leg @0 :List(Leg);
  legLength @1 :Float32;
  legType @2 :Text;
  legReader @3 :Text;
  union { legAt @4 :Bool; legs @5 :List(Text); legsAt @6 :Bool; setLegs @7 :Text; setLegsAt @8 :Text; }
  struct Leg {
    length @0 :Float32;
    type @1 :Text;
    at @2 :Int8;
    enum Which { none @0; }
  }
}
struct RouteLeg { speed @0 :Float32; at @1 :Text; }
struct Event { type @0 :Type; enum Type { start @0; stop @1; } types @1 :List(Type); typeList @2 :List(Type); }
struct EventType { name @0 :Text; list @1 :List(EventType); }
enum EventTypeList { name @0; }
struct EventTypeListList { x @0 :EventTypeList; y @1 :List(EventTypeList); }
struct Keywords { as @0 :As; struct As { x @0 :Bool; } others @1 :List(As); struct Others { list @0 :Listed; struct List { x @0 :Bool; } struct Listed { x @0 :List; } } struct Reader { x @0 :Bool; } which @2 :Which; enum Which { x @0; } }
struct A { b :group { c @0 :Int32; d :group { e @1 :Int32; } } bC @2 :Int32; bDE @3 :Int32; bD @4 :Int32; }
struct AB { c @0 :Int32; d @1 :D; struct D { e @0 :Text; } }
struct Access { hasB @0 :Text; setB @1 :Text; initX @2 :Text; buildX @3 :Text; x @4 :List(Int32); xAt @5 :Int32; b @6 :Text; bN @7 :Text; setXAt @8 :Text; setBN @9 :Int8; }
struct HTTPServer { uRL @0 :Text; x1 @1 :Int8; x2Y @2 :Int8; aBCDef @3 :Int8; v4L2 @4 :Int8; }
struct HttpServer { url @0 :Text; }
struct Http { server @0 :Server; struct Server { url @0 :Text; } }
struct Profile { data @0 :List(ProfileData); }
struct ProfileData { layers @0 :Int32; }
interface Soil {
  profile @0 () -> (data :List(ProfileData), layers :Int32);
  data @1 () -> (profile :Profile);
  profileData @2 (data :Text) -> (profileData :ProfileData);
  profileParamData @3 () -> ();
  profileGetResults @4 () -> ();
  profileOut @5 () -> ();
}
interface Session {
  options @0 (path :Text) -> (davClass1 :Bool, davExtensions :List(Text), self :Session);
  struct Options { davClass1 @0 :Bool; davExtensions @1 :List(Text); self @2 :Session; params @3 :Text; }
  serve @1 () -> ();
  session @2 (session :Session) -> (session :Session);
  optionsDavClass1 @3 () -> ();
}
