import { CstParser, EOF, tokenLabel, type CstNode, type IParserErrorMessageProvider, type IToken } from "chevrotain";
import * as T from "./lexer.js";

/** A piece of the text for a message: at most 40 characters, all of them printable. */
function quoted(text: string): string {
  const short = text.length > 40 ? `${text.slice(0, 40)}…` : text;
  const hex = (c: string): string => `\\u${(c.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`;
  return `\`${short.replace(/\s+/g, " ").replace(/\p{C}/gu, hex)}\``;
}

/** What the text says at a token. */
function found(token: IToken | undefined): string {
  return token === undefined || token.tokenType === EOF ? "the end of the text" : quoted(token.image);
}

/** One sentence per syntax error: what would fit, and what is there. */
const messages: IParserErrorMessageProvider = {
  buildMismatchTokenMessage: ({ expected, actual }) => `expected ${tokenLabel(expected)}, got ${found(actual)}`,
  buildNotAllInputParsedMessage: ({ firstRedundant }) => `expected the end of the text, got ${found(firstRedundant)}`,
  buildNoViableAltMessage: ({ expectedPathsPerAlt, actual }) => {
    const firsts = expectedPathsPerAlt.flatMap((paths) => paths.map((path) => path[0]));
    const labels = new Set(firsts.flatMap((token) => (token === undefined ? [] : [tokenLabel(token)])));
    return `expected ${[...labels].join(" or ")}, got ${found(actual[0])}`;
  },
  buildEarlyExitMessage: ({ expectedIterationPaths, actual }) => {
    const firsts = expectedIterationPaths.flatMap((path) => path.slice(0, 1));
    return `expected ${[...new Set(firsts.map(tokenLabel))].join(" or ")}, got ${found(actual[0])}`;
  },
};

/** The grammar of the IR text. Rules in order of the text; what the words mean is decided in `syntax.ts`. */
class NetGrammar extends CstParser {
  constructor() {
    super(T.TOKENS, {
      recoveryEnabled: true,
      maxLookahead: 2,
      errorMessageProvider: messages,
    });
    this.performSelfAnalysis();
  }

  readonly document = this.RULE("document", () => {
    this.CONSUME(T.NetWord);
    this.CONSUME(T.Symbol);
    this.CONSUME(T.LParen);
    this.MANY_SEP({ SEP: T.Comma, DEF: () => this.SUBRULE(this.netInput) });
    this.CONSUME(T.RParen);
    this.CONSUME(T.Arrow);
    this.SUBRULE(this.outputs);
    this.CONSUME(T.LCurly);
    this.MANY(() => this.SUBRULE(this.statement));
    this.SUBRULE(this.returned);
    this.CONSUME(T.RCurly);
  });

  private readonly netInput = this.RULE("netInput", () => {
    this.CONSUME(T.Value);
    this.CONSUME(T.Colon);
    this.SUBRULE(this.type);
  });

  private readonly outputs = this.RULE("outputs", () => {
    this.OR([
      {
        ALT: () => {
          this.CONSUME(T.LParen);
          this.MANY_SEP({ SEP: T.Comma, DEF: () => this.SUBRULE(this.output) });
          this.CONSUME(T.RParen);
        },
      },
      { ALT: () => this.SUBRULE(this.type) },
    ]);
  });

  private readonly output = this.RULE("output", () => {
    this.OR([{ ALT: () => this.CONSUME(T.Word) }, { ALT: () => this.CONSUME(T.Text) }]);
    this.CONSUME(T.Colon);
    this.SUBRULE(this.type);
  });

  private readonly statement = this.RULE("statement", () => {
    this.OR([{ ALT: () => this.SUBRULE(this.constant) }, { ALT: () => this.SUBRULE(this.operation) }]);
  });

  private readonly constant = this.RULE("constant", () => {
    this.CONSUME(T.Const);
    this.CONSUME(T.Symbol);
    this.CONSUME(T.Colon);
    this.CONSUME(T.Word);
    this.CONSUME(T.Less);
    this.SUBRULE(this.shape);
    this.CONSUME(T.Greater);
    this.OR([
      {
        ALT: () => {
          this.CONSUME(T.External);
          this.OPTION3(() => this.CONSUME(T.Text));
        },
      },
      {
        ALT: () => {
          this.CONSUME(T.Equals);
          this.SUBRULE(this.values);
          this.OPTION(() => {
            this.CONSUME(T.Plus);
            this.SUBRULE2(this.values);
          });
          this.OPTION2(() => this.SUBRULE(this.grid));
        },
      },
    ]);
  });

  private readonly grid = this.RULE("grid", () => {
    this.CONSUME(T.Grid);
    this.SUBRULE(this.values);
  });

  private readonly values = this.RULE("values", () => {
    this.CONSUME(T.LBracket);
    this.MANY_SEP({ SEP: T.Comma, DEF: () => this.CONSUME(T.Number) });
    this.CONSUME(T.RBracket);
  });

