// The three slices and the rendering: positions and coordinates.

// `slice` is NiiVue's number; across, up and through are axes of the volume (0: x, 1: y, 2: z).
const PLANES = [
  { name: "axial", slice: 0, across: 0, up: 1, through: 2, ends: ["P", "A"] },
  { name: "coronal", slice: 1, across: 0, up: 2, through: 1, ends: ["I", "S"] },
  { name: "sagittal", slice: 2, across: 1, up: 2, through: 0, ends: ["I", "S"] },
];
const RENDERING = { name: "3-D", slice: 4 };
const SIDES = [["L", "R"], ["P", "A"]];
const GAP = 4;

/**
 * Places of the panes in a stage of some width, in CSS pixels: stacked where it is narrow, else two by two.
 *
 * All slices have one scale. The fourth pane, right of the sagittal slice, is the rendering, or free (`free`).
 */
function arrange(width, most, size, rendered) {
  const narrow = width < 520;
  const panes = [];
  if (narrow) {
    let top = 0;
    for (const plane of PLANES) {
      const height = Math.round((width * size[plane.up]) / size[plane.across]);
      panes.push({ plane, left: 0, top, width, height });
      top += height + GAP;
    }
    if (rendered) {
      panes.push({ plane: RENDERING, left: 0, top, width, height: width });
      top += width + GAP;
    }
    return { panes, height: top - GAP, free: null };
  }
  const scale = Math.min((width - GAP) / (2 * Math.max(size[0], size[1])), (most - GAP) / (size[1] + size[2]));
  const first = Math.round((width - GAP) / 2);
  const upper = Math.round(size[1] * scale);
  const lower = Math.round(size[2] * scale);
  const place = (plane, left, top, height) => ({ plane, left, top, width: first, height });
  panes.push(place(PLANES[0], 0, 0, upper));
  panes.push(place(PLANES[1], first + GAP, 0, upper));
  panes.push(place(PLANES[2], 0, upper + GAP, lower));
  const free = place(RENDERING, first + GAP, upper + GAP, lower);
  if (rendered) panes.push(free);
  return { panes, height: upper + GAP + lower, free: rendered ? null : free };
}

/** Where NiiVue has drawn a slice: from world mm to CSS pixels of the stage and back. */
function drawnSlice(slice, ratio) {
  const [left, top, width, height] = slice.leftTopWidthHeight.map((length) => length / ratio);
  const [acrossMm, upMm] = slice.leftTopMM;
  const [acrossSpan, upSpan] = slice.fovMM;
  const plane = PLANES[slice.axCorSag];
  const letters = SIDES[plane.across];
  return {
    plane, left, top, width, height,
    letters: acrossSpan > 0 ? letters : [letters[1], letters[0]],
    toScreen: (across, up) => [
      left + ((across - acrossMm) / acrossSpan) * width,
      top + height - ((up - upMm) / upSpan) * height,
    ],
    toMm: (x, y) => [acrossMm + ((x - left) / width) * acrossSpan, upMm + ((top + height - y) / height) * upSpan],
    holds: (x, y) => x >= left && x <= left + width && y >= top && y <= top + height,
  };
}
