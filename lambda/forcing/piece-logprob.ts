/** Log-probability of a sampled token and of the most likely tokens in its place, in descending order. Natural logarithms. */
export interface PieceLogprob {
  readonly token: string;
  readonly logprob: number;
  readonly top: readonly { readonly token: string; readonly logprob: number }[];
}
