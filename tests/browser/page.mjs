// Drives one headless Chromium: a JSON request on each line of stdin, its answer on a line of
// stdout. It only does what it is told and tells what it saw; chromium.py asks, the tests judge.
//
//   node page.mjs CHROMIUM
//   > {"do": "open", "url": "file:///…", "width": 1440, …}
//   < {"value": 1}                                           the number of the new page
//   > {"do": "evaluate", "page": 1, "code": "document.title"}
//   < {"value": "…"}                                         or {"error": "…"}

import { createRequire } from "node:module";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import puppeteer from "puppeteer-core";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const browser = await puppeteer.launch({
  executablePath: process.argv[2],
  headless: "shell",
  // A fixed scale and no hinting: the same picture on every machine. Nothing asks anybody else.
  args: [
    "--no-sandbox", // as root, as in a container; the pages are our own
    "--hide-scrollbars",
    "--font-render-hinting=none",
    "--force-device-scale-factor=1",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--no-pings",
  ],
});
const pages = new Map();

const tasks = {
  async open({ url, width, height, scheme, motion, script, clock, touch }) {
    const context = await browser.createBrowserContext();
    const page = await context.newPage();
    const number = pages.size + 1;
    const seen = { console: [], errors: [], requests: [] };
    pages.set(number, { page, context, seen });
    listen(page, seen);
    await page.setViewport({ width, height, hasTouch: touch, isMobile: touch });
    await page.setJavaScriptEnabled(script);
    await media(page, { scheme, motion });
    if (clock !== null) await page.evaluateOnNewDocument(stopClock, clock);
    await page.goto(url, { waitUntil: "load" });
    return number;
  },
  async close({ page: number }) {
    await pages.get(number).context.close();
    pages.set(number, null); // its number is not given to another
  },
  goto: ({ page, url }) => of(page).goto(url, { waitUntil: "load" }).then(() => null),
  reload: ({ page }) => of(page).reload({ waitUntil: "load" }).then(() => null),
  seen: ({ page }) => pages.get(page).seen,
  evaluate: ({ page, code }) => of(page).evaluate(code),
  resize: ({ page, width, height }) => of(page).setViewport({ width, height }),
  media: ({ page, ...features }) => media(of(page), features),
  hover: ({ page, selector }) => of(page).hover(selector),
  click: ({ page, selector }) => of(page).click(selector),
  // Follows a link: the click, and the page it leads to.
  go: ({ page, selector }) =>
    Promise.all([of(page).waitForNavigation(), of(page).click(selector)]).then(() => null),
  // Saves what a link offers into a folder; answers with the file's name.
  async save({ page: number, selector, folder }) {
    const { page, context } = pages.get(number);
    const session = await browser.target().createCDPSession();
    const browserContextId = context.id;
    const behavior = { behavior: "allow", browserContextId, downloadPath: folder };
    await session.send("Browser.setDownloadBehavior", { ...behavior, eventsEnabled: true });
    const done = new Promise((resolve, reject) => {
      let name;
      session.on("Browser.downloadWillBegin", (event) => (name = event.suggestedFilename));
      session.on("Browser.downloadProgress", ({ state }) => {
        if (state === "completed") resolve(name);
        if (state === "canceled") reject(new Error("the download was cancelled"));
      });
      setTimeout(() => reject(new Error("no download came")), 10_000).unref();
    });
    await page.click(selector);
    return done.finally(() => session.detach());
  },
  move: ({ page, x, y }) => of(page).mouse.move(x, y),
  drag: ({ page, from, to }) => drag(of(page).mouse, from, to),
  tap: ({ page, x, y }) => of(page).touchscreen.tap(x, y),
  press: ({ page, keys }) => press(of(page).keyboard, keys),
  shot: ({ page, path, full }) => of(page).screenshot({ path, fullPage: full, captureBeyondViewport: full }).then(() => null),
  pdf: ({ page, path }) => of(page).pdf({ path, format: "A4", printBackground: true }).then(() => null),
  async axe({ page: number, rules }) {
    const page = of(number);
    if (!(await page.evaluate("typeof axe !== 'undefined'"))) await page.evaluate(axe);
    return page.evaluate(audit, rules);
  },
};

const of = (number) => pages.get(number).page;

function listen(page, seen) {
  page.on("console", (message) => {
    const where = message.location().url ?? "";
    seen.console.push({ type: message.type(), text: message.text(), where });
  });
  page.on("pageerror", (error) => seen.errors.push(String(error)));
  page.on("error", (error) => seen.errors.push(`crash: ${error}`));
  page.on("request", (request) => {
    seen.requests.push({ url: request.url().slice(0, 300), kind: request.resourceType() });
  });
}

// Sets only what is given.
async function media(page, { scheme, motion, type }) {
  const features = [];
  if (scheme) features.push({ name: "prefers-color-scheme", value: scheme });
  if (motion) features.push({ name: "prefers-reduced-motion", value: motion });
  if (features.length) await page.emulateMediaFeatures(features);
  if (type !== undefined) await page.emulateMediaType(type);
  return null;
}

// Runs in the page before its own scripts: the moment is `seconds` after 1970, and stays it.
function stopClock(seconds) {
  const Real = Date;
  globalThis.Date = class extends Real {
    constructor(...parts) {
      super(...(parts.length ? parts : [seconds * 1000]));
    }
    static now() {
      return seconds * 1000;
    }
  };
}

// Runs in the page: what axe complains about, and how much it looked at.
async function audit(rules) {
  const only = rules ? { runOnly: { type: "rule", values: rules } } : {};
  const found = await axe.run(document, { ...only, resultTypes: ["violations"] });
  const violations = found.violations.map(({ id, impact, help, nodes }) => ({
    id,
    impact,
    help,
    nodes: nodes.map((node) => ({
      target: node.target.join(" "),
      html: node.html.slice(0, 200),
      why: node.any.concat(node.all, node.none).map((check) => check.message).join("; "),
    })),
  }));
  return { violations, passes: found.passes.length };
}

async function drag(mouse, [x0, y0], [x1, y1]) {
  await mouse.move(x0, y0);
  await mouse.down();
  await mouse.move(x1, y1, { steps: 8 });
  await mouse.up();
  return null;
}

// "Shift+Tab" holds Shift.
async function press(keyboard, keys) {
  for (const key of keys) {
    const held = key.split("+");
    const last = held.pop();
    for (const each of held) await keyboard.down(each);
    await keyboard.press(last);
    for (const each of held.reverse()) await keyboard.up(each);
  }
  return null;
}

for await (const line of createInterface({ input: process.stdin })) {
  const { do: task, ...rest } = JSON.parse(line);
  let answer;
  try {
    answer = { value: (await tasks[task](rest)) ?? null };
  } catch (error) {
    answer = { error: String(error) };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
await browser.close();
