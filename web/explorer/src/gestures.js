/** Mouse, touch and keys on a map. */

const CLICK = 5; // pixels that a click may move
const STEP = 60; // pixels of an arrow key

/** @param {import("./map.js").MapView} view */
export function listen(view) {
  const box = /** @type {HTMLElement} */ (view.box);
  /** @type {Map<number, [number, number]>} */
  const down = new Map();
  let moved = 0;

  const at = (/** @type {MouseEvent} */ event) => {
    const frame = box.getBoundingClientRect();
    return /** @type {[number, number]} */ ([event.clientX - frame.left, event.clientY - frame.top]);
  };

  box.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || /** @type {Element} */ (event.target).closest("button")) return;
    box.setPointerCapture(event.pointerId);
    down.set(event.pointerId, at(event));
    moved = 0;
    if (down.size === 1 && (event.shiftKey || view.lassoing)) view.path = [at(event)];
    view.keyed = false;
  });

  box.addEventListener("pointermove", (event) => {
    const here = at(event);
    const last = down.get(event.pointerId);
    if (!last) {
      if (event.pointerType === "mouse") view.hover(here);
      return;
    }
    const [dx, dy] = [here[0] - last[0], here[1] - last[1]];
    moved += Math.abs(dx) + Math.abs(dy);
    if (down.size === 1 && view.path.length) view.path.push(here);
    else if (down.size === 1) view.camera.pan(dx, dy);
    else pinch(view, down, event.pointerId, here);
    down.set(event.pointerId, here);
    view.look();
  });

  const up = (/** @type {PointerEvent} */ event) => {
    if (!down.delete(event.pointerId) || down.size) return;
    const path = view.path;
    view.path = [];
    if (event.type === "pointercancel") return view.look();
    if (moved <= CLICK) view.click(at(event), event.pointerType === "touch" ? 22 : 12);
    else if (path.length > 2) view.lasso(path, event.ctrlKey || event.metaKey);
    view.look();
  };
  box.addEventListener("pointerup", up);
  box.addEventListener("pointercancel", up);
  box.addEventListener("pointerleave", () => view.hover(null));

  box.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const pixels = event.deltaY * (event.deltaMode === 1 ? 18 : event.deltaMode === 2 ? 400 : 1);
      view.camera.zoom(Math.exp(-Math.max(-300, Math.min(300, pixels)) / 400), ...at(event));
      view.look();
    },
    { passive: false },
  );
  box.addEventListener("dblclick", (event) => {
    if (/** @type {Element} */ (event.target).closest("button")) return;
    view.camera.zoom(2, ...at(event));
    view.look();
  });
  box.addEventListener("keydown", (event) => key(view, event));
  box.addEventListener("focus", () => {
    view.keyed = box.matches(":focus-visible");
    view.look();
  });
  box.addEventListener("blur", () => {
    view.keyed = false;
    view.look();
  });
}

/** Two fingers: zooms by their distance. @param {import("./map.js").MapView} view @param {Map<number, [number, number]>} down @param {number} id @param {[number, number]} here */
function pinch(view, down, id, here) {
  const [other] = [...down.entries()].filter(([key]) => key !== id).map(([, place]) => place);
  const before = /** @type {[number, number]} */ (down.get(id));
  const apart = (/** @type {number[]} */ a) => Math.hypot(a[0] - other[0], a[1] - other[1]) || 1;
  view.camera.zoom(apart(here) / apart(before), (here[0] + other[0]) / 2, (here[1] + other[1]) / 2);
  view.camera.pan((here[0] - before[0]) / 2, (here[1] - before[1]) / 2);
}

/** @param {import("./map.js").MapView} view @param {KeyboardEvent} event */
function key(view, event) {
  if (event.target !== view.box || event.ctrlKey || event.metaKey || event.altKey) return;
  /** @type {Object<string, () => void>} */
  const keys = {
    ArrowLeft: () => view.camera.pan(STEP, 0),
    ArrowRight: () => view.camera.pan(-STEP, 0),
    ArrowUp: () => view.camera.pan(0, STEP),
    ArrowDown: () => view.camera.pan(0, -STEP),
    "+": () => view.camera.zoom(1.5),
    "=": () => view.camera.zoom(1.5),
    "-": () => view.camera.zoom(1 / 1.5),
    0: () => view.camera.fit(),
    l: () => view.setLassoing(!view.lassoing),
    Enter: () => view.click([view.camera.width / 2, view.camera.height / 2], 80),
  };
  const act = keys[event.key];
  if (!act) return;
  event.preventDefault();
  view.keyed = true;
  act();
  view.look();
}
