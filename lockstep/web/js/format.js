/** Numbers, times and names as people read them. Pure, but for the user's locale and time zone. */

const decimal = new Intl.NumberFormat(undefined, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const clock = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const dayOfYear = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

/** @param {number} value */
export const count = (value) => whole.format(value);

/** @param {number} at */
export const timeOfDay = (at) => clock.format(at);

/** @param {number} at */
export const dateAndTime = (at) => full.format(at);

/** The time if it was today, else the date. @param {number} at @param {number} now */
export function shortTime(at, now) {
  const [then, today] = [new Date(at), new Date(now)];
  if (then.toDateString() === today.toDateString()) return clock.format(at);
  return (then.getFullYear() === today.getFullYear() ? day : dayOfYear).format(at);
}

/** "412 ms", "8.5 s", "2 min 5 s". @param {number} ms */
export function duration(ms) {
  const rounded = Math.max(0, Math.round(ms));
  if (rounded < 1000) return `${whole.format(rounded)} ms`;
  return rounded < 59_950 ? `${decimal.format(rounded / 1000)} s` : longDuration(rounded);
}

/** As `duration`, in whole seconds: for what counts while one looks on. @param {number} ms */
export function running(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  return seconds < 60 ? `${seconds} s` : longDuration(seconds * 1000);
}

/** @param {number} ms */
function longDuration(ms) {
  const seconds = Math.round(ms / 1000);
  const parts = [
    { value: Math.floor(seconds / 86_400), unit: "d" },
    { value: Math.floor(seconds / 3600) % 24, unit: "h" },
    { value: Math.floor(seconds / 60) % 60, unit: "min" },
    { value: seconds % 60, unit: "s" },
  ];
  const first = parts.findIndex((each) => each.value);
  return parts
    .slice(first, first + 2)
    .filter((each) => each.value)
    .map((each) => `${whole.format(each.value)} ${each.unit}`)
    .join(" ");
}

const UNITS = ["kB", "MB", "GB", "TB"];

/** @param {number} bytes */
export function size(bytes) {
  if (bytes < 1000) return `${bytes} ${bytes === 1 ? "byte" : "bytes"}`;
  const power = Math.min(Math.floor(Math.log10(bytes) / 3), UNITS.length);
  return `${decimal.format(bytes / 1000 ** power)} ${UNITS[power - 1]}`;
}

/** @param {number} number @param {string} one @param {string} [many] */
export const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;

/** A key as it can be shown: control characters, also those of the direction of text, have signs. @param {string} key */
export const visible = (key) =>
  key.replace(/[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu, (each) => {
    const code = each.charCodeAt(0);
    return code < 0x20 ? String.fromCharCode(0x2400 + code) : "\u2421";
  });

const TAIL = 16;

/** Where to cut a long key so that its end stays: [what may be shortened, what stays]. @param {string} key @returns {[string, string]} */
export function headAndTail(key) {
  const characters = [...visible(key)];
  return characters.length <= TAIL * 2
    ? [characters.join(""), ""]
    : [characters.slice(0, -TAIL).join(""), characters.slice(-TAIL).join("")];
}
