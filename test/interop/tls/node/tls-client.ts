// tls-client in TypeScript: one login over Node's tls or a Unix socket, with capnp-es and nothing of
// ours but schema/ and doc/protocol/admission.md.
//
// usage: node tls-client.js ADDRESS CERTIFICATE METHOD ACCOUNT SECRET    (tls-run.py says what is what)
//
// capnp-es has no transport for sockets: here is one.
import { execFileSync } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import * as net from "node:net";
import * as tls from "node:tls";
import { Conn, Message, utils } from "capnp-es";
import { Message as RpcMessage } from "capnp-es/capnp/rpc";
import {
  RemoteAuthFlow$Client, RemoteAuthKind, RemoteChannelBinding, RemoteSession$Client, RemoteSessionGateway,
} from "./remote_session.js";
import { SystemInfo$Client } from "./system_info.js";

const WAIT_MS = 60000;

// What a proof says about the connection: fields 2, 3 and 8 of the transcript.
interface Channel {
  transport: string;
  binding: Buffer;
  keyHash: Buffer;
}

interface Options {
  address: string;
  certificate: string;
  method: string;
  account: string;
  secret: string;
}

// ---- the transport -------------------------------------------------------------------------------

// The bytes of the first whole message of a buffer, or 0 when it is not there yet.
function frameBytes(b: Buffer): number {
  if (b.length < 4) return 0;
  const segments = b.readUInt32LE(0) + 1;
  const header = (4 + 4 * segments + 7) & ~7;
  if (b.length < header) return 0;
  let words = 0;
  for (let i = 0; i < segments; i++) words += b.readUInt32LE(4 + 4 * i);
  return b.length < header + 8 * words ? 0 : header + 8 * words;
}

class Transport {
  private bytes = Buffer.alloc(0);
  private ready: RpcMessage[] = [];
  private waiting: { resolve: (m: RpcMessage) => void; reject: (e: Error) => void }[] = [];

  constructor(private socket: net.Socket) {
    socket.on("data", (data: Buffer) => this.take(data));
    socket.on("error", () => {});
    socket.on("close", () => {
      for (const w of this.waiting.splice(0)) w.reject(new Error("the connection is gone"));
    });
  }

  private take(data: Buffer): void {
    this.bytes = Buffer.concat([this.bytes, data]);
    for (let n = frameBytes(this.bytes); n; n = frameBytes(this.bytes)) {
      const one = new Uint8Array(this.bytes.subarray(0, n)).buffer;
      this.bytes = this.bytes.subarray(n);
      const message = new Message(one, false).getRoot(RpcMessage);
      const w = this.waiting.shift();
      if (w) w.resolve(message);
      else this.ready.push(message);
    }
  }

  sendMessage(m: RpcMessage): void {
    if (!this.socket.destroyed) this.socket.write(Buffer.from(m.segment.message.toArrayBuffer()));
  }

  recvMessage(): Promise<RpcMessage> {
    const message = this.ready.shift();
    if (message) return Promise.resolve(message);
    if (this.socket.destroyed) return Promise.reject(new Error("the connection is gone"));
    return new Promise((resolve, reject) => this.waiting.push({ resolve, reject }));
  }

  close(): void {
    this.socket.destroy();
  }
}

function connected<S extends net.Socket>(socket: S, event: string): Promise<S> {
  return new Promise((resolve, reject) => {
    socket.once(event, () => resolve(socket));
    socket.once("error", reject);
  });
}

async function connect(o: Options): Promise<[net.Socket, Channel]> {
  const [, kind, place] = /^(\w+):(.*)$/.exec(o.address)!;
  if (kind === "unix") {
    const none = Buffer.alloc(0);
    const socket = await connected(net.connect(place), "connect");
    return [socket, { transport: "unix", binding: none, keyHash: none }];
  }
  const [, host, port] = /^(.*):(\d+)$/.exec(place)!;
  const socket = await connected(tls.connect({
    host, port: Number(port), servername: "localhost", ca: readFileSync(o.certificate),
    minVersion: "TLSv1.3", ALPNProtocols: ["capnp-rpc"],
  }), "secureConnect");
  const leaf = new X509Certificate(socket.getPeerCertificate().raw);
  const key = leaf.publicKey.export({ type: "spki", format: "der" });
  return [socket, {
    transport: "tls",
    binding: socket.exportKeyingMaterial(32, "EXPORTER-Channel-Binding", Buffer.alloc(0)),
    keyHash: createHash("sha256").update(key).digest(),
  }];
}

