/* The kinds by their names in UiModel. */

import { ChartKind } from "./chart";
import { CountersKind } from "./counters";
import { FormKind } from "./form";
import { Kind } from "./kind";
import { ListKind } from "./list";
import { LogKind } from "./log";
import { MapKind } from "./map";
import { ProgressKind } from "./progress";
import { TableKind } from "./table";
import { TextKind } from "./text";
import { TranscriptKind } from "./transcript";
import { TreeKind } from "./tree";

const KINDS: { [K in UiSurfaceKind]: new () => Kind } = {
  text: TextKind, log: LogKind, list: ListKind, table: TableKind, tree: TreeKind, counters: CountersKind,
  chart: ChartKind, form: FormKind, progress: ProgressKind, map: MapKind, transcript: TranscriptKind,
};

for (const [name, element] of Object.entries(KINDS))
  customElements.define(`capos-${name}`, element);

export function make(kind: UiSurfaceKind): Kind {
  return new KINDS[kind]();
}
