@0xb4c05d1f7e28a963;
# Between a page and the bridge's process of its session: each text frame of their WebSocket is one WebUp or one
# WebDown, as JSON by the dynamic layer's rules. A window (`capos desktop`) stands between them, and keeps for itself
# what it asks natively: `confirm`, `trust` and `answer` are its own, and so are `prompt`, `promptGone`, `key` and
# `file`, and a `step` that wants an answer. An unknown field, a wrong type or a key given twice ends the
# connection (1008). Nothing in it is authority: instances are places in the bridge's list, capabilities are names,
# results are numbers that mean something in this process alone, and are gone with it.

using Rs = import "/remote_session.capnp";
using Us = import "/user_session.capnp";
using Ui = import "/remote_ui.capnp";
using Cm = import "/command.capnp";

annotation base64 @0xd7d879450a253e4b (field) :Void;
# The reference's annotation, of json.capnp, by its id: that file and cxx.capnp do not go together. Data without it is
# a list of numbers.

struct WebUp {
  id @0 :UInt32;
  # Answered by the WebDown with the same id: `done`, `failed`, or what is said at the act. 0: no answer is wanted.

  union {
    hello @1 :Data $base64;
    # First of all: the browser key's signature (ECDSA P-256 with SHA-256; r and s, 64 bytes) over
    #     "capos-web-1" 0x00 greet.nonce greet.cookie PORT
    # where PORT is that of the page's origin in decimal digits (80 where it is not written). Until then nothing else
    # is taken. Answered by `done`; then all that there is, is said: instances, state, session, panes.

    instances @2 :Void;
    # Answered by `instances`.

    add @3 :Instance;
    # A new instance: its name and address. Within what the bridge allows; nothing is connected to for it. One with a
    # key is kept when that was confirmed; until then it is this browser's alone.

    rename @4 :Instance;
    # `place` and the new `name`.

    remove @5 :UInt16;
    connect @6 :UInt16;
    # Connects to the instance at this place. Answered by `key`, when the instance is not known yet; by `methods`.

    trust @7 :Bool;
    # The person's answer to `key`: whether it is the one. Yes: it is written down, and `methods` follows.

    disconnect @8 :Void;
    # Without a session: back to the list.

    login @9 :Login;
    # Begins to log in. Answered by `step`, again and again, until `session`, or by `failed`.

    answer @10 :Text;
    # To a `step` that wants one: a password, what is asked.

    passkey @11 :Text;
    # To a `step` with a passkey's challenge: AuthenticationResponseJSON, as the browser gives it.

    giveUp @12 :Void;
    # The person does not go on with the login, or the renewal.

    renew @13 :Login;
    # A longer lease; with a profile, the session is raised to it. As login.

    logout @14 :Void;
    refresh @15 :Void;
    # What SessionInfo says now, with the use of quotas, and the bundle: `session`, `caps`.

    schema @16 :Text;
    # The interface of a capability, by its name: `schema`.

    call @17 :Call;
    # Answered by `returned`, or `failed`.

    cancel @18 :UInt32;
    # The call that was begun with this id.

    forget @19 :UInt32;
    # A handle: the reference is let go.

    probe @20 :Probe;
    # Answered by `probed`.

    offer @21 :Text;
    # Lends the service of this name a host. Panes of it that were closed may be opened again; where there are any, what
    # is lent already is taken back first.

    withdraw @22 :Text;
    act @23 :Act;
    # What a person does to a pane, other than running a command.

    run @24 :Run;
    # Runs a command of a pane's. Answered by `done` when it is under way (or a `prompt` stands), and later `ran`.

    confirm @25 :Confirm;
    # Answers a prompt.

    reset @26 :Void;
    # Every wish, theme, pin, move and closed mark is forgotten.

    size @27 :Size;
    # How much room the panes have in this tab. `layout` follows.

    seen @28 :Theme;
    # What the person's system is set to, or the person has chosen on the page. `contrast` and `motion` beat any
    # wish of a service's, and `density` is for where there is none, in all tabs.

    sessions @29 :Void;
    # The account's sessions: `sessions`.

