@0x8f793a73f9c7de71;
# What a world of Paperclips is made of. content.capnp is one; it is compiled into the program as a constant, and
# clips-world.c resolves its keys and checks it. Nothing here is an expression that somebody has to evaluate: what can
# change is a closed set of effects, and what can be asked for a closed set of needs.

struct WorldAmount {
  of @0 :Text;
  # A stock's key; in `owned`, a machine's.

  n @1 :Float64;
}

struct WorldStock {
  key @0 :Text;
  title @1 :Text;
  unit @2 :Unit;
  start @3 :Float64;
  cap @4 :Float64;
  # 0: none.

  phase @5 :UInt8;
  # The first phase in which it is shown.

  enum Unit {
    plain @0;
    count @1;
    money @2;
  }
}

struct WorldMachine {
  # Something that can be bought, and works from then on. One without `uses` and `gives` is goods: `adds` is all.

  key @0 :Text;
  title @1 :Text;
  text @2 :Text;
  cost @3 :List(WorldAmount);
  growth @4 :Float64 = 1;
  # Of the cost, with each that is owned.

  limit @5 :UInt32 = 1000000;
  # How many there may be.

  uses @6 :List(WorldAmount);
  gives @7 :List(WorldAmount);
  # Each second, by each one.

  adds @8 :List(WorldAmount);
  # At once, when it is bought.

  demand @9 :Float64;
  # What each one adds to how many clips are wanted.

  open @10 :Bool;
  # From the beginning.

  own @11 :UInt32;
  # At the beginning.

  pace @12 :Bool;
  # Has one of each, and is not shown: what a person has by being there.
}

struct WorldNeed {
  union {
    have @0 :WorldAmount;
    made @1 :WorldAmount;
    # Ever.
    owned @2 :WorldAmount;
    done @3 :Text;
    # A project.
    phase @4 :Text;
    # It is reached.
  }
}

struct WorldFactor {
  of @0 :Text;
  # A machine's key.

  by @1 :Float64;
}

struct WorldEffect {
  union {
    add @0 :WorldAmount;
    cap @1 :WorldAmount;
    # That much more fits.
    open @2 :Text;
    # A machine can be bought.
    faster @3 :WorldFactor;
    hands @4 :Float64;
    # Factor: what one makes by hand at a stroke.
    demand @5 :Float64;
    # Factor: how many clips are wanted.
    worth @6 :Float64;
    # Factor: what people pay for one.
    phase @7 :Text;
    offer @8 :Text;
    # An order is there to be taken, for as long as it stands.
  }
}

struct WorldProject {
  key @0 :Text;
  title @1 :Text;
  text @2 :Text;
  # What it is, before.

  said @3 :Text;
  # What is written into the log book when it is done.

  price @4 :List(WorldAmount);
  needs @5 :List(WorldNeed);
  # It is offered when all are so, and from then on.

  seconds @6 :UInt32;
  # How long it takes.

  effects @7 :List(WorldEffect);
  stands @8 :UInt32;
  # An order: offered by a card only, for so many seconds, and again another time.
}

struct WorldPhase {
  key @0 :Text;
  title @1 :Text;
  text @2 :Text;
  # For the log book, when it begins.

  next @3 :Text;
  # What leads to the next one.
}

struct WorldCard {
  # Something that happens by itself. All are drawn before one comes again.

  key @0 :Text;
  text @1 :Text;
  from @2 :UInt8;
  to @3 :UInt8;
  # The phases in which it may come.

  demand @4 :Float64 = 1;
  seconds @5 :UInt32;
  # How much that is wanted changes, and how long.

  effects @6 :List(WorldEffect);
}

struct World {
  stocks @0 :List(WorldStock);
  machines @1 :List(WorldMachine);
  projects @2 :List(WorldProject);
  phases @3 :List(WorldPhase);
  cards @4 :List(WorldCard);

  strength @5 :Text;
  wire @6 :Text;
  clips @7 :Text;
  coins @8 :Text;
  craft @9 :Text;
  # The stocks that making by hand and selling are about.

  craftEach @10 :Float64;
  # That a clip made by hand teaches.

  demand @11 :Float64;
  # Clips wanted each second, at the price that is thought fair.

  fairCents @12 :UInt32;
  tideSeconds @13 :UInt32;
  tideShare @14 :Float64;
  # What is wanted goes up and down by that share, in that time.

  dealSeconds @15 :UInt32;
  # From one card to the next.
}
