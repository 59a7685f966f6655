/** A double-ended queue in a ring buffer. Grows by doubling, never shrinks. */
export class Deque<Item> {
  #ring: (Item | undefined)[] = new Array(16).fill(undefined);
  #head = 0;
  length = 0;

  push(item: Item): void {
    if (this.length === this.#ring.length) this.#grow();
    this.#ring[(this.#head + this.length) & (this.#ring.length - 1)] = item;
    this.length += 1;
  }

  unshift(item: Item): void {
    if (this.length === this.#ring.length) this.#grow();
    this.#head = (this.#head - 1) & (this.#ring.length - 1);
    this.#ring[this.#head] = item;
    this.length += 1;
  }

  /** Adds an item behind all that are not to come after it. Needs a deque that is sorted by `order`. */
  insert(item: Item, order: (item: Item) => number): void {
    this.push(item);
    const mask = this.#ring.length - 1;
    for (let index = this.length - 1; index > 0; index--) {
      const before = this.#ring[(this.#head + index - 1) & mask];
      if (before === undefined || order(before) <= order(item)) return;
      this.#ring[(this.#head + index) & mask] = before;
      this.#ring[(this.#head + index - 1) & mask] = item;
    }
  }

  /** Removes and returns all items, the first one first. */
  drain(): Item[] {
    const items: Item[] = [];
    for (let item = this.shift(); item !== undefined; item = this.shift()) items.push(item);
    return items;
  }

  peek(): Item | undefined {
    return this.length === 0 ? undefined : this.#ring[this.#head];
  }

  shift(): Item | undefined {
    if (this.length === 0) return undefined;
    const item = this.#ring[this.#head];
    this.#ring[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#ring.length - 1);
    this.length -= 1;
    return item;
  }

  #grow(): void {
    const size = this.#ring.length;
    const ring = new Array<Item | undefined>(size * 2).fill(undefined);
    for (let index = 0; index < size; index++) ring[index] = this.#ring[(this.#head + index) & (size - 1)];
    this.#ring = ring;
    this.#head = 0;
  }
}
