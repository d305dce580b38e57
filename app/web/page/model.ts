/* What a pane shows, and how a change becomes part of it: the same arithmetic as lib/ui's struct capos_ui_change.
 *
 * `removed` are places before the change; `dropped` so many at the front of what is left; `replaced` places after that,
 * whose new elements come first in the list; and `appended` elements come last. */

const LISTS: { [kind: string]: string } = {
  log: "lines", list: "items", table: "rows", tree: "nodes", counters: "counters", chart: "series", progress: "steps",
  map: "markers", transcript: "messages",
};

type Any = { [name: string]: any };

/* The kind of a model: its one member. */
export function kindOf(m: UiModel | undefined): string {
  return Object.keys(m ?? {})[0] ?? "";
}

export function applied(model: UiModel, c: WebDown_Change): UiModel {
  const kind = kindOf(c.model) || kindOf(model);
  const list = LISTS[kind];
  const fresh: Any = (c.model as Any | undefined)?.[kind] ?? {};
  if (!list || kindOf(model) !== kind)
    return c.model ?? model;
  const before: Any = (model as Any)[kind] ?? {};
  const gone = new Set(c.removed ?? []);
  const kept: any[] = (before[list] ?? []).filter((_: unknown, i: number) => !gone.has(i)).slice(c.dropped);
  const came: any[] = fresh[list] ?? [];
  const replaced = c.replaced ?? [];
  replaced.forEach((place, i) => { kept[place] = came[i]; });
  kept.push(...came.slice(replaced.length));
  const head = c.head ? { ...fresh } : { ...before };
  head[list] = kept;
  return { [kind]: head } as UiModel;
}
