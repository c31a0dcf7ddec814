/** @import { Run, Span, SpanKind, Visit, VisitedState } from "lockstep/types" */

/** Where a run's time went: one bar a state on one axis of time. Pure. */

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const STEPS = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map((each) => each * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((each) => each * MINUTE),
  ...[1, 2, 6, 12, 24, 72, 168, 720].map((each) => each * HOUR),
];
const TICKS = 6;
/** @type {SpanKind[]} */
const OUTSIDE = ["working", "waiting", "failed"]; // what Step Functions only watches

/** @typedef {{ kind: SpanKind, from: number, to: number, visit: number, isOpen: boolean }} Bar visit: from 1 */
/** @typedef {{ name: string, visits: number, bars: Bar[], totals: Map<SpanKind, number> }} Lane */

/** @param {Run} run @param {number} now */
export function timeline(run, now) {
  const from = run.execution.started;
  const to = Math.max(from + 1, run.execution.stopped ?? now);
  const lanes = run.states.map((state) => lane(state, to));
  return { from, to, lanes, totals: sums(lanes, to - from), ticks: ticks(to - from) };
}

/** They add up to the run's time: what is in no state is Step Functions' own. @param {Lane[]} lanes @param {number} length @returns {Map<SpanKind, number>} */
function sums(lanes, length) {
  const totals = new Map();
  let left = length;
  for (const kind of OUTSIDE) {
    const ms = lanes.reduce((sum, { totals }) => sum + (totals.get(kind) ?? 0), 0);
    totals.set(kind, ms);
    left -= ms;
  }
  return totals.set("machine", Math.max(0, left));
}

/** @param {VisitedState} state @param {number} end @returns {Lane} */
function lane({ name, visits }, end) {
  const bars = visits.flatMap((visit, index) => spans(visit).map((span) => bar(span, index + 1, end)));
  const totals = new Map();
  for (const { kind, from, to } of bars) totals.set(kind, (totals.get(kind) ?? 0) + to - from);
  return { name, visits: visits.length, bars, totals };
}

/** A visit that took no time is there all the same. @param {Visit} visit @returns {Span[]} */
const spans = ({ spans, entered, exited }) =>
  spans.length > 0 ? spans : [{ kind: "machine", from: entered, to: exited }];

/** @param {Span} span @param {number} visit @param {number} end @returns {Bar} */
const bar = ({ kind, from, to }, visit, end) => ({
  kind,
  from,
  to: Math.max(from, to ?? end),
  visit,
  isOpen: to === null,
});

/** Round times from 0 to `length`, a few of them. @param {number} length */
export function ticks(length) {
  const step = STEPS.find((each) => length / each <= TICKS) ?? length;
  return Array.from({ length: Math.floor(length / step) + 1 }, (_, index) => index * step);
}
