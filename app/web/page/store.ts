/* All that the bridge has said, as signals. Screens read them; nobody but take() sets them, but for what only this tab
 * knows (which screen, which drafts). A frame is taken whether or not somebody has asked for it: tabs of one browser
 * share a session, and each is told what the others do. */

import * as wire from "./wire";
import { num } from "./format";
import { applied } from "./model";
import { effect, Signal } from "./view";

/* A command that calls, until it has ended. */
export interface Running { id: number; over: (taken: boolean) => void }

/* What a person has typed into a pane and not sent, by field; and of the command that was asking for its fields. */
export interface Draft {
  typed?: Map<string, string>;
  asked?: { command: string; selection: string[]; typed: Map<string, string> };
}

export interface Pane {
  info: WebDown_Pane;
  commands: Signal<WebDown_Offered[]>;
  model: UiModel;
  said: Signal<string>;          /* how the last command ended */
  running: Running[];            /* those of this tab that are under way, oldest first */
  listen: ((change: WebDown_Change | null) => void) | null;
  key: string;                   /* the same of one that comes again, for the same account */
  over: string;                  /* why it has gone; "": it has not, or nobody has said so */
}

/* root: the capability that it came from; it is taken back with that. */
export interface Handle extends WebDown_Handle { from: string; root: string }

export interface Call {
  target: string; handle: number; method: string; params: string; atMs: number; id: number;
  result: Signal<WebDown_Returned | null>; failure: Signal<WebDown_Failure | null>;
}

export const greet = new Signal<WebDown_Greet | null>(null);
export const instances = new Signal<WebDown_Instance[] | null>(null);
/* What agents of the person's wait for; the session here has no part in it. */
export const asks = new Signal<WebDown_Ask[]>([]);
export const unknownKey = new Signal<WebDown_Key | null>(null);
export const methods = new Signal<WebDown_Methods | null>(null);
export const step = new Signal<WebDown_Step | null>(null);
export const session = new Signal<SessionInfo | null>(null);
export const ended = new Signal<WebDown_Failure | null>(null);
export const upstream = new Signal<WebDown_Line | null>(null);
export const caps = new Signal<WebDown_Cap[] | null>(null);
/* Those whose leases are over, and the session is not; and how that came: `revoked`, `ran out`; `over`: before this tab
 * was told of it. */
export const lost = new Signal<Map<string, string>>(new Map());
const leases = new Map<string, number>(); /* until when, as it was told while that was to come */
export const offers = new Signal<WebDown_Offer[]>([]);
export const panes = new Signal<Map<number, Pane>>(new Map());
export const layout = new Signal<WebDown_Layout | null>(null);
export const themes = new Signal<Map<number, UiThemeHint>>(new Map());
export const prompt = new Signal<WebDown_Prompt | null>(null);
export const records = new Signal<WebDown_Record[]>([]);
export const sessions = new Signal<AccountSession[] | null>(null);
export const passkeys = new Signal<AccountPasskey[] | null>(null);
export const handles = new Signal<Handle[]>([]);
export const events = new Signal<WebDown_Event[]>([]);
export const calls = new Signal<Call[]>([]);
export const probes = new Signal<Map<string, WebDown_Probed>>(new Map());
export const gone = new Signal<string>("");
export const clock = new Signal<number>(Date.now());

/* What only this tab knows. A draft waits for its pane to come again, when that has gone by nobody's will. */
export const drafts = new Map<string, Draft>();
export const target = new Signal<{ name: string; handle: number; method: string } | null>(null);

const KEPT_RECORDS = 500, KEPT_EVENTS = 200, KEPT_CALLS = 100;

setInterval(() => clock.set(Date.now()), 1000);

effect(() => {
  const now = clock.get(), over = num(session.get()?.expiresAtMs);
  const ended = new Map<string, string>();
  for (const { entry: e } of caps.get() ?? []) {
    const ends = num(e?.leaseExpiresAtMs), name = e?.name ?? "", was = leases.get(name);
    if (ends > now)
      leases.set(name, Math.max(ends, was ?? 0)); /* this clock is late: a revocation may be to come by it */
    else if (ends && ends < over)
      ended.set(name, was === undefined ? "over" : was > ends ? "revoked" : "ran out");
  }
  if (JSON.stringify([...ended]) !== JSON.stringify([...lost.peek()]))
    lost.set(ended);
});

/* Without a session, and nothing of one that was. What was done stays in the transcript. */
function clear(): void {
  for (const s of [unknownKey, methods, step, session, ended, upstream, caps, layout, prompt, sessions, passkeys,
                   target])
    (s as Signal<unknown>).set(null);
  for (const s of [offers, handles, events, calls])
    (s as Signal<unknown[]>).set([]);
  leases.clear();
  for (const s of [panes, themes, probes])
    (s as Signal<Map<any, any>>).set(new Map());
  gone.set("");
}

function forgetTold(): void {
  clear();
  records.set([]);
  asks.set([]);
  instances.set(null);
}

