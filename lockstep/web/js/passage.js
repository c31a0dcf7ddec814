/** @import { Run, VisitedState } from "lockstep/types" */

/**
 * How a run went through the machine, for the graph's colours. Pure.
 * @typedef {"passed" | "current" | "waiting" | "failed" | "recovered"} Mark
 */

/** @param {{ from: string, to: string, kind: string }} edge */
export const edgeId = ({ from, to, kind }) => `${from}>${to}>${kind}`;

/** @param {VisitedState} state */
const lastVisit = (state) => state.visits[state.visits.length - 1];

/** The state whose error the run ended with, or which it was stopped in. @param {Run} run @returns {VisitedState | null} */
function fatal(run) {
  if (run.execution.outcome === "aborted" || run.execution.outcome === "timed out") return latest(run);
  if (!run.error) return null;
  const failing = run.states
    .filter((state) => state.type !== "Fail" && lastVisit(state)?.error)
    .sort((a, b) => enteredLast(b) - enteredLast(a));
  return failing.find((state) => lastVisit(state)?.error?.error === run.error) ?? failing[0] ?? null;
}

/** @param {VisitedState} state */
const enteredLast = (state) => lastVisit(state)?.entered ?? 0;

/** @param {Run} run */
const latest = (run) => [...run.states].sort((a, b) => enteredLast(a) - enteredLast(b)).at(-1) ?? null;

/** @param {Run} run @returns {Map<string, Mark>} of each state that was entered */
export function stateMarks(run) {
  const failed = fatal(run);
  return new Map(run.states.map((state) => [state.name, mark(state, run, failed)]));
}

/** @param {VisitedState} state @param {Run} run @param {VisitedState | null} failed @returns {Mark} */
function mark(state, run, failed) {
  if (state.name === run.current) return state.type === "Wait" ? "waiting" : "current";
  if (state === failed || state.type === "Fail") return "failed";
  return state.visits.some((visit) => visit.error) ? "recovered" : "passed";
}

/** @param {Run} run @returns {Map<string, { mark: Mark, count: number }>} of each edge that was passed, by `edgeId` */
export function edgeMarks(run) {
  const failed = fatal(run);
  const isAfter = (/** @type {string} */ name) =>
    failed !== null &&
    run.states.some((state) => state.name === name && (state.visits[0]?.entered ?? 0) > enteredLast(failed));
  return new Map(
    run.path.map((edge) => {
      const isFatal = isAfter(edge.from) || (edge.from === failed?.name && (edge.kind === "catch" || edge.to === ""));
      return [
        edgeId(edge),
        { mark: isFatal ? "failed" : edge.kind === "catch" ? "recovered" : "passed", count: edge.count },
      ];
    }),
  );
}

/** The state to look at first: the one that failed, else the current, else the last. @param {Run} run */
export function telling(run) {
  return fatal(run)?.name ?? run.current ?? latest(run)?.name ?? null;
}

/** Names of states in the history that the machine, as it is deployed now, does not have. @param {Run} run @param {Set<string>} known */
export const unknownStates = (run, known) => run.states.map((state) => state.name).filter((name) => !known.has(name));
