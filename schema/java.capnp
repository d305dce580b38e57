@0xb3e07c5d9a2f4816;
# The annotations that the Java generator demands of every file, with its own ids (see cxx.capnp for why).

annotation package @0x9ee4c8f803b3b596 (file) :Text;
# The package of the generated class.

annotation outerClassname @0x9b066bb4881f7cd3 (file) :Text;
# The class that holds everything of the file.