/* This browser is let in no more: nothing of what it was told is left. */
export function forgetAll(): void {
  forgetTold();
  drafts.clear();
}

/* Back to the list of instances, for every tab that hears of it. */
export async function leave(): Promise<void> {
  await wire.ask({ disconnect: null });
  clear();
  drafts.clear();
}

/* Asks an instance for a session. It lets nobody wait for long who has none: who has thought for a while is connected
 * to it again, and has not to know of that. */
export async function enter(up: wire.Up, step?: (s: WebDown_Step) => void): Promise<WebDown> {
  const place = methods.peek()?.instance;
  try {
    return await wire.ask(up, undefined, step);
  } catch (e) {
    if (!(e instanceof wire.Refused) || e.code !== "bridge.not-connected" || place === undefined)
      throw e;
  }
  await wire.ask({ connect: place });
  return wire.ask(up, undefined, step);
}

/* What is said again, and is as it was, redraws nothing: a form that somebody fills in stays. */
function other<T>(s: Signal<T>, v: T): void {
  if (JSON.stringify(s.peek()) !== JSON.stringify(v))
    s.set(v);
}

/* Commands that are as they were are left alone: a button that is being pressed stays the same button. */
function recommand(p: Pane | undefined, commands: WebDown_Offered[] | undefined): void {
  if (p)
    other(p.commands, commands ?? []);
}

function pane(p: WebDown_Pane): void {
  const all = new Map(panes.peek());
  const before = all.get(p.surface);
  if (before) {
    before.info = p;
    if (!p.stays) {
      before.model = p.model ?? {};
      recommand(before, p.commands);
    }
    before.listen?.(null);
    all.set(p.surface, before);
  } else {
    all.set(p.surface, { info: p, commands: new Signal(p.commands ?? []), model: p.model ?? {},
                         said: new Signal(""), running: [], listen: null, over: "",
                         key: JSON.stringify([session.peek()?.account, p.service, p.id]) });
  }
  panes.set(all);
}

function change(c: WebDown_Change): void {
  const p = panes.peek().get(c.surface);
  if (!p)
    return;
  p.model = applied(p.model, c);
  p.info.revision = c.revision;
  p.listen?.(c);
}

/* What nobody here has done is said, of all panes that have gone for one reason since somebody has read it; what a
 * service closes it has its reasons for, and an end of the session says itself. */
const CLOSED: { [reason: string]: string } = {
  revoked: "the instance has taken it back", failed: "its service cannot be reached any more",
  dropped: "its service holds it no more",
};

let went: { service: string; why: string; titles: string[]; said: string } | null = null;

function saidGone(service: string, title: string, why: string): void {
  const last = went && gone.peek() && went.service === service && went.why === why ? went.titles : [];
  const titles = [...last.filter((x) => x !== title), title];
  const said = titles.length === 1 ? `${service} ${title} was closed: ${why}`
    : `${titles.length} panes of ${service} were closed (${titles.join(", ")}): ${why}`;
  went = { service, why, titles, said };
  gone.set(said);
}

/* Panes that went with the line come again with it, and the line is a notice of its own. */
function lineOf(v: WebDown_Line): void {
  if (v.down && gone.peek() === went?.said)
    gone.set("");
  upstream.set(v.down ? v : null);
}

function closePane(g: WebDown_Gone): void {
  const all = new Map(panes.peek());
  const p = all.get(g.surface);
  if (!p)
    return;
  all.delete(g.surface);
  p.over = g.reason ?? "";
  panes.set(all);
  if (CLOSED[g.reason ?? ""])
    saidGone(p.info.serviceTitle ?? "", p.info.title ?? "", CLOSED[g.reason ?? ""]);
}

function ran(r: WebDown_Ran, id: number): void {
  const p = panes.peek().get(r.surface);
  const failed = r.failure && (r.failure.code || r.failure.text);
  p?.said.set(failed ? `! ${wire.worded(r.failure?.code, r.failure?.text)}` : "Done");
  p?.running.find((x) => x.id === id)?.over(!failed);
}

function theme(t: WebDown_PaneTheme): void {
  const all = new Map(themes.peek());
  if (t.hint)
    all.set(t.surface, t.hint);
  themes.set(all);
}

/* The capability that a reference came from. */
export function rootOf(handle: number): string {
  return handles.peek().find((x) => x.handle === handle)?.root ?? "";
}

function returned(d: WebDown): void {
  const call = calls.peek().find((c) => c.id === d.id && d.id !== 0);
  if (call && d.failed)
    call.failure.set(d.failed);
  if (!call || !d.returned)
    return;
  call.result.set(d.returned);
  const from = `${call.target || `#${call.handle}`}.${call.method}`, root = call.target || rootOf(call.handle);
  handles.set([...handles.peek(), ...(d.returned.handles ?? []).map((n) => ({ ...n, from, root }))]);
}

