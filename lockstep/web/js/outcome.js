/** @import { OutcomeInfo, Tone } from "lockstep/types" */
/** @import { IconName } from "lockstep/icons.js" */

import { html } from "lockstep/html.js";
import { Icon } from "lockstep/icons.js";
import { createContext } from "preact";
import { useContext } from "preact/hooks";

/** What came of an execution: a word, a colour and a sign. */

export const Outcomes = createContext(/** @type {OutcomeInfo[]} */ ([]));

/** @type {Record<Tone, IconName>} */
const SIGNS = { busy: "play", waiting: "clock", good: "check", quiet: "dash", odd: "bang", bad: "cross" };

/** @param {string | null} outcome */
export function useOutcome(outcome) {
  const known = useContext(Outcomes).find((each) => each.outcome === outcome);
  return known ?? { outcome: outcome ?? "", tone: /** @type {Tone} */ ("quiet"), meaning: "" };
}

/** @param {{ outcome: string | null }} props */
export function Badge({ outcome }) {
  const { tone, meaning } = useOutcome(outcome);
  if (outcome === null) return html`<span class="badge is-unread">reading…</span>`;
  return html`<span class="badge tone-${tone}" title=${meaning}><${Icon} name=${SIGNS[tone]} />${outcome}</span>`;
}
