/** @import { Reading, Row, Source } from "lockstep/types" */
/** @import { Entry } from "lockstep/rows.js" */

import { merged } from "lockstep/rows.js";
import { useEffect, useState } from "preact/hooks";

const GATHER_MS = 60; // changes come in bursts: one render for many

/**
 * @typedef {object} Changes
 * @property {Map<string, Entry>} entries every execution that is known, newest first
 * @property {Set<string>} fresh names of those that have started since the page was opened
 * @property {Reading | null} reading null until the server has said something
 * @property {boolean} isConnected
 * @property {number} heardAt when the server was last heard
 */

/** The executions, as they change. @param {Source} source @returns {Changes} */
export function useChanges(source) {
  const [changes, setChanges] = useState(
    /** @returns {Changes} */ () => ({
      entries: new Map(),
      fresh: new Set(),
      reading: null,
      isConnected: true,
      heardAt: Date.now(),
    }),
  );

  useEffect(() => {
    /** @type {Row[]} */
    let gathered = [];
    let timer = 0;
    const heard = () => ({ isConnected: true, heardAt: Date.now() });
    const flush = () => {
      const rows = gathered;
      gathered = [];
      timer = 0;
      setChanges((now) => withRows(now, rows));
    };
    const stop = source.follow({
      rows(rows) {
        gathered.push(...rows);
        timer ||= window.setTimeout(flush, GATHER_MS);
      },
      reading: (reading) => setChanges((now) => ({ ...now, ...heard(), reading })),
      isConnected: (yes) => setChanges((now) => (yes ? { ...now, ...heard() } : { ...now, isConnected: false })),
    });
    return () => {
      clearTimeout(timer);
      stop();
    };
  }, [source]);

  return changes;
}

/** @param {Changes} now @param {Row[]} rows @returns {Changes} */
function withRows(now, rows) {
  const newest = now.entries.values().next().value?.row.started ?? Number.POSITIVE_INFINITY;
  const fresh = rows.filter((row) => row.started > newest && !now.entries.has(row.name)).map((row) => row.name);
  return {
    ...now,
    entries: merged(now.entries, rows),
    fresh: fresh.length ? new Set([...now.fresh, ...fresh]) : now.fresh,
    heardAt: Date.now(),
  };
}
