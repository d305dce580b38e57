/* Numbers, times and values as texts for a person: the units of UiUnit, 64-bit integers from their strings. */

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const fine = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
const short = new Intl.NumberFormat("en", { maximumSignificantDigits: 4 });
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const date = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

export function num(v: Float | Wide | undefined): number {
  return v === undefined ? 0 : Number(v);
}

/* 1204000: "1.204 M". */
export function big(n: number): string {
  const a = Math.abs(n);
  if (!Number.isFinite(n))
    return n > 0 ? "∞" : n < 0 ? "−∞" : "none";
  if (a < 1e4)
    return Number.isInteger(n) ? whole.format(n) : fine.format(n);
  for (const [size, letter] of [[1e15, "P"], [1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]] as const)
    if (a >= size)
      return `${short.format(n / size)} ${letter}`;
  return whole.format(n);
}

export function size(n: number): string {
  for (const [unit, name] of [[2 ** 40, "TiB"], [2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"]] as const)
    if (n >= unit)
      return `${fine.format(n / unit)} ${name}`;
  return `${whole.format(n)} B`;
}

export function time(ms: number): string {
  return ms > 0 ? clock.format(ms) : "";
}

export function moment(ms: number): string {
  return ms > 0 ? date.format(ms) : "never";
}

/* "7 h 12 min", "9 min"; below a minute in seconds. */
export function span(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1000));
  const d = Math.floor(s / 86400), hours = Math.floor(s / 3600) % 24, m = Math.floor(s / 60) % 60;
  if (d)
    return `${d} d${hours ? ` ${hours} h` : ""}`;
  if (s >= 3600)
    return `${hours} h${m ? ` ${m} min` : ""}`;
  return m ? `${m} min${s % 60 ? ` ${s % 60} s` : ""}` : `${s} s`;
}

/* "7:12:04", for columns. */
export function left(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1000));
  const two = (n: number): string => String(n).padStart(2, "0");
  return `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
}

export function micros(us: number): string {
  return us < 1000 ? `${us} µs` : us < 1e6 ? `${fine.format(us / 1000)} ms` : `${fine.format(us / 1e6)} s`;
}

export function unit(n: number, u: UiUnit): string {
  switch (u) {
  case "bytes": return size(n);
  case "percent": return `${fine.format(n * 100)} %`;
  case "milliseconds": return Math.abs(n) < 1000 ? `${fine.format(n)} ms` : Math.abs(n) < 60e3
    ? `${fine.format(n / 1000)} s` : `${n < 0 ? "−" : ""}${span(Math.abs(n))}`;
  case "perSecond": return `${big(n)}/s`;
  case "bytesPerSecond": return `${size(n)}/s`;
  case "instant": return moment(n);
  case "money": return fine.format(n);
  case "count": return big(Math.round(n));
  default: return big(n);
  }
}

/* A value as a text. What does not fit a number stays the digits that came. */
export function value(v: CommandValue | undefined, u: UiUnit = "plain"): string {
  if (v?.text !== undefined)
    return v.text;
  if (v?.flag !== undefined)
    return v.flag ? "yes" : "no";
  const digits = v?.int ?? v?.uint;
  if (digits !== undefined) {
    if (!Number.isSafeInteger(Number(digits)))
      return String(digits);
    return u === "plain" ? whole.format(Number(digits)) : unit(Number(digits), u);
  }
  return v?.number !== undefined ? unit(num(v.number), u) : "";
}

/* What a person edits: no separators. */
export function raw(v: CommandValue | undefined): string {
  if (v?.text !== undefined)
    return v.text;
  if (v?.flag !== undefined)
    return v.flag ? "true" : "false";
  const n = v?.int ?? v?.uint ?? v?.number;
  return n === undefined ? "" : String(n);
}

/* "publicKey" → "public key", "denied.unknown-name" stays. */
export function words(name: string): string {
  return name.replace(/([a-z])([A-Z])/g, (_, a: string, b: string) => `${a} ${b.toLowerCase()}`);
}

/* SHA256:q7Yd…m41c */
export function brief(fingerprint: string): string {
  return fingerprint.length > 24 ? `${fingerprint.slice(0, 11)}…${fingerprint.slice(-4)}` : fingerprint;
}

/* Why there is no key to show of an instance. */
export function noKey(transport: string | undefined): string {
  return transport === "tls" ? "not met yet" : transport === "unix" ? "none, on this machine" : "none, without TLS";
}
