// Frames and messages of PostgreSQL's wire protocol, as far as a server behind which another one stands needs them.

export const SSL_REQUEST = 80877103;
export const GSS_REQUEST = 80877104;
export const CANCEL_REQUEST = 80877102;

// One message to a client: a letter, its length, its body.
export function message(letter, ...parts) {
  const body = Buffer.concat(parts.map((part) => (typeof part === "string" ? cstring(part) : part)));
  const head = Buffer.alloc(5);
  head.write(letter, 0, "latin1");
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

export function cstring(text) {
  return Buffer.concat([Buffer.from(text, "utf8"), Buffer.alloc(1)]);
}

export function int32(...values) {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, index) => bytes.writeInt32BE(value, 4 * index));
  return bytes;
}

export function int16(...values) {
  const bytes = Buffer.alloc(2 * values.length);
  values.forEach((value, index) => bytes.writeInt16BE(value, 2 * index));
  return bytes;
}

export function error(severity, code, text) {
  const fields = [["S", severity], ["V", severity], ["C", code], ["M", text]];
  return message("E", ...fields.map(([letter, value]) => Buffer.concat([Buffer.from(letter), cstring(value)])), Buffer.alloc(1));
}

export function ready(status) {
  return message("Z", Buffer.from(status));
}

export function query(sql) {
  return message("Q", sql);
}

// The messages that a block of bytes holds in full, each with its letter, and what is left over.
export function split(bytes) {
  const found = [];
  let at = 0;
  while (bytes.length - at >= 5) {
    const end = at + 1 + bytes.readInt32BE(at + 1);
    if (end > bytes.length) break;
    found.push({ letter: String.fromCharCode(bytes[at]), bytes: bytes.subarray(at, end) });
    at = end;
  }
  return { found, rest: bytes.subarray(at) };
}

// A string of a message's body that ends in a zero byte, and where the next field begins.
export function textAt(bytes, at) {
  const end = bytes.indexOf(0, at);
  return { text: bytes.toString("utf8", at, end), next: end + 1 };
}

// The field of an error message, such as C for its code.
export function field(bytes, letter) {
  for (let at = 5; at < bytes.length && bytes[at] !== 0; ) {
    const name = String.fromCharCode(bytes[at]);
    const { text, next } = textAt(bytes, at + 1);
    if (name === letter) return text;
    at = next;
  }
  return "";
}
