// The tables that Rust and the JavaScript in js/ share. `js_interface`, `shared_enums` and build.rs
// include this file, each with macros of its own: Rust makes external references and enums of the
// tables, build.rs makes the snapshot of them.

// The host functions: the name on `isolet.natives`, and the Rust function. A snapshot refers to
// them by their order.
natives! {
    "call" => calls::call,
    "server" => calls::server,
    "names" => calls::names,
    "lists" => calls::lists,
    "unknown" => calls::unknown,
    "unawaited" => calls::unawaited,
    "finish" => outcome::finish,
    "fail" => outcome::fail,
    "respond" => worker::respond,
    "failFetch" => worker::fail_fetch,
    "sendBody" => worker::send_body,
    "endBody" => worker::end_body,
    "confirmBody" => worker::confirm_body,
    "refuseBody" => worker::refuse_body,
    "respondedTo" => worker::responded_to,
    "endRequest" => worker::end_request,
    "acceptSocket" => sockets::accept_socket,
    "sendSocket" => sockets::send_socket,
    "tookMessage" => sockets::took_message,
    "closeSocket" => sockets::close_socket,
    "fetch" => fetches::fetch,
    "sendFetchBody" => fetches::send_fetch_body,
    "endFetchBody" => fetches::end_fetch_body,
    "beginLoad" => loaders::begin_load,
    "sendCode" => loaders::send_code,
    "failCode" => loaders::fail_code,
    "unload" => loaders::unload,
    "confirmFetch" => fetches::confirm_fetch,
    "endFetch" => fetches::end_fetch,
    "refuseAtStart" => worker::refuse_at_start,
    "callMethod" => rpc::call_method,
    "returnValue" => rpc::return_value,
    "releaseCall" => rpc::release_call,
    "releaseStub" => rpc::release_stub,
    "holdRequest" => rpc::hold_request,
    "placeholder" => values::placeholder,
    "writeValue" => values::write_value,
    "readValue" => values::read_value,
    "request" => worker::request,
    "enterRequest" => worker::enter_request,
    "log" => logs::log,
    "warn" => logs::warn,
    "now" => clock::now,
    "wake" => clock::wake,
    "kind" => kind::kind,
    "parseUrl" => url::parse_url,
    "setUrl" => url::set_url,
    "parseUrlPattern" => url_pattern::parse_url_pattern,
    "matchUrlPattern" => url_pattern::match_url_pattern,
    "formEncode" => url::form_encode,
    "formDecode" => url::form_decode,
    "encodingName" => text::encoding_name,
    "decode" => text::decode,
    "decodeUtf8" => text::decode_utf8,
    "utf8Length" => text::utf8_length,
    "utf8Bytes" => text::utf8_bytes,
    "encodeUtf8" => text::encode_utf8,
    "encodeBase64" => text::encode_base64,
    "encodeBase64Text" => text::encode_base64_text,
    "decodeBase64" => text::decode_base64,
    "random" => crypto::random,
    "seed" => crypto::seed,
    "randomUuid" => crypto::random_uuid,
    "digest" => crypto::digest,
    "hmac" => crypto::hmac,
    "pbkdf2" => crypto::pbkdf2,
    "hkdf" => crypto::hkdf,
    "scrypt" => crypto::scrypt,
    "cipher" => crypto::cipher,
    "generateKey" => crypto::generate_key,
    "readKey" => crypto::read_key,
    "sign" => crypto::sign,
    "verify" => crypto::verify,
    "oaep" => crypto::oaep,
    "agree" => crypto::agree,
    "codecOpen" => codecs::codec_open,
    "codecWrite" => codecs::codec_write,
    "codecEnd" => codecs::codec_end,
    "codecRead" => codecs::codec_read,
    "codecClose" => codecs::codec_close,
    "checkSelector" => html::check_selector,
    "openHtml" => html::open_html,
    "findHtml" => html::find_html,
    "applyHtml" => html::apply_html,
    "takeHtml" => html::take_html,
    "closeHtml" => html::close_html,
    "nodeModule" => node::node_module,
    "promiseDetails" => node::promise_details,
    "previewEntries" => node::preview_entries,
    "asyncFrame" => worker::async_frame,
    "setAsyncFrame" => worker::set_async_frame,
}

