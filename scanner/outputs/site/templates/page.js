"use strict";
(function () {
  const root = document.documentElement;
  const $ = (id) => document.getElementById(id);
  const more = root.dataset.more;
  const store = {
    get(key) { try { return localStorage.getItem("bandscan-" + key); } catch (error) { return null; } },
    set(key, value) { try { localStorage.setItem("bandscan-" + key, value); } catch (error) {} },
  };

  // Numbers as figures.py writes them.
  const fixed = (value, digits) => value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  const three = (value) => fixed(value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0);
  function usd(value) {
    if (value === 0) return more + "$0";
    if (value < 1e3) return more ? more + "$" + Math.floor(value) : "<$1K";
    for (const [unit, letter] of [[1e12, "T"], [1e9, "B"], [1e6, "M"], [1e3, "K"]])
      if (value >= unit * 0.9995 || letter === "K") return more + "$" + three(value / unit) + letter;
  }
  function price(value) {
    if (value >= 999.95) return "$" + fixed(value, 0);
    const digits = 3 - Math.floor(Math.log10(value));
    if (digits <= 9) return "$" + fixed(value, digits);
    const power = Math.floor(Math.log10(value));
    return "$" + fixed(value / 10 ** power, 3) + " × 10" + String(power).replace(/./g, (c) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[c] || "⁻");
  }
  function size(part) {
    const percent = Math.abs(part) * 100;
    return fixed(percent, percent > 0 && percent < 0.05 ? 2 : 1) + "%";
  }
  const move = (part) => (part < 0 ? "−" : part > 0 ? "+" : "") + size(part);
  const counted = (number, word) => more + fixed(number, 0) + " " + word + (number === 1 ? "" : "s");

  // Theme: auto, light, dark.
  const themes = ["auto", "light", "dark"];
  function showTheme(theme) {
    if (theme === "auto") delete root.dataset.theme; else root.dataset.theme = theme;
    const button = $("theme");
    button.setAttribute("aria-label", "Theme: " + theme);
    button.querySelector(".txt").textContent = " " + theme;
  }
  showTheme(themes.includes(root.dataset.theme) ? root.dataset.theme : "auto");
  $("theme").addEventListener("click", () => {
    const next = themes[(themes.indexOf(root.dataset.theme || "auto") + 1) % 3];
    store.set("theme", next);
    showTheme(next);
  });

  // Age by this reader's clock, which the page itself cannot know.
  function showAge() {
    const minutes = Math.floor((Date.now() / 1000 - root.dataset.block) / 60);
    const [number, word] = minutes < 120 ? [minutes, "min"] : minutes < 2880 ? [Math.floor(minutes / 60), "hours"] : [Math.floor(minutes / 1440), "days"];
    if ($("age")) $("age").textContent = minutes < 0 ? "" : fixed(number, 0) + " " + word + " ago";
    const stale = minutes * 60 > root.dataset.stale * 3600;
    root.classList.toggle("stale", stale);
    if ($("old") && stale) $("old").textContent = fixed(number, 0) + " " + (word === "min" ? "minutes" : word);
  }
  showAge();
  setInterval(showAge, 60000);

  // Share this page, with the price that the slider is set to.
  $("share").addEventListener("click", async () => {
    const url = location.href;
    try {
      if (navigator.share) await navigator.share({ title: document.title, url });
      else { await navigator.clipboard.writeText(url); said("Link copied"); }
    } catch (error) { if (error.name !== "AbortError") said("The link is in the address bar"); }
  });
  function said(text) {
    $("spoken").textContent = text;
    const button = $("share");
    button.textContent = text;
    setTimeout(() => { button.textContent = "Share"; $("spoken").textContent = ""; }, 2000);
  }

  // Tables, sorted by a column: the buttons are put in here, as without a script they would be dead.
  // A keyboard stop only where one really scrolls.
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    for (const head of heads) {
      if (!head.classList.contains("sorts")) continue;
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: head.textContent });
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const column = head.cellIndex;
        const down = head.getAttribute("aria-sort") !== "descending";
        for (const other of heads) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const key = (row) => { const cell = row.cells[column]; return cell.dataset.v === undefined ? cell.textContent.trim() : +cell.dataset.v; };
        const rows = [...table.tBodies[0].rows].sort((a, b) => {
          const one = key(a), other = key(b);
          return (one < other ? -1 : one > other ? 1 : 0) * (down ? -1 : 1);
        });
        table.tBodies[0].append(...rows);
      });
    }
  }
  // Drawn as cards on a phone, tables lose their meaning for screen readers: it is said again.
  for (const [name, role] of [["table.cards", "table"], ["table.cards thead,table.cards tbody", "rowgroup"], ["table.cards tr", "row"], ["table.cards td", "cell"], ["table.cards thead th", "columnheader"], ["table.cards tbody th", "rowheader"]])
    for (const one of document.querySelectorAll(name)) one.setAttribute("role", role);
  function stops() {
    for (const box of document.querySelectorAll(".scroll")) {
      if (box.scrollWidth > box.clientWidth + 1) { box.tabIndex = 0; box.setAttribute("role", "region"); box.setAttribute("aria-label", box.dataset.name); }
      else { box.removeAttribute("tabindex"); box.removeAttribute("role"); box.removeAttribute("aria-label"); }
    }
  }
  stops();
  addEventListener("resize", stops);
  for (const one of document.querySelectorAll("details")) one.addEventListener("toggle", stops);

  const how = $("how");
  if (how) {
    if (store.get("how") === "shut") how.open = false;
    how.addEventListener("toggle", () => store.set("how", how.open ? "open" : "shut"));
  }
  const first = document.querySelector("details.first-band");
  if (first && innerWidth > 640) first.open = true;
  addEventListener("beforeprint", () => { for (const one of document.querySelectorAll("details")) one.open = true; });
  function openTarget() {
    const target = location.hash.startsWith("#p=") ? null : $(decodeURIComponent(location.hash.slice(1)));
    if (target) for (let one = target; one; one = one.parentElement) if (one.tagName === "DETAILS") one.open = true;
  }
  addEventListener("hashchange", openTarget);
  openTarget();

  if (!$("numbers")) return;
  const data = JSON.parse($("numbers").textContent);
  const RATIO = 1.0025, PER_ROW = 4;
  const edge = (tick) => RATIO ** tick;

  // The ladder: pointer and keys share one function and one tooltip.
  const reader = $("reader"), at = $("at"), tip = $("tip");
  let row = +reader.getAttribute("aria-valuenow");
  const shown = () => { const one = document.querySelector("#zoom input:checked"); return [+one.dataset.first, +one.dataset.last]; };
  function tell(lines) {
    tip.replaceChildren(...lines.map((text, k) => Object.assign(document.createElement(k ? "div" : "b"), { textContent: text })));
  }
  function read(next, x, y) {
    const [low, high] = shown();
    const top = Math.floor((data.last - high) / PER_ROW), bottom = Math.ceil((data.last - low) / PER_ROW) - 1;
    row = Math.min(Math.max(next, top), bottom);
    const upper = data.last - row * PER_ROW, lower = upper - PER_ROW;
    const from = edge(lower), to = edge(upper), middle = Math.sqrt(from * to);
    const cell = data.rows[row], parts = [];
    let total = 0;
    for (let k = 0; k < cell.length; k += 2) { total += cell[k + 1]; parts.push([data.legend[cell[k]], cell[k + 1]]); }
    parts.sort((a, b) => b[1] - a[1]);
    const range = price(from) + "–" + price(to);
    const there = (middle < data.spot ? "below" : "above") + " spot by " + size(middle / data.spot - 1);
    const sum = total ? usd(total) + " at risk, " + counted(data.positions[row], "position") : "Nothing at risk, 0 positions";
    const strongest = data.strength[row] === null ? "" : "strength up to " + data.strength[row].toFixed(2);
    tell([range, there, sum, ...(strongest ? [strongest] : []), ...parts.map(([name, value]) => name + " " + usd(value))]);
    reader.setAttribute("aria-valuenow", row);
    reader.setAttribute("aria-valuetext", range + ", " + there + ": " + (total ? usd(total) + " of collateral at risk, " + counted(data.positions[row], "position") + (strongest && ", " + strongest) : "nothing at risk"));
    const tall = 100 * PER_ROW / (high - low);
    at.style.top = 100 * (high - upper) / (high - low) + "%";
    at.style.height = tall + "%";
    at.hidden = false;
    const box = reader.getBoundingClientRect();
    if (x === undefined) { x = box.left + box.width * 0.3; y = box.top + box.height * (high - upper + PER_ROW / 2) / (high - low); }
    place(x, y, box);
  }
  // Inside the picture where it has room: beside it stand the notes that one compares with.
  function place(x, y, box) {
    tip.hidden = false;
    const wide = tip.offsetWidth, right = wide + 8 < box.width ? box.right : innerWidth;
    const past = x + 16 + wide > right - 8;
    tip.style.left = Math.max(4, past && x - 16 - wide > box.left ? x - 16 - wide : Math.min(x + 16, right - wide - 8)) + "px";
    tip.style.top = Math.max(4, Math.min(y + 14, innerHeight - tip.offsetHeight - 8)) + "px";
  }
  function unread() { at.hidden = tip.hidden = true; }
  function point(event) {
    const box = reader.getBoundingClientRect(), [low, high] = shown();
    const tick = high - (high - low) * (event.clientY - box.top) / box.height;
    read(Math.floor((data.last - tick) / PER_ROW), event.clientX, event.clientY);
  }
  reader.addEventListener("pointermove", point);
  reader.addEventListener("pointerdown", point);
  // A finger that is lifted has not left: what it tapped stays until the next tap elsewhere.
  const leave = (event) => { if (event.pointerType !== "touch") unread(); };
  reader.addEventListener("pointerleave", leave);
  reader.addEventListener("blur", () => { if (!at.hidden) unread(); });
  reader.addEventListener("focus", () => { if (reader.matches(":focus-visible")) read(row); });
  reader.addEventListener("keydown", (event) => {
    const step = { ArrowUp: -1, ArrowRight: -1, ArrowDown: 1, ArrowLeft: 1, PageUp: -10, PageDown: 10, Home: -1e6, End: 1e6 }[event.key];
    if (step) { event.preventDefault(); read(row + step); }
    if (event.key === "Escape") unread();
  });
  addEventListener("keydown", (event) => { if (event.key === "Escape") unread(); });
  addEventListener("scroll", unread, { passive: true });
  for (const one of document.querySelectorAll("#zoom input")) one.addEventListener("change", unread);

  // The map: its own pixels say which colour stands at a time and a price.
  const map = document.querySelector(".heat .pic");
  addEventListener("pointerdown", (event) => { if (![reader, map].some((one) => one && one.contains(event.target))) unread(); });
  if (map && data.heat) {
    const image = map.querySelector("img.lt");
    let pixels = null;
    const look = async (event) => {
      if (!pixels) {
        await image.decode();
        const canvas = Object.assign(document.createElement("canvas"), { width: image.naturalWidth, height: image.naturalHeight });
        const paper = canvas.getContext("2d");
        paper.drawImage(image, 0, 0);
        pixels = paper.getImageData(0, 0, canvas.width, canvas.height);
      }
      const box = map.getBoundingClientRect(), [low, high] = shown();
      const part = (event.clientX - box.left) / box.width;
      const tick = high - (high - low) * (event.clientY - box.top) / box.height;
      const x = Math.min(Math.max(Math.floor(part * pixels.width), 0), pixels.width - 1);
      const y = Math.min(Math.max(Math.floor((data.last - tick) * pixels.height / (data.last - data.first)), 0), pixels.height - 1);
      const from = 4 * (y * pixels.width + x), [red, green, blue, clear] = pixels.data.slice(from, from + 4);
      const colour = "#" + [red, green, blue].map((one) => one.toString(16).padStart(2, "0")).join("");
      const upper = data.last - y * 2, when = new Date((data.heat.start + (x + 1) / pixels.width * (data.heat.end - data.heat.start)) * 1000);
      const day = when.toLocaleString("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", timeZone: "UTC" });
      at.hidden = true;
      tell([price(edge(upper - 2)) + "–" + price(edge(upper)), day + " UTC", clear ? data.heat.words[data.heat.colours.indexOf(colour)] + " at risk" : "no scan is stored"]);
      place(event.clientX, event.clientY, box);
    };
    map.addEventListener("pointermove", look);
    map.addEventListener("pointerdown", look);
    map.addEventListener("pointerleave", leave);
  }

  // If the price moves: sums from spot outwards, at tick edges.
  const slider = $("move"), here = $("here"), says = $("move-says");
  const tables = {};
  for (const side of ["long", "short"]) {
    const sums = [0, 0, 0, 0, 0];
    tables[side] = [];
    for (let k = 0; k < data[side].length; k += 5) tables[side].push(sums.map((_, n) => (sums[n] += data[side][k + n])));
  }
  function reached(side, tick) {
    let found = [0, 0, 0, 0, 0];
    for (const line of tables[side]) { if (side === "long" ? line[0] < tick : line[0] > tick) break; found = line; }
    return found;
  }
  function moved() {
    const tick = data.from + +slider.value, level = edge(tick), falls = level <= data.spot;
    const [, collateral, debt, seizable, positions] = reached(falls ? "long" : "short", tick);
    const distance = move(level / data.spot - 1);
    here.style.left = 100 * slider.value / slider.max + "%";
    says.replaceChildren();
    const add = (text, bold) => says.append(bold ? Object.assign(document.createElement("b"), { textContent: text }) : text);
    add("If " + data.name + (falls ? " falls to " : " rises to ")); add(price(level), true); add(" (" + distance + "), ");
    if (positions) {
      add(usd(collateral), true); add(" of collateral in "); add(counted(positions, "position"), true);
      add(" can be liquidated. It backs " + usd(debt) + " of debt; the first calls may take " + usd(seizable) + ".");
    } else { add(data.nothing, true); add("."); }
    const told = positions ? usd(collateral) + " of collateral can be liquidated" : data.nothing;
    slider.setAttribute("aria-valuetext", price(level) + ", " + distance + ": " + told);
  }
  slider.addEventListener("input", moved);
  slider.addEventListener("change", () => { try { history.replaceState(null, "", "#p=" + edge(data.from + +slider.value).toPrecision(6)); } catch (error) {} });
  function fromHash() {
    const asked = /^#p=([0-9.e-]+)$/.exec(location.hash);
    if (!asked || !(+asked[1] > 0)) return;
    slider.value = Math.round(Math.log(+asked[1]) / Math.log(RATIO)) - data.from;
    moved();
    $("moves").scrollIntoView();
  }
  addEventListener("hashchange", fromHash);
  fromHash();
})();
