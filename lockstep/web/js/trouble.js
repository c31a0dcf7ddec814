/** @import { Trouble } from "lockstep/types" */

/** Something that people can be told: what is the matter, and what they can do. */
export class TroubleError extends Error {
  /** @param {Trouble} trouble */
  constructor({ title, advice }) {
    super(title);
    this.advice = advice;
  }
}

/** @param {boolean} isLocal @returns {Trouble} */
export const serverGone = (isLocal) => ({
  title: "The server of this page has ended",
  advice: `Start ${isLocal ? "`make up` or " : ""}\`lockstep history\` again.`,
});

/** @param {unknown} error @returns {Trouble} */
export const asTrouble = (error) =>
  error instanceof TroubleError
    ? { title: error.message, advice: error.advice }
    : { title: "The page has failed", advice: `Load it again. What went wrong: ${error}` };
