/* The line to the bridge: one WebSocket, whose frames are WebUp and WebDown as JSON. It signs in by the browser's key,
 * gives each question an id and its answer to who has asked, hands every frame to the store, and comes back when the
 * line has dropped. It repeats no question: whoever waits is told that the line is gone. */

import * as key from "./key";
import { Signal } from "./view";

export type Sent<T> = T extends (infer U)[] ? Sent<U>[] : T extends object ? { [K in keyof T]?: Sent<T[K]> } : T;
export type Up = Sent<Omit<WebUp, "id">>;

/* connecting; open; offline: will be tried again; closed: this browser is not let in; idle: was let in, too long ago;
 * lost: was let in, and is not any more. */
export type LineState = "connecting" | "open" | "offline" | "closed" | "idle" | "lost";

/* A code and what was said with it, which may begin with the code. */
export function worded(code = "", text = ""): string {
  return text.startsWith(code) ? text : [code, text].filter(Boolean).join(": ");
}

export class Refused extends Error {
  constructor(readonly code: string, readonly text: string, readonly path = "") {
    super(worded(code, text));
  }
}

export const line = new Signal<LineState>("connecting");
export const latency = new Signal<number>(-1);

const FIRST_MS = 500, LONGEST_MS = 10_000;
const LOOK_MS = 1000, SLEPT_MS = 90_000, DEAD_MS = 5000; /* hidden tabs have a timer a minute */
const IDLE = 4001;

let socket: WebSocket | null = null;
let ready = false;
let wanted = true;
let wasIn = false;
let later = 0; /* the next try */
let looks = false; /* whether the bridge is there at all: a part of the try before */
let pause = FIRST_MS;
let nextId = 1;
let take: (d: WebDown) => void = () => undefined;
const waiting = new Map<number, { done: (d: WebDown) => void; fail: (e: Error) => void; at: number;
                                  step?: (s: WebDown_Step) => void }>();

function send(id: number, up: Up): void {
  socket?.send(JSON.stringify({ id, ...up }));
}

/* Asks, and waits for the first frame with the question's id that is no step of a login; `step` is told those. A
 * `failed` is thrown. `begun` is told the id. */
export function ask(up: Up, begun?: (id: number) => void, step?: (s: WebDown_Step) => void): Promise<WebDown> {
  return new Promise((done, fail) => {
    if (!socket || socket.readyState !== WebSocket.OPEN || !ready) {
      fail(new Refused("bridge.offline", "the bridge cannot be reached just now"));
      return;
    }
    const id = nextId++;
    waiting.set(id, { done, fail, at: performance.now(), step });
    send(id, up);
    begun?.(id);
  });
}

/* Says something that needs no answer. */
export function tell(up: Up): void {
  if (ready)
    send(0, up);
}

function answered(d: WebDown): void {
  const who = waiting.get(d.id);
  if (!who)
    return;
  if (d.step || d.ran) { /* its answer is `done` */
    if (d.step)
      who.step?.(d.step);
    return;
  }
  waiting.delete(d.id);
  if (!who.step) /* else a person was waited for */
    latency.set(performance.now() - who.at);
  if (d.failed)
    who.fail(new Refused(d.failed.code ?? "", d.failed.text ?? "", d.failed.path ?? ""));
  else
    who.done(d);
}

function drop(why: Error): void {
  ready = false;
  for (const w of waiting.values())
    w.fail(why);
  waiting.clear();
}

async function hello(greet: WebDown_Greet, s: WebSocket): Promise<void> {
  const pair = await key.have();
  const signed = pair ? await key.sign(pair, greet) : null;
  if (socket !== s)
    return;
  if (!signed) {
    leave("closed");
    return;
  }
  const id = nextId++;
  waiting.set(id, {
    done: () => {
      ready = wasIn = true;
      pause = FIRST_MS;
      line.set("open");
    },
    fail: () => leave("closed"),
    at: performance.now(),
  });
  send(id, { hello: signed });
}

function leave(state: LineState): void {
  wanted = false;
  line.set(state);
  socket?.close();
}

