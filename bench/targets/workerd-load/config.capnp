# What isolet is measured beside: a Worker that answers every request with a Worker loaded for it alone.
# The port is on the command line (--socket-addr).
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [(name = "main", worker = .main)],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);

const main :Workerd.Worker = (
  modules = [(name = "worker.js", esModule = embed "worker.js")],
  bindings = [(name = "LOADER", workerLoader = ())],
  compatibilityDate = "2026-11-01",
);
