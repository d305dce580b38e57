@0x8f0d6b7e2c41a953;
# For grants.py: a service that lends whoever calls it what it holds of other services.

interface Holder {
  get @0 (name :Text, interfaceId :UInt64) -> (it :Capability);
  # What kit_get() gives, at once.
}
