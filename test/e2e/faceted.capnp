@0xb9a3c61e5d70f284;
# For facets.py: a service with facets, whose interface has methods of its own and inherited ones.

interface Keeper {
  keep @0 () -> (said :Text);
  count @1 () -> (n :UInt32);
  # Also a method of Teller.
}

interface Teller {
  tell @0 () -> (said :Text);
  count @1 () -> (n :UInt32);
}

interface Shelf extends(Keeper, Teller) {
  # Every method answers what was called; one is for nobody.

  list @0 () -> (said :Text);
  forbid @1 () -> (said :Text);
  self @2 () -> (shelf :Shelf);
  # The same object again.

  echo @3 (shelf :Shelf) -> (shelf :Shelf);
  # What it is given.

  other @4 () -> (shelf :Shelf);
  # Another object, with all methods.

  hang @5 () -> ();
  # Does not return.
}
