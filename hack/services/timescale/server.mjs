// Serves one TimescaleDB, compiled to WebAssembly, to many clients on a port of this machine:
//   node server.mjs '{"folder": …, "modules": …, "host": …, "port": …, "users": FILE, "database": NAME}'
// It is for development and tests where no native build can be had. What it does not show faithfully: advisory locks
// of sessions are given to everybody, temporary tables are seen by all, rights are not checked, a second client waits
// while a transaction is open, and background jobs run only when they are called.

import fs from "node:fs";
import net from "node:net";

import { Client } from "./client.mjs";
import { Engine } from "./engine.mjs";
import { error } from "./wire.mjs";

class Server {
  constructor(settings) {
    this.settings = settings;
    this.engine = new Engine(settings.folder, settings.modules);
    this.clients = new Set();
  }

  async listen() {
    fs.mkdirSync(this.settings.folder, { recursive: true });
    await this.engine.start();
    const listener = net.createServer((socket) => this.clients.add(new Client(socket, this)));
    listener.listen(this.settings.port, this.settings.host);
  }

  cancel(key) {
    const client = [...this.clients].find((item) => item.key.equals(key));
    client?.cancel("canceling statement due to user request");
  }

  // As after the crash of one backend: every other client is sent away.
  restart(cause) {
    this.restarting = this.engine.restart();
    const said = "terminating connection because of crash of another server process";
    for (const client of this.clients) if (client !== cause) client.end(error("FATAL", "57P02", said));
  }

  notify(found) {
    const said = found.filter(({ letter }) => letter === "A").map(({ bytes }) => bytes);
    if (said.length === 0) return;
    for (const client of this.clients) if (client.listening) client.write(Buffer.concat(said));
  }
}

await new Server(JSON.parse(process.argv[2])).listen();
