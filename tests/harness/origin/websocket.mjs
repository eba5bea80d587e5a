// The WebSockets of the servers in origin.mjs, frame by frame, so that they can break the protocol.

import { createHash } from "node:crypto";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const TEXT = 1;
const CLOSE = 8;
const PING = 9;

function frame(opcode, payload, isFinal = true) {
  const { length } = payload;
  const head = Buffer.alloc(length < 126 ? 2 : length < 65536 ? 4 : 10);
  head[0] = (isFinal ? 0x80 : 0) | opcode;
  if (length < 126) head[1] = length;
  else if (length < 65536) {
    head[1] = 126;
    head.writeUInt16BE(length, 2);
  } else {
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(length), 2);
  }
  return Buffer.concat([head, payload]);
}

function closeFrame(code, reason = "") {
  const payload = Buffer.alloc(2);
  payload.writeUInt16BE(code);
  return frame(CLOSE, Buffer.concat([payload, Buffer.from(reason)]));
}

// Takes the first frame out of bytes, or returns undefined.
function take(bytes) {
  if (bytes.length < 2) return undefined;
  const isMasked = (bytes[1] & 0x80) !== 0;
  let length = bytes[1] & 0x7f;
  let at = 2;
  if (length === 126) {
    if (bytes.length < 4) return undefined;
    length = bytes.readUInt16BE(2);
    at = 4;
  } else if (length === 127) {
    if (bytes.length < 10) return undefined;
    length = Number(bytes.readBigUInt64BE(2));
    at = 10;
  }
  const mask = isMasked ? bytes.subarray(at, at + 4) : Buffer.alloc(4);
  if (isMasked) at += 4;
  if (bytes.length < at + length) return undefined;
  const payload = Buffer.from(bytes.subarray(at, at + length)).map((byte, index) => byte ^ mask[index % 4]);
  return { opcode: bytes[0] & 15, isFinal: bytes[0] >> 7 === 1, isMasked, payload, rest: bytes.subarray(at + length) };
}

// Paths below /socket/: echo; cut and close (with 4000), after the first message; raw?hex=…, which
// sends these bytes; long?bytes=…, which sends a message in frames; refuse; moved; wrong, with
// another Sec-WebSocket-Accept; silent, which answers no message.
export function upgrade(request, socket, note) {
  const url = new URL(request.url, "http://localhost");
  const path = url.pathname;
  note({ socket: path, method: request.method, headers: request.headers });
  socket.on("error", () => {});
  socket.on("end", () => socket.end());
  if (path === "/socket/refuse") {
    socket.end("HTTP/1.1 403 Forbidden\r\nx-why: no\r\ncontent-length: 7\r\n\r\nrefused");
    return;
  }
  if (path === "/socket/moved") {
    socket.end("HTTP/1.1 302 Found\r\nlocation: /socket/echo\r\ncontent-length: 0\r\n\r\n");
    return;
  }
  const key = path === "/socket/wrong" ? "" : request.headers["sec-websocket-key"];
  const accept = createHash("sha1").update(`${key}${GUID}`).digest("base64");
  const offered = request.headers["sec-websocket-protocol"]?.split(",")[0];
  const protocol = offered === undefined ? "" : `sec-websocket-protocol: ${offered}\r\n`;
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nx-own: yes\r\nsec-websocket-accept: ${accept}\r\n${protocol}\r\n`,
  );
  if (path === "/socket/raw") socket.write(Buffer.from(url.searchParams.get("hex"), "hex"));
  if (path === "/socket/long") {
    let left = Number(url.searchParams.get("bytes"));
    for (let opcode = TEXT; left > 0; opcode = 0) {
      const length = Math.min(left, 60000);
      left -= length;
      socket.write(frame(opcode, Buffer.alloc(length, "x"), left === 0));
    }
  }
  let bytes = Buffer.alloc(0);
  let masked = true;
  let code = 1006;
  socket.on("data", (more) => {
    bytes = Buffer.concat([bytes, more]);
    for (let got = take(bytes); got !== undefined; got = take(bytes)) {
      bytes = got.rest;
      masked &&= got.isMasked;
      if (got.opcode === CLOSE) {
        code = got.payload.length < 2 ? 1005 : got.payload.readUInt16BE();
        socket.end(frame(CLOSE, got.payload));
      } else if (path === "/socket/cut") socket.destroy();
      else if (path === "/socket/close") socket.write(closeFrame(4000, "enough"));
      else if (got.opcode === PING) socket.write(frame(10, got.payload));
      else if (path !== "/socket/silent") socket.write(frame(got.opcode, got.payload, got.isFinal));
    }
  });
  socket.on("close", () => note({ closed: path, code, masked }));
}
