// Contours in a slice, by marching squares on voxel centres.

// Neighbours of a square's lower left voxel, anticlockwise.
const CORNERS = [[0, 0], [1, 0], [1, 1], [0, 1]];

/**
 * Lines along which a slice crosses a level, as arrays of [x, y] in fractional voxel indices.
 *
 * @param value function of (column, row) that is defined one voxel beyond the edges too
 */
function contours(columns, rows, value, level) {
  const row = (y) => Float64Array.from({ length: columns + 2 }, (_, column) => value(column - 1, y));
  // Crossings by edge of the grid, each with the one or two edges that it is connected to.
  const crossings = new Map();
  const width = columns + 3;
  let below = row(-1);
  for (let y = -1; y < rows; y++) {
    const above = row(y + 1);
    for (let x = -1; x < columns; x++) {
      const values = [below[x + 1], below[x + 2], above[x + 2], above[x + 1]];
      const inside = values.map((corner) => corner >= level);
      if (inside.every(Boolean) || !inside.some(Boolean)) continue;
      const edges = [];
      for (let side = 0; side < 4; side++) {
        const next = (side + 1) % 4;
        if (inside[side] === inside[next]) continue;
        // Two squares share an edge, which is identified by its lower or left voxel.
        const [from, to] = side < 2 ? [side, next] : [next, side];
        const [dx, dy] = CORNERS[from];
        const key = 2 * ((x + dx + 1) + width * (y + dy + 1)) + (side % 2);
        if (!crossings.has(key)) {
          const share = (level - values[from]) / (values[to] - values[from]);
          const place = side % 2 ? [x + dx, y + dy + share] : [x + dx + share, y + dy];
          crossings.set(key, { place, joined: [] });
        }
        edges.push(key);
      }
      // If all four sides are crossed, the corners inside are separated.
      if (edges.length === 4 && inside[0]) edges.unshift(edges.pop());
      for (let i = 0; i < edges.length; i += 2) {
        crossings.get(edges[i]).joined.push(edges[i + 1]);
        crossings.get(edges[i + 1]).joined.push(edges[i]);
      }
    }
    below = above;
  }
  return chained(crossings);
}

/** Join crossings; each line is closed, because nothing is inside beyond the edges. */
function chained(crossings) {
  const lines = [];
  const done = new Set();
  for (const start of crossings.keys()) {
    const line = [];
    let key = start;
    while (key !== undefined && !done.has(key)) {
      done.add(key);
      const { place, joined } = crossings.get(key);
      line.push(place);
      key = joined.find((next) => !done.has(next));
    }
    if (line.length) lines.push(line);
  }
  return lines;
}
