/* Which screen is shown: in the address after `#/`, so that back and forward do what they say. */

import { Child, h, Signal } from "./view";

export const SCREENS = {
  workspace: "Workspace", overview: "Overview", capabilities: "Capabilities", calls: "Calls", probes: "Probes",
  transcript: "Transcript", instances: "Instances",
} as const;
export type Screen = keyof typeof SCREENS;

function shown(): Screen {
  const name = location.hash.replace(/^#\//, "");
  return name in SCREENS ? name as Screen : "overview";
}

export const screen = new Signal<Screen>(shown());
export const menuOpen = new Signal<boolean>(false);

/* As a person does: who had the focus in it has it where it was opened. */
export function closeMenu(): void {
  if (menuOpen.peek())
    document.getElementById("menu")?.focus();
  menuOpen.set(false);
}

addEventListener("keydown", (e) => {
  if (e.key === "Escape" && !document.querySelector("dialog[open]"))
    closeMenu();
});

addEventListener("hashchange", () => {
  menuOpen.set(false);
  screen.set(shown());
  document.getElementById("main")?.focus({ preventScroll: true });
});

export function go(to: Screen): void {
  menuOpen.set(false);
  if (location.hash !== `#/${to}`)
    location.hash = `#/${to}`;
}

/* A link to a screen. */
export function linkTo(to: Screen, attrs: { class?: string; id?: string; current?: boolean }, ...children: Child[]):
    HTMLElement {
  const a = h("a", { class: attrs.class ?? null, id: attrs.id ?? null, "aria-current": attrs.current ? "page" : null,
                     onclick: () => menuOpen.set(false) },
              ...children);
  a.href = `#/${to}`;
  return a;
}

/* A link to another site, for a step of a login: of http or https, opened beside this page, and told nothing of it. */
export function away(address: string, ...children: Child[]): HTMLElement {
  if (!/^https?:\/\/[^/]/.test(address))
    return h("code", null, address);
  const a = h("a", { class: "go", target: "_blank", rel: "noopener noreferrer" }, ...children);
  a.href = address;
  return a;
}
