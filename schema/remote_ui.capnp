@0x9ebb767c1d5c55d8;
# UI composition: a service proposes panes, the host decides, draws them and sends back what a person
# did. Everything here is data of a known shape: no script, no markup, no style sheet, no colour, no
# address to fetch, no image. The host is the compositor; its own frame, login, origin, permission and
# reset controls are not expressible in these types.

using Cxx = import "cxx.capnp";
using Go = import "go.capnp";
using Java = import "java.capnp";
using Cm = import "command.capnp";

$Cxx.namespace("capos");
$Go.package("remoteui");
$Go.import("capos/remoteui");
$Java.package("capos");
$Java.outerClassname("RemoteUiSchema");

# ---- what a pane shows -----------------------------------------------------------------------------

enum UiTone {
  # A meaning. What it looks like is the host's business.
  neutral @0;
  muted @1;
  info @2;
  good @3;
  warning @4;
  bad @5;
  accent @6;
}

enum UiIcon {
  # Symbols of the host's own set.
  none @0;
  person @1;
  people @2;
  message @3;
  place @4;
  door @5;
  item @6;
  tool @7;
  project @8;
  money @9;
  energy @10;
  clock @11;
  chart @12;
  list @13;
  search @14;
  lock @15;
  check @16;
  cross @17;
  alert @18;
  arrow @19;
}

enum UiUnit {
  # How a number is written. The host does the writing.
  plain @0;
  count @1;
  bytes @2;
  percent @3;
  # 1 is 100 %.
  milliseconds @4;
  perSecond @5;
  bytesPerSecond @6;
  money @7;
  instant @8;
  # Milliseconds since 1970.
}

struct UiRun {
  text @0 :Text;
  tone @1 :UiTone;
  strong @2 :Bool;
  mono @3 :Bool;
}

struct UiParagraph {
  style @0 :Style;
  runs @1 :List(UiRun);

  enum Style {
    body @0;
    heading @1;
    bullet @2;
    quote @3;
    code @4;
    caption @5;
  }
}

struct UiText {
  # At most 256 paragraphs of 64 runs.
  paragraphs @0 :List(UiParagraph);
}

struct UiPair {
  name @0 :Text;
  value @1 :Cm.CommandValue;
}

struct UiLogLine {
  sequence @0 :UInt64;
  # Grows; a gap shows.
  atMs @1 :UInt64;
  level @2 :UiTone;
  source @3 :Text;
  text @4 :Text;
  attributes @5 :List(UiPair);
  # At most 8.
}

struct UiLog {
  lines @0 :List(UiLogLine);
  keep @1 :UInt32 = 1000;
  # Older lines go; at most 5,000.
}

struct UiItem {
  key @0 :Text;
  title @1 :Text;
  detail @2 :Text;
  badge @3 :Text;
  # At most 12 bytes: an unread count, a price.
  tone @4 :UiTone;
  icon @5 :UiIcon;
  commands @6 :List(Text);
  # Commands of this surface that make sense for this item; they get its key as their selection.
}

struct UiList {
  items @0 :List(UiItem);
  # At most 1,000, in this order.
  selectable @1 :Selection;

  enum Selection {
    no @0;
    one @1;
    many @2;
  }
}

struct UiColumn {
  key @0 :Text;
  title @1 :Text;
  unit @2 :UiUnit;
  numeric @3 :Bool;
  # Right-aligned figures of equal width.
  weight @4 :UInt8 = 1;
}

struct UiRow {
  key @0 :Text;
  cells @1 :List(Cm.CommandValue);
  # One per column.
  tone @2 :UiTone;
  commands @3 :List(Text);
}

struct UiTable {
  columns @0 :List(UiColumn);
  # At most 24.
  rows @1 :List(UiRow);
  # At most 2,000.
  selectable @2 :UiList.Selection;
}

struct UiNode {
  key @0 :Text;
  parent @1 :Text;
  # Empty: a root. A parent comes before its children.
  title @2 :Text;
  detail @3 :Text;
  tone @4 :UiTone;
  icon @5 :UiIcon;
  open @6 :Bool;
  commands @7 :List(Text);
}

struct UiTree {
  nodes @0 :List(UiNode);
  # At most 2,000, 12 deep.
}

