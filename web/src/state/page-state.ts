/**
 * Everything that a link to the page says, and its form in the address: one parameter each, none for what is as usual.
 * Unknown and broken parameters fall back to the usual, for links are typed and cut by people.
 */

export const VIEWS = ["explore", "diff", "heatmap", "unattributed", "files"] as const;
export type View = (typeof VIEWS)[number];

export const SHOWN = ["graph", "both", "table", "sandwich"] as const;
export const COLOURINGS = ["kind", "package"] as const;
export const CHANGES = ["all", "changed", "new", "gone"] as const;
export const TABLE_COLUMNS = ["self", "total", "change", "name"] as const;
export const TREE_COLUMNS = ["cores", "name"] as const;

/** One side of a comparison, and what the other views show: a selector, from when, to when. */
export interface Selection {
  /** Selector in the query language; empty selects all. */
  readonly query: string;
  /** Milliseconds as a number, or `now-15m`. */
  readonly from: string;
  readonly to: string;
}

export interface PageState extends Selection {
  readonly view: View;
  /** Id of the profile type. */
  readonly type: string;
  /** What is seen of a graph. */
  readonly show: (typeof SHOWN)[number];
  readonly treeHidden: boolean;
  readonly treeSort: (typeof TREE_COLUMNS)[number];
  readonly treeFilter: string;
  /** Marks of tree rows that were opened or closed against the usual. */
  readonly toggled: readonly string[];

  /** Root at the bottom. */
  readonly upward: boolean;
  /** Callers below callees: leaves are the first row. */
  readonly inverted: boolean;
  readonly collapsed: boolean;
  readonly colouring: (typeof COLOURINGS)[number];
  readonly search: string;
  readonly regex: boolean;
  /** Mark of the node that fills the width. */
  readonly zoom: string;
  /** Functions that are taken out, their callees go to their callers. */
  readonly hidden: readonly string[];
  /** Only stacks through this function. */
  readonly focus: string;

  readonly tableSort: (typeof TABLE_COLUMNS)[number];
  /** Function of the sandwich. */
  readonly function: string;

  readonly other: Selection;
  /** Differences as share of each side's total, instead of absolute. */
  readonly relative: boolean;
  readonly changes: (typeof CHANGES)[number];

  /** Of the open files: which one is shown. */
  readonly file: number;
}

export const USUAL: PageState = {
  view: "explore",
  query: "",
  from: "now-15m",
  to: "now",
  type: "cpu",
  show: "graph",
  treeHidden: false,
  treeSort: "cores",
  treeFilter: "",
  toggled: [],
  upward: false,
  inverted: false,
  collapsed: false,
  colouring: "kind",
  search: "",
  regex: false,
  zoom: "",
  hidden: [],
  focus: "",
  tableSort: "self",
  function: "",
  other: { query: "", from: "now-30m", to: "now-15m" },
  relative: true,
  changes: "all",
  file: 0,
};

/** Longest text that a parameter may hold, and most of a list. */
const MAX_LENGTH = 4000;
const MAX_LIST = 200;

/** @param search with or without `?` */
export function parsePageState(search: string): PageState {
  const given = new URLSearchParams(search);
  const text = (name: string, usual: string): string => (given.get(name) ?? usual).slice(0, MAX_LENGTH);
  const flag = (name: string, usual: boolean): boolean => (given.has(name) ? given.get(name) !== "0" : usual);
  const list = (name: string): string[] => given.getAll(name).slice(0, MAX_LIST);
  const one = <T extends string>(name: string, of: readonly T[], usual: T): T =>
    of.find((known) => known === given.get(name)) ?? usual;
  const time = (name: string, usual: string): string => {
    const value = given.get(name) ?? usual;
    return TIME.test(value) ? value : usual;
  };
  return {
    view: one("view", VIEWS, USUAL.view),
    query: text("query", USUAL.query),
    from: time("from", USUAL.from),
    to: time("to", USUAL.to),
    type: text("type", USUAL.type),
    show: one("show", SHOWN, USUAL.show),
    treeHidden: flag("wide", USUAL.treeHidden),
    treeSort: one("tree_sort", TREE_COLUMNS, USUAL.treeSort),
    treeFilter: text("tree_filter", USUAL.treeFilter),
    toggled: text("rows", "")
      .split(".")
      .filter((mark) => mark !== "")
      .slice(0, MAX_LIST),
    upward: flag("upward", USUAL.upward),
    inverted: flag("inverted", USUAL.inverted),
    collapsed: flag("collapsed", USUAL.collapsed),
    colouring: one("colour", COLOURINGS, USUAL.colouring),
    search: text("search", USUAL.search),
    regex: flag("regex", USUAL.regex),
    zoom: text("zoom", USUAL.zoom),
    hidden: list("hide"),
    focus: text("focus", USUAL.focus),
    tableSort: one("sort", TABLE_COLUMNS, USUAL.tableSort),
    function: text("function", USUAL.function),
    other: {
      query: text("other_query", USUAL.other.query),
      from: time("other_from", USUAL.other.from),
      to: time("other_to", USUAL.other.to),
    },
    relative: flag("relative", USUAL.relative),
    changes: one("changes", CHANGES, USUAL.changes),
    file: Number.parseInt(given.get("file") ?? "", 10) || 0,
  };
}

const TIME = /^(?:\d{1,16}|now(?:-\d{1,9}(?:ms|s|m|h|d|w))?)$/;

/** The address's query, with `?`, or nothing where all is as usual. */
export function formatPageState(state: PageState): string {
  const parameters = new URLSearchParams();
  const put = (name: string, value: string | number | boolean, usual: string | number | boolean): void => {
    if (value === usual) return;
    parameters.append(name, typeof value === "boolean" ? (value ? "1" : "0") : String(value));
  };
  put("view", state.view, USUAL.view);
  put("query", state.query, USUAL.query);
  put("from", state.from, USUAL.from);
  put("to", state.to, USUAL.to);
  put("type", state.type, USUAL.type);
  put("show", state.show, USUAL.show);
  put("wide", state.treeHidden, USUAL.treeHidden);
  put("tree_sort", state.treeSort, USUAL.treeSort);
  put("tree_filter", state.treeFilter, USUAL.treeFilter);
  put("rows", state.toggled.join("."), "");
  put("upward", state.upward, USUAL.upward);
  put("inverted", state.inverted, USUAL.inverted);
  put("collapsed", state.collapsed, USUAL.collapsed);
  put("colour", state.colouring, USUAL.colouring);
  put("search", state.search, USUAL.search);
  put("regex", state.regex, USUAL.regex);
  put("zoom", state.zoom, USUAL.zoom);
  for (const name of state.hidden) parameters.append("hide", name);
  put("focus", state.focus, USUAL.focus);
  put("sort", state.tableSort, USUAL.tableSort);
  put("function", state.function, USUAL.function);
  put("other_query", state.other.query, USUAL.other.query);
  put("other_from", state.other.from, USUAL.other.from);
  put("other_to", state.other.to, USUAL.other.to);
  put("relative", state.relative, USUAL.relative);
  put("changes", state.changes, USUAL.changes);
  put("file", state.file, USUAL.file);
  const text = parameters.toString();
  return text === "" ? "" : `?${text}`;
}
