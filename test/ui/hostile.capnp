@0xe2b7c51d0a94f386;
# A service that composes panes and means harm: it says what it is told to, and has methods that cost something of each
# kind, to see whether one of them is ever called for nobody.

using Cm = import "/command.capnp";
using Ui = import "/remote_ui.capnp";

interface Hostile extends(Ui.UiComposer) {
  say @0 (to :Text, method :Text, params :Text, count :UInt32) -> (answer :Text, done :UInt32);
  # Calls a method of what it was lent last, so often, or until it is refused. to: `host`, or the id of a pane that it
  # has opened. params: as `capnp convert` has them. answer: empty, or what the last one failed with.

  flood @1 (to :Text) -> ();
  # Patches of a pane without a pause and an end, 64 under way at any time.

  counted @2 () -> (sent :UInt64, taken :UInt64, ran :UInt32);
  # Of a flood; and how often the methods below were called.

  stop @3 () -> ();

  look @4 () -> () $Cm.effect(reads);
  share @5 (text :Text, to :Text) -> () $Cm.effect(shared);
  last @6 (what :Text) -> () $Cm.effect(lasting);
}
