@0xfc757edf4262264f;
# Paperclips: a game of a workshop that grows. It goes on once a second, as long as somebody is there; an account finds
# its own again, in every session.

using Cm = import "command.capnp";
using Cxx = import "cxx.capnp";
using Go = import "go.capnp";
using Java = import "java.capnp";
using Ui = import "remote_ui.capnp";

$Cxx.namespace("capos");
$Go.package("paperclips");
$Go.import("capos/paperclips");
$Java.package("capos");
$Java.outerClassname("PaperclipsSchema");

struct PaperclipsStock {
  key @0 :Text;
  title @1 :Text;
  amount @2 :Float64;
  perSecond @3 :Float64;
  # Of late, by what goes on by itself.

  cap @4 :Float64;
  # What there is room for; 0: as much as comes.
}

struct PaperclipsMachine {
  key @0 :Text;
  title @1 :Text;
  text @2 :Text;
  owned @3 :UInt32;
  price @4 :Text;
  # Of the next one: `12.50 coins`.

  affordable @5 :Bool;
  waitsFor @6 :Text;
  # The stock for want of which it works less than it could. Empty: none.
}

struct PaperclipsProject {
  key @0 :Text;
  title @1 :Text;
  text @2 :Text;
  price @3 :Text;
  state @4 :State;
  affordable @5 :Bool;
  seconds @6 :UInt32;
  # Until it is done; of an order, until it is gone. 0: it is there to stay.

  enum State {
    offered @0;
    running @1;
    done @2;
  }
}

struct PaperclipsLine {
  sequence @0 :UInt64;
  # Grows by one; begins anew when the game is loaded.

  second @1 :UInt64;
  # Of the game.

  text @2 :Text;
}

struct PaperclipsStatus {
  # Everything that a player may know.

  revision @0 :UInt64;
  # Grows with each second and each act; what `watch` is told.

  second @1 :UInt64;
  phase @2 :Text;
  title @3 :Text;
  # Of the phase.

  next @4 :Text;
  # What leads on.

  stocks @5 :List(PaperclipsStock);
  machines @6 :List(PaperclipsMachine);
  # Those that can be bought.

  projects @7 :List(PaperclipsProject);
  # Those that can be begun, and that run.

  priceCents @8 :UInt32;
  demand @9 :Float64;
  # Clips that are wanted in a second, at that price.

  tide @10 :Float64;
  # By what factor because of the tide.

  tideRising @11 :Bool;
  log @12 :List(PaperclipsLine);
  # The last 8 lines of the log book.

  kept @13 :Bool;
  # Whether it is kept. A guest's is not.
}

struct PaperclipsOutcome {
  said @0 :Text $Cm.prose;
  # What has come of it, in a sentence.

  union {
    done @1 :Void;
    short @2 :Text;
    # There is not enough of this stock. Nothing was changed.

    locked @3 :Void;
    # Not now.

    unknown @4 :Void;
    # Nothing has that key.

    range @5 :Void;
    # A number that is out of bounds.
  }
}

interface Paperclips extends(Ui.UiComposer, Cm.CommandSurface) {
  # Grants: to play one game, the account's own. Shows it in panes to who lends it a host.

  status @0 () -> (status :PaperclipsStatus) $Cm.effect(reads);
  # How it stands. Since 0.2.

  make @1 (count :UInt32 = 1) -> (outcome :PaperclipsOutcome) $Cm.effect(own);
  # Bends clips by hand, 1 to 1,000, each from a span of wire and some strength: as many as both are enough for.
  # Since 0.2.

  buy @2 (machine :Text, count :UInt32 = 1) -> (outcome :PaperclipsOutcome) $Cm.effect(own);
  # Buys machines or goods, 1 to 100: as many as can be paid. Since 0.2.

  price @3 (cents :UInt32) -> (outcome :PaperclipsOutcome) $Cm.effect(own);
  # Says what a clip costs, 1 to 10,000 cents. At half the price four times as many are wanted. Since 0.2.

  begin @4 (project :Text) -> (outcome :PaperclipsOutcome) $Cm.effect(own);
  # Begins a project, or takes an order, which is paid at once. Since 0.2.

  watch @5 (since :UInt64, waitMs :UInt32) -> (status :PaperclipsStatus) $Cm.effect(reads);
  # How it stands, as soon as its revision is not `since`, or after waitMs (at most 60,000). Errors: overloaded (64 such
  # calls of a caller wait). Since 0.2.

  startOver @6 () -> (outcome :PaperclipsOutcome) $Cm.effect(lasting);
  # Gives up the game, and begins another. Since 0.2.
}
