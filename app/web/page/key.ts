/* The key of this browser: ECDSA P-256, made here, and not to be taken out, not even by this page. A cookie that is
 * stolen opens nothing without it. It lies in IndexedDB, which ports of localhost do not share, as cookies are. */

const STORE = "key";

function wait<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((done, fail) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => fail(request.error);
  });
}

async function store(mode: IDBTransactionMode): Promise<IDBObjectStore> {
  const open = indexedDB.open("capos", 1);
  open.onupgradeneeded = () => open.result.createObjectStore(STORE);
  return (await wait(open)).transaction(STORE, mode).objectStore(STORE);
}

/* The key that is there; null: none. */
export async function have(): Promise<CryptoKeyPair | null> {
  return (await wait((await store("readonly")).get("browser")) as CryptoKeyPair | undefined) ?? null;
}

/* A new one in its place. */
export async function make(): Promise<CryptoKeyPair> {
  const pair = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false,
    ["sign"]) as CryptoKeyPair;
  await wait((await store("readwrite")).put(pair, "browser"));
  return pair;
}

export function base64(bytes: Uint8Array): string {
  let s = "";
  for (const b of bytes)
    s += String.fromCharCode(b);
  return btoa(s);
}

export function base64url(bytes: Uint8Array): string {
  return base64(bytes).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

/* Data, as the bridge writes it: numbers, or base64. */
export function bytes(data: Bytes | undefined): Uint8Array {
  if (typeof data === "string")
    return Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
  return Uint8Array.from(data ?? []);
}

/* The public half as a point of 65 bytes, for POST /enter. */
export async function point(pair: CryptoKeyPair): Promise<string> {
  return base64url(new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey)));
}

/* The answer to `greet`: "capos-web-1" 0 nonce cookie PORT, signed. */
export async function sign(pair: CryptoKeyPair, greet: WebDown_Greet): Promise<string> {
  const label = new TextEncoder();
  const parts = [label.encode("capos-web-1\0"), bytes(greet.nonce), bytes(greet.cookie),
                 label.encode(location.port || (location.protocol === "https:" ? "443" : "80"))];
  const all = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of parts) {
    all.set(p, at);
    at += p.length;
  }
  const signed = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, pair.privateKey, all);
  return base64(new Uint8Array(signed));
}
