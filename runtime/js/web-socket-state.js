// The states of WebSockets: what both ends of a pair do, as in workerd.
//
//   connecting ── open ──┐ of new WebSocket(url)
//                        ▼
//   waiting ── accept() ──► accepted ── both ends have closed it, or an error
//      │                        │
//      │ in a Response          └─ messages of the other end become events
//      ▼
//   released: the client of the request takes its place, a wire (socket-wires.js)
//
// One that a fetch was answered with has an offer while it waits, and then a wire in place of a
// peer.
//
// A message to the other end of a pair within the isolate waits there until that end is accepted,
// and then becomes an event in a turn of its own.

const { ArrayPrototypePush, ArrayPrototypeShift, TypeError } = isolet.primordials;

isolet.lazy([], ["socketStates"], (host) => {
  const { natives } = isolet;
  const { list } = isolet.idl;

  const WAITING = 0,
    ACCEPTED = 1,
    RELEASED = 2,
    CONNECTING = 3;
  const CONNECTION_LOST = 1006;

  /** @type {SocketStates["make"]} */
  const make = (socket, isHalfOpen) => ({
    __proto__: null,
    socket,
    phase: WAITING,
    peer: undefined,
    wire: undefined,
    offer: undefined,
    // Gives up the connection that is being made.
    cancel: undefined,
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
    if (s.phase === CONNECTING)
      throw new TypeError("Websockets obtained from the 'new WebSocket()' constructor cannot call accept");
    if (s.phase === RELEASED) throw new TypeError("Can't accept() WebSocket that was already used in a response.");
    if (s.phase === ACCEPTED) return;
    s.phase = ACCEPTED;
    s.request = natives.request();
    if (isHalfOpen !== undefined) s.isHalfOpen = isHalfOpen;
    if (s.offer !== undefined) isolet.fetchers.accept(s.offer, s);
    if (s.inbox.length > 0) schedule(s);
  }

  // Throws unless messages can be sent. Returns false if they are dropped.
  function mustBeAccepted(s) {
    if (s.aborted || s.phase === RELEASED) return false;
    if (s.phase !== ACCEPTED) {
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
    if (s.phase === CONNECTING) {
      s.phase = RELEASED;
      s.cancel?.();
      return;
    }
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
    if (s.closedIn || s.closedOut) return 2;
    return s.phase === CONNECTING ? 0 : 1;
  }

  /** @type {SocketStates["connecting"]} */
  function connecting(socket, isHalfOpen, cancel) {
    const s = make(socket, isHalfOpen);
    s.phase = CONNECTING;
    s.cancel = cancel;
    return s;
  }

  /** @type {SocketStates["connected"]} */
  function connected(s, offer) {
    s.phase = WAITING;
    s.offer = offer;
    accept(s, undefined);
    isolet.webSockets.opened(s);
  }

  /** @type {SocketStates["refused"]} */
  function refused(s, error) {
    s.phase = RELEASED;
    s.closedIn = true;
    s.failed = true;
    s.aborted = true;
    isolet.webSockets.error(s, error);
    isolet.webSockets.closed(s, CONNECTION_LOST, "Failed to establish websocket connection", false);
  }

  /** @type {SocketStates["release"]} */
  function release(s) {
    if (s.phase === CONNECTING)
      throw new TypeError("Can't return WebSocket in a Response if it was created with `new WebSocket()`");
    if (s.phase === RELEASED) throw new TypeError("Can't return WebSocket that was already used in a response.");
    if (s.phase === ACCEPTED) throw new TypeError("Can't return WebSocket in a Response after calling accept().");
    s.phase = RELEASED;
    return s;
  }

  host.socketStates = {
    __proto__: null,
    make,
    connecting,
    connected,
    refused,
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
