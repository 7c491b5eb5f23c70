import type { Goal } from '../../events/rebalance.ts';
import type { Planning } from '../../src/rebalance/planner.ts';

/** What a long hunt met: how many clusters each property saw, and how often goals were out of reach. */
export class Figures {
  readonly #seen = new Map<string, { drawn: number; planned: number }>();
  readonly #failures = new Map<string, number>();
  readonly #reached = new Map<string, { reached: number; of: number }>();
  #moves = 0;
  #undrained = 0;

  note(property: string, goals: readonly Goal[], planning: Planning): void {
    const seen = this.#seen.get(property) ?? { drawn: 0, planned: 0 };
    this.#seen.set(property, seen);
    seen.drawn += 1;
    if (planning.kind === 'failed') {
      this.#failures.set(planning.goal, (this.#failures.get(planning.goal) ?? 0) + 1);
      return;
    }
    seen.planned += 1;
    this.#moves += planning.plan.moves.length;
    if (planning.plan.unmet.some(({ goal }) => goal === 'SERVER_TAG')) this.#undrained += 1;
    for (const [i, goal] of goals.entries()) {
      const place = `${goal} as goal ${i + 1}`;
      const count = this.#reached.get(place) ?? { reached: 0, of: 0 };
      this.#reached.set(place, count);
      count.of += 1;
      if (!planning.plan.unmet.some((each) => each.goal === goal)) count.reached += 1;
    }
  }

  text(): string {
    return [
      ...[...this.#seen].map(([property, { drawn, planned }]) => `${drawn} clusters, ${planned} planned: ${property}`),
      ...[...this.#failures].map(([goal, count]) => `${count} times ${goal} could not be pursued`).sort(),
      ...[...this.#reached].map(([place, { reached, of }]) => `${place}: reached ${reached} of ${of} times`).sort(),
      `${this.#undrained} plans left a replica on a tagged server for want of room`,
      `${this.#moves} moves`,
    ].join('\n');
  }
}
