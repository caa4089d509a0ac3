// The database itself, in a thread of its own: it answers one message at a time, and nothing can interrupt it there.

import path from "node:path";
import { pathToFileURL } from "node:url";
import { parentPort, workerData } from "node:worker_threads";

const dist = path.join(workerData.modules, "node_modules", "@unni-craftsman", "pglite", "dist");
const { PGlite } = await import(pathToFileURL(path.join(dist, "index.js")));
const { timescaledb } = await import(pathToFileURL(path.join(dist, "timescaledb", "index.js")));

const database = await PGlite.create({ dataDir: workerData.folder, extensions: { timescaledb } });
await database.exec("CREATE EXTENSION IF NOT EXISTS timescaledb");
await database.exec("LOAD 'timescaledb'");
const { rows } = await database.query("SHOW server_version");
parentPort.postMessage({ ready: rows[0].server_version });

parentPort.on("message", async ({ id, bytes, file }) => {
  try {
    if (file) await database._handleBlob(new Blob([file]));
    const answer = Uint8Array.from(await database.execProtocolRaw(bytes));
    if (file) await database._cleanupBlob();
    parentPort.postMessage({ id, answer }, [answer.buffer]);
  } catch (failure) {
    parentPort.postMessage({ id, failure: String(failure) });
  }
});
