@0xbfa25e90ba1d8e11;
# A service that greets, to start from. These comments are what `capos describe` shows to whoever holds it: they stand
# below what they are about.

interface Hello @0x89a4cd3cd5b7f402 {
  greet @0 (name :Text) -> (text :Text);
  # Greets somebody, by a name of 64 bytes at most.

  count @1 () -> (all :UInt64, mine :UInt64);
  # How often it has greeted: on behalf of everybody, and of this session.
}
