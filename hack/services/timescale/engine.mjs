// The thread with the database, and who may speak to it: one client, from its first message to the end of its
// transaction. To end a statement there is one way: the thread ends, as in a crash. What was committed is there when
// it has started again, and everything else is not.

import { Worker } from "node:worker_threads";

export class Crashed extends Error {}

export class Engine {
  constructor(folder, modules) {
    this.settings = { folder, modules };
    this.holder = null;
    this.last = null;
    this.waiting = [];
    this.pending = new Map();
    this.next = 1;
  }

  async start() {
    const worker = new Worker(new URL("./database.mjs", import.meta.url), { workerData: this.settings });
    this.worker = worker;
    this.version = await new Promise((resolve, reject) => {
      worker.on("message", (said) => (said.ready ? resolve(said.ready) : this.answered(said)));
      worker.on("error", (failure) => {
        reject(failure);
        console.error(failure);
        process.exit(1);
      });
    });
  }

  answered({ id, answer, failure }) {
    const { resolve, reject } = this.pending.get(id) ?? {};
    this.pending.delete(id);
    if (failure) reject?.(new Error(failure));
    else resolve?.(Buffer.from(answer));
  }

  // The answer to one message; `file` is what /dev/blob reads meanwhile.
  ask(bytes, file) {
    const id = this.next++;
    return new Promise((resolve, reject) => {
      this.pending.set(id, { resolve, reject });
      this.worker.postMessage({ id, bytes: Uint8Array.from(bytes), file });
    });
  }

  async restart() {
    await this.worker.terminate();
    for (const { reject } of this.pending.values()) reject(new Crashed());
    this.pending.clear();
    this.last = null;
    await this.start();
  }

  // True once the client holds the database; false where `giveUp` came first.
  acquire(client) {
    if (this.holder === null) this.holder = client;
    if (this.holder === client) return Promise.resolve(true);
    return new Promise((resolve) => this.waiting.push({ client, resolve }));
  }

  // Ends the waiting of a client; false where it waits for nothing.
  giveUp(client) {
    const index = this.waiting.findIndex((entry) => entry.client === client);
    if (index < 0) return false;
    this.waiting.splice(index, 1)[0].resolve(false);
    return true;
  }

  release(client) {
    if (this.holder !== client) return;
    const entry = this.waiting.shift();
    this.holder = entry ? entry.client : null;
    entry?.resolve(true);
  }
}
