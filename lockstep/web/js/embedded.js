/** @import { Embedded, Source } from "lockstep/types" */
import { count } from "lockstep/format.js";
import { TroubleError } from "lockstep/trouble.js";

/** The one-file page: what was read when it was made, and nothing else. @param {Embedded} data @returns {Source} */
export const embeddedSource = (data) => ({
  stack: async () => data.stack,
  follow(listener) {
    listener.rows(data.rows);
    listener.reading({ known: data.rows.length, read: data.rows.length, is_cut: false, problem: null });
    listener.isConnected(true);
    return () => {};
  },
  execution: async (name) => found(data.executions[name], "execution", Object.keys(data.executions).length),
  object: async (bucket, key) => found(data.objects[`${bucket}/${key}`], "object", Object.keys(data.objects).length),
  startAgain: async () => {
    throw new TroubleError({
      title: "Nothing can be started from a saved page",
      advice: "Run `lockstep history` for that.",
    });
  },
});

/** @template T @param {T | undefined} it @param {string} what @param {number} number @returns {T} */
function found(it, what, number) {
  if (it) return it;
  throw new TroubleError({
    title: `This ${what} is not in this page`,
    advice: `The page was saved with ${count(number)} of them. Run \`lockstep history\` to see all.`,
  });
}
