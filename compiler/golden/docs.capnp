@0xd7820d8a22d8e180;
# The file's comment.

struct Documented {
  # What the struct is for.
  #
  # With two paragraphs, a */ and a /* in it.

  field @0 :UInt8;
  # One line.

  union {
    first @1 :Void;
    # The first.

    second @2 :Text;
    # The second,
    # in two lines.
  }

  place :group {
    # Of the group.
    x @3 :Int32;
    # Of x.
  }
}

enum Kind {
  # What kinds there are.
  one @0;
  # The one.
}

interface Service {
  # Serves.
  call @0 (n :UInt32) -> (m :UInt32);
  # Calls.
}

const answer :UInt8 = 42;
# The answer.
