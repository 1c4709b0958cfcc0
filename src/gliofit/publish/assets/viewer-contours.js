// Contours in a slice, by marching squares on voxel centres.

/**
 * Line segments where a slice crosses a level, in fractional voxel indices.
 *
 * @param value function of (column, row) that is defined one voxel beyond the edges too
 * @param segment called with the two ends of each segment: x0, y0, x1, y1
 */
function contour(columns, rows, value, level, segment) {
  let below = new Float64Array(columns + 2);
  for (let column = -1; column <= columns; column++) below[column + 1] = value(column, -1);
  for (let row = 0; row <= rows; row++) {
    const above = new Float64Array(columns + 2);
    for (let column = -1; column <= columns; column++) above[column + 1] = value(column, row);
    for (let column = 0; column <= columns; column++) {
      const corners = [below[column], below[column + 1], above[column + 1], above[column]];
      const inside = corners.map((corner) => corner >= level);
      if (inside.every(Boolean) || !inside.some(Boolean)) continue;
      square(column - 1, row - 1, corners, inside, level, segment);
    }
    below = above;
  }
}

/** Segments in the square between four voxels, from its lower left one; corners are counted anticlockwise. */
function square(x, y, corners, inside, level, segment) {
  const places = [[x, y], [x + 1, y], [x + 1, y + 1], [x, y + 1]];
  const crossings = [];
  for (let side = 0; side < 4; side++) {
    const next = (side + 1) % 4;
    if (inside[side] === inside[next]) continue;
    const share = (level - corners[side]) / (corners[next] - corners[side]);
    const [from, to] = [places[side], places[next]];
    crossings.push([from[0] + share * (to[0] - from[0]), from[1] + share * (to[1] - from[1])]);
  }
  // Where all four sides are crossed, the corners that are inside are kept apart.
  if (crossings.length === 4 && inside[0]) crossings.unshift(crossings.pop());
  for (let i = 0; i + 1 < crossings.length; i += 2) segment(...crossings[i], ...crossings[i + 1]);
}
