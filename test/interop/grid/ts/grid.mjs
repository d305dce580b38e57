// grid in TypeScript's world: the Conf server and the driver of grid.md, on capnp-es (it has no
// transport for sockets: here is one).
//
// usage: node grid.mjs serve|drive HOST:PORT          (conf.js lies beside it, made by capnp-es)
import net from "node:net";
import { Conn, Message } from "capnp-es";
import { Message as RpcMessage } from "capnp-es/capnp/rpc";
import { Callback$Server, Callee$Server, Conf, Conf$Server, Counter$Client, Counter$Server, Derived$Server }
  from "./conf.js";

const CASE_MS = 20000;
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// ---- the transport -------------------------------------------------------------------------------

// The bytes of the first whole message of a buffer, or 0 when it is not there yet.
function frameBytes(b) {
  if (b.length < 4) return 0;
  const segments = b.readUInt32LE(0) + 1;
  const header = (4 + 4 * segments + 7) & ~7;
  if (b.length < header) return 0;
  let words = 0;
  for (let i = 0; i < segments; i++) words += b.readUInt32LE(4 + 4 * i);
  return b.length < header + 8 * words ? 0 : header + 8 * words;
}

const decode = (bytes) => new Message(bytes, false).getRoot(RpcMessage);

class Socket {
  constructor(socket) {
    this.socket = socket;
    this.bytes = Buffer.alloc(0);
    this.ready = [];
    this.waiting = [];
    socket.setNoDelay(true);
    socket.on("data", (d) => this.take(d));
    socket.on("error", () => {});
    socket.on("close", () => {
      this.closed = true;
      for (const w of this.waiting.splice(0)) w.reject(new Error("the connection is gone"));
    });
  }

  take(data) {
    this.bytes = Buffer.concat([this.bytes, data]);
    for (let n = frameBytes(this.bytes); n; n = frameBytes(this.bytes)) {
      const one = new Uint8Array(this.bytes.subarray(0, n)).buffer;
      this.bytes = this.bytes.subarray(n);
      const w = this.waiting.shift();
      if (w) w.resolve(decode(one));
      else this.ready.push(one);
    }
  }

  sendMessage(m) {
    if (!this.closed) this.socket.write(Buffer.from(m.segment.message.toArrayBuffer()));
  }

  recvMessage() {
    if (this.ready.length) return Promise.resolve(decode(this.ready.shift()));
    if (this.closed) return Promise.reject(new Error("the connection is gone"));
    return new Promise((resolve, reject) => this.waiting.push({ resolve, reject }));
  }

  close() {
    this.socket.destroy();
  }
}

// ---- the server ----------------------------------------------------------------------------------

let live = 0;
let canceled = 0;

function counter(start, seen) {
  let value = start;
  return {
    async inc(p, r) {
      seen?.push(Number(p.by));
      value += p.by;
      r.value = value;
    },
    async get(_, r) {
      r.value = value;
    },
  };
}

function makeCounter(start, seen) {
  return new Counter$Server(counter(start, seen)).client();
}

function bytesOf(data) {
  return data.toUint8Array();
}