    endSession @30 :Text;
    # Ends one of them; empty: all others.

    export @31 :Void;
    # The transcript, redacted: `file`.

    consent @32 :Consent;
    enrol @33 :Enrol;
    # Registers a passkey: by a code that an administrator has given, or, without one, from the session. Answered by
    # `enrolment`.

    enrolled @34 :Text;
    # To `enrolment`: RegistrationResponseJSON. Answered by `done`, or `failed` with what is wrong with it.

    passkeys @35 :Void;
    # The account's passkeys: `passkeys`.

    removePasskey @36 :Text;
    # Takes this one away, by its id. Answered by `done`, or `failed`: also with the end of this session, if it was made
    # by it.

    complete @37 :Complete;
    # Asks a service what a command's field may be, while a person types: `choices`.

    again @38 :Void;
    # While the line to the instance is down: tries it at once, not after the next wait.

    browser @39 :Void;
    # From a page in a window of ours, which answers it itself: a browser is opened for what only a browser can do, a
    # passkey or an identity provider's page. The session stays the window's. A bridge answers `failed`.

    decide @40 :Decide;
    # A person's answer to one of `asks`. Answered by `done`, or by `failed` where that does not wait any more.
  }

  struct Instance { place @0 :UInt16; name @1 :Text; address @2 :Text; }
  struct Login {
    kind @0 :Rs.RemoteAuthKind;
    account @1 :Text;
    profile @2 :Text;
    issuer @3 :Text;
    secret @4 :Text;
    # A password at once; it is wiped when it was sent.
    key @5 :Text;
    # For publicKey: the fingerprint of a key in the bridge's ssh-agent, as `methods` has it.
    endOthers @6 :Bool;
  }
  struct Call {
    target @0 :Text;
    # A capability's name; empty: the handle.
    handle @1 :UInt32;
    method @2 :Text;
    # `motd`, or `Chat.join` where a name is in two interfaces.
    params @3 :Text;
    # JSON, at most 64 KiB. `{"$cap": n}` is handle n; `{"$listen": true}`, for a parameter that is a reference, makes
    # a listener of the page's: what is called on it comes as `event`. It is a handle as well, at `params.NAME`.
    pending @4 :UInt32;
    # In place of a target and a handle: what the call with this id will return …
    path @5 :Text;
    # … at this path, `membership`. It need not have returned.
  }
  enum Probe {
    unknownName @0; wrongInterface @1; wrongProfile @2; methodDisabled @3; secondLogin @4; transfer @5; quota @6;
    staleCall @7;
  }
  struct Act {
    surface @0 :UInt32;
    union {
      close @1 :Void;
      pin @2 :Bool;
      move @3 :Ui.UiLayoutHint;
      show @4 :Void;
      # Brings it to the front of its tabs.
      select @5 :List(Text);
      edit @6 :List(Value);
      # What stands in a form's fields while a person edits.
    }
  }
  struct Value { path @0 :Text; text @1 :Text; typed @2 :Bool; }
  struct Run {
    surface @0 :UInt32;
    command @1 :Text;
    values @2 :List(Value);
    selection @3 :List(Text);
    trusted @4 :Bool;
    # A real device did it (Event.isTrusted). The browser's word.
  }
  struct Confirm { prompt @0 :UInt64; yes @1 :Bool; }
  struct Size { columns @0 :UInt16; rows @1 :UInt16; }
  struct Theme { scheme @0 :Ui.UiThemeHint.Scheme; contrast @1 :Ui.UiThemeHint.Contrast;
                 motion @2 :Ui.UiThemeHint.Motion; density @3 :Ui.UiThemeHint.Density; }
  struct Consent { service @0 :Text; consent @1 :Ui.UiConsent; }
  struct Complete { service @0 :Text; command @1 :Text; path @2 :Text; prefix @3 :Text; }
  struct Enrol { code @0 :Text; label @1 :Text; }
  struct Decide {
    desk @0 :UInt32;
    number @1 :UInt32;
    answer @2 :Answer;
    enum Answer { no @0; once @1; minutes @2; session @3; }
    # As agent_desk.capnp has them.
  }
}

