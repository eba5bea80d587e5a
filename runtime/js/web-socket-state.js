// The states of WebSockets: what both ends of a pair do, as in workerd.
//
//   waiting ── accept() ──► accepted ── both ends have closed it, or an error
//      │                        │
//      │ in a Response          └─ messages of the other end become events
//      ▼
//   released: the client of the request takes its place, a wire (socket-wires.js)
//
// A message to the other end of a pair within the isolate waits there until that end is accepted,
// and then becomes an event in a turn of its own.

const { ArrayPrototypePush, ArrayPrototypeShift, TypeError } = isolet.primordials;

isolet.lazy([], ["socketStates"], (host) => {
  const { natives } = isolet;
  const { list } = isolet.idl;

  const WAITING = 0,
    ACCEPTED = 1,
    RELEASED = 2;
  const CONNECTION_LOST = 1006;

  /** @type {SocketStates["make"]} */
  const make = (socket, isHalfOpen) => ({
    __proto__: null,
    socket,
    phase: WAITING,
    peer: undefined,
    wire: undefined,
    // The request that accepted it.
    request: 0,
    // What the other end has sent and is not an event yet.
    inbox: list(),
    isScheduled: false,
    isHalfOpen,
    // The other end has closed it; this end has; nothing can be sent; an error was reported.
    closedIn: false,
    closedOut: false,
    aborted: false,
    failed: false,
  });

  /** @type {SocketStates["accept"]} */
  function accept(s, isHalfOpen) {
    if (s.phase === RELEASED) throw new TypeError("Can't accept() WebSocket that was already used in a response.");
    if (s.phase === ACCEPTED) return;
    s.phase = ACCEPTED;
    s.request = natives.request();
    if (isHalfOpen !== undefined) s.isHalfOpen = isHalfOpen;
    if (s.inbox.length > 0) schedule(s);
  }

  // Throws unless messages can be sent. Returns false if they are dropped.
  function mustBeAccepted(s) {
    if (s.aborted || s.phase === RELEASED) return false;
    if (s.phase === WAITING) {
      throw new TypeError(
        "You must call one of accept() or state.acceptWebSocket() on this WebSocket before sending messages.",
      );
    }
    return true;
  }

  /** @type {SocketStates["send"]} */
  function send(s, data) {
    if (s.closedOut) throw new TypeError("Can't call WebSocket send() after close().");
    if (mustBeAccepted(s)) transmit(s, { __proto__: null, data });
  }

  /** @type {SocketStates["close"]} */
  function close(s, code, reason) {
    if (s.closedOut || !mustBeAccepted(s)) return;
    s.closedOut = true;
    transmit(s, { __proto__: null, code, reason, clean: true });
  }

  function transmit(s, item) {
    if (s.wire !== undefined) isolet.socketWires.send(s.wire, item);
    else if (s.peer !== undefined) arrive(s.peer, item);
  }

  /** @type {SocketStates["arrive"]} */
  function arrive(s, item) {
    if (item.wire !== undefined && s.phase === ACCEPTED && s.inbox.length === 0) {
      // The turn is that of the message.
      deliver(s, item);
      return;
    }
    ArrayPrototypePush(s.inbox, item);
    if (s.phase === ACCEPTED) schedule(s);
  }

  function schedule(s) {
    if (s.isScheduled) return;
    s.isScheduled = true;
    isolet.soon(() => {
      s.isScheduled = false;
      natives.enterRequest(s.request);
      const hasEnded = natives.request() < 0;
      const item = ArrayPrototypeShift(s.inbox);
      if (s.inbox.length > 0) schedule(s);
      // Nothing runs for a request that has ended.
      if (item !== undefined && !hasEnded) deliver(s, item);
    });
  }

  function deliver(s, item) {
    if (item.wire !== undefined) isolet.socketWires.took(item.wire);
    if (s.closedIn) return;
    const { webSockets } = isolet;
    if (item.code === undefined) {
      webSockets.message(s, item.data);
    } else if (!item.clean) {
      webSockets.closed(s, CONNECTION_LOST, "WebSocket disconnected without sending Close frame.", false);
      s.closedIn = true;
      s.aborted = true;
    } else {
      s.closedIn = true;
      if (!s.isHalfOpen && !s.closedOut && !s.aborted) {
        s.closedOut = true;
        transmit(s, { __proto__: null, code: item.code, reason: item.reason, clean: true });
      }
      webSockets.closed(s, item.code, item.reason, true);
    }
  }

  // A listener has thrown: the WebSocket is of no use any more, and its other end sees a lost
  // connection.
  /** @type {SocketStates["fail"]} */
  function fail(s, error) {
    isolet.reportError(error);
    if (s.failed) return;
    s.failed = true;
    s.closedIn = true;
    isolet.webSockets.error(s, error);
    if (s.aborted) return;
    s.aborted = true;
    transmit(s, { __proto__: null, code: CONNECTION_LOST, reason: "", clean: false });
  }

  /** @type {SocketStates["readyState"]} */
  function readyState(s) {
    if (s.failed || (s.closedIn && s.closedOut)) return 3;
    return s.closedIn || s.closedOut ? 2 : 1;
  }

  /** @type {SocketStates["release"]} */
  function release(s) {
    if (s.phase === RELEASED) throw new TypeError("Can't return WebSocket that was already used in a response.");
    if (s.phase === ACCEPTED) throw new TypeError("Can't return WebSocket in a Response after calling accept().");
    s.phase = RELEASED;
    return s;
  }

  host.socketStates = {
    __proto__: null,
    make,
    join(first, second) {
      first.peer = second;
      second.peer = first;
    },
    accept,
    send,
    close,
    readyState,
    arrive,
    fail,
    release,
  };
});
