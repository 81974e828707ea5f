/** Tables of the Itanium C++ ABI, chapter "Mangling". */

/** Types of one letter. */
export const BUILTIN_TYPES: ReadonlyMap<string, string> = new Map(
  Object.entries({
    v: "void",
    w: "wchar_t",
    b: "bool",
    c: "char",
    a: "signed char",
    h: "unsigned char",
    s: "short",
    t: "unsigned short",
    i: "int",
    j: "unsigned int",
    l: "long",
    m: "unsigned long",
    x: "long long",
    y: "unsigned long long",
    n: "__int128",
    o: "unsigned __int128",
    f: "float",
    d: "double",
    e: "long double",
    g: "__float128",
    z: "...",
  }),
);

/** Types that begin with `D`. */
export const EXTENDED_TYPES: ReadonlyMap<string, string> = new Map(
  Object.entries({
    a: "auto",
    c: "decltype(auto)",
    d: "decimal64",
    e: "decimal128",
    f: "decimal32",
    h: "half",
    i: "char32_t",
    n: "decltype(nullptr)",
    s: "char16_t",
    u: "char8_t",
  }),
);

/** How literals of a type are written: behind the number, instead of a cast in front. */
export const LITERAL_SUFFIXES: ReadonlyMap<string, string> = new Map(
  Object.entries({ i: "", j: "u", l: "l", m: "ul", x: "ll", y: "ull" }),
);

/** Substitutions of one letter behind `S`: as used, in full, name of the class. */
export const STANDARD_NAMES: ReadonlyMap<string, readonly [text: string, full: string, base: string]> = new Map([
  ["a", ["std::allocator", "std::allocator", "allocator"]],
  ["b", ["std::basic_string", "std::basic_string", "basic_string"]],
  ["s", ["std::string", "std::basic_string<char, std::char_traits<char>, std::allocator<char> >", "basic_string"]],
  ["i", ["std::istream", "std::basic_istream<char, std::char_traits<char> >", "basic_istream"]],
  ["o", ["std::ostream", "std::basic_ostream<char, std::char_traits<char> >", "basic_ostream"]],
  ["d", ["std::iostream", "std::basic_iostream<char, std::char_traits<char> >", "basic_iostream"]],
]);

/** Operators by their code: the text behind `operator`, and how many operands it takes in an expression. */
type Operator = readonly [text: string, operands: number];
export const OPERATORS: ReadonlyMap<string, Operator> = new Map(
  Object.entries<Operator>({
    aa: ["&&", 2],
    ad: ["&", 1],
    an: ["&", 2],
    aN: ["&=", 2],
    aS: ["=", 2],
    aw: ["co_await ", 1],
    cl: ["()", 0],
    cm: [",", 2],
    co: ["~", 1],
    da: ["delete[] ", 1],
    de: ["*", 1],
    dl: ["delete ", 1],
    ds: [".*", 2],
    dv: ["/", 2],
    dV: ["/=", 2],
    eo: ["^", 2],
    eO: ["^=", 2],
    eq: ["==", 2],
    ge: [">=", 2],
    gt: [">", 2],
    ix: ["[]", 0],
    le: ["<=", 2],
    ls: ["<<", 2],
    lS: ["<<=", 2],
    lt: ["<", 2],
    mi: ["-", 2],
    mI: ["-=", 2],
    ml: ["*", 2],
    mL: ["*=", 2],
    mm: ["--", 1],
    na: ["new[]", 0],
    ne: ["!=", 2],
    ng: ["-", 1],
    nt: ["!", 1],
    nw: ["new", 0],
    oo: ["||", 2],
    or: ["|", 2],
    oR: ["|=", 2],
    pl: ["+", 2],
    pL: ["+=", 2],
    pm: ["->*", 2],
    pp: ["++", 1],
    ps: ["+", 1],
    pt: ["->", 0],
    qu: ["?", 3],
    rm: ["%", 2],
    rM: ["%=", 2],
    rs: [">>", 2],
    rS: [">>=", 2],
    ss: ["<=>", 2],
  }),
);
