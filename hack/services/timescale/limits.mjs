// The two limits in time that a session can have, in milliseconds; 0 is none. The database inside knows no clock
// while it works, so what clients set is read from their statements.

const NAMES = { statement_timeout: "statement", idle_in_transaction_session_timeout: "idle" };
const UNITS = { "": 1, ms: 1, s: 1000, min: 60000 };
const SET = /\bSET\s+(SESSION\s+|LOCAL\s+)?(\w+)\s*(?:=|\bTO\b)\s*'?(\d+)\s*(ms|s|min)?'?/gi;

export class Limits {
  constructor(settings) {
    this.initial = { statement: 0, idle: 0 };
    for (const [name, value] of settings) {
      const [, count, unit] = /^(\d+)(ms|s|min)?$/.exec(value) ?? [];
      if (NAMES[name] && count) this.initial[NAMES[name]] = Number(count) * UNITS[unit ?? ""];
    }
    this.session = { ...this.initial };
    this.local = {};
  }

  get statement() {
    return this.local.statement ?? this.session.statement;
  }

  get idle() {
    return this.local.idle ?? this.session.idle;
  }

  // Take note of a statement that succeeded.
  heed(sql) {
    if (/\b(RESET|DISCARD)\s+ALL\b/i.test(sql)) this.session = { ...this.initial };
    for (const [, scope, name, count, unit] of sql.matchAll(SET)) {
      const limit = NAMES[name.toLowerCase()];
      if (!limit) continue;
      const bounds = /local/i.test(scope ?? "") ? this.local : this.session;
      bounds[limit] = Number(count) * UNITS[(unit ?? "").toLowerCase()];
    }
  }

  endTransaction() {
    this.local = {};
  }
}
