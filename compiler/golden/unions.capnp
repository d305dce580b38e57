@0x8e146bf0b13a6678;
# Unions with and without a name, groups, and groups in unions in groups.

struct Shape {
  area @0 :Float64;
  union {
    circle @1 :Float64;
    square @2 :Float64;
    none @3 :Void;
    label @4 :Text;
    note @5 :Note;
    notes @6 :List(Note);
    raw @7 :Data;
    solid :group {
      width @8 :UInt32 = 10;
      depth @9 :UInt32;
      name @10 :Text;
    }
  }
}

struct Note { text @0 :Text; }

struct Employee {
  name @0 :Text;
  address :group {
    street @1 :Text;
    number @2 :UInt16;
    place :group {
      city @3 :Text;
      country @4 :Text = "ch";
    }
  }
  employment :union {
    unemployed @5 :Void;
    employer @6 :Text;
    school @7 :Text;
    self :group {
      since @8 :UInt16 = 2000;
      what :union {
        trade @9 :Text;
        art @10 :Bool = true;
      }
    }
  }
}
