@0xc9f0b22989837bdd;
# Constants of every type.

const yes :Bool = true;
const smallest :Int8 = -128;
const least :Int32 = -2147483648;
const deepest :Int64 = -9223372036854775808;
const most :UInt64 = 18446744073709551615;
const limit :UInt32 = 4294967295;
const half :Float32 = 0.5;
const pi :Float64 = 3.141592653589793;
const endless :Float64 = inf;
const nothing :Void = void;
const hello :Text = "hello \"C\"\n";
const bytes :Data = 0x"de ad be ef 00";
const numbers :List(Int16) = [1, -2, 3];
const names :List(Text) = ["a", "b"];
const pairs :List(Pair) = [(key = "one", value = 1), (key = "two", value = 2)];
const pair :Pair = (key = "k", value = 42, color = blue);
const shade :Color = blue;
const shades :List(Color) = [red, blue];
const table :List(List(Int8)) = [[1, 2], [3]];

enum Color { red @0; blue @1; }

struct Pair {
  key @0 :Text;
  value @1 :UInt32;
  color @2 :Color;

  const maxLength :UInt16 = 64;
  const origin :Pair = (key = "origin");
  pairOf @3 :Text = .hello;
}
