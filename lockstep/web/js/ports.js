/** @import { Box, Point } from "lockstep/layout.js" */

/** Where edges leave and enter the boxes: at the top and the bottom, each at a place of its own. Pure. */

const GAP = 20; // between two edges at one side of a box
const INSET = 16; // from a box's corner
const ARROW = 5;
const NEAR = 14;
const APART = 10;

/** @typedef {{ id: string, from: Box, to: Box, bends: Point[] }} Line bends: where it passes the rows between its boxes */
/** @typedef {{ start: Point, end: Point }} Ends */
/** @typedef {{ line: Line, which: "start" | "end", towards: number }} Port towards: the x of where its line goes next */

/** @param {Box[]} boxes @param {Line[]} lines @returns {Map<string, Ends>} by the lines' ids */
export function ports(boxes, lines) {
  const found = new Map(lines.map((line) => [line.id, { start: { x: 0, y: 0 }, end: { x: 0, y: 0 } }]));
  const sides = boxes.flatMap((box) => [-1, 1].map((side) => ({ box, side, ports: portsAt(box, side, lines) })));
  for (const { box, side, ports } of sides) {
    const gap = Math.min(GAP, (box.width - 2 * INSET) / (ports.length - 1));
    ports.forEach(({ line, which }, index) => {
      const ends = /** @type {Ends} */ (found.get(line.id));
      ends[which] = {
        x: ports.length > 1 ? box.x + (index - (ports.length - 1) / 2) * gap : box.x,
        y: box.y + side * (box.height / 2 + (which === "start" ? 0 : ARROW)),
      };
    });
  }
  for (const { box, ports } of sides) for (const port of ports) straighten(box, port, ports, found);
  return found;
}

/** From left to right. @param {Box} box @param {number} side -1: the top, 1: the bottom @param {Line[]} lines @returns {Port[]} */
function portsAt(box, side, lines) {
  return lines
    .filter(({ from, to }) => (from === box || to === box) && Math.sign((from === box ? to : from).y - box.y) === side)
    .map((line) => {
      const which = line.from === box ? /** @type {const} */ ("start") : /** @type {const} */ ("end");
      const other = which === "start" ? line.to : line.from;
      const next = line.bends.at(which === "start" ? 0 : -1) ?? other;
      return { line, which, towards: next.x + (other.x - next.x) / 1000 };
    })
    .sort((a, b) => a.towards - b.towards);
}

/** Where a small step to the side saves a line a bend. @param {Box} box @param {Port} port @param {Port[]} all at this side @param {Map<string, Ends>} found */
function straighten(box, port, all, found) {
  const { line, which } = port;
  const ends = /** @type {Ends} */ (found.get(line.id));
  const { x } = line.bends.at(which === "start" ? 0 : -1) ?? ends[which === "start" ? "end" : "start"];
  const isOnBox = Math.abs(x - box.x) <= Math.max(0, box.width / 2 - INSET);
  const isNear = all.length === 1 || Math.abs(x - ends[which].x) <= NEAR;
  const isFree = all.every(
    (each) => each === port || Math.abs((found.get(each.line.id)?.[each.which].x ?? 0) - x) >= APART,
  );
  if (isOnBox && isNear && isFree) ends[which].x = x;
}