struct WebDown {
  id @0 :UInt32;
  # Of the WebUp that it answers; 0: nobody asked.

  union {
    greet @1 :Greet;
    # First of all.

    done @2 :Void;
    failed @3 :Failure;
    instances @4 :List(Instance);
    key @5 :Key;
    # An instance that is not known here, or known by another key: is it the one?

    methods @6 :Methods;
    step @7 :Step;
    rotate @8 :Text;
    # A ticket for one POST /rotate: the cookie gets another id.

    session @9 :Us.SessionInfo;
    caps @10 :List(Cap);
    # Both are said whenever they are another, whether or not somebody has asked.

    schema @11 :Schema;
    returned @12 :Returned;
    event @13 :Event;
    probed @14 :Probed;
    ended @15 :Failure;
    # The session has ended, or the line to the instance; what it holds can be called no more. code: as the instance
    # says it, or `bridge.logged-out`, `bridge.line`.

    line @16 :Line;
    # The line to the instance has dropped, and is being made again.

    pane @17 :Pane;
    # A pane: when it was opened, to a tab that has come, when its service has said the whole model, and to a tab that
    # had too much waiting to be told each change. All of it, or with `stays` what stands around its model.

    change @18 :Change;
    # Some of a pane's model has changed. A tab gets each one, in order, of a pane that it was told.

    commands @19 :Commands;
    gone @20 :Gone;
    layout @21 :Layout;
    # For the room that this tab has. Panes that it was not told yet may be in it.

    theme @22 :PaneTheme;
    prompt @23 :Prompt;
    promptGone @24 :UInt64;
    ran @25 :Ran;
    # A command has ended, to the tab that ran it, with the id of its `run`.

    offers @26 :List(Offer);
    record @27 :Record;
    # A line of the transcript.

    sessions @28 :List(Rs.AccountSession);
    file @29 :File;
    enrolment @30 :Rs.PasskeyOptions;
    # What the browser is to make a passkey by.

    passkeys @31 :List(Rs.AccountPasskey);
    held @32 :List(Held);
    # References that the session has got: all that it has to a tab that comes, new ones to those that did not call.

    forgotten @33 :UInt32;
    # This handle is no more: another tab has let go of it, or the line to the instance has dropped.

    past @34 :Past;
    # A call of another tab's that has ended. A tab that comes is told the last ones, and the last of each `event`.

    choices @35 :List(Cm.CommandChoice);
    asks @36 :List(Ask);
    # What agents of the user's wait for, whenever it is another; to a tab that comes, if the bridge looks for it.
  }

