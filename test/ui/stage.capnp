@0xd3a9c1f7b24e6058;
# A composing service for tests: it does with what it was lent last what it is told to, word for word.

using Ui = import "/remote_ui.capnp";
using Cm = import "/command.capnp";

interface Stage extends(Ui.UiComposer) {
  open @0 (spec :Ui.UiSurfaceSpec) -> (outcome :Text);
  # Opens a pane. outcome: empty, or why not.

  apply @1 (patch :Ui.UiPatch, times :UInt32 = 1) -> (outcome :Text, done :UInt32);
  # Applies a patch to the pane that it names, so often.

  theme @2 (scope :Ui.UiThemeScope, hints :Ui.UiThemeHint) -> (outcome :Text);

  persist @3 (surfaceId :Data, what :Ui.RemoteUiSurface.Persist) -> (outcome :Text);

  close @4 (surfaceId :Data) -> ();

  finish @5 () -> ();
  # Ends the composition.

  heard @6 () -> (events :List(Ui.UiEvent), lent :Bool);
  # What was told since it was asked last, at most 64; and whether a host is lent.

  work @7 (text :Text, amount :UInt32) -> (said :Text) $Cm.effect(lasting);
  # What commands may call.

  worked @8 () -> (times :UInt32, last :Text);
  # What was called by that.

  say @9 (text :Text) -> () $Cm.effect(shared);
  # Likewise; others would see it.

  prepare @10 (finishes :Bool) -> ();
  # From now on, a composition ends as soon as it has shown a pane.

  flood @11 (listener :Ear, bytes :UInt32, times :UInt32, gives :Bool) -> (heard :UInt32, why :Text);
  # Tells a listener a text of so many bytes so often, as fast as it answers; until it is refused. heard: how often.
  # gives: with a reference each time.

  many @12 (listener :Ear, count :UInt32) -> (ears :List(Ear));
  # Returns a reference so often.

  lie @13 (number :UInt32, count :UInt32) -> (lies :List(Lie));
  # Returns a number where, as JSON, a reference would stand.
}

annotation jsonName @0xfa5b1fd61c2e7c3d (field) :Text;
# json.capnp's `name`, by its id.

struct Lie { number @0 :UInt32 $jsonName("$cap"); }

interface Ear {
  told @0 (text :Text, gift :Ear) -> ();
}
