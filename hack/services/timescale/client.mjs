// One client: its messages one after the other, each while it holds the database.

import crypto from "node:crypto";

import { Crashed } from "./engine.mjs";
import { Limits } from "./limits.mjs";
import { challenge, opening, refusal, settings, welcome } from "./login.mjs";
import { cstring, error, int16, message, query, ready, split, textAt } from "./wire.mjs";

const COPY_IN = /^\s*COPY\s[^;]*?\sFROM\s+STDIN\b/i;
const ENDS = /^\s*(ROLLBACK|ABORT|COMMIT|END)\b(?!.*\bTO\b)/i;
const SESSION_SET = /^\s*SET\s+(?!LOCAL\b|TRANSACTION\b|CONSTRAINTS\b)/i;
const FORGETS = /^\s*(RESET|DISCARD)\s+ALL\b/i;
const SEARCH_PATH = 'SET search_path TO "$user", public';
const TIMED_OUT = "canceling statement due to statement timeout";

let numbers = 0;

export class Client {
  constructor(socket, server) {
    Object.assign(this, { socket, server, engine: server.engine });
    this.number = ++numbers;
    this.key = crypto.randomBytes(8);
    this.queue = [];
    this.chunks = [];
    this.size = 0;
    this.needed = 8;
    this.status = "I";
    this.statements = new Set();
    socket.setNoDelay(true);
    socket.on("data", (chunk) => this.received(chunk));
    socket.on("error", () => {});
    socket.on("close", () => this.gone());
  }

  received(chunk) {
    this.chunks.push(chunk);
    this.size += chunk.length;
    if (this.size < this.needed) return;
    let bytes = Buffer.concat(this.chunks);
    if (!this.parameters) bytes = this.opened(bytes);
    const { found, rest } = this.parameters ? split(bytes) : { found: [], rest: bytes };
    const inside = this.parameters ? 1 : 0;
    this.chunks = [rest];
    this.size = rest.length;
    this.needed = rest.length >= 4 + inside ? inside + rest.readInt32BE(inside) : rest.length + 1;
    this.queue.push(...found);
    this.run();
  }

  opened(bytes) {
    while (!this.parameters && bytes.length >= 8 && bytes.length >= bytes.readInt32BE(0)) {
      const length = bytes.readInt32BE(0);
      const { refused, cancel, parameters } = opening(bytes.subarray(0, length));
      bytes = bytes.subarray(length);
      if (refused) this.write(Buffer.from("N"));
      if (cancel) {
        this.server.cancel(cancel);
        this.socket.end();
        return Buffer.alloc(0);
      }
      if (parameters) {
        this.parameters = parameters;
        this.salt = crypto.randomBytes(4);
        this.write(challenge(this.salt));
      }
    }
    return bytes;
  }

  async run() {
    if (this.running) return;
    this.running = true;
    while (this.queue.length > 0 && !this.closed) {
      const { letter, bytes } = this.queue.shift();
      try {
        await this.handle(letter, bytes);
      } catch (failure) {
        if (failure instanceof Crashed) await this.crashed(letter);
        else this.end(error("FATAL", "XX000", String(failure)));
      }
    }
    this.running = false;
    if (this.closed) await this.leave();
  }

  async handle(letter, bytes) {
    if (!this.limits) return this.login(bytes);
    if (letter === "X") return this.socket.end();
    if (this.copy) return this.copying(letter, bytes);
    if (this.skipping && letter !== "S") return undefined;
    if (this.lost) return this.inLostTransaction(letter, bytes);
    if (letter === "H") return undefined; // every answer is written as soon as it is there
    clearTimeout(this.idleTimer);
    if (letter === "Q") return this.simple(textAt(bytes, 5).text);
    return letter === "S" ? this.sync(bytes) : this.extended(letter, bytes);
  }

