@0xbf4acfe6d85b0db3;
# Enums on their own, nested, as fields and with a default.

enum Level {
  low @0;
  # Nothing happens.

  veryHigh @2;
  middle @1;
}

struct Alarm {
  level @0 :Level = middle;
  kind @1 :Kind;
  seen @2 :List(Level);
  history @3 :List(Kind) = [fire, water];

  enum Kind { fire @0; water @1; id @2; }
}
