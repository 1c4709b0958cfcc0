// Controls around the slices: choices, sliders and read-out.

/** An element with properties and children; `dataset` and `style` take objects. */
function make(tag, properties = {}, ...children) {
  const found = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "dataset" || name === "style") Object.assign(found[name], value);
    else if (name in found) found[name] = value;
    else found.setAttribute(name, value);
  }
  found.append(...children);
  return found;
}

/** A labelled slider; `changed` receives its value. */
function slider(text, properties, changed) {
  const input = make("input", { type: "range", ...properties });
  input.addEventListener("input", () => changed(Number(input.value)));
  return { input, label: make("label", { className: "viewer-slider" }, make("span", {}, text), input) };
}

/** A labelled tick box; `changed` receives its state. */
function tickBox(text, checked, changed, ...before) {
  const input = make("input", { type: "checkbox", checked });
  input.addEventListener("change", () => changed(input.checked));
  return { input, label: make("label", { className: "viewer-tick" }, input, ...before, text) };
}

/** Draw a line with a contrasting rim. */
function drawLine(pen, path, colour, dashes, width) {
  const [red, green, blue] = [1, 3, 5].map((start) => parseInt(colour.slice(start, start + 2), 16));
  const dark = 0.3 * red + 0.6 * green + 0.1 * blue < 110;
  pen.setLineDash([]);
  pen.lineJoin = "round";
  pen.lineWidth = 2.2 * width;
  pen.strokeStyle = dark ? "rgba(255, 255, 255, 0.55)" : "rgba(0, 0, 0, 0.45)";
  pen.stroke(path);
  pen.setLineDash(dashes.map((length) => width * length));
  pen.lineWidth = width;
  pen.strokeStyle = colour;
  pen.stroke(path);
  pen.setLineDash([]);
}

/** A sample of a line on grey. */
function lineSample(colour, dashes) {
  const sample = make("canvas", { className: "viewer-line", width: 52, height: 24 });
  const pen = sample.getContext("2d");
  pen.fillStyle = "#555";
  pen.fillRect(0, 0, 52, 24);
  const path = new Path2D();
  path.moveTo(4, 12);
  path.lineTo(48, 12);
  drawLine(pen, path, colour, dashes, 3.2);
  return sample;
}

/** The rows of a layer's group: tick boxes, opacity, and for maps with a contour a second tick box. */
function layerRow(layer, act) {
  if (layer.kind === "missing") {
    return make("div", { className: "viewer-layer" }, make("span", { className: "viewer-name" }, layer.name),
      make("em", {}, layer.reason));
  }
  const marks = layer.kind === "outline" ? [lineSample(layer.colour, layer.dashes)] : [];
  const shown = tickBox(layer.name, layer.visible, (on) => act.show(layer.id, on), ...marks);
  const row = make("div", { className: "viewer-layer", dataset: { layer: layer.id } });
  shown.label.classList.add("viewer-name");
  const properties = { min: 0, max: 1, step: 0.05, value: layer.opacity, ariaLabel: `opacity of ${layer.name}` };
  const opacity = slider("", properties, (value) => act.setOpacity(layer.id, value));
  row.append(shown.label, opacity.label);
  if (layer.contour) {
    const sample = lineSample(layer.contour.colour, layer.contour.dashes);
    const line = tickBox("", false, (on) => act.showContour(layer.id, on), sample);
    line.input.ariaLabel = `contour of ${layer.name} at ${layer.contour.level}`;
    line.label.title = `contour at ${layer.contour.level}`;
    line.label.classList.add("viewer-contour");
    row.append(line.label);
  }
  if (layer.labels) {
    const keys = layer.labels.map(({ name, colour }) =>
      make("span", { className: "viewer-key" }, make("i", { style: { background: colour } }), name));
    row.append(make("div", { className: "viewer-keys" }, ...keys));
  }
  return row;
}

/** All layers except backgrounds, by group. */
function layerList(layers, act) {
  const list = make("div", { className: "viewer-layers" });
  const groups = new Map();
  for (const layer of layers) {
    if (layer.kind === "image") continue;
    if (!groups.has(layer.group)) {
      const group = make("fieldset", {}, make("legend", {}, layer.group));
      const level = layer.contour && layer.contour.level;
      if (level) {
        const heads = ["in colour", "opacity", `line at ${level}`].map((text) => make("span", {}, text));
        group.append(make("div", { className: "viewer-heads" }, ...heads));
      }
      groups.set(layer.group, group);
      list.append(group);
    }
    groups.get(layer.group).append(layerRow(layer, act));
  }
  return list;
}

/** Red, green and blue of a value. */
function shadeOf({ range, R, G, B }, value) {
  const share = Math.min(Math.max((value - range[0]) / (range[1] - range[0]), 0), 1);
  const place = share * (R.length - 1);
  const [low, high] = [Math.floor(place), Math.ceil(place)];
  return [R, G, B].map((column) => Math.round(column[low] + (place - low) * (column[high] - column[low])));
}

/** A colour bar with its ends. */
function colourBar(colours) {
  const bar = make("canvas", { width: 256, height: 1, className: "viewer-bar" });
  const pen = bar.getContext("2d");
  const pixels = pen.createImageData(256, 1);
  const [low, high] = colours.range;
  for (let step = 0; step < 256; step++) {
    pixels.data.set([...shadeOf(colours, low + ((high - low) * step) / 255), 255], 4 * step);
  }
  pen.putImageData(pixels, 0, 0);
  const ends = [low, (low + high) / 2, high].map((value) => make("span", {}, plain(value)));
  return make("div", { className: "viewer-scale" }, colours.title, bar, make("div", {}, ...ends));
}

/** A number with three digits and a minus sign. */
function plain(value) {
  const text = Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
  return text.replace("-", "−");
}

/** Millimetres with one digit. */
function millimetres(value) {
  return value.toFixed(1).replace("-", "−");
}
