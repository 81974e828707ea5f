/**
 * Everything that a graph can be saved as: pictures and pages made here; profiles made by the server from all samples
 * where it has them and knows the selection, else here, of what is shown.
 */
import { apiUrl } from "../api/client.ts";
import type { ShownGraph } from "../graph/shown-graph.ts";
import type { PageState } from "../state/page-state.ts";
import { saveFile } from "./save-file.ts";

export type Download =
  /** The server says what the file is called. */
  { readonly label: string; readonly url: string } | { readonly label: string; readonly save: () => Promise<void> };

const SHOWN_FORMATS = [
  { format: "pprof", label: "pprof" },
  { format: "otlp", label: "OTLP" },
  { format: "folded", label: "Folded stacks" },
  { format: "speedscope", label: "speedscope" },
] as const;

const SERVER_FORMATS = [...SHOWN_FORMATS, { format: "firefox", label: "Firefox Profiler" }] as const;

/** Buttons of the menu, in its order. */
export function downloadsOf({ engine, view, title }: ShownGraph, state: PageState): readonly Download[] {
  const name = fileName(title);
  const pictures: Download[] = view
    ? [
        { label: "PNG", save: async () => saveFile(`${name}.png`, await view.exportPng()) },
        { label: "SVG", save: () => save(`${name}.svg`, view.exportSvg(title), "image/svg+xml") },
      ]
    : [];
  const page: Download = {
    label: "HTML page",
    save: async () => {
      const { standalonePage } = await import("./standalone-page.ts");
      saveFile(`${name}.html`, new Blob([standalonePage(engine.tree, title)], { type: "text/html" }));
    },
  };
  return [...pictures, page, ...profiles(state, name, { engine, view, title })];
}

function profiles(state: PageState, name: string, { engine }: ShownGraph): readonly Download[] {
  if (state.view === "explore") {
    const { query, from, to, type } = state;
    return SERVER_FORMATS.map(({ format, label }) => ({
      label,
      url: apiUrl("export", { format, query, from, to, type }),
    }));
  }
  return SHOWN_FORMATS.map(({ format, label }) => ({
    label,
    save: async () => {
      const { EXPORT_ENDINGS, exportGraph } = await import("../files/index.ts");
      saveFile(`${name}${EXPORT_ENDINGS[format]}`, await exportGraph(engine, format));
    },
  }));
}

function save(name: string, text: string, type: string): Promise<void> {
  saveFile(name, new Blob([text], { type }));
  return Promise.resolve();
}

/** What every file system takes. */
function fileName(title: string): string {
  const plain = title.replace(/[^\p{L}\p{N}._-]+/gu, "-").replace(/^[-.]+|-+$/g, "");
  return plain === "" ? "flame-graph" : plain.slice(0, 80);
}
