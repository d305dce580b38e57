@0xc6d3b92f5a1e7048;
# Chat: channels with members, history and live delivery. Every session sees the same channels; who a
# member is, it sees only as a label that this service made up for it.

using Cm = import "command.capnp";
using Cxx = import "cxx.capnp";
using Go = import "go.capnp";
using Java = import "java.capnp";
using Ui = import "remote_ui.capnp";

$Cxx.namespace("capos");
$Go.package("chat");
$Go.import("capos/chat");
$Java.package("capos");
$Java.outerClassname("ChatSchema");

struct ChatEvent {
  # Something that happened in a channel.

  channel @0 :Text;
  sequence @1 :UInt64;
  # Grows by one with every event of the channel. History and live delivery share it, so a gap shows.

  atMs @2 :UInt64;
  # Milliseconds since 1970, by the service's clock.

  label @3 :Text;
  # Whose doing it was: a name of this service's own, the same for a session as long as it lasts, and
  # when its client has come back after its line had dropped.

  history @4 :Bool;
  # True in what join returns, false in what a listener is told.

  union {
    said @5 :Text;
    # A message.

    joined @6 :Void;
    left @7 :Void;
  }
}

struct ChatChannel {
  name @0 :Text;
  members @1 :UInt32;
}

interface ChatListener {
  # The client's side: what it is told.

  event @0 (event :ChatEvent) -> () $Cm.effect(shared);
  # One event. The next one is sent when this has returned; a listener that lags by more than the
  # service keeps for it loses the oldest, and sees it by the gap in `sequence`.
}

interface ChatMembership {
  # A place in a channel. Dropping it leaves.

  send @0 (text :Text) -> (sequence :UInt64) $Cm.effect(shared);
  # Says something: at most 4 KiB of UTF-8 without control characters other than newline and tab, at
  # most 20 messages in 10 seconds. Errors: overloaded (too fast), failed (empty, too long, not such a
  # text). Since 0.1.

  members @1 () -> (labels :List(Text)) $Cm.effect(reads);
  # Who is here. Since 0.1.

  leave @2 () -> () $Cm.effect(shared);
  # Leaves now. Since 0.1.
}

interface Chat extends(Cm.CommandSurface, Ui.UiComposer) {
  # Grants: to join channels and talk there. Nothing else. Shows channels in panes to who lends it a host.

  join @0 (channel :Text, listener :ChatListener)
      -> (membership :ChatMembership, label :Text, history :List(ChatEvent)) $Cm.effect(shared);
  # Joins a channel, making it when it is not there: `#` and 1 to 32 of a-z, 0-9, dash and underscore.
  # history has at most the last 50 events. listener may be null: then nothing is delivered; one that
  # fails a call is called no more. Joining a channel twice gives two places there, under one label.
  # A session has at most 16 places and joins at most 64 times in 10 seconds.
  # Errors: overloaded (too many channels, places or members; too fast), failed (bad name). Since 0.1.

  channels @1 () -> (channels :List(ChatChannel)) $Cm.effect(reads);
  # What there is: at most 256. A channel whose last member has left is there for another hour when
  # something was said in it. Since 0.1.

  say @2 (channel :Text, text :Text) -> (sequence :UInt64) $Cm.effect(shared);
  # Says something in a channel without holding a place in it, as ChatMembership.send does: for who
  # has come for one message. Where the session has no place, this counts as joining, and nobody is
  # told that somebody has come or gone. Without a channel: in the one that the panes of this session
  # show. Errors: as join and send. Since 0.1.

  leave @3 (channel :Text) -> () $Cm.effect(shared);
  # Ends all places that this caller has in a channel; without one, in the channel that his panes show.
  # Errors: failed (it has none). Since 0.1.

  enter @4 (channel :Text) -> (label :Text) $Cm.effect(shared);
  # Shows a channel in the panes that this session has lent a host for, and takes a place there that lasts
  # as long as they do; a client that comes back after its line has dropped has it again with its panes.
  # Errors: as join; failed (there are no panes). Since 0.2.
}
