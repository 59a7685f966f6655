/** What makes dollars of tokens and hours. */
export interface Prices {
  readonly dollarsPerMillionTokens: number | undefined;
  /** Cost of the deployment in dollars per hour. @default - no break-even */
  readonly dollarsPerHour?: number | undefined;
  /** Price of the other API, in dollars per million tokens. @default - its dollars are unknown */
  readonly againstPrice?: { readonly input: number; readonly output: number } | undefined;
}
