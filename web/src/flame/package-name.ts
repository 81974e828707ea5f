import type { FrameText } from "./frame-table.ts";
import { frameKind } from "./frame-kind.ts";

/** The package, module, namespace or binary that a frame's code is from; never empty. */
export function packageOf(frame: FrameText): string {
  const { name, file, mapping } = frame;
  const kind = frameKind(frame);
  switch (kind) {
    case "go": {
      const slash = name.lastIndexOf("/");
      const dot = name.indexOf(".", slash + 1);
      return dot > 0 ? name.slice(0, dot) : "go";
    }
    case "jvm": {
      const parts = name.replace(/\(.*$/, "").replaceAll("/", ".").split(".");
      return parts.length > 2 ? parts.slice(0, Math.min(parts.length - 2, 3)).join(".") : "java";
    }
    case "javascript": {
      const found = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1];
      if (found !== undefined) return found;
      return file.startsWith("node:") ? "node" : directory(file) || "javascript";
    }
    case "python": {
      const found = /.*\/(?:site-packages|dist-packages)\/([^/]+)/.exec(file)?.[1];
      return found?.replace(/\.py$/, "") ?? (/\/python\d[\d.]*\//.test(file) ? "python" : directory(file) || "python");
    }
    case "rust":
      return /^<?&?(?:mut )?(\w+)/.exec(name)?.[1] ?? "rust";
    case "kernel":
      return /([\w-]+)\.ko/.exec(mapping)?.[1] ?? "kernel";
    case "native":
    case "ruby":
    case "php":
    case "perl":
    case "dotnet":
    case "beam":
    case "jit":
    case "process":
    case "group":
    case "truncated":
    case "unnamed":
    case "other": {
      const namespace = /^(?:\w+ )?(\w+)::/.exec(name)?.[1];
      return namespace ?? (lastPart(mapping) || directory(file) || kind);
    }
  }
}

function directory(file: string): string {
  return lastPart(file.slice(0, Math.max(0, file.lastIndexOf("/"))));
}

function lastPart(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
