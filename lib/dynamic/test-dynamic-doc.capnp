@0xb1c7a6d2e08f4f13;
# What an author writes beside the types, for the tests of lib/dynamic.

annotation kind @0xd0a1b2c3d4e5f601 (struct, method) :Kind;
annotation label @0xd0a1b2c3d4e5f602 (*) :Text;
annotation size @0xd0a1b2c3d4e5f603 (field, enumerant) :Int16;
annotation flag @0xd0a1b2c3d4e5f604 (interface) :Void;
annotation many @0xd0a1b2c3d4e5f605 (method) :List(Text);

enum Kind $label("kinds") {
  # What kinds there are.

  plain @0;
  fancy @1 $size(2) $label("Très fancy");
  # The other one.
}

struct Form $kind(fancy) {
  # A form.
  # In two lines.

  name @0 :Text = "some\nbody" $label("Your name") $size(-3);
  # Whose it is.
  age @1 :UInt8 = 7;
  kind @2 :Kind = fancy;
  where @3 :Form;
  tags @4 :List(Text) = ["a", "b"];
  point @5 :Point = (x = 3);
  plain @6 :Int32;
  big @7 :UInt64 = 18446744073709551615;
  more :group {
    # Of the group.
    ratio @8 :Float32 = -inf;
    # Of ratio.
  }
}

struct Point { x @0 :Int32; y @1 :Int32 = -7; }

interface Maker $flag {
  # Makes.

  make @0 (form :Form, count :UInt32 = 20, name :Text = "x") -> (n :UInt32) $kind(fancy);
  # Makes one.
  quiet @1 () -> ();
  long @2 (text :Text = "0123456789012345678901234567890123456789") -> stream $many(["x"]);
}

interface Remaker extends(Maker) {
  remake @0 () -> ();
  # Makes again.
}
