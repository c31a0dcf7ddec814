/** @import { Graph, GraphEdge, GraphState } from "lockstep/types" */
import { layout as arrange, Graph as Dagre } from "@dagrejs/dagre";
import { edgeId } from "lockstep/passage.js";
import { ports } from "lockstep/ports.js";
import { routes } from "lockstep/routes.js";

/** Where the machine's states and edges are drawn: dagre finds the places, ports.js and routes.js draw the lines. Pure. */

const HEIGHT = 40;
const DOT = 14;
export const TEXT = 7.2; // an average letter's width at the font size of the boxes
const LABEL = { letter: 6.4, height: 14, above: 13 };
const WEIGHT = { next: 6, catch: 1 };

/** @typedef {{ x: number, y: number }} Point */
/** @typedef {{ id: string, state: GraphState | null, x: number, y: number, width: number, height: number }} Box state: null at the start and the ends */
/** @typedef {{ id: string, edge: GraphEdge, from: Box, to: Box, path: string, label: Point | null }} Wire */
/** @typedef {{ width: number, height: number, boxes: Box[], wires: Wire[] }} Layout */

/** @param {Graph} graph @returns {Layout} */
export function layout(graph) {
  const dagre = arranged(graph);
  const states = new Map(graph.states.map((state) => [state.name, state]));
  const boxes = dagre.nodes().map((id) => {
    const { x = 0, y = 0, width = 0, height = 0 } = dagre.node(id);
    return { id, state: states.get(id) ?? null, x, y, width, height };
  });
  const byId = new Map(boxes.map((box) => [box.id, box]));
  const rows = new Set(boxes.map((box) => box.y));
  const lines = graph.edges.map((edge) => {
    const [v, w] = ends(edge);
    const [from, to] = [/** @type {Box} */ (byId.get(v)), /** @type {Box} */ (byId.get(w))];
    const { points = [] } = dagre.edge({ v, w, name: edge.kind });
    return {
      id: edgeId(edge),
      edge,
      from,
      to,
      bends: points.slice(1, -1).filter((/** @type {Point} */ point) => rows.has(point.y)),
    };
  });
  const found = ports(boxes, lines);
  const paths = routes(boxes, lines, found);
  const wires = lines.map(({ id, edge, from, to }) => {
    const end = found.get(id)?.end;
    const label = edge.label && end ? { x: end.x, y: end.y - LABEL.above } : null;
    return { id, edge, from, to, path: paths.get(id) ?? "", label };
  });
  const { width = 0, height = 0 } = dagre.graph();
  return { width, height, boxes, wires };
}

/** @param {Graph} graph */
function arranged({ states, edges }) {
  const dagre = new Dagre({ multigraph: true })
    .setGraph({ rankdir: "TB", nodesep: 28, ranksep: 50, edgesep: 16, marginx: 12, marginy: 12 })
    .setDefaultEdgeLabel(() => ({}));
  for (const state of states) dagre.setNode(state.name, { width: widthOf(state), height: HEIGHT });
  for (const edge of edges) {
    for (const end of ends(edge)) if (!dagre.hasNode(end)) dagre.setNode(end, { width: DOT, height: DOT });
    const label = edge.label
      ? { width: edge.label.length * LABEL.letter + 8, height: LABEL.height, labelpos: "c" }
      : {};
    dagre.setEdge(...ends(edge), { weight: WEIGHT[edge.kind], ...label }, edge.kind);
  }
  arrange(dagre);
  return dagre;
}

/** The start and every end are boxes of their own. @param {GraphEdge} edge @returns {[string, string]} */
const ends = ({ from, to }) => [from || "\0start", to || `\0end of ${from}`];

/** A choice has slanted sides. @param {GraphState} state */
const widthOf = ({ name, type }) => Math.round(name.length * TEXT) + (type === "Choice" ? 68 : 52);
