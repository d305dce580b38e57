@0xd4f1c08b72a96e35;
# A guide through a first session, step by step: a composing service of a page (doc/ui.md).

using Ui = import "/remote_ui.capnp";

interface Guide extends(Ui.UiComposer) {
  # Has no methods of its own: all it does is to show something to whoever lends it a host.
}
