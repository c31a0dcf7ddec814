/** @import { Source } from "lockstep/types" */
import { embeddedSource } from "lockstep/embedded.js";
import { serverSource } from "lockstep/server.js";

/** The page's data: in the page itself if it is the one-file page, else from the server that sent it. */
const data = document.getElementById("data")?.textContent;

export const isOneFile = data !== undefined;

/** @type {Source} */
export const source = data === undefined ? serverSource() : embeddedSource(JSON.parse(data));
