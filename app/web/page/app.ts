/* The page: frame above and below, navigation, one screen, the transcript beside it. Which screen there is follows from
 * what the bridge has said: not let in; instances; log in; a session; a session that has ended. */

import * as ask from "./ask";
import * as frame from "./frame";
import { host } from "./host";
import { icon } from "./icons";
import * as look from "./look";
import { closeMenu, linkTo, menuOpen, screen, Screen, SCREENS } from "./nav";
import * as palette from "./palette";
import { forgetAll } from "./schemas";
import * as calls from "./screens/calls";
import * as caps from "./screens/caps";
import * as ended from "./screens/ended";
import * as entry from "./screens/entry";
import * as instances from "./screens/instances";
import * as login from "./screens/login";
import * as overview from "./screens/overview";
import * as probes from "./screens/probes";
import * as transcript from "./screens/transcript";
import * as workspace from "./screens/workspace";
import * as store from "./store";
import { Child, effect, h, live, replace, Signal } from "./view";
import * as wire from "./wire";

const VIEWS: { [s in Screen]: () => Child } = {
  workspace: workspace.view, overview: overview.view, capabilities: caps.view, calls: calls.view, probes: probes.view,
  transcript: transcript.view, instances: instances.view,
};
const ICONS: { [s in Screen]: string } = {
  workspace: "grid", overview: "gauge", capabilities: "key", calls: "call", probes: "shield", transcript: "list",
  instances: "plug",
};

/* What is shown in all: changes seldom, so that a screen is built once and lives. */
type Mode = "connecting" | "offline" | "closed" | "instances" | "login" | Screen;
const mode = new Signal<Mode>("connecting");

function which(): Mode {
  const line = wire.line.get();
  if (entry.refused.get() || ["closed", "idle", "lost", "back"].includes(line))
    return "closed";
  if (store.session.get())
    return screen.get();
  if (line === "connecting" || line === "offline")
    return line;
  if (store.methods.get())
    return "login";
  return store.instances.get() === null ? "connecting" : "instances";
}

/* Why a service shows nothing any more, if nobody here has wanted that. */
function endOf(o: WebDown_Offer): Child {
  if (o.running || !o.why || ["withdrawn", "finished", "refused.person"].includes(o.code ?? ""))
    return null;
  return h("p", { class: "of-service", id: `why-${o.service}` }, h("bdi", null, o.why),
    o.again ? ". It is asked for its panes again, as you always let it." : "");
}

/* What was closed stays closed, also when the service is opened again by itself. */
function closedOf(o: WebDown_Offer): Child {
  return o.closed ? h("button", { type: "button", class: "quiet of-service", id: `closed-${o.service}`,
    disabled: !!store.ended.get(), onclick: () => {
      location.hash = "#/workspace";
      void wire.ask({ offer: o.service }).catch((e) => store.gone.set(e.message));
    } }, `Show ${o.closed === 1 ? "the pane" : `${o.closed} panes`} that you closed`) : null;
}

/* What the frame has no room for on a small screen. */
function handy(): Child {
  const act = (id: string, words: string, does: () => void): Child => h("button", { type: "button", id,
    disabled: !!store.ended.get(), onclick: () => {
      closeMenu();
      does();
    } }, words);
  return h("div", { class: "handy" }, h("h2", null, "This session"), act("menu-renew", "Renew", ask.ask),
    act("menu-reset", "Reset layout", ask.reset));
}

