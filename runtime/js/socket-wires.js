// The network behind a WebSocket: the client of a request has the place of one end of a pair, or
// the server that a fetch has reached is the other end.
//
// Messages go in pieces, within a window in each direction. isolet's own process has the
// connection: it answers pings, joins fragments and checks text.

const { ArrayPrototypePush, ArrayPrototypeShift, Number, StringPrototypeIndexOf, StringPrototypeSlice } =
  isolet.primordials;
const { TypedArrayPrototypeGetByteLength, Uint8Array } = isolet.primordials;

isolet.lazy([], ["socketWires"], (host) => {
  const { natives } = isolet;
  const { list, tail } = isolet.idl;

  // The same numbers as SOCKET_WINDOW_BYTES, PIECE_OVERHEAD_BYTES and MAX_PIECE_BYTES in
  // src/worker/protocol.rs.
  const WINDOW = 65536;
  const OVERHEAD = 64;
  const MAX_PIECE = 16384;
  // A message is not cut into smaller pieces than this, except for its last one.
  const MIN_PIECE = 1024;
  const CONNECTION_LOST = 1006;

  // Those that have not ended, by key: the number of the request, or that of the fetch below zero.
  const wires = { __proto__: null };

  /** @type {SocketWires["couple"]} */
  function couple(released, id, done) {
    const queue = released.inbox;
    released.inbox = list();
    return open(/** @type {SocketState} */ (released.peer), id, queue, done);
  }

  /** @type {SocketWires["connect"]} */
  function connect(state, call, done) {
    natives.acceptSocket(call);
    return open(state, -call, list(), done);
  }

  /** @param {SocketState} state @param {number} key */
  function open(state, key, queue, done) {
    /** @type {SocketWire} */
    const wire = {
      __proto__: null,
      key,
      state,
      // The cost of the pieces that may be sent now.
      window: WINDOW,
      // What is to be sent, and the rest of the first message, once a part of it was sent.
      queue,
      rest: undefined,
      isPumping: false,
      // Each end has closed it; the connection is lost.
      closedIn: false,
      closedOut: false,
      lost: false,
      done,
    };
    wires[key] = wire;
    state.wire = wire;
    pump(wire);
    return wire;
  }

  /** @type {SocketWires["send"]} */
  function send(wire, item) {
    if (wire.lost) return;
    ArrayPrototypePush(wire.queue, item);
    pump(wire);
  }

  // Sends what may be sent.
  function pump(wire) {
    while (wire.queue.length > 0 && !wire.lost) {
      const item = wire.queue[0];
      if (item.code !== undefined) {
        wire.queue = list();
        natives.closeSocket(wire.key, item.clean ? item.code : CONNECTION_LOST, item.reason ?? "");
        if (item.clean) wire.closedOut = true;
        else wire.lost = true;
        settle(wire);
      } else if (sendMessage(wire, item.data)) {
        ArrayPrototypeShift(wire.queue);
      } else {
        return;
      }
    }
  }

  // Returns true once all of a message was sent.
  function sendMessage(wire, data) {
    const isText = typeof data === "string";
    if (isText && wire.rest === undefined && data.length <= MAX_PIECE) {
      const length = natives.utf8Length(data);
      if (length <= MAX_PIECE) {
        if (length + OVERHEAD > wire.window) return false;
        wire.window -= length + OVERHEAD;
        natives.sendSocket(wire.key, data, 0, true, true);
        return true;
      }
    }
    let rest = wire.rest ?? (isText ? isolet.utf8.encode(data) : new Uint8Array(data));
    for (;;) {
      const length = TypedArrayPrototypeGetByteLength(rest);
      const room = wire.window - OVERHEAD;
      const most = room < MAX_PIECE ? room : MAX_PIECE;
      const part = length < most ? length : most;
      if (room < 0 || (part < length && part < MIN_PIECE)) {
        wire.rest = rest;
        return false;
      }
      wire.window -= part + OVERHEAD;
      natives.sendSocket(wire.key, rest, part, isText, part === length);
      if (part === length) {
        wire.rest = undefined;
        return true;
      }
      rest = tail(rest, part);
    }
  }

  // The end of the WebSocket, once both ends have closed it or it is lost.
  function settle(wire) {
    if (wire.lost || (wire.closedIn && wire.closedOut)) wire.done();
  }

  const { arrive } = isolet.socketStates;
  const message = (wire, data) => arrive(wire.state, { __proto__: null, data, wire });
  const events = {
    __proto__: null,
    [SocketEvent.Text]: message,
    [SocketEvent.Bytes]: message,
    [SocketEvent.Credit](wire, bytes) {
      wire.window += bytes;
      pump(wire);
    },
    [SocketEvent.Closed](wire, text) {
      const at = StringPrototypeIndexOf(text, " ");
      const code = Number(StringPrototypeSlice(text, 0, at));
      const reason = StringPrototypeSlice(text, at + 1);
      wire.closedIn = true;
      arrive(wire.state, { __proto__: null, code, reason, clean: true, wire });
      settle(wire);
    },
    [SocketEvent.Lost](wire) {
      const wasClosed = wire.closedIn;
      wire.lost = true;
      wire.queue = list();
      if (!wasClosed) arrive(wire.state, { __proto__: null, code: CONNECTION_LOST, reason: "", clean: false, wire });
      wire.state.aborted = true;
      settle(wire);
    },
  };

  host.socketWires = {
    __proto__: null,
    couple,
    connect,
    send,
    took: (wire) => natives.tookMessage(wire.key),
    event(kind, key, value) {
      const wire = wires[key];
      if (wire !== undefined && !wire.lost) events[kind](wire, value);
    },
    end(wire) {
      delete wires[wire.key];
      wire.lost = true;
      wire.queue = list();
      wire.state.aborted = true;
    },
  };
});