struct UiCounter {
  key @0 :Text;
  label @1 :Text;
  value @2 :Float64;
  unit @3 :UiUnit;
  perSecond @4 :Float64;
  # The host may count on by itself between patches.
  goal @5 :Float64;
  # 0: none; else a bar.
  tone @6 :UiTone;
  recent @7 :List(Float32);
  # A small curve beside the number: at most 60.
}

struct UiCounters {
  counters @0 :List(UiCounter);
  # At most 64.
}

struct UiSeries {
  key @0 :Text;
  label @1 :Text;
  tone @2 :UiTone;
  x @3 :List(Float64);
  y @4 :List(Float64);
  # As long as x; NaN is a gap.
}

struct UiChart {
  style @0 :Style;
  time @1 :Bool;
  # x is milliseconds since 1970.
  unit @2 :UiUnit;
  series @3 :List(UiSeries);
  # At most 8; 4,096 points together.
  keep @4 :UInt32 = 600;
  # Points of a series; older ones go.
  mark @5 :List(Mark);
  # At most 16.

  enum Style {
    line @0;
    area @1;
    bars @2;
    steps @3;
  }

  struct Mark {
    x @0 :Float64;
    label @1 :Text;
    tone @2 :UiTone;
  }
}

struct UiForm {
  fields @0 :List(Cm.CommandField);
  # At most 32.
  values @1 :List(Cm.CommandBinding);
  complaints @2 :List(Complaint);
  submit @3 :Text;
  # The command that gets the values.

  struct Complaint {
    path @0 :Text;
    text @1 :Text;
  }
}

struct UiStep {
  key @0 :Text;
  title @1 :Text;
  detail @2 :Text;
  state @3 :State;
  fraction @4 :Float32;
  # 0 to 1; below 0: not known.

  enum State {
    waiting @0;
    running @1;
    done @2;
    failed @3;
    skipped @4;
  }
}

struct UiProgress {
  steps @0 :List(UiStep);
  # At most 64.
}

struct UiTile {
  glyph @0 :Text;
  # One character, for terminals and as decoration.
  label @1 :Text;
  # What it is, for everybody.
  tone @2 :UiTone;
}

struct UiMarker {
  key @0 :Text;
  x @1 :UInt16;
  y @2 :UInt16;
  icon @3 :UiIcon;
  label @4 :Text;
  tone @5 :UiTone;
  here @6 :Bool;
  # Where the person is.
  commands @7 :List(Text);
}

struct UiMap {
  width @0 :UInt16;
  height @1 :UInt16;
  # At most 64 by 64.
  tiles @2 :List(UiTile);
  # The legend, at most 64.
  cells @3 :List(UInt8);
  # width × height, row by row: places in `tiles`.
  markers @4 :List(UiMarker);
  # At most 128.
  paths @5 :List(Path);
  # At most 256.

  struct Path {
    fromX @0 :UInt16;
    fromY @1 :UInt16;
    toX @2 :UInt16;
    toY @3 :UInt16;
    tone @4 :UiTone;
  }
}

struct UiMessage {
  sequence @0 :UInt64;
  atMs @1 :UInt64;
  author @2 :Text;
  # A label of the service's; never shown as an account of the instance.
  own @3 :Bool;
  kind @4 :Kind;
  text @5 :Text;

  enum Kind {
    said @0;
    joined @1;
    left @2;
    narrated @3;
    noted @4;
  }
}

struct UiTranscript {
  messages @0 :List(UiMessage);
  keep @1 :UInt32 = 500;
  # At most 2,000.
  send @2 :Text;
  # The command that gets what is typed, or empty: nothing can be typed.
  draft @3 :Text;
  # Shown in the empty box.
  unread @4 :UInt32;
}

struct UiModel {
  union {
    text @0 :UiText;
    log @1 :UiLog;
    list @2 :UiList;
    table @3 :UiTable;
    tree @4 :UiTree;
    counters @5 :UiCounters;
    chart @6 :UiChart;
    form @7 :UiForm;
    progress @8 :UiProgress;
    map @9 :UiMap;
    transcript @10 :UiTranscript;
  }
}

struct UiModelPatch {
  # A whole model, or a change of one. Keys say what is meant: a known one replaces, an unknown one is
  # added at the end.