// ---- what is signed ------------------------------------------------------------------------------

function transcript(c: Channel, nonce: Buffer, account: string): Buffer {
  const none = Buffer.alloc(0);
  const fields = [Buffer.from("capos admission proof 1"), Buffer.from(c.transport), c.binding, nonce,
                  none, Buffer.from(account), none, c.keyHash];
  return Buffer.concat(fields.flatMap((f) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(f.length);
    return [length, f];
  }));
}

// What ssh-keygen makes of some bytes, without its armour.
function signature(key: string, bytes: Buffer): Buffer {
  const armour = execFileSync("ssh-keygen", ["-Y", "sign", "-f", key, "-n", "login@capos"],
                              { input: bytes, stdio: ["pipe", "pipe", "ignore"] }).toString();
  return Buffer.from(armour.split("\n").filter((line) => !line.startsWith("-")).join(""), "base64");
}

async function proof(o: Options, c: Channel, flow: RemoteAuthFlow$Client): Promise<Buffer> {
  const asked = await flow.next().promise();
  const nonce = Buffer.from(asked.step.challenge.toUint8Array());
  if (o.method.startsWith("tls-key")) [c.transport, c.binding] = ["tls-key", Buffer.alloc(0)];
  if (o.method.endsWith("-other")) [c.binding, c.keyHash, nonce].find((field) => field.length)![0] ^= 1;
  return signature(o.secret, transcript(c, nonce, o.account));
}

// ---- a login -------------------------------------------------------------------------------------

async function login(o: Options, c: Channel, conn: Conn): Promise<RemoteSession$Client> {
  const password = o.method === "password";
  const flow = conn.bootstrap(RemoteSessionGateway).start((p) => {
    const request = p._initRequest();
    request.kind = password ? RemoteAuthKind.PASSWORD : RemoteAuthKind.PUBLIC_KEY;
    if (o.method.startsWith("tls-key")) request.binding = RemoteChannelBinding.SERVER_KEY;
    request._initSelector().account = o.account;
  }).getFlow();
  const response = password ? Buffer.from(o.secret) : await proof(o, c, flow);
  const done = await flow.next((p) => {
    p._initResponse(response.length).copyBuffer(new Uint8Array(response).buffer);
  }).promise();
  return done.session;
}

// Says whose session it is, and what a capability of it answers.
async function describe(session: RemoteSession$Client): Promise<string> {
  const info = (await session.info().promise()).info;
  const got = await session.capSet().getCaps().get((p) => {
    p.name = "system_info";
    p.expectedInterfaceId = SystemInfo$Client.interfaceId;
  }).promise();
  const motd = await new SystemInfo$Client(utils.getInterfaceClientOrNull(got.cap)).motd().promise();
  return `${info.account} ${info.kind} ${motd.text}`;
}

async function run(o: Options): Promise<string> {
  const [socket, channel] = await connect(o);
  const conn = new Conn(new Transport(socket));
  conn.onError = () => {};
  return describe(await login(o, channel, conn));
}

const words = process.argv.slice(2);
if (words.length !== 5) {
  console.error("usage: tls-client ADDRESS CERTIFICATE METHOD ACCOUNT SECRET");
  process.exit(2);
}
const [address, certificate, method, account, secret] = words;
setTimeout(() => {
  console.log("nothing came");
  process.exit(1);
}, WAIT_MS);
run({ address, certificate, method, account, secret }).then(
  (said) => {
    console.log(said);
    process.exit(0);
  },
  (why) => {
    console.log(String(why));
    process.exit(1);
  });
