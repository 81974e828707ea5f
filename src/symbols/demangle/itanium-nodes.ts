/**
 * What a mangled C++ name says, as a tree (in fact a graph without cycles: substitutions share nodes). `Type`s have a
 * part left and one right of what they declare, see the printer.
 */
export type Node =
  /** Text as it is. */
  | { readonly kind: "text"; readonly text: string }
  /** Texts and nodes one after another: expressions, special names. */
  | { readonly kind: "sequence"; readonly parts: readonly (string | Node)[] }
  /** Nodes with commas between them. */
  | { readonly kind: "list"; readonly items: readonly Node[] }
  /** `scope::member`. */
  | { readonly kind: "member"; readonly scope: Node; readonly member: Node }
  /** `name<arguments>`. */
  | { readonly kind: "template"; readonly name: Node; readonly args: readonly Node[] }
  /** `std::string` and its like: short, but written in full where a constructor is named after it. */
  | { readonly kind: "standard"; readonly text: string; readonly full: string; readonly base: string }
  /** `name[abi:tag]`. */
  | { readonly kind: "tagged"; readonly name: Node; readonly tag: string }
  /** Constructor or destructor of `scope`, which says its name. */
  | { readonly kind: "structor"; readonly scope: Node; readonly destroys: boolean }
  /** A function with its parameters. */
  | {
      readonly kind: "encoding";
      readonly name: Node;
      readonly returns: Node | undefined;
      readonly params: readonly Node[];
      readonly qualifiers: string;
      /** What the template parameters in all of it stand for; undefined: the same as around it. */
      readonly args: readonly Node[] | undefined;
    }
  | {
      readonly kind: "function";
      readonly returns: Node;
      readonly params: readonly Node[];
      readonly qualifiers: string;
      readonly exceptions: Node | undefined;
    }
  /** `type const`. */
  | { readonly kind: "qualified"; readonly type: Node; readonly qualifiers: string }
  | { readonly kind: "pointer"; readonly type: Node }
  | { readonly kind: "reference"; readonly type: Node; readonly rvalue: boolean }
  | { readonly kind: "memberPointer"; readonly scope: Node; readonly type: Node }
  | { readonly kind: "array"; readonly type: Node; readonly size: Node | undefined }
  /** The arguments given for a parameter pack. */
  | { readonly kind: "pack"; readonly items: readonly Node[] }
  /** `pattern...`, written once for each element of the packs in it. */
  | { readonly kind: "expansion"; readonly pattern: Node }
  /** How many arguments were given for a pack. */
  | { readonly kind: "packSize"; readonly of: Node }
  /** Number `index` of the template arguments of the function around it, known when it is written: types are shared. */
  | { readonly kind: "parameter"; readonly index: number }
  /** `{lambda(params)#number}`, where template parameters are `auto`. */
  | { readonly kind: "lambda"; readonly params: readonly Node[]; readonly number: number };

export function text(value: string): Node {
  return { kind: "text", text: value };
}

export function sequence(...parts: readonly (string | Node)[]): Node {
  return { kind: "sequence", parts };
}
