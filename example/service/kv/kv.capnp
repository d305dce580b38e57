@0x9ed715466a93642e;
# Values by key that all callers share: what a service does besides answering at once.

interface Kv {
  get @0 (key :Text) -> (value :Text);
  # What was set last. Fails if there is nothing.

  set @1 (key :Text, value :Text, keepMs :UInt32) -> ();
  # Keeps a value: for good, or for keepMs if that is not 0. An empty one removes the key. A key has 1 to 64 bytes, a
  # value 64 KiB, and there are 256 keys and 1 MiB of values at most: `overloaded` beyond.

  next @2 (key :Text, waitMs :UInt32) -> (value :Text);
  # Returns when the key is set or removed the next time, with its value; `overloaded` if that takes longer than waitMs.

  watch @3 (prefix :Text, watcher :Watcher) -> (watch :Watch);
  # Tells the watcher of each change of a key that begins so, until the watch is let go of. A watcher that leaves 64
  # calls unanswered is told no more.

  upload @4 (key :Text) -> (sink :Sink);
  # For a value that comes in parts.
}

interface Watcher {
  # The caller's own.

  changed @0 (key :Text, value :Text) -> ();
  # An empty value: the key has been removed, or its time was over.
}

interface Watch {
  # Whoever holds it is told.
}

interface Sink {
  # A value on its way: nothing is set before it is done, or if it is let go of.

  write @0 (part :Text) -> stream;
  # The next part. As many as the connection takes are on their way at once.

  done @1 () -> (length :UInt32);
  # Sets the value; its length in bytes. Fails if a part has failed.
}

struct Table {
  # What is kept, in a file of its own: all but what has only so much time.

  entries @0 :List(Entry);

  struct Entry {
    key @0 :Text;
    value @1 :Text;
  }
}