  login(bytes) {
    const refused = refusal(this.parameters, this.salt, textAt(bytes, 5).text, this.server.settings);
    if (refused) return this.end(refused);
    this.set = settings(this.parameters).map(([name, value]) => `SET ${name} TO '${value.replaceAll("'", "''")}'`);
    this.limits = new Limits(settings(this.parameters));
    return this.write(welcome(this.engine.version, this.key));
  }

  // True once this client has the database, in its own settings; false when its time was over before.
  async hold() {
    if (this.limits.statement && !this.timer) {
      this.timer = setTimeout(() => this.cancel(TIMED_OUT), this.limits.statement);
    }
    if (!(await this.engine.acquire(this))) return false;
    if (this.engine.last !== this) {
      this.engine.last = this;
      for (const sql of ["RESET ALL", SEARCH_PATH, ...this.set]) await this.engine.ask(query(sql));
    }
    return true;
  }

  // Ends what this client waits for or has running.
  cancel(reason) {
    this.reason = reason;
    if (this.engine.giveUp(this)) return;
    if (this.engine.holder === this && this.timer !== undefined) this.server.restart(this);
  }

  async simple(sql, file) {
    if (!file && COPY_IN.test(sql)) {
      this.copy = { sql, parts: [] };
      return this.write(message("G", Buffer.from([/\bbinary\b/i.test(sql) ? 1 : 0]), int16(0)));
    }
    if (!(await this.hold())) return this.refuse("Q");
    let answer = await this.engine.ask(query(sql), file);
    let { found } = split(answer);
    if (found.at(-1)?.letter !== "Z") found = found.concat(split(await this.engine.ask(message("S"))).found);
    const failed = found.some(({ letter }) => letter === "E");
    if (!failed) await this.heed(sql);
    return this.cycleEnds(found);
  }

  async heed(sql) {
    this.limits.heed(sql);
    if (SESSION_SET.test(sql)) this.set.push(sql);
    if (/^\s*LISTEN\b/i.test(sql)) this.listening = true;
    if (FORGETS.test(sql)) {
      this.set = [];
      await this.engine.ask(query(SEARCH_PATH));
    }
  }

  async extended(letter, bytes) {
    if (!(await this.hold())) return this.refuse(letter);
    for (const asked of this.renamed(letter, bytes)) {
      const { found } = split(await this.engine.ask(asked.bytes));
      this.server.notify(found);
      const answers = found.filter((item) => item.letter !== "Z" && item.letter !== "A" && !asked.silent);
      this.write(Buffer.concat(answers.map((item) => item.bytes)));
      if (answers.some((item) => item.letter === "E")) this.skipping = true;
    }
    if (letter === "P" && !this.skipping) this.limits.heed(textAt(bytes, textAt(bytes, 5).next).text);
    return undefined;
  }

  // Statements get names of this client's own, the nameless one too: others come in between.
  renamed(letter, bytes) {
    const own = (name) => cstring(`c${this.number}_${name}`);
    if (letter === "P") {
      const name = textAt(bytes, 5);
      this.statements.add(name.text);
      const parse = { bytes: message("P", own(name.text), bytes.subarray(name.next)) };
      const close = { bytes: message("C", Buffer.from("S"), own("")), silent: true };
      return name.text === "" ? [close, parse] : [parse];
    }
    if (letter === "B") {
      const portal = textAt(bytes, 5);
      const name = textAt(bytes, portal.next);
      return [{ bytes: message("B", portal.text, own(name.text), bytes.subarray(name.next)) }];
    }
    if ((letter === "D" || letter === "C") && bytes[5] === 0x53) {
      return [{ bytes: message(letter, Buffer.from("S"), own(textAt(bytes, 6).text)) }];
    }
    return [{ bytes }];
  }

  async sync(bytes) {
    this.skipping = false;
    if (this.engine.holder !== this) return this.write(ready(this.status));
    return this.cycleEnds(split(await this.engine.ask(bytes)).found);
  }

