// Data embedded in the page as compressed text.

const NIFTI_HEADER = 352;

/** Bytes of a script element that holds gzip in base64, as an ArrayBuffer. */
async function unpack(id) {
  const packed = Uint8Array.from(atob(document.getElementById(id).textContent), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

/** Load NiiVue as `window.niivue`. */
async function loadLibrary() {
  const program = document.createElement("script");
  program.textContent = new TextDecoder().decode(await unpack("viewer-library"));
  document.head.append(program);
  return window.niivue;
}

const unpacked = new Map();

/** A volume of the page: the NIfTI file, and its voxels, x fastest. Unpacked once only. */
function loadVolume(id) {
  if (!unpacked.has(id)) {
    unpacked.set(id, unpack(id).then((file) => ({ file, voxels: new Uint8Array(file, NIFTI_HEADER) })));
  }
  return unpacked.get(id);
}

/**
 * The NIfTI file of a volume in colours, which NiiVue shows as they are.
 *
 * @param shade function from a raw value to [red, green, blue, opacity], 0 to 255
 */
function coloured(file, voxels, shade) {
  const table = new Uint32Array(Uint8Array.from({ length: 1024 }, (_, place) => shade(place >> 2)[place & 3]).buffer);
  const found = new ArrayBuffer(NIFTI_HEADER + 4 * voxels.length);
  new Uint8Array(found).set(new Uint8Array(file, 0, NIFTI_HEADER));
  const header = new DataView(found);
  // datatype RGBA32 and its bits per voxel; values are not scaled.
  header.setInt16(70, 2304, true);
  header.setInt16(72, 32, true);
  header.setFloat32(112, 1, true);
  header.setFloat32(116, 0, true);
  const colours = new Uint32Array(found, NIFTI_HEADER);
  for (let voxel = 0; voxel < voxels.length; voxel++) colours[voxel] = table[voxels[voxel]];
  return found;
}
