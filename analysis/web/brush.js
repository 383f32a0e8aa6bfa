// A rectangle drawn with the mouse over the diagram: it selects the cells whose middles lie within.

import {byId, element} from "./dom.js";

/** @import {Diagram} from "./diagram.js" */

const LEAST = 8;  // pixels; less is a click

/**
 * Let the mouse draw rectangles over a diagram.
 * @param {Diagram} diagram
 * @param {(ends: Record<string, [string, string]>) => void} choose is told the first and the last
 *     label on each axis of the cells within
 */
export function listenForBrush(diagram, choose) {
  const screen = byId("screen");
  const area = element("div", "", {id: "brush"});
  area.hidden = true;
  screen.append(area);
  /** @type {{x: number, y: number} | null} where the mouse went down */
  let from = null;
  screen.addEventListener("pointerdown", (event) => {
    if (event.button === 0 && event.pointerType === "mouse") from = {x: event.clientX, y: event.clientY};
    diagram.brushing = false;
  });
  window.addEventListener("pointermove", (event) => {
    if (!from) return;
    const box = boxOf(from, event);
    if (Math.max(box.width, box.height) < LEAST) return;
    diagram.brushing = true;
    const {left, top} = screen.getBoundingClientRect();
    area.hidden = false;
    Object.assign(area.style, {left: `${box.left - left}px`, top: `${box.top - top}px`,
      width: `${box.width}px`, height: `${box.height}px`});
    event.preventDefault();
  });
  window.addEventListener("pointerup", (event) => {
    if (from && diagram.brushing) {
      const ends = diagram.endsWithin(boxOf(from, event));
      if (ends) choose(ends);
    }
    from = null;
    area.hidden = true;
  });
}

/**
 * @param {{x: number, y: number}} from
 * @param {PointerEvent} to
 */
const boxOf = (from, {clientX, clientY}) => ({
  left: Math.min(from.x, clientX), top: Math.min(from.y, clientY),
  width: Math.abs(clientX - from.x), height: Math.abs(clientY - from.y)});
