// SPDX-License-Identifier: ISC
// Collects messages by yapople of npm: see lib/libraries.py.

const fs = require("fs");
const job = JSON.parse(fs.readFileSync(0, "utf8"));
const { Client } = require(job.npm + "/yapople");

async function main() {
  const pop = new Client({
    host: "127.0.0.1", port: job.port, tls: job.kind === "TLS",
    username: job.user, password: job.password,
    options: { rejectUnauthorized: false },
  });
  try {
    await pop.connect();
  } catch (error) {
    console.log(JSON.stringify({ error: error.message }));
    process.exit();
  }
  const count = await pop.count();
  const sizes = await pop.list();
  const messages = await pop.retrieveAll();
  messages.forEach((text, number) =>
    fs.writeFileSync(job.folder + "/" + number, text));
  if (count) await pop.top(1, 0);
  let missing = "";
  try { await pop.retrieve(999); } catch (error) { missing = error.message; }
  if (job.delete) await pop.deleteAll();
  await pop.quit();
  console.log(JSON.stringify({ count, sizes, missing }));
}

main().catch((error) => { console.error(error); process.exit(1); });
