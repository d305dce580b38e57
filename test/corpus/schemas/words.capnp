@0xa3f1c05b7d2e4961;
# Words of C and C++, names of their libraries, of this library, and of the generator.

# Names that are finished only when they are joined.
enum Seek { set @0; cur @1; end @2; }
enum Uint8 { max @0; min @1; }
enum Int { max @0; min @1; }
enum Fp { nan @0; infinite @1; zero @2; }
enum Errno { eperm @0; }
enum Stat {}
enum Tm { one @0; }
struct Size { w @0 :Float32; t @1 :Float32; }
struct Uint32 { t @0 :Int8; c @1 :Int8; }
struct Va { list @0 :Text; start @1 :Text; end @2 :Text; arg @3 :Text; }
struct Str { len @0 :UInt32; cmp @1 :Text; cat @2 :Text; chr @3 :List(Text); str @4 :Str; }
struct Mem { cpy @0 :Data; set @1 :Data; }
struct M { e @0 :Float32; pi @1 :Float32; }
struct Offsetof { x @0 :Bool; }
interface Pthread { create @0 (self :Text) -> (t :UInt64); join @1 () -> (); mutexT @2 () -> (); }

# Names of the library.
struct Capnp { reader @0 :Int32; any @1 :Text; list @2 :List(Capnp); }
struct CapnpMsg { root @0 :Int32; new @1 :Int32; }
struct CapnpAny { what @0 :Int32; text @1 :Text; }
enum CapnpWhat { null @0; struct @1; list @2; }
interface CapnpQuestion { new @0 () -> (); params @1 () -> (); results @2 (q :Text) -> (q :Text); }
struct CapnpSchemaFile { id @0 :UInt64; }
struct Capos { login @0 :Text; }
const capnpMustUse :Int32 = 1;

# Constants.
const intMax :Int32 = 5;
const mPi :Float64 = 3.14;
const nan :Float32 = nan;
const eof :Int8 = -2;
const true :Bool = false;
const printf :List(UInt8) = [1, 2];
const errno :List(UInt8) = [3];
const stdin :Data = 0x"00";
const main :List(Text) = ["no"];
const index :List(Void) = [void];

# Words.
struct Auto { auto @0 :Int8; break @1 :Text; class @2 :Class; delete @3 :List(Auto); union { new @4 :Void; this @5 :Text; } }
struct Class { namespace :group { private @0 :Bool; public @1 :Bool; } operator :union { and @2 :Void; or @3 :Auto; not @4 :List(Text); } }
enum Default { default @0; switch @1; case @2; null @3; true @4; false @5; bool @6; linux @7; unix @8; }
interface Virtual extends(Override) {
  explicit @0 (typename :Text, template :Class) -> (goto :Default, virtual :Virtual);
  if @1 () -> ();
  gone @2 () -> ();
  errno @3 () -> (errno :Int32);
}
interface Override { final @0 () -> (import :AnyPointer, export :Capability); struct @1 Class -> Class; }
interface Final extends(Override, Virtual) {}

# Parts of generated names.
struct Reader { r @0 :Reader; b @1 :Text; l @2 :List(Reader); q @3 :Int8; v @4 :Int8; n @5 :Data; s @6 :Text; i @7 :Int8; }
struct Builder { reader @0 :Int8; builder @1 :Int8; list @2 :List(Builder); root @3 :Int8; build @4 :Int8; which @5 :Int8; asReader @6 :Int8;
  ofAny @7 :Int8; initAny @8 :Int8; listGet @9 :Int8; listLen @10 :Int8; union { id @11 :Void; words @12 :Void; ptrs @13 :Void; } }
interface Client { client @0 () -> (client :Client); ops @1 () -> (); serve @2 () -> (); interface @3 () -> (); params @4 (params :Text) -> (results :Text);
  results @5 (results :Text) -> (params :Text, getParams :Text, getResults :Text); as @6 () -> (); }
