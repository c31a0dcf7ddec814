import { createContext } from "preact";
import { useContext, useEffect, useState } from "preact/hooks";

/** When time stands still: the moment a saved page shows. null where time goes on. */
export const StandsStill = createContext(/** @type {number | null} */ (null));

/** The time, going on every `everyMs` while `isRunning`. @param {boolean} isRunning @param {number} [everyMs] */
export function useNow(isRunning, everyMs = 1000) {
  const standing = useContext(StandsStill);
  const [now, setNow] = useState(Date.now);
  const isTicking = isRunning && standing === null;
  useEffect(() => {
    if (!isTicking) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [isTicking, everyMs]);
  return standing ?? now;
}
