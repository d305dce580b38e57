@0x9eae687cc8747327;
# Annotations for the C generator, capnpc-c. A schema needs none of them: they are for names that collide, and for
# programs that use two schemas with the same names.

annotation prefix @0x9d9ea4be48b14332 (file) :Text;
# Goes before every generated name of a file: with "bank", struct Account becomes bank_account_reader and so on.
# Letters, digits and underscores. The default is no prefix.

annotation name @0xc432da0404a4b6ab
    (struct, enum, enumerant, field, union, group, interface, method, param, const) :Text;
# The name to use in C for a declaration instead of its own: "userId" or "user_id". It changes this part of the C name
# only; what is nested in the declaration keeps the changed part as its beginning.
