@0xd85a2f7be04c913d;
# What a story consists of, as data; adv-world.c checks it and says what is wrong. And how a game is saved.
#
# needs: a list of words that all have to hold. `lit` a fact that was made so, `@lamp` that the lamp is
# carried, `lamp@hall` that it lies there; each with `!` before it: that it is not so.
#
# effects: words again. `lit` and `!lit` make a fact so, or not so; `lamp@hall`, `lamp@carried`, `lamp@here` and
# `lamp@nowhere` move a thing; `>hall` moves the player; `lost` and `won` end the story.

struct Story {
  title @0 :Text;
  intro @1 :Text;
  # Told at the beginning.

  start @2 :Text;
  # The room where it begins.

  rooms @3 :List(StoryRoom);
  things @4 :List(StoryThing);
  people @5 :List(StoryPerson);
  deeds @6 :List(StoryDeed);
  mission @7 :List(StoryStep);
  nothing @8 :Text;
  # What is told where using something has no deed.

  put @9 :Text;
  # What is told of a thing that is put down: it goes to its home.
}

struct StoryText {
  needs @0 :List(Text);
  text @1 :Text;
}

struct StoryRoom {
  key @0 :Text;
  title @1 :Text;
  x @2 :UInt16;
  y @3 :UInt16;
  # On the map.

  texts @4 :List(StoryText);
  # All whose needs hold, one after another.

  exits @5 :List(StoryExit);
}

struct StoryExit {
  key @0 :Text;
  to @1 :Text;
  needs @2 :List(Text);
  blocked @3 :Text;
  # Why not, where the needs do not hold.

  effects @4 :List(Text);
  text @5 :Text;
  # What is told on the way.
}

struct StoryThing {
  key @0 :Text;
  label @1 :Text;
  place @2 :Text;
  # A room, or empty: it is nowhere yet.

  home @3 :Text;
  # Where it goes when it is put down; empty: as place.

  fixed @4 :Text;
  # Why it cannot be taken; empty: it can, where the needs hold.

  needs @5 :List(Text);
  stuck @6 :Text;
  # Why not, where they do not.

  texts @7 :List(StoryText);
  # What somebody sees who looks: the first whose needs hold.
}

struct StoryPerson {
  key @0 :Text;
  label @1 :Text;
  place @2 :Text;
  texts @3 :List(StoryText);
  topics @4 :List(StoryTopic);
  idle @5 :List(Text);
  # What they say when somebody comes in, in turns.
}

struct StoryTopic {
  key @0 :Text;
  # Of several with one key the first counts whose needs hold.

  label @1 :Text;
  needs @2 :List(Text);
  text @3 :Text;
  effects @4 :List(Text);
}

struct StoryDeed {
  use @0 :Text;
  on @1 :Text;
  # A thing, a person or nothing.

  needs @2 :List(Text);
  # Of several for the same two the first counts whose needs hold.

  text @3 :Text;
  effects @4 :List(Text);
  # None: the text says why not.
}

struct StoryStep {
  key @0 :Text;
  title @1 :Text;
  needs @2 :List(Text);
}

struct StorySave {
  # A game, by keys, so that a story may grow: what a save does not name is as at the beginning.

  format @0 :UInt32;
  now @1 :Game;
  before @2 :Game;
  # What `again` goes back to.

  struct Game {
    room @0 :Text;
    facts @1 :List(Text);
    places @2 :List(Place);
    found @3 :List(Text);
    turn @4 :UInt32;
    state @5 :UInt8;
  }

  struct Place {
    thing @0 :Text;
    place @1 :Text;
    # A room, `carried` or `nowhere`.
  }
}
