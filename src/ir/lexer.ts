import { createToken, Lexer, type TokenType } from "chevrotain";

/**
 * Tokens of the IR text. Order matters where one pattern is a prefix of another: ranges, times, powers and shapes come
 * before numbers (so there are no hexadecimal numbers), and a defined value (`%x =`) before a used one, which is what lets
 * the parser find the next op after an error.
 */

const NAME = String.raw`(?:[A-Za-z0-9_][A-Za-z0-9_.-]*|"(?:[^"\\\n\r]|\\.)*")`;

function token(name: string, label: string, pattern: RegExp | string, more: object = {}): TokenType {
  return createToken({ name, label, pattern, ...more });
}

export const Space = token("Space", "space", /[ \t\r\n]+/, { group: Lexer.SKIPPED, line_breaks: true });
export const Comment = token("Comment", "a comment", /\/\/[^\n]*/, { group: Lexer.SKIPPED });

const DEFINED = new RegExp(`%${NAME}`, "y");
const EQUALS_NEXT = /\s*=/y;
const OP_NEXT = /[ \t]+(?!layer\b|loc\b)[A-Za-z]/y;

function matchesAt(pattern: RegExp, text: string, offset: number): boolean {
  pattern.lastIndex = offset;
  return pattern.test(text);
}

function startsLine(text: string, offset: number): boolean {
  let at = offset - 1;
  while (at >= 0 && (text[at] === " " || text[at] === "\t")) at--;
  return at < 0 || text[at] === "\n";
}

/** `%name` before `=`, or at the start of a line before an op, where the `=` was forgotten. */
function matchDefined(text: string, offset: number): RegExpExecArray | null {
  DEFINED.lastIndex = offset;
  const match = DEFINED.exec(text);
  const end = DEFINED.lastIndex;
  if (match === null || matchesAt(EQUALS_NEXT, text, end)) return match;
  return matchesAt(OP_NEXT, text, end) && startsLine(text, offset) ? match : null;
}

export const Defined = createToken({
  name: "Defined",
  label: "`%name =`",
  pattern: matchDefined,
  start_chars_hint: ["%"],
  line_breaks: false,
});
export const Value = token("Value", "a value `%name`", new RegExp(`%${NAME}`), { start_chars_hint: ["%"] });
export const Symbol = token("Symbol", "a constant `@name`", new RegExp(`@${NAME}`), { start_chars_hint: ["@"] });
export const Text = token("Text", "a quoted text", /"(?:[^"\\\n\r]|\\.)*"/);

export const Range = token("Range", "a range `lo..hi`", /-?\d+\.\.-?\d+/);
export const Time = token("Time", "a time axis such as `4t` or `1t/4`", /\d+t(?:\/\d+)?/);
export const Power = token("Power", "a power `2^e`", /2\^-?\d+/);
export const Shape = token("Shape", "a shape", /\d+(?:x\d+)+/);
export const Number = token("Number", "a number", /-?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?/);

export const Word = token("Word", "a name", /[A-Za-z_][A-Za-z0-9_]*(?:[.-][A-Za-z0-9_]+)*/);
const keyword = (name: string, word: string): TokenType => token(name, `\`${word}\``, word, { longer_alt: Word });
export const NetWord = keyword("NetWord", "net");
export const Const = keyword("Const", "const");
export const Return = keyword("Return", "return");
export const External = keyword("External", "external");
export const Grid = keyword("Grid", "grid");
export const Layer = keyword("Layer", "layer");
export const Loc = keyword("Loc", "loc");
export const True = keyword("True", "true");
export const False = keyword("False", "false");

export const Arrow = token("Arrow", "`->`", "->");
export const LParen = token("LParen", "`(`", "(");
export const RParen = token("RParen", "`)`", ")");
export const LCurly = token("LCurly", "`{`", "{");
export const RCurly = token("RCurly", "`}`", "}");
export const LBracket = token("LBracket", "`[`", "[");
export const RBracket = token("RBracket", "`]`", "]");
export const Less = token("Less", "`<`", "<");
export const Greater = token("Greater", "`>`", ">");
export const Colon = token("Colon", "`:`", ":");
export const Comma = token("Comma", "`,`", ",");
export const Equals = token("Equals", "`=`", "=");
export const Plus = token("Plus", "`+`", "+");

const KEYWORD_TOKENS = [NetWord, Const, Return, External, Grid, Layer, Loc, True, False];
const PUNCTUATION = [LParen, RParen, LCurly, RCurly, LBracket, RBracket, Less, Greater, Colon, Comma, Equals, Plus];

export const TOKENS: TokenType[] = [
  Space,
  Comment,
  Defined,
  Value,
  Symbol,
  Text,
  Arrow,
  Range,
  Time,
  Power,
  Shape,
  Number,
  ...KEYWORD_TOKENS,
  Word,
  ...PUNCTUATION,
];

export const lexer = new Lexer(TOKENS, { positionTracking: "onlyOffset", ensureOptimizations: true });
