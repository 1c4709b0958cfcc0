// The viewer: state, crosshair and interaction.

const CROSS = "#7CFC9A";

async function start() {
  const root = document.getElementById("viewer");
  const { place, layers, colours } = JSON.parse(document.getElementById("viewer-data").textContent);
  const canShow = typeof DecompressionStream === "function" && document.createElement("canvas").getContext("webgl2");
  if (!canShow) {
    root.append("The viewer needs WebGL 2, which this browser does not support; see the picture below.");
    return;
  }
  const niivue = await loadLibrary();

  const byId = new Map(layers.map((layer) => [layer.id, layer]));
  const images = layers.filter((layer) => layer.kind === "image");
  const size = place.shape.map((count, axis) => count * place.spacing[axis]);
  const nearest = (mm) => mm.map((value, axis) => {
    const voxel = Math.round((value - place.origin[axis]) / place.spacing[axis]);
    return Math.min(Math.max(voxel, 0), place.shape[axis] - 1);
  });
  const toMm = (voxel) => voxel.map((value, axis) => place.origin[axis] + value * place.spacing[axis]);
  const state = {
    voxel: nearest(place.centre), background: images[0].id, radiological: true, rendered: false, zoom: 1,
    brightness: 1, plane: PLANES[0], pending: 1, slices: [], focus: place.centre,
  };
  // Target of a drag: a plane, or a position in the rendering.
  let held = null;

  // ------------------------------------------------------------------------------------------------------- the page

  const act = { show, setOpacity, showContour };
  const slices = make("canvas", { id: "viewer-slices" });
  const marks = make("canvas", {
    id: "viewer-marks", tabIndex: 0, role: "application",
    ariaLabel: "Slices through the crosshair. Arrow keys move it within a slice, Page Up and Page Down through slices.",
  });
  const readOut = make("div", { className: "viewer-readout", ariaLive: "polite" });
  const stage = make("div", { className: "viewer-stage" }, slices, marks);
  const view = make("div", { className: "viewer-view" }, stage, readOut);
  const convention = make("p", { className: "viewer-convention" });
  const sliders = ["sagittal, x", "coronal, y", "axial, z"].map((text, axis) =>
    slider(text, { min: 0, max: place.shape[axis] - 1, step: 1, value: state.voxel[axis], dataset: { axis } },
      (value) => move(state.voxel.map((old, other) => (other === axis ? value : old)))));
  const backgrounds = make("select", { id: "viewer-background" },
    ...images.map((image) => make("option", { value: image.id }, image.name)));
  backgrounds.addEventListener("change", () => later(() => (state.background = backgrounds.value)));
  const home = make("button", { type: "button", id: "viewer-home" }, `Go to ${place.centreName}`);
  home.addEventListener("click", () => move(nearest(place.centre)));
  const radiological = tickBox("Radiological (patient's right on the left)", true, (on) => later(() => {
    state.radiological = on;
    nv.opts.isRadiologicalConvention = on;
  }));
  radiological.input.id = "viewer-radiological";
  const rendering = tickBox("3-D", false, (on) => later(() => {
    state.rendered = on;
    layOut();
  }));
  rendering.input.id = "viewer-rendering";
  const zoom = slider("zoom", { min: 1, max: 5, step: 0.1, value: 1, id: "viewer-zoom" }, (value) => {
    state.zoom = value;
    draw();
  });
  const brightness = slider("brightness", { min: 0.4, max: 2.5, step: 0.1, value: 1, id: "viewer-brightness" },
    (value) => later(() => (state.brightness = value)));
  const bars = make("div", { className: "viewer-bars" });
  root.append(
    make("div", { className: "viewer-left" }, view, convention,
      make("div", { className: "viewer-sliders" }, ...sliders.map(({ label }) => label))),
    make("div", { className: "viewer-right" },
      make("div", { className: "viewer-tools" }, home, make("label", {}, "Background ", backgrounds),
        radiological.label, rendering.label, zoom.label, brightness.label),
      bars, layerList(layers, act)),
    make("p", { className: "viewer-help" },
      "Click or drag in a slice to move the crosshair. After a click in a slice, arrow keys move within it, Page Up, Page " +
      "Down and the wheel move through slices, and Home returns to the initial point. Values are those of the voxel " +
      "under the crosshair, in the steps in which the page stores them (concentrations 1/255, MRI 1/63 of the brightest)."),
  );

  // -------------------------------------------------------------------------------------------------------- NiiVue

  const nv = new niivue.Niivue({
    interactive: false, dragAndDropEnabled: false, isSliceMM: true, isRadiologicalConvention: true,
    sagittalNoseLeft: true, isOrientationTextVisible: false, crosshairWidth: 0, show3Dcrosshair: false,
    loadingText: "", logLevel: "error", multiplanarShowRender: 0,
  });
  layOut();
  await nv.attachToCanvas(slices);
  nv.setRenderAzimuthElevation(120, 20);

  /** Fetch the voxels of a layer, and make NiiVue's picture of it unless it is an outline. */
  async function load(layer) {
    if (!layer.voxels) {
      const { file, voxels } = await loadVolume(layer.volume);
      Object.assign(layer, { file, voxels });
    }
    if (layer.picture || layer.kind === "outline" || (layer.kind !== "image" && !layer.visible)) return;
    const file = layer.kind === "image" ? layer.file.slice(0) : coloured(layer.file, layer.voxels, shades(layer));
    const name = `${layer.id}.nii`;
    layer.picture = await niivue.NVImage.loadFromUrl({ url: name, name, buffer: file });
    if (layer.kind === "image") [layer.picture.cal_min, layer.picture.cal_max] = layer.range;
  }

  /** Red, green, blue and opacity of each raw value of a layer. */
  function shades(layer) {
    if (layer.labels) {
      const found = new Map(layer.labels.map(({ value, colour }) =>
        [value, [1, 3, 5].map((start) => parseInt(colour.slice(start, start + 2), 16))]));
      return (raw) => (found.has(raw) ? [...found.get(raw), 255] : [0, 0, 0, 0]);
    }
    const { fade, ...table } = colours[layer.colours];
    return (raw) => {
      const value = layer.intercept + layer.slope * raw;
      return [...shadeOf(table, value), Math.round(255 * Math.min(1, Math.abs(value) / fade))];
    };
  }

  /** Change the state; data are loaded first, and changes are applied in order. */
  let queue = Promise.resolve();
  function later(change) {
    state.pending += 1;
    queue = queue.then(async () => {
      change();
      await updateVolumes();
    }).catch((error) => console.error(error)).finally(() => {
      state.pending -= 1;
    });
    return queue;
  }

  async function updateVolumes() {
    const background = byId.get(state.background);
    const shown = layers.filter((layer) => layer.visible || layer.contourVisible);
    for (const layer of [background, ...shown]) await load(layer);
    const [low, high] = background.range;
    background.picture.cal_max = low + (high - low) / state.brightness;
    const over = shown.filter((layer) => layer.visible && layer.picture);
    for (const layer of over) layer.picture.opacity = layer.opacity;
    // Colours take four times the memory of raw values.
    for (const layer of layers) if (layer.picture && layer.kind !== "image" && !layer.visible) layer.picture = null;
    nv.volumes = [background.picture, ...over.map((layer) => layer.picture)];
    nv.back = nv.volumes[0];
    nv.overlays = nv.volumes.slice(1);
    placeCross();
    nv.updateGLVolume();
    const titles = [...new Set(over.filter((layer) => layer.kind === "map").map((layer) => layer.colours))];
    bars.replaceChildren(...titles.map((title) => colourBar(colours[title])));
    draw();
  }

  // ------------------------------------------------------------------------------------------------------- drawing

  function layOut() {
    const most = Math.max(420, Math.min(760, window.innerHeight - 120));
    const { panes, height, free } = arrange(stage.clientWidth, most, size, state.rendered);
    stage.style.height = `${height}px`;
    nv.customLayout = panes.map(({ plane, left, top, width, height: tall }) => ({
      sliceType: plane.slice,
      position: [left / stage.clientWidth, top / height, width / stage.clientWidth, tall / height],
    }));
    readOut.classList.toggle("viewer-beside", free !== null);
    Object.assign(readOut.style, free === null ? { left: "", top: "", width: "", height: "" } : {
      left: `${free.left}px`, top: `${free.top}px`, width: `${free.width}px`, height: `${free.height}px`,
    });
  }

  function placeCross() {
    const at = toMm(state.voxel);
    nv.scene.crosshairPos = state.voxel.map((value, axis) => (value + 0.5) / place.shape[axis]);
    // Slices do not move during a drag.
    if (!held) state.focus = at;
    // NiiVue shows (edge - shift) / zoom: the focus is in the middle, if the image is large enough.
    const shift = state.focus.map((value, axis) => {
      const middle = place.origin[axis] + ((place.shape[axis] - 1) / 2) * place.spacing[axis];
      const reach = (size[axis] / 2) * (1 - 1 / state.zoom);
      return middle - state.zoom * Math.min(Math.max(value, middle - reach), middle + reach);
    });
    nv.scene.pan2Dxyzmm = [...shift, state.zoom];
  }

  function draw() {
    if (!nv.volumes.length) return;
    placeCross();
    nv.drawScene();
    paint();
  }

  /** Contours, crosshair and letters over the slices; then the read-out. */
  function paint() {
    const ratio = nv.uiData.dpr;
    [marks.width, marks.height] = [slices.width, slices.height];
    const pen = marks.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    const drawn = nv.screenSlices.filter((slice) => slice.axCorSag < RENDERING.slice);
    state.slices = drawn.map((slice) => drawnSlice(slice, ratio));
    for (const slice of state.slices) {
      pen.save();
      pen.beginPath();
      pen.rect(slice.left, slice.top, slice.width, slice.height);
      pen.clip();
      for (const layer of layers) {
        if (layer.kind === "outline" && layer.visible) {
          const inside = new Set(layer.inside);
          stroke(pen, slice, layer, (raw) => (inside.has(raw) ? 1 : 0), 0.5, layer, layer.opacity);
        }
        if (layer.contourVisible) {
          const value = (raw) => layer.intercept + layer.slope * raw;
          stroke(pen, slice, layer, value, layer.contour.level, layer.contour, 1);
        }
      }
      cross(pen, slice);
      pen.restore();
      letters(pen, slice);
    }
    showReadOut();
  }

  function stroke(pen, slice, layer, value, level, look, opacity) {
    const { across, up, through } = slice.plane;
    const steps = [1, place.shape[0], place.shape[0] * place.shape[1]];
    const table = Float64Array.from({ length: 256 }, (_, raw) => value(raw));
    const [columns, rows] = [place.shape[across], place.shape[up]];
    const start = state.voxel[through] * steps[through];
    const at = (column, row) => {
      const beyond = column < 0 || row < 0 || column >= columns || row >= rows;
      return beyond ? -Infinity : table[layer.voxels[start + column * steps[across] + row * steps[up]]];
    };
    const screen = (column, row) => slice.toScreen(
      place.origin[across] + column * place.spacing[across], place.origin[up] + row * place.spacing[up]);
    const lines = new Path2D();
    for (const line of contours(columns, rows, at, level)) {
      const path = new Path2D();
      line.forEach(([column, row], place) => (place ? path.lineTo(...screen(column, row)) : path.moveTo(...screen(column, row))));
      path.closePath();
      lines.addPath(path);
    }
    pen.globalAlpha = opacity;
    drawLine(pen, lines, look.colour, look.dashes, 1.6);
    pen.globalAlpha = 1;
  }

  function cross(pen, slice) {
    const at = toMm(state.voxel);
    const [x, y] = slice.toScreen(at[slice.plane.across], at[slice.plane.up]);
    const gap = 7;
    pen.strokeStyle = CROSS;
    pen.globalAlpha = 0.75;
    pen.lineWidth = 1;
    pen.beginPath();
    pen.moveTo(slice.left, y);
    pen.lineTo(x - gap, y);
    pen.moveTo(x + gap, y);
    pen.lineTo(slice.left + slice.width, y);
    pen.moveTo(x, slice.top);
    pen.lineTo(x, y - gap);
    pen.moveTo(x, y + gap);
    pen.lineTo(x, slice.top + slice.height);
    pen.stroke();
    pen.globalAlpha = 1;
  }

  function letters(pen, slice) {
    const { left, top, width, height, plane } = slice;
    const write = (text, x, y, align, baseline, font) => {
      Object.assign(pen, { font, textAlign: align, textBaseline: baseline, lineWidth: 3, fillStyle: "#fff" });
      pen.strokeStyle = "#000";
      pen.strokeText(text, x, y);
      pen.fillText(text, x, y);
    };
    const bold = "bold 17px sans-serif";
    write(slice.letters[0], left + 6, top + height / 2, "left", "middle", bold);
    write(slice.letters[1], left + width - 6, top + height / 2, "right", "middle", bold);
    write(plane.ends[1], left + width / 2, top + 6, "center", "top", bold);
    write(plane.ends[0], left + width / 2, top + height - 5, "center", "bottom", bold);
    const at = toMm(state.voxel)[plane.through];
    write(`${plane.name}, ${"xyz"[plane.through]} = ${millimetres(at)} mm`, left + 6, top + 6, "left", "top",
      "12px sans-serif");
  }

  // ------------------------------------------------------------------------------------------------------ read-out

  function sourceVoxel() {
    const at = toMm(state.voxel);
    return place.voxelFromMm.map((row) => Math.round(row[0] * at[0] + row[1] * at[1] + row[2] * at[2] + row[3]));
  }

  /** The value of a layer under the crosshair; undefined before it is loaded. */
  function valueOf(layer) {
    if (!layer.voxels) return undefined;
    const [i, j, k] = state.voxel;
    const raw = layer.voxels[i + place.shape[0] * (j + place.shape[1] * k)];
    if (layer.kind === "outline") return layer.inside.includes(raw);
    return layer.intercept + layer.slope * raw;
  }

  function valueText(layer) {
    const value = valueOf(layer);
    if (layer.kind === "outline") return value ? "inside" : "outside";
    if (layer.labels) return (layer.labels.find((label) => label.value === value) || { name: "none" }).name;
    if (layer.kind === "map") return value.toFixed(3).replace("-", "−");
    return plain(value);
  }

  function showReadOut() {
    const at = toMm(state.voxel);
    const shown = layers.filter((layer) =>
      layer.voxels && (layer.id === state.background || layer.visible || layer.contourVisible));
    const rows = [
      ["x, y, z (world mm)", at.map(millimetres).join(", ")],
      [`voxel of ${place.gridName}`, sourceVoxel().join(", ")],
      ...shown.map((layer) => [layer.kind === "map" ? `${colours[layer.colours].symbol}, ${layer.name}` : layer.name,
        valueText(layer)]),
    ];
    readOut.replaceChildren(make("table", {}, make("tbody", {}, ...rows.map(([name, value]) =>
      make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, value))))));
    sliders.forEach(({ input }, axis) => {
      input.value = state.voxel[axis];
      input.setAttribute("aria-valuetext", `${millimetres(at[axis])} mm`);
    });
    convention.textContent = state.radiological
      ? "Radiological: in axial and coronal slices the patient's right (R) is on the left of the picture."
      : "Neurological: in axial and coronal slices the patient's left (L) is on the left of the picture.";
  }

  // -------------------------------------------------------------------------------------------- interaction

  function move(voxel) {
    state.voxel = voxel.map((value, axis) => Math.min(Math.max(value, 0), place.shape[axis] - 1));
    draw();
  }

  function show(id, on) {
    return later(() => (byId.get(id).visible = on));
  }

  function setOpacity(id, opacity) {
    const layer = byId.get(id);
    layer.opacity = opacity;
    // A slider may change more often than slices can be drawn.
    if (!layer.asked) {
      layer.asked = true;
      later(() => (layer.asked = false));
    }
  }

  function showContour(id, on) {
    return later(() => (byId.get(id).contourVisible = on));
  }

  function point(event) {
    const box = marks.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const slice = state.slices.find((candidate) => candidate.holds(x, y));
    return { x, y, slice };
  }

  marks.addEventListener("pointerdown", (event) => {
    const { x, y, slice } = point(event);
    held = slice ? { slice: slice.plane } : { x, y };
    if (slice) aim(slice, x, y);
    marks.setPointerCapture(event.pointerId);
  });
  marks.addEventListener("pointermove", (event) => {
    if (!held) return;
    const { x, y, slice } = point(event);
    if (held.slice) {
      if (slice && slice.plane === held.slice) aim(slice, x, y);
    } else if (state.rendered) {
      nv.setRenderAzimuthElevation(nv.scene.renderAzimuth + x - held.x, nv.scene.renderElevation + y - held.y);
      held = { x, y };
      paint();
    }
  });
  for (const end of ["pointerup", "pointercancel"]) {
    marks.addEventListener(end, () => {
      held = null;
      draw();
    });
  }

  function aim(slice, x, y) {
    const { across, up } = slice.plane;
    const at = toMm(state.voxel);
    [at[across], at[up]] = slice.toMm(x, y);
    state.plane = slice.plane;
    move(nearest(at));
  }

  function step(axis, by) {
    move(state.voxel.map((value, other) => (other === axis ? value + by : value)));
  }

  marks.addEventListener("wheel", (event) => {
    // Allow scrolling past the viewer.
    if (document.activeElement !== marks) return;
    event.preventDefault();
    const { slice } = point(event);
    if (slice) step(slice.plane.through, event.deltaY < 0 ? 1 : -1);
  }, { passive: false });

  marks.addEventListener("keydown", (event) => {
    const { across, up, through } = state.plane;
    const slice = state.slices.find((candidate) => candidate.plane === state.plane);
    const right = slice.letters[1] === SIDES[across][1] ? 1 : -1;
    const keys = {
      ArrowRight: [across, right], ArrowLeft: [across, -right], ArrowUp: [up, 1], ArrowDown: [up, -1],
      PageUp: [through, 1], PageDown: [through, -1],
    };
    if (event.key === "Home") move(nearest(place.centre));
    else if (keys[event.key]) step(...keys[event.key]);
    else return;
    event.preventDefault();
  });

  new ResizeObserver(() => {
    layOut();
    nv.resizeListener();
    draw();
  }).observe(view);

  // Interface for tests.
  window.gliofitViewer = {
    get ready() { return state.pending === 0; },
    get crosshair() { return toMm(state.voxel); },
    get voxel() { return sourceVoxel(); },
    get radiological() { return state.radiological; },
    get background() { return state.background; },
    get layers() {
      return layers.map((layer) => ({
        id: layer.id, name: layer.name, group: layer.group, kind: layer.kind, visible: Boolean(layer.visible),
        opacity: layer.opacity, contour: Boolean(layer.contourVisible), loaded: Boolean(layer.voxels),
        value: layer.kind === "missing" ? undefined : valueOf(layer),
      }));
    },
    get slices() {
      return state.slices.map(({ plane, left, top, width, height, letters: sides }) =>
        ({ plane: plane.name, left, top, width, height, letters: sides }));
    },
    moveTo: (mm) => move(nearest(mm)),
    screenOf: (name, mm) => {
      const slice = state.slices.find((candidate) => candidate.plane.name === name);
      return slice.toScreen(mm[slice.plane.across], mm[slice.plane.up]);
    },
  };
  await later(() => {});
  state.pending -= 1;
}

start().catch((error) => console.error(error));
