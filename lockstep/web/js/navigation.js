/** @import { ComponentChildren } from "preact" */
/** @import { Filter, Location, Place } from "lockstep/types" */

import { html } from "lockstep/html.js";
import { noFilter, read, write } from "lockstep/location.js";
import { createContext } from "preact";
import { useContext, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";

/** The page's address: paths on the server; what follows "#" in the one-file page, which has no server to ask for paths. */

const SETTLE_MS = 250; // browsers refuse to change the address too often

/**
 * @typedef {object} Navigation
 * @property {Location} location
 * @property {(place: Place) => string} href of a place, with the filter kept
 * @property {(place: Place) => void} go
 * @property {(filter: Partial<Filter>) => void} filterBy
 */

const Context = createContext(
  /** @type {Navigation} */ ({
    location: { place: { page: "list" }, filter: noFilter() },
    href: () => "",
    go() {},
    filterBy() {},
  }),
);

export const useNavigation = () => useContext(Context);

/** @param {{ inHash: boolean, children: ComponentChildren }} props */
export function NavigationProvider({ inHash, children }) {
  const here = () =>
    read(inHash ? window.location.hash.slice(1) || "/" : window.location.pathname + window.location.search);
  const [location, setLocation] = useState(here);
  const settling = useRef(0);

  useLayoutEffect(() => {
    const onMove = () => setLocation(here());
    onMove(); // the address may have changed since the first render
    addEventListener("popstate", onMove);
    return () => removeEventListener("popstate", onMove);
  }, []);

  const navigation = useMemo(() => {
    /** @param {Location} to */
    const address = (to) => (inHash ? "#" : "") + write(to);
    return {
      location,
      href: (/** @type {Place} */ place) => address({ ...location, place }),
      go(/** @type {Place} */ place) {
        const to = { ...location, place };
        clearTimeout(settling.current);
        if (address(to) !== address(here())) history.pushState(null, "", address(to));
        setLocation(to);
      },
      filterBy(/** @type {Partial<Filter>} */ change) {
        const to = { ...location, filter: { ...location.filter, page: 1, ...change } };
        setLocation(to);
        clearTimeout(settling.current);
        settling.current = window.setTimeout(() => history.replaceState(null, "", address(to)), SETTLE_MS);
      },
    };
  }, [location, inHash]);

  return html`<${Context.Provider} value=${navigation}>${children}<//>`;
}

/**
 * A link within the page; with a modifier key the browser opens it elsewhere, as for any link.
 * @param {{ to: Place, children?: ComponentChildren, [attribute: string]: any }} props
 */
export function Link({ to, children, ...rest }) {
  const { href, go } = useNavigation();
  /** @param {MouseEvent} event */
  const onClick = (event) => {
    if (event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(to);
  };
  return html`<a ...${rest} href=${href(to)} onClick=${onClick}>${children}</a>`;
}
