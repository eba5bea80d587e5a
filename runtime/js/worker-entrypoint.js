// WorkerEntrypoint, the base class of Workers that are classes. `cloudflare:workers` exports it.

isolet.lazy([], ["WorkerEntrypoint"], (host) => {
  class WorkerEntrypoint {
    constructor(ctx, env) {
      this.ctx = ctx;
      this.env = env;
    }
  }

  host.WorkerEntrypoint = WorkerEntrypoint;
});
