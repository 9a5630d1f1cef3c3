import type { Changed } from '@consilium/shared';
import type { QueryKey } from '@tanstack/react-query';

/** Which answers a change may have made stale. A key also names every key that begins with it. */
export function staleKeys(change: Pick<Changed, 'topic' | 'id'>): QueryKey[] {
  switch (change.topic) {
    case 'study':
      return [['studies'], ['study-rounds', change.id]];
    case 'round':
      // A round's message does not name its study, and few studies are on screen at once.
      return [['rounds', change.id], ['study-rounds']];
    case 'site':
      return [['sites']];
    case 'model':
      // Its id is the study's. A site's measurement of a model is told by it too, and by the round that made the model.
      return [['studies'], ['study-rounds', change.id], ['curves', change.id], ['lineage', change.id]];
  }
}
