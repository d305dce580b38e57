@0xf2d1c7a05b3e9468;
# Adventure: a house by the sea with a mission in it. What happens to somebody there is his account's
# own; who is in the same room is seen, and what he says there is heard.

using Cm = import "command.capnp";
using Cxx = import "cxx.capnp";
using Go = import "go.capnp";
using Java = import "java.capnp";
using Ui = import "remote_ui.capnp";

$Cxx.namespace("capos");
$Go.package("adventure");
$Go.import("capos/adventure");
$Java.package("capos");
$Java.outerClassname("AdventureSchema");

struct AdventureScene {
  # Where somebody is, and how far he has got.

  room @0 :Text;
  # Its key.

  title @1 :Text;
  text @2 :Text;
  exits @3 :List(Exit);
  things @4 :List(Thing);
  # What is to be seen here.

  people @5 :List(Person);
  carried @6 :List(Thing);
  others @7 :List(Text);
  # Who else plays and is in this room, by labels that this service has made up.

  mission @8 :List(Step);
  turn @9 :UInt32;
  # How much has been done so far.

  state @10 :State;
  channel @11 :Text;
  # Where this room speaks: a channel of Chat.

  label @12 :Text;
  # Whom others see.

  told @13 :Text $Cm.prose;
  # What is to be seen there, and the ways on, in words.

  struct Exit {
    key @0 :Text;
    label @1 :Text;
    open @2 :Bool;
  }

  struct Thing {
    key @0 :Text;
    label @1 :Text;
    portable @2 :Bool;
  }

  struct Person {
    key @0 :Text;
    label @1 :Text;
    topics @2 :List(Topic);
    # What can be talked about now.
  }

  struct Topic {
    key @0 :Text;
    label @1 :Text;
  }

  struct Step {
    key @0 :Text;
    title @1 :Text;
    done @2 :Bool;
  }

  enum State {
    playing @0;
    lost @1;
    # `again` takes back what was done last.
    won @2;
  }
}

struct AdventureOutcome {
  # What has come of doing something.

  text @0 :Text;
  # For a person.

  what @1 :What;
  scene @2 :AdventureScene;
  # After it. Not there when nothing has changed.

  told @3 :Text $Cm.prose;
  # `text`, and of a step all that is to be seen where it has led.

  enum What {
    done @0;
    blocked @1;
    # It cannot be done now; `text` says why.
    absent @2;
    # There is no such exit, thing, person or topic here.
    over @3;
    # The story has ended: startOver, or `again` if it was lost.
  }
}

struct AdventureLine {
  # Something that was to be heard.

  sequence @0 :UInt64;
  # Grows by one with every line of this player's; a gap shows.

  atMs @1 :UInt64;
  # Milliseconds since 1970, by the service's clock.

  who @2 :Text;
  # A label of another player's or of his own, or somebody in the story. Empty: the story itself.

  text @3 :Text;
}

interface Adventure extends(Cm.CommandSurface, Ui.UiComposer) {
  # Grants: to play, and to talk to who is in the same room. Nothing else. Shows what is so in panes to who
  # lends it a host. All sessions of an account play one game, which is kept; of a session without
  # an account nothing is kept after it. A player does at most 100 things at once and 10 a second from
  # then on: overloaded (too fast).

  look @0 () -> (scene :AdventureScene) $Cm.effect(reads);
  # Where one is. Since 0.2.

  go @1 (exit :Text) -> (outcome :AdventureOutcome) $Cm.effect(own);
  # Through an exit, by its key. Since 0.2.

  take @2 (thing :Text) -> (outcome :AdventureOutcome) $Cm.effect(own);
  # Takes a thing, by its key. Since 0.2.

  drop @3 (thing :Text) -> (outcome :AdventureOutcome) $Cm.effect(own);
  # Puts a thing down. Since 0.2.

  inspect @4 (thing :Text) -> (outcome :AdventureOutcome) $Cm.effect(reads);
  # Looks at a thing or a person. It is never a turn. Since 0.2.

  use @5 (thing :Text, on :Text) -> (outcome :AdventureOutcome) $Cm.effect(own);
  # Uses a thing by itself, or on a thing or a person. Since 0.2.

  talk @6 (person :Text, topic :Text) -> (outcome :AdventureOutcome) $Cm.effect(shared);
  # Talks to somebody in the story. Who is in the room hears the answer. Since 0.2.

  say @7 (text :Text) -> (heard :UInt32) $Cm.effect(shared);
  # Says something to who plays and is in this room: 1 to 500 bytes of UTF-8 in one line, without control
  # or direction characters. heard: how many others there are. Errors: failed (not such a text). Since 0.2.

  lines @8 (after :UInt64) -> (lines :List(AdventureLine)) $Cm.effect(reads);
  # What was to be heard since: the last 32 at most. Since 0.2.

  again @9 () -> (outcome :AdventureOutcome) $Cm.effect(own);
  # After a story that was lost: as it was before what was done last. Since 0.2.

  startOver @10 () -> (scene :AdventureScene) $Cm.effect(lasting);
  # From the beginning. What was there is forgotten. Since 0.2.
}
