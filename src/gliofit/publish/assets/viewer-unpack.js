// What lies in the page as compressed text.

const NIFTI_HEADER = 352;

/** Bytes of a script element that holds gzip in base64, as an ArrayBuffer. */
async function unpack(id) {
  const packed = Uint8Array.from(atob(document.getElementById(id).textContent), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

/** Run NiiVue, which then is `window.niivue`. */
async function loadLibrary() {
  const program = document.createElement("script");
  program.textContent = new TextDecoder().decode(await unpack("viewer-library"));
  document.head.append(program);
  return window.niivue;
}

const unpacked = new Map();

/** A volume of the page: the NIfTI file, and its voxels, x fastest. Unpacked once. */
function loadVolume(id) {
  if (!unpacked.has(id)) {
    unpacked.set(id, unpack(id).then((file) => ({ file, voxels: new Uint8Array(file, NIFTI_HEADER) })));
  }
  return unpacked.get(id);
}
