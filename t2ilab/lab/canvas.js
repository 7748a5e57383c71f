// What happens on a canvas of canvas.py. It runs as soon as the picture behind is there, and is called with that picture.
// Whatever is done is a list, of strokes [width, x, y, x, y, ...] or of poses [[x, y] or null, ...], in pixels of the
// picture; an empty entry begins anew. The list goes to Python through the hidden text field beside the canvas.
(picture) => {
  const root = picture.closest(".t2ilab-canvas");
  if (root.begun) return;
  root.begun = true;
  const told = root.dataset;
  const size = Number(told.size);
  const sheet = root.querySelector("svg");
  const start = JSON.parse(told.start);
  const field = () => root.closest(".t2ilab-drawable")?.querySelector(".t2ilab-history textarea");
  const history = JSON.parse(field()?.value || told.history);
  const round = (x) => Math.round(10 * x) / 10;
  const inside = (x) => round(Math.min(Math.max(x, 0), size));
  const copy = (pose) => pose.map((joint) => joint && [...joint]);

  function add(name, values, parent = sheet) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(values)) made.setAttribute(key, value);
    return parent.appendChild(made);
  }

  function tell() {
    const to = field();
    if (!to) return;
    to.value = JSON.stringify(history);
    for (const kind of ["input", "change"]) to.dispatchEvent(new Event(kind, { bubbles: true }));
  }

  function where(event) {
    const box = sheet.getBoundingClientRect();
    const scale = size / box.width;
    return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
  }

  // What is drawn with a pen

  let pen = null; // the stroke that is being drawn

  function lines() {
    sheet.replaceChildren();
    const ink = add("g", { opacity: told.opacity, fill: "none", stroke: told.ink });
    let strokes = pen ? [...history, pen] : history;
    const empty = strokes.findLastIndex((stroke) => !stroke.length);
    if (empty < 0 && told.base) add("image", { href: told.base, width: size, height: size }, ink);
    for (const [width, ...points] of strokes.slice(empty + 1)) {
      const path = points.length > 2 ? points : [...points, ...points]; // one point is a dot
      add("polyline", { points: path.join(" "), "stroke-width": width, "stroke-linecap": "round", "stroke-linejoin": "round" }, ink);
    }
  }

  function draw(event) {
    const at = where(event).map(inside);
    if (!pen) pen = [Number(root.querySelector("input")?.value || told.pen), ...at];
    else if (Math.hypot(at[0] - pen.at(-2), at[1] - pen.at(-1)) >= 0.5) pen.push(...at);
  }

  // A figure whose joints are moved

  const now = () => (history.length && history.at(-1).length ? history.at(-1) : start);
  let held = null; // {joint, from, pose}: which joint is moved, or null for all of them

  function figure() {
    const pose = held ? held.pose : now();
    if (!sheet.childElementCount) {
      for (const [a, b, color] of JSON.parse(told.limbs)) add("line", { "data-ends": `${a} ${b}`, stroke: color, "stroke-width": 1.4 });
      JSON.parse(told.joints).forEach(([name, color], k) => {
        const spot = add("circle", { r: 1.7, fill: color, stroke: "white", "stroke-width": 0.4, tabindex: 0, role: "button" });
        Object.assign(spot.dataset, { joint: k, name });
        spot.style.cursor = "move";
      });
    }
    for (const limb of sheet.querySelectorAll("line")) {
      const [a, b] = limb.dataset.ends.split(" ").map((k) => pose[k]);
      limb.style.display = a && b ? "" : "none";
      if (a && b) [["x1", a[0]], ["y1", a[1]], ["x2", b[0]], ["y2", b[1]]].forEach(([key, x]) => limb.setAttribute(key, x));
    }
    for (const spot of sheet.querySelectorAll("circle")) {
      const at = pose[spot.dataset.joint];
      spot.style.display = at ? "" : "none";
      if (!at) continue;
      [["cx", at[0]], ["cy", at[1]], ["aria-label", `${spot.dataset.name} (${at.join(", ")})`]].forEach(([key, x]) => spot.setAttribute(key, x));
    }
  }

  function moved(pose, joint, across, down) {
    return pose.map((at, k) => at && (joint === null || joint === k ? [inside(at[0] + across), inside(at[1] + down)] : at));
  }

  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

  function press(event) {
    const joint = event.target.dataset?.joint;
    if (joint === undefined || !(event.key in ARROWS)) return;
    event.preventDefault();
    history.push(moved(now(), Number(joint), ...ARROWS[event.key]));
    changed();
  }

  // Both

  const posing = told.limbs !== undefined;

  function changed() {
    (posing ? figure : lines)();
    root.querySelector("[data-does=undo]").disabled = !history.length;
    tell();
  }

  sheet.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    event.preventDefault();
    sheet.setPointerCapture(event.pointerId);
    if (posing) {
      const joint = event.target.dataset.joint;
      held = { joint: joint === undefined ? null : Number(joint), from: where(event), pose: copy(now()) };
    } else {
      draw(event);
      lines();
    }
  });
  sheet.addEventListener("pointermove", (event) => {
    if (held) {
      const [x, y] = where(event);
      held.pose = moved(now(), held.joint, x - held.from[0], y - held.from[1]);
      figure();
    } else if (pen) {
      for (const one of event.getCoalescedEvents?.() ?? []) draw(one);
      draw(event);
      lines();
    }
  });
  for (const end of ["pointerup", "pointercancel"]) {
    sheet.addEventListener(end, () => {
      if (!held && !pen) return;
      const done = held ? held.pose : pen;
      held = pen = null;
      history.push(done);
      changed();
    });
  }
  sheet.addEventListener("keydown", press);
  root.addEventListener("click", (event) => {
    const does = event.target.dataset?.does;
    if (does === "undo") history.pop();
    else if (does === "clear") history.push([]);
    if (does) changed();
  });
  (posing ? figure : lines)();
  root.querySelector("[data-does=undo]").disabled = !history.length;
}
