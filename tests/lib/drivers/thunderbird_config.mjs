// SPDX-License-Identifier: ISC
//
// usage: thunderbird_config.mjs FOLDER <tree
//
// Reads a configuration file of Thunderbird's by Thunderbird's own code, whose
// modules are in FOLDER. The tree is the file as JSON: an element is {name,
// attributes, children}, and a text is a string. Prints what was read, as JSON.
// Around the code is what it uses of Thunderbird: no more than names.
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const folder = process.argv[2];
const modules = {};

// What is in modules that are not there: whatever it is, it is used for errors.
globalThis.absent = new Proxy(class extends Error {}, {
  get: (target, name) => target[name] ?? globalThis.absent,
});
globalThis.ChromeUtils = {
  defineESModuleGetters(target, names) {
    for (const [name, url] of Object.entries(names)) {
      Object.defineProperty(target, name, {
        get: () => (modules[path.posix.basename(url)] ?? globalThis.absent)[name],
      });
    }
  },
  defineLazyGetter(target, name, get) {
    Object.defineProperty(target, name, { get });
  },
};
globalThis.Localization = class {
  formatValueSync(id) {
    return id;
  }
};
globalThis.Services = { prefs: { getBoolPref: () => false } };
globalThis.Cu = { isInAutomation: true };
globalThis.Ci = {
  nsMsgSocketType: { plain: 0, alwaysSTARTTLS: 2, SSL: 3 },
  nsMsgAuthMethod: {
    none: 1,
    passwordCleartext: 3,
    passwordEncrypted: 4,
    GSSAPI: 5,
    NTLM: 6,
    OAuth2: 10,
  },
};
// What Thunderbird passes over, it writes there.
console.error = error => {
  throw error;
};

function list(values) {
  return Object.assign(values, { item: index => values[index] });
}

function node(tree) {
  if (typeof tree == "string") {
    return { nodeType: 3, nodeValue: tree };
  }
  const children = tree.children.map(node);
  return {
    nodeType: 1,
    nodeName: tree.name,
    attributes: list(
      Object.entries(tree.attributes).map(([name, value]) => ({ name, value }))
    ),
    childNodes: list(children),
    hasChildNodes: () => children.length > 0,
  };
}

for (const file of fs.readdirSync(folder)) {
  modules[file] = await import(pathToFileURL(path.join(folder, file)));
}
const { JXON } = modules["JXON.sys.mjs"];
const { readFromXML } = modules["readFromXML.sys.mjs"];
const root = JSON.parse(fs.readFileSync(0, "utf8"));
const config = readFromXML(
  JXON.build(node({ name: "#document", attributes: {}, children: [root] })),
  "isp-https"
);
process.stdout.write(
  JSON.stringify({ ...config, complete: config.isComplete() })
);
