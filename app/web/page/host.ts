/* The window that shows this page, where one of ours does (app/desktop/): then frames go to and fro by it, and what
 * the page's frame has elsewhere is the window's own: who and where one is, what is asked, secrets. A browser has no
 * such window, and a service cannot say that there is one: it is there before any script runs. */

import { Socket } from "./wire";

interface Handler { postMessage(text: string): void }

export const host: Handler | null =
  (window as unknown as { webkit?: { messageHandlers?: { capos?: Handler } } }).webkit?.messageHandlers?.capos ?? null;

/* What the window calls: that a line stands, a frame of it, its end, each with the number of the line that is meant;
 * and that the keyboard has come to the page, to its first or its last. */
interface Told { opened(line: number): void; frame(line: number, text: string): void;
                 closed(line: number, code: number): void; enter(last: number): void }

const STOPS = "a[href], button:not(:disabled), input:not(:disabled), select:not(:disabled), textarea, [tabindex='0']";

function enter(last: number): void {
  const stops = [...document.querySelectorAll<HTMLElement>(document.querySelector("dialog[open]") ? "dialog[open] *"
    : STOPS)].filter((e) => e.matches(STOPS) && e.getClientRects().length);
  stops[last ? stops.length - 1 : 0]?.focus();
}

let lines = 0;

/* A line by the window: one at a time, as a new one takes the place of the last. */
export class HostLine implements Socket {
  readyState: number = WebSocket.CONNECTING;
  onopen: ((e: Event) => void) | null = null;
  onmessage: ((e: MessageEvent) => void) | null = null;
  onclose: ((e: CloseEvent) => void) | null = null;
  private readonly number = ++lines;

  constructor(private readonly to: Handler) {
    const told: Told = {
      opened: (n) => {
        if (n === this.number)
          this.began();
      },
      frame: (n, text) => {
        if (n === this.number)
          this.onmessage?.(new MessageEvent("message", { data: text }));
      },
      closed: (n, code) => {
        if (n === this.number)
          this.ended(code);
      },
      enter,
    };
    Object.assign(window, { capos: told });
    to.postMessage(`open ${this.number}`);
  }

  send(text: string): void {
    this.to.postMessage(text);
  }

  close(): void {
    this.to.postMessage(`close ${this.number}`); /* there may be another by now */
    this.ended(1000);
  }

  private began(): void {
    this.readyState = WebSocket.OPEN;
    this.onopen?.(new Event("open"));
  }

  private ended(code: number): void {
    if (this.readyState === WebSocket.CLOSED)
      return;
    this.readyState = WebSocket.CLOSED;
    this.onclose?.(new CloseEvent("close", { code }));
  }
}
