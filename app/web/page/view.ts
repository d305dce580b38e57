/* How the page makes what is seen: elements by name with texts as texts, and values that redraw what has read them.
 *
 * Nothing here, or anywhere in the page, reads markup: an element is one of TAGS, an attribute one of ATTRS, and what
 * a peer has said goes into text nodes and values alone. So a text cannot become an element, a style or an address,
 * whoever wrote it. Numbers for the look (widths, weights) go in as custom properties, and are numbers. */

import { on, own, patch } from "./patch";
import { effect } from "./signal";

export { effect, Signal } from "./signal";

const TAGS = new Set(("a article aside b bdi button caption code datalist dd details dialog div dl dt em fieldset " +
  "footer form h1 h2 h3 h4 header hr i input label legend li main meter nav ol option output p pre section select " +
  "small span strong summary table tbody td textarea tfoot th thead time tr ul").split(" "));
const SVG_TAGS = new Set(["svg", "g", "path", "circle", "rect", "line", "text", "title", "desc", "polyline"]);
const ATTRS = new Set(("id class role tabindex for name type value placeholder rows cols min max step required " +
  "disabled readonly checked selected multiple autocomplete autofocus spellcheck maxlength inputmode title lang dir " +
  "scope colspan rowspan datetime hidden open width height viewBox preserveAspectRatio d x y x1 x2 y1 y2 cx cy r rx " +
  "points fill stroke stroke-width stroke-dasharray stroke-dashoffset stroke-linecap stroke-linejoin vector-effect " +
  "pathLength text-anchor transform opacity focusable download rel target low high optimum list label").split(" "));

export type Child = Node | string | number | null | undefined | false | readonly Child[];
export type Attrs = { [name: string]: string | number | boolean | null | undefined | ((e: any) => void) };

function attribute(el: Element, name: string, value: Attrs[string]): void {
  if (typeof value === "function") {
    if (!name.startsWith("on"))
      throw new Error(name);
    on(el, name.slice(2), value);
    return;
  }
  if (!ATTRS.has(name) && !/^(aria|data)-[a-z-]+$/.test(name))
    throw new Error(`no attribute ${name}`);
  if (name === "value" && "value" in el)
    (el as HTMLInputElement).value = String(value ?? "");
  else if (value === true && !name.startsWith("aria-"))
    el.setAttribute(name, "");
  else if ((value === false && !name.startsWith("aria-")) || value === null || value === undefined)
    el.removeAttribute(name);
  else
    el.setAttribute(name, String(value));
}

function nodes(children: readonly Child[], out: Node[] = []): Node[] {
  for (const c of children) {
    if (Array.isArray(c))
      nodes(c, out);
    else if (c !== null && c !== undefined && c !== false)
      out.push(c instanceof Node ? c : document.createTextNode(String(c)));
  }
  return out;
}

/* An element of HTML. `value` is set last, because a select has none before it has options. */
export function h<K extends keyof HTMLElementTagNameMap>(tag: K, attrs?: Attrs | null, ...children: Child[]):
    HTMLElementTagNameMap[K] {
  if (!TAGS.has(tag))
    throw new Error(`no element ${tag}`);
  const el = document.createElement(tag);
  const late = attrs?.value;
  for (const [name, value] of Object.entries(attrs ?? {}))
    if (name !== "value")
      attribute(el, name, value);
  el.append(...nodes(children));
  if (late !== undefined)
    attribute(el, "value", late);
  return el;
}

/* An element of a drawing. */
export function svg(tag: string, attrs?: Attrs | null, ...children: Child[]): SVGElement {
  if (!SVG_TAGS.has(tag))
    throw new Error(`no element ${tag}`);
  const el = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attrs ?? {}))
    attribute(el, name, value);
  el.append(...nodes(children));
  return el;
}

/* Sets attributes of an element that is there. */
export function set(el: Element, attrs: Attrs): void {
  for (const [name, value] of Object.entries(attrs))
    attribute(el, name, value);
}

/* Numbers that the style sheet reads: --share, --weight. */
export function vars(el: HTMLElement, numbers: { [name: string]: number }): void {
  for (const [name, n] of Object.entries(numbers))
    el.style.setProperty(`--${name}`, String(Number(n)));
}

/* Who had the focus in an element has it again after an act that draws there anew, with what was selected: himself, or
 * who has his id. */
export function keeping(el: Element, act: () => void): void {
  const had = document.activeElement, within = !!had && el.contains(had);
  const from = had instanceof HTMLInputElement || had instanceof HTMLTextAreaElement ? had.selectionStart : null;
  act();
  const again = !within ? null : had?.isConnected ? had : had?.id ? document.getElementById(had.id) : null;
  if (again instanceof HTMLElement && again !== document.activeElement) {
    again.focus({ preventScroll: true });
    if (from !== null && (again instanceof HTMLInputElement || again instanceof HTMLTextAreaElement))
      try {
        again.setSelectionRange(from, from);
      } catch { /* a kind of input without a selection */ }
  }
}

/* Makes these the children of an element (patch.ts), keeping the focus. */
export function replace(el: Element, ...children: Child[]): void {
  keeping(el, () => patch(own(el), nodes(children)));
}

/* An element whose children are what a function says, now and whenever that changes. */
export function live<E extends Element>(el: E, children: () => Child): E {
  effect(() => replace(el, children()));
  return el;
}
