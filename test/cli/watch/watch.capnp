@0xd2c5b8a1f4e36079;
# A service that tells listeners, for the tests of `capos call --watch`: written in C++, and known to
# the command by what it says of itself alone.

using Cm = import "/command.capnp";

struct Item {
  # One of those that are told.

  number @0 :UInt32;
  text @1 :Text;
  tags @2 :List(Text) = ["none"];
  kind @3 :Kind = plain;
  union {
    nothing @4 :Void;
    ratio @5 :Float32;
  }
  place :group {
    # Where it is.
    row @6 :Int16 = -1;
    # From the top.
  }
}

enum Kind { plain @0; fancy @1; }

interface Listener {
  # What is told.

  told @0 (item :Item, by :Teller) -> (more :Bool);
  # One item.
}

interface Hook extends(Listener) {
  closed @0 (why :Text) -> ();
  # No more will come.
}

interface Teller extends(Cm.CommandSurface) {
  # Tells.

  tell @0 (listener :Listener, times :UInt32 = 3, text :Text) -> (told :UInt32);
  # Tells an item so many times, then returns.

  follow @1 (first :Hook, second :Hook, item :Item) -> ();
  # Returns, then tells the first what was given and both that this was all, and lets go of them.

  forever @2 (listener :Listener) -> ();
  # Tells, and never lets go.

  echo @3 (item :Item, items :List(Item), count :UInt32) -> (item :Item, count :UInt32)
      $Cm.effect(reads);
  # Returns what it is given.

  wipe @4 (item :Item) -> (count :UInt32);
  # Says nothing of what it does to the world.

  look @5 (listener :Listener) -> () $Cm.effect(reads);
  # As forever, and says that it changes nothing.

  fail @6 (text :Text) -> ();
  # Fails, and says that.
}
