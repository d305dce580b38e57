/* The schemas of capabilities, asked for once and kept: by a capability's name, and by the id of an interface. */

import { Signal } from "./view";
import * as wire from "./wire";

export const schemas = new Signal<Map<string, WebDown_Schema>>(new Map());
export const faults = new Signal<Map<string, string>>(new Map()); /* why there is none */
const asked = new Set<string>();

/* Asks for the schema of a capability, unless it is there or was asked for. */
export function want(name: string): void {
  if (!name || asked.has(name))
    return;
  asked.add(name);
  wire.ask({ schema: name }).then((d) => {
    if (d.schema)
      schemas.set(new Map(schemas.peek()).set(name, d.schema));
    faults.set(new Map());
  }).catch((e) => {
    if (e instanceof wire.Refused && e.code === "bridge.offline")
      asked.delete(name);
    else
      faults.set(new Map(faults.peek()).set(name, e instanceof Error ? e.message : String(e)));
  });
}

export function forgetAll(): void {
  asked.clear();
  faults.set(new Map());
  schemas.set(new Map());
}

/* A capability's own interface and those that it extends. */
export function own(s: WebDown_Schema): WebDown_Schema_Interface[] {
  return (s.interfaces ?? []).filter((i) => !i.other);
}

/* The interface with this id in any schema that is here, and the types it speaks of. */
export function byInterface(id: string): WebDown_Schema | null {
  for (const s of schemas.get().values())
    for (const i of s.interfaces ?? [])
      if (String(i.id) === String(id))
        return { ...s, interfaces: [{ ...i, other: false }] };
  return null;
}
