// WebAssembly of a package, as a module: SVG to PNG.
import { initWasm, Resvg } from '@resvg/resvg-wasm';
import wasm from '@resvg/resvg-wasm/index_bg.wasm';

let ready: Promise<void> | undefined;
const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="10"><rect width="20" height="10" fill="#c00"/><circle cx="5" cy="5" r="4" fill="white"/></svg>';

export default {
  async fetch(request: Request) {
    ready ??= initWasm(wasm as WebAssembly.Module);
    await ready;
    const width = Number(new URL(request.url).searchParams.get('width') ?? 20);
    const image = new Resvg(svg, { fitTo: { mode: 'width', value: width } }).render();
    const png = image.asPng();
    const digest = await crypto.subtle.digest('SHA-256', image.pixels as BufferSource);
    const hex = [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    return Response.json([image.width, image.height, [...png.slice(1, 4)], image.pixels.length, hex]);
  },
};