  base @0 :UInt64;
  # The revision it changes; not looked at for `whole`.

  remove @1 :List(Text);
  # Keys that go, before anything is added.

  union {
    whole @2 :UiModel;
    lines @3 :List(UiLogLine);
    items @4 :List(UiItem);
    rows @5 :List(UiRow);
    nodes @6 :List(UiNode);
    counters @7 :List(UiCounter);
    points @8 :List(UiSeries);
    # Added to the series with that key.
    form @9 :UiForm;
    # values and complaints only; a value that a person is typing over stays.
    steps @10 :List(UiStep);
    map @11 :MapPatch;
    messages @12 :List(UiMessage);
    unread @13 :UInt32;
  }

  struct MapPatch {
    cells @0 :List(Cell);
    markers @1 :List(UiMarker);

    struct Cell {
      x @0 :UInt16;
      y @1 :UInt16;
      tile @2 :UInt8;
    }
  }
}

# ---- surfaces --------------------------------------------------------------------------------------

enum UiSurfaceKind {
  # Same order as UiModel's union.
  text @0;
  log @1;
  list @2;
  table @3;
  tree @4;
  counters @5;
  chart @6;
  form @7;
  progress @8;
  map @9;
  transcript @10;
}

enum UiSafetyClass {
  # What a pane may do; declared when it is opened, fixed for its life.

  ambient @0;
  # Shows. No commands, no form.

  ordinary @1;
  # Commands on the service's own capability whose effect is `reads`, `own` or `shared`. A `shared` one
  # whose arguments a person has not all typed or picked in that act is confirmed.

  personal @2;
  # As ordinary, and shows or asks for what is somebody's own: left out of exports and of what is kept.

  consequential @3;
  # Any command. Those whose effect is `lasting`, and those on another capability, are always
  # confirmed in the host's own frame.
}

struct UiSurfaceSpec {
  surfaceId @0 :Data;
  # 1 to 16 bytes, the service's own name for the pane; the same one finds its saved place again.

  title @1 :Text;
  # At most 64 bytes. The host puts the service's title before it.

  kind @2 :UiSurfaceKind;
  safetyClass @3 :UiSafetyClass;
  modelSchema @4 :UInt64;
  # The type id of the model's struct: UiLog's for a log. Must fit kind.

  summary @5 :Text;
  # What the pane is for, for people who cannot see it. At most 200 bytes.

  layout @6 :UiLayoutHint;
}

enum UiPlace {
  any @0;
  main @1;
  side @2;
  bottom @3;
}

struct UiLayoutHint {
  place @0 :UiPlace;
  weight @1 :UInt8;
  # Share of its place, 1 to 12; 0: no wish.
  minColumns @2 :UInt16;
  # In characters: at most 200.
  minRows @3 :UInt16;
  # In lines: at most 100.
  order @4 :Int16;
  tab @5 :Text;
  # Panes of one service with the same word here share a frame with tabs.
  collapsed @6 :Bool;
}

enum UiThemeScope {
  own @0;
  # The service's panes.
  workspace @1;
  # All of the window but the host's own frame. A person is asked.
}

struct UiThemeHint {
  # Wishes; 0 is none.

  accent @0 :Accent;
  density @1 :Density;
  scalePercent @2 :UInt16;
  # 80 to 200.
  scheme @3 :Scheme;
  contrast @4 :Contrast;
  motion @5 :Motion;
  simple @6 :Bool;
  # Fewer controls: commands behind one menu, one pane at a time.
  expiresAtMs @7 :UInt64;

  enum Accent {
    none @0;
    blue @1;
    teal @2;
    green @3;
    amber @4;
    orange @5;
    rose @6;
    violet @7;
    grey @8;
  }
  enum Density {
    none @0;
    compact @1;
    regular @2;
    spacious @3;
  }
  enum Scheme {
    none @0;
    light @1;
    dark @2;
  }
  enum Contrast {
    none @0;
    more @1;
  }
  enum Motion {
    none @0;
    less @1;
  }
}

enum UiPatchKind {
  openSurface @0;
  closeSurface @1;
  updateModel @2;
  setLayoutHint @3;
  setThemeHint @4;
  addCommand @5;
  removeCommand @6;
}

struct UiPatchPayload {
  # Which member goes with which kind is fixed.

