import type { FrameText } from "./frame-table.ts";

/** Where a frame's code comes from, or what it stands for: what colours and legends go by. */
export const FRAME_KINDS = [
  "native",
  "kernel",
  "go",
  "rust",
  "javascript",
  "jvm",
  "python",
  "ruby",
  "php",
  "perl",
  "dotnet",
  "beam",
  "jit",
  "process",
  "group",
  "truncated",
  "unnamed",
  "other",
] as const;
export type FrameKind = (typeof FRAME_KINDS)[number];

/** Values of `profile.frame.type` (semantic conventions 1.42), and what the store adds. */
const BY_TYPE: Readonly<Record<string, FrameKind>> = {
  native: "native",
  kernel: "kernel",
  go: "go",
  rust: "rust",
  v8js: "javascript",
  jvm: "jvm",
  cpython: "python",
  ruby: "ruby",
  php: "php",
  perl: "perl",
  dotnet: "dotnet",
  beam: "beam",
  jit: "jit",
  luajit: "jit",
  process: "process",
  group: "group",
  truncated: "truncated",
  "abort-marker": "truncated",
};

const BY_FILE: readonly (readonly [RegExp, FrameKind])[] = [
  [/\.(?:[cm]?[jt]sx?|vue|svelte)(?::\d+)*$|^node:/, "javascript"],
  [/\.go$/, "go"],
  [/\.rs$/, "rust"],
  [/\.(?:java|kt|scala|groovy|clj)$/, "jvm"],
  [/\.py$/, "python"],
  [/\.rb$/, "ruby"],
  [/\.php$/, "php"],
  [/\.p[lm]$/, "perl"],
  [/\.cs$/, "dotnet"],
  [/\.(?:erl|exs?)$/, "beam"],
  [/\.(?:c|cc|cpp|cxx|h|hh|hpp|S|s|asm)$/, "native"],
];

/** Names as their languages' symbolizers print them, for formats that tell nothing else. */
const BY_NAME: readonly (readonly [RegExp, FrameKind])[] = [
  [/^\[truncated|^\(truncated/i, "truncated"],
  [/_\[k\]$/, "kernel"],
  [
    /::h[0-9a-f]{16}$|^<.* as .*>::|^(?:core|alloc|tokio|std::(?:rt|panicking|sys|io|fs|net|process|collections))::[^(]*$/,
    "rust",
  ],
  [/^(?:[\w.-]+\/)+[\w.%-]+\.\S|^(?:runtime|main|sync|syscall|net|os|internal)\.[\w(]|\.\(\*\w+\)\./, "go"],
  [/^(?:L?[a-z]\w*[./]){2,}[A-Z]\w*|^(?:java|javax|jdk|sun|scala|kotlin)\./, "jvm"],
  [/ \(?(?:file:\/\/|node:|\/)\S+\.[cm]?js:\d+|^(?:\*|~|\^)?\w+ \S+\.[cm]?js/, "javascript"],
  [/\.py(?::\d+)?\)?$|^py::/, "python"],
];

const UNNAMED = /^(?:\[?(?:unknown|anonymous mapping)\]?|\(unknown\)|\?\??|0x[0-9a-f]+|.*\+0x[0-9a-f]+|\[[^\]]+\])$/i;

/** Classifies a frame: by its type, else by its file, else by what its name looks like. */
export function frameKind({ name, file, type, mapping }: FrameText): FrameKind {
  const typed = BY_TYPE[type];
  if (typed === "process" || typed === "group" || typed === "truncated") return typed;
  if (name === "" || UNNAMED.test(name)) return typed === "kernel" ? "kernel" : "unnamed";
  if (typed !== undefined) return typed;
  if (/^\[kernel|vmlinux/.test(mapping)) return "kernel";
  const found = find(BY_FILE, file) ?? find(BY_NAME, name);
  if (found !== undefined) return found;
  return mapping !== "" || name.includes("::") || name.includes("(") ? "native" : "other";
}

function find(rules: readonly (readonly [RegExp, FrameKind])[], text: string): FrameKind | undefined {
  return text === "" ? undefined : rules.find(([pattern]) => pattern.test(text))?.[1];
}