/* References that were there before this tab came, or that another tab has got. */
function held(all: WebDown_Held[]): void {
  const more = all.map((x): Handle => ({ ...x.handle as WebDown_Handle, from: x.from ?? "", root: x.root ?? "" }));
  const numbers = new Set(more.map((x) => x.handle));
  handles.set([...handles.peek().filter((x) => !numbers.has(x.handle)), ...more].sort((a, b) => a.handle - b.handle));
}

/* A call of another tab's, or from before this one came: what it returned is not there any more. */
function past(p: WebDown_Past): void {
  const c: Call = { target: p.target ?? "", handle: p.handle, method: p.method ?? "", params: p.params || "{}",
                    atMs: num(p.atMs), id: 0, failure: new Signal<WebDown_Failure | null>(p.failure ?? null),
                    result: new Signal<WebDown_Returned | null>(p.failure ? null
                      : { json: "", handles: [], tookUs: p.tookUs, bytes: p.bytes }) };
  calls.set([c, ...calls.peek()].slice(0, KEPT_CALLS));
}

/* A session that begins, or is said anew: also one that has ended, whose end stays. One that has ended and another
 * begins: nothing of the old one stays. */
function begin(info: SessionInfo): void {
  const before = session.peek();
  if (before && before.id !== info.id) {
    const m = methods.peek();
    clear();
    methods.set(m);
  }
  session.set(info);
  step.set(null);
  upstream.set(null);
}

const takers: { [K in keyof WebDown]?: (v: any, d: WebDown) => void } = {
  greet: (v) => { forgetTold(); greet.set(v); },
  instances: (v) => other(instances, v),
  key: (v) => unknownKey.set(v),
  methods: (v) => { unknownKey.set(null); methods.set(v); },
  step: (v) => step.set(v),
  rotate: (v) => void wire.rotate(v, greet.peek()?.csrf ?? ""),
  session: (v) => begin(v),
  caps: (v) => other(caps, v),
  returned: (_, d) => returned(d),
  failed: (v: WebDown_Failure, d) => { if (d.id) returned(d); else gone.set(v.text ?? ""); },
  event: (v) => events.set([v, ...events.peek()].slice(0, KEPT_EVENTS)),
  probed: (v: WebDown_Probed) => probes.set(new Map(probes.peek()).set(v.probe, v)),
  ended: (v) => { step.set(null); prompt.set(null); ended.set(v); },
  line: (v) => lineOf(v),
  pane: (v) => pane(v),
  change: (v) => change(v),
  commands: (v: WebDown_Commands) => recommand(panes.peek().get(v.surface), v.commands),
  gone: (v) => closePane(v),
  layout: (v) => layout.set(v),
  theme: (v) => theme(v),
  prompt: (v) => prompt.set(v),
  promptGone: (v) => { if (prompt.peek() && num(prompt.peek()?.prompt) === num(v)) prompt.set(null); },
  ran: (v, d) => ran(v, d.id),
  offers: (v) => other(offers, v),
  record: (v) => records.set([...records.peek(), v].slice(-KEPT_RECORDS)),
  sessions: (v) => other(sessions, v),
  passkeys: (v) => other(passkeys, v),
  held: (v) => held(v),
  forgotten: (v) => handles.set(handles.peek().filter((x) => x.handle !== v)),
  past: (v) => past(v),
  asks: (v) => asks.set(v ?? []),
};

/* A frame of the bridge's. */
export function take(d: WebDown): void {
  for (const name of Object.keys(d) as (keyof WebDown)[])
    takers[name]?.(d[name], d);
}

/* Calls, and keeps it in the history: what is called is remembered before the answer comes. */
export async function call(to: { name: string; handle: number }, method: string, params: string): Promise<Call> {
  const c: Call = { target: to.name, handle: to.handle, method, params, atMs: Date.now(), id: 0,
                    result: new Signal<WebDown_Returned | null>(null),
                    failure: new Signal<WebDown_Failure | null>(null) };
  calls.set([c, ...calls.peek()].slice(0, KEPT_CALLS));
  const up = { call: { target: to.name, handle: to.name ? 0 : to.handle, method, params } };
  try {
    const d = await wire.ask(up, (id) => { c.id = id; });
    if (d.returned && !c.result.peek()) /* it is no call of the session's that there is now */
      c.result.set(d.returned);
  } catch (e) {
    const r = e instanceof wire.Refused ? e : new wire.Refused("", String(e));
    if (!c.failure.peek())
      c.failure.set({ code: r.code, text: r.text, path: r.path });
    if (r.code === "denied.revoked-lease")
      wire.tell({ refresh: null });
  }
  return c;
}

export function forget(n: number): void {
  wire.tell({ forget: n });
  handles.set(handles.peek().filter((x) => x.handle !== n));
}

/* The instance that is connected to. */
export function instance(): WebDown_Instance | null {
  const at = methods.get()?.instance;
  const all = instances.get() ?? [];
  return all.find((i) => i.connected) ?? all.find((i) => i.place === at) ?? null;
}

/* Whether the session can be used: there, not ended. */
export function alive(): boolean {
  return session.get() !== null && ended.get() === null;
}
