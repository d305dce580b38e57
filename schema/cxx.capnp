@0xd1b5a0f3c2e46987;
# The annotation by which a schema tells the C++ generator its namespace. It has the generator's own id, so that a
# schema compiles beside this file alone, without the files of the C++ library. One compilation holds an id once: a
# schema of yours that imports ours takes this file (`import "cxx.capnp"`) and not /capnp/c++.capnp.

annotation namespace @0xb9c6f99ebf805f2c (file) :Text;
# The C++ namespace of a file, its parts separated by "::".
