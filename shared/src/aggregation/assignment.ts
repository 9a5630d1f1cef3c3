/**
 * The permutation with the least cost: row r is given column result[r]. `costs` [n, n], finite. The Hungarian method with
 * potentials (Jonker and Volgenant 1987), n^3 steps.
 */
export function leastCostAssignment(costs: Float64Array, n: number): number[] {
  // Column 0 stands for "none": rows and columns count from 1.
  const rowPotential = new Float64Array(n + 1);
  const columnPotential = new Float64Array(n + 1);
  const rowOf = new Int32Array(n + 1);
  for (let row = 1; row <= n; row++) {
    rowOf[0] = row;
    const previous = new Int32Array(n + 1);
    const slack = new Float64Array(n + 1).fill(Infinity);
    const visited = new Uint8Array(n + 1);
    let column = 0;
    do {
      visited[column] = 1;
      const current = rowOf[column];
      let least = Infinity;
      let next = 0;
      for (let j = 1; j <= n; j++) {
        if (visited[j] === 1) continue;
        const reduced = costs[(current - 1) * n + j - 1] - rowPotential[current] - columnPotential[j];
        if (reduced < slack[j]) [slack[j], previous[j]] = [reduced, column];
        if (slack[j] < least) [least, next] = [slack[j], j];
      }
      for (let j = 0; j <= n; j++) {
        if (visited[j] === 1) {
          rowPotential[rowOf[j]] += least;
          columnPotential[j] -= least;
        } else slack[j] -= least;
      }
      column = next;
    } while (rowOf[column] !== 0);
    for (; column !== 0; column = previous[column]) rowOf[column] = rowOf[previous[column]];
  }
  const columnOf = new Array<number>(n);
  for (let j = 1; j <= n; j++) columnOf[rowOf[j] - 1] = j - 1;
  return columnOf;
}
