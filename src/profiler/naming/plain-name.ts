/** What may stand behind a parameter list: qualifiers of member functions, and what the compiler made of a copy. */
const SUFFIX = /(?:\s(?:const|volatile)|\s?&{1,2}|\s?\[(?:clone|abi:)[^\]]*\]|\s?\[\.[^\]]*\])+$/;
const OPERATOR_CALL = "operator()";

/**
 * A demangled C++ name without its parameters, as `perf` shows it: `A::f(int, char const*) const` is `A::f`. They take
 * most of the length, and overloads rarely matter in a profile. Other names are left as they are.
 */
export function plainName(name: string): string {
  const suffix = SUFFIX.exec(name);
  const end = suffix ? suffix.index : name.length;
  if (!name.endsWith(")", end)) return name;
  let depth = 0;
  for (let at = end - 1; at >= 0; at--) {
    const character = name[at];
    if (character === ")") depth++;
    else if (character === "(" && --depth === 0) {
      const before = name.slice(0, at);
      // `(anonymous namespace)` and `operator()` are no parameters; what returns a function has more of them ahead.
      if (at === 0 || before.endsWith("::") || before.endsWith("operator") || before.endsWith(" ")) return name;
      return before.endsWith(OPERATOR_CALL) || !before.endsWith(")") ? before : name;
    }
  }
  return name;
}
