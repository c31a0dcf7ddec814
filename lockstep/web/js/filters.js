/** @import { OutcomeInfo } from "lockstep/types" */
import { count } from "lockstep/format.js";
import { html } from "lockstep/html.js";
import { Icon } from "lockstep/icons.js";
import { useNavigation } from "lockstep/navigation.js";

/** Looks for a part of a key, as one types. */
export function Search() {
  const { location, filterBy } = useNavigation();
  return html`
    <div class="search" role="search">
      <${Icon} name="search" />
      <input
        id="search" type="search" placeholder="Search by key" aria-label="Search by key or execution name"
        autocomplete="off" spellcheck=${false} value=${location.filter.query}
        onInput=${(/** @type {InputEvent & { currentTarget: HTMLInputElement }} */ event) => filterBy({ query: event.currentTarget.value })}
      />
      <kbd aria-hidden="true">/</kbd>
    </div>
  `;
}

/** One switch an outcome: any number of them may be on, none means all. @param {{ outcomes: OutcomeInfo[], byOutcome: Map<string, number> }} props */
export function Chips({ outcomes, byOutcome }) {
  const { location, filterBy } = useNavigation();
  const on = location.filter.outcomes;
  const comeAndGo = new Set(["busy", "waiting"]); // always there, or the list below would jump
  const shown = outcomes.filter(
    ({ outcome, tone }) => byOutcome.has(outcome) || on.includes(outcome) || comeAndGo.has(tone),
  );
  if (byOutcome.size + on.length === 0) return null;
  /** @param {string} outcome */
  const toggle = (outcome) =>
    filterBy({ outcomes: on.includes(outcome) ? on.filter((each) => each !== outcome) : [...on, outcome] });
  return html`
    <div class="chips" role="group" aria-label="Show only these outcomes">
      ${shown.map(
        ({ outcome, tone, meaning }) => html`
          <button
            key=${outcome} type="button" class="chip tone-${tone} ${byOutcome.has(outcome) ? "" : "is-none"}" title=${meaning}
            aria-pressed=${on.includes(outcome)} onClick=${() => toggle(outcome)}
          ><span class="dot" />${outcome}<span class="chip-count">${count(byOutcome.get(outcome) ?? 0)}</span></button>
        `,
      )}
    </div>
  `;
}