  cycleEnds(found) {
    this.server.notify(found);
    clearTimeout(this.timer);
    this.timer = undefined;
    this.status = String.fromCharCode(found.at(-1).bytes[5]);
    if (this.status === "I") {
      this.limits.endTransaction();
      this.engine.release(this);
    } else if (this.limits.idle) {
      this.idleTimer = setTimeout(() => this.tooIdle(), this.limits.idle);
    }
    this.write(Buffer.concat(found.filter(({ letter }) => letter !== "A").map(({ bytes }) => bytes)));
  }

  async copying(letter, bytes) {
    if (letter === "d") this.copy.parts.push(bytes.subarray(5));
    if (letter === "d" || letter === "H" || letter === "S") return undefined;
    const { sql, parts } = this.copy;
    this.copy = undefined;
    if (letter === "c") return this.simple(sql.replace(/\bSTDIN\b/i, "'/dev/blob'"), Buffer.concat(parts));
    if (letter !== "f") return this.end(error("FATAL", "08P01", `unexpected message ${letter} during COPY`));
    if (!(await this.hold())) return this.refuse("Q");
    // Whatever fails will do to make the transaction a failed one.
    const { found } = split(await this.engine.ask(query("COPY FROM")));
    const said = error("ERROR", "57014", `COPY from stdin failed: ${textAt(bytes, 5).text}`);
    const status = found.at(-1)?.letter === "Z" ? found : split(await this.engine.ask(message("S"))).found;
    return this.cycleEnds([{ letter: "E", bytes: said }, status.at(-1)]);
  }

  refuse(letter) {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.write(error("ERROR", "57014", this.reason));
    if (letter === "Q") this.write(ready(this.status));
    else this.skipping = true;
  }

  // The database went away under a statement of this client, and is back.
  async crashed(letter) {
    await this.server.restarting;
    this.lost = this.status !== "I";
    this.status = this.lost ? "E" : "I";
    this.limits.endTransaction();
    this.engine.release(this);
    this.refuse(letter);
  }

  // After a crash the client may still believe that its transaction is there, in a failed state.
  inLostTransaction(letter, bytes) {
    if (letter === "S") {
      this.skipping = false;
      return this.write(ready("E"));
    }
    if (letter === "Q" && ENDS.test(textAt(bytes, 5).text)) {
      this.lost = false;
      this.status = "I";
      return this.write(Buffer.concat([message("C", "ROLLBACK"), ready("I")]));
    }
    const said = "current transaction is aborted, commands ignored until end of transaction block";
    this.write(error("ERROR", "25P02", said));
    if (letter === "Q") return this.write(ready("E"));
    this.skipping = true;
    return undefined;
  }

  tooIdle() {
    this.end(error("FATAL", "25P03", "terminating connection due to idle-in-transaction timeout"));
  }

  write(bytes) {
    if (!this.closed && bytes.length > 0) this.socket.write(bytes);
  }

  end(bytes) {
    this.write(bytes);
    this.socket.end();
    this.gone();
  }

  gone() {
    this.closed = true;
    clearTimeout(this.timer);
    clearTimeout(this.idleTimer);
    this.engine.giveUp(this);
    if (!this.running) this.leave();
  }

  // Leave nothing behind: no open transaction, no statements.
  async leave() {
    if (this.left) return;
    this.left = true;
    this.server.clients.delete(this);
    if (!this.limits || (this.engine.holder !== this && this.statements.size === 0)) return;
    try {
      await this.engine.acquire(this);
      await this.engine.ask(query("ROLLBACK"));
      for (const name of this.statements) {
        await this.engine.ask(message("C", Buffer.from("S"), cstring(`c${this.number}_${name}`)));
        await this.engine.ask(message("S"));
      }
    } catch (failure) {
      if (!(failure instanceof Crashed)) throw failure;
    } finally {
      this.engine.release(this);
    }
  }
}

