/** @import { Box, Point } from "lockstep/layout.js" */
/** @import { Ends, Line } from "lockstep/ports.js" */

/** Edges as upright and level lines with round corners; level parts in the same gap between two rows keep apart. Pure. */

const CORNER = 8;
const APART = 10; // between two level parts
const MARGIN = 12; // from the row above
const ARROW = 18; // and from the one below, for the arrowheads
const SAME = 0.5;

/** @typedef {{ upper: Point, lower: Point, y: number }} Part of a line, from one row to the next */

/** @param {Box[]} boxes @param {Line[]} lines @param {Map<string, Ends>} ends @returns {Map<string, string>} paths by the lines' ids */
export function routes(boxes, lines, ends) {
  const bottoms = rowBottoms(boxes);
  /** @type {Map<number, Part[]>} */
  const gaps = new Map();
  const parts = new Map(
    lines.map((line) => {
      const { start, end } = /** @type {Ends} */ (ends.get(line.id));
      const stops = [start, ...line.bends, end];
      return [
        line.id,
        stops.slice(1).map((stop, index) => part(/** @type {Point} */ (stops[index]), stop, bottoms, gaps)),
      ];
    }),
  );
  for (const [top, inGap] of gaps) place(top, inGap);
  return new Map(lines.map(({ id, from, to }) => [id, path(parts.get(id) ?? [], from.y < to.y)]));
}

/** The lower edge of each row of boxes, by the row's middle. @param {Box[]} boxes @returns {Map<number, number>} */
function rowBottoms(boxes) {
  const bottoms = new Map();
  for (const { y, height } of boxes) bottoms.set(y, Math.max(bottoms.get(y) ?? 0, y + height / 2));
  return bottoms;
}

/** @param {Point} from @param {Point} to @param {Map<number, number>} bottoms @param {Map<number, Part[]>} gaps it is added to its gap */
function part(from, to, bottoms, gaps) {
  const [upper, lower] = from.y < to.y ? [from, to] : [to, from];
  const top = Math.max(
    ...[...bottoms]
      .filter(([middle]) => middle < lower.y - SAME)
      .map(([, bottom]) => bottom)
      .filter((bottom) => bottom <= lower.y),
  );
  const made = { upper, lower, y: top };
  if (Math.abs(upper.x - lower.x) > SAME) gaps.set(top, [...(gaps.get(top) ?? []), made]);
  return made;
}

/** Gives each level part of a gap its height, so that lines that turn the same way do not cross. @param {number} top @param {Part[]} parts */
function place(top, parts) {
  const outermostFirst = (/** @type {Part} */ a, /** @type {Part} */ b) =>
    isRightwards(a) === isRightwards(b)
      ? isRightwards(a)
        ? b.upper.x - a.upper.x
        : a.upper.x - b.upper.x
      : Number(isRightwards(a)) - Number(isRightwards(b));
  /** @type {{ part: Part, track: number }[]} */
  const placed = [];
  for (const each of [...parts].sort(outermostFirst)) {
    const above = placed.filter(({ part }) => isBeside(part, each)).map(({ track }) => track);
    placed.push({ part: each, track: Math.max(-1, ...above) + 1 });
  }
  const room = Math.min(...parts.map(({ lower }) => lower.y)) - top - MARGIN - ARROW;
  const step = Math.min(APART, room / Math.max(1, ...placed.map(({ track }) => track)));
  for (const { part, track } of placed) part.y = top + MARGIN + track * step;
}

/** @param {Part} part */
const isRightwards = ({ upper, lower }) => lower.x > upper.x;

/** @param {Part} a @param {Part} b */
const isBeside = (a, b) =>
  Math.min(a.upper.x, a.lower.x) < Math.max(b.upper.x, b.lower.x) + APART &&
  Math.min(b.upper.x, b.lower.x) < Math.max(a.upper.x, a.lower.x) + APART;

/** @param {Part[]} parts @param {boolean} isDownwards */
function path(parts, isDownwards) {
  const points = parts.flatMap(({ upper, lower, y }) => {
    const bends =
      Math.abs(upper.x - lower.x) > SAME
        ? [
            { x: upper.x, y },
            { x: lower.x, y },
          ]
        : [];
    const down = [upper, ...bends, lower];
    return isDownwards ? down : down.reverse();
  });
  return points
    .map((here, index) => {
      const [before, after] = [points[index - 1], points[index + 1]];
      if (!before) return `M${at(here)}`;
      return after ? `L${at(towards(here, before))}Q${at(here)} ${at(towards(here, after))}` : `L${at(here)}`;
    })
    .join("");
}

/** The point a corner's radius away from `from`, or half-way if that is nearer. @param {Point} from @param {Point} to */
function towards(from, to) {
  const length = Math.hypot(to.x - from.x, to.y - from.y);
  const share = length ? Math.min(CORNER, length / 2) / length : 0;
  return { x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share };
}

/** @param {Point} point */
const at = ({ x, y }) => `${Math.round(x * 10) / 10},${Math.round(y * 10) / 10}`;
