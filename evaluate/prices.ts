/** Dollars per million tokens: evaluated prompt, and sampled. */
export interface TokenPrice {
  readonly prompt: number;
  readonly completion: number;
}

/** What makes dollars of tokens and hours. */
export interface Prices {
  /** A number is the price of either kind of token. @default - the price that `/v1/models` publishes */
  readonly dollarsPerMillionTokens: number | TokenPrice | undefined;
  /** Prices of single models, such as those of a route. @default - the same price for all */
  readonly modelPrices?: Readonly<Record<string, TokenPrice>> | undefined;
  /** Cost of the deployment in dollars per hour. @default - no break-even */
  readonly dollarsPerHour?: number | undefined;
  /** Price of the other API, in dollars per million tokens. @default - its dollars are unknown */
  readonly againstPrice?: { readonly input: number; readonly output: number } | undefined;
}

/** The price of each kind of token. */
export function tokenPrice(price: number | TokenPrice | undefined): TokenPrice | undefined {
  return typeof price === 'number' ? { prompt: price, completion: price } : price;
}
