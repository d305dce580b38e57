/* Values that redraw what has read them.
 *
 * A signal is a value; an effect runs again, with the next frame, when a signal that it has read was set. What effects
 * set is followed in the same frame, so that no picture shows half of a change. An effect that is made while another
 * runs belongs to it, and ends when that one runs again. */

interface Effect { run: () => void; seen: Set<Set<Effect>>; kids: Effect[]; dead: boolean }

let running: Effect | null = null;
let waiting = new Set<Effect>();
let scheduled = false;

/* While a button is held down, nothing is drawn: what it is on stays where it is, or a click would begin on one thing
 * and end on another. For a moment only, since not every end of that is told. */
let holding = 0;

function letGo(): void {
  clearTimeout(holding);
  holding = 0;
  setTimeout(flush);
}

addEventListener("pointerdown", () => { clearTimeout(holding); holding = window.setTimeout(letGo, 1000); }, true);
for (const up of ["pointerup", "pointercancel", "blur"])
  addEventListener(up, letGo, true);

/* Effects that set what others have read come to an end in two or three rounds; those that would not wait for the next
 * frame. */
const ROUNDS = 8;

/* One that fails takes none of the others with it. */
function flush(): void {
  if (holding || !scheduled)
    return;
  for (let round = 0; waiting.size && round < ROUNDS; round++) {
    const now = waiting;
    waiting = new Set();
    for (const e of now)
      try {
        if (!e.dead)
          start(e);
      } catch (x) {
        reportError(x);
      }
  }
  scheduled = false;
  if (waiting.size)
    schedule();
}

/* With the next picture; and where there is none, because the page has been hidden since, without. */
function schedule(): void {
  if (scheduled)
    return;
  scheduled = true;
  requestAnimationFrame(flush);
  setTimeout(flush, 100);
}

function end(e: Effect): void {
  e.dead = true;
  for (const s of e.seen)
    s.delete(e);
  e.seen.clear();
  for (const k of e.kids)
    end(k);
  e.kids = [];
}

function start(e: Effect): void {
  end(e);
  e.dead = false;
  const before = running;
  running = e;
  try {
    e.run();
  } finally {
    running = before;
  }
}

/* Runs now, and again when what it has read was set. The function that is returned ends it: alone, if it is `apart`. */
export function effect(run: () => void, apart = false): () => void {
  const e: Effect = { run, seen: new Set(), kids: [], dead: false };
  if (!apart)
    running?.kids.push(e);
  start(e);
  return () => end(e);
}

export class Signal<T> {
  private readers = new Set<Effect>();
  constructor(private value: T) {}
  get(): T {
    if (running) {
      this.readers.add(running);
      running.seen.add(this.readers);
    }
    return this.value;
  }
  peek(): T { return this.value; }
  set(value: T): void {
    if (Object.is(this.value, value) && (typeof value !== "object" || value === null))
      return;
    this.value = value;
    for (const e of this.readers)
      waiting.add(e);
    if (this.readers.size)
      schedule();
  }
}
