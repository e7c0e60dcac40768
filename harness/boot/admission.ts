/**
 * The gate in front of the guests. p-queue keeps the order and the number of guests; this gate knows what each of
 * them weighs, so that four small guests or one large one run, and never more memory than the host has.
 */
export interface Weight {
  memoryMiB: number;
  cpus: number;
}

export class AdmissionGate {
  readonly #limit: Weight;
  #used: Weight = { memoryMiB: 0, cpus: 0 };
  readonly #waiting: { weight: Weight; admit: () => void }[] = [];

  constructor(limit: Weight) {
    this.#limit = limit;
  }

  /** Runs `work` once its weight fits. Something larger than the whole host runs alone rather than never. */
  async run<T>(weight: Weight, work: () => Promise<T>): Promise<T> {
    await this.#enter(weight);
    try {
      return await work();
    } finally {
      this.#add(weight, -1);
      this.#wake();
    }
  }

  async #enter(weight: Weight): Promise<void> {
    if (this.#waiting.length === 0 && this.#fits(weight)) {
      this.#add(weight, 1);
      return;
    }
    await new Promise<void>((admit) => this.#waiting.push({ weight, admit }));
  }

  /** First come, first served: a large guest is not starved by small ones behind it. */
  #wake(): void {
    for (let next = this.#waiting[0]; next && this.#fits(next.weight); next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#add(next.weight, 1);
      next.admit();
    }
  }

  #fits(weight: Weight): boolean {
    if (this.#used.cpus === 0) return true;
    return (
      this.#used.memoryMiB + weight.memoryMiB <= this.#limit.memoryMiB &&
      this.#used.cpus + weight.cpus <= this.#limit.cpus
    );
  }

  #add(weight: Weight, sign: 1 | -1): void {
    this.#used = {
      memoryMiB: this.#used.memoryMiB + sign * weight.memoryMiB,
      cpus: this.#used.cpus + sign * weight.cpus,
    };
  }
}
