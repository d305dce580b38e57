@0xf902dd8553887dcf;
# What imports.capnp imports.

struct Money { cents @0 :Int64; currency @1 :Currency; }
enum Currency { chf @0; eur @1; }
interface Account { balance @0 () -> Money; }
annotation marked(*) :Void;