  union {
    none @0 :Void;
    # closeSurface
    spec @1 :UiSurfaceSpec;
    # openSurface: a new title or summary, or the wish to be shown again
    model @2 :UiModelPatch;
    # updateModel
    layout @3 :UiLayoutHint;
    # setLayoutHint
    theme @4 :UiThemeHint;
    # setThemeHint
    command @5 :Cm.Command;
    # addCommand; one with this id is replaced
    commandId @6 :Text;
    # removeCommand
  }
}

struct UiPatch {
  kind @0 :UiPatchKind;
  surfaceId @1 :Data;
  payload @2 :UiPatchPayload;
  expiresAtMs @3 :UInt64;
  # After this the host need not apply it, and takes back a hint. 0: never.
}

struct UiOutcome {
  # How a command that the host ran has ended. What came back is not in it: the service knows.

  union {
    done @0 :Void;
    refused @1 :Text;
    # By a person, by the host or by the instance: its code.
    failed @2 :Text;
    # By the service.
  }
}

enum UiCloseReason {
  user @0;
  host @1;
  sessionEnded @2;
  reset @3;
}

struct UiEventPayload {
  union {
    none @0 :Void;
    values @1 :List(Cm.CommandBinding);
    # A view command's arguments, or a form while it is edited.
    selection @2 :List(Text);
    # Keys.
    outcome @3 :UiOutcome;
    closed @4 :UiCloseReason;
    pinned @5 :Bool;
    visible @6 :Bool;
    # Whether any of the pane can be seen: a service may pause.
    size @7 :Size;
  }

  struct Size {
    columns @0 :UInt16;
    rows @1 :UInt16;
  }
}

struct UiEvent {
  surfaceId @0 :Data;
  command @1 :Text;
  # Empty when no command is behind it.
  payload @2 :UiEventPayload;
  userInitiated @3 :Bool;
  # True only for what a person did with a real device just now.
  sequence @4 :UInt64;
  # Grows by one with each event of the pane; a gap: some were dropped.
}

struct UiLimits {
  surfaces @0 :UInt16 = 16;
  patchesPerSecond @1 :UInt16 = 20;
  patchBytes @2 :UInt32 = 65536;
  modelBytes @3 :UInt32 = 1048576;
  commands @4 :UInt16 = 64;
  events @5 :UInt16 = 256;
  # Waiting to be polled; the oldest that no person caused goes first.
}

struct UiHostInfo {
  kinds @0 :List(UiSurfaceKind);
  limits @1 :UiLimits;
  scheme @2 :UiThemeHint.Scheme;
  density @3 :UiThemeHint.Density;
  columns @4 :UInt16;
  rows @5 :UInt16;
  # Of the workspace, in characters.
}

enum UiRefusal {
  # What a refusal begins with: `refused.` and the name with dashes; what exceeds a limit is
  # `overloaded`, `over-quota.ui-…`.

  none @0;
  kind @1;
  model @2;
  spec @3;
  text @4;
  # Not UTF-8, control or direction characters, too long.
  safety @5;
  command @6;
  target @7;
  # A command that would call what it may not.
  theme @8;
  layout @9;
  revision @10;
  # base is not the present one: send the whole.
  expired @11;
  closed @12;
  pinned @13;
  person @14;
}

interface RemoteUiHost {
  # What a host lends to one service, for as long as it likes.

  open @0 (spec :UiSurfaceSpec) -> (surface :RemoteUiSurface) $Cm.effect(own);
  # A pane. One with this surfaceId that is open is `failed: refused.spec`.

  theme @1 (scope :UiThemeScope, hints :UiThemeHint) -> () $Cm.effect(own);
  # A wish. Returns when it has been taken up, or fails with refused.person.

  describe @2 () -> (info :UiHostInfo) $Cm.effect(reads);
}

interface RemoteUiSurface {
  # One pane. Dropping it closes it.

  apply @0 (patch :UiPatch) -> (revision :UInt64) $Cm.effect(own);
  # All of a patch or nothing of it.

  poll @1 (maxEvents :UInt16, waitMs :UInt32) -> (events :List(UiEvent)) $Cm.effect(own);
  # Returns when there are events, or none after waitMs (at most 60,000). One call at a time. One with a
  # waitMs below 50 counts as a patch, for it keeps a host as busy as one: over-quota.ui-patches.

