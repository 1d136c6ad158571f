/** Rows of figures as Figures.svelte shows them. */

export interface Verdict {
  readonly word: string;
  readonly mark: string;
  readonly tone: "plain" | "warn" | "alarm";
  /** Why, or an empty string. */
  readonly reason: string;
}

export interface Row {
  readonly key: string;
  readonly title: string;
  readonly figures: readonly string[];
  /** Null: a row that nobody judges. */
  readonly verdict: Verdict | null;
}
