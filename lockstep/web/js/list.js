/** @import { Reading, Stack } from "lockstep/types" */
/** @import { Changes } from "lockstep/changes.js" */

import { useNow } from "lockstep/clock.js";
import { Chips, Search } from "lockstep/filters.js";
import { count } from "lockstep/format.js";
import { html } from "lockstep/html.js";
import { useNavigation } from "lockstep/navigation.js";
import { NothingYet, Skeleton } from "lockstep/notices.js";
import { Pager } from "lockstep/pager.js";
import { ListRow } from "lockstep/row.js";
import { counts, having, isFiltering, matching, paged } from "lockstep/rows.js";
import { useEffect, useMemo, useRef } from "preact/hooks";

const DAY_LOOK_MS = 60_000; // after midnight, times of yesterday become dates

/** The executions, newest first. @param {{ stack: Stack, changes: Changes }} props */
export function List({ stack, changes }) {
  const { location, filterBy } = useNavigation();
  const { filter, place } = location;
  const chosen = place.page === "execution" ? place.name : null;
  const found = useMemo(() => matching(changes.entries.values(), filter.query), [changes.entries, filter.query]);
  const byOutcome = useMemo(() => counts(found), [found]);
  const rows = useMemo(() => having(found, filter.outcomes), [found, filter.outcomes]);
  const page = paged(rows, filter.page);

  const tabStop = page.rows.find((row) => row.name === chosen) ?? page.rows[0]; // the others are reached with j and k

  const today = useNow(true, DAY_LOOK_MS);

  const scroller = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => scroller.current?.scrollTo(0, 0), [page.page]);

  return html`
    <nav class="list" aria-label="Executions">
      <h2 class="unseen">Executions</h2>
      <div class="list-head">
        <${Search} />
        <${Chips} outcomes=${stack.outcomes} byOutcome=${byOutcome} />
      </div>
      <div class="rows" ref=${scroller}>
        ${
          page.rows.length > 0
            ? html`<ol>
                ${page.rows.map(
                  (row) =>
                    html`<${ListRow} key=${row.name} row=${row} isChosen=${row.name === chosen} isFresh=${changes.fresh.has(row.name)} isTabStop=${row === tabStop} today=${today} />`,
                )}
              </ol>`
            : html`<${Empty} stack=${stack} changes=${changes} onClear=${() => filterBy({ query: "", outcomes: [] })} />`
        }
      </div>
      <footer class="list-foot">
        <${Progress} reading=${changes.reading} />
        ${rows.length > 0 && html`<${Pager} page=${page} total=${rows.length} onPage=${(/** @type {number} */ to) => filterBy({ page: to })} />`}
      </footer>
    </nav>
  `;
}

/** @param {{ stack: Stack, changes: Changes, onClear: () => void }} props */
function Empty({ stack, changes, onClear }) {
  const { filter } = useNavigation().location;
  const isReading = !changes.reading || changes.reading.read < changes.reading.known;
  if (changes.entries.size === 0) {
    return changes.reading && changes.reading.known === 0
      ? html`<${NothingYet} stack=${stack} />`
      : html`<${Skeleton} lines=${12} label="Reading the executions" />`;
  }
  return html`
    <div class="nothing">
      <p class="nothing-title">Nothing matches</p>
      <p>
        None of ${count(changes.entries.size)} executions ${isReading ? "read so far " : ""}
        ${filter.query.trim() ? html`has <q>${filter.query.trim()}</q> in its key or name` : "has such an outcome"}
        ${filter.query.trim() && filter.outcomes.length > 0 ? " and such an outcome" : ""}.
      </p>
      ${isFiltering(filter) && html`<button type="button" class="button" onClick=${onClear}>Show all</button>`}
    </div>
  `;
}

/** @param {{ reading: Reading | null }} props */
function Progress({ reading }) {
  if (!reading) return null;
  if (reading.read < reading.known) {
    return html`
      <p class="progress">
        <progress max=${reading.known} value=${reading.read} aria-label="Histories read" />
        read ${count(reading.read)} of ${count(reading.known)}
      </p>
    `;
  }
  return reading.is_cut && html`<p class="progress">The newest ${count(reading.known)}; older ones are not shown.</p>`;
}
