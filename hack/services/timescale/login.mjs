// How a client comes in: what it asks for before the first message, its password, and what it is told on success.

import crypto from "node:crypto";
import fs from "node:fs";

import { CANCEL_REQUEST, GSS_REQUEST, SSL_REQUEST, error, int32, message, ready, textAt } from "./wire.mjs";

const md5 = (...parts) => parts.reduce((hash, part) => hash.update(part), crypto.createHash("md5")).digest("hex");

// What a first packet asks for: its parameters, a cancellation, or a way of talking that is not offered.
export function opening(bytes) {
  const code = bytes.readInt32BE(4);
  if (code === SSL_REQUEST || code === GSS_REQUEST) return { refused: true };
  if (code === CANCEL_REQUEST) return { cancel: bytes.subarray(8) };
  const parameters = {};
  for (let at = 8; bytes[at]; ) {
    const name = textAt(bytes, at);
    const value = textAt(bytes, name.next);
    parameters[name.text] = value.text;
    at = value.next;
  }
  return { parameters };
}

export function challenge(salt) {
  return message("R", int32(5), salt);
}

// Null where user, password and database are right; else the message that says what is not. The file of users is
// read anew each time, so that a password can change while the server runs.
export function refusal(parameters, salt, given, { users, database }) {
  const password = JSON.parse(fs.readFileSync(users, "utf8"))[parameters.user];
  const expected = password === undefined ? "" : `md5${md5(md5(password, parameters.user), salt)}`;
  if (given !== expected) {
    return error("FATAL", "28P01", `password authentication failed for user "${parameters.user}"`);
  }
  const wanted = parameters.database || parameters.user;
  return wanted === database ? null : error("FATAL", "3D000", `database "${wanted}" does not exist`);
}

export function welcome(version, key) {
  const said = {
    server_version: version,
    server_encoding: "UTF8",
    client_encoding: "UTF8",
    DateStyle: "ISO, MDY",
    IntervalStyle: "postgres",
    TimeZone: "UTC",
    integer_datetimes: "on",
    standard_conforming_strings: "on",
    is_superuser: "on",
  };
  const statuses = Object.entries(said).map(([name, value]) => message("S", name, value));
  return Buffer.concat([message("R", int32(0)), ...statuses, message("K", key), ready("I")]);
}

// Settings that a client brings along: `options=-c name=value`, and the two that it may name by themselves.
export function settings(parameters) {
  const found = [];
  for (const [, name, value] of (parameters.options ?? "").matchAll(/(?:-c\s*|--)([\w.]+)=((?:\\.|\S)*)/g)) {
    found.push([name, value.replace(/\\(.)/g, "$1")]);
  }
  for (const name of ["TimeZone", "search_path"]) if (parameters[name]) found.push([name, parameters[name]]);
  return found;
}
