/* How what is seen becomes what it should be: the elements that are there stay, and get the attributes, the texts and
 * the handlers of those that were made in their stead. So what a finger is on, what has the focus, what is scrolled or
 * was opened by a person outlives a drawing, and a click is never on an element that is gone when it ends.
 *
 * Children go by their ids and data-keys, the others by their order. Three kinds are not patched but taken as they were
 * made: what somebody holds on to (own()), controls that are filled in, because who made them reads them, and elements
 * of kinds of panes. */

type Handler = (e: Event) => void;

const handlers = new WeakMap<Element, Map<string, Handler>>();
const owned = new WeakSet<Element>();
const FILLED_IN = new Set(["INPUT", "SELECT", "TEXTAREA", "DIALOG"]);

function heard(e: Event): void {
  handlers.get(e.currentTarget as Element)?.get(e.type)?.(e);
}

/* What an element does with an event: one handler for each type, which a later one replaces. */
export function on(el: Element, type: string, handler: Handler): void {
  const all = handlers.get(el) ?? new Map<string, Handler>();
  all.set(type, handler);
  handlers.set(el, all);
  el.addEventListener(type, heard);
}

/* Somebody holds on to this element, and changes it: no other takes its place, and it none's. */
export function own<E extends Element>(el: E): E {
  owned.add(el);
  return el;
}

function keyOf(n: Node): string {
  return n instanceof Element ? n.id || n.getAttribute("data-key") || "" : "";
}

function alike(a: Node, b: Node): boolean {
  if (a.nodeName !== b.nodeName || keyOf(a) !== keyOf(b))
    return false;
  return !(a instanceof Element && b instanceof Element) ||
    !(owned.has(a) || owned.has(b) || FILLED_IN.has(a.nodeName) || a.nodeName.includes("-"));
}

/* A person opens and closes details; the style is properties, since attributes of it are refused. */
function attributes(el: Element, from: Element): void {
  const mine = (name: string): boolean => name === "style" || (name === "open" && el.nodeName === "DETAILS");
  for (const { name } of [...el.attributes])
    if (!mine(name) && !from.hasAttribute(name))
      el.removeAttribute(name);
  for (const { name, value } of [...from.attributes])
    if (!mine(name) && el.getAttribute(name) !== value)
      el.setAttribute(name, value);
  if (el instanceof HTMLElement && from instanceof HTMLElement && (el.style.length || from.style.length)) {
    for (const name of [...el.style])
      if (!from.style.getPropertyValue(name))
        el.style.removeProperty(name);
    for (const name of [...from.style])
      el.style.setProperty(name, from.style.getPropertyValue(name));
  }
}

function become(n: Node, like: Node): void {
  if (!(n instanceof Element && like instanceof Element)) {
    if (n.nodeValue !== like.nodeValue)
      n.nodeValue = like.nodeValue;
    return;
  }
  attributes(n, like);
  const before = handlers.get(n), now = handlers.get(like);
  before?.clear();
  now?.forEach((handler, type) => on(n, type, handler));
  patch(n, [...like.childNodes]);
}

/* Makes these the children of an element: those that are there, where they are alike, else the fresh ones. */
export function patch(el: Element, fresh: Node[]): void {
  const old = [...el.childNodes];
  const here = new Set<Node>(fresh.filter((n) => n.parentNode === el));
  const keyed = new Map<string, Node>();
  const rest: Node[] = [];
  for (const n of old)
    if (!here.has(n))
      keyOf(n) ? keyed.set(keyOf(n), n) : rest.push(n);
  let at = 0;
  const find = (n: Node): Node | undefined => {
    const key = keyOf(n);
    if (key) {
      const o = keyed.get(key);
      keyed.delete(key);
      return o && alike(o, n) ? o : undefined;
    }
    const i = rest.findIndex((o, k) => k >= at && alike(o, n));
    at = i < 0 ? at : i + 1;
    return rest[i];
  };
  const all = fresh.map((n) => {
    const o = here.has(n) ? undefined : find(n);
    if (o)
      become(o, n);
    return o ?? n;
  });
  const stay = new Set<Node>(all);
  for (const n of old)
    if (!stay.has(n))
      el.removeChild(n);
  let next = el.firstChild;
  for (const n of all) {
    if (n === next)
      next = next.nextSibling;
    else
      el.insertBefore(n, next);
  }
}