  struct Greet {
    nonce @0 :Data $base64;
    bridge @1 :Text;
    version @2 :Text;
    csrf @3 :Text;
    # What POST /rotate wants to see in `X-Capos`.
    cookie @4 :Data $base64;
    # SHA-256 of the cookie, which no script can read.
    idleMs @5 :UInt32;
    # So long without an act of a person's, and the browser's session ends …
    endsAtMs @6 :UInt64;
    # … and then in any case.
    adds @7 :Bool;
    # Whether the bridge was started with an --allow: else no instance can be added.
  }
  struct Failure {
    code @0 :Text;
    # `denied.unknown-name`, `over-quota.calls`, `refused.text`, `bridge.…`; empty: a service's own.
    text @1 :Text;
    path @2 :Text;
    # The field that is wrong.
  }
  struct Instance {
    place @0 :UInt16;
    name @1 :Text;
    address @2 :Text;
    fingerprint @3 :Text;
    # As it is known; empty: not yet.
    seenAtMs @4 :UInt64;
    transport @5 :Text;
    connected @6 :Bool;
    fixed @7 :Bool;
    # It was given on the command line.
  }
  struct Key {
    address @0 :Text;
    fingerprint @1 :Text;
    words @2 :Text;
    # The same for people who compare it, as `capos cert show` has it: eight words.
    known @3 :Text;
    # The key that is known of this place, which is another one: `trust` replaces it. Empty: none is.
  }
  struct Methods {
    instance @0 :UInt16; methods @1 :List(Rs.RemoteAuthMethod); keys @2 :List(SshKey); relyingParties @3 :Bool;
  }
  struct SshKey { fingerprint @0 :Text; comment @1 :Text; }
  struct Step {
    kind @0 :Rs.RemoteAuthKind;
    prompt @1 :Text;
    redaction @2 :Bool;
    url @3 :Text;
    userCode @4 :Text;
    challenge @5 :Data $base64;
    # Of a passkey.
    relyingParty @6 :Text;
    expiresAtMs @7 :UInt64;
    wants @8 :Wants;
    enum Wants { nothing @0; answer @1; passkey @2; redirect @3; elsewhere @4; }
    # nothing: the instance is at work. redirect: `url` is to be opened in this browser, and comes back to /back.
    # elsewhere: `userCode` is to be entered at `url`, with whatever browser.
  }
  struct Cap { entry @0 :Rs.RemoteCapEntry; interface @1 :Text; state @2 :Text; offered @3 :Bool; composes @4 :Bool; }
  struct Schema {
    name @0 :Text;
    interfaces @1 :List(Interface);
    types @2 :List(Type);
    # What the parameters and results are made of: structs and enums, each once.
    struct Interface {
      id @0 :UInt64; name @1 :Text; doc @2 :Text; methods @3 :List(Method);
      other @4 :Bool;
      # Not the capability's: what its methods take or return.
    }
    struct Method {
      name @0 :Text; doc @1 :Text; params @2 :UInt64; results @3 :UInt64; effect @4 :Cm.CommandEffect;
      ordinal @5 :UInt16; granted @6 :Bool;
      line @7 :Text;
      # As capnp would write it.
    }
    struct Type { id @0 :UInt64; name @1 :Text; doc @2 :Text; fields @3 :List(Field); enumerants @4 :List(Enumerant); }
    struct Field {
      name @0 :Text; doc @1 :Text; type @2 :Text; of @3 :UInt64; list @4 :UInt8; default @5 :Text; union @6 :Text;
      # type: `text`, `data`, `bool`, `int`, `uint`, `float`, `int64`, `uint64`, `enum`, `struct`, `group`, `cap`,
      # `any`, `void`; of: the enum's, struct's or interface's id; list: so many List( around it; default: JSON;
      # union: fields with the same word exclude each other.
    }
    struct Enumerant { name @0 :Text; doc @1 :Text; }
  }
  struct Returned { json @0 :Text; handles @1 :List(Handle); tookUs @2 :UInt64; bytes @3 :UInt64; }
  struct Handle { handle @0 :UInt32; path @1 :Text; interface @2 :Text; interfaceId @3 :UInt64; }
  struct Held {
    handle @0 :Handle;
    from @1 :Text;
    # The call that it came of, `chat.join` …
    root @2 :Text;
    # … and the capability, with which it is taken back.
  }
  struct Past {
    target @0 :Text;
    handle @1 :UInt32;
    method @2 :Text;
    params @3 :Text;
    # As it was called; empty: they were long, and are not kept.
    atMs @4 :UInt64;
    tookUs @5 :UInt64;
    bytes @6 :UInt64;
    # What has come back is not kept.
    failure @7 :Failure;
    # Null: none.
  }
  struct Event { listener @0 :UInt32; interface @1 :Text; method @2 :Text; json @3 :Text; atMs @4 :UInt64; }
  struct Probed {
    probe @0 :WebUp.Probe; sent @1 :Text; expected @2 :Text; came @3 :Text; state @4 :State;
    enum State { passed @0; failed @1; skipped @2; }
  }
  struct Line { down @0 :Bool; why @1 :Text; tries @2 :UInt32; }
  struct Pane {
    surface @0 :UInt32; service @1 :Text; serviceTitle @2 :Text; title @3 :Text; summary @4 :Text;
    kind @5 :Ui.UiSurfaceKind; safetyClass @6 :Ui.UiSafetyClass; revision @7 :UInt64; pinned @8 :Bool;
    model @9 :Ui.UiModel;
    commands @10 :List(Offered);
    stays @11 :Bool;
    # Model and commands are what they were, and left out: the title, the summary or `pinned` is another.

