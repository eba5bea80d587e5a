// Binary formats: MessagePack, Protocol Buffers, archives and QR codes.
import { Packr, pack, unpack } from 'msgpackr';
import protobuf from 'protobufjs';
import { deflateSync, gunzipSync, gzipSync, strFromU8, strToU8, unzipSync, Zip, ZipDeflate, zipSync } from 'fflate';
import * as pako from 'pako';
import QRCode from 'qrcode';


const hex = (data: Uint8Array) => [...data].map((byte) => byte.toString(16).padStart(2, '0')).join('');
const text = 'the same words, '.repeat(50);
const told = (run: () => unknown) => {
  try {
    return run();
  } catch (error) {
    return `${(error as Error).constructor.name}: ${(error as Error).message}`;
  }
};
const proto = 'syntax = "proto3"; package shop; enum Size { SMALL = 0; LARGE = 1; } message Order { string id = 1; repeated int32 counts = 2; Size size = 3; map<string, double> prices = 4; int64 big = 5; oneof by { string name = 6; bytes key = 7; } }';

const pages: Record<string, () => unknown> = {
  '/msgpack': () => {
    const value = { a: [1, -2, 3.5, null, true], 'ключ': 'значение', big: 2 ** 40, at: new Date(1_700_000_000_000), bytes: new Uint8Array([1, 2]) };
    const records = new Packr({ structures: [] });
    const rows = records.unpack(records.pack([{ id: 1, name: 'a' }, { id: 2, name: 'b' }]));
    return [hex(pack(value)), unpack(pack(value)), rows, told(() => unpack(new Uint8Array([0xc1])))];
  },
  '/protobuf/parse': () => Object.keys(protobuf.parse(proto).root.lookupType('shop.Order').fields),
  '/protobuf': () =>
    told(() => {
      const Order = protobuf.parse(proto).root.lookupType('shop.Order');
      const bytes = Order.encode(Order.fromObject({ id: 'x', counts: [1, 300], size: 'LARGE', prices: { a: 1.5 }, big: 5, key: 'AQI=' })).finish();
      return [hex(bytes), Order.toObject(Order.decode(bytes), { enums: String, bytes: String, longs: Number })];
    }),
  '/protobuf/writer': () => {
    const bytes = protobuf.Writer.create().uint32(8).int32(-1).uint32(18).string('é').finish();
    const reader = protobuf.Reader.create(bytes);
    return [hex(bytes), reader.uint32(), reader.int32(), reader.uint32(), reader.string()];
  },
  '/fflate': () => {
    const zip = zipSync({ 'a.txt': strToU8(text), 'b/c.txt': [strToU8('stored'), { level: 0 }] }, { mtime: new Date(2020, 1, 1) });
    const made: number[] = [];
    const stream = new Zip((_, chunk) => made.push(chunk.length));
    const file = new ZipDeflate('x', { mtime: new Date(2020, 1, 1) });
    stream.add(file);
    file.push(strToU8(text), true);
    stream.end();
    return [strFromU8(gunzipSync(gzipSync(strToU8(text)))) === text, Object.keys(unzipSync(zip)), zip.length, made.length, hex(deflateSync(strToU8('abc')))];
  },
  '/pako': async () => {
    const packed = pako.gzip(text);
    const native = await new Response(new Blob([packed as BlobPart]).stream().pipeThrough(new DecompressionStream('gzip'))).text();
    return [native === text, (pako.ungzip as any)(packed, { to: 'string' }) === text, told(() => pako.inflate(new Uint8Array([1, 2, 3])))];
  },
  '/qrcode': async () => [await QRCode.toString('https://a.example', { type: 'svg' }), (await QRCode.toString('x', { type: 'utf8' })).length, QRCode.create('a', {}).modules.size],
};

export default { fetch: async (request: Request) => Response.json((await pages[new URL(request.url).pathname]?.()) ?? null) };
