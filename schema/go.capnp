@0xc0d8e94a71b3f625;
# The annotations that the Go generator demands of every file, with its own ids (see cxx.capnp for why). Each schema here
# is a package of a module named `capos`: remote_session.capnp is capos/remotesession.

annotation package @0xbea97f1023792be0 (file) :Text;
# The package clause of the generated file.

annotation import @0xe130b601260e44b5 (file) :Text;
# The path by which other generated files import it.
