@0xfa76108ce9a3bdcf;
# What anybody may know about the instance.

interface SystemInfo {
  # Reads three facts. Grants nothing else, costs nothing but the calls.

  motd @0 () -> (text :Text);
  # The message of the day, as the manifest has it. May be empty. Since 0.1.

  version @1 () -> (text :Text);
  # The version of capOS: `0.1.0`. Since 0.1.

  uptime @2 () -> (seconds :UInt64);
  # How long this service has been running. Since 0.1.
}
