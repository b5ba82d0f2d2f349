/**
 * The stage: plays a timeline on an SVG that Python drew. It knows no PCI.
 *
 * A host (a notebook widget or a standalone page) gives a model with get, set, on, off and
 * save_changes. Keys it reads: `svg` (the picture, both languages on its texts), `timeline` (see
 * scene/player.py), `texts` ({en, zh} of the player's words), `language` ("en" | "zh"), `theme`
 * ("auto" | "light" | "dark"), `predict` (true: Play waits for a guess). Keys it writes:
 * `language`, `theme`, `selection` (the id of the chosen box or hop), `prediction`.
 */

// ---- pure functions, tested with node --test ------------------------------------------------

/** The step on show at `t`; a boundary belongs to the later step.
 * @param {{t: number}[]} steps sorted by t */
export const stepAt = (steps, t) => steps.findLast((s) => s.t <= t) ?? steps[0];

/** Two significant digits, whole from 10 on: no more digits than the number is worth. */
export const micro = (ns) => {
  const us = ns / 1000;
  return us >= 9.95 ? String(Math.round(us)) : us.toFixed(1);
};

/** A sentence with its {slots} filled. */
export const fill = (sentence, slots) => sentence.replace(/\{(\w+)\}/g, (all, name) => slots[name] ?? all);

/** How much of [start, end] lies before t, 0 to 1; an instant is done from its start. */
export const done = (start, end, t) => (t <= start ? (t === start && end === start ? 1 : 0) : end <= start ? 1 : Math.min(1, (t - start) / (end - start)));

/** The score of one lane at `t`: hypervisor CPU and elapsed time in ns, VM exits, of all requests.
 * @param {{hops: object[], trace: number[][]}} lane */
export const scoreAt = (lane, t) => {
  let cpu = 0, exits = 0, last = 0;
  for (const [, index, start, end] of lane.trace) {
    const hop = lane.hops[index];
    const part = done(start, end, t);
    if (hop.waited) last = Math.max(last, end);
    if (part <= 0) continue;
    if (hop.isHypervisor) cpu += hop.cpu[1] * part;
    for (const count of Object.values(hop.exits)) exits += count;
  }
  return { cpu, exits, elapsed: Math.min(t, last), isDone: t >= last, end: last };
};

/** The hop that request 0 of a lane is on at `t`, as [index, part done]; waited-for hops only. */
export const currentHop = (lane, t) => {
  let found = null;
  for (const [request, index, start, end] of lane.trace) {
    if (request !== 0 || !lane.hops[index].waited || start > t) continue;
    if (end > start || found === null) found = [index, done(start, end, t)];
  }
  return found ?? [0, 0];
};

/** The times at which a hop of request 0 begins, over all lanes, sorted, each once. */
export const stops = (lanes, end) => {
  const times = new Set([0, end]);
  for (const lane of lanes) for (const [request, index, start, finish] of lane.trace) if (request === 0 && lane.hops[index].waited && finish > start) times.add(start);
  return [...times].sort((a, b) => a - b);
};

/** The point at `part` of a sampled way. */
export const pointOn = (samples, part) => {
  const x = Math.max(0, Math.min(1, part)) * (samples.length - 1);
  const i = Math.min(samples.length - 2, Math.floor(x));
  const f = x - i;
  return [samples[i][0] + (samples[i + 1][0] - samples[i][0]) * f, samples[i][1] + (samples[i + 1][1] - samples[i][1]) * f];
};

/** Where `t` ns stands on the axis, in px from its left; a break squeezes what lies in it. */
export const axisPx = (axis, t) => {
  const scale = (axis.width - axis.cut_px) / (axis.end_ns - (axis.cut_to - axis.cut_from));
  const at = Math.min(t, axis.end_ns);
  if (at <= axis.cut_from || !axis.cut_px) return at * scale;
  if (at < axis.cut_to) return axis.cut_from * scale + (axis.cut_px * (at - axis.cut_from)) / (axis.cut_to - axis.cut_from);
  return axis.width - (axis.end_ns - at) * scale;
};