  close @2 () -> () $Cm.effect(own);

  persist @3 (what :Persist) -> () $Cm.effect(own);
  # Asks that the present place or look be kept for this account. The host asks a person; it, not the
  # service, keeps it. Errors: refused.person.

  describe @4 () -> (spec :UiSurfaceSpec, info :UiHostInfo) $Cm.effect(reads);
  # What pane this is: for who was lent one that he did not open.

  enum Persist {
    layout @0;
    theme @1;
  }
}

interface UiComposer {
  # What a service that composes panes has beside its own methods.

  compose @0 (host :RemoteUiHost) -> () $Cm.effect(own);
  # Begins. Returns when the service has finished; canceling it takes the host back.

  draw @1 (surface :RemoteUiSurface) -> () $Cm.effect(own);
  # The same with one pane, which the host has made, and nothing else. `describe` of the surface says which.
}

struct UiReport {
  # Something a host did or a person decided, for the audit log, marked as the client's word.

  what @0 :What;
  command @1 :Text;
  # Of `persist` and `theme`, what was to be kept or changed: `layout`, `theme`; `workspace`. Of `consent`: `ask`,
  # `always`, `never`; of `pin`: `pinned`, `unpinned`; of `move` the place, and `collapsed`; of `closed`: `closed`,
  # `opened`, where closed panes may be shown again.
  capability @2 :Text;
  # On which it is, with the method and its effect: of `command`, which ran without a question, and of `prompt`.
  interfaceId @3 :UInt64;
  methodId @4 :UInt16;
  effect @5 :Cm.CommandEffect;
  # As the host judged it.

  allowed @6 :Bool;
  unanswered @7 :Bool;
  # Nobody has said yes or no: what it was about was over before. Not allowed, either.

  enum What {
    command @0;
    prompt @1;
    persist @2;
    theme @3;
    reset @4;
    panes @5;
    # A no to a service that wished to show panes at all. A yes is an offer.
    consent @6;
    # Whether it may from now on.
    pin @7;
    move @8;
    closed @9;
  }
}

enum UiEnd {
  # What has ended a composition.

  unsaid @0;
  # An instance that is older than this says the reason alone.
  finished @1;
  # The service has returned.
  withdrawn @2;
  # The host has withdrawn or dropped the offer.
  revoked @3;
  # The instance has taken it back: the capability, its lease, or `ui` of the profile.
  sessionEnded @4;
  failed @5;
  # The service has failed, or cannot be reached any more.
}

interface RemoteUiOffer {
  # A host's hold on what it has lent. Dropping it withdraws.

  withdraw @0 () -> () $Cm.effect(own);
  # Every reference the service has through it is dead when this returns.

  ended @1 () -> (reason :Text, end :UiEnd) $Cm.effect(reads);
  # Returns when the composition is over, whoever ended it, and before its panes are let go. reason: for
  # a person; its words may change.

  report @2 (report :UiReport) -> () $Cm.effect(own);
  # At most 20 a second of a session are recorded by themselves, those of RemoteSession.reportUi among them; the others
  # are counted. Also after it has ended.
}

# ---- what may be kept ------------------------------------------------------------------------------

enum UiConsent {
  ask @0;
  always @1;
  never @2;
}

struct UiSavedSurface {
  surfaceId @0 :Data;
  layout @1 :UiLayoutHint;
  pinned @2 :Bool;
  closed @3 :Bool;
}

struct UiSavedService {
  name @0 :Text;
  consent @1 :UiConsent;
  surfaces @2 :List(UiSavedSurface);
  theme @3 :UiThemeHint;
}

struct UiSaved {
  services @0 :List(UiSavedService);
  theme @1 :UiThemeHint;
}

interface UiSettings {
  # Keeps one account's UiSaved: 64 KiB. Granted by a bundle to the host program, not to services.

  load @0 () -> (saved :UiSaved, version :UInt64) $Cm.effect(reads);
  save @1 (saved :UiSaved, version :UInt64) -> (version :UInt64) $Cm.effect(own);
  # Errors: failed when version is not the present one.
  reset @2 () -> () $Cm.effect(lasting);
}
