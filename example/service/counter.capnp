@0xc09eb54480688447;
# A counter that every session of an instance shares.

interface Counter {
  read @0 () -> (total :UInt64, mine :UInt64);
  # What everybody has added, and what this session has.

  add @1 (n :UInt32) -> (total :UInt64);
  # Adds. Not with the facet `reader`.
}