/** The time in ns at `px` of the axis: the other way round. */
export const axisNs = (axis, px) => {
  const scale = (axis.width - axis.cut_px) / (axis.end_ns - (axis.cut_to - axis.cut_from));
  const left = axis.cut_from * scale;
  if (px <= left || !axis.cut_px) return px / scale;
  if (px < left + axis.cut_px) return axis.cut_from + ((px - left) / axis.cut_px) * (axis.cut_to - axis.cut_from);
  return axis.end_ns - (axis.width - px) / scale;
};

export const GLYPHS = { command: "M-8 -9L10 0L-8 9Z", data: "M-9 -9h18v18h-18Z", interrupt: "M0 -11L11 0L0 11L-11 0Z" };
const SPEEDS = [0.25, 0.5, 1, 2, 4];
const NS = "http://www.w3.org/2000/svg";

// ---- life ------------------------------------------------------------------------------------

const element = (name, attributes = {}, text = null) => {
  const e = document.createElement(name);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  if (text !== null) e.textContent = text;
  return e;
};
const shape = (name, attributes) => {
  const e = document.createElementNS(NS, name);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  return e;
};

function mount({ model, el }) {
  const timeline = model.get("timeline");
  const texts = model.get("texts");
  const lanes = timeline.lanes;
  const still = window.matchMedia?.("(prefers-reduced-motion: reduce)").matches ?? false;
  const ends = stops(lanes, timeline.last_ns);
  // Many requests go on beyond the axis, which is that of one; their clock runs straight, in ns a second.
  const straight = timeline.last_ns > timeline.axis.end_ns ? timeline.last_ns / timeline.seconds : 0;
  const ask = model.get("predict") ? lanes.length - 1 : -1;
  const truth = ask < 0 ? 0 : Math.round(Object.values(lanes[ask].exits).reduce((sum, count) => sum + count, 0));
  let guess = ask < 0 ? null : undefined;
  let language = model.get("language") || "en";
  let t = 0, playing = false, speed = 1, frame = 0, before = 0, isVisible = true, chosen = null, lane = 0;
  const shown = { command: true, data: true, interrupt: true };
  const say = (key, slots = {}) => fill(texts[language][key] ?? key, slots);
  const word = (words) => words[language];

  const question = element("div", { class: "sl-question", role: "group" });
  const root = element("div", { class: "sl-stage", "data-theme": model.get("theme") || "auto", tabindex: "-1" });
  root.dataset.lane = "0";
  const bar = element("div", { class: "sl-bar", role: "toolbar" });
  const canvas = element("div", { class: "sl-canvas" });
  canvas.innerHTML = model.get("svg");
  const svg = canvas.querySelector("svg");
  svg.removeAttribute("width");
  svg.removeAttribute("height");
  const scores = element("div", { class: "sl-scores", "aria-hidden": "true" });
  const detail = element("aside", { class: "sl-detail", hidden: "", tabindex: "-1" });
  const live = element("div", { class: "sl-live", "aria-live": "polite" });
  if (ask >= 0) root.append(question);
  root.append(bar, scores, canvas, detail, live);
  el.append(root);

  // -- controls
  const controls = [];
  const button = (key, glyph, act, extra = "") => {
    const b = element("button", { type: "button", class: `sl-button ${extra}`, "data-key": key });
    b.addEventListener("click", act);
    const name = () => { b.title = say(key); b.setAttribute("aria-label", say(key)); b.textContent = glyph ?? say(key); };
    controls.push(name);
    bar.append(b);
    return b;
  };
  const play = button("play", null, () => toggle(), "sl-play");
  button("restart", "⏮", () => seek(0));
  button("back", "◂", () => seek(ends.findLast((s) => s < t - 1) ?? 0));
  button("step", "▸", () => seek(ends.find((s) => s > t + 1) ?? timeline.last_ns));
  const scrub = element("input", { type: "range", class: "sl-scrub", min: 0, max: timeline.last_ns, step: 10, value: 0 });
  scrub.addEventListener("input", () => { pause(); seek(Number(scrub.value)); });
  controls.push(() => scrub.setAttribute("aria-label", say("time")));
  bar.append(scrub);
  const pace = button("speed", "1×", () => setSpeed(SPEEDS[(SPEEDS.indexOf(speed) + 1) % SPEEDS.length]));
  for (const stream of Object.keys(GLYPHS)) {
    const b = button(`stream.${stream}`, null, () => {
      shown[stream] = !shown[stream];
      b.setAttribute("aria-pressed", shown[stream]);
      draw();
    }, `sl-stream sl-${stream}`);
    b.setAttribute("aria-pressed", "true");
    controls.push(() => {
      b.replaceChildren();
      const icon = shape("svg", { viewBox: "-12 -12 24 24", width: 14, height: 14, "aria-hidden": "true" });
      icon.append(shape("path", { d: GLYPHS[stream], class: `sl-glyph sl-${stream}` }));
      b.append(icon, ` ${say(`stream.${stream}`)}`);
    });
  }
  const many = button("many-button", null, () => {
    const group = svg.querySelector('[data-view="many"]');
    const on = group.style.display === "none";
    group.style.display = on ? "" : "none";
    layer.style.display = on ? "none" : "";
    many.setAttribute("aria-pressed", on);
    if (on) pause();
  });
  many.setAttribute("aria-pressed", "false");
  button("lane-switch", null, () => { lane = (lane + 1) % lanes.length; root.dataset.lane = lane; frameLane(); }, "sl-phone");
  button("projector", "⛶", () => root.classList.toggle("sl-projector"));
  button("theme", "◐", () => {
    const order = ["auto", "light", "dark"];
    root.dataset.theme = order[(order.indexOf(root.dataset.theme) + 1) % 3];
    model.set("theme", root.dataset.theme);
    model.save_changes();
  });
  button("language", null, () => speak(language === "en" ? "zh" : "en"));
  button("help", "?", () => openDetail(say("help"), [say("help.text")]));

  // -- the moving layer: trails under the boxes, tokens above
  const trails = shape("g", { class: "sl-trails", "aria-hidden": "true" });
  const layer = shape("g", { class: "sl-tokens", "aria-hidden": "true" });
  const firstBox = svg.querySelector('[id^="station-"]');
  firstBox.parentNode.insertBefore(trails, firstBox);
  svg.insertBefore(layer, svg.querySelector('[data-view="many"]'));
  const ways = lanes.map((l) => l.hops.map((hop) => {
    const path = shape("path", { d: hop.d, class: `sl-trail s-${hop.stream}` });
    trails.append(path);
    const length = path.getTotalLength();
    path.style.strokeDasharray = `${length} ${length}`;
    path.style.strokeDashoffset = length;
    const samples = [];
    for (let i = 0; i <= 40; i += 1) { const p = path.getPointAtLength((length * i) / 40); samples.push([p.x, p.y]); }
    return { path, length, samples };
  }));
  const tokens = lanes.map((l) => {
    const byRequest = new Map();
    for (const entry of l.trace) {
      if (!byRequest.has(entry[0])) byRequest.set(entry[0], []);
      if (l.hops[entry[1]].waited) byRequest.get(entry[0]).push(entry);
    }
    return [...byRequest.values()].map((trace, i) => {
      const path = shape("path", { class: "sl-token" });
      if (i > 0) path.setAttribute("data-follower", "");
      layer.append(path);
      // With several VMs each token says whose it is.
      const owner = timeline.vms > 1 ? shape("text", { class: "sl-vm", "text-anchor": "middle" }) : null;
      if (owner) { owner.style.fill = "var(--sl-paper)"; owner.textContent = String(trace[0][4] + 1); layer.append(owner); }
      return { trace, path, owner, stream: "", at: 0 };
    });
  });
  const playhead = shape("line", { class: "sl-head", x1: 0, x2: 0, y1: headTop(), y2: headTop() + 6 + 28 * lanes.length });
  layer.append(playhead);
  function headTop() { return Number(svg.querySelector('[id^="bar-0-"] rect').getAttribute("y")) - 4; }
  const slots = new Map([...svg.querySelectorAll("[data-slot]")].map((e) => [e.dataset.slot, e]));
  const put = (slot, text) => { const e = slots.get(slot); if (e && e.textContent !== text) e.textContent = text; };

  function draw() {
    lanes.forEach((l, i) => {
      const score = scoreAt(l, t);
      put(`cpu-${i}`, micro(score.cpu));
      put(`exits-${i}`, String(Math.round(score.exits)));
      put(`elapsed-${i}`, micro(score.elapsed));
      const [index] = currentHop(l, t);
      put(`caption-${i}`, score.isDone ? `✓ ${say("done", { us: micro(score.end) })}` : `${{ command: "▶", data: "■", interrupt: "◆" }[l.hops[index].stream]} ${word(l.hops[index].caption)}`);
      const progress = l.hops.map(() => 0);
      for (const [request, hop, start, end] of l.trace) if (request === 0) progress[hop] = done(start, end, t);
      ways[i].forEach((way, hop) => {
        way.path.style.strokeDashoffset = way.length * (1 - progress[hop]);
        way.path.style.visibility = progress[hop] > 0 && shown[l.hops[hop].stream] ? "visible" : "hidden";
      });
      const queues = new Map();
      for (const token of tokens[i]) {
        const trace = token.trace;
        if (token.at >= trace.length || trace[token.at][2] > t) token.at = 0;
        while (token.at + 1 < trace.length && trace[token.at + 1][2] <= t) token.at += 1;
        const [, hop, start, end] = trace[token.at];
        const { stream } = l.hops[hop];
        if (token.stream !== stream) {
          token.stream = stream;
          token.path.setAttribute("d", GLYPHS[stream]);
          token.path.setAttribute("class", `sl-token sl-glyph sl-${stream}`);
        }
        let [x, y] = pointOn(ways[i][hop].samples, done(start, end, t));
        // Several VMs go side by side, so that none hides another.
        if (timeline.vms > 1) x += 15 * (trace[0][4] - (timeline.vms - 1) / 2);
        const isWaiting = t > end && token.at + 1 < trace.length;
        if (isWaiting) {
          // Those that wait for the same server stand in a row, not on one another.
          const place = `${Math.round(x)},${Math.round(y)}`;
          const before = queues.get(place) ?? 0;
          queues.set(place, before + 1);
          y -= 13 * (before % 8);
          x -= 13 * Math.floor(before / 8);
        }
        token.path.setAttribute("transform", `translate(${x.toFixed(1)} ${y.toFixed(1)})`);
        const isOver = token.at === trace.length - 1 && t >= end;
        token.path.style.visibility = shown[stream] && !isOver ? "visible" : "hidden";
        if (token.owner) {
          token.owner.setAttribute("x", x.toFixed(1));
          token.owner.setAttribute("y", (y + 4).toFixed(1));
          token.owner.style.visibility = token.path.style.visibility;
        }
      }
    });
    if (root.classList.contains("sl-narrow")) {
      const lines = lanes.map((l, i) => { const s = scoreAt(l, t); return `${word(l.title).split(" · ").at(-1)}: ${micro(s.cpu)} ${say("unit.us-hypervisor")} · ${Math.round(s.exits)} ${say("unit.exits")} · ${micro(s.elapsed)} µs`; });
      scores.replaceChildren(...lines.map((line, i) => element("div", i === lane ? { class: "sl-on" } : {}, line)));
    }
    const x = timeline.axis.x + axisPx(timeline.axis, t);
    playhead.setAttribute("x1", x);
    playhead.setAttribute("x2", x);
    put("beat", word(stepAt(timeline.beats, t).words));
    if (document.activeElement !== scrub) scrub.value = t;
    scrub.value = t;
    scrub.setAttribute("aria-valuetext", `${micro(t)} µs`);
  }

  const tell = () => { live.textContent = [word(stepAt(timeline.beats, t).words), ...lanes.map((l, i) => slots.get(`caption-${i}`)?.textContent ?? "")].join(" · "); };
  function seek(to) { if (guess === undefined) return; t = Math.max(0, Math.min(timeline.last_ns, to)); draw(); if (!playing) { tell(); drawQuestion(); } }
  function tick(now) {
    if (!playing) return;
    // A tab that was away does not leap: a frame is at most a tenth of a second.
    const passed = Math.min(100, now - before);
    before = now;
    if (isVisible) {
      t = straight ? t + (passed / 1000) * speed * straight : axisNs(timeline.axis, axisPx(timeline.axis, t) + (passed / 1000) * speed * axisPx(timeline.axis, timeline.last_ns) / timeline.seconds);
      if (still) t = ends.find((s) => s >= t) ?? timeline.last_ns;
      if (t >= timeline.last_ns) { t = timeline.last_ns; pause(); }
      draw();
    }
    if (playing) frame = still ? setTimeout(() => tick(performance.now()), 1500 / speed) : requestAnimationFrame(tick);
  }
  function pause() { drawQuestion(); playing = false; if (still) clearTimeout(frame); else cancelAnimationFrame(frame); label(); tell(); }
  function drawQuestion() {
    if (ask < 0) return;
    const title = word(lanes[ask].title);
    question.replaceChildren(element("span", {}, guess === undefined ? say("predict.question", { lane: title }) : t < timeline.last_ns ? say("predict.said", { guess }) : say(guess === truth ? "predict.right" : "predict.wrong", { guess, truth })));
    if (guess !== undefined) return;
    for (let count = 0; count <= 5; count += 1) {
      const b = element("button", { type: "button", class: "sl-button" }, String(count));
      b.addEventListener("click", () => { guess = count; model.set("prediction", count); model.save_changes(); play.disabled = false; drawQuestion(); play.focus(); });
      question.append(b);
    }
  }
  function toggle() {
    if (guess === undefined) { question.querySelector("button")?.focus(); return; }
    if (playing) { pause(); return; }
    if (t >= timeline.last_ns) t = 0;
    playing = true;
    before = performance.now();
    label();
    frame = still ? setTimeout(() => tick(performance.now()), 50) : requestAnimationFrame(tick);
  }
  function label() { play.textContent = playing ? `❚❚ ${say("pause")}` : `▶ ${say("play")}`; play.setAttribute("aria-label", say(playing ? "pause" : "play")); }
  function setSpeed(to) { speed = to; pace.textContent = `${speed}×`; }

  // -- what a box, a hop or a bar says
  function openDetail(title, lines) {
    detail.replaceChildren(element("button", { type: "button", class: "sl-button sl-close", "aria-label": say("close") }, "×"), element("strong", {}, title));
    for (const line of lines) detail.append(element("p", {}, line));
    detail.hidden = false;
    detail.querySelector("button").addEventListener("click", closeDetail);
    detail.focus();
  }
  function closeDetail() { detail.hidden = true; chosen?.focus?.(); }
  const range = (s) => ({ low: micro(s[0]), typical: micro(s[1]), high: micro(s[2]) });
  function hopLines(hop) {
    const lines = [word(hop.why)];
    if (hop.elapsed[1] > 0) lines.push(`${say("detail.time", range(hop.elapsed))} µs`.replace(/ µs µs$| µs$/, " µs"));
    if (hop.cpu[1] > 0) lines.push(say("detail.cpu", { ...range(hop.cpu), actor: say(`actor.${hop.actor}`) }));
    const exits = Object.entries(hop.exits);
    if (exits.length) lines.push(say("detail.exits", { exits: exits.map(([place, count]) => `${say(`place.${place}`)} ${count}`).join(", ") }));
    if (!hop.waited) lines.push(say("detail.unwaited"));
    lines.push([say(`detail.certainty.${hop.certainty}`), ...hop.sources.map((source) => say("detail.source", { source }))].join(". "));
    return lines;
  }
  function choose(target) {
    chosen = target;
    const { id } = target;
    let match = /^bar-(\d+)-(\d+)$/.exec(id);
    if (match) {
      const hop = lanes[match[1]].hops[match[2]];
      openDetail(word(hop.caption), hopLines(hop));
    } else {
      match = /^station-(\d+)-/.exec(id);
      const lines = [target.dataset[`title${language}`] ?? ""];
      if (match) for (const hop of lanes[match[1]].hops) if (hop.stations[0] === id) lines.push(`${word(hop.caption)}: ${word(hop.why)}`);
      if (/^what-if-/.test(id)) lines.push(...lanes[id.slice(8)].doubts.map(word));
      openDetail(target.querySelector("text")?.textContent ?? "", lines.filter(Boolean));
    }
    model.set("selection", target.dataset.id ?? id);
    model.save_changes();
  }
  const targets = [...svg.querySelectorAll('[id^="station-"],[id^="bar-"],[id^="what-if-"]')];
  for (const target of targets) {
    target.setAttribute("tabindex", "0");
    target.setAttribute("role", "button");
    target.addEventListener("click", () => choose(target));
  }

  function speak(to) {
    language = to;
    svg.setAttribute("lang", to);
    root.setAttribute("lang", to);
    for (const text of svg.querySelectorAll("text[data-en]")) text.textContent = text.dataset[to];
    for (const name of controls) name();
    for (const target of targets) target.setAttribute("aria-label", target.querySelector("text")?.textContent || (/^bar-(\d+)-(\d+)$/.test(target.id) ? word(lanes[target.id.split("-")[1]].hops[target.id.split("-")[2]].caption) : target.id));
    pace.textContent = `${speed}×`;
    label();
    drawQuestion();
    draw();
    if (model.get("language") !== to) { model.set("language", to); model.save_changes(); }
  }

  const keys = (event) => {
    if (event.target.closest?.("input,select,textarea") && event.key !== " ") return;
    const isButton = event.target.closest?.("button");
    if (event.key === " " && !isButton) toggle();
    else if (event.key === "ArrowRight") { pause(); seek(ends.find((s) => s > t + 1) ?? timeline.last_ns); }
    else if (event.key === "ArrowLeft") { pause(); seek(ends.findLast((s) => s < t - 1) ?? 0); }
    else if (event.key === "Home") seek(0);
    else if (event.key === "End") { pause(); seek(timeline.last_ns); }
    else if (event.key === "+" || event.key === "=") setSpeed(SPEEDS[Math.min(SPEEDS.length - 1, SPEEDS.indexOf(speed) + 1)]);
    else if (event.key === "-") setSpeed(SPEEDS[Math.max(0, SPEEDS.indexOf(speed) - 1)]);
    else if (event.key === "Escape" && !detail.hidden) closeDetail();
    else if (event.key === "Enter" && event.target.closest?.('[role="button"]')) choose(event.target.closest('[role="button"]'));
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  root.addEventListener("keydown", keys);

  // -- a phone shows one lane at a time
  const whole = svg.getAttribute("viewBox");
  root.style.setProperty("--sl-width", `${whole.split(" ")[2]}px`);
  const height = Number(whole.split(" ")[3]);
  function frameLane() {
    const isNarrow = root.clientWidth > 0 && root.clientWidth < 600;
    root.classList.toggle("sl-narrow", isNarrow);
    const bands = [...svg.querySelectorAll('[id^="band-"][id$="-application"] rect')];
    if (!isNarrow || !bands[lane]) { svg.setAttribute("viewBox", whole); draw(); return; }
    const x = Number(bands[lane].getAttribute("x"));
    // Half a waterfall would mislead, so it stays away where only one lane fits.
    const caption = svg.querySelector('[id="caption-box-0"] rect');
    const foot = caption ? Number(caption.getAttribute("y")) + Number(caption.getAttribute("height")) + 4 : height;
    svg.setAttribute("viewBox", `${x - 4} 24 ${Number(bands[lane].getAttribute("width")) + 8} ${foot - 24}`);
    draw();
  }
  const sizes = new ResizeObserver(frameLane);
  sizes.observe(root);
  const sight = new IntersectionObserver((entries) => { isVisible = entries.at(-1).isIntersecting; });
  sight.observe(root);
  const onLanguage = () => { if (model.get("language") !== language) speak(model.get("language")); };
  model.on?.("change:language", onLanguage);

  play.disabled = guess === undefined;
  speak(language);
  const wanted = Number(new URLSearchParams(globalThis.location?.search ?? "").get("t"));
  if (model.get("at") || wanted) seek(model.get("at") || (straight ? wanted * straight : axisNs(timeline.axis, (wanted / timeline.seconds) * axisPx(timeline.axis, timeline.last_ns))));
  root.player = { seek, toggle, get t() { return t; }, get playing() { return playing; } };
  return () => {
    pause();
    sizes.disconnect();
    sight.disconnect();
    model.off?.("change:language", onLanguage);
    root.remove();
  };
}

export default { render: mount };
