@0xb6d2f3a98c51e704;
# A composing service for tests: it shows one pane, and tries what it is told to.

using Ui = import "/remote_ui.capnp";

interface Panel extends(Ui.UiComposer) {
  attempt @0 (act :Act, count :UInt32) -> (outcome :Text, done :UInt32);
  # Does this with what it was lent last, also when that was taken back: so often, or until it fails. outcome: empty, or
  # what the last one failed with.

  events @1 () -> (commands :List(Text), byPerson :UInt32);
  # Of all panes so far.

  state @2 () -> (open :UInt32, begun :UInt32, over :UInt32, panes :UInt32);
  # Compositions that are open, that have begun, and that were taken back; panes.

  finish @3 () -> ();
  # Ends the last composition by itself.

  drop @4 () -> ();
  # Forgets what it was lent last.

  enum Act {
    patch @0;
    # One that adds a counter, as a delta.

    persist @1;
    theme @2;
    # Of the whole workspace.

    open @3;
    # Another pane, of the host.

    stray @4;
    # A method of an interface that nobody has lent: UserSession.info.

    large @5;
    # A patch with so many bytes of text.

    poll @6;
    # Another poll of a pane that is asked already; count: waitMs.

    hold @7;
    # Panes that stay open, so many more.

    release @8;
    # The last of these.

    pollHeld @9;
    # A poll of the last of these; count: waitMs.
  }
}
