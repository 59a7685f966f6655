/** A pool of a fixed number of places, with a first-in, first-out queue. */
export class Places<Place> {
  readonly #free: Place[];
  readonly #waiting: { readonly take: (free: Place[]) => Place; readonly resolve: (place: Place) => void }[] = [];
  readonly #total: number;

  constructor(places: readonly Place[]) {
    this.#free = [...places];
    this.#total = places.length;
  }

  get active(): number {
    return this.#total - this.#free.length;
  }

  get queued(): number {
    return this.#waiting.length;
  }

  /** Waits for a free place. `choose` picks among several. Rejects with the signal's reason on abort. */
  async take(choose: (free: readonly Place[]) => Place, signal: AbortSignal): Promise<Place> {
    signal.throwIfAborted();
    const take = (free: Place[]): Place => {
      const chosen = choose(free);
      free.splice(free.indexOf(chosen), 1);
      return chosen;
    };
    if (this.#free.length > 0) return take(this.#free);
    return await new Promise<Place>((resolve, reject) => {
      const waiter = {
        take,
        resolve: (place: Place) => {
          signal.removeEventListener('abort', leave);
          resolve(place);
        },
      };
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        reject(signal.reason);
      };
      signal.addEventListener('abort', leave, { once: true });
      this.#waiting.push(waiter);
    });
  }

  give(place: Place): void {
    this.#free.push(place);
    const next = this.#waiting.shift();
    if (next !== undefined) next.resolve(next.take(this.#free));
  }
}
