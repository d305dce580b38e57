@0xc7aefb2da4721609;
# What is kept of a game. Keys, not places: a world that has gained or lost something reads an older game all the same.

struct SavedAmount {
  of @0 :Text;
  n @1 :Float64;
}

struct SavedGame {
  ticks @0 :UInt64;
  atMs @1 :UInt64;
  # When, by the wall clock: what has been missed since is made up for.

  acts @2 :UInt64;
  phase @3 :Text;
  priceCents @4 :UInt32;
  stocks @5 :List(SavedAmount);
  made @6 :List(SavedAmount);
  caps @7 :List(SavedAmount);
  owned @8 :List(SavedAmount);
  factors @9 :List(SavedAmount);
  # Of machines.

  open @10 :List(Text);
  # Machines.

  offered @11 :List(Text);
  done @12 :List(Text);
  running @13 :List(SavedAmount);
  # Projects, and the seconds that are left.

  standing @14 :List(SavedAmount);
  # Orders, likewise.

  hands @15 :Float64;
  demand @16 :Float64;
  worth @17 :Float64;
  random @18 :UInt64;
  drawn @19 :List(Text);
  # Cards that have been.

  nextCard @20 :UInt32;
  weather @21 :Float64;
  weatherSeconds @22 :UInt32;
  sold @23 :Float64;
}