/* The bridge is there, and lets nobody of this cookie in; or it is not there. */
async function whether(): Promise<boolean> {
  const over = new AbortController();
  const late = setTimeout(() => over.abort(), LONGEST_MS);
  looks = true;
  try {
    return (await fetch("/", { cache: "no-store", method: "GET", signal: over.signal })).ok;
  } catch {
    return false;
  } finally {
    clearTimeout(late);
    looks = false;
  }
}

async function closed(code: number, opened: boolean): Promise<void> {
  drop(new Refused("bridge.offline", "the line to the bridge has dropped"));
  if (!wanted)
    return;
  if (code === IDLE || code === 4003) {
    leave(code === IDLE ? "idle" : "closed");
    return;
  }
  const was = socket, isThere = !opened && await whether();
  if (socket !== was)
    return;
  if (isThere) {
    leave(wasIn ? "lost" : "closed");
    return;
  }
  line.set("offline");
  clearTimeout(later);
  later = window.setTimeout(() => wanted && open(), pause);
  pause = Math.min(pause * 2, LONGEST_MS);
}

function open(): void {
  const s = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`);
  let opened = false; /* and perhaps dropped before it was greeted: the bridge is behind, and it is tried again */
  const before = socket;
  socket = s;
  before?.close(); /* there is one at a time, and one try */
  clearTimeout(later);
  s.onopen = () => { opened = true; };
  s.onmessage = (e) => {
    if (socket !== s)
      return;
    const d = JSON.parse(e.data as string) as WebDown;
    if (d.greet)
      void hello(d.greet, s);
    take(d);
    answered(d);
  };
  s.onclose = (e) => {
    if (socket === s)
      void closed(e.code, opened);
  };
}

/* Begins, and goes on until the page is left. What comes is handed to `down`. */
export function begin(down: (d: WebDown) => void): void {
  take = down;
  wanted = true;
  line.set("connecting");
  open();
}

/* Tries at once, because a person has asked for it; what is being tried is not begun anew for that. */
export function again(): void {
  if (line.peek() === "offline" && !looks && (!socket || socket.readyState > WebSocket.OPEN)) {
    pause = FIRST_MS;
    open();
  }
}

/* A line may be dead with nobody having said so, after a sleep or with another network: then it does not answer. */
function whetherDead(): void {
  const s = socket;
  if (line.peek() !== "open" || !s) {
    again();
    return;
  }
  const late = setTimeout(() => {
    if (socket !== s)
      return;
    socket = null;
    s.close();
    void closed(1006, true);
  }, DEAD_MS);
  ask({ instances: null }).catch(() => undefined).finally(() => clearTimeout(late));
}

let looked = Date.now();
setInterval(() => {
  const slept = Date.now() - looked > SLEPT_MS;
  looked = Date.now();
  if (slept)
    whetherDead();
}, LOOK_MS);
addEventListener("online", whetherDead);

/* A page that is kept in memory after it was left must not be a way in: its line ends, what it shows is hidden, and all
 * begins anew when it is shown again. */
addEventListener("pagehide", () => {
  const s = socket;
  document.body.hidden = true;
  socket = null;
  s?.close();
  drop(new Refused("bridge.offline", "the page was left"));
});
addEventListener("pageshow", (e) => {
  if (e.persisted && wanted)
    location.reload();
});

/* The one-time code of the fragment for a cookie, with this browser's new key. The code leaves the address at once. */
export async function enter(code: string): Promise<string> {
  const pair = await key.make();
  const answer = await fetch("/enter", {
    method: "POST",
    cache: "no-store",
    headers: { "Content-Type": "text/plain", "X-Capos": "1" },
    body: `${code}\n${await key.point(pair)}`,
  });
  return answer.ok ? "" : (await answer.text()).trim() || "code";
}

/* Another cookie, for a ticket of the session's process. */
export async function rotate(ticket: string, csrf: string): Promise<void> {
  await fetch("/rotate", {
    method: "POST",
    cache: "no-store",
    headers: { "Content-Type": "text/plain", "X-Capos": csrf },
    body: ticket,
  });
}
