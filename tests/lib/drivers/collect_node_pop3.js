// SPDX-License-Identifier: ISC
// Collects messages by node-pop3 of npm: see lib/libraries.py.

const fs = require("fs");
const job = JSON.parse(fs.readFileSync(0, "utf8"));
const Pop3 = require(job.npm + "/node-pop3");

async function main() {
  const pop = new Pop3({
    host: "127.0.0.1", port: job.port, tls: job.kind === "TLS",
    user: job.user, password: job.password,
    tlsOptions: { rejectUnauthorized: false },
  });
  let sizes;
  try {
    sizes = await pop.LIST();
  } catch (error) {
    console.log(JSON.stringify({ error: String(error.message) }));
    process.exit();
  }
  const uidls = await pop.UIDL();
  for (const [number] of sizes) {
    fs.writeFileSync(job.folder + "/" + number, await pop.RETR(number));
    await pop.TOP(number, 1);
    if (job.delete) await pop.DELE(number);
  }
  let missing = "";
  try { await pop.RETR(999); } catch (error) { missing = error.message; }
  await pop.QUIT();
  console.log(JSON.stringify({
    count: sizes.length, sizes: Object.fromEntries(sizes),
    uidls: Object.fromEntries(uidls), missing: String(missing),
  }));
}

main().catch((error) => { console.error(error); process.exit(1); });