function fill(to, bytes) {
  to.copyBuffer(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}

async function nothing() {
  throw new Error("not possible here");
}

function conf() {
  let held, poisoned, bytes = 0n, calls = 0;
  const server = new Conf$Server({
    async null() {},
    async add(p, r) {
      r.sum = BigInt(p.a) + BigInt(p.b);
    },
    async delayedAdd(p, r) {
      await pause(p.delayMs);
      r.sum = BigInt(p.a) + BigInt(p.b);
    },
    async echo(p, r) {
      const x = bytesOf(p.x);
      fill(r._initX(x.length), x);
    },
    async getSelf(_, r) {
      r.cap = server.client();
    },
    async makeCounter(p, r) {
      live++;
      r.c = makeCounter(p.start);
    },
    async liveCounters(_, r) {
      r.n = live;
    },
    async echoCap(p, r) {
      r.cap = p.cap;
    },
    async echoCapLater(p, r) {
      const cap = p.cap;
      await pause(p.delayMs);
      r.cap = cap;
    },
    async callBack(p, r) {
      const cb = p.cb, n = p.n;
      let sum = 0n;
      for (let i = 0; i < n; i++) sum += (await cb.call((q) => { q.i = i; }).promise()).v;
      r.sum = sum;
    },
    async hold(p) {
      held = p.cap;
    },
    async getHeld(_, r) {
      if (held) r.cap = held;
    },
    async dropHeld() {
      held = undefined;
    },
    async fail(p) {
      throw new Error(p.reason);
    },
    async hang() {
      await new Promise(() => {});
    },
    async cancelCount(_, r) {
      r.n = canceled;
    },
    async write(p) {
      const chunk = bytesOf(p.chunk);
      poisoned ||= chunk[0] === 0xff;
      if (poisoned) throw new Error("poison");
      bytes += BigInt(chunk.length);
      calls++;
    },
    async finishStream(_, r) {
      if (poisoned) throw new Error("poison");
      r.bytes = bytes;
      r.calls = calls;
      bytes = 0n;
      calls = 0;
    },
    async sumAll(p, r) {
      let sum = 0n;
      for (let i = 0; i < p.caps.length; i++) sum += (await p.caps.get(i).get().promise()).value;
      r.sum = sum;
    },
    async getDerived(p, r) {
      const name = p.name;
      r.d = new Derived$Server({ ...counter(0n), async name(_, q) { q.name = name; } }).client();
    },
    async isNull(p, r) {
      r.null = !p._hasCap?.();
    },
    async fresh(_, r) {
      r.c = conf().client();
    },
    // A method without a handler ends the connection; there is neither a promise to hand out nor a
    // tail call to make.
    getPromiseCap: nothing,
    getBrokenPromise: nothing,
    tail: nothing,
    echoAny: nothing,
    echoPayload: nothing,
  });
  return server;
}

function serve(host, port) {
  // A root for each connection: the end of one closes what it was given.
  net.createServer((socket) => {
    const root = conf();
    const conn = new Conn(new Socket(socket));
    conn.main = root;
    conn.addExport(root);
    conn.onError = (e) => { if (process.env.GRID_DEBUG) console.error("conn", e); };
  }).listen(port, host, () => console.log("ready"));
}

// ---- the driver ----------------------------------------------------------------------------------

function want(is, what) {
  if (!is) throw new Error(what);
}

const inc = (c, by) => c.inc((p) => { p.by = BigInt(by); }).promise();
const make = (root, start) => root.makeCounter((p) => { p.start = BigInt(start); });

// n calls at once; what they return is looked at.
async function order(c, first, n) {
  const sent = [];
  for (let i = 0; i < n; i++) sent.push(inc(c, 1));
  for (let i = 0; i < n; i++) {
    const value = Number((await sent[i]).value);
    want(value === first + i + 1, `call ${i} returned ${value}`);
  }
}

// Calls before and after the reference has come home; the object must see them in order.
async function embargo(e, delayMs) {
  const seen = [];
  const own = makeCounter(0n, seen);
  const q = delayMs
    ? e.root.echoCapLater((p) => { p.cap = own; p.delayMs = delayMs; })
    : e.root.echoCap((p) => { p.cap = own; });
  const c = q.getCap();
  const sent = [];
  for (let i = 0; i < 50; i++) sent.push(inc(c, i));
  await q.promise();
  for (let i = 50; i < 100; i++) sent.push(inc(c, i));
  await Promise.all(sent);
  want(seen.every((v, i) => v === i) && seen.length === 100, `arrived as ${seen}`);
}

async function fails(promise, ...words) {
  try {
    await promise;
  } catch (x) {
    for (const w of words) want(String(x).includes(w), String(x));
    return;
  }
  throw new Error("it succeeds");
}

const fail = (e, type) =>
  fails(e.root.fail((p) => { p.type = type; p.reason = "on purpose"; }).promise(), "on purpose");

async function until(is) {
  while (!(await is())) await pause(10);
}

const CASES = {
  "null": (e) => e.root.null().promise(),
  "add": async (e) => {
    const r = await e.root.add((p) => { p.a = 2147483647; p.b = 2147483647; }).promise();
    want(r.sum === 4294967294n, `sum ${r.sum}`);
  },
  "echo-100k": async (e) => {
    const x = Uint8Array.from({ length: 100000 }, (_, i) => i);
    const r = await e.root.echo((p) => fill(p._initX(x.length), x)).promise();
    want(Buffer.compare(Buffer.from(bytesOf(r.x)), Buffer.from(x)) === 0, "something else came back");
  },
  "get-self": (e) => e.root.getSelf().getCap().null().promise(),
  "make-counter-inc-get": async (e) => {
    const c = (await make(e.root, 5).promise()).c;
    want((await inc(c, 3)).value === 8n, "not 8");
    want((await c.get().promise()).value === 8n, "get is not 8");
  },
  "pipeline-on-a-result": async (e) => want((await inc(make(e.root, 41).getC(), 1)).value === 42n, "not 42"),
  "pipeline-100-calls-in-order": (e) => order(make(e.root, 0).getC(), 0, 100),
  "derived-own-and-inherited-methods": async (e) => {
    const d = e.root.getDerived((p) => { p.name = "d"; }).getD();
    want((await d.name().promise()).name === "d", "another name");
    want((await inc(new Counter$Client(d.client), 4)).value === 4n, "not 4");
  },
  "echo-cap-own-comes-home": async (e) => {
    const seen = [];
    const own = makeCounter(0n, seen);
    await inc((await e.root.echoCap((p) => { p.cap = own; }).promise()).cap, 0);
    want(seen.length === 1, "it was not called");
  },
  "embargo-order-without-delay": (e) => embargo(e, 0),
  "embargo-order-after-a-delay": (e) => embargo(e, 50),
  "call-back": async (e) => {
    const cb = new Callback$Server({ async call(p, r) { r.v = BigInt(p.i) ** 2n; } }).client();
    want((await e.root.callBack((p) => { p.cb = cb; p.n = 10; }).promise()).sum === 285n, "another sum");
  },
  "hold-and-get-held": async (e) => {
    const c = (await make(e.root, 7).promise()).c;
    await e.root.hold((p) => { p.cap = c; }).promise();
    want((await inc(e.root.getHeld().getCap(), 1)).value === 8n, "not 8");
    await e.root.dropHeld().promise();
  },
  "is-null": async (e) => want((await e.root.isNull().promise()).null, "nothing is something"),
  "promise-cap-keeps-order-across-its-resolution": async (e) => {
    const c = (await e.root.getPromiseCap((p) => { p.delayMs = 50; }).promise()).c;
    await order(c, 100, 50);
    await order(c, 150, 50);
  },
  "broken-promise-fails-the-calls-made-before": async (e) => {
    const c = (await e.root.getBrokenPromise((p) => { p.delayMs = 50; p.reason = "broken on purpose"; }).promise()).c;
    await fails(inc(c, 1), "broken on purpose");
  },
  "tail-call": async (e) => {
    const callee = new Callee$Server({ async foo(p, r) { r.i = p.i + 1; r.self = makeCounter(9n); } }).client();
    want((await e.root.tail((p) => { p.callee = callee; p.i = 3; }).promise()).i === 4, "not 4");
  },
  "fail-failed": (e) => fail(e, 0),
  "fail-overloaded": (e) => fail(e, 1),
  "fail-disconnected": (e) => fail(e, 2),
  "fail-unimplemented": (e) => fail(e, 3),
  "stream-write-and-finish": async (e) => {
    const c = e.root.fresh().getC();
    for (let i = 0; i < 100; i++) await c.write((p) => fill(p._initChunk(1000), new Uint8Array(1000))).promise();
    const r = await c.finishStream().promise();
    want(r.bytes === 100000n && r.calls === 100, "not all of it arrived");
  },
  "sum-all": async (e) => {
    const a = (await make(e.root, 5).promise()).c;
    const b = makeCounter(6n);
    const r = await e.root.sumAll((p) => { const l = p._initCaps(2); l.set(0, a); l.set(1, b); }).promise();
    want(r.sum === 11n, `sum ${r.sum}`);
  },
  "two-connections-do-not-mix": async (e) => {
    const other = await e.connect();
    const [a, b] = [make(e.root, 10).getC(), make(other.root, 20).getC()];
    want((await inc(a, 1)).value === 11n && (await inc(b, 1)).value === 21n, "mixed");
    other.socket.close();
  },
  "disconnect-breaks-the-references": async (e) => {
    const c = (await make(e.root, 1).promise()).c;
    await inc(c, 1);
    e.socket.close();
    await pause(50);
    await fails(inc(c, 1));
  },
};

// What this library has no way to ask for: neither a canceled call nor a released reference.
const SKIPPED = { "cancel-of-a-hanging-call": "no cancellation", "release-reaches-zero": "no release" };

function connector(host, port) {
  return () => new Promise((resolve, reject) => {
    const s = net.connect(port, host, () => {
      const socket = new Socket(s);
      const conn = new Conn(socket);
      conn.onError = (e) => { if (process.env.GRID_DEBUG) console.error("conn", e); };
      resolve({ socket, root: conn.bootstrap(Conf), connect: connector(host, port) });
    });
    s.on("error", reject);
  });
}

async function attempt(connect, run) {
  const e = await connect();
  await run(e);
  e.socket.close();
}

async function drive(host, port, only) {
  let failed = 0;
  for (const [name, run] of Object.entries(CASES)) {
    if (only.length && !only.includes(name)) continue;
    const late = new Promise((_, reject) => setTimeout(() => reject(new Error("no end")), CASE_MS).unref());
    try {
      await Promise.race([attempt(connector(host, port), run), late]);
      console.log(`ok ${name}`);
    } catch (x) {
      failed++;
      console.log(`not ok ${name} - ${String(x).replaceAll("\n", " ").slice(0, 200)}`);
    }
  }
  for (const [name, why] of Object.entries(SKIPPED)) console.log(`skip ${name} - ${why}`);
  process.exit(failed ? 1 : 0);
}

process.on("unhandledRejection", (e) => { if (process.env.GRID_DEBUG) console.error(e); });
const [, , mode, address, ...only] = process.argv;
const at = address?.lastIndexOf(":") ?? -1;
if (at < 0 || !["serve", "drive"].includes(mode)) {
  console.error("usage: node grid.mjs serve|drive HOST:PORT [CASE...]");
  process.exit(2);
}
if (mode === "serve") serve(address.slice(0, at), Number(address.slice(at + 1)));
else await drive(address.slice(0, at), Number(address.slice(at + 1)), only);
