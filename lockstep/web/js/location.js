/** @import { Filter, Location, Place } from "lockstep/types" */

/** Which place of the page an address names, and back. Pure; `address` is a path with its query. */

const BASE = "http://page";

/** @returns {Filter} */
export const noFilter = () => ({ query: "", outcomes: [], page: 1 });

/** @param {string} address @returns {Location} */
export function read(address) {
  const [path = "", query = ""] = halves(address, "?");
  const params = new URLSearchParams(query);
  return {
    place: place(path, params.get("key")),
    filter: {
      query: params.get("q") ?? "",
      outcomes: params.getAll("outcome"),
      page: Math.max(1, Math.floor(Number(params.get("page"))) || 1),
    },
  };
}

/** @param {Location} location */
export function write({ place, filter }) {
  const params = new URLSearchParams();
  const path = pathOf(place, params);
  if (filter.query) params.set("q", filter.query);
  for (const each of filter.outcomes) params.append("outcome", each);
  if (filter.page > 1) params.set("page", String(filter.page));
  const query = params.toString();
  return query ? `${path}?${query}` : path;
}

/** @param {string} path @param {string | null} keyParameter @returns {Place} */
function place(path, keyParameter) {
  const [, kind = "", first = "", ...rest] = path.split("/");
  if (!kind || (kind === "index.html" && !first)) return { page: "list" };
  if (kind === "execution" && first) return { page: "execution", name: decoded(first) };
  if (kind === "object" && first) {
    return { page: "object", bucket: decoded(first), key: keyParameter ?? rest.map(decoded).join("/") };
  }
  return { page: "nowhere", path };
}

/** @param {Place} place @param {URLSearchParams} params */
function pathOf(place, params) {
  if (place.page === "execution") return `/execution/${encodeURIComponent(place.name)}`;
  if (place.page === "nowhere") return place.path;
  if (place.page === "list") return "/";
  const bucket = encodeURIComponent(place.bucket);
  const key = place.key.toWellFormed().split("/").map(encodeURIComponent).join("/");
  const path = `/object/${bucket}/${key}`;
  // Browsers resolve "." and ".." in paths, so such a key goes into the query.
  if (new URL(path, BASE).pathname === path) return path;
  params.set("key", place.key);
  return `/object/${bucket}/`;
}

/** @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** @param {string} text @param {string} at */
function halves(text, at) {
  const index = text.indexOf(at);
  return index < 0 ? [text, ""] : [text.slice(0, index), text.slice(index + 1)];
}
