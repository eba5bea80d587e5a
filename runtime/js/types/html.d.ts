// HTMLRewriter.

/** A token that the host found. */
interface HtmlTokenData {
  kind: "element" | "endTag" | "comment" | "text" | "doctype" | "end";
  /** The numbers of the handlers that want it; of an end tag, those of its elements. */
  by: number[];
  /** The other fields depend on the kind: `TokenKind` in runtime/src/html_rewriter/token.rs. */
  [field: string]: any;
}

/** A token, and what handlers did with it. */
interface HtmlTokenState extends Bare {
  data: HtmlTokenData;
  /** The changes for the host, in order. One whose content comes from a stream has a `source`. */
  edits: any[];
  /** `true` while a handler runs. */
  live: boolean;
  removed: boolean;
  /** `true` if the content of a change comes from a stream. */
  pending: boolean;
  /** The handler of the end tag. */
  onEnd: Function | undefined;
}

/** The tokens of HTMLRewriter (html-tokens.js). */
interface HtmlTokens extends Bare {
  /** Returns the state of a token, and the object that handlers get. */
  make(data: HtmlTokenData): { state: HtmlTokenState; value: object } & Bare;
}
