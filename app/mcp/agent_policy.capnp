@0xb3c1f0a96d52e847;
# What a model may do with the tools of `capos mcp`: a file in Cap'n Proto text form, `capos mcp --policy FILE`. A field
# that is not here is refused with its name and place. An empty policy `()` is valid: what tools do then decides.
#
# It bounds what the session has anyway, and grants nothing that the instance does not.

using Cxx = import "/cxx.capnp";

$Cxx.namespace("capos");

enum Decision {
  deny @0;
  # Is refused. A tool that is refused whatever its arguments is not listed.

  allow @1;
  # Is done.

  ask @2;
  # The client asks its person, and is believed. One that cannot ask: as `askElsewhere`.

  askElsewhere @3;
  # Somebody says yes in a terminal, by `capos approve`. No client can answer that by itself.
}

struct Match {
  # What an argument has to be.

  argument @0 :Text;
  # Its name; in an object, names with dots between: `target.name`.

  is @1 :Text;
  # A text, or anything else as JSON, as a person is shown it: `#lobby`, `7`, `true`; of an enum its name.
}

struct Rule {
  # What is done about some tools.

  tools @0 :Text;
  # Which: `chat__say`; `*` stands for any number of characters: `chat__*`.

  where @1 :List(Match);
  # Only for calls with these arguments, all of them; any other call goes on to the next rule. At most 8.

  decide @2 :Decision;
  # What is done. Without it: `deny`.

  uses @3 :UInt32;
  # How many calls an approval that is for longer than once is good for. 0: any number.

  lasts @4 :Text;
  # How long such an approval is good for at most, `"10m"`: units as in a manifest. Empty: what was answered.

  callsPerHour @5 :UInt32;
  # How many calls go through by this rule in an hour, whether asked about or not. 0: any number.
}

struct AgentPolicy {
  rules @0 :List(Rule);
  # The first that fits counts. At most 256.

  reads @1 :Decision = allow;
  # What is done where no rule fits, by what the method does to the world (`effect` in its schema): nothing …

  own @2 :Decision = ask;
  # … it changes what is the session's …

  shared @3 :Decision = ask;
  # … others see it …

  lasting @4 :Decision = askElsewhere;
  # … or it cannot be undone, or does not say what it does.

  calls @5 :UInt32 = 16;
  # Calls at once: 1 to 16.

  callsPerSecond @6 :UInt32 = 10;
  # Calls in a second: 1 to 100.

  callsPerHour @7 :UInt32 = 1000;
  # Calls in an hour: 1 to 100000.

  answerWithin @8 :Text;
  # How long a question to the client's person stands, `"30s"`: two minutes at most, and without it. A yes that comes
  # later is none.
}
