@0xb9a083be6879044b;
interface Door {
  open @0 (key :Text) -> ();
  openSetKey @1 (key :Text) -> ();
}
