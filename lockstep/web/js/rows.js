/** @import { Filter, Row } from "lockstep/types" */

/** The executions that are known, and which of them a filter lets through. Pure. */

const PAGE = 100;

/**
 * @typedef {object} Entry a row, and what a search looks at
 * @property {Row} row
 * @property {string} text
 */

/** @param {Row} row @returns {Entry} */
const entry = (row) => ({ row, text: `${row.key}\n${row.name}`.toLowerCase() });

/** @param {Entry} a @param {Entry} b newest first; those of the same millisecond keep an order of their own */
const newestFirst = (a, b) => b.row.started - a.row.started || (a.row.name < b.row.name ? -1 : 1);

/**
 * @param {ReadonlyMap<string, Entry>} known by name
 * @param {Iterable<Row>} rows new or changed
 * @returns {Map<string, Entry>} newest first
 */
export function merged(known, rows) {
  const all = new Map(known);
  for (const row of rows) all.set(row.name, entry(row));
  return new Map([...all.values()].sort(newestFirst).map((each) => [each.row.name, each]));
}

/** @param {Iterable<Entry>} entries @param {string} query */
export function matching(entries, query) {
  const wanted = query.trim().toLowerCase();
  return [...entries].filter((each) => each.text.includes(wanted)).map((each) => each.row);
}

/** How many rows there are of each outcome. @param {Row[]} rows @returns {Map<string, number>} */
export function counts(rows) {
  const found = new Map();
  for (const { outcome } of rows) if (outcome) found.set(outcome, (found.get(outcome) ?? 0) + 1);
  return found;
}

/** @param {Row[]} rows @param {string[]} outcomes none means all */
export function having(rows, outcomes) {
  return outcomes.length ? rows.filter((each) => each.outcome !== null && outcomes.includes(each.outcome)) : rows;
}

/** @param {Row[]} rows @param {number} wanted the page asked for, from 1 */
export function paged(rows, wanted) {
  const pages = Math.max(1, Math.ceil(rows.length / PAGE));
  const page = Math.min(wanted, pages);
  const first = (page - 1) * PAGE;
  return { page, pages, first, rows: rows.slice(first, first + PAGE) };
}

/** @param {Filter} filter */
export const isFiltering = (filter) => Boolean(filter.query.trim() || filter.outcomes.length);