// The functions on `isolet` that Rust calls. A context has them in this order.
entry_functions! {
    /// Sets the variables, the input, whether unknown names throw, and the longest JSON text.
    prepare,
    /// Runs the script.
    start,
    /// Settles a call with its answer.
    deliver,
    /// Runs one timer.
    tick,
    /// Reports an exception that no script code can catch.
    uncaught,
    /// Gives a Worker the globals that scripts do not have, before its modules are evaluated.
    open,
    /// Takes the main module of a Worker.
    worker,
    /// Draws a new seed in a copy of an evaluated Worker.
    reseed,
    /// Gives a request to the Worker.
    fetch,
    /// Gives the time of a cron trigger to the Worker.
    scheduled,
    /// Tells the Worker's code what happened to a request after its arrival.
    progress,
    /// Tells the Worker's code what happened to one of its fetches.
    fetched,
    /// Tells the Worker's code what happened to a WebSocket.
    socket,
    /// Gives a call of another Worker to the Worker.
    called,
    /// Tells the Worker's code what happened to a call or an object.
    notified,
    /// Returns an export of a built-in module.
    exported,
    /// Begins or ends the evaluation of libraries.
    libraries,
    /// Finishes a new context.
    settle,
}

// Enumerations whose numbers both sides use. In JavaScript `ValueKind.Array` is replaced by its
// number when the snapshot is made.
shared_enums! {
    /// The events of a Worker's request after its arrival: a piece of its body, the end of the body
    /// or its failure, bytes of the response that were read, the client's departure and the moment
    /// after it, and the end of the time for waitUntil.
    RequestEvent { Chunk, BodyEnd, BodyError, Credit, Cancel, Gone, Expire }

    /// The events of a WebSocket: a message of text or bytes, pieces that the other end has taken,
    /// its close, and the loss of the connection.
    SocketEvent { Text, Bytes, Credit, Closed, Lost }

    /// The events of a fetch through a binding: the head of its answer, a piece of the answer's
    /// body, the end of that, its failure, bytes of its own body that were read, and that the rest
    /// of that is not read.
    FetchEvent { Response, Chunk, End, Failed, Credit, Refused }

    /// The receivers of calls between Workers: in a call that the Worker makes, and in one that it
    /// gets.
    RpcCallee { Target, Stub, Result }
    RpcReceiver { Entrypoint, Object, Result }

    /// The events of calls between Workers: the three ends of a call, and that nobody needs the
    /// result of one, or an object, any more.
    RpcEvent { Returned, Threw, Failed, ResultReleased, ObjectReleased }

    /// The kind of a module of a loaded Worker.
    CodeKind { EsModule, CommonJs, Text, Data, Json, Wasm }

    /// The kind of a value, by its internal slots.
    ValueKind {
        Primitive, Object, Array, Proxy, Function, Error, Map, Set, Date, RegExp, Promise, ArrayBuffer, TypedArray, DataView,
        Boxed, BoxedBigInt, BoxedSymbol, Weak, Iterator, Namespace, Shared,
    }

    /// The components of a URL that can be set, beside `href`.
    UrlPart { Protocol, Username, Password, Host, Hostname, Port, Pathname, Search, Hash }

    /// The positions in a URL that `natives.parseUrl` gives. Between `ProtocolEnd` and `HostStart`
    /// are the slashes and the credentials, between `PortEnd` and `PathStart` is nothing or `/.`.
    UrlPosition { ProtocolEnd, HostStart, HostEnd, PortEnd, PathStart, PathEnd, QueryEnd }

    /// The hash functions of `crypto.subtle`, then those that `node:crypto` has beside them.
    HashFunction { Md5, Sha1, Sha256, Sha384, Sha512, Sha224, Sha512Trunc256, Ripemd160 }

    /// The modes of AES.
    CipherMode { Gcm, Cbc, Ctr, Kw }

    /// The kinds of keys that have a public part.
    KeyKind { Rsa, P256, P384, P521, Ed25519, X25519 }

    /// The ways to sign.
    SignatureScheme { Ecdsa, Ed25519, RsaPkcs1, RsaPss }

    /// The formats of `CompressionStream`.
    CompressionFormat { Gzip, Deflate, DeflateRaw }

    /// The levels of the console's lines.
    ConsoleLevel { Debug, Log, Info, Warn, Error }

    /// The operations on a server: a tool call, and the `$` methods.
    CallKind { Call, Raw, Tools, Resources, ReadResource, Prompts, GetPrompt, Exact }

    /// The ways to enter a script. `Completion` is a list of statements whose last one's value is
    /// the result.
    EntryKind { Body, Expression, Module, Completion }

    /// The warnings that JavaScript gives.
    ScriptWarning { PromiseAsText, ResultDropped }
}