function navigation(): Child {
  if (!store.session.get())
    return null;
  const count: { [s in Screen]?: number } = {
    workspace: store.panes.get().size, capabilities: (store.caps.get() ?? []).length - store.lost.get().size,
    calls: store.calls.get().length };
  const at = screen.get();
  const link = (s: Screen): Child => linkTo(s, { current: s === at, id: `go-${s}` }, icon(ICONS[s]), SCREENS[s],
    count[s] ? h("span", { class: "b num" }, count[s]) : null);
  return [
    (["workspace", "overview", "capabilities", "calls", "probes"] as Screen[]).map(link),
    store.offers.get().length ? h("h2", null, "Services") : null,
    store.offers.get().map((o) => [h("button", { type: "button", class: "service", id: `service-${o.service}`,
      "aria-pressed": o.running, title: o.why || null,
      disabled: !!store.ended.get() || store.lost.get().has(o.service ?? ""),
      onclick: () => {
        if (!o.running)
          location.hash = "#/workspace";
        void wire.ask(o.running ? { withdraw: o.service } : { offer: o.service }).catch((e) =>
          store.gone.set(e.message));
      } }, h("span", { class: o.running ? "dot on" : "dot" }), h("bdi", null, o.title || o.service),
    h("span", { class: "b" }, store.lost.get().get(o.service ?? "") ?? (o.running ? "open" : o.again ? "again"
      : o.consent === "never" ? "never" : ""))),
    endOf(o), closedOf(o)]),
    h("h2", null, host ? "This window" : "This browser"), link("instances"), link("transcript"), handy()];
}

function notice(): Child {
  const text = store.gone.get();
  const line = store.upstream.get();
  const off = wire.line.get() === "offline" || wire.line.get() === "connecting";
  return [
    off && store.session.get() ? h("p", { class: "banner warn", id: "bridge-down" }, icon("plug"),
      "The bridge cannot be reached. What you see may be old; the page goes on trying.",
      h("button", { type: "button", onclick: wire.again }, "Try now")) : null,
    line ? h("p", { class: "banner warn", id: "line-down" }, icon("plug"), `The line to the instance has dropped${
      line.why ? `: ${line.why}` : ""}. Trying again${line.tries ? `, attempt ${line.tries}` : ""}.`,
      h("button", { type: "button", id: "line-again", onclick: () => wire.tell({ again: null }) }, "Try now")) : null,
    text ? h("p", { class: "banner", id: "notice" }, icon("alert"), h("bdi", null, text),
             h("button", { type: "button", class: "quiet", "aria-label": "Dismiss", onclick: () => store.gone.set("") },
               icon("cross", 14))) : null];
}

function content(m: Mode): Child {
  switch (m) {
  case "connecting": return entry.connecting();
  case "offline": return entry.offline();
  case "closed": return entry.closed();
  case "login": return login.view();
  default: return VIEWS[m]();
  }
}

function title(): string {
  const s = store.session.get();
  const i = store.instance();
  return s ? `${s.account || s.kind} on ${i?.name || i?.address || "an instance"}: ${SCREENS[screen.get()]}`
    : "capOS workspace";
}

function build(): void {
  const main = h("main", { id: "main", tabindex: "-1" });
  const view = h("div", { class: "view", id: "view" });
  const nav = live(h("nav", { id: "nav", "aria-label": "Workspace" }), navigation);
  const banner = live(h("div", { class: "banners" }), () => [ended.banner(), notice()]);
  main.append(banner, view);
  replace(document.body, frame.top(), h("div", { class: "middle", id: "middle" }, nav, main, transcript.aside()),
          frame.bottom(), ask.begin(), palette.begin());
  effect(() => mode.set(which()));
  effect(() => {
    const m = mode.get();
    replace(view, content(m));
    view.dataset.mode = m;
    main.scrollTop = 0;
  });
  effect(() => {
    const body = document.body;
    body.dataset.mode = mode.get();
    body.dataset.session = store.session.get() ? "yes" : "no";
    body.dataset.ended = store.ended.get() ? "yes" : "no";
    body.dataset.menu = menuOpen.get() ? "yes" : "no";
    body.dataset.line = wire.line.get();
    body.dataset.host = host ? "window" : "";
    document.title = title();
  });
  effect(() => { if (!store.session.get()) forgetAll(); });
  effect(() => { if (mode.get() === "closed") store.forgetAll(); });
}

/* The code leaves the address before anything else is done. */
async function start(): Promise<void> {
  const code = /^#k=(.+)$/.exec(location.hash)?.[1];
  look.begin();
  build();
  workspace.begin();
  overview.begin();
  calls.begin();
  if (code) {
    history.replaceState(null, "", "/");
    const why = await wire.enter(code).catch(() => "offline");
    if (why === "offline") {
      wire.line.set("offline");
    } else if (why) {
      entry.refused.set(why);
      wire.line.set("closed");
      return;
    }
  }
  wire.begin(store.take);
}

void start();
