/* Light or dark, contrast, motion, density and scale: what the person has chosen here, else what a service's wish that
 * was allowed says, else what the system wants. A person's system settings for contrast and motion beat any wish. */

import * as store from "./store";
import { effect, Signal, vars } from "./view";
import * as wire from "./wire";

export const scheme = new Signal<"none" | "light" | "dark">("none");
export const density = new Signal<"none" | "compact" | "regular" | "spacious">("none");

const dark = matchMedia("(prefers-color-scheme: dark)");
const contrast = matchMedia("(prefers-contrast: more)");
const still = matchMedia("(prefers-reduced-motion: reduce)");
const system = new Signal(0);

for (const m of [dark, contrast, still])
  m.addEventListener("change", () => system.set(system.peek() + 1));

function or<T extends string>(mine: T, wish: T | undefined, base: T): T {
  return mine !== "none" ? mine : wish && wish !== "none" ? wish : base;
}

/* Attributes of an element that the style sheet goes by. */
export function mark(el: HTMLElement, hint: UiThemeHint | undefined): void {
  el.dataset.accent = hint?.accent && hint.accent !== "none" ? hint.accent : "";
  el.dataset.density = hint?.density && hint.density !== "none" ? hint.density : "";
  el.dataset.simple = hint?.simple ? "yes" : "";
  el.dataset.contrast = hint?.contrast === "more" ? "more" : "";
  vars(el, { scale: Math.max(100, Math.min(200, hint?.scalePercent || 100)) / 100 });
}

export function begin(): void {
  const root = document.documentElement;
  effect(() => {
    system.get();
    const hint = store.themes.get().get(0);
    root.dataset.scheme = or(scheme.get(), hint?.scheme, dark.matches ? "dark" : "light");
    root.dataset.density = or(density.get(), hint?.density, "regular");
    root.dataset.contrast = contrast.matches || hint?.contrast === "more" ? "more" : "";
    root.dataset.motion = still.matches || hint?.motion === "less" ? "less" : "";
    root.dataset.accent = hint?.accent && hint.accent !== "none" ? hint.accent : "";
  });
  effect(() => {
    system.get();
    if (wire.line.get() === "open")
      wire.tell({ seen: {
        scheme: or(scheme.get(), undefined, dark.matches ? "dark" : "light"),
        density: density.get(), contrast: contrast.matches ? "more" : "none", motion: still.matches ? "less" : "none",
      } });
  });
}