  private readonly operation = this.RULE("operation", () => {
    this.CONSUME(T.Defined);
    this.CONSUME(T.Equals);
    this.CONSUME(T.Word);
    this.MANY_SEP({ SEP: T.Comma, DEF: () => this.SUBRULE(this.argument) });
    this.OPTION(() => this.SUBRULE(this.attributes));
    this.OPTION2(() => {
      this.CONSUME(T.Colon);
      this.SUBRULE(this.type);
    });
    this.OPTION3(() => this.SUBRULE(this.layer));
    this.OPTION4(() => this.SUBRULE(this.loc));
  });

  private readonly argument = this.RULE("argument", () => {
    this.OR([{ ALT: () => this.CONSUME(T.Value) }, { ALT: () => this.CONSUME(T.Symbol) }]);
  });

  private readonly attributes = this.RULE("attributes", () => {
    this.CONSUME(T.LCurly);
    this.MANY_SEP({ SEP: T.Comma, DEF: () => this.SUBRULE(this.attribute) });
    this.CONSUME(T.RCurly);
  });

  private readonly attribute = this.RULE("attribute", () => {
    this.CONSUME(T.Word);
    this.CONSUME(T.Equals);
    this.SUBRULE(this.attributeValue);
  });

  private readonly attributeValue = this.RULE("attributeValue", () => {
    this.OR([
      { ALT: () => this.CONSUME(T.Number) },
      { ALT: () => this.CONSUME(T.Power) },
      { ALT: () => this.CONSUME(T.Symbol) },
      { ALT: () => this.CONSUME(T.True) },
      { ALT: () => this.CONSUME(T.False) },
      {
        ALT: () => {
          this.CONSUME(T.Word);
          this.OPTION(() => {
            this.CONSUME(T.LParen);
            this.MANY_SEP({ SEP: T.Comma, DEF: () => this.CONSUME2(T.Number) });
            this.CONSUME(T.RParen);
          });
        },
      },
    ]);
  });

  private readonly layer = this.RULE("layer", () => {
    this.CONSUME(T.Layer);
    this.CONSUME(T.LParen);
    this.CONSUME(T.Text);
    this.OPTION(() => {
      this.CONSUME(T.Comma);
      this.CONSUME(T.Word);
      this.CONSUME(T.Equals);
      this.CONSUME(T.LBracket);
      this.MANY_SEP({ SEP: T.Comma, DEF: () => this.SUBRULE(this.run) });
      this.CONSUME(T.RBracket);
    });
    this.CONSUME(T.RParen);
  });

  private readonly run = this.RULE("run", () => {
    this.OR([{ ALT: () => this.CONSUME(T.Number) }, { ALT: () => this.CONSUME(T.Range) }]);
  });

  private readonly loc = this.RULE("loc", () => {
    this.CONSUME(T.Loc);
    this.CONSUME(T.LParen);
    this.CONSUME(T.Text);
    this.CONSUME(T.RParen);
  });

  private readonly returned = this.RULE("returned", () => {
    this.CONSUME(T.Return);
    this.MANY_SEP({ SEP: T.Comma, DEF: () => this.CONSUME(T.Value) });
  });

  private readonly type = this.RULE("type", () => {
    this.CONSUME(T.Word);
    this.CONSUME(T.Less);
    this.CONSUME(T.Time);
    this.CONSUME(T.Comma);
    this.SUBRULE(this.shape);
    this.MANY(() => {
      this.CONSUME2(T.Comma);
      this.SUBRULE(this.suffix);
    });
    this.CONSUME(T.Greater);
  });

  private readonly suffix = this.RULE("suffix", () => {
    this.OR([
      {
        ALT: () => {
          this.CONSUME(T.Word);
          this.CONSUME(T.Number);
        },
      },
      { ALT: () => this.CONSUME(T.Range) },
      { ALT: () => this.CONSUME(T.Power) },
    ]);
  });

  private readonly shape = this.RULE("shape", () => {
    this.OR([{ ALT: () => this.CONSUME(T.Shape) }, { ALT: () => this.CONSUME(T.Number) }]);
  });
}

export interface GrammarError {
  readonly message: string;
  readonly offset: number;
  readonly length: number;
}

export interface GrammarResult {
  /** The concrete tree; parts of it may be missing where the text had errors. */
  readonly tree: CstNode | undefined;
  readonly errors: readonly GrammarError[];
}

const grammar = new NetGrammar();

/** Lexes and parses; recovers from errors and reports all of them, in order of the text. */
export function parseTree(source: string): GrammarResult {
  const lexed = T.lexer.tokenize(source);
  const errors: GrammarError[] = lexed.errors.map(({ offset, length }) => ({
    message: `unexpected ${length === 1 ? "character" : "characters"} ${quoted(source.slice(offset, offset + length))}`,
    offset,
    length,
  }));
  grammar.input = lexed.tokens;
  const tree: CstNode | undefined = grammar.document();
  for (const error of grammar.errors) {
    const { token } = error;
    const atEnd = token.tokenType === EOF || Number.isNaN(token.startOffset);
    errors.push({
      message: error.message,
      offset: atEnd ? source.trimEnd().length : token.startOffset,
      length: atEnd ? 1 : token.image.length,
    });
  }
  grammar.input = [];
  return { tree, errors: errors.sort((a, b) => a.offset - b.offset) };
}
