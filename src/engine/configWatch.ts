import type { Configs } from '../../projections/configs.ts';
import type { Replica } from './replica.ts';

/**
 * Lets a component follow its configs: `apply` is called at once with the present value and again, at the position of the change
 * and so at the same one on every node, whenever the value that `read` takes from the configs is another. Returns how to stop.
 */
export function watchConfig<T extends string | number | boolean>(
  replica: Replica,
  read: (configs: Configs) => T,
  apply: (value: T) => void,
): () => void {
  let present = read(replica.state.configs);
  apply(present);
  return replica.onApplied(({ before, after }) => {
    if (before.configs === after.configs) return;
    const next = read(after.configs);
    if (next === present) return;
    present = next;
    apply(next);
  });
}
