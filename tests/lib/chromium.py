# SPDX-License-Identifier: ISC
"""Chromium as a measuring rod: what is cut off, and what lies over what.

The page stands in a frame of the wanted width, beside a script of ours that
looks into it: nothing is added to the page itself.
"""
import html
import json
import re
import subprocess

from .peers import find
from .tap import check

MEASURE = """
const frame = document.querySelector('iframe');
frame.onload = () => {
  const page = frame.contentDocument, found = [], boxes = [];
  const wide = frame.contentWindow.innerWidth;
  if (page.documentElement.scrollWidth > wide)
    found.push('scrolls: ' + page.documentElement.scrollWidth);
  const texts = page.createTreeWalker(page.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = texts.nextNode());) {
    if (!node.data.trim() || node.parentNode.closest('title,style')) continue;
    const range = page.createRange();
    range.selectNodeContents(node);
    for (const r of range.getClientRects()) {
      if (r.width < 1 || r.height < 2) continue;
      const name = node.data.trim().slice(0, 40);
      const drawing = node.parentNode.closest('svg');
      const b = drawing ? drawing.getBoundingClientRect()
                        : {left: 0, right: wide};
      if (r.left < b.left - 0.5 || r.right > b.right + 0.5)
        found.push('is cut: ' + name);
      for (const [other, o] of boxes)
        if (Math.min(r.right, o.right) - Math.max(r.left, o.left) > 1 &&
            Math.min(r.bottom, o.bottom) - Math.max(r.top, o.top) > 3)
          found.push(name + ' lies over ' + other);
      boxes.push([name, r]);
    }
  }
  const pre = document.createElement('pre');
  pre.id = 'measured';
  pre.textContent = JSON.stringify({found: found, texts: boxes.length,
    scripts: page.scripts.length,
    names: [...new Set([...page.querySelectorAll('*')].map(
      e => e.localName))].sort()});
  document.body.append(pre);
};
frame.srcdoc =
  JSON.parse(document.getElementById('page').textContent);
"""


def run(scratch, *args, seconds=240):
    """Headless, without the network; what it prints."""
    program = find("chromium", "chromium")
    folder = scratch.dir / "chromium"
    folder.mkdir(exist_ok=True)
    done = subprocess.run(
        [program, "--headless", "--no-sandbox", "--disable-gpu",
         "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions",
         "--proxy-server=127.0.0.1:1", f"--user-data-dir={folder}", *args],
        capture_output=True, text=True, timeout=seconds, check=False,
        env=dict(scratch.environment(), HOME=str(folder)))
    check(done.returncode == 0, done.stderr[-400:])
    return done.stdout


def measure(scratch, page, width):
    """What Chromium says of the page in a window of that width."""
    text = json.dumps(page).replace("<", "\\u003c")
    wrapper = scratch.dir / f"measure-{width}.html"
    wrapper.write_text(
        "<!DOCTYPE html><meta charset=utf-8>"
        f"<iframe width={width} height=800 style='border:0'></iframe>"
        f"<script type='application/json' id=page>{text}</script>"
        f"<script>{MEASURE}</script>")
    dom = run(scratch, "--window-size=1000,900", "--virtual-time-budget=5000",
              "--dump-dom", wrapper.as_uri())
    said = re.search(r'<pre id="measured">(.*?)</pre>', dom, re.S)
    check(said, f"Chromium has measured nothing: {dom[-300:]}")
    return json.loads(html.unescape(said[1]))
