import type { FrameKind } from "./frame-kind.ts";

/**
 * What a frame may be called where room is scarce, the longest form first: the full name, without parameters and type
 * arguments, without the path of its module, and the bare function with its type. What tells two frames apart goes last.
 */
export function shortNames(name: string, kind: FrameKind): readonly string[] {
  const forms = [name];
  const add = (form: string): void => {
    if (form !== "" && form.length < forms.at(-1)!.length) forms.push(form);
  };
  switch (kind) {
    case "go": {
      const plain = withoutBrackets(name, "[", "]");
      add(plain);
      add(plain.slice(plain.lastIndexOf("/") + 1));
      // (*Type).method or method: what stands behind the package.
      const local = plain.slice(plain.lastIndexOf("/") + 1);
      add(local.slice(local.indexOf(".") + 1));
      break;
    }
    case "jvm": {
      const plain = withoutBrackets(name.replace(/\(.*$/, ""), "<", ">").replaceAll("/", ".");
      add(plain);
      const parts = plain.split(".");
      add(parts.slice(-2).join("."));
      break;
    }
    case "rust": {
      const plain = name.replace(/::h[0-9a-f]{16}$/, "");
      add(plain);
      // `<Type as Trait>::method` is about the type.
      const typed = plain.replace(/^<(.+?) as .+?>::/, "$1::");
      add(typed);
      segments(withoutBrackets(typed, "<", ">"), add);
      break;
    }
    case "javascript": {
      const plain = name.replace(/ \(?(?:file:|node:|\/|https?:).*$/, "").replace(/^[*~^]/, "");
      add(plain);
      break;
    }
    case "python":
    case "ruby":
    case "php":
    case "dotnet": {
      const plain = withoutBrackets(name.replace(/\(.*$/, ""), "<", ">");
      add(plain);
      const parts = plain.split(/[.\\]/);
      add(parts.slice(-2).join("."));
      break;
    }
    case "native":
    case "kernel":
    case "other": {
      const bare = withoutParameters(name).replace(/_\[[kij]\]$/, "");
      add(bare);
      segments(withoutBrackets(bare, "<", ">"), add);
      break;
    }
    case "perl":
    case "beam":
    case "jit":
    case "process":
    case "group":
    case "truncated":
    case "unnamed":
  }
  return forms;
}

/** The longest form that fits into so many columns, else as much of the shortest as fits; empty where nothing useful does. */
export function fitName(forms: readonly string[], columns: number): string {
  for (const form of forms) if (form.length <= columns) return form;
  return columns < 3 ? "" : `${forms.at(-1)!.slice(0, columns - 1)}…`;
}

function segments(plain: string, add: (form: string) => void): void {
  add(plain);
  const parts = plain.split("::");
  add(parts.slice(-2).join("::"));
  add(parts.at(-1)!);
}

/** C++: cuts the parameter list off, and what follows it; operators and `(anonymous namespace)` stay. */
function withoutParameters(name: string): string {
  const end = name.lastIndexOf(")");
  if (end < 0 || name.endsWith("operator()")) return name;
  let depth = 0;
  for (let at = end; at >= 0; at--) {
    if (name[at] === ")") depth++;
    else if (name[at] === "(" && --depth === 0) {
      const before = name.slice(0, at);
      return before === "" || before.endsWith("::") || name.startsWith("(anonymous", at) ? name : before;
    }
  }
  return name;
}

/** Takes out what stands in brackets, nested ones with it; `operator<`, `->` and unbalanced ones stay as they are. */
function withoutBrackets(name: string, open: string, close: string): string {
  if (!name.includes(open) || name.includes("operator<") || name.includes("operator>")) return name;
  let kept = "";
  let depth = 0;
  for (let at = 0; at < name.length; at++) {
    const letter = name[at]!;
    // A name that begins with a bracket is one: `<lambda>`, `[unknown]`.
    if (letter === open && (depth > 0 || kept !== "")) depth++;
    else if (letter === close && depth > 0 && name[at - 1] !== "-") depth--;
    else if (depth === 0) kept += letter;
  }
  return depth === 0 ? kept : name;
}
