/** @import { Trouble } from "lockstep/types" */

import { asTrouble } from "lockstep/trouble.js";
import { useCallback, useEffect, useRef, useState } from "preact/hooks";

/**
 * @template T
 * @typedef {object} Loaded
 * @property {T | null} value the last that was got
 * @property {Trouble | null} trouble why it could not be got just now
 * @property {() => void} reload
 */

/**
 * What `load` gives, got anew when `subject` changes, when one of the `versions` does, and every `everyMs` while that is not 0.
 * Two requests never overlap, and nothing is asked for while nobody sees the page.
 * @template T
 * @param {string} subject what it is about: the value of another subject is not shown
 * @param {() => Promise<T>} load
 * @param {unknown[]} versions
 * @param {(value: T) => number} [everyMs]
 * @returns {Loaded<T>}
 */
export function useLoaded(subject, load, versions, everyMs = () => 0) {
  const [got, setGot] = useState(
    /** @returns {{ subject: string, value: T | null, trouble: Trouble | null }} */ () => ({
      subject,
      value: null,
      trouble: null,
    }),
  );
  const latest = useRef({ subject, load });
  latest.current = { subject, load };
  const request = useRef({ isUnderWay: false, isWanted: false });

  const reload = useCallback(async () => {
    const state = request.current;
    state.isWanted = true;
    if (state.isUnderWay) return;
    state.isUnderWay = true;
    while (state.isWanted) {
      state.isWanted = false;
      const { subject, load } = latest.current;
      const answer = await load().then(
        (value) => ({ value, trouble: null }),
        (error) => ({ value: null, trouble: asTrouble(error) }),
      );
      if (subject !== latest.current.subject) state.isWanted = true;
      else
        setGot((before) => ({
          subject,
          ...answer,
          value: answer.value ?? (before.subject === subject ? before.value : null),
        }));
    }
    state.isUnderWay = false;
  }, []);

  useEffect(() => void reload(), [subject, ...versions]);

  const current = got.subject === subject ? got : { value: null, trouble: null };
  const every = current.value ? everyMs(current.value) : 0;
  useEffect(() => {
    if (!every) return;
    const timer = setInterval(() => document.hidden || reload(), every);
    return () => clearInterval(timer);
  }, [every]);

  return { value: current.value, trouble: current.trouble, reload };
}

/** `value`, once it has not changed for a while. @template T @param {T} value @param {number} ms */
export function useSettled(value, ms) {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), ms);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return settled;
}