    id @12 :Data $base64;
    # What its service calls it: by that a pane is known which comes again.
  }
  struct Offered { command @0 :Cm.Command; effect @1 :Cm.CommandEffect; asks @2 :Bool; }
  # effect: as the host judges it.
  struct Commands { surface @0 :UInt32; commands @1 :List(Offered); }
  struct Change {
    # One change of a model. The list of a kind is: log `lines`, list `items`, table `rows`, tree `nodes`, counters
    # `counters`, chart `series`, progress `steps`, map `markers`, transcript `messages`; text and form have none.
    surface @0 :UInt32;
    revision @1 :UInt64;
    model @2 :Ui.UiModel;
    # Of the pane's kind, and only what is new. With `head`, all members but the list have what they are from now on
    # (a form is nothing else: all of it); without, they are to be left as they are, whatever stands here. In the list
    # first the elements for the places `replaced`, in that order, each whole (a series with all its points), and
    # behind them those that are appended.
    head @3 :Bool;
    removed @4 :List(UInt16);
    # First these go: places in the list as it was, ascending …
    dropped @5 :UInt32;
    # … then so many at the front, of what is left …
    replaced @6 :List(UInt16);
    # … then these places, of what is left, have other elements …
    appended @7 :UInt32;
    # … and so many come at the end.
  }
  struct Gone { surface @0 :UInt32; reason @1 :Text; }
  # reason: a code, as records have it: `finished`, `revoked`.
  struct Layout {
    narrow @0 :Bool;
    nodes @1 :List(Node);
    # The root first; each followed by its children, and theirs.
    struct Node {
      kind @0 :Kind; surface @1 :UInt32; weight @2 :UInt8; children @3 :UInt8; front @4 :Int8; visible @5 :Bool;
      enum Kind { rows @0; columns @1; tabs @2; pane @3; }
    }
  }
  struct PaneTheme { surface @0 :UInt32; hint @1 :Ui.UiThemeHint; }
  # surface 0: of the whole workspace.
  struct Prompt {
    prompt @0 :UInt64; kind @1 :Kind; service @2 :Text; serviceTitle @3 :Text; account @4 :Text; what @5 :Text;
    capability @6 :Text; method @7 :Text; effect @8 :Cm.CommandEffect; arguments @9 :List(Argument); text @10 :Text;
    deafMs @11 :UInt32;
    enum Kind { command @0; layout @1; look @2; theme @3; offer @4; }
    struct Argument { path @0 :Text; value @1 :Text; constant @2 :Bool; }
  }
  struct Ran { surface @0 :UInt32; command @1 :Text; failure @2 :Failure; json @3 :Text; }
  struct Offer {
    service @0 :Text;
    title @1 :Text;
    consent @2 :Ui.UiConsent;
    running @3 :Bool;
    why @4 :Text;
    # How the last one has ended, until there is another …
    code @5 :Text;
    # … and as a code: `denied.ui`, `over-quota.ui-offers`; `finished`, `withdrawn`, `failed`, ….
    again @6 :Bool;
    # It has died, and is lent a host anew in a moment, as the person always lets it.
    closed @7 :UInt32;
    # So many of its panes stay closed, by the person. `offer` shows them again.
  }
  struct Record {
    atMs @0 :UInt64; what @1 :Text; name @2 :Text; outcome @3 :Text; detail @4 :Text; tone @5 :Ui.UiTone;
  }
  # Codes, names, sizes: never a secret, parameters, or what a personal pane shows.
  struct File { name @0 :Text; type @1 :Text; text @2 :Text; }
  struct Ask {
    desk @0 :UInt32;
    number @1 :UInt32;
    client @2 :Text;
    # Who the host of the model says that it is.
    tool @3 :Text;
    question @4 :Text;
    # Exactly what would be called. The words of a model and of a service, with all escaped that steers or hides.
    sinceMs @5 :UInt64;
  }
}
