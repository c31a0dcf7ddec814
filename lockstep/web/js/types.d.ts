/** What the server and the page have agreed on. Times are epoch milliseconds. */

export type Tone = "busy" | "waiting" | "good" | "quiet" | "odd" | "bad";
export type SpanKind = "working" | "waiting" | "failed" | "machine";
export type EdgeKind = "next" | "catch";

export interface Trouble {
  title: string;
  advice: string;
}

export interface GraphState {
  name: string;
  type: string;
  comment: string;
}

/** "" as `from` is the start, "" as `to` is the end. */
export interface GraphEdge {
  from: string;
  to: string;
  kind: EdgeKind;
  label: string;
  title: string;
}

export interface Graph {
  states: GraphState[];
  edges: GraphEdge[];
}

export interface OutcomeInfo {
  outcome: string;
  tone: Tone;
  meaning: string;
}

export interface Stack {
  name: string;
  where: string;
  is_local: boolean;
  input_bucket: string;
  output_bucket: string;
  lock_table: string;
  state_machine: string;
  is_live: boolean;
  read_at: number;
  graph: Graph;
  outcomes: OutcomeInfo[];
}

/** One execution in the list; `outcome` is null while its history has not been read. */
export interface Row {
  name: string;
  bucket: string;
  key: string;
  change: string;
  outcome: string | null;
  started: number;
  stopped: number | null;
  state: string | null;
  explanation: string;
  sequencer: string;
}

/** `server` is another one each time `lockstep history` is started. */
export interface Reading {
  server?: string;
  known: number;
  read: number;
  is_cut: boolean;
  problem: Trouble | null;
}

export interface Span {
  kind: SpanKind;
  from: number;
  to: number | null;
}

export interface Failure {
  error: string;
  cause: string;
}

export interface Visit {
  entered: number;
  exited: number | null;
  spans: Span[];
  attempts: number;
  reason: string;
  input: unknown;
  output: unknown;
  error: Failure | null;
}

export interface VisitedState {
  name: string;
  type: string;
  visits: Visit[];
}

export interface PassedEdge {
  from: string;
  to: string;
  kind: EdgeKind;
  count: number;
}

export interface HistoryEvent {
  id: number;
  at: number;
  type: string;
  state: string;
  detail: string;
}

/** `until` is null where the lock table cannot be read: the owner is then the one that the execution was told. */
export interface Holder {
  owner: string;
  is_execution: boolean;
  until: number | null;
  is_live: boolean;
}

export interface Run {
  execution: Row;
  error: string;
  cause: string;
  plain: { title: string; text: string; advice: string } | null;
  again: { name: string } | null;
  started_again: string | null;
  holder: Holder | null;
  path: PassedEdge[];
  current: string | null;
  states: VisitedState[];
  events: HistoryEvent[];
  input: unknown;
  output: unknown;
}

export interface Lock {
  owner: string;
  is_execution: boolean;
  is_live: boolean;
  lease_expires_at: number | null;
  worker_until: number | null;
  applied_sequencer: string;
  newest_sequencer: string;
  fencing_token: number;
  expires_at: number | null;
}

export interface Picture {
  exists: boolean | null;
  etag: string;
  size: number;
  modified: number | null;
  url: string | null;
  problem: Trouble | null;
}

export interface ObjectEvent {
  execution: Row;
  fate: "applied" | "skipped" | "failed" | "pending";
  why: string;
  covered_by: string | null;
}

export interface StoredObject {
  bucket: string;
  key: string;
  lock: Lock | null;
  lock_problem: Trouble | null;
  events: ObjectEvent[];
  input: Picture;
  output: Picture;
  in_step: boolean | null;
  in_step_text: string;
}

export interface Embedded {
  stack: Stack;
  rows: Row[];
  executions: Record<string, Run>;
  objects: Record<string, StoredObject>;
}

/** What follows the server's changes hears. */
export interface Listener {
  rows(rows: Row[]): void;
  reading(reading: Reading): void;
  isConnected(yes: boolean): void;
}

/** Where the page's data comes from: the server, or the page itself. */
export interface Source {
  stack(): Promise<Stack>;
  follow(listener: Listener): () => void;
  execution(name: string): Promise<Run>;
  object(bucket: string, key: string): Promise<StoredObject>;
  startAgain(name: string): Promise<{ name: string }>;
}

export interface Filter {
  query: string;
  outcomes: string[];
  page: number;
}

export type Place =
  | { page: "list" }
  | { page: "execution"; name: string }
  | { page: "object"; bucket: string; key: string }
  | { page: "nowhere"; path: string };

export interface Location {
  place: Place;
  filter: Filter;
}
